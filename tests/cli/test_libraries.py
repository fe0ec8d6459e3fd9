"""A library that is missing: one line that says what to install, and never a traceback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.libraries import missing, refuse_lacking
from tests import support
from tests.cli.test_verbs import run


class Without:
    """An import system in which a module cannot be imported, as where it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, *_: Any) -> None:
        """Refuse the module and what is in it."""
        if name.partition(".")[0] == self.name:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


_OF_OURS = ("cliffguard.engine", "cliffguard.planning.doctor", "cliffguard.runners.")


@pytest.fixture(params=["torch", "lm_eval", "peft", "accelerate"])
def lacking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A process without one of the libraries; the name of its package."""
    wanted = (*_OF_OURS, f"{request.param}.")
    held = {name: module for name, module in sys.modules.items() if f"{name}.".startswith(wanted)}
    for name in held:
        del sys.modules[name]
    monkeypatch.setattr(sys, "meta_path", [Without(request.param), *sys.meta_path])
    yield str(request.param).replace("_", "-")
    for name in [name for name in sys.modules if f"{name}.".startswith(wanted)]:
        del sys.modules[name]
    sys.modules.update(held)
    for name, module in held.items():  # a package holds on to what was imported last
        parent, _, attribute = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], attribute, module)


IMPORTED_AT_ONCE, IMPORTED_LATE = ("torch", "lm_eval"), ("peft", "accelerate")
NEEDING = [
    *((verb, name) for verb in ("check", "plan", "measure") for name in IMPORTED_AT_ONCE),
    *((verb, name) for verb in ("check", "measure") for name in IMPORTED_LATE),
]


@pytest.mark.parametrize(("verb", "lacking"), NEEDING, indirect=["lacking"])
def test_what_to_install_is_one_line(verb: str, lacking: str, tmp_path: Path) -> None:
    """Exit 20, and a failure.json where a report was expected."""
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    words = ["--suite", "adjacent"]
    words += [str(base)] if verb == "measure" else ["--base", str(base), "--candidate", str(tuned)]
    words += ["--out", str(tmp_path / "out")] if verb == "check" else []

    result = run(verb, *words)

    assert result.exit_code == 20, result.output
    # Before it, on a busy machine, what takes long may have been said.
    line = result.stderr.splitlines()[-1]
    assert f"{lacking} is not installed, and this needs it; pip install '{lacking}" in line
    assert line.startswith("cliffguard: error[environment.missing-library]: ")
    if verb == "check":
        failure = json.loads((tmp_path / "out" / "failure.json").read_text())
        assert (failure["exit_code"], failure["id"]) == (20, "environment.missing-library")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_doctor_says_what_is_missing(form: str, lacking: str) -> None:
    """It is the command to ask: it says what is there, and what is not."""
    result = run("doctor", "--format", form)

    assert result.exit_code == 20, result.output
    assert result.stderr == ""
    assert f"{lacking} is not installed" in result.stdout
    assert "transformers" in result.stdout
    if form == "json":
        assert json.loads(result.stdout)["exit_code"] == 20


def test_all_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command installs it, before anything is asked; what only an extra needs is not missed."""
    gone = ("peft", "yaml", "bitsandbytes", "vllm")
    for name in gone:
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Without(name), *sys.meta_path])

    with support.refused("environment.missing-library", 20) as refused:
        refuse_lacking()

    line = str(refused.value)
    assert line.startswith("peft, pyyaml are not installed, and this needs them; pip install 'peft")
    assert "' 'pyyaml>=" in line
    assert not any(name in line for name in ("bitsandbytes", "vllm"))


def test_a_sentence_in_place_of_a_name_names_the_library() -> None:
    """transformers checks what it stands on, and raises a sentence as the package's name."""
    sentence = "The 'safetensors>=0.4.3' distribution was not found and is required by this"

    lack = missing(PackageNotFoundError(sentence))

    assert lack is not None
    assert str(lack).startswith("safetensors is not installed, and this needs it; pip install 'saf")
    assert "distribution" not in str(lack)


def test_a_library_that_breaks_as_it_is_imported_is_named() -> None:
    """With what it said; a file of ours that is missing is a crash, and stays one."""
    broken = missing(ImportError("libcudart.so.12: cannot open", name="torch"))

    assert broken is not None
    assert "torch cannot be imported (libcudart.so.12: cannot open)" in str(broken)
    assert missing(ModuleNotFoundError("No module", name="cliffguard.gone")) is None
    assert missing(ImportError("who knows")) is None
