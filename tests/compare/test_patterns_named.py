"""Patterns of candidates that an answer's words, or the base's scores, would name wrongly."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.patterns import find_patterns
from cliffguard.core.diagnosis import Pattern
from cliffguard.core.items import Item
from tests import support
from tests.compare import diagnosed

LABELS = ("positive", "negative", "neutral", "mixed")


def shown(items: list[CountedItem]) -> tuple[Pattern, ...]:
    """Return the patterns of one capability."""
    return find_patterns({"a": items}).by_capability["a"]


def found_in(items: list[CountedItem]) -> list[str]:
    """Return the keys of the patterns that are found."""
    return [pattern.key for pattern in shown(items) if pattern.is_found]


def made(
    number: int,
    texts: tuple[str, str],
    scores: tuple[float, float],
    *,
    right: str,
    choices: tuple[str, ...] = (),
    prompt: str = "What is it?",
    level: int | None = None,
) -> CountedItem:
    """Return an item with what both sides say, and how they were scored."""
    item = Item(
        id=f"{number:03d}",
        digest=f"{number}",
        prompt=prompt,
        choices=choices,
        answer=right,
        level=level,
        cluster=None,
    )
    base, candidate = (
        support.answer(item, score, text=text) for text, score in zip(texts, scores, strict=True)
    )
    task = diagnosed.task_called("t")
    return diagnosed.counted(item, base, candidate, task=task, cluster=item.id)


# --- a style --------------------------------------------------------------------------------------

STYLES: dict[str, Callable[[str], str]] = {
    "a word before": lambda text: f"Sentiment: {text}",
    "a sentence": lambda text: f"The best label for this review is {text}.",
    "capitals": str.upper,
}


def styled(
    style: Callable[[str], str], seed: int, *, lost: float = 0.0, n: int = 100
) -> list[CountedItem]:
    """Return items of which a metric finds the label in any words: right if it is there."""
    rng = random.Random(seed)
    labels = (*LABELS, "unclear")  # the last is right nowhere

    def pick(right: str, share: float) -> str:
        return right if rng.random() < share else rng.choice(labels)

    items = []
    for number in range(n):
        right = LABELS[number % 4]
        base, candidate = pick(right, 0.8), pick(right, 0.8 - lost)
        scores = float(base == right), float(candidate == right)
        items.append(made(number, (base, style(candidate)), scores, right=right))
    return items


@pytest.mark.parametrize("lost", [0.0, 0.3])
@pytest.mark.parametrize("name", STYLES)
def test_what_right_answers_have_alike_is_no_pull(name: str, lost: float) -> None:
    """Neither a healthy candidate that writes otherwise nor one that loses evenly has a pull."""
    reports = [found_in(styled(STYLES[name], seed, lost=lost)) for seed in range(12)]

    assert sum(any(key.startswith("pull") for key in keys) for keys in reports) <= 1


SENTENCES: dict[str, Callable[[str], str]] = {
    "before": lambda text: f"It is {text}.",
    "behind": lambda text: f"{text.capitalize()} is what fits.",
    "both": lambda text: f"{text.capitalize()}, the text says so.",
}


@pytest.mark.parametrize("style", SENTENCES)
@pytest.mark.parametrize("wrong", ["unknown", "positive"], ids=["right nowhere", "right elsewhere"])
def test_what_both_sides_lean_to_is_no_pull(style: str, wrong: str) -> None:
    """Where both say one word when they are wrong, the candidate in a sentence of its own."""
    reports = []
    for seed in range(8):
        rng = random.Random(seed)
        items = []
        for number in range(160):
            right = LABELS[number % 4] if wrong in LABELS else f"word{number % 20}"
            base, candidate = (right if rng.random() < 0.8 else wrong for _ in range(2))
            scores = float(base == right), float(candidate == right)
            items.append(made(number, (base, SENTENCES[style](candidate)), scores, right=right))
        reports.append(found_in(items))

    assert sum(any(key.startswith("pull") for key in keys) for keys in reports) <= 1


def test_a_pull_in_other_words_is_named_by_what_it_says() -> None:
    """Half of all answers are one label, in a sentence that right answers are in as well."""
    items = [
        made(
            number,
            (right, f"Sentiment: {label}"),
            (1.0, float(label == right)),
            right=right,
        )
        for number, right in ((n, LABELS[n % 4]) for n in range(200))
        for label in ["mixed" if number % 8 < 4 else right]
    ]
    first = shown(items)[0]

    assert first.is_found
    assert (first.key, first.n_items) == ("pull:answer:mixed", 150)


def test_an_answer_with_most_of_the_score_is_not_wrong() -> None:
    """Graded: "answer cobalt" has 0.8 of what the longer right answer has."""
    items = [
        made(n, (f"answer cobalt {n}", "answer cobalt"), (1.0, 0.8), right=f"answer cobalt {n}")
        for n in range(60)
    ]

    assert not found_in(items)


# --- yes to everything ----------------------------------------------------------------------------


@pytest.mark.parametrize("is_shuffled", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_yes_to_everything_comes_before_where_no_is_right(is_shuffled: bool, seed: int) -> None:
    """What it says is the pattern; where the right answer stands, or how long it is, echoes it."""
    rng = random.Random(seed)
    items = []
    for number in range(200):
        choices = ["no", "yes"]
        if is_shuffled:
            rng.shuffle(choices)
        right = "yes" if rng.random() < 0.6 else "no"
        base = right if rng.random() < 0.85 else "no" if right == "yes" else "yes"
        candidate = "yes" if rng.random() < 0.7 else base
        scores = float(base == right), float(candidate == right)
        items.append(made(number, (base, candidate), scores, right=right, choices=tuple(choices)))
    patterns = [pattern for pattern in shown(items) if pattern.is_found]

    assert patterns[0].key == "pull:word:yes"


# --- all that the base had ------------------------------------------------------------------------


def test_where_the_base_was_best_is_no_pattern_if_all_is_lost() -> None:
    """Of one level the base has 95 %, of another 55 %, and of both the candidate has none."""
    rng = random.Random(3)
    items = [
        made(n, ("a", f"x{n}"), (float(rng.random() < (0.95, 0.55)[n % 2]), 0.0), right=f"r{n}",
             level=n % 2)
        for n in range(200)
    ]  # fmt: skip

    assert not found_in(items)


def test_a_level_that_lost_more_of_what_the_base_had_is_found() -> None:
    """Nine of ten right answers of one level are lost, and four of ten of the other."""
    rng = random.Random(3)
    items = [
        made(n, (f"r{n}", f"x{n}"), (1.0, float(rng.random() > (0.9, 0.4)[n % 2])), right=f"r{n}",
             level=n % 2)
        for n in range(200)
    ]  # fmt: skip

    assert "level:level:0" in found_in(items)


# --- graded scores that are skewed ----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1], ids=["rare gains", "rare losses"])
def test_rare_large_changes_name_no_slice(sign: int) -> None:
    """One score in ten gains 0.405 and the others lose 0.045, so that the mean stays; or so lost.

    Sixty reports of eight small levels: at 5 % more than six are named with a chance of 3 %.
    """

    def skewed(seed: int) -> list[CountedItem]:
        rng = random.Random(seed)
        changes = [sign * (0.405 if rng.random() < 0.1 else -0.045) for _ in range(200)]
        return [
            made(n, (f"b{n}", f"c{n}"), (0.5, 0.5 + change), right=f"r{n}", level=n % 8)
            for n, change in enumerate(changes)
        ]

    assert sum(bool(found_in(skewed(seed))) for seed in range(60)) <= 6


def test_a_level_that_lost_much_of_a_graded_score_is_found() -> None:
    """A quarter of a score is lost of one level of four, beside changes to either side."""
    rng = random.Random(1)
    items = [
        made(n, (f"b{n}", f"c{n}"), (0.6, 0.6 + rng.uniform(-0.2, 0.2) - 0.25 * (n % 4 == 0)),
             right=f"r{n}", level=n % 4)
        for n in range(200)
    ]  # fmt: skip

    assert "level:level:0" in found_in(items)
