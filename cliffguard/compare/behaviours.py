"""How the generated answers of all that gates are given: a comparison a behaviour.

Each is compared as a capability is, and judged in the same family: an answer's score is 1 where it
does not show the behaviour, so that a rise of the share is a drop of the mean. Of the length the
ratio of mean tokens is tested (`cliffguard.stats.lengths`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from cliffguard.compare.case import Case
from cliffguard.compare.clusters import with_groups, without_copies
from cliffguard.compare.counts import Gathered
from cliffguard.compare.diagnostics.shown import SHOWN, sides_of
from cliffguard.compare.evidence import (
    Hypothesis,
    by_cluster,
    evidence_of,
    grouping_of,
    mean_score,
)
from cliffguard.compare.pairs import Pair, by_task
from cliffguard.compare.strata import LEAST_ITEMS
from cliffguard.core.answers import Answer
from cliffguard.core.behaviours import Behaviour, finding_name
from cliffguard.core.comparisons import CapabilityComparison, CapabilityCounts, CapabilityEvidence
from cliffguard.core.diagnostics import Diagnostics, StratumComparison
from cliffguard.core.reviews import SAMPLES
from cliffguard.core.settings import Policy, Ring
from cliffguard.evaluate.ledger import Level
from cliffguard.evaluate.looks import Look
from cliffguard.stats.evidence import Evidence
from cliffguard.stats.lengths import Lengths, length_evidence

UNKNOWN_LIMIT = 2048
"""Tokens up to which an answer counts where nobody says how long it may be."""

_UNANSWERED = ("overlong", "missing")
_AT_LIMIT = ("length", "thinking")
_MOST_UNCOUNTED = 0.05  # of what a side says, without a number of tokens, before none is believed
_LEAST_TOKENS = 0.5  # of the base's answers on average, for a length to be relative to

Rows = Sequence[tuple[str, Ring, Gathered]]
"""Capabilities by name and ring, with their answers."""


def compare_behaviours(
    rows: Rows, case: Case, look: Look, level: Level | None
) -> tuple[CapabilityComparison, ...]:
    """Return what the policy's behaviours come to, over all generated answers of what gates.

    `level` is what this run may spend of alpha on all that gates together (None: as a first run).
    """
    if not case.policy.behaviour:
        return ()
    return tuple(
        _compared(behaviour, _generated(behaviour, rows, case, look), case.policy, level)
        for behaviour in case.policy.behaviour
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Generated:
    """The generated answers that count, by pair; `n_left` more are planned and were not asked.

    Of answers longer than `limit` tokens so many count.
    """

    pairs: tuple[Pair, ...]
    n_left: int
    limit: int


def _generated(behaviour: Behaviour, rows: Rows, case: Case, look: Look) -> _Generated:
    """Return what tells a behaviour; where refusing is the skill that is measured it is none."""
    names = {
        name
        for name, ring, _ in rows
        if case.policy.role(name, ring) == "gating" and (behaviour != "refuses" or ring != "safety")
    }
    pairs = [
        pair
        for name, _, items in rows
        if name in names
        for pair in items.rows
        if pair.gates and "choice" not in _endings(pair)
    ]
    # Of a task of choices whose answers are missing nobody generated anything.
    tasks = {pair.task.name for pair in pairs if not set(_endings(pair)) <= set(_UNANSWERED)}
    pairs = [pair for pair in pairs if pair.task.name in tasks]
    # And of one that was not begun only its items tell.
    tasks |= {
        s.task.name
        for s in look
        if s.task.capability in names
        and not s.n_counted
        and any(not item.choices and s.task.gates(item) for item in s.planned)
    }
    most = None if case.protocol is None else case.protocol.max_tokens
    limits = {most or pair.task.max_tokens or UNKNOWN_LIMIT for pair in pairs}
    return _Generated(
        pairs=tuple(pairs),
        n_left=sum(s.n_planned - s.n_counted for s in look if s.task.name in tasks),
        limit=max(limits, default=UNKNOWN_LIMIT),
    )


def _endings(pair: Pair) -> tuple[str, str]:
    return pair.base.finish_reason, pair.candidate.finish_reason


# --- scores --------------------------------------------------------------------------------------


def _scored(behaviour: Behaviour, answers: _Generated) -> list[Pair]:
    """Return the answers with what they show in place of their scores, a question once.

    A length is a share of the limit.
    """
    pairs = [
        replace(
            pair,
            base=replace(pair.base, score=_score(behaviour, pair, 0, answers.limit)),
            candidate=replace(pair.candidate, score=_score(behaviour, pair, 1, answers.limit)),
            unreadable=(False, False),
        )
        for pair in answers.pairs
    ]
    return without_copies(with_groups(pairs))


def _score(behaviour: Behaviour, pair: Pair, side: int, limit: int) -> float | None:
    answer = sides_of(pair)[side]
    if answer.finish_reason in _UNANSWERED:
        return None
    if behaviour == "length":
        return None if _is_uncounted(answer) else min(1.0, answer.n_answer_tokens / limit)
    return 1.0 - SHOWN[behaviour](pair, side)


def _is_known(behaviour: Behaviour, gating: Sequence[Pair], limit: int) -> bool:
    """Return whether the behaviour is known of these answers.

    What lm-eval logged has neither numbers of tokens nor how an answer ended, and of its text only
    what a filter read. Lengths take both sides' numbers of tokens, and a base that says something.
    """
    scored = [pair for pair in gating if pair.is_scored]
    if any(pair.task.suite == SAMPLES for pair in scored):
        return False
    if behaviour != "length":
        return True
    for side in zip(*map(sides_of, gating), strict=True):
        if sum(map(_is_uncounted, side)) > _MOST_UNCOUNTED * sum(map(_says_something, side)):
            return False
    return bool(scored) and limit * mean_score(pair.base for pair in scored) >= _LEAST_TOKENS


def _says_something(answer: Answer) -> bool:
    has_any = bool(answer.text.strip()) or answer.finish_reason in _AT_LIMIT
    return has_any and answer.finish_reason not in _UNANSWERED


def _is_uncounted(answer: Answer) -> bool:
    """Return whether nobody counted the tokens of what was said: 0 of them is no length."""
    return not answer.n_answer_tokens and _says_something(answer)


# --- evidence ------------------------------------------------------------------------------------


def _compared(
    behaviour: Behaviour, answers: _Generated, policy: Policy, level: Level | None
) -> CapabilityComparison:
    gating = _scored(behaviour, answers)
    scored = [pair for pair in gating if pair.is_scored]
    is_known = _is_known(behaviour, gating, answers.limit)
    grouping = grouping_of(scored)
    is_share = behaviour != "length"
    evidence = None
    if scored and is_known:
        evidence = _evidence(behaviour, gating, scored, answers, policy, level)
    return CapabilityComparison(
        capability=finding_name(behaviour),
        suite="",
        ring="general",
        counts=CapabilityCounts(
            n_planned=len(gating) + answers.n_left,
            n_asked=len(gating),
            n_looks=1,
            n_items=len(scored) if is_known else 0,
            n_unscored=sum(not pair.is_scored if is_known else _lacks(pair) for pair in gating),
            n_lost=sum(pair.is_lost for pair in gating) if is_known else 0,
            n_broken=sum(pair.is_broken for pair in scored) if is_share and is_known else 0,
            n_fixed=sum(pair.is_fixed for pair in scored) if is_share and is_known else 0,
            n_copies=len(answers.pairs) - len(gating),
            n_missing_base=sum(pair.base.finish_reason in _UNANSWERED for pair in gating),
            n_missing_candidate=sum(pair.candidate.finish_reason in _UNANSWERED for pair in gating),
            n_cut_base=0 if is_share else _n_at_limit(gating, 0),
            n_cut_candidate=0 if is_share else _n_at_limit(gating, 1),
            n_clusters=None if grouping is None else grouping.n_clusters,
        ),
        evidence=evidence or _no_evidence(policy.margin(finding_name(behaviour)), level),
        diagnostics=Diagnostics(
            tasks=(),
            ladders=(),
            behaviour=None,
            strata=() if is_share or not is_known else _tasks_beyond(scored, answers, policy),
        ),
    )


def _tasks_beyond(
    scored: Sequence[Pair], answers: _Generated, policy: Policy
) -> tuple[StratumComparison, ...]:
    """Return the tasks whose mean length moved by more than the margin, of several.

    Long answers outweigh short ones in the mean of all. It is said, and not tested.
    """
    margin, tasks = policy.margin(finding_name("length")), by_task(scored)
    moved = []
    for rows in tasks if len(tasks) > 1 else ():
        base, candidate = (mean_score(sides_of(pair)[side] for pair in rows) for side in (0, 1))
        if len(rows) < LEAST_ITEMS or answers.limit * base < _LEAST_TOKENS:
            continue
        if (change := abs(candidate / base - 1.0)) > margin:
            moved.append(
                StratumComparison(
                    kind="task",
                    name=rows[0].task.name,
                    n_planned=len(rows),
                    n_asked=len(rows),
                    n_items=len(rows),
                    base_mean=1.0,
                    candidate_mean=candidate / base,
                    drop=change,
                    margin=margin,
                    p_beyond=None,
                    why="lengths are judged over all tasks together",
                )
            )
    return tuple(moved)


def _lacks(pair: Pair) -> bool:
    return any(ending in _UNANSWERED for ending in _endings(pair))


def _n_at_limit(pairs: Sequence[Pair], side: int) -> int:
    """Return how many answers of a side the limit ended: how long they would be is not known."""
    return sum(_endings(pair)[side] in _AT_LIMIT for pair in pairs)


def _evidence(
    behaviour: Behaviour,
    gating: Sequence[Pair],
    scored: Sequence[Pair],
    answers: _Generated,
    policy: Policy,
    level: Level | None,
) -> CapabilityEvidence:
    """Return the evidence of one look at all that is planned; before that nothing is proven."""
    hypothesis = Hypothesis(
        n_planned=len(gating),
        margin=policy.margin(finding_name(behaviour)),
        gain=None,
        relative=None,
        is_graded=any(pair.is_graded for pair in gating),
        about_suite=False,
        alpha=(level.now if level is not None else 0.0) or policy.first_level,
    )
    base, candidate = (mean_score(sides_of(pair)[side] for pair in scored) for side in (0, 1))
    drop, square = base - candidate, fmean(pair.change**2 for pair in scored)
    if behaviour == "length":
        square /= base**2
        base, candidate = 1.0, candidate / base
        drop = abs(candidate - 1.0)
    evidence = _tested(behaviour, gating, hypothesis)
    grouping = grouping_of(scored)
    known = replace(
        _no_evidence(hypothesis.margin, level),
        n_effective=len(scored) / (1.0 if grouping is None else grouping.design_effect),
        n_effective_clusters=None if grouping is None else grouping.n_effective_clusters,
        square=square,
        base_mean=base,
        candidate_mean=candidate,
        drop=drop,
    )
    if answers.n_left:
        return replace(known, p_held=1.0, p_drop=1.0, p_beyond=1.0)
    return replace(
        known,
        drop_interval=evidence.interval,
        p_held=evidence.p_held,
        p_drop=evidence.p_dropped,
        p_beyond=evidence.p_beyond,
        method=evidence.method,
    )


def _no_evidence(margin: float, level: Level | None) -> CapabilityEvidence:
    return CapabilityEvidence(
        n_effective=0.0,
        square=0.0,
        base_mean=None,
        candidate_mean=None,
        drop=None,
        drop_interval=None,
        margin=margin,
        p_held=None,
        p_drop=None,
        p_beyond=None,
        method="",
        level=None if level is None else level.now,
        next_level=None if level is None else level.next,
    )


def _tested(behaviour: Behaviour, gating: Sequence[Pair], hypothesis: Hypothesis) -> Evidence:
    # All in one look, whatever number it was: what generates is asked in full at the first.
    gating = [replace(pair, look=0) for pair in gating]
    if behaviour != "length":
        return evidence_of(gating, hypothesis)
    # Where one side has no answer it is as long, or as short, as could be; of neither nothing is.
    pairs = [pair for pair in gating if any(a.score is not None for a in sides_of(pair))]
    return length_evidence(
        _lengths([pair for pair in pairs if pair.is_scored], ()),
        _lengths(pairs, (0.0, 1.0)),
        _lengths(pairs, (1.0, 0.0)),
        margin=hypothesis.margin,
        alpha=hypothesis.alpha,
    )


def _lengths(pairs: Sequence[Pair], missing: Sequence[float]) -> Lengths:
    """Return the lengths of both sides, of clusters their means; `missing` are those of no answer.

    By side, the base's first.
    """
    sides = [
        [missing[n] if (score := sides_of(pair)[n].score) is None else score for pair in pairs]
        for n in (0, 1)
    ]
    if grouping_of(pairs) is None:
        return Lengths(np.array(sides[0]), np.array(sides[1]))
    groups = [list(by_cluster(pairs, values).values()) for values in sides]
    sizes = np.array([len(group) for group in groups[0]], dtype=float)
    means = [np.array([fmean(group) for group in side]) for side in groups]
    return Lengths(means[0], means[1], sizes / sizes.max())
