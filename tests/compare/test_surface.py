"""What of a base's score depends on the place and the look of the right answer, level by level."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliffguard import Outcome, Plan, Policy, Store, guard
from cliffguard.compare.diagnostics.surface import (
    BELOW_GUESSING,
    surface_caveats,
    surface_levels,
    surfaces_of,
)
from cliffguard.compare.pairs import Pair
from cliffguard.core.items import Item
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from tests import support
from tests.fake_runner import FakeRunner

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
    task = replace(support.task([]), name="game", chance=0.25)
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


def test_a_level_at_which_the_base_takes_the_last_does_not_gate() -> None:
    """With the points between the thirds; another level does."""
    pairs = [*played((0.35, 0.35, 0.4, 0.95)), *played((0.7,) * 4, level=2, seed=1)]

    (level,) = surface_levels(pairs)

    assert (level.task, level.level, level.gates) == ("game", 1, False)
    assert level.feature == "the place at which the right answer is mentioned"
    assert level.effect == pytest.approx(0.55, abs=0.12)


def test_ten_points_are_a_caveat() -> None:
    """Beyond twenty a level measures the feature; at ten and more that is said of it."""
    levels = surface_levels(played((0.6, 0.6, 0.6, 0.72), n=4000))

    (caveat,) = surface_caveats("reasoning", levels)
    assert [level.gates for level in levels] == [True]
    assert caveat.id == "base.surface"
    assert caveat.text.startswith(
        "reasoning: the base's score in game, level 1 depends on the place at which the right "
        "answer is mentioned (1"
    )


def test_a_base_far_below_guessing_has_a_strategy() -> None:
    """Eight of 200 where a guess earns 50: named, and no level of difficulty."""
    (level,) = surface_levels(played((0.04,) * 4))

    assert (level.feature, level.gates) == (BELOW_GUESSING, False)
    assert level.effect == pytest.approx(0.21, abs=0.03)
    assert not surface_levels(played((0.24,) * 4, seed=3))


def test_how_well_each_label_is_known_gates() -> None:
    """A classifier that knows one class better than the other is asked just that."""
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(300):
        pair = pair_of(number, level=None, rank=0, is_right=True, group=None)
        label = ("refund", "delivery")[number % 2]
        item = replace(
            pair.item,
            prompt=f"Ticket {number:03d} says something.",
            choices=("refund", "delivery"),
            answer=label,
        )
        score = float(rng.random() < (0.95 if label == "refund" else 0.55))
        pairs.append(replace(pair, item=item, base=support.answer(item, score)))

    levels = surface_levels(pairs)

    assert levels
    assert all(level.gates and level.effect > 0.2 for level in levels)


@pytest.mark.slow
def test_a_base_of_one_skill_is_seldom_told() -> None:
    """In at most 5 % of 60 levels, but for three standard errors."""
    n_told = sum(bool(surfaces_of(played((0.6,) * 4, n=120, seed=seed))) for seed in range(60))
    assert n_told / 60 <= 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


@pytest.mark.slow
def test_documents_count_once() -> None:
    """Ten documents that are right or wrong as a whole prove nothing, however many items."""
    n_told = sum(
        bool(surfaces_of(played((0.6,) * 4, n=400, seed=seed, of_group=40))) for seed in range(40)
    )
    assert n_told / 40 <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5


def test_few_items_are_not_asked() -> None:
    """Under two dozen have no thirds to speak of."""
    assert (surfaces_of(played((0.0, 0.0, 0.0, 1.0), n=20))) == []


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
            task = replace(
                support.task([]), name=row["task"], capability=row["capability"], chance=0.25
            )
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
    surfaces = surfaces_of(demo[capability])
    assert {surface.level for surface in surfaces if "mentioned" in surface.feature} == levels


# --- what such a level does to a run --------------------------------------------------------------

SUITE = """\
name: games
version: 1
capabilities:
  games:
    ring: adjacent
    tasks:
      - {name: game, items: game.jsonl, level: hops, gate_levels: [1, 2], metric: acc, chance: 0.25}
