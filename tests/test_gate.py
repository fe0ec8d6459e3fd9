"""The gate with scripted answers: what is asked, stored, resumed, compared and recorded."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from cliffguard import EvalSettings, Outcome, Plan, Policy, Review, Store, guard
from cliffguard.compare.verdict import judge
from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Comparison
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.reviews import Verdict
from cliffguard.core.settings import AfterFailure, CapabilityPolicy, TargetData
from cliffguard.core.signals import drop_if_stopped
from cliffguard.gate import find_sides, measure_alone
from cliffguard.planning.power import power_analysis
from cliffguard.report.json import read_review, render_json
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.store.shards import in_order
from cliffguard.suites.loading import load_suites
from tests import support
from tests.fake_runner import FakeRunner, Interrupted, slowed
from tests.support import all_right, loses_hard_levels


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan over a suite of 300 ladder items and 80 generated ones, default policy."""
    suite = support.write_suite(tmp_path / "suite", n_items=150, n_said=80)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    return Plan(base=str(base), candidate=str(tuned), suites=(str(suite),), offline=True)


def test_equal_answers_pass(plan: Plan, store: Store) -> None:
    """A candidate that answers like its base passes on enough items."""
    review = guard(plan, store=store, runner=FakeRunner(all_right))

    assert (review.verdict.outcome, review.verdict.exit_code) == (Outcome.PASS, 0)


def test_the_store_of_the_environment_is_the_store(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLIFFGUARD_STORE holds for Python as it does for the command line."""
    monkeypatch.setenv("CLIFFGUARD_STORE", str(tmp_path / "named"))

    guard(plan, runner=FakeRunner(all_right))

    assert len(Store(tmp_path / "named").entries()) == 4


def test_a_cliff_fails_and_is_located(plan: Plan, store: Store) -> None:
    """A loss from level 3 on fails the gate, and the sentence names the level."""
    review = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))

    assert review.verdict.outcome is Outcome.FAIL
    assert (
        "reasoning regressed (100.0 → 66.7 %), worse from hops = 3 on (100 → 0 %)"
        in review.verdict.sentence
    )


def test_counts_are_those_of_the_script(plan: Plan, store: Store) -> None:
    """Broken, fixed and means are counted over the pairs."""
    review = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))

    capability = review.comparison.capabilities[0]
    assert (capability.counts.n_items, capability.counts.n_broken, capability.counts.n_fixed) == (
        150,
        50,
        0,
    )
    assert (capability.evidence.base_mean, capability.evidence.candidate_mean) == (
        1.0,
        pytest.approx(2 / 3),
    )
    assert capability.evidence.drop == pytest.approx(1 / 3)


def test_swapping_the_sides_negates_the_drop(plan: Plan, store: Store, tmp_path: Path) -> None:
    """What one way round is broken is the other way round fixed."""

    def loses_a_third(name: str, item: Item) -> float:
        return float("tuned" not in name or int(item.id[-3:]) // 3 % 3 > 0)

    script = FakeRunner(loses_a_third)
    forward = guard(plan, store=store, runner=script, stops_early=False)
    swapped = replace(plan, base=plan.candidate, candidate=str(plan.base))
    back = guard(swapped, store=store, runner=script, stops_early=False)

    first, other = forward.comparison.capabilities[0], back.comparison.capabilities[0]
    assert first.evidence.drop == -(other.evidence.drop or 0.0)
    assert (first.counts.n_broken, first.counts.n_fixed) == (
        other.counts.n_fixed,
        other.counts.n_broken,
    )


def test_a_second_candidate_does_not_measure_the_base_again(plan: Plan, store: Store) -> None:
    """The base's answers come from the store."""
    guard(plan, store=store, runner=FakeRunner(all_right))
    third = support.write_checkpoint(Path(plan.candidate).parent / "third", seed=2)
    runner = FakeRunner(all_right)

    guard(replace(plan, candidate=str(third)), store=store, runner=runner, stops_early=False)

    assert runner.n_asked == 230


def test_the_same_question_is_not_asked_twice(plan: Plan, store: Store) -> None:
    """A repeated run reads everything from the store and gives the same review."""
    first = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))
    runner = FakeRunner(loses_hard_levels)

    second = guard(plan, store=store, runner=runner)

    assert runner.n_asked == 0
    assert second == first


