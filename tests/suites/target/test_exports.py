"""Rows as other tools and data sets write them: what refuses them says how to read them."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import UsageError
from cliffguard.suites.target import read_target
from cliffguard.suites.target.exports import known_forms
from tests import support
from tests.suites.target.data import flags_in, items, reading, refused
from tests.suites.target.forms import COMMANDS, FLAGS, PARTS, REPLY, TALK, THOUGHT, WHOLE


def run(command: str, folder: Path) -> None:
    """Run the Python of a command in a folder, as `python -c` does, and write what it prints."""
    match = re.fullmatch(r'python -c "([^"$`]+)" > (rows\.jsonl)', command)
    assert match is not None, command
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(match[1], {})
    (folder / match[2]).write_text(printed.getvalue(), encoding="utf-8")


def command_in(line: str) -> tuple[str, str]:
    """Return the command that a line names, and what follows it."""
    _, command, after = re.split(r'(python -c "[^"]+" > rows\.jsonl)', line, maxsplit=1)
    return command, after


@pytest.mark.parametrize("name", FLAGS)
def test_flags_read_it(tmp_path: Path, name: str) -> None:
    """The flags in the line are all that it takes."""
    row, prompt, right = FLAGS[name]

    line = refused(tmp_path, [row, row], "target.other-form")
    item, _ = items(tmp_path, [row, row], **flags_in(line.split(" reads it")[0]))

    assert (item.spoken, item.answer) == (prompt, right)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_makes_rows_of_it(tmp_path: Path, name: str) -> None:
    """The command in the line runs, and what it writes is read under the flags in the line."""
    row, prompt, right = COMMANDS[name]
    written = [{"data": [row]}] if name == "quac" else [row] if name in WHOLE else [row, row]
    path = support.write_jsonl(tmp_path / "rows here.json", written)

    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))
    assert caught.value.id == "target.other-form"
    command, after = command_in(caught.value.line)
    run(command, tmp_path)
    target = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **flags_in(after)))

    last = target.task.items[-1]
    assert (last.spoken, last.answer) == (prompt, right)


def test_messages_in_rows_of_their_own_are_put_together(tmp_path: Path) -> None:
    """OpenAssistant's rows: every answer with all that was said before it."""
    rows = [
        {"message_id": "a", "parent_id": None, "text": "Hi?", "role": "prompter"},
        {"message_id": "b", "parent_id": "a", "text": "Yo", "role": "assistant", "rank": 0},
        {"message_id": "c", "parent_id": "a", "text": "No", "role": "assistant", "rank": 1},
        {"message_id": "d", "parent_id": "b", "text": "So?", "role": "prompter"},
        {"message_id": "e", "parent_id": "d", "text": "So.", "role": "assistant"},
    ]

    command, after = command_in(refused(tmp_path, rows, "target.other-form"))
    run(command, tmp_path)
    target = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **flags_in(after)))

    prompts = ["Hi?", "Hi?\nYo\nSo?"]
    assert [item.spoken for item in target.task.items] == prompts


