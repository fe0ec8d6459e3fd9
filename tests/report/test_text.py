"""The report in a terminal."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from cliffguard.core.item_results import ITEMS_FILE, ItemsFile
from cliffguard.report import render
from cliffguard.report.text import print_review, render_text
from tests.report import samples


def printed(name: str, width: int, *, color: bool = False) -> str:
    """Return what a console of that width shows."""
    stream = StringIO()
    system = "truecolor" if color else None
    console = Console(file=stream, width=width, color_system=system, force_terminal=color)  # type: ignore[arg-type]
    print_review(getattr(samples, name)(), console)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("failed", "✗ FAIL (exit code 10)  multi_step_reasoning regressed"),
        ("passed", "✓ PASS (exit code 0)  ticket_routing gained"),
        ("inconclusive", "? INCONCLUSIVE (exit code 11)  no gating capability is proven lost"),
    ],
)
def test_the_verdict_comes_first(name: str, start: str) -> None:
    """The first line is the verdict, its code and its reason."""
    assert render_text(getattr(samples, name)()).startswith(start)


def test_a_row_of_the_table() -> None:
    """A capability is one line of numbers with units in the head."""
    line = (
        r"multi_step_reasoning +90\.0 → 67\.5 % +\+22\.5 +\[\+17\.1, \+27\.9\] +5\.0 +200 +49 / 4"
    )

    assert re.search(line, render_text(samples.failed()))


def test_the_edge_is_marked() -> None:
    """The level where it breaks has a sign and words."""
    line = r"▶ 3  88\.0 %     48\.0 %  \+40\.0 pp  50  cliff"

    assert re.search(line, render_text(samples.failed()))


@pytest.mark.parametrize(
    "reason",
    [
        "▶ mmlu_law  80.0 %     25.0 %  +55.0 pp  5.0 pp  100  p < 0.001  a loss is proven",
        "8 tasks. Not tested, for fewer than 10 scored items: mmlu_virology.",
        "– olympiad: does not count: nothing to lose on this base (3.0 %, margin 5 points)",
        "! arithmetic: 2 of the base's and 7 of the candidate's answers are missing, not in n",
        "! knowledge: 412 clusters, worth 303 of one size",
        "! olympiad: on 300 of 1,200 items, for the limit of one side",
        "the test weighs each capability by the root of its effective items",
        "documents that they share (knowledge and arithmetic: 12)",
        "Do not ship this candidate: arithmetic (by format), knowledge (in mmlu_law).",
    ],
)
def test_why_it_is_so(reason: str) -> None:
    """Parts, what does not count, what is no answer, and what stands together are said in words."""
    assert reason in " ".join(line.strip() for line in printed("causes", 500).splitlines())


def test_unreadable_answers_are_told_where_nothing_failed() -> None:
    """How many there are on either side, and what is lost on those that are readable."""
    review = samples.causes()
    findings = [replace(finding, cause=None) for finding in review.verdict.findings]
    text = render_text(replace(review, verdict=replace(review.verdict, findings=tuple(findings))))

    reason = (
        "200 of the candidate's answers are unreadable, and count as wrong; on the 400 items that"
    )
    assert reason in " ".join(text.split())


def test_an_older_review_says_unscored() -> None:
    """Layout 1 told no lack apart, and its pooled test weighed all alike."""
    text = render_text(replace(samples.failed(), format=1))

    assert "! multi_step_reasoning: 3 unscored, not in n" in text
    assert "root of its" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_numbers_are_never_cut(width: int) -> None:
    """Whatever the width, no number ends in an ellipsis or is missing."""
    shown = " ".join(printed("failed", width).split())

    assert "…" not in shown
    assert {"+22.5", "[+17.1, +27.9]", "[−2.5, +7.5]", "200", "49"} <= set(
        re.findall(r"\[[^\]]*\]|[+−]?\d+(?:\.\d+)?", shown)
    )


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_too_long(width: int) -> None:
    """Lines wrap at the width of the console."""
    assert max(len(line) for line in printed("crowded", width).splitlines()) <= width


def test_no_colour_in_plain_text() -> None:
    """Plain text holds no terminal sequence."""
    assert "\x1b" not in render_text(samples.failed())


def test_colour_where_the_console_has_it() -> None:
    """A terminal gets colour."""
    assert "\x1b[" in printed("failed", 100, color=True)


def test_hostile_text_does_not_survive() -> None:
    """No terminal sequence or direction mark of a model reaches the terminal."""
    assert not set(render_text(samples.hostile())) & set("\x00\x07\x08\x1b\u202e\u202c\ufffe")


def test_markup_of_the_console_is_text() -> None:
    """Square brackets in a name are no markup."""
    review = samples.review(samples.Outcome.PASS, "[red]all[/red] [/] held.", [])

    assert "[red]all[/red] [/] held." in render_text(review)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("failed", "Do not ship this candidate: multi_step_reasoning."),
        ("inconclusive", "Measure more items of multi_step_reasoning (about 900 would decide)"),
        ("not_measured", "Measure translation: the policy names it, but no suite measures it."),
        ("passed", "Nothing to do."),
    ],
)
def test_next_steps(name: str, step: str) -> None:
    """The report ends with what to do."""
    assert step in render_text(getattr(samples, name)()).partition("What next\n")[2]


def test_the_items_that_broke_are_named_by_their_command() -> None:
    """Where a review has its items beside it; where it has none, the report is all there is."""
    items = ItemsFile(file=ITEMS_FILE, sha256="a" * 64, n=9)
    review = replace(samples.failed(), items=items)
    kept = render_text(review).partition("What next\n")[2]
    there = " ".join(render_text(review, folder="out/it's here").split())

    assert "`cliffguard flips FOLDER`" in kept
    assert shlex.join(["cliffguard", "flips", "out/it's here"]) in there
    assert "flips" not in render_text(samples.failed()).partition("What next\n")[2]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_command_is_not_broken_over_lines(width: int) -> None:
    """It is copied from a terminal, where a break would end it."""
    items = ItemsFile(file=ITEMS_FILE, sha256="a" * 64, n=9)
    review = replace(samples.failed(), items=items)

    lines = render_text(review, folder="out here", width=width).splitlines()

    assert any("`cliffguard flips 'out here'`" in line for line in lines)
    assert any("`cliffguard flips 'out here' --changed`" in line for line in lines) or width < 50
    assert max(map(len, lines)) <= width


def test_same_bytes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal it is called from does not matter."""
    text = render_text(samples.failed())
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert render_text(samples.failed()) == text


def test_a_pass_says_the_largest_drop_that_is_proven() -> None:
    """In the head of every format that has one; of nothing that is proven no line."""
    review = samples.passed()
    row = next(f for f in review.verdict.findings if f.role == "gating")
    for p_value, is_there in ((0.001, True), (0.0, True), (0.3, False)):
        findings = tuple(
            replace(each, p_regressed=p_value) if each is row else each
            for each in review.verdict.findings
        )
        shown = replace(review, verdict=replace(review.verdict, findings=findings))
        texts = [render(shown, format) for format in ("text", "html", "markdown", "comment")]
        assert ["of margin 5.0 pp" in text for text in texts] == [is_there] * 4
