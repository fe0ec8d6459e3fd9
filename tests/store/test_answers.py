"""The store of answers: round trips, resuming, damage, and what is in the key."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.answers import Answer, Question
from cliffguard.core.canonical_json import canonical_json, digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError, StoreError, UsageError
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.evaluate.looks import in_full
from cliffguard.evaluate.measure import measure
from cliffguard.store.answers import Store, default_store_folder
from cliffguard.store.entry import Entry, ShardAnswers
from cliffguard.store.item_lists import digest_of_lines
from tests import support
from tests.fake_runner import FakeRunner

ITEMS = tuple(support.item(number) for number in range(6))
ANSWERS = tuple(support.answer(item, float(number % 2)) for number, item in enumerate(ITEMS))
NOTES = {"device": "cpu"}


def task(items: tuple[Item, ...] = ITEMS) -> Task:
    """Return a task over these items."""
    return support.task(items)


def question() -> Question:
    """Return a question about the task."""
    return Question(
        checkpoint=support.checkpoint(),
        task=task(),
        protocol=EvalSettings(),
        dtype="float32",
        runner="hf: torch 2.6",
        replicate=0,
    )


@pytest.fixture
def entry(store: Store) -> Entry:
    """An entry with two shards of three answers."""
    opened = store.open(question(), ITEMS)
    opened.write_shard(0, ANSWERS[:3], NOTES)
    opened.write_shard(1, ANSWERS[3:], NOTES)
    return opened


def shard(entry: Entry, number: int = 0) -> Path:
    """Return the file of a shard."""
    return entry.shards_folder / f"{number:04d}.jsonl"


# --- round trips ---------------------------------------------------------------------------------


def test_answers_come_back_as_they_were(entry: Entry) -> None:
    """What is read is what was written, in order."""
    shards = [entry.read_shard(0, ITEMS[:3]), entry.read_shard(1, ITEMS[3:])]

    assert shards[0].answers + shards[1].answers == ANSWERS


def test_another_process_finds_the_answers(entry: Entry, store: Store) -> None:
    """The key is enough to find an entry again."""
    again = Store(store.root).open(question(), ITEMS)

    assert again == entry
    assert again.has_shard(1)


def test_the_items_come_back_in_order(store: Store) -> None:
    """What was asked can be read without the suite."""
    several = replace(ITEMS[1], choices=(), answers=("a", "b"))
    items = (replace(ITEMS[0], level=3, cluster="c"), several)

    entry = store.open(question(), items)

    assert entry.read_items() == items
    lines = entry.items_file().read_text(encoding="utf-8").splitlines()
    assert ["answers" in line for line in lines] == [False, True]  # as stores before had them


def test_the_question_is_readable(entry: Entry) -> None:
    """The pre-image of the key lies beside the answers, with names for people."""
    document = entry.read_question()

    assert document["asked"] == question().preimage()
    assert (document["about"]["name"], document["about"]["suite"]) == ("base", "small")


def test_a_store_explains_itself(entry: Entry, store: Store) -> None:
    """Whoever stumbles over the folder learns that it may be deleted."""
    assert "Safe to delete" in (store.root / "README").read_text()


def test_entries_are_found_without_their_questions(entry: Entry, store: Store) -> None:
    """Every entry that was begun is listed."""
    store.open(replace(question(), replicate=1), ITEMS)

    assert len(store.entries()) == 2
    assert entry in store.entries()


def test_a_store_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Looking for entries makes nothing."""
    assert Store(tmp_path / "none").entries() == []
    assert not (tmp_path / "none").exists()


def test_the_default_store_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name the store lies in the user's cache."""
    monkeypatch.delenv("CLIFFGUARD_STORE")

    assert default_store_folder() == tmp_path / "cache-of-the-test" / "store"


def test_a_shard_says_how_it_was_measured(entry: Entry) -> None:
    """Device and batches lie with the answers that they gave, under one seal."""
    entry.write_shard(7, ANSWERS[:1], {"device": "cuda", "batch tokens": 512})

    assert entry.read_shard(7, ITEMS[:1]).notes == {"device": "cuda", "batch tokens": 512}
    assert entry.read_shard(0, ITEMS[:3]).notes == NOTES


