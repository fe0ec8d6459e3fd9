"""Suites: every refusal with file and line, and what alters a task's digest."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.canonical_json import canonical_json, digest
from cliffguard.core.errors import SuiteError
from cliffguard.core.items import Suite, Task
from cliffguard.suites import ladders
from cliffguard.suites import loading as room
from cliffguard.suites.loading import load_suite, load_suites, refuse_absent
from cliffguard.suites.read_once import read_once
from tests import support

CHOICE = {"id": "a", "prompt": "Who?", "choices": ["Ann", "Bob"], "answer": "Ann", "hops": 1}
GENERATED = {"id": "a", "prompt": "Say 1:", "answer": "1"}
LADDER = "name: one, items: one.jsonl, level: hops, metric: acc"
SETTINGS = "name: one, items: one.jsonl, metric: exact_match"


def made(generator: str, levels: Sequence[int] = (1, 2), digest: str = "d" * 64) -> str:
    """Return a task whose items are made."""
    return (
        f"name: one, level: stage, items: {{generator: {generator}, seed: s, n_per_level: 3, "
        f"levels: {list(levels)}, digest: {digest}}}"
    )


def write(folder: Path, task: str, rows: list[dict[str, Any]] | str) -> Path:
    """Write a suite of one task with these items and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(rows, str):
        (folder / "one.jsonl").write_text(rows, encoding="utf-8")
    else:
        support.write_jsonl(folder / "one.jsonl", rows)
    path = folder / "suite.yaml"
    path.write_text(
        "name: trial\nversion: 1\ncapabilities:\n  skill:\n    ring: adjacent\n"
        f"    tasks:\n      - {{{task}}}\n",
        encoding="utf-8",
    )
    return path


def task_of(suite: Suite) -> Task:
    """Return the first task of a suite."""
    return suite.capabilities[0].tasks[0]


def loaded(folder: Path, task: str = LADDER, rows: list[dict[str, Any]] | None = None) -> Task:
    """Write, load and return a task."""
    return task_of(load_suite(str(write(folder, task, rows or [CHOICE]))))


def without(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the row without a key."""
    return {name: value for name, value in row.items() if name != key}


# --- finding -------------------------------------------------------------------------------------


def test_a_bare_word_is_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder or file of that name in the working directory does not shadow the built-in."""
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)

    with support.refused("suite.unknown-suite", 2, "'mine'"):
        load_suite("mine")


def test_a_path_is_taken_from_the_given_folder(tmp_path: Path) -> None:
    """A relative path starts at `folder`."""
    support.write_suite(tmp_path / "deep")

    assert load_suite("deep/small.yaml", folder=tmp_path).name == "small"


def test_an_absolute_path_ignores_the_folder(tmp_path: Path) -> None:
    """An absolute path stands for itself."""
    path = support.write_suite(tmp_path / "deep")

    assert load_suite(str(path), folder=tmp_path / "elsewhere").name == "small"


def test_the_home_of_nobody_is_the_users_error() -> None:
    """~name of a user that is not there is one line."""
    with pytest.raises(SuiteError):
        load_suite("~nobody-of-that-name/suite.yaml")


# --- the suite file ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("name: small", "nme: small", ("suite.unknown-key", 2, "'name'", "nme")),
        ("name: small\n", "", ("suite.name", 2, "name")),
        ("version: 1\n", "", ("suite.version", 2, "version")),
        ("name: small", "name: two words", ("suite.name", 2, "name")),
        ("name: small", "name: 7", ("suite.name", 2, "name")),
        ("    ring: adjacent\n", "", ("suite.ring", 2, "capabilities.reasoning.ring")),
        ("chance: 0.25", "chance: 1.0", ("suite.chance", 2, "chance")),
        ("chance: 0.25", "chance: -0.1", ("suite.chance", 2, "chance")),
        ("chance: 0.25", "chance: .nan", ("suite.chance", 2, "chance")),
        ("max_tokens: 4", "max_tokens: 0", ("suite.max-tokens", 2, "max_tokens")),
        ("version: 1", "version: 1\nversion: 2", ("suite.file", 2, "'version'")),
    ],
)
def test_a_faulty_suite_file_is_refused(old: str, new: str, error: Any, tmp_path: Path) -> None:
    """A key that is wrong in the suite file is named with its place."""
    text = support.SUITE.replace(old, new, 1)
    assert text != support.SUITE

    with support.refused(*error):
        load_suite(str(support.write_suite(tmp_path, text=text)))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("# to be written\n", ("suite.file", 2)),
        ("name: a\nversion: 1\ncapabilities:\n", ("suite.capabilities", 2, "capabilities")),
    ],
)
def test_a_suite_that_measures_nothing_is_refused(text: str, error: Any, tmp_path: Path) -> None:
    """A file without content says so, and a suite has capabilities."""
    with support.refused(*error):
        load_suite(str(support.write_suite(tmp_path, text=text)))


