"""Recall by class and macro-F1 of both sides, for classifiers.

A mean hides them: of a class that is one item in twenty, all may be lost within a margin of 5
points. Nothing here is decided; small classes have too few items for that.

References
----------
Macro-F1 as the mean of the classes' F1: Opitz and Burst (2019), arXiv:1911.03347.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cliffguard.core.answers import Answer
from cliffguard.core.diagnostics import ClassComparison, ClassesComparison
from cliffguard.core.items import Item

Answered = tuple[Item, Answer, Answer]
"""An item with the base's and the candidate's answer, both with a score."""


def classes_of(task: str, answered: Sequence[Answered]) -> ClassesComparison | None:
    """Return what became of each class of a task; None where it is no classifier.

    It is one where all items have the same two or more choices, in whatever order, that are more
    than the letters of a test, and where the picked texts say what the scores say.
    """
    if not answered or not are_labels(item.choices for item, *_ in answered):
        return None
    right = [item.answer for item, *_ in answered]
    sides = ([base for _, base, _ in answered], [candidate for *_, candidate in answered])
    for side in sides:
        hits_told = [float(answer.text == label) for answer, label in zip(side, right, strict=True)]
        if [answer.score for answer in side] != hits_told:
            return None  # several times asked, or another harness wrote no texts
    picked = [[answer.text for answer in side] for side in sides]
    n_items = Counter(right)
    hits = [
        Counter(label for text, label in zip(texts, right, strict=True) if text == label)
        for texts in picked
    ]
    return ClassesComparison(
        task=task,
        classes=tuple(
            ClassComparison(
                label=label,
                n_items=n,
                base_recall=hits[0][label] / n,
                candidate_recall=hits[1][label] / n,
            )
            for label, n in sorted(n_items.items())
        ),
        base_macro_f1=_macro_f1(n_items, hits[0], Counter(picked[0])),
        candidate_macro_f1=_macro_f1(n_items, hits[1], Counter(picked[1])),
    )


def are_labels(choices: Iterable[tuple[str, ...]]) -> bool:
    """Return whether all these choices are one set of labels, not the letters of a test."""
    sets = set(map(frozenset, set(choices)))  # few orders, as a rule, of many items
    if len(sets) != 1:
        return False
    (labels,) = sets
    are_letters = all(len(label.strip("() .")) == 1 and label.isupper() for label in labels)
    return len(labels) >= 2 and not are_letters


def _macro_f1(n_items: Counter[str], hits: Counter[str], n_picked: Counter[str]) -> float:
    """Return the mean F1 of the classes that have items.

    F1 is twice the hits over the items of a class and the picks of it.
    """
    scores = [2 * hits[label] / (n + n_picked[label]) for label, n in n_items.items()]
    return sum(scores) / len(scores)
