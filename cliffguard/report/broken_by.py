"""Causes and patterns as a command line names them: what a review has, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliffguard.core.diagnosis import CAUSES, CapabilityDiagnosis, CauseName
from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.reviews import Review
from cliffguard.core.texts import first_and_more
from cliffguard.report.clean import one_line
from cliffguard.report.wording import flag_word

_MOST_KEYS = 20

_TESTED_BY: Mapping[CauseName, CauseName] = {"lost": "suppressed"}
"""Probes look for one of these and leave the other: without them neither is known of any item."""


def known_cause(word: str, review: Review, capability: str | None) -> CauseName:
    """Return the cause of that name. `capability` None: of any.

    Raises UsageError for a word that is none, for a review without causes, and for a cause that was
    tested nowhere: a list of nothing would say that no item has it.
    """
    by_word = {flag_word(cause): cause for cause in CAUSES}
    if word not in by_word:
        raise UsageError(
            f"--cause {word}: no cause is called that{nearest(word, by_word)} (causes are "
            f"{', '.join(by_word)})",
            id="flips.no-cause",
        )
    cause = by_word[word]
    capabilities = _diagnosed("--cause", review, capability)
    reasons = [
        untested.why
        for each in capabilities
        for untested in each.untested
        if untested.cause == _TESTED_BY.get(cause, cause)
    ]
    if reasons and len(reasons) == len(capabilities):
        why = one_line("; ".join(dict.fromkeys(reasons)))
        raise UsageError(
            f"--cause {word}: was not tested here: {why}; choose another cause",
            id="flips.untested-cause",
        )
    return cause


def known_pattern(key: str, review: Review, capability: str | None) -> str:
    """Return the key of a pattern that the review has. Raises UsageError, with those it has."""
    keys = [
        pattern.key
        for each in _diagnosed("--pattern", review, capability)
        for pattern in each.patterns
    ]
    if key not in keys:
        listed = first_and_more([one_line(each) for each in dict.fromkeys(keys)], _MOST_KEYS)
        raise UsageError(
            f"--pattern {one_line(key)}: the review has none of that key{nearest(key, keys)} "
            f"(it has {listed or 'none'})",
            id="flips.no-pattern",
        )
    return key


def _diagnosed(
    option: str, review: Review, capability: str | None
) -> Sequence[CapabilityDiagnosis]:
    """Return what was found of the capability, or of all. Raises UsageError where nobody looked."""
    if review.diagnosis is None:
        raise UsageError(
            f"{option}: the review does not say why items broke, as those of earlier versions do "
            "not; run the comparison again with --out, which asks nothing that is stored",
            id="flips.no-diagnosis",
        )
    every = review.diagnosis.capabilities
    return [each for each in every if capability in (None, each.capability)]
