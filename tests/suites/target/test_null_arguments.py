"""Nulls in right calls: those that a table has filled in are no arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from cliffguard import TargetData
from cliffguard.core.items import Item
from cliffguard.suites.target import read_target
from tests.suites.target.data import items, reading, refused

UNIT = {"type": "string", "enum": ["C", "F"]}
WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": UNIT,
            "note": {"type": ["string", "null"]},
            "days": {"type": "array", "items": {"type": "object", "properties": {"day": UNIT}}},
        },
    },
}
PAY = {"name": "pay", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}
OPEN = {"name": "weather", "parameters": {"type": "object"}}


def calling(name: str, arguments: Any, *, at: str = "Go.", tools: Any = (WEATHER, PAY)) -> Any:
    """Return a row whose last turn calls a tool, as OpenAI writes it."""
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    turns = [{"role": "user", "content": at}, {"role": "assistant", "tool_calls": [call]}]
    return {"messages": turns, "tools": list(tools)}


def in_words(name: str, arguments: Any, *, at: str = "Go.", tools: Any = (WEATHER, PAY)) -> Any:
    """Return a row whose last turn calls a tool in a text."""
    written = json.dumps({"name": name, "arguments": arguments})
    last = {"role": "assistant", "content": f"<tool_call>{written}</tool_call>"}
    return {"messages": [{"role": "user", "content": at}, last], "tools": list(tools)}


def from_parquet(folder: Path, rows: list[dict[str, Any]]) -> tuple[Item, ...]:
    """Return the items of rows that a table of Parquet holds."""
    path = folder / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return read_target(TargetData(data=str(path))).task.items


def right(item: Item) -> Any:
    """Return the arguments of the call that is right."""
    (call,) = json.loads(item.answer)
    return call["arguments"]


def test_tables_fill_nulls_into_arguments_at_any_depth(tmp_path: Path) -> None:
    """A struct inside of a list inside of an argument gets the keys of all others, too."""
    rows = [
        calling("weather", {"city": "Bern", "days": [{"day": "C"}, {"n": 1}]}, at="Bern?"),
        calling("weather", {"city": "Rome", "opt": {"a": 1}}, at="Rome?"),
        calling("pay", {"to": "Ada", "opt": {"b": 2}}, at="Pay!"),
    ]

    bern, rome, pay = map(right, from_parquet(tmp_path, rows))

    assert bern == {"city": "Bern", "days": [{"day": "C"}, {"n": 1}]}
    assert rome == {"city": "Rome", "opt": {"a": 1}}
    assert pay == {"to": "Ada", "opt": {"b": 2}}


INNER = {"type": "object", "required": ["k"], "properties": {"k": {"type": ["string", "null"]}}}
REFERRED = {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}]}


@pytest.mark.parametrize("schema", [INNER, {"$ref": "#/$defs/inner"}, REFERRED])
def test_a_null_that_is_required_inside_is_an_argument(
    tmp_path: Path, schema: dict[str, Any]
) -> None:
    """Pydantic writes what lies inside as references to definitions."""
    defs = {"inner": INNER, "loop": {"$ref": "#/$defs/loop"}}
    properties = {
        "o": schema,
        "loop": {"$ref": "#/$defs/loop"},
        "lost": {"$ref": "#/none"},
        "wide": {"anyOf": [{"$ref": "#"}] * 99},
        "odd": {"anyOf": 5, "$ref": 5},
    }
    parameters = {"type": "object", "properties": properties, "$defs": defs}
    inner = {"k": None, "m": None}
    given = {"o": inner, "loop": inner, "lost": inner, "wide": {"wide": inner}, "odd": inner}
    row = calling("f", given, tools=[{"name": "f", "parameters": parameters}])

    assert right(items(tmp_path, [row])[0]) == {
        "o": {"k": None},
        "loop": {},
        "lost": {},
        "wide": {"wide": {}},
        "odd": {},
    }


def kind(name: str, key: str, of: Any, **more: Any) -> dict[str, Any]:
    """Return the schema of one kind of a union, as Pydantic writes it, which needs a key."""
    properties = {"kind": {"const": name}, key: of}
    return {"type": "object", "properties": properties, "required": ["kind", key], **more}


TEXT, MAYBE = {"type": "string"}, {"type": ["string", "null"]}


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    "kinds",
    [
        [kind("a", "x", TEXT), kind("b", "y", TEXT)],
        [kind("a", "x", MAYBE), kind("b", "y", MAYBE)],
        [{"$ref": "#/$defs/a"}, kind("b", "y", MAYBE), {"type": "null"}],
    ],
)
def test_a_kind_of_a_union_lacks_what_other_kinds_require(
    tmp_path: Path, kinds: list[Any], word: str
) -> None:
    """Tables give each the keys of all: who calls without those of others is right."""
    properties = {"shapes": {"type": "array", "items": {word: kinds}}}
    parameters = {"properties": properties, "$defs": {"a": kind("a", "x", TEXT)}}
    shapes = [{"kind": "a", "x": "1"}, {"kind": "b", "y": "2"}]
    tools = [{"name": "f", "parameters": {"type": "object", **parameters}}]

    (item,) = from_parquet(tmp_path, [calling("f", {"shapes": shapes}, tools=tools)])

    assert right(item) == {"shapes": shapes}


def test_a_null_that_a_kind_requires_of_itself_is_an_argument(tmp_path: Path) -> None:
    """Of the kind that it is, of a tree's node below the root, and where it can be none."""
    union = {"anyOf": [kind("a", "x", TEXT), kind("b", "y", MAYBE)]}
    closed = {"anyOf": [kind("a", "x", MAYBE, additionalProperties=False), {"type": "null"}]}
    parameters = {
        "type": "object",
        "properties": {"u": union, "next": {"$ref": "#"}, "n": closed},
        "required": ["next"],
    }
    given = {"u": {"kind": "b", "x": None, "y": None}, "n": {"x": None, "z": 1}}
    row = calling(
        "f", {"next": {**given, "next": None}}, tools=[{"name": "f", "parameters": parameters}]
    )

    kept = {"u": {"kind": "b", "y": None}, "n": {"x": None, "z": 1}, "next": None}
    assert right(items(tmp_path, [row])[0]) == {"next": kept}