def test_a_shard_of_before_there_were_notes_is_read(entry: Entry) -> None:
    """Answers without a line of notes are sealed as ever."""
    rows = [dataclasses.asdict(answer) for answer in ANSWERS[:3]]
    text = "".join(canonical_json(row) + "\n" for row in [*rows, {"seal": digest(rows)}])
    shard(entry).write_text(text)

    stored = entry.read_shard(0, ITEMS[:3])

    assert (stored.answers, stored.notes) == (ANSWERS[:3], {})


def test_a_question_of_before_it_had_a_seal_is_read(entry: Entry) -> None:
    """Answers that were stored by an earlier version are not asked again."""
    path = entry.folder / "question.json"
    question = json.loads(path.read_text())
    del question["seal"]
    path.write_text(json.dumps(question))

    assert entry.read_question() == question


def test_the_first_of_two_writers_counts(entry: Entry) -> None:
    """A shard that is there stays: whoever reported it as stored finds what it reported."""
    others = tuple(replace(answer, confidence=0.5) for answer in ANSWERS[:3])

    entry.write_shard(0, others, {"device": "another"})

    assert entry.read_shard(0, ITEMS[:3]) == ShardAnswers(answers=ANSWERS[:3], notes=NOTES)


def test_both_of_two_writers_go_on_with_what_is_stored(store: Store) -> None:
    """A run that comes second continues with the answers of the first, as a later one will."""
    items = ITEMS
    look = (in_full(task(items), items),)

    class Overtaken(FakeRunner):
        """A runner during whose work another run stores the same shard."""

        def ask(self, checkpoint: Checkpoint, *rest: Any) -> Any:
            """Let the other run be first."""
            other = FakeRunner(lambda *_: 1.0)
            measure(checkpoint, look, protocol=EvalSettings(), store=store, runner=other)
            return super().ask(checkpoint, *rest)

    mine = Overtaken(lambda *_: 0.0)

    measurement = measure(
        support.checkpoint(), look, protocol=EvalSettings(), store=store, runner=mine
    )

    assert [answer.score for answer in measurement.answers["ball"]] == [1.0] * 6


ODD_TEXTS = {
    "line separator": "a\u2028b\u2029c",
    "next line": "a\u0085b",
    "line feeds": "a\nb\r\nc\r",
    "null and escape": "\0\x1b[31m",
    "quotes": "\"'\\",
    "beyond the basic plane": "🤖𝒳",
    "right to left": "\u202eabc",
    "byte order mark": "\ufeffx",
    "replacement character": "\ufffd",
    "not normalised": "e\u0301",
    "empty": "",
    "long": "x" * 100_000,
    "JSON": '{"seal": "x"}\n',
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_texts_survive(name: str, entry: Entry) -> None:
    """Whatever a model says is kept to the letter."""
    answers = tuple(support.answer(item, text=ODD_TEXTS[name]) for item in ITEMS[:2])

    entry.write_shard(7, answers, NOTES)

    assert entry.read_shard(7, ITEMS[:2]).answers == answers


def test_half_a_surrogate_is_stored_or_refused(entry: Entry) -> None:
    """Text that is no Unicode leaves a readable shard or an explained error, and no debris."""
    answers = (support.answer(ITEMS[0], text="\ud800"),)
    before = sorted(entry.shards_folder.iterdir())

    try:
        entry.write_shard(7, answers, NOTES)
    except (StoreError, UsageError):
        assert sorted(entry.shards_folder.iterdir()) == before
    else:
        assert len(entry.read_shard(7, ITEMS[:1]).answers) == 1


@pytest.mark.parametrize("score", [None, 0.0, 1.0, 0.1 + 0.2, 1e-300])
def test_scores_survive_to_the_last_bit(score: float | None, entry: Entry) -> None:
    """Unscored stays None, and no score is rounded."""
    entry.write_shard(7, (support.answer(ITEMS[0], score),), NOTES)

    assert entry.read_shard(7, ITEMS[:1]).answers[0].score == score


PARTS = {"called": 1.0, "tool": 0.0}


def test_parts_of_a_score_survive(entry: Entry) -> None:
    """And an answer whose metric has none is stored to the byte as before there were any."""
    answers = (replace(support.answer(ITEMS[0]), parts=PARTS), support.answer(ITEMS[1]))
    entry.write_shard(7, answers, NOTES)

    with_parts, without = shard(entry, 7).read_text().splitlines()[:2]
    assert '"parts":{"called":1.0,"tool":0.0}' in with_parts
    assert "parts" not in without
    assert entry.read_shard(7, ITEMS[:2]).answers == answers


@pytest.mark.parametrize("parts", ['{"a":"b"}', '{"a":2.0}', '{"a":null}', '{"a":true}', "[1.0]"])
def test_parts_that_are_none_are_damage(parts: str, entry: Entry) -> None:
    """Also beside whole ones, and with a seal that fits."""
    whole = [replace(support.answer(item), parts=PARTS) for item in ITEMS[:3]]
    entry.write_shard(7, whole, NOTES)

    def change(lines: list[str]) -> list[str]:
        spoilt = [lines[0].replace('{"called":1.0,"tool":0.0}', parts), *lines[1:-1]]
        seal = digest_of_lines(map(str.rstrip, spoilt))
        return [*spoilt, canonical_json({"seal": seal})]

    rewrite(shard(entry, 7), change)
    with support.refused("store.damaged", 12, "does not hold an answer"):
        entry.read_shard(7, ITEMS[:3])


def test_an_empty_shard_is_whole(entry: Entry) -> None:
    """A shard of no items is sealed like any other."""
    entry.write_shard(7, (), NOTES)

    assert entry.read_shard(7, ()).answers == ()


# --- resuming ------------------------------------------------------------------------------------


class Counting(FakeRunner):
    """A fake runner that remembers which items it was asked."""

    def __init__(self) -> None:
        super().__init__(lambda *_: 1.0)
        self.item_ids: list[str] = []

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Any, protocol: EvalSettings
    ) -> list[Answer]:
        """Answer, and remember."""
        self.item_ids += [item.id for item in items]
        return list(super().ask(checkpoint, task, items, protocol))


