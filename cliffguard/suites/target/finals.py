"""Answers that carry more than what is right: reasoning before it, or the steps to a result."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError
from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.target.cells import Value
from cliffguard.suites.target.drafts import RowDraft

_MATCHES = (None, "numeric", "exact_match", "normalized_match")
"""Metrics under which the steps to a result could never be matched."""

_PATTERNS = ("regex", "excludes", "constraints")
_FINAL = re.compile(r"(?:^|\n)\s*####[ \t]*(\S[^\n]*?)\s*\Z")
_THOUGHT = re.compile(r"\A\s*(?:<think>)?(?:(?!<think>).)*?</think>\s*", re.DOTALL)

_MARK = re.compile(r"<think>|<(?:thinking|reasoning|thought)>|\[THINK\]|<\|channel\|>|◁think▷")
"""Where models begin to reason; only <think>…</think> is taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finals:
    """Drafts with what is right alone as their answers, and caveats on what was taken away.

    `metric` is the one that suits what is left, where that is plain.
    """

    drafts: tuple[RowDraft, ...]
    told: tuple[Caveat, ...]
    metric: str | None


def final_answers(drafts: Sequence[RowDraft], metric: str | None) -> Finals:
    """Return the drafts without what no answer could be matched with under a metric.

    `<think>…</think>` goes before any metric but patterns, as it does from a model's answer.
    GSM8K's steps go where all answers end in `#### RESULT` and the metric compares the whole.
    """
    told = []
    kept = list(drafts)
    if metric not in _PATTERNS:
        kept = [_mapped(one, _without_thought) for one in drafts]
        n_thought = sum(
            one.answers != other.answers for one, other in zip(kept, drafts, strict=True)
        )
        if n_thought:
            text = (
                f"{n_thought} of {len(drafts)} right answers begin with <think>…</think>, which is "
                "no part of them: ask with --think-end '</think>', so that it is none of the "
                "model's either."
            )
            told.append(Caveat(id="target.thought-taken-away", text=text))
    texts = [a for one in kept for a in one.answers if isinstance(a, str)]
    if marks := [match[0] for text in texts if (match := _MARK.search(text))]:
        n = f"{len(marks)} of {len(drafts)}"
        text = f"{n} right answers hold {marks[0]} as part of the answer."
        told.append(Caveat(id="target.thought-kept", text=text))
    suits = None
    if metric in _MATCHES and all(_has_final(a) for one in kept for a in one.answers):
        kept = [_mapped(one, _final) for one in kept]
        text = "The right answers are what follows #### (GSM8K); the steps before it are not."
        told.append(Caveat(id="target.steps-taken-away", text=text))
        suits = "numeric" if _are_numbers(kept) else None
    return Finals(drafts=tuple(kept), told=tuple(told), metric=suits)


def _are_numbers(drafts: Sequence[RowDraft]) -> bool:
    """Say whether all answers are numbers, as the metric `numeric` takes them."""
    try:
        for one in drafts:
            for answer in one.answers:
                SCORERS["numeric"].check(str(answer))
    except ValueError:
        return False
    return True


def _mapped(one: RowDraft, change: Callable[[Value, RowDraft], Value]) -> RowDraft:
    return replace(one, answers=tuple(change(answer, one) for answer in one.answers))


def _without_thought(answer: Value, one: RowDraft) -> Value:
    if not isinstance(answer, str) or "</think>" not in answer:
        return answer
    rest = _THOUGHT.sub("", answer, count=1)
    if not rest.strip():
        raise SuiteError(
            f"{one.row.place}: the right answer is reasoning alone (<think>…</think>), and nothing "
            "follows it; leave the row out, or name a column with --target-answer",
            id="target.no-answer",
        )
    return rest


def _has_final(answer: Value) -> bool:
    return isinstance(answer, str) and _FINAL.search(answer) is not None


def _final(answer: Value, _: RowDraft) -> Value:
    match = _FINAL.search(str(answer))
    assert match is not None, "the caller has asked _has_final"
    return match[1]
