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

from cliffguard.core.item_results import ITEMS_FILE
from cliffguard.report import FILES
from tests.ci.stubs import Job
from tests.docs.blocks import CHECKOUT
from tests.docs.programs import parse_own

pytestmark = pytest.mark.slow

ACTION = CHECKOUT / ".github" / "actions" / "gate"
WRITTEN = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
SCRIPT = (ACTION / "gate.sh").read_text(encoding="utf-8")
(STEP,) = WRITTEN["runs"]["steps"]
OLD = (*FILES, ITEMS_FILE, "timings.json", "failure.json")
BOT = "github-actions[bot]"
MARKER = "<!-- cliffguard:gate -->"
SHA = "8c22764a7e3675c50d4c7c9a4edb474456022b16"


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
            "GATE_SHA": SHA,
            "GATE_HEAD": "org/repo",
            "STUB_LOGIN": "refused",
        },
    )


def comment(number: int, body: str | None, login: str = BOT) -> dict[str, Any]:
    """Return a comment as GitHub has it."""
    return {"id": number, "user": {"login": login}, "body": body}


def verdict(code: int) -> str:
    """Return the comment on a verdict, with the commit that it is about."""
    return f"{MARKER}\nverdict {code}\n\nCommit: {SHA}.\n"


def run(job: Job, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the action's step."""
    return job.run(STEP["run"], code, **more)


@pytest.mark.parametrize("code", [0, 10, 11])
def test_the_verdict_is_posted_and_is_the_exit_code(job: Job, code: int) -> None:
    """Also in the job's summary, as an annotation, and as an output of the step."""
    done = run(job, code)

    assert done.returncode == code, done.stderr
    assert [c["body"] for c in job.comments] == [verdict(code)]
    assert job.summary == verdict(code)
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
        *others, comment(150, verdict(11)), comment(151, "later"),
    ]  # fmt: skip


def test_a_second_run_posts_no_second_comment(job: Job) -> None:
    """It finds the one of the first."""
    run(job, 10)
    run(job, 0)

    assert [c["body"] for c in job.comments] == [verdict(0)]


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
    assert job.summary == verdict(10)
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
    assert job.summary == verdict(11)


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
    """Before anything is asked; summary and output are written all the same."""
    done = run(job, **{name: value})

    assert done.returncode == 2
    assert job.calls("cliffguard") == []
    assert "**– no verdict**, exit code 2: " in job.summary
    assert f"\n\nCommit: {SHA}.\n" in job.summary
    assert (job.root / "output").read_text() == "exit-code=2\n"
    assert len(job.comments) == (name == "GATE_COMMAND")  # without an id there is none to look for


def test_what_is_printed_commands_nothing(job: Job) -> None:
    """Between the two tokens, which nobody can guess, GitHub reads no command."""
    first, second = (run(job, 10).stdout for _ in range(2))

    stop, inside, library, go, *after = first.split("\n")
    inside, library = sorted([inside, library], reverse=True)  # two pipes, in any order
    while go == "":
        go, *after = after
    token = stop.removeprefix("::stop-commands::")
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    assert inside == "::error::what a model wrote"
    assert library == "::error::what a library wrote"
    assert go == f"::{token}::"
    assert token not in second


def test_of_the_annotations_nothing_but_commands_comes_through(job: Job) -> None:
    """Neither what stands beside them, nor stderr."""
    done = run(job, 10)

    assert "an annotation" in done.stdout
    assert "add-mask" not in done.stdout
    assert "library wrote" not in done.stdout.rpartition("::\n")[2] + done.stderr


def test_cliffguard_has_no_token(job: Job) -> None:
    """Neither the check nor the report; gh has it."""
    done = run(job, 10, GITHUB_TOKEN="a-token")

    assert done.returncode == 10
    assert len(job.calls("cliffguard")) == 2
    assert "no annotations" not in done.stdout


@pytest.mark.parametrize("code", [0, 2, 10, 12])
def test_the_reports_of_an_earlier_run_are_removed(job: Job, code: int) -> None:
    """Each by its name, before the run; nothing else of a folder that somebody named."""
    out = job.root / "work" / "named"
    out.mkdir()
    for name in (*OLD, "notes.txt"):
        (out / name).write_text(f"{MARKER}\nverdict 0\n")

    run(job, code, GATE_OUT="named", STUB_LEAVES="nothing")

    left = {path.name for path in out.iterdir()}
    assert left == {"notes.txt", *(["failure.json"] if code in (2, 12) else [])}
    assert "verdict 0\n" not in job.summary


