"""suites: ls, show, items, validate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.suites.listing import listed
from cliffguard.suites.loading import builtin_names, load_suite
from tests import support


def run(*words: object) -> Result:
    """Run `suites` in this process."""
    return CliRunner().invoke(app, ["suites", *(str(word) for word in words)])


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of nine ladder items and two generated ones."""
    return support.write_suite(tmp_path, n_items=9, n_said=2)


# --- ls ------------------------------------------------------------------------------------------


def test_ls_names_every_built_in_suite() -> None:
    """One line a suite, with the number of its items and what it is; nothing on stderr."""
    result = run("ls")

    lines = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split()[0] for line in lines] == builtin_names()
    assert all(" items  " in line or " tasks  " in line for line in lines)


def test_ls_as_json_says_what_text_says() -> None:
    """A list of objects; digest, version and rings are those of the suite."""
    rows = json.loads(run("ls", "--format", "json").stdout)

    assert [row["name"] for row in rows] == builtin_names()
    assert all(row["n_items"] > 0 or row["n_stock"] > 0 for row in rows)
    row = rows[0]
    suite = load_suite(row["name"])
    assert (row["version"], row["digest"]) == (suite.version, suite.digest)
    assert row["capabilities"] == {c.name: c.ring for c in suite.capabilities}


@pytest.mark.parametrize("format", ["text", "json"])
def test_ls_reads_and_makes_no_item(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts lines and levels: none of them becomes an item, and no ladder is drawn."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a list of suites needs no items")

    monkeypatch.setattr("cliffguard.suites.tasks.make_item", refused)
    monkeypatch.setattr("cliffguard.suites.tasks.read_jsonl", refused)
    monkeypatch.setattr("cliffguard.suites.ladders.make", refused)
    monkeypatch.setattr("cliffguard.suites.skills.make", refused)

    assert run("ls", "--format", format).exit_code == 0


# Their ladders take seconds to draw.
SLOW = ("ladders-shadow", "long-context")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in builtin_names()],
)
def test_ls_counts_as_the_suite_does(name: str) -> None:
    """Every suite is sound; its items, tasks of lm-eval, version and rings are those listed."""
    listing, suite = listed(name), load_suite(name)

    assert suite.name == name
    tasks = [task for capability in suite.capabilities for task in capability.tasks]
    assert listing.n_items == sum(len(task.items) for task in tasks)
    assert listing.n_stock == sum(task.stock for task in tasks)
    assert (listing.version, listing.description) == (suite.version, suite.description)
    assert listing.capabilities == {
        capability.name: capability.ring for capability in suite.capabilities
    }


def test_ls_counts_borrowed_items_and_tasks_of_both_kinds(suite: Path) -> None:
    """A task of another suite has that one's items; what lm-eval has is counted beside them."""
    mine = suite.parent / "mine.yaml"
    mine.write_text(
        "name: mine\nversion: 1\ncapabilities:\n  all:\n    ring: general\n    tasks:\n"
        "      - {name: ball, from: ./small.yaml}\n      - gsm8k\n"
    )

    assert (listed(str(mine)).n_items, listed(str(mine)).n_stock) == (9, 1)


# --- show ----------------------------------------------------------------------------------------


def test_show_describes_capabilities_and_tasks(suite: Path) -> None:
    """Ring, number of items, metric, chance and ladder stand in the text."""
    result = run("show", suite)

    assert result.exit_code == 0
    assert "reasoning (adjacent)" in result.stdout
    assert "ball: 9 items, acc, chance 0.25, hops 1…3" in result.stdout
    assert "say: 2 items, exact_match, chance 0.00" in result.stdout


def test_show_names_the_gating_levels(tmp_path: Path) -> None:
    """Levels that do not count are told from those that do."""
    text = support.SUITE.replace("level: hops,", "level: hops, gate_levels: [1, 2],")

    result = run("show", support.write_suite(tmp_path, text=text))

    assert "hops 1…3 (gating: 1, 2)" in result.stdout


def test_show_says_which_tasks_are_lm_evals(tmp_path: Path) -> None:
    """A task without items of its own is lm-eval's."""
    text = "name: a\nversion: 1\ncapabilities: {maths: {ring: general, tasks: [gsm8k]}}\n"

    result = run("show", support.write_suite(tmp_path, text=text))

    assert "gsm8k: lm-eval's own" in result.stdout


# --- items ---------------------------------------------------------------------------------------


def test_items_are_json_lines(suite: Path) -> None:
    """Every line is an object with the same keys."""
    result = run("items", suite)

    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert len(rows) == 11
    assert {tuple(row) for row in rows} == {
        ("id", "task", "capability", "level", "prompt", "choices", "answer")
    }