"""


def game_rows(levels: Sequence[int], n: int = 200) -> list[dict[str, Any]]:
    """Return n items a level, of each level as many with the answer at each place."""
    rows = []
    for level in levels:
        for number in range(n):
            pair = pair_of(
                1000 * level + number, level=level, rank=number % 4, is_right=True, group=None
            )
            rows.append(
                {"id": f"g{level}-{number:03d}", "prompt": pair.item.prompt, "hops": level}
                | {"choices": list(NAMES), "answer": pair.item.answer}
            )
    return rows


def by_the_place(name: str, item: Item) -> float:
    """Level 1 is known to both; at level 2 the base takes the last place, the candidate none."""
    number = int(item.id[-3:])
    if item.level == 1:
        return float(number % 5 > 0)
    return float("base" in name and (number % 4 == 3 or number % 3 == 0))


def run_on(
    folder: Path,
    store: Store,
    levels: Sequence[int] = (1, 2),
    *,
    suite: str = SUITE,
    n: int = 200,
    script: Callable[[str, Item], float] = by_the_place,
    stops_early: bool = False,
    **rules: Any,
) -> Review:
    """Return the review of a candidate that lost the habit of the base, and no skill."""
    rows = game_rows(levels, n)
    if "level:" not in suite:
        rows = [{key: row[key] for key in row if key != "hops"} for row in rows]
    support.write_jsonl(folder / "game.jsonl", rows)
    (folder / "games.yaml").write_text(suite.replace("[1, 2]", str(list(levels))))
    plan = Plan(
        base=str(support.write_checkpoint(folder / "base", seed=0)),
        candidate=str(support.write_checkpoint(folder / "tuned", seed=1)),
        suites=(str(folder / "games.yaml"),),
        policy=Policy(capabilities={"games": CapabilityPolicy(**rules)}),
    )
    return guard(plan, store=store, runner=FakeRunner(script), stops_early=stops_early)


def test_a_lost_habit_is_no_loss(tmp_path: Path, store: Store) -> None:
    """The level is left out, said, and still shown on its ladder; its items say why."""
    review = run_on(tmp_path, store)

    (row,), (finding,) = review.comparison.capabilities, review.verdict.findings
    assert (review.verdict.outcome, finding.outcome) == (Outcome.PASS, Outcome.HELD)
    assert (row.counts.n_surface, row.counts.n_planned, row.counts.n_items) == (200, 200, 200)
    assert [level.level for level in row.diagnostics.ladders[0].levels] == [1, 2]
    assert not any("hops = 2" in part.name for part in row.diagnostics.strata)
    (caveat,) = (c for c in review.comparison.caveats if c.id == "items.surface")
    assert "200 items do not count" in caveat.text
    assert "game 2 by the place at which the right answer is mentioned (" in caveat.text


def test_a_policy_may_let_it_gate(tmp_path: Path, store: Store) -> None:
    """Then the habit is a loss, and the caveat stands."""
    review = run_on(tmp_path, store, surface="caveat")

    assert review.verdict.outcome is Outcome.FAIL
    assert "base.surface" in {caveat.id for caveat in review.comparison.caveats}


@pytest.mark.parametrize(("gate", "outcome"), [(None, "NOT_MEASURED"), (True, "INCONCLUSIVE")])
def test_without_another_level_nothing_is_measured(
    tmp_path: Path, store: Store, gate: bool | None, outcome: str
) -> None:
    """As where there is nothing to lose; a policy may demand it."""
    review = run_on(tmp_path, store, levels=[2], gate=gate)

    (finding,) = review.verdict.findings
    assert finding.outcome == outcome
    assert "does not measure the skill on this base: the score in game, level 2," in finding.reason
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def labelled(prompt: str, labels: Sequence[str], recalls: Sequence[float], n: int) -> list[Pair]:
    """Return answers of a base that knows each label this often."""
    rng = np.random.default_rng(7)
    pairs = []
    for number in range(n):
        which = int(rng.integers(len(labels)))
        pair = pair_of(number, level=None, rank=0, is_right=True, group=None)
        item = replace(
            pair.item, prompt=prompt.format(number), choices=tuple(labels), answer=labels[which]
        )
        score = float(rng.random() < recalls[which])
        pairs.append(replace(pair, item=item, base=support.answer(item, score)))
    return pairs


@pytest.mark.parametrize(
    ("prompt", "labels", "recalls"),
    [
        ("Review {:03d}. Is it positive or negative?", ("positive", "negative"), (0.95, 0.55)),
        ("Claim {:03d}. True or False?", ("True", "False"), (0.9, 0.35)),
        ("Question {:03d}.\nA. w\nB. x\nC. y\nD. z\nAnswer:", tuple("ABCD"), (0.55, 0.8, 0.5, 0.5)),
    ],
    ids=["labels in the prompt", "below guessing on one", "letters"],
)
def test_what_is_known_well_enough_gates(
    prompt: str, labels: Sequence[str], recalls: Sequence[float]
) -> None:
    """A label may stand in the prompt, and a base may like one letter: a loss there is a loss."""
    levels = surface_levels(labelled(prompt, labels, recalls, 500))

    assert levels
    assert all(level.gates and level.effect > 0.2 for level in levels)


@pytest.mark.slow
def test_many_levels_can_still_be_proven() -> None:
    """Forty of a pure habit: Holm's correction asks for more permutations than the usual."""
    pairs = [
        pair
        for level in range(40)
        for pair in played((0.0, 0.0, 0.1, 1.0), n=60, level=level, seed=level)
    ]

    assert len([level for level in surface_levels(pairs) if not level.gates]) == 40


