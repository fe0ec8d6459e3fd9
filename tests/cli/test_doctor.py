"""doctor: what it says of this machine and of a pair, and the exit code of what it found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.engine.devices import Device
from tests import support

N_WEIGHTS = 12_944
"""Of the tiny Llama: 258 rows of 16 at both ends, two layers of 2,336, and a norm of 16."""


def run(*words: object) -> Result:
    """Run doctor in this process."""
    return CliRunner().invoke(app, ["doctor", *map(str, words)], catch_exceptions=False)


def checkup(*words: object) -> dict[str, Any]:
    """Return what doctor says as JSON."""
    report: dict[str, Any] = json.loads(run(*words, "--format", "json").stdout)
    return report


@pytest.fixture
def sides(tiny_base: Path, tiny_tuned: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A base and a fine-tune of its shape, to be broken and never loaded."""
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    shutil.copytree(tiny_base, base)
    shutil.copytree(tiny_tuned, tuned)
    return base, tuned


def with_memory(monkeypatch: pytest.MonkeyPatch, devices: Sequence[Device]) -> None:
    """Let the machine have other devices."""
    monkeypatch.setattr("cliffguard.engine.devices.devices", lambda: tuple(devices))


def test_without_a_pair_it_looks_at_the_machine() -> None:
    """Versions, devices and places, and no fault."""
    result = run()

    assert result.exit_code == 0
    for word in ("torch", "lm-eval", "cpu", "store of answers", "hub cache", "findings"):
        assert word in result.stdout


def test_a_system_without_limits_of_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is asked; where there are some, nothing is said."""
    assert "limits" not in [finding["about"] for finding in checkup()["found"]]

    monkeypatch.setattr("cliffguard.planning.machine.CAN_LIMIT_MEMORY", False)

    report = checkup()
    (about,) = [finding for finding in report["found"] if finding["about"] == "limits"]
    assert about["text"].startswith("this system limits no process's memory")
    assert (about["kind"], report["exit_code"]) == ("remark", 0)


def test_a_sound_pair_is_told_with_what_would_be_loaded(sides: tuple[Path, Path]) -> None:
    """Its weights by the headers, in float32 on a CPU, and that they were not loaded."""
    report = checkup("--base", sides[0], "--candidate", sides[1], "--device", "cpu")

    assert [(load["side"], load["n_parameters"], load["n_bytes"]) for load in report["loads"]] == [
        ("base", N_WEIGHTS, 4 * N_WEIGHTS),
        ("candidate", N_WEIGHTS, 4 * N_WEIGHTS),
    ]
    assert report["exit_code"] == 0
    (good,) = [finding["text"] for finding in report["found"] if finding["kind"] == "good"]
    assert good == "headers fit; not loaded (--load)"


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
    assert "its weights are those of" in result.stdout


def test_every_finding_is_told(sides: tuple[Path, Path]) -> None:
    """What would end a run, and what it would only remark, which comes first."""
    for side, template in zip(sides, ("{{ messages }}", "{{ messages }}!"), strict=True):
        (side / "chat_template.jinja").write_text(template)
    weights = (sides[0] / "model.safetensors").read_bytes()
    (sides[1] / "model.safetensors").write_bytes(weights)

    report = checkup("--base", sides[0], "--candidate", sides[1], "--chat-template", "own")

    by_kind = {
        finding["kind"]: finding["text"]
        for finding in report["found"]
        if finding["about"] == "pair"
    }
    assert by_kind["remark"].startswith("The chat templates differ; each side is asked under its")
    assert "its weights are those of" in by_kind["fault"]
    assert report["exit_code"] == 12


def test_loading_finds_what_files_do_not_show(tiny_base: Path, tmp_path: Path) -> None:
    """Weights that are whole, and not numbers."""
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_base, broken)
    weights = load_file(broken / "model.safetensors")
    weights = {name: tensor * float("nan") for name, tensor in weights.items()}
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    pair = ("--base", tiny_base, "--candidate", broken, "--device", "cpu")

    assert run(*pair).exit_code == 0
    result = run(*pair, "--load")

    assert result.exit_code == 12
    assert f"✓ loading: {tiny_base}: loaded, and computes" in result.stdout
    assert f"✗ loading: {broken}: model.embed_tokens.weight holds NaN" in result.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--load"], "--load: there is nothing to load"),
        (["--base", "base"], "--base without --candidate"),
    ],
)
def test_there_is_no_pair_of_less_than_two(words: list[str], says: str) -> None:
    """Which is a usage error."""
    result = run(*words)

    assert result.exit_code == 2
    assert says in result.stderr


def test_too_little_memory_is_exit_20(
    sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before minutes are spent on loading."""
    with_memory(monkeypatch, [Device(name="cpu", model="1 core", total_bytes=64, free_bytes=32)])

    result = run("--base", sides[0], "--candidate", sides[1], "--device", "cpu")

    assert result.exit_code == 20
    assert "✗ memory:" in result.stdout