def test_only_absent_shards_are_asked(store: Store) -> None:
    """A shard that was lost is asked again as a whole, the others are read."""
    items = tuple(support.item(number) for number in range(130))
    look = (in_full(task(items), items),)
    runner = Counting()
    whole = measure(support.checkpoint(), look, protocol=EvalSettings(), store=store, runner=runner)
    shard(store.entries()[0], 1).unlink()
    runner.item_ids.clear()

    resumed = measure(
        support.checkpoint(), look, protocol=EvalSettings(), store=store, runner=runner
    )

    assert runner.item_ids == [item.id for item in items[64:128]]
    assert resumed == whole


def test_questions_about_the_same_items_share_them(store: Store) -> None:
    """Of two candidates the items lie there once, and another list beside them."""
    first = store.open(question(), ITEMS)
    second = store.open(with_checkpoint(weights="other"), ITEMS)
    third = store.open(replace(question(), replicate=1), ITEMS[:2])

    assert first.items_file() == second.items_file() != third.items_file()
    assert len(list((store.root / "items").iterdir())) == 2
    assert list(store.root.glob("questions/*/*/items.jsonl")) == []


def test_two_that_begin_at_once_share_the_items(tmp_path: Path) -> None:
    """Each writes the whole list or finds it: whichever is put in place last is the same."""
    questions = [with_checkpoint(weights=f"w{number}") for number in range(16)]

    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda q: Store(tmp_path).open(q, ITEMS), questions))

    assert {entry.read_items() for entry in entries} == {ITEMS}
    assert [path.name for path in (tmp_path / "items").iterdir()] == [entries[0].items_file().name]


def test_a_list_that_is_gone_is_written_again(entry: Entry, store: Store) -> None:
    """Whoever asks the same items brings it back, for all questions that lack it."""
    entry.items_file().unlink()
    with support.refused("store.list-missing", 12):
        entry.read_items()

    store.open(with_checkpoint(weights="other"), ITEMS)

    assert entry.read_items() == ITEMS


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "", None, 7, "A" * 64])
def test_items_lie_where_a_digest_says(name: Any, entry: Entry) -> None:
    """A question whose items have another name is damaged: no path is made of it."""
    path = entry.folder / "question.json"
    changed = {**json.loads(path.read_text()), "items": name}
    del changed["seal"]
    path.write_text(json.dumps(changed))

    with support.refused("store.damaged", 12, "question.json"):
        entry.read_items()


