"""A library that is missing: one line that says what to install, and never a traceback."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.libraries import imports_explained, is_there, missing, refuse_lacking
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


@pytest.mark.parametrize("verb", ["check", "measure"])
def test_what_to_install_is_one_line(verb: str, lacking: str, tmp_path: Path) -> None:
    """Exit 2, and a failure.json where a report was expected."""
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    words = ["--suite", "adjacent"]
    words += [str(base)] if verb == "measure" else ["--base", str(base), "--candidate", str(tuned)]
    words += ["--out", str(tmp_path / "out")] if verb == "check" else []

    result = run(verb, *words)

    assert result.exit_code == 2, result.output
    # Before it, on a busy machine, what takes long may have been said.
    assert result.stderr.splitlines()[-1] == (
        f"cliffguard: error[install.missing]: running models needs {lacking}, which is not "
        "installed; pip install 'cliffguard[run]'"
    )
    if verb == "check":
        failure = json.loads((tmp_path / "out" / "failure.json").read_text())
        assert (failure["exit_code"], failure["id"]) == (2, "install.missing")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_doctor_says_what_is_missing(form: str, lacking: str) -> None:
    """It is the command to ask: it says what is there, and what is not."""
    result = run("doctor", "--format", form)

    assert result.exit_code == 2, result.output
    assert result.stderr == ""
    assert f"needs {lacking}, which is not installed" in result.stdout
    assert "pip install 'cliffguard[run]'" in result.stdout
    assert "transformers" in result.stdout
    if form == "json":
        assert json.loads(result.stdout)["exit_code"] == 2


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let these modules be what they are where they are not installed."""
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Without(name), *sys.meta_path])


def test_all_that_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command installs it, before anything is asked; what only an extra needs is not missed."""
    without(monkeypatch, "peft", "gguf", "accelerate", "matplotlib", "bitsandbytes", "vllm")

    with support.refused("install.missing", 2) as refused:
        refuse_lacking()

    assert str(refused.value) == (
        "running models needs peft, accelerate and 1 more, which are not installed; pip install "
        "'cliffguard[run]'"
    )


def test_a_core_that_is_not_whole_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """No extra brings what is installed without any."""
    without(monkeypatch, "peft", "yaml")

    with support.refused("environment.missing-library", 20) as refused:
        refuse_lacking()

    line = str(refused.value)
    assert line.startswith("pyyaml is not installed, and this needs it; pip install 'pyyaml>=")


def test_a_folder_that_pip_left_behind_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python takes it for a package without code, and torch fails at the first name in it."""
    (tmp_path / "torch" / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "torch", raising=False)

    assert not is_there("torch")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("matplotlib", "drawing figures needs matplotlib, which is not installed; pip install "
         "'cliffguard[figures]'"),
        ("pyarrow", "reading Parquet and Arrow files needs pyarrow, which is not installed; pip "
         "install 'cliffguard[run]'"),
        ("lm_eval", "running models needs lm-eval, which is not installed; pip install "
         "'cliffguard[run]'"),
    ],
)  # fmt: skip
def test_the_extra_that_brings_it_is_named(
    name: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what for; whoever imports a module of ours in a program hears the same."""
    without(monkeypatch, name)

    with support.refused("install.missing", 2) as refused, imports_explained():
        importlib.import_module(name)

    assert str(refused.value) == line


def test_a_sentence_in_place_of_a_name_names_the_library() -> None:
    """transformers checks what it stands on, and raises a sentence as the package's name."""
    sentence = "The 'safetensors>=0.4.3' distribution was not found and is required by this"

    lack = missing(PackageNotFoundError(sentence))

    assert lack is not None
    assert str(lack).startswith("running models needs safetensors, which is not installed; pip ins")


@pytest.mark.parametrize(
    "failure",
    [
        ImportError("libcudart.so.12: cannot open", name="torch"),
        ModuleNotFoundError("No module named 'torch._C'", name="torch._C"),
        ModuleNotFoundError("No module named 'torch'", name="torch"),  # of a package that is there
    ],
    ids=["library", "module-inside", "itself"],
)
def test_a_library_that_breaks_as_it_is_imported_is_not_missing(failure: ImportError) -> None:
    """It is named with what it said: to install the extra again would mend nothing."""
    broken = missing(failure)

    assert (broken and (broken.id, broken.exit_code)) == ("environment.missing-library", 20)
    assert f"torch cannot be imported ({failure})" in str(broken)
    assert "cliffguard[" not in str(broken)


def test_what_is_ours_or_has_no_name_is_a_crash() -> None:
    """A file of ours that is missing is a crash, and stays one."""
    assert missing(ModuleNotFoundError("No module", name="cliffguard.gone")) is None
    assert missing(ImportError("who knows")) is None
