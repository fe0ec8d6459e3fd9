"""The adapter scale of a rescue that is judged, chosen by what the selection half shows.

The rule, for scales above 0 (which is the base). It looks for the scale that is likely to PASS on
the other half, which is as large, and says nothing about an error rate: the judged half answers
for that, whatever is chosen here.

1. *Out* is a scale that FAILs on the selection half, or of which something that PASS takes a proof
   of is estimated on the wrong side: a drop at its margin or beyond, a gain that is not above the
   demanded one, a mean drop at its margin. At a drop of the margin, half of the estimates lie
   below it and one proof in twenty errs: such a scale would be INCONCLUSIVE at best.
2. *Sure* is a scale that PASSes on the selection half under the whole policy, with every proof at
   `SURE`. Of these the one with the largest gain of the target; where nothing is a target, the
   largest scale, which keeps most of the fine-tune.
3. Where none is sure, the one whose least proof is the nearest: with the smallest of the largest
   p-values, and where these are alike (a target in few clusters proves nothing at any scale), of
   the next largest.

reports/rescue compares the rule with others. The largest gain of all that pass at alpha is larger
and passes less often: such a scale passes on the other half about every second time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cliffguard.compare.write_review import Decision
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.errors import UsageError
from cliffguard.core.rescues import Fitness, ScalePoint
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import in_points

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
SURE = 0.005
"""A p-value on one half at which the other half, as large, proves the same at 5 % three times of
four: 2.58 standard errors, of which the other half may have 1.41 less or more, against 1.64."""

MOST_BETWEEN = 5
"""Scales between 0 and 1: half of the items for each, and half for the one that is judged, are then
at most 1.5 times what a check asks, which is all of them on both sides."""


def read_grid(text: str) -> tuple[float, ...]:
    """Return the scales that a person wrote, 0 and 1 among them, rising, each once.

    Raises UsageError for what is no number, lies outside of 0 to 1, is none or too many.
    """
    try:
        scales = [float(part) for part in text.split(",")]
    except ValueError:
        raise _bad_grid(text, "is no list of numbers; write it as 0.25,0.5,0.75") from None
    return checked_grid(scales)


_LEAST_SCALE = 0.001  # bfloat16 has three digits: less of an adapter is lost beside the weights


def checked_grid(scales: Sequence[float]) -> tuple[float, ...]:
    """Return scales with 0 and 1 among them, rising, each once. Raises UsageError."""
    text = ",".join(f"{scale:g}" for scale in scales)
    if not all(0.0 <= scale <= 1.0 for scale in scales):  # NaN is no scale either
        raise _bad_grid(text, "has a scale outside of 0 to 1; 0 is the base, 1 the candidate")
    grid = tuple(sorted({0.0, *(abs(scale) for scale in scales), 1.0}))
    if grid[1] < _LEAST_SCALE:
        raise _bad_grid(
            text, f"has a scale below {_LEAST_SCALE:g}, which rounds to the base; leave it out"
        )
    if len(grid) == 2:
        raise _bad_grid(text, "has no scale between 0 and 1, and those two are known; add some")
    if len(grid) - 2 > MOST_BETWEEN:
        raise _bad_grid(
            text, f"has more than {MOST_BETWEEN} scales between 0 and 1, which costs more than it "
            "tells; leave some out"
        )  # fmt: skip
    return grid


def _bad_grid(text: str, what: str) -> UsageError:
    return UsageError(f"--grid {text}: {what}", id="rescue.grid")


def base_point(*, has_target: bool) -> ScalePoint:
    """Return scale 0, the base itself: it has lost nothing and gained nothing."""
    return ScalePoint(
        scale=0.0,
        worst=None,
        drop=0.0,
        margin=None,
        gain=0.0 if has_target else None,
        p_values=(),
        fitness="out",
        reason="the base itself",
    )


def point_of(scale: float, decision: Decision) -> ScalePoint:
    """Return what a scale comes to on the selection half."""
    rows = {row.capability: row for row in decision.comparison.capabilities}
    roles = {
        finding.capability: finding.role
        for finding in decision.verdict.findings
        if finding.role != "monitored" and finding.counts
    }
    required = [row for name, row in rows.items() if name in roles]
    gating = [row for row in required if roles[row.capability] == "gating"]
    worst = max(gating, key=_beyond, default=None)
    # Of several targets the least gain: PASS takes a proof of each.
    losses = [row.evidence.drop for row in rows.values() if row.ring == "target"]
    mean = decision.comparison.mean
    p_values = [row.evidence.p_held for row in required] + ([mean.p_held] if mean else [])
    fitness, reason = _fitness(decision, required)
    if absent := sorted(roles.keys() - rows):  # the policy demands what no suite measures
        fitness, reason = "out", f"{absent[0]} is not measured"
    return ScalePoint(
        scale=scale,
        worst=None if worst is None else worst.capability,
        drop=None if worst is None else worst.evidence.drop,
        margin=None if worst is None else worst.evidence.margin,
        gain=least_gain(losses),
        p_values=tuple(sorted((1.0 if p is None else p for p in p_values), reverse=True)),
        fitness=fitness,
        reason=reason,
    )


def chosen_point(points: Sequence[ScalePoint]) -> ScalePoint | None:
    """Return the scale to judge, None where every one is out; the module says the rule."""
    sure = [
        point
        for point in points
        if point.fitness == "passes" and max(point.p_values, default=1.0) <= SURE
    ]
    if sure and all(point.gain is not None for point in sure):
        return max(sure, key=lambda point: (point.gain or 0.0, -point.scale))
    if sure:
        return max(sure, key=lambda point: point.scale)
    return min(
        (point for point in points if point.fitness != "out"),
        key=lambda point: (point.p_values, -point.scale),
        default=None,
    )


def least_gain(losses: Sequence[float | None]) -> float | None:
    """Return the least gain of the targets, None where there is none or one is not measured."""
    known = [loss for loss in losses if loss is not None]
    return -max(known) if known and len(known) == len(losses) else None


def _beyond(row: CapabilityComparison) -> float:
    """Return by how much a drop is above its margin; what nobody measured is worst."""
    return math.inf if row.evidence.drop is None else row.evidence.drop - row.evidence.margin


def _fitness(decision: Decision, required: Sequence[CapabilityComparison]) -> tuple[Fitness, str]:
    for row in required:
        if row.evidence.drop is None:
            return "out", f"{row.capability} is not measured"
        if row.evidence.drop >= row.evidence.margin:
            return "out", _wrong_side(row)
    mean = decision.comparison.mean
    if mean is not None and mean.drop >= mean.margin:
        return "out", f"the mean drop of {_points(mean.drop)} is not below {_points(mean.margin)}"
    outcome = decision.verdict.outcome
    if outcome is Outcome.FAIL:
        return "out", decision.verdict.sentence
    return ("passes", "") if outcome is Outcome.PASS else ("open", decision.verdict.sentence)


def _wrong_side(row: CapabilityComparison) -> str:
    assert row.evidence.drop is not None
    if row.ring == "target":
        gain, demanded = _points(-row.evidence.drop), _points(-row.evidence.margin)
        return f"{row.capability}: a gain of {gain}, not above {demanded}"
    drop, margin = _points(row.evidence.drop), _points(row.evidence.margin)
    return f"{row.capability}: a drop of {drop}, margin {margin}"


def _points(share: float) -> str:
    return in_points(round(share, 3) + 0.0)