# --- damage --------------------------------------------------------------------------------------


def flip(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Rewrite the lines of a file."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(change(lines)), encoding="utf-8")


# More of it: tests/bad_input/stores.py.
DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped letter of an answer": lambda p: flip(p, '"text":"yes"', '"text":"yfs"'),
    "a flipped letter of the seal": lambda p: rewrite(
        p, lambda lines: [*lines[:-1], '{"seal":"' + "0" * 64 + '"}\n']
    ),
    "a score that is none": lambda p: flip(p, '"score":0.0', '"score":7'),
    "a score in words": lambda p: flip(p, '"score":0.0', '"score":"good"'),
    "NaN as a confidence": lambda p: flip(p, '"confidence":0.75', '"confidence":NaN'),
    "half a surrogate": lambda p: flip(p, '"text":"yes"', '"text":"\\ud800"'),
    "a file cut in the middle": lambda p: p.write_bytes(p.read_bytes()[:300]),
    "no text": lambda p: p.write_bytes(b"\xff\xfe" + p.read_bytes()),
    "swapped lines": lambda p: rewrite(p, lambda lines: [lines[1], lines[0], *lines[2:]]),
    "an unknown key": lambda p: flip(p, '"score":', '"scorn":'),
    "lists for lines": lambda p: p.write_text("[]\n[]\n"),
    "something appended": lambda p: p.write_bytes(p.read_bytes() + b'{"seal":"x"}\n'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_shard_is_refused(damage: str, entry: Entry) -> None:
    """Damage names the directory and what to do, and is never measured again in silence."""
    DAMAGE[damage](shard(entry))

    with support.refused("store.damaged", 12, "cliffguard store verify") as caught:
        entry.read_shard(0, ITEMS[:3])
    assert str(entry.folder) in str(caught.value)


def test_swapped_shards_are_refused(entry: Entry) -> None:
    """A shard under another's number is whole, but answers other items."""
    left, right = shard(entry, 0), shard(entry, 1)
    first = left.read_bytes()
    left.write_bytes(right.read_bytes())
    right.write_bytes(first)

    with support.refused("store.damaged", 12, "shard 0"):
        entry.read_shard(0, ITEMS[:3])


def test_answers_to_an_item_that_was_changed_are_refused(entry: Entry) -> None:
    """The same id with another content is another item."""
    changed = (replace(ITEMS[0], digest="0" * 64), *ITEMS[1:3])

    with support.refused("store.damaged", 12, "shard 0"):
        entry.read_shard(0, changed)


TORN: dict[str, tuple[Callable[[Entry], object], list[str]]] = {
    "question.json": (Entry.read_question, ["", "null", "{}"]),
    "noise.json": (Entry.read_noise, ["", "{", "[]", '{"against": "", "items": 1, "flips": "x"}']),
    "items.jsonl": (Entry.read_items, ["{", "1\n", "[]\n", "{}\n", '{"id": "a"}\n']),
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name in TORN for text in TORN[name][1]]
)
def test_a_torn_file_beside_the_shards_is_refused(name: str, text: str, entry: Entry) -> None:
    """What is no question, no noise floor and no items is damage, not absence."""
    (entry.folder / name).write_text(text)

    with support.refused("store.damaged", 12, name):
        TORN[name][0](entry)


@pytest.mark.parametrize("about", [None, [], {}], ids=repr)
def test_a_question_without_its_names_is_refused(about: Any, entry: Entry) -> None:
    """What lies beside the pre-image is read later, so that it is missed now."""
    path = entry.folder / "question.json"
    changed = {**json.loads(path.read_text()), "about": about}
    del changed["seal"]
    path.write_text(json.dumps(changed))

    with support.refused("store.damaged", 12, "question.json"):
        entry.read_question()


@pytest.mark.parametrize("text", ["{", "1\n", "[]\n", "{}\n", '{"id": "a"}\n'])
def test_torn_items_are_refused(text: str, entry: Entry) -> None:
    """A list that holds no items is damage."""
    entry.items_file().write_text(text)

    with support.refused("store.list-damaged", 12):
        entry.read_items()


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [lines[0].replace("question 0", "question 9"), *lines[1:]],
        lambda lines: [lines[0].replace('"level":null', '"level":2'), *lines[1:]],
    ],
    ids=["a line lost", "a prompt changed", "a level changed"],
)
def test_changed_items_are_refused(change: Callable[[list[str]], list[str]], entry: Entry) -> None:
    """What was asked is as much part of the record as what was answered."""
    rewrite(entry.items_file(), change)

    with support.refused("store.list-damaged", 12):
        entry.read_items()


