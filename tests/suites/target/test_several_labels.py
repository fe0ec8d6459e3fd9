"""Rows with several labels at once: right together, until somebody says that any of them is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.suites.target import read_target
from tests.suites.target.data import items, refused
from tests.suites.target.forms import SHORT, labelled
from tests.suites.target.test_exports import command_in, flags_in, run

BOTH = ["pos", "neg"]


def spread() -> dict[str, Any]:
    """Return a row of Label Studio with a result for each label."""
    row = labelled({"choices": ["pos"]})
    row["annotations"][0]["result"] += labelled({"choices": ["neg"]})["annotations"][0]["result"]
    return row


ROWS = {
    "label studio": labelled({"choices": BOTH}),
    "label studio, a result each": spread(),
    "label studio, short": SHORT | {"kind": {"choices": BOTH}},
    "argilla": {"fields": {"text": "Good"}, "responses": {"label": [{"value": BOTH}]}},
    "argilla, flat": {"text": "Good", "label.responses": [BOTH]},
    "argilla, data set": {"text": "Good", "label": [{"user_id": "u", "value": BOTH}]}
    | {"label-suggestion": "neg"},
    "argilla, old": {"text": "Good", "inputs": {"text": "Good"}, "prediction": None}
    | {"annotation": BOTH},
    "doccano": {"data": "Good", "label": BOTH},
}


@pytest.mark.parametrize("name", ROWS)
def test_any_of_several_labels_is_not_right(tmp_path: Path, name: str) -> None:
    """Nor is the first of them: the flags that read an export do not say so."""
    row = ROWS[name]
    keys = flags_in(refused(tmp_path, [row, row], "target.other-form").split(" reads it")[0])

    line = refused(tmp_path, [row, row], "target.several-labels", **keys)

    assert '2 labels at once, ["pos", "neg"], as do 2 of 2 rows' in line
    assert "--target-metric exact_match says that any one of them is right" in line


@pytest.mark.parametrize("name", [name for name in ROWS if name != "label studio, a result each"])
def test_they_are_one_text_by_the_command(tmp_path: Path, name: str) -> None:
    """With the flags that the line names, and those by which the row was read."""
    keys = flags_in(refused(tmp_path, [ROWS[name]], "target.other-form").split(" reads it")[0])

    line = refused(tmp_path, [ROWS[name]], "target.several-labels", **keys)
    command, after = command_in(line)
    run(command, tmp_path)
    more = flags_in(after.split("; --target-metric")[0])
    read = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **{**keys, **more}))

    assert read.task.items[0].right == ("pos, neg",)
    assert items(tmp_path, [ROWS[name]], **keys, metric="exact_match")[0].right == ("pos", "neg")


def test_rows_without_a_label_are_left_out_by_a_command(tmp_path: Path) -> None:
    """doccano exports what nobody has labelled yet."""
    rows = [{"data": "Good", "label": ["pos"]}, {"data": "Meh", "label": []}]
    keys = {"prompt": "data", "answer": "label"}

    run(command_in(refused(tmp_path, rows, "target.blank", **keys))[0], tmp_path)

    read = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **keys))
    assert [item.prompt for item in read.task.items] == ["Good"]


@pytest.mark.parametrize("column", ["label", "labels", "tags"])
def test_a_column_of_labels_that_is_named_is_of_labels(tmp_path: Path, column: str) -> None:
    """Its name says so, in a table of text as well."""
    refused(tmp_path, [{"text": "Good", column: BOTH}], "target.several-labels", answer=column)


def test_a_path_to_one_of_several_labels_does_not_drop_the_others(tmp_path: Path) -> None:
    """The list is the answer, and the message without a flag names it and not its first."""
    rows = [{"text": f"t {n}", "labels": ["a", "b"][: 1 + n % 2]} for n in range(4)]

    assert "may be in labels" in refused(tmp_path, rows, "target.no-column")
    line = refused(tmp_path, rows, "target.several-labels", answer="labels.0")
    assert "as do 2 of 4 rows" in line
    command, after = command_in(line)
    run(command, tmp_path)
    more = flags_in(after.split("; --target-metric")[0])
    assert more["answer"] == "labels"
    rows = [{"text": f"t {n}", "labels": ["ab"[n % 2]]} for n in range(20)]
    assert items(tmp_path, rows, answer="labels.0")[1].answer == "b"
