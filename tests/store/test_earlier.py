"""Answers under an earlier form of a question: taken over item by item, or told why not."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core import answers as records
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.reviews import Review
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.evaluate.measure import Measurement, measure
from cliffguard.evaluate.schedule import Schedule
from cliffguard.gate import find_sides, guard
from cliffguard.runners import Runner
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.suites.loading import load_suite, load_suites
from tests import support
from tests.fake_runner import FakeRunner, Interrupted
from tests.support import all_right

FIRST = Path(__file__).parent.parent / "layouts" / "1"
BASE = support.checkpoint()
Rows = list[dict[str, Any]]


class Harness(FakeRunner):
    """A runner that gives away what the harness does: the filter of own tasks."""

    identity = "cliffguard: lm-eval 0.4.13, torch 2.13, transformers 5.23, peft 0.21"

    def dtype(self, protocol: EvalSettings) -> str:
        """As the stored answers of the first layout were measured."""
        return "float32"


class RunRecord:
    """What became of a measurement: the items that were asked, and what people were told."""

    def __init__(self, measured: Measurement, runner: FakeRunner, lines: Sequence[str]) -> None:
        self.measured = measured
        self.n = runner.n_asked
        self.lines = list(lines)


def ask(
    folder: Path,
    rows: Rows,
    *,
    protocol: EvalSettings | None = None,
    text: str = support.SUITE,
    runner: FakeRunner | None = None,
    store: Store | None = None,
) -> RunRecord:
    """Measure the base on a suite whose ladder has these rows, in one store."""
    path = support.write_suite(folder, text=text)
    support.write_jsonl(folder / "ball.jsonl", rows)
    runner, lines = runner or FakeRunner(all_right), list[str]()
    protocol = protocol or EvalSettings()
    measured = measure(
        BASE,
        Schedule(runner.resolve([load_suite(str(path))], protocol), protocol).everything(),
        protocol=protocol,
        store=store or Store(folder / "store"),
        runner=runner,
        tell=lines.append,
    )
    return RunRecord(measured, runner, lines)


def taken(n: int, n_all: int) -> str:
    """Return the line about answers that were taken over."""
    return f"base: ball: {n} of {n_all} answers are taken over from an earlier form of the question"


def edited(rows: Rows, n: int) -> Rows:
    """Return rows of which the first `n` ask something else, under the ids that they had."""
    return [{**row, "prompt": row["prompt"] + " now"} for row in rows[:n]] + rows[n:]


def renamed(rows: Rows) -> Rows:
    """Return rows under other ids."""
    return [{**row, "id": f"other-{row['id']}"} for row in rows]


CHANGES: dict[str, tuple[Callable[[Rows], Rows], int, int]] = {
    "grown": (lambda rows: rows + support.choice_rows(100)[80:], 20, 80),
    "grown in front": (lambda rows: support.choice_rows(100)[80:] + rows, 20, 80),
    "shrunk": (lambda rows: rows[7:], 0, 73),
    "reversed": (lambda rows: rows[::-1], 0, 80),
    "edited": (lambda rows: edited(rows, 5), 5, 75),
    "renamed": (renamed, 0, 80),
    "other levels": (lambda rows: [{**row, "hops": 4 - row["hops"]} for row in rows], 0, 80),
    "shrunk and grown": (lambda rows: support.choice_rows(90)[10:], 10, 70),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_new_items_are_asked(tmp_path: Path, change: str) -> None:
    """Whatever became of a task's items, those that were answered are answered."""
    changed, n_new, n_taken = CHANGES[change]
    rows = support.choice_rows(80)
    ask(tmp_path, rows)

    again = ask(tmp_path, changed(rows))

    assert again.n == n_new
    assert again.lines == [taken(n_taken, n_new + n_taken)]
    assert ask(tmp_path, changed(rows)).n == 0


def test_what_is_taken_over_is_the_answer_that_was_given(tmp_path: Path) -> None:
    """It is under its item's present name and place, with the notes of how it came about."""

    class Elsewhere(FakeRunner):
        def notes(self) -> dict[str, str | int]:
            return {"device": "another"}

    rows = support.choice_rows(80)
    ask(tmp_path, rows, runner=Elsewhere(lambda _, item: float(item.prompt.endswith("3 is with"))))
    more = support.choice_rows(100)

    again = ask(tmp_path, more, runner=FakeRunner(lambda *_: 0.5)).measured

    answers = {a.item_id: a.score for a in again.answers["ball"]}
    assert {name: answers[name] for name in ("ball-003", "ball-004", "ball-090")} == {
        "ball-003": 1.0,
        "ball-004": 0.0,
        "ball-090": 0.5,
    }
    assert again.measured_on == ("device another", "device another and none")


