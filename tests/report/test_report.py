"""The door of the package: formats by name, and all files at once."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from cliffguard.core.caveats import Caveat
from cliffguard.core.reviews import Outcome
from cliffguard.report import FILES, render, write_reports
from cliffguard.report.clean import cleaned
from cliffguard.report.next_steps import next_steps
from cliffguard.report.page import lay_out
from tests import support
from tests.report import samples


@pytest.mark.parametrize("format", ["text", "markdown", "html", "junit"])
def test_a_loss_at_the_easiest_levels_is_told_in_words(format: str) -> None:
    """And never as one that is the same everywhere."""
    text = render(samples.lost_early(), format)

    assert "at the easiest levels" in text
    assert "than past them" in text
    assert "cliff at" not in text.split("ball_passing", maxsplit=1)[1]


@pytest.mark.parametrize("format", ["text", "markdown", "html"])
def test_what_was_assumed_of_the_sides_stands_at_the_top(format: str) -> None:
    """Which base an adapter was taken to be trained on comes before any number."""
    note = Caveat(id="adapter.base-by-name", text="ft names org/tiny; taken for models/tiny.")
    review = samples.failed()
    candidate = dataclasses.replace(review.comparison.candidate, notes=(note,))
    comparison = dataclasses.replace(review.comparison, candidate=candidate)

    text = " ".join(render(dataclasses.replace(review, comparison=comparison), format).split())

    assert text.index("taken for models/tiny") < text.index("positive is worse")


def test_an_unknown_format_names_the_nearest() -> None:
    """A misspelt format is refused with what was probably meant."""
    with support.refused("report.unknown-format", 2, "'markdow'", "'markdown'"):
        render(samples.failed(), "markdow")


def test_pyplot_is_never_loaded() -> None:
    """The page with its figures is made without pyplot and its global state."""
    script = (
        "import sys; from cliffguard.report import render; from tests.report import samples; "
        "render(samples.failed(), 'html'); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


def test_all_files_are_written(tmp_path: Path) -> None:
    """Every file is there with its bytes, and nothing else is left."""
    written = write_reports(samples.failed(), tmp_path / "out")

    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {*FILES, "plan.yaml", "policy.yaml"} == {path.name for path in written}
    assert {path.name: path.read_text(encoding="utf-8") for path in written[: len(FILES)]} == {
        name: render(samples.failed(), format) for name, format in FILES.items()
    }


def test_a_place_that_is_none(tmp_path: Path) -> None:
    """A folder that cannot be is the user's to mend, in one line with the path."""
    (tmp_path / "file").write_text("")

    with support.refused("file.not-written", 2, "file/out/review.json") as failure:
        write_reports(samples.failed(), tmp_path / "file" / "out")

    assert "\n" not in str(failure.value)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room is worth a retry, and no part of a file is left."""

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.replace", full)

    with support.refused("file.no-room", 20, "review.json"):
        write_reports(samples.failed(), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["text", "markdown", "html"])
@pytest.mark.parametrize(("held", "word"), [(True, "is proven"), (False, "is not proven")])
def test_reports_tell_the_mean_drop(format: str, held: bool, word: str) -> None:
    """Its size, the largest that is not excluded, and whether the margin is proven."""
    text = " ".join(render(samples.with_mean(samples.passed(), held=held), format).split())

    assert "Mean drop of the 3 gating capabilities, at the looks that all had: +0.4 pp" in text
    assert f"at most +1.6 pp; below 1.5 pp {word}." in text


REVIEWS = (
    "failed", "lost_early", "causes", "together", "passed", "inconclusive", "open_mean",
    "not_measured", "hostile", "crowded",
)  # fmt: skip


@pytest.mark.parametrize("name", REVIEWS)
def test_no_verdict_is_without_a_first_step(name: str) -> None:
    """FAIL says first not to ship, and nothing but PASS that nothing is to be done."""
    review = getattr(samples, name)()
    steps = next_steps(lay_out(cleaned(review)))

    is_fail = review.verdict.outcome is Outcome.FAIL
    assert steps[0].startswith("Do not ship this candidate: ") is is_fail
    assert ("Nothing to do." in " ".join(steps)) is (review.verdict.outcome is Outcome.PASS)


def test_a_drop_of_all_together_is_named() -> None:
    """No single capability is to blame."""
    first, *rest = next_steps(lay_out(samples.together()))

    assert "all gating capabilities together have dropped (+3.1 pp on average)." in first
    assert rest
    assert "more items of multi_step_reasoning" in rest[0]


def test_an_open_mean_drop_has_its_step() -> None:
    """Above the margin more items are of no use."""
    review = samples.open_mean()
    assert review.comparison.mean is not None
    mean = replace(review.comparison.mean, drop=0.02)
    worse = replace(review, comparison=replace(review.comparison, mean=mean))

    (step,) = next_steps(lay_out(review))
    (other,) = next_steps(lay_out(worse))

    assert "their mean drop (+0.4 pp) is not proven to be below 1.5 pp (`mean_margin`)" in step
    assert other.startswith("Train one that loses less: the mean drop (+2.0 pp)")


@pytest.mark.parametrize(
    ("outcome", "counts", "steps"),
    [
        (Outcome.REGRESSED, True, "Look at ticket_routing: regressed, but only monitored"),
        (Outcome.NOT_MEASURED, False, "Nothing to do."),
    ],
)
def test_a_pass_contradicts_itself_nowhere(outcome: Outcome, counts: bool, steps: str) -> None:
    """What is lost beside it is named; what the base lacks is nothing to do."""
    review = samples.passed()
    first, *rest = review.verdict.findings
    role = "monitored" if counts else "gating"
    other = replace(first, role=role, outcome=outcome, counts=counts)
    review = replace(review, verdict=replace(review.verdict, findings=(other, *rest)))

    first_step, *more = next_steps(lay_out(review))

    assert first_step.startswith(steps)
    assert more == (["Keep review.json with the checkpoint."] if counts else [])


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome.PASS, "It passes, since each holds within its margin."),
        (Outcome.INCONCLUSIVE, "It does not fail the gate, since each that was measured holds"),
        (Outcome.FAIL, None),
    ],
)
def test_a_proven_drop_says_why_it_passes(outcome: Outcome, why: str | None) -> None:
    """All together have dropped, within margins that hold."""
    review = samples.together()
    review = replace(review, verdict=replace(review.verdict, outcome=outcome))

    remark = next(text for text in lay_out(review).remarks if "together" in text)

    assert "a drop is proven (p < 0.001)." in remark
    assert (why or "") in remark
    assert ("since each" in remark) is (why is not None)


@pytest.mark.parametrize("name", ["failed", "inconclusive", "causes", "passed", "crowded"])
@pytest.mark.parametrize("output_format", ["text", "markdown", "html"])
def test_the_first_screen_has_what_was_lost_and_gained(name: str, output_format: str) -> None:
    """With both intervals, before what is to be done."""
    review = getattr(samples, name)()
    page = lay_out(review)

    text = unescape(re.sub(r"<[^>]*>", "", render(review, output_format))).replace("\\", "")
    first = " ".join(text.split()).partition("Single items")[0]

    lost = [r for r in page.rows if r.finding.outcome is Outcome.REGRESSED and r.is_gating]
    for row in lost[:3]:
        assert f"{row.capability} {row.drop} {row.interval}" in first
    for row in page.targets[:3]:
        assert f"{row.capability} {row.gain} {row.gain_interval}" in first


@pytest.mark.parametrize("name", ["failed", "inconclusive", "not_measured", "passed", "together"])
def test_what_next_has_the_same_words_everywhere(name: str) -> None:
    """Whoever opens the page or a job's summary reads the steps of the terminal."""
    review = getattr(samples, name)()
    steps = next_steps(lay_out(review))

    assert steps
    for output_format in ("text", "markdown", "html", "junit", "comment"):
        text = re.sub(r"</?(code|span)[^>]*>", "", render(review, output_format))
        shown = " ".join(unescape(text).replace("\\", "").replace("`", "").split())
        assert all(step.replace("`", "") in shown for step in steps), output_format
