"""Runs that are killed, without disk, or beside another: nothing lost, the same review at the end.

`python -m tests.fault_study` does the same in large numbers; `reports/faults/` has its figures.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cliffguard import Store, guard
from tests import support
from tests.faults import (
    Scripted,
    Tally,
    Workspace,
    damage_files,
    fill_disk,
    fill_tmpfs,
    kill_often,
    n_damaged,
    run,
    run_pairs,
)

N_KILLS = 8


@pytest.fixture(autouse=True)
def quick() -> None:
    """Nothing is shortened: reviews of other processes are compared with one of this process."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A base, a candidate and a suite of seven shards a side."""
    return Workspace.made(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same with three shards a side."""
    return Workspace.made(tmp_path_factory.mktemp("small"), n_items=70, n_said=6)


def assert_nothing_lost(tally: Tally, n_faults: int) -> None:
    """Fail unless there were so many faults, and none did harm."""
    assert tally.faults >= n_faults
    assert tally.reviews >= 1
    assert tally.is_clean, tally


@pytest.mark.slow
def test_a_killed_run_loses_nothing(workspace: Workspace) -> None:
    """Kill -9 at random moments: what was reported is there, the review is the undisturbed one."""
    assert_nothing_lost(kill_often(workspace, N_KILLS), N_KILLS)


@pytest.mark.slow
def test_many_killed_runs_lose_nothing(workspace: Workspace) -> None:
    """The same, often enough to meet a write in its middle."""
    tally = kill_often(workspace, 60, seed=1)

    assert_nothing_lost(tally, 60)
    assert tally.halfway >= 5


@pytest.mark.slow
def test_a_full_disk_loses_nothing(small: Workspace) -> None:
    """No space at some steps of writing: exit 20, and with room again the run goes on."""
    assert_nothing_lost(fill_disk(small, every=11), 8)


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_step_loses_nothing(small: Workspace) -> None:
    """No space at each step of writing in turn."""
    assert_nothing_lost(fill_disk(small), 90)


@pytest.mark.slow
def test_a_file_system_that_is_too_small_loses_nothing(workspace: Workspace) -> None:
    """The same where a real file system has no room left."""
    try:
        tally = fill_tmpfs(workspace, (16, 96, 200))
    except PermissionError as failure:
        pytest.skip(str(failure))

    assert_nothing_lost(tally, 3)


@pytest.mark.slow
def test_two_runs_at_once_lose_nothing(workspace: Workspace) -> None:
    """Two processes ask the same of one empty store; both reviews are that of a run alone."""
    assert_nothing_lost(run_pairs(workspace, 2), 2)


def read_only(*_: object, **__: object) -> None:
    """Refuse to write, as a read-only file system does."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def test_a_read_only_store_is_enough_where_all_is_answered(
    small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base's store may be mounted read-only: nothing is written where nothing is asked."""
    store = Store(tmp_path / "store")
    whole = guard(small.plan, store=store, runner=Scripted(), stops_early=False)
    for step in ("tempfile.mkstemp", "os.link", "os.replace", "pathlib.Path.mkdir"):
        monkeypatch.setattr(step, read_only)

    assert guard(small.plan, store=store, runner=Scripted(), stops_early=False) == whole


def test_a_read_only_store_that_lacks_an_answer_is_the_users_error(
    small: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 in one line, and what is stored stays."""
    store = Store(tmp_path / "store")
    guard(small.plan, store=store, runner=Scripted(), stops_early=False)
    sorted(store.root.rglob("0001.jsonl"))[0].unlink()
    monkeypatch.setattr("tempfile.mkstemp", read_only)

    with support.refused("file.not-written", 2, "0001.jsonl"):
        guard(small.plan, store=store, runner=Scripted(), stops_early=False)
    assert n_damaged(store.root) == 0


@pytest.mark.slow
def test_damage_is_noticed_and_mended(small: Workspace) -> None:
    """Flipped, torn, emptied and lost files are refused or harmless; repaired, the run goes on."""
    flips = damage_files(small, 12)

    assert flips.unnoticed == 0
    assert flips.refused >= 8
    assert flips.repaired == flips.faults == 12


def test_the_study_would_notice_a_lost_answer(small: Workspace, tmp_path: Path) -> None:
    """A shard that is gone after it was reported counts as lost."""
    store, reports = tmp_path / "store", tmp_path / "log"
    run(small, store, tmp_path / "review", reports)
    tally = Tally()

    sorted(store.rglob("0000.jsonl"))[0].unlink()
    tally.check(store, reports)

    assert tally.answers_lost == 1
    assert not tally.is_clean
