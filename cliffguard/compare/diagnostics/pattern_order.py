"""In which order patterns are shown: each that says something of its own before what repeats it.

A candidate that lost the items with long answers has lost those of the answer "library", too, and
twelve classes that say so hide the place of the right answer. So among what is found, first come
slices and pulls, the surest first and of equally sure ones pulls, where pulls to several words are
one pattern, as are several classes and several clusters; then *overconfident*, which is of all
items and says little of which; then the members of those patterns, each by itself, and the slices
that echo surer ones; then, at most five, what is not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.pull import Pull
from cliffguard.compare.diagnostics.pulls import GENERATED
from cliffguard.compare.diagnostics.slices import RIGHT_IS, THE_CLUSTER, Slice
from cliffguard.compare.diagnostics.traits import Trait
from cliffguard.core.diagnosis import Pattern
from cliffguard.core.texts import first_and_more
from cliffguard.stats.slice_tests import more_inside_p_value

N_BESIDE = 5
"""Patterns of a capability that are shown though they are not found."""

MOST_BESIDE = 0.1
"""The largest p-value, before any adjustment, of what is shown and not found."""

_ECHO = 0.05  # a slice that loses more than surer ones explain has at most this p-value
_N_NAMES = 5  # of several patterns that are shown as one
_PREFIXES = {"class": RIGHT_IS, "cluster": THE_CLUSTER}
"""What the names of a family of slices begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """A pattern that was tried, and what it is a pattern of."""

    pattern: Pattern
    part: Slice | Pull


def in_order(
    rows: Sequence[Screened], changes: NDArray[np.float64], clusters: NDArray[np.int64]
) -> list[Screened]:
    """Return what is shown of a capability's patterns, in the order of this module's first words.

    `changes` are the drops of its items and `clusters` their numbers, of shape (n_items,). Of
    equal p-values the larger effect is first.
    """
    rows = sorted(rows, key=_sureness)
    proven = [row for row in rows if row.pattern.is_found]
    echoes = _echoes(proven, changes, clusters)
    families: dict[str, list[Screened]] = {}
    for row in proven:
        families.setdefault("echo" if id(row) in echoes else _family(row), []).append(row)
    first, later = families.pop("", []), families.pop("echo", [])
    general = families.pop("overconfident", [])
    for family, members in families.items():
        if len(members) > 1:
            first.append(_together(family, members, changes))
            later += members
        else:
            first += members
    beside = [row for row in rows if not row.pattern.is_found]
    beside = [row for row in beside if row.pattern.p_value <= MOST_BESIDE][:N_BESIDE]
    return [*sorted(first, key=_sureness), *general, *sorted(later, key=_sureness), *beside]


def _family(row: Screened) -> str:
    """Return what several of its kind are shown as; empty: each by itself."""
    if isinstance(row.part, Pull):
        return "word" if row.part.is_word else row.pattern.kind.replace("pull", "")
    return row.pattern.kind if row.pattern.kind in _PREFIXES else ""


def _sureness(row: Screened) -> tuple[float, bool, float, str]:
    """Return what to sort by: p-value; then what is said before where it stands; then effect.

    Of two choices the same items show both, and the effect of one is no measure of the other's.
    """
    pattern = row.pattern
    is_slice = isinstance(row.part, Slice)
    return pattern.p_value, is_slice, pattern.outside - pattern.inside, pattern.key


def _together(family: str, members: Sequence[Screened], changes: NDArray[np.float64]) -> Screened:
    """Return several patterns as one, as sure as the surest of them."""
    prefix, kind = _PREFIXES.get(family, ""), members[0].pattern.kind
    names = first_and_more([row.part.trait.name.removeprefix(prefix) for row in members], _N_NAMES)
    is_generated = all(row.part.trait.key.startswith(GENERATED) for row in members)
    stem = GENERATED if is_generated else kind
    trait = Trait(kind, f"{stem}:several", f"{prefix}{names}", True)
    part = members[0].part
    if isinstance(part, Pull):
        pulls = [row.part for row in members if isinstance(row.part, Pull)]
        whole: Slice | Pull = Pull(
            trait=trait,
            offered=np.any([pull.offered for pull in pulls], axis=0),
            base=np.any([pull.base for pull in pulls], axis=0),
            candidate=np.any([pull.candidate for pull in pulls], axis=0),
            noise=pulls[0].noise,
        )
    else:
        whole = Slice(trait=trait, inside=np.any([row.part.members for row in members], axis=0))
    pattern = replace(members[0].pattern, **trait.labels(), **whole.counts(changes))
    return Screened(pattern=pattern, part=whole)


def _echoes(
    proven: Sequence[Screened], changes: NDArray[np.float64], clusters: NDArray[np.int64]
) -> set[int]:
    """Return the ids of slices that lose no more than surer slices and pulls explain.

    What surer slices explain are the mean drops of the items that lie in the same of them; what a
    surer pull explains are the items in which the candidate says it.
    """
    echoes: set[int] = set()
    pulls: list[Pull] = []
    strata = np.zeros(len(changes), dtype=np.int64)
    for row in proven:
        if isinstance(row.part, Pull):
            pulls += [row.part] if row.pattern.kind == "pull" else []
            continue
        inside = row.part.inside
        means = np.bincount(strata, weights=changes) / np.maximum(1, np.bincount(strata))
        is_echo = strata.any() and _is_even(changes - means[strata], inside, clusters)
        if is_echo or any(_is_told_by(pull, changes, inside, clusters) for pull in pulls):
            echoes.add(id(row))
            continue
        _, strata = np.unique(2 * strata + inside, return_inverse=True)
    return echoes


def _is_told_by(
    pull: Pull,
    changes: NDArray[np.float64],
    inside: NDArray[np.bool_],
    clusters: NDArray[np.int64],
) -> bool:
    """Return whether without what the candidate says by a pull a slice loses no more."""
    rest = ~pull.candidate
    if not (inside & rest).any() or not (~inside & rest).any():
        return True
    return _is_even(changes[rest], inside[rest], clusters[rest])


def _is_even(
    changes: NDArray[np.float64], inside: NDArray[np.bool_], clusters: NDArray[np.int64]
) -> bool:
    return more_inside_p_value(changes, inside, clusters) > _ECHO
