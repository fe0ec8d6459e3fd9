"""What to do about findings that are open: a step for all that lack the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from cliffguard.compare.refusals import clusters_needed
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Policy
from cliffguard.core.texts import first_and_more, n_things, plural
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.page import Page

_N_NAMED = 3  # of a step; the table has all of them, and why

Rows = Sequence[CapabilityRow]


class _Lack(NamedTuple):
    """What rows lack, and the step for those that lack it."""

    lacks: Callable[[CapabilityRow], bool]
    step: Callable[[Rows], str]


def open_steps(page: Page, rows: Rows) -> list[str]:
    """Return a step for each kind of what is open, in the order of the first row of each.

    Of what was not measured each reason is a kind of its own.
    """
    kinds = _kinds(page)
    groups: dict[tuple[int, str], list[CapabilityRow]] = {}
    for row in rows:
        if row.finding.outcome in (Outcome.INCONCLUSIVE, Outcome.NOT_MEASURED):
            kind = next(n for n, kind in enumerate(kinds) if kind.lacks(row))
            reason = row.reason if _is_unmeasured(row) else ""
            groups.setdefault((kind, reason), []).append(row)
    return [kinds[kind].step(group) for (kind, _), group in groups.items()]


def _kinds(page: Page) -> tuple[_Lack, ...]:
    """Return what an open row may lack: the first that fits is what it is told."""
    of = "samples" if page.is_of_samples else "answers"
    policy = page.review.plan.policy or Policy()
    return (
        _Lack(lambda row: _is_unnamed(row, page), _name_a_metric),
        _Lack(lambda row: _is_unmeasured(row) and row.finding.counts, _measure),
        _Lack(_is_unmeasured, _ask_otherwise),
        _Lack(_has_nothing_to_lose, _open_for_its_reason),
        _Lack(_was_ended, _ask_them_all),
        _Lack(_has_no_alpha, _no_further_run),
        _Lack(partial(_lacks_clusters, policy=policy), partial(_more_clusters, policy=policy)),
        _Lack(_is_incomplete, partial(_complete, of=of)),
        _Lack(lambda row: True, _more_items),
    )


# --- what was not measured -----------------------------------------------------------------------


def _is_unmeasured(row: CapabilityRow) -> bool:
    return row.finding.outcome is Outcome.NOT_MEASURED


def _is_unnamed(row: CapabilityRow, page: Page) -> bool:
    return _is_unmeasured(row) and row.comparison is None and page.is_of_samples


def _name_a_metric(rows: Rows) -> str:
    return (
        f"Name a `metric` of {_names(rows)} that is a score an item in the policy, measure "
        f"{plural(len(rows), 'it', 'them')} on both sides, or leave "
        f"{plural(len(rows), 'it', 'them')} out of the policy: {_reason(rows)}."
    )


def _measure(rows: Rows) -> str:
    return f"Measure {_names(rows)}: {_reason(rows)}."


def _ask_otherwise(rows: Rows) -> str:
    items = "items that this base can answer"
    if any(row.evidence is not None and row.evidence.is_surface for row in rows):
        items = "items that do not give the answer away by how they look"
    return f"Ask {_names(rows)} by {items}: {_reason(rows)}."


# --- what is not decided -------------------------------------------------------------------------


def _has_nothing_to_lose(row: CapabilityRow) -> bool:
    capability = row.comparison
    return capability is not None and capability.cannot_fail and capability.is_finished


def _open_for_its_reason(rows: Rows) -> str:
    return f"{_names(rows)} {plural(len(rows), 'is', 'are')} open: {_reason(rows)}."


def _was_ended(row: CapabilityRow) -> bool:
    counts = row.comparison.counts if row.comparison else None
    return counts is not None and counts.n_asked < counts.n_planned


def _ask_them_all(rows: Rows) -> str:
    counts = [capability.counts for capability in _measured(rows)]
    return (
        f"{_names(rows)} {plural(len(rows), 'is', 'are')} open: "
        f"{sum(each.n_asked for each in counts):,} of "
        f"{sum(each.n_planned for each in counts):,} planned items "
        "were asked before the run ended; --no-early-stop asks them all."
    )


def _has_no_alpha(row: CapabilityRow) -> bool:
    evidence = row.evidence
    return evidence is not None and 0.0 in (evidence.level, evidence.next_level)


def _no_further_run(rows: Rows) -> str:
    return f"No further run can decide {_names(rows)}: nothing of alpha is left for one."


def _lacks_clusters(row: CapabilityRow, policy: Policy) -> bool:
    return row.comparison is not None and clusters_needed(row.comparison, policy) is not None


def _more_clusters(rows: Rows, policy: Policy) -> str:
    """Say how many clusters there are and how many it takes: more items of these add little."""
    has = [_clusters(capability, policy) for capability in _measured(rows)]
    names = first_and_more(
        [f"{row.capability} ({words})" for row, words in zip(rows, has, strict=True)], _N_NAMED
    )
    return f"Add clusters of items, not items of the same ones, to {names}."


def _clusters(capability: CapabilityComparison, policy: Policy) -> str:
    has = math.floor(capability.evidence.n_effective_clusters or 0.0)
    return f"worth {has:,}, HELD takes {clusters_needed(capability, policy):,}"


def _is_incomplete(row: CapabilityRow) -> bool:
    counts = row.comparison.counts if row.comparison else None
    return counts is not None and counts.n_unscored > 0 and not row.finding.n_items_needed


def _complete(rows: Rows, of: str) -> str:
    """Say whose answers are incomplete: more items would lack as many."""
    counts = [capability.counts for capability in _measured(rows)]
    sides = {
        "base": any(each.n_missing_base for each in counts),
        "candidate": any(each.n_missing_candidate for each in counts),
    }
    whose = " and the ".join(f"{side}'s" for side, n in sides.items() if n)
    return (
        f"Complete the {whose} {of} of {_names(rows)}: "
        f"{sum(each.n_unscored for each in counts):,} of "
        f"{n_things(sum(each.n_asked for each in counts), 'item', ',')} have none of one side."
    )


def _more_items(rows: Rows) -> str:
    """Say of which capabilities, the worst first, and how many items would decide each."""
    names = [
        f"{row.capability} (about {row.finding.n_items_needed:,} would decide)"
        if row.finding.n_items_needed
        else row.capability
        for row in rows
    ]
    many = plural(len(rows), "capability", "capabilities")
    n = f"{len(rows):,} {many}, first of " if len(rows) > _N_NAMED else ""
    return (
        f"Measure more items of {n}{', '.join(names[:_N_NAMED])}: raise or drop the limit, or add "
        "items to the suite."
    )


# --- words ---------------------------------------------------------------------------------------


def _measured(rows: Rows) -> list[CapabilityComparison]:
    return [row.comparison for row in rows if row.comparison is not None]


def _names(rows: Rows) -> str:
    return first_and_more([row.capability for row in rows], _N_NAMED)


def _reason(rows: Rows) -> str:
    """Return the reason that rows share, else where each one's stands."""
    reasons = {row.reason for row in rows}
    return reasons.pop() if len(reasons) == 1 else "why stands at each in the table"