def test_another_release_asks_nothing_again(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version of this package is in no key: it stands in the review, and that is all."""
    first = guard(plan, store=store, runner=FakeRunner(all_right))
    version = PathDistribution.version.fget
    monkeypatch.setattr(
        PathDistribution,
        "version",
        property(lambda it: "99.0" if it.metadata["Name"] == "cliffguard" else version(it)),
    )

    runner = FakeRunner(all_right)
    second = guard(plan, store=store, runner=runner)

    assert runner.n_asked == 0
    assert second.provenance.cliffguard_version == "99.0" != first.provenance.cliffguard_version
    assert (second.verdict, second.comparison) == (first.verdict, first.comparison)


def test_another_protocol_is_another_question(plan: Plan, store: Store) -> None:
    """Another seed gives a question of its own, of which nothing is stored."""
    guard(plan, store=store, runner=FakeRunner(all_right))
    runner = FakeRunner(all_right)

    guard(replace(plan, protocol=EvalSettings(limit=30, seed=1)), store=store, runner=runner)

    assert runner.n_asked == 2 * 60


def test_an_interrupted_run_goes_on_where_it_stopped(plan: Plan, store: Store) -> None:
    """What was stored before the interruption is not asked again, and the review is the same."""
    broken_off = Interrupted(loses_hard_levels, at=3)
    with pytest.raises(KeyboardInterrupt):
        guard(plan, store=store, runner=broken_off)
    runner = FakeRunner(loses_hard_levels)

    review = guard(plan, store=store, runner=runner)

    undisturbed = guard(
        plan, store=Store(store.root.parent / "other"), runner=FakeRunner(loses_hard_levels)
    )
    assert runner.n_asked == 2 * 230 - broken_off.n_asked
    assert render_json(review) == render_json(undisturbed)


def test_unscored_items_are_counted_and_leave_the_means(plan: Plan, store: Store) -> None:
    """A missing score takes the pair out on both sides, and the count says so."""

    def script(name: str, item: Item) -> float | None:
        return None if "tuned" in name and item.level == 1 else 1.0

    review = guard(plan, store=store, runner=FakeRunner(script))

    capability = review.comparison.capabilities[0]
    assert (
        capability.counts.n_items,
        capability.counts.n_unscored,
        capability.evidence.candidate_mean,
    ) == (100, 50, 1.0)


def test_levels_that_do_not_gate_are_shown_but_not_counted(tmp_path: Path, store: Store) -> None:
    """A loss on a level outside gate_levels stays on the ladder and out of the drop."""
    text = support.SUITE.replace("level: hops", "level: hops, gate_levels: [1, 2]")
    suite = support.write_suite(tmp_path / "suite", text=text, n_items=150, n_said=80)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    plan = Plan(base=str(base), candidate=str(tuned), suites=(str(suite),))

    script = FakeRunner(loses_hard_levels)
    review = guard(plan, store=store, runner=script, stops_early=False)

    capability = review.comparison.capabilities[0]
    assert (capability.counts.n_items, capability.counts.n_broken) == (100, 0)
    assert [
        (level.level, level.is_gating) for level in capability.diagnostics.ladders[0].levels
    ] == [(1, True), (2, True), (3, False)]
    assert capability.diagnostics.ladders[0].levels[2].candidate_mean == 0.0
    assert review.verdict.outcome is Outcome.PASS


def test_graded_scores_are_judged_by_betting(plan: Plan, store: Store) -> None:
    """Half the points lost on every third item: proven, without pretending right or wrong."""

    def script(name: str, item: Item) -> float:
        return 0.5 if "tuned" in name and item.level == 2 else 1.0

    review = guard(plan, store=store, runner=FakeRunner(script))

    capability = review.comparison.capabilities[0]
    assert (capability.evidence.method, capability.evidence.candidate_mean) == (
        "betting on graded scores",
        pytest.approx(5 / 6, abs=0.01),
    )
    assert review.verdict.findings[0].outcome is Outcome.REGRESSED


def loses_saying(name: str, item: Item) -> float:
    """Script: the candidate can say nothing, and changes some of the rest for better and worse."""
    if item.level is None:
        return 0.0 if "tuned" in name else 1.0
    number = int(item.id.split("-")[1])
    return float(number % 11 != (1 if "tuned" in name else 0))  # in every level and class alike


def test_a_clear_loss_takes_few_items(plan: Plan, store: Store) -> None:
    """`after_failure: stop`: the run ends at the first look that proves it."""
    stopping = replace(long(plan), after_failure="stop")

    review = guard(stopping, store=store, runner=FakeRunner(loses_saying))

    reasoning, saying = review.comparison.capabilities
    assert review.verdict.outcome is Outcome.FAIL
    assert review.verdict.findings[0].outcome is Outcome.INCONCLUSIVE
    assert (saying.counts.n_asked, saying.counts.n_planned) == (128, 500)
    assert (reasoning.counts.n_asked, reasoning.counts.n_planned) == (128, 1500)


def test_a_failed_run_tells_everything(plan: Plan, store: Store) -> None:
    """What was lost is asked no further; the rest, until it is decided."""
    review = guard(long(plan), store=store, runner=FakeRunner(loses_saying))

    reasoning, saying = review.comparison.capabilities
    assert review.verdict.outcome is Outcome.FAIL
    assert review.verdict.findings[0].outcome is Outcome.HELD
    assert review.verdict.findings[1].outcome is Outcome.REGRESSED
    assert saying.counts.n_asked == 128
    assert 128 < reasoning.counts.n_asked < 1500


@pytest.mark.slow
@pytest.mark.parametrize("after_failure", ["finish", "stop"])
def test_what_failed_at_a_look_fails_at_the_end(
    plan: Plan, store: Store, after_failure: AfterFailure
) -> None:
    """Its ladder is asked to its end, where the margin would hold: HELD, had it not been lost."""
    tasks = FakeRunner(all_right).resolve(load_suites(long(plan).suites), EvalSettings())
    early = {item.id for item in in_order(tasks[0], EvalSettings())[:128]}

    def script(name: str, item: Item) -> float:
        is_early = item.id in early and int(item.id.split("-")[1]) % 5 == 0
        return 0.0 if "tuned" in name and is_early else 1.0

    whole = replace(long(plan), after_failure=after_failure)
    review = guard(whole, store=store, runner=FakeRunner(script))
    at_once = guard(whole, store=store, runner=FakeRunner(script), stops_early=False)

    lost = review.verdict.findings[0]
    assert at_once.verdict.findings[0].outcome is Outcome.HELD
    assert review.comparison.capabilities[0].counts.n_asked == 1500
    assert review.comparison.capabilities[0].evidence.p_held is not None
    assert review.comparison.capabilities[0].evidence.p_held <= 0.05
    assert review.verdict.outcome is Outcome.FAIL
    assert lost.outcome is Outcome.REGRESSED
    assert "at an earlier look" in lost.reason
    assert review.verdict.sentence.startswith("reasoning regressed (")


def test_a_lost_ladder_is_asked_to_its_end(plan: Plan, store: Store) -> None:
    """Where it falls is what people ask next."""
    review = guard(long(plan), store=store, runner=FakeRunner(loses_hard_levels))

    reasoning, saying = review.comparison.capabilities
    assert (reasoning.counts.n_asked, saying.counts.n_asked) == (1500, 192)
    assert reasoning.counts.n_looks == 2
    assert review.verdict.findings[1].outcome is Outcome.HELD
    assert "group-sequential" in reasoning.evidence.method


def test_a_candidate_like_its_base_takes_few_items(plan: Plan, store: Store) -> None:
    """Without a single flip both capabilities are held at the second look."""
    review = guard(long(plan), store=store, runner=FakeRunner(all_right))

    assert review.verdict.outcome is Outcome.PASS
    assert [capability.counts.n_asked for capability in review.comparison.capabilities] == [
        256,
        192,
    ]


def test_without_early_stop_everything_is_asked(plan: Plan, store: Store) -> None:
    """And judged at one look."""
    review = guard(long(plan), store=store, runner=FakeRunner(all_right), stops_early=False)

    assert [capability.counts.n_asked for capability in review.comparison.capabilities] == [
        1500,
        500,
    ]
    assert "sequential" not in review.comparison.capabilities[0].evidence.method


def test_a_suite_that_is_the_contract_is_decided_by_its_own_items(plan: Plan, store: Store) -> None:
    """estimand: suite bets without replacement, and stops as soon as the rest cannot matter."""
    review = guard(
        replace(long(plan), policy=Policy(estimand="suite")),
        store=store,
        runner=FakeRunner(all_right),
    )

    assert review.verdict.outcome is Outcome.PASS
    assert "about this suite" in review.comparison.capabilities[0].evidence.method


def test_a_loss_at_the_end_of_a_suite_is_not_held(plan: Plan, store: Store) -> None:
    """Two tasks of one capability, of which the second fell: known exactly when all are asked."""
    text = support.SUITE.replace(
        "  saying:\n    ring: general\n    tasks:\n      - {name: say", "      - {name: say"
    )
    folder = Path(plan.candidate).parent / "joined"
    suite = support.write_suite(folder, text=text, n_items=600, n_said=200)

    def script(name: str, item: Item) -> float:
        return 0.0 if "tuned" in name and item.level is None and int(item.answer) < 60 else 1.0

    joined = replace(plan, suites=(str(suite),), policy=Policy(estimand="suite"))
    review = guard(joined, store=store, runner=FakeRunner(script), stops_early=False)

    capability = review.comparison.capabilities[0]
    assert (capability.evidence.drop, capability.evidence.p_held, capability.evidence.p_drop) == (
        pytest.approx(0.075),
        1.0,
        0.0,
    )
    assert review.verdict.outcome is Outcome.FAIL


def test_full_weights_have_their_base_measured_first(plan: Plan, store: Store) -> None:
    """Two models that share no weights are not loaded in turns at every look."""

    turns: list[str] = []

    class Noted(FakeRunner):
        def ask(
            self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
        ) -> Sequence[Answer]:
            turns.append(checkpoint.label)
            return super().ask(checkpoint, task, items, protocol)

    guard(long(plan), store=store, runner=Noted(loses_hard_levels))

    assert sum(turn != following for turn, following in itertools.pairwise(turns)) == 1


def test_what_is_stored_in_part_is_compared_as_far_as_its_looks_need(
    plan: Plan, store: Store
) -> None:
    """A comparison from the store loads nothing, so that no base is asked in full beforehand."""

    class Switching(FakeRunner):
        def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
            return True

    stopped = guard(long(plan), store=store, runner=Switching(all_right))
    assert stopped.comparison.capabilities[0].counts.n_asked < 1500

    runner = find_stored(store, find_sides(plan), load_suites(long(plan).suites), {})
    again = guard(replace(long(plan), protocol=runner.protocol), store=store, runner=runner)

    assert again.verdict == stopped.verdict


def test_a_time_limit_ends_a_run_with_what_it_has(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open is open: exit 11 and not an error; a later run goes on from there."""
    shards_of_base = 1500 // 64 + 1 + 500 // 64 + 1
    limit = shards_of_base + 1.5

    review = guard(
        long(plan),
        store=store,
        runner=slowed(FakeRunner(all_right), monkeypatch),
        max_minutes=limit,
    )

    monkeypatch.undo()
    reasoning, saying = review.comparison.capabilities
    assert (reasoning.counts.n_asked, saying.counts.n_asked) == (
        64,
        64,
    )  # side by side, once time is short
    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    assert support.caveat_texts(review, "run.time-limit") == [
        f"The time limit of {limit:g} minutes ended the run."
    ]
    later = guard(long(plan), store=store, runner=FakeRunner(all_right))
    assert later.verdict.outcome is Outcome.PASS


class Stuck(FakeRunner):
    """Answers the base, and works for ever on the candidate, looking up as a slow template does."""

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer, or never."""
        while checkpoint.name.endswith("tuned"):
            drop_if_stopped()
        return super().ask(checkpoint, task, items, protocol)


def test_a_time_limit_ends_what_is_in_hand_and_never_ends(plan: Plan, store: Store) -> None:
    """As if it had not been begun: the run has what was answered by then."""
    review = guard(plan, store=store, runner=Stuck(all_right), max_minutes=0.02)

    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    assert "run.time-limit" in support.caveat_ids(review)
    later = guard(plan, store=store, runner=FakeRunner(all_right))
    assert later.verdict.outcome is Outcome.PASS


class TriesTemplates(FakeRunner):
    """Takes for ever to look at the sides, looking up as a slow template does."""

    def look_at(self, checkpoint: Checkpoint, protocol: EvalSettings) -> tuple[Caveat, ...]:
        """Look at it, and never end."""
        while True:
            drop_if_stopped()


def test_a_time_limit_ends_the_trial_of_templates(plan: Plan, store: Store) -> None:
    """It counts from the beginning; nothing is asked, and what was not tried is said."""
    runner = TriesTemplates(all_right)

    review = guard(plan, store=store, runner=runner, max_minutes=0.005)

    assert (review.verdict.outcome, runner.n_asked) == (Outcome.INCONCLUSIVE, 0)
    assert support.caveat_texts(review, "template.untried") == [
        f"{side}: the time was up before its chat template was tried."
        for side in (plan.base, plan.candidate)
    ]


class ShowsPrompts(FakeRunner):
    """Takes for ever to show a prompt, and notes of whom."""

    shown: tuple[str, ...] = ()

    def preview(self, checkpoint: Checkpoint, task: Task, protocol: EvalSettings) -> str | None:
        """Render, and never end."""
        self.shown += (checkpoint.name,)
        while True:
            drop_if_stopped()


@pytest.mark.parametrize("n_shown", [0, 1])
def test_a_time_limit_ends_the_showing_of_prompts(
    n_shown: int, plan: Plan, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people look at first takes a template, too: up to `n_shown` sides there is time."""
    rows = [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(8)]
    data = str(support.write_jsonl(tmp_path / "sums.jsonl", rows))
    runner = ShowsPrompts(all_right)
    is_up = property(lambda _: lambda: len(runner.shown) >= n_shown)
    monkeypatch.setattr("cliffguard.run.limits.Limits.is_time_up", is_up)

    review = guard(replace(plan, target=TargetData(data=data)), store=store, runner=runner)

    assert (review.verdict.outcome, runner.n_asked) == (Outcome.INCONCLUSIVE, 0)
    assert len(runner.shown) == n_shown


def test_a_time_limit_counts_from_when_the_run_began(plan: Plan, store: Store) -> None:
    """What passed before the first item, reading and loading, is part of it."""
    runner = FakeRunner(all_right)

    review = guard(plan, store=store, runner=runner, max_minutes=1.0, began=time.monotonic() - 61.0)

    assert (review.verdict.outcome, runner.n_asked) == (Outcome.INCONCLUSIVE, 0)
    assert "The time limit of 1 minute ended the run." in support.caveat_texts(
        review, "run.time-limit"
    )


def test_the_command_says_how_the_run_was_cut_short(plan: Plan, store: Store) -> None:
    """Who repeats it gets the same looks."""
    runner = FakeRunner(all_right)
    review = guard(plan, store=store, runner=runner, stops_early=False, max_minutes=30)
    usual = guard(plan, store=store, runner=runner)

    words = "--no-early-stop --max-minutes 30"
    assert review.provenance.command == f"cliffguard check plan.yaml {words}"
    assert usual.provenance.command == "cliffguard check plan.yaml"


def test_a_time_limit_that_was_not_reached_changes_nothing(plan: Plan, store: Store) -> None:
    """The review is that of a run without one."""
    runner = FakeRunner(loses_hard_levels)
    limited = guard(plan, store=store, runner=runner, max_minutes=60)
    usual = guard(plan, store=store, runner=runner)

    assert limited.comparison == usual.comparison
    assert limited.verdict == usual.verdict


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_an_impossible_time_limit_is_refused(plan: Plan, store: Store, minutes: float) -> None:
    """At the door."""
    with support.refused("max-minutes.not-positive", 2, "max_minutes"):
        guard(plan, store=store, runner=FakeRunner(all_right), max_minutes=minutes)


def long(plan: Plan) -> Plan:
    """Return the plan over a suite that is worth stopping early on."""
    suite = support.write_suite(Path(plan.candidate).parent / "long", n_items=1500, n_said=500)
    return replace(plan, suites=(str(suite),))


def test_examples_are_broken_items_easiest_first(plan: Plan, store: Store) -> None:
    """The review carries a few items that broke, with both answers."""

    def script(name: str, item: Item) -> float:
        return 0.0 if "tuned" in name and (item.level or 0) >= 2 else 1.0

    review = guard(plan, store=store, runner=FakeRunner(script))

    assert [example.level for example in review.examples] == [2, 2, 2, 2, 2]
    assert all(e.base_text == e.answer != e.candidate_text for e in review.examples)


def test_the_review_tells_what_was_fixed_beforehand(plan: Plan, store: Store) -> None:
    """A decision is tried where it was told, and nowhere else."""
    review = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))

    assert review.plan.policy is not None
    suites = load_suites(plan.suites)
    tasks = [task for suite in suites for c in suite.capabilities for task in c.tasks]
    looks = review.provenance.looks
    assert looks == power_analysis(plan, suites, tasks, review.plan.policy).looks
    for capability, planned in zip(review.comparison.capabilities, looks, strict=True):
        assert capability.capability == planned.capability
        assert capability.counts.n_asked in planned.n_items


