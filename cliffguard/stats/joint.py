"""Alpha for selection among several candidates on the same items (joint distribution).

A bad candidate has lost the margin in at least one capability, and passes only if the test of that
capability errs. Nobody knows which one it is, and every candidate may have lost another. So one
critical value from within a capability, where near twins err together, lets too many through; and
one that holds in the worst case is alpha over the number of candidates, or nearly so.

What can be gained lies in the closed test (Marcus, Peritz and Gabriel 1976). Suppose that the bad
candidates have lost g different capabilities. Spend alpha / g on each, and let u be the level at
which, of all candidates in one capability, any errs with that chance; the candidates' changes being
correlated, u lies above alpha over g and their number. With probability 1 - alpha no bad candidate
has a p-value of u or less where it lost. Then one bad candidate for each of the g capabilities is
a matching of size g in the table of p-values above u. Where the table has none, there are not g
lost capabilities, or the test has erred; where it has one, nobody passes with a p-value above u.
So each capability's level is the least u over the numbers g for which there is a matching.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cliffguard.stats.interval import check_open_fraction
from cliffguard.stats.sequential import HELD_SPENDING, boundaries

FloatArray = NDArray[np.float64]

_N_PATHS = 20_000
_SEED = 0
_N_LEVELS = 33  # that are tried between alpha over the candidates and alpha
_IMAGINED = 2.0  # changed items of each candidate that no other one shares


@dataclass(frozen=True, slots=True)
class Together:
    """How the candidates' tests of one capability hang together.

    Attributes
    ----------
    correlation : FloatArray or None
        Of the candidates' changes, shape (K, K). None: not known, they may err one by one.
    looks : tuple of int
        Items that count at each planned look, strictly rising.
    """

    correlation: FloatArray | None
    looks: tuple[int, ...]


def correlation_of(changes: FloatArray) -> FloatArray:
    """Correlation between candidates' changes on the same items.

    Parameters
    ----------
    changes : FloatArray
        Shape (K, n).

    Returns
    -------
    FloatArray
        Shape (K, K), drawn towards independence by two imagined changes of each candidate alone:
        few changes that happen to be shared are no proof that the next ones will be.
    """
    centred = changes - changes.mean(axis=1, keepdims=True)
    products = centred @ centred.T
    scale = np.sqrt(np.diag(products) + _IMAGINED)
    correlation = products / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)


def joint_levels(
    p_values: FloatArray, together: Sequence[Together], *, alpha: float, n_paths: int = _N_PATHS
) -> FloatArray:
    """Level at which each of the proofs may be given, to whichever candidate.

    Parameters
    ----------
    p_values : FloatArray
        Shape (K, J): of each candidate and each proof that PASS takes, the p-value (over the looks
        so far) of "this was lost"; 1 where it is not known.
    together : sequence of Together
        Of each of the J proofs.
    alpha : float
        Chance that any candidate passes that has lost something, strictly between 0 and 1/2.

    Returns
    -------
    FloatArray
        Shape (J,), each between ``alpha / K`` and `alpha`. A candidate passes where its p-values
        are at most these.

    Notes
    -----
    The tests of one capability are taken to be jointly normal over candidates and looks, with the
    correlation of the changes between candidates and of partial sums between looks. Nothing is
    supposed of how capabilities hang together.

    References
    ----------
    Marcus, Peritz and Gabriel (1976), Biometrika 63:655-660; Westfall and Young (1993),
    Resampling-Based Multiple Testing, chapter 2.
    """
    check_open_fraction("alpha", alpha)
    n_candidates, n_proofs = p_values.shape
    levels = np.geomspace(alpha / n_candidates, alpha, _N_LEVELS)
    errs = [_any_errs(proof, levels, n_candidates, n_paths) for proof in together]
    allowed = np.full(n_proofs, alpha)
    for g in range(1, min(n_candidates, n_proofs) + 1):
        # Alpha over the candidates holds in any case.
        indices = [np.searchsorted(err, alpha / g, side="right") - 1 for err in errs]
        places = np.maximum(np.array(indices), 0)
        if g == 1 or _largest_matching(p_values > levels[places]) >= g:
            allowed = np.minimum(allowed, levels[places])
    return allowed


def _any_errs(proof: Together, levels: FloatArray, n_candidates: int, n_paths: int) -> FloatArray:
    """Return the chance that any of the candidates errs in a capability, by level."""
    if proof.correlation is None:
        return n_candidates * levels
    largest = _paths(proof, n_paths)
    crosses = [
        (largest >= boundaries(proof.looks, n_planned=proof.looks[-1], alpha=level,
                               spending=HELD_SPENDING)).any(axis=1).mean()
        for level in levels
    ]  # fmt: skip
    return np.minimum(np.maximum.accumulate(crosses), n_candidates * levels)


def _paths(proof: Together, n_paths: int) -> FloatArray:
    """Return the largest statistic of any candidate by path and look, each on its margin."""
    assert proof.correlation is not None
    values, vectors = np.linalg.eigh(proof.correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    root /= np.sqrt((root**2).sum(axis=1, keepdims=True))  # unit variance, whatever was cut off
    rng = np.random.default_rng(_SEED)
    score = np.zeros((n_paths, len(root)))
    largest, before = [], 0
    for n in proof.looks:
        score += math.sqrt(n - before) * (rng.standard_normal(score.shape) @ root.T)
        largest.append(score.max(axis=1) / math.sqrt(n))
        before = n
    return np.stack(largest, axis=1)


def _largest_matching(edges: NDArray[np.bool_]) -> int:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    return int((maximum_bipartite_matching(csr_matrix(edges)) >= 0).sum())