@pytest.mark.parametrize(
    ("request_body", "response_body"),
    [
        ({"body": {"messages": TALK}}, {"response": {"body": {"choices": [{"message": REPLY}]}}}),
        (
            {"params": {"messages": TALK, "system": "Short."}},
            {"result": {"message": {"content": [{"type": "text", "text": "Yo"}]}}},
        ),
        (
            {"request": {"contents": [PARTS]}},
            {"response": {"candidates": [{"content": {"role": "model", "parts": THOUGHT}}]}},
        ),
    ],
)
def test_a_batch_is_put_together(
    tmp_path: Path, request_body: dict[str, Any], response_body: dict[str, Any]
) -> None:
    """Answers name their requests; neither is a target alone."""
    name = {"key" if "request" in request_body else "custom_id": "r1"}
    (tmp_path / "requests.jsonl").write_text(json.dumps({**name, **request_body}), encoding="utf-8")
    assert "no right answers" in refused(tmp_path, [{**name, **request_body}], "target.other-form")

    command, after = command_in(refused(tmp_path, [{**name, **response_body}], "target.other-form"))
    run(command, tmp_path)
    target = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **flags_in(after)))

    (item,) = target.task.items
    assert item.prompt.endswith("Hi?")
    assert item.answer == "Yo"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question_id": 1, "turns": ["Q?"]}, "--target-prompt turns.0"),
        ({"question_id": 1, "choices": [{"turns": ["a"]}]}, "the file of the questions"),
        (
            {"vars": {"q": "Q?"}, "assert": [{"type": "llm-rubric", "value": "is kind"}]},
            "write the right answers",
        ),
        ({"object": "chat.completion", "choices": [{"message": REPLY}]}, "file of the questions"),
        ({"info": {}, "images": [{}], "annotations": [{}], "categories": []}, "pictures"),
        ({"task_id": "H/0", "prompt": "def f():", "entry_point": "f", "test": ""}, "has to be run"),
        (
            {"task_id": 1, "text": "Write.", "code": "", "test_list": ["assert f"]},
            "has to be run",
        ),
    ],
)
def test_what_holds_nothing_to_ask_says_so(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    """Answers without questions, questions without answers, pictures, tests."""
    assert message in refused(tmp_path, [row], "target.other-form")


def test_who_names_columns_is_not_told(tmp_path: Path) -> None:
    """Flags that name the prompt and the answer read the rows, whatever they look like."""
    row = {"text": "Good", "label": "POS", "answer": "accept", "_input_hash": 1}

    (item,) = items(tmp_path, [row], prompt="text", answer="label")

    assert item.answer == "POS"


def test_a_command_runs_in_a_shell(tmp_path: Path) -> None:
    """Its quotes are a shell's, also around a name with a blank."""
    path = tmp_path / "a b.jsonl"
    path.write_text(json.dumps({"input": "Q?", "target_scores": {"a": 0, "b": 1}}), "utf-8")
    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))
    command, _ = command_in(str(caught.value))

    words = command.replace("python", shlex.quote(sys.executable), 1)
    subprocess.run(words, shell=True, check=True, cwd=tmp_path)

    made = json.loads((tmp_path / "rows.jsonl").read_text(encoding="utf-8"))
    assert made == {"input": "Q?", "choices": ["a", "b"], "answer": "b"}


def test_every_form_has_an_example() -> None:
    """A form is added with rows that show that its flags work."""
    assert len(FLAGS) >= len(known_forms().flags)


def test_a_form_is_told_though_the_first_row_lacks_its_answer(tmp_path: Path) -> None:
    """As where a first text was skipped."""
    rows = [FLAGS["label studio"][0] | {"annotations": []}, FLAGS["label studio"][0]]

    assert "Label Studio" in refused(tmp_path, rows, "target.other-form")


@pytest.mark.parametrize("name", ["a'b.jsonl", "$(id).jsonl", "`id`.jsonl", '"; id; ".jsonl'])
def test_a_name_of_a_file_is_no_command(tmp_path: Path, name: str) -> None:
    """What a shell would run stands in no command that people copy."""
    path = support.write_jsonl(tmp_path / name, [COMMANDS["ultrachat"][0]] * 2)
    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))
    command = str(caught.value).split("python -c")[1]
    assert "read_records('FILE')" in command


# --- paths ---------------------------------------------------------------------------------------


def test_what_stands_beside_a_path_is_not_lost(tmp_path: Path) -> None:
    """A context next to the question in the same outer column is a part of it."""
    rows = [{"doc": {"question": "Q?", "context": "In short."}, "answer": "a"}]

    line = refused(tmp_path, rows, "target.unused-column", prompt="doc.question")
    (item,) = items(tmp_path, rows, **flags_in(line.split("asks")[0].split("nothing reads")[1]))

    assert item.prompt == "In short.\nQ?"


def test_a_column_with_a_period_is_itself(tmp_path: Path) -> None:
    """As pandas and Argilla write them: no path is looked for."""
    rows = [{"meta.q": "Q?", "meta": {"q": "other"}, "answer": "a"}]

    (item,) = items(tmp_path, rows, prompt="meta.q")

    assert item.prompt == "Q?"


def test_a_path_leads_into_json_in_a_cell(tmp_path: Path) -> None:
    """A table of text has objects as JSON."""
    target = reading(tmp_path, [{"doc": '{"q": "Q?"}', "answer": "a"}], prompt="doc.q")

    assert target.task.items[0].prompt == "Q?"


def test_a_misspelt_path_is_corrected(tmp_path: Path) -> None:
    """By the names beside it."""
    line = refused(tmp_path, [{"doc": {"query": "Q?"}, "answer": "a"}], "target.unknown-column",
                   prompt="doc.quary")  # fmt: skip
    assert "doc.query" in line


