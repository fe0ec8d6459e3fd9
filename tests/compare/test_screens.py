"""What loaded models tell beside their answers: what is read, and what of it a review holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cliffguard import Plan, Store, guard
from cliffguard.compare.diagnostics.screens import N_PLACED, N_READ, N_TRAINING
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.settings import EvalSettings
from cliffguard.core.vectors import Divergence, Vectors
from cliffguard.report import render
from cliffguard.report.json import read_review, render_json
from tests import support
from tests.fake_runner import FakeRunner


class Screening(FakeRunner):
    """A runner whose vectors know one thing: whether a text speaks of a ball."""

    loads_models = True

    def __init__(self) -> None:
        super().__init__(lambda *_: 1.0)
        self.embedded: list[str] = []
        self.read: list[str] = []

    def embed(
        self, checkpoint: Checkpoint, texts: Sequence[str], protocol: EvalSettings
    ) -> Vectors:
        assert "base" in checkpoint.name
        self.embedded += texts
        noise = np.random.default_rng(0).normal(scale=0.05, size=(len(texts), 2))
        return noise + np.array([[1.0, 0.0] if "ball" in text else [0.0, 1.0] for text in texts])

    def diverge(
        self,
        base: Checkpoint,
        candidate: Checkpoint,
        prompts: Sequence[str],
        protocol: EvalSettings,
    ) -> Sequence[Divergence]:
        assert ("base" in base.name, "tuned" in candidate.name) == (True, True)
        self.read += prompts
        nats = [0.5 if "ball" in prompt else 0.01 for prompt in prompts]
        return [Divergence(kl_nats=nat, agreement=1 - nat, n_tokens=10) for nat in nats]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan over 300 items about a ball and 40 that ask to say a number, with training data."""
    suite = support.write_suite(tmp_path / "suite", n_items=300, n_said=40)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    rows = [{"text": f"A ball flew over fence number {number} once."} for number in range(500)]
    train = support.write_jsonl(tmp_path / "train.jsonl", rows)
    return Plan(
        base=str(base),
        candidate=str(tuned),
        suites=(str(suite),),
        train=(str(train),),
        offline=True,
    )


def test_capabilities_are_placed_by_their_distance(plan: Plan, store: Store) -> None:
    """What the training data speak of lies near, the rest far; at most so many texts are read."""
    runner = Screening()
    review = guard(plan, store=store, runner=runner)

    near, far = (capability.diagnostics.distance for capability in review.comparison.capabilities)
    assert near is not None
    assert far is not None
    assert near.median < 0.2
    assert far.median > 1.0
    assert (near.n_items, far.n_items) == (N_PLACED, 40)
    assert len(runner.embedded) == N_TRAINING + N_PLACED + 40


def test_predictions_are_compared_where_the_plan_asks_for_it(plan: Plan, store: Store) -> None:
    """Of each capability some prompts are read by both sides."""
    runner = Screening()
    review = guard(replace(plan, train=(), screen=True), store=store, runner=runner)

    moved, kept = (capability.diagnostics.shift for capability in review.comparison.capabilities)
    assert moved is not None
    assert kept is not None
    assert (moved.median_nats, moved.agreement, moved.n_prompts) == (0.5, 0.5, N_READ)
    assert (kept.median_nats, kept.agreement) == (0.01, 0.99)
    assert runner.embedded == []


def test_nothing_is_screened_unasked(plan: Plan, store: Store) -> None:
    """Without training data and without screen, no text is read."""
    runner = Screening()
    review = guard(replace(plan, train=()), store=store, runner=runner)

    assert (runner.embedded, runner.read) == ([], [])
    assert {
        capability.diagnostics.distance or capability.diagnostics.shift
        for capability in review.comparison.capabilities
    } == {None}


def test_screens_decide_nothing(plan: Plan, store: Store) -> None:
    """The verdict is that of a run without them."""
    screened = guard(replace(plan, screen=True), store=store, runner=Screening())
    plain = guard(plan, store=store, runner=FakeRunner(lambda *_: 1.0))

    assert screened.verdict == plain.verdict


def test_a_runner_without_models_leaves_distances_out(plan: Plan, store: Store) -> None:
    """Training data name items that overlap; a server tells no hidden states, and none is asked."""
    review = guard(plan, store=store, runner=FakeRunner(lambda *_: 1.0))

    assert {capability.diagnostics.distance for capability in review.comparison.capabilities} == {
        None
    }


def test_a_runner_without_models_refuses_to_screen(plan: Plan, store: Store) -> None:
    """What was asked for and cannot be had is an error before the first answer."""
    runner = FakeRunner(lambda *_: 1.0)

    with support.refused("screen.no-distributions", 2, "screen"):
        guard(replace(plan, screen=True), store=store, runner=runner)

    assert runner.n_asked == 0


def test_items_in_the_training_data_are_not_placed(
    plan: Plan, store: Store, tmp_path: Path
) -> None:
    """An item that does not count would lie at distance 0 and draw its capability near."""
    rows = [{"text": f"The ball number {number} is with Ann"} for number in range(250)]
    train = support.write_jsonl(tmp_path / "train.jsonl", rows)
    runner = Screening()
    review = guard(replace(plan, train=(str(train),)), store=store, runner=runner)

    capability = review.comparison.capabilities[0]
    assert capability.counts.n_excluded > 0
    assert capability.diagnostics.distance is not None
    excluded = {overlap.item_id for overlap in review.comparison.overlaps}
    prompts = {
        f"The ball number {int(item_id.removeprefix('ball-'))} is with" for item_id in excluded
    }
    assert not prompts & set(runner.embedded)


def test_a_review_keeps_its_screens(plan: Plan, store: Store) -> None:
    """They are read back as they were written, and every report shows them."""
    review = guard(replace(plan, screen=True), store=store, runner=Screening())

    text = render_json(review)
    assert render_json(read_review(text, "review.json")) == text
    assert "## Distance" in render(review, "markdown")
    assert "Drop against distance" in render(review, "html")
    assert "Distance from the fine-tuning data" in render(review, "text")
    assert "| KL |" in render(review, "markdown")


def test_the_same_run_gives_the_same_screens(plan: Plan, store: Store) -> None:
    """Which texts are read follows from the plan alone."""
    first, second = Screening(), Screening()
    reviews = [
        guard(replace(plan, screen=True), store=store, runner=runner) for runner in (first, second)
    ]

    assert render_json(reviews[0]) == render_json(reviews[1])
    assert (first.embedded, first.read) == (second.embedded, second.read)
