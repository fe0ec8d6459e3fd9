"""doctor: what it says of this machine and of a pair, and the exit code of what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.engine.devices import Device
from tests import support


def run(*words: object) -> Result:
    """Run doctor in this process."""
    return CliRunner().invoke(app, ["doctor", *map(str, words)], catch_exceptions=False)


def found(*words: object) -> dict[str, Any]:
    """Return what doctor says as JSON."""
    told: dict[str, Any] = json.loads(run(*words, "--format", "json").stdout)
    return told


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """A base and a fine-tune that can be found, and are never loaded."""
    return tuple(  # type: ignore[return-value]
        support.write_checkpoint(tmp_path / name, seed=seed)
        for seed, name in enumerate(("base", "tuned"))
    )


def with_memory(monkeypatch: pytest.MonkeyPatch, devices: Sequence[Device]) -> None:
    """Let the machine have other devices."""
    monkeypatch.setattr("cliffguard.doctor.devices", lambda: tuple(devices))


def test_without_a_pair_it_looks_at_the_machine() -> None:
    """Versions, devices and places, and no fault."""
    result = run()

    assert result.exit_code == 0
    for word in ("torch", "lm-eval", "cpu", "store of answers", "hub cache", "findings"):
        assert word in result.stdout


def test_a_sound_pair_is_told_with_what_would_be_loaded(sides: tuple[Path, Path]) -> None:
    """Sixteen weights a side, in float32 on a CPU."""
    told = found("--base", sides[0], "--candidate", sides[1], "--device", "cpu")

    assert [(load["side"], load["n_parameters"], load["n_bytes"]) for load in told["loads"]] == [
        ("base", 16, 64),
        ("candidate", 16, 64),
    ]
    assert told["exit_code"] == 0
    assert any(one["kind"] == "good" and one["about"] == "pair" for one in told["found"])


def test_a_missing_side_is_a_fault_with_its_advice(sides: tuple[Path, Path]) -> None:
    """And the exit code that a run would have."""
    result = run("--base", sides[0], "--candidate", "nowhere", "--offline")

    assert result.exit_code == 2
    assert "✗ pair: nowhere: no such directory; check the path" in result.stdout


def test_torn_weights_are_exit_12(sides: tuple[Path, Path]) -> None:
    """Found by header and size, without loading."""
    weights = sides[1] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])

    result = run("--base", sides[0], "--candidate", sides[1])

    assert result.exit_code == 12
    assert "✗ pair:" in result.stdout


def test_a_side_against_itself_is_exit_12(sides: tuple[Path, Path]) -> None:
    """A comparison of a model with itself passes for no reason."""
    result = run("--base", sides[0], "--candidate", sides[0])

    assert result.exit_code == 12
    assert "are the same, bit by bit" in result.stdout


def test_other_tokenizers_and_templates_are_remarks(sides: tuple[Path, Path]) -> None:
    """With what the policy makes of them."""
    (sides[1] / "tokenizer.json").write_text('{"version": "2.0"}')
    (sides[1] / "chat_template.jinja").write_text("{{ messages }}")

    told = found("--base", sides[0], "--candidate", sides[1], "--chat-template", "own")

    remarks = {one["about"]: one["text"] for one in told["found"] if one["kind"] == "remark"}
    assert remarks["tokenizer"] == "the sides have other tokenizer files"
    assert remarks["chat template"].endswith("under chat_template: own each is used")


def test_too_little_memory_is_exit_20(
    sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before minutes are spent on loading."""
    with_memory(monkeypatch, [Device(name="cpu", model="1 core", total_bytes=64, free_bytes=32)])

    result = run("--base", sides[0], "--candidate", sides[1], "--device", "cpu")

    assert result.exit_code == 20
    assert "✗ memory:" in result.stdout


def test_a_device_that_is_not_there_is_exit_20(sides: tuple[Path, Path]) -> None:
    """As a run on it would end."""
    result = run("--base", sides[0], "--candidate", sides[1], "--device", "cuda:7")

    assert result.exit_code == 20
    assert "this machine has no such device" in result.stdout


def test_a_store_that_cannot_be_written_to_is_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers would be lost."""
    closed = str(tmp_path / "store")
    monkeypatch.setattr("os.access", lambda place, mode: not str(place).startswith(str(tmp_path)))

    result = run("--store", closed)

    assert result.exit_code == 2
    assert "store of answers" in result.stdout
    assert "cannot be written to" in result.stdout


def test_a_base_alone_is_a_usage_error(sides: tuple[Path, Path]) -> None:
    """There is no pair of one."""
    result = run("--base", sides[0])

    assert result.exit_code == 2
    assert "--base without --candidate" in result.stderr


def test_no_weights_are_loaded(sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only headers are read, so that it takes seconds for any model."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("cliffguard.engine.loading.load_weights", refuse)
    monkeypatch.setattr("safetensors.torch.load_file", refuse)

    assert run("--base", sides[0], "--candidate", sides[1]).exit_code == 0
