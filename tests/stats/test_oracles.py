"""Against independent implementations: evalstats, statsmodels, relplot and confseq.

Their values are in oracles.json, made by `python -m scripts.studies.oracles` in an environment that
has them; the versions stand inside.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliffguard.stats.calibration import smooth_calibration_error
from cliffguard.stats.clusters import clustering
from cliffguard.stats.e_values import log_wealth
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.paired import tango_interval

ORACLES = json.loads(Path(__file__).with_name("oracles.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ORACLES["tango"], ids=lambda row: str(row["n_items"]))
def test_tangos_interval_is_that_of_evalstats(row: dict[str, Any]) -> None:
    """A closed form there, bisection here; without its continuity correction."""
    counts = {name: row[name] for name in ("n_broken", "n_fixed", "n_items")}

    interval = tango_interval(**counts, confidence=0.90)

    assert (interval.low, interval.high) == pytest.approx(row["ci"], abs=1e-7)


@pytest.mark.parametrize("row", ORACLES["clusters"], ids=lambda row: str(len(row["changes"])))
def test_the_design_effect_is_that_of_a_regression_of_statsmodels(row: dict[str, Any]) -> None:
    """With so many changed clusters of so high a correlation, the prior adds nothing."""
    estimate = clustering(row["changes"], row["clusters"])

    assert estimate.design_effect == pytest.approx(row["effect"], rel=1e-9)


@pytest.mark.parametrize("row", ORACLES["holm"], ids=lambda row: str(len(row["p"])))
def test_holm_is_that_of_statsmodels(row: dict[str, Any]) -> None:
    """Adjusted p-values, in the order given."""
    assert holm(row["p"]) == pytest.approx(row["holm"])


@pytest.mark.parametrize("row", ORACLES["smece"], ids=lambda row: f"{row['smece']:.3f}")
def test_the_smooth_calibration_error_is_that_of_its_authors(row: dict[str, Any]) -> None:
    """They interpolate between grid points, and so agree to three decimals."""
    error = smooth_calibration_error(row["confidence"], np.array(row["right"], dtype=float))

    assert error == pytest.approx(row["smece"], abs=2e-3)


@pytest.mark.parametrize("row", ORACLES["bets"], ids=lambda row: f"{row['n_suite']}-{row['mean']}")
def test_a_wealth_is_the_capital_of_confseq(row: dict[str, Any]) -> None:
    """The same stakes on the same answers, with and without replacement."""
    wealth = log_wealth(
        np.array(row["x"]), mean=row["mean"], expected=row["expected"], n_suite=row["n_suite"]
    )

    assert np.exp(wealth)[[0, 9, 99, 249]] == pytest.approx(row["capital"], rel=1e-9)