def test_what_the_suites_lack_is_a_caveat(plan: Plan, store: Store) -> None:
    """Rings that a fine-tune loses in silence are named, unless something covers them."""

    def not_measured() -> list[str]:
        review = guard(plan, store=store, runner=FakeRunner(all_right))
        texts = support.caveat_texts(review, "suites.not-covered")
        return [text.split(",")[0] for text in texts]

    before = not_measured()
    path = Path(plan.suites[0])
    text = path.read_text(encoding="utf-8")
    covers = "covers: [multi_step_reasoning, out_of_domain_qa]"
    path.write_text(text.replace("ring: general", f"ring: general\n    {covers}"), encoding="utf-8")

    assert before == [
        "Not measured: questions of several steps",
        "Not measured: questions outside the target's domain",
    ]
    assert not_measured() == []


def test_a_control_that_moves_is_a_change_of_the_instrument(plan: Plan, store: Store) -> None:
    """What no fine-tune has a reason to touch is not judged, but told."""
    path = Path(plan.suites[0])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("ring: adjacent", "ring: control"), encoding="utf-8")

    moved = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))
    still = guard(plan, store=Store(store.root / "other"), runner=FakeRunner(all_right))

    (text,) = support.caveat_texts(moved, "control.moved")
    assert text.startswith("The control reasoning moved by -")
    assert "control.moved" not in support.caveat_ids(still)


