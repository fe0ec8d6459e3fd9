"""Reading YAML that people write, as plain data."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import yaml

from cliffguard.core.errors import UsageError, key_id, with_id
from cliffguard.core.files import read_text

_MOST_VALUES = 100_000  # of a YAML file, each counted as often as aliases repeat it


class _PlainData(yaml.SafeLoader):
    """A safe loader of plain data, without the traps of YAML 1.1.

    A key written twice is refused, where YAML would keep the last. Only true and false are
    truth values: yes, no, on and off are words, so that `limit: yes` is not the number 1. Numbers
    are decimal: `limit: 010` is ten and not eight, and 1:30 no 90. Tags are refused, and so are
    aliases that stand inside what they stand for, or multiply it.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node, unless it has a tag."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise yaml.constructor.ConstructorError(
                None, None, f"the tag {tag} is no plain data; leave it out", event.start_mark
            )
        return super().compose_node(parent, index)

    def get_single_node(self) -> yaml.Node | None:
        """Return the document's node, unless it holds more than a file can mean."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _n_values(node, {})
        return node


def _n_values(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, aliases followed."""
    if id(node) in known:
        if not known[id(node)]:
            raise _too_much(node, "an alias stands inside what it stands for")
        return known[id(node)]
    known[id(node)] = 0  # until all inside it is counted
    inner = node.value if not isinstance(node, yaml.ScalarNode) else []
    parts = [p for pair in inner for p in pair] if isinstance(node, yaml.MappingNode) else inner
    known[id(node)] = n_values = 1 + sum(_n_values(part, known) for part in parts)
    if n_values > _MOST_VALUES:
        raise _too_much(node, f"aliases and lists make more than {_MOST_VALUES:,} values of it")
    return n_values


def _too_much(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_WRITTEN = {
    "bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"^[-+]?[0-9][0-9_]*$"),
    "float": re.compile(
        r"^(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
}
"""How values are written that are no texts, where YAML 1.1 has more of them."""

_PlainData.yaml_implicit_resolvers = {
    first: [
        (tag, _WRITTEN.get(tag.removeprefix("tag:yaml.org,2002:"), pattern))
        for tag, pattern in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _whole_number(_: _PlainData, node: yaml.ScalarNode) -> int:
    return int(node.value.replace("_", ""))


_PlainData.add_constructor("tag:yaml.org,2002:int", _whole_number)


def _mapping(loader: _PlainData, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (str, int)) and key in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key!r} stands twice", key_node.start_mark
            )
        if isinstance(key, (str, int)):
            seen.add(key)
    loader.flatten_mapping(node)  # after the check: what << brings in may be overridden
    return loader.construct_mapping(node, deep=True)


_PlainData.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, error: type[UsageError], *, kind: str | None = None) -> dict[str, Any]:
    """Return the mapping in a YAML file, loaded without tags that run code.

    Of a `kind` of file that people write, an error has the id of the whole (`policy.file`).
    """
    make_error = error if kind is None else partial(error, id=key_id(kind, "file"))
    begun = "; `cliffguard init` writes one to begin with" if kind in _BEGUN_BY_INIT else ""
    return _read_yaml(path, make_error, begun)


_BEGUN_BY_INIT = ("plan", "policy")


def _read_yaml(path: Path, error: Callable[[str], UsageError], advice: str) -> dict[str, Any]:
    text = read_text(path, error, advice=advice)
    try:
        value = copy.deepcopy(_parsed(text))  # whoever reads it may change it
    except (yaml.YAMLError, RecursionError, ValueError) as failure:
        line, problem = _fault(failure, text)
        raise with_id(error, "file.not-yaml")(f"{path}{line}: not valid YAML: {problem}") from None
    if not isinstance(value, dict):
        content = "empty" if value is None else f"a {type(value).__name__}"
        raise with_id(error, "file.not-yaml")(
            f"{path}: expected a mapping of keys to values, but the file is {content}"
        )
    return value


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    """Return what a text says, parsed once: it takes 0.1 ms a line."""
    return yaml.load(text, Loader=_PlainData)  # a subclass of SafeLoader


def _fault(failure: Exception, text: str) -> tuple[str, str | None]:
    """Return the line of a fault, behind a colon where there is one, and what is wrong."""
    if isinstance(failure, yaml.MarkedYAMLError):
        mark = failure.problem_mark or failure.context_mark
        return f":{mark.line + 1}" if mark else "", failure.problem
    if isinstance(failure, RecursionError):
        return "", "nested too deeply"
    # Of a reader's error there is a place; the others are of a date or a number that is none.
    at = getattr(failure, "position", None)
    line = "" if at is None else f":{text.count(chr(10), 0, at) + 1}"
    return line, (str(failure).splitlines() or [type(failure).__name__])[0]
