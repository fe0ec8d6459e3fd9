"""What data sets write as objects: answers, choices, turns and system prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.suites.target.data import items, reading, refused
from tests.suites.target.test_exports import command_in, run

TRIVIA = {
    "value": "Ann Lee",
    "aliases": ["Ann Lee", "A. Lee"],
    "normalized_aliases": ["ann lee", "a lee"],
    "type": "WikipediaEntity",
}
NO_DATE = {"day": "", "month": "", "year": ""}


def drop(*spans: str, number: str = "", **date: str) -> dict[str, Any]:
    """Return an answer of DROP."""
    return {"number": number, "date": {**NO_DATE, **date}, "spans": list(spans)}


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (TRIVIA, ("Ann Lee", "A. Lee")),
        ({"Value": "Ann", "Aliases": ["Ann"], "NormalizedAliases": ["ann"]}, ("Ann",)),
        (drop("lamp"), ("lamp",)),
        (drop(number="0"), ("0",)),
        (drop(day="3", month="May", year="1900"), ("3 May 1900",)),
        ({"spans": ["two", "two"], "types": ["span", "span"]}, ("two",)),
        ('{"value": "Ann", "aliases": ["A."]}', ("Ann", "A.")),
    ],
)
def test_answers_in_objects_are_read(tmp_path: Path, answer: Any, right: tuple[str, ...]) -> None:
    """TriviaQA's with its aliases, DROP's number, date or span; any of several is right."""
    (item,) = items(tmp_path, [{"question": "Who?", "answer": answer}])

    assert item.right == right


def test_spans_of_drop_are_found(tmp_path: Path) -> None:
    """As the hub has them, under a name of their own."""
    (item,) = items(
        tmp_path, [{"question": "Who?", "answers_spans": {"spans": ["a"], "types": []}}]
    )

    assert item.right == ("a",)


def test_spans_that_are_right_together_are_no_spellings(tmp_path: Path) -> None:
    """Several spans are one answer; the rows with one are kept by the command in the line."""
    rows = [{"question": f"Who {n}?", "answer": drop(*"ab"[: n + 1])} for n in range(2)]

    line = refused(tmp_path, rows, "target.several-answers")
    run(command_in(line)[0], tmp_path)
    kept = (tmp_path / "rows.jsonl").read_text(encoding="utf-8")
    single, both = items(tmp_path, rows, answer="answer")

    assert "right together" in line
    assert kept.count("\n") == 1
    assert (single.right, both.right) == (("a",), ("a", "b"))


def test_questions_without_an_answer_are_left_out_by_a_command(tmp_path: Path) -> None:
    """SQuAD 2.0 has them: the rest is kept."""
    answers = [{"text": [], "answer_start": []}, {"text": ["a"], "answer_start": [0]}]
    rows = [{"context": "C", "question": f"{n}?", "answers": a} for n, a in enumerate(answers)]

    run(command_in(refused(tmp_path, rows, "target.blank"))[0], tmp_path)

    assert '"1?"' in (tmp_path / "rows.jsonl").read_text(encoding="utf-8")
    assert '"0?"' not in (tmp_path / "rows.jsonl").read_text(encoding="utf-8")


def test_arc_is_read_as_it_is(tmp_path: Path) -> None:
    """Its letters are labels of its choices, and so are its numbers."""
    choices = {"text": ["red", "blue"], "label": ["1", "2"]}
    rows = [
        {"question": f"Sky {n}?", "choices": choices, "answerKey": "12"[n % 2]} for n in range(24)
    ]

    questions = reading(tmp_path, rows).task.items

    assert [item.answer for item in questions[:2]] == ["red", "blue"]


@pytest.mark.parametrize("label", [["A", "B"], ["A", "B", "C", "D"], ["A", "B", "B"]])
def test_labels_that_do_not_name_each_text_once_are_refused(
    tmp_path: Path, label: list[str]
) -> None:
    """The right answer could be another text than the one that is taken."""
    choices = {"text": ["red", "blue", "green"], "label": label}

    refused(
        tmp_path,
        [{"question": "Sky?", "choices": choices, "answerKey": "B"}],
        "target.uneven-choices",
    )


def test_a_test_split_of_triviaqa_has_no_answers(tmp_path: Path) -> None:
    """Its answers are all <unk>, which nobody could say."""
    answer = {"value": "<unk>", "aliases": []}

    refused(tmp_path, [{"question": f"{n}?", "answer": answer} for n in (1, 2)], "target.no-label")


# --- places of choices ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, int])
def test_places_that_can_only_count_from_one_do(tmp_path: Path, kind: type) -> None:
    """1, 2 and 3 of three choices, and never 0, as Social-IQA has them: said in the reading."""
    options = {f"answer{x}": f"{x} it is" for x in "ABC"}
    rows = [{"question": f"{n}?", **options, "label": kind(1 + n % 3)} for n in range(6)]

    target = reading(tmp_path, rows, choices="{answerA}{answerB}{answerC}")

    assert [item.answer[0] for item in target.task.items] == [*"ABCABC"]
    assert "count them from 1" in target.way.why


def test_letters_are_written_for_places_that_may_count_from_one(tmp_path: Path) -> None:
    """Where the last place is missing nothing tells: a command for either reading."""
    rows = [
        {"question": f"{n}?", "choices": ["a", "b", "c", "d"], "answer": 1 + n % 3}
        for n in range(24)
    ]

    from_one, after = command_in(refused(tmp_path, rows, "target.two-readings"))
    run(from_one, tmp_path)
    first = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").split("\n")[0]
    run(command_in(after)[0], tmp_path)

    assert '"answer": "A"' in first
    assert '"answer": "B"' in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").split("\n")[0]


# --- chats ---------------------------------------------------------------------------------------


def gemini(*turns: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return a tuning row of Gemini's."""
    return {"contents": [{"role": r, "parts": [{"text": t}]} for r, t in turns], **more}