def test_a_limit_takes_over_and_is_taken_over(tmp_path: Path) -> None:
    """A smoke test is no loss: the whole run asks what it did not, and the other way round."""
    rows = support.choice_rows(80)
    limited = EvalSettings(limit=30)

    assert ask(tmp_path, rows, protocol=limited).n == 30 + 6
    assert ask(tmp_path, rows).n == 50
    assert ask(tmp_path, rows, protocol=EvalSettings(limit=50)).n == 0


OTHERS: dict[str, tuple[str, str]] = {
    "metric": ("metric: acc, ", "metric: acc_norm, "),
    "shots": ("chance: 0.25}", "chance: 0.25, num_fewshot: 2}"),
}


@pytest.mark.parametrize("key", OTHERS)
def test_other_terms_are_asked_again(tmp_path: Path, key: str) -> None:
    """Answers under another metric or other shots are not these; a line says why and how many."""
    rows = support.choice_rows(80)
    ask(tmp_path, rows)

    again = ask(tmp_path, rows, text=support.SUITE.replace(*OTHERS[key]))

    assert again.n == 80
    (line,) = again.lines
    assert line.startswith("base: ball: 80 stored answers are asked again: metric, filter, token")


def test_answers_that_were_packed_otherwise_are_asked_again(tmp_path: Path) -> None:
    """Also those that were stored before packing was part of a key; it is said."""

    class Low(FakeRunner):
        def dtype(self, protocol: EvalSettings) -> str:
            return "bfloat16"

    rows = support.choice_rows(80)
    ask(tmp_path, rows, runner=Low(all_right))

    again = ask(tmp_path, rows, runner=Low(all_right), protocol=EvalSettings(packing="packed"))

    assert again.n == 80 + 6
    assert [line for line in again.lines if line.startswith("base: ball")] == [
        "base: ball: 80 stored answers are asked again: prefixes were shared otherwise, which can "
        "flip a near-tie below float32"
    ]


def test_other_words_are_asked_again(tmp_path: Path) -> None:
    """The same item behind other shots is put in other words: its old answer is not to these."""

    class Shots(FakeRunner):
        def asked_as(
            self, task: Task, items: Sequence[Item], protocol: EvalSettings
        ) -> Sequence[str]:
            texts = super().asked_as(task, items, protocol)
            return [words if n % 2 else "other" for n, words in enumerate(texts)]

    rows = support.choice_rows(80)
    ask(tmp_path, rows)

    again = ask(tmp_path, support.choice_rows(90), runner=Shots(all_right))

    assert again.n == 10 + 40
    assert again.lines == [
        taken(40, 90),
        "base: ball: 40 stored answers are asked again: they are put in other words now (shots?)",
    ]


def test_who_cannot_say_what_it_asks_asks_again(tmp_path: Path) -> None:
    """A runner that builds its prompts elsewhere takes nothing over, and says so."""

    class Blind(FakeRunner):
        def asked_as(self, task: Task, items: Sequence[Item], protocol: EvalSettings) -> None:  # type: ignore[override]
            return None

    ask(tmp_path, support.choice_rows(80))

    again = ask(tmp_path, support.choice_rows(90), runner=Blind(all_right))

    assert again.n == 90
    assert "80 stored answers are asked again: who answers here cannot say" in again.lines[0]


@pytest.mark.parametrize("protocol", [EvalSettings(seed=1), EvalSettings(max_tokens=9)], ids=str)
def test_another_protocol_takes_nothing_over(tmp_path: Path, protocol: EvalSettings) -> None:
    """It is another question of every item, and nobody expects otherwise: no line."""
    ask(tmp_path, support.choice_rows(80))

    again = ask(tmp_path, support.choice_rows(80), protocol=protocol)

    assert (again.n, again.lines) == (86, [])


def test_damage_in_an_earlier_form_is_no_second_measurement(tmp_path: Path) -> None:
    """A torn shard of the earlier form ends the run with the command that moves it aside."""
    ask(tmp_path, support.choice_rows(80))
    for path in (tmp_path / "store" / "questions").glob("*/*/shards/0001.jsonl"):
        path.write_text(path.read_text().replace('"score":1.0', '"score":0.0', 1))

    with support.refused("store.damaged", 12, "--repair"):
        ask(tmp_path, support.choice_rows(90))


