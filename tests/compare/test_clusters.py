"""What ties items in a check: fields that the policy names, prompts under two tasks, copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Plan, Policy, Store, guard
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.items import Item
from cliffguard.core.settings import CapabilityPolicy
from tests import support
from tests.fake_runner import FakeRunner
from tests.support import all_right

SUITE = """\
name: reading
version: 1
capabilities:
  reading:
    ring: adjacent
    tasks:
      - {name: one, items: one.jsonl, metric: acc, chance: 0.5}
      - {name: two, items: two.jsonl, metric: acc, chance: 0.5}
"""


def rows(task: str, n: int = 200, **more: Any) -> list[dict[str, Any]]:
    """Return items of a task, each with a prompt of its own and the field of its passage."""
    return [
        {
            "id": f"{task}-{number}",
            "prompt": f"{task}, question {number}:",
            "choices": ["yes", "no"],
            "answer": "yes",
            "fields": {"passage": number // 10, "topic": "law" if number % 5 == 0 else "art"},
            **more,
        }
        for number in range(n)
    ]


def plan(folder: Path, first: Any, second: Any, **policy: Any) -> Plan:
    """Return a plan over a suite with these two tasks."""
    support.write_jsonl(folder / "one.jsonl", first)
    support.write_jsonl(folder / "two.jsonl", second)
    (folder / "reading.yaml").write_text(SUITE)
    base = support.write_checkpoint(folder / "base", seed=0)
    tuned = support.write_checkpoint(folder / "tuned", seed=1)
    return Plan(
        base=str(base),
        candidate=str(tuned),
        suites=(str(folder / "reading.yaml"),),
        policy=Policy(capabilities={"reading": CapabilityPolicy(**policy)}),
    )


def comparison_of(plan: Plan, folder: Path) -> CapabilityComparison:
    """Return what one look at everything comes to."""
    review = guard(plan, store=Store(folder), runner=FakeRunner(all_right), stops_early=False)
    return review.comparison.capabilities[0]


def test_a_field_of_the_items_makes_clusters(tmp_path: Path) -> None:
    """Ten questions a passage; the same passage in both tasks is one."""
    by_passage = plan(tmp_path, rows("one"), rows("two"), cluster="passage")

    assert comparison_of(by_passage, tmp_path / "s").counts.n_clusters == 20


def test_the_same_prompt_under_two_tasks_is_one_document(tmp_path: Path) -> None:
    """With other choices it is tied; with the same it is a copy."""
    again = [{**row, "id": f"b{row['id']}", "choices": ["no", "yes"]} for row in rows("one")]
    tied = comparison_of(plan(tmp_path, rows("one"), again), tmp_path / "s")
    assert (tied.counts.n_items, tied.counts.n_clusters, tied.counts.n_copies) == (400, 200, 0)

    copied = [{**row, "id": f"b{row['id']}"} for row in rows("one")]
    copies = comparison_of(plan(tmp_path, rows("one"), copied), tmp_path / "t")
    assert (copies.counts.n_items, copies.counts.n_planned, copies.counts.n_copies) == (
        200,
        200,
        200,
    )
    assert copies.counts.n_clusters is None


def test_a_value_of_a_field_that_falls_fails_the_gate(tmp_path: Path) -> None:
    """One topic in five falls by 80 points; the whole falls by 16, and its margin is 25."""

    def loses_law(name: str, item: Item) -> float:
        number = int(item.id.split("-")[1])
        return float("tuned" not in name or number % 5 > 0 or number % 25 == 0)

    by_topic = plan(tmp_path, rows("one"), rows("two"), margin=0.25, strata="topic")
    store, runner = Store(tmp_path / "s"), FakeRunner(loses_law)
    review = guard(by_topic, store=store, runner=runner, stops_early=False)

    finding = review.verdict.findings[0]
    assert (review.verdict.outcome, finding.cause) == (Outcome.FAIL, "stratum")
    assert finding.stratum == "topic = law"
    assert "reading regressed in topic = law (100.0 → 20.0 %)" in review.verdict.sentence


@pytest.mark.parametrize("key", ["cluster", "strata"])
def test_a_field_that_no_document_has_is_refused_beforehand(tmp_path: Path, key: str) -> None:
    """Before anything is asked, with the id of the error."""
    wrong = plan(tmp_path, rows("one"), rows("two"), **{key: "passages"})
    runner = FakeRunner(all_right)

    with support.refused("policy.unknown-field", 2, "'passages'"):
        guard(wrong, store=Store(tmp_path / "s"), runner=runner)

    assert runner.n_asked == 0


def test_items_without_the_field_stand_alone_and_are_told(tmp_path: Path) -> None:
    """A caveat counts them."""
    bare = [{key: value for key, value in row.items() if key != "fields"} for row in rows("two")]
    some = plan(tmp_path, rows("one"), bare, cluster="passage")
    store, runner = Store(tmp_path / "s"), FakeRunner(all_right)
    review = guard(some, store=store, runner=runner, stops_early=False)

    (text,) = support.caveat_texts(review, "items.without-cluster")
    assert "200 items lack the field" in text
