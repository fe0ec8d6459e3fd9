"""What a run says of its cost."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard import Plan
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.cli.app import app
from cliffguard.cli.cost import bfloat16_hint
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.core.timing import Spent
from cliffguard.engine import speed
from cliffguard.planning.running_time import characters_a_token
from tests import support

OFFLINE = FindOptions(offline=True)
CPU = Plan(candidate="ft", base="base", suites=("adjacent",), runner=RunnerSettings(device="cpu"))
FOUR_MINUTES = {
    "scoring": Spent(seconds=180.0, n_tokens=1),
    "decoding": Spent(seconds=60.0, n_tokens=1),
    "loading": Spent(seconds=999.0, n_tokens=0),
}


@pytest.fixture
def gain(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the processor be as much faster in bfloat16 as the list says."""
    gains = [2.0]
    monkeypatch.setattr(speed, "bfloat16_gain", lambda: gains[-1])
    return gains


def test_a_run_in_float32_says_what_bfloat16_would_save(gain: list[float]) -> None:
    """Of the time in the model, by how fast this processor multiplies in either."""
    hint = bfloat16_hint(CPU, "float32", FOUR_MINUTES)

    assert hint is not None
    assert "--dtype bfloat16 would halve" in hint
    assert "up to 2.0 of 4.0 minutes" in hint


def test_a_processor_without_bfloat16_would_save_memory_alone(gain: list[float]) -> None:
    """There it is several times slower."""
    gain.append(0.1)

    hint = bfloat16_hint(CPU, "float32", FOUR_MINUTES)

    assert hint is not None
    assert "save no time" in hint


@pytest.mark.parametrize(
    ("plan", "dtype", "seconds"),
    [
        (replace(CPU, protocol=EvalSettings(dtype="float32")), "float32", 600.0),
        (replace(CPU, protocol=EvalSettings(dtype="bfloat16")), "bfloat16", 600.0),
        (replace(CPU, runner=RunnerSettings(model="hf", device="cpu")), "float32", 600.0),
        (CPU, "float32", 59.0),
    ],
    ids=["float32 was wanted", "bfloat16", "another runner", "a short run"],
)
def test_nobody_else_is_told(plan: Plan, dtype: str, seconds: float, gain: list[float]) -> None:
    """Who chose, whose runner is another, or who waited less than a minute."""
    assert bfloat16_hint(plan, dtype, {"scoring": Spent(seconds=seconds, n_tokens=1)}) is None


def test_a_plan_tells_that_its_base_is_not_there(tmp_path: Path, tiny_base: Path) -> None:
    """It may be fetched by the run, or misspelt: then neither time nor noise are foretold."""
    words = ["plan", "--suite", "adjacent", "--store", str(tmp_path), "--format", "json", "--base"]

    missing, given = (
        json.loads(CliRunner().invoke(app, [*words, base], catch_exceptions=False).stdout)
        for base in ("org/name", str(tiny_base))
    )

    assert missing["minutes"] is None
    assert any("org/name: no such directory" in remark for remark in missing["remarks"])
    assert not any("without the base" in remark for remark in given["remarks"])


def test_a_small_model_is_no_faster_than_what_stands_around_it() -> None:
    """A few thousand weights multiply in no time; a token takes small steps all the same."""
    small, usual = (speed.tokens_a_second(n, "cpu", "float32") for n in (13_000, 135_000_000))

    assert small < 2.0 / (speed.small_step_seconds() * 30.0)
    assert usual < small


def test_tokens_are_counted_by_the_base_s_tokenizer(tiny_base: Path, tmp_path: Path) -> None:
    """One that reads bytes makes four times as many of a prompt; a broken one, the usual number."""
    tasks = [support.task([support.item(number) for number in range(9)])]
    broken = Path(shutil.copytree(tiny_base, tmp_path / "broken"))
    (broken / "tokenizer.json").write_text("{}")

    of_bytes, of_none, of_broken = (
        characters_a_token(base, tasks)
        for base in (find_base(str(tiny_base), OFFLINE), None, find_base(str(broken), OFFLINE))
    )

    assert of_bytes == pytest.approx(1.0, abs=0.1)
    assert of_none == of_broken == 4.0


def test_a_gain_is_of_two_measured_rates() -> None:
    """On whatever processor this is."""
    assert 0.01 < speed.bfloat16_gain() < 100.0
