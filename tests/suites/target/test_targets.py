"""A target from data: which column is what, how it is scored, and what is refused where."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Plan, Store, TargetData, guard
from cliffguard.config import load_plan
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item, Task
from cliffguard.core.reviews import Review
from cliffguard.report import write_reports
from cliffguard.suites.loading import load_suite
from cliffguard.suites.target import suite_files, suites_of, target_suite
from tests import support
from tests.fake_runner import FakeRunner

Rows = Sequence[dict[str, Any]]

QUESTIONS = [{"question": f"What is {n} and {n}?", "answer": f"it is {n}"} for n in range(40)]
LABELS = ("billing", "security", "shipping")
TICKETS = [{"text": f"Ticket number {n}", "label": LABELS[n % 3]} for n in range(30)]
CHOOSING = [
    {"question": f"Who is {n}?", "choices": list(support.NAMES), "answer": support.NAMES[n % 4]}
    for n in range(12)
]


def data(folder: Path, rows: Rows, name: str = "data.jsonl") -> str:
    """Write rows as JSON Lines; return the path as a user names it."""
    return str(support.write_jsonl(folder / name, rows))


def task_of(folder: Path, rows: Rows, **keys: Any) -> Task:
    """Return the task that rows make under these keys."""
    (capability,) = target_suite(TargetData(data=data(folder, rows), **keys)).capabilities
    return capability.tasks[0]


def first(folder: Path, row: dict[str, Any], **keys: Any) -> Item:
    """Return the item that one row makes."""
    return task_of(folder, [row], **keys).items[0]


def refusal(folder: Path, rows: Rows, **keys: Any) -> str:
    """Return the one line with which data are refused."""
    with pytest.raises(UsageError) as caught:
        task_of(folder, rows, **keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- which column is what ------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["prompt", "question", "input", "instruction", "text"])
@pytest.mark.parametrize("answer", ["answer", "output", "completion", "target", "expected"])
def test_usual_names_are_found(tmp_path: Path, prompt: str, answer: str) -> None:
    """Nothing needs to be said of columns that go by a usual name; others stay behind."""
    item = first(tmp_path, {prompt: "Say 1:", answer: "1", "source": "forum"})

    assert (item.prompt, item.answer, item.choices) == ("Say 1:", "1", ())


def test_named_columns_come_first(tmp_path: Path) -> None:
    """A named column is read, whatever else there is."""
    row = {"prompt": "no", "ask": "Say 1:", "reply": "1"}

    assert first(tmp_path, row, prompt="ask", answer="reply").prompt == "Say 1:"


def test_a_prompt_may_be_made_of_columns(tmp_path: Path) -> None:
    """A text with columns in braces frames what the data hold bare."""
    row = {"instruction": "Add.", "input": "1 and 2", "output": "3"}

    for frame in ("{instruction}\n{input}\nSum:", r"{instruction}\n{input}\nSum:"):
        assert first(tmp_path, row, prompt=frame).prompt == "Add.\n1 and 2\nSum:"


def test_two_answers_are_named_with_the_flag(tmp_path: Path) -> None:
    """A label beside an explanation is a choice for the user."""
    message = refusal(tmp_path, [{"text": "a", "label": "x", "output": "long"}])

    assert "any of label, output could be the answer; name it with --target-answer" in message


def test_white_space_at_the_end_of_a_prompt_goes(tmp_path: Path) -> None:
    """How an answer is put after the prompt is the harness's affair."""
    item = first(tmp_path, {"prompt": " Say 1: \n", "answer": " 1\n"})

    assert (item.prompt, item.answer) == (" Say 1:", "1")