@pytest.mark.parametrize("row", [calling, in_words])
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"city": "Bern", "to": None}, "which its parameters do not have"),
        ({"city": "Bern", "unit": None}, "which its parameters do not allow"),
        ({"city": "Bern", "days": [{"day": None}]}, "which its parameters do not allow"),
    ],
)
def test_a_null_in_a_text_that_the_tool_forbids_is_refused(
    tmp_path: Path, row: Any, arguments: dict[str, Any], why: str
) -> None:
    """With the line: who calls without it would be wrong."""
    written = arguments if row is in_words else json.dumps(arguments)
    rows = [
        row("weather", written if row is in_words else '{"city": "A"}'),
        row("weather", written),
    ]

    line = refused(tmp_path, rows, "target.null-argument")

    assert why in line
    assert f"data.jsonl:{1 if row is in_words else 2}: " in line


def test_a_null_in_a_text_that_only_other_tools_are_given_is_refused(tmp_path: Path) -> None:
    """Where no parameters say what a tool takes, the other rows do."""
    rows = [
        in_words("weather", {"city": "Bern", "to": None}, at="Bern?", tools=[OPEN]),
        in_words("weather", {"city": "Rome", "to": None}, at="Rome?", tools=[OPEN]),
    ]
    assert right(items(tmp_path, rows)[0]) == {"city": "Bern", "to": None}

    other = in_words("pay", {"to": "Ada"}, tools=[PAY])
    assert "such as 'pay'" in refused(tmp_path, [*rows, other], "target.null-argument")
    texts = [
        {"prompt": "a?", "answer": '{"name": "weather", "arguments": {"to": null}}'},
        {"prompt": "b?", "answer": '{"name": "pay", "arguments": {"to": "Ada"}}'},
    ]
    line = refused(tmp_path, texts, "target.null-argument", metric="tool_call")
    assert "data.jsonl:1: " in line


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"type": "string", "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"enum": ["a", None]},
        {"type": "str, optional"},
        {},
    ],
)
def test_a_null_that_the_parameters_allow_is_an_argument(
    tmp_path: Path, schema: dict[str, Any]
) -> None:
    """A note says that it has to be given."""
    tool = {"name": "weather", "parameters": {"type": "object", "properties": {"note": schema}}}

    other = calling("pay", {"to": "Ada", "note": "Thanks"}, at="Pay!")

    read = reading(tmp_path, [calling("weather", '{"note": null}', tools=[tool]), other])

    assert right(read.task.items[0]) == {"note": None}
    assert "In 1 of 2 rows arguments of the right call are null" in "".join(read.notes)


def test_a_null_that_is_required_and_forbidden_is_refused(tmp_path: Path) -> None:
    """Without it the call lacks an argument, and with it nobody could make it."""
    parameters = {**PAY["parameters"], "required": ["to"]}  # type: ignore[dict-item]
    row = calling("pay", {"to": None}, tools=[{**PAY, "parameters": parameters}])

    assert "'to': null" in refused(tmp_path, [row], "target.null-argument")


def test_an_answer_that_is_an_object_is_to_be_a_text(tmp_path: Path) -> None:
    """Nobody knows which of its nulls a table has filled in."""
    row = calling("pay", "{}")
    objects = [{"messages": row["messages"][:1], "answer": {"a": 1, "b": None}}]

    line = refused(tmp_path, objects, "target.blank")

    assert "write it as JSON in a text, without keys that a table has filled with null" in line
    texts = [{**objects[0], "answer": json.dumps({"a": 1})}]
    assert reading(tmp_path, texts).way.metric == "json_equal"
