"""--track tensorboard: event files, read back by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.extern.tracked import Gate

pytestmark = pytest.mark.extern

READ = """
import json, pathlib, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
root, runs = pathlib.Path(sys.argv[1]), {}
for folder in sorted({path.parent for path in root.rglob("events.out.*")}):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    values = {}
    for tag in events.Tags()["tensors"]:
        kind = events.SummaryMetadata(tag).plugin_data.plugin_name
        points = [(e.step, make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        values[tag] = [
            [step, float(x) if kind == "scalars" else x[0].decode()] for step, x in points
        ]
    files = sorted(p.name for p in folder.glob("*.html"))
    runs[str(folder.relative_to(root))] = {"values": values, "files": files}
print(json.dumps(runs))
"""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A folder for event files."""
    return Gate("tensorboard", tmp_path, TENSORBOARD_LOGGING_DIR=str(tmp_path / "logs"))


def read(gate: Gate) -> dict[str, Any]:
    """Return what TensorBoard shows, by run."""
    runs: dict[str, Any] = gate.read(READ, gate.root / "logs")
    return runs


def test_checkpoints_of_a_training_are_steps(gate: Gate) -> None:
    """Each in an event of its own, in one folder."""
    expected = {}
    for step in (100, 200):
        done = gate.compare(f"ft/checkpoint-{step}")
        assert (done.returncode, done.stderr) == (0 if step == 100 else 10, "")
        expected[step] = gate.metrics()

    ((name, run),) = read(gate).items()
    assert name == "cliffguard/ft"
    points = {
        step: {tag: x for tag, series in run["values"].items() for at, x in series if at == step}
        for step in expected
    }
    for step, metrics in expected.items():
        logged = {tag: points[step][tag] for tag in metrics}
        assert logged == pytest.approx(metrics, abs=1e-6)
    assert run["files"] == ["report-100.html", "report-200.html"]
    assert points[200]["cliffguard/sentence"].startswith("**FAIL** ")
    table = points[200]["flips"].splitlines()
    assert len(table) == 2 + len(gate.flips())
    assert len(points[100]["flips"].splitlines()) == 2


def test_a_candidate_without_a_step_has_a_folder(gate: Gate) -> None:
    """It is logged at step 0."""
    (gate.root / "ft" / "checkpoint-300").rename(gate.root / "final")

    gate.compare("final")

    ((name, run),) = read(gate).items()
    assert name == "cliffguard/final"
    assert [step for step, _ in run["values"]["cliffguard/verdict"]] == [0]
    assert run["files"] == ["report.html"]


def test_a_folder_that_cannot_be_written_is_one_warning(gate: Gate) -> None:
    """The exit code is that of the verdict."""
    (gate.root / "logs").write_text("a file")

    done = gate.compare("ft/checkpoint-200")

    assert done.returncode == 10
    (line,) = done.stderr.splitlines()
    assert line.startswith("cliffguard: warning[track.failed]: tensorboard: ")
