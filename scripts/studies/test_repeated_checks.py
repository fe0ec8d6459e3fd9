"""The study of repeated checks: its draws are what they claim, its stops are the package's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cliffguard.stats.repeated_checks import RunPlan, judge_run
from scripts.studies.repeated_check_draws import Run, changes_of, clusters_of, rising
from scripts.studies.repeated_checks import MOST, groups_of, late, required, stops_of

REPORT = Path(__file__).parent.parent.parent / "reports" / "repeated-checks"


@pytest.mark.parametrize(
    "run",
    [
        Run(n_capabilities=1, margin=0.15, drop=0.075, dip=0.3, churn=0.4, correlation=0.95),
        Run(n_capabilities=2, margin=0.10, drop=0.2, churn=0.3, n_checks=6),
        Run(n_capabilities=2, margin=0.10, drop=0.2, churn=0.3, n_checks=6, largest=8),
        Run(n_capabilities=2, margin=0.05, drop=0.2, n_checks=6, shares_documents=True),
    ],
)
def test_a_run_is_stopped_where_the_package_stops_it(run: Run) -> None:
    x = changes_of(run, 4, np.random.default_rng(5))
    is_tied = run.shares_documents or run.largest > 1
    groups = groups_of(run, tied=is_tied)
    names = [f"c{number}" for number in range(run.n_capabilities)]
    plan = RunPlan(run.n_checks, dict.fromkeys(names, run.margin))
    clusters = {name: list(map(int, groups[c])) for c, name in enumerate(names)}
    for changes, stop in zip(x, stops_of(run, x), strict=True):
        stopped = [
            k
            for k in range(run.n_checks)
            if judge_run(
                {name: changes[: k + 1, c] for c, name in enumerate(names)}, plan, clusters=clusters
            ).may_stop
        ]
        assert (stopped[0] if stopped else None) == stop.two


@pytest.mark.parametrize("memory", ["copied", "stuck", "one step", "latent"])
def test_draws_have_their_drop_and_churn(memory: str) -> None:
    run = Run(drop=0.04, churn=0.2, memory=memory)  # type: ignore[arg-type]
    x = changes_of(run, 400, np.random.default_rng(1)).astype(float)
    assert x.mean(axis=(0, 2, 3)) == pytest.approx(np.full(20, 0.04), abs=0.01)
    assert np.abs(x).mean() == pytest.approx(0.2, abs=0.01)
    if memory != "latent":  # whose hidden value has the correlation
        pairs = np.corrcoef(x[:, 3].ravel(), x[:, 4].ravel())
        assert pairs[0, 1] == pytest.approx(0.5, abs=0.03)


def test_a_dip_is_at_one_check_of_every_run() -> None:
    run = Run(n_items=4000, dip=0.10, n_capabilities=1)
    drops = changes_of(run, 20, np.random.default_rng(2)).mean(axis=(2, 3))
    assert ((drops > 0.05).sum(axis=1) == 1).all()
    assert drops.max(axis=1) == pytest.approx(np.full(20, 0.10), abs=0.03)


def test_clusters_are_of_unequal_size() -> None:
    places = clusters_of(Run(largest=16))
    assert np.bincount(places).tolist()[:4] == [16, 16, 8, 8]
    assert len(places) == 64


def test_a_drop_rises_in_a_line_from_its_onset() -> None:
    run = Run(n_items=4000, churn=0.0, n_capabilities=2)
    drops = rising(run, 0.3, 4, 1, 3, np.random.default_rng(0)).mean(axis=(0, 3))
    assert drops[:5, 0] == pytest.approx(np.zeros(5))
    assert drops[-1, 0] == pytest.approx(0.3, abs=0.01)
    assert drops[:, 1] == pytest.approx(np.zeros(20))


def test_a_row_of_how_late() -> None:
    row = late((0, "50 1", replace(Run(), n_capabilities=1), 20))
    assert row["stopped"] == 1.0
    assert row["beyond the margin from check"] == "5.5"


def test_the_report_has_every_cell_that_is_required_and_none_is_stopped_too_often() -> None:
    figures = json.loads((REPORT / "figures.json").read_text(encoding="utf-8"))
    assert figures["runs"] >= 2000
    assert len(figures["tables"]["As required"]) == len(required()) == 24
    rates = [
        row["stopped"] for rows in figures["tables"].values() for row in rows if "truth" in row
    ]
    assert max(rates) <= MOST
