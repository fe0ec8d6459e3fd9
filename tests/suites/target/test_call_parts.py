"""Calls and results that are parts of a turn's content, as Anthropic and Gemini write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from cliffguard import TargetData
from cliffguard.core.chats import Chat, chat_in
from cliffguard.suites.target import read_target
from cliffguard.suites.train_data import read_training
from tests import support
from tests.suites.target.data import reading, refused

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "Tells.", "parameters": SCHEMA}
QUESTION = {"role": "user", "content": "In Bern?"}
TEXT = {"type": "text", "text": "I look."}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
CALL = {"functionCall": {"name": "weather", "args": {"city": "Bern"}}}
RETURNED = {"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}
RIGHT = '[{"arguments":{"city":"Bern"},"name":"weather"}]'


def of_anthropic(*more: Any) -> dict[str, Any]:
    """Return a row as Anthropic's API has it."""
    named = {"name": "weather", "description": "Tells.", "type": "custom"}
    tools = [{**named, "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}]
    return {"messages": [QUESTION, *more], "tools": tools}


def of_gemini(*more: Any, declared: str = "functionDeclarations") -> dict[str, Any]:
    """Return a row as Gemini's API has it."""
    question = {"role": "user", "parts": [{"text": "In Bern?"}]}
    return {"contents": [question, *more], "tools": [{declared: [TOOL]}]}


def turn(role: str, *parts: Any, key: str = "content") -> dict[str, Any]:
    """Return a turn of several parts."""
    return {"role": role, key: list(parts)}


def read_as(folder: Path, row: dict[str, Any]) -> tuple[Chat, str, str]:
    """Return the chat that a row is asked as, its metric and what is right."""
    read = reading(folder, [row])
    (item,) = read.task.items
    assert item.chat is not None
    return chat_in(item.chat), read.way.metric, item.answer


SNAKE = {"function_call": {"id": "f1", "name": "weather", "args": {"city": "Bern"}}}


@pytest.mark.parametrize(
    "row",
    [
        of_anthropic(turn("assistant", USE)),
        of_anthropic(turn("assistant", TEXT, USE)),
        of_gemini(turn("model", CALL, key="parts")),
        of_gemini(turn("model", {"text": "I look."}, CALL, key="parts")),
        of_gemini(turn("model", SNAKE, key="parts"), declared="function_declarations"),
    ],
)
def test_a_part_that_calls_is_a_call(tmp_path: Path, row: dict[str, Any]) -> None:
    """With the tools as `apply_chat_template` takes them."""
    chat, metric, right = read_as(tmp_path, row)

    assert (metric, right) == ("tool_call", RIGHT)
    assert chat.tools == ({"type": "function", "function": TOOL},)
    assert chat.messages == (QUESTION,)


def test_a_result_of_anthropics_is_a_turn_of_the_tool(tmp_path: Path) -> None:
    """What the user says behind it is a turn of the user; texts may be parts, too."""
    parts = {**RESULT, "content": [{"type": "text", "text": "sunny"}], "is_error": False}
    more = {"type": "text", "text": "And in Rome?"}
    row = of_anthropic(
        turn("assistant", TEXT, USE), turn("user", parts, more), {**QUESTION, "role": "assistant"}
    )

    _, called, result, user = read_as(tmp_path, row)[0].messages

    assert (called["content"], called["tool_calls"][0]["id"]) == ("I look.", "toolu_1")
    assert result == {"role": "tool", "content": "sunny", "tool_call_id": "toolu_1"}
    assert user == {"role": "user", "content": "And in Rome?"}


@pytest.mark.parametrize("role", ["user", "function", "tool"])
def test_a_result_of_geminis_is_a_turn_of_the_tool(tmp_path: Path, role: str) -> None:
    """Its response is written as JSON."""
    row = of_gemini(
        turn("model", CALL, CALL, key="parts"),
        turn(role, RETURNED, RETURNED, key="parts"),
        turn("model", {"text": "It is blue."}, key="parts"),
    )

    chat, _, right = read_as(tmp_path, row)
    _, called, *results = chat.messages

    assert len(called["tool_calls"]) == 2
    assert results == [{"role": "tool", "content": '{"sky": "blue"}', "name": "weather"}] * 2
    assert right == "It is blue."


def test_parts_of_a_table_have_the_keys_of_all(tmp_path: Path) -> None:
    """With null, as its arguments have, which are no part of the call."""
    other = {**USE, "name": "pay", "input": {"to": "Ada"}}
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("weather", "pay")]
    rows = [
        {"messages": [turn("user", {"type": "text", "text": words}), turn("assistant", TEXT, use)]}
        for words, use in (("In Bern?", USE), ("Pay!", other))
    ]
    path = tmp_path / "rows.parquet"
    parquet.write_table(pa.Table.from_pylist([{**row, "tools": tools} for row in rows]), path)

    weather, pay = read_target(TargetData(data=str(path))).task.items

    assert weather.answer == RIGHT
    assert pay.answer == '[{"arguments":{"to":"Ada"},"name":"pay"}]'


@pytest.mark.parametrize(
    ("turns", "why"),
    [
        ([turn("assistant", USE, TEXT)], "words behind a call"),
        ([turn("user", USE), {**QUESTION, "role": "assistant"}], "the user has a part that calls"),
        ([turn("assistant", RESULT)], "the assistant has a part that is the result"),
    ],
)
def test_parts_that_turns_have_not_are_refused(
    tmp_path: Path, turns: list[dict[str, Any]], why: str
) -> None:
    """With the line, and what to do."""
    line = refused(tmp_path, [of_anthropic(*turns)], "target.call-parts")

    assert "data.jsonl:1: " in line
    assert why in line
    assert "leave it out" in line


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "thinking", "thinking": "Hm."}, "(thinking)"),
        ({"type": "image", "source": {}}, "(image)"),
        ({"inlineData": {"data": ""}, "text": None}, "(inlineData)"),
        (5, "(int)"),
    ],
)
def test_a_part_that_is_neither_is_named(tmp_path: Path, part: Any, kind: str) -> None:
    """Of a turn that calls, too."""
    for row in (
        of_anthropic(turn("assistant", part)),
        of_anthropic(turn("assistant", part, USE)),
        of_anthropic(turn("assistant", USE), turn("user", {**RESULT, "content": [part]}), QUESTION),
    ):
        assert kind in refused(tmp_path, [row], "target.turn-not-text")


def test_what_a_turn_has_beside_its_parts_is_not_lost(tmp_path: Path) -> None:
    """Calls of both kinds in one turn, or a picture."""
    calls = [{"function": {"name": "weather", "arguments": {}}}]
    for more in ({"tool_calls": calls}, {"images": ["a.png"]}):
        row = of_anthropic({**turn("assistant", USE), **more})
        refused(tmp_path, [row], "target.tool-call")


def test_training_data_are_read_alike(tmp_path: Path) -> None:
    """A call parts no words of an item from each other."""
    row = of_anthropic(turn("assistant", TEXT, USE), turn("user", RESULT), {"role": "assistant",
                       "content": "It is sunny."})  # fmt: skip
    path = support.write_jsonl(tmp_path / "train.jsonl", [row])

    (text,) = read_training(str(path))

    assert text.parts[:4] == ("In Bern?", "I look.", "sunny", "It is sunny.")
    assert text.questions == ("In Bern?\nI look.\nsunny",)
