"""What to do next: few steps, one a kind, whatever a review holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Finding, HealthNote, Outcome, Review
from cliffguard.report import RENDERERS, render
from cliffguard.report.clean import cleaned
from cliffguard.report.json import read_review
from cliffguard.report.labels import beside
from cliffguard.report.next_steps import MOST_STEPS, next_steps
from cliffguard.report.page import lay_out
from cliffguard.report.sections import document
from cliffguard.report.text import render_text
from tests.report import diagnosed, listed, samples

Pair = tuple[CapabilityComparison, Finding]


def capability(number: int) -> CapabilityComparison:
    """Return one of many capabilities."""
    return samples.measured(
        f"task_{number:03}", n_items=60, n_right_base=50, n_broken=4, n_fixed=2, p_drop=0.3
    )


def lacks_items(number: int) -> Pair:
    """Return one that more items would decide."""
    row = capability(number)
    finding = samples.finding(row, Outcome.INCONCLUSIVE, "open")
    return row, replace(finding, n_items_needed=1000 + number)


def was_ended(number: int) -> Pair:
    """Return one of whose items not all were asked."""
    row = capability(number)
    row = replace(row, counts=replace(row.counts, n_asked=60, n_planned=90))
    return row, samples.finding(row, Outcome.INCONCLUSIVE, "open")


def lacks_alpha(number: int) -> Pair:
    """Return one that no further run can decide."""
    row = capability(number)
    row = replace(row, evidence=replace(row.evidence, next_level=0.0))
    return row, samples.finding(row, Outcome.INCONCLUSIVE, "open")


def lacks_clusters(number: int) -> Pair:
    """Return one whose items lie in too few clusters."""
    row = capability(number)
    counts = replace(row.counts, n_clusters=31)
    row = replace(row, counts=counts, evidence=replace(row.evidence, n_effective_clusters=26.4))
    return row, samples.finding(row, Outcome.INCONCLUSIVE, "31 clusters, worth 26 of one size")


def lacks_answers(number: int) -> Pair:
    """Return one of whose items some have no answer."""
    row = capability(number)
    row = replace(row, counts=replace(row.counts, n_unscored=3, n_missing_candidate=3))
    return row, samples.finding(row, Outcome.INCONCLUSIVE, "open")


def is_unmeasured(number: int) -> Pair:
    """Return one without a score."""
    row = capability(number)
    return row, samples.finding(row, Outcome.NOT_MEASURED, "no items ran")


def is_lost(number: int) -> Pair:
    """Return one that regressed."""
    row = capability(number)
    return row, samples.finding(row, Outcome.REGRESSED, "a drop is proven")


KINDS: dict[str, tuple[Callable[[int], Pair], str]] = {
    "items": (lacks_items, "Measure more items of "),
    "ended": (was_ended, "--no-early-stop asks them all"),
    "alpha": (lacks_alpha, "No further run can decide "),
    "clusters": (lacks_clusters, "Add clusters of items"),
    "answers": (lacks_answers, "Complete the candidate's answers of "),
    "unmeasured": (is_unmeasured, "Measure task_"),
    "lost": (is_lost, "Do not ship this candidate: "),
}


def review_of(*pairs: Pair) -> Review:
    """Return a review of capabilities."""
    lost = any(finding.outcome is Outcome.REGRESSED for _, finding in pairs)
    return samples.review(Outcome.FAIL if lost else Outcome.INCONCLUSIVE, "open.", list(pairs))


@pytest.mark.parametrize("kind", KINDS)
def test_many_that_lack_the_same_are_one_step(kind: str) -> None:
    """It names the worst, and says how many there are."""
    make, words = KINDS[kind]

    steps = next_steps(lay_out(review_of(*map(make, range(200)))))

    assert len(steps) <= 2  # a target, which the sample lacks, may be missed as well
    assert [words in step for step in steps].count(True) == 1
    step = next(step for step in steps if words in step)
    assert re.search(r"\b20,?0 capabilities|and 19[0-9] more", step)
    assert 1 <= len(re.findall(r"task_\d+", step)) <= 5


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_step(kind: str) -> None:
    """A single one is named alone."""
    make, words = KINDS[kind]

    steps = next_steps(lay_out(review_of(make(7))))

    assert any(words in step and "task_007" in step for step in steps)


def test_steps_are_few_whatever_is_open() -> None:
    """Of all kinds at once the first stand, and how many are left is said."""
    makers = [make for make, _ in KINDS.values()]
    pairs = [make(10 * n + k) for n in range(3) for k, make in enumerate(makers)]

    steps = next_steps(lay_out(review_of(*pairs)))

    assert len(steps) == MOST_STEPS
    assert steps[0].startswith("Do not ship")
    assert re.match(r"Then [2-9] more: ", steps[-1])


def test_items_are_not_asked_for_where_clusters_are_missing() -> None:
    """How many there are and how many it takes is said, and said at the row once."""
    review = review_of(lacks_clusters(1))

    (step, *_) = next_steps(lay_out(review))

    assert re.search(r"to task_001 \(worth 26, HELD takes \d+\)", step)
    assert "Measure more items" not in step
    assert render_text(review).count("31 clusters, worth 26 of one size") == 1


def test_many_caveats_of_a_kind_are_folded() -> None:
    """Those of health as well; each kind is seen, and everything is still on the page."""
    review = review_of(lacks_items(1))
    caveats = [Caveat(id="many.alike", text=f"Doubt {n}.") for n in range(200)]
    alone = Caveat(id="one.alone", text="Another doubt.")
    health = tuple(
        HealthNote(kind="saturated", capability=f"task_{n}", task=None, text="at its ceiling")
        for n in range(200)
    )
    comparison = replace(review.comparison, caveats=(*caveats, alone))
    review = replace(review, comparison=comparison, health=health)

    shown, page = render_text(review), render(review, "html")

    assert shown.count("Doubt ") == shown.count("at its ceiling") == 3
    assert shown.count("And 197 more of this kind.") == 2
    assert "Another doubt." in shown
    assert page.count("Doubt 199.") == 1


def test_few_caveats_are_not_folded() -> None:
    """Nor those of which nobody knows the kind."""
    review = review_of(lacks_items(1))
    few = [Caveat(id="a.few", text=f"Doubt {n}.") for n in range(5)]
    old = [Caveat(id="unknown", text=f"Old {n}.") for n in range(9)]
    comparison = replace(review.comparison, caveats=(*few, *old))

    shown = render_text(replace(review, comparison=comparison))

    assert (shown.count("Doubt "), shown.count("Old ")) == (5, 9)
    assert "more of this kind" not in shown


@pytest.mark.parametrize(("n", "n_lines"), [(5, 5), (6, 6), (7, 6), (200, 6)])
def test_the_first_screen_says_of_few_why_they_broke(n: int, n_lines: int) -> None:
    """The worst; how many more there are is said with the section that has them."""
    review = review_of(*map(is_lost, range(n)))
    capabilities = tuple(replace(diagnosed.refusing(), capability=f"task_{k:03}") for k in range(n))
    review = replace(review, diagnosis=diagnosed.review(*capabilities).diagnosis)

    head = document(lay_out(review)).head

    assert len(head.why) == n_lines
    is_cut = n > n_lines
    assert (head.why[-1].line == f"{n - 5} more capabilities; Why it broke") is is_cut
    assert (head.why[-1].href == "#why") is is_cut


@pytest.mark.parametrize("n_items", [4, 12])
def test_a_pass_names_losses_that_were_not_tested(n_items: int) -> None:
    """However few their items are; what lost less than its margin is none of them."""
    review = samples.passed()
    row = review.comparison.capabilities[0]
    lost = samples.subject("returns", 20, 15, p_beyond=None, why="too few clusters")
    calm = samples.subject("repair", 20, 5, p_beyond=None, why="too few clusters")
    lost = replace(lost, n_items=n_items)
    row = replace(row, diagnostics=replace(row.diagnostics, strata=(calm, lost)))
    capabilities = (row, *review.comparison.capabilities[1:])
    comparison = replace(review.comparison, capabilities=capabilities)

    steps = next_steps(lay_out(replace(review, comparison=comparison)))

    assert "Nothing to do" not in " ".join(steps)
    assert "not tested" in steps[0]
    assert "returns of " in steps[0]
    assert "repair" not in steps[0]


def words_of(text: str) -> str:
    """Return what a reader of any format sees, on one line, without marks of code."""
    text = re.sub(r"%(25|0D|0A|3A|2C)", lambda m: chr(int(m[1], 16)), text)
    text = unescape(re.sub(r"</?(?:code|span)\b[^>]*>", "", text)).replace("\u200b", "")
    return " ".join(text.replace("\\", "").replace("`", "").split())


@pytest.mark.parametrize("has_items", [True, False])
@pytest.mark.parametrize("format", sorted(set(RENDERERS) - {"json"}))
def test_every_format_says_the_same_steps(tmp_path: Path, format: str, has_items: bool) -> None:
    """Whether the items still lie beside the review, or not: a command that fails is no step."""
    folder = listed.written(tmp_path / "gate")
    if not has_items:
        (folder / "items.jsonl").unlink()
    review = cleaned(read_review((folder / "review.json").read_text(encoding="utf-8"), "it"))
    where = {"text": str(folder), "html": "."}.get(format)

    shown = words_of(listed.run("report", folder, "--format", format).stdout)

    steps = next_steps(lay_out(review, beside(review, folder), folder=where))
    assert ("does not lie here" in " ".join(steps)) is not has_items
    for step in steps:
        assert words_of(step) in shown
