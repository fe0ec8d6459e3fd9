"""The one line of a capability that broke: what it names, in which words, and where it stands."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest

from cliffguard.core.diagnosis import CAUSES, OF_PROBES, CapabilityDiagnosis, CauseCount, CauseName
from cliffguard.core.reviews import Outcome, Review
from cliffguard.core.settings import Role
from cliffguard.report import render
from cliffguard.report.clean import cleaned
from cliffguard.report.comment import MOST_BYTES
from cliffguard.report.page import Page, lay_out
from cliffguard.report.reasons import CAUSE_LABELS, first_lines, reasons
from tests.report import diagnosed, samples
from tests.report.diagnosed import LOST, RESTS, capability, cause, found_cause, pattern, probes
from tests.report.listed import run

NAMED = [name for name in CAUSES if name not in RESTS]


def page_of(*capabilities: CapabilityDiagnosis) -> Page:
    """Return a page of the sample review with these."""
    return lay_out(cleaned(diagnosed.review(*capabilities)))


def line(diagnosis: CapabilityDiagnosis) -> str:
    """Return the line of the capability that was lost, without its name."""
    (reason,) = reasons(page_of(diagnosis))
    return reason.sentence.removeprefix(f"{LOST}: ")


# --- what is named -------------------------------------------------------------------------------


class Case(NamedTuple):
    """What a diagnosis has, and how its line begins."""

    diagnosis: CapabilityDiagnosis
    begins: str


PULL, SLICE = pattern("pull", "ticket"), diagnosed.slipped()
OPEN = replace(PULL, is_found=False, q_value=0.3)
RESTATING = replace(PULL, restates="cut")


def alone(name: CauseName, n_items: int, of: int = 49, **changes: Any) -> CauseCount:
    """Return a cause that could not be compared: the base has one wrong answer, without it."""
    return cause(name, n_items, of, is_comparable=False, **{"n_wrong_base": 1, **changes})


CASES = {
    "the largest cause that is found": Case(
        capability([found_cause("cut", 11), found_cause("refusal", 30), cause("unprobed", 8)]),
        "30 of 49 broken items are refusals (61 %, 90 % interval ",
    ),
    "the found cause of the largest loss": Case(
        capability([
            found_cause("refusal", 39, loss=4.0), found_cause("cut", 10, loss=9.0),
        ]),
        "10 of 49 broken items were cut off, or never end (69 % of the loss)",
    ),
    "a found cause before a larger one that is not": Case(
        capability([cause("cut", 30), found_cause("refusal", 9), cause("unprobed", 10)]),
        "9 of 49 broken items are refusals (",
    ),
    "a found cause of a fifth before a found pattern": Case(
        capability([found_cause("cut", 10), cause("unprobed", 39)], patterns=(PULL,)),
        "10 of 49 broken items were cut off, or never end (",
    ),
    "a found pattern before a found cause of less": Case(
        capability([found_cause("cut", 9), cause("unprobed", 40)], patterns=(OPEN, PULL)),
        '10 of 13 times that "ticket" is a wrong option the candidate picks it (base 0)',
    ),
    "a found cause of less before a pull that restates it": Case(
        capability([found_cause("cut", 9), cause("unprobed", 40)], patterns=(RESTATING,)),
        "9 of 49 broken items were cut off, or never end (",
    ),
    "a found pattern before a large cause that is not found": Case(
        capability([alone("cut", 40), cause("lost", 9)], patterns=(PULL, SLICE)),
        '10 of 13 times that "ticket" is a wrong option the candidate picks it (base 0)',
    ),
    "a cause of nearly all before a pattern, where there is nothing to compare it with": Case(
        capability([alone("cut", 47), cause("lost", 2)], patterns=(PULL, SLICE)),
        "47 of 49 broken items were cut off",
    ),
    "a large cause that nothing was compared with before a pull that restates it": Case(
        capability([alone("cut", 40), cause("lost", 9)], patterns=(RESTATING,)),
        "40 of 49 broken items were cut off",
    ),
    "what probes brought back, of those that they asked": Case(
        capability(
            [cause("suppressed", 22, 32, is_found=True), cause("lost", 10, 32),
             cause("unprobed", 368, 400)],
            patterns=(PULL,),
        ),
        "22 of 32 probed broken items are suppressed (69 %, 90 % interval 54–80); 368 were not "
        "probed",
    ),
    "what probes brought back of graded scores": Case(
        capability([
            cause("suppressed", 22, 32, is_found=True, loss=6.0),
            cause("lost", 10, 32, loss=4.0),
        ]),
        "22 of 32 probed broken items are suppressed (60 % of what these lost)",
    ),
    "a pull to a place": Case(
        capability(
            [cause("unprobed", 49)],
            patterns=(replace(PULL, name="the choice listed first", outside=1 / 13),),
        ),
        "pull to the choice listed first: picked where it is wrong 10 of 13 times (base 1)",
    ),
    "a pull to several words": Case(
        capability(
            [cause("unprobed", 49)],
            patterns=(replace(PULL, name='"ticket" and "book"', key="pull:several"),),
        ),
        '10 of 13 times that any of "ticket" and "book" is a wrong option the candidate picks it',
    ),
    "a pull to a generated answer": Case(
        capability([cause("unprobed", 49)], patterns=(replace(PULL, key="pull:answer:ticket"),)),
        '10 of 13 times that "ticket" would be wrong the candidate answers it (base 0)',
    ),
    "a pull of which some items were wrong before": Case(
        capability([cause("unprobed", 40)], patterns=(replace(PULL, n_broken=8),)),
        '10 of 13 times that "ticket" is a wrong option the candidate picks it (base 0); 8 of '
        "them broke",
    ),
    "not a pull that has less than a fifth of what broke": Case(
        capability(
            [cause("unprobed", 49)],
            patterns=(replace(PULL, n_broken=0), replace(SLICE, n_broken=9)),
        ),
        "49 broken items, no cause found here that is counted",
    ),
    "a rise of confident mistakes": Case(
        capability(
            [cause("unprobed", 49)], patterns=(pattern("overconfident", "confident and wrong"),)
        ),
        "confident and wrong in 41 items: 3.0 → 45.0 %",
    ),
    "the surest found pattern": Case(
        capability([cause("unprobed", 49)], patterns=(OPEN, SLICE, PULL)),
        "right answer mentioned first: drop +45.0 pp in 41 items, +3.0 pp in all others",
    ),
    "a cause of most items that nothing was compared with": Case(
        capability([alone("cut", 25), cause("lost", 24)]),
        "25 of 49 broken items were cut off, or never end (51 %, 90 % interval 40–62, not "
        "compared: the base has only 1 wrong answer)",
    ),
    "a cause of all items where the base is never wrong": Case(
        capability([alone("cut", 10, 10, n_wrong_base=0)]),
        "10 of 10 broken items were cut off, or never end (100 %, 90 % interval 79–100, not "
        "compared: the base has no wrong answer)",
    ),
    "not nine items that nothing was compared with": Case(
        capability([alone("cut", 9, 9)]),
        "9 broken items, no cause found: 9 were cut off, or never end (not compared: the base has "
        "only 1 wrong answer)",
    ),
    "not what most items have and little of the loss": Case(
        capability([alone("cut", 40, loss=3.0), cause("lost", 9, loss=8.0)]),
        "49 broken items, no cause found: 40 were cut off",
    ),
    "not what the only wrong answer of the base has too": Case(
        capability([alone("cut", 40, n_fits_base=1), cause("lost", 9)]),
        "49 broken items, no cause found: 40 were cut off",
    ),
    "no cause of most items that was compared": Case(
        capability([cause("cut", 45), cause("unprobed", 4)]),
        "49 broken items, no cause found: 45 were cut off, or never end (not proven more than of "
        "other answers); 4 are lost or suppressed (not probed)",
    ),
    "no cause of half of them": Case(
        capability([alone("cut", 24, 48), cause("unprobed", 24, 48)], patterns=(OPEN,)),
        "48 broken items, no cause found: 24 were cut off",
    ),
    "never what is left": Case(
        capability([cause("lost", 49)], probes=probes()),
        "49 broken items, no cause found here that is counted: not proven suppressed (probes bring "
        "back 37.5 %, and 12.5 % of what the base had wrong)",
    ),
    "of how many probes tell": Case(
        capability([cause("unprobed", 28), cause("lost", 6)], probes=probes()),
        "34 broken items, no cause found here that is counted: 28 are lost or suppressed (not "
        "probed); 6 are not proven suppressed (probes bring back ",
    ),
    "one item": Case(
        capability([found_cause("refusal", 1, 1)]), "1 of 1 broken item is a refusal (100 %, "
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_line_names(name: str) -> None:
    """What is found, by its part of the loss; else what could not be compared; else nothing."""
    assert line(CASES[name].diagnosis).startswith(CASES[name].begins)


@pytest.mark.parametrize("name", NAMED)
def test_every_cause_has_words(name: CauseName) -> None:
    """Of its own, for one item and for several."""
    several, single = (line(capability([found_cause(name, n, n)])) for n in (3, 1))

    kind = "probed broken item" if name in OF_PROBES else "broken item"
    assert several.startswith(f"3 of 3 {kind}s ")
    assert single.startswith(f"1 of 1 {kind} ")
    assert len({CAUSE_LABELS[each] for each in CAUSES}) == len(CAUSES)


def test_advice_on_what_could_not_be_compared_is_of_what_was_read() -> None:
    """Eight refusals of eight prove nothing; to ask them again would tell nothing of them."""
    few = capability([alone("refusal", 8, 8, n_wrong_base=0)])
    as_often = capability([cause("refusal", 34), cause("unprobed", 15)])

    assert [reason.key for reason in reasons(page_of(few))] == ["refusal"]
    assert [reason.key for reason in reasons(page_of(as_often))] == ["unprobed"]


class Explained(NamedTuple):
    """A finding of the capability that broke, and whether it has a line."""

    outcome: Outcome
    role: Role
    is_told: bool


@pytest.mark.parametrize(
    "case",
    [
        Explained(Outcome.REGRESSED, "gating", True),
        Explained(Outcome.REGRESSED, "monitored", True),
        Explained(Outcome.INCONCLUSIVE, "gating", True),
        Explained(Outcome.INCONCLUSIVE, "monitored", False),
        Explained(Outcome.HELD, "gating", False),
    ],
)
def test_only_what_regressed_or_is_open_and_gates_has_a_line(case: Explained) -> None:
    """A capability that held lost items too, as every one does."""
    review = diagnosed.review(diagnosed.refusing())
    findings = tuple(
        replace(each, outcome=case.outcome, role=case.role) if each.capability == LOST else each
        for each in review.verdict.findings
    )
    page = lay_out(replace(review, verdict=replace(review.verdict, findings=findings)))

    assert len(first_lines(page)) == case.is_told


def test_without_broken_items_there_is_no_line() -> None:
    """Nor without a diagnosis."""
    assert first_lines(page_of(capability([], loss=0.0))) == ()
    assert first_lines(lay_out(samples.failed())) == ()


@pytest.mark.parametrize("n", range(60, 75))
def test_a_name_that_is_cut_ends_its_quotation(n: int) -> None:
    """Wherever it is cut."""
    several = ", ".join(f'"{letter * n}"' for letter in "abcd")

    sentence = line(capability([cause("unprobed", 49)], patterns=(replace(PULL, name=several),)))

    assert sentence.count('"') % 2 == 0
    assert "…" in sentence


# --- where it stands -----------------------------------------------------------------------------

SENTENCE = f"{LOST}: 38 of 49 broken items are refusals (78 %, 90 % interval 66–86)"


def text_of(format: str, review: Review) -> str:
    """Return a report as the words that its reader sees."""
    text = render(review, format)
    if format == "junit":
        return " ".join(note.text or "" for note in ElementTree.fromstring(text).iter("failure"))
    return unescape(re.sub(r"<[^>]+>", "", text)) if format == "html" else text


@pytest.mark.parametrize("format", ["text", "markdown", "html", "junit", "comment"])
def test_the_line_stands_in_every_format(format: str) -> None:
    """Once, in the same words, before the capabilities' numbers where there are any below."""
    text = " ".join(text_of(format, diagnosed.review()).split())

    assert text.count(SENTENCE) == 1


