"""Items that broke, as a comment quotes them: in fences that nothing in them ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import TypeVar

from cliffguard.core.item_results import ItemAnswer, ItemResult
from cliffguard.core.reviews import Example, Review
from cliffguard.report import numbers
from cliffguard.report.clean import one_line
from cliffguard.report.comment_text import fitted, named
from cliffguard.report.flips import largest
from cliffguard.report.items import items_path, read_items
from cliffguard.report.page import Page

T = TypeVar("T")

MOST_FLIPS = 2
"""Items of a comment."""

_PROMPT_BYTES, _ANSWER_BYTES = 260, 120
_BACKTICKS = re.compile("`+")


def quoted_items(
    review: Review, page: Page, names: Sequence[str], folder: Path | None
) -> list[str]:
    """Return items that broke, as Markdown: at most `MOST_FLIPS` of the capabilities `names`.

    Those come first that are named first, one of each before a second of any; of the same loss the
    shortest, which is read as a whole. Where none lie in `folder`, the review's examples are taken.
    Raises IntegrityError for items of another review.
    """
    if names and folder is not None and items_path(review, folder) is not None:
        broken: dict[str, list[ItemResult]] = {name: [] for name in names}
        for result in read_items(review, folder):
            group = broken.get(one_line(result.capability))
            # Without a text there is nothing to read.
            if group is not None and result.is_broken and result.prompt.text is not None:
                group.append(result)
        return [_of_item(result) for result in _in_turn(map(_most_telling, broken.values()))]
    groups = {name: group for name, group in page.examples}
    return [_of_example(each) for each in _in_turn(groups.get(name, ()) for name in names)]


def _most_telling(results: list[ItemResult]) -> list[ItemResult]:
    return largest(sorted(results, key=_n_characters), MOST_FLIPS)


def _n_characters(result: ItemResult) -> int:
    texts = (result.prompt, *result.right, result.base.answer, result.candidate.answer)
    return sum(len(text.text or "") for text in texts)


def _in_turn(groups: Iterable[Sequence[T]]) -> list[T]:
    """Return the first of each group, then the second of each, as many as are shown."""
    rounds = zip_longest(*groups)
    every = (each for row in rounds for each in row if each is not None)
    return list(islice(every, MOST_FLIPS))


def _of_item(result: ItemResult) -> str:
    def answer(side: ItemAnswer) -> tuple[str, float | None]:
        return side.answer.text or "", side.confidence

    return _flip(
        (result.capability, result.task, result.item, result.level),
        result.prompt.text or "",
        ", or ".join(right.text or "" for right in result.right),
        answer(result.base),
        answer(result.candidate),
    )


def _of_example(example: Example) -> str:
    return _flip(
        (example.capability, example.task, example.item_id, example.level),
        example.prompt,
        example.answer,
        (example.base_text, example.base_confidence),
        (example.candidate_text, example.candidate_confidence),
    )


def _flip(
    names: tuple[str, str, str, int | None],
    prompt: str,
    right: str,
    base: tuple[str, float | None],
    candidate: tuple[str, float | None],
) -> str:
    """Return an item in a fence that is longer than any run of backticks in it."""
    capability, task, item, level = names
    title = f"{named(capability)}: {named(f'{task}, {item}')}"
    lines = [f"prompt:    {fitted(prompt, _PROMPT_BYTES, str)}"]
    for label, text, confidence in (
        ("right:     ", right, None),
        ("base:      ", *base),
        ("candidate: ", *candidate),
    ):
        sure = "" if confidence is None else f" ({numbers.percent(confidence)} sure)"
        lines.append(f"{label}{fitted(text, _ANSWER_BYTES, str)}{sure}")
    body = "\n".join(lines)
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(body)), default=0))
    at = "" if level is None else f", level {level}"
    return f"{title}{at}\n\n{fence}text\n{body}\n{fence}"