@pytest.mark.parametrize(
    ("task", "error"),
    [
        (
            "name: one, items: one.jsonl, max_tokens: 4",
            ("suite.max-tokens", 2, "max_tokens"),
        ),
        ("name: one, max_tokens: 4", ("suite.items", 2, "max_tokens")),
        ("name: one, gate_levels: [1]", ("suite.gate-levels", 2, "gate_levels")),
        (f"{LADDER}, gate_levels: []", ("suite.gate-levels", 2, "gate_levels")),
        (f"name: one, items: {'x' * 300}", ("path.impossible", 2)),
    ],
)
def test_a_faulty_task_is_refused(task: str, error: Any, tmp_path: Path) -> None:
    """A task whose keys do not go together is refused with its name."""
    with support.refused(*error):
        load_suite(str(write(tmp_path / "suite", task, [CHOICE])))


def test_a_metric_near_a_known_one_is_offered(tmp_path: Path) -> None:
    """A misspelt metric names the one it resembles."""
    with support.refused("suite.metric", 2, "'exact_match'"):
        load_suite(
            str(write(tmp_path, "name: one, items: one.jsonl, metric: exactmatch", [CHOICE]))
        )


@pytest.mark.parametrize(
    ("renames", "error"),
    [
        ({}, ("suite.name", 2, "'small'")),
        ({"name: small": "name: other"}, ("suite.name", 2, "'reasoning'")),
        (
            {"name: small": "name: other", "reasoning:": "thinking:", "saying:": "talking:"},
            ("suite.name", 2, "'ball'"),
        ),
    ],
)
def test_two_suites_share_no_names(renames: dict[str, str], error: Any, tmp_path: Path) -> None:
    """Suites that are used together may not share a suite, capability or task name."""
    text = support.SUITE
    for old, new in renames.items():
        text = text.replace(old, new)
    first, second = (
        support.write_suite(tmp_path / "a"),
        support.write_suite(tmp_path / "b", text=text),
    )

    with support.refused(*error):
        load_suites([str(first), str(second)])


# --- the items -----------------------------------------------------------------------------------

# More of them: tests/bad_input/suites.py.
BAD_CHOICE_ROWS: list[tuple[dict[str, Any], Any]] = [
    (without(CHOICE, "prompt"), ("item.missing-key", 2, "one.jsonl:2", "prompt")),
    (without(CHOICE, "answer"), ("item.missing-key", 2, "one.jsonl:2", "answer")),
    (without(CHOICE, "choices"), ("item.choices", 2, "one.jsonl:2", "choices")),
    (without(CHOICE, "hops"), ("item.level", 2, "one.jsonl:2", "hops")),
    ({**CHOICE, "id": " "}, ("item.text", 2, "one.jsonl:2")),
    ({**CHOICE, "prompt": ""}, ("item.text", 2, "one.jsonl:2", "prompt")),
    ({**CHOICE, "prompt": None}, ("item.text", 2, "one.jsonl:2", "prompt")),
    ({**CHOICE, "prompt": "Who?\n"}, ("item.white-space", 2, "one.jsonl:2", "prompt")),
    ({**CHOICE, "answer": 0}, ("item.text", 2, "one.jsonl:2", "answer")),
    ({**CHOICE, "choices": ["Ann", 3]}, ("item.choices", 2, "one.jsonl:2", "choice")),
    ({**CHOICE, "choices": ["Ann", ["Bob"]]}, ("item.choices", 2, "one.jsonl:2", "choice")),
    ({**CHOICE, "hops": 1.0}, ("item.level", 2, "one.jsonl:2", "1.0", "hops")),
    ({**CHOICE, "hops": True}, ("item.level", 2, "one.jsonl:2", "hops")),
    ({**CHOICE, "hop": 1}, ("item.unknown-key", 2, "one.jsonl:2", "'hop'", "'hops'")),
    ({**CHOICE, "id": "b\udc00"}, ("text.half-character", 2, "one.jsonl:2")),
]


