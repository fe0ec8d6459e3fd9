"""A scale is chosen on one half and judged on the other; what it costs, and what is written."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Plan, Policy, Store, guard
from cliffguard.core.items import Item
from cliffguard.core.rescues import RescueRecord
from cliffguard.core.reviews import Outcome, Review
from cliffguard.core.settings import EvalSettings
from cliffguard.gate import find_sides
from cliffguard.planning.rescue import Rescue
from cliffguard.run.halves import halved
from cliffguard.run.rescued import digests_of
from cliffguard.store.looks import known_looks
from tests import support
from tests.fake_runner import FakeRunner

Curve = Callable[[float], float]

SUITE = support.SUITE.replace("ring: general", "ring: RING")


def scale_of(name: str) -> float:
    """Return the scale at which a checkpoint lies between the folders `base` and `tuned`."""
    from safetensors.numpy import load_file

    folder = Path(name)
    if folder.parent.name == ".scales":  # as it is called while it is asked
        return float(folder.name)
    root = next(path for path in folder.parents if (path / "base").is_dir())
    here, base, tuned = (
        load_file(path / "model.safetensors")["w"]
        for path in (folder, root / "base", root / "tuned")
    )
    return float(((here - base) / (tuned - base)).mean())


@dataclass
class Bench:
    """A base, a fine-tune between which scales answer by a script, and a store."""

    root: Path
    runner: FakeRunner
    plan: Plan
    stored: Path | None = None

    @property
    def store(self) -> Store:
        """Return the store, as another process would open it."""
        return Store((self.stored or self.root) / "store")

    def rescue(self, **settings: Any) -> Rescue:
        """Return a rescue of the plan."""
        settings = {"plan": self.plan, "folder": self.root / "out", **settings}
        return Rescue(store=self.store, runner=self.runner, **settings)

    def guard(self, **changes: Any) -> Any:
        """Return the review of a check of the plan, with changes."""
        return guard(replace(self.plan, **changes), store=self.store, runner=self.runner)


def share_of(item: Item) -> float:
    """Return a number in [0, 1) that an item has by its name, as good as drawn."""
    kind, number = item.id.split("-")
    return (int(number) * 7919 + 13 * len(kind)) % 1009 / 1009


def bench(root: Path, loss: Curve, gain: Curve | None = None, n_items: int = 400) -> Bench:
    """Return a bench on which a scale loses so much of `reasoning`, and gains so much of `saying`.

    Without a gain, `saying` is no target and nothing of it is lost.
    """
    scales: dict[str, float] = {}

    def script(name: str, item: Item) -> float:
        if name not in scales:
            scales[name] = scale_of(name)
        scale = scales[name]
        if item.id.startswith("ball"):
            return float(share_of(item) >= loss(scale))
        return 1.0 if gain is None else float(share_of(item) < 0.3 + gain(scale))

    text = SUITE.replace("RING", "general" if gain is None else "target")
    suite = support.write_suite(root / "suite", text=text, n_items=n_items, n_said=n_items // 2)
    plan = Plan(
        base=str(support.write_checkpoint(root / "base", seed=0)),
        candidate=str(support.write_checkpoint(root / "tuned", seed=1)),
        suites=(str(suite),),
        offline=True,
    )
    return Bench(root, FakeRunner(script), plan)


def late(scale: float) -> float:
    """Lose nothing until half of the way, and then a lot."""
    return 0.0 if scale <= 0.5 else scale - 0.5


@dataclass(frozen=True)
class Rescued:
    """The first rescue of a bench, which loses late: for all tests that only look at it."""

    work: Bench
    record: RescueRecord
    review: Review
    lines: tuple[str, ...]
    n_asked: int

    def going_on(self, folder: Path) -> Bench:
        """Return the bench with a store of its own, for further runs."""
        shutil.copytree(self.work.root / "store", folder / "store")
        return replace(self.work, runner=FakeRunner(self.work.runner.script), stored=folder)


@cache
def rescued_in(folder: Path) -> Rescued:
    """Return what a rescue did in a folder, once."""
    work, lines = bench(folder, late), list[str]()
    record, review = work.rescue(tell=lines.append).run()
    assert review is not None
    return Rescued(work, record, review, tuple(lines), work.runner.n_asked)


@pytest.fixture
def rescued(tmp_path_factory: pytest.TempPathFactory) -> Rescued:
    """The rescue, made by the first test that asks for it, as quick as its own would be."""
    return rescued_in(tmp_path_factory.getbasetemp() / "rescued")


def steep(scale: float) -> float:
    """Lose a lot at once."""
    return 0.0 if scale == 0.0 else 0.3 + scale / 10


def half_as_much(scale: float) -> float:
    """Gain in proportion to the scale."""
    return scale / 2


# --- which scale, and on which items -------------------------------------------------------------


def test_without_a_target_the_largest_scale_that_passes_is_judged(rescued: Rescued) -> None:
    """It keeps most of the fine-tune."""
    record, review = rescued.record, rescued.review

    assert {point.scale: point.fitness for point in record.points} == {
        0.0: "out", 0.25: "passes", 0.5: "passes", 0.75: "out", 1.0: "out",
    }  # fmt: skip
    assert (record.chosen, record.outcome, review.verdict.outcome) == (0.5, "PASS", Outcome.PASS)


def test_of_scales_that_pass_the_one_with_the_largest_gain_is_judged(tmp_path: Path) -> None:
    """A target that falls again with the scale is better served in the middle."""
    work = bench(tmp_path, lambda _: 0.0, lambda scale: 0.4 if scale == 0.25 else scale / 10)

    record, review = work.rescue().run()

    assert review is not None
    assert record.chosen == 0.25
    assert review.verdict.outcome is Outcome.PASS
    assert max(record.points, key=lambda point: point.gain or 0.0).scale == 0.25


def test_no_scale_passes_where_all_lose_too_much(tmp_path: Path) -> None:
    """Nothing is judged, no checkpoint is left, and the record says why."""
    work = bench(tmp_path, steep)

    record, review = work.rescue().run()

    assert review is None
    assert (record.chosen, record.outcome) == (None, None)
    assert all("reasoning" in point.reason for point in record.points if point.scale > 0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["rescue.json"]


def test_a_scale_without_a_gain_is_out(tmp_path: Path) -> None:
    """Nothing lost is not enough where the policy demands a gain."""
    record, review = bench(tmp_path, lambda _: 0.0, lambda scale: -scale / 10).rescue().run()

    assert review is None
    assert all("gain" in point.reason for point in record.points if point.scale > 0)


def test_the_candidate_itself_may_be_chosen(tmp_path: Path) -> None:
    """Then it is judged as it is, and nothing is written in its work."""
    work = bench(tmp_path, lambda _: 0.0)

    record, review = work.rescue().run()

    assert review is not None
    assert record.chosen == 1.0
    assert review.plan.candidate == work.plan.candidate
    assert not (tmp_path / "out" / "model").exists()


class Recording(FakeRunner):
    """A fake runner that remembers which items each scale was asked."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.asked_of: dict[float, Counter[str]] = {}

    def ask(self, checkpoint: Any, task: Any, items: Any, protocol: Any) -> Any:
        """Remember, and answer."""
        scale = round(scale_of(checkpoint.name), 3)
        self.asked_of.setdefault(scale, Counter()).update(item.digest for item in items)
        return super().ask(checkpoint, task, items, protocol)