def test_levels_beyond_the_window_are_left_out(plan: Plan, store: Store) -> None:
    """Of the smaller one, where a level is a number of tokens; and it is said."""
    path = Path(plan.suites[0])
    text = path.read_text(encoding="utf-8").replace("level: hops", "level: tokens")
    path.write_text(text, encoding="utf-8")
    items = path.parent / "ball.jsonl"
    items.write_text(items.read_text(encoding="utf-8").replace('"hops"', '"tokens"'))
    for folder, window in ((str(plan.base), 8), (plan.candidate, 2)):
        config = {"model_type": "llama", "max_position_embeddings": window}
        (Path(folder) / "config.json").write_text(json.dumps(config))

    review = guard(plan, store=store, runner=FakeRunner(all_right))

    (ladder,) = review.comparison.capabilities[0].diagnostics.ladders
    assert [level.level for level in ladder.levels] == [1, 2]
    (text,) = support.caveat_texts(review, "ladder.beyond-window")
    assert text.startswith("ball: levels above 2 tokens are left out")


def test_a_review_survives_its_file(plan: Plan, store: Store) -> None:
    """Written and read again, a review is the same but for where the files lay."""
    review = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))

    again = read_review(render_json(review), "review.json")

    assert again == without_files(review)


def without_files(review: Review) -> Review:
    """Return the review as a file holds it."""
    compared = review.comparison
    sides = [replace(side, files=None) for side in (compared.base, compared.candidate)]
    return replace(review, comparison=replace(compared, base=sides[0], candidate=sides[1]))


