"""How often a level is left out for the place of the answer, at the looks of a run.

    python -m scripts.studies.exclusions --runs 100

Bases of five levels are drawn: one that knows every place alike, one that takes the last place,
one that only likes it. Printed is, of each, the share of levels that are left out at so many items
a level, and of runs that leave out any at some look.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from cliffguard.compare.diagnostics.surface import surface_levels
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task

LEVELS, LOOKS = 5, (25, 40, 70, 100)
NAMES = ("Ann", "Bob", "Cid", "Dov")
BASES = {
    "knows every place alike": (0.6, 0.6, 0.6, 0.6),
    "takes the last place": (0.35, 0.35, 0.4, 0.95),
    "likes the last place": (0.5, 0.6, 0.6, 0.85),
}
TASK = Task(
    name="game", entry="game", suite="study", capability="games", stock=False, metric="acc",
    filter=None, chance=0.25, level="round", gate_levels=None, num_fewshot=None, max_tokens=None,
    stop=(), limit=None, cost=None, items=(), digest="d",
)  # fmt: skip


def answered(rights: Sequence[float], seed: int) -> list[Pair]:
    """Return a base's answers, level by level in turn, right by the place of the right answer."""
    rng = np.random.default_rng(seed)
    pairs = []
    for number in range(LOOKS[-1] * LEVELS):
        order, right = rng.permutation(NAMES).tolist(), int(rng.integers(len(NAMES)))
        item = Item(
            id=f"i{number}", digest="d", prompt=f"{', '.join(order)} play {number:03d}. Who wins?",
            choices=NAMES, answer=order[right], level=number % LEVELS, cluster=None,
        )  # fmt: skip
        answer = Answer(
            item_id=item.id, item_digest="d", prompt_digest="p", rendered_digest="p",
            score=float(rng.random() < rights[right]), text="", confidence=None,
            finish_reason="choice", n_prompt_tokens=5, n_answer_tokens=0,
        )  # fmt: skip
        pairs.append(Pair(task=TASK, item=item, base=answer, candidate=answer, look=1))
    return pairs


def left_out(pairs: Sequence[Pair]) -> list[int]:
    """Return how many levels are left out at each look."""
    return [sum(not level.gates for level in surface_levels(pairs[: n * LEVELS])) for n in LOOKS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    n_runs = parser.parse_args().runs
    for name, rights in BASES.items():
        counts = np.array([left_out(answered(rights, seed)) for seed in range(n_runs)])
        shares = " ".join(f"{100 * share:.0f}" for share in counts.mean(axis=0) / LEVELS)
        print(
            f"{name}: {shares} % of levels at {LOOKS} items a level; "
            f"{int((counts.max(axis=1) > 0).sum())} of {n_runs} runs at some look"
        )


if __name__ == "__main__":
    main()