def test_what_was_not_chosen_never_sees_the_judged_half(tmp_path: Path) -> None:
    """And the chosen one is asked every item once: both halves are disjoint."""
    work = bench(tmp_path, late)
    work.runner = runner = Recording(work.runner.script)
    record, _ = work.rescue(stops_early=False).run()
    (suite,) = suites_of(work.plan)
    policy = work.guard().plan.policy
    halves = halved(suite.tasks, EvalSettings(), policy)
    selection, judged = ({i.digest for t in half for i in t.items} for half in halves)

    assert record.chosen == 0.5
    assert runner.asked_of[0.25].keys() == runner.asked_of[0.75].keys() == selection
    assert runner.asked_of[0.5].keys() == selection | judged
    assert set(runner.asked_of[0.5].values()) == {1}
    assert digests_of(halves.selection) == record.selection


def suites_of(plan: Plan) -> Any:
    """Return the suites of a plan."""
    from cliffguard.suites.target import suites_of as read

    return read(plan)


def test_only_the_judged_half_is_noted_in_the_ledger(rescued: Rescued) -> None:
    """Looks at the selection spend no alpha: nothing is decided there."""
    work, review = rescued.work, rescued.review
    base, _ = find_sides(work.plan)
    _, scaled = find_sides(review.plan)
    n_judged = {c.capability: c.counts.n_planned for c in review.comparison.capabilities}

    looks = {taken.capability: taken for taken in known_looks(work.store, base, scaled)}

    assert {name: looks[name].n_items for name in n_judged} == n_judged
    assert known_looks(work.store, *find_sides(work.plan)) == ()