def test_id_cluster_and_level_are_kept(tmp_path: Path) -> None:
    """What an item of a suite can say, a row can say by its name."""
    rows = [{**row, "id": n, "cluster": n // 2, "level": n % 3} for n, row in enumerate(QUESTIONS)]

    task = task_of(tmp_path, rows)

    assert task.level == "level"
    assert (task.items[5].id, task.items[5].cluster, task.items[5].level) == ("5", "2", 2)


def test_another_column_may_name_the_clusters(tmp_path: Path) -> None:
    """Items about one passage are told by whichever column says so."""
    rows = [{**row, "passage": "p"} for row in QUESTIONS]

    assert task_of(tmp_path, rows, cluster="passage").items[0].cluster == "p"


def test_a_level_in_words_is_no_ladder(tmp_path: Path) -> None:
    """A column that happens to be called so does not stop anything."""
    assert task_of(tmp_path, [{**row, "level": "hard"} for row in QUESTIONS]).level is None


# --- chats ---------------------------------------------------------------------------------------


def turns(*texts: str, first_role: str = "user") -> list[dict[str, str]]:
    """Return a chat in which user and assistant take turns."""
    roles = ("user", "assistant") if first_role == "user" else ("system", "user", "assistant")
    return [{"role": roles[n % len(roles)], "content": text} for n, text in enumerate(texts)]


def test_the_last_turn_of_a_chat_is_the_answer(tmp_path: Path) -> None:
    """What stands before is asked, turn by turn."""
    item = first(tmp_path, {"messages": turns("Say 1:", "1")})

    assert (item.spoken, item.answer) == ("Say 1:", "1")


def test_a_system_prompt_stands_before(tmp_path: Path) -> None:
    """It is part of what is asked."""
    item = first(tmp_path, {"messages": turns("Be short.", "Say 1:", "1", first_role="system")})

    assert item.prompt == "system: Be short.\nuser: Say 1:"


def test_a_chat_of_several_turns_names_its_speakers(tmp_path: Path) -> None:
    """They are turns of the item's chat; its prompt is the same for people."""
    item = first(tmp_path, {"messages": turns("Say 1:", "1", "And 2:", "2")})

    assert item.prompt == "user: Say 1:\nassistant: 1\nuser: And 2:"
    assert item.answer == "2"


def test_sharegpt_chats_are_read(tmp_path: Path) -> None:
    """from and value are role and content by other names."""
    chat = [{"from": "human", "value": "Say 1:"}, {"from": "gpt", "value": "1"}]

    item = first(tmp_path, {"conversations": chat})

    assert (item.spoken, item.answer) == ("Say 1:", "1")


def test_a_chat_as_prompt_with_one_as_completion(tmp_path: Path) -> None:
    """So trainers write preference-free pairs."""
    completion = [{"role": "assistant", "content": "1"}]

    item = first(tmp_path, {"prompt": turns("Say 1:"), "completion": completion})

    assert (item.spoken, item.answer) == ("Say 1:", "1")


def test_a_chat_that_gives_its_label_away_is_refused(tmp_path: Path) -> None:
    """With a column of answers the chat ends with what is asked."""
    message = refusal(tmp_path, [{"messages": turns("a", "b"), "label": "x"}], answer="label")

    assert "data.jsonl:1: the chat in messages ends with the assistant's turn" in message


# --- how it is scored ----------------------------------------------------------------------------


def test_choices_are_picked(tmp_path: Path) -> None:
    """With choices the likeliest counts, and guessing is known."""
    task = task_of(tmp_path, CHOOSING)

    assert (task.metric, task.chance) == ("acc", 0.25)
    assert task.items[0].choices == support.NAMES


@pytest.mark.parametrize("answer", [2, "C", "Carl"])
def test_an_answer_is_a_choice_its_place_or_its_letter(tmp_path: Path, answer: Any) -> None:
    """Places count from 0; letters go in order."""
    row = {"question": "Who?", "options": list(support.NAMES), "answer": answer}

    assert first(tmp_path, row).answer == "Carl"


@pytest.mark.parametrize(
    "choices",
    [{"text": ["red", "blue"], "label": ["1", "2"]}, {"1": "red", "2": "blue"}, '["red", "blue"]'],
)
def test_choices_have_several_spellings(tmp_path: Path, choices: Any) -> None:
    """Texts beside labels, labels with texts, and a list in a cell of a table."""
    answer = "blue" if isinstance(choices, str) else "2"

    item = first(tmp_path, {"question": "q", "choices": choices, "answer": answer})

    assert (item.choices, item.answer) == (("red", "blue"), "blue")


def test_numbers_that_read_both_ways_are_refused(tmp_path: Path) -> None:
    """Whether 1 is the choice or its place is not guessed."""
    row = {"question": "q", "choices": ["1", "2", "3"], "answer": 1}

    assert "could be one of the choices or the place" in refusal(tmp_path, [row])


def test_few_answers_that_repeat_are_labels(tmp_path: Path) -> None:
    """A closed set is classified by likelihood: every item chooses from all labels."""
    task = task_of(tmp_path, TICKETS)

    assert (task.metric, task.chance) == ("acc", 0.3333)
    assert {item.choices for item in task.items} == {LABELS}


def test_few_answers_that_do_not_repeat_are_matched(tmp_path: Path) -> None:
    """Fourteen rows with three answers are too few to call the set closed."""
    assert task_of(tmp_path, TICKETS[:14]).metric == "exact_match"


def test_more_than_twenty_answers_are_matched(tmp_path: Path) -> None:
    """Many answers are generated, however often they repeat."""
    rows = [{"text": f"t{n}", "label": f"name{n % 21}"} for n in range(210)]

    assert task_of(tmp_path, rows).metric == "exact_match"
    assert task_of(tmp_path, [row for row in rows if row["label"] != "name20"]).metric == "acc"


def test_acc_makes_labels_of_all_answers(tmp_path: Path) -> None:
    """Named, accuracy takes whatever answers there are as the set."""
    assert task_of(tmp_path, TICKETS[:6], metric="acc").items[0].choices == LABELS


def test_labels_may_be_named(tmp_path: Path) -> None:
    """A label that no item has may still be picked, and numbers are places among the labels."""
    rows = [{"text": "a", "label": 0}, {"text": "b", "label": 3}, {"text": "c", "label": "sales"}]

    task = task_of(tmp_path, rows, labels=(*LABELS, "sales"))

    assert [item.answer for item in task.items] == ["billing", "sales", "sales"]
    assert task.items[0].choices == (*LABELS, "sales")


def test_short_answers_are_matched(tmp_path: Path) -> None:
    """One line of up to 40 characters is matched as it stands, up to 100 by its words."""
    longer = [{"question": "q", "answer": "a sentence of more than forty characters, or so"}]

    assert task_of(tmp_path, QUESTIONS).metric == "exact_match"
    assert task_of(tmp_path, [*QUESTIONS, *longer]).metric == "normalized_match"


@pytest.mark.parametrize("answer", ["x" * 101, "two\nlines"])
def test_long_answers_need_a_metric(tmp_path: Path, answer: str) -> None:
    """What a match would never find is not matched in silence."""
    rows = [*QUESTIONS, {"question": "q", "answer": answer}]

    assert "data.jsonl:41: an answer of" in refusal(tmp_path, rows)
    assert "--target-metric" in refusal(tmp_path, rows)
    assert task_of(tmp_path, rows, metric="rouge_l").max_tokens == 256


def test_a_metric_of_generated_answers_may_be_named(tmp_path: Path) -> None:
    """Numbers are numbers; the token limit is the metric's, or the one that is given."""
    rows = [{"question": f"q{n}", "answer": n} for n in range(10)]

    task = task_of(tmp_path, rows, metric="numeric", max_tokens=64)

    assert (task.metric, task.max_tokens, task.items[7].answer) == ("numeric", 64, "7")


def test_choices_under_a_generated_metric_are_only_the_key(tmp_path: Path) -> None:
    """A place becomes the text that is to be said."""
    row = {"question": "q", "choices": ["red", "blue"], "answer": 1}

    item = first(tmp_path, row, metric="exact_match")

    assert (item.choices, item.answer) == ((), "blue")


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"metric": "acc", "max_tokens": 4}, ("suite.max-tokens", 2, "max_tokens")),
        ({"metric": "numeric"}, ("item.answer", 2, "data.jsonl:1", "'billing'", "answer")),
        ({"name": "my target"}, ("file.unexpected", 2, "target")),
    ],
)
def test_keys_that_do_not_fit_are_refused(tmp_path: Path, keys: dict[str, Any], error: Any) -> None:
    """One line, before anything is measured."""
    with support.refused(*error):
        task_of(tmp_path, TICKETS, **keys)