def test_damage_in_what_is_asked_again_is_no_obstacle(tmp_path: Path) -> None:
    """Answers under another metric are of no use here, whole or not."""
    ask(tmp_path, support.choice_rows(80))
    for path in (tmp_path / "store" / "questions").glob("*/*/shards/0001.jsonl"):
        path.write_text(path.read_text().replace('"score":1.0', '"score":0.0', 1))

    again = ask(tmp_path, support.choice_rows(80), text=support.SUITE.replace(*OTHERS["metric"]))

    assert again.n == 80


def test_a_question_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Where nobody knows what was asked, nothing is taken over, and a line names the folder."""
    ask(tmp_path, support.choice_rows(80))
    for path in (tmp_path / "store" / "questions").glob("*/*/question.json"):
        if '"ball"' in path.read_text():
            path.write_text("{")

    again = ask(tmp_path, support.choice_rows(90), store=Store(tmp_path / "store"))

    (line,) = again.lines
    assert again.n == 90
    assert "question.json cannot be read" in line
    assert line.endswith("nothing is taken over from it")


def test_an_interrupted_run_goes_on_with_what_was_taken(tmp_path: Path) -> None:
    """Shards that nobody had to be asked for are stored before the first one that is asked."""
    ask(tmp_path, support.choice_rows(300))
    runner = Interrupted(all_right, at=2)

    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path, support.choice_rows(400), runner=runner)
    rest = ask(tmp_path, support.choice_rows(400))

    assert runner.n_asked + rest.n == 100


def test_another_order_is_named_by_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a version asks in another order, nothing is asked again and nothing called damaged."""
    rows = support.choice_rows(200)
    before = ask(tmp_path, rows)
    monkeypatch.setattr(records, "ORDER", 2)
    monkeypatch.setattr("cliffguard.store.shards._drawn", lambda *key: json.dumps(key)[::-1])

    after = ask(tmp_path, rows)

    assert after.n == 0
    orders = [[a.item_id for a in run.measured.answers["ball"]] for run in (before, after)]
    assert orders[0] != orders[1]
    assert set(before.measured.questions).isdisjoint(after.measured.questions)


# --- stores of earlier versions, which did not note terms ----------------------------------------


def without_terms(store: Path) -> None:
    """Take from every question what earlier versions did not write."""
    from cliffguard.core.canonical_json import digest

    for path in (store / "questions").glob("*/*/question.json"):
        document = json.loads(path.read_text())
        document.pop("seal")
        del document["about"]["terms"]
        path.write_text(json.dumps({**document, "seal": digest(document)}))


def say_rows(n_items: int) -> Rows:
    """Return generated items."""
    return support.generated_rows(n_items)


@pytest.mark.parametrize("task", ["ball", "say"])
@pytest.mark.parametrize(
    ("change", "is_proven"),
    [("grown", True), ("reversed", False), ("shrunk and grown", False), ("edited", True)],
)
def test_terms_are_proven_where_they_were_not_noted(
    tmp_path: Path, task: str, change: str, is_proven: bool
) -> None:
    """By the old task's digest; without it, only what is picked leaves nothing to doubt."""
    text = support.SUITE if task == "ball" else GENERATED
    make = support.choice_rows if task == "ball" else with_levels
    rows, changed = (
        make(80),
        {
            "grown": make(100),
            "reversed": make(80)[::-1],
            "shrunk and grown": make(90)[10:],
            "edited": edited(make(80), 5),
        }[change],
    )
    ask(tmp_path, rows, text=text)
    without_terms(tmp_path / "store")

    again = ask(tmp_path, changed, text=text)

    n_new = {"grown": 20, "reversed": 0, "shrunk and grown": 10, "edited": 5}[change]
    is_taken = is_proven or task == "ball"
    assert again.n == (n_new if is_taken else len(changed))
    message = "are taken over" if is_taken else "are asked again: metric, filter, token limit"
    assert message in again.lines[0]


GENERATED = support.SUITE.replace(
    "metric: acc, chance: 0.25}", "metric: exact_match, max_tokens: 4}"
)


def with_levels(n_items: int) -> Rows:
    """Return generated items over three levels."""
    return [{**row, "hops": n % 3 + 1} for n, row in enumerate(support.generated_rows(n_items))]


