"""What generated answers say, without the words that a side puts around all of its answers.

A candidate that writes "Sentiment: mixed" where the base wrote "mixed" says the same. So a text
that was scored right stands for the right answer of its items, and the words that most right
answers of a side have before and behind are taken off its other answers, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.unread import as_read
from cliffguard.core.answers import Answer
from cliffguard.core.words import bare

_HALF = 0.5  # below it an answer is more wrong than right, and above it most have it
LEAST_FRAMED = 5  # right answers in the same words: fewer are no habit

Frame = tuple[str, str]


def is_wrong(answer: Answer) -> bool:
    """Return whether an answer is more wrong than right."""
    return (answer.score or 0.0) < _HALF


def meanings(items: Sequence[CountedItem]) -> list[tuple[str, str] | None]:
    """Return what both sides say of every item, as bare words; None of an item with choices.

    Shape (n_items,). Without a right answer in other words each text is its own meaning.
    """
    generated = [item for item in items if not item.pair.item.choices]
    base, candidate = ([bare(as_read(item.pair, side)) for item in generated] for side in (0, 1))
    right_of = _right_of(generated, base, candidate)
    frames = [_frame(generated, texts, side) for side, texts in ((0, base), (1, candidate))]
    meant = (
        (_meaning(texts[0], right_of, frames[0]), _meaning(texts[1], right_of, frames[1]))
        for texts in zip(base, candidate, strict=True)
    )
    return [None if item.pair.item.choices else next(meant) for item in items]


def _right_of(
    items: Sequence[CountedItem], base: Sequence[str], candidate: Sequence[str]
) -> dict[str, str]:
    """Return the right answer that a text stands for: of its items the one, if they share one."""
    rights: dict[str, set[str]] = {}
    for item, *texts in zip(items, base, candidate, strict=True):
        right = bare(item.pair.item.answer)
        for text, answer in zip(texts, (item.pair.base, item.pair.candidate), strict=True):
            if text and right and not is_wrong(answer):
                rights.setdefault(text, set()).add(right)
    return {text: min(of) for text, of in rights.items() if len(of) == 1}


def _frame(items: Sequence[CountedItem], texts: Sequence[str], side: int) -> Frame:
    """Return the words before and behind that most right answers of a side have."""
    times: Counter[Frame] = Counter()
    for item, text in zip(items, texts, strict=True):
        answer = (item.pair.base, item.pair.candidate)[side]
        right = bare(item.pair.item.answer)
        if text and right and not is_wrong(answer):
            before, match, behind = text.partition(right)
            times[(before, behind) if match else ("", "")] += 1
    for frame, n in times.most_common(1):
        if n >= LEAST_FRAMED and n > _HALF * times.total():
            return frame
    return "", ""


def _meaning(text: str, right_of: dict[str, str], frame: Frame) -> str:
    if text in right_of:
        return right_of[text]
    before, behind = frame
    is_framed = text.startswith(before) and text.endswith(behind)
    inner = text[len(before) : len(text) - len(behind)] if is_framed else text
    return inner.strip() or text
