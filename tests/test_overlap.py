"""Overlap: what the training data hold is found, and counts for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard import Outcome, Plan, Store, guard
from cliffguard.errors import UsageError
from cliffguard.overlap import find_overlap, near_duplicates
from cliffguard.records import Item, Task
from cliffguard.runners.fake import FakeRunner
from cliffguard.training import TrainingText, read_training
from tests import support

PROMPT = (
    "Customer: the blue kettle that I ordered last Tuesday came without its lid and without a "
    "receipt, what can I do? Queue:"
)
OTHERS = [
    f"Customer: order number {n} has been {verb} and my {thing} still does not {act}, please look "
    f"into it before {day}. Queue:"
    for n, (verb, thing, act, day) in enumerate(
        (v, t, a, d)
        for v in ("shipped", "cancelled", "split")
        for t in ("router", "lamp", "printer")
        for a in ("start", "charge", "connect")
        for d in ("Friday", "noon")
    )
]


def task_of(*prompts: str) -> Task:
    """Return a task of these prompts."""
    items = tuple(replace(support.item(n), prompt=prompt) for n, prompt in enumerate(prompts))
    return support.task(items)


def texts(*parts: str) -> tuple[TrainingText, ...]:
    """Return training texts, a line each."""
    return tuple(
        TrainingText(parts=(part,), source="train.jsonl", line=n)
        for n, part in enumerate(parts, start=1)
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PROMPT, "exact"),
        (PROMPT.upper().replace(",", " -"), "exact"),
        (f"Example 7.\n{PROMPT} returns", "exact"),
        (PROMPT.replace("blue", "green"), "near"),
        (PROMPT.replace("kettle", "clock").replace("lid", "hands").replace("Tuesday", "May"), None),
        (OTHERS[0], None),
    ],
)
def test_copies_are_found_and_templates_are_not(text: str, kind: str | None) -> None:
    """In any case and punctuation, inside other text, with a word changed; not the mere form."""
    task = task_of(PROMPT, *OTHERS[1:])

    found = find_overlap(texts("Nothing of the kind stands here.", text), [task])

    assert [(one.item_id, one.kind, one.line) for one in found] == (
        [] if kind is None else [("item-0", kind, 2)]
    )


def test_items_of_one_template_are_no_duplicates() -> None:
    """Only the one that stands twice is, but for a word."""
    copy = PROMPT.replace("blue", "red")

    pairs = near_duplicates(task_of(PROMPT, *OTHERS[:6], copy))

    assert [pair[:2] for pair in pairs] == [("item-0", "item-7")]


def all_right(_: str, __: Item) -> float:
    """Script: everyone is always right."""
    return 1.0


def plan_with(tmp_path: Path, prompts: int) -> Plan:
    """Return a plan whose training data hold the first prompts of its ladder."""
    suite = support.write_suite(tmp_path / "suite", n_items=300, n_said=80)
    rows = [json.loads(line) for line in (suite.parent / "ball.jsonl").read_text().splitlines()]
    told = [{"messages": [{"role": "user", "content": row["prompt"]}]} for row in rows[:prompts]]
    train = support.write_jsonl(tmp_path / "train.jsonl", told)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    return Plan(
        base=str(base),
        candidate=str(tuned),
        suites=(str(suite),),
        train=(str(train),),
        offline=True,
    )


def test_overlapping_items_leave_the_gate_and_are_listed(tmp_path: Path) -> None:
    """They are in no count, no mean and no ladder, and the report says which they are."""
    plan = plan_with(tmp_path, 30)

    review = guard(
        plan, store=Store(tmp_path / "store"), runner=FakeRunner(all_right), stops_early=False
    )

    found = review.comparison.capabilities[0]
    assert (found.n_planned, found.n_items) == (270, 270)
    assert sum(level.n_items for level in found.ladders[0].levels) == 270
    assert len(review.comparison.overlaps) == 30
    assert any("30 of 300 items" in caveat for caveat in review.comparison.caveats)


def test_a_capability_that_was_learned_by_heart_is_not_measured(tmp_path: Path) -> None:
    """Nothing is left to judge it by."""
    plan = plan_with(tmp_path, 300)

    review = guard(plan, store=Store(tmp_path / "store"), runner=FakeRunner(all_right))

    finding = review.verdict.findings[0]
    assert finding.outcome is Outcome.NOT_MEASURED
    assert finding.reason == "all 300 items are in the training data"


def test_training_data_do_not_change_what_is_stored(tmp_path: Path) -> None:
    """The base's answers serve with and without them."""
    plan, store = plan_with(tmp_path, 30), Store(tmp_path / "store")
    guard(replace(plan, train=()), store=store, runner=FakeRunner(all_right), stops_early=False)

    runner = FakeRunner(all_right)
    guard(plan, store=store, runner=runner, stops_early=False)

    assert runner.n_asked == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", '{"prompt": "Who?", "completion": "Ann"}\n'),
        ("a.json", '[{"prompt": "Who?", "completion": "Ann"}]'),
        ("a.csv", "prompt,completion\nWho?,Ann\n"),
        ("a.txt", "Who?\n"),
    ],
)
def test_training_data_are_read_from_any_file(name: str, text: str, tmp_path: Path) -> None:
    """All texts of a row, in their order."""
    (tmp_path / name).write_text(text, encoding="utf-8")

    *_, row = read_training(str(tmp_path / name))  # the header of a table is a text as well

    assert row.parts == (("Who?",) if name == "a.txt" else ("Who?", "Ann"))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"prompt": "Who?"}\n{"prompt": \n', r"a\.jsonl:2"),
        ("a.jsonl", '{"prompt": "Who?"}\n{"n": 3}\n', r"a\.jsonl:2"),
        ("a.jsonl", "", "holds no rows"),
        ("a.docx", "Who?", "cannot tell what kind of file"),
        ("a.parquet", "Who?", r"a\.parquet"),
    ],
)
def test_a_damaged_row_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    """Nothing is skipped in silence."""
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=message):
        read_training(str(tmp_path / name))
