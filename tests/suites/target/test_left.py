"""Columns that nothing reads: what holds text is a part of a question under any name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import UsageError
from cliffguard.suites.target import read_target
from tests.suites.target.data import items, reading, refused
from tests.suites.target.test_parts import rows_with

SENTENCE = "The shop in street # opens at nine."
CHINESE = "商店在街道#上午九点开门"
ROW = {"question": "When does it open, #?", "answer": "at #"}


def varied(**more: Any) -> list[dict[str, Any]]:
    """Return twelve rows; # in any text of a row is its number."""
    rows = [json.dumps({**ROW, **more}, ensure_ascii=False) for _ in range(12)]
    return [json.loads(row.replace("#", str(n))) for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    "name",
    [
        "ctx",
        "Tweet",
        "Context *",
        "Passage (EN)",
        "contexte",
        "clinical_note",
        "ddl",
        "lecture",
        "x",
    ],
)
@pytest.mark.parametrize("text", [SENTENCE, CHINESE, "a|b\n1|#"])
def test_text_is_a_part_whatever_its_column_is_called(tmp_path: Path, name: str, text: str) -> None:
    """Sentences, those of a script without spaces, and lines of a table."""
    message = refused(tmp_path, varied(**{name: text}), "target.unused-column")

    assert f"'{{{name}}}\\n{{question}}' asks it" in message
    assert len(items(tmp_path, varied(**{name: text}), ignore=(name,))) == 12


