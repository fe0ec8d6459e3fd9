"""Capabilities that share items: a repeat is the same look, and a new name gives nothing back."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Plan, Policy, Review, Store, guard
from cliffguard.core.items import Item
from cliffguard.core.reviews import TakenLooks
from cliffguard.evaluate.capability_runs import CapabilityRun, short
from cliffguard.evaluate.ledger import Account, accounts_of, later_runs, spent_of
from cliffguard.report.json import render_json
from cliffguard.store.looks import merged
from tests import support
from tests.fake_runner import FakeRunner

FIRST = Policy().first_level
FURTHER = Policy().alpha * Policy().reserve / 2


def flips(name: str, item: Item) -> float:
    """Script: a sixth of the items changes, as often for better as for worse."""
    number = int(item.id.split("-")[1])
    return 1.0 if number % 12 > 1 else float((number % 12 == 0) == ("tuned" in name))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two checkpoints."""
    support.write_checkpoint(tmp_path / "base", seed=0)
    support.write_checkpoint(tmp_path / "tuned", seed=1)
    return tmp_path


def plan_of(root: Path, parts: Mapping[str, range], target: str = "") -> Plan:
    """Return a plan over capabilities that are asked these of one file's items."""
    folder = root / "-".join(f"{name}{n.start}.{n.stop}" for name, n in parts.items())
    rows = support.choice_rows(400)
    lines = ["name: small", "version: 1", "description: shared items", "capabilities:"]
    for name, numbers in parts.items():
        support.write_jsonl(folder / f"{name}.jsonl", rows[numbers.start : numbers.stop])
        ring = "target" if name == target else "adjacent"
        lines += [
            f"  {name}:",
            f"    ring: {ring}",
            "    tasks:",
            f"      - {{name: t-{name}, items: {name}.jsonl, level: hops, metric: acc}}",
        ]
    (folder / "small.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    suites = (str(folder / "small.yaml"),)
    return Plan(base=str(root / "base"), candidate=str(root / "tuned"), suites=suites)


def judged(
    root: Path, parts: Mapping[str, range], target: str = "", runner: FakeRunner | None = None
) -> Review:
    """Judge these parts from one store."""
    plan = plan_of(root, parts, target)
    return guard(plan, store=Store(root / "s"), runner=runner or FakeRunner(flips))


def levels(review: Review) -> dict[str, float | None]:
    """Return what each capability might spend."""
    return {
        capability.capability: capability.evidence.level
        for capability in review.comparison.capabilities
    }


SHARED = {
    "same": {"one": range(150), "two": range(150)},
    "within": {"one": range(180), "two": range(120)},
    "three": {"one": range(120), "two": range(40, 160), "three": range(160)},
}


@pytest.mark.slow
@pytest.mark.parametrize("shared", SHARED)
def test_a_repeat_gives_the_same_bytes(workspace: Path, shared: str) -> None:
    """Capabilities of one comparison charge each other nothing, in it and in its repeats."""
    review = judged(workspace, SHARED[shared])

    assert list(levels(review).values()) == pytest.approx([FIRST] * len(SHARED[shared]))
    assert "run 2" not in render_json(review)
    for _ in range(2):
        assert render_json(judged(workspace, SHARED[shared])) == render_json(review)


def test_a_target_that_repeats_a_suite_is_charged_nothing(workspace: Path) -> None:
    """Nor the suite; and the repeat gives the same bytes."""
    parts = {"one": range(120), "two": range(120)}
    first, again = (judged(workspace, parts, target="two") for _ in range(2))

    assert levels(first)["one"] == pytest.approx(FIRST)
    assert "run 2" not in render_json(first)
    assert render_json(again) == render_json(first)


def test_a_second_name_beside_the_first_gives_nothing_back(workspace: Path) -> None:
    """What was judged alone charges a capability that is added with its items, also in repeats."""
    judged(workspace, {"one": range(120)})
    parts = {"one": range(120), "two": range(180)}
    review = judged(workspace, parts)

    assert levels(review) == pytest.approx({"one": FIRST, "two": FURTHER})
    assert "two: run 2 at these two sides" in render_json(review)
    assert render_json(judged(workspace, parts)) == render_json(review)


def test_a_larger_run_of_shared_items_has_what_was_promised(workspace: Path) -> None:
    """Two that shared items are one earlier run to each: what they spent is not spent twice."""
    first = judged(workspace, {"one": range(100), "two": range(20, 120)})
    grown = judged(workspace, {"one": range(180), "two": range(20, 200)})

    promised = [capability.evidence.next_level for capability in first.comparison.capabilities]
    assert list(levels(grown).values()) == pytest.approx(promised) == [FURTHER] * 2
    assert "Earlier ones judged 100 items" in render_json(grown)


# --- any combination, by the ledger alone ---------------------------------------------------------


def looks_told(accounts: Mapping[str, Account], taken: Sequence[TakenLooks]) -> Any:
    """Return what a review tells of the looks that it took and those before it."""
    before = [look for account in accounts.values() for look in account.before]
    return (
        {name: account.level for name, account in accounts.items()},
        later_runs(accounts, Policy()),
        merged(merged((), before), taken),
    )


def taken_by(
    runs: Sequence[CapabilityRun], known: tuple[TakenLooks, ...], policy: Policy, n_looks: int
) -> tuple[tuple[TakenLooks, ...], Any]:
    """Judge runs look by look; return what is known then, and what a review tells."""
    tells: Any = None
    for number in range(1, n_looks + 1):
        counted = {run.capability: run.planned[:number] for run in runs}
        accounts = accounts_of(runs, known, policy, counted)
        taken = [account.closed(counted[name]) for name, account in accounts.items()]
        tells = looks_told(accounts, taken)
        known = merged(known, taken)
    return known, tells


def some_runs(draw: random.Random, *, nested: bool) -> list[CapabilityRun]:
    """Return capabilities that share items, one of them under a second name."""
    runs = []
    for number in range(draw.randint(2, 4)):
        start = 0 if nested else draw.choice((0, 0, 50, 100))
        n_items = draw.randint(60, 110)
        looks = {*draw.sample(range(20, n_items, 7), draw.randint(0, 3)), n_items}
        runs.append(
            CapabilityRun(
                capability=f"c{number}",
                how="p",
                digest=str(number),
                items=frozenset(short(str(item)) for item in range(start, start + n_items)),
                planned=tuple(sorted(looks)),
                spends_evenly=draw.random() < 0.8,
            )
        )
    return [*runs, replace(runs[0], capability="again")]


@pytest.mark.parametrize("seed", range(40))
def test_every_repeat_tells_what_the_first_told(seed: int) -> None:
    """Whatever the comparisons share, whoever was ended early, and under whatever other alpha."""
    draw = random.Random(seed)
    runs = some_runs(draw, nested=draw.random() < 0.5)
    comparisons = [draw.sample(runs, draw.randint(1, len(runs))) for _ in range(3)]
    known: tuple[TakenLooks, ...] = ()
    first: dict[Any, Any] = {}
    for _ in range(8):
        number, alpha = draw.randrange(3), draw.choice((0.05, 0.05, 0.01))
        n_most = max(len(run.planned) for run in comparisons[number])
        n_looks = draw.choice((n_most, n_most, 1))
        known, tells = taken_by(comparisons[number], known, Policy(alpha=alpha), n_looks)

        assert first.setdefault((number, alpha, n_looks), tells) == tells


@pytest.mark.parametrize("seed", range(40))
def test_no_choice_of_names_spends_more_than_alpha(seed: int) -> None:
    """Comparisons of any of the same items under any names spend alpha at most, all together."""
    draw = random.Random(seed)
    runs = some_runs(draw, nested=True)
    known: tuple[TakenLooks, ...] = ()
    for _ in range(5):
        policy = Policy(alpha=draw.choice((0.05, 0.01)))
        known, _ = taken_by(draw.sample(runs, draw.randint(1, len(runs))), known, policy, 4)

        assert spent_of(known) <= 0.05 + 1e-9


def run_of(name: str, n_items: int, *planned: int) -> CapabilityRun:
    """Return a capability that is asked the first of the same items, in these looks."""
    return CapabilityRun(
        capability=name,
        how="p",
        digest=f"{name} {n_items} {planned}",
        items=frozenset(short(str(item)) for item in range(n_items)),
        planned=(*planned, n_items),
        spends_evenly=True,
    )


def test_who_shares_items_goes_on_as_if_not_ended() -> None:
    """Each has its own level at every look, whatever the other one spent at the one before."""
    pair = [run_of("one", 200, 50, 100), run_of("two", 180, 60, 120)]
    known, _ = taken_by(pair, (), Policy(), 1)

    assert taken_by(pair, known, Policy(), 3) == taken_by(pair, (), Policy(), 3)


def test_a_look_that_was_not_planned_is_an_earlier_run() -> None:
    """Ended between looks and begun again, each is charged its own look, and not the other's."""
    pair = [run_of("one", 200, 50, 100), run_of("two", 200, 60, 120)]
    ended = {"one": (50, 70), "two": (60, 90)}
    accounts = accounts_of(pair, (), Policy(), ended)
    known = tuple(account.closed(ended[name]) for name, account in accounts.items())

    same = accounts_of(pair, known, Policy(), ended)
    assert {name: account.level for name, account in same.items()} == {
        name: account.level for name, account in accounts.items()
    }
    on = accounts_of(pair, known, Policy(), {run.capability: run.planned for run in pair})
    for name, items in (("one", 70), ("two", 90)):
        left = Policy().alpha - FIRST * items / 200 - Policy().alpha * Policy().reserve
        assert on[name].level.number == 2
        assert on[name].level.now == pytest.approx(left)
