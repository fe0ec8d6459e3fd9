"""How a target's answers are scored: by likelihood among choices or labels, or as a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import cut_middle, n_things
from cliffguard.suites.items import refuse_several
from cliffguard.suites.scorers import BY_LIKELIHOOD
from cliffguard.suites.target.cells import Value, as_text
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.decimals import (
    refuse_decimal_commas,
    refuse_lost_digits,
    refuse_points_of_thousands,
)
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.labels import (
    label_like,
    n_folded,
    refuse_numbers_with_names,
    refuse_spellings,
    refuse_unfit,
    refuse_unlabelled,
)
from cliffguard.suites.target.places import (
    are_labels_of_choices,
    first_place,
    is_counted,
    may_be_place,
    refuse_two_readings,
    whole_number,
)
from cliffguard.suites.target.spelled import mend_spelling, refuse_several_choices

MOST_LABELS = 20
"""So many distinct answers at most are taken for labels …"""

LEAST_REPEATS = 5
"""… if there are so many times as many rows."""

_MATCHED = (("exact_match", 40), ("normalized_match", 100))  # longest answer, in characters
_PATTERNS = ("regex", "excludes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPlan:
    """How all items are asked, and `why`. `labels` is what every item chooses from, if any.

    `is_by_place`: a number among the answers is the place of a choice, of which the first is
    number `first`; or, where `is_by_label`, the label of one.
    """

    metric: str
    why: str
    labels: tuple[str, ...] = ()
    is_by_place: bool = False
    first: int = 0
    is_by_label: bool = False

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
    suggested: ScoringPlan | None = None,
) -> ScoringPlan:
    """Return how a target's rows are asked.

    With choices by accuracy. So, too, with labels: those that are named, those that the data name
    (`label_names`), or the answers themselves, where they are few and repeat or where `metric` is
    acc. Else by the metric named, or the way `suggested` by how the answers are written, or by a
    match, where they are short.
    """
    way = _by_place(drafts, target, columns, label_names) or _by_answers(
        drafts, target, columns, suggested
    )
    several = next((draft for draft in drafts if len(draft.answers) > 1), None)
    if several is not None and way.is_choice and several.choices:
        refuse_several_choices(several, way.metric, columns)
    if several is not None:
        refuse_several(way.metric, several.row.where)
    if way.metric == "numeric":
        refuse_decimal_commas(drafts, columns)
        refuse_points_of_thousands(drafts, columns)
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
        refuse_two_readings(drafts, target.data)
        why += "each row has its choices" if metric in BY_LIKELIHOOD else "choices are not shown"
        is_by_label = are_labels_of_choices(drafts)
        first = 0 if is_by_label else first_place(drafts, columns, target.data)
        why += ", and answers count them from 1" if first else ""
        return ScoringPlan(
            metric=metric, is_by_place=True, why=why, first=first, is_by_label=is_by_label
        )
    if label_names:
        why += "the data name the labels"
        return ScoringPlan(metric=metric, labels=label_names, is_by_place=True, why=why)
    return None


def _by_answers(
    drafts: Sequence[ParsedRow], target: TargetData, columns: Columns, suggested: ScoringPlan | None
) -> ScoringPlan:
    """Return the way that follows from the answers alone."""
    if target.metric is None and suggested is not None:
        return suggested
    metric = target.metric
    answers = [as_text(draft.answer) for draft in drafts]
    distinct = tuple(sorted(set(answers)))
    if metric in BY_LIKELIHOOD and len(distinct) < 2:
        raise SuiteError(
            f"{target.data}: every answer is {distinct[0]!r}, and {metric} needs two labels or "
            "more; name them with --target-labels (in a plan, target: {labels: […]})",
            id="target.one-label",
        )
    if metric is None:
        refuse_lost_digits(drafts)
    if metric is None or metric in BY_LIKELIHOOD:
        refuse_numbers_with_names(drafts, columns)
    has_several = any(len(draft.answers) > 1 for draft in drafts)
    if metric in BY_LIKELIHOOD or (metric is None and not has_several and is_closed(answers)):
        refuse_spellings(drafts, distinct)
        refuse_unfit(drafts, distinct)
        n = n_things(len(distinct), "answer")
        why = f"as named; the {n} are the labels"
        if metric is None:
            repeat, are = ("repeats", "is") if len(distinct) == 1 else ("repeat", "are")
            over = n_things(len(answers), "row")
            why = f"{n} {repeat} over {over}, and {are} taken for labels"
            why = why if drafts[0].chat is None else rule_of_chats(3, why)
        return ScoringPlan(metric=metric or "acc", labels=distinct, why=why)
    if metric is not None:
        return ScoringPlan(metric=metric, why="as named")
    return _match(drafts)


def rule_of_chats(number: int, why: str) -> str:
    """Return what is printed of a rule for chats (`rules.py`): the first that fits all rows."""
    return f"rule {number} of 5 for chats: {why}"


def is_closed(answers: Sequence[str]) -> bool:
    """Return whether answers are few and repeat, spellings of one word counted once."""
    n_labels = n_folded(answers)
    return 2 <= n_labels <= MOST_LABELS and len(answers) >= LEAST_REPEATS * n_labels


def answers_of(draft: ParsedRow, way: ScoringPlan, columns: Columns) -> tuple[str, ...]:
    """Return the right answers of a row as they are scored; SuiteError for one that is none."""
    texts = (_answer_of(value, draft, way, columns) for value in draft.answers)
    return tuple(dict.fromkeys(texts))


def _answer_of(value: Value, draft: ParsedRow, way: ScoringPlan, columns: Columns) -> str:
    choices = way.labels or draft.choices
    text = as_text(value)
    if not way.is_by_place or not choices:
        # A pattern may begin or end in white space that counts.
        return value if way.metric in _PATTERNS and isinstance(value, str) else text
    if way.labels:
        choice = _among_labels(value, text, way)
    else:
        choice = _among_choices(value, text, draft, is_by_label=way.is_by_label)
    if isinstance(choice, int):
        return _at(choice, way, choices, draft)
    if choice is None:
        noun, flag = ("labels", "labels") if way.labels else ("choices", "answer")
        raise SuiteError(
            f"{draft.row.where}: the answer {cut_middle(text)!r} is not among the {noun}; "
            f"{mend_spelling(draft, text, columns)}, or name other "
            f"{noun if way.labels else 'answers'} with --target-{flag}",
            id="target.no-choice",
        )
    return choice


def _among_labels(value: Value, text: str, way: ScoringPlan) -> str | int | None:
    """Return the label that an answer is, or its place; who names 1 and 2 means the texts."""
    if text in way.labels:
        return text
    number = whole_number(value)
    if number is None and may_be_place(text) and not any(map(str.isdecimal, way.labels)):
        number = int(text)  # of a table of text
    return label_like(text, way.labels) if number is None else number


def _among_choices(
    value: Value, text: str, draft: ParsedRow, *, is_by_label: bool
) -> str | int | None:
    """Return the choice that an answer is, or its number."""
    number = whole_number(value)
    if number is not None and is_by_label:
        return draft.choices[draft.names[str(number)]]
    if number is None and text in draft.choices:
        return text
    is_number = may_be_place(text) and is_counted(draft)
    if number is None and text in draft.names and not is_number:
        return draft.choices[draft.names[text]]
    if number is None and may_be_place(text):
        number = int(text) if is_number or not any(map(str.isdecimal, draft.choices)) else None
    return number


def _at(number: int, way: ScoringPlan, choices: Sequence[str], draft: ParsedRow) -> str:
    if not 0 <= number - way.first < len(choices):
        raise SuiteError(
            f"{draft.row.where}: the answer {cut_middle(str(number))} is no place among "
            f"{n_things(len(choices), 'choice')}, which are counted from {way.first}; write the "
            "answers as text or letters, in a column that --target-answer names",
            id="target.no-choice",
        )
    return choices[number - way.first]


def for_texts(drafts: Sequence[ParsedRow]) -> tuple[str, ...]:
    """Return the metrics that these right answers can be asked about as texts."""
    has_several = any(len(draft.answers) > 1 for draft in drafts)
    return ("f1",) if has_several else ("f1", "rouge_l")


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
    fits = for_texts(drafts)[-1]
    raise SuiteError(
        f"{where}: an answer of {n_things(len(longest), 'character')} is no short one; name a "
        f"metric, such as --target-metric {fits} (in a plan, target: {{metric: {fits}}})",
        id="target.long-answer",
    )
