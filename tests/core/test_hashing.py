"""Digests of files: remembered as long as a file stays what it is, and no longer."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core import hashing
from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.hashing import sha256_of_file, sha256_of_files
from tests import support


@pytest.fixture(autouse=True)
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really read; every file is worth remembering, and has settled."""
    read: list[Path] = []
    whole = hashing.sha256_now

    def counted(path: Path) -> str:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(hashing, "sha256_now", counted)
    monkeypatch.setattr(hashing, "_WORTH_BYTES", 1)
    monkeypatch.setattr(hashing, "_SETTLED_NS", -1)
    return read


def another_process() -> None:
    """Forget what this process knows; what lies on disk stays."""
    hashing._known.clear()


def file(folder: Path, content: bytes = b"weights") -> Path:
    """Write a file."""
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return path


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """Of a file larger than a block, too."""
    content = os.urandom(3 * (1 << 20) + 7)

    assert sha256_of_file(file(tmp_path, content)) == hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    """By this process and by the next."""
    path = file(tmp_path)
    first = sha256_of_file(path)
    another_process()

    assert sha256_of_file(path) == first
    assert reads == [path]


def touched(path: Path) -> None:
    """Change a byte, and set size and mtime to what they were, as copying tools do."""
    before = path.stat()
    time.sleep(0.02)  # longer than a tick of the file system's clock
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    """Put another file in its place."""
    other = path.with_name("other")
    other.write_bytes(b"WEIGHTS")
    other.replace(path)


@pytest.mark.parametrize("change", [touched, replaced])
def test_a_file_that_changed_is_read_again(change: Any, tmp_path: Path) -> None:
    """Size and mtime alone would call it the same."""
    path = file(tmp_path)
    sha256_of_file(path)
    another_process()

    change(path)

    assert sha256_of_file(path) == hashlib.sha256(b"WEIGHTS").hexdigest()


def test_a_file_at_another_path_is_another(tmp_path: Path, reads: list[Path]) -> None:
    """What was noted of one path says nothing of another."""
    (tmp_path / "b").mkdir()
    first, second = file(tmp_path), file(tmp_path / "b", b"others!")

    assert sha256_of_file(first) != sha256_of_file(second)
    assert reads == [first, second]


def test_a_file_that_is_still_written_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[Path]
) -> None:
    """Within one tick of the clock it may change again, and bear the same times."""
    monkeypatch.setattr(hashing, "_SETTLED_NS", 2_000_000_000)
    path = file(tmp_path)
    sha256_of_file(path)
    another_process()

    sha256_of_file(path)

    assert reads == [path, path]


def test_a_file_that_changes_while_it_is_read_is_worth_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one checkpoint and half of the next is no checkpoint."""

    def written(path: Path) -> str:
        path.write_bytes(b"more weights")
        return "0" * 64

    monkeypatch.setattr(hashing, "sha256_now", written)

    with support.refused("file.being-written", 20):
        sha256_of_file(file(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": 7}', "\udcff"])
def test_a_damaged_note_is_none(text: str, tmp_path: Path) -> None:
    """It is a memory, not a record: the file is read again."""
    path = file(tmp_path)
    first = sha256_of_file(path)
    another_process()
    hashing._note(path).write_bytes(text.encode(errors="surrogateescape"))

    assert sha256_of_file(path) == first


@pytest.mark.parametrize("failure", [UsageError("read-only"), InfrastructureError("full")])
def test_where_nothing_can_be_noted_files_are_still_hashed(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only home or a full disk is no reason to stop."""

    def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(hashing, "write_whole", refuse)

    assert len(sha256_of_file(file(tmp_path))) == 64


def test_shards_are_hashed_side_by_side(tmp_path: Path) -> None:
    """Each under its own path, in order."""
    paths = [tmp_path / f"{number}.safetensors" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]))

    digests = sha256_of_files(paths)

    assert list(digests) == paths
    assert list(digests.values()) == [hashlib.sha256(bytes([n])).hexdigest() for n in range(20)]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Of several, too."""
    with support.refused("file.unreadable", 20, "gone.safetensors"):
        sha256_of_files([file(tmp_path), tmp_path / "gone.safetensors"])
