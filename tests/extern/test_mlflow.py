"""--track mlflow against MLflow's own SQLite store, with its registry of models."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.extern.tracked import Gate

pytestmark = pytest.mark.extern

MADE = """
import sys, pathlib, mlflow
client, root = mlflow.MlflowClient(), pathlib.Path(sys.argv[1])
client.create_experiment("gate", artifact_location=(root / "artefacts").as_uri())
client.create_registered_model("support")
for n in (1, 2):
    client.create_model_version("support", (root / "ft" / "checkpoint-100").as_uri())
print("{}")
"""
READ = """
import json, sys, mlflow
client = mlflow.MlflowClient()
(gate,) = [e for e in client.search_experiments() if e.name == "gate"]
def read(run):
    id = run.info.run_id
    path = client.download_artifacts
    files = [f.path for f in client.list_artifacts(id)]
    return {
        "name": run.info.run_name, "status": run.info.status, "tags": run.data.tags, "id": id,
        "metrics": run.data.metrics, "files": sorted(files),
        "steps": {
            key: [[m.step, m.value] for m in client.get_metric_history(id, key)]
            for key in run.data.metrics
        },
        "report": open(path(id, "report.html")).read() if "report.html" in files else None,
        "flips": "flips.json" in files and mlflow.load_table("flips.json", [id]).to_dict("list"),
    }
runs = client.search_runs([gate.experiment_id], order_by=["attributes.start_time"])
versions = {str(v.version): v.tags for v in client.search_model_versions("name='support'")}
known = client.get_registered_model("support").aliases
aliases = {name: str(version) for name, version in known.items()}
print(json.dumps({"runs": [read(run) for run in runs], "versions": versions, "aliases": aliases}))
"""
TRAINING = """
import json, sys, mlflow
client, gate = mlflow.MlflowClient(), mlflow.get_experiment_by_name("gate").experiment_id
run = client.create_run(gate, run_name="sft")
client.log_metric(run.info.run_id, "loss", 1.0, step=50)
print(json.dumps(run.info.run_id))
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A SQLite store with an experiment, and a model of two versions."""
    root = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{root}/mlflow.db"
    gate = Gate("mlflow", root, MLFLOW_TRACKING_URI=uri, MLFLOW_EXPERIMENT_NAME="gate")
    gate.read(MADE, root)
    return gate


def new_runs(gate: Gate, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the runs that are there now and were not before."""
    known = {run["id"] for run in before}
    return [run for run in gate.read(READ)["runs"] if run["id"] not in known]


def test_a_comparison_is_a_run(gate: Gate) -> None:
    """Numbers, tags, table and report come back as they lie in the folder."""
    before = gate.read(READ)["runs"]

    done = gate.compare("ft/checkpoint-200")

    assert (done.returncode, done.stderr) == (10, "")
    (run,) = new_runs(gate, before)
    assert (run["name"], run["status"]) == ("checkpoint-200", "FINISHED")
    assert run["metrics"] == pytest.approx(gate.metrics(), abs=1e-12)
    assert {step for steps in run["steps"].values() for step, _ in steps} == {200}
    assert run["tags"]["cliffguard.verdict"] == "FAIL"
    assert run["tags"]["cliffguard.sentence"] == gate.review()["verdict"]["sentence"]
    assert [*map(str, run["flips"]["item"])] == gate.flips()
    assert set(run["flips"]["change"]) == {"broken"}
    assert run["report"] == (gate.root / "out" / "report.html").read_text()


def test_exit_0_moves_the_alias(gate: Gate) -> None:
    """To the version that was named, which says the verdict; no other verdict moves it."""
    first = ("--promote", "champion", "--promote-model", "models:/support/1")
    second = ("--promote", "champion", "--promote-model", "models:/support/2")

    assert gate.compare("ft/checkpoint-100", *first).returncode == 0
    passed = gate.read(READ)
    assert gate.compare("ft/checkpoint-200", *second, "--exit-zero").returncode == 0
    failed = gate.read(READ)

    assert passed["aliases"] == failed["aliases"] == {"champion": "1"}
    verdicts = {n: tags.get("cliffguard.verdict") for n, tags in failed["versions"].items()}
    assert verdicts == {"1": "PASS", "2": "FAIL"}


def test_a_version_that_is_not_there_is_one_warning(gate: Gate) -> None:
    """The run is logged, the exit code is that of the verdict."""
    done = gate.compare(
        "ft/checkpoint-100", "--promote", "champion", "--promote-model", "models:/support/9"
    )

    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(
        r"cliffguard: warning\[track\.failed\]: mlflow: .*not found; champion was not set; .*", line
    )
    assert gate.read(READ)["aliases"] == {"champion": "1"}


def test_the_run_of_a_training_gets_steps_and_stays_open(gate: Gate) -> None:
    """MLFLOW_RUN_ID names it; of two checks its table is that of the last."""
    training = gate.read(TRAINING)

    for step in (200, 300):
        gate.compare(f"ft/checkpoint-{step}", MLFLOW_RUN_ID=training)

    (run,) = [run for run in gate.read(READ)["runs"] if run["id"] == training]
    assert (run["name"], run["status"]) == ("sft", "RUNNING")
    assert [step for step, _ in run["steps"]["cliffguard/gsm8k/drop"]] == [200, 300]
    assert run["steps"]["loss"] == [[50, 1.0]]
    assert [*map(str, run["flips"]["item"])] == gate.flips()


def test_several_checkpoints_lie_below_one_run(gate: Gate) -> None:
    """It has their drops as a curve."""
    before = gate.read(READ)["runs"]

    gate.send("ft/checkpoint-100", "ft/checkpoint-200", "ft/checkpoint-300")

    above, *runs = new_runs(gate, before)
    assert above["name"] == "gate"
    assert {run["status"] for run in (above, *runs)} == {"FINISHED"}
    assert {run["tags"]["mlflow.parentRunId"] for run in runs} == {above["id"]}
    verdicts = {run["name"]: run["tags"]["cliffguard.verdict"] for run in runs}
    assert list(verdicts.values()) == ["PASS", "FAIL", "FAIL"]
    curve = above["steps"]["cliffguard/gsm8k/drop"]
    assert curve == [run["steps"]["cliffguard/gsm8k/drop"][0] for run in runs]
    assert [step for step, _ in curve] == [100, 200, 300]


def test_a_server_that_does_not_answer_is_one_warning(gate: Gate) -> None:
    """Without the password in its address."""
    done = gate.compare(
        "ft/checkpoint-200",
        MLFLOW_TRACKING_URI="http://me:correct-horse@127.0.0.1:9",
        CLIFFGUARD_TRACK_SECONDS="60",
    )

    assert done.returncode == 10
    (line,) = done.stderr.splitlines()
    assert line.startswith("cliffguard: warning[track.failed]: mlflow: ")
    assert "correct-horse" not in line
