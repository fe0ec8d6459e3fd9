"""Answers that the token limit cut before anything could be read: wrong, and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard import Outcome, Plan, Policy, Review, Store, guard
from cliffguard.core.answers import Answer, FinishReason
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.items import Item, Task
from cliffguard.core.protocol import EvalSettings
from cliffguard.core.reviews import Finding
from tests import support
from tests.fake_runner import FakeRunner

BEGUN = '<tool_call>{"name": "pay", "arguments": {"to": "Ada, who lives in the house behind'
CIRCLE = '{"name": "pay", "arguments": {}} ' * 40


class Cut(FakeRunner):
    """Is right, but for a share of each side's answers, which end unread.

    The candidate is wrong in the last share `lost`.
    """

    def __init__(
        self,
        shares: tuple[float, float],
        text: str = BEGUN,
        ended: FinishReason = "length",
        lost: float = 0.0,
    ) -> None:
        super().__init__(
            lambda name, item: float(
                bool(item.choices) or "tuned" not in name or int(item.id[-3:]) < 300 * (1.0 - lost)
            )
        )
        self.shares, self.text, self.ended = shares, text, ended

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return answers of which some have no score."""
        answers = super().ask(checkpoint, task, items, protocol)
        share = self.shares["tuned" in checkpoint.name]
        return [
            answer
            if answer.finish_reason == "choice" or int(item.id[-3:]) >= 300 * share
            else replace(answer, score=None, text=self.text, finish_reason=self.ended)
            for answer, item in zip(answers, items, strict=True)
        ]


def judged(folder: Path, store: Store, runner: Cut) -> tuple[CapabilityComparison, Finding]:
    """Return what is decided of 300 answers in words."""
    suite = support.write_suite(folder / "suite", n_items=90, n_said=300)
    plan = Plan(
        base=str(support.write_checkpoint(folder / "base", seed=0)),
        candidate=str(support.write_checkpoint(folder / "tuned", seed=1)),
        suites=(str(suite),),
        offline=True,
        policy=Policy(default_margin=0.1),
    )
    review: Review = guard(plan, store=store, runner=runner)
    (row,) = (row for row in review.comparison.capabilities if row.capability == "saying")
    (finding,) = (each for each in review.verdict.findings if each.capability == "saying")
    return row, finding


def test_a_call_that_the_limit_cut_is_wrong_and_explains_a_drop(
    tmp_path: Path, store: Store
) -> None:
    """It counts in the score; a larger limit might have been kept, so that nothing is proven."""
    row, finding = judged(tmp_path, store, Cut((0.0, 0.3)))

    assert row.counts.n_missing_candidate == row.counts.n_unreadable_candidate == 0
    assert (row.counts.n_items, row.counts.n_broken) == (300, 90)
    assert row.evidence.drop == pytest.approx(0.3)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "90 answers of the candidate that were cut" in finding.reason


def test_a_circle_that_cannot_be_read_is_no_excuse(tmp_path: Path, store: Store) -> None:
    """No limit would have ended it."""
    assert judged(tmp_path, store, Cut((0.0, 0.3), CIRCLE))[1].outcome is Outcome.REGRESSED


def test_what_is_cut_on_both_sides_forbids_no_held(tmp_path: Path, store: Store) -> None:
    """As in a metric that reads anything: alike before and after."""
    row, finding = judged(tmp_path, store, Cut((0.06, 0.06)))

    assert finding.outcome is Outcome.HELD
    assert row.counts.n_unscored == row.counts.n_missing_base == 0


def test_a_thought_that_was_cut_is_no_answer(tmp_path: Path, store: Store) -> None:
    """Nothing was said: it is missing on both sides, and more than 5 % of it forbid HELD."""
    row, finding = judged(tmp_path, store, Cut((0.06, 0.06), "", "thinking"))

    assert row.counts.n_missing_base == 18
    assert finding.outcome is Outcome.INCONCLUSIVE


def test_what_the_limit_took_from_the_base_pays_for_no_loss(tmp_path: Path, store: Store) -> None:
    """30 % of the base's are cut, and the candidate loses as many others: the mean stays."""
    row, finding = judged(tmp_path, store, Cut((0.3, 0.0), lost=0.3))

    assert row.evidence.drop == pytest.approx(0.0)
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "90 answers of the base that were cut (the drop would be +30.0 points)" in finding.reason


@pytest.mark.parametrize(("text", "lost"), [(BEGUN, 0.0), (CIRCLE, 0.3)])
def test_a_base_that_is_cut_forbids_no_held(
    tmp_path: Path, store: Store, text: str, lost: float
) -> None:
    """Where nothing else was lost, or where no limit would have ended what the base said."""
    finding = judged(tmp_path, store, Cut((0.3, 0.0), text, lost=lost))[1]

    assert finding.outcome is Outcome.HELD
