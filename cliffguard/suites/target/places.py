"""Answers that are numbers of choices: which choice a number means, and where counting begins."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.errors import SuiteError
from cliffguard.suites.target.cells import Value, as_text, rewritten
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow

_MANY_DIGITS = 10
_FEW_ROWS = 5  # fewer with the same answer show nothing, and lists count from 0


def whole_number(value: Value) -> int | None:
    """Return a number that may be a place; pandas writes 1.0 where a column has gaps."""
    if isinstance(value, (bool, str)):
        return None
    return value if isinstance(value, int) else int(value) if value.is_integer() else None


def may_be_place(text: str) -> bool:
    """Return whether a text is digits, and not many more than the number of any choice has."""
    return text.isdecimal() and len(text) < _MANY_DIGITS


def is_counted(draft: ParsedRow) -> bool:
    """Return whether the choices stand in columns that count from 1: option_1, option_2, …"""
    return "2" in draft.names and "0" not in draft.names and len(draft.names) > len(draft.choices)


def are_labels_of_choices(drafts: Sequence[ParsedRow]) -> bool:
    """Return whether each whole number among the answers is the label of a choice.

    ARC labels some choices 1, 2, 3, 4, and whatever wrote its answers as numbers means these. One
    number that is no label shows that all of them are places.
    """
    numbers = [(whole_number(draft.answer), draft) for draft in drafts if not is_counted(draft)]
    labels = [str(number) in draft.names for number, draft in numbers if number is not None]
    return bool(labels) and all(labels)


def first_place(drafts: Sequence[ParsedRow], columns: Columns, data: str) -> int:
    """Return the number of the first choice: 0, or 1 where the answers leave nothing else.

    They leave nothing else where none is 0 and one is the number of choices. Raises SuiteError for
    what could be both.
    """
    if not all(map(is_counted, drafts)):
        return _first_of_list(drafts, columns, data)
    answers = [(as_text(draft.answer), len(draft.choices)) for draft in drafts]
    numbers = [(int(text), n_choices) for text, n_choices in answers if may_be_place(text)]
    if not numbers or any(number == 0 for number, _ in numbers):
        return 0
    if any(number == n_choices for number, n_choices in numbers):
        return 1
    raise SuiteError(
        f"{data}: the columns of choices count from 1, and whether the answers do is not known "
        "(there is neither 0 nor the last number); write them as text, in a column that "
        "--target-answer names",
        id="target.two-readings",
    )


def _first_of_list(drafts: Sequence[ParsedRow], columns: Columns, data: str) -> int:
    """Return the number of the first choice of a list, to which nothing gives a number."""
    places = _places(drafts)
    numbers = [number for number, _ in places]
    if not places or len(places) < len(drafts) or 0 in numbers:
        return 0
    is_same = len(set(numbers)) == 1 and len(numbers) < _FEW_ROWS
    if is_same or any(number > n_choices for number, n_choices in places):
        return 0  # the row of a number beyond all is refused for it
    if any(number == n_choices for number, n_choices in places):
        return 1
    raise SuiteError(
        f"{data}: no answer of {len(places)} is 0, the place of the first choice, so that they may "
        f"count from 1; where they do, {_as_letters(drafts, columns, 1)} makes letters of them, "
        f"and else {_as_letters(drafts, columns, 0)}",
        id="target.two-readings",
    )


def _places(drafts: Sequence[ParsedRow]) -> list[tuple[int, int]]:
    """Return the answers that are numbers and neither a choice nor its label, and of how many."""
    answers = [(as_text(_as_whole(draft.answer)), draft) for draft in drafts]
    return [
        (int(text), len(draft.choices))
        for text, draft in answers
        if may_be_place(text) and text not in draft.choices and text not in draft.names
    ]


def _as_whole(value: Value) -> Value:
    number = whole_number(value)
    return value if number is None else number


def _as_letters(drafts: Sequence[ParsedRow], columns: Columns, first: int) -> str:
    """Return the command that writes letters for places that count from `first`."""
    name = columns.answer
    counted = f"int(r[{name!r}]) - {first}" if first else f"int(r[{name!r}])"
    return rewritten(drafts[0].row.source, f"{{**r, {name!r}: chr(65 + {counted})}}")


def refuse_two_readings(drafts: Sequence[ParsedRow], data: str) -> None:
    """Refuse whole numbers that could all be a choice as well as the place of another one."""
    numbers = [
        (draft.answer, draft.choices)
        for draft in drafts
        if isinstance(draft.answer, int) and not isinstance(draft.answer, bool)
    ]
    if not numbers or any(str(number) not in choices for number, choices in numbers):
        return
    if any(choices[number : number + 1] != (str(number),) for number, choices in numbers):
        raise SuiteError(
            f"{data}: every answer is a whole number that could be one of the choices or the place "
            "of one; write it as text, in a column that --target-answer names",
            id="target.two-readings",
        )