def test_the_policy_of_the_review_is_the_one_that_judged(plan: Plan, store: Store) -> None:
    """A plan without policy is recorded with the default that was used."""
    review = guard(plan, store=store, runner=FakeRunner(all_right))

    assert review.plan.policy == Policy()


def test_stored_answers_go_through_the_same_gate(plan: Plan, store: Store) -> None:
    """compare finds protocol and runner in the store and gives the same verdict."""
    measured = guard(plan, store=store, runner=FakeRunner(loses_hard_levels))

    runner = find_stored(store, find_sides(plan), load_suites(plan.suites), {})
    stored = guard(replace(plan, protocol=runner.protocol), store=store, runner=runner)

    assert stored.verdict == measured.verdict
    assert stored.comparison == measured.comparison


def test_several_stored_protocols_are_refused_with_the_list(plan: Plan, store: Store) -> None:
    """Which of two measurements is meant is not guessed."""
    guard(plan, store=store, runner=FakeRunner(all_right))
    limited = replace(plan, protocol=EvalSettings(limit=30))
    guard(limited, store=store, runner=FakeRunner(all_right))

    with support.refused("compare.several-protocols", 2):
        find_stored(store, find_sides(plan), load_suites(plan.suites), {})


def test_a_wanted_limit_picks_the_stored_protocol(plan: Plan, store: Store) -> None:
    """A flag that names the protocol ends the ambiguity."""
    guard(plan, store=store, runner=FakeRunner(all_right))
    limited = replace(plan, protocol=EvalSettings(limit=30))
    guard(limited, store=store, runner=FakeRunner(all_right))

    runner = find_stored(store, find_sides(plan), load_suites(plan.suites), {"limit": 30})

    assert runner.protocol.limit == 30