@pytest.mark.parametrize(
    ("code", "words"),
    [(10, "**✗ FAIL**, exit code 10: there is no comment.md"),
     (11, "**? INCONCLUSIVE**, exit code 11: there is no comment.md"),
     (0, "**– see the reports**, exit code 0: there is no comment.md")],
)  # fmt: skip
def test_of_several_candidates_the_comment_says_where_to_look(
    job: Job, code: int, words: str
) -> None:
    """And it denies no verdict that there is."""
    done = run(job, code, STUB_LEAVES="folders")

    assert done.returncode == code
    assert words in job.summary
    assert "no verdict" not in job.summary + done.stdout


def test_what_judged_nothing_is_not_green(job: Job) -> None:
    """`--help` ends with 0, and an old review below the folder is no new one."""
    old = job.root / "work" / "cliffguard-out" / "gate" / "ft" / "review.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}")

    done = run(job, 0, GATE_ARGS="--help", STUB_LEAVES="nothing")

    assert done.returncode == 2
    assert (job.root / "output").read_text() == "exit-code=2\n"
    assert "**– no verdict**, exit code 2: nothing was judged" in job.summary


def test_while_it_runs_an_old_verdict_does_not_look_current(job: Job) -> None:
    """What a job that is cancelled leaves behind; without an old comment there is no new one."""
    stub = job.root / "programs" / "cliffguard"
    stub.write_text(f"#!/bin/sh\ncp {job.root}/comments.json {job.root}/seen.json\nexit 143\n")
    job.set_comments([comment(5, verdict(0)), comment(6, "mine", "somebody")])
    run(job)
    seen = json.loads((job.root / "seen.json").read_text())
    job.set_comments([comment(6, "mine", "somebody")])
    run(job)

    assert seen[0]["body"].startswith(f"{MARKER}\n**… running**: the verdict on an earlier commit")
    assert f"\nCommit: {SHA}.\n" in seen[0]["body"]
    assert seen[1] == comment(6, "mine", "somebody")
    assert json.loads((job.root / "seen.json").read_text()) == [seen[1]]


@pytest.mark.parametrize("fails", ["", "PATCH once"])
def test_every_comment_of_ours_is_updated(job: Job, fails: str) -> None:
    """Two runs at once may have posted one each; and a failed update is tried once more."""
    job.set_comments([comment(5, verdict(0)), comment(6, verdict(0))])

    done = run(job, 10, STUB_GH_FAILS=fails)

    assert [c["body"] for c in job.comments] == [verdict(10)] * 2
    assert "could not" not in done.stdout


@pytest.mark.parametrize(
    ("head", "why"),
    [("org/repo", "(the job needs pull-requests: write)"),
     ("else/repo", "(on a pull request from a fork the token can only read)")],
)  # fmt: skip
def test_a_fork_is_blamed_where_it_is_one(job: Job, head: str, why: str) -> None:
    """Elsewhere the permission is missing."""
    done = run(job, 10, STUB_GH_FAILS="all", GATE_HEAD=head)

    assert f"the comment could not be posted {why};" in done.stdout


@pytest.mark.parametrize(
    ("login", "author", "poster"),
    [("refused", "", BOT), ("robot", "", "robot"), ("robot", "other[bot]", "other[bot]")],
)
def test_the_author_is_that_of_the_token(job: Job, login: str, author: str, poster: str) -> None:
    """Unless it is given; a job's own token may not ask, and is that of github-actions."""
    job.set_comments([comment(5, verdict(0), poster), comment(6, verdict(0), "somebody")])

    run(job, 10, STUB_LOGIN=login, GATE_AUTHOR=author)

    assert [c["body"] for c in job.comments] == [verdict(10), verdict(0)]
    assert WRITTEN["inputs"]["author"]["default"] == ""


def test_a_commit_that_is_none_is_not_repeated(job: Job) -> None:
    """It stands in a comment."""
    run(job, GATE_SHA="@team")

    assert job.summary.endswith("\nCommit: not known.\n")


def test_a_folder_is_no_flag(job: Job) -> None:
    """Whatever its name begins with."""
    assert run(job, GATE_OUT="--help").returncode == 0

    (check, _) = job.calls("cliffguard")
    assert check[check.index("--out") + 1] == "./--help"


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
