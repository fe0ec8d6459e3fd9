"""Distances and coverage: the numbers of a plain computation, and what they are good for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.compare.diagnostics import distance
from cliffguard.compare.diagnostics.distance import coverage, distances, drifts, frame_of
from cliffguard.core.vectors import Divergence
from tests import support

RANDOM = np.random.default_rng(0)
WIDTH = 24


def around(position: int, n: int, *, seed: int = 0, spread: float = 0.5) -> Any:
    """Return `n` vectors around a place of their own, in float32."""
    centre = 2.0 * np.random.default_rng(position).normal(size=WIDTH)
    noise = np.random.default_rng([seed, position, n]).normal(size=(n, WIDTH))
    return (centre + spread * noise).astype(np.float32)


ITEMS = {"near": around(0, 40), "far": around(1, 25), "else": around(2, 30)}


def plainly(items: Any, vectors: Any) -> Any:
    """Return vectors of length 1 in the frame of the items, the plain way."""
    mean = np.mean([vectors.mean(axis=0, dtype=float) for vectors in items.values()], axis=0)
    squares = [((vectors - mean) ** 2).mean(axis=0) for vectors in items.values()]
    framed = (vectors - mean) / np.sqrt(np.mean(squares, axis=0))
    return framed / np.linalg.norm(framed, axis=1, keepdims=True)


# --- distances -----------------------------------------------------------------------------------


def test_distances_are_those_computed_plainly() -> None:
    """Quartiles over items of 1 − the mean cosine to the five nearest training texts."""
    training = around(0, 33, seed=1)

    by_capability = distances(ITEMS, training)

    for name, vectors in ITEMS.items():
        table = np.sort(plainly(ITEMS, vectors) @ plainly(ITEMS, training).T, axis=1)
        low, median, high = np.quantile(1 - table[:, -5:].mean(axis=1), [0.25, 0.5, 0.75])
        distance = by_capability[name]
        assert (distance.low, distance.median, distance.high) == pytest.approx(
            (low, median, high), abs=1e-5
        )
        assert distance.n_items == len(vectors)


def test_the_nearest_capability_is_found() -> None:
    """Texts like the training data are nearer than all others."""
    by_capability = distances(ITEMS, around(0, 50, seed=1))

    assert by_capability["near"].high < 0.5
    assert min(by_capability["far"].low, by_capability["else"].low) > 0.8


@settings(max_examples=30, deadline=None)
@given(n_items=st.integers(1, 40), n_training=st.integers(1, 40), chunk=st.integers(1, 16))
def test_chunks_change_nothing(n_items: int, n_training: int, chunk: int) -> None:
    """However rows are cut, the distances are those of one table."""
    items = {"a": around(0, n_items), "b": around(1, 7)}
    training = around(0, n_training, seed=2, spread=2.0)
    whole = distances(items, training)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance, "_CHUNK", chunk)
        cut = distances(items, training)

    for name in items:
        assert cut[name].median == pytest.approx(whole[name].median, abs=1e-5)
        assert cut[name].high == pytest.approx(whole[name].high, abs=1e-5)


def test_an_item_of_the_training_data_has_no_distance() -> None:
    """Training data that hold the items themselves are found out: the distance is zero."""
    by_capability = distances(ITEMS, ITEMS["far"], n_nearest=1)

    assert by_capability["far"].high == pytest.approx(0.0, abs=1e-5)


def test_training_data_do_not_move_the_frame() -> None:
    """What is far from one candidate's data stays so when another capability's data are added."""
    training = around(0, 50, seed=1)

    alone = distances(ITEMS, training)["near"]
    joined = distances(ITEMS, np.vstack([training, around(5, 500, seed=3)]))["near"]

    assert (joined.low, joined.high) == pytest.approx((alone.low, alone.high), abs=1e-5)


def test_a_capability_of_many_items_does_not_own_the_frame() -> None:
    """Ten times the items of one capability leave the frame where it was."""
    once = frame_of(ITEMS)

    often = frame_of({**ITEMS, "far": np.vstack([ITEMS["far"]] * 10)})

    np.testing.assert_allclose(often.mean, once.mean)
    np.testing.assert_allclose(often.spread, once.spread)


def test_a_coordinate_that_never_changes_is_no_trouble() -> None:
    """Constant coordinates, and an item that is the mean itself, give numbers and no warning."""
    items = {"a": np.array([[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]])}

    with np.errstate(all="raise"):
        by_capability = distances(items, np.array([[3.0, 5.0]]))

    assert by_capability["a"].median == pytest.approx(1.0)


@pytest.mark.parametrize("empty", ["near", "the fine-tuning data"])
def test_nothing_has_no_distance(empty: str) -> None:
    """Items or training data that are missing are named."""
    nothing = np.zeros((0, WIDTH))
    items = {**ITEMS, "near": nothing} if empty == "near" else ITEMS
    training = nothing if empty != "near" else around(0, 5)

    with support.refused("distance.no-texts", 2, empty):
        distances(items, training)


def test_vectors_of_two_models_do_not_meet() -> None:
    """Widths that differ are refused."""
    with pytest.raises(ValueError, match="vectors of several models"):
        distances(ITEMS, np.zeros((3, WIDTH + 1)))


# --- coverage ------------------------------------------------------------------------------------

STACKED = np.vstack(list(ITEMS.values()))
NAMES = [name for name, vectors in ITEMS.items() for _ in vectors]


def test_prompts_like_the_items_are_covered() -> None:
    """New draws of each capability count for it, all but a few, and the shares add up."""
    production = np.vstack([around(0, 150, seed=7), around(2, 50, seed=7)])

    result = coverage(production, STACKED, NAMES)

    assert result.uncovered < 0.1
    assert result.shares["near"] == pytest.approx(0.75, abs=0.06)
    assert result.shares["else"] == pytest.approx(0.25, abs=0.06)
    assert result.shares["far"] == 0.0
    assert result.uncovered + sum(result.shares.values()) == pytest.approx(1.0)


def test_draws_from_the_items_are_seldom_uncovered() -> None:
    """Over many sets of items, a prompt drawn as they were is uncovered 1 time in 20 at most."""
    shares = [
        coverage(around(0, 50, seed=s + 1000), around(0, 60, seed=s), ["a"] * 60).uncovered
        for s in range(60)
    ]

    assert 0.02 < np.mean(shares) < 0.06


def test_prompts_of_another_kind_are_uncovered() -> None:
    """What no capability asks is uncovered, and named with the item nearest to it."""
    production = np.vstack([around(0, 9, seed=7, spread=0.1), around(9, 3)])

    result = coverage(production, STACKED, NAMES, n_least=3)

    assert result.uncovered == pytest.approx(0.25)
    assert {neighbour.prompt for neighbour in result.least} == {9, 10, 11}
    for neighbour in result.least:
        table = plainly(ITEMS, production[[neighbour.prompt]]) @ plainly(ITEMS, STACKED).T
        assert neighbour.item == int(table[0].argmax())
        assert neighbour.similarity == pytest.approx(float(table.max()), abs=1e-5)
        assert neighbour.capability == NAMES[neighbour.item]


def test_thresholds_leave_the_item_itself_out() -> None:
    """A threshold is the 5th percentile of each item's similarity to its nearest fellow."""
    result = coverage(STACKED, STACKED, NAMES)

    scaled = plainly(ITEMS, ITEMS["far"])
    table = scaled @ scaled.T
    np.fill_diagonal(table, -1.0)
    assert result.thresholds["far"] == pytest.approx(np.quantile(table.max(axis=1), 0.05), abs=1e-5)


