"""Items in two halves: alike in all but chance, and neither knows of the other."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cliffguard.core.canonical_json import digest
from cliffguard.core.items import Item, Task
from cliffguard.core.policy import CapabilityPolicy
from cliffguard.core.settings import EvalSettings, Plan, Policy
from cliffguard.run.halves import Halves, halved, kept_half
from tests import support


def item(number: int, *, level: int | None = None, cluster: str | None = None) -> Item:
    """Return an item of its own."""
    return replace(support.item(number, level=level), cluster=cluster)


def task(name: str, items: Sequence[Item], *, capability: str = "reasoning") -> Task:
    """Return a task of this name."""
    return replace(support.task(items), name=name, capability=capability, digest=digest(name))


def halves_of(*tasks: Task, seed: int = 0, policy: Policy | None = None) -> Halves:
    """Return the halves of tasks under a seed."""
    return halved(tasks, EvalSettings(seed=seed), policy or Policy())


def digests(tasks: Sequence[Task]) -> list[list[str]]:
    """Return what lies in a half, task by task."""
    return [sorted(i.digest for i in part.items) for part in tasks]


def plan(half: object = None, **protocol: int) -> Plan:
    """Return a plan of a half."""
    settings = EvalSettings(**protocol)  # type: ignore[arg-type]
    return Plan(candidate="c", suites=("s",), protocol=settings, half=half)  # type: ignore[arg-type]


def test_every_item_is_in_one_half() -> None:
    """And in no other."""
    tasks = [task("a", [item(n) for n in range(31)]), task("b", [item(n) for n in range(40, 45)])]

    halves = halves_of(*tasks)

    for whole, first, second in zip(tasks, halves.selection, halves.judged, strict=True):
        parts = [[i.id for i in half.items] for half in (first, second)]
        assert sorted(parts[0] + parts[1]) == sorted(i.id for i in whole.items)


@pytest.mark.parametrize("seed", range(5))
def test_either_half_has_as_many_of_each_level_of_each_task(seed: int) -> None:
    """Of an odd number, one more."""
    items = [item(n, level=n % 3) for n in range(50)]
    halves = halves_of(task("a", items[:35]), task("b", items[35:]), seed=seed)

    for first, second in zip(*halves, strict=True):
        counts = [Counter(i.level for i in half.items) for half in (first, second)]
        assert all(abs(counts[0][level] - counts[1][level]) <= 1 for level in range(3))


def ties() -> dict[str, tuple[list[Task], list[set[str]]]]:
    """Return tasks of which some items are tied, and the ids that belong together."""
    prompts = [replace(item(n), prompt=f"document {n // 3}") for n in range(30)]
    copies = [replace(item(n), prompt=f"copy {n % 10}", digest=digest(n % 10)) for n in range(30)]
    clustered = [item(n, cluster=f"c{n % 7}") for n in range(30)]
    named = {i.id: {"topic": f"t{n % 6}"} for n, i in enumerate(map(item, range(30)))}
    return {
        "cluster": (
            [task("a", clustered[:20]), task("b", clustered[20:])],
            [{f"item-{n}" for n in range(30) if n % 7 == k} for k in range(7)],
        ),
        "copies in two tasks": (
            [task("a", copies[:15], capability="x"), task("b", copies[15:], capability="y")],
            [{f"item-{n}" for n in range(30) if n % 10 == k} for k in range(10)],
        ),
        "a document": (
            [task("a", prompts)],
            [{f"item-{n}" for n in range(30) if n // 3 == k} for k in range(10)],
        ),
        "a field of the policy": (
            [replace(task("a", [item(n) for n in range(30)]), fields=named)],
            [{f"item-{n}" for n in range(30) if n % 6 == k} for k in range(6)],
        ),
    }


@pytest.mark.parametrize("kind", ties())
@pytest.mark.parametrize("seed", range(3))
def test_what_is_tied_stays_together(kind: str, seed: int) -> None:
    """A judged item of a cluster of the selection would know what was chosen for."""
    tasks, together = ties()[kind]
    policy = Policy(capabilities={"reasoning": CapabilityPolicy(cluster="topic")})

    halves = halves_of(*tasks, seed=seed, policy=policy)

    ids = {i.id for part in halves.selection for i in part.items}
    assert 0 < len(ids) < 30
    assert all(group <= ids or not group & ids for group in together)


def test_an_instruction_that_all_items_share_ties_none() -> None:
    """It names no document."""
    items = [replace(item(n), prompt="Translate.", choices=(str(n), "x")) for n in range(20)]

    assert len(halves_of(task("a", items)).selection[0].items) == 10


def test_halves_do_not_depend_on_the_order_of_the_items() -> None:
    """Nor on who is excluded since the training data hold them."""
    items = [item(n, level=n % 2, cluster=f"c{n // 2}" if n < 20 else None) for n in range(60)]
    shuffled = random.Random(1).sample(items, len(items))

    first = halves_of(task("a", items))
    second = halves_of(replace(task("a", shuffled), excluded=frozenset({"item-3", "item-50"})))

    assert digests(first.selection) == digests(second.selection)


@pytest.mark.parametrize("limit", [None, 30])
def test_no_seed_and_no_limit_moves_an_item_to_the_other_half(limit: int | None) -> None:
    """What chose a scale once is never judged after it."""
    whole = task("a", [item(n, level=n % 3) for n in range(60)])
    judged = set(digests(halves_of(whole).judged)[0])

    for seed in range(5):
        halves = halved([whole], EvalSettings(seed=seed, limit=limit), Policy())

        assert set(digests(halves.judged)[0]) <= judged
        assert not set(digests(halves.selection)[0]) & judged


def test_what_is_asked_beside_it_moves_nothing_of_a_task() -> None:
    """Adding a suite does not have judged what chose before."""
    first = task("a", [item(n, cluster=f"c{n % 5}") for n in range(33)])
    others = [task(f"b{k}", [item(n) for n in range(40 + k, 71)]) for k in range(4)]

    assert all(
        digests(halves_of(first, other).judged)[0] == digests(halves_of(first).judged)[0]
        for other in others
    )


def test_chance_is_even() -> None:
    """Over contents an item is in the selection every second time."""
    draws = [
        {
            i.id
            for i in halves_of(
                task("a", [replace(item(n), digest=digest([n, k])) for n in range(21)])
            )
            .selection[0]
            .items
        }
        for k in range(200)
    ]

    counts = Counter(name for draw in draws for name in draw)

    assert all(65 < counts[f"item-{n}"] < 135 for n in range(21))


def sizes_of(sizes: Sequence[int]) -> Halves:
    """Return the halves of items in clusters of these sizes, those of one item without a name."""
    names = [f"c{k}" if size > 1 else None for k, size in enumerate(sizes) for _ in range(size)]
    return halves_of(task("a", [item(n, cluster=name) for n, name in enumerate(names)]))


@pytest.mark.parametrize(
    ("sizes", "n_judged"),
    [
        ([60, *[1] * 40], 40),
        ([120, *[1] * 80], 80),
        ([1] * 47, 24),
        ([10] * 30, 150),
        ([300, *[5] * 20], 100),
    ],
)
def test_the_half_in_more_effective_clusters_judges(sizes: list[int], n_judged: int) -> None:
    """One large cluster proves nothing; and the selection asks at most half of the items."""
    halves = sizes_of(sizes)

    assert len(halves.judged[0].items) == n_judged
    assert 0 < len(halves.selection[0].items) <= sum(sizes) // 2


def test_only_what_is_asked_is_halved() -> None:
    """Under a limit, the items of a check under it."""
    whole = task("a", [item(n) for n in range(100)])

    halves = halved([whole], EvalSettings(limit=20), Policy())

    sizes = [len(part.items) for part in (*halves.selection, *halves.judged)]
    assert sum(sizes) <= 20
    assert 6 <= sizes[1] <= 14
    assert sizes[0] <= 10


def test_a_plan_keeps_the_half_that_it_names() -> None:
    """And its report says how many items that are, and what became of the others."""
    whole = (task("a", [item(n) for n in range(30)]),)
    halves = halves_of(*whole)

    tasks, caveats = kept_half(whole, plan(halves.half("judged")), Policy())

    assert digests(tasks) == digests(halves.judged)
    assert [caveat.id for caveat in caveats] == ["half.judged"]
    assert "15 of 30" in caveats[0].text


def test_a_plan_without_a_half_keeps_all() -> None:
    """Word for word."""
    whole = (task("a", [item(n) for n in range(30)]),)

    assert kept_half(whole, plan(), Policy()) == (whole, ())


CHANGES = {
    "an item more": ({}, 31),
    "an item less": ({}, 29),
    "another limit": ({"limit": 20}, 30),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_half_of_other_items_is_refused(change: str) -> None:
    """Nobody knows which of them had a part in the choice."""
    protocol, n_items = CHANGES[change]
    half = halves_of(task("a", [item(n) for n in range(30)])).half("judged")
    now = (task("a", [item(n) for n in range(n_items)]),)

    with support.refused("half.other-items", 12):
        kept_half(now, plan(half, **protocol), Policy())


def test_another_seed_is_another_half_only_where_it_asks_other_items() -> None:
    """Under a limit it draws others; without one the same are judged in another order."""
    whole = (task("a", [item(n) for n in range(60)]),)
    for limit in ({}, {"limit": 20}):
        half = halved(whole, EvalSettings(**limit), Policy()).half("judged")  # type: ignore[arg-type]
        again = plan(half, seed=7, **limit)
        if limit:
            with support.refused("half.other-items", 12):
                kept_half(whole, again, Policy())
        else:
            assert len(kept_half(whole, again, Policy())[0][0].items) == 30
