"""What is kept of a pair decides: no other record takes its place, and none contradicts itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core import hashing
from cliffguard.run.measured import read_pair
from cliffguard.store.answers import Store
from cliffguard.store.pairs import PairFile, keep_pair_file, pair_files, read_pair_file
from tests import support
from tests.cli.test_bundle import error_of, run, scripted
from tests.support import loses_hard_levels


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The words that measure a pair of which the candidate lost hard levels."""
    monkeypatch.setattr(hashing, "user_cache_path", lambda _: tmp_path / "cache")
    scripted(monkeypatch, loses_hard_levels)
    base, tuned = (
        str(support.write_checkpoint(tmp_path / name, seed=seed))
        for seed, name in enumerate(("base", "tuned"))
    )
    suite = support.write_suite(tmp_path / "suite", n_items=60, n_said=20)
    return ("measure", base, tuned, "--suite", str(suite))


def policy_of(folder: Path, text: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(text)
    return str(path)


def test_no_imported_record_replaces_one_that_is_there(
    sides: tuple[str, ...], tmp_path: Path
) -> None:
    """By its policy a pair is judged, and a loose one would let a loss pass."""
    here, bundle = str(tmp_path / "here"), str(tmp_path / "loose.tar")
    loose = policy_of(tmp_path, "capabilities: {reasoning: {margin: 0.5}}\n")
    there = ("--store", str(tmp_path / "there"), "--policy", loose, "--bundle", bundle)
    assert run(*sides, *there).exit_code == 0
    assert run(*sides, "--store", here).exit_code == 0
    before = pair_files(Store(Path(here)))[0].read_bytes()

    result = run("store", "import", bundle, "--store", here)

    assert (result.exit_code, error_of(result)) == (12, "archive.conflict")
    assert pair_files(Store(Path(here)))[0].read_bytes() == before


def test_a_direction_is_not_turned_after_measuring(sides: tuple[str, ...], tmp_path: Path) -> None:
    """Metrics of items of ours are better high, for `compare` as for `check`."""
    bundle = str(tmp_path / "run.tar")
    assert run(*sides, "--store", str(tmp_path / "store"), "--bundle", bundle).exit_code == 0
    policy = policy_of(tmp_path, "capabilities: {reasoning: {lower_is_better: true}}\n")

    result = run("compare", bundle, "--policy", policy, "--store", str(tmp_path / "ci"))

    assert (result.exit_code, error_of(result)) == (2, "policy.direction-contradicts")


def test_a_refused_measurement_leaves_no_bundle(sides: tuple[str, ...], tmp_path: Path) -> None:
    """Whoever judges what lies there would judge the run before."""
    bundle = tmp_path / "run.tar"
    words = (*sides, "--store", str(tmp_path / "store"), "--bundle", str(bundle))
    assert run(*words).exit_code == 0
    assert bundle.exists()
    support.write_checkpoint(tmp_path / "tuned", seed=0)  # the base's weights

    assert run(*words).exit_code == 12
    assert not bundle.exists()


def no_suites(noted: dict[str, Any]) -> None:
    noted["survey"]["suites"] = []


def against_itself(noted: dict[str, Any]) -> None:
    noted["survey"]["candidate"] = noted["survey"]["base"]


def never_wrong(noted: dict[str, Any]) -> None:
    noted["survey"]["tasks"][0]["chance"] = 5.0


def no_questions(noted: dict[str, Any]) -> None:
    noted["questions"] = []


def an_item_twice(noted: dict[str, Any]) -> None:
    items = noted["survey"]["tasks"][0]["items"]
    items.append(items[0])


@pytest.mark.parametrize(
    "change", [no_suites, against_itself, never_wrong, no_questions, an_item_twice]
)
def test_a_record_that_contradicts_itself_is_refused(
    change: Callable[[dict[str, Any]], None], sides: tuple[str, ...], tmp_path: Path
) -> None:
    """A seal finds accidents alone: whoever writes a record writes its seal."""
    store = Store(tmp_path / "store")
    assert run(*sides, "--store", str(store.root)).exit_code == 0
    (path,) = pair_files(store)
    pair = read_pair_file(path)
    noted = json.loads(json.dumps(pair.noted))
    change(noted)
    is_one = noted["survey"]["base"] == noted["survey"]["candidate"]
    written = (pair.sides[0], pair.sides[0]) if is_one else pair.sides
    altered = keep_pair_file(store, path.stem, PairFile(written, noted))

    with support.refused("pair.damaged", 12):
        read_pair(altered)