@pytest.mark.parametrize(
    ("row", "error"),
    BAD_CHOICE_ROWS,
    ids=[f"{n} {error[0]}" for n, (_, error) in enumerate(BAD_CHOICE_ROWS)],
)
def test_a_faulty_choice_item_is_refused_with_its_line(
    row: dict[str, Any], error: Any, tmp_path: Path
) -> None:
    """An item that cannot be asked is named by file and line."""
    first = {**CHOICE, "id": "first"}

    with support.refused(*error):
        load_suite(str(write(tmp_path, LADDER, [first, row])))


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({**GENERATED, "question": "Say? "}, ("item.white-space", 2, "one.jsonl:1")),
        ({**GENERATED, "question": "Say?", "expected": 1}, ("item.text", 2, "one.jsonl:1")),
        ({**GENERATED, "context": ""}, ("item.text", 2, "one.jsonl:1")),
        ({**GENERATED, "hops": 1}, ("item.unknown-key", 2, "one.jsonl:1", "say level: hops")),
        ({**GENERATED, "hop": "1"}, ("item.unknown-key", 2, "one.jsonl:1", "'hop'")),
        ({**GENERATED, "answer": ""}, ("item.text", 2, "one.jsonl:1")),
    ],
)
def test_a_faulty_generated_item_is_refused_with_its_line(
    row: dict[str, Any], error: Any, tmp_path: Path
) -> None:
    """Items that are answered in free text have rules of their own."""
    with support.refused(*error):
        load_suite(str(write(tmp_path, SETTINGS, [row])))


CALL: dict[str, Any] = {"name": "f", "arguments": {"b": 1, "a": [None]}}
SCHEMA: dict[str, Any] = {"type": "object", "required": ["a"]}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("tool_call", CALL),
        ("tool_call", [CALL, CALL]),
        ("tool_call", []),
        ("json_equal", {"b": 1, "a": "ü"}),
        ("json_equal", [1, 2]),
        ("json_schema", SCHEMA),
    ],
)
def test_a_right_answer_may_be_the_json_itself(metric: str, value: Any, tmp_path: Path) -> None:
    """It is its canonical text, alone or among several, in either form of a row."""
    settings = SETTINGS.replace("exact_match", metric)
    text = canonical_json(value)
    rows = [
        {"id": "a", "prompt": "P", "answer": value},
        {"id": "b", "prompt": "P", "answer": text},
        {"id": "c", "prompt": "P", "answers": [value, text]},
        {"id": "d", "prompt": "P", "question": "P", "answer": "x", "expected": value},
    ]

    items = loaded(tmp_path, settings, rows).items

    assert [item.right for item in items] == [(text,)] * len(rows)
    assert len({item.digest for item in items}) == 1


@pytest.mark.parametrize(
    ("metric", "answer", "error"),
    [
        ("exact_match", {"a": 1}, "item.text"),
        ("constraints", {"max_words": 3}, "item.text"),
        ("json_equal", 1, "item.text"),
        ("json_equal", {"a": float("nan")}, "item.answer"),
        ("tool_call", {"name": "f"}, "item.answer"),
        ("json_schema", {"$ref": "https://example.org/a.json"}, "item.answer"),
        ("json_schema", {"type": "objekt"}, "item.answer"),
        ("language", "xx", "item.answer"),
    ],
)
def test_json_that_is_no_right_answer_is_refused(
    metric: str, answer: Any, error: str, tmp_path: Path
) -> None:
    """Before any model is asked, with the line."""
    row = {"id": "a", "prompt": "P", "answer": answer}
    with support.refused(error, 2, "one.jsonl:1"):
        loaded(tmp_path, SETTINGS.replace("exact_match", metric), [row])


def test_items_that_are_none_are_refused(tmp_path: Path) -> None:
    """A file of empty lines is not a task with nothing to lose."""
    with support.refused("suite.no-items", 2, "one.jsonl"):
        load_suite(str(write(tmp_path, LADDER, "\n\n")))


# --- what was read -------------------------------------------------------------------------------


def test_a_bare_name_is_a_task_of_lm_eval(tmp_path: Path) -> None:
    """An entry without items stands for lm-eval's task of that name."""
    text = "name: a\nversion: 1\ncapabilities: {maths: {ring: general, tasks: [gsm8k]}}\n"

    task = task_of(load_suite(str(support.write_suite(tmp_path, text=text))))

    assert (task.stock, task.name, task.metric, task.items) == (True, "gsm8k", None, ())