@pytest.mark.parametrize("format", ["text", "markdown", "html"])
def test_it_leads_to_the_items_where_they_are(format: str, tmp_path: Path) -> None:
    """Beside the review; without them it leads nowhere."""
    folder = diagnosed.written(tmp_path / "out")
    words = f"{SENTENCE}; see items"
    args = ("report", folder / "review.json", "--format", format)

    with_items = run(*args).stdout
    (folder / "items.jsonl").unlink()
    without = run(*args).stdout

    assert words in " ".join(unescape(re.sub(r"<[^>]+>", "", with_items)).split())
    assert "see items" not in without


def test_an_annotation_says_why_of_its_own_capability() -> None:
    """Behind what the verdict says of it; without a diagnosis nothing more."""
    explained, _ = render(diagnosed.review(), "github").splitlines()
    plain, _ = render(samples.failed(), "github").splitlines()

    assert explained == f"{plain} {SENTENCE.replace('%', '%25')}."


def test_a_comment_with_forty_losses_fits() -> None:
    """The lines that do not are counted."""
    review = diagnosed.review()
    rows, findings, explained = [], [], []
    (row,) = (r for r in review.comparison.capabilities if r.capability == LOST)
    (finding,) = (f for f in review.verdict.findings if f.capability == LOST)
    for number in range(40):
        name = f"{LOST}_{number:02d}"
        rows.append(replace(row, capability=name))
        findings.append(replace(finding, capability=name))
        explained.append(replace(diagnosed.refusing(), capability=name))
    review = replace(
        diagnosed.review(*explained),
        comparison=replace(review.comparison, capabilities=tuple(rows)),
        verdict=replace(review.verdict, findings=tuple(findings)),
    )

    text = render(review, "comment")

    n_lines = text.count("are refusals")
    assert len(text.encode("utf-8")) <= MOST_BYTES
    assert 2 <= n_lines < 40
    assert f"\n- {40 - n_lines} more in the report.\n" in text


