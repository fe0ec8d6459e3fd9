"""Levels that hang on how items look on this base are named in every format."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from cliffguard.core.diagnostics import SurfaceLevel
from cliffguard.core.reviews import Review
from cliffguard.report import FILES, render
from cliffguard.report.comment import MOST_BYTES
from tests import support
from tests.report import samples

FORMATS = sorted({*FILES.values(), "text", "github", "comment"} - {"json"})
LISTED = "the place at which the right answer is listed"


def level(number: int | None, *, gates: bool, p_value: float = 0.004) -> SurfaceLevel:
    return SurfaceLevel(
        task="nested_places", level=number, feature=LISTED, effect=0.5 - 0.01 * (number or 0),
        p_value=p_value, gates=gates,
    )  # fmt: skip


def with_levels(review: Review, name: str, *levels: SurfaceLevel) -> Review:
    """Return the review with these levels of a capability."""
    capabilities = tuple(
        support.changed(row, surface=levels, n_surface=40) if row.capability == name else row
        for row in review.comparison.capabilities
    )
    return replace(review, comparison=replace(review.comparison, capabilities=capabilities))


def words_of(review: Review, format: str) -> str:
    """Return a report as words, without line breaks and marks of escapes."""
    text = unescape(render(review, format)).replace("\\", "").replace("%2C", ",")
    return " ".join(text.split())


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["multi_step_reasoning", "instruction_following"])
def test_every_format_names_levels_that_are_left_out(format: str, name: str) -> None:
    """Of what failed and of what held."""
    review = with_levels(samples.failed(), name, level(4, gates=False), level(5, gates=False))

    assert (
        "levels 4, 5 of nested_places are left out: the base's score there depends on "
        f"{LISTED} (up to 46 points)" in words_of(review, format)
    )


@pytest.mark.parametrize("format", FORMATS)
def test_a_level_that_may_prove_to_be_one_is_said_beside_the_loss(format: str) -> None:
    """A run that failed early could not know yet; one level is not spoken of as several."""
    review = with_levels(
        samples.failed(), "multi_step_reasoning", level(3, gates=True, p_value=0.3),
        level(2, gates=True),
    )  # fmt: skip
    text = words_of(review, format)

    assert (
        "level 3 of nested_places may be left out once all is asked: the base's score there may "
        f"depend on {LISTED} (47 points)" in text
    )
    assert (
        f"level 2 of nested_places counts, though the base's score there depends on {LISTED}"
        in text
    )


@pytest.mark.parametrize("format", FORMATS)
def test_of_what_held_nothing_that_counts_is_said(format: str) -> None:
    """A caveat is enough there."""
    review = with_levels(samples.passed(), "multi_step_reasoning", level(3, gates=True))

    assert "nested_places" not in words_of(review, format)


def test_a_pass_names_them_too() -> None:
    """In a comment, an annotation and a test case, which show no row of what held."""
    (*_, row) = samples.passed().comparison.capabilities
    review = with_levels(samples.passed(), row.capability, level(None, gates=False))

    for format in ("comment", "github", "junit"):
        assert "nested_places is left out: " in words_of(review, format)


def test_a_comment_with_many_levels_is_short() -> None:
    """A line a capability, in so many bytes."""
    review = with_levels(
        samples.crowded(), samples.crowded().comparison.capabilities[0].capability,
        *(replace(level(n, gates=False), task=f"task_{n}_{'x' * 60}") for n in range(30)),
    )  # fmt: skip
    text = render(review, "comment")

    assert len(text.encode()) <= MOST_BYTES
    assert text.count("left out") >= 1


def test_a_comment_cuts_between_levels() -> None:
    """A level keeps its reason: what does not fit is counted."""
    features = ("the place listed last", "the label", "how long the prompt is", "mentions")
    review = with_levels(
        samples.crowded(), samples.crowded().comparison.capabilities[0].capability,
        *(replace(level(n, gates=False), feature=f"{feature} of these") for n, feature in
          enumerate(features * 3)),
    )  # fmt: skip
    (line,) = [line for line in render(review, "comment").splitlines() if "left out" in line]

    assert "…" not in line
    assert "more in the report" in line or all(
        f"{feature} of these" in line for feature in features
    )
