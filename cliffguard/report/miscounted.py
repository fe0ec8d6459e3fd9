"""What in a diagnosis that was read from a file contradicts itself, or the review around it."""

from __future__ import annotations

from cliffguard.core.diagnosis import CapabilityDiagnosis
from cliffguard.core.reviews import Review


def miscounted(review: Review) -> str | None:
    """Return the dotted key of the first contradiction with what it is; None where there is none.

    Reports divide by these counts, and add them up.
    """
    if review.diagnosis is None:
        return None
    known = {each.capability for each in review.comparison.capabilities}
    known |= {each.capability for each in review.verdict.findings}
    names: set[str] = set()
    for number, each in enumerate(review.diagnosis.capabilities):
        why = _why(each, names, known)
        if why is not None:
            return f"diagnosis.capabilities.{number}: {why}"
        names.add(each.capability)
    return None


def _why(each: CapabilityDiagnosis, before: set[str], known: set[str]) -> str | None:
    """Return the first that holds of what may not."""
    counts = [cause.n_items for cause in each.causes]
    is_more = (
        min(each.n_broken, each.n_fixed, *counts) < 0 or each.n_broken + each.n_fixed > each.n_items
    )
    wrong: dict[str, bool] = {
        "the comparison has no such capability": each.capability not in known,
        "stands there twice": each.capability in before,
        "broken and fixed are more than n_items": is_more,
        "n_items is less than one": each.n_items < 1,
        "causes do not add up to n_broken": sum(counts) != each.n_broken or 0 in counts,
        "a part has more items than the whole": not _holds(each),
    }
    return next((what for what, is_so in wrong.items() if is_so), None)


def _holds(each: CapabilityDiagnosis) -> bool:
    causes = (cause.n_items <= cause.n_among <= each.n_broken for cause in each.causes)
    patterns = (
        0 <= row.n_broken <= row.n_items <= each.n_items and row.n_items > 0
        for row in each.patterns
    )
    return all(causes) and all(patterns)
