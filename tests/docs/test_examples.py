"""Docstrings' examples of names that are not public; those of public ones are in docs/api.md."""

from __future__ import annotations

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import cliffguard

PACKAGE = Path(cliffguard.__file__).parent


def examples() -> Iterator[tuple[str, str]]:
    """Yield the module and the name of what shows an example, without the public names."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "    >>> " not in text:
            continue
        lines = text.split("\n")
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        for node in ast.parse(text).body:
            shown = any("    >>> " in line for line in lines[node.lineno - 1 : node.end_lineno])
            name = getattr(node, "name", None)
            if shown and name is not None and name not in cliffguard.__all__:
                yield ".".join(parts).removesuffix(".__init__"), name


@pytest.mark.parametrize(("module", "name"), [*examples()])
def test_an_example_prints_what_it_shows(module: str, name: str) -> None:
    """Run in its own module, as somebody who reads it there would."""
    printed: list[str] = []
    source = importlib.import_module(module)
    shown = doctest.DocTestFinder(exclude_empty=True).find(
        getattr(source, name), name, globs=vars(source).copy()
    )
    for example in shown:
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=printed.append)

    assert any(example.examples for example in shown)
    assert not printed, "".join(printed)
