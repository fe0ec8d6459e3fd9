"""What the built-in suites can decide: the table that is committed, and how it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cliffguard import Outcome
from cliffguard.suites.loading import load_suite
from scripts.studies.suite_power import (
    CHURN,
    LOSS,
    SIZES,
    SUITES,
    Trial,
    drawn,
    trial_of,
    verdict_of,
)

REPORT = Path(__file__).parent.parent.parent / "reports" / "suite-power" / "README.md"


def table() -> dict[str, dict[str, str]]:
    """Return the rows of the committed table by suite."""
    lines = [line for line in REPORT.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


def test_every_suite_that_gates_can_be_passed() -> None:
    """By plan and by the gate: adjacent in 85 % of lossless runs, each other suite in 80 %."""
    for name in SUITES:
        row = table()[name]
        for how in ("passes, by plan", "passes, by the gate"):
            assert float(row[how]) >= (85 if name == "adjacent" else 80), (name, how)


def test_the_table_is_of_the_suite_as_it_is() -> None:
    """Items or margins that change take the table with them."""
    analysis = trial_of("adjacent").analysis()

    row = table()["adjacent"]
    assert row["items"] == f"{analysis.n_planned:,}"
    assert float(row["passes, by plan"]) == pytest.approx(100 * analysis.chance_pass, abs=0.5)


def test_every_public_task_has_a_size() -> None:
    """Stand-ins are as many as its limit leaves."""
    suites = [load_suite(name) for name in SUITES if name.startswith("public-")]
    entries = {task.entry for suite in suites for c in suite.capabilities for task in c.tasks}

    assert entries - SIZES.keys() == set()


@pytest.fixture(scope="module")
def trial() -> Trial:
    """The smallest suite that gates."""
    return trial_of("refusals")


def test_drawn_answers_are_what_is_said_of_them(trial: Trial) -> None:
    """A tenth changes, nothing is lost; of what loses, ten points. Fifty draws."""
    rng = np.random.default_rng(1)
    changes: dict[str, list[float]] = {"refuses_harm": [], "answers_harmless": []}
    for _ in range(50):
        base, candidate = drawn(trial, "refuses_harm", rng)
        for task in trial.tasks:
            changes[task.capability] += [
                (base[task.name][item.id].score or 0) - (candidate[task.name][item.id].score or 0)
                for item in task.items
            ]

    lost, kept = (np.array(changes[name]) for name in ("refuses_harm", "answers_harmless"))
    assert kept.mean() == pytest.approx(0.0, abs=0.015)
    assert np.abs(kept).mean() == pytest.approx(CHURN, abs=0.015)
    assert lost.mean() == pytest.approx(LOSS, abs=0.015)


def test_the_gate_itself_judges(trial: Trial) -> None:
    """Who answers as the base does passes early; who answers all wrong fails early."""
    rng = np.random.default_rng(1)
    base, _ = drawn(trial, None, rng)
    wrong = {
        task.name: {item.id: trial.scored[f"{task.name} {item.id}"][0] for item in task.items}
        for task in trial.tasks
    }

    same, lost = verdict_of(trial, (base, base)), verdict_of(trial, (base, wrong))

    assert (same[0], lost[0]) == (Outcome.PASS, Outcome.FAIL)
    assert max(same[1], lost[1]) < 416
