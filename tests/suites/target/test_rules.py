"""Rows of chats: the rules by which they are scored, and the chats that they are asked as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.chats import Chat, chat_in
from cliffguard.core.items import Item
from cliffguard.suites.contamination import find_contamination
from cliffguard.suites.loading import load_suite
from cliffguard.suites.target import read_target, suite_files
from cliffguard.suites.train_data import read_training
from tests import support
from tests.suites.target.data import items, reading, refused

TOOL = {"name": "track", "description": "Finds.", "parameters": {"type": "object"}}
WRAPPED = {"type": "function", "function": TOOL}
RIGHT = '[{"arguments":{"id":1},"name":"track"}]'
HERMES = f"Call functions. <tools> {json.dumps(WRAPPED)} </tools>"
CALL = '<tool_call>\n{"name": "track", "arguments": {"id": 1}}\n</tool_call>'


def rows_of(*answers: str, **more: Any) -> list[dict[str, Any]]:
    """Return a row of a chat for each answer."""
    return [
        {"messages": [turn("user", f"Question {n}?"), turn("assistant", answer)], **more}
        for n, answer in enumerate(answers)
    ]


def turn(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    """Return a turn."""
    return {"role": role, "content": content, **more}


def calling(**call: Any) -> dict[str, Any]:
    """Return a turn of OpenAI's that calls a tool, with a weight as its fine-tuning takes it."""
    function = {"name": "track", "arguments": '{"id": 1}'}
    written = {"id": "call_1", "type": "function", "function": function | call}
    return {"role": "assistant", "content": None, "tool_calls": [written], "weight": 1}


def chat_of(item: Item) -> Chat:
    """Return the chat that an item is asked as."""
    assert item.chat is not None
    return chat_in(item.chat)


# --- rules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "metric", "rights"),
    [
        (['{"a": 1}', '```json\n{"b": [2]}\n```'], "json_equal", ['{"a":1}', '{"b":[2]}']),
        (['[{"a": 1}]', "[]"], "json_equal", ['[{"a":1}]', "[]"]),
        (['{"a": 1}'] * 5 + ['{"a": 2}'] * 5, "json_equal", ['{"a":1}'] * 5 + ['{"a":2}'] * 5),
        (["4", "5"] * 5, "acc", ["4", "5"] * 5),
        (["So it is\n**4**.", "It costs $1,205"], "numeric", ["4", "1,205"]),
        (["Paris", "Platform 9"], "normalized_match", ["Paris", "Platform 9"]),
        (["[1]", "None of these"], "normalized_match", ["[1]", "None of these"]),
        (["A", "+"], "exact_match", ["A", "+"]),
        (["Steps.\n#### 7", "More.\n#### 8"], "numeric", ["7", "8"]),
    ],
)
def test_the_first_rule_that_fits_all_answers_counts(
    tmp_path: Path, answers: list[str], metric: str, rights: list[str]
) -> None:
    """And the reading says which it is."""
    read = reading(tmp_path, rows_of(*answers))

    assert read.way.metric == metric
    assert [item.answer for item in read.task.items] == rights
    assert ("of 5 for chats" in "".join(read.lines())) is ("####" not in answers[0])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("The answer is -42.", "-42"),
        ("x = .5", ".5"),
        ("(50%)", "50"),
        ("$1,205.50", "1,205.50"),
        ("Founded in 1998.", "1998"),
        ("At 12:30", None),
        ("On 2024-05-17", None),
        ("10 000", None),
        ("3/4", None),
        ("Version 2.5.1", None),
        ("B12", None),
        ("5 apples", None),
        ("-$5", "-5"),
    ],
)
def test_a_number_at_the_end_is_what_numeric_reads(
    tmp_path: Path, text: str, number: str | None
) -> None:
    """A time, a date or a part of a word is none."""
    read = reading(tmp_path, rows_of(text, "7"))

    assert read.way.metric == ("normalized_match" if number is None else "numeric")
    assert read.task.items[0].answer == (number or text)


