"""The door of the room: formats by name, and all files at once."""

from __future__ import annotations

import dataclasses
import errno
import inspect
import os
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from cliffguard.core.caveats import Caveat
from cliffguard.core.reviews import Outcome, Pooled, Review
from cliffguard.report import FILES, render, write_reports
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


SAMPLES = {
    name: make
    for name, make in vars(samples).items()
    if inspect.isfunction(make) and not name.startswith("_") and make.__module__ == samples.__name__
    and not inspect.signature(make).parameters and make.__annotations__["return"] == "Review"
}  # fmt: skip


def dropped_together(outcome: Outcome) -> Review:
    """Return a review in which what gates has dropped together, and nothing alone."""
    review = samples.passed()
    pooled = Pooled(drop=0.021, p_value=0.004, n_capabilities=2, has_dropped=True)
    return replace(review, verdict=replace(review.verdict, outcome=outcome, pooled=pooled))


def mean_open(has_mean: bool = True) -> Review:
    """Return a review of which all is proven but the mean."""
    review = samples.with_mean(samples.passed(), held=False)
    comparison = review.comparison if has_mean else replace(review.comparison, mean=None)
    verdict = replace(review.verdict, outcome=Outcome.INCONCLUSIVE)
    return replace(review, comparison=comparison, verdict=verdict)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_verdict_has_a_step(name: str) -> None:
    """What is no PASS leaves nobody without one."""
    steps = next_steps(lay_out(SAMPLES[name]()))

    assert len(SAMPLES) >= 8
    assert steps


@pytest.mark.parametrize("format", ["text", "markdown", "html", "junit", "comment"])
def test_a_verdict_that_no_row_explains_has_a_step(format: str) -> None:
    """FAIL by all together; INCONCLUSIVE by the mean, also where it is not known."""
    for review, step in (
        (dropped_together(Outcome.FAIL), "all that gates has dropped together, by +2.1 pp on av"),
        (mean_open(), "The mean drop of all that gates is at most +1.6 pp, and its margin is 1.5"),
        (mean_open(has_mean=False), "The mean drop of all that gates was not measured: raise"),
    ):
        text = unescape(render(review, format)).replace("\\", "")
        assert step in " ".join(text.split())
        assert "Nothing to do" not in text


def test_what_is_only_monitored_and_lost_is_something_to_look_at() -> None:
    """No PASS with such a loss has nothing to do."""
    review = samples.passed()
    lost = replace(review.verdict.findings[-1], role="monitored", outcome=Outcome.REGRESSED)
    verdict = replace(review.verdict, findings=(*review.verdict.findings[:-1], lost))

    steps = next_steps(lay_out(replace(review, verdict=verdict)))

    assert f"Look at {lost.capability}: it REGRESSED, and is only monitored." in steps
    assert not any("Nothing to do" in step for step in steps)


@pytest.mark.parametrize("name", ["failed", "inconclusive", "not_measured", "passed"])
def test_what_next_has_the_same_words_everywhere(name: str) -> None:
    """Whoever opens the page or a job's summary reads the steps of the terminal."""
    review = getattr(samples, name)()
    steps = next_steps(lay_out(review))

    assert steps
    for output_format in ("text", "markdown", "html", "junit", "comment"):
        shown = unescape(render(review, output_format)).replace("\\", "")
        assert all(step in " ".join(shown.split()) for step in steps), output_format
