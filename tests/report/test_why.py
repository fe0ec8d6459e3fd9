"""The section that says why capabilities broke: sums, what was not tested, probes, steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard.core.diagnosis import CAUSES, CapabilityDiagnosis, UntestedCause
from cliffguard.core.reviews import Outcome
from cliffguard.report import render
from cliffguard.report.blocks import Block, Details, Heading, Listing, Paragraph, Section, plain
from cliffguard.report.blocks import TableBlock as Table
from cliffguard.report.clean import cleaned
from cliffguard.report.html import render_html
from cliffguard.report.page import lay_out
from cliffguard.report.sections import why
from tests.report import diagnosed, samples
from tests.report.diagnosed import capability, cause, found_cause, pattern, probes
from tests.report.listed import run


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("markdown", "diagnosed.md"),
        ("comment", "diagnosed.comment.md"),
        ("junit", "diagnosed.junit.xml"),
        ("json", "diagnosed.json"),
    ],
)
def test_golden(format: str, name: str, check_golden: Callable[[str, str], None]) -> None:
    """A capability that broke by refusals, one that held, patterns, probes, and what to do."""
    check_golden(name, render(diagnosed.review(), format))


def section(*capabilities: CapabilityDiagnosis, **changes: int) -> Section:
    """Return the section of the sample review with these."""
    made = why.section(lay_out(cleaned(diagnosed.review(*capabilities, **changes))))
    assert made is not None
    return made


def words(blocks: tuple[Block, ...]) -> list[str]:
    """Return the lines of prose, and of tables the rows, cells apart by bars."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Heading):
            lines.append(block.text)
        elif isinstance(block, Paragraph):
            lines.append(plain(block.text))
        elif isinstance(block, Listing):
            lines += map(plain, block.lines)
        elif isinstance(block, Table):
            lines += [" | ".join(map(str, row.cells)) for row in block.rows] or [block.empty]
        elif isinstance(block, Details):
            lines += [block.summary, *words(block.blocks)]
    return lines


def line(lines: list[str], begins: str) -> str:
    """Return the one line that begins so."""
    (only,) = (line for line in lines if line.startswith(begins))
    return only


def test_it_stands_before_the_items() -> None:
    """And not at all where nobody looked, or nothing broke."""
    page = render_html(diagnosed.review())
    heads = re.findall(r"<h2 id=\"([^\"]+)\"", page)

    assert heads.index("why") + 1 == heads.index("broken")
    assert why.section(lay_out(samples.failed())) is None
    assert why.section(lay_out(diagnosed.review(capability([], loss=0.0)))) is None


def test_counts_add_up_to_the_drop() -> None:
    """Of right and wrong answers by items, of graded ones by what was lost."""
    lines = words(section().blocks)

    assert [each for each in lines if each.startswith("drop =")] == [
        "drop = (3 cut + 38 refusal + 8 unprobed − 4 fixed) / 200 items = 45 / 200 = +22.5 pp",
        "drop = (3.50 format + 5.75 not proven suppressed − 2.50 gained) / 400 items = 6.75 / 400 "
        "= +1.7 pp",
    ]


def test_a_sum_of_parts_adds_up_as_it_is_printed() -> None:
    """Three of 16.666 are 50.01 to whoever adds what stands there."""
    causes = [cause(name, 5, loss=16.6667) for name in ("cut", "format", "lost")]
    explained = capability(causes, gain=0.0, n_fixed=0)

    assert line(words(section(explained).blocks), "drop =") == (
        "drop = (16.67 cut + 16.67 format + 16.67 not proven suppressed − 0.00 gained) / 200 items "
        "= 50.01 / 200 = +25.0 pp"
    )


def test_a_gain_has_its_sign() -> None:
    """A capability may break items and gain more."""
    explained = capability([cause("lost", 2, 2)], n_fixed=6, gain=6.0)

    assert line(words(section(explained).blocks), "drop =") == (
        "drop = (2 not proven suppressed − 6 fixed) / 200 items = −4 / 200 = −2.0 pp"
    )