@pytest.mark.parametrize("format", ["text", "markdown", "html", "junit", "comment"])
def test_hostile_names_do_no_harm(format: str) -> None:
    """Of patterns, keys and reasons, which a model or a data set wrote."""
    bad = samples.HOSTILE
    slices = (pattern("pull", bad), pattern("opening", bad, key=f"{bad}-2"))
    untested = (replace(diagnosed.refusing().untested[0], why=bad),)
    diagnosis = capability(
        [cause("unprobed", 49)], patterns=slices, untested=untested, unprobed=bad
    )

    text = render(diagnosed.review(diagnosis), format)

    assert not set(text) & set("\x00\x07\x08\x1b\u202e\u202c\ufffe")
    if format in ("html", "markdown"):
        assert "<script>alert" not in text
    if format in ("markdown", "comment"):
        assert "@maintainer" not in text
    if format == "junit":
        ElementTree.fromstring(text)


def test_what_a_page_shows_of_items_leads_there(tmp_path: Path) -> None:
    """Every link of causes and patterns has its place on the page, also where nothing runs."""
    folder = diagnosed.written(tmp_path / "out")
    page = run("report", folder / "review.json", "--format", "html").stdout

    ids = set(re.findall(r' id="([^"]+)"', page))
    links = re.findall(r'href="#((?:cause|pattern)=[^"]+)"', page)
    explained = (diagnosed.refusing(), diagnosed.kept())
    assert len(links) == 1 + sum(len(each.causes) + len(each.patterns) for each in explained)
    assert set(links) <= ids
