"""Tests and scripts stand apart: neither imports the other."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported(text: str) -> Iterator[str]:
    """Yield the first name of every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize(
    ("folder", "other"),
    [
        ("tests", "scripts"),
        ("scripts", "tests"),
        ("cliffguard", "scripts"),
        ("cliffguard", "tests"),
    ],
)
def test_a_folder_imports_nothing_of_the_other(folder: str, other: str) -> None:
    """What both need belongs into the package, or beside the one that tests it."""
    guilty = []
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if other in text and other in imported(text):  # what never stands there is not imported
            guilty.append(path)

    assert guilty == []


def test_a_program_of_foreign_environments_needs_no_pytest() -> None:
    """They hold the light core and what is foreign alone (tests/extern/test_engines.py)."""
    line = "import sys; sys.modules['pytest'] = None; import tests.sweep.program"

    done = subprocess.run(
        [sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
