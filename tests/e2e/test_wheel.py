"""The wheel: what a user gets who has pip and no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from cliffguard.cli.app import VERBS
from tests.runners.test_imports import scored, write

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parent.parent.parent
ALONE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
"""The environment of programs that are to find nothing but what is installed."""
EXAMPLE = CHECKOUT / "reports" / "examples" / "healthy" / "review.json"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(CHECKOUT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_its_data(wheel: Path) -> None:
    """Suites, demo adapters, schemas, the report's template and the type marker are inside."""
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "cliffguard_suites/adjacent.yaml",
        "cliffguard_suites/demo/healthy/adapter_model.safetensors",
        "cliffguard_suites/demo/overtrained/adapter_model.safetensors",
        "cliffguard_suites/demo/policy.yaml",
        "cliffguard/schemas/plan.schema.json",
        "cliffguard/py.typed",
    } <= names
    assert any(name.startswith("cliffguard/report/templates/") for name in names)


def installed(folder: Path, *requirements: str) -> Path:
    """Make an empty environment, install into it in this order, and return its command."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq"]
    pinned = ["--disable-pip-version-check", "-c", str(CHECKOUT / "constraints.txt")]
    for requirement in requirements:
        subprocess.run([*pip, *pinned, requirement], check=True, env=ALONE)
    return folder / "bin" / "cliffguard"


def run(command: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command, as somebody does who has no checkout."""
    return subprocess.run(
        [command, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**ALONE, "NO_COLOR": "1", "CLIFFGUARD_STORE": str(command.parent / "store")},
        cwd=command.parent,
    )


def listed(command: Path) -> set[str]:
    """Return the suites that the command lists."""
    return {
        row["name"] for row in json.loads(run(command, "suites", "ls", "--format", "json").stdout)
    }


@pytest.fixture(scope="module")
def light(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment without extras."""
    return installed(tmp_path_factory.mktemp("light") / "venv", str(wheel))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with lm-eval's samples of a base, and of a candidate that lost a fifth of a task."""
    folder = tmp_path_factory.mktemp("samples")
    write(folder / "base", "gsm8k", scored(200))
    write(folder / "tuned", "gsm8k", scored(200, lambda number: number % 5 == 0))
    return folder


def test_an_empty_environment_compares_and_reports(light: Path, samples: Path) -> None:
    """Without an extra, as pip installs it: no torch, and nothing that needs it."""
    out = samples / "gate"
    compared = run(light, "compare", samples / "base", samples / "tuned", "--out", out)
    reported = run(light, "report", EXAMPLE, "--format", "markdown")

    assert run(light, "--version").stdout.strip() == version("cliffguard")
    assert listed(light) >= {"adjacent", "support-tickets"}
    assert compared.returncode == 10, compared.stderr
    assert (out / "report.html").is_file()
    assert reported.returncode == 0, reported.stderr
    assert reported.stdout == EXAMPLE.with_name("report.md").read_text(encoding="utf-8")
    assert not [*light.parent.parent.glob("lib/python*/site-packages/torch")]


@pytest.mark.parametrize("verb", [*VERBS, "suites show", "store ls"])
@pytest.mark.parametrize("words", [(), ("--help",), ("nowhere",)], ids=["alone", "help", "nowhere"])
def test_no_verb_of_an_empty_environment_ends_in_a_traceback(
    light: Path, verb: str, words: tuple[str, ...]
) -> None:
    """It works, or says in a line with an id what is wrong or lacking."""
    done = run(light, *verb.split(), *words)

    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 2), done.stderr
    is_explained = any(
        mark in done.stderr + done.stdout for mark in ("error[", "[install.missing]", "Usage")
    )
    assert done.returncode == 0 or is_explained, done.stderr


def test_an_empty_environment_says_what_a_check_needs(light: Path, tmp_path: Path) -> None:
    """One line that ends in what to type; a doctor says the same."""
    done = run(light, "check", "--base", tmp_path, "--candidate", tmp_path, "--suite", "adjacent")

    line = done.stderr.splitlines()[-1]  # before it, on a busy machine, what takes long
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("cliffguard: error[install.missing]: running models needs torch, trans")
    assert line.endswith("; pip install 'cliffguard[run]'")
    assert line.partition("]: ")[2] in run(light, "doctor").stdout


def test_an_empty_environment_has_what_models_need(wheel: Path, tmp_path: Path) -> None:
    """With the extra, a doctor misses nothing, and the suites are there."""
    # torch first and alone, so that its pinned build is taken and not the newest with CUDA.
    command = installed(tmp_path / "venv", "torch", f"{wheel}[run]")

    done = run(command, "doctor", "--format", "json")

    assert listed(command) >= {"adjacent", "support-tickets"}
    assert "install.missing" not in done.stdout
    assert json.loads(done.stdout)["versions"]["torch"]
