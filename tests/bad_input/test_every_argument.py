"""Every argument and every option of every verb, given what no file is called and no number is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from cliffguard.cli.app import app
from cliffguard.core.errors import CliffguardError
from tests.support import write_suite

IMPOSSIBLE = ("a" * 300, "9" * 5000, "\0", "\udcff")


def verbs(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield each verb that does something, with the words that call it."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, *words, name)
    if not hasattr(command, "commands"):
        yield words, command


def cases() -> Iterator[Any]:
    """Yield the words of a call for each argument and option that takes a value."""
    for words, command in verbs(typer.main.get_command(app)):
        if words == ("demo",):
            continue  # it would run
        needed = [p for p in command.params if p.required]
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or parameter.name == "help":
                continue
            others = [p for p in needed if p is not parameter]
            id = f"{'-'.join(words)}-{parameter.name}"
            yield pytest.param(words, parameter, others, id=id)


def spelt(parameter: click.Parameter, value: str) -> list[str]:
    """Return the words that give a parameter a value."""
    if isinstance(parameter, click.Argument):
        return [value]
    return [f"{parameter.opts[0]}={value}"]


@pytest.mark.parametrize(("words", "parameter", "others"), cases())
def test_what_cannot_be_meant_is_refused_in_words(
    words: tuple[str, ...],
    parameter: click.Parameter,
    others: list[click.Parameter],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No traceback, and the exit code of a mistake or of nothing wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    rest = [word for other in others for word in spelt(other, "there")]
    if (
        words in {("plan",), ("doctor",)} and parameter.name != "suites"
    ):  # else they read all suites
        rest += ["--suite", str(write_suite(tmp_path / "suite", n_items=3, n_said=2))]
    for value in IMPOSSIBLE:
        result = CliRunner().invoke(app, [*words, *spelt(parameter, value), *rest])
        failure = result.exception
        assert failure is None or isinstance(failure, (SystemExit, CliffguardError)), (
            value[:20], repr(failure)[:200],
        )  # fmt: skip
        assert result.exit_code in (0, 2, 12, 20), (value[:20], result.output[-300:])
