"""Every error line and every caveat has an id, by which programs go; all are of one form."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from cliffguard.core import errors
from cliffguard.core.errors import CliffguardError

PACKAGE = Path(errors.__file__).parent.parent
PAGE = PACKAGE.parent / "docs" / "error-ids.md"
CLASSES = {
    name for name, member in vars(errors).items()
    if isinstance(member, type) and issubclass(member, CliffguardError)
}  # fmt: skip
ID = re.compile(r"[a-z]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+")


def without_id(tree: ast.AST) -> list[ast.Call]:
    """Return the calls that make an error of ours without an id.

    Of a class, or of a parameter that is one (`error: type[UsageError]`); a bare `partial` of a
    class is given on to those who add the id.
    """
    calls = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not any(k.arg == "id" for k in node.keywords):
            made = node.func
            name = made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", None)
            is_theirs = getattr(getattr(made, "value", None), "id", None) == "pytest"
            if (name in CLASSES or name == "error") and not is_theirs:
                calls.append(node)
    return calls


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
    ids = {
        word.value.value
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "id" and isinstance(word.value, ast.Constant)
    }

    assert len(ids) > 200
    assert [error_id for error_id in ids if not ID.fullmatch(str(error_id))] == []


def test_every_caveat_has_an_id_of_its_own(trees: dict[Path, ast.AST]) -> None:
    """It stands as a text where the caveat is made, there alone, and on the page of ids."""
    made = [
        next((k.value for k in node.keywords if k.arg == "id"), None)
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Caveat"
    ]
    ids = Counter(getattr(caveat_id, "value", None) for caveat_id in made)
    listed = PAGE.read_text("utf-8").partition("\n## Caveats\n")[2]

    assert len(ids) > 50
    assert [
        caveat_id for caveat_id, n in ids.items() if n > 1 or not ID.fullmatch(str(caveat_id))
    ] == []
    assert [caveat_id for caveat_id in ids if f"\n| `{caveat_id}` | " not in listed] == []


def test_an_id_of_its_own_goes_before_a_general_one() -> None:
    """What knows the kind of file says it; what does not takes the reader's id."""
    error = partial(errors.ConfigError, id="policy.file")

    assert errors.with_id(error, "file.missing")("a").id == "policy.file"
    assert errors.with_id(errors.ConfigError, "file.missing")("a").id == "file.missing"
