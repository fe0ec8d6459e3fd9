"""How two sides answer: shares, lengths, circles, confidence, without a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.compare.diagnostics.responses import (
    LEAST_CONFIDENT,
    Both,
    response_comparison,
    runs_in_a_circle,
)
from cliffguard.core.answers import Answer
from cliffguard.core.diagnostics import ResponseComparison
from tests import support

LOOP = "the answer is that we know it "
PROSE = (
    "A kettle stands on the stove while rain falls over the harbour. Two boats wait for a pilot, "
    "and nobody on the quay expects them to leave before the tide has turned again."
)


def answer(text: str, score: float | None = 1.0, **changes: object) -> Answer:
    """Return a generated answer of as many tokens as it has words."""
    answer = support.answer(support.item(), score, text=text)
    answer = replace(
        answer, confidence=None, finish_reason="stop", n_answer_tokens=len(text.split())
    )
    return replace(answer, **changes)  # type: ignore[arg-type]


def chose(text: str, score: float | None = 1.0, confidence: float | None = 0.75) -> Answer:
    """Return a picked choice."""
    answer = support.answer(support.item(), score, text=text)
    return replace(answer, confidence=confidence, finish_reason="choice")


def described(*pairs: Both) -> ResponseComparison:
    """Return how both sides answer at the usual confidence."""
    behaviour = response_comparison(pairs, confidence=0.9)
    assert behaviour is not None
    return behaviour


GENERATED = st.builds(
    answer,
    st.sampled_from(["Omar", "omar.", "", "no idea at all", LOOP * 8, PROSE]),
    st.sampled_from([0.0, 0.5, 1.0]),
    finish_reason=st.sampled_from(["stop", "length"]),
)
CHOSE = st.builds(
    chose,
    st.sampled_from(["yes", "no", "maybe"]),
    st.sampled_from([0.0, 1.0]),
    st.one_of(st.none(), st.floats(0, 1)),
)
PAIRS = st.lists(
    st.one_of(st.tuples(GENERATED, GENERATED), st.tuples(CHOSE, CHOSE)), min_size=1, max_size=60
)


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_sides_can_be_swapped(pairs: list[Both]) -> None:
    """Seen from the candidate, columns change places and the rise its sign."""
    there, back = described(*pairs), described(*((b, a) for a, b in pairs))

    assert (back.base, back.candidate) == (there.candidate, there.base)
    assert (back.agreement, back.n_other_wrong) == (there.agreement, there.n_other_wrong)
    if there.confident_wrong_rise is not None and back.confident_wrong_rise is not None:
        assert back.confident_wrong_rise.low == pytest.approx(-there.confident_wrong_rise.high)
        assert back.confident_wrong_rise.high == pytest.approx(-there.confident_wrong_rise.low)
    if there.length_ratio:
        assert back.length_ratio == pytest.approx(1 / there.length_ratio)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(GENERATED, CHOSE), min_size=1, max_size=60))
def test_a_side_behaves_like_itself(answers: list[Answer]) -> None:
    """The same answers agree, are as long, and no share changes."""
    behaviour = described(*((answer, answer) for answer in answers))

    assert behaviour.agreement in (1.0, None)
    assert behaviour.length_ratio in (1.0, None)
    assert behaviour.base == behaviour.candidate
    assert not behaviour.n_other_wrong
    assert behaviour.n_worse_cut == 0
    if behaviour.confident_wrong_rise is not None:
        assert behaviour.confident_wrong_rise.low <= 0 <= behaviour.confident_wrong_rise.high


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_every_share_is_one(pairs: list[Both]) -> None:
    """Shares lie between 0 and 1, whatever was answered."""
    behaviour = described(*pairs)

    for side in (behaviour.base, behaviour.candidate):
        shares = (side.cut, side.repeated, side.empty, side.confident_wrong, side.calibration_error)
        assert all(share is None or 0 <= share <= 1 for share in shares)


def test_nothing_answered_is_nothing_known() -> None:
    """Items that did not fit, or that another harness left out, say nothing about behaviour."""
    overlong = answer("", None, finish_reason="overlong")

    assert response_comparison([], confidence=0.9) is None
    assert (
        response_comparison([(answer("a"), overlong), (overlong, answer("a"))], confidence=0.9)
        is None
    )


@pytest.mark.parametrize(
    ("base", "candidate", "same"),
    [
        ("Omar", " omar.\n", True),
        ("two  words", "two\nwords", True),
        ("5", "-5", False),
        ("1.5", "15", False),
        ("", " ", True),
    ],
)
def test_what_counts_as_the_same_text(base: str, candidate: str, same: bool) -> None:
    """Case, white space and how it ends do not count; signs and points inside do."""
    assert described((answer(base), answer(candidate))).agreement == float(same)


def test_choices_agree_to_the_letter() -> None:
    """Two choices may differ in case alone."""
    assert described((chose("US"), chose("us"))).agreement == 0.0


def test_wrong_and_wrong_again_is_not_the_same() -> None:
    """Of two wrong answers, only those that differ are counted."""
    behaviour = described(
        (answer("a", 0.0), answer("b", 0.0)),
        (answer("a", 0.0), answer("a", 0.0)),
        (answer("a", 0.0), answer("c", 1.0)),
        (answer("a", 1.0), answer("b", 1.0)),
    )

    assert (behaviour.n_other_wrong, behaviour.agreement) == (1, 0.25)


def test_a_likelihood_is_no_answer() -> None:
    """A choice without a probability, as other harnesses log it, is not compared as text."""
    logged = '[["-1.2", "False"], ["-3.4", "False"]]'

    behaviour = described((chose(logged, confidence=None), chose("", confidence=None)))

    assert (behaviour.agreement, behaviour.n_other_wrong, behaviour.n_confident) == (None, None, 0)


def test_lengths_and_cuts() -> None:
    """Means and shares are over generated answers; a thinking that was cut is cut and empty."""
    behaviour = described(
        (answer("one two three four"), answer("one two")),
        (answer("one two"), answer("one", finish_reason="length")),
        (answer("a b c"), answer("", None, finish_reason="thinking", n_answer_tokens=3)),
        (chose("yes"), chose("yes")),
    )

    assert (behaviour.n_generated, behaviour.base.mean_tokens, behaviour.length_ratio) == (
        3, 3.0, pytest.approx(2 / 3),
    )  # fmt: skip
    assert (behaviour.base.cut, behaviour.candidate.cut) == (0.0, pytest.approx(2 / 3))
    assert (behaviour.base.empty, behaviour.candidate.empty) == (0.0, pytest.approx(1 / 3))


def test_without_lengths_nothing_is_said_of_them() -> None:
    """Samples of another harness name no tokens and no limit: neither is 0, both are unknown."""
    behaviour = described((answer("a b", n_answer_tokens=0), answer("a", n_answer_tokens=0)))

    assert (behaviour.length_ratio, behaviour.base.cut, behaviour.base.empty) == (None, None, 0.0)


def test_broken_by_the_limit() -> None:
    """Only items that got worse, by an answer that was cut where the base's was not, count."""
    cut = {"finish_reason": "length"}
    behaviour = described(
        (answer("a"), answer("b", 0.0, **cut)),
        (answer("a"), answer("", None, finish_reason="thinking")),
        (answer("a"), answer("b", 0.0)),
        (answer("a", **cut), answer("b", 0.0, **cut)),
        (answer("a", 0.0), answer("b", 0.0, **cut)),
    )

    assert behaviour.n_worse_cut == 2


