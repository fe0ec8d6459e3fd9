"""What a bundle is on disk: altered ones are one line, and no library that answers is needed."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core import hashing
from cliffguard.core.canonical_json import digest
from cliffguard.store.maintenance.archive import MANIFEST
from tests import support
from tests.cli.test_bundle import error_of, run, scripted
from tests.store.maintenance.test_archive import Member, members, packed_again
from tests.support import loses_hard_levels


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a pair of which the candidate lost hard levels."""
    folder = tmp_path_factory.mktemp("bundle")
    base, tuned = (
        str(support.write_checkpoint(folder / name, seed=seed))
        for seed, name in enumerate(("base", "tuned"))
    )
    suite = str(support.write_suite(folder / "suite", n_items=90, n_said=20))
    path = folder / "run.tar"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hashing, "user_cache_path", lambda _: folder / "cache")
        scripted(patched, loses_hard_levels)
        where = ("--store", str(folder / "store"), "--bundle", str(path))
        result = run("measure", base, tuned, "--suite", suite, *where)
    assert result.exit_code == 0, result.output
    return path


def flipped(kind: str) -> Callable[[Path], None]:
    """Return what changes a byte in the midst of the first member of a kind."""

    def change(path: Path) -> None:
        with tarfile.open(path) as tar:
            member = next(m for m in tar.getmembers() if kind in m.name)
        data = bytearray(path.read_bytes())
        data[member.offset_data + member.size // 2] ^= 1
        path.write_bytes(data)

    return change


def cut(share: float) -> Callable[[Path], None]:
    """Return what cuts a file."""
    return lambda path: path.write_bytes(path.read_bytes()[: int(len(path.read_bytes()) * share)])


def repacked(
    change: Callable[[list[Member]], list[Member]], *, lists_all: bool = True, format: int = 3
) -> Callable[[Path], None]:
    """Return what writes the changed members anew; `lists_all`: with their digests."""
    return lambda path: packed_again(
        path, change(members(path)), lists_all=lists_all, format=format
    )


def noted(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return what changes what is noted of the pair, under a seal of its own."""

    def alter(rows: list[Member]) -> list[Member]:
        return [
            (member, resealed(data) if member.name.startswith("pairs/") else data)
            for member, data in rows
        ]

    def resealed(data: bytes) -> bytes:
        value = json.loads(data)
        del value["seal"]
        change(value["noted"])
        return json.dumps({**value, "seal": digest(value)}).encode()

    return repacked(alter)


def linked(rows: list[Member]) -> list[Member]:
    """Make a link of the last member."""
    rows[-1][0].type, rows[-1][0].linkname = tarfile.SYMTYPE, "/etc/passwd"
    return rows


def outside(rows: list[Member]) -> list[Member]:
    """Let the last member lie elsewhere."""
    rows[-1][0].name = "../escaped.json"
    return rows


def compressed(path: Path) -> None:
    """Write what unpacks to far more than it is."""
    import gzip

    path.write_bytes(gzip.compress(b"\0" * 10_000_000))


def unsealed(rows: list[Member]) -> list[Member]:
    """Change what is noted of the pair, and leave the seal that was there."""
    return [(m, data.replace(b'"dtype": "float32"', b'"dtype": "float16"')) for m, data in rows]


def huge(path: Path) -> None:
    """Let the second header promise more bytes than there are."""
    data = bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        second = tar.getmembers()[1]
    header = tarfile.TarInfo(second.name)
    header.size = 2**33 - 1
    data[second.offset : second.offset + 512] = header.tobuf(tarfile.USTAR_FORMAT)
    path.write_bytes(data)


DAMAGED, NONE = (12, "archive.damaged"), (2, "archive.none")
ALTERED: dict[str, tuple[Callable[[Path], None], tuple[int, str]]] = {
    "a byte of the list": (flipped(MANIFEST), DAMAGED),
    "a byte of a pair": (flipped("pairs/"), DAMAGED),
    "a byte of a shard": (flipped("/shards/"), DAMAGED),
    "a byte of a question": (flipped("question.json"), DAMAGED),
    "a byte of the items": (flipped("items/"), DAMAGED),
    "cut in the midst": (cut(0.5), DAMAGED),
    "cut in the first member": (cut(0.001), NONE),
    "a member less": (repacked(lambda rows: rows[:-1], lists_all=False), DAMAGED),
    "a member more": (
        repacked(lambda rows: [*rows, (tarfile.TarInfo("more"), b"")], lists_all=False), DAMAGED,
    ),
    "a member twice": (repacked(lambda rows: [*rows, rows[-1]]), DAMAGED),
    "a link": (repacked(linked), DAMAGED),
    "a path outside": (repacked(outside), DAMAGED),
    "compressed": (compressed, NONE),
    "a size beyond all": (huge, DAMAGED),
    "a format of tomorrow": (repacked(lambda rows: rows, format=4), (2, "archive.format")),
    "no pair": (
        repacked(lambda rows: [r for r in rows if not r[0].name.startswith("pairs/")], format=2),
        (2, "bundle.no-pair"),
    ),
    "a pair against its seal": (repacked(unsealed), DAMAGED),
    "a pair of tomorrow": (noted(lambda value: value.update(format=2)), (2, "pair.format")),
    "a key of tomorrow": (
        noted(lambda value: value["survey"].update(more=1)), (2, "pair.format"),
    ),
    "a pair of nothing": (noted(lambda value: value.pop("survey")), (2, "file.unexpected")),
    "a pair of other answers": (
        noted(lambda value: value.update(runner="somebody else")), (2, "pair.lacks-answers"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_bundle_is_one_line(name: str, bundle: Path, tmp_path: Path) -> None:
    """Nothing is judged by it, and nothing of it stays."""
    alter, expected = ALTERED[name]
    path = tmp_path / "run.tar"
    path.write_bytes(bundle.read_bytes())
    alter(path)

    result = run("compare", str(path), "--store", str(tmp_path / "store"))

    assert (result.exit_code, error_of(result)) == expected
    assert not (tmp_path / "store" / "questions").exists()


def test_an_unaltered_bundle_is_judged_after_it_was_packed_again(
    bundle: Path, tmp_path: Path
) -> None:
    """What the tests above change, and not how they write it, is what is refused."""
    path = tmp_path / "run.tar"
    path.write_bytes(bundle.read_bytes())
    repacked(lambda rows: rows)(path)

    assert run("compare", str(path)).exit_code == 10


@pytest.mark.parametrize(
    ("words", "error_id"),
    [
        (("nope.tar",), "archive.no-file"),
        (("nope.tar.gz",), "archive.no-file"),
        (("packed.tar.gz",), "archive.none"),
        (("pipe",), "archive.none"),
        (("run.tar", "run.tar"), "bundle.as-side"),
        (("base", "nope.tar"), "bundle.as-side"),
        (("nope",), "compare.one-side"),
    ],
)
def test_what_is_called_like_a_bundle_is_refused_as_one(
    words: tuple[str, ...],
    error_id: str,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody who misspelt a file or packed it is asked for the other side."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(bundle, "run.tar")
    Path("packed.tar.gz").write_bytes(gzip.compress(bundle.read_bytes()))
    os.mkfifo("pipe")

    result = run("compare", *words)

    assert (result.exit_code, error_of(result)) == (2, error_id)


def test_a_bundle_can_be_imported_and_judged_by_name(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what `store export` writes, with the pair beside the answers."""
    monkeypatch.chdir(tmp_path)
    store = ("--store", str(tmp_path / "store"))
    assert run("store", "import", str(bundle), *store).exit_code == 0

    assert run("compare", "base", "tuned", *store).exit_code == 10


def test_a_damaged_pair_of_a_store_is_seen_and_moved_aside(bundle: Path, tmp_path: Path) -> None:
    """`store verify` reads what was noted of pairs, and `prune` removes it with its checkpoint."""
    store = ("--store", str(tmp_path / "store"))
    run("store", "import", str(bundle), *store)
    shown = run("store", "prune", "--checkpoint", "tuned", *store).stdout
    assert "a pair that was measured" in shown
    (pair,) = (tmp_path / "store" / "pairs").iterdir()
    flip = bytearray(pair.read_bytes())
    flip[len(flip) // 2] ^= 1
    pair.write_bytes(flip)

    assert run("store", "verify", *store).exit_code == 12
    refused = run("compare", "base", "tuned", *store)
    assert (refused.exit_code, error_of(refused)) == (12, "pair.damaged")
    assert run("store", "verify", "--repair", *store).exit_code == 0
    assert run("store", "verify", *store).exit_code == 0


LIBRARIES = (
    "torch", "transformers", "peft", "lm_eval", "datasets", "pyarrow", "accelerate", "safetensors",
    "gguf", "tokenizers", "matplotlib",
)  # fmt: skip
_WITHOUT = f"""
import sys

class Without:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {LIBRARIES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
from cliffguard.cli.app import app
app()
"""


@pytest.mark.slow
def test_no_library_that_answers_is_needed(bundle: Path, tmp_path: Path) -> None:
    """Where there is neither torch nor any other library of models, a bundle is judged."""

    def apart(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _WITHOUT, *words], capture_output=True, text=True, check=False
        )

    out = tmp_path / "out"
    done = apart("compare", str(bundle), "--out", str(out), "--store", str(tmp_path / "store"))
    assert done.returncode == 10, done.stderr
    review = json.loads((out / "review.json").read_text())
    assert review["verdict"]["outcome"] == "FAIL"

    printed = apart("report", str(out / "review.json"), "--format", "markdown")
    assert printed.returncode in (0, 10), printed.stderr
    assert "REGRESSED" in printed.stdout
