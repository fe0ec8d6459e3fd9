"""Answers between machines: what comes in is what went out, and nothing else comes in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.errors import (
    CliffguardError,
    InfrastructureError,
    IntegrityError,
)
from cliffguard.store import item_lists
from cliffguard.store.answers import Store
from cliffguard.store.maintenance import archive_import
from cliffguard.store.maintenance.archive import _written_whole, write_archive
from cliffguard.store.maintenance.archive_import import ImportSummary, read_archive
from cliffguard.store.maintenance.damage import examine
from cliffguard.store.maintenance.questions import describe, entries_of, select
from cliffguard.store.outcomes import PackingTrial, keep_outcome, outcome
from tests import support
from tests.store.maintenance.stores import answered, as_earlier, content, filled, question

MANIFEST = "cliffguard-answers.json"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three questions of two checkpoints."""
    return filled(tmp_path / "store")


@pytest.fixture
def packed(store: Store, tmp_path: Path) -> Path:
    """An archive of all of them."""
    write_archive(store, select(store), tmp_path / "answers.tar")
    return tmp_path / "answers.tar"


# --- whole archives ------------------------------------------------------------------------------


def test_what_comes_in_is_what_went_out(store: Store, packed: Path, tmp_path: Path) -> None:
    """Every file of every question is the same to the byte."""
    other = Store(tmp_path / "other")

    taken = read_archive(other, packed)

    assert taken == ImportSummary(n_questions=3, n_new=5, n_known=0)
    assert content(other.root) == content(store.root)
    assert {path.name for path in other.root.iterdir()} == {"README", "items", "questions"}


def test_the_same_answers_are_the_same_bytes(store: Store, packed: Path, tmp_path: Path) -> None:
    """Neither time, owner, mode nor the order of writing is in an archive."""
    other = Store(tmp_path / "other")
    read_archive(other, packed)
    for path in (other.root / "questions").rglob("*.jsonl"):
        os.utime(path, (1, 1))
        path.chmod(0o600)

    write_archive(other, select(other)[::-1], tmp_path / "again.tar")

    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()


def test_only_what_is_chosen_goes_out(store: Store, tmp_path: Path) -> None:
    """The base's answers to one task, and nothing of the candidate's."""
    write_archive(store, select(store, checkpoint="base", task="bowl"), tmp_path / "a.tar")
    other = Store(tmp_path / "other")

    read_archive(other, tmp_path / "a.tar")

    assert [(r.checkpoint, r.task) for r in select(other)] == [("base", "bowl")]


def test_answers_that_are_there_stay(packed: Path, tmp_path: Path) -> None:
    """Of a question that is half answered, only the other half is added."""
    other = Store(tmp_path / "other")
    entry = answered(other, question(), n_shards=1)
    before = (entry.shards_folder / "0000.jsonl").stat().st_mtime_ns

    taken = read_archive(other, packed)

    assert (taken.n_new, taken.n_known) == (4, 1)
    assert (entry.shards_folder / "0000.jsonl").stat().st_mtime_ns == before
    assert entry.shard_numbers() == [0, 1]


def test_a_second_import_changes_nothing(packed: Path, tmp_path: Path) -> None:
    """The archive may be imported at the start of every job."""
    other = Store(tmp_path / "other")
    read_archive(other, packed)
    before = content(other.root)

    assert read_archive(other, packed) == ImportSummary(n_questions=3, n_new=0, n_known=5)
    assert content(other.root) == before


def test_the_noise_floor_travels(store: Store, tmp_path: Path) -> None:
    """What was noted of the base's noise is known on the other machine, and replaced by none."""
    noise = {"against": "one sequence at a time", "items": 70, "flips": 3}
    store.entry(question().key).write_noise(noise)
    write_archive(store, select(store), tmp_path / "a.tar")
    other = Store(tmp_path / "other")

    read_archive(other, tmp_path / "a.tar")

    assert other.entry(question().key).read_noise() == noise


def test_trials_of_packing_travel(store: Store, tmp_path: Path) -> None:
    """Else a machine that has a base's answers would load the base to try it; of it, no others'."""
    base, tuned = (question(name).checkpoint.fingerprint for name in ("base", "runs/tuned"))
    for key, fingerprint in (("a" * 64, base), ("b" * 64, tuned)):
        keep_outcome(store, key, PackingTrial(checkpoint=fingerprint, plain_because=None))
    write_archive(store, select(store, checkpoint="base"), tmp_path / "base.tar")
    other = Store(tmp_path / "other")

    read_archive(other, tmp_path / "base.tar")

    kept = outcome(store, PackingTrial, "a" * 64)
    assert kept is not None
    assert outcome(other, PackingTrial, "a" * 64) == kept
    assert outcome(other, PackingTrial, "b" * 64) is None


