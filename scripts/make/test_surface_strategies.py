"""What strategies score that look at the surface of an item alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cliffguard.core.items import Item
from scripts.make.surface_strategies import by_last_mention, is_fit_to_gate, surface_scores


def an_item(prompt: str, choices: tuple[str, ...], answer: str) -> Item:
    return Item(
        id="item",
        digest="item",
        prompt=prompt,
        choices=choices,
        answer=answer,
        level=None,
        cluster=None,
    )


STORY = "Ann met Bob. Bob met Cid. Ann left. Who stayed?"
CHOICES = ("Ann", "Bob", "Cid", "Dov")


@pytest.mark.parametrize(
    ("name", "answer"), [("last named", "Ann"), ("first named", "Bob")]
)  # by the last mention of each
def test_the_last_mention_counts(name: str, answer: str) -> None:
    """A choice that is named twice stands where it is named last; who is not named, nowhere."""
    scores = {right: surface_scores([an_item(STORY, CHOICES, right)])[name] for right in CHOICES}
    assert scores == {right: float(right == answer) for right in CHOICES}
    assert by_last_mention(an_item(STORY, CHOICES, "Ann")) == ("Bob", "Cid", "Ann")


def test_ties_are_guessed_among() -> None:
    """Ann and Bob are named twice each; all four names are as long."""
    scores = surface_scores([an_item(STORY, CHOICES, "Bob")])
    assert (scores["most named"], scores["longest"]) == (0.5, 0.25)


def test_silence_is_a_guess() -> None:
    """Where the prompt names no choice, there is no first and no last."""
    scores = surface_scores([an_item("The capital of France is", ("Rome", "Paris"), "Paris")])
    assert (scores["last named"], scores["first named"]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("prompt", "choices", "first"),
    [
        ("They moved from New York to York.", ("York", "New York"), "New York"),
        ("12 and 2", ("2", "12"), "12"),
        ("Is it + or -?", ("+", "-"), None),
        ("A storyteller told a story.", ("tell", "story"), "story"),
        ("yes yes no", ("yes", "no"), "yes"),
    ],
)
def test_whole_words_are_names(prompt: str, choices: tuple[str, ...], first: str | None) -> None:
    """A choice in another word, or that is all signs, is not named."""
    named = by_last_mention(an_item(prompt, choices, choices[0]))
    assert (named[0] if named else None) == first


def test_neighbours_are_both_counted() -> None:
    """A word that follows itself is named twice."""
    assert surface_scores([an_item("no yes yes", ("no", "yes"), "yes")])["most named"] == 1.0


def test_the_best_place_and_label() -> None:
    """Always the same place, or text, as often as the best of them is right."""
    items = [
        an_item("?", ("a", "b"), "a"),
        an_item("?", ("b", "a"), "a"),
        an_item("?", ("c", "d"), "c"),
    ]
    scores = surface_scores(items)
    assert scores["one place"] == pytest.approx(2 / 3)
    assert scores["one label"] == pytest.approx(2 / 3)


def test_several_right_answers_are_each_right() -> None:
    """Of an item with two right answers both hit."""
    item = replace(an_item("?", ("a", "b", "c", "d"), "a"), answers=("a", "b"))
    assert surface_scores([item])["longest"] == 0.5


def test_generated_items_have_none() -> None:
    """Without choices there is nothing to pick."""
    assert surface_scores([an_item("Say a", (), "a")]) == {} == surface_scores([])


@pytest.mark.parametrize(
    ("mean", "best", "fit"), [(0.40, 0.3, True), (0.39, 0.3, False), (0.45, 0.45, False)]
)
def test_a_level_gates_above_chance_and_every_strategy(mean: float, best: float, fit: bool) -> None:
    """15 points above chance, and above the best strategy."""
    assert is_fit_to_gate(mean, 0.25, {"last named": best, "longest": 0.2}) is fit
