"""The demo on the real model: two fine-tunes, two verdicts, nothing arranged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

REPORTS = {
    "comment.md", "junit.xml", "report.html", "report.md", "review.json", "timings.json",
}  # fmt: skip
POINTS_ABOVE_CHANCE = 0.15


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo once in a folder of its own; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    # The first run may fetch the base, which conftest's offline setting does not hinder: pip does.
    command = [sys.executable, "-m", "cliffguard", "demo", "--store", str(folder / "store")]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return folder, done.stderr


def review(demo: tuple[Path, str], name: str) -> dict[str, Any]:
    """Return the review of one candidate."""
    text = (demo[0] / "runs" / "demo" / name / "review.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def capability(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the comparison of one capability."""
    return next(c for c in document["comparison"]["capabilities"] if c["capability"] == name)


def test_every_report_is_there(demo: tuple[Path, str]) -> None:
    """Both candidates have all their reports where the demo says."""
    for name in ("healthy", "overtrained"):
        folder = demo[0] / "runs" / "demo" / name
        assert {path.name for path in folder.iterdir()} >= REPORTS


def test_the_overview_shows_both(demo: tuple[Path, str]) -> None:
    """Beside their folders, with what all of them broke, and on the terminal."""
    text = (demo[0] / "runs" / "demo" / "overview.json").read_text(encoding="utf-8")

    document = json.loads(text)
    assert [(row["name"], row["report"]) for row in document["candidates"]] == [
        ("healthy", "healthy/report.html"), ("overtrained", "overtrained/report.html"),
    ]  # fmt: skip
    assert document["broken"]
    assert "judge with --choose" in demo[1]


def test_the_healthy_candidate_does_not_fail(demo: tuple[Path, str]) -> None:
    """A gentle fine-tune is not called broken."""
    assert review(demo, "healthy")["verdict"]["outcome"] != "FAIL"


@pytest.mark.parametrize("name", ["healthy", "overtrained"])
def test_the_target_clearly_rises(demo: tuple[Path, str], name: str) -> None:
    """Both candidates learned their job: the gain is proven, and more than 15 points."""
    target = capability(review(demo, name), "support_tickets")

    assert target["drop_interval"]["high"] < 0.0
    assert target["drop"] < -POINTS_ABOVE_CHANCE


def test_the_overtrained_candidate_fails_and_tells_everything(demo: tuple[Path, str]) -> None:
    """The narrow fine-tune lost reading, which a part of its items proves; all else is decided."""
    document = review(demo, "overtrained")

    assert document["verdict"]["outcome"] == "FAIL"
    assert re.search(r"reading_in_context regressed \(\d", document["verdict"]["sentence"])
    reading = capability(document, "reading_in_context")
    assert reading["n_asked"] < reading["n_planned"]
    gating = [finding for finding in document["verdict"]["findings"] if finding["role"] == "gating"]
    assert {finding["outcome"] for finding in gating} == {"HELD", "REGRESSED"}


def test_the_verdicts_and_their_exit_codes_are_printed(demo: tuple[Path, str]) -> None:
    """The demo ends by naming both verdicts, the codes check would give, and the reports."""
    tail = demo[1][-2500:]

    assert re.search(r"healthy: (PASS|INCONCLUSIVE), check would exit (0|11)", tail)
    assert "overtrained: FAIL, check would exit 10" in tail
    assert "runs/demo/overtrained/report.html" in tail


def test_gating_levels_measure_something(demo: tuple[Path, str]) -> None:
    """On every gating level the base lies 15 points or more above chance."""
    capabilities = review(demo, "healthy")["comparison"]["capabilities"]
    levels = [
        (ladder["task"], level["level"], level["base_mean"] - ladder["chance"])
        for capability in capabilities
        for ladder in capability["ladders"]
        for level in ladder["levels"]
        if level["is_gating"]
    ]

    assert len(levels) >= 4
    assert [row for row in levels if row[2] < POINTS_ABOVE_CHANCE] == []


def test_gating_tasks_measure_something(demo: tuple[Path, str]) -> None:
    """Outside the target, every gating task's base lies 15 points or more above chance."""
    capabilities = review(demo, "healthy")["comparison"]["capabilities"]
    tasks = [
        (task["task"], task["base_mean"] - task["chance"])
        for capability in capabilities
        if capability["ring"] not in ("target", "control")
        for task in capability["tasks"]
    ]

    assert [row for row in tasks if row[1] < POINTS_ABOVE_CHANCE] == []