# --- rows that are wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "q"}, "answer is missing or blank"),
        ({"question": "q", "answer": None}, "answer is missing or blank"),
        ({"question": "q", "answer": [["a"]]}, "answer must be text or a number"),
        ({"question": " ", "answer": "a"}, "question is missing or blank"),
        ({"question": 5, "answer": "a", "choices": ["a", "b"]}, "has choices, which the first row"),
        ({"question": {"a": 1}, "answer": "a"}, "question must be text"),
        (["q", "a"], "expected a row with named columns, found a list"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: Any, message: str) -> None:
    """File, line and what is wrong; nothing is skipped."""
    refused = refusal(tmp_path, [*QUESTIONS, row])

    assert f"data.jsonl:41: {message}" in refused


# --- files ---------------------------------------------------------------------------------------


def write_all(folder: Path, rows: Rows) -> list[Path]:
    """Write the same rows in every format; return the files."""
    import csv

    import datasets
    import pyarrow
    from pyarrow import parquet

    paths = [Path(data(folder, rows)), folder / "d.json", folder / "d.csv", folder / "d.tsv"]
    paths[1].write_text(json.dumps(rows, indent=1))
    for path, dialect in ((paths[2], "excel"), (paths[3], "excel-tab")):
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0].keys(), dialect=dialect)
            writer.writeheader()
            writer.writerows(rows)
    parquet.write_table(pyarrow.Table.from_pylist(list(rows)), folder / "d.parquet")
    datasets.Dataset.from_list(list(rows)).save_to_disk(folder / "saved")
    return [*paths, folder / "d.parquet", folder / "saved"]


