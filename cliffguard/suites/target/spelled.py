"""Answers that mean a choice, or several, but call it otherwise: Option A, A. Paris, "A, C"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import at, is_safe, rewritten, shown
from cliffguard.suites.target.choices import choices_of
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import OPTION_STEMS, folded
from cliffguard.suites.target.rights import right_answers

_AROUND = "()[]. "  # what stands around a letter: (A), A.
_CALLED = re.compile(r"(?P<stem>[^\d\W]+?)[\s_:(-]*(?P<mark>[A-Za-z]|\d{1,2})[\s).:]*")
_MARKED = re.compile(r"[(\[]?(?P<mark>[A-Za-z])\s*[)\].:、]+\s*(?P<text>.+)", re.DOTALL)
_BETWEEN = re.compile(r"\s*[,;/&+、，；]\s*|\s+(?:and|und|et|y)\s+|\s+")


def mend_spelling(draft: ParsedRow, text: str, columns: Columns) -> str:
    """Return how an answer that is no choice is mended, with the command where it means one."""
    name = columns.answer
    is_known = name is not None and draft.row.value.get(name) == text
    if not is_known or not is_safe("".join((str(name), *columns.choices))):
        return "mend it"
    if are_several(text, draft.names):
        how = _leaving_out(draft.row, columns)
        return f"where it means several choices that are right together, {how}"
    index = meant(text, draft.choices, draft.names)
    if index is None:
        return "mend it"
    made = rewritten(
        draft.row.source,
        f"with_choice(r, {name!r}, {columns.choices!r})",
        more="from cliffguard.suites.target import with_choice",
    )
    return f"where it means {shown(draft.choices[index])}, {made} writes what such answers mean"


def meant(text: str, choices: Sequence[str], names: Mapping[str, int]) -> int | None:
    """Return the place of the choice that a text means, or None where that is not sure.

    A number behind a word counts from 1, unless the choices have numbers: option 1 is the first.
    """
    if text in choices:
        return choices.index(text)
    bare = text.strip(_AROUND)
    if len(bare) == 1 and bare.isalpha():
        return names.get(bare.upper(), names.get(bare))
    called = _CALLED.fullmatch(text.strip(_AROUND))
    if called is not None and folded(called["stem"]) in OPTION_STEMS:
        mark = called["mark"]
        if mark.isdecimal() and mark not in names:
            return int(mark) - 1 if 1 <= int(mark) <= len(choices) else None
        return names.get(mark, names.get(mark.upper()))
    marked = _MARKED.fullmatch(text.strip())
    by_letter = names.get(marked["mark"].upper()) if marked else None
    wanted = {_plain(text)} | (
        {_plain(marked["text"])} if marked and by_letter is not None else set()
    )
    alike = [index for index, choice in enumerate(choices) if wanted & _forms(choice)]
    is_sure = len(alike) == 1 and by_letter in (None, alike[0])  # letter and text say the same
    return alike[0] if is_sure else None


def _forms(choice: str) -> set[str]:
    marked = _MARKED.fullmatch(choice.strip())
    return {_plain(choice), _plain(marked["text"] if marked else choice)}


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".。 ").casefold()


def are_several(text: str, names: Mapping[str, int]) -> bool:
    """Return whether a text is names of several choices: "A, C", "A and C", AC."""
    parts = [part.strip(_AROUND) for part in _BETWEEN.split(text.strip())]
    if len(parts) == 1 and text.isupper() and [*text] == sorted({*text}):
        parts = [*text]
    return len({*parts}) > 1 and all(part in names for part in parts)


def refuse_several_choices(draft: ParsedRow, metric: str, columns: Columns) -> None:
    """Raise SuiteError for several right answers where one of the choices is picked."""
    how = _leaving_out(draft.row, columns)
    raise SuiteError(
        f"{draft.row.where}: has {shown(draft.answers)} as right answers, and metric {metric} "
        f"takes one of the choices; where they are right together, {how}; where each is right "
        "alone, --target-metric exact_match (in a plan, target: {metric: exact_match}) takes any, "
        "and does not show the choices",
        id="target.several-choices",
    )


def _leaving_out(row: Row, columns: Columns) -> str:
    """Return how rows of several right answers are left out, by a command if one can be printed."""
    name = columns.answer
    if name is None or not is_safe("".join((name, *columns.choices))):
        return "leave such rows out"
    made = rewritten(
        row.source,
        "r",
        f"if not has_several(r, {name!r}, {columns.choices!r})",
        more="from cliffguard.suites.target import has_several",
    )
    return f"{made} leaves such rows out"


def has_several(value: Mapping[str, Any], answer: str, columns: Sequence[str]) -> bool:
    """Return whether several choices are right answers of a row, in a list or in one text."""
    answers = {str(right) for right in right_answers(value, answer)}
    held = at(value, answer)
    if len(answers) > 1 or not isinstance(held, str):
        return len(answers) > 1
    _, names = choices_of(_as_row(value), columns, "")
    return are_several(held.strip(), names)


def with_choice(value: Mapping[str, Any], answer: str, columns: Sequence[str]) -> dict[str, Any]:
    """Return a row whose answer is the choice that it means; as it is where that is not sure."""
    choices, names = choices_of(_as_row(value), columns, "")
    text = value.get(answer)
    index = meant(text.strip(), choices, names) if isinstance(text, str) else None
    return dict(value) if index is None else {**value, answer: choices[index]}


def _as_row(value: Mapping[str, Any]) -> Row:
    return Row(value=value, source="rows", line=1)
