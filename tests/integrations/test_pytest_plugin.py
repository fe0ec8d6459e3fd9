"""pytest --cliffguard-plan: tests that are known before anything is measured, and measured once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from tests import support
from tests.ci.two_stages import furnish, verbs_called
from tests.integrations.beside import eventually

CHECKOUT = Path(__file__).parent.parent.parent
EXAMPLES = CHECKOUT / "reports" / "examples"
PLAN = """\
base: models/base
candidate: runs/ft/adapter
suites: [suite.yaml]
policy: {target: {min_gain: 0.05}}
"""
SUITE = """\
name: short
version: 1
description: the capabilities of the committed reviews, without their items
capabilities:
  support_tickets: {ring: target, tasks: [{name: a, items: say.jsonl, metric: exact_match}]}
  multi_step_reasoning: {ring: adjacent, tasks: [{name: b, items: say.jsonl, metric: exact_match}]}
  reading_in_context: {ring: adjacent, tasks: [{name: c, items: say.jsonl, metric: exact_match}]}
  out_of_domain_qa: {ring: general, tasks: [{name: d, items: say.jsonl, metric: exact_match}]}
  control: {ring: control, tasks: [{name: e, items: say.jsonl, metric: exact_match}]}
"""
CHECK = f"""\
import json, os, shutil, sys
from pathlib import Path
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([os.getcwd(), *sys.argv[1:]]) + "\\n")
out = Path(sys.argv[sys.argv.index("--out") + 1])
if os.environ["SHOWS"]:
    shutil.copytree({str(EXAMPLES)!r} + "/" + os.environ["SHOWS"], out, dirs_exist_ok=True)
print("cliffguard: error[weights.torn]: \\x1b[31madapter: torn", file=sys.stderr)
sys.exit(int(os.environ["CODE"]))
"""  # in place of a check: it leaves one of the committed reviews
ADJACENT = ("multi_step_reasoning", "reading_in_context", "out_of_domain_qa", "control")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a plan and a test of somebody."""
    (tmp_path / "gate.yaml").write_text(PLAN)
    (tmp_path / "suite.yaml").write_text(SUITE)
    support.write_jsonl(tmp_path / "say.jsonl", support.generated_rows(2))
    (tmp_path / "test_theirs.py").write_text("def test_theirs(): pass\n")
    (tmp_path / "check.py").write_text(CHECK)
    return tmp_path