# --- the key -------------------------------------------------------------------------------------


def with_checkpoint(**fields: Any) -> Question:
    """Return the question about another checkpoint."""
    return replace(question(), checkpoint=replace(support.checkpoint(), **fields))


IN_THE_KEY: dict[str, Question] = {
    "chat_template": replace(question(), protocol=EvalSettings(chat_template="own")),
    "system_prompt": replace(
        question(), protocol=EvalSettings(chat_template="own", system_prompt="Be brief.")
    ),
    "num_fewshot": replace(question(), protocol=EvalSettings(num_fewshot=0)),
    "seed": replace(question(), protocol=EvalSettings(seed=1)),
    "limit": replace(question(), protocol=EvalSettings(limit=6)),
    "template_args": replace(
        question(), protocol=EvalSettings(chat_template="own", template_args={"thinking": False})
    ),
    "max_tokens": replace(question(), protocol=EvalSettings(max_tokens=9)),
    "max_length": replace(question(), protocol=EvalSettings(max_length=512)),
    "temperature": replace(question(), protocol=EvalSettings(temperature=0.5)),
    "top_p": replace(question(), protocol=EvalSettings(temperature=0.5, top_p=0.9)),
    "top_k": replace(question(), protocol=EvalSettings(temperature=0.5, top_k=9)),
    "repeats": replace(question(), protocol=EvalSettings(temperature=0.5, repeats=2)),
    "quantization": replace(question(), protocol=EvalSettings(quantization="8bit")),
    "attention": replace(question(), protocol=EvalSettings(attention="eager")),
    "dtype": replace(question(), dtype="bfloat16"),
    "runner": replace(question(), runner="hf: torch 2.7"),
    "replicate": replace(question(), replicate=1),
    "think_end": replace(question(), protocol=EvalSettings(think_end="</think>")),
    "task name": replace(question(), task=replace(task(), name="bowl")),
    "task digest": replace(question(), task=replace(task(), digest="e" * 64)),
    "weights": with_checkpoint(weights="other"),
    "adapter": with_checkpoint(adapter="a"),
    "tokenizer": with_checkpoint(tokenizer="other"),
    "template of the checkpoint": with_checkpoint(chat_template="t"),
    "settings": with_checkpoint(settings="other"),
}


@pytest.mark.parametrize("field", IN_THE_KEY)
def test_what_may_change_an_answer_is_in_the_key(field: str) -> None:
    """Another value is another question, and its answers lie elsewhere."""
    assert IN_THE_KEY[field].key != question().key


def test_no_field_of_the_protocol_or_of_an_identity_is_left_out() -> None:
    """A field that is added must be in the key, or be shown to change no answer."""
    protocol = {field.name for field in fields(EvalSettings)}
    identity = {field.name for field in fields(support.checkpoint())}

    assert protocol - {"packing"} <= IN_THE_KEY.keys()  # see tests/evaluate/test_packing.py
    assert identity - {"name", "revision", "notes", "files", "chat_template"} <= IN_THE_KEY.keys()


