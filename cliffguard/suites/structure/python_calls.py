"""Calls spelled as Python's, `[f(a=1), g(b="x")]`: parsed, never run.

Python's own parser builds the tree, whose depth a hostile text could drive until the process ends.
So the text is first cut into tokens here, of which few may stand side by side: what is left nests
by its brackets alone, and these are counted.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from cliffguard.suites.structure.calls import Call, Calls
from cliffguard.suites.structure.json_texts import MOST_LEVELS, Unreadable, refuse_large

_NAME = r"[A-Za-z_]\w*"
_TOKEN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<text>'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<word>{_NAME}(?:\.{_NAME})*)"
    r"|(?P<sign>[\[\](){},:=-])",
    re.DOTALL,
)
_SIDE_BY_SIDE = re.compile(r"[tnw)\]}][tnw\[{]|[tn)\]}]\(|[tnw)\]}]-|-[^n]|w:")
"""Texts, numbers, words (t, n, w) and signs that no list of calls has next to each other.

So nothing but brackets is left by which a tree grows deep: no chain of operators, calls, keywords.
"""

_LONGEST_NAME = 256
_DOTTED = rf"{_NAME}(?:\.{_NAME})*"
_BEGINNING = re.compile(rf"\[\s*{_DOTTED}\s*\(")
_SOMEWHERE = re.compile(
    rf"\[\s*[A-Za-z_][\w. -]{{0,80}}\(\s*(?:{_NAME}\s*=|\)\s*[\],])"
    rf"|\A{_DOTTED}\(\s*(?:{_NAME}\s*=|\)\s*\Z)"
)
"""A list of calls among words, or a call without its brackets, which no reader takes."""


def holds_python_calls(text: str) -> bool:
    """Return whether calls spelled as Python's stand in a text, however little else is right."""
    return _SOMEWHERE.search(text) is not None


def begins_python_calls(text: str) -> bool:
    """Return whether a text begins as a list of calls spelled as Python's does."""
    return _BEGINNING.match(text) is not None


def python_calls(text: str) -> Calls:
    """Return the calls of a list such as `[f(a=1), g(b="x")]`. Raises Unreadable for any other.

    Every argument has its name, and a value that `ast.literal_eval` takes and JSON knows.
    """
    refuse_large(text)
    _refuse_tokens(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash that escapes nothing
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise Unreadable("no list of Python's calls") from None
    if not isinstance(tree, ast.List):
        raise Unreadable("no list of Python's calls")
    return tuple(map(_call, tree.elts))


def _refuse_tokens(text: str) -> None:
    """Raise Unreadable for tokens that no list of calls has, or brackets in each other too deep."""
    depth, end, kinds = 0, 0, []
    for match in _TOKEN.finditer(text):
        if match.start() != end or (match["word"] and len(match[0]) > _LONGEST_NAME):
            break
        end = match.end()
        depth += (match[0] in _OPENING) - (match[0] in _CLOSING)
        if depth > MOST_LEVELS:
            raise Unreadable("nested too deeply")
        if match.lastgroup != "blank":
            kinds.append(_KINDS.get(str(match.lastgroup), match[0]))
    if end != len(text) or _SIDE_BY_SIDE.search("".join(kinds)):
        raise Unreadable("no list of Python's calls")


_OPENING, _CLOSING = tuple("[({"), tuple("])}")
_KINDS = {"text": "t", "number": "n", "word": "w"}


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args:
        raise Unreadable("an argument without a name, or no call")
    names = [keyword.arg for keyword in node.keywords]
    arguments = {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}
    if len(arguments) != len(names):
        raise Unreadable("an argument stands twice")
    return Call(ast.unparse(node.func), arguments)


def _value(node: ast.expr) -> Any:
    if any(_has_twins(part) for part in ast.walk(node) if isinstance(part, ast.Dict)):
        raise Unreadable("a key stands twice")
    try:
        return _as_json(ast.literal_eval(node))
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise Unreadable("an argument that is no value") from None


def _has_twins(node: ast.Dict) -> bool:
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    return len(set(keys)) != len(node.keys)


def _as_json(value: Any) -> Any:
    """Return a value of Python as JSON has it. Raises TypeError for one that JSON has not."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key that is no text")
        return {key: _as_json(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(inner) for inner in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise TypeError("larger than any number")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"JSON has no {type(value).__name__}")
