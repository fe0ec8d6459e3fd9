"""No report of an earlier run stays where a run found no verdict, or put it elsewhere."""

from __future__ import annotations

import json

import pytest

from cliffguard.core.item_results import ITEMS_FILE
from cliffguard.report import FILES
from tests import support
from tests.bad_input.place import Workspace, run
from tests.fake_runner import FakeRunner

OLD = (*FILES, ITEMS_FILE, "timings.json")


@pytest.fixture
def runner(always_right: FakeRunner) -> FakeRunner:
    """Whoever asks for a model gets one that is always right."""
    return always_right


@pytest.fixture
def reported(workspace: Workspace) -> Workspace:
    """A workspace in whose folder an earlier run reported, beside a file of somebody's."""
    for name in OLD:
        workspace.write(f"out/{name}", "PASS")
    workspace.write("out/notes.txt", "mine")
    return workspace


def left(workspace: Workspace) -> list[str]:
    """Return which files still say what the earlier run said."""
    return [name for name in (*OLD, "notes.txt") if (workspace.out / name).is_file()
            and (workspace.out / name).read_text("utf-8") in ("PASS", "mine")]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [["--comment-id", "-->"], ["--report-url", "ftp://x.example"], ["--after", "nowhere.json"],
     ["--policy", "nowhere.yaml"], ["--target-ignore", "x", "--suite", "nowhere"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_compare_leaves_no_verdict_behind_a_wrong_flag(
    reported: Workspace, wrong: list[str]
) -> None:
    """The failure stands where the verdict stood, with its id, and what is not ours stays."""
    sides = [str(reported.base), str(reported.tuned)]

    result = run(["compare", *sides, "--out", str(reported.out), *wrong])

    assert result.exit_code == 2
    assert left(reported) == ["notes.txt"]
    failure = json.loads((reported.out / "failure.json").read_text("utf-8"))
    assert f"error[{failure['id']}]" in result.stderr
    assert "<error" in (reported.out / "junit.xml").read_text("utf-8")


@pytest.mark.parametrize("plan", ["nowhere.yaml", "one-side"])
def test_compare_leaves_no_verdict_behind_a_plan_that_is_none(
    reported: Workspace, plan: str
) -> None:
    """As one that is missing."""
    result = run(["compare", plan, "--out", str(reported.out)])

    assert result.exit_code == 2
    assert left(reported) == ["notes.txt"]
    assert (reported.out / "failure.json").is_file()


@pytest.mark.parametrize(
    "wrong",
    [["--comment-id", "-->"], ["--report-url", "ftp://x.example"], ["--policy", "nowhere.yaml"],
     ["--choose", "any"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_check_leaves_no_verdict_behind_a_wrong_flag(reported: Workspace, wrong: list[str]) -> None:
    """Also where a flag needs several candidates and there is one."""
    result = run(reported.check(*wrong))

    assert result.exit_code == 2
    assert left(reported) == ["notes.txt"]
    assert (reported.out / "failure.json").is_file()


def test_several_candidates_leave_no_verdict_of_one_above_them(
    reported: Workspace, runner: FakeRunner
) -> None:
    """Their reports lie in a folder each; a job would take the old one for theirs."""
    other = support.write_checkpoint(reported.root / "other", seed=2)

    result = run(reported.check("--candidate", other))

    assert result.exit_code == 0, result.stderr
    assert left(reported) == ["notes.txt"]
    assert not (reported.out / "comment.md").exists()
    for name in ("tuned", "other"):
        assert (reported.out / name / "comment.md").is_file()


def test_what_only_shows_removes_nothing(reported: Workspace) -> None:
    """--show-config runs nothing."""
    assert run(reported.check("--show-config")).exit_code == 0

    assert left(reported) == [*OLD, "notes.txt"]