def test_what_is_stored_in_part_is_measured_first(plan: Plan, store: Store) -> None:
    """A comparison of stored answers gives no new ones, and names what is to be finished."""
    guard(plan, store=store, runner=FakeRunner(all_right))
    sides, suites = find_sides(plan), load_suites(plan.suites)
    runner = find_stored(store, sides, suites, {})
    task = runner.resolve(suites, plan.protocol)[0]

    with support.refused("compare.stored-in-part", 2, task.name, "cliffguard measure"):
        runner.ask(sides[0], task, task.items[:1], plan.protocol)


def test_nothing_stored_says_what_to_run(plan: Plan, store: Store) -> None:
    """Without answers the message names the missing side and the command."""
    with support.refused("compare.not-stored", 2, "/base"):
        find_stored(store, find_sides(plan), load_suites(plan.suites), {})


def test_a_side_that_was_measured_by_other_versions_is_not_compared(
    plan: Plan, store: Store
) -> None:
    """A base that was stored before an update is named with what it was measured by."""
    newer = FakeRunner(all_right)
    newer.identity = "fake: lm-eval 0.4.14"  # type: ignore[misc]
    for side, runner in zip(find_sides(plan), (FakeRunner(all_right), newer), strict=True):
        measure_alone(side, plan, store=store, runner=runner)

    with support.refused("compare.not-stored", 2):
        find_stored(store, find_sides(plan), load_suites(plan.suites), {})