def test_items_need_not_stand_together() -> None:
    """Items in another order give the same answer, under their own numbers."""
    production = np.vstack([around(0, 9, seed=7), around(9, 3)])
    order = RANDOM.permutation(len(STACKED))
    plain = coverage(production, STACKED, NAMES)

    mixed = coverage(production, STACKED[order], [NAMES[index] for index in order])

    assert mixed.shares == plain.shares
    assert [int(order[neighbour.item]) for neighbour in mixed.least] == [
        neighbour.item for neighbour in plain.least
    ]


def test_a_single_item_covers_its_like_only() -> None:
    """A capability of one item has no neighbours: it covers that text and no other."""
    vector = around(7, 1)
    names = [*NAMES, "one"]

    result = coverage(
        np.vstack([vector, around(7, 3, seed=1)]), np.vstack([STACKED, vector]), names
    )

    assert result.shares["one"] == 0.25


def test_names_are_one_each() -> None:
    """A list of names that does not fit the items is refused."""
    with pytest.raises(ValueError, match="1 names for 95 items"):
        coverage(STACKED, STACKED, ["near"])


def test_no_prompts_no_coverage() -> None:
    """An empty log is named."""
    with support.refused("distance.no-texts", 2, "production"):
        coverage(STACKED[:0], STACKED, NAMES)


# --- predictions ---------------------------------------------------------------------------------


def test_divergences_are_summed_up_by_capability() -> None:
    """Quartiles of KL over prompts; agreement over tokens, so that long prompts weigh more."""
    rows = [(0.1, 1.0, 10), (0.3, 0.5, 30), (0.2, 0.0, 10), (9.0, 0.25, 4)]
    divergences = [Divergence(kl_nats=k, agreement=a, n_tokens=n) for k, a, n in rows]

    by_capability = drifts(divergences, ["b", "b", "b", "a"])

    assert list(by_capability) == ["b", "a"]
    assert by_capability["b"].median_nats == pytest.approx(0.2)
    assert (by_capability["b"].low_nats, by_capability["b"].high_nats) == pytest.approx(
        (0.15, 0.25)
    )
    assert by_capability["b"].agreement == pytest.approx(0.5)
    assert (
        by_capability["b"].n_prompts,
        by_capability["b"].n_tokens,
        by_capability["a"].n_prompts,
    ) == (3, 50, 1)
