"""JUnit XML, for the servers that draw a gate as tests. One test case per capability."""

from __future__ import annotations

from xml.etree import ElementTree

from cliffguard.compare.summary import DIRECTIONS
from cliffguard.compare.verdict import EXIT_CODES
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Finding, Outcome, Review
from cliffguard.core.timing import Timings
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import clean, cleaned, one_line
from cliffguard.report.labels import BesideReview
from cliffguard.report.next_steps import next_steps
from cliffguard.report.outcome_lines import kind_of, outcome_line, outcome_lines
from cliffguard.report.page import Page, lay_out
from cliffguard.report.reasons import reasons
from cliffguard.report.timings import TimingsOrLater, read
from cliffguard.report.wording import SHAPES

_USUAL = ("n_planned", "n_asked", "n_items", "n_unscored", "n_broken", "n_fixed")
_RARE = (
    "n_missing_base", "n_missing_candidate", "n_unreadable_base", "n_unreadable_candidate",
    "n_copies", "n_empty", "n_surface", "n_clusters", "n_in_all",
)  # fmt: skip
"""Counts that stand there where they are not 0."""


def render_junit(
    review: Review, timings: TimingsOrLater = None, beside: BesideReview | None = None
) -> str:
    """Return the review as JUnit XML; it has a failure exactly when the verdict is not PASS.

    What is only monitored cannot fail: where it did not hold, it is skipped with the reason. So is
    what does not count, since the base has nothing to lose there. A FAIL that all together alone
    explain is the test case `all together`; where nothing counts the test case is `gate`. Why and
    with which numbers is the text of failure, error and skipped, since some servers show nothing
    else. `system-out` has every number as a line "name: value", in score units, unrounded; means
    are the metric's own, and of metrics that are better low the line `direction` says so. Times are
    there with `timings`.
    """
    spent = read(timings)
    page = lay_out(cleaned(review), beside)
    suite = ElementTree.Element("testsuite", name="cliffguard")
    steps = " ".join(next_steps(page))
    _properties(suite, {**_verdict_numbers(page.review), "next": steps})
    why = {reason.capability: reason.sentence for reason in reasons(page)}
    for row in page.rows:
        _add_capability(suite, row, page, spent, why.get(row.capability, ""))
    _add_whole(suite, page)
    if spent is not None:
        suite.set("time", f"{spent.wall_seconds:.3f}")
        if spent.started:
            suite.set("timestamp", spent.started.removesuffix("Z"))
    return _document(suite)


def render_junit_error(message: str, kind: str) -> str:
    """Return a JUnit file for a run that has no verdict: the test case `cliffguard.gate`.

    `kind` says whose fault it is, such as "integrity" (exit 12) or "infrastructure" (exit 20).
    """
    suite = ElementTree.Element("testsuite", name="cliffguard")
    case = ElementTree.SubElement(suite, "testcase", classname="cliffguard", name="gate")
    ElementTree.SubElement(case, "error").text = f"{one_line(kind)}: {clean(message)}"
    return _document(suite)


def _add_whole(suite: ElementTree.Element, page: Page) -> None:
    """Add the failure of a verdict that no capability carries: all together, or none counts."""
    kinds = [failure.get("type") for failure in suite.iterfind("testcase/failure")]
    is_fail = page.outcome is Outcome.FAIL
    if page.outcome is Outcome.PASS or ("regression" in kinds if is_fail else kinds):
        return
    pooled = page.review.verdict.pooled
    name = "all together" if is_fail and pooled is not None and pooled.has_dropped else "gate"
    case = ElementTree.SubElement(suite, "testcase", classname="cliffguard", name=name)
    kind = "regression" if is_fail else "inconclusive"
    failure = ElementTree.SubElement(case, "failure", type=kind, message=page.sentence)
    failure.text = page.sentence


def _add_capability(
    suite: ElementTree.Element, row: CapabilityRow, page: Page, spent: Timings | None, why: str
) -> None:
    finding, capability = row.finding, row.comparison
    name = f"cliffguard.{one_line(finding.suite) or 'policy'}"
    case = ElementTree.SubElement(suite, "testcase", classname=name, name=row.capability)
    if spent is not None:
        tasks = {task.task for task in capability.diagnostics.tasks} if capability else set()
        case.set("time", f"{spent.of_tasks(tasks):.3f}")
    if finding.outcome is not Outcome.HELD:
        _add_reason(case, row, why)
    numbers = (_numbers(finding, capability) | {"levels": row.of_levels or None}).items()
    lines = "\n".join(f"{key}: {value}" for key, value in numbers if value is not None)
    ElementTree.SubElement(case, "system-out").text = lines