def test_damaged_answers_do_not_go_out(store: Store, tmp_path: Path) -> None:
    """An export ends with the damage, and writes nothing."""
    (entries_of(store)[0].shards_folder / "0000.jsonl").write_text("torn")

    with support.refused("store.damaged", 12):
        write_archive(store, select(store), tmp_path / "a.tar")
    assert not list(tmp_path.glob("*.tar*"))


def test_a_full_disk_leaves_no_half_archive(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive is there whole or not at all."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(InfrastructureError):
        write_archive(store, select(store), tmp_path / "a.tar")
    assert not list(tmp_path.glob("*a.tar*"))


def test_a_store_of_an_earlier_layout_goes_out_alike(
    store: Store, packed: Path, tmp_path: Path
) -> None:
    """Where the items lie changes nothing of the archive's bytes."""
    as_earlier(store)

    write_archive(store, select(store), tmp_path / "again.tar")

    assert (tmp_path / "again.tar").read_bytes() == packed.read_bytes()


def earlier(members: list[Member]) -> list[Member]:
    """Give each question of an archive its own copy of the items, as format 1 has them."""
    (_, items), *others = [m for m in members[1:] if m[0].name.startswith("items/")]
    assert others == []
    kept = [member for member in members if not member[0].name.startswith("items/")]
    for member, _ in list(kept):
        if member.name.endswith("question.json"):
            name = member.name.replace("question.json", "items.jsonl")
            kept.append((tarfile.TarInfo(name), items))
    return kept


def test_an_archive_of_the_first_format_is_read(store: Store, packed: Path, tmp_path: Path) -> None:
    """Its copies of the items become one, and what is there in the earlier layout stays so."""
    packed_again(packed, earlier(members(packed)), format=1)
    new, old = Store(tmp_path / "new"), as_earlier(filled(tmp_path / "old"))
    before = content(old.root)

    taken = [read_archive(other, packed).n_new for other in (new, old)]

    assert taken == [5, 0]
    assert (content(new.root), content(old.root)) == (content(store.root), before)


def test_a_damaged_list_of_the_store_is_replaced(packed: Path, tmp_path: Path) -> None:
    """What comes in is verified; what lies under its name is not trusted."""
    other = Store(tmp_path / "other")
    entry = answered(other, question(), n_shards=1)
    entry.items_file().write_text("torn")

    read_archive(other, packed)

    assert [damage for e in entries_of(other) for damage in examine(e)] == []


# --- what is refused -----------------------------------------------------------------------------


def conflicting(tmp_path: Path) -> Store:
    """Return a store with other answers to one of the questions, and one shard less."""
    other = Store(tmp_path / "other")
    answered(other, question(), score=0.0, n_shards=1)
    return other


def test_other_answers_to_the_same_question_are_refused(packed: Path, tmp_path: Path) -> None:
    """Nothing is imported, also of the questions that do not conflict."""
    other = conflicting(tmp_path)
    before = content(other.root)

    with support.refused("archive.conflict", 12, "shard 0") as caught:
        read_archive(other, packed)
    assert caught.value.exit_code == 12
    assert content(other.root) == before


def test_a_damaged_store_takes_nothing_in(packed: Path, tmp_path: Path) -> None:
    """What is there cannot be compared, and is not replaced."""
    other = conflicting(tmp_path)
    (entries_of(other)[0].shards_folder / "0000.jsonl").write_text("torn")

    with support.refused("store.damaged", 12):
        read_archive(other, packed)


Member = tuple[tarfile.TarInfo, bytes]


def members(path: Path) -> list[Member]:
    """Return the members of an archive."""
    with tarfile.open(path) as tar:
        members = []
        for member in tar.getmembers():
            stream = tar.extractfile(member)
            assert stream is not None
            members.append((member, stream.read()))
    return members


def packed_again(
    path: Path, changed: list[Member], *, lists_all: bool = True, format: int = 2
) -> None:
    """Write members into an archive, its list of digests made anew."""
    files = {m.name: hashlib.sha256(data).hexdigest() for m, data in changed[1:]}
    about = canonical_json({"format": format, "files": files}).encode()
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for number, (member, data) in enumerate(changed):
            text = about if number == 0 and lists_all else data
            member.size = len(text) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(text))


def renamed(name: str) -> Callable[[list[Member]], list[Member]]:
    """Return what gives the last member another name."""

    def change(members: list[Member]) -> list[Member]:
        members[-1][0].name = name
        return members

    return change


