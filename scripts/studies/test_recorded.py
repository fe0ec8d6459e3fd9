"""The gate on recorded answers of real fine-tunes; the whole study is recorded.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliffguard import Outcome
from scripts.studies import recorded

ANSWERS = Path(__file__).parent.parent.parent / "reports" / "recorded-flips" / "answers.json"


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What was recorded."""
    return json.loads(ANSWERS.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("candidate", "outcome"), [("healthy", Outcome.PASS), ("overtrained", Outcome.FAIL)]
)
def test_the_ends_of_the_scale_are_told_apart(
    answers: dict[str, Any], candidate: str, outcome: Outcome
) -> None:
    """With early stopping, in two orders of the items."""
    gate = recorded.gate_of(answers)

    for seed in (0, 1):
        verdict, n_asked, n_planned = gate.run(candidate, seed=seed)
        assert verdict.outcome is outcome
        assert n_asked < n_planned


def test_errors_on_resampled_answers_are_as_rare_as_alpha(answers: dict[str, Any]) -> None:
    """Where nothing is lost, and where exactly the margin is; one fine-tune, 80 draws a row."""
    rows = recorded.errors(answers, 80, np.random.default_rng(5), ["hot"])

    false_drops = [row["false drop"] for row in rows]
    false_held = [row["false HELD"] for row in rows if row["false HELD"] is not None]
    assert len(rows) == 7
    assert len(false_held) == 4
    assert np.mean(false_drops) <= 0.05 + 0.02
    assert np.mean(false_held) <= 0.05 + 0.03
