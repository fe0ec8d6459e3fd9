"""Annotations of a job on GitHub: few, worst first, and nothing that begins another command."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.core.reviews import Outcome, Pooled, Review
from cliffguard.report.github import render_github
from tests.report import diagnosed, samples
from tests.report.test_comment import NAMES, many

_LINE = re.compile(r"::(error|warning|notice) title=((?:[^%:,\r\n]|%\w\w)+)::([^\r\n]*)")


def commands(text: str) -> list[tuple[str, str, str]]:
    """Return level, title and message of each line, as GitHub reads them; every line is one."""
    assert text.endswith("\n")
    lines = [_LINE.fullmatch(line) for line in text.removesuffix("\n").split("\n")]
    assert all(lines), text
    return [(m[1], unescaped(m[2]), unescaped(m[3])) for m in lines if m is not None]


def unescaped(text: str) -> str:
    """Return what GitHub shows of a value."""
    return re.sub(r"%(25|0D|0A|3A|2C)", lambda m: chr(int(m[1], 16)), text)


def test_pass_is_one_notice() -> None:
    """With the verdict's sentence, its exit code, and what next."""
    ((level, title, message),) = commands(render_github(samples.passed()))

    assert (level, title) == ("notice", "cliffguard PASS, runs/ft/support-tickets, exit code 0")
    assert message.startswith(f"{samples.passed().verdict.sentence} What next: 1. ")


def shown(review: Review) -> list[tuple[str, str, str]]:
    """Return the annotations but for the last, which says what next."""
    *lines, (level, _, message) = commands(render_github(review))
    assert level == "notice"
    assert "What next: 1. " in message
    return lines


def test_a_reason_ends_before_why_begins() -> None:
    """Neither brings its stop."""
    ((_, _, message),) = shown(diagnosed.review())

    assert "a drop beyond the margin is proven. multi_step_reasoning: " in message
    assert "  " not in message
    assert ".." not in message


def test_a_proven_loss_is_an_error() -> None:
    """What is only monitored is no annotation; its percent signs are escaped."""
    ((level, title, message),) = shown(samples.failed())

    assert (level, title) == ("error", "multi_step_reasoning REGRESSED")
    assert message.startswith("90.0 → 67.5 %, drop +22.5 pp, 90 % interval [+17.1, +27.9] pp")
    assert "90.0 → 67.5 %25, drop" in render_github(samples.failed())


@pytest.mark.parametrize(("name", "n"), [("inconclusive", 1), ("not_measured", 2)])
def test_what_is_open_is_a_warning(name: str, n: int) -> None:
    """A gate that is closed for want of evidence says so."""
    lines = shown(getattr(samples, name)())

    assert [level for level, _, _ in lines] == ["warning"] * n


def test_what_does_not_count_is_none() -> None:
    """By what each regressed stands in its title, escaped."""
    lines = shown(samples.causes())

    assert [title for _, title, _ in lines] == [
        "arithmetic REGRESSED, by format",
        "knowledge REGRESSED, in mmlu_law",
    ]
    assert "REGRESSED%2C by format::" in render_github(samples.causes())


@pytest.mark.parametrize(("n", "n_lines"), [(8, 8), (9, 9), (10, 9), (40, 9)])
def test_at_most_ten(n: int, n_lines: int) -> None:
    """With what next; worst first; the last loss of more says how many more there are."""
    lines = shown(many("name", n))

    assert len(lines) == n_lines
    rows = lines[:8] if n > 9 else lines
    assert [title.split()[0] for _, title, _ in rows] == [str(n - 1 - i) for i in range(len(rows))]
    if n > 9:
        assert lines[-1] == (
            "error", "cliffguard FAIL, name", f"{n - 8} more are in the report.",
        )  # fmt: skip


def test_a_loss_of_all_together_is_an_error() -> None:
    """Where no single capability is lost, the verdict speaks."""
    held = samples.passed()
    pooled = Pooled(drop=0.02, p_value=0.001, n_capabilities=2, has_dropped=True)
    verdict = replace(
        held.verdict, outcome=Outcome.FAIL, pooled=pooled, sentence="all together dropped."
    )

    lines = shown(replace(held, verdict=verdict))

    assert lines == [("error", "cliffguard FAIL, runs/ft/support-tickets", "all together dropped.")]


def test_a_loss_of_all_together_comes_before_what_is_open() -> None:
    """Of which each has its warning."""
    verdict = replace(samples.inconclusive().verdict, outcome=Outcome.FAIL)

    lines = shown(replace(samples.inconclusive(), verdict=verdict))

    assert [level for level, _, _ in lines] == ["error", "warning"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_begins_a_command(name: str) -> None:
    """Whatever it holds, each line is one command of ours."""
    assert len(commands(render_github(many(NAMES[name])))) == 10


@settings(deadline=None)
@given(name=st.text(max_size=200))
def test_any_name_stays_in_its_property(name: str) -> None:
    """Colons, commas, percent signs and line breaks are escaped."""
    commands(render_github(many(f"::add-mask::{name}\r\n::error::", 2)))
