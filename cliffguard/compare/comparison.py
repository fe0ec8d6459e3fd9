"""Two sets of answers to the same items → a comparison. Statistics; nothing is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from statistics import fmean

from cliffguard.compare.clusters import question_of, tied_by, without_copies
from cliffguard.compare.counts import Gathered, gather, remarks, shared_documents, unknown_chance
from cliffguard.compare.diagnostics.classes import classes_of
from cliffguard.compare.diagnostics.responses import behaviour_of
from cliffguard.compare.evidence import (
    Question,
    by_cluster,
    counts_of,
    evidence_of,
    grouping_of,
    mean_score,
    p_of_part,
    readable_of,
    uncut_of,
)
from cliffguard.compare.mean_margin import mean_of
from cliffguard.compare.pairs import Pair, by_task, counted
from cliffguard.compare.strata import compared, strata_of
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import (
    CapabilityComparison,
    ClassesComparison,
    Comparison,
    Ladder,
    LevelComparison,
    Shared,
    StratumComparison,
    TaskComparison,
)
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.reviews import SAMPLES
from cliffguard.core.settings import Policy, Role
from cliffguard.evaluate.ledger import TOGETHER, Level
from cliffguard.evaluate.schedule import Look
from cliffguard.stats.graded import mean_interval
from cliffguard.stats.interval import Interval, wilson_interval
from cliffguard.stats.ladder_shapes import Fall
from cliffguard.stats.onset import find_fall, half_level
from cliffguard.stats.paired import PairedCounts, tango_interval


def compare(
    pairs: Sequence[Pair],
    *,
    look: Look,
    base: Checkpoint,
    candidate: Checkpoint,
    suites: Sequence[Suite],
    policy: Policy,
    levels: Mapping[str, Level] | None = None,
    repeats: int | None = 1,
) -> Comparison:
    """Return the paired statistics of every capability of the suites, in their order.

    Intervals are two-sided at 1 - 2 alpha, so that each end is a one-sided test at alpha: what this
    run may spend of it, by `levels` (None: as a first run). Of the policy only what was asked
    enters: margins, alpha, the estimand. `repeats` is how often each item was answered, a score
    being the mean; None where nothing is known beforehand, and the scores themselves say whether
    they are graded.
    """
    levels = levels or {}
    by_capability: dict[str, list[Pair]] = {}
    for pair in tied_by(policy, map(counted, pairs)):
        by_capability.setdefault(pair.task.capability, []).append(pair)
    planned, excluded = _planned(look)
    graded = frozenset(
        series.task.capability
        for series in look
        if repeats is not None and series.task.is_graded(repeats)
    )
    gathered = [
        gather(
            by_capability.get(capability.name, []),
            margin=_level_margin(policy, capability.name),
            n_planned=planned[capability.name],
            stands_alone=policy.estimand == "suite",
        )
        for suite in suites
        for capability in suite.capabilities
    ]
    found = tuple(
        _capability(
            suite,
            capability,
            items,
            look=look,
            n_excluded=excluded[capability.name],
            is_graded=capability.name in graded,
            policy=policy,
            level=levels.get(capability.name),
        )
        for (suite, capability), items in zip(
            ((suite, one) for suite in suites for one in suite.capabilities), gathered, strict=True
        )
    )
    gating = [
        (one, items)
        for one, items in zip(found, gathered, strict=True)
        if policy.role(one.capability, one.ring) == "gating"
    ]
    shared: tuple[Shared, ...] = ()
    if policy.estimand != "suite":
        shared = shared_documents([(one.capability, items) for one, items in gating])
    pooled_level = levels[TOGETHER].now if TOGETHER in levels else None
    return Comparison(
        base=base,
        candidate=candidate,
        confidence=_confidence(policy),
        capabilities=found,
        caveats=(
            *base.notes,
            *candidate.notes,
            *unknown_chance(gathered),
            *(remark for one in zip(found, gathered, strict=True) for remark in remarks(*one)),
        ),
        shared=shared,
        pooled_level=pooled_level,
        mean=mean_of(
            gating,
            policy,
            level=gating[0][0].level if len(gating) == 1 else pooled_level,
            are_tied=bool(shared),
        ),
    )


def _level_margin(policy: Policy, capability: str) -> float:
    """Return how much beyond guessing a level has to show; of a relative margin, anything."""
    own = policy.capabilities.get(capability)
    is_relative = own is not None and own.relative_margin is not None
    return 0.0 if is_relative else policy.margin(capability)


def _confidence(policy: Policy) -> float:
    return 1.0 - 2.0 * policy.first_level


def _planned(look: Look) -> tuple[Counter[str], Counter[str]]:
    """Return how many questions gate in every capability, and how many items it excludes."""
    questions: dict[str, set[Hashable]] = {}
    excluded: Counter[str] = Counter()
    for series in look:
        name = series.task.capability
        gating = [item for item in series.planned if series.task.gates(item)]
        if series.task.suite != SAMPLES:  # of which all that there is was asked
            questions.setdefault(name, set()).update(map(question_of, gating))
        excluded[name] += sum(map(series.task.would_gate, series.planned)) - len(gating)
    return Counter({name: len(own) for name, own in questions.items()}), excluded


def _capability(
    suite: Suite,
    capability: Capability,
    items: Gathered,
    *,
    look: Look,
    n_excluded: int,
    is_graded: bool,
    policy: Policy,
    level: Level | None,
) -> CapabilityComparison:
    gating, scored = items.gating, items.scored
    role = policy.role(capability.name, capability.ring)
    gain = policy.target.min_gain if role == "target" and policy.target is not None else None
    margin = policy.margin(capability.name) if gain is None else -gain
    is_graded = is_graded or any(pair.is_graded for pair in gating)
    own = policy.capabilities.get(capability.name)
    relative = None if own is None or gain is not None else own.relative_margin
    if relative is not None:
        margin = relative * items.skill
    question = Question(
        n_planned=items.n_planned,
        margin=margin,
        gain=gain,
        relative=relative,
        is_graded=is_graded,
        about_suite=policy.estimand == "suite",
        # Where nothing is left nothing is decided, and an interval is that of a first run.
        alpha=(level.now if level is not None else 0.0) or policy.first_level,
    )
    evidence = evidence_of(gating, question) if scored else None
    grouping = grouping_of(scored)
    design_effect = 1.0 if grouping is None else grouping.design_effect
    return CapabilityComparison(
        capability=capability.name,
        suite=suite.name,
        ring=capability.ring,
        n_planned=items.n_planned,
        n_asked=len(gating),
        n_looks=len({pair.look for pair in gating}),
        n_items=len(scored),
        n_unscored=len(gating) - len(scored),
        n_lost=sum(pair.is_lost for pair in gating),
        n_broken=sum(pair.is_broken for pair in scored),
        n_fixed=sum(pair.is_fixed for pair in scored),
        n_effective=len(scored) / design_effect,
        square=fmean(pair.change**2 for pair in scored) if scored else 0.0,
        base_mean=mean_score(pair.base for pair in scored) if scored else None,
        candidate_mean=mean_score(pair.candidate for pair in scored) if scored else None,
        drop=fmean(pair.change for pair in scored) if scored else None,
        drop_interval=evidence.interval if evidence else None,
        margin=margin,
        p_held=evidence.p_held if evidence else None,
        p_drop=evidence.p_dropped if evidence else None,
        p_beyond=evidence.p_beyond if evidence else None,
        method=evidence.method if evidence else "",
        tasks=tuple(_task(rows[0].task, without_copies(rows)) for rows in by_task(items.rows)),
        ladders=tuple(
            _ladder(rows[0].task, without_copies(rows), _confidence(policy))
            for rows in by_task(items.rows)
            if rows[0].task.level is not None and any(row.is_scored for row in rows)
        ),
        behaviour=behaviour_of(
            [(pair.base, pair.candidate) for pair in gating], confidence=_confidence(policy)
        ),
        n_excluded=n_excluded,
        classes=_classes(scored),
        uncut=uncut_of(gating, question) if scored else None,
        n_copies=items.n_copies,
        n_missing_base=sum(pair.base.is_missing for pair in gating),
        n_missing_candidate=sum(pair.candidate.is_missing for pair in gating),
        n_unreadable_base=sum(pair.unreadable[0] for pair in gating),
        n_unreadable_candidate=sum(pair.unreadable[1] for pair in gating),
        readable=readable_of(gating, question) if scored else None,
        n_cut_base=sum(pair.base.is_cut for pair in gating),
        chance=items.chance,
        skill=items.skill if items.answered else None,
        n_clusters=None if grouping is None else grouping.n_clusters,
        n_effective_clusters=None if grouping is None else grouping.n_effective_clusters,
        n_empty=items.n_empty,
        n_in_all=_in_all(look, capability.name),
        strata=_strata(
            items,
            look,
            capability.name,
            role,
            whole=margin,
            is_graded=is_graded,
            policy=policy,
        ),
        level=None if level is None else level.now,
        next_level=None if level is None else level.next,
    )


def _strata(
    items: Gathered,
    look: Look,
    capability: str,
    role: Role,
    *,
    whole: float,
    is_graded: bool,
    policy: Policy,
) -> tuple[StratumComparison, ...]:
    """Return the parts in which a cliff could hide, of what can fail the gate."""
    if role == "monitored" or policy.estimand == "suite":
        return ()
    own = policy.capabilities.get(capability)
    margin = policy.stratum_margin(capability, role, margin=whole)
    p_beyond = partial(p_of_part, is_graded=is_graded, alpha=policy.first_level)
    found = strata_of(items.counted, look, capability, None if own is None else own.strata)
    return tuple(compared(stratum, margin, p_beyond) for stratum in found)


def _in_all(look: Look, capability: str) -> int | None:
    """Return how many items there would be without a limit of one side; None without one."""
    own = [series.task for series in look if series.task.capability == capability]
    if all(task.n_in_all is None for task in own):
        return None
    return sum(len(task.items) if task.n_in_all is None else task.n_in_all for task in own)


# --- tasks and ladders ----------------------------------------------------------------------------


def _task(task: Task, pairs: Sequence[Pair]) -> TaskComparison:
    scored = [pair for pair in pairs if pair.is_scored]
    return TaskComparison(
        task=task.name,
        metric=task.metric or "",
        chance=task.chance,
        n_items=len(scored),
        n_unscored=len(pairs) - len(scored),
        n_truncated_base=sum(pair.base.is_cut for pair in pairs),
        n_truncated_candidate=sum(pair.candidate.is_cut for pair in pairs),
        base_mean=mean_score(pair.base for pair in scored) if scored else None,
        candidate_mean=mean_score(pair.candidate for pair in scored) if scored else None,
        finish_base=dict(Counter(pair.base.finish_reason for pair in pairs)),
        finish_candidate=dict(Counter(pair.candidate.finish_reason for pair in pairs)),
        lower_is_better=bool(task.lower_is_better),
    )


def _ladder(task: Task, pairs: Sequence[Pair], confidence: float) -> Ladder:
    by_level: dict[int, list[Pair]] = {}
    for pair in pairs:
        assert pair.item.level is not None, "a task with a level field has it on every item"
        if pair.is_scored:
            by_level.setdefault(pair.item.level, []).append(pair)
    assert task.chance is not None, "a suite with levels says what guessing earns"
    rows = [by_level[level] for level in sorted(by_level)]
    levels = tuple(_level(row, confidence) for row in rows)
    places = [level.level for level in levels]
    base_means = [level.base_mean for level in levels]
    candidate_means = [level.candidate_mean for level in levels]
    return Ladder(
        task=task.name,
        level_name=task.level or "",
        chance=task.chance,
        levels=levels,
        fall=_fall([row for row in rows if row[0].gates], task.chance),
        base_half=half_level(base_means, places),
        candidate_half=half_level(candidate_means, places),
        base_area=fmean(base_means),
        candidate_area=fmean(candidate_means),
    )


def _classes(scored: Sequence[Pair]) -> tuple[ClassesComparison, ...]:
    found = (
        classes_of(rows[0].task.name, [(pair.item, pair.base, pair.candidate) for pair in rows])
        for rows in by_task(scored)
    )
    return tuple(one for one in found if one is not None)


def _fall(rows: Sequence[Sequence[Pair]], chance: float) -> Fall | None:
    """Return how the drop differs over the gating levels; within seeds that all levels share.

    Items of a cluster at one level stand or fall together, and count as one, by their mean.
    """
    if len(rows) < 2:
        return None
    levels = [by_cluster(row, row) for row in rows]
    is_blocked = all(level.keys() == levels[0].keys() for level in levels)
    names = [sorted(level, key=str) if is_blocked else list(level) for level in levels]
    ordered = [[level[name] for name in own] for level, own in zip(levels, names, strict=True)]
    changes = [[fmean(pair.change for pair in group) for group in level] for level in ordered]
    bases = [[mean_score(pair.base for pair in group) for group in level] for level in ordered]
    return find_fall(changes, bases, chance=chance, is_blocked=is_blocked)


def _level(scored: Sequence[Pair], confidence: float) -> LevelComparison:
    first = scored[0]
    assert first.item.level is not None
    counts = counts_of(scored)
    return LevelComparison(
        level=first.item.level,
        is_gating=first.gates,
        n_items=counts.n_items,
        n_broken=counts.n_broken,
        n_fixed=counts.n_fixed,
        base_mean=mean_score(pair.base for pair in scored),
        candidate_mean=mean_score(pair.candidate for pair in scored),
        base_interval=_wilson((pair.base for pair in scored), confidence),
        candidate_interval=_wilson((pair.candidate for pair in scored), confidence),
        drop=fmean(pair.change for pair in scored),
        drop_interval=_drop_interval(scored, counts, confidence),
    )


def _drop_interval(scored: Sequence[Pair], counts: PairedCounts, confidence: float) -> Interval:
    if any(pair.is_graded for pair in scored):
        return mean_interval([pair.change for pair in scored], confidence=confidence)
    return tango_interval(**counts._asdict(), confidence=confidence)


def _wilson(answers: Iterable[Answer], confidence: float) -> Interval:
    # Of graded scores it is wider than it need be: they vary less than right or wrong does.
    scores = [float(answer.score or 0.0) for answer in answers]
    return wilson_interval(n_right=sum(scores), n_items=len(scores), confidence=confidence)
