"""The overview of a sweep of many candidates, which a process of its own writes."""

from __future__ import annotations

import time
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


def test_a_sweep_that_ends_meanwhile_leaves_no_part(
    results: SweepResults, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is ended, and the last overview is of all."""
    monkeypatch.setattr(sweep_results, "_MOST_HERE", 0)
    judged, results.judged = results.judged, {0}
    results.tick()
    results.judged = judged

    finished(results, capsys)

    assert files(results).keys() == OVERVIEW_FILES.keys()
    assert all(f'"name": "{name}"' in files(results)["overview.json"] for name in NAMES)


def test_a_process_that_is_killed_is_told_of(results: SweepResults) -> None:
    """As where memory is short; the reviews are there, and a command makes the overview of them."""
    rows = OverviewRows(
        names=list(NAMES[:3]),
        folders=[results.out / name for name in NAMES[:3]],
        judged=frozenset(range(3)),
        reasons={},
        out=results.out,
    )
    process = OverviewProcess(rows, Paper(80, None), is_last=True)
    process._process.kill()

    written = process.result()

    assert written is not None
    assert written.matrix == ""
    assert written.line == (
        "! no overview: the process that wrote it was ended; `cliffguard report "
        f"{results.out} --out {results.out}` writes it anew"
    )
