"""Candidates that lost nothing, or lost evenly, in ways that looked like patterns to some test.

Each setting is one capability of one report. Documents that flip as a whole: a few clusters change
in all of their items, as often to the worse as to the better. Labels of which four of five are
"no", large capabilities, and errors with the same law of confidence as right answers: a share of
all right answers is lost at random, to any other choice. Nothing there is a pattern.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.patterns import find_patterns
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item
from scripts.studies.pattern_draws import PLACES, WORDS, task

SEED = 20261130
ACCURACY = 0.8  # of the base
CHURN = 0.1  # of lone items
CHURN_BESIDE = 0.05  # of items whose document does not flip
SIZES, SHARES = (1, 2, 3, 20, 40), (0.3, 0.25, 0.2, 0.15, 0.1)  # of unlike documents
SKEWED = 0.8  # of the items have the right answer "no"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row: `document` items in a cluster (0: alone, -1: unlike), `flips` of the documents.

    `lost`: of the right answers, in drop where the base is right in four of five. `labels`: the
    choices are yes and no, unevenly right, and of those where it is yes the base has `rare` right.
    """

    name: str
    n_items: int
    lost: float = 0.0
    document: int = 0
    flips: float = 0.0
    labels: bool = False
    rare: float = ACCURACY


SETTINGS = (
    Setting(name="documents of 15, 3 % flip", n_items=450, document=15, flips=0.03),
    Setting(name="documents of 15, 10 % flip", n_items=450, document=15, flips=0.10),
    Setting(name="documents of 25, 5 % flip", n_items=500, document=25, flips=0.05),
    Setting(name="documents of 1 to 40, 5 % flip", n_items=500, document=-1, flips=0.05),
    *(Setting(name="four of five are no", n_items=500, lost=lost, labels=True)
      for lost in (0.0, 0.05, 0.1, 0.2)),
    Setting(name="and the base prefers no", n_items=500, lost=0.2, labels=True, rare=0.4),
    *(Setting(name="one law of confidence", n_items=500, lost=lost) for lost in (0.05, 0.1, 0.2)),
    *(Setting(name="one law of confidence", n_items=1000, lost=lost) for lost in (0.0, 0.1, 0.2)),
)  # fmt: skip


def capability(setting: Setting, rng: np.random.Generator) -> list[CountedItem]:
    """Return the counted items of one capability of a setting."""
    n = setting.n_items
    cluster = _documents(setting, rng)
    is_rare = rng.random(n) >= SKEWED
    base = rng.random(n) < np.where(setting.labels & is_rare, setting.rare, ACCURACY)
    is_flipped = rng.random(int(cluster.max()) + 1) < setting.flips
    is_worse = rng.random(int(cluster.max()) + 1) < 0.5
    churn = CHURN_BESIDE if setting.document else CHURN
    changes = np.where(is_flipped[cluster], rng.random(n) < 0.8, rng.random(n) < churn)
    worse = np.where(is_flipped[cluster], is_worse[cluster], rng.random(n) < 0.5)
    base = np.where(changes | is_flipped[cluster], worse, base)
    candidate = np.where(changes, ~worse, base) & (rng.random(n) >= setting.lost / ACCURACY)
    return [
        _item(
            rng, setting, i, int(cluster[i]), bool(is_rare[i]), (bool(base[i]), bool(candidate[i]))
        )
        for i in range(n)
    ]


def _documents(setting: Setting, rng: np.random.Generator) -> Any:
    n = setting.n_items
    if setting.document == 0:
        return np.arange(n)
    sizes = rng.choice(SIZES, n, p=SHARES) if setting.document < 0 else [setting.document] * n
    return np.repeat(np.arange(n), sizes)[:n]


def _item(
    rng: np.random.Generator,
    setting: Setting,
    number: int,
    cluster: int,
    is_rare: bool,
    scores: tuple[bool, bool],
) -> CountedItem:
    spot = PLACES[rng.integers(len(PLACES))]
    if setting.labels:
        choices: tuple[str, ...] = ("yes", "no")
        right = "yes" if is_rare else "no"
        prompt = f"Is claim {number} about the {spot} right? Answer:"
    else:
        choices = tuple(WORDS[k] for k in rng.permutation(20)[:4])
        right = choices[rng.integers(4)]
        prompt = f"At the {spot} somebody had {', '.join(choices)}. Which was it, in {number}?"
    wrong = [choice for choice in choices if choice != right]
    picks = [wrong[rng.integers(len(wrong))] for _ in range(2)]
    if rng.random() < 0.6:  # of those that both have wrong, most are the same wrong answer
        picks[1] = picks[0]
    item = Item(id=f"{number}", digest=f"{number}", prompt=prompt, choices=choices, answer=right,
                level=int(rng.integers(1, 5)), cluster=f"c{cluster}")  # fmt: skip
    sides = [
        Answer(item_id=item.id, item_digest="", prompt_digest="", rendered_digest="",
               score=float(score), text=right if score else pick, finish_reason="choice",
               confidence=0.5 + 0.5 * float(rng.beta(2, 1.2)), n_prompt_tokens=9, n_answer_tokens=3)
        for score, pick in zip(scores, picks, strict=True)
    ]  # fmt: skip
    pair = Pair(task=task(0), item=item, base=sides[0], candidate=sides[1], look=0)
    return CountedItem(pair=pair, drop=pair.change, cluster=cluster)


def named_kinds(number: int, n_report: int) -> list[str]:
    """Return the kinds of what the screen names in one report of a setting, the first first."""
    rng = np.random.default_rng([SEED, number, n_report])
    items = capability(SETTINGS[number], rng)
    shown = find_patterns({"capability": items}).by_capability["capability"]
    return [pattern.kind for pattern in shown if pattern.is_found]


def row(number: int, n_reports: int, pool: Executor) -> dict[str, Any]:
    """Return how many reports of a setting name a pattern, and of which kinds."""
    setting = SETTINGS[number]
    reports = pool.map(named_kinds, repeat(number), range(n_reports), chunksize=5)
    named = [kinds for kinds in reports if kinds]
    counts = Counter(kind for kinds in named for kind in set(kinds))
    kinds = ", ".join(f"{kind} {n}" for kind, n in counts.most_common())
    return {"setting": setting.name, "items": setting.n_items, "lost": setting.lost,
            "reports": n_reports, "name a pattern": len(named), "share": len(named) / n_reports,
            "kinds": kinds or "–"}  # fmt: skip
