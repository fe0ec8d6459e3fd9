"""One sign and one level a number: a target's gain, an interval's own confidence."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cliffguard.core.reviews import Outcome, Review
from cliffguard.report import render
from tests.report import samples

FORMATS = ("text", "markdown", "html", "comment", "github", "junit")


def lost_target(level: float) -> Review:
    """Return a review of a target that lost 18 points, with its interval at this level."""
    target = samples.measured(
        "tickets", n_items=200, n_right_base=100, n_broken=40, n_fixed=4, p_drop=1e-6, ring="target"
    )
    other = samples.measured(
        "sums", n_items=200, n_right_base=100, n_broken=20, n_fixed=4, p_drop=0.02
    )
    target = replace(target, evidence=replace(target.evidence, level=level))
    pairs = [
        (target, samples.finding(target, Outcome.REGRESSED, "a gain above 5.0 points is disproven",
                                 role="target", margin=-0.05)),
        (other, samples.finding(other, Outcome.INCONCLUSIVE, "neither is proven")),
    ]  # fmt: skip
    return samples.review(Outcome.FAIL, "it lost.", pairs)


@pytest.mark.parametrize("format", FORMATS)
def test_what_a_target_gained_has_one_sign(format: str) -> None:
    """A gain that is negative, with the interval of a gain: never a drop beside a demanded gain."""
    text = " ".join(render(lost_target(0.05), format).split())

    assert "−18.0" in text
    assert "[−23." in text
    assert "+18.0" not in text


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("level", "confidence"), [(0.05, "90 %"), (0.00125, "99.75 %")])
def test_an_interval_has_one_confidence(format: str, level: float, confidence: str) -> None:
    """Its own; a heading has it where it is that of all."""
    text = " ".join(render(lost_target(level), format).split())

    assert confidence in text
    assert re.search(r"% interval [^.]{0,40}\(\d", text) is None
    is_mixed = confidence != "90 %"
    has_head = re.search(r"90 % interval\b", text) is not None
    if format in ("markdown", "html", "comment"):
        assert has_head is not is_mixed


@pytest.mark.parametrize("format", FORMATS)
def test_a_proven_gain_has_no_p_of_another_question(format: str) -> None:
    """That it is disproven was not asked; where it is disproven, that p-value is the proof."""
    lost = lost_target(0.05)
    proven = [
        replace(f, outcome=Outcome.HELD, p_regressed=0.99) if f.role == "target" else f
        for f in lost.verdict.findings
    ]
    held = replace(lost, verdict=replace(lost.verdict, findings=tuple(proven)))

    assert "gain disproven" not in render(held, format)
    if format not in ("comment", "github"):
        assert "gain disproven" in render(lost, format)
