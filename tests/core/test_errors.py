"""Errors: one line for people, and an id for programs."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from pydantic import TypeAdapter

from cliffguard.cli.console import explained, failure_recorded
from cliffguard.core.errors import (
    CliffguardError,
    ConfigError,
    IntegrityError,
    UsageError,
    nearest,
)
from cliffguard.core.validation import validate
from tests import support


def printed(error: CliffguardError, out: Path | None, capsys: pytest.CaptureFixture[str]) -> str:
    """Raise an error inside a verb that writes into `out`; return what stands on stderr."""

    @explained
    def verb() -> None:
        with failure_recorded(out):
            raise error

    with pytest.raises(typer.Exit):
        verb()
    return capsys.readouterr().err


def test_an_id_stands_before_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr the line begins with the id; the message itself is without it."""
    error = UsageError("what, where, what next", id="a.b")

    assert printed(error, None, capsys) == "cliffguard: error[a.b]: what, where, what next\n"
    assert str(error) == "what, where, what next"


def test_a_line_without_an_id_is_the_message() -> None:
    """Most errors have none, and nothing is put in its place."""
    assert UsageError("a").line == "a"


@pytest.mark.parametrize(("identity", "kind"), [("a.b", IntegrityError), (None, IntegrityError)])
def test_an_id_stands_in_failure_json(
    identity: str | None,
    kind: type[CliffguardError],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The key is always there; it is null where the error has none."""
    printed(kind("m", id=identity), tmp_path, capsys)

    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure == {"exit_code": 12, "kind": "integrity", "id": identity, "message": "m"}


def test_a_named_usage_error_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake that programs can tell by its id is written down, in place of an old verdict."""
    (tmp_path / "review.json").write_text("{}")

    printed(UsageError("m", id="policy.x"), tmp_path, capsys)

    failure = json.loads((tmp_path / "failure.json").read_text())
    assert (failure["exit_code"], failure["kind"], failure["id"]) == (2, "usage", "policy.x")
    assert not (tmp_path / "review.json").exists()


@dataclass
class Refuses:
    """A record that refuses itself with an id."""

    a: int

    def __post_init__(self) -> None:
        raise UsageError("a is never right", id="a.never")


def test_a_record_that_refuses_itself_keeps_the_id() -> None:
    """What is raised with an id while a file is read has it still, as an error of that file."""
    with support.refused("a.never", 2, "x.yaml"):
        validate(TypeAdapter(Refuses), {"a": 1}, "x.yaml", ConfigError)


def test_an_id_travels_between_processes() -> None:
    """Errors of other processes are pickled, ids and all."""
    assert pickle.loads(pickle.dumps(UsageError("m", id="a.b"))).id == "a.b"


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("exact", "exact_match"),
        ("regexp", "regex"),
        ("json_e", "json_equal"),
        ("tool_calls", "tool_call"),
        ("zzz", ""),
    ],
)
def test_the_only_name_that_was_begun_is_offered_first(name: str, offered: str) -> None:
    """Before one that is nearer by its letters: exact stands for exact_match, and not for text."""
    known = ("exact_match", "text", "regex", "json_equal", "json_schema", "tool_call")

    assert nearest(name, known) == (f"; did you mean {offered!r}?" if offered else "")
