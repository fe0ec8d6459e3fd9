"""A checkpoint against itself: what flips, what drifts, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Plan, Store
from cliffguard.corridor import find_alone
from cliffguard.errors import StoreError
from cliffguard.noise import NoiseFloor, measure_noise, stored_flips
from cliffguard.plans import RunnerSettings
from cliffguard.records import Item
from cliffguard.runners.fake import FakeRunner
from tests import support
from tests.cli.test_verbs import run

Flips = Callable[[int], bool]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """One checkpoint and a suite of 300 ladder items and 80 generated ones."""
    suite = support.write_suite(tmp_path / "suite", n_items=300, n_said=80)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    return Plan(candidate=str(base), suites=(str(suite),), offline=True)


def otherwise(plan: Plan) -> Plan:
    """Return the plan of the second time."""
    return replace(plan, runner=RunnerSettings(batch_size=1))


def flipping(worse: Flips, better: Flips = lambda _: False) -> Callable[[Plan], FakeRunner]:
    """Return runners of which the second answers otherwise, by the number in an item's id."""

    def make(plan: Plan) -> FakeRunner:
        def script(_: str, item: Item) -> float:
            number = int(item.id.split("-")[1])
            if plan.runner.batch_size == 1:
                return float(not worse(number))
            return float(not better(number))

        return FakeRunner(script)

    return make


def floor(plan: Plan, store: Store, make: Callable[[Plan], FakeRunner]) -> NoiseFloor:
    """Return the noise floor under scripted answers."""
    checkpoint = find_alone(plan)
    return measure_noise(checkpoint, plan, otherwise(plan), store=store, make_runner=make)


def test_the_same_answers_have_no_noise(plan: Plan, tmp_path: Path) -> None:
    """No flip, no drift, and no margin is too small."""
    found = floor(plan, Store(tmp_path / "store"), flipping(lambda _: False))

    assert [one.capability for one in found.capabilities] == ["reasoning", "saying"]
    assert all(one.flips == 0 and one.p_drift == 1.0 for one in found.capabilities)
    assert not any(one.has_drifted or one.is_above_margin for one in found.capabilities)
    assert found.against == "one sequence at a time"


def test_flips_both_ways_are_noise_and_no_drift(plan: Plan, tmp_path: Path) -> None:
    """Twenty items worse and twenty better of three hundred."""
    make = flipping(lambda n: n % 15 == 0, lambda n: n % 15 == 1)
    reasoning = floor(plan, Store(tmp_path / "store"), make).capabilities[0]

    assert (reasoning.n_worse, reasoning.n_better) == (20, 20)
    assert reasoning.flips == pytest.approx(40 / 300)
    assert not reasoning.has_drifted
    assert not reasoning.is_above_margin  # 3.5 points at the most, and the margin is 5


@pytest.mark.parametrize("goes", ["down", "up"])
def test_a_mean_that_moves_is_drift(plan: Plan, tmp_path: Path, goes: str) -> None:
    """In either direction: the instrument differs, not the model."""
    both = [lambda n: n % 10 == 0, lambda _: False]
    make = flipping(*(both if goes == "down" else both[::-1]))

    reasoning, saying = floor(plan, Store(tmp_path / "store"), make).capabilities

    assert reasoning.has_drifted
    assert saying.p_drift <= 0.05
    assert reasoning.is_above_margin
    assert reasoning.drop == pytest.approx(0.1 if goes == "down" else -0.1)


def test_the_floor_is_stored_with_the_base(plan: Plan, tmp_path: Path) -> None:
    """By task, and only of this checkpoint."""
    store = Store(tmp_path / "store")
    floor(plan, store, flipping(lambda n: n % 15 == 0, lambda n: n % 15 == 1))
    other = support.write_checkpoint(tmp_path / "other", seed=3)

    assert stored_flips(store, find_alone(plan)) == {
        "ball": pytest.approx(40 / 300),
        "say": pytest.approx(12 / 80),
    }
    assert stored_flips(store, find_alone(replace(plan, candidate=str(other)))) == {}


def test_a_damaged_floor_is_named(plan: Plan, tmp_path: Path) -> None:
    """Like anything else in the store."""
    store = Store(tmp_path / "store")
    floor(plan, store, flipping(lambda _: False))
    for path in store.root.rglob("noise.json"):
        path.write_text('{"flips": "many"}')

    with pytest.raises(StoreError, match=r"noise.json does not hold counts; remove this directory"):
        stored_flips(store, find_alone(plan))


def test_the_second_time_is_asked_and_not_read(plan: Plan, tmp_path: Path) -> None:
    """Its answers have a key of their own; a third time asks nothing."""
    store = Store(tmp_path / "store")
    runners: list[FakeRunner] = []

    def make(_: Plan) -> FakeRunner:
        runners.append(FakeRunner(lambda *_: 1.0))
        return runners[-1]

    floor(plan, store, make)
    floor(plan, store, make)

    assert [runner.n_asked for runner in runners] == [380, 380, 0, 0]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Flips], None]:
    """Let the command line ask a script that answers otherwise the second time."""

    def use(worse: Flips) -> None:
        def make(settings: RunnerSettings, **_: Any) -> FakeRunner:
            return flipping(worse)(Plan(candidate="x", suites=("y",), runner=settings))

        monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", make)

    return use


def words(plan: Plan, tmp_path: Path) -> list[str]:
    """Return the command line."""
    return ["noise", plan.candidate, "-s", plan.suites[0], "--store", str(tmp_path / "store")]


def test_the_verb_tells_what_flips(
    plan: Plan, tmp_path: Path, scripted: Callable[[Flips], None]
) -> None:
    """As a table, and as one object."""
    scripted(lambda n: n in (3, 5))

    told = run(*words(plan, tmp_path), "-q")
    data = json.loads(run(*words(plan, tmp_path), "--format", "json", "-q").stdout)

    assert told.exit_code == 0
    assert "base against itself: one sequence at a time" in told.stdout
    assert data["capabilities"][0]["n_worse"] == 2
    assert data["capabilities"][0]["flips"] == pytest.approx(2 / 300)


def test_proven_drift_exits_12(
    plan: Plan, tmp_path: Path, scripted: Callable[[Flips], None]
) -> None:
    """No comparison over such an instrument can be trusted."""
    scripted(lambda n: n % 10 == 0)

    told = run(*words(plan, tmp_path), "-q")

    assert told.exit_code == 12
    assert "its own mean moved in reasoning, saying (one sequence at a time)" in told.stderr
    assert "a margin of 5 points is not above" in told.stdout
