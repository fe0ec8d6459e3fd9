"""Simulated candidates for the study of patterns: nothing lost anywhere, or one thing planted.

Items have levels, templates, tasks, classes, clusters and places of unequal size; how many of them
change differs by one of these, and of each as many break as are mended. Generated answers are in
the base's words or in a style of the candidate's; of some the scores are graded, and gains are rare
and large. In a clustered capability
every cluster leans to one side by an amount of its own, as often to this as to that.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task

WORDS = (
    "ticket", "letter", "lamp", "shell", "coin", "phone", "apple", "cup", "bag", "key", "rope",
    "map", "book", "drum", "ring", "card", "pen", "doll", "bottle", "flag", "hammer", "ladder",
    "basket", "candle",
)  # fmt: skip
LABELS = ("billing", "delivery", "returns", "security", "software")
TEMPLATES = (
    "Four friends met at the {place}. {facts} So the answer is",
    "It was a rainy day at the {place}. {facts} The story says that it was the",
    "Much happened at the {place} last week. {facts} We know that it was the",
    "Question {number}: at the {place}, {facts} Which was it?",
)
PLACES = ["hotel", "shop", "office", "market", "school", "barn", "attic", "park"]
SHAPES = ("own choices", "labels", "short answers", "long answers")
STYLES = ("{}", "{}.", "Answer: {}", "The word that fits best is {}.", "{}, I should think")
SKEWED = 0.3  # of capabilities of generated answers, whose scores are graded
N_PLANTED = 300  # items
FEATURES = ("level", "template", "task", "right", "place", "cluster")


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What one capability loses: `share` of the right answers of a slice, or a pull to a word."""

    feature: str  # of FEATURES, "pull", or "everything"
    share: float


def report(
    rng: np.random.Generator, *, planted: Planted | None = None
) -> dict[str, list[CountedItem]]:
    """Return the counted items of one to eight capabilities; the first has what is planted."""
    return {
        f"capability {number}": capability(rng, planted=planted if number == 0 else None)
        for number in range(rng.integers(1, 9))
    }


def capability(rng: np.random.Generator, *, planted: Planted | None = None) -> list[CountedItem]:
    """Return a capability of 60 to 500 items; one with something planted has 300 that stand alone.

    There the base is right in 60 % or more.
    """
    n = N_PLANTED if planted else int(rng.integers(60, 501))
    shape = "own choices" if planted else str(rng.choice(SHAPES, p=(0.5, 0.2, 0.2, 0.1)))
    accuracy, churn = rng.uniform(0.6 if planted else 0.3, 0.95), rng.uniform(0.05, 0.3)
    words = LABELS if shape == "labels" else WORDS
    columns: dict[str, Any] = {
        "level": _uneven(rng, 5, n),
        "template": _uneven(rng, len(TEMPLATES), n),
        "task": _uneven(rng, int(rng.integers(1, 4)), n),
        "right": _uneven(rng, len(words), n, 5.0),
        "place": rng.integers(0, 4, n),
        "cluster": np.arange(n) if planted else _clusters(rng, n),
    }
    rates = np.full(n, churn)
    differs = str(rng.choice([*FEATURES, "nothing"]))
    if differs != "nothing":  # some values change wildly, the others hardly at all
        wild = rng.random(int(columns[differs].max()) + 1) < 0.4
        rates = np.where(wild[columns[differs]], 0.6, 0.02)
    rates = np.minimum(rates, 2 * min(accuracy, 1 - accuracy))
    broken, fixed, right = _changes(rng, rates, accuracy, columns["cluster"])
    leaning = rng.dirichlet(np.full(len(words), 0.7)) + 0.01  # both sides like the same words
    draw = random.Random(int(rng.integers(2**32)))  # of one thing at a time, many times as fast
    rows = zip(range(n), broken, fixed, right, strict=True)
    items = [
        _item(draw, shape, words, {k: int(v[i]) for k, v in columns.items()}, i, (b, f, r), leaning)
        for i, b, f, r in rows
    ]
    if planted is not None:
        return _with(items, planted, columns, rng)
    if not shape.endswith("answers"):
        return items
    if draw.random() < SKEWED:
        return [_skewed(item, draw) for item in items]
    style = draw.choice(STYLES)
    return [_styled(item, style) for item in items]


def _styled(item: CountedItem, style: str) -> CountedItem:
    """Return an item that the candidate answers in other words, which the metric reads alike."""
    answer = item.pair.candidate
    styled = replace(answer, text=style.format(answer.text))
    return replace(item, pair=replace(item.pair, candidate=styled))


def _skewed(item: CountedItem, draw: random.Random) -> CountedItem:
    """Return an item with graded scores: one in ten gains much, and the others lose a little."""
    gain = 0.405 if draw.random() < 0.1 else -0.045
    sides = (replace(item.pair.base, score=0.5), replace(item.pair.candidate, score=0.5 + gain))
    pair = replace(item.pair, base=sides[0], candidate=sides[1])
    return replace(item, pair=pair, drop=pair.change)


