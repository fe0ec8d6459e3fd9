"""Items that never change, by the stored answers of many checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard import Plan, Store, guard
from cliffguard.cli.app import app
from cliffguard.core.items import Item, Task
from cliffguard.store.saturation import item_saturation
from cliffguard.suites.loading import load_suite
from tests import support
from tests.fake_runner import FakeRunner


def changing(name: str, item: Item) -> float:
    """Script: of a ball's items the first tenth is always wrong, the last depends on the side."""
    number = int(item.id.rpartition("-")[2])
    if number < 6:
        return 0.0
    return 1.0 if number < 54 or "base" in name else 0.0


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of 60 ladder items and six generated ones."""
    return support.write_suite(tmp_path / "suite", n_items=60, n_said=6)


@pytest.fixture
def store(tmp_path: Path, suite: Path) -> Store:
    """A store with the answers of a base and two fine-tunes to all items."""
    store = Store(tmp_path / "store")
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    for number in (1, 2):
        tuned = support.write_checkpoint(tmp_path / f"tuned{number}", seed=number)
        plan = Plan(base=str(base), candidate=str(tuned), suites=(str(suite),), offline=True)
        guard(plan, store=store, runner=FakeRunner(changing), stops_early=False)
    return store


def tasks_of(suite: Path) -> list[Task]:
    """Return the tasks of a suite file."""
    return [task for c in load_suite(str(suite)).capabilities for task in c.tasks]


def test_items_that_never_change_are_counted(store: Store, suite: Path) -> None:
    """Over three checkpoints, the always right and the always wrong apart."""
    ball, saying = item_saturation(store, tasks_of(suite))

    assert (ball.task, ball.n_checkpoints, ball.n_items) == ("ball", 3, 60)
    assert (ball.n_always_right, ball.n_always_wrong) == (48, 6)
    assert ball.share == pytest.approx(0.9)
    assert saying.n_always_wrong == 6


def test_two_checkpoints_say_nothing(tmp_path: Path, suite: Path) -> None:
    """What one fine-tune left alone, another may change."""
    store = Store(tmp_path / "store")
    sides = [str(support.write_checkpoint(tmp_path / name, seed=n)) for n, name in enumerate("ab")]
    plan = Plan(base=sides[0], candidate=sides[1], suites=(str(suite),), offline=True)
    guard(plan, store=store, runner=FakeRunner(changing))

    assert item_saturation(store, tasks_of(suite)) == ()


def test_other_protocols_are_not_mixed(store: Store, suite: Path, tmp_path: Path) -> None:
    """An item that changes with the number of shots has not changed by a fine-tune."""
    tuned = support.write_checkpoint(tmp_path / "tuned9", seed=9)
    plan = Plan(
        base=str(tmp_path / "base"), candidate=str(tuned), suites=(str(suite),), offline=True
    )
    shots = replace(plan, protocol=replace(plan.protocol, num_fewshot=1))
    guard(shots, store=store, runner=FakeRunner(lambda *_: 0.0), stops_early=False)

    assert item_saturation(store, tasks_of(suite))[0].n_always_right == 48


def test_check_says_which_tasks_hardly_change(store: Store, suite: Path) -> None:
    """With the store at hand."""
    result = CliRunner().invoke(
        app, ["suites", "check", str(suite), "--store", str(store.root)], catch_exceptions=False
    )

    assert (
        "! ball: 90 % of 60 items never changed over 3 stored checkpoints (48 always right, 6 "
        "always wrong): they cost time and tell little"
    ) in result.stdout