BOTH = {**CHOICE, "context": "Ann is here.", "question": "\nWho is here?", "expected": "Ann!"}


def test_a_row_may_hold_both_forms(tmp_path: Path) -> None:
    """The context stands before either."""
    scored = loaded(tmp_path / "a", rows=[{**BOTH, "prompt": " Here is"}]).items[0]
    generated = loaded(tmp_path / "b", f"{SETTINGS}, level: hops", rows=[BOTH]).items[0]

    assert (scored.prompt, scored.answer) == ("Ann is here. Here is", "Ann")
    assert (generated.prompt, generated.answer, generated.choices) == (
        "Ann is here.\nWho is here?",
        "Ann!",
        (),
    )
    assert scored.digest != generated.digest


def test_made_items_are_checked_by_their_digest(tmp_path: Path) -> None:
    """They are those that the suite was measured with."""
    rows = ladders.make("arithmetic", seed="s", n_per_level=3, levels=[1, 2])

    task = loaded(tmp_path, made("arithmetic", digest=digest(rows)))

    assert [item.id for item in task.items] == [row["id"] for row in rows]


def test_a_task_of_another_suite_is_the_same_task(tmp_path: Path) -> None:
    """With its own digest, so that its stored answers serve both."""
    there = write(tmp_path / "there", LADDER, [CHOICE])
    here = tmp_path / "here.yaml"
    here.write_text(
        "name: here\nversion: 1\ncapabilities:\n  other:\n    ring: general\n    tasks:\n"
        f"      - {{name: one, from: there/{there.name}, gate_levels: [1]}}\n",
        encoding="utf-8",
    )

    lent, task = task_of(load_suite(str(there))), task_of(load_suite(str(here)))

    assert (task.digest, task.items, task.suite) == (lent.digest, lent.items, lent.suite)
    assert (task.capability, task.gate_levels) == ("other", (1,))


def test_where_an_answer_stops_is_in_the_digest(tmp_path: Path) -> None:
    """Only where it is not the end of the line, as it ever was."""
    usual = loaded(tmp_path / "a", SETTINGS, [GENERATED])
    stopped = loaded(tmp_path / "b", f"{SETTINGS}, stop: ['#']", [GENERATED])
    spelt = loaded(tmp_path / "c", f'{SETTINGS}, stop: ["\\n"]', [GENERATED])

    assert usual.digest == spelt.digest != stopped.digest
    assert stopped.stop == ("#",)


def test_an_item_keeps_what_was_written(tmp_path: Path) -> None:
    """Prompt, choices, answer, level and cluster arrive unchanged."""
    item = loaded(tmp_path, rows=[{**CHOICE, "cluster": "c"}]).items[0]

    assert (item.id, item.prompt, item.choices) == ("a", "Who?", ("Ann", "Bob"))
    assert (item.answer, item.level, item.cluster) == ("Ann", 1, "c")


def test_generated_items_have_a_token_limit(tmp_path: Path) -> None:
    """Without max_tokens a generated answer gets sixteen."""
    assert loaded(tmp_path, SETTINGS, [GENERATED]).max_tokens == 16


def test_levels_may_be_restricted_to_those_that_gate(tmp_path: Path) -> None:
    """Items of other levels are shown, not counted."""
    rows = [CHOICE, {**CHOICE, "id": "b", "hops": 2}]
    task = loaded(tmp_path, f"{LADDER}, gate_levels: [2]", rows)

    assert [task.gates(item) for item in task.items] == [False, True]


# --- digests -------------------------------------------------------------------------------------

