"""A checkpoint against itself: what flips, what drifts, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Plan, Store
from cliffguard.core.items import Item
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.evaluate.allocation import stored_flips
from cliffguard.gate import find_alone
from cliffguard.planning.self_test import NoiseFloor, measure_noise
from tests import support
from tests.cli.test_verbs import run
from tests.fake_runner import FakeRunner

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
    noise = floor(plan, Store(tmp_path / "store"), flipping(lambda _: False))

    assert [capability.capability for capability in noise.capabilities] == ["reasoning", "saying"]
    assert all(
        capability.flips == 0 and capability.p_drift == 1.0 for capability in noise.capabilities
    )
    assert not any(
        capability.has_drifted or capability.reaches_margin for capability in noise.capabilities
    )
    assert noise.against == "one sequence at a time"


def test_flips_both_ways_are_noise_and_no_drift(plan: Plan, tmp_path: Path) -> None:
    """Twenty items worse and twenty better of three hundred."""
    make = flipping(lambda n: n % 15 == 0, lambda n: n % 15 == 1)
    reasoning = floor(plan, Store(tmp_path / "store"), make).capabilities[0]

    assert (reasoning.n_worse, reasoning.n_better) == (20, 20)
    assert reasoning.flips == pytest.approx(40 / 300)
    assert not reasoning.has_drifted
    assert reasoning.reaches_margin  # 13 % flip, and the margin is 5 points


@pytest.mark.parametrize("goes", ["down", "up"])
def test_a_mean_that_moves_is_drift(plan: Plan, tmp_path: Path, goes: str) -> None:
    """In either direction: the instrument differs, not the model."""
    both = [lambda n: n % 10 == 0, lambda _: False]
    make = flipping(*(both if goes == "down" else both[::-1]))

    reasoning, saying = floor(plan, Store(tmp_path / "store"), make).capabilities

    assert reasoning.has_drifted
    assert saying.p_drift <= 0.05
    assert reasoning.drop == pytest.approx(0.1 if goes == "down" else -0.1)


def test_the_floor_is_stored_with_the_base(plan: Plan, tmp_path: Path) -> None:
    """By task, and only of this checkpoint."""
    store = Store(tmp_path / "store")
    floor(plan, store, flipping(lambda n: n % 15 == 0, lambda n: n % 15 == 1))
    other = support.write_checkpoint(tmp_path / "other", seed=3)

    assert stored_flips(store, find_alone(plan)) == {"ball": (40, 300), "say": (12, 80)}
    assert stored_flips(store, find_alone(replace(plan, candidate=str(other)))) == {}


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_floors_planning_takes_the_highest(
    first: int, plan: Plan, tmp_path: Path
) -> None:
    """Of a model asked under several protocols, whichever of them lies first in the store."""
    store = Store(tmp_path / "store")
    noisy = flipping(lambda n: n % 15 == 0, lambda n: n % 15 == 1)
    makes = [noisy, flipping(lambda _: False)]
    for seed, make in enumerate(makes[:: -1 if first else 1]):
        floor(replace(plan, protocol=EvalSettings(seed=seed)), store, make)

    assert stored_flips(store, find_alone(plan)) == {"ball": (40, 300), "say": (12, 80)}


def test_a_damaged_floor_is_named(plan: Plan, tmp_path: Path) -> None:
    """Like anything else in the store."""
    store = Store(tmp_path / "store")
    floor(plan, store, flipping(lambda _: False))
    for path in store.root.rglob("noise.json"):
        path.write_text('{"flips": "many"}')

    with support.refused("store.damaged", 12, "noise.json", "cliffguard store"):
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

    result = run(*words(plan, tmp_path), "-q")
    data = json.loads(run(*words(plan, tmp_path), "--format", "json", "-q").stdout)

    assert result.exit_code == 0
    assert "base against itself: one sequence at a time" in result.stdout
    assert data["capabilities"][0]["n_worse"] == 2
    assert data["capabilities"][0]["flips"] == pytest.approx(2 / 300)


def test_proven_drift_exits_12(
    plan: Plan, tmp_path: Path, scripted: Callable[[Flips], None]
) -> None:
    """No comparison over such an instrument can be trusted."""
    scripted(lambda n: n % 10 == 0)

    result = run(*words(plan, tmp_path), "-q")

    assert result.exit_code == 12
    assert "error[noise.moved]" in result.stderr
    assert "reasoning, saying" in result.stderr
    assert "as many items flip by themselves as a margin of 5 points allows" in result.stdout


def test_noise_is_of_one_process(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several would ask in other batches, and it would be theirs."""
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("WORLD_SIZE", "2")

    result = run(*words(plan, tmp_path), "-q")

    assert result.exit_code == 2
    assert "error[noise.launcher]" in result.stderr


def test_answers_of_another_device_are_no_second_measurement(plan: Plan, tmp_path: Path) -> None:
    """The device is not in a question's key: what the store holds may be of another one."""
    store = Store(tmp_path / "store")
    floor(plan, store, flipping(lambda _: False))

    class Elsewhere(FakeRunner):
        def notes(self) -> dict[str, str]:
            return {"device": "cuda (a card)"}

    with support.refused("store.measured-elsewhere", 2):
        floor(plan, store, lambda _: Elsewhere(lambda *_: 1.0))


def test_what_had_no_score_is_named(plan: Plan, tmp_path: Path) -> None:
    """An empty row is not a calm one."""

    def make(_: Plan) -> FakeRunner:
        return FakeRunner(lambda _, item: None if item.id.startswith("say") else 1.0)

    noise = floor(plan, Store(tmp_path / "store"), make)

    assert noise.unscored == ("saying",)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--other-dtype", "bfloat16"], "against itself: dtype bfloat16\n"),
        ([], "against itself: one sequence at a time\n"),
    ],
)
def test_one_thing_is_other_at_a_time(
    plan: Plan, tmp_path: Path, scripted: Callable[[Flips], None], more: list[str], says: str
) -> None:
    """Or nobody knows which of them it was."""
    scripted(lambda _: False)

    assert says in run(*words(plan, tmp_path), *more, "-q").stdout


@pytest.mark.parametrize(
    ("reason", "against"), [(None, "packing plain"), ("it squeaks", "asked again")]
)
def test_what_is_plain_anyway_is_not_packed_otherwise(
    plan: Plan, tmp_path: Path, reason: str | None, against: str
) -> None:
    """Plain against plain shows nothing of packing, and does not say that it does."""

    class Low(FakeRunner):
        def dtype(self, protocol: EvalSettings) -> str:
            return "bfloat16"

        def must_try_packing(self, protocol: EvalSettings) -> bool:
            return protocol.packing == "auto"

        def try_packing(self, *_: Any) -> str | None:
            return reason

    other = replace(plan, protocol=replace(plan.protocol, packing="plain"))
    noise = measure_noise(
        find_alone(plan), plan, other,
        store=Store(tmp_path / "store"), make_runner=lambda _: Low(lambda *_: 1.0),
    )  # fmt: skip

    assert noise.against == against


def test_batches_of_another_model_are_its_own(plan: Plan, tmp_path: Path) -> None:
    """It is asked one at a time anyway, or as it likes."""
    result = run(*words(plan, tmp_path), "--model", "vllm")

    assert result.exit_code == 2
    assert "the batches of vllm are its own; say what is to be other" in result.stderr