@pytest.mark.parametrize(
    "more",
    [
        {"category": "billing and payments #"},
        {"source": "help centre, page #"},
        {"created_at": "2026-11-# at nine"},
        {"id": "the ticket number #"},
        {"explanation": SENTENCE},
        {"cot_content": SENTENCE},
        {"long_answer": SENTENCE},
        {"queue": "the team of billing questions"},
        {"Equation": "( 8 - # ) and more of it"},
        {"aliases": ["at #", "when #", "#"]},
        {"answer_start": [3]},
        {"tokens": ["When", "does", "it", "open"]},
        {"note_code": "B-#"},
    ],
)
def test_what_sorts_a_row_or_stands_behind_the_answer_is_none(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    """Categories, origins, dates, explanations, other answers, and words of the prompt."""
    read = reading(tmp_path, varied(**more))

    assert {*read.columns.left} == {*more} - {"id"}


def test_a_source_that_is_long_is_no_origin(tmp_path: Path) -> None:
    """Under the same name a corpus and a text to translate are kept."""
    refused(tmp_path, varied(source=f"{SENTENCE} {SENTENCE}"), "target.unused-column")


def test_the_same_long_text_in_every_row_is_a_part(tmp_path: Path) -> None:
    """Instructions are the same for all rows; a category is short."""
    text = "Answer in one sentence, as the manual of the shop says it."

    refused(tmp_path, varied(how=text), "target.unused-column")
    assert items(tmp_path, varied(how="in one sentence"))


@pytest.mark.parametrize(
    ("more", "flag"),
    [
        ({"retrieved_contexts": [SENTENCE, "# more"]}, "'{retrieved_contexts}\\n{question}'"),
        ({"metadata": {"rag": {"context": SENTENCE}}}, "'{metadata.rag.context}\\n{question}'"),
        ({"metadata": {"contexts": [SENTENCE]}}, "'{metadata.contexts}\\n{question}'"),
        ({"meta": {"deep": [{"page": {"body_text": SENTENCE}}]}}, "at(r, 'meta.deep')"),
        ({"source_documents": [{"page_content": SENTENCE}]}, "at(r, 'source_documents')"),
        ({"table": {"header": ["a"], "rows": [["#"]]}}, "at(r, 'table')"),
        ({"table": [["a", "b"], ["1", "#"]]}, "at(r, 'table')"),
        ({"evidence": json.dumps([[SENTENCE]])}, "at(r, 'evidence')"),
    ],
)
def test_lists_and_tables_are_parts(tmp_path: Path, more: dict[str, Any], flag: str) -> None:
    """Passages as lists, in metadata, of a retriever's objects; the message has the way."""
    assert flag in refused(tmp_path, varied(**more), "target.unused-column")


def test_the_command_that_makes_text_of_a_list_keeps_every_letter(tmp_path: Path) -> None:
    """Done as printed, the list is asked, in its own script."""
    rows = varied(source_documents=[{"page_content": CHINESE}])
    message = refused(tmp_path, rows, "target.unused-column")

    command = re.search(r'python (-c ".*") > (\S+)', message)
    assert command is not None, message
    subprocess.run(
        ["bash", "-c", f"{sys.executable} {command[1]} > text.jsonl"], check=True, cwd=tmp_path
    )
    written = str(tmp_path / "text.jsonl")
    made = read_target(TargetData(data=written, prompt="{source_documents}\n{question}"))

    assert CHINESE.replace("#", "3") in made.task.items[3].prompt


def test_tools_inside_of_metadata_cannot_be_asked(tmp_path: Path) -> None:
    """Wherever they stand, they are tools."""
    message = refused(
        tmp_path, varied(metadata={"tools": [{"name": "track"}]}), "target.unaskable-column"
    )

    assert "--target-ignore metadata.tools" in message


@pytest.mark.parametrize(
    ("name", "file"),
    [("img", "a.bin"), ("scan", "img/#.png"), ("recording", "calls/#.mp3"), ("clip", "#.mp4")],
)
def test_names_of_pictures_and_sounds_are_known_by_their_ending(
    tmp_path: Path, name: str, file: str
) -> None:
    """A model that reads text sees neither, under any name of a column."""
    refused(tmp_path, varied(**{name: file}), "target.unaskable-column")


@pytest.mark.parametrize("name", ["aspect_term", "target_word", "entity", "span1_text", "head"])
def test_what_in_a_text_is_asked_about_is_a_part(tmp_path: Path, name: str) -> None:
    """That it stands in the text says not that the model knows which word is meant."""
    rows = [
        {"text": f"The food was good, the service {n} slow.", name: "food", "label": "ab"[n % 2]}
        for n in range(12)
    ]

    refused(tmp_path, rows, "target.unused-column")


def test_the_language_to_translate_into_is_a_part(tmp_path: Path) -> None:
    """Without it nobody knows which answer is right."""
    refused(tmp_path, varied(target_language="de"), "target.unused-column")


def test_another_answer_is_part_of_the_question_that_judges_it(tmp_path: Path) -> None:
    """Beside an answer it is another model's; beside a verdict it is what was judged."""
    judged = [
        {"question": f"q{n}", "model_answer": f"it is {n} or so", "label": "ab"[n % 2]}
        for n in range(12)
    ]

    refused(tmp_path, judged, "target.unused-column")
    assert items(tmp_path, varied(model_answer=SENTENCE))


@pytest.mark.parametrize(
    "name", ["solution", "reasoning", "explanation", "prediction", "generated_text", "steps"]
)
@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("label", ("a", "b")),
        ("response_label", ("a", "b")),
        ("Points", ("1", "2")),
        ("winner_model_a", ("0", "1")),
        ("answer", ("faithful", "made up")),
    ],
)
def test_what_a_verdict_is_about_is_part_of_the_question(
    tmp_path: Path, name: str, answer: str, values: tuple[str, str]
) -> None:
    """By the name of the answer, or because a few words are right in all rows."""
    rows = [
        {"question": f"Is it so, {n}?", name: f"It is so in {n} cases.", answer: values[n % 2]}
        for n in range(12)
    ]

    refused(tmp_path, rows, "target.unused-column", answer=answer)


@pytest.mark.parametrize("values", [("yes", "no"), ("A", "B"), ("3", "4")])
def test_a_solution_beside_a_short_answer_is_none(tmp_path: Path, values: tuple[str, str]) -> None:
    """Yes and no answer a question; letters and numbers pick a choice."""
    rows = [
        {"question": f"So, {n}?", "solution": f"It is so in {n} cases.", "answer": values[n % 2]}
        for n in range(12)
    ]

    assert items(tmp_path, rows)


@pytest.mark.parametrize(
    ("name", "text"),
    [("notes", "see the manual, page #"), ("why", SENTENCE), ("x", "so it is at # then")],
)
def test_what_may_tell_the_answer_is_to_be_ignored_first(
    tmp_path: Path, name: str, text: str
) -> None:
    """An explanation before the question gives it away; the other flag comes second."""
    message = refused(tmp_path, varied(**{name: text}), "target.unused-column")

    ignoring, asking = f"--target-ignore {name}", f"'{{{name}}}\\n{{question}}' asks it"
    assert message.index(ignoring) < message.index(asking)


def test_names_of_people_are_no_part(tmp_path: Path) -> None:
    """Nor are those of models, addresses and companies."""
    assert items(tmp_path, varied(agent_name="Anna Maria Schmidt #", company="Lamps and more #"))


