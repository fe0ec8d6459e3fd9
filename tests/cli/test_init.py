"""init: a plan and a policy to start from, and a suite of one's own items."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.config import load_plan, load_policy
from cliffguard.core.settings import TargetPolicy
from cliffguard.suites.loading import load_suite
from tests import support

CHOICES = [
    {"prompt": "Route: refund", "choices": ["billing", "shipping"], "answer": "billing"},
    {"prompt": "Route: parcel", "choices": ["billing", "shipping"], "answer": "shipping"},
]
FREE = [{"prompt": "Say 1:", "answer": "1"}, {"prompt": "Say 2:", "answer": "2"}]


def run(*words: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def init(out: Path, *more: object) -> Result:
    """Run init into a folder."""
    return run("init", "--out", out, *more)


def data(folder: Path, rows: Sequence[dict[str, Any]], name: str = "items.jsonl") -> Path:
    """Write data of the user's."""
    return support.write_jsonl(folder / name, rows)


def assert_refused(result: Result, pattern: str) -> None:
    """Exit code 2, one line, nothing on stdout, no crash."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("cliffguard: error[")
    assert re.search(pattern, result.stderr), result.stderr


# --- a plan and a policy -------------------------------------------------------------------------


def test_init_writes_a_plan_and_a_policy(tmp_path: Path) -> None:
    """Two files are written and named on stdout, one a line."""
    result = init(tmp_path)

    names = ["plan.yaml", "policy.yaml"]
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [str(tmp_path / name) for name in names]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_init_makes_its_folder(tmp_path: Path) -> None:
    """A folder that is not there is made."""
    assert init(tmp_path / "a" / "b").exit_code == 0
    assert (tmp_path / "a" / "b" / "plan.yaml").is_file()


def test_a_tilde_after_the_equals_sign_is_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out=~/project`, which the shell leaves alone, makes no folder called ~."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    run("init", "--out=~/project")

    assert not (tmp_path / "~").exists()


def test_init_writes_into_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --out the files lie where one stands."""
    monkeypatch.chdir(tmp_path)

    assert run("init").stdout.splitlines() == ["plan.yaml", "policy.yaml"]


def test_the_plan_says_how_to_run_it(tmp_path: Path) -> None:
    """The command in the first line is the one for this file."""
    init(tmp_path)

    first = (tmp_path / "plan.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert f"cliffguard check {tmp_path / 'plan.yaml'}" in first


def test_the_plan_can_be_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """check --show-config accepts the plan, from whichever folder."""
    init(tmp_path / "project", "--base", "org/model", "--candidate", "runs/ft")
    monkeypatch.chdir(tmp_path)

    result = run("check", tmp_path / "project" / "plan.yaml", "--show-config")

    assert result.exit_code == 0, result.output
    shown = yaml.safe_load(result.stdout)
    assert (shown["base"], shown["candidate"]) == ("org/model", "runs/ft")
    assert shown["policy"]["default_margin"] == 0.05


def test_the_policy_demands_no_gain_without_a_target(tmp_path: Path) -> None:
    """Without items of one's own there is no gain to be proven."""
    init(tmp_path)

    assert load_policy(tmp_path / "policy.yaml").target is None


@pytest.mark.parametrize(
    "name",
    [
        "models/ft: final",
        "models/#1",
        "a 'quoted' \"name\"",
        "{braces}",
        "C:\\models\\base",
        "größer/语言",
        "- dash",
        "null",
        "1e3",
        " leading",
    ],
)
def test_odd_names_survive_the_plan(name: str, tmp_path: Path) -> None:
    """A checkpoint's name arrives as it was typed, whatever YAML thinks of it."""
    init(tmp_path, f"--base={name}", f"--candidate={name}")

    plan = load_plan(tmp_path / "plan.yaml")
    assert (plan.base, plan.candidate) == (name, name)


# --- what is there already -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plan.yaml", "policy.yaml"])
def test_init_overwrites_nothing(name: str, tmp_path: Path) -> None:
    """A file that is there stays as it is, and the other is not written either."""
    (tmp_path / name).write_text("mine\n")

    assert_refused(init(tmp_path), rf"{name}: exists already; pass --force to overwrite it")

    assert (tmp_path / name).read_text() == "mine\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_force_overwrites(tmp_path: Path) -> None:
    """--force replaces what is there."""
    (tmp_path / "plan.yaml").write_text("mine\n")

    assert init(tmp_path, "--force").exit_code == 0
    assert "suites:" in (tmp_path / "plan.yaml").read_text(encoding="utf-8")


def test_force_does_not_overwrite_the_data_itself(tmp_path: Path) -> None:
    """Data that lies where the items would go is not replaced by what is left of it."""
    path = data(tmp_path, [{**row, "note": "keep"} for row in FREE], "target.jsonl")
    before = path.read_bytes()

    init(tmp_path, "--data", path, "--force")

    assert path.read_bytes() == before


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """--out is a folder."""
    (tmp_path / "file").write_text("")

    assert_refused(init(tmp_path / "file"), r"cannot be written")


# --- a suite of one's own ------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [CHOICES, FREE], ids=["choices", "free"])
def test_data_becomes_a_sound_suite(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """What init makes of data is what `suites validate` accepts."""
    made = init(tmp_path / "out", "--data", data(tmp_path, rows))
    assert made.exit_code == 0, made.output

    result = run("suites", "validate", tmp_path / "out" / "target.yaml")

    assert result.exit_code == 0, result.output
    assert "target: sound, 2 items" in result.stdout


@pytest.mark.parametrize(
    ("rows", "metric", "chance"), [(CHOICES, "acc", 0.5), (FREE, "exact_match", 0.0)]
)
def test_how_it_is_scored_follows_from_the_data(
    rows: list[dict[str, Any]], metric: str, chance: float, tmp_path: Path
) -> None:
    """Choices by accuracy, free answers by their text, in the ring of the target."""
    init(tmp_path / "out", "--data", data(tmp_path, rows))

    (capability,) = load_suite(str(tmp_path / "out" / "target.yaml")).capabilities
    (task,) = capability.tasks
    assert (capability.ring, task.metric, task.chance) == ("target", metric, chance)


def test_a_plan_with_data_measures_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan names the suite beside it, and the policy demands a gain."""
    init(tmp_path / "out", "--data", data(tmp_path, CHOICES))
    monkeypatch.chdir(tmp_path)

    plan = load_plan(tmp_path / "out" / "plan.yaml")

    assert plan.suites == (str(tmp_path / "out" / "target.yaml"), "adjacent")
    assert plan.policy is not None
    assert plan.policy.target == TargetPolicy(min_gain=0.0)


@pytest.mark.parametrize("name", ["my: data.jsonl", "a #b.jsonl", "'q'.jsonl", "{x}.jsonl"])
def test_odd_names_of_data_survive_the_suite(name: str, tmp_path: Path) -> None:
    """The name of the data in the description does not break the suite file."""
    made = init(tmp_path / "out", "--data", data(tmp_path, CHOICES, name))
    assert made.exit_code == 0, made.output

    assert name in load_suite(str(tmp_path / "out" / "target.yaml")).description


def test_data_that_makes_no_suite_is_refused(tmp_path: Path) -> None:
    """What could not be measured later is refused now, with the line of the user's own file."""
    given = data(tmp_path, [*FREE, {"answer": "1"}])  # more of them: tests/suites/target

    assert_refused(init(tmp_path / "out", "--data", given), r"items\.jsonl:3: prompt is missing")

    assert not (tmp_path / "out").exists()