def test_a_store_that_cannot_be_written_to_is_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers would be lost."""
    closed = str(tmp_path / "store")
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).startswith(str(tmp_path)))

    result = run("--store", closed)

    assert result.exit_code == 2
    assert "store of answers" in result.stdout
    assert "cannot be written to" in result.stdout


def test_no_weights_are_loaded(sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only headers are read, so that it takes seconds for any model."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("cliffguard.engine.loading.load_weights", refuse)
    monkeypatch.setattr("safetensors.torch.load_file", refuse)

    assert run("--base", sides[0], "--candidate", sides[1]).exit_code == 0


def spoilt_names(adapter: Path) -> None:
    """Call the adapter's weights as torch.compile does."""
    from safetensors.torch import load_file, save_file

    file = adapter / "adapter_model.safetensors"
    save_file({f"_orig_mod.{n}": t for n, t in load_file(file).items()}, file)


def without_tensors(adapter: Path) -> None:
    """Leave a file of no tensors."""
    from safetensors.torch import save_file

    save_file({}, adapter / "adapter_model.safetensors")


def setting(**values: object) -> Callable[[Path], None]:
    """Return what sets keys of an adapter's config."""

    def change(adapter: Path) -> None:
        file = adapter / "adapter_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


SPOILT: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "foreign names": (spoilt_names, 12, "weights.foreign-names"),
    "no tensors": (without_tensors, 12, "weights.no-tensors"),
    "another rank": (setting(r=7), 12, "adapter.other-shapes"),
    "a newer peft": (setting(some_new_config=3), 12, "adapter.unknown-keys"),
    "another base": (setting(base_model_name_or_path="org/x"), 12, "adapter.unknown-base"),
    "a classifier's": (setting(task_type="SEQ_CLS"), 2, "adapter.no-language-model"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_doctor_and_check_find_the_same_before_the_base_is_asked(
    what: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From headers alone: a check that ran for an hour must not end with what they show."""
    change, code, error_id = SPOILT[what]
    adapter = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    change(adapter)
    pair = ["--base", str(tiny_base), "--candidate", str(adapter), "--device", "cpu"]
    suite = support.write_suite(tmp_path / "suite", n_items=8, n_said=2)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("cliffguard.engine.loading.load_weights", refuse)

    looked_at = run(*pair)
    words = ["check", *pair, "--suite", str(suite), "--out", str(tmp_path / "out"), "-q"]
    checked = CliRunner().invoke(app, words)

    assert (looked_at.exit_code, checked.exit_code) == (code, code), checked.output
    (line,) = checked.stderr.splitlines()
    assert line.startswith(f"cliffguard: error[{error_id}]: ")
    message, _, advice = line.partition("]: ")[2].rpartition("; ")
    assert f"✗ pair: {message}; {advice} [{error_id}]" in looked_at.stdout
    failure = json.loads((tmp_path / "out" / "failure.json").read_text())
    assert failure["id"] == error_id


def test_a_fault_of_the_machine_has_an_id(sides: tuple[Path, Path]) -> None:
    """A device that is not there is told as a run would tell it."""
    words = ("--base", sides[0], "--candidate", sides[1], "--device", "cuda:7")

    report = checkup(*words)

    (fault,) = [finding for finding in report["found"] if finding["kind"] == "fault"]
    assert (report["exit_code"], fault["exit_code"], fault["id"]) == (20, 20, "runner.no-device")
    assert f"✗ memory: {fault['text']}; {fault['advice']} [runner.no-device]" in run(*words).stdout
