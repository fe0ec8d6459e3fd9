"""Parts of a question: none is dropped in silence, and none is moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.suites.target.data import items, reading, refused


def rows_with(**more: Any) -> list[dict[str, Any]]:
    """Return rows with a question, an answer and more; # in a text is the row's number."""
    given = {"question": "Is it so, in #?", **more}
    return [
        {
            key: value.replace("#", str(n)) if isinstance(value, str) else value
            for key, value in row.items()
        }
        for n in range(6)
        for row in [{**given, "answer": "yes it is, #"}]
    ]


@pytest.mark.parametrize(
    ("column", "flag"),
    [
        ("passage", r"--target-prompt '{passage}\n{question}' asks it"),
        ("Document", r"--target-prompt '{Document}\n{question}' asks it"),
        ("context", r"--target-prompt '{context}\n{question}' asks it"),
        ("title", r"--target-prompt '{title}\n{question}' asks it"),
        ("premise", r"--target-prompt '{premise}\n{question}' asks it"),
        ("hypothesis", r"--target-prompt '{question}\n{hypothesis}' asks it"),
        ("history", r"--target-prompt '{history}\n{question}' asks it"),
        ("System Prompt", "--target-system 'System Prompt' says it before"),
    ],
)
def test_a_part_that_nothing_reads_is_refused(tmp_path: Path, column: str, flag: str) -> None:
    """A question without its passage is another question; the message has the flag."""
    message = refused(tmp_path, rows_with(**{column: "Told #"}), "target.unused-column")

    assert f"has a column {column!r} beside 'question'" in message
    assert flag in message
    assert "--target-ignore" in message


def test_a_part_is_asked_by_the_flag_or_left_by_the_other(tmp_path: Path) -> None:
    """Both flags of the message mend it."""
    rows = rows_with(passage="Told #")

    with_it = items(tmp_path, rows, prompt="{passage}\n{question}")
    without = reading(tmp_path, rows, ignore=("passage",))

    assert with_it[1].prompt == "Told 1\nIs it so, in 1?"
    assert without.task.items[1].prompt == "Is it so, in 1?"
    assert without.columns.ignored == ("passage",)


def test_a_named_prompt_drops_nothing_either(tmp_path: Path) -> None:
    """To name one column is not to say that the others are no part of the question."""
    rows = [{"instruction": "Add.", "input": f"{n} and {n}", "output": f"={n}"} for n in range(6)]

    message = refused(tmp_path, rows, "target.unused-column", prompt="instruction")

    assert r"--target-prompt '{instruction}\n{input}'" in message


def test_what_the_prompt_holds_anyway_is_no_loss(tmp_path: Path) -> None:
    """A title that stands in the text of every row is asked already."""
    rows = [{"title": f"T{n}", "text": f"T{n}: help", "answer": f"a {n}"} for n in range(6)]

    assert reading(tmp_path, rows).columns.left == ("title",)


def test_a_part_that_is_blank_everywhere_is_none(tmp_path: Path) -> None:
    """Exporters write columns that nobody has filled."""
    rows = rows_with(context=" ", history=[], system="", tools="[]", title=None)

    assert len(items(tmp_path, rows)) == 6


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tools", [{"name": "track"}]),
        ("tools", '[{"name": "track"}]'),
        ("function", [{"name": "track"}]),
        ("history", [["Hi", "Hello"]]),
        ("image", "a.png"),
    ],
)
def test_what_no_flag_can_ask_is_refused(tmp_path: Path, column: str, value: Any) -> None:
    """Tools, turns and pictures are no text; one line says so, and how to leave them."""
    message = refused(tmp_path, rows_with(**{column: value}), "target.unaskable-column")

    assert f"--target-ignore {column}" in message
    assert len(items(tmp_path, rows_with(**{column: value}), ignore=(column,))) == 6


@pytest.mark.parametrize(
    "names",
    [("A", "B", "C"), ("option_1", "option_2"), ("optiona", "optionb"), ("choice 1", "choice 2")],
)
def test_options_in_columns_of_their_own_are_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """A letter as the answer to a question whose options are never shown measures nothing."""
    texts = {name: f"text {number} of #" for number, name in enumerate(names)}

    message = refused(tmp_path, rows_with(**texts), "target.unused-column")

    assert "--target-choices '" + "".join(f"{{{name}}}" for name in names) + "'" in message


