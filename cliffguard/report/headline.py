"""The numbers under a verdict: what was lost and gained, and what a PASS may have lost."""

from __future__ import annotations

from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Policy
from cliffguard.core.texts import first_and_more
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.page import Page

_N_NAMED = 3


def headline_numbers(page: Page) -> tuple[tuple[str, str], ...]:
    """What failed the gate by how much, and what the target gained, with their intervals."""
    lost = [
        f"{row.capability} {row.drop} {row.interval}"
        for row in page.rows
        if row.finding.outcome is Outcome.REGRESSED and row.is_gating and row.evidence is not None
    ]
    gains = [
        f"{row.capability} {row.gain} {row.gain_interval}"
        for row in page.targets
        if row.evidence is not None and row.evidence.drop is not None
    ]
    named = {"drop": first_and_more(lost, _N_NAMED), "gain": first_and_more(gains, _N_NAMED)}
    if row := largest_within(page):
        named = {
            "largest drop": f"{row.capability} {row.drop} {row.interval} of margin {row.margin}",
            **named,
        }
    return tuple((label, text) for label, text in named.items() if text)


def largest_within(page: Page) -> CapabilityRow | None:
    """What lost most under a PASS under which a drop is proven, of one or of all together."""
    verdict, policy = page.review.verdict, page.review.plan.policy or Policy()
    gating = [
        row
        for row in page.rows
        if row.is_gating
        and row.finding.counts
        and row.finding.behaviour is None
        and row.evidence
        and row.evidence.drop
    ]
    p_values = [row.finding.p_regressed for row in gating]
    proven = [
        row for row, p in zip(gating, p_values, strict=True) if p is not None and p <= policy.alpha
    ]
    if verdict.pooled is not None and verdict.pooled.has_dropped:
        proven = gating
    if page.outcome is not Outcome.PASS or not proven:
        return None
    return max(proven, key=lambda row: (row.evidence and row.evidence.drop) or 0.0)
