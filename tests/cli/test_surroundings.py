"""What surrounds a command decides neither whether it runs nor what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard.cli.app import app
from tests.report.listed import result, written

FORMATS = ("markdown", "html", "json", "junit", "comment", "github")
SNOWMAN = "☃ → ✗"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A review whose items hold signs that no code page has."""
    return written(tmp_path_factory.mktemp("review"), [result("b-1", prompt=SNOWMAN)])


def printed(*words: object, charset: str) -> bytes:
    """Return what the command line prints to a terminal of this encoding, in this process."""
    result = CliRunner(charset=charset).invoke(app, [str(word) for word in words])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout_bytes


def program(*words: object, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own, with these variables."""
    return subprocess.run(
        [sys.executable, "-m", "cliffguard", *map(str, words)],
        check=False,
        capture_output=True,
        env={**os.environ, **variables},
    )


@pytest.mark.parametrize(
    "words",
    [*(["report", "--format", format] for format in FORMATS),
     *(["flips", "--format", format] for format in ("csv", "json", "markdown"))],
    ids=" ".join,
)  # fmt: skip
def test_what_programs_read_is_utf_8_on_any_terminal(folder: Path, words: list[str]) -> None:
    """The bytes are those of a terminal in UTF-8."""
    verb, *more = words

    there = printed(verb, folder, *more, charset="cp1252")

    assert there == printed(verb, folder, *more, charset="utf-8")


@pytest.mark.slow
def test_what_programs_read_is_utf_8_whatever_the_environment_says(folder: Path) -> None:
    """The encoding of a process's stdout, which `main` has changed, does not decide either."""
    done = program("flips", folder, "--format", "markdown", PYTHONIOENCODING="cp1252")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == printed("flips", folder, "--format", "markdown", charset="utf-8")
    assert "☃".encode() in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "variables"),
    [
        ("report", {"PYTHONIOENCODING": "ascii"}),
        ("flips", {"PYTHONIOENCODING": "latin-1"}),
        ("report", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
    ids=["ascii", "latin-1", "C"],
)
def test_a_terminal_that_lacks_a_sign_gets_another(
    folder: Path, verb: str, variables: dict[str, str]
) -> None:
    """What people read comes out; and FAIL does not get the mark of INCONCLUSIVE."""
    done = program(verb, folder, **variables)

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"x FAIL" if verb == "report" else b"1 item")
    assert b"? FAIL" not in done.stdout


@pytest.mark.slow  # three processes that draw
def test_figures_go_by_no_variable(folder: Path, tmp_path: Path) -> None:
    """Those of matplotlib and of a build may say anything: the same bytes come out."""
    names = ("MPLBACKEND", "SOURCE_DATE_EPOCH", "MATPLOTLIBRC")
    given = {"plain": {}, "set": dict.fromkeys(names, "nope"), "empty": dict.fromkeys(names, "")}

    drawn = []
    for name, variables in given.items():
        out = tmp_path / name
        done = program("figures", folder, "--format", "pdf", "--out", out, **variables)
        assert done.returncode == 0, done.stderr
        drawn.append({path.name: path.read_bytes() for path in out.iterdir()})

    assert drawn[1] == drawn[2] == drawn[0]


@pytest.mark.slow
def test_an_address_in_the_environment_matters_to_a_comment_alone(folder: Path) -> None:
    """Other formats do not link there; the comment names the variable that it read."""
    text = program("report", folder, CLIFFGUARD_REPORT_URL="nope")
    comment = program("report", folder, "--format", "comment", CLIFFGUARD_REPORT_URL="nope")

    assert (text.returncode, comment.returncode) == (0, 2)
    assert b"error[comment.url]: CLIFFGUARD_REPORT_URL 'nope'" in comment.stderr
