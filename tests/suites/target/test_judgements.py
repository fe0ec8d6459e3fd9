"""Answers that something beside them judges: what is not right is not read as right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.suites.target import read_target
from tests.suites.target.data import items, reading, refused
from tests.suites.target.test_exports import command_in, flags_in, run

Rows = list[dict[str, Any]]


def answered(*verdicts: Any, name: str, n_rows: int = 6, **more: Any) -> Rows:
    """Return rows whose answers verdicts of a name judge, in turn."""
    return [
        {"question": f"Q{n}?", "answer": f"a{n}", name: verdicts[n % len(verdicts)], **more}
        for n in range(n_rows)
    ]


def rights(path: Path, **keys: Any) -> list[str]:
    """Return the right answers of the rows in a file."""
    return [item.answer for item in read_target(TargetData(data=str(path), **keys)).task.items]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("is_correct", True, False),
        ("isCorrect", "true", "false"),
        ("correct", 1, 0),
        ("incorrect", False, True),
        ("status", "approved", "rejected"),
        ("review_status", "Accepted", "Declined"),
        ("state", "done", "deleted"),
        ("anything", "ok", "wrong"),
        ("is_safe", True, False),
        ("harmful", "no", "yes"),
        ("rating", "up", "down"),
        ("feedback", "👍", "👎"),
        ("weight", 1, 0),
        ("weight", 0.5, 0.0),
        ("verified", "yes", "no"),
        ("korrekt", "ja", "nein"),
        ("estado", "aprobado", "rechazado"),
        ("是否正确", "是", "否"),
        ("hallucination", "0", "1"),
    ],
)
def test_a_column_that_rejects_answers_is_refused(
    tmp_path: Path, name: str, good: Any, bad: Any
) -> None:
    """The command leaves out the rows that it rejects; whoever ignores it takes all."""
    rows = answered(good, bad, name=name)

    message = refused(tmp_path, rows, "target.judged-answers")
    run(command_in(message)[0], tmp_path)

    assert "in 3 of 6 rows" in message
    assert rights(tmp_path / "rows.jsonl") == ["a0", "a2", "a4"]
    assert len(items(tmp_path, rows, ignore=(name,))) == 6
    assert len(items(tmp_path, answered(good, name=name))) == 6


def test_a_verdict_inside_of_a_column_is_found(tmp_path: Path) -> None:
    """Its path is named, in the command and to be ignored."""
    rows = answered({"is_correct": True}, {"is_correct": False}, name="metadata")

    message = refused(tmp_path, rows, "target.judged-answers")
    run(command_in(message)[0], tmp_path)

    assert len(rights(tmp_path / "rows.jsonl")) == 3
    assert len(items(tmp_path, rows, ignore=("metadata.is_correct",))) == 6


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("score", (1, 2, 3)),
        ("quality_score", ("0.1", "0.9")),
        ("rating", ("good", "excellent")),
        ("reward", (-1.5, 2.0)),
        ("Bewertung", (1, 5)),
    ],
)
def test_scores_that_differ_are_refused(tmp_path: Path, name: str, values: Any) -> None:
    """Which of them is right, the user says."""
    rows = answered(*values, name=name)

    assert f"--target-ignore {name}" in refused(tmp_path, rows, "target.judged-answers")
    assert len(items(tmp_path, rows, ignore=(name,))) == 6
    assert len(items(tmp_path, answered(values[0], name=name))) == 6


@pytest.mark.parametrize(
    ("name", "values"),
    [("status", ("open", "pending")), ("state", ("NY", "CA")), ("source", ("web", "mail"))],
)
def test_what_judges_nothing_is_left(tmp_path: Path, name: str, values: Any) -> None:
    """A ticket that waits for somebody is none that was rejected."""
    assert name in reading(tmp_path, answered(*values, name=name)).columns.left


def test_ratings_of_a_product_judge_no_label(tmp_path: Path) -> None:
    """And what stands beside a model's output judges that."""
    rows = [{"text": f"t{n}", "label": "ab"[n % 2], "rating": n % 5} for n in range(20)]
    assert len(items(tmp_path, rows)) == 20

    rows = answered(True, False, name="is_correct", prediction="x")
    assert len(items(tmp_path, rows)) == 6


@pytest.mark.parametrize("labels", [(True, False), ("safe", "unsafe"), (1, 0)])
def test_labels_of_a_completion_are_not_dropped(tmp_path: Path, labels: Any) -> None:
    """KTO's rows: the command keeps the good ones, the flags ask for the label of both."""
    rows = [
        {"prompt": f"P{n}", "completion": f"It is c{n}", "label": labels[n % 2]} for n in range(20)
    ]

    message = refused(tmp_path, rows, "target.two-columns")
    run(command_in(message)[0], tmp_path)
    flags = flags_in(message.split(" asks for it")[0])

    assert rights(tmp_path / "rows.jsonl") == [f"It is c{n}" for n in range(0, 20, 2)]
    read = items(tmp_path, rows, **flags, metric="exact_match")
    assert read[1].prompt == "P1\nIt is c1"
    refused(tmp_path, rows, "target.unused-column", answer="label", metric="exact_match")


