"""What may go from a store, and that nothing else does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cliffguard.store.answers import Store
from cliffguard.store.item_lists import all_lists, write_list
from cliffguard.store.maintenance.damage import examine, move_aside
from cliffguard.store.maintenance.pruning import removable, remove
from cliffguard.store.maintenance.questions import describe, entries_of
from cliffguard.store.outcomes import PackingTrial, keep_outcome, outcomes
from tests.store.maintenance.stores import (
    ITEMS,
    answered,
    as_earlier,
    content,
    filled,
    question,
)

A_DAY_S = 86_400.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three questions of two checkpoints."""
    return filled(tmp_path / "store")


def age(folder: Path, days: float) -> None:
    """Let everything in a folder be written some days ago."""
    moment = time.time() - days * A_DAY_S
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (moment, moment))


def test_old_questions_may_go(store: Store) -> None:
    """Age is counted from the newest file of a question."""
    first, *_ = entries_of(store)
    age(first.folder, days=40)

    expired = removable(store, older_than_s=30 * A_DAY_S)

    assert [question.path for question in expired] == [first.folder]


def test_a_checkpoint_may_go(store: Store) -> None:
    """All its questions, and no other's."""
    remove(store, removable(store, checkpoint="base"))

    assert [describe(entry).checkpoint for entry in entries_of(store)] == ["runs/tuned"]


def test_conditions_hold_together(store: Store) -> None:
    """An old question of another checkpoint stays."""
    for entry in entries_of(store):
        if describe(entry).checkpoint == "base":
            age(entry.folder, days=40)

    assert removable(store, older_than_s=30 * A_DAY_S, checkpoint="tuned") == []


def test_only_what_is_damaged_is_unreadable(store: Store) -> None:
    """Of a question with one damaged shard, that shard."""
    shard = entries_of(store)[0].shards_folder / "0000.jsonl"
    shard.write_text("torn")

    remove(store, removable(store, is_unreadable=True))

    assert not shard.exists()
    assert [examine(entry) for entry in entries_of(store)] == [[], [], []]


def test_what_was_moved_aside_may_go(store: Store) -> None:
    """It is kept until it is named."""
    (entries_of(store)[0].shards_folder / "0000.jsonl").write_text("torn")
    move_aside(store, [damage for entry in entries_of(store) for damage in examine(entry)])

    remove(store, removable(store, is_unreadable=True))

    assert list((store.root / "damaged").iterdir()) == []


@pytest.mark.parametrize("days", [0, 2])
def test_what_killed_runs_leave_goes_after_a_day(days: int, store: Store) -> None:
    """A temporary file may belong to a run that goes on; a day later it does not."""
    entry = entries_of(store)[0]
    left = [
        entry.shards_folder / ".0001.jsonl.ab12_xyz",
        store.root / "incoming-ab12_xyz" / "questions" / "x",
        store.root / "questions" / "00" / ("0" * 64) / "items.jsonl",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        age(path, days)
    age(left[1].parent.parent, days)
    age(left[2].parent, days)

    remove(store, removable(store, is_unreadable=True))

    assert [path.exists() for path in left] == [days == 0] * 3


def test_nothing_of_others_goes(store: Store) -> None:
    """A folder that holds other things, too, keeps them, however old they are."""
    paths = [
        store.root / ".bashrc",
        store.root / "incoming-mail" / "letter",
        store.root / "damaged" / "car.jpg",
        store.root / "questions" / ".hidden",
        store.root / "questions" / "ab" / "notes" / "text",
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    age(store.root, days=400)

    remove(store, removable(store, older_than_s=A_DAY_S))
    remove(store, removable(store, is_unreadable=True))

    assert [path.read_text() for path in paths] == ["mine"] * len(paths)
    assert entries_of(store) == []


def test_what_stays_is_not_touched(store: Store) -> None:
    """The files of other questions are the same to the byte."""
    kept = [e.folder for e in entries_of(store) if describe(e).checkpoint != "base"]
    before = [content(folder) for folder in kept]

    remove(store, removable(store, checkpoint="base"))

    assert [content(folder) for folder in kept] == before


def test_trials_go_with_their_checkpoint_and_damaged_ones_alone(store: Store) -> None:
    """Else a store keeps what came of checkpoints that are long gone."""
    base, tuned = (question(name).checkpoint.fingerprint for name in ("base", "runs/tuned"))
    for key, fingerprint in (("a" * 64, base), ("b" * 64, tuned), ("c" * 64, base)):
        keep_outcome(store, key, PackingTrial(checkpoint=fingerprint, plain_because=None))
    (store.root / "trials" / f"{'c' * 16}.json").write_text("{")

    remove(store, removable(store, checkpoint="base"))
    assert [path.stem[0] for path in outcomes(store, PackingTrial)] == ["b", "c"]

    remove(store, removable(store, is_unreadable=True))
    assert [path.stem[0] for path in outcomes(store, PackingTrial)] == ["b"]


def test_items_that_no_question_asks_any_more_go_with_the_last_that_did(store: Store) -> None:
    """They stay as long as another one asks them."""
    (path,) = all_lists(store.root)

    remove(store, removable(store, checkpoint="base"))
    assert path.exists()
    remove(store, removable(store, checkpoint="tuned"))

    assert not path.exists()


def test_nothing_is_known_of_items_where_a_question_cannot_be_read(store: Store) -> None:
    """A list stays that a damaged question may ask."""
    damaged = next(e for e in entries_of(store) if describe(e).checkpoint != "base")
    (damaged.folder / "question.json").write_text("torn")

    remove(store, removable(store, checkpoint="base"))

    assert len(all_lists(store.root)) == 1


@pytest.mark.parametrize("days", [0, 2])
def test_a_list_of_a_run_that_was_killed_early_goes_after_a_day(days: int, store: Store) -> None:
    """Its question may still be written, until then."""
    write_list(store.root, ITEMS[:3])
    age(store.root / "items", days)
    n_before = len(all_lists(store.root))

    remove(store, removable(store, is_unreadable=True))

    assert (n_before, len(all_lists(store.root))) == (2, 2 if days == 0 else 1)


def test_a_damaged_list_may_go_and_comes_back(store: Store) -> None:
    """It is shown once, whoever asks it, and no answer goes with it."""
    (path,) = all_lists(store.root)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])

    discards = removable(store, is_unreadable=True)
    remove(store, discards)
    answered(store, question())

    assert [discard.path for discard in discards] == [path]
    assert path.read_bytes() == whole
    assert [examine(entry) for entry in entries_of(store)] == [[], [], []]


def test_copies_of_items_go_with_their_questions(store: Store) -> None:
    """So earlier versions laid them out."""
    as_earlier(store)

    remove(store, removable(store, checkpoint="base"))

    assert [describe(entry).checkpoint for entry in entries_of(store)] == ["runs/tuned"]
    assert [examine(entry) for entry in entries_of(store)] == [[]]