# --- what it costs -------------------------------------------------------------------------------


def stored(work: Bench) -> int:
    """Store all answers of both sides, as a check of all items does; return how many."""
    guard(work.plan, store=work.store, runner=work.runner, stops_early=False)
    return work.runner.n_asked


@pytest.mark.slow
@pytest.mark.parametrize("grid", [(0.5,), (0.1, 0.3, 0.5, 0.7, 0.9)])
def test_it_costs_at_most_one_and_a_half_checks(grid: tuple[float, ...], tmp_path: Path) -> None:
    """With both sides stored nothing else is asked, and what is foretold is never exceeded."""
    work, lines = bench(tmp_path, late), list[str]()
    n_check = stored(work)
    before = work.runner.n_asked

    record, _ = work.rescue(grid=grid, tell=lines.append).run()

    n_asked = work.runner.n_asked - before
    assert (record.n_asked, record.n_check) == (n_asked, n_check)
    assert 0 < n_asked <= 1.5 * n_check
    n_selection = len(record.selection)
    foretold = len(grid) * n_selection + n_check // 2 - n_selection
    assert n_asked <= foretold
    assert f"{foretold:,.0f} answers" in lines[1]
    assert "not stored" not in lines[1]


def test_what_is_not_stored_of_both_sides_is_foretold(rescued: Rescued) -> None:
    """The base's answers to all items, the candidate's to the selection."""
    n_absent = 600 + len(rescued.record.selection)

    assert f"{n_absent} of base and candidate that are not stored" in rescued.lines[1]


def test_a_second_rescue_asks_nothing(rescued: Rescued, tmp_path: Path) -> None:
    """And finds the same, to the byte but for what it asked."""
    work = rescued.going_on(tmp_path)

    second, again = work.rescue(folder=tmp_path / "out").run()

    assert work.runner.n_asked == 0
    assert second == replace(rescued.record, n_asked=0)
    assert again is not None
    assert again.verdict == rescued.review.verdict


class Interrupted(FakeRunner):
    """A fake runner that is killed once it was asked so many items."""

    most = 1 << 60

    def ask(self, checkpoint: Any, task: Any, items: Any, protocol: Any) -> Any:
        """Answer, or be killed."""
        if self.n_asked + len(items) > self.most:
            raise KeyboardInterrupt
        return super().ask(checkpoint, task, items, protocol)


@pytest.mark.parametrize("most", [pytest.param(200, marks=pytest.mark.slow), 1250])
def test_an_interrupted_rescue_goes_on_from_the_store(
    most: int, rescued: Rescued, tmp_path: Path
) -> None:
    """Nothing that was stored is asked again, and no scaled checkpoint is left lying."""
    record = rescued.record
    work = bench(tmp_path / "cut", late)
    work.runner = runner = Interrupted(work.runner.script)
    runner.most = most
    with pytest.raises(KeyboardInterrupt):
        work.rescue().run()
    assert not (tmp_path / "cut" / "out" / ".scales").exists()

    runner.most = 1 << 60
    again, _ = work.rescue().run()

    assert [point.fitness for point in again.points] == [p.fitness for p in record.points]
    assert (again.chosen, again.outcome) == (record.chosen, record.outcome)
    assert runner.n_asked == rescued.n_asked


