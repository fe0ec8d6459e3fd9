"""Weighted sums of exponential variables: the chance that one is positive (for Gaffke's bound).

It is the distribution function of a mean under random Dirichlet(1, …, 1) weights: such weights
are independent standard exponential variables over their sum, so that ``Σ w_j y_j > m`` says the
same as ``Σ (y_j - m) E_j > 0``. The textbook sum over partial fractions loses all its digits where
many coefficients are positive and nearly the same; the inversion integral here does not, and
costs a few dozen passes over the coefficients however small the chance is.

References
----------
Rice (1980), SIAM Journal on Scientific and Statistical Computing 1:438-448 (the contour through
the saddlepoint, by the trapezoidal rule). Weideman and Trefethen (2007), Mathematics of Computation
76:1341-1356 (hyperbolas). Nesterov and Nemirovskii (1994), Interior-Point Polynomial Algorithms in
Convex Programming (the damped Newton step).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_MOST_STEPS = 200  # of Newton's method; a dozen are usual
_NEAR_ENOUGH = 1e-2  # distance from the saddlepoint in widths of the integrand
_ANGLE = 0.37 * np.pi  # of the contour far out; steeper turns more, flatter nears singularities
_LARGEST_STEP = 0.12  # these two give the digits that tests/stats/test_exponentials.py checks
_NODES_A_WIDTH = 2.5
_SMALL = 0.1  # a coefficient times the width of the integrand
_LATE = 4.0  # in u; a normal curve ends at 3
_NEGLIGIBLE = 1e-16  # of the integrand at its peak
_N_NODES = 16  # evaluated at once
_FOLDS = 3  # factors are multiplied by eights before a logarithm is taken
_AT_ONCE = 1 << 15  # complex numbers that are held in memory, unless one node needs more


def positive_chance(coefficients: FloatArray) -> FloatArray:
    """Return P(Σ_j a_j E_j > 0) for independent standard exponential E_j, row by row.

    Parameters
    ----------
    coefficients : ndarray, shape (n_rows, n_coefficients)
        The a_j, finite. A row of zeros alone has the chance 1, as the hypothesis at its edge.

    Returns
    -------
    ndarray, shape (n_rows,)
        To eight significant digits or more, however small; above one half, to as many of its
        difference from 1. The same to the last digit for the same coefficients in the same order:
        sort them where it must not matter.

    Notes
    -----
    With ``K(s) = -Σ log(1 - a_j s)`` the chance is the integral of ``exp(K(s)) / (2πi s)`` upwards
    between 0 and ``1 / max a_j``. Through the minimum c of ``K(s) - log s`` no digits cancel: with
    ``b_j = a_j / (1 - a_j c)`` and ``b_0 = -1 / c`` it is ``exp(K(c)) / (2πi c)`` times the
    integral of ``Π_j 1 / (1 - b_j t)`` over t = s - c. Where few coefficients carry the variance,
    the product falls off slowly along the upright line, and turns while it does; so the contour
    bends to where it falls off exponentially. Above one half the chance of the opposite sum is
    taken from 1.
    """
    a = np.atleast_2d(np.asarray(coefficients, dtype=float))
    is_likely = a.sum(axis=1) > 0.0
    a = np.where(is_likely[:, None], -a, a)
    chance = np.zeros(len(a))
    is_open = a.max(axis=1) > 0.0  # else the sum is below zero for sure
    if is_open.any():
        chance[is_open] = _tail(a[is_open])
    chance = np.where(is_likely, 1.0 - chance, chance)
    return np.asarray(np.where((a == 0.0).all(axis=1), 1.0, chance))


def _tail(a: FloatArray) -> FloatArray:
    """Return the chance of rows with a sum of 0 or less and a positive coefficient."""
    point = _saddlepoint(a)
    b = np.concatenate([a / (1.0 - a * point), -1.0 / point], axis=1)
    log_peak = -np.log1p(-a * point).sum(axis=1) - np.log(np.pi * point[:, 0])
    return np.asarray(np.exp(log_peak) * _integral(b))


def _saddlepoint(a: FloatArray) -> FloatArray:
    """Return the minimum of ``K(s) - log s`` in every row, as a column.

    The function is self-concordant: a damped Newton step never leaves its domain, and converges
    from anywhere in it.
    """
    most = a.max(axis=1, keepdims=True)
    mean = a.sum(axis=1, keepdims=True)
    square = (a * a).sum(axis=1, keepdims=True)
    normal = (np.sqrt(mean * mean + 4.0 * square) - mean) / (2.0 * square)
    point = 1.0 / (1.0 / normal + most)
    for _ in range(_MOST_STEPS):
        b = a / (1.0 - a * point)
        slope = b.sum(axis=1, keepdims=True) - 1.0 / point
        root = np.sqrt((b * b).sum(axis=1, keepdims=True) + 1.0 / (point * point))
        decrement = slope / root
        if np.all(np.abs(decrement) < _NEAR_ENOUGH):
            break
        point = point - decrement / (root * (1.0 + np.abs(decrement)))
    return np.asarray(point)


def _integral(b: FloatArray) -> FloatArray:
    """Return the imaginary part of the integral of ``Π_j 1 / (1 - b_j t)`` from 0 up to infinity.

    All b_j sum to 0. Beyond a few widths of the integrand the large ones let it fall as a power
    of t, and the sum of the small ones as ``exp(t Σ b_j)`` does, in size if the contour bends away
    from them. Where that was misjudged the integrand ends late, and the other way is gone too. To
    the left is to the right for -b.
    """
    width = 1.0 / np.sqrt((b * b).sum(axis=1))
    small = np.where(np.abs(b) * width[:, None] < _SMALL, b, 0.0).sum(axis=1, keepdims=True)
    b = np.where(small > 0.0, -b, b)
    integral, end = _along_hyperbola(b, width)
    late = np.flatnonzero(end > _LATE)
    if len(late):
        other, other_end = _along_hyperbola(-b[late], width[late])
        integral[late] = np.where(other_end < end[late], other, integral[late])
    return integral


def _along_hyperbola(b: FloatArray, width: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the integral along a contour that bends to the right, and the u where it ends.

    By the trapezoidal rule in u, where ``t = r (cosh(u + iθ) - cos θ)``. The radius r keeps the
    singularities at ``1 / b_j`` off the strip in which the rule converges exponentially.
    """
    radius = np.minimum(-1.0 / b.min(axis=1), 2.0 / b.max(axis=1))
    step = np.minimum(_LARGEST_STEP, width / (_NODES_A_WIDTH * np.sin(_ANGLE) * radius))
    total = 0.5 * np.sin(_ANGLE) * radius
    end = np.zeros(len(b))
    b = np.pad(b, ((0, 0), (0, -b.shape[1] % (1 << _FOLDS))))
    n_nodes = max(1, min(_N_NODES, _AT_ONCE // b.shape[1]))
    n_rows = max(1, _AT_ONCE // (b.shape[1] * n_nodes))
    rows, first = np.arange(len(b)), 1
    while len(rows):
        open_rows = []
        for some in np.split(rows, range(n_rows, len(rows), n_rows)):
            turn = step[some, None] * np.arange(first, first + n_nodes) + 1j * _ANGLE
            t = radius[some, None] * (np.cosh(turn) - np.cos(_ANGLE))
            with np.errstate(over="ignore", invalid="ignore"):  # bent the wrong way
                part = np.exp(-_log_product(1.0 - b[some, None, :] * t[:, :, None]))
                part = part * radius[some, None] * np.sinh(turn)
            total[some] += part.imag.sum(axis=1)
            counts = ~(np.abs(part) <= _NEGLIGIBLE * radius[some, None])
            end[some] = np.where(counts, turn.real, end[some, None]).max(axis=1)
            open_rows.append(some[counts[:, -1] & np.isfinite(total[some])])
        rows = np.concatenate(open_rows)
        first += n_nodes
    return total * step, np.where(np.isfinite(total), end, np.inf)


def _log_product(factors: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the logarithm of the product over the last axis, whose length eight divides."""
    for _ in range(_FOLDS):
        half = factors.shape[-1] // 2
        factors = factors[..., :half] * factors[..., half:]
    return np.asarray(np.log(factors).sum(axis=-1))