@pytest.mark.parametrize(
    "row",
    [
        gemini(("user", "Hi?"), ("model", "Yo")),
        {
            "chat_messages": [
                {"sender": "human", "text": "Hi?"},
                {"sender": "assistant", "text": "Yo"},
            ]
        },
        {
            "conversation": [
                {"role": "User", "content": "Hi?"},
                {"role": "Chatbot", "content": "Yo"},
            ]
        },
        {"messages": [{"author": "user", "content": "Hi?"}, {"author": "bot", "content": "Yo"}]},
    ],
)
def test_chats_are_read_by_what_they_are(tmp_path: Path, row: dict[str, Any]) -> None:
    """Gemini's, Claude's, Cohere's and PaLM's, in columns of any usual name."""
    (item,) = items(tmp_path, [row])

    assert (item.spoken, item.answer) == ("Hi?", "Yo")


@pytest.mark.parametrize(
    "instruction",
    [{"role": "system", "parts": [{"text": "Short."}]}, "Short.", [{"text": "Short."}]],
)
def test_a_system_instruction_is_asked_by_its_flag(tmp_path: Path, instruction: Any) -> None:
    """As a text or in parts; without the flag it is not dropped."""
    rows = [gemini(("user", "Hi?"), ("model", "Yo"), systemInstruction=instruction)]

    assert "--target-system systemInstruction" in refused(tmp_path, rows, "target.unused-column")
    (item,) = items(tmp_path, rows, system="systemInstruction")
    assert item.prompt == "system: Short.\nuser: Hi?"


def test_a_chat_of_one_turn_is_the_prompt(tmp_path: Path) -> None:
    """An answer beside it is asked for; without one the line says what the chat lacks."""
    rows = [gemini(("user", "Hi?"))]

    assert "does not end with the assistant's turn" in refused(tmp_path, rows, "target.no-answer")
    (item,) = items(tmp_path, [rows[0] | {"answer": "Yo"}])
    assert (item.spoken, item.answer) == ("Hi?", "Yo")


def test_a_thought_is_no_turn(tmp_path: Path) -> None:
    """Gemini writes what it thought as a part of its own."""
    row = gemini(("user", "Hi?"), ("model", "Hm."))
    row["contents"][1]["parts"][0]["thought"] = True

    refused(tmp_path, [row], "target.turn-not-text")


def test_a_text_beside_a_chat_can_be_its_system_prompt(tmp_path: Path) -> None:
    """PaLM's rows have it in `context`."""
    rows = [{"messages": [{"author": "user", "content": "Hi?"}, {"author": "bot", "content": "Yo"}],
             "context": "Short."}]  # fmt: skip

    assert "--target-system context" in refused(tmp_path, rows, "target.unused-column")


def test_a_developer_in_the_middle_has_no_template(tmp_path: Path) -> None:
    """Only before all others is it what templates call the system."""
    dialogue = [("user", "Hi"), ("assistant", "Hi."), ("developer", "Terse."), ("user", "Go")]
    turns = [*(("system", "Be kind."), *dialogue), ("assistant", "OK")]

    rows = [{"messages": [{"role": r, "content": c} for r, c in turns]}]

    assert 'role "developer" is none' in refused(tmp_path, rows, "item.messages")