def test_unknown_objects_are_told_by_their_paths(tmp_path: Path) -> None:
    """No usual column, and texts inside of others: the message names one."""
    rows = [{"payload": {"ask": "Q?", "reply": "a"}}] * 2

    assert "such as payload.ask" in refused(tmp_path, rows, "target.no-column")
    item, _ = items(tmp_path, rows, prompt="payload.ask", answer="payload.reply")
    assert item.answer == "a"


@pytest.mark.parametrize(
    ("row", "error_id"),
    [
        ({"dialogue": ["A: Hi.", "B: Yo."], "summary": "They meet."}, "target.no-column"),
        ({"dialogue": ["A: Hi."], "question": "Who?", "answer": "A"}, "target.unused-column"),
        ({"messages": [{}, {"content": "Yo"}]}, "target.no-column"),
    ],
)
def test_a_dialogue_that_a_row_is_about_is_no_chat(
    tmp_path: Path, row: dict[str, Any], error_id: str
) -> None:
    """Nobody is told to take turns in what is summed up or asked about."""
    refused(tmp_path, [row, row], error_id)


def several(*answers: str) -> dict[str, Any]:
    """Return a record of Argilla's that several annotators answered."""
    return {
        "fields": {"text": "Good"},
        "responses": {"label": [{"value": answer} for answer in answers]},
    }


OF_SEVERAL = {"prompt": "fields.text", "answer": "responses.label.0.value"}


def test_annotators_who_disagree_are_counted(tmp_path: Path) -> None:
    """A twentieth of the rows is left out and said; spelling is no difference."""
    rows = [several("pos", "neg"), *[several("pos", "Pos ")] * 30]

    target = reading(tmp_path, rows, **OF_SEVERAL)

    assert len(target.task.items) == 30
    assert "1 of 31 rows has annotators who answer otherwise" in target.notes[0]
    assert target.suite.remarks[0].text == target.notes[0]
    assert target.suite.remarks[0].id == "target.annotators-differ"


LISTED = [{"user_id": "a", "value": "pos"}, {"user_id": "b", "value": "neg"}]
STUDIO = [{"result": [{"value": {"choices": [choice]}}]} for choice in ("pos", "neg")]


@pytest.mark.parametrize(
    ("row", "keys"),
    [
        (several("pos", "neg"), OF_SEVERAL),
        ({"text": "G", "x.responses": ["a", "b"]}, {"prompt": "text", "answer": "x.responses.0"}),
        ({"text": "G", "label": LISTED}, {"prompt": "text", "answer": "label.0.value"}),
        (
            {"data": {"text": "G"}, "annotations": STUDIO},
            {"prompt": "data.text", "answer": "annotations.0.result.0.value.choices"},
        ),
    ],
)
def test_annotators_who_mostly_disagree_are_refused(
    tmp_path: Path, row: dict[str, Any], keys: dict[str, Any]
) -> None:
    """With the command that keeps the rows in which all agree; here there are none."""
    line = refused(tmp_path, [row, row], "target.conflicting-answers", **keys)

    run(command_in(line)[0], tmp_path)
    assert (tmp_path / "rows.jsonl").read_text().strip() == ""


@pytest.mark.parametrize("column", ["reference", "responses", "annotations"])
def test_a_list_that_nobody_answered_is_no_disagreement(tmp_path: Path, column: str) -> None:
    """Of MT-bench the second reference is of the second turn; a list of texts may be anything."""
    row = {"turns": ["Q?", "R?"], column: ["b", "c"]}

    item, _ = items(tmp_path, [row, row], prompt="turns.0", answer=f"{column}.0")

    assert (item.spoken, item.answer) == ("Q?", "b")


def test_a_batch_whose_first_row_failed_is_one(tmp_path: Path) -> None:
    """The command leaves out what has no answer."""
    request = {"request": {"contents": [PARTS]}}
    response = {"response": {"candidates": [{"content": {"role": "model", "parts": THOUGHT}}]}}

    line = refused(
        tmp_path,
        [request | {"response": None, "status": "Bad"}, request | response],
        "target.other-form",
    )
    run(command_in(line)[0], tmp_path)

    (row,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert json.loads(row)["messages"][-1] == {"role": "assistant", "content": "Yo"}


@pytest.mark.parametrize("late", [{"x": None}, {"x": {}}, {"x": []}, {}])
def test_rows_without_a_nested_value_are_left_out_by_a_command(
    tmp_path: Path, late: dict[str, Any]
) -> None:
    """The line has it, and what it writes is read under the same flags."""
    keys = {"prompt": "a.q", "answer": "x.0.y"}
    rows = [{"a": {"q": f"Q{n}?"}, "x": [{"y": f"{n}"}]} for n in range(3)]
    rows.append({"a": {"q": "R?"}, **late})

    line = refused(tmp_path, rows, "target.blank", **keys)
    run(command_in(line)[0], tmp_path)

    target = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **keys))
    assert [item.prompt for item in target.task.items] == ["Q0?", "Q1?", "Q2?"]