def test_a_label_of_words_beside_an_output_says_how_it_is_asked(tmp_path: Path) -> None:
    """Either may be the answer."""
    rows = [{"prompt": f"P{n}", "response": f"It is {n}", "label": "abc"[n % 3]} for n in range(6)]

    message = refused(tmp_path, rows, "target.two-columns")

    assert "any of label, response" in message
    assert "'{prompt}\\n{response}' --target-answer label" in message


# --- a chat that ends with what a model has said ------------------------------------------------


def chat(n: int, text: str = "Lyon", **turn: Any) -> list[dict[str, Any]]:
    """Return a chat of a question and an answer."""
    return [
        {"role": "user", "content": f"Capital {n}?"},
        {"role": "assistant", "content": text, **turn},
    ]


@pytest.mark.parametrize("right", ["ground_truth", "reference", "target", "expected_answer"])
def test_a_models_turn_is_not_right_beside_what_is(tmp_path: Path, right: str) -> None:
    """The command leaves the turn out of the chat."""
    rows = [{"messages": chat(n), right: f"Paris{n}"} for n in range(3)]

    message = refused(tmp_path, rows, "target.two-answers")
    run(command_in(message)[0], tmp_path)

    path = tmp_path / "rows.jsonl"
    assert rights(path, answer=right) == ["Paris0", "Paris1", "Paris2"]
    assert (
        read_target(TargetData(data=str(path), answer=right)).task.items[0].spoken == "Capital 0?"
    )


def test_a_reference_that_is_the_last_turn_is_no_other_answer(tmp_path: Path) -> None:
    """It says the same."""
    rows = [{"messages": chat(n, f"Paris{n}"), "ground_truth": f"Paris{n}"} for n in range(3)]

    assert items(tmp_path, rows)[0].answer == "Paris0"


def test_labels_of_chats_keep_the_good_ones(tmp_path: Path) -> None:
    """KTO's chats: to ignore the label would make right what it rejects, and is not advised."""
    rows = [{"messages": chat(n, f"r{n}"), "label": n % 2 == 0} for n in range(4)]

    message = refused(tmp_path, rows, "target.two-answers")
    run(command_in(message)[0], tmp_path)

    assert "--target-ignore" not in message
    assert rights(tmp_path / "rows.jsonl") == ["r0", "r2"]


def test_a_log_of_inspect_asks_its_input(tmp_path: Path) -> None:
    """Its messages end with what the model said."""
    row = {"input": "Capital?", "target": "Paris", "messages": chat(0)}
    message = refused(tmp_path, [row], "target.two-columns")
    assert "--target-prompt messages" not in message

    row |= {"output": {"model": "m", "choices": [{"message": chat(0)[1]}]}}
    message = refused(tmp_path, [row], "target.other-form")
    (item,) = items(tmp_path, [row], **flags_in(message.split(" reads it")[0]))
    assert (item.prompt, item.answer) == ("Capital?", "Paris")


def test_suggestions_of_an_agent_are_not_said_to_be_right(tmp_path: Path) -> None:
    """Argilla's pending records hold nothing else."""
    row = {"fields": {"text": "Good"}, "responses": {}, "suggestions": {"label": {"value": "pos"}}}

    message = refused(tmp_path, [row], "target.other-form")

    assert "reads it" not in message
    keys = {"prompt": "fields.text", "answer": "suggestions.label.value"}
    assert items(tmp_path, [row], **keys)[0].answer == "pos"


