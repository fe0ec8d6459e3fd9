"""What the study of places says of a level, from answers that are made up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task
from scripts.studies.positions import last_place, page, row_of, why_not
from scripts.studies.suite_power import gating_of, restricted, trial_of

NAMES = ("Ann", "Bob", "Cid", "Dov")
REPORT = Path(__file__).parent.parent.parent / "reports" / "positions"


def item_of(number: int, prompt: str, answer: str) -> Item:
    """Return an item of level 1 that asks for a name."""
    return Item(
        id=f"i{number}", digest="d", prompt=prompt, choices=NAMES, answer=answer, level=1,
        cluster=None,
    )  # fmt: skip


def played(rights: tuple[float, float, float, float], n: int = 160) -> list[Pair]:
    """Return answers that are right by the place at which the right one is mentioned."""
    rng = np.random.default_rng(3)
    task = Task(
        name="game", entry="game", suite="small", capability="games", stock=False, metric="acc",
        filter=None, chance=0.25, level="round", gate_levels=None, num_fewshot=None,
        max_tokens=None, stop=(), limit=None, cost=None, items=(), digest="d",
    )  # fmt: skip
    pairs = []
    for number in range(n):
        order = rng.permutation(NAMES).tolist()
        item = item_of(number, f"{', '.join(order)} play. Who wins?", order[number % 4])
        answer = Answer(
            item_id=item.id, item_digest="d", prompt_digest="p", rendered_digest="p",
            score=float(rng.random() < rights[number % 4]), text="", confidence=None,
            finish_reason="choice", n_prompt_tokens=5, n_answer_tokens=0,
        )  # fmt: skip
        pairs.append(Pair(task=task, item=item, base=answer, candidate=answer, look=1))
    return pairs


@pytest.mark.parametrize(
    ("rights", "why"),
    [
        ((0.7, 0.7, 0.7, 0.7), None),
        ((0.5, 0.5, 0.5, 1.0), "measures the place at which the right answer is mentioned"),
        ((0.3, 0.3, 0.3, 0.3), "too near to chance"),
        ((0.0, 0.05, 0.0, 0.0), "a strategy, not difficulty"),
    ],
)
def test_a_level_gates_for_its_skill(
    rights: tuple[float, float, float, float], why: str | None
) -> None:
    """Not for the place of the answer, and not where the base guesses, or does worse."""
    row = row_of(1, played(rights))
    assert (row["why not"], row["gates"]) == (why, why is None)
    assert row["level"] == "round 1"


def test_a_strategy_that_is_as_good_is_named() -> None:
    """A base that is no better may be following it."""
    row = {**row_of(1, played((0.7,) * 4)), "strategies": {"longest": 0.9}}
    assert why_not(row) == "no better than longest"


def test_the_place_counts_by_the_last_mention() -> None:
    """From one; nowhere, where the prompt does not name the right answer."""
    item = item_of(0, "Ann, Bob, Ann.", "Ann")
    assert last_place(item) == 2
    assert last_place(replace(item, answer="Dov")) is None


def test_the_figures_say_what_counts_for_the_power(tmp_path: Path) -> None:
    """Levels that gate are kept, a capability with none leaves the suite."""
    rows = [
        {"task": "nested_places", "level": f"hops {level}", "gates": level < 3}
        for level in (1, 2, 3)
    ] + [{"task": "out_of_domain_qa", "level": None, "gates": True}]
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({"model": "M", "rows": rows}), encoding="utf-8")
    model, gating = gating_of(path)

    suite = restricted(trial_of("adjacent").suite, gating)

    assert model == "M"
    assert {c.name: [t.gate_levels for t in c.tasks] for c in suite.capabilities} == {
        "multi_step_reasoning": [(1, 2)],
        "out_of_domain_qa": [None],
    }


def test_the_page_is_of_the_figures() -> None:
    """Figures that change take the page with them."""
    assert (REPORT / "README.md").read_text(encoding="utf-8") == page(REPORT)