@pytest.mark.parametrize("task_name", ["ticket_routing", "ticket_resolution"])
def test_a_store_of_the_first_layout_is_taken_over(tmp_path: Path, task_name: str) -> None:
    """Its tasks grew by ten items: these alone are asked, whether picked or generated."""
    shutil.copytree(FIRST / "store", tmp_path / "store")
    (task,) = (
        task
        for capability in load_suite("support-tickets").capabilities
        for task in capability.tasks
        if task.name == task_name
    )
    assert task.terms is not None
    store = Store(tmp_path / "store")
    entry = next(e for e in store.entries() if e.read_question()["asked"]["task"] == task_name)
    stored = {a.item_id: a for n in entry.shard_numbers() for a in entry.read_sealed(n).answers}
    new = tuple(
        replace(i, id=f"new-{n}", digest=f"{n:064d}") for n, i in enumerate(task.items[:10])
    )
    items = (*new[:5], *task.items, *new[5:])
    grown = replace(
        task,
        items=items,
        filter="none",
        digest=task.terms.digest_of([(i.id, i.digest, i.level) for i in items], None),
    )
    fingerprint = entry.read_question()["asked"]["checkpoint"]

    class Known(Harness):
        def asked_as(
            self, task: Task, items: Sequence[Item], protocol: EvalSettings
        ) -> Sequence[str]:
            return [stored[i.id].prompt_digest if i.id in stored else "" for i in items]

    runner, lines = Known(all_right), list[str]()
    measured = measure(
        replace_fingerprint(fingerprint),
        Schedule([grown], EvalSettings()).everything(),
        protocol=EvalSettings(),
        store=store,
        runner=runner,
        tell=lines.append,
    )

    assert runner.n_asked == 10
    assert f"{len(stored)} of {len(items)} answers are taken over" in lines[0]
    by_id = {a.item_id: a for a in measured.answers[task_name]}
    assert {name: by_id[name] for name in stored} == stored


def replace_fingerprint(fingerprint: str) -> Checkpoint:
    """Return a checkpoint that has this identity."""

    class Known(Checkpoint):
        @property
        def fingerprint(self) -> str:
            return fingerprint

    checkpoint = support.checkpoint()
    return Known(**{name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__})


def test_answers_to_other_items_are_no_earlier_form(tmp_path: Path) -> None:
    """A shard that was put into another question's folder matches its seal, and is damage."""
    ask(tmp_path, support.choice_rows(80))
    entries = Store(tmp_path / "store").entries()
    by_task = {entry.read_question()["asked"]["task"]: entry for entry in entries}
    shutil.copy(
        by_task["say"].shards_folder / "0000.jsonl", by_task["ball"].shards_folder / "0001.jsonl"
    )

    with support.refused("store.damaged", 12, "shard 1", "--repair"):
        ask(tmp_path, support.choice_rows(90))


def test_copies_keep_an_answer_each(tmp_path: Path) -> None:
    """The same question under two ids was asked twice, and is not answered by one of them."""
    rows = support.choice_rows(70)
    copies = [*rows, {**rows[0], "id": "copy"}]
    runner = FakeRunner(lambda _, item: 0.25 if item.id == "copy" else 1.0)
    ask(tmp_path, copies, runner=runner)

    again = ask(tmp_path, copies[::-1])

    scores = {a.item_id: a.score for a in again.measured.answers["ball"]}
    assert again.n == 0
    assert (scores["copy"], scores["ball-000"]) == (0.25, 1.0)


def test_of_a_store_that_is_known_only_new_questions_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep's store has thousands, and every checkpoint asks what is there."""
    store, rows = Store(tmp_path / "store"), support.choice_rows(80)
    ask(tmp_path, rows, store=store)
    known = {entry.folder.name for entry in store.entries()}
    read: list[str] = []
    really = Entry.read_question

    def reading(entry: Entry) -> dict[str, Any]:
        read.append(entry.folder.name)
        return really(entry)

    monkeypatch.setattr(Entry, "read_question", reading)
    monkeypatch.setattr(Store, "entries", lambda _: pytest.fail("all of them are looked through"))
    other = EvalSettings(chat_template="own")  # no form of what is there
    other_record = ask(tmp_path, rows, store=store, protocol=other)

    assert other_record.n > 0
    assert not known & set(read)
    monkeypatch.undo()
    assert ask(tmp_path, rows[7:], store=store).lines == [taken(73, 73)]  # of one of them