def test_a_batch_of_gemini_leaves_out_what_is_no_text(tmp_path: Path) -> None:
    """A blocked answer has no content, and a part may be a file or a call."""
    request = {"request": {"contents": [PARTS]}}
    rows = [
        {**request, "response": {"candidates": [candidate]}}
        for candidate in (
            {"finishReason": "SAFETY"},
            {"content": {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}},
            {"content": {"role": "model", "parts": THOUGHT}},
        )
    ]
    picture = {"role": "user", "parts": [{"fileData": {"fileUri": "gs://a"}}, {"text": "Hi?"}]}
    rows.append({**rows[-1], "request": {"contents": [picture]}})

    run(command_in(refused(tmp_path, rows, "target.other-form"))[0], tmp_path)

    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1


def studio(*names: str) -> dict[str, Any]:
    """Return a task of Label Studio's in which these questions were answered, in this order."""
    result = [{"from_name": name, "value": {"choices": [name[:3]]}} for name in names]
    return {"data": {"text": "Good"}, "annotations": [{"result": result}]}


def test_an_answer_to_another_question_is_none(tmp_path: Path) -> None:
    """Label Studio lists answers as they were given, so that a place means no question."""
    rows = [studio("mood", "topic"), studio("topic", "mood"), studio("topic")]
    keys: dict[str, Any] = {
        "prompt": "data.text",
        "answer": "annotations.0.result.0.value.choices",
    }

    line = refused(tmp_path, rows, "target.other-questions", **keys)
    run(command_in(line)[0], tmp_path)
    target = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **keys))

    assert [item.answer for item in target.task.items] == ["moo", "moo"]


def test_ragas_rows_of_which_the_first_has_no_context(tmp_path: Path) -> None:
    """It is what the other rows are."""
    rows: list[dict[str, Any]] = [
        {"question": "Q?", "contexts": contexts, "ground_truth": "b"} for contexts in ([], ["C."])
    ]

    line = refused(tmp_path, rows, "target.other-form")

    assert [item.prompt for item in items(tmp_path, rows, **flags_in(line))] == ["Q?", "C.\nQ?"]


def test_ragas_conversations_are_no_questions(tmp_path: Path) -> None:
    """No flag is named that would not read them."""
    row = {"user_input": [{"type": "human", "content": "Hi?"}], "reference": "b"}

    line = refused(tmp_path, [row, row], "target.other-form")

    assert "as a whole" in line
    assert "--target" not in line


def test_a_question_that_a_shell_would_run_is_in_no_command(tmp_path: Path) -> None:
    """Who wrote the data has written its name."""
    rows = [studio('"; touch x; "'), studio("topic")]

    line = refused(
        tmp_path,
        rows,
        "target.other-questions",
        prompt="data.text",
        answer="annotations.0.result.0.value.choices",
    )

    assert "python" not in line


def _labelled(*annotations: tuple[str, bool]) -> dict[str, Any]:
    results = [
        {"was_cancelled": is_cancelled, "result": [{"value": {"choices": [choice]}}]}
        for choice, is_cancelled in annotations
    ]
    return {"data": {"text": f"T {annotations}"}, "annotations": results}


def _responses(*responses: tuple[str, str]) -> dict[str, Any]:
    answers = [{"value": value, "status": status} for value, status in responses]
    return {"fields": {"text": f"T {responses}"}, "responses": {"label": answers}}


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        (
            [_labelled(("neg", True), ("pos", False)), _labelled(("pos", False))],
            {"prompt": "data.text", "answer": "annotations.0.result.0.value.choices"},
        ),
        (
            [_responses(("neg", "discarded"), ("pos", "submitted")), _responses(("pos", "x"))],
            OF_SEVERAL,
        ),
    ],
    ids=["Label Studio", "Argilla"],
)
def test_an_answer_that_was_taken_back_is_none(
    rows: list[dict[str, Any]], keys: dict[str, Any], tmp_path: Path
) -> None:
    """It is refused, and the command that is named leaves it out."""
    line = refused(tmp_path, rows, "target.withdrawn-answer", **keys)
    run(command_in(line)[0], tmp_path)

    target = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **keys))

    assert [item.answer for item in target.task.items] == ["pos", "pos"]