def _add_reason(case: ElementTree.Element, row: CapabilityRow, why: str) -> None:
    kind = kind_of(row)
    if kind == "skipped":
        note = ElementTree.SubElement(case, "skipped")
    else:
        line = outcome_line(row)
        note = ElementTree.SubElement(case, "failure", type=kind, message=line)
    note.text = "\n".join(outcome_lines(row, why))


def _verdict_numbers(review: Review) -> dict[str, str | None]:
    outcome = review.verdict.outcome
    return {
        "outcome": str(outcome),
        "exit_code": str(EXIT_CODES[outcome]),
        "sentence": one_line(review.verdict.sentence),
        "base": one_line(review.comparison.base.name),
        "base_fingerprint": review.comparison.base.fingerprint,
        "candidate": one_line(review.comparison.candidate.name),
        "candidate_fingerprint": review.comparison.candidate.fingerprint,
        **_mean_numbers(review),
        "interval_confidence": f"{review.comparison.confidence:.6g}",
        "cliffguard_version": one_line(review.provenance.cliffguard_version),
    }


def _mean_numbers(review: Review) -> dict[str, str | None]:
    """Return what is asked of the mean drop; nothing where the policy asks nothing of it."""
    mean = review.comparison.mean
    if mean is None:
        return {}
    return {
        "mean_drop": _number(mean.drop),
        "mean_margin": _number(mean.margin),
        "mean_drop_high": _number(mean.high),
        "mean_held": str(bool(review.verdict.mean_held)).lower(),
    }


def _numbers(finding: Finding, capability: CapabilityComparison | None) -> dict[str, str | None]:
    """Return the numbers of a capability by name; None stands for what was not measured."""
    numbers: dict[str, str | None] = {
        "role": finding.role,
        "outcome": str(finding.outcome),
        "margin": _number(finding.margin),
        "p_regressed": _number(finding.p_regressed),
        "n_items_needed": _number(finding.n_items_needed),
        "cause": finding.cause,
        "stratum": None if finding.stratum is None else one_line(finding.stratum),
        "counts": None if finding.counts else "false",
    }
    for ladder in finding.ladders:
        name = f"{one_line(ladder.task)}.{one_line(ladder.level_name)}"
        numbers[f"shape.{name}"] = ladder.shape
        if ladder.edge is not None:
            numbers[f"edge.{name}"] = str(ladder.edge)
        if ladder.shape == "easiest":
            numbers[f"falls.{name}"] = SHAPES[ladder.shape]
        if ladder.until is not None:
            numbers[f"until.{name}"] = str(ladder.until)
    if capability is None:
        return numbers
    return numbers | _of_stratum(finding, capability) | _measured(capability)


def _of_stratum(finding: Finding, capability: CapabilityComparison) -> dict[str, str | None]:
    """Return the numbers of the part that a finding names; empty where it names none."""
    for part in capability.diagnostics.strata:
        if part.name == finding.stratum:
            return {
                "stratum_margin": _number(part.margin),
                "stratum_drop": _number(part.drop),
                "stratum_n_items": str(part.n_items),
            }
    return {}


def _measured(capability: CapabilityComparison) -> dict[str, str | None]:
    """Return what was measured; counts that are mostly 0 only where they are not."""
    evidence, counts = capability.evidence, capability.counts
    interval, readable = evidence.drop_interval, capability.diagnostics.readable
    return {
        "base_mean": _number(capability.in_own_numbers(evidence.base_mean)),
        "candidate_mean": _number(capability.in_own_numbers(evidence.candidate_mean)),
        "direction": DIRECTIONS[capability.direction] or None,
        "drop": _number(evidence.drop),
        "drop_low": _number(interval.low if interval else None),
        "drop_high": _number(interval.high if interval else None),
        **{name: str(getattr(counts, name)) for name in _USUAL},
        "interval_confidence": "" if not evidence.level else f"{1.0 - 2.0 * evidence.level:.6g}",
        "chance": _number(capability.in_own_numbers(evidence.chance)),
        "n_effective_clusters": _number(evidence.n_effective_clusters),
        "readable_drop": None if readable is None else _number(readable.drop),
        **{name: _number(getattr(counts, name) or None) for name in _RARE},
    }


def _number(value: float | None) -> str | None:
    if value is None or isinstance(value, int):
        return None if value is None else str(value)
    return repr(float(value))


def _properties(parent: ElementTree.Element, numbers: dict[str, str | None]) -> None:
    block = ElementTree.SubElement(parent, "properties")
    for name, value in numbers.items():
        if value is not None:
            ElementTree.SubElement(block, "property", name=name, value=value)


def _document(suite: ElementTree.Element) -> str:
    cases = suite.findall("testcase")
    counts = {
        "tests": len(cases),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    # Servers validate: the root has no attributes, `testsuite` these and no others.
    root = ElementTree.Element("testsuites")
    for name, count in counts.items():
        suite.set(name, str(count))
    root.append(suite)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'
