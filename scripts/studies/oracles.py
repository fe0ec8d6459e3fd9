"""Values of independent implementations, for the tests of cliffguard/stats.

In an environment of its own, which needs no cliffguard:

    pip install evalstats==0.3.3 statsmodels==0.15.0 relplot==1.0.3 multiprocess
    pip download --no-deps --no-binary confseq confseq==0.0.11 && tar xf confseq-0.0.11.tar.gz
    PYTHONPATH=confseq-0.0.11/src python -m scripts.studies.oracles > tests/stats/oracles.json

(confseq as a whole needs Boost to be built; its bets are plain Python, and are read from its
source.)

The inputs are drawn here from a fixed seed and written beside the values.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np

RNG = np.random.default_rng(20261125)
PACKAGES = ("evalstats", "statsmodels", "relplot", "numpy", "scipy")


def tango_intervals() -> list[dict[str, Any]]:
    """Tango's interval by its closed form (evalstats, without continuity correction)."""
    from evalstats.core.resampling import tango_scc_paired_ci

    rows = []
    for n in (21, 50, 100, 500, 2000):
        for _ in range(8):
            broken, fixed = (int(RNG.integers(0, n // 4)) for _ in range(2))
            base = np.array([1.0] * broken + [0.0] * fixed + [1.0] * (n - broken - fixed))
            candidate = np.array([0.0] * broken + [1.0] * (n - broken))
            low, high = tango_scc_paired_ci(base, candidate, 0.10, c=0.0)
            rows.append({"n_broken": broken, "n_fixed": fixed, "n_items": n, "ci": [low, high]})
    return rows


def design_effects() -> list[dict[str, Any]]:
    """Variance of a mean with clustered errors over that without (statsmodels' regression)."""
    import statsmodels.api as sm

    rows = []
    for n_clusters, size in ((30, 4), (60, 10), (25, 20)):
        shared = RNG.choice([1.0, 0.0, -1.0], p=[0.2, 0.7, 0.1], size=n_clusters)
        independent = RNG.choice([1.0, 0.0, -1.0], p=[0.2, 0.7, 0.1], size=(n_clusters, size))
        x = np.where(RNG.random((n_clusters, size)) < 0.8, shared[:, None], independent).ravel()
        groups = np.repeat(np.arange(n_clusters), size)
        model = sm.OLS(x, np.ones_like(x))
        clustered = model.fit(cov_type="cluster", cov_kwds={"groups": groups}).bse[0] ** 2
        alone = model.fit().bse[0] ** 2
        rows.append(
            {"changes": x.tolist(), "clusters": groups.tolist(), "effect": float(clustered / alone)}
        )
    return rows


def adjusted() -> list[dict[str, Any]]:
    """Holm's adjusted p-values (statsmodels)."""
    from statsmodels.stats.multitest import multipletests

    rows = []
    for n in (1, 2, 5, 16):
        p_values = RNG.random(n) ** 3
        rows.append(
            {"p": p_values.tolist(), "holm": multipletests(p_values, method="holm")[1].tolist()}
        )
    return rows


def calibration_errors() -> list[dict[str, Any]]:
    """Smooth calibration error (relplot, by the authors of the measure)."""
    import relplot

    rows = []
    for n in (200, 1000):
        for slope in (1.0, 0.6, 0.2):
            confidence = RNG.uniform(0.3, 1.0, size=n)
            right = (RNG.random(n) < 0.5 + slope * (confidence - 0.65)).astype(float)
            rows.append(
                {
                    "confidence": [round(float(c), 6) for c in confidence],
                    "right": right.astype(int).tolist(),
                    "smece": float(relplot.smECE(confidence, right)),
                }
            )
    return rows


def wealths() -> list[dict[str, Any]]:
    """Capital of bets with given stakes, with and without replacement (confseq).

    Its values lie in [0, 1] and ours in [-1, 1]; a stake there is worth half of one here. The
    stakes are those that cliffguard documents: Kelly's, from estimates shrunk by 200 items.
    """
    setattr(np, "float_", np.float64)  # noqa: B010  (confseq is older than numpy 2)
    from confseq.betting import betting_mart

    rows = []
    for n_suite in (None, 400):
        for mean, expected in ((-0.05, 0.0), (0.05, 0.10)):
            x = RNG.choice([1.0, 0.0, -1.0], p=[0.10, 0.82, 0.08], size=250)
            before = np.arange(len(x))
            total, squares = np.cumsum(x) - x, np.cumsum(x * x) - x * x
            allowed = np.full(len(x), mean)
            if n_suite is not None:
                allowed = (n_suite * mean - total) / (n_suite - before)
            estimate = (200 * expected + total) / (200 + before)
            spread = (200 * 0.10 + squares) / (200 + before) - estimate**2
            edge = estimate - allowed
            stakes = np.maximum(0.0, edge / (spread + edge**2))
            capital = betting_mart(
                (x + 1) / 2,
                (mean + 1) / 2,
                lambdas_fn_positive=lambda *_, s=stakes: 2 * s,
                N=n_suite,
                theta=1,
                trunc_scale=0.75,
            )
            rows.append(
                {
                    "x": x.tolist(),
                    "mean": mean,
                    "expected": expected,
                    "n_suite": n_suite,
                    "capital": np.asarray(capital)[[0, 9, 99, 249]].tolist(),
                }
            )
    return rows


def main() -> None:
    """Print everything as JSON."""
    results = {
        "versions": {package: version(package) for package in PACKAGES} | {"confseq": "0.0.11"},
        "tango": tango_intervals(),
        "clusters": design_effects(),
        "holm": adjusted(),
        "smece": calibration_errors(),
        "bets": wealths(),
    }
    sys.stdout.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()