@pytest.mark.parametrize("answer", ["B", "b", 1, "option_b", "second"])
def test_columns_in_braces_are_choices(tmp_path: Path, answer: Any) -> None:
    """The answer is a letter, a place, a column or the text."""
    row = {"question": "q", "option_a": "first", "option_b": "second", "answer": answer}

    (item,) = items(tmp_path, [row], choices="{option_a}{option_b}")

    assert (item.choices, item.answer) == (("first", "second"), "second")


@pytest.mark.parametrize(("numbers", "right"), [([0, 1, 2], "x0"), ([1, 2, 3], "x1")])
def test_columns_that_count_from_one_are_placed_by_the_answers(
    tmp_path: Path, numbers: list[int], right: str
) -> None:
    """0 says that answers are places, the last number that they are the columns' own."""
    rows = [
        {"question": f"q{n}", "choice1": "x0", "choice2": "x1", "choice3": "x2", "label": number}
        for n, number in enumerate(numbers)
    ]

    made = items(tmp_path, rows, choices="{choice1}{choice2}{choice3}")

    assert made[0].answer == "x0"
    assert [item.answer for item in made] == ["x0", "x1", "x2"]


def test_numbers_that_could_count_from_0_or_1_are_refused(tmp_path: Path) -> None:
    """With neither 0 nor the last number, both readings are possible."""
    rows = [
        {"question": f"q{n}", "choice1": "x", "choice2": "y", "choice3": "z", "label": n % 2 + 1}
        for n in range(4)
    ]

    message = refused(tmp_path, rows, "target.two-readings", choices="{choice1}{choice2}{choice3}")

    assert "count from 1" in message


def test_texts_that_count_up_are_parts(tmp_path: Path) -> None:
    """Which of two sentences is meant, their names do not say: both are."""
    message = refused(
        tmp_path, rows_with(sentence1="One #", sentence2="Two #"), "target.unused-column"
    )

    assert r"--target-prompt '{sentence1}\n{sentence2}\n{question}'" in message


def test_an_ignored_column_is_none(tmp_path: Path) -> None:
    """It is looked for under no usual name; one that is not there, or named as well, is refused."""
    rows = [{"text": f"t {n}", "label": f"a {n}", "output": "long"} for n in range(4)]

    assert items(tmp_path, rows, ignore=("output",))[0].answer == "a 0"
    assert "did you mean 'output'" in refused(
        tmp_path, rows, "target.unknown-column", ignore=("outptu",)
    )
    refused(tmp_path, rows, "target.ignored-column", answer="label", ignore=("label",))


# --- chats ---------------------------------------------------------------------------------------


