"""The mean drop of all gating capabilities (`mean_margin`), at the looks that all of them had.

It is never taken over capabilities of which some were stopped because they held: their drops look
smaller than they are, and all of them together could lose the margin unseen. The schedule asks
everything that gates side by side until the mean is decided; here looks count up to where it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from cliffguard.compare.counts import Gathered, shared_documents
from cliffguard.compare.evidence import n_effective_of
from cliffguard.compare.unjudged import counts
from cliffguard.core.comparisons import CapabilityComparison, MeanComparison
from cliffguard.core.errors import ConfigError
from cliffguard.core.settings import Policy, Ring
from cliffguard.stats.mean_margin import MeanTable, mean_evidence, mean_size

Measured = tuple[CapabilityComparison, Gathered]


def refuse_wide_mean(policy: Policy, rings: Sequence[tuple[str, Ring]]) -> None:
    """Raise ConfigError unless the margin on the mean is below that of all that gates.

    `rings` are of the capabilities that are measured; what the policy names beside them counts too.
    """
    margin = policy.mean_margin
    if margin is None:
        return
    named: list[tuple[str, Ring]] = [
        (name, "general") for name in policy.capabilities if name not in dict(rings)
    ]
    for name, ring in [*rings, *named]:
        width = policy.margin(name)
        if policy.role(name, ring) == "gating" and width <= margin:
            raise ConfigError(
                f"policy: mean_margin ({margin:g}) must be smaller than the margin of every gating "
                f"capability, and that of {name} is {width:g}; widen it, or leave mean_margin out",
                id="policy.mean-margin",
            )


def mean_of(
    gating: Sequence[Measured], policy: Policy, *, level: float | None, are_tied: bool
) -> MeanComparison | None:
    """Return the mean drop of what gates and counts, and the evidence that it is below its margin.

    None where the policy has no margin on it, something that gates was not measured, or there was
    no look at all of it yet. `are_tied` says that capabilities ask about the
    same documents. Items that could be losses count as such, as they do
    for HELD; the drop that is shown is that of scored ones.
    """
    margin = policy.mean_margin
    counted = [measured for measured in gating if counts(measured[0], policy)]
    if (
        margin is None
        or not counted
        or any(capability.evidence.drop is None for capability, _ in counted)
    ):
        return None
    at_looks = [_until(counted, number) for number in _common_looks(counted)]
    at_looks = [at_look for at_look in at_looks if all(items.scored for _, items in at_look)]
    if not at_looks:
        return None
    evidence = mean_evidence(
        [_table(at_look, margin, are_tied=are_tied) for at_look in at_looks],
        [mean_size([len(items.gating) for _, items in at_look]) for at_look in at_looks],
        n_planned=mean_size([items.n_planned for _, items in counted]),
        margin=margin,
        alpha=level or policy.first_level,
    )
    return MeanComparison(
        drop=fmean(fmean(pair.change for pair in items.scored) for _, items in at_looks[-1]),
        high=evidence.high,
        margin=margin,
        p_held=evidence.p_held,
        n_capabilities=len(counted),
        n_looks=len(at_looks),
        level=level,
    )


def _common_looks(counted: Sequence[Measured]) -> list[int]:
    """Return the looks at which every capability was asked more, or had been asked in full."""
    look_sets = [{pair.look for pair in items.gating} for _, items in counted]
    return [
        number
        for number in sorted(set().union(*look_sets))
        if all(
            number in looks or (capability.is_finished and number > max(looks))
            for looks, (capability, _) in zip(look_sets, counted, strict=True)
        )
    ]


def _until(counted: Sequence[Measured], number: int) -> list[Measured]:
    return [
        (capability, replace(items, gating=tuple(p for p in items.gating if p.look <= number)))
        for capability, items in counted
    ]


def _table(measured: Sequence[Measured], margin: float, *, are_tied: bool) -> MeanTable:
    kept = [[p for p in items.gating if p.is_scored or p.is_lost] for _, items in measured]
    changes = [np.array([pair.worst_change for pair in pairs]) for pairs in kept]
    covariance = 0.0
    if are_tied:
        shared = shared_documents(
            [(capability.capability, items) for capability, items in measured]
        )
        # As in the test of all together: a negative covariance in a sample is mostly chance.
        covariance = max(0.0, 2 * sum(link.covariance for link in shared)) / len(measured) ** 2
    return MeanTable(
        np.array([change.mean() for change in changes]),
        np.array([(change**2).mean() for change in changes]),
        np.array([n_effective_of(pairs) for pairs in kept]),
        margin=margin,
        is_graded=np.array([any(pair.is_graded for pair in pairs) for pairs in kept]),
        covariance=covariance,
    )