@pytest.mark.parametrize("name", ["context", "document", "passage"])
@pytest.mark.parametrize("n_rows", [1, 2, 12])
def test_a_passage_that_holds_the_prompt_is_none_of_its_renderings(
    tmp_path: Path, name: str, n_rows: int
) -> None:
    """A span with its sentence, a sentence with its document."""
    rows = [
        {"text": f"Apple {n}", name: f"Yesterday Apple {n} had news.", "label": "ab"[n % 2]}
        for n in range(n_rows)
    ]

    refused(tmp_path, rows, "target.unused-column")


def test_a_passage_beside_an_alpaca_row_is_a_part(tmp_path: Path) -> None:
    """`text` is the rendered row in Alpaca's own files, and what it likes in others."""
    row = {"instruction": "Sum up, #.", "input": "in # words", "output": "done #"}
    rendered = "Below.\n### Instruction:\nSum up, #.\n### Input:\nin # words\n### Response:\ndone #"
    rows = [
        {key: value.replace("#", str(n)) for key, value in {**row, "text": rendered}.items()}
        for n in range(4)
    ]

    assert items(tmp_path, rows)[0].prompt == "Sum up, 0.\nin 0 words"
    passages = [
        {**row, "text": f"The shop opens at {n} in the morning."} for n, row in enumerate(rows)
    ]
    refused(tmp_path, passages, "target.unused-column")


@pytest.mark.parametrize(
    "names",
    [
        ("A)", "B)", "C)"),
        ("(a)", "(b)"),
        ("1", "2", "3"),
        ("选项A", "选项B"),
        ("Opción A", "Opción B"),
    ],
)
def test_options_have_marks_of_many_kinds(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Without them a model would pick among bare letters."""
    options = {name: f"at # or {n}" for n, name in enumerate(names)}

    message = refused(tmp_path, varied(**options), "target.unused-column")

    assert f"--target-choices '{''.join(f'{{{name}}}' for name in names)}'" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("possible_answers", ["Paris", "Rome"]),
        ("mc_options", ["Paris", "Rome"]),
        ("answer_options", '["Paris", "Rome"]'),
        ("cities", ["at #", "Rome", "Bonn"]),
    ],
)
def test_a_list_with_the_right_one_is_of_options(tmp_path: Path, name: str, value: Any) -> None:
    """By its name, or because every row's answer is in its list."""
    message = refused(tmp_path, varied(**{name: value}), "target.unused-column")

    assert f"--target-choices {name} takes them as choices" in message


@pytest.mark.parametrize(
    ("about", "flag"),
    [
        ({"passage": "Bees live in hives."}, r"'{passage}\n{question}' asks it"),
        ({"task_prefix": "Say it:"}, r"'{task_prefix}\n{question}' asks it"),
        ({"system_prompt": "Be short."}, "--target-system system_prompt"),
        ({"choices": ["yes", "no"]}, ""),
    ],
)
@pytest.mark.parametrize("key", ["questions", "examples", "data"])
def test_what_stands_beside_a_list_of_rows_is_of_each(
    tmp_path: Path, about: dict[str, Any], flag: str, key: str
) -> None:
    """A passage, a prefix, a system prompt or the choices of a whole file are no row's own."""
    rows = [{"question": f"So, {n}?", "answer": ("yes", "no")[n % 2]} for n in range(4)]
    path = tmp_path / "wrapped.json"
    path.write_text(json.dumps({"version": "2 or more of it", **about, key: rows}))
    if not flag:
        made = read_target(TargetData(data=str(path))).task
        assert made.items[0].choices == ("yes", "no")
        return
    with pytest.raises(UsageError) as caught:
        read_target(TargetData(data=str(path)))

    assert caught.value.id == "target.unused-column"
    assert flag in str(caught.value)


def test_names_are_quoted_for_a_shell(tmp_path: Path) -> None:
    """A name is a stranger's; what is printed is typed."""
    name = "Patient's document; touch x"

    message = refused(tmp_path, varied(**{name: SENTENCE}), "target.unused-column")

    assert "'{Patient'\"'\"'s document; touch x}\\n{question}'" in message


def test_a_body_stands_behind_its_subject_and_before_a_question(tmp_path: Path) -> None:
    """As they are read."""
    assert r"'{Body}\n{question}'" in refused(
        tmp_path, varied(Body=SENTENCE), "target.unused-column"
    )
    rows = rows_with(body="Told #")
    subject = [{"title": row.pop("question"), **row} for row in rows]
    assert r"'{title}\n{body}'" in refused(
        tmp_path, subject, "target.unused-column", prompt="title"
    )
