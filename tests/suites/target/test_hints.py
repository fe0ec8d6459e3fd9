"""What a line says to do: done as it is printed, it reads all that the data ask, and no less."""

from __future__ import annotations

import gzip
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import UsageError
from cliffguard.suites.target import read_target
from tests import support
from tests.suites.target.data import (
    Rows,
    commands_in,
    done,
    flags_in,
    items,
    line_of,
    questions,
    refused,
)

USER, SYSTEM = {"role": "user", "content": "Q?"}, {"role": "system", "content": "S."}
RIGHT, WRONG = ({"role": "assistant", "content": text} for text in ("b", "c"))
STUDIO = {"annotator": 1, "annotation_id": 1, "lead_time": 1.5}


# --- several columns may be right ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"text": "Q?", "channel": "mail", "mood": "b", **STUDIO}, ("channel", "mood")),
        ({"translation": {"de": "Q?", "en": "b", "fr": "c"}}, ("translation.en", "translation.fr")),
        (
            {"inputs": {"q": "Q?"}, "outputs": {"a": "b", "model": "m"}},
            ("outputs.a", "outputs.model"),
        ),
        (
            {
                "fields": {"text": "Q?"},
                "responses": {"mood": [{"value": "b"}], "kind": [{"value": "c"}]},
            },
            ("responses.mood.0.value", "responses.kind.0.value"),
        ),
    ],
)
def test_all_that_may_be_right_is_named(
    tmp_path: Path, row: dict[str, Any], names: tuple[str, ...]
) -> None:
    """And none of them for the others; what is asked is known."""
    line = refused(tmp_path, [row] * 2, "target.other-form")

    assert [name for name in names if name not in line] == []
    keys = flags_in(line.split(" asks it")[0])
    assert "answer" not in keys
    (item, *_) = items(tmp_path, [row] * 2, **keys, answer=names[0])
    assert item.prompt == "Q?"


def test_what_is_right_in_a_later_row_is_named(tmp_path: Path) -> None:
    """The first text may have been skipped: then what else stands there is not right for it."""
    rows = [{"text": "Q?", "channel": "mail", "mood": mood, **STUDIO} for mood in ("", "b")]

    assert "may be in channel, mood:" in refused(tmp_path, rows, "target.other-form")


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"text": "Q?", "labels": "b"}, "labels"),
        ({"text": "Q?", "intent": "b"}, "intent"),
        ({"text": "Q?", "stars": 4}, "stars"),
        ({"question": "Q?", "options": ["a", "b"], "correct": "B"}, "correct"),
        ({"question": "Q?", "reward_model": {"ground_truth": "b"}}, "reward_model.ground_truth"),
    ],
)
def test_what_may_be_right_is_named(tmp_path: Path, row: dict[str, Any], name: str) -> None:
    """By its usual names, also inside of a column; named, it is read."""
    line = refused(tmp_path, [row] * 2, "target.no-column")

    assert f"what is right may be in {name}" in line
    assert len(items(tmp_path, [row] * 2, answer=name)) == 2


def test_what_may_be_right_beside_a_chat_is_named(tmp_path: Path) -> None:
    """Where the chat ends with what is asked."""
    row = {"prompt": [USER], "reward_model": {"style": "rule", "ground_truth": "b"}}

    assert "reward_model.ground_truth" in refused(tmp_path, [row], "target.no-answer")


def test_a_source_of_a_translation_is_asked(tmp_path: Path) -> None:
    """Where nothing goes by the usual name of a prompt."""
    assert "'{source}'" in refused(tmp_path, [{"source": "Q?", "target": "b"}], "target.no-column")


def test_a_judgement_beside_an_output_has_two_readings(tmp_path: Path) -> None:
    """The output is right; or it is judged, and then it is asked, too."""
    rows = [{"prompt": "Q?", "response": "b", "label": "safe"}] * 2

    line = refused(tmp_path, rows, "target.two-columns")

    assert "label, response could be" in line
    keys = flags_in(line.split("; where")[1])
    assert items(tmp_path, rows, **keys)[0].prompt == "Q?\nb"


# --- what a model said is not right --------------------------------------------------------------


def test_a_chat_that_a_model_ended_ends_with_what_is_asked(tmp_path: Path) -> None:
    """The command leaves the model's turn out, in those rows that have one."""
    rows = [{"messages": [USER, WRONG], "target": "b"}, {"messages": [USER], "target": "b"}]
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    (command,) = commands_in(line_of(path, "target.two-answers"))

    assert questions(done(command, tmp_path)) == [("Q?", "b")] * 2


