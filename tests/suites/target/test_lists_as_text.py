"""Lists and objects that a table of text holds in their place, as Python or numpy prints them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.suites.target import read_target
from cliffguard.suites.target.literals import from_literal
from cliffguard.suites.target.reading import Reading

CHAT = "[{'role': 'user', 'content': 'Hi?'}{comma} {'role': 'assistant', 'content': 'Yo'}]"


def table(folder: Path, header: str, *cells: str, **keys: Any) -> Reading:
    """Return how a table of one row is read."""
    path = folder / "data.csv"
    row = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    path.write_text(f"{header}\n{row}\n", encoding="utf-8")
    return read_target(TargetData(data=str(path), **keys))


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("['a', \"it's\"]", ["a", "it's"]),
        ("['a' 'b'\n 'c']", ["a", "b", "c"]),
        ("{'t': array(['a'], dtype=object), 'n': None}", {"t": ["a"], "n": None}),
        (
            "[('a', 1), True, nan, 2.,]",
            [["a", 1], True, pytest.approx(float("nan"), nan_ok=True), 2],
        ),
        (r"['a\'b\x41']", ["a'bA"]),
        ("[INST] Hi [/INST]", None),
        ("[f(1)]", None),
        ("['a'] + ['b']", None),
        ("[" * 100_000, None),
        ("['a'", None),
        ("['it''s']", None),
    ],
)
def test_only_literals_are_taken_apart(text: str, held: Any) -> None:
    """Nothing is run, and what is no list stays a text."""
    assert from_literal(text) == held


@pytest.mark.parametrize("contexts", ["['C.', 'D.']", '["C.", "D."]', "['C.' 'D.']"])
@pytest.mark.parametrize("column", ["contexts", "context", "retrieved_contexts"])
def test_passages_stand_a_line_each(tmp_path: Path, column: str, contexts: str) -> None:
    """A model is asked the passages, not the notation of a list."""
    frame = f"{{{column}}}\n{{question}}"

    read = table(tmp_path, f"question,{column},answer", "Q?", contexts, "b", prompt=frame)

    assert read.task.items[0].prompt == "C.\nD.\nQ?"
    assert "in 1 it is read as texts, a line each" in read.notes[0]


def test_a_list_that_is_the_question_is_asked_as_it_is_written(tmp_path: Path) -> None:
    """Alpaca has such inputs; a note says it."""
    read = table(tmp_path, "instruction,input,output", "Sort.", "['b', 'a']", "a b")

    assert read.task.items[0].prompt == "Sort.\n['b', 'a']"
    assert "in 0 it is read as texts" in read.notes[0]


@pytest.mark.parametrize(
    ("column", "cell", "right"),
    [
        ("answers", "['a', 'b']", ("a", "b")),
        ("answer", "['a', 'b']", ("a", "b")),
        ("answers", "{'text': array(['a', 'b'], dtype=object)}", ("a", "b")),
        ("answer", "[3, 1]", ("[3, 1]",)),
        ("answer", "['it''s']", ("['it''s']",)),
    ],
)
def test_right_answers_are_read(
    tmp_path: Path, column: str, cell: str, right: tuple[str, ...]
) -> None:
    """Of numbers a list may well be the answer."""
    read = table(tmp_path, f"question,{column}", "Q?", cell)

    assert read.task.items[0].right == right
    assert "looks like a list or an object in 1 of 1 row" in read.notes[0]
    assert f"in {int(right[0] != cell)} it is read" in read.notes[0]


@pytest.mark.parametrize("comma", [",", "\n"])
def test_a_chat_is_a_chat(tmp_path: Path, comma: str) -> None:
    """Whoever wrote it, pandas or numpy."""
    read = table(tmp_path, "messages", CHAT.replace("{comma}", comma))

    assert (read.task.items[0].spoken, read.task.items[0].answer) == ("Hi?", "Yo")


def test_choices_are_choices(tmp_path: Path) -> None:
    """The place of one is its answer."""
    read = table(tmp_path, "question,choices,answer", "Q?", "['a' 'b']", "1")

    assert read.task.items[0].choices == ("a", "b")
    assert read.task.items[0].answer == "b"
