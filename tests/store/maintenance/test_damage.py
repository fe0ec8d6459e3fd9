"""Damage is found in every kind of file, and moved aside without losing what is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard.cli.app import app
from cliffguard.core.canonical_json import canonical_json, digest
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry
from cliffguard.store.maintenance.damage import examine, examine_lists, move_aside
from cliffguard.store.maintenance.questions import entries_of
from tests.store.maintenance.stores import ITEMS, answered, as_earlier, content, filled, question

KINDS = ("question.json", "items", "noise.json", "shards/0000.jsonl", "shards/0001.jsonl")


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """A question with every kind of file."""
    made = answered(Store(tmp_path), question())
    made.write_noise({"against": "one sequence at a time", "items": 70, "flips": 3})
    return made


def file_of(entry: Entry, name: str) -> Path:
    """Return a question's file of a kind; its items lie beside all questions."""
    return entry.items_file() if name == "items" else entry.folder / name


def meaning(entry: Entry) -> list[object]:
    """Return all that an entry says."""
    shards = [entry.read_sealed(number) for number in entry.shard_numbers()]
    return [entry.read_question(), entry.read_items(), entry.read_noise(), *shards]


def test_a_whole_question_has_no_damage(entry: Entry) -> None:
    """Every file is read, and none is complained of."""
    assert examine(entry) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_every_flipped_byte_is_noticed(name: str, entry: Entry) -> None:
    """A bit flipped anywhere in any file is damage, or changes nothing that the file says."""
    path = file_of(entry, name)
    whole, expected = path.read_bytes(), meaning(entry)
    step = max(1, len(whole) // 60)
    for position in range(0, len(whole), step):
        for bit in (0, 3, 5):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            path.write_bytes(flipped)

            assert examine(entry) or meaning(entry) == expected, (
                f"{name}, byte {position}, bit {bit}"
            )


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a torn end": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "emptied": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    "nested too deeply": lambda path: path.write_text("[" * 100_000),
    "a number too long": lambda path: path.write_text("9" * 10_000),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_damage_is_noticed(name: str, damage: str, entry: Entry) -> None:
    """Whatever file it is, and whatever became of it."""
    DAMAGE[damage](file_of(entry, name))

    assert len(examine(entry)) == 1


@pytest.mark.parametrize("name", ["question.json", "items"])
def test_a_lost_file_is_noticed(name: str, entry: Entry) -> None:
    """What was asked belongs to the answers; a lost shard only is to be asked again."""
    path = file_of(entry, name)
    lost = path.name if name == "question.json" else f"items/{path.name}"
    path.unlink()

    (damage,) = examine(entry)

    assert damage.what.startswith(f"{lost} is missing")


def test_a_shard_under_another_number_is_noticed(entry: Entry) -> None:
    """A shard is whole and in the wrong place."""
    (entry.shards_folder / "0001.jsonl").rename(entry.shards_folder / "0002.jsonl")

    assert [damage.what for damage in examine(entry)] == ["shard 2 answers no items"]


@pytest.mark.parametrize(
    ("old", "new"),
    [('"text":"yes"', '"text":7'), ('"choice"', '"chosen"'), ('"device":"cpu"', '"device":[]')],
    ids=["text", "finish reason", "notes"],
)
def test_a_sealed_lie_about_types_is_noticed(old: str, new: str, entry: Entry) -> None:
    """A seal can be made by anyone; what it seals must still be answers."""
    path = entry.shards_folder / "0000.jsonl"
    rows = [json.loads(line) for line in path.read_text().replace(old, new).splitlines()][:-1]
    path.write_text("".join(canonical_json(r) + "\n" for r in [*rows, {"seal": digest(rows)}]))

    assert len(examine(entry)) == 1


def test_only_the_damaged_shard_is_moved_aside(entry: Entry, tmp_path: Path) -> None:
    """The others stay, nothing is deleted, and the store is whole again."""
    path = entry.shards_folder / "0001.jsonl"
    path.write_text("torn")

    (moved,) = move_aside(Store(tmp_path), examine(entry))

    assert moved == tmp_path / "damaged" / entry.folder.name / "shards" / "0001.jsonl"
    assert moved.read_text() == "torn"
    assert (examine(entry), entry.shard_numbers()) == ([], [0])


def test_a_question_that_cannot_be_read_is_moved_as_a_whole(entry: Entry, tmp_path: Path) -> None:
    """Without what was asked its answers cannot be judged: all of it goes, once."""
    before = content(entry.folder)
    for name in ("question.json", "shards/0000.jsonl"):
        (entry.folder / name).write_text("torn")

    (moved,) = move_aside(Store(tmp_path), examine(entry))

    assert content(moved).keys() == before.keys()
    assert entries_of(Store(tmp_path)) == []


def test_a_damaged_list_of_items_costs_no_answer(tmp_path: Path) -> None:
    """It alone is moved aside, once for all questions, and the next run brings it back."""
    store = filled(tmp_path)
    entries = entries_of(store)
    whole, path = content(tmp_path), entries[0].items_file()
    path.write_bytes(path.read_bytes()[:-9])
    damages = [damage for entry in entries for damage in examine(entry)]

    assert [damage.path for damage in examine_lists(store)] == [path]
    assert {damage.path for damage in damages} == {path}
    assert move_aside(store, damages) == [tmp_path / "damaged" / path.name]
    answered(store, question())
    assert {
        name: text for name, text in content(tmp_path).items() if "damaged" not in name
    } == whole


def test_a_damaged_list_is_named_once(tmp_path: Path) -> None:
    """However many questions refer to it; exit 12."""
    store = filled(tmp_path)
    path = entries_of(store)[0].items_file()
    path.write_text("torn")

    done = CliRunner().invoke(app, ["store", "verify", "--store", str(tmp_path)])

    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 12
    assert f"{path}: does not match its name\n" in done.stdout
    assert "error[store.damaged]" in done.stderr
    assert "1 list of items is damaged" in done.stderr


def test_a_copy_of_the_items_of_an_earlier_version_goes_with_its_question(tmp_path: Path) -> None:
    """It is no other question's: those stay as they were."""
    store = as_earlier(filled(tmp_path))
    first, *others = entries_of(store)
    (first.folder / "items.jsonl").write_text("torn")

    assert [damage.path for damage in examine(first)] == [first.folder]
    assert [examine(entry) for entry in others] == [[], []]


def test_what_is_moved_aside_twice_is_kept_twice(entry: Entry, tmp_path: Path) -> None:
    """The second damaged shard does not replace the first."""
    for text in ("first", "second"):
        (entry.shards_folder / "0000.jsonl").write_text(text)
        move_aside(Store(tmp_path), examine(entry))

    kept = sorted((tmp_path / "damaged").rglob("0000*"))
    assert [path.read_text() for path in kept] == ["first", "second"]


def test_one_damaged_question_leaves_the_others_alone(tmp_path: Path) -> None:
    """Repair touches nothing that is whole."""
    store = filled(tmp_path)
    first, *others = entries_of(store)
    before = [content(entry.folder) for entry in others]
    (first.shards_folder / "0000.jsonl").write_bytes(b"")

    move_aside(store, [damage for entry in entries_of(store) for damage in examine(entry)])

    assert [content(entry.folder) for entry in others] == before
    assert len(ITEMS) == 70
