"""Answers that would be labels and are not fit to be: numbers, and spellings of one word."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import first_of, n_things
from cliffguard.suites.target.cells import as_text
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import mend, quoted, says

_WHOLE = re.compile(r"-?\d{1,9}(?:\.0+)?")  # pandas writes 1.0 where a column has gaps
_FLOAT = re.compile(r"-?\d+\.\d+(?:[eE][-+]?\d+)?")
_STEM = re.compile(r"^(?:label|class|cls)[ _-]?(?=\d)", re.IGNORECASE)  # LABEL_0, by a config
_JOINED = re.compile(r"(?<=[^\W\d_])[-_\s]+(?=[^\W\d_])")  # in_scope and in-scope, not 1-2
_NAMED = 3  # labels that a message names
_MOST_OTHERS = 0.05  # share of rows in which a name may be another one; one in ten rows may, too
_SOME = 10
_UNLABELLED = ("-1", "-", "<unk>")  # of GLUE, of SNLI and of TriviaQA


def refuse_numbers_with_names(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Refuse whole numbers, or true and false, where another column has a name for each.

    A model is good at names; that 2 is "grief" it cannot know.
    """
    answers = [as_text(draft.answer) for draft in drafts]
    is_switch = all(isinstance(draft.answer, bool) for draft in drafts)
    if not is_switch and not all(_WHOLE.fullmatch(answer) for answer in answers):
        return
    distinct = set(answers)
    if not 2 <= len(distinct) < len(answers):
        return
    for column in columns.left:
        names = [draft.row.value.get(column) for draft in drafts]
        if (n_others := _n_unnamed(answers, names)) is not None:
            kind = "true and false" if is_switch else "numbers"
            raise SuiteError(
                f"{drafts[0].row.source}: the answers are {kind}, and {column!r} names them"
                f"{_but(n_others, len(answers))}; take the names with {mend('answer', column)}, or "
                f"say that they are no part of it with --target-ignore {quoted(column)}",
                id="target.numbered-labels",
            )


def _n_unnamed(answers: Sequence[str], names: Sequence[Any]) -> int | None:
    """Return in how many rows a column of names is blank or has another name, or None: it is none.

    Each answer has one name, but for spelling, and another one in few rows at most.
    """
    texts = [(answer, name) for answer, name in zip(answers, names, strict=True) if says(name)]
    if not all(isinstance(name, str) for _, name in texts) or 2 * len(texts) < len(answers):
        return None
    counts = Counter((answer, _folded(name)) for answer, name in texts)
    first: dict[str, str] = {}
    for (answer, name), _ in counts.most_common():
        first.setdefault(answer, name)
    are_apart = len(first) == len({*first.values()}) == len({*answers})
    if not are_apart or all(map(_WHOLE.fullmatch, first.values())):
        return None
    n_others = len(texts) - sum(counts[pair] for pair in first.items())
    if n_others > _MOST_OTHERS * len(texts) and (n_others > 1 or len(texts) < _SOME):
        return None
    return len(answers) - len(texts) + n_others


def _but(n_others: int, n_rows: int) -> str:
    return f", but for {n_others} of {n_things(n_rows, 'row')}" if n_others else ""


def refuse_unfit(drafts: Sequence[ParsedRow], distinct: Sequence[str]) -> None:
    """Refuse answers as labels: floats, numbers that count up from 0, spellings of one word."""
    source = drafts[0].row.source
    shown = first_of(distinct, _NAMED)
    named = " ".join(f"--target-labels {quoted(label)}" for label in distinct[:_NAMED])
    how = (
        "name all labels in their order with --target-labels, once for each (in a plan, target: "
        f"{{labels: […]}}), keep these by {named}{' …' if len(distinct) > _NAMED else ''}, "
        "or have answers generated with --target-metric exact_match"
    )
    if all(_FLOAT.fullmatch(label) for label in distinct):
        raise SuiteError(
            f"{source}: the labels are floats ({shown}), as pandas writes whole numbers; {how}",
            id="target.float-labels",
        )
    if unknown := [label for label in distinct if label in _UNLABELLED]:
        raise SuiteError(
            f"{source}: the label {unknown[0]!r} is what many data sets write where a row has "
            "none; leave such rows out, or name all labels with --target-labels, once for each (in "
            "a plan, target: {labels: […]})",
            id="target.no-label",
        )
    numbers = {label: _STEM.sub("", label) for label in distinct}
    if {*numbers.values()} == {str(number) for number in range(len(distinct))}:
        raise SuiteError(
            f"{source}: the labels are numbers that count up from 0 ({shown}) and have no names; "
            f"{how}",
            id="target.numbered-labels",
        )


def refuse_unlabelled(drafts: Sequence[ParsedRow]) -> None:
    """Refuse rows that all have the label of those that have none."""
    texts = {as_text(draft.answer) for draft in drafts}
    if len(texts) == 1 and texts <= {*_UNLABELLED} and len(drafts) > 1:
        raise SuiteError(
            f"{drafts[0].row.source}: every answer is {texts.pop()!r}, which data sets write where "
            "a row has no label, as in a test split; name a split with labels, or another column "
            f"with {mend('answer', 'COLUMN')}",
            id="target.no-label",
        )


def refuse_spellings(drafts: Sequence[ParsedRow], distinct: Sequence[str]) -> None:
    """Refuse labels that differ in case, blanks, hyphens, a last period and Unicode form alone."""
    same: dict[str, list[str]] = {}
    for label in distinct:
        same.setdefault(_folded(label), []).append(label)
    spellings = next((group for group in same.values() if len(group) > 1), None)
    if spellings is not None:
        names = ", ".join(map(repr, spellings[:_NAMED]))
        raise SuiteError(
            f"{drafts[0].row.source}: the labels {names} differ in case, blanks, hyphens, a last "
            "period or Unicode form alone; write them alike, or name all labels with "
            "--target-labels, once for each (in a plan, target: {labels: […]}): then any spelling "
            "of one counts as it",
            id="target.label-spellings",
        )


def n_folded(labels: Sequence[str]) -> int:
    """Return how many labels there are but for spelling."""
    return len(set(map(_folded, labels)))


def label_like(text: str, labels: Sequence[str]) -> str | None:
    """Return the one label that a text is but for spelling."""
    matches = [label for label in labels if _folded(label) == _folded(text)]
    return matches[0] if len(matches) == 1 else None


def _folded(label: str) -> str:
    seen = "".join(c for c in label if unicodedata.category(c) != "Cf")  # no width: U+200B
    joined = _JOINED.sub(" ", unicodedata.normalize("NFKC", seen).casefold())
    text = " ".join(joined.split())
    return text.rstrip(".") or text
