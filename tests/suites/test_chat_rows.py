"""Rows of chats: what is read into one form, and every refusal with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.chats import Chat, chat_in
from cliffguard.core.items import Item
from cliffguard.suites.contamination import find_contamination
from cliffguard.suites.loading import load_suite
from cliffguard.suites.train_data import read_training
from tests import support

USER = {"role": "user", "content": "Where is the ball?"}
CALL = {"function": {"name": "find", "arguments": '{"what": "ball"}'}, "type": "function"}
TOOL = {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}


def items_of(folder: Path, *rows: dict[str, Any], task: str = "exact_match") -> tuple[Item, ...]:
    """Write a suite of these rows, load it, and return its items."""
    lines = [{"answer": "yes", **row} for row in rows]
    return load_suite(str(support.write_task(folder, lines, f"metric: {task}"))).tasks[0].items


def chat_of(folder: Path, *messages: Any, **more: Any) -> Chat:
    """Return the chat of a row."""
    (item,) = items_of(folder, {"messages": list(messages), **more})
    assert item.chat is not None
    return chat_in(item.chat)


def test_calls_and_tools_have_one_form(tmp_path: Path) -> None:
    """That of apply_chat_template, however a trainer or a server wrote them."""
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    back = {"role": "tool", "content": "", "tool_call_id": "1", "name": "find"}
    chat = chat_of(tmp_path, USER, called, back, tools=[TOOL])
    wrapped = chat_of(
        tmp_path,
        USER,
        {**called, "content": "", "tool_calls": [{"name": "find", "arguments": {"what": "ball"}}]},
        back,
        tools=[{"type": "function", "function": TOOL}],
    )
    assert chat == wrapped
    assert chat.messages[1]["tool_calls"][0]["function"]["arguments"] == {"what": "ball"}
    assert chat.tools == ({"type": "function", "function": TOOL},)


def test_parameters_are_arguments(tmp_path: Path) -> None:
    """As Llama writes them."""
    called = {"role": "assistant", "tool_calls": [{"name": "f", "parameters": {"city": "Rome"}}]}
    chat = chat_of(tmp_path, USER, called, USER)
    assert chat.messages[1]["tool_calls"][0]["function"]["arguments"] == {"city": "Rome"}


def test_a_call_may_stand_in_words(tmp_path: Path) -> None:
    """Before what a tool returned, as Hermes writes it."""
    called = {"role": "assistant", "content": '<tool_call>{"name": "f"}</tool_call>'}
    assert chat_of(tmp_path, USER, called, {"role": "tool", "content": "7"}).messages[2]


def test_the_order_of_keys_is_kept(tmp_path: Path) -> None:
    """A template writes a tool's schema in it, so that another order is another prompt."""
    here, there = {"b": 1, "a": 2}, {"a": 2, "b": 1}
    digests = []
    for schema in (here, there):
        tool = {"name": "f", "parameters": schema}
        (item,) = items_of(tmp_path, {"messages": [USER], "tools": [tool]})
        assert item.chat is not None
        assert list(chat_in(item.chat).tools[0]["function"]["parameters"]) == list(schema)
        digests.append(item.digest)
    assert digests[0] != digests[1]


def test_parts_of_text_are_one_text(tmp_path: Path) -> None:
    """Where all parts are text."""
    parts = [{"type": "text", "text": "Where is "}, {"type": "text", "text": "the ball?"}]
    assert chat_of(tmp_path, {"role": "user", "content": parts}) == chat_of(tmp_path, USER)


def test_a_chat_is_shown_with_who_speaks(tmp_path: Path) -> None:
    """To people; its words alone are looked for in training data."""
    system = {"role": "system", "content": "Be brief and always answer in one short line."}
    (item,) = items_of(tmp_path, {"messages": [system, USER], "tools": [TOOL]})
    assert item.prompt == (
        "tools: find\nsystem: Be brief and always answer in one short line.\n"
        "user: Where is the ball?"
    )
    support.write_jsonl(tmp_path / "train.jsonl", [{"messages": [system, USER]}])
    tasks = load_suite(str(tmp_path / "suite.yaml")).tasks
    (overlap,) = find_contamination(read_training(str(tmp_path / "train.jsonl")), tasks)
    assert (overlap.item_id, overlap.kind) == ("i0", "exact")


FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "no turns": ({"messages": []}, ("list",)),
    "a text": ({"messages": "Hi"}, ("list",)),
    "a turn that is a text": ({"messages": ["Hi"]}, ("messages[0]", "object")),
    "no role": ({"messages": [{"content": "Hi"}]}, ("messages[0]", "null")),
    "developer": (
        {"messages": [{"role": "developer", "content": "x"}, USER]},
        ("messages[0]", "developer", "system"),
    ),
    "human": ({"messages": [{"role": "human", "content": "x"}]}, ("human", "user")),
    "a picture": (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        ("messages[0]", "image_url", "text"),
    ),
    "a number": ({"messages": [{"role": "user", "content": 5}]}, ("messages[0]", "5")),
    "a blank turn": ({"messages": [{"role": "user", "content": " "}]}, ("messages[0]", "blank")),
    "an unknown key": ({"messages": [{**USER, "contents": "x"}]}, ("'contents'", "'content'")),
    "the answer as a turn": (
        {"messages": [USER, {"role": "assistant", "content": "Here."}]},
        ("assistant", "answer"),
    ),
    "nobody asks": ({"messages": [{"role": "system", "content": "x"}]}, ("system",)),
    "a late system turn": (
        {"messages": [USER, {"role": "system", "content": "x"}, USER]},
        ("messages[1]", "system"),
    ),
    "a tool that nobody called": (
        {"messages": [USER, {"role": "tool", "content": "x"}]},
        ("messages[1]", "tool_calls"),
    ),
    "a call by the user": ({"messages": [{**USER, "tool_calls": [CALL]}]}, ("messages[0]", "user")),
    "a call without a name": (
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"arguments": {}}]}, USER]},
        ("messages[1].tool_calls[0].name",),
    ),
    "arguments that are no JSON": (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"name": "f", "arguments": "{x"}]},
                USER,
            ]
        },
        ("messages[1].tool_calls[0]", "{x"),
    ),
    "arguments that are a list": (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"name": "f", "arguments": [1]}]},
                USER,
            ]
        },
        ("messages[1].tool_calls[0]", "object"),
    ),
    "arguments by another name": (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"name": "f", "args": {}}]},
                USER,
            ]
        },
        ("messages[1].tool_calls[0]", "'args'", "'arguments'"),
    ),
    "arguments with a key twice": (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"name": "f", "arguments": '{"a":1,"a":2}'}]},
                USER,
            ]
        },
        ("messages[1].tool_calls[0]",),
    ),
    "a name of the user": (
        {"messages": [{**USER, "name": "Ann"}]},
        ("messages[0]", "name", "user"),
    ),
    "a key beside a function": (
        {"messages": [USER], "tools": [{"type": "function", "function": TOOL, "strict": True}]},
        ("tools[0]", "'strict'"),
    ),
    "a schema by another name": (
        {"messages": [USER], "tools": [{"name": "f", "input_schema": {}}]},
        ("tools[0]", "input_schema", "parameters"),
    ),
    "two tools of one name": ({"messages": [USER], "tools": [TOOL, TOOL]}, ("'find'",)),
    "a tool that is no function": (
        {"messages": [USER], "tools": [{"type": "retrieval"}]},
        ("tools[0]", "retrieval"),
    ),
    "a tool without a name": ({"messages": [USER], "tools": [{}]}, ("tools[0].name",)),
    "parameters that are no schema": (
        {"messages": [USER], "tools": [{"name": "f", "parameters": "x"}]},
        ("tools[0]", "parameters"),
    ),
    "a prompt beside it": ({"messages": [USER], "prompt": "x"}, ("prompt",)),
    "tools without messages": ({"prompt": "x", "tools": [TOOL]}, ("tools",)),
    "ten thousand turns": ({"messages": [USER] * 10_000}, ("10,000", "1,000")),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_no_chat_is_refused(what: str, tmp_path: Path) -> None:
    """With its line and its turn."""
    row, named = FAULTS[what]
    with support.refused("item.messages", 2, "items.jsonl:2", *named):
        items_of(tmp_path, {"messages": [USER]}, row)


def test_a_right_call_is_of_a_tool_that_is_there(tmp_path: Path) -> None:
    """Nobody could make another one."""
    row = {"messages": [USER], "tools": [TOOL], "answer": {"name": "fnd", "arguments": {}}}
    with support.refused("item.answer", 2, "items.jsonl:1", "'fnd'", "'find'"):
        items_of(tmp_path, row, task="tool_call")


def test_chats_and_prompts_are_two_tasks(tmp_path: Path) -> None:
    """They are asked in two ways."""
    with support.refused("item.messages", 2, "items.jsonl:2", "line 1"):
        items_of(tmp_path, {"messages": [USER]}, {"prompt": "Who?"})