def test_a_form_that_went_meanwhile_is_none(tmp_path: Path) -> None:
    """As one that `store prune` took while this run goes on."""
    store, rows = Store(tmp_path / "store"), support.choice_rows(80)
    ask(tmp_path, rows, store=store)
    ask(tmp_path, rows[1:], store=store)
    for entry in store.entries():
        shutil.rmtree(entry.folder)

    again = ask(tmp_path, rows[2:], store=store)

    assert again.n == 78 + 6
    assert again.lines == []


def test_what_may_not_be_looked_into_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a colleague's questions in a shared store; strange files lie there, too."""
    rows = support.choice_rows(80)
    ask(tmp_path, rows)
    folders = tmp_path / "store" / "questions"
    (folders / "zz").mkdir()
    (folders / "zz" / "notes").mkdir()
    (folders / ".DS_Store").write_text("")
    really, is_file = os.listdir, Path.is_file

    def listed(folder: Path) -> list[str]:
        if Path(folder).name == "zz":
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(folder)

    def looked_at(path: Path) -> bool:
        if path.parent.parent.name == "yy":
            raise PermissionError(errno.EACCES, "Permission denied")
        return is_file(path)

    (folders / "yy" / "hers").mkdir(parents=True)
    monkeypatch.setattr(os, "listdir", listed)
    monkeypatch.setattr(Path, "is_file", looked_at)

    assert ask(tmp_path, rows[7:]).lines == [taken(73, 73)]


# --- compared from the store ----------------------------------------------------------------------

COMPARED = ["shrunk", "renamed"]


def checked(folder: Path, rows: Rows, store: str, runner: Runner | None = None) -> Review:
    """Compare two checkpoints on a suite whose ladder has these rows; without runner, as stored."""
    path = support.write_suite(folder / "suite")
    support.write_jsonl(folder / "suite" / "ball.jsonl", rows)
    sides = [support.write_checkpoint(folder / name, seed=n) for n, name in enumerate("bc")]
    plan = Plan(base=str(sides[0]), candidate=str(sides[1]), suites=(str(path),))
    answers = Store(folder / store)
    stored = runner or find_stored(answers, find_sides(plan), load_suites(plan.suites), {})
    return guard(plan, store=answers, runner=stored, stops_early=False)


@pytest.mark.parametrize("change", COMPARED)
def test_what_is_there_is_compared_without_asking(tmp_path: Path, change: str) -> None:
    """A suite that changed, and all its items were answered: the verdict is that of a check."""
    rows = support.choice_rows(80)
    for store in ("compared", "checked"):
        checked(tmp_path, rows, store, NoFilter(script))

    compared = checked(tmp_path, CHANGES[change][0](rows), "compared")
    review = checked(tmp_path, CHANGES[change][0](rows), "checked", NoFilter(script))

    assert compared.verdict == review.verdict
    assert compared.comparison == review.comparison


@pytest.mark.parametrize("change", ["grown", "edited"])
def test_what_was_never_asked_is_not_compared(tmp_path: Path, change: str) -> None:
    """A suite with new items: exit 2, and the line says what to run."""
    rows = support.choice_rows(80)
    checked(tmp_path, rows, "s", NoFilter(script))

    with support.refused("compare.not-stored", 2, "cliffguard measure", "--store") as failure:
        checked(tmp_path, CHANGES[change][0](rows), "s")

    assert (failure.value.id, failure.value.exit_code) == ("compare.not-stored", 2)


def test_answers_to_just_this_suite_go_before_older_ones(tmp_path: Path) -> None:
    """Those that an earlier version gave to more items make no second protocol of it."""
    older = NoFilter(script)
    older.identity = "fake, of before"  # type: ignore[misc]
    checked(tmp_path, support.choice_rows(80), "s", older)
    now = checked(tmp_path, support.choice_rows(60), "s", NoFilter(script))

    assert checked(tmp_path, support.choice_rows(60), "s").verdict == now.verdict


def script(name: str, item: Item) -> float:
    """Answer a few items otherwise than the base."""
    return float(not (name.endswith("c") and item.prompt.endswith("3 is with")))


class NoFilter(FakeRunner):
    """Calls the filter of own tasks as the harness does."""

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the suites' own tasks."""
        return tuple(replace(task, filter="none") for task in super().resolve(suites, protocol))