def chat(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    """Return a row with a chat."""
    return {"messages": [{"role": role, "content": content} for role, content in turns], **more}


def test_a_system_turn_in_the_middle_has_no_template(tmp_path: Path) -> None:
    """It would be lost, or moved to the front, where it speaks of all."""
    dialogue = [("user", "Hi"), ("assistant", "Hi."), ("system", "Now French."), ("user", "Go")]

    rows = [chat(("system", "Be short."), *dialogue, ("assistant", "Oui"))]

    assert "messages[3]: a system turn" in refused(tmp_path, rows, "item.messages")


def test_a_developer_is_what_templates_call_the_system(tmp_path: Path) -> None:
    """Several before all others are one; alone they ask nothing."""
    first = (("developer", "Terse."), ("system", "Kind."))

    (item,) = items(tmp_path, [chat(*first, ("user", "Go"), ("assistant", "OK"))])

    assert item.prompt == "system: Terse.\n\nKind.\nuser: Go"
    rows = [chat(("developer", "Go"), ("assistant", "OK"))]
    assert "nobody has asked anything" in refused(tmp_path, rows, "item.messages")


def test_a_column_of_system_prompts_is_the_first_turn(tmp_path: Path) -> None:
    """Of a text and of a chat; one that the chat has already is not said twice."""
    rows = [
        chat(("user", "Go"), ("assistant", "OK"), system="Be short."),
        chat(("system", "Be short."), ("user", "Go"), ("assistant", "OK"), system="Be short."),
    ]

    made = items(tmp_path, rows, system="system")

    assert {item.prompt for item in made} == {"system: Be short.\nuser: Go"}
    rows[1]["system"] = "Be long."
    assert "data.jsonl:2" in refused(tmp_path, rows, "target.two-systems", system="system")


@pytest.mark.parametrize("content", [{"content": None}, {}])
def test_a_tool_call_is_no_empty_turn(tmp_path: Path, content: dict[str, Any]) -> None:
    """What the assistant did is not left out of the chat; two turns of its make no answer."""
    call = {"role": "assistant", **content, "tool_calls": [{"function": {"name": "f"}}]}
    row = chat(("user", "u"), ("assistant", "a"))
    row["messages"].insert(1, call)

    assert "two turns of the assistant" in refused(tmp_path, [row], "target.two-turns")
    row["messages"].insert(2, {"role": "tool", "content": "7"})
    assert items(tmp_path, [row])[0].prompt == "user: u\nassistant: [calls f({})]\ntool: 7"


def test_a_turn_of_nothing_is_refused(tmp_path: Path) -> None:
    """Null is not an empty text."""
    row = chat(("user", "u"), ("assistant", None), ("user", "v"), ("assistant", "a"))

    assert "says nothing (null)" in refused(tmp_path, [row], "target.empty-turn")


def test_a_chat_in_a_cell_of_text_is_one(tmp_path: Path) -> None:
    """A table of text holds chats as JSON."""
    row = {"messages": '[{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]'}

    (item,) = items(tmp_path, [row])

    assert (item.spoken, item.answer) == ("u", "a")


def test_ids_of_conversations_are_counted(tmp_path: Path) -> None:
    """A chat that was cut into rows has one id in all of them; the first keeps it."""
    rows = [
        {**chat(("user", f"u{n}"), ("assistant", "a")), "id": "c1" if n < 3 else "c2"}
        for n in range(4)
    ]

    assert [item.id for item in items(tmp_path, rows)] == ["c1", "c1-2", "c1-3", "c2"]


# --- known layouts -------------------------------------------------------------------------------


def test_alpaca_has_its_instruction_first(tmp_path: Path) -> None:
    """A row without an input has no line for it, whether blank or null."""
    rows = [
        {"instruction": "Sort.", "input": given, "output": "a b", "text": "Sort. …"}
        for given in ("b a", "", None)
    ]

    read = reading(tmp_path, rows)

    assert read.columns.layout is not None
    assert read.columns.layout.name == "Alpaca"
    assert [item.prompt for item in read.task.items] == ["Sort.\nb a", "Sort.", "Sort."]


def test_blank_parts_have_no_line(tmp_path: Path) -> None:
    """In Dolly's layout and in a text with columns in braces alike; the rows are counted."""
    rows = [
        {"instruction": f"Where is {n}?", "context": "" if n % 2 else f"{n}: hall", "response": "h"}
        for n in range(4)
    ]

    read = reading(tmp_path, rows)
    framed = items(tmp_path, rows, prompt=r"{context}\n{instruction}\nA:", answer="response")

    assert [i.prompt for i in read.task.items[:2]] == ["Where is 0?\n0: hall", "Where is 1?"]
    assert [i.prompt for i in framed[:2]] == ["0: hall\nWhere is 0?\nA:", "Where is 1?\nA:"]
    assert "context is blank in 2 of 4 rows, and its line left out there." in read.notes


def test_a_layout_without_what_it_always_has_is_refused(tmp_path: Path) -> None:
    """An input alone is no question of Alpaca's."""
    rows = [{"instruction": "Sort.", "input": "b a", "output": "x"}]

    message = refused(tmp_path, [*rows, {**rows[0], "instruction": ""}], "target.blank")

    assert "data.jsonl:2: instruction is missing" in message


def test_squad_is_read_with_all_its_answers(tmp_path: Path) -> None:
    """Its title is known to be no part of the question."""
    row = {
        "title": "Halls",
        "context": "It is in the hall.",
        "question": "Where?",
        "answers": {"text": ["the hall", "hall", "hall"], "answer_start": [9, 13, 13]},
    }

    (item,) = items(tmp_path, [row])

    assert item.prompt == "It is in the hall.\nWhere?"
    assert item.right == ("the hall", "hall")


def test_preferences_are_read_by_flag(tmp_path: Path) -> None:
    """The better answer is a text, a turn, or a chat whose beginning is the prompt."""
    turn = {"from": "gpt", "value": "good"}
    user = [{"from": "human", "value": "q"}]
    for prompt, chosen in (("q", "good"), (user, turn), (user, [turn]), ("q", [*user, turn])):
        row = {"prompt": prompt, "chosen": chosen, "rejected": "bad"}
        (item,) = items(tmp_path, [row], answer="chosen")
        assert (item.spoken, item.answer) == ("q", "good")

    row = {"prompt": "q", "chosen": "good", "rejected": "bad"}
    assert "--target-answer chosen" in refused(tmp_path, [row], "target.no-column")
    row = {"prompt": "other", "chosen": [*user, turn], "rejected": "bad"}
    message = refused(tmp_path, [row], "target.two-prompts", answer="chosen")
    assert "--target-prompt chosen" in message


def test_a_prompt_beside_its_chat_points_to_the_chat(tmp_path: Path) -> None:
    """A list of turns cannot stand in braces."""
    row = chat(("user", "q"), ("assistant", "a"), prompt="q")

    assert "--target-prompt messages is the chat" in refused(tmp_path, [row], "target.two-columns")


def test_a_part_within_a_word_is_not_said(tmp_path: Path) -> None:
    """The context "c" does not stand in "Which?"."""
    refused(
        tmp_path, [{"context": "c", "question": "Which?", "answer": "a"}], "target.unused-column"
    )


def test_names_are_found_in_any_case(tmp_path: Path) -> None:
    """Spreadsheets have "Question"; a column spelt as usual comes first."""
    assert items(tmp_path, [{"Question": "q", "Answer": "a"}])[0].prompt == "q"
    assert items(tmp_path, [{"Text": "no", "text": "q", "label": "a"}], ignore=("Text",))


def test_a_part_that_is_no_text_names_no_flag_that_cannot_work(tmp_path: Path) -> None:
    """Passages in lists cannot stand in braces."""
    message = refused(tmp_path, rows_with(ctxs=[{"title": "t"}]), "target.unused-column")

    assert "ctxs holds no plain text" in message
    assert "--target-prompt" not in message


def test_parts_without_a_prompt_are_offered_as_one(tmp_path: Path) -> None:
    """Two questions to compare are both the prompt."""
    rows = [{"question1": f"a{n}", "question2": "b", "label": "yes"} for n in range(3)]

    assert r"'{question1}\n{question2}'" in refused(tmp_path, rows, "target.no-column")


def test_a_rendering_of_the_row_is_no_part(tmp_path: Path) -> None:
    """Trainers write the whole text beside its parts; a passage is none."""
    rows = [
        {"prompt": f"Is {n} so?", "answer": f"yes {n}", "text": f"Is {n} so? yes"} for n in (1, 2)
    ]

    assert items(tmp_path, rows, prompt="prompt")[0].prompt == "Is 1 so?"
    rows[1]["text"] = "A passage."
    message = refused(tmp_path, rows, "target.unused-column", prompt="prompt")
    assert r"--target-prompt '{text}\n{prompt}'" in message


def test_ids_clusters_and_levels_can_be_ignored(tmp_path: Path) -> None:
    """A column is no part of anything where it is said to be none."""
    beside = {"id": "a", "cluster": "c", "level": 1}
    rows = [{"question": f"q{n}", "answer": f"a{n}", **beside} for n in range(3)]

    made = items(tmp_path, rows, ignore=tuple(beside))

    assert [(item.id, item.cluster, item.level) for item in made][1] == ("target-00002", None, None)


@pytest.mark.parametrize(
    "name", ["evidence", "sql_context", "document_text", "premise1", "Context_Text", "user_persona"]
)
def test_what_is_named_like_a_part_is_one(tmp_path: Path, name: str) -> None:
    """What a name is of stands at its end; where it holds no text of several words it is none."""
    message = refused(tmp_path, rows_with(**{name: "A tale of two"}), "target.unused-column")

    assert f"--target-ignore {name}" in message
    assert items(tmp_path, rows_with(**{name: "B-17"}))


@pytest.mark.parametrize("name", ["answer_context", "context_id", "context_length", "label_text"])
def test_what_is_of_the_answer_or_a_number_is_no_part(tmp_path: Path, name: str) -> None:
    """Nor is the passage that an answer was made from."""
    assert items(tmp_path, rows_with(**{name: "A tale of two"}))


@pytest.mark.parametrize("name", ["system_message", "systemPrompt", "SystemPrompt", "developer"])
def test_a_system_prompt_by_another_name_is_one(tmp_path: Path, name: str) -> None:
    """Its flag stands in the message."""
    message = refused(tmp_path, rows_with(**{name: "Be brief."}), "target.unused-column")

    assert f"--target-system {name}" in message


def test_options_of_belebele_are_options(tmp_path: Path) -> None:
    """They are offered as choices, and not before the question."""
    options = {f"mc_answer{n}": f"text {n}" for n in range(1, 5)}

    message = refused(tmp_path, rows_with(**options), "target.unused-column")

    assert "--target-choices '{mc_answer1}{mc_answer2}{mc_answer3}{mc_answer4}'" in message


@pytest.mark.parametrize("stem", ["distractor", "Incorrect Answer ", "wrong_answer_"])
def test_wrong_options_are_offered_with_the_right_one(tmp_path: Path, stem: str) -> None:
    """SciQ and GPQA have them so; alone before the question they would be told as its text."""
    wrong = {f"{stem}{n}": f"text {n}" for n in range(1, 4)}

    message = refused(tmp_path, rows_with(**wrong), "target.unused-column")

    listed = "".join(f"{{{name}}}" for name in ("answer", *wrong))
    assert f"--target-choices '{listed}' takes them and the right one as choices" in message
    assert (
        items(tmp_path, rows_with(**wrong), choices=listed, answer="answer")[0].answer
        == "yes it is, 0"
    )


def test_a_turn_that_says_nothing_is_not_asked(tmp_path: Path) -> None:
    """A tool call that was cut off leaves one; a system prompt may be blank."""
    turns = [("system", ""), ("user", "q"), ("assistant", " "), ("user", "r"), ("assistant", "a")]
    rows = [{"messages": [{"role": role, "content": text} for role, text in turns]}]

    assert "(assistant) says nothing (blank)" in refused(tmp_path, rows, "target.empty-turn")
    rows[0]["messages"].pop(2)
    assert "q" in items(tmp_path, rows)[0].prompt


@pytest.mark.parametrize("column", ["incorrect_answers", "distractors"])
def test_a_list_of_wrong_options_is_not_dropped(tmp_path: Path, column: str) -> None:
    """The right one stands elsewhere, and a command makes choices of all."""
    rows = [{"question": f"Q{n}?", "answer": "a", column: ["b", "c"]} for n in range(3)]

    line = refused(tmp_path, rows, "target.unused-column")

    assert f"[at(r, 'answer'), *from_json(at(r, '{column}'))]" in line
    assert items(tmp_path, [{**rows[0], "choices": ["a", "b", "c"]}])[0].answer == "a"


@pytest.mark.parametrize("named", [{}, {"prompt": "question"}, {"choices": "options"}])
def test_choices_in_one_text_are_asked_as_they_are(tmp_path: Path, named: dict[str, str]) -> None:
    """The flag in the line is all that it takes, as it is beside another column of the prompt."""
    row = {"question": "Sky?", "options": "A) red B) blue", "answer": "B"}

    line = refused(tmp_path, [row], "target.choices", **named)

    assert "--target-prompt '{question}\\n{options}' asks it" in line
    (item,) = items(tmp_path, [row], prompt="{question}\\n{options}")
    assert (item.spoken, item.answer) == ("Sky?\nA) red B) blue", "B")


def test_choices_in_one_text_beside_the_question_are_not_taken_for_a_list(tmp_path: Path) -> None:
    """Candidates, say, which are choices only where somebody says so."""
    row = {"question": "Sky?", "candidates": "red, blue", "answer": "blue"}

    line = refused(tmp_path, [row], "target.unused-column")

    assert "--target-prompt '{question}\\n{candidates}' asks it as it is" in line


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        (
            {"passage": "P", "query": "Q", "entities": ["e"], "answers": ["e"]},
            "{passage}\\n{query}",
        ),
        ({"subject": "S", "body": "B", "label": "a"}, "{subject}\\n{body}"),
        (
            {"word": "W", "sentence1": "S", "sentence2": "T", "start1": 0, "label": "a"},
            "{word}\\n{sentence1}\\n{sentence2}",
        ),
        (
            {"qid1": "1", "qid2": "2", "question1": "Q", "question2": "R", "label": "a"},
            "{question1}\\n{question2}",
        ),
        (
            {"InputSentence1": "S", "InputSentence2": "T"}
            | {"RandomFifthSentenceQuiz1": "X", "RandomFifthSentenceQuiz2": "Y", "label": "a"},
            "{InputSentence1}\\n{InputSentence2}",
        ),
    ],
)
def test_the_prompt_that_is_offered_names_what_it_leaves(
    tmp_path: Path, row: dict[str, Any], prompt: str
) -> None:
    """It holds all known parts, no numbers and no options; every other column is named as left."""
    message = refused(tmp_path, [row], "target.no-column")
    offer = message.partition(f"; '{prompt}' ")[2]

    assert offer, message
    left = [
        name for name in row if f"{{{name}}}" not in prompt and name not in ("label", "answers")
    ]
    assert [name for name in left if name not in offer] == []
    assert ("all that could be asked" in offer) is not left


