"""Two machines: a bundle judged elsewhere comes to what `check` comes to, byte for byte."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.core.items import Item
from cliffguard.core.settings import RunnerSettings
from tests import support
from tests.fake_runner import FakeRunner, Script
from tests.support import all_right, loses_hard_levels


def run(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def scripted(monkeypatch: pytest.MonkeyPatch, script: Script) -> FakeRunner:
    """Let the command line ask a script instead of a model."""
    runner = FakeRunner(script)

    def make(settings: RunnerSettings, **_: Any) -> FakeRunner:
        return runner

    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", make)
    return runner


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A base, a candidate, a suite, and where stores and reports go, as text."""
    return {
        "base": str(support.write_checkpoint(tmp_path / "base", seed=0)),
        "tuned": str(support.write_checkpoint(tmp_path / "tuned", seed=1)),
        "suite": str(support.write_suite(tmp_path / "suite", n_items=200, n_said=140)),
        "bundle": str(tmp_path / "run.tar"),
    }


def plain(folder: Path) -> str:
    """Return the review in a folder, but for its versions and its command."""
    review = json.loads((folder / "review.json").read_text())
    del review["provenance"]["versions"], review["provenance"]["command"]
    return json.dumps(review, indent=1)


def checked(files: Mapping[str, str], tmp_path: Path, *more: str) -> Result:
    """Check the pair in a store of its own."""
    sides = ("--base", files["base"], "--candidate", files["tuned"], "--suite", files["suite"])
    where = ("--store", str(tmp_path / "store-check"), "--out", str(tmp_path / "checked"))
    return run("check", *sides, *where, "--no-diagnose", *more)


def measured(files: Mapping[str, str], tmp_path: Path, *more: str) -> Result:
    """Measure the pair in another store, and write a bundle."""
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", files["bundle"])
    return run("measure", files["base"], files["tuned"], "--suite", files["suite"], *where, *more)


def judged(files: Mapping[str, str], tmp_path: Path, *more: str) -> Result:
    """Judge the bundle in a third store, where neither side nor suite is there any more."""
    for name in ("base", "tuned", "suite"):
        path = Path(files[name])
        if path.exists():
            shutil.move(path.parent if path.is_file() else path, tmp_path / f"gone-{name}")
    where = ("--store", str(tmp_path / "store-ci"), "--out", str(tmp_path / "judged"))
    return run("compare", files["bundle"], *where, *more)


SCRIPTS: dict[str, tuple[Script, int]] = {
    "pass": (all_right, 0),
    "fail": (loses_hard_levels, 10),
    "open": (lambda name, item: float(hash_of(item) % (3 if "tuned" in name else 4) > 0), 11),
}


def hash_of(item: Item) -> int:
    """Return a number that an item always has."""
    return int(item.digest[:8], 16)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_bundle_is_judged_as_it_would_be_checked(
    name: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdict, exit code and review are those of `check`; checkpoints and suite are gone."""
    script, code = SCRIPTS[name]
    scripted(monkeypatch, script)
    assert checked(files, tmp_path).exit_code == code
    assert measured(files, tmp_path).exit_code == 0

    result = judged(files, tmp_path)

    assert result.exit_code == code, result.output
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")
