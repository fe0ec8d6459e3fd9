"""Commands in reports: they run as they stand, and no format shows their backticks."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from cliffguard.core.reviews import Outcome
from cliffguard.report import render
from cliffguard.report.commands import list_command
from cliffguard.report.markdown import prose
from cliffguard.report.prose import spans
from tests.report import listed, samples

_OURS = re.compile(r"`(cliffguard [^`]+)`|<code>(cliffguard .+?)</code>")


def commands_in(text: str) -> list[str]:
    """Return the commands that stand in a text, as a reader copies them."""
    return [unescape(first or second) for first, second in _OURS.findall(text)]


@pytest.mark.parametrize("name", ["out", "it's `here`", "two words"])
def test_commands_on_a_terminal_run_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """From where the report was asked for; a name that cannot stand there has its place named."""
    monkeypatch.chdir(tmp_path)
    listed.written(Path(name))

    shown = " ".join(listed.run("report", name, "--format", "text").stdout.split())
    commands = commands_in(shown)

    assert commands
    for command in commands:
        words = shlex.split(command.replace("FOLDER", shlex.quote(name)))
        assert ("FOLDER" in command) is ("`" in name)
        assert listed.run(*words[1:]).exit_code == 0


@pytest.mark.parametrize("output_format", ["html", "markdown", "comment"])
def test_commands_of_files_name_a_folder(tmp_path: Path, output_format: str) -> None:
    """A page lies beside the items; what is read elsewhere says what FOLDER stands for."""
    folder = listed.written(tmp_path / "out")

    text = listed.run("report", folder, "--format", output_format).stdout
    commands = [shlex.split(command) for command in commands_in(text)]

    assert commands
    assert {words[2] for words in commands} == {"." if output_format == "html" else "FOLDER"}
    assert "in the folder of this report" in text or "FOLDER being that of this report" in text


@pytest.mark.parametrize("output_format", ["html", "markdown", "comment"])
def test_no_backtick_of_ours_is_shown(tmp_path: Path, output_format: str) -> None:
    """Neither of a command nor of a setting, wherever a sentence stands."""
    folder = listed.written(tmp_path / "out")

    text = listed.run("report", folder, "--format", output_format).stdout

    assert "\\`" not in text
    assert not re.search(r"`(?:cliffguard|items\.jsonl|metric)", text)


def test_a_name_of_others_is_no_command() -> None:
    """Nor does it end one of ours."""
    name = "a `b` c"

    parts = list(spans(f"see {name}; run `cliffguard flips`, {name}", (name,)))

    assert [part for part in parts if not isinstance(part, str)] == [parts[1]]
    assert prose(f"{name}: `x`", (name,)) == "a \\`b\\` c: <code>x</code>"


def test_such_a_name_is_none_in_any_format() -> None:
    """In steps and notes of Markdown and of comments, too."""
    name = "it `rm` now"
    row = samples.measured(name, n_items=60, n_right_base=50, n_broken=4, n_fixed=2, p_drop=0.3)
    finding = samples.finding(row, Outcome.INCONCLUSIVE, "open")
    review = samples.review(Outcome.INCONCLUSIVE, f"{name} is open.", [(row, finding)])

    for output_format in ("markdown", "comment", "html"):
        assert "<code>rm</code>" not in render(replace(review), output_format)


def test_a_command_is_quoted() -> None:
    """As a shell reads it: a name by its line, by which `flips` knows it; else it is NAME."""
    assert list_command(None) == "cliffguard flips . --changed"
    assert shlex.split(list_command("a b", folder="x'y"))[2:] == [
        "x'y", "--changed", "--capability=a b",
    ]  # fmt: skip
    assert list_command("a\n b", folder="a\nb").endswith(" FOLDER --changed '--capability=a b'")
    assert list_command("a\u200bb", folder="a\nb") == (
        "cliffguard flips FOLDER --changed --capability=NAME"
    )