@pytest.mark.parametrize("output", ["response", "output", "completion"])
@pytest.mark.parametrize("right", ["ground_truth", "reference", "expected_output"])
def test_what_a_model_said_is_no_answer_beside_what_is_right(
    tmp_path: Path, output: str, right: str
) -> None:
    """Rows of an evaluation hold both; whoever names one, or ignores the other, has chosen."""
    rows = [{"prompt": f"Q{n}", output: f"said {n}", right: f"is {n}"} for n in range(4)]

    assert f"--target-answer {right}" in refused(tmp_path, rows, "target.two-columns")
    assert items(tmp_path, rows, answer=right)[0].answer == "is 0"
    assert items(tmp_path, rows, ignore=(right,))[0].answer == "said 0"


@pytest.mark.parametrize(
    "name",
    [
        *("instructions", "source_text", "examples", "few_shot", "constraints", "function"),
        *("task", "demonstrations", "rules", "task_description", "requirements", "query"),
        *("aspect", "reference"),
    ],
)
def test_known_parts_go_by_many_names(tmp_path: Path, name: str) -> None:
    """Each is refused where nothing reads it, with the flag that asks it."""
    message = refused(tmp_path, rows_with(**{name: "Three words for #"}), "target.unused-column")

    assert f"{{{name}}}" in message