def test_the_same_rows_are_the_same_target_in_any_file(tmp_path: Path) -> None:
    """The digest is of the items, not of the path or the format."""
    files = write_all(tmp_path, TICKETS)

    digests = {target_suite(TargetData(data=str(path))).digest for path in files}

    assert len(files) == 6
    assert len(digests) == 1


def test_other_items_have_another_digest(tmp_path: Path) -> None:
    """One changed label is another target."""
    suite = target_suite(TargetData(data=data(tmp_path, TICKETS)))
    changed = [{**TICKETS[0], "label": "shipping"}, *TICKETS[1:]]

    assert target_suite(TargetData(data=data(tmp_path, changed))).digest != suite.digest


def test_a_bad_row_of_a_table_is_named(tmp_path: Path) -> None:
    """Of a CSV the line in an editor, its header counted."""
    path = tmp_path / "d.csv"
    path.write_text('question,answer\n"a\nb",x\nc,\n')

    with support.refused("target.blank", 2, "d.csv:4"):
        target_suite(TargetData(data=str(path)))


def numbered(labels: Sequence[int] = (0, 1, 2, 0)) -> Any:
    """Return a data set whose labels are numbers with names."""
    import datasets

    kinds = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=list(LABELS))}
    rows = [{"text": f"t{n}", "label": label} for n, label in enumerate(labels)]
    return datasets.Dataset.from_list(rows, features=datasets.Features(kinds))


def test_named_labels_of_a_table_are_its_choices(tmp_path: Path) -> None:
    """What `datasets` notes of its numbers is read from Parquet and from a saved folder."""
    numbered().save_to_disk(tmp_path / "saved")
    numbered().to_parquet(tmp_path / "d.parquet")

    for name in ("saved", "d.parquet"):
        (capability,) = target_suite(TargetData(data=str(tmp_path / name))).capabilities
        items = capability.tasks[0].items
        assert [item.answer for item in items] == ["billing", "security", "shipping", "billing"]
        assert items[0].choices == LABELS


def test_a_split_of_a_saved_dataset_is_chosen(tmp_path: Path) -> None:
    """By its key; of several one must be named."""
    import datasets

    splits = {"train": numbered((0, 1)), "test": numbered((2, 2))}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    target = TargetData(data=str(tmp_path / "saved"), split="test")

    (capability,) = target_suite(target).capabilities

    assert [item.answer for item in capability.tasks[0].items] == ["shipping", "shipping"]
    for split, names in ((None, "train, test"), ("tset", "'test'")):
        with support.refused("rows.split", 2, names):
            target_suite(replace(target, split=split))


# --- the hub -------------------------------------------------------------------------------------


def on_hub(monkeypatch: pytest.MonkeyPatch, splits: Any) -> list[dict[str, Any]]:
    """Let the hub have these splits, or raise; return what it is asked."""
    import datasets

    calls: list[dict[str, Any]] = []

    def load_dataset(name: str, subset: str | None = None, **more: Any) -> Any:
        offline = datasets.config.HF_HUB_OFFLINE
        calls.append({"name": name, "subset": subset, "offline": offline, **more})
        if isinstance(splits, Exception):
            raise splits
        return datasets.DatasetDict(splits)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return calls


