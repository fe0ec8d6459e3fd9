"""What a check in memory asks, what of it counts, and how a run stands after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cliffguard.core.items import Capability, Suite
from cliffguard.core.settings import EvalSettings, Policy
from cliffguard.integrations.cadence import MOST_OVERHEAD, Overhead
from cliffguard.integrations.checks import Check, Counted, Record
from cliffguard.integrations.few_items import few_items
from cliffguard.integrations.live_checks import LiveChecks
from cliffguard.runners.live import LiveRunner
from cliffguard.stats.repeated_checks import MOST_ITEMS
from tests import support
from tests.integrations.trainers import plan_of, tokenizer_of, trainer_of


def suite_of(*rings: str) -> Suite:
    """Return a suite with a capability for each ring, named by its number."""
    capabilities = tuple(
        Capability(
            name=f"c{number}",
            ring=ring,  # type: ignore[arg-type]
            description="",
            covers=(),
            margin=None,
            tasks=(),
        )
        for number, ring in enumerate(rings)
    )
    return Suite(
        name="s", version=1, description="", capabilities=capabilities, digest="d", remarks=()
    )


def task_of(name: str, capability: str, n_items: int, **changes: Any) -> Any:
    """Return a task with so many items."""
    items = [replace(support.item(n), id=f"{name}-{n}") for n in range(n_items)]
    return replace(support.task(items), name=name, capability=capability, digest=name, **changes)


def test_a_check_asks_few_items_of_what_gates_and_of_the_target() -> None:
    """Tasks of a capability take turns; one of few items leaves its turns to the others."""
    suite = suite_of("adjacent", "target", "general")
    policy = Policy()
    rings = {c.name: policy.role(c.name, c.ring) for c in suite.capabilities}
    tasks = [
        task_of("a", "c0", 200),
        task_of("b", "c0", 200),
        task_of("few", "c0", 10),
        task_of("t", "c1", 100),
        task_of("m", "c2", 5),
    ]
    kept = few_items(tasks, [suite], policy, EvalSettings())
    sizes = {task.name: len(task.items) for task in kept}

    assert sizes["few"] == 10
    assert sizes["a"] == sizes["b"] == (MOST_ITEMS - 10) // 2
    assert sizes["t"] == MOST_ITEMS
    assert ("m" in sizes) == (rings["c2"] == "gating")
    per_capability = Counter[str]()
    for task in kept:
        per_capability[task.capability] += len(task.items)
    assert max(per_capability.values()) <= MOST_ITEMS
    assert few_items(tasks, [suite], policy, EvalSettings()) == kept
    assert not {task.digest for task in kept} & {task.digest for task in tasks}


def test_what_does_not_count_is_not_asked() -> None:
    """Items that the training data hold."""
    whole = task_of("a", "c0", 100, excluded=frozenset(f"a-{n}" for n in range(80)))
    (kept,) = few_items([whole], [suite_of("adjacent")], Policy(), EvalSettings())

    assert sorted(item.id for item in kept.items) == [f"a-{n}" for n in range(80, 100)]


def test_a_target_alone_is_refused() -> None:
    """No check could find a loss."""
    with support.refused("training.nothing-gates", 2):
        few_items([task_of("t", "c0", 9)], [suite_of("target")], Policy(), EvalSettings())


def test_weights_beneath_the_adapters_that_changed_are_told(
    tiny_base: Path, tmp_path: Path
) -> None:
    """The stored base is no longer what lies beneath."""
    trainer = trainer_of(tiny_base, tmp_path, lora={})
    runner = LiveRunner(trainer.model, tokenizer_of(tiny_base))
    base, _ = runner.at_start()
    assert runner.now("step 2", base).name == "step 2"
    with torch.no_grad():
        trainer.model.base_model.model.lm_head.weight.add_(1.0)

    with support.refused("live.other-base", 12, "step 4"):
        runner.now("step 4", base)


def test_each_check_has_the_same_items_in_the_same_order(tiny_base: Path, tmp_path: Path) -> None:
    """Else neither their correlation nor two proofs of one loss would mean anything."""
    trainer = trainer_of(tiny_base, tmp_path / "run")
    checks = LiveChecks(
        plan_of(tmp_path),
        trainer.model,
        trainer.processing_class,
        store=tmp_path / "store",
        n_processes=1,
    )
    start = checks.begin(2, None, is_trained=False)
    results = []
    for step in (1, 2):
        with torch.no_grad():
            trainer.model.model.layers[step - 1].mlp.down_proj.weight.mul_(-1.0)
        results += checks.take(step)

    first, second = results
    assert start.n_asked == start.n_items == 68
    assert first.counted == second.counted
    assert {n: len(v) for n, v in first.losses.items()} == {
        n: len(v) for n, v in second.losses.items()
    }
    assert first.losses != second.losses
    assert first.review.plan.policy is not None
    assert first.review.plan.policy.alpha == pytest.approx(0.05 / 2)
    assert "training.check" in support.caveat_ids(first.review)


def check(step: int, losses: list[float | None]) -> Check:
    """Return a check of one capability."""
    counted = Counted(
        margins={"reasoning": 0.1}, groups={"reasoning": tuple(range(-len(losses), 0))}
    )
    return Check(
        step=step,
        losses={"reasoning": tuple(losses)},
        counted=counted,
        gain=None,
        review=None,  # type: ignore[arg-type]
        seconds=0.0,
        n_tokens=0,
    )


def test_a_loss_is_proven_by_two_checks_and_by_scores_alone() -> None:
    """One may be a dip; an answer without a score proves nothing, and bounds nothing."""
    lost = [1.0] * 24 + [0.0] * 8
    record = Record(n_checks=3)
    once = record.after(check(1, lost))
    twice = once.after(check(2, lost))

    assert (once.standing.verdict, twice.standing.verdict) == (11, 10)
    assert twice.standing.proven == ("reasoning",)
    unscored = [None] * 24 + [0.0] * 8
    silent = record.after(check(1, unscored)).after(check(2, unscored))
    assert silent.standing.verdict == 11
    assert silent.standing.worst_drop_upper > 0.75


def test_overhead_is_remarked_with_an_interval_that_costs_a_tenth() -> None:
    """Once, and not while checks cost less."""
    overhead = Overhead(began=0.0)
    overhead.add(5.0)
    assert overhead.remark(now=105.0, n_steps=10) is None
    overhead.add(15.0)
    line = overhead.remark(now=120.0, n_steps=10)

    assert line is not None
    every = int(line.split("every=")[1].split()[0])
    assert 15.0 / (15.0 + every * 10.0) <= MOST_OVERHEAD
    assert 15.0 / (15.0 + (every - 1) * 10.0) > MOST_OVERHEAD
    assert overhead.remark(now=121.0, n_steps=10) is None
