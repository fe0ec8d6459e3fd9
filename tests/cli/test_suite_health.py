"""suites check and suites coverage, as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.settings import EvalSettings
from cliffguard.core.vectors import Vectors
from tests import support
from tests.fake_runner import FakeRunner


class Reading(FakeRunner):
    """A runner whose vectors lie on two axes: texts that speak of a ball, and others."""

    loads_models = True

    def __init__(self) -> None:
        super().__init__(lambda *_: 1.0)

    def embed(
        self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings
    ) -> Vectors:
        noise = np.random.default_rng(0).normal(scale=0.05, size=(len(texts), 3))
        axis = [0 if "ball" in text else 1 if "Say" in text else 2 for text in texts]
        return noise + np.eye(3)[axis]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of 60 ladder items and 40 generated ones."""
    return support.write_suite(tmp_path / "suite", n_items=60, n_said=40)


def cover(suite: Path, tmp_path: Path, *words: str) -> Result:
    """Cover ten prompts about a ball and five of a kind that no item has."""
    prompts = [f"Where is ball {number}?" for number in range(10)]
    prompts += [f"Write {number} lines of SQL" for number in range(5)]
    path = support.write_jsonl(tmp_path / "log.jsonl", [{"prompt": prompt} for prompt in prompts])
    base = support.write_checkpoint(tmp_path / "base")
    command = ["suites", "coverage", str(suite), "--prompts", str(path), "--base", str(base)]
    return CliRunner().invoke(app, [*command, *words], catch_exceptions=False)


@pytest.fixture
def _reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliffguard.gate.runner_for", lambda plan: Reading())


@pytest.mark.usefixtures("_reads")
def test_coverage_names_what_is_like_no_item(suite: Path, tmp_path: Path) -> None:
    """A third of the prompts and, by the rule of 5 %, one more; where each stands in the log."""
    result = cover(suite, tmp_path)

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == "40 % of 15 prompts are like no item."
    assert "   60 %  reasoning" in lines
    assert sum("lines of SQL" in line for line in lines) == 5
    assert any(f"{tmp_path / 'log.jsonl'}:11" in line for line in lines)


@pytest.mark.usefixtures("_reads")
def test_coverage_as_json_has_the_shares(suite: Path, tmp_path: Path) -> None:
    """Shares of all capabilities, with what is uncovered, add up to one."""
    coverage = json.loads(cover(suite, tmp_path, "--format", "json").stdout)

    assert coverage["uncovered"] + sum(coverage["shares"].values()) == pytest.approx(1.0)
    assert coverage["least"][0]["prompt"]["parts"][0].startswith("Write")


def test_a_server_tells_no_hidden_states(suite: Path, tmp_path: Path) -> None:
    """Coverage needs a model that is loaded here, and says so."""
    result = cover(suite, tmp_path, "--model", "local-completions")

    assert result.exit_code == 2
    assert "hidden states are read only of models that are loaded here" in result.stderr


@pytest.mark.parametrize(("days", "is_told"), [(400, True), (300, False)])
def test_check_says_that_a_suite_is_old(tmp_path: Path, days: int, is_told: bool) -> None:
    """After a year, what is public may have been read by newer bases."""
    made = date.today() - timedelta(days=days)
    suite = support.write_suite(
        tmp_path, text=support.SUITE.replace("version: 1", f"version: 1\nmade: {made}")
    )

    result = CliRunner().invoke(app, ["suites", "check", str(suite), "--store", str(tmp_path)])

    assert (f"small: its items are of {made}, {days} days old" in result.stdout) is is_told


def test_the_day_is_no_part_of_a_suites_digest(tmp_path: Path) -> None:
    """To say later when items were made changes no item."""
    from cliffguard.suites.loading import load_suite

    plain = load_suite(str(support.write_suite(tmp_path)))
    dated = support.SUITE.replace("version: 1", "version: 1\nmade: 2026-01-31")
    assert load_suite(str(support.write_suite(tmp_path, text=dated))).digest == plain.digest
