"""Graded scores through `compare`: no name and no order of items has a say."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binom

from cliffguard import Policy
from cliffguard.compare.case import Case
from cliffguard.compare.comparison import compare
from cliffguard.compare.pairs import pair_answers
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.items import Capability, Suite
from cliffguard.core.settings import CapabilityPolicy, EvalSettings, TargetPolicy
from cliffguard.evaluate.looks import in_part
from cliffguard.evaluate.measure import Measurement
from cliffguard.gate import compare_samples
from tests import support

NAMES = ("rouge", "summ", "f1_task", "squad", "xsum", "cnn", "samsum", "qasper", "drop", "coqa")
N_ITEMS = 300


def scores(n_lost: int) -> tuple[list[float], list[float]]:
    """Return both sides' scores: `n_lost` collapses, and a small gain everywhere else."""
    lost = set(random.Random(5).sample(range(N_ITEMS), n_lost))
    base = [1.0 if number in lost else 0.5 for number in range(N_ITEMS)]
    candidate = [0.0 if number in lost else 0.5417 for number in range(N_ITEMS)]
    return base, candidate


def write_samples(folder: Path, task: str, f1: Sequence[float]) -> str:
    """Write a task's samples as lm-eval logs them, with one metric; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "doc_id": number,
            "doc": {"question": f"q{number}"},
            "target": "1",
            "arguments": {"gen_args_0": {"arg_0": f"Q: q{number}\nA:", "arg_1": {}}},
            "resps": [[f"answer {number} {score}"]],
            "filtered_resps": [f"answer {number} {score}"],
            "filter": "none",
            "metrics": ["f1"],
            "doc_hash": f"d{number}",
            "prompt_hash": f"p{number}",
            "target_hash": "t",
            "f1": score,
        }
        for number, score in enumerate(f1)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"samples_{task}_2026-01-01T10-00-00.123456.jsonl").write_text(lines, "utf-8")
    return str(folder)


@pytest.mark.slow
def test_ten_names_of_one_task_have_one_verdict(tmp_path: Path) -> None:
    """300 answers with 11 collapses at a margin of 3 points, which bets held under some names."""
    base, candidate = scores(11)
    statistics = []
    for name in NAMES:
        sides = [
            write_samples(tmp_path / name / side, name, f1)
            for side, f1 in (("base", base), ("tuned", candidate))
        ]
        only = {"summaries": CapabilityPolicy(tasks=(name,), margin=0.03)}
        review = compare_samples(*sides, Policy(capabilities=only))
        (capability,) = review.comparison.capabilities
        statistics.append(
            (
                capability.evidence.p_held,
                capability.evidence.p_drop,
                capability.evidence.p_beyond,
                capability.evidence.drop_interval,
                capability.evidence.method,
            )
        )

    assert len(set(statistics)) == 1
    # Of two values the bound is the exact binomial test, the values being shifted to 0 and 1.
    chance = (0.03 + 0.0417) / 1.0417
    assert statistics[0][0] == pytest.approx(binom.cdf(11, N_ITEMS, chance), rel=1e-8)
    assert statistics[0][4] == "Gaffke's bound on graded scores, in any order"


def compared(
    name: str, n_by_look: tuple[int, ...], policy: Policy, *, is_reversed: bool = False
) -> CapabilityComparison:
    """Return the comparison of 300 graded items at the last of some looks."""
    base, candidate = scores(11)
    items = tuple(support.item(number) for number in range(N_ITEMS))
    answered = [
        tuple(support.answer(item, score) for item, score in zip(items, side, strict=True))
        for side in (base, candidate)
    ]
    if is_reversed:
        items = items[::-1]
        answered = [side[::-1] for side in answered]
    task = replace(support.task(items), name=name, metric="f1")
    sides = [
        Measurement(answers={name: answers}, questions=(), measured_on=()) for answers in answered
    ]
    look = (in_part(task, items, n_by_look, len(items)),)
    capability = Capability(
        name="reasoning",
        ring="general" if policy.target is None else "target",
        description="",
        covers=(),
        margin=0.03,
        tasks=(task,),
    )
    suite = Suite(name="s", version=1, description="", capabilities=(capability,), digest="d")
    comparison = compare(
        pair_answers(look, *sides),
        Case(
            base=support.checkpoint("base"),
            candidate=support.checkpoint("tuned"),
            suites=(suite,),
            policy=policy,
            protocol=EvalSettings(),
        ),
        look=look,
    )
    return comparison.capabilities[0]


AT_THREE = Policy(default_margin=0.03, capabilities={"reasoning": CapabilityPolicy(margin=0.03)})
DEMANDED = replace(AT_THREE, target=TargetPolicy(min_gain=0.0))


@pytest.mark.parametrize("policy", [AT_THREE, DEMANDED, replace(AT_THREE, estimand="suite")])
@pytest.mark.parametrize("n_by_look", [(N_ITEMS,), (128, N_ITEMS), (N_ITEMS // 2,)])
def test_the_name_of_a_task_orders_nothing(n_by_look: tuple[int, ...], policy: Policy) -> None:
    """In one look, at the last of two, and where the time ended half-way."""
    first, second = (compared(name, n_by_look, policy) for name in NAMES[:2])

    assert (first.evidence.p_held, first.evidence.p_drop, first.evidence.drop_interval) == (
        second.evidence.p_held,
        second.evidence.p_drop,
        second.evidence.drop_interval,
    )


def test_bets_are_placed_where_there_is_more_than_one_look() -> None:
    """They are good at every look; the bound is good at one, which must be the last."""
    methods = {
        looks: compared("f", looks, AT_THREE).evidence.method
        for looks in ((300,), (150,), (99, 300))
    }

    assert methods == {
        (300,): "Gaffke's bound on graded scores, in any order",
        (150,): "betting on graded scores",
        (99, 300): "betting on graded scores",
    }


def test_the_order_of_the_file_changes_no_digit() -> None:
    """In one look."""
    first, second = (compared("f", (N_ITEMS,), AT_THREE, is_reversed=way) for way in (False, True))

    assert (first.evidence.p_held, first.evidence.p_drop, first.evidence.p_beyond) == (
        second.evidence.p_held,
        second.evidence.p_drop,
        second.evidence.p_beyond,
    )
    assert first.evidence.drop_interval == second.evidence.drop_interval
