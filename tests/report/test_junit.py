"""The gate as tests of a CI server."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from cliffguard.core.reviews import Outcome, Review
from cliffguard.core.timing import Timings
from cliffguard.report.junit import render_junit, render_junit_error
from tests.report import samples


def cases(text: str) -> dict[str, ElementTree.Element]:
    """Return the test cases by name."""
    elements = ElementTree.fromstring(text.encode()).iter("testcase")
    return {case.attrib["name"]: case for case in elements}


def properties(suite: ElementTree.Element) -> dict[str, str]:
    """Return the properties of the suite."""
    return {element.attrib["name"]: element.attrib["value"] for element in suite.iter("property")}


def numbers(case: ElementTree.Element) -> dict[str, str]:
    """Return the lines "name: value" of a test case."""
    lines = (case.findtext("system-out") or "").splitlines()
    return dict(line.split(": ", 1) for line in lines)


TIMINGS = Timings(
    wall_seconds=61.25,
    stages={},
    tasks={"base: ball_passing": 20.5, "candidate: ball_passing": 21.0, "base: other": 3.0},
    started="2026-03-01T02:03:04Z",
)

ATTRIBUTES = {
    "testsuites": (set(), set()),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"time", "timestamp"}),
    "properties": (set(), set()),
    "property": ({"name", "value"}, set()),
    "testcase": ({"classname", "name"}, {"time"}),
    "failure": ({"type", "message"}, set()),
    "error": (set(), set()),
    "skipped": (set(), set()),
    "system-out": (set(), set()),
}
"""Element → the attributes that it must have, and those that it may have."""

CHILDREN = {
    "testsuites": "(testsuite )",
    "testsuite": "(properties )?(testcase )*",
    "properties": "(property )*",
    "testcase": "((failure|error|skipped) )?(system-out )?",
}
"""Element → its children in their order; an element that is not here has none."""


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

    ladder = {key: value for key, value in numbers(case).items() if "ball_passing" in key}
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

    notes = [(note.tag, note.attrib.get("type")) for note in case if note.tag != "system-out"]
    assert notes == [(tag, kind)]


def test_what_held_has_no_note() -> None:
    """A capability that held is a test that passed."""
    case = cases(render_junit(samples.passed()))["arithmetic"]

    assert [child.tag for child in case] == ["system-out"]


def test_nothing_that_counts_still_fails() -> None:
    """Where nothing gates, the gate itself is the test that fails."""
    review = samples.inconclusive()
    findings = tuple(replace(f, role="monitored") for f in review.verdict.findings)
    review = replace(review, verdict=replace(review.verdict, findings=findings))

    failure = cases(render_junit(review))["gate"].find("failure")

    assert failure is not None
    assert failure.attrib["type"] == "inconclusive"


def test_a_drop_of_all_together_fails_as_its_test() -> None:
    """Servers that tell regressions from open findings see one, though no capability shows it."""
    every = cases(render_junit(samples.together()))

    failures = {name: f.attrib["type"] for name, c in every.items() if (f := c.find("failure"))
                is not None}  # fmt: skip
    assert failures == {"multi_step_reasoning": "inconclusive", "all together": "regression"}
    assert "all together" not in cases(render_junit(samples.failed()))


def test_what_is_missing_has_no_line() -> None:
    """A number that was not measured is absent, not zero."""
    values = numbers(cases(render_junit(samples.not_measured()))["refusals"])

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
    assert case.attrib["classname"] == "cliffguard"
    assert case.findtext("error") == "infrastructure: the device\nis gone"


def test_an_error_is_counted() -> None:
    """The totals of an error file say one error."""
    suite = ElementTree.fromstring(render_junit_error("x", "integrity").encode())[0]

    assert (suite.attrib["tests"], suite.attrib["errors"]) == ("1", "1")


@pytest.mark.parametrize(
    "text",
    [
        *(
            render_junit(review, timings)
            for review in (
                samples.failed(), samples.passed(), samples.inconclusive(), samples.causes(),
                samples.not_measured(), samples.hostile(), samples.lost_early(),
                review_of(Outcome.REGRESSED, "monitored"),
            )
            for timings in (None, TIMINGS)
        ),
        render_junit_error("no such base", "usage"),
    ],
)  # fmt: skip
def test_servers_that_validate_take_it(text: str) -> None:
    """Elements in the order of the format, with its attributes and no others."""
    for element in ElementTree.fromstring(text.encode()).iter():
        required, optional = ATTRIBUTES[element.tag]
        assert required <= set(element.attrib) <= required | optional, element.tag
        children = "".join(f"{child.tag} " for child in element)
        assert re.fullmatch(CHILDREN.get(element.tag, ""), children), (element.tag, children)


def test_the_text_says_why_and_how_much() -> None:
    """A server that shows the text alone shows reason, drop, margin and what broke."""
    text = cases(render_junit(samples.failed()))["multi_step_reasoning"].findtext("failure") or ""

    assert text.splitlines()[:4] == [
        "REGRESSED: a drop beyond the margin is proven",
        "base → candidate: 90.0 → 67.5 %",
        "drop: +22.5 pp, 90 % interval [+17.1, +27.9] pp, margin 5.0 pp",
        "items: 200, broken / fixed 49 / 4",
    ]


def test_times_are_those_of_the_timings() -> None:
    """Of both sides; the suite has the whole, and when it began."""
    root = ElementTree.fromstring(render_junit(samples.failed(), TIMINGS).encode())

    assert (root[0].attrib["time"], root[0].attrib["timestamp"]) == (
        "61.250", "2026-03-01T02:03:04",
    )  # fmt: skip
    case = cases(render_junit(samples.failed(), TIMINGS))["multi_step_reasoning"]
    assert case.attrib["time"] == "41.500"


@pytest.mark.parametrize("name", ["failed", "passed", "not_measured"])
def test_every_case_has_a_time(name: str) -> None:
    """Where times are known: 0 of what was not asked."""
    for case in cases(render_junit(getattr(samples, name)(), TIMINGS)).values():
        if case.get("classname", "").startswith("cliffguard."):
            assert float(case.attrib["time"]) >= 0.0