def test_what_was_not_tested_is_no_zero() -> None:
    """It is listed with its reason, those of one reason together, and has no row and no advice."""
    why_not = {
        "cut": "all items are choices",
        "refusal": "all items are choices",
        "leak": "no target",
    }
    untested = tuple(UntestedCause(cause=name, why=text) for name, text in why_not.items())  # type: ignore[arg-type]
    explained = capability([cause("unprobed", 49)], untested=untested)
    lines = words(section(explained).blocks)

    assert lines[lines.index("Not tested") + 1 :][:2] == [
        "cut, refusal: all items are choices",
        "leak: no target",
    ]
    rows = [each for each in lines if " | " in each]
    assert [row.partition(" | ")[0] for row in rows] == ["lost or suppressed (not probed)"]


def test_what_was_not_compared_has_no_numbers_of_it() -> None:
    """Dashes, where a cause that was compared has its p-value."""
    explained = capability([found_cause("cut", 30), cause("refusal", 10), cause("lost", 9)])
    rows = [each for each in words(section(explained).blocks) if " | " in each]

    assert [row.split(" | ")[4:] for row in rows[:3]] == [
        ["30 of 55 / 0 of 10", "yes, p < 0.001"],
        ["10 of 55 / 0 of 10", "no, p = 0.40"],
        ["–", "–"],
    ]


def test_what_probes_tell_is_of_what_they_asked() -> None:
    """The share says of how many; that of what a reader sees is of all."""
    counts = [cause("suppressed", 22, 32), cause("lost", 10, 32), cause("unprobed", 368, 400)]
    rows = [each for each in words(section(capability(counts)).blocks) if " | " in each]

    assert [row.split(" | ")[2] for row in rows[:3]] == [
        "69 % of 32 probed",
        "31 % of 32 probed",
        "92 %",
    ]


def test_patterns_say_that_they_are_a_screen() -> None:
    """With how many were tried, what is found first; none at all is said."""
    open_one = pattern("level", "hops = 2", is_found=False, q_value=0.4)
    explained = capability([cause("lost", 49)], patterns=(open_one, diagnosed.slipped()))
    lines = words(section(explained).blocks)
    at = lines.index("Patterns (screen: 214 slices tried, Benjamini–Hochberg at 5 %)")

    assert [each.split(" | ")[0] for each in lines[at + 1 : at + 3]] == [
        "position: right answer mentioned first",
        "level: hops = 2",
    ]
    empty = words(section(capability([cause("lost", 49)])).blocks)
    assert empty[empty.index(lines[at]) + 1] == "None stands out."


def test_shares_of_a_pull_are_no_drops() -> None:
    """The candidate's and the base's, as shares; of a slice the two drops."""
    explained = capability(
        [cause("lost", 49)], patterns=(pattern("pull", "ticket"), diagnosed.slipped())
    )
    lines = words(section(explained).blocks)

    assert line(lines, "pull: ").split(" | ")[4:6] == ["76.9 %", "0.0 %"]
    assert line(lines, "position: ").split(" | ")[4:6] == ["+45.0 pp", "+3.0 pp"]


def test_probes_show_both_sides_and_what_was_not_asked() -> None:
    """Recoveries, their difference with its interval, by form, and the tokens they took."""
    explained = capability([cause("lost", 49)], probes=probes(), unprobed="")
    silent = replace(diagnosed.kept(), probes=None, unprobed="nothing was fixed")
    lines = words(section(explained, silent).blocks)

    assert (
        f"{diagnosed.LOST} | 32 | 37.5 % | 4 | 12.5 % | +25.0 pp | [−5.0, +41.0] | not proven"
        in lines
    )
    assert line(lines, f"{diagnosed.LOST}, by form: ").endswith(
        "three shots 14 of 32 (base 1 of 4), chat template 10 of 32 (base 0 of 4); not asked: "
        "system prompt: the template of the base takes none"
    )
    assert f"Not probed: {diagnosed.KEPT}: nothing was fixed" in lines
    assert "Probes took 12,400 tokens, 6.3 % of the 198,000 of the run." in lines
    quiet = words(section(explained, probe_tokens=0).blocks)
    assert not [each for each in quiet if each.startswith("Probes took")]