def test_a_name_on_a_hub_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name and revision, a split chosen; nothing but data is asked for."""
    splits = {"train": numbered((0, 1)), "test": numbered((2, 2))}
    calls = on_hub(monkeypatch, splits)
    target = TargetData(data="hf:org/tickets@v2", split="test", subset="en")

    (capability,) = target_suite(target).capabilities

    assert [item.answer for item in capability.tasks[0].items] == ["shipping", "shipping"]
    assert capability.tasks[0].items[0].choices == LABELS
    (call,) = calls
    assert (call["name"], call["subset"], call["revision"]) == ("org/tickets", "en", "v2")
    assert "trust_remote_code" not in call


def test_offline_no_connection_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not on this machine is the user's to fetch; the setting is put back."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    calls = on_hub(monkeypatch, ConnectionError("offline"))

    with support.refused("hub.offline", 2, "org/x", "--offline"):
        target_suite(TargetData(data="hf:org/x"), offline=True)

    assert [call["offline"] for call in calls] == [True]
    assert datasets.config.HF_HUB_OFFLINE is False


@pytest.mark.parametrize(
    ("split", "error"),
    [(None, ("rows.split", 2)), ("tset", ("rows.split", 2, "'test'"))],
)
def test_a_split_of_the_hub_is_not_guessed(
    monkeypatch: pytest.MonkeyPatch, split: str | None, error: Any
) -> None:
    """Which of several is the target is for the user to say."""
    on_hub(monkeypatch, {"train": numbered(), "test": numbered()})

    with support.refused(*error):
        target_suite(TargetData(data="hf:org/tickets", split=split))


def test_what_the_hub_does_not_have_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is the user's to mend; a hub that is away is worth a retry."""
    import datasets

    on_hub(monkeypatch, datasets.exceptions.DatasetNotFoundError("Dataset 'org/x'\nis not there"))
    with support.refused("hub.no-data-set", 2, "org/x"):
        target_suite(TargetData(data="hf:org/x"))
    on_hub(monkeypatch, ConnectionError("no route"))
    with support.refused("hub.unreachable", 20, "org/x"):
        target_suite(TargetData(data="hf:org/x"))


def test_a_plain_name_of_data_is_a_copy_that_is_here_or_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is fetched by it, unless --hub says so."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    calls = on_hub(monkeypatch, ConnectionError("offline"))

    with support.refused("hub.not-said", 2, "hf:org/x"):
        target_suite(TargetData(data="org/x"))
    with support.refused("hub.unreachable", 20):
        target_suite(TargetData(data="org/x"), hub=True)

    assert [call["offline"] for call in calls] == [True, False]


def test_a_misspelt_file_is_not_looked_for_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """data/test.jsonl reads like a name on a hub, and is a file."""
    calls = on_hub(monkeypatch, {})

    with support.refused("rows.no-file", 2, "data/test.jsonl"):
        target_suite(TargetData(data="data/test.jsonl"))
    assert calls == []


# --- in a run ------------------------------------------------------------------------------------


def plan_of(folder: Path, rows: Rows, suites: tuple[str, ...] = (), **keys: Any) -> Plan:
    """Return a plan whose target are these rows."""
    base = support.write_checkpoint(folder / "base", seed=0)
    tuned = support.write_checkpoint(folder / "tuned", seed=1)
    target = TargetData(data=data(folder, rows), **keys)
    return Plan(base=str(base), candidate=str(tuned), suites=suites, target=target, offline=True)


def reviewed(plan: Plan, folder: Path, gains: bool = True) -> Review:
    """Return the review of a run in which the candidate is right where the base is half right."""

    def script(name: str, item: Item) -> float:
        if "tuned" in name and gains:
            return 1.0
        return float(sum(map(ord, item.prompt)) % 2)

    return guard(plan, store=Store(folder / "store"), runner=FakeRunner(script))


def test_a_plan_of_a_target_alone_is_a_plan(tmp_path: Path) -> None:
    """Without a suite the run still demands a gain, and says what it did not measure."""
    rows = [{"text": f"Ticket {n}", "label": LABELS[n % 3]} for n in range(300)]

    review = reviewed(plan_of(tmp_path, rows), tmp_path)

    (capability,) = review.comparison.capabilities
    assert (capability.capability, capability.suite, capability.ring) == (
        "target",
        "target",
        "target",
    )
    assert review.plan.policy is not None
    assert review.plan.policy.target is not None
    assert review.verdict.findings[0].outcome is Outcome.HELD
    assert "suites.not-covered" in support.caveat_ids(review)


def test_no_gain_of_the_target_is_no_pass(tmp_path: Path) -> None:
    """The default policy demands of a target what it demands of one in a suite."""
    rows = [{"text": f"Ticket {n}", "label": LABELS[n % 3]} for n in range(300)]

    review = reviewed(plan_of(tmp_path, rows), tmp_path, gains=False)

    assert review.verdict.outcome is not Outcome.PASS


