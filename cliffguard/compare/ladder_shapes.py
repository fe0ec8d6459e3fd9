"""Which shape the drop has along every ladder, and where it begins or ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cliffguard.core.comparisons import CapabilityComparison, Comparison
from cliffguard.core.diagnostics import Ladder, LevelComparison
from cliffguard.core.reviews import LadderFinding
from cliffguard.core.settings import Policy
from cliffguard.evaluate.alpha_shares import at_alpha
from cliffguard.stats.ladder_shapes import Shape, shape_of
from cliffguard.stats.multiplicity import holm


def shapes_of(comparison: Comparison, policy: Policy) -> dict[tuple[str, str], LadderFinding]:
    """Return the shape of every ladder by capability and task; whether it differs, by Holm."""
    ladders = [
        (capability, ladder)
        for capability in comparison.capabilities
        for ladder in capability.diagnostics.ladders
    ]
    adjusted = holm([ladder.fall.p_differs if ladder.fall else 1.0 for _, ladder in ladders])
    return {
        (capability.capability, ladder.task): _shape(capability, ladder, p_differs, policy)
        for (capability, ladder), p_differs in zip(ladders, adjusted, strict=True)
    }


def _shape(
    capability: CapabilityComparison, ladder: Ladder, p_differs: float, policy: Policy
) -> LadderFinding:
    evidence = capability.evidence
    fall, levels = ladder.fall, ladder.gating
    margin = evidence.margin if evidence.margin > 0.0 else policy.margin(capability.capability)
    has_dropped = at_alpha(evidence.p_drop, capability, policy) <= policy.alpha
    shape: Shape = "uniform" if has_dropped else "level"
    worse: Sequence[LevelComparison] = ()
    is_early = False
    if fall is not None:
        shape = shape_of(
            fall, p_differs=p_differs, margin=margin, alpha=policy.alpha, has_dropped=has_dropped
        )
        is_early = fall.eases
        if shape not in ("level", "uniform") and fall.drop_where_worse > margin:
            worse = levels[: fall.cut] if is_early else levels[fall.cut :]
    has_edge = bool(worse) and not is_early
    return LadderFinding(
        task=ladder.task,
        level_name=ladder.level_name,
        shape=shape,
        edge=worse[0].level if has_edge else None,
        edges=tuple(levels[cut].level for cut in fall.cuts) if fall and has_edge else (),
        base_mean=_mean_over(worse, lambda level: level.base_mean),
        candidate_mean=_mean_over(worse, lambda level: level.candidate_mean),
        p_differs=p_differs,
        p_abrupt=fall.p_abrupt if fall is not None else None,
        until=worse[-1].level if worse and is_early else None,
    )


def _mean_over(
    levels: Sequence[LevelComparison], mean: Callable[[LevelComparison], float]
) -> float | None:
    """Return the mean over the items of these levels; None without a level."""
    n_items = sum(level.n_items for level in levels)
    return sum(mean(level) * level.n_items for level in levels) / n_items if levels else None