class Reworded(FakeRunner):
    """A runner whose harness now puts another example before every item."""

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer other prompts than were asked before."""
        answers = super().ask(checkpoint, task, items, protocol)
        return [replace(answer, prompt_digest="other") for answer in answers]


def test_shots_that_changed_since_the_base_was_stored_are_refused(plan: Plan, store: Store) -> None:
    """Nothing in the key told them apart; the prompts do."""
    measure_alone(find_sides(plan)[0], plan, store=store, runner=FakeRunner(all_right))

    with support.refused("sides.asked-otherwise", 12, "--store"):
        guard(plan, store=store, runner=Reworded(all_right))


def test_what_only_the_candidate_leaves_unscored_is_counted(plan: Plan, store: Store) -> None:
    """Items that the base had right and the candidate did not answer stand in the comparison."""

    def script(name: str, item: Item) -> float | None:
        return None if "tuned" in name and item.level == 1 else 1.0

    review = guard(plan, store=store, runner=FakeRunner(script))

    assert review.comparison.capabilities[0].counts.n_lost == 50
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


class Cut(FakeRunner):
    """A runner whose candidate talks beyond the limit on every third item of those it is asked."""

    def __init__(self, text: str) -> None:
        """Remember what is said until the limit."""
        super().__init__(all_right)
        self.text = text

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer; where the limit came, there is no right answer yet."""
        answers = super().ask(checkpoint, task, items, protocol)
        if "tuned" not in checkpoint.label or task.name != "say":
            return answers
        return [
            replace(answer, score=0.0, text=self.text, finish_reason="length")
            if int(answer.item_id[-3:]) % 3 == 0
            else answer
            for answer in answers
        ]


