"""What a diagnosis leaves in a review and in its items, beside the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Plan, Store, guard
from cliffguard.compare.diagnosis import Diagnosed
from cliffguard.compare.item_results import item_results
from cliffguard.compare.kept_texts import with_texts_kept
from cliffguard.compare.write_review import Decision, build_review
from cliffguard.core.diagnosis import Diagnosis, Pattern, PatternKind
from cliffguard.core.item_results import ItemResult
from cliffguard.core.reviews import Review
from cliffguard.report import RENDERERS, render
from tests import support
from tests.fake_runner import FakeRunner
from tests.report import diagnosed

SUITE = """\
name: balls
version: 1
capabilities:
  reasoning:
    ring: adjacent
    tasks:
      - {name: ball, items: ball.jsonl, level: hops, metric: acc, chance: 0.25}
"""
BY_TEXT: tuple[PatternKind, ...] = ("pull", "template", "class", "cluster", "opening")
BY_NUMBER: tuple[PatternKind, ...] = ("position", "overconfident", "level", "length", "task")


@pytest.fixture
def decision(tmp_path: Path, store: Store) -> Decision:
    """A decision about 40 items of which the candidate breaks half."""
    support.write_jsonl(tmp_path / "ball.jsonl", support.choice_rows(40))
    suite = tmp_path / "balls.yaml"
    suite.write_text(SUITE)
    plan = Plan(
        base=str(support.write_checkpoint(tmp_path / "base", seed=0)),
        candidate=str(support.write_checkpoint(tmp_path / "tuned", seed=1)),
        suites=(str(suite),),
    )

    def script(name: str, item: Any) -> float:
        return float(not ("tuned" in name and int(item.id.partition("-")[2]) % 2))

    decisions: list[Decision] = []
    guard(plan, store=store, runner=FakeRunner(script), witness=decisions.append)
    return replace(decisions[-1], diagnosed=None)


def with_reasons(decision: Decision, patterns: tuple[Pattern, ...] = ()) -> Decision:
    """Return the decision with refusals for causes, and every pattern on every item."""
    (capability,) = decision.comparison.capabilities
    n_broken = capability.counts.n_broken
    explained = diagnosed.capability(
        [diagnosed.found_cause("refusal", n_broken, n_broken)],
        capability.capability,
        patterns=patterns,
    )
    keys = [(pair.task.name, pair.item.id) for pair in decision.pairs]
    causes: Mapping[tuple[str, str], Any] = {
        (pair.task.name, pair.item.id): "refusal" for pair in decision.pairs if pair.is_broken
    }
    mine = dict.fromkeys(keys, (*(each.key for each in patterns), "none of the review's"))
    record = Diagnosis(capabilities=(explained,), n_tried=7)
    return replace(decision, diagnosed=Diagnosed(record=record, causes=causes, patterns=mine))


def review_of(decision: Decision) -> Review:
    """Return the review of a decision."""
    return build_review(
        decision,
        plan=Plan(candidate="runs/tuned", suites=("balls",)),
        suites=(),
        runner="none",
        looks=(),
        command="cliffguard check",
    )


def results_of(decision: Decision, texts: Any = "short") -> list[ItemResult]:
    """Return the items of a decision."""
    return list(item_results(decision, texts))


def test_items_have_the_cause_and_the_patterns_that_the_review_has(decision: Decision) -> None:
    """What broke has its cause; a key that the review lacks could not be looked up."""
    pull = diagnosed.pattern("pull", "Ann")

    results = results_of(with_reasons(decision, (pull,)))

    assert [result.cause for result in results if result.is_broken] == ["refusal"] * 20
    assert {result.cause for result in results if not result.is_broken} == {None}
    assert {result.patterns for result in results} == {(pull.key,)}


def test_without_a_diagnosis_items_have_neither(decision: Decision) -> None:
    """And the review says that nobody looked."""
    assert {(result.cause, result.patterns) for result in results_of(decision)} == {(None, ())}
    assert review_of(decision).diagnosis is None


def test_a_diagnosis_changes_nothing_else(decision: Decision) -> None:
    """The review with and without it is the same but for it, and so is every item."""
    explained = with_reasons(decision, (diagnosed.pattern("pull", "Ann"),))
    assert explained.diagnosed is not None

    assert review_of(explained).diagnosis == explained.diagnosed.record
    assert replace(review_of(explained), diagnosis=None) == review_of(decision)
    assert [replace(r, cause=None, patterns=()) for r in results_of(explained)] == results_of(
        decision
    )


def test_a_reason_holds_no_secret(decision: Decision) -> None:
    """A server's address may stand in it; words of the data stay, since items are found by them."""
    address = "http://me:opensesame@10.0.0.1:8000"
    explained = with_reasons(decision, (diagnosed.pattern("pull", address),))
    assert explained.diagnosed is not None
    record = explained.diagnosed.record
    (capability,) = record.capabilities
    failed = replace(capability, unprobed=f"asking again failed: {address} does not answer")
    explained = replace(
        explained,
        diagnosed=replace(explained.diagnosed, record=replace(record, capabilities=(failed,))),
    )

    review = review_of(explained)

    assert review.diagnosis is not None
    (kept,) = review.diagnosis.capabilities
    assert "opensesame" not in kept.unprobed
    assert [each.key for each in kept.patterns] == [f"pull:{address}"]


@pytest.mark.parametrize("kind", BY_TEXT)
def test_patterns_of_words_are_digests_where_no_text_is_kept(
    kind: PatternKind, decision: Decision
) -> None:
    """In every format, and in items the same one, so that they are still found by it."""
    explained = with_reasons(decision, (diagnosed.pattern(kind, "zebra"),))

    review = with_texts_kept(review_of(explained), "none")

    for format in RENDERERS:
        assert "zebra" not in render(review, format), format
    assert review.diagnosis is not None
    ((key,),) = {result.patterns for result in results_of(explained, "none")}
    assert [each.key for each in review.diagnosis.capabilities[0].patterns] == [key]
    assert key.startswith(f"{kind}:sha256:")


@pytest.mark.parametrize("kind", BY_NUMBER)
def test_other_patterns_keep_their_names(kind: PatternKind, decision: Decision) -> None:
    """They are none of the data's words."""
    explained = with_reasons(decision, (diagnosed.pattern(kind, "first"),))

    review = with_texts_kept(review_of(explained), "none")

    assert review.diagnosis == review_of(explained).diagnosis
