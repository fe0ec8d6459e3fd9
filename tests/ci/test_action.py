"""The composite action: one comment a pull request, and always the gate's exit code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.stubs import Job
from tests.docs.blocks import CHECKOUT
from tests.docs.programs import parse_own

ACTION = CHECKOUT / ".github" / "actions" / "gate"
WRITTEN = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
SCRIPT = (ACTION / "gate.sh").read_text(encoding="utf-8")
(STEP,) = WRITTEN["runs"]["steps"]
BOT = "github-actions[bot]"
MARKER = "<!-- cliffguard:gate -->"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job of a pull request."""
    return Job(
        tmp_path,
        {
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_SERVER_URL": "https://forge.example",
            "GITHUB_REPOSITORY": "org/repo",
            "GITHUB_RUN_ID": "42",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GH_TOKEN": "a-token",
            "GATE_PLAN": "gate.yaml",
            "GATE_PULL_REQUEST": "7",
        },
    )


def comment(number: int, body: str | None, login: str = BOT) -> dict[str, Any]:
    """Return a comment as GitHub has it."""
    return {"id": number, "user": {"login": login}, "body": body}


def run(job: Job, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the action's step."""
    return job.run(STEP["run"], code, **more)


@pytest.mark.parametrize("code", [0, 10, 11])
def test_the_verdict_is_posted_and_is_the_exit_code(job: Job, code: int) -> None:
    """Also in the job's summary, as an annotation, and as an output of the step."""
    done = run(job, code)

    assert done.returncode == code, done.stderr
    body = f"{MARKER}\nverdict {code}\n"
    assert [c["body"] for c in job.comments] == [body]
    assert job.summary == body
    assert "\n::error title=multi_step REGRESSED::an annotation\n" in done.stdout
    assert (job.root / "output").read_text() == f"exit-code={code}\n"
    (check, report) = job.calls("cliffguard")
    assert check == ["check", "gate.yaml", "--out", "cliffguard-out/gate", "--comment-id", "gate"]
    for words in (check, report):
        parse_own(words)


def test_its_own_comment_is_updated(job: Job) -> None:
    """The 150th, found by marker and author; never that of another gate, or of a person."""
    others = [comment(n, f"{MARKER}\nmine", login="somebody") for n in range(140)]
    others += [comment(n, "<!-- cliffguard:gate-2 -->\n") for n in range(140, 148)]
    others += [comment(148, None), comment(149, f"I saw {MARKER}")]
    job.set_comments([*others, comment(150, f"{MARKER}\nverdict 0\n"), comment(151, "later")])

    assert run(job, 10).returncode == 10
    assert run(job, 11).returncode == 11

    assert job.comments == [
        *others, comment(150, f"{MARKER}\nverdict 11\n"), comment(151, "later"),
    ]  # fmt: skip


def test_a_second_run_posts_no_second_comment(job: Job) -> None:
    """It finds the one of the first."""
    run(job, 10)
    run(job, 0)

    assert [c["body"] for c in job.comments] == [f"{MARKER}\nverdict 0\n"]


def test_gh_itself_would_find_it(tmp_path: Path) -> None:
    """The query that gh is given, read by jq."""
    if shutil.which("jq") is None:
        pytest.skip("no jq here")
    comments = [
        comment(1, None),
        comment(2, MARKER, "a"),
        comment(3, f"{MARKER}\n"),
        comment(4, ""),
    ]
    (query,) = re.findall(r'--jq "(.*)"\n', SCRIPT)
    query = query.replace('\\"', '"').replace("$marker", MARKER)

    done = subprocess.run(
        ["jq", query], env={"GATE_AUTHOR": BOT, "PATH": "/usr/bin:/bin"}, check=True, text=True,
        capture_output=True, input=json.dumps(comments),
    )  # fmt: skip

    assert done.stdout.split() == ["3"]


@pytest.mark.parametrize("fails", ["POST", "PATCH", "all"])
def test_a_token_that_may_not_comment(job: Job, fails: str) -> None:
    """As on a fork: the comment is in the summary, the exit code the gate's."""
    if fails == "PATCH":
        job.set_comments([comment(5, f"{MARKER}\nold")])
    before = job.comments

    done = run(job, 10, STUB_GH_FAILS=fails)

    assert done.returncode == 10
    assert job.summary == f"{MARKER}\nverdict 10\n"
    assert "::warning title=cliffguard::the comment could not be posted" in done.stdout
    assert job.comments == before


def test_comments_that_cannot_be_read_are_not_doubled(job: Job) -> None:
    """Where nobody knows whether there is one, none is posted."""
    job.set_comments([comment(5, f"{MARKER}\nold")])

    run(job, 0, STUB_GH_FAILS="GET")

    assert len(job.comments) == 1


@pytest.mark.parametrize(
    ("code", "word"),
    [(1, "bug"), (2, "correct it"), (12, "repair"), (20, "run it again"), (143, "stored answers"),
     (137, "out of memory"), (127, "not installed")],
)  # fmt: skip
def test_without_a_verdict_an_old_one_does_not_stay(job: Job, code: int, word: str) -> None:
    """The comment says that there is none, and what to do."""
    job.set_comments([comment(5, f"{MARKER}\nverdict 0\n")])
    old = job.root / "work" / "cliffguard-out" / "gate"
    old.mkdir(parents=True)
    (old / "comment.md").write_text(f"{MARKER}\nverdict 0\n")

    done = run(job, code)

    assert done.returncode == code
    ((first, second, *_),) = [c["body"].split("\n") for c in job.comments]
    assert first == MARKER
    error_id = ", `sides.one-run`" if code in (2, 12, 20) else ""
    assert second.startswith(f"**– no verdict**, exit code {code}{error_id}: ")
    assert word in second
    assert f"::error title=cliffguard::no verdict, exit code {code}: " in done.stdout
    assert "/actions/runs/42>)" in job.summary


def test_a_push_has_a_summary_alone(job: Job) -> None:
    """Without a pull request nobody is asked for comments."""
    done = run(job, 11, GATE_PULL_REQUEST="")

    assert done.returncode == 11
    assert job.calls("gh") == []
    assert job.summary == f"{MARKER}\nverdict 11\n"


def test_inputs_are_words_and_never_shell(job: Job) -> None:
    """An argument a line, as it stands; the pull request's number is one, or none."""
    attack = "$(touch pwned)`touch pwned`; touch pwned #"

    done = run(
        job,
        GATE_PLAN=attack,
        GATE_OUT=f"out {attack}",
        GATE_ARGS=f"--candidate=runs/my adapter\n\n  \n--base={attack}\n*",
        GATE_PULL_REQUEST=f"7 {attack}",
        GATE_REPORT_URL=attack,
    )

    assert done.returncode == 0, done.stderr
    (check, _) = job.calls("cliffguard")
    assert check[1:5] == [attack, "--candidate=runs/my adapter", f"--base={attack}", "*"]
    assert job.calls("gh") == []
    assert list(job.root.rglob("pwned")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("GATE_COMMENT_ID", "-->"), ("GATE_COMMENT_ID", 'a"b'), ("GATE_COMMENT_ID", "a--b"),
     ("GATE_COMMENT_ID", "x" * 65), ("GATE_COMMAND", "store"), ("GATE_COMMAND", "check; id")],
)  # fmt: skip
def test_an_input_that_is_none_is_refused(job: Job, name: str, value: str) -> None:
    """Before anything is asked."""
    done = run(job, **{name: value})

    assert done.returncode == 2
    assert job.calls("cliffguard") == []


def test_what_is_printed_commands_nothing(job: Job) -> None:
    """Between the two tokens, which nobody can guess, GitHub reads no command."""
    first, second = (run(job, 10).stdout for _ in range(2))

    stop, inside, go, *after = first.split("\n")
    while go == "":
        go, *after = after
    token = stop.removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert inside == "::error::what a model wrote"
    assert go == f"::{token}::"
    assert token not in second


def test_inputs_reach_the_script_by_the_environment_alone() -> None:
    """No expression stands in a `run`; what is handed over is read, and nothing else is."""
    assert "${{" not in STEP["run"]
    handed = {name for name in STEP["env"] if name != "GH_TOKEN"}
    assert handed == set(re.findall(r"\bGATE_[A-Z_]+", SCRIPT))
    expressions = re.findall(r"inputs\.([a-z-]+)", " ".join(STEP["env"].values()))
    assert sorted(expressions) == sorted(WRITTEN["inputs"])


def test_no_failure_is_swallowed() -> None:
    """Neither here nor in the files to copy."""
    files = [*(CHECKOUT / "configs" / "ci").iterdir(), *ACTION.iterdir()]

    assert [f.name for f in files if re.search(r"\|\|\s*(true|:)\b", f.read_text("utf-8"))] == []