def test_a_drop_by_the_token_limit_is_inconclusive(plan: Plan, store: Store) -> None:
    """It is counted, it is said, more items are asked, and nothing passes."""
    review = guard(plan, store=store, runner=Cut("Let me think about it step by step"))

    saying = review.comparison.capabilities[1]
    (task,) = saying.diagnostics.tasks
    finding = review.verdict.findings[1]
    assert (task.n_truncated_candidate, task.finish_candidate) == (27, {"length": 27, "stop": 53})
    assert task.finish_base == {"stop": 80}
    assert saying.diagnostics.uncut is not None
    assert (saying.diagnostics.uncut.n_cut, saying.diagnostics.uncut.drop) == (27, 0.0)
    assert (finding.outcome, review.verdict.outcome) == (Outcome.INCONCLUSIVE,) * 2
    assert "not without 27 answers of the candidate that were cut" in finding.reason


def test_a_model_that_runs_in_a_circle_is_not_excused_by_the_limit(
    plan: Plan, store: Store
) -> None:
    """No limit would have led to an end: that is a loss, and a grave one."""
    review = guard(plan, store=store, runner=Cut("and so on " * 20))

    assert review.comparison.capabilities[1].diagnostics.uncut is None
    assert review.verdict.outcome is Outcome.FAIL


class OnAnotherDevice(FakeRunner):
    """A runner that notes another device."""

    def notes(self) -> dict[str, str | int]:
        """Describe a device that the base was not measured on."""
        return {"device": "elsewhere"}


def test_sides_that_were_measured_differently_are_a_caveat(plan: Plan, store: Store) -> None:
    """A base from the store of another device is compared, and the report says so."""
    measure_alone(find_sides(plan)[0], plan, store=store, runner=FakeRunner(all_right))

    review = guard(plan, store=store, runner=OnAnotherDevice(all_right))

    assert "sides.measured-otherwise" in support.caveat_ids(review)
    assert review.provenance.measured_on == ("base: device none", "candidate: device elsewhere")


def test_sides_that_were_measured_alike_are_no_caveat(plan: Plan, store: Store) -> None:
    """Nothing is remarked where nothing differs."""
    review = guard(plan, store=store, runner=FakeRunner(all_right))

    assert "sides.measured-otherwise" not in support.caveat_ids(review)


class Empty(FakeRunner):
    """A runner whose suites hold no task at all."""

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return nothing."""
        return ()


@pytest.mark.parametrize("stops_early", [True, False])
@pytest.mark.parametrize("max_minutes", [None, 1.0])
def test_a_plan_without_an_item_is_inconclusive(
    plan: Plan, store: Store, stops_early: bool, max_minutes: float | None
) -> None:
    """Where nothing is asked nothing is decided: INCONCLUSIVE, with all capabilities unmeasured."""
    review = guard(
        plan, store=store, runner=Empty(all_right), stops_early=stops_early, max_minutes=max_minutes
    )

    outcomes = {finding.outcome for finding in review.verdict.findings}
    assert (review.verdict.exit_code, outcomes) == (11, {Outcome.NOT_MEASURED})
    assert read_review(render_json(review), "r.json").verdict == review.verdict


def test_a_plan_in_which_nothing_gates_is_inconclusive(plan: Plan, store: Store) -> None:
    """Capabilities that are only watched pass nothing, whatever they show."""
    names = [
        capability.name for suite in load_suites(plan.suites) for capability in suite.capabilities
    ]
    watched = Policy(capabilities={name: CapabilityPolicy(gate=False) for name in names})

    review = guard(replace(plan, policy=watched), store=store, runner=FakeRunner(all_right))

    assert (review.verdict.exit_code, review.verdict.outcome) == (11, Outcome.INCONCLUSIVE)


def test_a_comparison_is_complete_before_it_is_judged(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is judged is what the review keeps, to the last field."""
    judged = []

    def keep(comparison: Comparison, policy: Policy, before: Verdict | None) -> Verdict:
        judged.append(comparison)
        return judge(comparison, policy, before)

    monkeypatch.setattr("cliffguard.run.look.judge", keep)

    review = guard(plan, store=store, runner=FakeRunner(loses_hard_levels), caveats=["mind this"])

    assert review.comparison == judged[-1]
    assert Caveat(id="caller.remark", text="mind this") in judged[0].caveats
