"""--track: what a tracker is sent, and that nothing it does changes what the command does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cliffguard.integrations.trackers import REGISTRIES, TRACKERS, Reported
from cliffguard.integrations.trackers.interface import tracker_of
from cliffguard.integrations.trackers.sending import send
from tests import support
from tests.bad_input.place import Workspace, answering, run
from tests.fake_runner import FakeRunner
from tests.integrations.conftest import FAKES, FakeTracker
from tests.runners.test_imports import scored, write

pytestmark = pytest.mark.slow

SECRET = "correct-horse-battery-staple"
TRACK = ("--track", "mlflow")


def review_of(folder: Path) -> str:
    """Return the review in a folder, but for what names the folder."""
    return (folder / "review.json").read_text().replace(str(folder), "OUT")


def samples(root: Path) -> tuple[str, str]:
    """Write two folders of lm-eval's samples, of which the second lost a fifth of gsm8k."""
    for side, is_wrong in (("base", lambda _: False), ("tuned", lambda n: n % 5 == 0)):
        write(root / side, "gsm8k", scored(200, is_wrong))
        write(root / side, "race", scored(200))
    return str(root / "base"), str(root / "tuned")


# --- what is sent --------------------------------------------------------------------------------


def test_a_check_is_one_run(workspace: Workspace, losing: FakeRunner, tracker: FakeTracker) -> None:
    """Drops with their bounds, verdict, table and report are those of the review."""
    done = run(workspace.check(*TRACK))

    assert done.exit_code == 10
    review = json.loads((workspace.out / "review.json").read_text())
    expected = {"cliffguard/verdict": 10.0}
    for row in review["comparison"]["capabilities"]:
        name = f"cliffguard/{row['capability']}/drop"
        if row["drop"] is not None:
            expected[name] = row["drop"]
            expected[f"{name}_low"] = row["drop_interval"]["low"]
            expected[f"{name}_high"] = row["drop_interval"]["high"]
    assert tracker.metrics() == expected
    tags = {call["words"][1]: call["words"][2] for call in tracker.calls("set_tag")}
    assert tags["cliffguard.verdict"] == "FAIL"
    assert tags["cliffguard.sentence"] == review["verdict"]["sentence"]
    (table,) = (call["words"][1] for call in tracker.calls("log_dict"))
    items = map(json.loads, (workspace.out / "items.jsonl").read_text().splitlines())
    changed = [item["item"] for item in items if item["counted"] and item["drop"]]
    assert [row[0] for row in table["data"]] == changed
    assert changed
    (report,) = tracker.calls("log_text")
    assert report["words"][1:] == [(workspace.out / "report.html").read_text(), "report.html"]
    assert [call["more"]["run_name"] for call in tracker.calls("start_run")] == ["tuned"]


@pytest.mark.slow
def test_what_was_not_measured_is_no_number(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tracker: FakeTracker
) -> None:
    """A drop that nobody knows is left out, and not sent as 0."""
    answering(monkeypatch, FakeRunner(lambda _, item: None if item.choices else 1.0))

    run(workspace.check(*TRACK))

    review = json.loads((workspace.out / "review.json").read_text())
    drops = {r["capability"]: r["drop"] for r in review["comparison"]["capabilities"]}
    unknown = [name for name, drop in drops.items() if drop is None]
    assert unknown
    logged = {name.split("/")[1] for name in tracker.metrics()}
    assert logged == {"verdict", *drops} - {*unknown}


def test_texts_none_holds_for_the_tracker(
    workspace: Workspace, losing: FakeRunner, tracker: FakeTracker
) -> None:
    """Nothing that is sent holds a prompt or an answer."""
    items = [json.loads(line) for line in (workspace.root / "suite/ball.jsonl").open()]
    prompts = [item["prompt"] for item in items]

    run(workspace.check(*TRACK, "--texts", "none"))
    sent = tracker.path.read_text()
    tracker.path.unlink()
    run(workspace.check(*TRACK))

    assert not any(prompt in sent for prompt in prompts)
    assert any(prompt in tracker.path.read_text() for prompt in prompts)
    assert "sha256:" in sent


@pytest.mark.slow
@pytest.mark.parametrize("secret", [SECRET, "a&staple<b>'s\"é"])
def test_no_secret_is_sent(
    workspace: Workspace,
    losing: FakeRunner,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
    secret: str,
) -> None:
    """What stands in the environment as a secret is in no cell, tag or report, however written."""
    path = workspace.root / "suite/ball.jsonl"
    written = json.dumps(secret, ensure_ascii=False)[1:-1]
    path.write_text(path.read_text().replace('"prompt": "', f'"prompt": "{written} '))
    monkeypatch.setenv("SERVICE_PASSWORD", secret)

    run(workspace.check(*TRACK))

    assert "staple" in (workspace.out / "report.html").read_text()
    assert tracker.calls("log_dict")
    assert "staple" not in tracker.path.read_text()


