"""What a checkout brings beside the package: hooks, templates and the workflow are read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import CHECKOUT

FILES = [
    CHECKOUT / ".pre-commit-config.yaml",
    *sorted(CHECKOUT.glob(".github/**/*.y*ml")),
    *sorted(CHECKOUT.glob(".github/*.md")),
    CHECKOUT / ".ci" / "run",
]
_MAKE = re.compile(r"\bmake ((?:[a-z-]+ ?)+)")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_its_targets_of_make_exist(file: Path) -> None:
    """It can be read, and make knows what it calls."""
    text = file.read_text(encoding="utf-8")
    if file.suffix in (".yaml", ".yml"):
        yaml.safe_load(text)
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    targets = {name for called in _MAKE.findall("\n".join(lines)) for name in called.split()}

    done = subprocess.run(
        ["make", "-n", "-C", str(CHECKOUT), *(targets or {"help"})],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_workflow_runs_what_ci_runs() -> None:
    """`make check test`, so that a pull request is held to the same rules."""
    workflow = yaml.safe_load((CHECKOUT / ".github/workflows/checks.yml").read_text("utf-8"))
    commands = [step["run"] for step in workflow["jobs"]["checks"]["steps"] if "run" in step]

    assert commands == ["make check test"]
