"""How a target's answers are scored: by likelihood among choices or labels, or as a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.errors import SuiteError
from cliffguard.plans import TargetData
from cliffguard.suites import BY_LIKELIHOOD
from cliffguard.targets.fields import Draft, as_text

MOST_LABELS = 20
"""So many distinct answers at most are taken for labels …"""

LEAST_REPEATS = 5
"""… if there are so many times as many rows."""

_MATCHED = (("exact_match", 40), ("normalized_match", 100))  # longest answer, in characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How all items are asked. `labels` is what every item chooses from; empty, each has its own.

    `is_by_place`: a number among the answers is the place of a choice, from 0.
    """

    metric: str
    labels: tuple[str, ...]
    is_by_place: bool

    @property
    def is_choice(self) -> bool:
        """Say whether answers are picked by likelihood."""
        return self.metric in BY_LIKELIHOOD


def find_way(
    drafts: Sequence[Draft], target: TargetData, *, label_names: tuple[str, ...] = ()
) -> Way:
    """Return how a target's rows are asked.

    With choices by accuracy. So, too, with labels: those that are named, those that the data name
    (`label_names`), or the answers themselves, where they are few and repeat or where `metric` is
    acc. Else by the metric named, or by a match, where the answers are short.
    """
    metric = target.metric
    has_choices = bool(drafts[0].choices)
    if has_choices or target.labels:
        if target.labels and has_choices:
            raise SuiteError(f"{target.data}: has choices and labels; name one of them")
        labels = target.labels
        if not labels:
            _refuse_two_readings(drafts, target.data)
        return Way(metric=metric or "acc", labels=labels, is_by_place=True)
    if label_names:
        return Way(metric=metric or "acc", labels=label_names, is_by_place=True)
    answers = [as_text(one.answer) for one in drafts]
    distinct = tuple(sorted(set(answers)))
    if metric in BY_LIKELIHOOD and len(distinct) < 2:
        raise SuiteError(
            f"{target.data}: every answer is {distinct[0]!r}, and {metric} needs two labels or "
            "more; name them with --target-labels (in a plan, target: {labels: […]})"
        )
    is_closed = 2 <= len(distinct) <= MOST_LABELS and len(answers) >= LEAST_REPEATS * len(distinct)
    if metric in BY_LIKELIHOOD or (metric is None and is_closed):
        return Way(metric=metric or "acc", labels=distinct, is_by_place=False)
    return Way(metric=metric or _match(drafts, answers), labels=(), is_by_place=False)


def answer_of(one: Draft, way: Way) -> str:
    """Return the right answer of a row, as it is scored. Raises SuiteError for one that is none."""
    choices = way.labels or one.choices
    if not way.is_by_place or not choices:
        # A pattern may begin or end in white space that counts.
        return (
            one.answer
            if way.metric in _PATTERNS and isinstance(one.answer, str)
            else as_text(one.answer)
        )
    text = as_text(one.answer)
    if isinstance(one.answer, int) and not isinstance(one.answer, bool):
        return _at(one.answer, choices, one)
    if text in choices:
        return text
    if not way.labels and text in one.names:
        return choices[one.names.index(text)]
    if text.isdecimal() and not any(choice.isdecimal() for choice in choices):
        return _at(int(text), choices, one)  # of a table of text
    told = "labels" if way.labels else "choices"
    raise SuiteError(f"{one.row.place}: the answer {text!r} is not among the {told}")


_PATTERNS = ("regex", "excludes")


def _at(place: int, choices: Sequence[str], one: Draft) -> str:
    if not 0 <= place < len(choices):
        raise SuiteError(
            f"{one.row.place}: the answer {place} is no place among {len(choices)} choices, which "
            "are counted from 0"
        )
    return choices[place]


def _refuse_two_readings(drafts: Sequence[Draft], data: str) -> None:
    """Refuse whole numbers that could all be a choice as well as the place of another one."""
    numbers = [
        (one.answer, one.choices)
        for one in drafts
        if isinstance(one.answer, int) and not isinstance(one.answer, bool)
    ]
    if not numbers or any(str(number) not in choices for number, choices in numbers):
        return
    if any(choices[number : number + 1] != (str(number),) for number, choices in numbers):
        raise SuiteError(
            f"{data}: every answer is a whole number that could be one of the choices or the place "
            "of one; write it as text"
        )


def _match(drafts: Sequence[Draft], answers: Sequence[str]) -> str:
    longest = max(range(len(answers)), key=lambda place: len(answers[place]))
    is_one_line = not any("\n" in answer for answer in answers)
    for metric, n_characters in _MATCHED:
        if is_one_line and len(answers[longest]) <= n_characters:
            return metric
    raise SuiteError(
        f"{drafts[longest].row.place}: an answer of {len(answers[longest])} characters is no short "
        "one; name a metric, such as --target-metric rouge_l (in a plan, target: {metric: rouge_l})"
    )
