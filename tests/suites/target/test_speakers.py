"""Chats whose parties are called otherwise than user and assistant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.suites.target import read_target
from tests import support
from tests.suites.target.data import items, refused
from tests.suites.target.test_exports import command_in, run


def chat(*parties: str, key: str = "role", text: str = "content") -> dict[str, Any]:
    """Return a row of a chat in which each party says its number."""
    return {"messages": [{key: who, text: str(n)} for n, who in enumerate(parties)]}


@pytest.mark.parametrize(
    "rows",
    [
        [chat("Alice", "Bob")] * 2,
        [chat("customer", "agent"), chat("system", "customer", "agent")],
        [chat("Alice", "Bob"), chat("Bob", "Alice")],
        [chat("Patient", "Doctor", key="from", text="value")],
        [chat("customer", "assistant")],
        [chat("user", "agent")],
        [chat('a"; id; "', "b")],
        [{"messages": [{"role": None, "content": "0"}, {"role": "assistant", "content": "1"}]}],
    ],
)
def test_who_is_the_assistant_is_said_by_a_command(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    """The line names the parties, and whom it takes for the assistant."""
    line = refused(tmp_path, rows, "target.unknown-role")
    run(command_in(line)[0], tmp_path)
    read = read_target(TargetData(data=str(tmp_path / "rows.jsonl")))

    assert "assistant" in line.split("rows.jsonl where ")[1] or "user" in line
    n = len(rows[-1]["messages"])
    assert read.task.items[-1].answer == str(n - 1)
    assert read.task.items[-1].prompt.endswith(str(n - 2))


def test_of_a_chat_that_ends_with_the_question_the_last_is_the_user(tmp_path: Path) -> None:
    """Its answer stands in a column of its own."""
    rows = [{**chat("customer", "agent", "customer"), "answer": "a"}]

    run(command_in(refused(tmp_path, rows, "target.unknown-role"))[0], tmp_path)
    read = read_target(TargetData(data=str(tmp_path / "rows.jsonl")))

    assert read.task.items[0].prompt == "user: 0\nassistant: 1\nuser: 2"


def test_known_parties_are_no_strangers(tmp_path: Path) -> None:
    """In any case, and tools among them."""
    made = items(tmp_path, [chat("System", "Human", "gpt", "tool", "GPT")])

    assert made[0].prompt == "system: 0\nuser: 1\nassistant: 2\ntool: 3"


def test_a_command_does_not_write_over_what_it_reads(tmp_path: Path) -> None:
    """A shell empties the file before a word of it is read."""
    path = support.write_jsonl(tmp_path / "rows.jsonl", [chat("Alice", "Bob")])

    with pytest.raises(Exception, match=r"> rows-2\.jsonl writes rows-2\.jsonl"):
        read_target(TargetData(data=str(path)))