TWO = [CHOICE, {**CHOICE, "id": "b", "prompt": "Who else?", "hops": 2}]


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        (LADDER.replace("one,", "uno,"), TWO),
        (LADDER.replace("acc", "acc_norm"), TWO),
        (f"{LADDER}, num_fewshot: 0", TWO),
        (LADDER, TWO[:1]),
        (LADDER, TWO[::-1]),
        (LADDER, [{**TWO[0], "prompt": "Who!"}, TWO[1]]),
        (LADDER, [{**TWO[0], "answer": "Bob"}, TWO[1]]),
        (LADDER, [{**TWO[0], "choices": ["Bob", "Ann"]}, TWO[1]]),
        (LADDER, [{**TWO[0], "id": "z"}, TWO[1]]),
        (LADDER, [{**TWO[0], "hops": 3}, TWO[1]]),
    ],
    ids=[
        "name", "metric", "shots", "fewer items", "order", "prompt", "answer", "choices", "id",
        "level",
    ],
)  # fmt: skip
def test_what_may_change_an_answer_is_in_the_digest(
    task: str, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    """A change of what is asked, or of what is right, makes another task."""
    before = loaded(tmp_path / "before", LADDER, TWO)

    assert loaded(tmp_path / "after", task, rows).digest != before.digest


def test_the_token_limit_is_in_the_digest(tmp_path: Path) -> None:
    """A longer answer is another answer."""
    before = loaded(tmp_path / "before", SETTINGS, [GENERATED])

    after = loaded(tmp_path / "after", f"{SETTINGS}, max_tokens: 4", [GENERATED])

    assert after.digest != before.digest


@pytest.mark.parametrize(
    "task", [f"{LADDER}, chance: 0.5", f"{LADDER}, gate_levels: [1]", f"{LADDER}, filter: null"]
)
def test_what_changes_no_answer_is_not_in_the_digest(task: str, tmp_path: Path) -> None:
    """Chance and gating levels may be corrected without measuring again."""
    before = loaded(tmp_path / "before", LADDER, TWO)

    assert loaded(tmp_path / "after", task, TWO).digest == before.digest


def test_clusters_are_not_in_the_digest(tmp_path: Path) -> None:
    """Which items stand or fall together is a matter of the statistics."""
    before = loaded(tmp_path / "before", LADDER, TWO)

    after = loaded(tmp_path / "after", LADDER, [{**row, "cluster": "c"} for row in TWO])

    assert after.digest == before.digest


def test_the_spelling_of_a_row_is_not_in_the_digest(tmp_path: Path) -> None:
    """Order of keys, escapes and blank lines do not make another task."""
    before = loaded(tmp_path / "before", LADDER, [{**CHOICE, "prompt": "Größer?"}])
    text = json.dumps(dict(reversed({**CHOICE, "prompt": "Größer?"}.items())), ensure_ascii=False)

    after = task_of(load_suite(str(write(tmp_path / "after", LADDER, f"\n{text}\n\n"))))

    assert after.digest == before.digest


def test_the_folder_is_not_in_a_suites_digest(tmp_path: Path) -> None:
    """A suite that was moved is the same suite."""
    first, second = (load_suite(str(support.write_suite(tmp_path / name))) for name in ("a", "b"))

    assert first.digest == second.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "version: 2"),
        ("a suite for tests", "another"),
        ("ring: adjacent", "ring: general"),
        ("chance: 0.25", "chance: 0.2"),
    ],
)
def test_all_that_was_written_is_in_a_suites_digest(old: str, new: str, tmp_path: Path) -> None:
    """The stamp in a report tells two versions of a suite apart."""
    before = load_suite(str(support.write_suite(tmp_path / "a")))

    after = load_suite(
        str(support.write_suite(tmp_path / "b", text=support.SUITE.replace(old, new)))
    )

    assert after.digest != before.digest


def test_the_checkouts_suites_come_first() -> None:
    """In a checkout the built-in suites are those of the checkout, not of an older install."""
    assert room.suites_folder() == Path(__file__).parent.parent.parent / "suites"


def test_a_command_reads_a_suite_once(tmp_path: Path) -> None:
    """In a block within a block, too; behind them a file that has changed is read again."""
    path = support.write_suite(tmp_path, n_items=3)
    with read_once():
        first = load_suite(str(path))
        support.write_suite(tmp_path, n_items=6)
        with read_once():
            assert load_suite(path.name, folder=tmp_path) is first
        assert load_suite(str(path)) is first

    assert load_suite(str(path)).digest != first.digest


def test_a_suite_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    """Only what was read is kept."""
    with read_once():
        with pytest.raises(SuiteError):
            load_suite(str(tmp_path / "small.yaml"))

        assert load_suite(str(support.write_suite(tmp_path))).name == "small"


def test_a_suite_in_a_pipe_is_read_by_whoever_loads_it() -> None:
    """A pipe can be read once, which looking whether a suite is there must not use up."""
    reader, writer = os.pipe()
    os.write(writer, STOCK.encode())
    os.close(writer)

    refuse_absent([f"/dev/fd/{reader}"])  # what a shell makes of --suite <(command)

    assert load_suite(f"/dev/fd/{reader}").name == "trial"
    os.close(reader)


STOCK = "name: trial\nversion: 1\ncapabilities: {maths: {ring: adjacent, tasks: [gsm8k]}}\n"