def test_rejected_turns_are_left_out(tmp_path: Path) -> None:
    """KTO's label says whether the last turn is right; no flag ignores it."""
    rows = [{"messages": [USER, WRONG], "label": False}, {"messages": [USER, RIGHT], "label": True}]
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    line = line_of(path, "target.two-answers")

    assert "--target-ignore" not in line
    assert questions(done(commands_in(line)[0], tmp_path)) == [("Q?", "b")]


def test_rejected_completions_are_left_out(tmp_path: Path) -> None:
    """KTO's rows, also where the first is a rejected one."""
    rows = [{"prompt": "Q?", "completion": "c", "label": False}]
    rows.append({"prompt": "R?", "completion": "b", "label": True})
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    (command,) = commands_in(line_of(path, "target.two-columns"))

    assert questions(done(command, tmp_path)) == [("R?", "b")]


@pytest.mark.parametrize(
    "row",
    [
        {"fields": {"text": "Q?"}, "responses": {}, "suggestions": {"mood": {"value": "b"}}},
        {"text": "Q?", "mood-suggestion": "b"},
        {"text": "Q?", "mood.suggestion": "b"},
    ],
)
def test_a_suggestion_is_no_right_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    """Nobody has confirmed it, and no flag names it."""
    assert "answer" not in flags_in(refused(tmp_path, [row] * 2, "target.other-form"))


def test_what_equals_does_not_decide_is_left_out(tmp_path: Path) -> None:
    """Of promptfoo's tests, whether in a table or in objects."""
    kinds = ("equals", "not-equals", "contains")
    rows = [{"vars": {"q": "Q?"}, "assert": [{"type": kind, "value": "b"}]} for kind in kinds]
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)
    table = tmp_path / "data.csv"
    table.write_text("question,__expected\nQ?,equals: b\nR?,not-equals: c\nS?,e\nT?,\n", "utf-8")

    for source, right in ((path, [("Q?", "b")]), (table, [("Q?", "b"), ("S?", "e")])):
        (command,) = commands_in(line_of(source, "target.other-form"))
        made = done(command, tmp_path)
        assert questions(made) == right
        made.unlink()


def test_flags_that_leave_a_part_do_not_read_it(tmp_path: Path) -> None:
    """What they leave stands in the line, with what to do about it."""
    row = {
        "inputs": {"q": "Q?"},
        "expectations": {"expected_response": "b", "guidelines": "Be kind"},
    }

    line = refused(tmp_path, [row] * 2, "target.other-form")

    assert "--target-answer expectations.expected_response" in line
    assert "once this is mended" in line
    assert "expectations.guidelines" in flags_in(line)["ignore"]


def test_a_preference_under_a_system_prompt_is_one(tmp_path: Path) -> None:
    """It asks what the prompt and the system prompt ask."""
    rows = [{"prompt": "Q?", "chosen": [USER, RIGHT], "system": "S."}] * 2

    (item, _) = items(tmp_path, rows, answer="chosen", system="system")

    assert (item.spoken, item.answer) == ("S.\n\nQ?", "b")


def test_a_preference_with_a_system_prompt_says_so(tmp_path: Path) -> None:
    """It does not ask something else; the flag in the line reads it."""
    rows = [{"prompt": "Q?", "chosen": [SYSTEM, USER, RIGHT]}] * 2

    line = refused(tmp_path, rows, "target.two-prompts", answer="chosen")

    assert "has a system prompt" in line
    assert items(tmp_path, rows, **flags_in(line))[0].prompt == "system: S.\nuser: Q?"


# --- lists, letters, names -----------------------------------------------------------------------


def test_a_list_of_texts_is_asked_whole(tmp_path: Path) -> None:
    """No path that leads to the first of them is named."""
    rows = [{"input": ["I am Bo.", "Who am I?"], "output": "Bo"}] * 2

    line = refused(tmp_path, rows, "target.no-text")

    assert "input.0" not in line
    keys = flags_in(line.split(" asks all")[0])
    assert items(tmp_path, rows, **keys)[0].prompt == "I am Bo.\nWho am I?"


def test_texts_inside_of_a_column_are_all_named(tmp_path: Path) -> None:
    """None of them for another."""
    rows = [{"question": {"en": "Q?", "de": "F?"}, "answer": "b"}]

    assert "(question.en, question.de)" in refused(tmp_path, rows, "target.no-text")