def run(
    folder: Path, *words: str, shows: str = "", code: int = 0, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder; of the plugins that are installed it loads ours, and xdist."""
    return subprocess.run(
        command_of(*words),
        cwd=folder,
        env=environment_of(folder, **{"SHOWS": shows, "CODE": str(code), **env}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def command_of(*words: str) -> list[str]:
    """Return the words of such a run."""
    plugins = ("-p", "cliffguard.integrations.pytest_plugin", "-p", "xdist")
    return [sys.executable, "-m", "pytest", "-rs", *plugins, *words]


def environment_of(folder: Path, **env: str) -> dict[str, str]:
    """Return its environment."""
    return {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "CLIFFGUARD_CMD": f"{sys.executable} {folder / 'check.py'}",
        "CALLS": str(folder / "calls"),
        "COLUMNS": "200",
        **env,
    }


def calls(folder: Path) -> list[list[str]]:
    """Return how the check was called, each time."""
    path = folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return what became of each test, of a run with -v."""
    lines = re.findall(
        r"^(?:gate\.yaml|test_theirs\.py)::(\S+) (PASSED|FAILED|SKIPPED|ERROR)", done.stdout, re.M
    )
    return dict(lines)


@pytest.mark.slow
def test_held_passes(folder: Path) -> None:
    """One test a capability and one of the verdict, beside the tests of others."""
    done = run(folder, "-v", "--cliffguard-plan", "gate.yaml", shows="healthy")

    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(done) == {
        "test_theirs": "PASSED",
        "support_tickets": "PASSED",
        **dict.fromkeys(ADJACENT[:3], "PASSED"),
        "control": "SKIPPED",
        "verdict": "PASSED",
    }
    assert "monitored only, cannot fail the gate; HELD" in done.stdout
    ((cwd, *words),) = calls(folder)
    assert cwd == str(folder)
    out = str(folder / ".pytest_cache" / "d" / "cliffguard")
    assert words == ["check", str(folder / "gate.yaml"), "--out", out, "--quiet"]
    assert f"cliffguard: gate.yaml, reports in {out}" in done.stdout


@pytest.mark.slow
def test_a_loss_fails_with_the_reports_lines(folder: Path) -> None:
    """The lines of its capability, what to do next under the verdict, and no traceback."""
    done = run(folder, "-v", "--cliffguard-plan", "gate.yaml", shows="cliff", code=10)

    assert done.returncode == 1
    states = outcomes(done)
    assert states["verdict"] == states["multi_step_reasoning"] == "FAILED"
    assert (states["support_tickets"], states["control"]) == ("PASSED", "SKIPPED")
    failures = done.stdout.partition("= FAILURES =")[2].partition("short test summary")[0]
    assert "cliffguard: multi_step_reasoning" in failures
    assert "\nREGRESSED by loss: " in failures
    assert "\nbase → candidate: " in failures
    assert "FAIL (exit code 10): " in failures
    assert "\nnext: " in failures
    assert "Traceback" not in failures
    assert ".py:" not in failures


@pytest.mark.slow
def test_what_is_open_fails(folder: Path) -> None:
    """The gate is fail-closed."""
    done = run(folder, "-v", "--cliffguard-plan", "gate.yaml", shows="inconclusive", code=11)

    assert done.returncode == 1
    assert outcomes(done)["verdict"] == "FAILED"
    assert "\nINCONCLUSIVE: " in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("code", [12, 20, -9])
def test_what_has_no_verdict_is_an_error(folder: Path, code: int) -> None:
    """Of every test, with the one line of the check; a review that lies there says nothing."""
    shutil.copytree(EXAMPLES / "healthy", folder / "out")
    words = ("--cliffguard-plan", "gate.yaml", "--cliffguard-out", "out")

    done = run(folder, "-v", *words, code=code & 0xFF)

    assert done.returncode == 1
    assert set(outcomes(done).values()) == {"ERROR", "PASSED"}
    assert outcomes(done)["test_theirs"] == "PASSED"
    assert f"no verdict, exit code {code & 0xFF}: " in done.stdout
    assert "cliffguard: error[weights.torn]: adapter: torn" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 11])
def test_a_verdict_that_the_review_does_not_say_is_none(folder: Path, code: int) -> None:
    """Neither a lacking review, nor another's."""
    for shows in ("", "cliff"):
        out = f"out-{shows}"
        words = ("--cliffguard-plan", "gate.yaml", "--cliffguard-out", out)

        done = run(folder, *words, "-v", shows=shows, code=code)

        assert outcomes(done)["verdict"] == "ERROR", done.stdout


@pytest.mark.slow
def test_the_review_of_an_earlier_run_is_no_verdict(folder: Path) -> None:
    """Where a command ends with 0, and has written none."""
    for shows, state in (("healthy", "PASSED"), ("", "ERROR")):
        done = run(folder, "-v", "--cliffguard-plan", "gate.yaml", shows=shows)

        assert outcomes(done)["verdict"] == state, done.stdout


@pytest.mark.slow
def test_nothing_is_measured_to_collect(folder: Path) -> None:
    """--collect-only names the tests."""
    done = run(folder, "-q", "--collect-only", "--cliffguard-plan", "gate.yaml")

    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("gate.yaml::")] == [
        f"gate.yaml::{name}" for name in ("support_tickets", *ADJACENT, "verdict")
    ]
    assert calls(folder) == []