def test_what_was_not_tested_stands_once() -> None:
    """Of all capabilities without their names, of some with them."""
    everywhere = UntestedCause(cause="bad_call", why="no item here asks for a tool")
    there = UntestedCause(cause="cut", why="logged samples do not say how an answer ended")
    explained = [
        capability([cause("unprobed", 49)], untested=(everywhere,)),
        capability([cause("unprobed", 17)], diagnosed.KEPT, untested=(everywhere, there)),
    ]

    lines = words(section(*explained).blocks)

    assert lines[lines.index("Not tested") + 1 :][:2] == [
        "bad-call: no item here asks for a tool",
        f"cut of {diagnosed.KEPT}: logged samples do not say how an answer ended",
    ]


def test_what_held_is_folded() -> None:
    """Its causes do not stand beside those of what failed."""
    folded = [block for block in section().blocks if isinstance(block, Details)]

    assert [block.summary for block in folded] == [
        "Causes in 1 other capability, which did not regress"
    ]
    assert f"{diagnosed.KEPT}: causes" in words(folded[0].blocks)


def advised(explained: CapabilityDiagnosis) -> list[str]:
    """Return what to do about the capability that was lost, and about another that was, too."""
    review = diagnosed.review(diagnosed.refusing(), explained)
    findings = tuple(replace(f, outcome=Outcome.REGRESSED) for f in review.verdict.findings)
    made = why.section(lay_out(replace(review, verdict=replace(review.verdict, findings=findings))))
    assert made is not None
    lines = words(made.blocks)
    return lines[lines.index(line(lines, f"What to do about {diagnosed.LOST}")) :]


def test_the_same_steps_stand_once() -> None:
    """For all capabilities that they are for."""
    lines = advised(capability([found_cause("refusal", 17, 17)], diagnosed.KEPT))

    assert lines[0] == f"What to do about {diagnosed.LOST} (refusal), {diagnosed.KEPT} (refusal)"
    assert len(lines) == 4


def test_what_was_measured_of_a_step_stands_once() -> None:
    """Other causes share a step; it stands under both, its sources under the first."""
    lines = advised(capability([found_cause("wrong_language", 17, 17)], diagnosed.KEPT))

    scaled = [each for each in lines if each.startswith("Scale the adapter down")]
    assert [each for each in lines if each.startswith("What to do")] == [
        f"What to do about {diagnosed.LOST} (refusal)",
        f"What to do about {diagnosed.KEPT} (wrong-language)",
    ]
    assert ["arXiv 2309.06256" in each for each in scaled] == [True, False]
    assert all(each.endswith("cliffguard rescue FOLDER/plan.yaml") for each in scaled)


def test_a_terminal_has_the_line_and_no_section() -> None:
    """One screen: the causes' tables are on the page."""
    text = render(diagnosed.review(), "text")

    assert "are refusals" in text
    assert "Why it broke" not in text
    assert section().brief == ()


@pytest.mark.slow
def test_a_hundred_patterns_of_forty_capabilities_fit_a_page(tmp_path: Path) -> None:
    """Within the budget of one, with items beside it."""
    explained = [
        capability(
            [cause(name, 5) for name in CAUSES],
            f"{diagnosed.LOST}_{number}",
            patterns=tuple(pattern("opening", f"words {n} " * 8) for n in range(100)),
        )
        for number in range(40)
    ]
    review = diagnosed.review()
    (finding,) = (f for f in review.verdict.findings if f.capability == diagnosed.LOST)
    named = [replace(finding, capability=each.capability) for each in explained]
    findings = (*review.verdict.findings, *named)
    review = replace(
        diagnosed.review(*explained), verdict=replace(review.verdict, findings=findings)
    )
    folder = diagnosed.written(tmp_path / "out", review)

    page = run("report", folder / "review.json", "--format", "html").stdout

    assert len(page.encode("utf-8")) < 2_000_000
    assert "3,520 more are in review.json" in page
