"""What importing costs, and which names are public."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cliffguard

HEAVY = {"torch", "transformers", "peft", "datasets", "lm_eval", "scipy", "matplotlib", "numpy"}


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after running `code`."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_the_command_line_loads_nothing_heavy() -> None:
    """Importing the package and its command line loads no numerical library."""
    loaded = loaded_after("import cliffguard, cliffguard.cli.app")

    assert loaded & HEAVY == set()


def test_help_answers_at_once() -> None:
    """--help is there in less than half a second; the best of five counts, machines are noisy."""
    command = [sys.executable, "-m", "cliffguard", "--help"]
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)

    assert min(seconds) < 0.5


def test_listing_suites_loads_nothing_heavy() -> None:
    """`suites ls` needs neither a library of numbers nor one of models."""
    code = (
        "import contextlib, io, sys\nsys.argv = ['cliffguard', 'suites', 'ls']\n"
        "from cliffguard.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()"
    )

    assert loaded_after(code) & HEAVY == set()


def test_listing_suites_takes_less_than_a_second() -> None:
    """`suites ls` costs less than a second of processor time, whatever else the machine does."""
    done = subprocess.run(
        [sys.executable, "-c", CPU_SECONDS, "suites", "ls"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert float(done.stderr.splitlines()[-1]) < 1.0
    assert "support-tickets" in done.stdout


CPU_SECONDS = """
import atexit, sys, time
atexit.register(lambda: print(time.process_time(), file=sys.stderr))
from cliffguard.cli import main
main()
"""


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    """Comparing and reporting load neither torch nor lm-eval."""
    loaded = loaded_after("import cliffguard.report.html, cliffguard.compare, cliffguard.verdict")

    assert loaded & {"torch", "transformers", "peft", "datasets", "lm_eval"} == set()


@pytest.mark.parametrize("name", cliffguard.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    """Every name in __all__ can be imported from the package."""
    assert getattr(cliffguard, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that is not exported is refused as Python refuses it."""
    with pytest.raises(AttributeError, match="no attribute 'gaurd'"):
        _ = cliffguard.gaurd