@pytest.mark.slow
def test_some_can_be_chosen(folder: Path) -> None:
    """By -k, and by their ids; what is chosen measures once, what is not measures nothing."""
    of_word = run(folder, "-v", "--cliffguard-plan", "gate.yaml", "-k", "reading", shows="healthy")
    of_id = run(folder, "-v", "--cliffguard-plan", "gate.yaml", "gate.yaml::verdict",
                shows="healthy")  # fmt: skip
    none = run(folder, "-v", "--cliffguard-plan", "gate.yaml", "-k", "theirs", code=12)

    assert outcomes(of_word) == {"reading_in_context": "PASSED"}
    assert outcomes(of_id) == {"verdict": "PASSED"}
    assert outcomes(none) == {"test_theirs": "PASSED"}
    assert len(calls(folder)) == 2


@pytest.mark.slow
def test_workers_share_one_run(folder: Path) -> None:
    """One of them checks, the others wait; a further run checks again."""
    for _ in range(2):
        done = run(
            folder, "-v", "-n", "3", "--cliffguard-plan", "gate.yaml", shows="cliff", code=10
        )

        seen = re.findall(r"(PASSED|FAILED|SKIPPED) (\S+)", done.stdout.partition("= FAIL")[0])
        assert done.returncode == 1, done.stdout
        assert ("FAILED", "gate.yaml::verdict") in seen
        assert len(seen) == 7

    assert len(calls(folder)) == 2


@pytest.mark.slow
def test_plugins_of_pytest_may_be_off(folder: Path) -> None:
    """Without the cache the reports go to a temporary folder; JUnit of pytest has the lines."""
    done = run(
        folder, "-p", "no:xdist", "-p", "no:cacheprovider", "--junitxml", "x.xml",
        "--cliffguard-plan", "gate.yaml", shows="cliff", code=10, TMPDIR=str(folder),
    )  # fmt: skip

    assert done.returncode == 1
    assert len([*folder.glob("cliffguard-pytest-*/review.json")]) == 1
    suite = ElementTree.parse(folder / "x.xml").getroot()[0]
    failures = {case.get("name"): case.findtext("failure") for case in suite.iter("testcase")}
    assert str(failures["multi_step_reasoning"]).startswith("REGRESSED by loss: ")
    assert "next: " in str(failures["verdict"])
    assert failures["support_tickets"] is None
    assert (suite.get("errors"), suite.get("skipped")) == ("0", "1")


@pytest.mark.slow
def test_the_reports_may_go_elsewhere(folder: Path) -> None:
    """--cliffguard-out names the folder, from where pytest was started."""
    (folder / "sub").mkdir()
    words = ("--cliffguard-plan", "../gate.yaml", "--cliffguard-out", "gate", "--rootdir", "..")

    done = run(folder / "sub", *words, shows="healthy", CLIFFGUARD_CMD=(
        f"{sys.executable} {folder / 'check.py'}"), CALLS=str(folder / "calls"))  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert (folder / "sub" / "gate" / "review.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "line"),
    [
        ("candidate: [a, b]\nsuites: [adjacent]\n", "pytest.several"),
        ("candidate: a\nsuites: [adjacnt]\n", "suite"),
        ("candidat: a\n", "plan.unknown-key"),
        ("a: [\n", "plan.file"),
    ],
)
def test_a_plan_that_cannot_be_read_is_one_line(folder: Path, plan: str, line: str) -> None:
    """An error of the collection, without a traceback."""
    (folder / "gate.yaml").write_text(plan)

    done = run(folder, "--cliffguard-plan", "gate.yaml")

    assert done.returncode == 2
    assert line in done.stdout
    assert "Traceback" not in done.stdout
    assert "site-packages" not in done.stdout
    assert calls(folder) == []


def test_a_plan_that_is_not_there(folder: Path) -> None:
    """Pytest's own usage error."""
    done = run(folder, "--cliffguard-plan", "gone.yaml")

    assert (done.returncode, done.stderr.strip()) == (
        4, "ERROR: --cliffguard-plan gone.yaml: no such file"
    )  # fmt: skip