# --- what is left --------------------------------------------------------------------------------


def test_a_check_of_the_judged_half_asks_nothing_and_says_the_same(tmp_path: Path) -> None:
    """Under the plan of the review, which names the half by its digest."""
    work = bench(tmp_path, late, half_as_much)
    record, review = work.rescue().run()
    assert review is not None
    n_asked = work.runner.n_asked

    again = guard(review.plan, store=work.store, runner=work.runner)

    assert review.plan.half == record.judged
    assert work.runner.n_asked == n_asked
    assert again.verdict == review.verdict
    assert support.caveat_ids(again) == support.caveat_ids(review)
    assert "half.judged" in support.caveat_ids(review)
    assert "rescue.chosen-by-these" not in support.caveat_ids(review)


def test_a_check_of_all_items_is_a_further_run_and_says_what_half_of_them_did(
    rescued: Rescued, tmp_path: Path
) -> None:
    """The looks at the judged half have spent alpha, and the selection looks better than it is."""
    record, review = rescued.record, rescued.review

    whole = rescued.going_on(tmp_path).guard(candidate=review.plan.candidate)

    assert any("run 2" in text for text in support.caveat_texts(whole, "alpha.later-run"))
    (text,) = support.caveat_texts(whole, "rescue.chosen-by-these")
    assert f"{len(record.selection)} of the 600 items of this run" in text
    levels = [row.evidence.level for row in whole.comparison.capabilities]
    first = [row.evidence.level for row in review.comparison.capabilities]
    assert all((now or 1) < (before or 0) for now, before in zip(levels, first, strict=True))


def test_a_check_of_other_items_says_nothing_of_it(rescued: Rescued, tmp_path: Path) -> None:
    """None of them had a part in the choice."""
    other = support.write_suite(tmp_path / "other", text=SUITE.replace("RING", "general"))
    rows = [json.loads(line) for line in (tmp_path / "other" / "ball.jsonl").open()]
    support.write_jsonl(
        tmp_path / "other" / "ball.jsonl",
        [{**row, "prompt": row["prompt"] + " now"} for row in rows],
    )
    support.write_jsonl(
        tmp_path / "other" / "say.jsonl", [{"id": "say-1", "prompt": "Hm:", "answer": "m"}]
    )

    whole = rescued.going_on(tmp_path).guard(
        candidate=rescued.review.plan.candidate, suites=(str(other),)
    )

    assert "rescue.chosen-by-these" not in support.caveat_ids(whole)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"format": 2}'])
def test_a_record_that_nobody_can_read_is_a_caveat(content: str, tmp_path: Path) -> None:
    """The check goes on: whether its items had a part in the choice is not known."""
    work = bench(tmp_path, late)
    (tmp_path / "tuned" / "rescue.json").write_text(content)

    assert "rescue.unreadable" in support.caveat_ids(work.guard())


def test_the_record_lies_beside_the_weights_too(rescued: Rescued) -> None:
    """Whoever gets the checkpoint alone knows how its scale was chosen."""
    out = rescued.work.root / "out"

    assert (out / "rescue.json").read_bytes() == (out / "model" / "rescue.json").read_bytes()
    assert not (out / ".scales").exists()
    assert scale_of(str(out / "model")) == pytest.approx(0.5)


def test_items_that_are_dealt_are_halved_too(tmp_path: Path) -> None:
    """A budget of so many items is of both halves together."""
    work = bench(tmp_path, late)
    work.plan = replace(work.plan, items=500)

    record, review = work.rescue().run()

    assert review is not None
    assert review.plan.items == 250
    assert record.n_check <= 2 * 500


# --- what the judged half can prove, and what was judged on it before -----------------------------


def judged_levels(review: Any) -> set[float | None]:
    """Return what the capabilities of a review may spend of alpha."""
    return {row.evidence.level for row in review.comparison.capabilities}