def test_documents_of_unlike_guessing_are_not_below_it() -> None:
    """Twenty documents of yes and no, and single items of eight choices: 67 % is no strategy."""
    rng = np.random.default_rng(1)
    pairs = []
    for number in range(420):
        in_document = number < 300
        pair = pair_of(
            number, level=None, rank=0, is_right=True, group=number // 15 if in_document else None
        )
        choices = ("yes", "no") if in_document else tuple(f"c{n}" for n in range(8))
        item = replace(pair.item, prompt="Say it.", choices=choices, answer=choices[0])
        score = float(rng.random() < (0.82 if in_document else 0.3))
        task = replace(pair.task, chance=None)
        pairs.append(replace(pair, task=task, item=item, base=support.answer(item, score)))

    assert not [level for level in surface_levels(pairs) if level.feature == BELOW_GUESSING]


def test_a_level_that_may_measure_the_place_is_known_before_it_is_proven() -> None:
    """Of 44 items in one of nine levels no correction leaves enough; the level still gates."""
    habit = played((0.3, 0.3, 0.3, 0.8), n=44, seed=5)
    others = [p for n in range(2, 10) for p in played((0.7,) * 4, n=44, level=n, seed=n)]

    (row,) = (level for level in surface_levels([*habit, *others]) if level.level == 1)
    assert row.gates
    assert not row.is_proven
    assert "mentioned" in row.feature
    assert not list(surface_caveats("reasoning", [row]))


class LosesAtFirst:
    """At level 2 the base likes the last place; the candidate loses one level at the first look."""

    def __init__(self, level: int, at_last: float = 0.67) -> None:
        self.level = level
        self.at_last = at_last
        self.n_answers = 0

    def __call__(self, name: str, item: Item) -> float:
        level, number, is_base = int(item.id[1]), int(item.id[-3:]), "base" in name
        self.n_answers += not is_base
        is_lost = not is_base and level == self.level and self.n_answers <= 80
        if level == 1:  # what is lost early is hardly a drop of all
            is_right = number % 5 > 0 or (not is_base and number % 40 == 0)
        else:
            is_right = number * 7 % 100 < 100 * (self.at_last if number % 4 == 3 else 0.3)
        return float(is_right and not is_lost)


@pytest.mark.parametrize(
    ("level", "outcome"), [(1, Outcome.REGRESSED), (2, Outcome.HELD)], ids=["counts", "left out"]
)
def test_what_failed_by_levels_that_still_count_stays_failed(
    tmp_path: Path, store: Store, level: int, outcome: Outcome
) -> None:
    """What failed at an early look by a level that is left out since is judged on what is left."""
    review = run_on(tmp_path, store, n=600, script=LosesAtFirst(level), stops_early=True)

    (row,), (finding,) = review.comparison.capabilities, review.verdict.findings
    assert row.counts.n_looks > 1
    assert row.counts.n_surface == 600
    assert finding.outcome is outcome


@pytest.mark.parametrize(("early", "n_open"), [(True, 1), (False, 0)])
@pytest.mark.parametrize("surface", ["exclude", "caveat"])
def test_a_loss_at_an_early_look_says_which_levels_may_be_such(
    tmp_path: Path, store: Store, early: bool, n_open: int, surface: str
) -> None:
    """Once all is asked it is known; of levels that a policy lets gate nobody asks."""
    review = run_on(
        tmp_path, store, [2], suite=SUITE.replace("level: hops, gate_levels: [1, 2], ", ""),
        n=600, script=LosesAtFirst(2, 0.42), stops_early=early, surface=surface,
    )  # fmt: skip

    (row,), (finding,) = review.comparison.capabilities, review.verdict.findings
    assert not early or finding.outcome is Outcome.REGRESSED
    n_unproven = sum(not level.is_proven for level in row.diagnostics.surface)
    assert n_unproven == (n_open if surface == "exclude" else 0)