def of_type(kind: bytes, target: str = "") -> Callable[[list[Member]], list[Member]]:
    """Return what makes the last member a link or a device."""

    def change(members: list[Member]) -> list[Member]:
        members[-1][0].type, members[-1][0].linkname = kind, target
        return members

    return change


def another_shard(members: list[Member]) -> list[Member]:
    """Put one shard's bytes under another's name."""
    first, second = (
        next(
            n for n, (member, _) in enumerate(members) if member.name.endswith(f"000{shard}.jsonl")
        )
        for shard in (0, 1)
    )
    members[first] = (members[first][0], members[second][1])
    return members


def mixed_keys(members: list[Member]) -> list[Member]:
    """Put a question into a folder whose first two letters are another's."""
    member = members[-1][0]
    member.name = "questions/zz/" + member.name.split("/", 2)[2]
    return members


HOSTILE: dict[str, tuple[Callable[[list[Member]], list[Member]], str]] = {
    "a path that climbs": (renamed("questions/../../escaped.jsonl"), "no place of a store"),
    "an absolute path": (renamed("/tmp/escaped.jsonl"), "no place of a store"),
    "a path with dots inside": (
        renamed("questions/ab/../" + "0" * 64 + "/items.jsonl"),
        "no place of a store",
    ),
    "a name with a line break": (renamed("questions/ab\n/x"), "no place of a store"),
    "a file beside the questions": (renamed("README"), "no place of a store"),
    "a file that runs on import": (renamed("sitecustomize.py"), "no place of a store"),
    "a folder of other letters": (mixed_keys, "no place of a store"),
    "a shard with a huge number": (
        renamed("questions/00/" + "0" * 64 + "/shards/" + "9" * 40 + ".jsonl"),
        "no place of a store",
    ),
    "a symbolic link": (of_type(tarfile.SYMTYPE, "/etc/passwd"), "a link, a device or a folder"),
    "a hard link": (of_type(tarfile.LNKTYPE, MANIFEST), "a link, a device or a folder"),
    "a device": (of_type(tarfile.CHRTYPE), "a link, a device or a folder"),
    "a pipe": (of_type(tarfile.FIFOTYPE), "a link, a device or a folder"),
    "a folder": (of_type(tarfile.DIRTYPE), "a link, a device or a folder"),
    "a member twice": (lambda members: [*members, members[-1]], "is in it twice"),
    "a shard of another question": (another_shard, "shard 0"),
    "a trial that says nothing": (
        lambda members: [*members, (tarfile.TarInfo(f"trials/{'a' * 16}.json"), b'{"seal": 1}')],
        "what came of a trial",
    ),
    "items that no question asks": (
        lambda members: [
            *members,
            (tarfile.TarInfo(f"items/{hashlib.sha256(b'[]').hexdigest()}.jsonl"), b""),
        ],
        "belongs to no question",
    ),
    "a list of items under another's name": (
        lambda members: [
            (renamed(f"items/{'0' * 64}.jsonl")([m])[0] if m[0].name.startswith("items/") else m)
            for m in members
        ],
        "is missing",
    ),
    "items without their question": (
        lambda members: [m for m in members if "question.json" not in m[0].name],
        r"question\.json is missing",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_export_writes_is_refused(name: str, packed: Path, tmp_path: Path) -> None:
    """Exit 12 with the member's name; the store stays empty, nothing lies beside it."""
    change, says = HOSTILE[name]
    packed_again(packed, change(members(packed)))
    before = content(tmp_path)
    other = Store(tmp_path / "other")

    with pytest.raises(IntegrityError, match=says) as caught:
        read_archive(other, packed)

    assert "\n" not in str(caught.value)
    assert content(tmp_path) == before


DAMAGED: dict[str, Callable[[bytearray], bytes]] = {
    "a flipped byte of an answer": lambda data: data.replace(b'"text":"yes"', b'"text":"yfs"', 1),
    "a flipped byte of a header": lambda data: data.replace(b"shards/0000", b"shards/0003", 1),
    "cut in the middle": lambda data: data[: len(data) // 2],
    "cut between two members": lambda data: data[: data.rindex(b"questions/", 0, -9)],
    "cut after the list": lambda data: data[:1536],
    "zeros at the end": lambda data: data[: len(data) // 2] + b"\0" * (len(data) // 2),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_archive_is_refused(name: str, packed: Path, tmp_path: Path) -> None:
    """A part of an archive is not taken for the whole."""
    damaged = DAMAGED[name](bytearray(packed.read_bytes()))
    assert damaged != packed.read_bytes()
    packed.write_bytes(damaged)
    other = Store(tmp_path / "other")

    with support.refused("archive.damaged", 12, "answers.tar") as caught:
        read_archive(other, packed)

    assert caught.value.exit_code in (2, 12)
    assert entries_of(other) == []


@pytest.mark.slow
def test_every_flipped_byte_of_an_archive_is_refused_or_harmless(
    packed: Path, store: Store, tmp_path: Path
) -> None:
    """Wherever a bit flips, what is imported is what was exported, or nothing is."""
    whole, expected = packed.read_bytes(), content(store.root / "questions")
    for number, position in enumerate(range(0, len(whole), len(whole) // 80)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << (number % 8)
        packed.write_bytes(flipped)
        other = Store(tmp_path / f"other-{number}")
        try:
            read_archive(other, packed)
        except CliffguardError:
            assert content(other.root) == {}
        else:
            assert content(other.root / "questions") == expected, position


def test_a_member_that_claims_too_much_is_refused(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of a store is as large as that."""
    monkeypatch.setattr(archive_import, "MOST_BYTES", 8_000)

    with support.refused("archive.damaged", 12):
        read_archive(Store(tmp_path / "other"), packed)


def test_a_sparse_member_is_refused(packed: Path, tmp_path: Path) -> None:
    """A file of a few bytes that unpacks to terabytes is no file of ours."""
    changed = members(packed)
    changed[-1][0].pax_headers = {"GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,1"}
    packed_again(packed, changed)

    with pytest.raises(IntegrityError):
        read_archive(Store(tmp_path / "other"), packed)


def manifest(document: Any) -> Callable[[list[Member]], list[Member]]:
    """Return what gives an archive another list."""
    return lambda members: [(members[0][0], json.dumps(document).encode()), *members[1:]]


OTHERS: dict[str, tuple[Callable[[list[Member]], list[Member]], str]] = {
    "another format": (manifest({"format": 4, "files": {}}), "archive.format"),
    "no format": (manifest([]), "archive.format"),
    "no list at its head": (lambda members: members[1:], "archive.none"),
    "empty": (lambda _: [], "archive.none"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_archive_of_something_else_is_the_users_error(
    name: str, packed: Path, tmp_path: Path
) -> None:
    """Exit 2: another file was meant."""
    change, error_id = OTHERS[name]
    packed_again(packed, change(members(packed)), lists_all=False)

    with support.refused(error_id, 2):
        read_archive(Store(tmp_path / "other"), packed)


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x1f\x8b" + b"\0" * 600, None])
def test_what_is_no_tar_file_is_the_users_error(content: bytes | None, tmp_path: Path) -> None:
    """Exit 2 also for a file that is not there, and for a compressed one."""
    path = tmp_path / "a.tar"
    if content is not None:
        path.write_bytes(content)

    with support.refused("archive.no-file" if content is None else "archive.none", 2, "a.tar"):
        read_archive(Store(tmp_path / "other"), path)


def test_an_import_that_is_killed_leaves_a_store_that_verifies(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file was the last to come in, what is there is whole, and the rest can follow."""
    written = archive_import.write_new
    for stop in range(9):
        other = Store(tmp_path / f"other-{stop}")
        left = iter(range(stop))

        def write_new(path: Path, text: str, left: Any = left) -> bool:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return written(path, text)

        monkeypatch.setattr(item_lists, "write_whole", write_new)  # of which there is one
        monkeypatch.setattr(archive_import, "write_new", write_new)
        with pytest.raises(KeyboardInterrupt):
            read_archive(other, packed)
        assert [damage for entry in entries_of(other) for damage in examine(entry)] == []
        monkeypatch.setattr(item_lists, "write_whole", written)
        monkeypatch.setattr(archive_import, "write_new", written)
        read_archive(other, packed)
        assert sum(describe(entry).n_answers for entry in entries_of(other)) == 70 + 70 + 64


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_that_promises_too_much_is_refused(kind: bytes, tmp_path: Path) -> None:
    """A tar of a few bytes may say that a name of an exabyte follows."""
    member = tarfile.TarInfo("a")
    member.type, member.size = kind, 2**60
    (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    with support.refused("archive.none", 2, "a.tar"):
        read_archive(Store(tmp_path / "store"), tmp_path / "a.tar")


@pytest.mark.parametrize("path", ["", "/", "pipe"])
def test_an_export_needs_a_place_for_a_file(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take the place of a device."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "pipe")

    with support.refused("out.no-file", 2), _written_whole(Path(path)):
        pass