@pytest.mark.slow
def test_another_scale_on_the_same_items_is_a_further_run(tmp_path: Path) -> None:
    """Whoever tries grids until one passes spends what is left of alpha, and is told before."""
    work, reviews, lines = bench(tmp_path, late), [], list[str]()
    for scale in (0.5, 0.4, 0.3):
        folder = tmp_path / f"{scale:g}"
        rescue = work.rescue(grid=(scale,), folder=folder, tell=lines.append)
        record, review = rescue.run()
        assert record.chosen == scale
        assert review is not None
        reviews.append(review)

    levels = [max(level or 0 for level in judged_levels(review)) for review in reviews]
    assert levels[0] > 10 * levels[1] > 15 * levels[2] > 0
    assert sum(levels) <= 0.05
    assert [n for n in (2, 3) if any(f"is run {n}" in line for line in lines)] == [2, 3]
    assert any("run 3" in text for text in support.caveat_texts(reviews[2], "alpha.later-run"))


@pytest.mark.slow
def test_the_same_scale_judged_again_spends_nothing_more(tmp_path: Path) -> None:
    """Whatever was judged in between."""
    work = bench(tmp_path, late)
    _, first = work.rescue(grid=(0.5,)).run()
    work.rescue(grid=(0.4,), folder=tmp_path / "more").run()
    assert first is not None
    n_asked = work.runner.n_asked

    _, again = work.rescue(grid=(0.5,)).run()
    checked = guard(first.plan, store=work.store, runner=work.runner)

    assert again is not None
    assert first.verdict == again.verdict == checked.verdict
    assert judged_levels(first) == judged_levels(again) == judged_levels(checked)
    assert support.caveat_ids(again) == support.caveat_ids(first)
    assert work.runner.n_asked == n_asked


def test_a_check_of_the_candidate_spends_nothing_of_its_scales(tmp_path: Path) -> None:
    """It is what a rescue begins with."""
    work = bench(tmp_path, late)
    work.guard()

    _, review = work.rescue(grid=(0.5,)).run()

    assert review is not None
    assert not support.caveat_texts(review, "alpha.later-run")


def test_a_scale_of_a_scale_is_one_of_the_first(tmp_path: Path) -> None:
    """Its account is that of the fine-tune at the beginning."""
    work = bench(tmp_path, lambda _: 0.0, lambda scale: {0.25: 0.4, 0.5: 0.2}.get(scale, 0.1))
    first, review = work.rescue(grid=(0.5,)).run()
    assert review is not None

    plan = replace(work.plan, candidate=review.plan.candidate)
    record, again = work.rescue(plan=plan, grid=(0.25,), folder=tmp_path / "more").run()

    assert (record.chosen, record.origin) == (0.25, first.candidate)
    assert again is not None
    assert support.caveat_texts(again, "alpha.later-run")


def test_what_the_judged_half_can_prove_is_told_first(tmp_path: Path) -> None:
    """Of everything that PASS takes a proof of."""
    lines: list[str] = []

    bench(tmp_path, late, half_as_much).rescue(grid=(0.5,), tell=lines.append).run()

    assert "reasoning (201 items)" in lines[0]
    assert "saying (100 items)" in lines[0]


def clustered(work: Bench, name: str, n_clusters: int) -> None:
    """Put the items of a task into clusters of a size."""
    path = work.root / "suite" / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.open()]
    support.write_jsonl(path, [{**r, "cluster": f"c{n % n_clusters}"} for n, r in enumerate(rows)])


def test_few_clusters_of_a_target_prove_no_gain(tmp_path: Path) -> None:
    """Twelve of them on the judged half: it is refused before anything is asked."""
    work = bench(tmp_path, late, half_as_much)
    clustered(work, "say", 24)

    with support.refused("rescue.no-proof", 2, "saying", "12 clusters", "20"):
        work.rescue().run()
    assert work.runner.n_asked == 0


def test_few_clusters_of_what_gates_hold_nothing(tmp_path: Path) -> None:
    """Thirty clusters are fifteen in a half."""
    work = bench(tmp_path, late)
    clustered(work, "ball", 30)

    with support.refused("rescue.no-proof", 2, "reasoning", "15 clusters", "29"):
        work.rescue().run()
    assert work.runner.n_asked == 0