def test_a_template_is_not_asked_as_text(tmp_path: Path) -> None:
    """Its places would stand empty."""
    rows = rows_with(prompt_template="Think of {question}, please")

    assert "templates" in refused(tmp_path, rows, "target.unaskable-column")


def test_the_subject_of_a_message_is_a_part_and_a_topic_is_none(tmp_path: Path) -> None:
    """MMLU has topics under the same name."""
    mails = [{"Subject": f"S {n}", "Description": f"D {n}", "answer": f"a {n}"} for n in range(6)]

    message = refused(tmp_path, mails, "target.unused-column", prompt="Description")

    assert r"'{Subject}\n{Description}'" in message
    assert len(items(tmp_path, rows_with(subject="high school mathematics"))) == 6


def test_a_part_inside_of_metadata_is_not_lost(tmp_path: Path) -> None:
    """It is named by its path, and so it is asked."""
    rows = rows_with(metadata={"context": "Told so", "source": "web", "system": ""})

    message = refused(tmp_path, rows, "target.unused-column")

    assert r"'{metadata.context}\n{question}'" in message
    with_it = items(tmp_path, rows, prompt=r"{metadata.context}\n{question}")
    assert with_it[0].prompt == "Told so\nIs it so, in 0?"
    assert len(items(tmp_path, rows, ignore=("metadata",))) == 6
    rows = rows_with(meta={"system": "Be short"})
    assert "--target-system meta.system" in refused(tmp_path, rows, "target.unused-column")