@pytest.mark.slow
def test_suites_that_are_chosen_at_the_run_have_one_test(folder: Path) -> None:
    """What they will be is not known before: the verdict is of them all."""
    (folder / "gate.yaml").write_text("candidate: a\n")

    done = run(folder, "-v", "--cliffguard-plan", "gate.yaml", shows="cliff", code=10)

    assert outcomes(done) == {"test_theirs": "PASSED", "verdict": "FAILED"}
    assert "multi_step_reasoning: REGRESSED" in done.stdout


def test_a_command_that_is_not_there_is_an_error(folder: Path) -> None:
    """As what is missing is: exit code 20."""
    done = run(folder, "-v", "--cliffguard-plan", "gate.yaml", CLIFFGUARD_CMD="/gone/cliffguard")

    assert outcomes(done)["verdict"] == "ERROR"
    assert "no verdict, exit code 20" in done.stdout
    assert "/gone/cliffguard: cannot be started" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("-n", "1")], ids=["alone", "with a worker"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_the_end_of_pytest_ends_its_check(
    number: int, words: tuple[str, ...], folder: Path
) -> None:
    """However it comes: nobody would read what it comes to, and it holds a device."""
    (folder / "check.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path(os.environ['CALLS']).write_text(str(os.getpid()))\n"
        "time.sleep(120)\n"
    )
    # A shell ignores it in the background, and whoever is started there, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = subprocess.Popen(
        command_of("--cliffguard-plan", "gate.yaml", *words),
        cwd=folder,
        env=environment_of(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        pid = eventually(lambda: (folder / "calls").exists() and (folder / "calls").read_text())
        assert psutil.pid_exists(int(pid))
    finally:
        signal.signal(signal.SIGINT, before)
        started.send_signal(number)
        started.wait(60)

    eventually(lambda: not psutil.pid_exists(int(pid)))


@pytest.mark.slow
def test_a_model_is_measured_once(tiny_base: Path, tmp_path: Path) -> None:
    """By the command that is in PATH, over two workers, without a stand-in."""
    env = furnish(tmp_path, tiny_base)
    plan = (tmp_path / "gate.yaml").read_text()
    (tmp_path / "gate.yaml").write_text(f"{plan}policy: policy.yaml\n")
    words = ("-v", "-n", "2", "--cliffguard-plan", "gate.yaml", "--cliffguard-out", "out")

    done = run(tmp_path, *words, **{**env, "CLIFFGUARD_CMD": "cliffguard"})

    assert done.returncode == 0, done.stdout
    # Two workers end in any order.
    assert sorted(re.findall(r"PASSED gate.yaml::(\w+)", done.stdout)) == ["saying", "verdict"]
    assert verbs_called(tmp_path) == ["check"]
    assert (
        json.loads((tmp_path / "out" / "review.json").read_text())["verdict"]["outcome"] == "PASS"
    )


# --- without the flag ----------------------------------------------------------------------------


def test_nothing_happens_without_the_flag(folder: Path) -> None:
    """The plan is no test, and no module of ours is loaded beside the plugin's own."""
    (folder / "test_theirs.py").write_text(
        "import sys\ndef test_theirs():\n"
        "    print('ours', [n for n in sys.modules if n.startswith('cliffguard')])\n"
    )

    done = run(folder, "-s", ".", "gate.yaml")

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    (line,) = re.findall(r"ours (\[.*\])", done.stdout)
    assert (
        line == "['cliffguard', 'cliffguard.integrations', 'cliffguard.integrations.pytest_plugin']"
    )
    assert calls(folder) == []


def test_importing_it_takes_little() -> None:
    """Less than 20 ms, as every start of pytest pays for it; nothing heavy is loaded."""
    program = (
        "import sys, pytest, time\nbefore = set(sys.modules)\nstart = time.perf_counter()\n"
        "import cliffguard.integrations.pytest_plugin\n"
        "print(time.perf_counter() - start, *sorted(set(sys.modules) - before))"
    )
    tries = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        seconds, *modules = done.stdout.split()
        tries.append(float(seconds) / support.slowness())

    assert min(tries) < 0.020
    assert [name for name in modules if not name.startswith("cliffguard")] == []
