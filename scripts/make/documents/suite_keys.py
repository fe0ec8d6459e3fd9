"""The tables of the suites' reference that describe records, between marks in the page by hand.

`<!-- keys of TaskFile -->` is followed by a row for each key of that record, from its JSON Schema
and the descriptions beside its fields; `<!-- end -->` ends the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from cliffguard.config import schema
from cliffguard.core.flags import flags_of
from cliffguard.core.settings import TargetData
from cliffguard.suites.target import known

PAGE = Path(__file__).resolve().parents[3] / "docs" / "suites-reference.md"
_MARKED = re.compile(
    r"(?P<mark><!-- (?P<table>keys of (?P<record>\w+)|usual columns) -->\n).*?(?=<!-- end -->)",
    re.DOTALL,
)
_SECTIONS = {
    "CapabilityFile": "[capability](#capability)",
    "GeneratedItems": "[generator](#generated-items)",
    "TaskFile": "[task](#task)",
}
_PLAIN = {"string": "text", "boolean": "true or false", "integer": "whole number", "null": ""}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def page() -> str:
    """Return the page with its tables as the records are now. Raises ValueError without a mark."""
    text = PAGE.read_text(encoding="utf-8")
    records = ("SuiteFile", *_SECTIONS, TargetData.__name__)
    absent = {"usual columns", *(f"keys of {record}" for record in records)}
    absent -= {match["table"] for match in _MARKED.finditer(text)}
    if absent:
        raise ValueError(f"docs/{PAGE.name}: no <!-- {min(absent)} --> … <!-- end -->")
    return _MARKED.sub(
        lambda match: "\n".join([match["mark"], *_lines(match["record"]), "", ""]), text
    )


def _lines(record: str | None) -> Iterator[str]:
    """Yield the lines of a table, or of the list of usual columns."""
    if record is None:
        yield from _usual_columns()
    elif record == TargetData.__name__:
        yield from _flags()
    else:
        yield from _keys(record)


def _keys(record: str) -> Iterator[str]:
    whole = schema("suite")
    described = whole if whole["title"] == record else whole["$defs"][record]
    yield "| key | value | without it | meaning |"
    yield "|---|---|---|---|"
    for name, key in described["properties"].items():
        is_required = name in described.get("required", ())
        default = "required" if is_required else _default(key.get("default"))
        yield f"| `{name}` | {_kind(key)} | {default} | {key['description']} |"


def _flags() -> Iterator[str]:
    yield "| key | flag | meaning |"
    yield "|---|---|---|"
    defaults = {field.name: field.default for field in fields(TargetData)}
    for name, flag in flags_of(TargetData):
        option = flag.name or f"--target-{name.replace('_', '-')}"
        repeatable = ", repeatable" if isinstance(defaults[name], tuple) else ""
        yield f"| `{name}` | `{option}`{repeatable} | {flag.help} |"


def _usual_columns() -> Iterator[str]:
    yield f"- `prompt`: {_listed(known.PROMPTS)}; or a chat in {_listed(known.CHATS)}."
    yield f"- `answer`: {_listed(known.ANSWERS)}."
    yield f"- `choices`: {_listed(known.CHOICES)}."


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _default(value: Any) -> str:
    return "–" if value is None or value in ("", []) else f"`{value}`"


def _kind(key: Mapping[str, Any]) -> str:
    """Return in words what a value is, from its JSON Schema."""
    if "anyOf" in key:
        return " or ".join(filter(None, map(_kind, key["anyOf"])))
    if "$ref" in key:
        return _SECTIONS[key["$ref"].rpartition("/")[2]]
    if "enum" in key:
        return ", ".join(f"`{value}`" for value in key["enum"])
    if key["type"] == "array":
        return f"list of {_kind(key['items'])}"
    if key["type"] == "object":
        inner = key.get("additionalProperties") or next(iter(key["patternProperties"].values()))
        return f"{_kind(inner)} by name"
    bounds = [f"{words} {key[end]:g}" for end, words in _BOUNDS.items() if end in key]
    kind = key.get("format", _PLAIN.get(key["type"], key["type"]))
    return ", ".join([kind, *bounds])
