"""The overview of a sweep of many candidates, which a process of its own writes."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cliffguard.cli import sweep_results
from cliffguard.cli.console import ProgressOutput
from cliffguard.cli.overview import Paper
from cliffguard.cli.sweep_overview import OverviewProcess, OverviewRows
from cliffguard.cli.sweep_results import SweepResults
from cliffguard.report.overview.files import OVERVIEW_FILES
from cliffguard.sweep.candidates import Candidate
from tests.report import checkpoints
from tests.report.checkpoints import trained

NAMES = ("checkpoint-250", "checkpoint-500", "checkpoint-750", "checkpoint-1000")


@pytest.fixture
def results(tmp_path: Path) -> SweepResults:
    """Three checkpoints with their reviews, and one that could not be asked."""
    out = checkpoints.write(tmp_path / "out", trained(3))
    return SweepResults(
        out=out,
        is_in_order=False,
        candidates=[Candidate(path=str(tmp_path / name), name=name) for name in NAMES],
        codes={0: 10, 1: 0, 2: 10, 3: 20},
        judged={0, 1, 2},
        failures={3: "no config.json"},
    )


def files(results: SweepResults) -> dict[str, str]:
    """Return what lies where the overview does."""
    return {p.name: p.read_text() for p in results.out.iterdir() if p.is_file()}


def finished(results: SweepResults, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed at the end."""
    results.finish(ProgressOutput(quiet=False, verbose=True))
    return capsys.readouterr().err


def test_a_process_writes_what_is_written_here(
    results: SweepResults, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what people read is the same."""
    printed, here = finished(results, capsys), files(results)
    for name in here:
        (results.out / name).unlink()
    monkeypatch.setattr(sweep_results, "_MOST_HERE", 0)

    assert finished(results, capsys) == printed
    assert files(results) == here
    assert here.keys() == OVERVIEW_FILES.keys()
    assert "checkpoint-1000" in printed
    assert "no config.json" in here["overview.md"]


def test_nobody_waits_for_an_overview_meanwhile(
    results: SweepResults, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work is handed out while it is written; then it lies there."""
    monkeypatch.setattr(sweep_results, "_MOST_HERE", 0)
    until = time.monotonic() + 60

    results.tick()
    assert files(results) == {}
    while not files(results).keys() >= OVERVIEW_FILES.keys() and time.monotonic() < until:
        results.tick()
        time.sleep(0.05)
    written = files(results)
    assert written.keys() == OVERVIEW_FILES.keys()

    finished(results, capsys)
    assert files(results)["overview.json"] == written["overview.json"]


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_a_sweep_that_ends_meanwhile_leaves_no_part(
    results: SweepResults,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    """The process is ended, also while it still starts, and the last overview is of all."""
    monkeypatch.setattr(sweep_results, "_MOST_HERE", 0)
    judged, results.judged = results.judged, {0}
    results.tick()
    results.judged = judged
    process = results._beside
    assert process is not None
    time.sleep(seconds)

    finished(results, capsys)

    assert process._process.exitcode != 0 or seconds > 0
    assert files(results).keys() == OVERVIEW_FILES.keys()
    assert all(f'"name": "{name}"' in files(results)["overview.json"] for name in NAMES)


class DyingProcess(OverviewProcess):
    """One that is killed as it begins, as where memory is short."""

    def __init__(self, rows: OverviewRows, paper: Paper | None) -> None:
        super().__init__(rows, paper)
        self._process.kill()


def refusing(rows: OverviewRows, paper: Paper | None) -> OverviewProcess:
    """Start no process, as where there are too many."""
    raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


@pytest.mark.parametrize("start", [DyingProcess, refusing])
def test_where_no_process_lives_the_driver_writes(
    results: SweepResults,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[OverviewRows, Paper | None], OverviewProcess],
) -> None:
    """A sweep goes on meanwhile, and in the end has the same overview and the same words."""
    printed, here = finished(results, capsys), files(results)
    for name in here:
        (results.out / name).unlink()
    monkeypatch.setattr(sweep_results, "_MOST_HERE", 0)
    monkeypatch.setattr(sweep_results, "OverviewProcess", start)

    results.tick()
    assert files(results) == {}

    assert finished(results, capsys) == printed
    assert files(results) == here


def test_what_died_is_tried_once_more(
    results: SweepResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no further candidate has ended."""
    monkeypatch.setattr(sweep_results, "_MOST_HERE", 0)
    monkeypatch.setattr(sweep_results, "_OVERVIEW_SECONDS", 0.0)
    monkeypatch.setattr(sweep_results, "OverviewProcess", DyingProcess)
    results.tick()
    monkeypatch.undo()
    monkeypatch.setattr(sweep_results, "_OVERVIEW_SHARE", 1e9)
    monkeypatch.setattr(sweep_results, "_OVERVIEW_SECONDS", 0.0)
    until = time.monotonic() + 60

    while not files(results).keys() >= OVERVIEW_FILES.keys() and time.monotonic() < until:
        results.tick()
        time.sleep(0.05)

    assert files(results).keys() == OVERVIEW_FILES.keys()