@pytest.mark.slow
def test_several_candidates_are_runs_below_one(
    workspace: Workspace, losing: FakeRunner, tracker: FakeTracker
) -> None:
    """Each is a run at its step, and the one above has all of them as a curve."""
    training = workspace.root / "ft"
    training.mkdir()
    workspace.tuned.rename(training / "checkpoint-100")
    support.write_checkpoint(training / "checkpoint-200", seed=2)
    words = workspace.check(*TRACK, candidate=training / "checkpoint-100")

    run([*words, "--candidate", str(training / "checkpoint-200")])

    above, *runs = tracker.calls("start_run")
    assert above["more"] == {"run_name": "out"}
    assert [call["more"]["run_name"] for call in runs] == ["checkpoint-100", "checkpoint-200"]
    assert {call["more"]["parent_run_id"] for call in runs} == {above["words"][0]}
    steps = [
        (call["words"][0], call["more"]["metrics"][0]["step"])
        for call in tracker.calls("log_batch")
    ]
    assert steps == [("run-0", 100), ("run-0", 200), ("run-1", 100), ("run-2", 200)]


@pytest.mark.slow
def test_the_run_of_a_training_is_added_to_and_stays_open(
    workspace: Workspace,
    losing: FakeRunner,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLFLOW_RUN_ID names a run that others may still write to."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "abc")

    run(workspace.check(*TRACK))

    assert tracker.calls("start_run", "end_run", "set_terminated") == []
    assert {call["words"][0] for call in tracker.calls("log_batch", "set_tag", "log_text")} == {
        "abc"
    }


@pytest.mark.slow
def test_a_comparison_without_a_folder_is_tracked_all_the_same(
    tmp_path: Path, tracker: FakeTracker
) -> None:
    """What it prints is what it prints without a tracker."""
    words = ["compare", *samples(tmp_path), "--format", "json", "-q"]

    plain, done = run(words), run([*words, *TRACK])

    assert (done.exit_code, done.stdout) == (plain.exit_code, plain.stdout) == (10, plain.stdout)
    (table,) = (call["words"][1] for call in tracker.calls("log_dict"))
    assert len(table["data"]) == 40
    assert tracker.calls("log_text")[0]["words"][2] == "report.html"


@pytest.mark.slow
def test_a_bundle_of_several_is_tracked(
    workspace: Workspace, losing: FakeRunner, tracker: FakeTracker
) -> None:
    """Candidates that have no folder are told apart."""
    second = support.write_checkpoint(workspace.root / "second", seed=2)
    bundle = workspace.root / "run.tar"
    sides = [workspace.base, workspace.tuned, second]
    words = ["measure", *sides, "--suite", workspace.suite, "--bundle", bundle, "-q"]
    assert run([*map(str, words), "--store", str(workspace.store)]).exit_code == 0

    done = run(["compare", str(bundle), "--store", str(workspace.root / "other"), *TRACK, "-q"])

    assert done.exit_code == 10
    names = [call["more"]["run_name"] for call in tracker.calls("start_run")]
    assert names == ["cliffguard", "tuned", "second"]


# --- what a tracker does changes nothing ---------------------------------------------------------

MOODS = {
    "raise": "RuntimeError: 401 for https://[hidden]@mlflow.example/api[hidden]",
    "raise@set_tag": "RuntimeError: 401 for https://[hidden]@mlflow.example/api[hidden]",
    "leave": "SystemExit: 0",
    "die": "its process ended with code 3: core dumped [hidden]",
    "hang": "it took more than 4 seconds",
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reports."""
    root = tmp_path_factory.mktemp("reports")
    assert run(["compare", *samples(root), "--out", str(root / "gate"), "-q"]).exit_code == 10
    return root / "gate"


@pytest.mark.slow
@pytest.mark.parametrize("mood", MOODS)
def test_what_a_tracker_does_is_one_line(
    reports: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    """Nothing is raised, and no secret is in the line."""
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("CLIFFGUARD_TRACK_SECONDS", "4" if mood == "hang" else "60")
    monkeypatch.setenv("FAKE_MOOD", mood)

    sent = send("mlflow", [Reported("gate", reports)])

    assert sent.failure is not None
    assert sent.failure.startswith(MOODS[mood])
    for hidden in (SECRET, "sig=abc", "bWU6c2Vj", "0123456789", "\n"):
        assert hidden not in sent.failure


@pytest.mark.slow
def test_a_tracker_that_fails_is_one_warning(
    workspace: Workspace,
    losing: FakeRunner,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code and reports are those without it, also where nothing else is said."""
    plain = run(workspace.check())
    before = review_of(workspace.out)
    monkeypatch.setenv("FAKE_MOOD", "raise")

    done = run(workspace.check(*TRACK))

    assert (done.exit_code, done.stdout) == (plain.exit_code, plain.stdout) == (10, "")
    assert review_of(workspace.out) == before
    (line,) = done.stderr.splitlines()
    assert line.startswith("cliffguard: warning[track.failed]: mlflow: RuntimeError: 401")
    assert line.endswith("the verdict stands, and the same command sends again what it has stored")


def test_a_disk_that_is_full_changes_no_exit_code(
    tmp_path: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even the reports for a tracker can be written."""
    words = ["compare", *samples(tmp_path), "-q"]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))

    without, within = run([*words, *TRACK]), run([*words, *TRACK, "--out", str(tmp_path / "gate")])

    for done in (without, within):
        assert done.exit_code == 10
        (line,) = done.stderr.splitlines()
        assert line.startswith("cliffguard: warning[track.failed]: mlflow: ")
    assert tracker.calls() == []


@pytest.mark.parametrize("seconds", ["soon", "0", "-3", "nan", "inf", "1e9"])
def test_a_limit_that_is_no_time_is_refused_first(
    workspace: Workspace,
    losing: FakeRunner,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
    seconds: str,
) -> None:
    """Not after hours."""
    monkeypatch.setenv("CLIFFGUARD_TRACK_SECONDS", seconds)

    done = run(workspace.check(*TRACK))

    assert (done.exit_code, losing.n_asked) == (2, 0)
    assert done.stderr.startswith("cliffguard: error[track.seconds]: CLIFFGUARD_TRACK_SECONDS=")


@pytest.mark.slow
def test_what_hangs_is_ended(
    reports: Path, tracker: FakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process is left behind."""
    monkeypatch.setenv("CLIFFGUARD_TRACK_SECONDS", "4")
    monkeypatch.setenv("FAKE_MOOD", "hang")

    send("mlflow", [Reported("gate", reports)])

    (call,) = tracker.calls("hangs")
    with pytest.raises(ProcessLookupError):
        os.kill(call["pid"], 0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to wait for")
def test_a_signal_ends_the_tracker_and_the_command(tmp_path: Path, tracker: FakeTracker) -> None:
    """Whoever stops the command does not wait for what hangs."""
    words = ["compare", *samples(tmp_path), "-q", *TRACK]
    env = {
        **os.environ,
        "FAKE_MOOD": "hang",
        "PYTHONPATH": os.pathsep.join([str(FAKES), *sys.path]),
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "cliffguard", *words], env=env, stderr=subprocess.PIPE, text=True
    )
    while not tracker.calls("hangs"):
        assert child.poll() is None
        time.sleep(0.05)

    child.send_signal(signal.SIGTERM)
    _, printed = child.communicate(timeout=60)

    assert (child.returncode, "terminated" in printed) == (143, True)
    with pytest.raises(ProcessLookupError):
        os.kill(tracker.calls("hangs")[0]["pid"], 0)


@pytest.mark.slow
def test_what_lies_here_is_no_tracker(
    workspace: Workspace,
    losing: FakeRunner,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file mlflow.py of the folder in which a gate runs is not the package."""
    (workspace.root / "mlflow.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(workspace.root)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])

    done = run(workspace.check(*TRACK))

    assert (done.exit_code, done.stderr) == (10, "")
    assert tracker.calls("log_text")


# --- the registry --------------------------------------------------------------------------------


def test_a_package_that_is_not_there_is_said_before_anything_is_asked(
    workspace: Workspace, losing: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What installs it is in the line."""
    monkeypatch.setattr("cliffguard.core.libraries.is_there", lambda _: False)

    done = run(workspace.check("--track", "wandb"))

    assert (done.exit_code, losing.n_asked) == (2, 0)
    assert done.stderr == (
        "cliffguard: error[install.missing]: --track wandb needs wandb, which is not installed; "
        "pip install 'cliffguard[wandb]'\n"
    )


def test_registries_are_those_that_promote(tracker: FakeTracker) -> None:
    """What the flags offer, a tracker can do."""
    from cliffguard.integrations.trackers.tensorboard_runs import TensorBoardTracker
    from cliffguard.integrations.trackers.wandb_runs import WandbTracker

    made = {"wandb": WandbTracker, "tensorboard": TensorBoardTracker}
    made["mlflow"] = type(tracker_of("mlflow"))

    assert made.keys() == TRACKERS.keys()
    assert {name for name, kind in made.items() if hasattr(kind, "promote")} == {*REGISTRIES}