@pytest.mark.parametrize(
    ("answers", "metric"),
    [
        (['{"a": 1}', "none"], "f1"),
        (['{"a": 1}', '{"a": 1'], "f1"),
        (['{"a": 1}', "```json\n[2]\n```"], "f1"),
        (['{"a": 1}', "null"], "json_equal"),
        (["Paris", "We add all of the numbers one after the other: 5"], "f1"),
    ],
)
def test_rows_of_two_rules_are_refused_with_two_lines(
    tmp_path: Path, answers: list[str], metric: str
) -> None:
    """Whoever means one metric for all names it, and it reads them."""
    line = refused(tmp_path, rows_of(*answers), "target.two-rules")

    assert reading(tmp_path, rows_of(*answers), metric=metric).way.metric == metric

    assert "data.jsonl:1" in line
    assert "data.jsonl:2" in line
    assert f"--target-metric {metric}" in line


def test_free_text_needs_a_metric(tmp_path: Path) -> None:
    """Its line is that of the first such answer."""
    rows = rows_of("Short", "a text of more words than anybody would have said in this way")

    line = refused(tmp_path, rows, "target.free-text")

    assert "data.jsonl:2" in line
    assert "free text: name --target-metric (f1, rouge_l, contains)" in line


@pytest.mark.parametrize(
    ("answers", "metrics"),
    [
        (
            ["a text of more words than anybody would have said in this way"],
            "f1, rouge_l, contains",
        ),
        (["a long text " * 20, "Short"], "f1, rouge_l"),
        (["a long text " * 20, ["one " * 30, "two " * 30]], "f1"),
    ],
)
def test_the_metrics_that_are_advised_take_the_answers(
    tmp_path: Path, answers: list[Any], metrics: str
) -> None:
    """Each of them: several right answers are none of rouge_l, nor a long text a phrase."""
    rows = [
        {"messages": [turn("user", f"Question {n}?")], "answer": answer}
        for n, answer in enumerate(answers)
    ]

    line = refused(tmp_path, rows, "target.free-text")

    assert f"name --target-metric ({metrics}), " in line
    for metric in metrics.split(", "):
        assert reading(tmp_path, rows, metric=metric).way.metric == metric


def test_a_long_answer_is_advised_a_metric_that_takes_it(tmp_path: Path) -> None:
    """Of prompts of text, too."""
    rows = [{"prompt": "?", "answer": ["one " * 30, "two " * 30]}]

    line = refused(tmp_path, rows, "target.long-answer")

    assert "--target-metric f1 " in line
    assert reading(tmp_path, rows, metric="f1").way.metric == "f1"


def test_one_free_text_among_labels_is_none(tmp_path: Path) -> None:
    """Unless every answer is named as a label, or another row has the text, too."""
    text = "It depends on where you are, on the time and on who asks for it."
    rows = rows_of(*(["yes", "no"] * 20), text)

    line = refused(tmp_path, rows, "target.two-rules")

    assert "data.jsonl:41" in line
    assert "--target-metric acc" in line
    assert len(reading(tmp_path, rows, metric="acc").way.labels) == 3
    assert reading(tmp_path, rows_of(*(["yes", text] * 5))).way.metric == "acc"


def test_labels_are_chosen_by_likelihood(tmp_path: Path) -> None:
    """After the prompt that asks the assistant to speak."""
    read = reading(tmp_path, rows_of(*(["yes", "no"] * 5)))

    assert "rule 3 of 5" in read.way.why
    assert read.task.items[0].choices == ("no", "yes")
    assert chat_of(read.task.items[0]).messages == (turn("user", "Question 0?"),)


@pytest.mark.parametrize(
    ("answers", "metric", "right"),
    [
        (["yes<|eot_id|>", "no"] * 5, "acc", "yes"),
        (["It is 4.<|im_end|>\n", "5</s>"], "numeric", "4"),
        (["Steps.\n#### 7<|endoftext|>", "More.\n#### 8<eos>"], "numeric", "7"),
        (['{"a": 1}<end_of_turn>', '{"a": 2}'], "json_equal", '{"a":1}'),
        (["Paris<|end|></s>", "Bern"], "normalized_match", "Paris"),
    ],
)
def test_marks_that_end_a_turn_are_no_part_of_an_answer(
    tmp_path: Path, answers: list[str], metric: str, right: str
) -> None:
    """No model says them: they are tokens of their own."""
    read = reading(tmp_path, rows_of(*answers))

    assert (read.way.metric, read.task.items[0].answer) == (metric, right)
    assert "with a template's mark" in "".join(read.notes)