@pytest.mark.parametrize(
    "text",
    [
        "!" * 40,
        PROSE * 4 + " " + LOOP * 6,
        LOOP * 5,
        "yes no " * 10,
        "ja ja, " * 20,
        PROSE + "哈" * 40,
    ],
)
def test_a_circle_is_seen(text: str) -> None:
    """One sign for ever, a sentence at the end of a long text, a text of little else."""
    assert runs_in_a_circle(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no",
        PROSE,
        PROSE + " " + PROSE,
        PROSE + " " + LOOP * 2,
        " ".join(str(number) for number in range(200)),
        "我" + "今天早上在港口看见两条船等着领航员没有人相信它们会在涨潮之前离开",
    ],
)
def test_no_circle_is_seen(text: str) -> None:
    """Short answers, prose, a sentence said twice, counting."""
    assert not runs_in_a_circle(text)


def test_a_circle_may_end_in_the_middle() -> None:
    """The token limit cuts a block wherever it is."""
    assert runs_in_a_circle(PROSE * 4 + " " + LOOP * 6 + "the answer is")


def test_confident_and_wrong() -> None:
    """Shares over both sides' choices with a probability; the rise has an interval around it."""
    n = LEAST_CONFIDENT
    pairs = [(chose("yes", 1.0, 0.9), chose("no", 0.0, 0.9)) for _ in range(10)]
    pairs += [(chose("yes", 1.0, 0.9), chose("yes", 1.0, 0.9)) for _ in range(n - 10)]
    pairs += [(chose("yes", 1.0, None), chose("no", 0.0, 0.9))]

    behaviour = described(*pairs)

    assert behaviour.n_confident == n
    assert (behaviour.base.confident_wrong, behaviour.candidate.confident_wrong) == (0.0, 10 / n)
    assert behaviour.base.overconfidence == pytest.approx(-0.1)
    assert behaviour.candidate.overconfidence == pytest.approx(0.9 - 20 / n)
    assert behaviour.confident_wrong_rise is not None
    assert 0 < behaviour.confident_wrong_rise.low < 10 / n < behaviour.confident_wrong_rise.high
    assert behaviour.base.calibration_error == pytest.approx(0.1, abs=0.03)


def test_few_confidences_have_no_interval() -> None:
    """Below thirty items shares are shown, and nothing is estimated from them."""
    behaviour = described(*[(chose("yes"), chose("yes"))] * (LEAST_CONFIDENT - 1))

    assert behaviour.base.confident_wrong == 0.0
    assert (behaviour.confident_wrong_rise, behaviour.base.calibration_error) == (None, None)


def test_graded_choices_are_neither_right_nor_wrong() -> None:
    """A score between 0 and 1 is not confident and wrong."""
    assert described((chose("yes", 0.5), chose("no", 0.0))).n_confident == 0
