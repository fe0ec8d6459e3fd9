"""A refusal is a ValueError, too: nothing that catches one may reword, or swallow, the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from cliffguard.core import errors
from cliffguard.core.errors import CliffguardError

PACKAGE = Path(errors.__file__).parent.parent
OURS = {
    name for name, member in vars(errors).items()
    if isinstance(member, type) and issubclass(member, CliffguardError)
}  # fmt: skip
BROAD = {"ValueError", "Exception", "BaseException"}
HARMLESS = {
    "cliffguard/planning/running_time.py": "an estimate; the run itself says what is wrong",
    "cliffguard/integrations/trackers/child.py": "another process, which sends the failure home",
    "cliffguard/runners/backends.py": "what is neither of the system nor of a client goes on",
    "cliffguard/suites/rows/viewer.py": "the file is read again row by row, and refused there",
}
"""Files in which a refusal is caught on purpose, and why."""

Function = tuple[str, str]
"""A module of the package, and the name of a function or method in it."""


class Module(NamedTuple):
    """What is looked at of a file: its functions, and what the names in it stand for."""

    functions: Mapping[str, ast.FunctionDef]
    imported: Mapping[str, Function]


def module_of(tree: ast.Module) -> Module:
    """Return the functions of a file by name, methods too, and what it imports of the package."""
    imported = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cliffguard")
        for alias in node.names
    }
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return Module(functions, imported)


def called(module: str, body: list[ast.stmt], there: Module) -> Iterator[Function]:
    """Yield the functions of ours that a block calls by name, or as methods of its own object."""
    for statement in body:
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call):
                continue
            made = node.func
            if isinstance(made, ast.Name) and made.id in there.imported:
                yield there.imported[made.id]
            elif isinstance(made, ast.Name) and made.id in there.functions:
                yield module, made.id
            elif ast.unparse(made).startswith("self.") and ast.unparse(made)[5:] in there.functions:
                yield module, ast.unparse(made)[5:]


def refuses(function: ast.FunctionDef) -> bool:
    """Return whether a function itself raises an error of ours that is a ValueError."""
    names = {
        getattr(node.exc.func, "id", getattr(node.exc.func, "attr", ""))
        for node in ast.walk(function)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    }
    return bool(names & (OURS | {"error"}))


def refusing(modules: Mapping[str, Module]) -> set[Function]:
    """Return the functions that raise an error of ours, or call one that does."""
    calls = {
        (name, function): set(called(name, node.body, module))
        for name, module in modules.items()
        for function, node in module.functions.items()
    }
    made = {
        (name, function)
        for name, module in modules.items()
        for function, node in module.functions.items()
        if refuses(node)
    }
    while more := {each for each, inner in calls.items() if inner & made} - made:
        made |= more
    return made


def types_of(handler: ast.ExceptHandler) -> set[str]:
    """Return the names of what a handler catches."""
    listed = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {getattr(each, "id", getattr(each, "attr", "BaseException")) for each in listed}


def swallowing(name: str, tree: ast.Module, made: set[Function]) -> Iterator[int]:
    """Yield the lines of handlers that may take a refusal for an error of somebody else."""
    module = module_of(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Try) or not set(called(name, node.body, module)) & made:
            continue
        for handler in node.handlers:
            if types_of(handler) & OURS:
                break
            text = ast.unparse(handler)
            goes_on = isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
            if types_of(handler) & BROAD and not goes_on and "CliffguardError" not in text:
                yield handler.lineno


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """The syntax trees of the package by the names of its modules."""
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def test_no_refusal_is_swallowed(trees: dict[str, ast.Module]) -> None:
    """Before `except ValueError` over code of ours that refuses stands `except CliffguardError`."""
    made = refusing({name: module_of(tree) for name, tree in trees.items()})
    lines = {
        f"{name.replace('.', '/')}.py": list(swallowing(name, tree, made))
        for name, tree in trees.items()
    }

    assert {file: at for file, at in lines.items() if at and file not in HARMLESS} == {}
    assert HARMLESS.keys() <= {file for file, at in lines.items() if at}


SOURCE = """
from cliffguard.core.errors import UsageError
def read(text):
    if not text:
        raise UsageError("empty", id="a.b")
    return int(text)
def again(text):
    return read(text)
"""


@pytest.mark.parametrize(
    ("block", "is_seen"),
    [
        ("try:\n  again(x)\nexcept ValueError:\n  pass", True),
        ("try:\n  read(x)\nexcept (KeyError, ValueError) as e:\n  raise KeyError from e", True),
        ("try:\n  read(x)\nexcept Exception:\n  x = 1", True),
        ("try:\n  read(x)\nexcept UsageError:\n  raise\nexcept ValueError:\n  pass", False),
        ("try:\n  read(x)\nexcept Exception:\n  f()\n  raise", False),
        ("try:\n  int(x)\nexcept ValueError:\n  pass", False),
        ("try:\n  read(x)\nexcept OSError:\n  pass", False),
    ],
)
def test_a_handler_that_swallows_is_seen(block: str, is_seen: bool) -> None:
    """Through any number of functions, unless refusals go on before."""
    tree = ast.parse(SOURCE + block)
    made = refusing({"cliffguard.a": module_of(tree)})

    assert bool(list(swallowing("cliffguard.a", tree, made))) == is_seen