@pytest.mark.parametrize("letter", ["b", "(B)", "B.", "[b]"])
def test_a_letter_that_is_written_otherwise_has_a_command(tmp_path: Path, letter: str) -> None:
    """It leaves answers that are the texts of choices as they are."""
    choices = ["one", "two"]
    rows = [{"question": "Q?", "choices": choices, "answer": letter}]
    rows.append({"question": "R?", "choices": choices, "answer": "one"})
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    (command,) = commands_in(line_of(path, "target.no-choice"))

    assert questions(done(command, tmp_path)) == [("Q?", "two"), ("R?", "one")]


@pytest.mark.parametrize("name", ["it's the gold", "gold'; touch PWNED; echo 'x", "$(id) gold"])
def test_a_name_is_one_word_of_a_command(tmp_path: Path, name: str) -> None:
    """A shell splits and runs nothing of it."""
    rows: Rows = [{name: "Q?", "choices": "a, b", "answer": "b"}] * 2

    line = refused(tmp_path, rows, "target.choices", prompt=name)
    flag = line[line.index("--target-prompt") :]
    words = subprocess.run(
        ["bash", "-c", f"printf '%s|' {flag.split(' asks it')[0]}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout.split("|")  # fmt: skip

    assert words[1] == f"{{{name}}}\\n{{choices}}"
    assert not (tmp_path / "PWNED").exists()
    assert items(tmp_path, rows, prompt=words[1])[0].prompt == "Q?\na, b"


@pytest.mark.parametrize("name", ["Patient's document", "x'; touch PWNED; echo ' document"])
def test_a_part_of_any_name_is_asked(tmp_path: Path, name: str) -> None:
    """The flag is one word of a shell, and reads it."""
    rows: Rows = [{"question": "Q?", name: "The man is well", "answer": "b"}] * 2

    line = refused(tmp_path, rows, "target.unused-column")
    asking = line[line.index("--target-prompt") : line.index(" asks it")]

    assert len(shlex.split(asking)) == 2
    assert items(tmp_path, rows, **flags_in(asking))[0].prompt == "The man is well\nQ?"


def test_a_part_that_is_made_text_keeps_its_letters(tmp_path: Path) -> None:
    """Those of Chinese, say, are asked as they are, and not by their numbers."""
    rows = [{"question": "北京在哪？", "context": {"sentences": [["北京"]]}, "answer": "中国"}]
    path = support.write_jsonl(tmp_path / "data.jsonl", rows)

    (command,) = commands_in(line_of(path, "target.unused-column"))
    made = done(command, tmp_path)

    ((prompt, right),) = questions(made, prompt="{context}\\n{question}")
    assert "北京" in prompt
    assert right == "中国"


def test_a_name_that_no_line_can_hold_is_no_word(tmp_path: Path) -> None:
    """One with a line break in it, say."""
    rows = [{"Q\nR": "Q?", "choices": "a, b", "answer": "b"}]

    line = refused(tmp_path, rows, "target.choices", prompt="Q\nR")

    assert "--target-prompt COLUMN" in line


@pytest.mark.parametrize("name", ['x"; touch PWNED; "', "x$(touch PWNED)", "x`touch PWNED`"])
def test_a_name_that_ends_the_quotes_is_in_no_command(tmp_path: Path, name: str) -> None:
    """Places that count from 1 have commands, and this column has none."""
    rows: Rows = [{"q": f"Q{n}?", "choices": ["a", "b", "c"], name: 1 + n % 2} for n in range(30)]

    line = refused(tmp_path, rows, "target.two-readings", prompt="q", answer=name)

    assert "a script of your own" in line
    assert commands_in(line) == []


# --- rows inside of an object --------------------------------------------------------------------

INNER = [{"question": "Q?", "answer": "b"}, {"question": "R?", "answer": "c"}]
PLAIN = [("Q?", "b"), ("R?", "c")]


@pytest.mark.parametrize(
    ("content", "name", "right"),
    [
        ({"tickets": INNER, "count": 2}, "tickets", PLAIN),
        ({"hits": {"total": 2, "hits": INNER}}, "hits.hits", PLAIN),
        ({"my rows": INNER}, "my rows", PLAIN),
        ({"it's": INNER, "n": 2}, "it's", PLAIN),
        (
            {"passage": "P.", "about": {"title": "T", "faq": INNER}},
            "about.faq",
            [("P.\nQ?", "b"), ("P.\nR?", "c")],
        ),
    ],
)
def test_rows_inside_of_an_object_are_taken_out(
    tmp_path: Path, content: dict[str, Any], name: str, right: list[tuple[str, str]]
) -> None:
    """Under any key, with what stands beside them and is a part of the question."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps(content), "utf-8")

    line = line_of(path, "target.other-form")
    (command,) = commands_in(line)
    made = done(command, tmp_path)

    assert f"rows under {name};" in line
    keys = {"prompt": "{passage}\n{question}"} if "passage" in content else {}
    assert questions(made, **keys) == right


def test_several_lists_are_all_named(tmp_path: Path) -> None:
    """Which of them holds the rows, nobody but the user knows."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"n": 1, "faq": INNER, "authors": [{"n": "a"}] * 2}), "utf-8")

    first, _ = commands_in(line_of(path, "target.other-form"))

    assert questions(done(first, tmp_path)) == PLAIN


def test_rows_are_taken_out_of_a_compressed_object(tmp_path: Path) -> None:
    """What unpacks it stands in the command."""
    path = tmp_path / "data.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"faq": INNER}).encode()))

    (command,) = commands_in(line_of(path, "target.other-form"))

    assert questions(done(command, tmp_path)) == PLAIN


@pytest.mark.parametrize(
    ("row", "error_id"),
    [
        ({"question": "Q?", "steps": [{"a": 1}, {"a": 2}]}, "target.no-column"),
        ({"problem": "Q?", "candidates": [{"a": 1}, {"a": 2}]}, "target.no-column"),
    ],
)
def test_a_row_with_a_list_of_objects_is_a_row(
    tmp_path: Path, row: dict[str, Any], error_id: str
) -> None:
    """Where something in it is asked, or the list is of its options."""
    assert "jq" not in refused(tmp_path, [row], error_id)


# --- files that are shaped otherwise -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "right"),
    [
        (
            "d.json",
            {"Who?": {"answer": "b"}, "Why?": {"answer": "c"}},
            [("Who?", "b"), ("Why?", "c")],
        ),
        ("d.json", {"b": ["Q?", "R?"], "c": ["S?"] * 3}, [("Q?", "b"), ("R?", "b")]),
        ("d.json", {"train": [["Q?", "b"]], "test": [["R?", "c"]]}, [("Q?", "b")]),
        ("d.json", {"train": INNER, "test": INNER[:1]}, PLAIN),
        ("d.jsonl", '{"question": "Q?", "answer": "b"}{"question": "R?", "answer": "c"}', PLAIN),
        ("d.txt", '{"question": "Q?", "answer": "b"}\n', PLAIN[:1]),
        ("d.csv", '{"question": "Q?", "answer": "b"}\n', PLAIN[:1]),
        ("d.jsonlines", '{"question": "Q?", "answer": "b"}\n', PLAIN[:1]),
        ("d.csv", 'question, answer\nQ?, "b, c"\nR?, "d"\n', [("Q?", "b, c"), ("R?", "d")]),
        (
            "d.tsv",
            "spam\tQ one is long\nham\tR two is long\nham\tS\nspam\tT\n",
            [("Q one is long", "spam")],
        ),
    ],
)
def test_a_command_makes_rows_of_what_is_shaped_otherwise(
    tmp_path: Path, name: str, content: Any, right: list[tuple[str, str]]
) -> None:
    """It is done as it is printed."""
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))

    made = done(commands_in(str(caught.value))[0], tmp_path)

    metric = {"metric": "exact_match"}
    assert questions(made, **metric)[: len(right)] == right


def test_lists_by_name_have_two_readings(tmp_path: Path) -> None:
    """Of columns, or of the labels of their texts, where no name is usual and all are as long."""
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"pay": ["Q?", "R?"], "box": ["S?", "T?"]}), "utf-8")

    columns, labels = commands_in(line_of(path, "rows.shape"))

    assert "DataFrame" in columns
    right = [("Q?", "pay"), ("R?", "pay"), ("S?", "box"), ("T?", "box")]
    assert questions(done(labels, tmp_path)) == right


def test_columns_of_usual_names_are_columns(tmp_path: Path) -> None:
    """They have one command, whatever is in them."""
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"question": ["Q?", "R?"], "answer": ["b", "c"]}), "utf-8")

    (command,) = commands_in(line_of(path, "rows.shape"))

    assert questions(done(command, tmp_path)) == PLAIN


@pytest.mark.parametrize("names", ["('NAME-1', 'NAME-2')"])
def test_two_columns_of_any_texts_have_no_names(tmp_path: Path, names: str) -> None:
    """Neither repeats and the second is longer: which is asked is not known."""
    path = tmp_path / "d.csv"
    path.write_text("a thing,some longer thing\na thing,more words here\nb thing,yet more words\n")

    assert names in line_of(path, "target.no-header")