def test_the_target_stands_before_the_suites(tmp_path: Path) -> None:
    """All callers see one list; a suite with a capability of that name is refused."""
    suite = str(support.write_suite(tmp_path / "suite"))

    plan = plan_of(tmp_path, TICKETS, (suite,), name="routing")

    names = [c.name for suite in suites_of(plan) for c in suite.capabilities]
    assert names == ["routing", "reasoning", "saying"]
    with support.refused("suite.name", 2, "'saying'"):
        suites_of(plan_of(tmp_path, TICKETS, (suite,), name="saying"))


def test_the_plan_of_a_review_repeats_the_target(tmp_path: Path) -> None:
    """Every key of the target stands in it."""
    plan = plan_of(tmp_path, TICKETS, labels=LABELS, prompt="text", name="routing")
    review = reviewed(plan, tmp_path)

    write_reports(review, tmp_path / "out")

    read = load_plan(tmp_path / "out" / "plan.yaml")
    assert (read.target, read.suites) == (plan.target, ())
    assert read.policy == review.plan.policy


# --- a suite's files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        (TICKETS, {}),
        (CHOOSING, {}),
        (QUESTIONS, {"metric": "f1", "max_tokens": 40}),
        ([{**row, "level": 1, "cluster": "c", "id": n} for n, row in enumerate(QUESTIONS)], {}),
    ],
)
def test_a_written_suite_asks_what_the_target_asks(
    tmp_path: Path, rows: Rows, keys: dict[str, Any]
) -> None:
    """Its task has the same digest, so that stored answers are found again."""
    target = TargetData(data=data(tmp_path, rows), name="mine", **keys)
    for name, text in suite_files(target).items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    (written,) = load_suite(str(tmp_path / "mine.yaml")).capabilities
    (made,) = target_suite(target).capabilities

    assert written.tasks[0].digest == made.tasks[0].digest
    assert written.tasks[0].chance == made.tasks[0].chance
    assert (written.name, written.ring) == ("mine", "target")


# --- tables without a line of names --------------------------------------------------------------

MMLU = [f"Find the degree {n},0,4,2,6,{'ABCD'[n % 4]}" for n in range(12)]


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        (MMLU, {}),
        (MMLU, {"prompt": "Find the degree 0", "answer": "A"}),
        ([f"my card {n},{('card', 'loan')[n % 2]}" for n in range(12)], {}),
        ([f"What is {n}?,{n} too" for n in range(12)], {"prompt": "What is 0?", "answer": "0 too"}),
    ],
)
def test_line_1_of_a_table_without_names_is_not_lost(
    tmp_path: Path, lines: list[str], keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MMLU's own files have none; the command makes a row of every line."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "d.csv"
    path.write_text("\n".join(lines))

    with support.refused("target.no-header", 2, f"{path}:1") as caught:
        target_suite(TargetData(data=str(path), **keys))

    match = re.search(r'python -c ".*?" > rows.jsonl', str(caught.value))
    assert match is not None
    subprocess.run(
        ["bash", "-c", match[0].replace("python", sys.executable, 1)], check=True, cwd=tmp_path
    )
    written = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert written[0]["question"] == lines[0].split(",")[0]
    assert len(written) == len(lines)


@pytest.mark.parametrize("names", ["0,1", "Ticket text,Queue", "What is it?,Which team?"])
def test_a_line_of_names_is_one(tmp_path: Path, names: str) -> None:
    """Pandas numbers columns without names, and forms call them by what they ask."""
    path = tmp_path / "d.csv"
    path.write_text("\n".join([names, *(f"my card {n},{n % 2}" for n in range(12))]))
    prompt, answer = names.split(",")

    target = TargetData(data=str(path), prompt=prompt, answer=answer, labels=("0", "1"))

    assert len(target_suite(target).capabilities[0].tasks[0].items) == 12


@pytest.mark.parametrize("column", ["question", "answer"])
def test_a_first_row_that_is_null_is_blank(tmp_path: Path, column: str) -> None:
    """The column is there, so that it is not called missing from all rows."""
    rows = [{**row, column: None} if n == 0 else row for n, row in enumerate(QUESTIONS)]

    with support.refused("target.blank", 2, "data.jsonl:1", column, "python -c"):
        task_of(tmp_path, rows)