@pytest.mark.parametrize(
    "thought",
    [
        [{"role": "assistant", "channel": "analysis", "content": "Hm."}],
        [{"role": "user", "content": "v"}, {"role": "assistant", "content": "w", "thinking": "H"}],
    ],
)
def test_thoughts_are_left_out_and_counted(tmp_path: Path, thought: list[dict[str, Any]]) -> None:
    """They are no turn of the assistant's: gpt-oss has a channel for them, others a key."""
    row = chat(("user", "u"), ("assistant", "a"))
    row["messages"][1:1] = thought[:1] if "channel" in thought[0] else []
    row["messages"][-1] |= {key: text for key, text in thought[-1].items() if key == "thinking"}

    read = reading(tmp_path, [row])

    assert (read.task.items[0].spoken, read.task.items[0].answer) == ("u", "a")
    assert "In 1 of 1 row what the assistant thought is left out of the chat." in read.notes


def test_white_space_behind_a_prompt_is_counted(tmp_path: Path) -> None:
    """It goes, and a note says so."""
    rows = [{"question": f"Q{n} " if n else "Q0", "answer": f"a{n}"} for n in range(3)]

    read = reading(tmp_path, rows)

    assert "In 2 of 3 rows white space at the end of the prompt is left out." in read.notes
    assert read.task.items[1].prompt == "Q1"