def test_what_a_stance_is_about_is_not_the_answer(tmp_path: Path) -> None:
    """Both flags read what they say."""
    rows = [
        {"text": f"t{n}", "target": "AB"[n % 2], "stance": ("FAVOR", "AGAINST")[n // 2 % 2]}
        for n in range(20)
    ]

    message = refused(tmp_path, rows, "target.two-columns")
    flags = flags_in(message.split(" asks for")[0])

    assert items(tmp_path, rows, **flags)[2].prompt == "t2\nA"
    assert items(tmp_path, rows, **flags)[2].answer == "AGAINST"
    assert items(tmp_path, rows, answer="target")[1].answer == "B"


# --- what turns hold ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["weight", "train", "loss"])
def test_a_turn_that_does_not_count_is_not_the_answer(tmp_path: Path, key: str) -> None:
    """The command ends chats with the last one that does, and leaves out those without any."""
    counted = [*chat(0, "Paris"), {"role": "user", "content": "Thanks"}]
    off = {"role": "assistant", "content": "Bye", key: False if key != "weight" else 0}
    rows = [{"messages": [*counted, off]}, {"messages": [chat(1)[0], off]}]

    message = refused(tmp_path, rows, "target.weightless-turn")
    run(command_in(message)[0], tmp_path)

    assert rights(tmp_path / "rows.jsonl") == ["Paris"]


@pytest.mark.parametrize(
    ("key", "value", "written"),
    [
        ("context", "It closes at nine.", "It closes at nine."),
        ("documents", [{"text": "Nine"}], '[{"text": "Nine"}]'),
        ("retrieved_context", "营业到晚上九点", "营业到晚上九点"),
    ],
)
@pytest.mark.parametrize("index", [0, 1])
def test_a_passage_inside_of_a_turn_is_asked(
    tmp_path: Path, key: str, value: Any, written: str, index: int
) -> None:
    """The command writes it into the question, also where the answer's turn holds it."""
    turns = chat(0, "Nine")
    turns[index][key] = value

    message = refused(tmp_path, [{"messages": turns}], "target.lost-in-turn")
    run(command_in(message)[0], tmp_path)
    (item,) = read_target(TargetData(data=str(tmp_path / "rows.jsonl"))).task.items

    assert (item.spoken, item.answer) == (f"{written}\nCapital 0?", "Nine")


def test_names_of_several_users_are_asked(tmp_path: Path) -> None:
    """One name alone tells nobody apart."""
    turns = [{"role": "user", "name": "alice", "content": "I like tea"}]
    turns += [{"role": "user", "name": "bob", "content": "And Alice?"}, chat(0, "tea")[1]]

    message = refused(tmp_path, [{"messages": turns}], "target.lost-in-turn")
    run(command_in(message)[0], tmp_path)
    (item,) = read_target(TargetData(data=str(tmp_path / "rows.jsonl"))).task.items

    assert item.prompt == "user: alice: I like tea\nuser: bob: And Alice?"
    turns[1]["name"] = "alice"
    assert len(items(tmp_path, [{"messages": turns}])) == 1


# --- lists with wrong answers ---------------------------------------------------------------------

OPTIONS = ["Paris", "Rome", "Bonn"]


@pytest.mark.parametrize(
    ("name", "which"),
    [
        ("label", [0, 1, 2]),
        ("correct", ["A", "B", "C"]),
        ("correctAnswerIndex", ["0", "1", "2"]),
        ("gold", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ("best", OPTIONS),
        ("正解", [0, 1, 2]),
    ],
)
def test_options_are_not_all_right(tmp_path: Path, name: str, which: list[Any]) -> None:
    """A column says which of them is; the flags take them as choices."""
    rows = [{"question": f"Q{n}?", "answers": OPTIONS, name: which[n]} for n in range(3)]

    message = refused(tmp_path, rows, "target.wrong-answers")

    assert f"--target-choices answers --target-answer {name}" in message.replace("'", "")
    refused(tmp_path, rows, "target.wrong-answers", ignore=(name,))
    keys = {"choices": "answers", "answer": name}
    if isinstance(which[0], list):
        run(command_in(message)[0], tmp_path)
        assert rights(tmp_path / "rows.jsonl", **keys) == OPTIONS
    else:
        assert [item.answer for item in items(tmp_path, rows, **keys)] == OPTIONS
    assert items(tmp_path, rows, answer="answers")[0].right == tuple(OPTIONS)


def test_options_beside_a_passage_are_not_all_right(tmp_path: Path) -> None:
    """ReClor's rows have the columns of SQuAD."""
    rows = [
        {"context": "C.", "question": f"Q{n}?", "answers": OPTIONS, "label": n} for n in range(3)
    ]

    message = refused(tmp_path, rows, "target.wrong-answers")
    read = items(tmp_path, rows, **flags_in(message.split(" takes")[0]))

    assert (read[1].prompt, read[1].answer) == ("C.\nQ1?", "Rome")


@pytest.mark.parametrize("column", ["answers", "options"])
@pytest.mark.parametrize(("text", "mark"), [("text", "correct"), ("answer", "is_correct")])
def test_answers_that_say_themselves_that_they_are_wrong(
    tmp_path: Path, column: str, text: str, mark: str
) -> None:
    """The command makes choices of all of them."""
    given = [{text: "Paris", mark: True}, {text: "Rome", mark: False}]

    message = refused(tmp_path, [{"question": "Q?", column: given}], "target.wrong-answers")
    run(command_in(message)[0], tmp_path)
    (item,) = read_target(TargetData(data=str(tmp_path / "rows.jsonl"))).task.items

    assert (item.answer, item.choices) == ("Paris", ("Paris", "Rome"))


@pytest.mark.parametrize(
    "given",
    [
        [{"text": "bad", "score": -3}, {"text": "good", "score": 12}],
        {"text": ["bad", "good"], "score": [-3, 12]},
    ],
)
def test_answers_with_scores_are_not_all_right(tmp_path: Path, given: Any) -> None:
    """The command keeps the best."""
    message = refused(tmp_path, [{"question": "Q?", "answers": given}], "target.wrong-answers")
    run(command_in(message)[0], tmp_path)

    assert rights(tmp_path / "rows.jsonl") == ["good"]
