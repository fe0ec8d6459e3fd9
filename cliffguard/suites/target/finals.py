"""Answers that carry more than what is right: reasoning before it, or the steps to a result."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import n_things, plural
from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.target.cells import Value
from cliffguard.suites.target.drafts import ParsedRow

_MATCHES = (None, "numeric", "exact_match", "normalized_match")
"""Metrics under which the steps to a result could never be matched."""

_PATTERNS = ("regex", "excludes", "constraints")
_FINAL = re.compile(r"(?:^|\n)\s*####[ \t]*(\S[^\n]*?)\s*\Z")
_BOX = re.compile(r"\\f?box(?:ed)?\s*\{")
_BRACE = re.compile(r"(?<!\\)[{}]")
_THOUGHT = re.compile(r"\A\s*(?:<think>)?(?:(?!<think>).)*?</think>\s*", re.DOTALL)

_WHOLE = re.compile(r"(-?\d{1,15})(?:\.0)?")

_MARK = re.compile(r"<think>|<(?:thinking|reasoning|thought)>|\[THINK\]|<\|channel\|>|◁think▷")
"""Where models begin to reason; only <think>…</think> is taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finals:
    """Drafts with what is right alone as their answers, and caveats on what was taken away.

    `metric` is the one that suits what is left, where that is plain.
    """

    drafts: tuple[ParsedRow, ...]
    caveats: tuple[Caveat, ...]
    metric: str | None


def final_answers(drafts: Sequence[ParsedRow], metric: str | None) -> Finals:
    """Return the drafts without what no answer could be matched with under a metric.

    `<think>…</think>` goes before any metric but patterns, as it does from a model's answer.
    The steps of GSM8K (`#### RESULT`) and of MATH (`\\boxed{RESULT}`) go where all answers have
    such a result and the metric compares the whole.
    """
    notes = []
    kept = list(drafts)
    if metric not in _PATTERNS:
        kept = [_mapped(draft, _without_thought) for draft in drafts]
        n_thought = sum(
            draft.answers != other.answers for draft, other in zip(kept, drafts, strict=True)
        )
        if n_thought:
            text = (
                f"{n_thought} of {n_things(len(drafts), 'right answer')} "
                f"{plural(n_thought, 'begins', 'begin')} with <think>…</think>, which is no part "
                "of them: ask with --think-end '</think>', so that it is none of the model's "
                "either."
            )
            notes.append(Caveat(id="target.thought-taken-away", text=text))
    texts = [a for draft in kept for a in draft.answers if isinstance(a, str)]
    if marks := [match[0] for text in texts if (match := _MARK.search(text))]:
        n = f"{len(marks)} of {n_things(len(drafts), 'right answer')}"
        hold = plural(len(marks), "holds", "hold")
        text = f"{n} {hold} {marks[0]} as part of the answer."
        notes.append(Caveat(id="target.thought-kept", text=text))
    suits = None
    if metric in _MATCHES and (final := _final_of(kept, metric)) is not None:
        kept = [_mapped(draft, lambda answer, _: final.result(answer) or answer) for draft in kept]
        text = f"The right answers are {final.description}; the steps before it are not."
        notes.append(Caveat(id="target.steps-taken-away", text=text))
        suits = "numeric" if _are_numbers(kept) else None
    return Finals(drafts=tuple(kept), caveats=tuple(notes), metric=suits)


def without_zeros(
    drafts: Sequence[ParsedRow], metric: str, *, is_choice: bool
) -> tuple[Sequence[ParsedRow], str | None]:
    """Return the drafts with 7 for 7.0 where all answers are whole numbers, and a note on it.

    Pandas makes 7.0 of 7 where a column has gaps, and nobody answers so.
    """
    answers = [answer for draft in drafts for answer in draft.answers]
    wholes = [_whole(answer) for answer in answers]
    if is_choice or metric in (*_PATTERNS, "numeric") or None in wholes:
        return drafts, None
    changed = [a for a in answers if isinstance(a, float) or (isinstance(a, str) and "." in a)]
    if not changed:
        return drafts, None
    kept = [_mapped(draft, lambda answer, _: _whole(answer) or answer) for draft in drafts]
    n = f"{len(changed)} of {n_things(len(answers), 'right answer')}"
    are = plural(len(changed), "is a whole number", "are whole numbers")
    first, made = str(changed[0]).strip(), _whole(changed[0])
    note = f"{n} {are} with .0, as pandas writes them, and read without it: {first} is {made}."
    return kept, note


def _whole(answer: Value) -> str | None:
    """Return a whole number without a point, or None where an answer is none."""
    if isinstance(answer, bool) or (isinstance(answer, float) and not answer.is_integer()):
        return None
    if isinstance(answer, (int, float)):
        return str(int(answer))
    return _WHOLE.sub(r"\1", answer.strip()) if _WHOLE.fullmatch(answer.strip()) else None


def _final_of(drafts: Sequence[ParsedRow], metric: str | None) -> _Final | None:
    """Return how all answers mark their results, or None where none does.

    Raises SuiteError where some do, and nobody has said how answers are compared.
    """
    for final in _FINALS:
        without = [row for row in drafts if any(final.result(a) is None for a in row.answers)]
        if not without:
            return final
        if metric is None and final.is_sure and len(without) < len(drafts):
            row = without[0].row
            raise SuiteError(
                f"{len(drafts) - len(without)} of {n_things(len(drafts), 'right answer')} "
                f"{plural(len(drafts) - len(without), 'is', 'are')} "
                f"{final.description}, "
                f"and others, such as that of {row.where}, have none; leave those out, or say "
                "--target-metric f1 (in a plan, target: {metric: f1}) to compare all words",
                id="target.no-final",
            )
    return None


def _are_numbers(drafts: Sequence[ParsedRow]) -> bool:
    """Return whether all answers are numbers, as the metric `numeric` takes them."""
    try:
        for draft in drafts:
            for answer in draft.answers:
                SCORERS["numeric"].check(str(answer))
    except ValueError:
        return False
    return True


def _mapped(draft: ParsedRow, change: Callable[[Value, ParsedRow], Value]) -> ParsedRow:
    return replace(draft, answers=tuple(change(answer, draft) for answer in draft.answers))


def _without_thought(answer: Value, draft: ParsedRow) -> Value:
    if not isinstance(answer, str) or "</think>" not in answer:
        return answer
    rest = _THOUGHT.sub("", answer, count=1)
    if not rest.strip():
        raise SuiteError(
            f"{draft.row.where}: the right answer is reasoning alone (<think>…</think>), and "
            "nothing follows it; leave the row out, or name a column with --target-answer",
            id="target.no-answer",
        )
    return rest


def _marked(answer: Value) -> str | None:
    match = _FINAL.search(answer) if isinstance(answer, str) else None
    return match and match[1]


def _boxed(answer: Value) -> str | None:
    """Return what the last box of TeX holds; braces inside of it come in pairs."""
    boxes = list(_BOX.finditer(answer)) if isinstance(answer, str) else []
    if not boxes:
        return None
    start = boxes[-1].end()
    depth = 1
    for match in _BRACE.finditer(str(answer), start):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return str(answer)[start : match.start()].strip() or None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Final:
    """How answers mark a result behind steps. `is_sure`: what bears the mark is never else."""

    description: str
    result: Callable[[Value], str | None]
    is_sure: bool = False


_FINALS = (
    _Final(description="what follows #### (GSM8K)", result=_marked),
    _Final(description="what \\boxed{…} holds (MATH)", result=_boxed, is_sure=True),
)