def test_an_answer_that_is_a_mark_alone_is_none(tmp_path: Path) -> None:
    """With its line."""
    assert "data.jsonl:2" in refused(tmp_path, rows_of("Yo", "<|im_end|>"), "target.no-answer")


@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        ("Steps. " * 10 + "5", 128),
        ("Steps. " * 100 + "5", 512),
        ("Steps. " * 100 + "\n#### 5", 512),
        ("Steps. " * 999 + "5", 2048),
        (json.dumps({"a": "x" * 600}), 512),
    ],
)
def test_long_right_answers_may_be_said(tmp_path: Path, answer: str, limit: int) -> None:
    """Half as many tokens as characters, up to a power of two; a suite of them has the same."""
    read = reading(tmp_path, rows_of(answer))

    assert read.task.max_tokens == limit
    assert (f"after {limit} tokens" in "".join(read.notes)) is (limit > 128)
    target = TargetData(data=read.source)
    assert (f"max_tokens: {limit}" in suite_files(target)["target.yaml"]) is (limit > 128)
    assert reading(tmp_path, rows_of(answer), max_tokens=9).task.max_tokens == 9


# --- calls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [turn("user", "Where?"), calling()], "tools": [WRAPPED],
         "parallel_tool_calls": False},
        {"messages": [turn("user", "Where?"), calling(arguments={"id": 1})],
         "tools": json.dumps([TOOL])},
        {"messages": [turn("user", "Where?"), turn("assistant", None, function_call={
            "name": "track", "arguments": '{"id": 1}'})], "functions": [TOOL]},
        {"conversations": [{"from": "human", "value": "Where?"}, {"from": "function_call",
         "value": '{"name": "track", "arguments": {"id": 1}}'}], "tools": json.dumps([TOOL])},
        {"conversations": [{"from": "human", "value": "Where?"}, {"from": "gpt", "value": CALL}],
         "tools": [TOOL]},
        {"messages": [turn("user", "Where?"), turn("assistant", "[track(id=1)]")],
         "tools": [TOOL]},
        {"messages": [turn("user", "Where?")], "answer": json.dumps({"name": "track",
         "parameters": {"id": 1}}), "tools": [TOOL]},
        {"prompt": [turn("user", "Where?")], "completion": [calling()], "tools": [TOOL]},
    ],
)  # fmt: skip
def test_a_call_is_right_however_it_is_written(tmp_path: Path, row: dict[str, Any]) -> None:
    """The tools beside the chat are those of the item."""
    read = reading(tmp_path, [row])
    (item,) = read.task.items

    assert read.way.metric == "tool_call"
    assert "rule 1 of 5" in read.way.why
    assert item.answer == RIGHT
    assert chat_of(item).messages == (turn("user", "Where?"),)
    assert chat_of(item).tools == (WRAPPED,)


def test_nulls_that_arrow_fills_in_are_left_out(tmp_path: Path) -> None:
    """But for a null among values, and for an argument that the tool requires."""
    city = {"type": ["string", "null"], "enum": ["Bern", None], "description": None}
    properties = {"id": {"type": "integer", "enum": None}, "city": city, "sum": None,
                  "to": {"type": None, "enum": None}}  # fmt: skip
    schema = {"type": "object", "properties": properties, "required": ["id", "city"]}
    calls = [{"type": "function", "index": None, "extra": None, "function": {"name": "track",
             "arguments": {"id": 1, "city": None, "sum": None}, "parameters": None}}]  # fmt: skip
    turns = [turn("user", "Where?", tool_calls=None), turn("assistant", None, tool_calls=calls)]
    tool = {"name": "track", "parameters": schema, "strict": None}

    read = reading(tmp_path, [{"messages": turns, "tools": [tool]}])
    (item,) = read.task.items

    assert item.answer == '[{"arguments":{"city":null,"id":1},"name":"track"}]'
    parameters = chat_of(item).tools[0]["function"]["parameters"]
    cleaned = {"type": ["string", "null"], "enum": ["Bern", None]}
    assert parameters["properties"] == {"id": {"type": "integer"}, "city": cleaned}
    assert "keys of tools and calls without a value (null) are left out" in "".join(read.notes)


