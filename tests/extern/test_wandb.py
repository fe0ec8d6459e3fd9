"""--track wandb in offline mode: the file that a later `wandb sync` would send, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.extern.tracked import Gate

pytestmark = pytest.mark.extern

READ = r"""
import json, pathlib, struct, sys
from wandb.proto import wandb_internal_pb2 as pb
def records(content):
    # Blocks of 32 KiB after a header of 7 bytes; in them records: checksum, length, kind, bytes.
    at, whole = 7, b""
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield pb.Record.FromString(whole)
            whole = b""
def value(item):
    return ".".join(item.nested_key) or item.key, json.loads(item.value_json)
runs = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("offline-run-*/*.wandb")):
    run = {"history": [], "summary": {}, "artefacts": [], "kinds": set()}
    for record in records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        run["kinds"].add(kind)
        if kind == "run":
            one = record.run
            run |= {"id": one.run_id, "name": one.display_name, "group": one.run_group}
            run |= {"tags": list(one.tags), "project": one.project, "job": one.job_type}
            for item in one.config.update:
                run.setdefault("config", {}).update([value(item)])
        if kind == "history":
            run["history"].append(dict(map(value, record.history.item)))
        if kind == "summary":
            run["summary"].update(map(value, record.summary.update))
        if kind == "request" and record.request.WhichOneof("request_type") == "log_artifact":
            kind, record = "artifact", record.request.log_artifact
        if kind == "artifact":
            made = record.artifact
            contents = {e.path: e.local_path or e.digest for e in made.manifest.contents}
            run["artefacts"].append([made.type, made.name, sorted(contents)])
    run["kinds"] = sorted(run["kinds"])
    run["tables"] = [json.loads(p.read_text()) for p in sorted(path.parent.rglob("*.table.json"))]
    run["files"] = sorted(p.name for p in path.parent.rglob("*") if p.is_file())
    runs.append(run)
print(json.dumps(runs))
"""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A folder for runs of a machine without a connection."""
    places = {name: str(tmp_path / name.lower()) for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR")}
    return Gate("wandb", tmp_path, WANDB_MODE="offline", WANDB_DIR=str(tmp_path), **places)


def read(gate: Gate) -> list[dict[str, Any]]:
    """Return all runs, as they were written."""
    runs: list[dict[str, Any]] = gate.read(READ, gate.root / "wandb")
    return runs


def test_a_comparison_is_a_run(gate: Gate) -> None:
    """Numbers, tags, table and report are in the file."""
    done = gate.compare("ft/checkpoint-200")

    assert (done.returncode, done.stderr) == (10, "")
    (run,) = read(gate)
    assert (run["name"], run["project"], run["job"]) == (
        "checkpoint-200",
        "cliffguard",
        "cliffguard",
    )
    assert run["tags"] == ["cliffguard.verdict:FAIL"]
    (history,) = run["history"]
    numbers = {name: x for name, x in history.items() if name.startswith("cliffguard/")}
    assert numbers == pytest.approx({**gate.metrics(), "cliffguard/step": 200}, abs=1e-12)
    (table,) = run["tables"]
    assert [row[0] for row in table["data"]] == gate.flips()
    assert history["flips.nrows"] == len(gate.flips())
    assert ["evaluation", "cliffguard-checkpoint-200", ["report.html"]] in run["artefacts"]
    assert run["config"]["cliffguard"]["cliffguard.verdict"] == "FAIL"
    # Neither what else is installed, nor the machine's load.
    assert not {"stats", "output", "output_raw"} & {*run["kinds"]}
    assert not {"requirements.txt", "wandb-metadata.json", "output.log"} & {*run["files"]}


def test_settings_are_those_of_the_environment(gate: Gate) -> None:
    """What names a project, a run or a group is no flag of ours; no flips are a table, too."""
    done = gate.compare(
        "ft/checkpoint-100",
        WANDB_PROJECT="support", WANDB_NAME="nightly", WANDB_RUN_GROUP="sft", WANDB_JOB_TYPE="gate",
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    (run,) = read(gate)
    assert [table["data"] for table in run["tables"]] == [[]]
    assert [run[key] for key in ("project", "name", "group", "job")] == [
        "support", "nightly", "sft", "gate",
    ]  # fmt: skip
    assert run["tags"] == ["cliffguard.verdict:PASS"]


def test_the_run_of_a_training_is_added_to(gate: Gate) -> None:
    """WANDB_RUN_ID names it: its own name stays, and its history is not begun anew."""
    gate.compare("ft/checkpoint-200", WANDB_RUN_ID="abc123")

    (run,) = read(gate)
    assert (run["id"], run["name"], run["job"]) == ("abc123", "", "")


def test_several_checkpoints_are_a_group(gate: Gate) -> None:
    """Each is a run of its own, also where the environment names a run."""
    gate.send("ft/checkpoint-100", "ft/checkpoint-200", WANDB_RUN_ID="abc123")

    runs = read(gate)
    assert {run["name"] for run in runs} == {"checkpoint-100", "checkpoint-200"}
    assert {run["group"] for run in runs} == {"abc123"}
    assert "abc123" not in {run["id"] for run in runs}


def test_who_is_not_logged_in_gets_one_warning(gate: Gate) -> None:
    """Nobody is asked for a key, and nothing waits."""
    done = gate.compare("ft/checkpoint-200", WANDB_MODE="online", HOME=str(gate.root))

    assert done.returncode == 10
    (line,) = done.stderr.splitlines()
    assert line.startswith("cliffguard: warning[track.failed]: wandb: UsageError: No API key")


def test_a_server_that_does_not_answer_is_one_warning(gate: Gate) -> None:
    """Without the key."""
    key = "0123456789abcdef" * 2 + "01234567"
    done = gate.compare(
        "ft/checkpoint-200",
        WANDB_MODE="online", WANDB_API_KEY=key, WANDB_BASE_URL="http://127.0.0.1:9",
        CLIFFGUARD_TRACK_SECONDS="20",
    )  # fmt: skip

    assert done.returncode == 10
    (line,) = done.stderr.splitlines()
    assert line.startswith("cliffguard: warning[track.failed]: wandb: ")
    assert key not in line