def test_few_items_hold_nothing(tmp_path: Path) -> None:
    """With forty of them a candidate that changes nothing is not held at 5 points."""
    with support.refused("rescue.no-proof", 2, "reasoning", "60"):
        bench(tmp_path, late, n_items=80).rescue().run()


def test_as_many_clusters_as_are_needed_are_enough(tmp_path: Path) -> None:
    """What is told is what it takes: no more of it is refused."""
    work = bench(tmp_path, late)
    clustered(work, "ball", 64)

    record, _ = work.rescue(grid=(0.5,)).run()

    assert record.chosen is not None


# --- what cannot be rescued ----------------------------------------------------------------------


def test_the_plan_of_a_half_is_refused(tmp_path: Path) -> None:
    """There would be a half of a half."""
    work = bench(tmp_path, late)
    _, review = work.rescue().run()
    assert review is not None

    with support.refused("rescue.half", 2):
        work.rescue(plan=review.plan)


def test_a_candidate_that_is_its_base_is_refused(tmp_path: Path) -> None:
    """As a check does; nothing is asked."""
    work = bench(tmp_path, late)
    work.plan = replace(work.plan, candidate=work.plan.base or "")

    with support.refused("sides.same-weights", 12):
        work.rescue().run()
    assert work.runner.n_asked == 0


def test_items_of_one_cluster_are_refused(tmp_path: Path) -> None:
    """They could not be on both sides without knowing of each other."""
    work = bench(tmp_path, late)
    path = tmp_path / "suite" / "ball.jsonl"
    rows = [json.loads(line) for line in path.open()]
    support.write_jsonl(path, [{**row, "cluster": "c"} for row in rows])

    with support.refused("rescue.not-halved", 2, "reasoning"):
        work.rescue().run()
    assert work.runner.n_asked == 0


def test_a_candidate_that_cannot_be_scaled_is_refused_before_anything_is_asked(
    tmp_path: Path,
) -> None:
    """By its headers."""
    import numpy as np
    from safetensors.numpy import save_file

    work = bench(tmp_path, late)
    save_file({"v": np.ones((4, 4), np.float32)}, tmp_path / "tuned" / "model.safetensors")

    with support.refused("scale.weights", 2):
        work.rescue().run()
    assert work.runner.n_asked == 0


@pytest.mark.parametrize(
    "grid",
    [
        (0.0, 1.0),
        (1.5,),
        (-0.1,),
        (float("nan"),),
        (),
        (1e-320, 0.5),
        (0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    ],
)
def test_a_grid_that_makes_no_curve_is_refused(grid: tuple[float, ...], tmp_path: Path) -> None:
    """Outside of 0 to 1, with nothing between, or with more than it is worth."""
    with support.refused("rescue.grid", 2, "--grid"):
        bench(tmp_path, late).rescue(grid=grid)


# --- with a model --------------------------------------------------------------------------------


def test_scaled_adapters_answer_on_a_real_model(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path, store: Store
) -> None:
    """Each otherwise than the others, over one base in memory."""
    from cliffguard.gate import runner_for

    suite = support.write_suite(tmp_path / "suite", n_items=24, n_said=24)
    plan = Plan(
        base=str(tiny_base),
        candidate=str(tiny_adapter),
        suites=(str(suite),),
        policy=Policy(default_margin=0.4),
        runner=replace(Plan(candidate="c", suites=("s",)).runner, device="cpu"),
        offline=True,
    )
    rescue = Rescue(
        plan=plan, store=store, runner=runner_for(plan), folder=tmp_path / "out", grid=(0.5,)
    )

    record, _ = rescue.run()

    assert all(point.drop is not None for point in record.points)
    texts = {
        entry.read_question()["asked"]["checkpoint"]: [
            answer.confidence for shard in entry.read_all() for answer in shard.answers
        ]
        for entry in store.entries()
        if entry.read_question()["asked"]["task"] == "ball" and entry.shard_numbers()
    }
    assert len({str(sorted(map(str, confidences))) for confidences in texts.values()}) == 3