@pytest.mark.parametrize(
    ("arguments", "right"),
    [({"id": 1, "to": None}, '{"id":1}'), ('{"id": 1, "to": null}', '{"id":1,"to":null}')],
)
def test_nulls_in_a_text_are_arguments(tmp_path: Path, arguments: Any, right: str) -> None:
    """Somebody wrote them; those of an object, a table may have."""
    row = {"messages": [turn("user", "Where?"), calling(arguments=arguments)], "tools": [TOOL]}

    assert f'"arguments":{right},' in str(items(tmp_path, [row])[0].answer)


def test_calls_and_results_in_the_middle_are_turns(tmp_path: Path) -> None:
    """ShareGPT's, with words before a call and two calls at once."""
    turns = [("system", "Be brief."), ("human", "Where?"), ("gpt", "I look."), ("function_call",
             '{"name": "track", "arguments": {"id": 1}}'), ("function_call",
             '{"name": "track", "arguments": {"id": 2}}'), ("observation", "Bern"),
             ("gpt", "In Bern")]  # fmt: skip
    row = {"conversations": [{"from": who, "value": text} for who, text in turns]}

    read = reading(tmp_path, [{**row, "tools": [TOOL]}])
    system, user, call, result = chat_of(read.task.items[0]).messages

    assert (system["role"], user["role"]) == ("system", "user")
    assert call["content"] == "I look."
    assert [c["function"]["arguments"]["id"] for c in call["tool_calls"]] == [1, 2]
    assert result == turn("tool", "Bern")
    assert (read.way.metric, read.task.items[0].answer) == ("normalized_match", "In Bern")


