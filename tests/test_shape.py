"""The shape of the code: short functions, narrow records, one name for one record."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cliffguard"
VAGUE = {"told", "said", "asked", "own", "one", "found", "place"}
LONGEST = 60
"""Lines of a function, its signature and docstring among them."""

MOST_FIELDS = 12
WIDE = {
    "Plan": "the keys of a file that people write",
    "EvalSettings": "the keys of a file that people write",
    "TargetData": "the keys of a file that people write",
    "Task": "what a suite or a harness says of a task, each part from elsewhere",
    "TaskFile": "the keys of a file that people write",
    "Finding": "one row of the verdict, as every report prints it",
    "CapabilityCounts": "what becomes of the items, step by step, adds up",
    "CapabilityEvidence": "one row of the review: means, p-values, and what they were asked about",
    "CapabilityPower": "one row of the plan, as it is printed",
}
"""Records with more fields, and why."""


def definitions(body: Iterable[ast.stmt]) -> Iterator[Definition]:
    """Yield the classes and functions of a body, however deep."""
    for node in body:
        if isinstance(node, Definition):
            yield node
        for name in ("body", "orelse", "finalbody"):
            yield from definitions(getattr(node, name, ()))


@cache
def nodes() -> tuple[tuple[Path, Definition], ...]:
    """Return the classes and functions of the package, each with its file."""
    return tuple(
        (path.relative_to(PACKAGE), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in definitions(ast.parse(path.read_text(encoding="utf-8")).body)
    )


def named(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every variable, parameter, attribute and function that a file names, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, Definition) or (
            isinstance(node, ast.ExceptHandler | ast.MatchAs) and node.name
        ):
            yield node.name, node.lineno


def test_nothing_is_called_by_a_word_that_says_nothing() -> None:
    """A name says what a thing is, in the package, the tests and the scripts."""
    vague = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {name}"
        for top in ("cliffguard", "tests", "scripts")
        for path in sorted((ROOT / top).rglob("*.py"))
        for name, line in named(ast.parse(path.read_text(encoding="utf-8")))
        if name in VAGUE
    ]

    assert vague == []


def test_no_two_classes_share_a_name() -> None:
    """A name stands for one class in the whole package."""
    names = Counter(node.name for _, node in nodes() if isinstance(node, ast.ClassDef))

    assert [name for name, n in names.items() if n > 1] == []


def test_wide_records_have_a_reason() -> None:
    """A class with more than 12 fields has its reason in the table, and none is there in vain."""
    wide = {
        node.name
        for _, node in nodes()
        if isinstance(node, ast.ClassDef)
        and sum(isinstance(part, ast.AnnAssign) for part in node.body) > MOST_FIELDS
    }

    assert wide == WIDE.keys()


def test_functions_are_short() -> None:
    """No function of the package is longer than a page."""
    long = [
        f"{path.as_posix()}: {node.name}"
        for path, node in nodes()
        if not isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno >= LONGEST
    ]

    assert long == []


def test_the_gate_fits_a_screen() -> None:
    """guard() is at most 40 lines, its parameters among them, what describes it not."""
    (guard,) = (
        node for _, node in nodes() if isinstance(node, ast.FunctionDef) and node.name == "guard"
    )

    described = guard.body[0]

    n_described = (described.end_lineno or 0) - described.lineno + 1
    assert (guard.end_lineno or 0) - guard.lineno + 1 - n_described <= 40
