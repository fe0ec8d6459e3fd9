"""Recall by class and macro-F1: what is counted, and which tasks are classifiers at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cliffguard.compare.diagnostics.classes import classes_of
from cliffguard.core.diagnostics import ClassesComparison
from cliffguard.core.items import Item
from tests import support

LABELS = ("cat", "dog", "eel")


def item(right: str, *, choices: tuple[str, ...] = LABELS, number: int = 0) -> Item:
    """Return an item of a classifier."""
    return replace(support.item(number), choices=choices, answer=right)


def comparison_of(
    rows: Sequence[tuple[str, str, str]], choices: tuple[str, ...] = LABELS
) -> ClassesComparison | None:
    """Return the classes of rows of (right, base's pick, candidate's pick)."""
    answered = []
    for number, (right, *picks) in enumerate(rows):
        sample = item(right, choices=choices, number=number)
        base, candidate = (support.answer(sample, float(p == right), text=p) for p in picks)
        answered.append((sample, base, candidate))
    return classes_of("animals", answered)


ROWS = [
    ("cat", "cat", "cat"),
    ("cat", "cat", "dog"),
    ("cat", "dog", "dog"),
    ("dog", "dog", "dog"),
    ("dog", "cat", "dog"),
    ("eel", "eel", "dog"),
]


def test_recall_is_of_the_items_of_a_class() -> None:
    """Each class has its own number of items, and both sides' share of them."""
    comparison = comparison_of(ROWS)

    assert comparison is not None
    rows = [
        (cls.label, cls.n_items, cls.base_recall, cls.candidate_recall)
        for cls in comparison.classes
    ]
    assert rows == [("cat", 3, 2 / 3, 1 / 3), ("dog", 2, 0.5, 1.0), ("eel", 1, 1.0, 0.0)]


def test_macro_f1_is_that_of_scikit_learn() -> None:
    """f1_score(…, average="macro") on the same picks: the mean of the classes' F1."""
    metrics = pytest.importorskip("sklearn.metrics")
    comparison = comparison_of(ROWS)
    right, *sides = zip(*ROWS, strict=True)

    assert comparison is not None
    for side, ours in zip(
        sides, (comparison.base_macro_f1, comparison.candidate_macro_f1), strict=True
    ):
        assert ours == pytest.approx(metrics.f1_score(right, side, average="macro"))


def test_macro_f1_by_hand() -> None:
    """Base: cat 2·2/(3+3), dog 2·1/(2+2), eel 1; candidate: 2·1/(3+1), 2·2/(2+5), 0."""
    comparison = comparison_of(ROWS)

    assert comparison is not None
    assert comparison.base_macro_f1 == pytest.approx((4 / 6 + 2 / 4 + 1) / 3)
    assert comparison.candidate_macro_f1 == pytest.approx((2 / 4 + 4 / 7 + 0) / 3)


def test_a_class_without_items_is_no_class() -> None:
    """Nothing is said of it; picking it still costs the others."""
    comparison = comparison_of([("cat", "cat", "eel"), ("dog", "dog", "dog")])

    assert comparison is not None
    assert [cls.label for cls in comparison.classes] == ["cat", "dog"]
    assert comparison.candidate_macro_f1 == pytest.approx(0.5)


def test_the_order_of_choices_does_not_matter() -> None:
    """Choices that are shuffled from item to item are one set of labels."""
    samples = [item("cat"), item("dog", choices=LABELS[::-1], number=1)]
    answered = [(sample, support.answer(sample, text=sample.answer)) for sample in samples]

    comparison = classes_of("animals", [(sample, right, right) for sample, right in answered])

    assert comparison is not None
    assert comparison.base_macro_f1 == 1.0


@pytest.mark.parametrize("choices", [(), ("A", "B", "C"), ("(A)", "(B)")])
def test_no_labels_no_classes(choices: tuple[str, ...]) -> None:
    """Generated answers have none, and the letters of a test are no classes."""
    right = choices[0] if choices else "cat"

    assert comparison_of([(right, right, right)], choices) is None


def test_items_with_choices_of_their_own_are_no_classes() -> None:
    """Multiple choice is no classification."""
    samples = [item("cat"), item("fox", choices=("fox", "dog", "eel"), number=1)]
    answered = [(sample, support.answer(sample, text=sample.answer)) for sample in samples]

    assert classes_of("animals", [(sample, right, right) for sample, right in answered]) is None


def test_texts_that_do_not_say_what_the_scores_say_are_not_counted() -> None:
    """Another harness may log no texts: its recall would be a guess."""
    sample = item("cat")

    silent = support.answer(sample, 1.0, text="")

    assert classes_of("animals", [(sample, silent, silent)]) is None
    assert classes_of("animals", []) is None