def test_items_are_what_was_written(suite: Path) -> None:
    """Prompt, choices, answer and level come out as they went in."""
    row = json.loads(run("items", suite).stdout.splitlines()[1])

    written = support.choice_rows(9)[1]
    assert (row["id"], row["prompt"]) == (written["id"], written["prompt"])
    assert (row["choices"], row["answer"]) == (written["choices"], written["answer"])
    assert (row["level"], row["task"], row["capability"]) == (written["hops"], "ball", "reasoning")


def test_an_item_with_odd_separators_stays_one_line(tmp_path: Path) -> None:
    """U+2028 inside a prompt does not end the line for a reader that splits at line feeds."""
    path = support.write_suite(tmp_path, n_items=3)
    row = {"id": "odd", "prompt": "a\u2028b\nc", "answer": "x"}
    support.write_jsonl(tmp_path / "say.jsonl", [row])

    lines = run("items", path).stdout.removesuffix("\n").split("\n")

    assert json.loads(lines[-1])["prompt"] == "a\u2028b\nc"


# --- validate ------------------------------------------------------------------------------------


def test_validate_accepts_a_sound_suite(suite: Path) -> None:
    """A sound suite is exit code 0, with the number of its items and the start of its digest."""
    result = run("validate", suite)

    digest = load_suite(str(suite)).digest[:12]
    assert result.exit_code == 0
    assert result.stdout == f"small: sound, 11 items, digest {digest}\n"


@pytest.mark.parametrize("public", ["public-quick", "public-standard", "public-full"])
def test_validate_accepts_the_built_in_suites(public: str) -> None:
    """All that ships is sound, and each of the public suites goes with the others."""
    result = run("validate", "adjacent", "support-tickets", public)

    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3


def test_validate_names_the_line_of_a_fault(suite: Path, tmp_path: Path) -> None:
    """A faulty item is exit code 2 with file and line."""
    rows = support.choice_rows(9)
    rows[6]["answer"] = "Zoe"
    support.write_jsonl(tmp_path / "ball.jsonl", rows)

    result = run("validate", suite)

    assert result.exit_code == 2
    assert f"{tmp_path / 'ball.jsonl'}:7: the answer 'Zoe' is not among" in result.stderr


def test_validate_looks_at_suites_together(suite: Path) -> None:
    """Two suites that share names cannot be used together, and that is said now."""
    result = run("validate", suite, suite)

    assert result.exit_code == 2
    assert "the suite 'small' stands twice" in result.stderr


def test_validate_prints_nothing_for_a_fault(suite: Path, tmp_path: Path) -> None:
    """When one of several suites is faulty, none is called sound."""
    (tmp_path / "empty.yaml").write_text("")

    result = run("validate", suite, tmp_path / "empty.yaml")

    assert result.exit_code == 2
    assert result.stdout == ""


def test_items_of_another_suite_are_not_printed(tmp_path: Path) -> None:
    """An item belongs to one suite."""
    support.write_suite(tmp_path, n_items=9, n_said=2)
    here = tmp_path / "here.yaml"
    here.write_text(
        "name: here\nversion: 1\ncapabilities:\n  lent:\n    ring: general\n    tasks:\n"
        "      - {name: ball, from: ./small.yaml}\n",
        encoding="utf-8",
    )

    assert run("items", here).stdout == ""
    assert "ball: 9 items" in run("show", here).stdout


def test_check_tells_what_is_weak(tmp_path: Path) -> None:
    """Before any model is asked: too few items, twins, and what no capability covers."""
    suite = support.write_suite(tmp_path, n_items=60, n_said=6)

    result = run("check", suite)

    assert result.exit_code == 0
    assert "! reasoning: 60 items count, and about" in result.stdout
    assert "Not measured: questions of several steps" in result.stdout


def test_check_goes_by_the_policys_margin(tmp_path: Path) -> None:
    """A wide margin takes few items."""
    suite = support.write_suite(tmp_path, n_items=60, n_said=6)
    policy = tmp_path / "policy.yaml"
    policy.write_text("capabilities:\n  reasoning: {margin: 0.4}\n", encoding="utf-8")

    result = run("check", suite, "--policy", policy)

    assert "! reasoning:" not in result.stdout
    assert "! saying:" in result.stdout


# --- what was removed ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--generator", "chain_sum", "--seed", "a", "--out", "my"]])
def test_a_verb_that_was_removed_says_what_to_do(words: list[str]) -> None:
    """One line and exit 2, whatever follows the verb."""
    result = run("gym", *words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [result.stderr.rstrip("\n")]
    assert "[verb.removed]" in result.stderr
    assert "docs/recipes.md" in result.stderr
