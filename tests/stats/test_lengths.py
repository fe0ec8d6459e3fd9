"""The ratio of mean lengths: errors in hostile settings, what moves it, where its interval ends."""

from __future__ import annotations

import numpy as np
import pytest

from cliffguard.stats.evidence import Evidence
from cliffguard.stats.lengths import Lengths, length_evidence
from cliffguard.stats.paired import non_inferiority_p

ALPHA = 0.05
MARGIN = 0.10
_N_POPULATION = 200_000


def evidence_of(base: object, candidate: object, weights: object = None) -> Evidence:
    """Return the evidence on answers that both sides gave."""
    made = None if weights is None else np.asarray(weights, dtype=float)
    seen = Lengths(np.asarray(base, dtype=float), np.asarray(candidate, dtype=float), made)
    return length_evidence(seen, seen, seen, margin=MARGIN, alpha=ALPHA)


def test_answers_of_one_length_hold() -> None:
    """Three hundred pairs that differ by little: both directions are excluded."""
    base = np.linspace(0.2, 0.6, 300)

    evidence = evidence_of(base, 1.01 * base)

    assert evidence.p_held < 0.001
    assert evidence.p_beyond == 1.0
    assert 0.0 < evidence.interval.high < MARGIN


@pytest.mark.parametrize("factor", [1.43, 0.57])
def test_answers_that_are_longer_or_shorter_do_not(factor: float) -> None:
    """A change is above 0 whichever way it goes, and its interval lies beyond the margin."""
    base = np.linspace(0.2, 0.6, 300)

    evidence = evidence_of(base, factor * base)

    assert evidence.p_held == pytest.approx(1.0, abs=1e-6)
    assert evidence.p_dropped < 1e-6
    assert evidence.p_beyond < 1e-6
    assert MARGIN < evidence.interval.low < 0.43 < evidence.interval.high


def test_the_order_of_answers_changes_no_digit() -> None:
    """Nor does it with weights, which move along."""
    rng = np.random.default_rng(3)
    base, candidate = rng.uniform(0, 1, (2, 40))
    weights = rng.choice([0.25, 0.5, 1.0], 40)
    order = rng.permutation(40)

    there = evidence_of(base, candidate, weights)

    assert there == evidence_of(base[order], candidate[order], weights[order])


def test_the_interval_ends_where_its_tests_turn() -> None:
    """Each end is a one-sided test at alpha; what is held lies inside the margin."""
    rng = np.random.default_rng(4)
    base = rng.uniform(0, 1, 60)
    seen = Lengths(base, np.clip(base * rng.uniform(0.9, 1.5, 60), 0, 1))

    interval = length_evidence(seen, seen, seen, margin=MARGIN, alpha=ALPHA).interval

    assert seen.ratio > 1.0
    assert seen.p_at_least(1 + interval.high) == pytest.approx(ALPHA, rel=1e-6)
    assert seen.p_at_most(1 + interval.low) == pytest.approx(ALPHA, rel=1e-6)


def test_what_was_not_answered_counts_both_ways() -> None:
    """As the longest answer against "longer", as none against "shorter"."""
    base = np.full(200, 0.3)
    seen = Lengths(base, base)
    longest = Lengths(np.full(212, 0.3), np.append(base, np.ones(12)))
    shortest = Lengths(np.full(212, 0.3), np.append(base, np.zeros(12)))

    whole = length_evidence(seen, seen, seen, margin=MARGIN, alpha=ALPHA)
    less = length_evidence(seen, longest, shortest, margin=MARGIN, alpha=ALPHA)

    assert whole.p_held < ALPHA < less.p_held
    assert less.p_dropped == whole.p_dropped


def test_a_few_answers_prove_nothing() -> None:
    """One that the limit allows would undo it."""
    evidence = evidence_of([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])

    assert evidence.p_held > 0.5
    assert evidence.interval.low == pytest.approx(-1.0, abs=0.8)


# --- errors ---------------------------------------------------------------------------------------