def _uneven(rng: np.random.Generator, n_values: int, n: int, evenness: float = 1.5) -> Any:
    return rng.choice(n_values, n, p=rng.dirichlet(np.full(n_values, evenness)))


def _clusters(rng: np.random.Generator, n: int) -> Any:
    if rng.random() < 0.5:
        return np.arange(n)
    sizes = rng.geometric(1 / rng.integers(2, 25), n)
    return np.repeat(np.arange(n), sizes)[:n]


def _changes(rng: np.random.Generator, rates: Any, accuracy: float, cluster: Any) -> Any:
    """Return which items broke, which were fixed, and which of the others are right."""
    is_clustered = len(np.unique(cluster)) < len(cluster)
    leans = rng.uniform(-1, 1, int(cluster.max()) + 1) if is_clustered else np.zeros(len(cluster))
    lost = rates * (1 + leans[cluster]) / 2
    u = rng.random(len(rates))
    broken, fixed = u < lost, (u >= lost) & (u < rates)
    kept = (accuracy - rates / 2) / np.maximum(1 - rates, 1e-9)
    return broken, fixed, rng.random(len(rates)) < kept


def _item(
    draw: random.Random,
    shape: str,
    words: Any,
    column: Mapping[str, int],
    number: int,
    change: tuple[bool, bool, bool],
    leaning: Any,
) -> CountedItem:
    right = words[column["right"]]
    others = [word for word in words if word != right]
    choices = draw.sample(others, 3)
    choices.insert(column["place"], right)
    facts = " ".join(f"Somebody had a {word}." for word in draw.sample(choices, 4))
    prompt = TEMPLATES[column["template"]].format(
        place=draw.choice(PLACES), facts=facts, number=number
    )
    shown = {"own choices": tuple(choices), "labels": LABELS}.get(shape, ())
    wrong = [word for word in (shown or words) if word != right]
    picks = draw.choices(wrong, [leaning[words.index(word)] for word in wrong], k=2)
    if draw.random() < 0.6:  # of those that both have wrong, most are the same wrong answer
        picks[1] = picks[0]
    broken, fixed, is_right = change
    scores = (not fixed and (broken or is_right), not broken and (fixed or is_right))
    texts = [right if score else pick for score, pick in zip(scores, picks, strict=True)]
    if shape == "long answers":
        texts = [f"{draw.choice(['Let us', 'I think'])} see, it was the {text}." for text in texts]
    item = Item(id=f"{number}", digest=f"{number}", prompt=prompt, choices=shown, answer=right,
                level=column["level"] + 1, cluster=f"c{column['cluster']}")  # fmt: skip
    sides = [
        Answer(item_id=item.id, item_digest="", prompt_digest="", rendered_digest="",
               score=float(score), text=text, confidence=draw.betavariate(2, 1),
               finish_reason="choice" if shown else "stop", n_prompt_tokens=9, n_answer_tokens=3)
        for score, text in zip(scores, texts, strict=True)
    ]  # fmt: skip
    pair = Pair(task=task(column["task"]), item=item, base=sides[0], candidate=sides[1], look=0)
    return CountedItem(pair=pair, drop=pair.change, cluster=column["cluster"])


def task(number: int) -> Task:
    """Return a task of this number, without items."""
    return Task(name=f"task {number}", entry="", suite="", capability="", stock=False, metric="acc",
                filter=None, chance=None, level="hops", gate_levels=None, num_fewshot=None,
                max_tokens=None, stop=(), limit=None, cost=None, items=(), digest="")  # fmt: skip


def _with(
    items: list[CountedItem], planted: Planted, columns: Mapping[str, Any], rng: np.random.Generator
) -> list[CountedItem]:
    """Return the items with a loss: in the most frequent value of a feature, or to one word."""
    if planted.feature != "pull":
        values = columns.get(planted.feature, np.zeros(len(items), dtype=int))
        chosen = values == np.bincount(values).argmax()
        return [_lost(i, _other(i, rng), rng, planted.share) if c else i
                for i, c in zip(items, chosen, strict=True)]  # fmt: skip
    return [
        _lost(i, WORDS[0], rng, planted.share)
        if WORDS[0] in i.pair.item.choices and WORDS[0] != i.pair.item.answer
        else i
        for i in items
    ]


def _other(item: CountedItem, rng: np.random.Generator) -> str:
    return str(rng.choice([w for w in item.pair.item.choices if w != item.pair.item.answer]))


def _lost(item: CountedItem, word: str, rng: np.random.Generator, share: float) -> CountedItem:
    if rng.random() >= share:
        return item
    candidate = replace(item.pair.candidate, score=0.0, text=word)
    pair = replace(item.pair, candidate=candidate)
    return replace(item, pair=pair, drop=pair.change)
