"""Errors: one line for people, and an id for programs."""

from __future__ import annotations

import ast
import json
import pickle
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import typer
from pydantic import TypeAdapter

from cliffguard import errors
from cliffguard.cli.console import explained, failure_recorded
from cliffguard.errors import CliffguardError, ConfigError, IntegrityError, UsageError
from cliffguard.files import validate


def told(error: CliffguardError, out: Path | None, capsys: pytest.CaptureFixture[str]) -> str:
    """Raise an error inside a verb that writes into `out`; return what stands on stderr."""

    @explained
    def verb() -> None:
        with failure_recorded(out):
            raise error

    with pytest.raises(typer.Exit):
        verb()
    return capsys.readouterr().err


def test_an_id_stands_at_the_end_of_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr the id follows the message, in brackets; the message itself is without it."""
    error = UsageError("what, where, what next", id="a.b")

    assert told(error, None, capsys) == "cliffguard: what, where, what next [a.b]\n"
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
    told(kind("m", id=identity), tmp_path, capsys)

    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure == {"exit_code": 12, "kind": "integrity", "id": identity, "message": "m"}


def test_a_named_usage_error_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake that programs can tell by its id is written down, in place of an old verdict."""
    (tmp_path / "review.json").write_text("{}")

    told(UsageError("m", id="policy.x"), tmp_path, capsys)

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
    with pytest.raises(ConfigError, match=r"x\.yaml: a is never right") as caught:
        validate(TypeAdapter(Refuses), {"a": 1}, "x.yaml", ConfigError)

    assert caught.value.id == "a.never"


def test_an_id_travels_between_processes() -> None:
    """Errors of other processes are pickled, ids and all."""
    assert pickle.loads(pickle.dumps(UsageError("m", id="a.b"))).id == "a.b"


# --- ids -----------------------------------------------------------------------------------------

PACKAGE = Path(errors.__file__).parent
CLASSES = {
    name for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, CliffguardError)
}  # fmt: skip
ID = re.compile(r"[a-z]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")


def without_id(tree: ast.AST) -> list[ast.Call]:
    """Return the calls that make an error of ours without an id.

    Of a class, or of a parameter that is one (`error: type[UsageError]`); a bare `partial` of a
    class is given on to those who add the id.
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not any(k.arg == "id" for k in node.keywords):
            made = node.func
            name = made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", None)
            if name in CLASSES or name == "error":
                found.append(node)
    return found


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.AST]:
    """The syntax trees of the package."""
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def test_every_error_has_an_id(trees: dict[Path, ast.AST]) -> None:
    """Programs go by ids, and a message that has none can never be worded anew."""
    bare = [f"{path}:{node.lineno}" for path, tree in trees.items() for node in without_id(tree)]

    assert bare == []


def test_an_error_without_an_id_is_found() -> None:
    """However it is raised."""
    tree = ast.parse(
        "raise UsageError('a')\nx = errors.StoreError('b')\nraise error('c') from None"
    )

    assert [node.lineno for node in without_id(tree)] == [1, 2, 3]


def test_ids_are_of_one_form(trees: dict[Path, ast.AST]) -> None:
    """What it is about, a period, and what is wrong with that; in small letters and hyphens."""
    told = {
        word.value.value
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "id" and isinstance(word.value, ast.Constant)
    }

    assert len(told) > 200
    assert [one for one in told if not ID.fullmatch(str(one))] == []


def test_an_id_of_its_own_goes_before_a_general_one() -> None:
    """What knows the kind of file says it; what does not takes the reader's id."""
    own = partial(errors.ConfigError, id="policy.file")

    assert errors.with_id(own, "file.missing")("a").id == "policy.file"
    assert errors.with_id(errors.ConfigError, "file.missing")("a").id == "file.missing"
