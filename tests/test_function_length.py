"""Functions stay short enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "cliffguard"
MOST_LINES = 60

# Of these the signature or the docstring is the larger part, or the cut is still to be made.
LONGER = {
    "cli/check.py: check",  # one parameter a flag
    "compare/comparison.py: compare",
    "compare/comparison.py: _capability",
    "gate.py: guard",
}


def long_functions() -> Iterator[str]:
    """Yield the functions of the package with more lines than that, docstring and all."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            if is_function and (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES:
                yield f"{path.relative_to(PACKAGE).as_posix()}: {node.name}"


def test_no_function_is_longer_than_a_screen() -> None:
    """No function has more than 60 lines, but those listed with a reason."""
    assert set(long_functions()) <= LONGER
