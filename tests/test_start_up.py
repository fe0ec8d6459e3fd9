"""What importing costs, and which names are public."""

from __future__ import annotations

import importlib
import json
import re
import resource
import subprocess
import sys
from textwrap import dedent

import pytest

import cliffguard
from cliffguard.suites.loading import builtin_names
from tests import support

HEAVY = {"torch", "transformers", "peft", "datasets", "lm_eval", "scipy", "matplotlib", "numpy"}


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after running `code`."""
    return {name.split(".")[0] for name in modules_after(code)}


def modules_after(code: str) -> set[str]:
    """Return all modules that a fresh interpreter holds after running `code`."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_loads_nothing_heavy() -> None:
    """Importing the package and its command line loads no numerical library, nor pydantic."""
    loaded = loaded_after("import cliffguard, cliffguard.cli.app")

    assert loaded & {"pydantic", *HEAVY} == set()


def test_the_reports_load_nothing_heavy() -> None:
    """Importing their package loads no library that only one format needs."""
    heavy = {"jinja2", "rich", "pydantic", *HEAVY}

    assert loaded_after("import cliffguard.report") & heavy == set()


def test_who_answers_loads_no_engine_before_it_is_asked() -> None:
    """A check of what is stored would wait seconds for libraries that it does not need."""
    loaded = loaded_after("import cliffguard.runners.harness, cliffguard.runners.stored_protocols")

    assert loaded & {"torch", "transformers", "peft", "datasets"} == set()


def test_a_suite_that_is_not_there_is_refused_before_anything_heavy_is_loaded() -> None:
    """Who mistypes a name would wait for torch to hear of it."""
    code = """
        from typer.testing import CliRunner
        from cliffguard.cli.app import app
        words = ["check", "--base", "base", "--candidate", "tuned", "--suite"]
        for suite in ("Auto", "adjacnt", "./none.yaml"):
            assert CliRunner().invoke(app, [*words, suite]).exit_code == 2"""

    assert loaded_after(dedent(code)) & HEAVY == set()


def test_a_comparison_of_samples_loads_no_other_reader() -> None:
    """What reads own data, suites and other programs' logs is half of the package."""
    others = (
        "cliffguard.gate",
        "cliffguard.runners.inspect_logs",
        "cliffguard.suites.rows",
        "cliffguard.suites.schema",
        "cliffguard.suites.target",
        "filelock",
        "pydantic.",
    )

    loaded = modules_after("import cliffguard.run.samples, cliffguard.report.html")

    assert {name for name in loaded if name.startswith(others)} == set()


@pytest.mark.slow
def test_a_gate_loads_no_root_finder_before_it_needs_one() -> None:
    """scipy.optimize alone takes as long as all that a gate imports beside it."""
    code = "import cliffguard.gate, cliffguard.run.samples, cliffguard.report.html"

    assert modules_after(code) & {"scipy.optimize", "scipy.fft", "scipy.sparse"} == set()


def test_the_collector_is_seldom_at_work() -> None:
    """It looks through modules of torch that nobody lets go: by itself a tenth of a run's time."""
    script = """
        import gc, sys
        from cliffguard.cli import main
        sys.argv = ["cliffguard", "--help"]
        before = gc.get_stats()[0]["collections"]
        try:
            main()
        except SystemExit:
            print(gc.get_stats()[0]["collections"] - before)"""
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True
    )

    assert int(done.stdout.splitlines()[-1]) < 10


def cpu_seconds(*words: str, below: float) -> tuple[float, str]:
    """Return the processor's time that a command took, on a machine of usual speed, and stdout.

    It has three tries to stay below: what shares a processor's caches costs time as well.
    """
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "cliffguard", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        spent /= support.slowness()
        if spent < below:
            break
    return spent, done.stdout


def test_help_answers_at_once() -> None:
    """--help takes less than half a second of the processor."""
    seconds, stdout = cpu_seconds("--help", below=0.5)

    assert seconds < 0.5
    assert "Usage" in stdout


def test_listing_suites_loads_nothing_heavy() -> None:
    """`suites ls` needs neither a library of numbers nor one of models."""
    code = (
        "import contextlib, io, sys\nsys.argv = ['cliffguard', 'suites', 'ls']\n"
        "from cliffguard.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main()"
    )

    assert loaded_after(code) & HEAVY == set()


def test_listing_suites_takes_little_for_each() -> None:
    """In its longest form, `suites ls` costs half a second of the processor and 40 ms a suite."""
    most = 0.5 + 0.04 * len(builtin_names())

    seconds, stdout = cpu_seconds("suites", "ls", "--format", "json", below=most)

    assert seconds < most
    assert "support-tickets" in stdout


@pytest.mark.parametrize("name", cliffguard.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    """Every name in __all__ can be imported from the package."""
    assert getattr(cliffguard, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that is not exported is refused as Python refuses it."""
    with pytest.raises(AttributeError, match="no attribute 'gaurd'"):
        _ = cliffguard.gaurd


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("cliffguard.corridor", "cliffguard.gate", "guard"),
        ("cliffguard.ladders", "cliffguard.suites.ladders", "make"),
    ],
)
def test_a_module_is_found_under_its_old_name(old: str, new: str, name: str) -> None:
    """What docs named before modules moved can be imported for one release, with a warning."""
    with pytest.warns(DeprecationWarning, match=f"{re.escape(old)} is now {re.escape(new)}"):
        module = importlib.import_module(old)

    assert getattr(module, name) is getattr(importlib.import_module(new), name)


def test_a_record_is_found_under_its_old_name() -> None:
    """With a warning that names the new one."""
    with pytest.warns(DeprecationWarning, match=r"cliffguard\.Protocol is now cliffguard\.Eval"):
        assert cliffguard.Protocol is cliffguard.EvalSettings
