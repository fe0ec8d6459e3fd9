"""How a target's answers are scored: by likelihood among choices or labels, or as a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import cut_middle, n_things
from cliffguard.suites.items import refuse_several
from cliffguard.suites.scorers import BY_LIKELIHOOD
from cliffguard.suites.target.cells import Value, as_text, rewritten
from cliffguard.suites.target.choices import mend_letter
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.labels import (
    label_like,
    n_folded,
    refuse_numbers_with_names,
    refuse_spellings,
    refuse_unfit,
    refuse_unlabelled,
)

MOST_LABELS = 20
"""So many distinct answers at most are taken for labels …"""

LEAST_REPEATS = 5
"""… if there are so many times as many rows."""

_MATCHED = (("exact_match", 40), ("normalized_match", 100))  # longest answer, in characters
_PATTERNS = ("regex", "excludes")
_LEAST_PLACES = 20  # rows; of four balanced places none is 0 once in 300 times


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPlan:
    """How all items are asked, and `why`. `labels` is what every item chooses from, if any.

    `is_by_place`: a number among the answers is the place of a choice, of which the first is
    number `first`.
    """

    metric: str
    why: str
    labels: tuple[str, ...] = ()
    is_by_place: bool = False
    first: int = 0

    @property
    def is_choice(self) -> bool:
        """Return whether answers are picked by likelihood."""
        return self.metric in BY_LIKELIHOOD


def plan_scoring(
    drafts: Sequence[ParsedRow],
    target: TargetData,
    columns: Columns,
    *,
    label_names: tuple[str, ...] = (),
    suggested: str | None = None,
) -> ScoringPlan:
    """Return how a target's rows are asked.

    With choices by accuracy. So, too, with labels: those that are named, those that the data name
    (`label_names`), or the answers themselves, where they are few and repeat or where `metric` is
    acc. Else by the metric named, or the one `suggested` by how the answers are written, or by a
    match, where they are short.
    """
    way = _by_place(drafts, target, columns, label_names) or _by_answers(
        drafts, target, columns, suggested
    )
    several = next((draft for draft in drafts if len(draft.answers) > 1), None)
    if several is not None:
        refuse_several(way.metric, several.row.where)
    return way


def _by_place(
    drafts: Sequence[ParsedRow], target: TargetData, columns: Columns, label_names: tuple[str, ...]
) -> ScoringPlan | None:
    """Return the way where there are choices or named labels, of which an answer may be a place."""
    metric = target.metric or "acc"
    why = "" if target.metric is None else "as named; "
    if target.labels:
        if drafts[0].choices:
            raise SuiteError(
                f"{target.data}: has choices and labels; name one of them, by --target-choices or "
                "by --target-labels",
                id="target.choices-and-labels",
            )
        why += "every item chooses from the labels that are named"
        return ScoringPlan(metric=metric, labels=target.labels, is_by_place=True, why=why)
    if drafts[0].choices:
        _refuse_two_readings(drafts, target.data)
        why += "each row has its choices" if metric in BY_LIKELIHOOD else "choices are not shown"
        first = _first(drafts, columns, target.data)
        why += ", and answers count them from 1" if first else ""
        return ScoringPlan(metric=metric, is_by_place=True, why=why, first=first)
    if label_names:
        why += "the data name the labels"
        return ScoringPlan(metric=metric, labels=label_names, is_by_place=True, why=why)
    return None


def _by_answers(
    drafts: Sequence[ParsedRow], target: TargetData, columns: Columns, suggested: str | None
) -> ScoringPlan:
    """Return the way that follows from the answers alone."""
    if target.metric is None and suggested is not None:
        return ScoringPlan(metric=suggested, why="the results are numbers")
    metric = target.metric
    answers = [as_text(draft.answer) for draft in drafts]
    distinct = tuple(sorted(set(answers)))
    if metric in BY_LIKELIHOOD and len(distinct) < 2:
        raise SuiteError(
            f"{target.data}: every answer is {distinct[0]!r}, and {metric} needs two labels or "
            "more; name them with --target-labels (in a plan, target: {labels: […]})",
            id="target.one-label",
        )
    if metric is None or metric in BY_LIKELIHOOD:
        refuse_numbers_with_names(drafts, columns)
    has_several = any(len(draft.answers) > 1 for draft in drafts)
    if metric in BY_LIKELIHOOD or (metric is None and not has_several and _is_closed(answers)):
        refuse_spellings(drafts, distinct)
        refuse_unfit(drafts, distinct)
        n = n_things(len(distinct), "answer")
        why = f"as named; the {n} are the labels"
        if metric is None:
            repeat, are = ("repeats", "is") if len(distinct) == 1 else ("repeat", "are")
            over = n_things(len(answers), "row")
            why = f"{n} {repeat} over {over}, and {are} taken for labels"
        return ScoringPlan(metric=metric or "acc", labels=distinct, why=why)
    if metric is not None:
        return ScoringPlan(metric=metric, why="as named")
    return _match(drafts)


def _is_closed(answers: Sequence[str]) -> bool:
    """Return whether answers are few and repeat, spellings of one word counted once."""
    n_labels = n_folded(answers)
    return 2 <= n_labels <= MOST_LABELS and len(answers) >= LEAST_REPEATS * n_labels


def answers_of(draft: ParsedRow, way: ScoringPlan) -> tuple[str, ...]:
    """Return the right answers of a row as they are scored; SuiteError for one that is none."""
    texts = (_answer_of(value, draft, way) for value in draft.answers)
    return tuple(dict.fromkeys(texts))


def _answer_of(value: Value, draft: ParsedRow, way: ScoringPlan) -> str:
    choices = way.labels or draft.choices
    text = as_text(value)
    if not way.is_by_place or not choices:
        # A pattern may begin or end in white space that counts.
        return value if way.metric in _PATTERNS and isinstance(value, str) else text
    choice = _among_labels(value, text, way) if way.labels else _among_choices(value, text, draft)
    if isinstance(choice, int):
        return _at(choice, way, choices, draft)
    if choice is None:
        noun, flag = ("labels", "labels") if way.labels else ("choices", "answer")
        raise SuiteError(
            f"{draft.row.where}: the answer {cut_middle(text)!r} is not among the {noun}; "
            f"{mend_letter(draft.row, text, draft.names)}, or name other "
            f"{noun if way.labels else 'answers'} with --target-{flag}",
            id="target.no-choice",
        )
    return choice


def _among_labels(value: Value, text: str, way: ScoringPlan) -> str | int | None:
    """Return the label that an answer is, or its place; who names 1 and 2 means the texts."""
    if text in way.labels:
        return text
    number = _whole(value)
    if number is None and _may_be_place(text) and not any(map(str.isdecimal, way.labels)):
        number = int(text)  # of a table of text
    return label_like(text, way.labels) if number is None else number


def _among_choices(value: Value, text: str, draft: ParsedRow) -> str | int | None:
    """Return the choice that an answer is, or its number."""
    number = _whole(value)
    if number is None and text in draft.choices:
        return text
    is_number = _may_be_place(text) and _is_counted(draft)
    if number is None and text in draft.names and not is_number:
        return draft.choices[draft.names[text]]
    if number is None and _may_be_place(text):
        number = int(text) if is_number or not any(map(str.isdecimal, draft.choices)) else None
    return number


def _whole(value: Value) -> int | None:
    """Return a number that may be a place; pandas writes 1.0 where a column has gaps."""
    if isinstance(value, (bool, str)):
        return None
    return value if isinstance(value, int) else int(value) if value.is_integer() else None


def _may_be_place(text: str) -> bool:
    """Return whether a text is digits, and not many more than the number of any choice has."""
    return text.isdecimal() and len(text) < _MANY_DIGITS


_MANY_DIGITS = 10


def _at(number: int, way: ScoringPlan, choices: Sequence[str], draft: ParsedRow) -> str:
    if not 0 <= number - way.first < len(choices):
        raise SuiteError(
            f"{draft.row.where}: the answer {cut_middle(str(number))} is no place among "
            f"{n_things(len(choices), 'choice')}, which are counted from {way.first}; write the "
            "answers as text or letters, in a column that --target-answer names",
            id="target.no-choice",
        )
    return choices[number - way.first]


def _is_counted(draft: ParsedRow) -> bool:
    """Return whether the choices stand in columns that count from 1: option_1, option_2, …"""
    return "2" in draft.names and "0" not in draft.names and len(draft.names) > len(draft.choices)


def _first(drafts: Sequence[ParsedRow], columns: Columns, data: str) -> int:
    """Return the number of the first choice: 0, or 1 where the answers leave nothing else.

    So they do where each of 1, 2, … up to the number of choices is an answer, and 0 is none; or
    where columns count from 1 and the last is an answer. Raises SuiteError for what could be both.
    """
    if not all(map(_is_counted, drafts)):
        places = _places(drafts)
        if len(places) == len(drafts) and all(
            {*places} == {*range(1, 1 + len(draft.choices))} for draft in drafts
        ):
            return 1
        _refuse_no_first(places, drafts, columns, data)
        return 0
    answers = [(as_text(draft.answer), len(draft.choices)) for draft in drafts]
    numbers = [(int(text), n_choices) for text, n_choices in answers if _may_be_place(text)]
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


def _places(drafts: Sequence[ParsedRow]) -> list[int]:
    """Return the answers that are numbers and neither a choice nor the label of one."""
    answers = [(as_text(draft.answer), draft) for draft in drafts]
    return [
        int(text)
        for text, draft in answers
        if _may_be_place(text) and text not in draft.choices and text not in draft.names
    ]


def _refuse_no_first(
    places: Sequence[int], drafts: Sequence[ParsedRow], columns: Columns, data: str
) -> None:
    """Refuse places of which none is 0 in so many rows that they are likely to count from 1."""
    is_varied = len(set(places)) > 1 and len(places) == len(drafts) >= _LEAST_PLACES
    if is_varied and 0 not in places:
        raise SuiteError(
            f"{data}: no answer of {len(places)} is 0, the place of the first choice, so that they "
            f"may count from 1; where they do, {_as_letters(drafts, columns, 1)} makes letters of "
            f"them, and else {_as_letters(drafts, columns, 0)}",
            id="target.two-readings",
        )


def _as_letters(drafts: Sequence[ParsedRow], columns: Columns, first: int) -> str:
    """Return the command that writes letters for places that count from `first`."""
    name = columns.answer
    counted = f"int(r[{name!r}]) - {first}" if first else f"int(r[{name!r}])"
    return rewritten(drafts[0].row.source, f"{{**r, {name!r}: chr(65 + {counted})}}")


def _refuse_two_readings(drafts: Sequence[ParsedRow], data: str) -> None:
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


def _match(drafts: Sequence[ParsedRow]) -> ScoringPlan:
    """Return a match of short answers; SuiteError where one is long, or there is none at all."""
    refuse_unlabelled(drafts)
    where, longest = max(
        ((draft.row.where, as_text(value)) for draft in drafts for value in draft.answers),
        key=lambda pair: len(pair[1]),
    )
    is_one_line = not any("\n" in as_text(value) for draft in drafts for value in draft.answers)
    for metric, n_characters in _MATCHED:
        if is_one_line and len(longest) <= n_characters:
            why = f"answers have one line, and {n_things(len(longest), 'character')} at the most"
            return ScoringPlan(metric=metric, why=why)
    raise SuiteError(
        f"{where}: an answer of {n_things(len(longest), 'character')} is no short one; name a "
        "metric, such as --target-metric rouge_l (in a plan, target: {metric: rouge_l})",
        id="target.long-answer",
    )
