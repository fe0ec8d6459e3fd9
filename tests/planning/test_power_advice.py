"""What to change first in a plan; and that plan takes the flags of check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click import Command

from cliffguard import Policy
from cliffguard.cli.app import app
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.planning.power_advice import Aim, aim_at
from tests import support
from tests.cli.test_verbs import run
from tests.planning.test_power import ahead, task_of


def aimed(chance: float, *sizes: tuple[str, int, int | None]) -> Aim:
    """Return what to change in a plan over capabilities of these sizes and clusters."""
    tasks = [task_of(name, n, n_clusters) for name, n, n_clusters in sizes]
    return aim_at(chance, ahead(tasks), Policy())


def test_the_weakest_capability_comes_first() -> None:
    """With the items or the margin that it takes; what is held often enough is left alone."""
    aim = aimed(0.9, ("large", 3000, None), ("middle", 400, None), ("small", 320, None))

    assert not aim.is_reached
    assert [change.capability for change in aim.changes] == ["small", "middle"]
    assert all(c.n_items is not None and c.n_items > c.n_now for c in aim.changes)
    assert all(c.margin is not None and c.margin > c.margin_now for c in aim.changes)


@pytest.mark.parametrize("way", ["items", "margin"])
def test_what_is_told_reaches_the_aim(way: str) -> None:
    """A plan that follows it passes so often, by its own look ahead, and not much more often."""
    (change,) = aimed(0.9, ("small", 150, None)).changes
    n_items = change.n_items if way == "items" else 150
    margin = change.margin if way == "margin" else 0.05
    assert n_items is not None
    assert margin is not None

    policy = Policy(capabilities={"small": CapabilityPolicy(margin=margin)})
    analysis = ahead([task_of("small", n_items)], policy)

    assert 0.89 <= analysis.chance_pass <= 0.98


def test_what_is_reached_needs_no_change() -> None:
    """Nothing is told to be changed."""
    aim = aimed(0.9, ("large", 3000, None))

    assert aim.is_reached
    assert aim.changes == ()


def test_too_few_clusters_are_told_as_items_or_as_a_margin() -> None:
    """Of 25 clusters, HELD takes more at 5 points: new ones of their size, or a wider margin."""
    (change,) = aimed(0.8, ("small", 500, 25)).changes

    assert change.n_items is not None
    assert change.n_items >= 500 * 29 / 25
    assert change.margin is not None
    assert change.margin >= 0.07


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of 300 ladder items and 60 generated ones."""
    return support.write_suite(tmp_path / "suite", n_items=300, n_said=60)


@pytest.mark.slow
def test_the_verb_says_what_to_change(suite: Path) -> None:
    """In words, and as data."""
    words = run("plan", "--suite", str(suite), "--aim", "0.9").stdout
    data = run("plan", "--suite", str(suite), "--aim", "0.9", "--format", "json").stdout

    assert "To pass with 90 %, change first:\n  saying, held with" in words
    assert json.loads(data)["aim"]["changes"][0]["capability"] == "saying"


@pytest.mark.parametrize("aim", ["0", "1", "90", "nan"])
def test_an_impossible_aim_is_refused(suite: Path, aim: str) -> None:
    """At the door."""
    result = run("plan", "--suite", str(suite), "--aim", aim)

    assert result.exit_code == 2
    assert "--aim: must lie between 0 and 1" in result.stderr


# --- the flags of check ---------------------------------------------------------------------------


def flags_of(verb: str) -> set[str]:
    """Return every spelling of every flag of a verb."""
    command: Command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    return {name for param in command.params for name in param.opts if name.startswith("-")}


def test_plan_takes_every_flag_of_check() -> None:
    """So that a line for the one is a line for the other."""
    assert flags_of("check") - flags_of("plan") == set()


def test_what_shapes_nothing_is_ignored_without_a_word(suite: Path, tmp_path: Path) -> None:
    """Where reports go, how loud the run is: what is told of the plan is the same."""
    more = ["--out", str(tmp_path / "out"), "--exit-zero", "--max-minutes", "3", "--quiet", "-v"]
    more += ["--screen", "--format", "html", "--candidate", "not-there-yet"]

    plain, result = (run("plan", "--suite", str(suite), *words) for words in ([], more))

    assert result.exit_code == 0
    assert (result.stdout, result.stderr) == (plain.stdout, plain.stderr)
    assert not (tmp_path / "out").exists()


def test_candidates_of_which_one_is_chosen_share_alpha(suite: Path) -> None:
    """As they do in check: each has less of it, and needs more items."""
    words = ["--suite", str(suite), "--candidate", "a", "--candidate", "b", "--format", "json"]

    alone, shared = (
        json.loads(run("plan", *words, *more).stdout)["capabilities"][0]["n_needed"]
        for more in ([], ["--choose", "any"])
    )

    assert shared > alone


def test_the_resolved_plan_is_shown(suite: Path) -> None:
    """And nothing else."""
    result = run("plan", "--suite", str(suite), "--candidate", "c", "--show-config")

    assert result.stdout.startswith("base: null\ncandidate: c\n") or "candidate: c" in result.stdout
    assert "capability " not in result.stdout