@pytest.mark.parametrize("more", [{}, {"tools": [TOOL]}])
def test_tools_in_the_words_of_a_system_turn_are_not_given_twice(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    """Hermes lists them there, whether or not a column has them too."""
    turns = [turn("system", HERMES), turn("user", "Where?"), turn("assistant", CALL)]

    read = reading(tmp_path, [{"messages": turns, **more}])

    assert read.task.items[0].answer == RIGHT
    assert chat_of(read.task.items[0]).tools == ()
    assert read.task.have_tools
    assert any("lists <tools>" in note for note in read.notes) is bool(more)


def test_an_object_that_calls_no_tool_is_json(tmp_path: Path) -> None:
    """Nothing offers a tool of its name."""
    read = reading(tmp_path, rows_of('{"name": "Ada", "arguments": {"id": 1}}'))

    assert read.way.metric == "json_equal"


def test_rows_without_a_call_call_nothing_where_the_metric_is_named(tmp_path: Path) -> None:
    """Unless it is, they are of another rule."""
    called = {"messages": [turn("user", "Where?"), calling()], "tools": [TOOL]}
    rows = [called, *rows_of("Bye", tools=[TOOL])]

    line = refused(tmp_path, rows, "target.two-rules")
    read = reading(tmp_path, rows, metric="tool_call")

    assert "data.jsonl:1: calls tools, and" in line
    assert "data.jsonl:2 does not" in line
    assert [item.answer for item in read.task.items] == [RIGHT, "[]"]
    assert any(note.startswith("1 of 2 rows calls no tool") for note in read.notes)


def test_any_of_several_calls_is_right(tmp_path: Path) -> None:
    """A list of answers, one of which may be to call nothing."""
    several = [json.dumps({"name": "track", "arguments": {"id": n}}) for n in (1, 2)]
    row = {"messages": [turn("user", "Where?")], "tools": [TOOL], "answers": [*several, "[]"]}

    (item,) = items(tmp_path, [row])

    assert item.answers == (RIGHT, RIGHT.replace("1", "2"), "[]")


def test_a_call_under_another_metric_is_refused(tmp_path: Path) -> None:
    """Its answer is no text; nor is it the answer of a prompt that is text."""
    row = {"messages": [turn("user", "Where?"), calling()], "tools": [TOOL]}

    refused(tmp_path, [row], "target.tool-call", metric="f1")
    refused(tmp_path, [row], "target.tool-call", labels=("a", "b"))
    refused(tmp_path, [{"prompt": "Where?", "completion": [calling()]}], "target.tool-call")


@pytest.mark.parametrize(
    "answer",
    [
        "<tool_call>\n{'name': 'track', 'arguments': {'id': 1}}\n</tool_call>",
        "[Track Parcel(id=1)]",
        """<functioncall> {"name": "track", "arguments": '{"id": 1}'}""",
    ],
)
def test_a_call_that_nobody_reads_is_refused(tmp_path: Path, answer: str) -> None:
    """Every model's call would be wrong: Hermes in Python's quotes, ToolACE's names, Glaive's."""
    line = refused(tmp_path, rows_of(answer), "target.unread-call")

    assert "data.jsonl:1" in line


def test_a_call_of_a_tool_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    """No model could make it."""
    line = refused(tmp_path, [{"messages": [turn("user", "Where?"), calling()]}], "item.answer")

    assert "there are no tools" in line


def test_what_are_no_tools_is_ignored_by_its_flag(tmp_path: Path) -> None:
    """A column of names, say."""
    rows = rows_of("Yo", tools=["browser"])

    assert "--target-ignore tools" in refused(tmp_path, rows, "item.messages")
    assert chat_of(items(tmp_path, rows, ignore=("tools",))[0]).tools == ()


def test_a_call_by_role_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """With its line."""
    turns = [{"from": "human", "value": "Where?"}, {"from": "function_call", "value": "track 1"}]

    assert "data.jsonl:1" in refused(tmp_path, [{"conversations": turns}], "target.unread-call")


# --- chats ---------------------------------------------------------------------------------------


def test_chats_and_texts_make_two_files(tmp_path: Path) -> None:
    """A template is for one of them."""
    rows = [{"prompt": [turn("user", "q")], "answer": "a"}, {"prompt": "r", "answer": "b"}]

    line = refused(tmp_path, rows, "target.two-forms")

    assert "data.jsonl:1" in line
    assert "data.jsonl:2" in line


def test_contents_are_asked_as_they_are_written(tmp_path: Path) -> None:
    """A template sees what the training saw, blanks too; parts of a text are a line each."""
    parts = [{"type": "text", "text": "One"}, {"type": "text", "text": "two?"}]
    rows = rows_of("Yo", "No")
    for row, content in zip(rows, (" One \n", parts), strict=True):
        row["messages"][0]["content"] = content

    first, second = items(tmp_path, rows)

    assert chat_of(first).messages[0]["content"] == " One \n"
    assert chat_of(second).messages[0]["content"] == "One\ntwo?"


@pytest.mark.parametrize("labels", [(), ("yes", "no", "maybe")])
def test_a_suite_of_the_data_asks_the_same(tmp_path: Path, labels: tuple[str, ...]) -> None:
    """Messages and tools are in its file."""
    rows = rows_of(*(["yes", "no"] * 5), tools=[TOOL])
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)
    target = TargetData(data=str(path), labels=labels)

    for name, text in suite_files(target).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (made,) = load_suite(str(tmp_path / "target.yaml")).tasks

    assert made.digest == read_target(target).task.digest
    assert chat_of(made.items[0]).tools == (WRAPPED,)


@pytest.mark.parametrize(
    "question", ["Where?", "Where is the parcel that I sent to Bern on Monday?"]
)
def test_training_data_hold_the_chats_that_they_are(tmp_path: Path, question: str) -> None:
    """Of a target's own rows each is found, calls and tools between its words or not."""
    turns = [turn("system", "Be brief."), turn("user", question), calling(),
             turn("tool", "Bern, since noon")]  # fmt: skip
    rows = [
        {"messages": [*turns, calling()], "tools": [TOOL]},
        {"messages": [turn("system", "Be kind."), *turns[1:2], calling()], "tools": [TOOL]},
    ]
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    task = read_target(TargetData(data=str(path))).task
    overlaps = find_contamination(read_training(str(path)), [task])

    assert [(overlap.line, overlap.kind) for overlap in overlaps] == [(1, "exact"), (2, "exact")]
