"""What of a base's score depends on the place and the look of the right answer, level by level."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cliffguard.compare.diagnostics.surface import surface_caveats, surfaces_of
from cliffguard.compare.pairs import Pair
from cliffguard.core.items import Item
from tests import support

FIXTURE = Path(__file__).parent / "fixtures" / "overtrained.items.jsonl.gz"
NAMES = ("Ann", "Bob", "Cid", "Dov")


def pair_of(
    number: int, *, level: int | None, rank: int, is_right: bool, group: int | None
) -> Pair:
    """Return an item whose right answer is mentioned at a place, as the base answered it."""
    order = np.random.default_rng(number).permutation(NAMES).tolist()
    item = replace(
        support.item(f"i{number}"),
        prompt=f"{', '.join(order)} play in game {number}. Who wins?",
        choices=NAMES,
        answer=order[rank],
        level=level,
    )
    answer = support.answer(item, float(is_right))
    task = replace(support.task([]), name="game")
    return Pair(task=task, item=item, base=answer, candidate=answer, look=1, group=group)


def played(
    rights: tuple[float, ...],
    *,
    n: int = 200,
    level: int | None = 1,
    seed: int = 0,
    of_group: int = 1,
) -> list[Pair]:
    """Return answers of a base that is right by the place of the right answer, this often."""
    rng = np.random.default_rng(seed)
    pairs = []
    for number in range(n):
        rank = number % 4 if of_group == 1 else number // of_group % 4
        if number % of_group == 0:
            is_right = bool(rng.random() < rights[rank])
        group = None if of_group == 1 else number // of_group
        pairs.append(pair_of(number, level=level, rank=rank, is_right=is_right, group=group))
    return pairs


def test_a_base_that_takes_the_last_is_told() -> None:
    """Of the level at which it does, with the points between the thirds, and of no other."""
    pairs = [*played((0.35, 0.35, 0.4, 0.95)), *played((0.7,) * 4, level=2, seed=1)]
    (caveat,) = surface_caveats("reasoning", pairs)
    assert caveat.id == "base.surface"
    assert caveat.text.startswith(
        "reasoning: the base's score in game, level 1 depends on the place at which the right "
        "answer is mentioned as much as on the skill: between"
    )
    (surface,) = (s for s in surfaces_of(pairs) if "mentioned" in s.feature and s.effect > 0.4)
    assert (surface.task, surface.level) == ("game", 1)


def test_ten_points_are_told_without_that_word() -> None:
    """From twenty points on a level measures the feature as much as the skill."""
    (caveat,) = surface_caveats("reasoning", played((0.6, 0.6, 0.6, 0.72), n=4000))
    assert "as much as" not in caveat.text


def test_a_base_of_one_skill_is_seldom_told() -> None:
    """In at most 5 % of 60 levels, but for three standard errors."""
    n_told = sum(
        bool(list(surfaces_of(played((0.6,) * 4, n=120, seed=seed)))) for seed in range(60)
    )
    assert n_told / 60 <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


def test_documents_count_once() -> None:
    """Ten documents that are right or wrong as a whole prove nothing, however many items."""
    n_told = sum(
        bool(list(surfaces_of(played((0.6,) * 4, n=400, seed=seed, of_group=40))))
        for seed in range(40)
    )
    assert n_told / 40 <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5


def test_few_items_are_not_asked() -> None:
    """Under two dozen have no thirds to speak of."""
    assert list(surfaces_of(played((0.0, 0.0, 0.0, 1.0), n=20))) == []


@pytest.fixture(scope="module")
def demo() -> dict[str, list[Pair]]:
    """The base's answers of the demo, by capability."""
    pairs: dict[str, list[Pair]] = {}
    for pair in _read():
        pairs.setdefault(pair.task.capability, []).append(pair)
    return pairs


def _read() -> Iterator[Pair]:
    with gzip.open(FIXTURE, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            item = Item(
                id=row["item"], digest="d", prompt=row["prompt"]["text"], level=row["level"],
                choices=tuple(choice["text"] for choice in row["choices"]),
                answer=row["right"][0]["text"], cluster=None,
            )  # fmt: skip
            task = replace(support.task([]), name=row["task"], capability=row["capability"])
            answer = support.answer(item, row["base"]["score"])
            yield Pair(task=task, item=item, base=answer, candidate=answer, look=1)


@pytest.mark.parametrize(
    ("capability", "levels"),
    [("multi_step_reasoning", {4, 5}), ("reading_in_context", {None}), ("control", set())],
)
def test_the_demos_base(
    capability: str, levels: set[int | None], demo: dict[str, list[Pair]]
) -> None:
    """As somebody counted by hand: its deep levels and its reading hang on the place."""
    surfaces = list(surfaces_of(demo[capability]))
    assert {surface.level for surface in surfaces if "mentioned" in surface.feature} == levels