def test_the_version_of_the_metrics_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that another cliffguard scored otherwise are not compared with those of this one."""
    before = question().key
    monkeypatch.setattr("cliffguard.core.answers.SCORING", 10_000)

    assert question().key != before


def test_a_metric_that_changed_alone_has_a_version_of_its_own() -> None:
    """`numeric` reads more than it did: its answers are asked again, and no others."""
    numeric = replace(question(), task=replace(task(), metric="numeric", stock=False))
    stock = replace(question(), task=replace(task(), metric="numeric", stock=True))

    assert question().preimage()["scoring"] == stock.preimage()["scoring"] == 2
    assert numeric.preimage()["scoring"] == 3


def test_means_that_left_out_what_cannot_be_read_are_asked_again() -> None:
    """Of answers that are asked once there are none: their keys stay."""
    once = question()
    twice = replace(once, protocol=replace(once.protocol, temperature=0.5, repeats=2))

    assert "unread" not in once.preimage()["protocol"]
    assert twice.preimage()["protocol"]["unread"] == "wrong"


def test_no_two_of_those_questions_share_a_key() -> None:
    """All keys above differ from each other, too."""
    assert len({question.key for question in IN_THE_KEY.values()}) == len(IN_THE_KEY)


@pytest.mark.parametrize(
    "same",
    [
        with_checkpoint(name="elsewhere/base"),
        with_checkpoint(revision="0" * 40),
        with_checkpoint(notes=("a remark",)),
        replace(question(), task=replace(task(), chance=0.5)),
        replace(question(), task=replace(task(), gate_levels=(1,))),
        replace(question(), task=replace(task(), suite="other", capability="other")),
        replace(question(), protocol=EvalSettings(dtype="float32")),
    ],
    ids=["name", "revision", "notes", "chance", "gating levels", "suite", "spelling of the dtype"],
)
def test_what_changes_no_answer_is_not_in_the_key(same: Question) -> None:
    """Names, remarks and decisions leave the answers where they are."""
    assert same.key == question().key


@pytest.mark.parametrize("notes", [{"device": "cuda"}, {"batch size": 32}], ids=["device", "batch"])
def test_device_and_batch_size_are_not_in_the_key(notes: dict[str, Any], store: Store) -> None:
    """What a runner notes about its machine does not make another question."""
    items = ITEMS
    look = (in_full(task(items), items),)

    class Elsewhere(Counting):
        """A runner on another machine."""

        def notes(self) -> dict[str, Any]:
            """Describe the other machine."""
            return notes

    measure(support.checkpoint(), look, protocol=EvalSettings(), store=store, runner=Counting())
    elsewhere = Elsewhere()

    measure(support.checkpoint(), look, protocol=EvalSettings(), store=store, runner=elsewhere)

    assert elsewhere.item_ids == []


# --- a store that cannot be written --------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_full_disk_leaves_no_half_shard(
    step: str, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a shard does not fit nothing of it stays, and the others do."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)

    with support.refused("file.no-room", 20):
        entry.write_shard(2, ANSWERS[:3], NOTES)

    assert [path.name for path in sorted(entry.shards_folder.iterdir())] == [
        "0000.jsonl",
        "0001.jsonl",
    ]


def test_a_full_disk_leaves_no_entry_without_items(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that could not be begun does not look as if it had been."""

    def full(source: str, target: Path) -> None:
        if target.name == "question.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.rename(source, target)

    monkeypatch.setattr(os, "replace", full)

    with pytest.raises(InfrastructureError):
        store.open(question(), ITEMS)

    assert store.entries() == []


def test_a_read_only_store_is_the_users_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that may not be written to is answered with a remedy."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.mkstemp", read_only)

    with support.refused("file.not-written", 2):
        store.open(question(), ITEMS)


def test_a_store_behind_a_closed_door_is_the_users_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not even be looked into is a usage error, not a crash."""
    look = Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if path.is_relative_to(store.root):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", closed)

    with pytest.raises(UsageError):
        store.open(question(), ITEMS)


def test_a_store_in_the_home_of_nobody_is_the_users_error() -> None:
    """~name of a user that is not there is one line."""
    with pytest.raises(UsageError):
        Store("~nobody-of-that-name/store")


def test_a_shard_is_one_json_object_a_line(entry: Entry) -> None:
    """The files can be read with any tool: answers, how they came about, then the seal."""
    rows = [json.loads(line) for line in shard(entry).read_text().splitlines()]

    assert [row.get("item_id") for row in rows] == ["item-0", "item-1", "item-2", None, None]
    assert [list(row) for row in rows[-2:]] == [["notes"], ["seal"]]