def lengths_of(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the lengths of a population of pairs in shares of the limit, before any change."""
    noise = rng.normal(size=(3, _N_POPULATION))
    shared = 0.8 * noise[0]
    if kind == "few long":  # nearly all of one length, and one in a hundred at the limit
        base, candidate = np.where(rng.uniform(size=(2, _N_POPULATION)) < 0.01, 1.0, 0.02)
        return base, candidate
    if kind == "ties":  # labels of one token or two
        return rng.choice([1 / 16, 2 / 16], (2, _N_POPULATION))
    middle = {"log-normal": 0.05, "half cut": 1.0}[kind]
    base, candidate = (middle * np.exp(1.5 * (shared + 0.6 * own_noise)) for own_noise in noise[1:])
    return base, candidate


def at_ratio(base: np.ndarray, candidate: np.ndarray, ratio: float) -> np.ndarray:
    """Return the candidate's lengths, scaled until the ratio of the clipped means is `ratio`."""
    goal, low, high = ratio * np.minimum(base, 1.0).mean(), 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        is_short = np.minimum(middle * candidate, 1.0).mean() < goal
        low, high = (middle, high) if is_short else (low, middle)
    return np.minimum(high * candidate, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize("kind", ["log-normal", "half cut", "few long", "ties"])
def test_errors_stay_below_alpha(kind: str, n: int) -> None:
    """At the margin itself, longer or shorter, *held* errs in at most alpha; so does *changed*."""
    rng = np.random.default_rng([n, len(kind)])
    raw_base, raw_candidate = lengths_of(kind, rng)
    base, n_runs, errors = np.minimum(raw_base, 1.0), 600, {}
    for ratio in (1 + MARGIN, 1 - MARGIN, 1.0):
        candidate = at_ratio(raw_base, raw_candidate, ratio)
        picks = rng.integers(0, _N_POPULATION, (n_runs, n))
        p_values = []
        for pick in picks:
            seen = Lengths(base[pick], candidate[pick])
            if ratio == 1.0:
                p_values.append(2 * min(seen.p_at_most(1.0), seen.p_at_least(1.0)))
            else:
                is_held = max(seen.p_at_least(1 + MARGIN), seen.p_at_most(1 - MARGIN))
                is_beyond = 2 * min(seen.p_at_most(1 + MARGIN), seen.p_at_least(1 - MARGIN))
                p_values.append(is_held)
                errors[f"beyond {ratio}"] = errors.get(f"beyond {ratio}", 0) + (is_beyond <= ALPHA)
        errors[f"at {ratio}"] = sum(p <= ALPHA for p in p_values)

    assert max(errors.values()) <= most_errors(n_runs), errors


@pytest.mark.slow
@pytest.mark.parametrize("n_clusters", [25, 80])
def test_errors_stay_below_alpha_on_clusters(n_clusters: int) -> None:
    """Of one to eight answers, all as long as each other; the long ones are the large ones."""
    rng = np.random.default_rng(n_clusters)
    raw_base, raw_candidate = lengths_of("log-normal", rng)
    sizes = np.minimum(1 + np.floor(8 * np.sqrt(raw_base)), 8.0)
    base, n_runs, n_errors = np.minimum(raw_base, 1.0), 600, {}
    for ratio in (1 + MARGIN, 1 - MARGIN):
        scale = at_ratio_of(base, raw_candidate, sizes, ratio)
        candidate = np.minimum(scale * raw_candidate, 1.0)
        for pick in rng.integers(0, _N_POPULATION, (n_runs, n_clusters)):
            seen = Lengths(base[pick], candidate[pick], sizes[pick] / sizes[pick].max())
            p_held = max(seen.p_at_least(1 + MARGIN), seen.p_at_most(1 - MARGIN))
            n_errors[ratio] = n_errors.get(ratio, 0) + (p_held <= ALPHA)

    assert max(n_errors.values()) <= most_errors(n_runs), n_errors


def at_ratio_of(base: np.ndarray, candidate: np.ndarray, sizes: np.ndarray, ratio: float) -> float:
    """Return by what the candidate's lengths are scaled, where clusters have sizes."""
    goal, low, high = ratio * (sizes * base).mean(), 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        is_short = (sizes * np.minimum(middle * candidate, 1.0)).mean() < goal
        low, high = (middle, high) if is_short else (low, middle)
    return high


def most_errors(n_runs: int) -> float:
    """Return how many runs of a test at alpha err at the most, but for chance."""
    return float(n_runs * ALPHA + 3 * np.sqrt(n_runs * ALPHA * (1 - ALPHA)))


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 60, 200, 1000])
@pytest.mark.parametrize("share", [0.005, 0.5])
def test_errors_of_a_share_stay_below_alpha(share: float, n: int) -> None:
    """At a rise of the margin, each side by chance: half of the answers are cut, or hardly any."""
    rng, n_runs, margin = np.random.default_rng([n, round(1000 * share)]), 4000, 0.02
    risen = share + margin
    chances = [risen * (1 - share), share * (1 - risen)]
    drawn = rng.multinomial(n, [*chances, 1 - sum(chances)], n_runs)
    tables, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)

    n_errors = sum(
        int(count)
        for (b, f), count in zip(tables.tolist(), counts, strict=True)
        if non_inferiority_p(n_broken=b, n_fixed=f, n_items=n, margin=margin) <= ALPHA
    )

    assert n_errors <= most_errors(n_runs)
