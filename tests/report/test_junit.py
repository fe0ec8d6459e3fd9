"""The gate as tests of a CI server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from cliffguard.core.reviews import Outcome, Review
from cliffguard.report.junit import render_junit, render_junit_error
from tests.report import samples


def cases(text: str) -> dict[str, ElementTree.Element]:
    """Return the test cases by name."""
    elements = ElementTree.fromstring(text.encode()).iter("testcase")
    return {case.attrib["name"]: case for case in elements}


def properties(case: ElementTree.Element) -> dict[str, str]:
    """Return the properties of a test case."""
    return {element.attrib["name"]: element.attrib["value"] for element in case.iter("property")}


def review_of(outcome: Outcome, role: str) -> Review:
    """Return a review with one capability of that outcome and role."""
    failed = samples.failed()
    finding = replace(failed.verdict.findings[1], outcome=outcome, role=role)
    return replace(failed, verdict=replace(failed.verdict, findings=(finding,)))


@pytest.mark.parametrize("name", ["failed", "passed", "inconclusive", "causes"])
def test_golden(name: str, check_golden: Callable[[str, str], None]) -> None:
    """The JUnit file of a review is what it was."""
    check_golden(f"{name}.junit.xml", render_junit(getattr(samples, name)()))


def test_the_easiest_levels_are_properties() -> None:
    """A machine reads the shape and the last of its levels, a reader the words."""
    case = cases(render_junit(samples.lost_early()))["multi_step_reasoning"]

    ladder = {key: value for key, value in properties(case).items() if "ball_passing" in key}
    assert ladder == {
        "shape.ball_passing.hops": "easiest",
        "falls.ball_passing.hops": "worse at the easiest levels than past them",
        "until.ball_passing.hops": "2",
    }


def test_the_mean_drop_is_a_property_of_the_suite() -> None:
    """With its margin, where the policy has one; without one nothing is said."""
    review = samples.with_mean(samples.passed(), held=False)
    suite = ElementTree.fromstring(render_junit(review).encode())

    values = properties(suite)
    assert (values["mean_drop"], values["mean_margin"], values["mean_drop_high"]) == (
        "0.004", "0.015", "0.0162",
    )  # fmt: skip
    assert values["mean_held"] == "false"
    assert "mean_drop" not in render_junit(samples.passed())


@pytest.mark.parametrize(
    ("outcome", "role", "tag", "kind"),
    [
        (Outcome.REGRESSED, "gating", "failure", "regression"),
        (Outcome.REGRESSED, "target", "failure", "regression"),
        (Outcome.INCONCLUSIVE, "gating", "failure", "inconclusive"),
        (Outcome.NOT_MEASURED, "gating", "failure", "not_measured"),
        (Outcome.INCONCLUSIVE, "monitored", "skipped", None),
        (Outcome.REGRESSED, "monitored", "skipped", None),
        (Outcome.NOT_MEASURED, "monitored", "skipped", None),
    ],
)
def test_what_did_not_hold(outcome: Outcome, role: str, tag: str, kind: str | None) -> None:
    """The gate is closed unless proven open, and what is monitored cannot fail it."""
    case = cases(render_junit(review_of(outcome, role)))["multi_step_reasoning"]

    notes = [(note.tag, note.attrib.get("type")) for note in case if note.tag != "properties"]
    assert notes == [(tag, kind)]


def test_what_held_has_no_note() -> None:
    """A capability that held is a test that passed."""
    case = cases(render_junit(samples.passed()))["arithmetic"]

    assert [child.tag for child in case] == ["properties"]


def test_nothing_that_counts_still_fails() -> None:
    """Where nothing gates, the gate itself is the test that fails."""
    review = samples.inconclusive()
    findings = tuple(replace(f, role="monitored") for f in review.verdict.findings)
    review = replace(review, verdict=replace(review.verdict, findings=findings))

    failure = cases(render_junit(review))["gate"].find("failure")

    assert failure is not None
    assert failure.attrib["type"] == "inconclusive"


def test_what_is_missing_has_no_property() -> None:
    """A number that was not measured is absent, not zero."""
    values = properties(cases(render_junit(samples.not_measured()))["refusals"])

    assert "drop" not in values
    assert values["n_unscored"] == "40"


def test_hostile_text_leaves_legal_xml() -> None:
    """Characters that XML forbids are gone, and markup is text."""
    root = ElementTree.fromstring(render_junit(samples.hostile()).encode())

    assert "<script>" in root.find("testsuite/testcase").attrib["name"]  # type: ignore[union-attr]


def test_an_error_is_one_case() -> None:
    """A run without a verdict is the error of the test case cliffguard.gate."""
    text = render_junit_error("the device\nis \x1b[31mgone", "infrastructure")

    case = cases(text)["gate"]
    error = case.find("error")
    assert error is not None
    assert case.attrib["classname"] == "cliffguard"
    assert error.attrib == {"message": "the device is gone", "type": "infrastructure"}


def test_an_error_is_counted() -> None:
    """The totals of an error file say one error."""
    root = ElementTree.fromstring(render_junit_error("x", "integrity").encode())

    assert (root.attrib["tests"], root.attrib["errors"]) == ("1", "1")
