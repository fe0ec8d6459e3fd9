"""Which measured pair of a store two names mean, where more than one could be meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cliffguard.core.canonical_json import digest
from tests import support
from tests.cli.test_bundle import error_of, run, scripted
from tests.support import all_right, loses_hard_levels

STORE = ("--store", "../store")
SUITE = "suite/small.yaml"


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what measures base and tuned, by names as they lie in a folder."""
    there = tmp_path / "there"
    for seed, name in enumerate(("base", "tuned")):
        support.write_checkpoint(there / name, seed=seed)
    path = support.write_suite(there / "suite", n_items=150, n_said=80)
    path.rename(there / SUITE)
    monkeypatch.chdir(there)
    scripted(monkeypatch, all_right)

    def work(*more: str) -> None:
        result = run("measure", "base", "tuned", "--suite", SUITE, *STORE, *more)
        assert result.exit_code == 0, result.output

    return work


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what goes where neither checkpoint lies, and the suite does."""

    def go() -> None:
        (tmp_path / "here").mkdir()
        shutil.copytree(tmp_path / "there" / "suite", tmp_path / "here" / "suite")
        monkeypatch.chdir(tmp_path / "here")

    return go


def refused(*more: str) -> tuple[str, str]:
    """Return the id and the line with which a comparison by name is refused."""
    result = run("compare", "base", "tuned", *STORE, *more)
    assert result.exit_code == 2, result.output
    return error_of(result), result.stderr


def fingerprints() -> list[str]:
    """Return how the store shows what was called tuned."""
    rows = json.loads(run("store", "ls", "--format", "json", *STORE).stdout)
    return sorted({row["fingerprint"][:12] for row in rows if row["checkpoint"] == "tuned"})


@pytest.mark.parametrize("again", ["check", "measure"])
def test_a_name_that_was_trained_again_is_refused(
    again: str,
    measure: Callable[..., None],
    elsewhere: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Weights of yesterday pass for nobody's; both fingerprints are named, and either is taken."""
    measure()
    support.write_checkpoint(Path("tuned"), seed=7)
    scripted(monkeypatch, loses_hard_levels)
    if again == "measure":
        measure()
    else:
        sides = ("--base", "base", "--candidate", "tuned", "--suite", SUITE)
        assert run("check", *sides, *STORE, "--out", "../out", "--no-diagnose").exit_code == 10
    elsewhere()

    error_id, line = refused()

    assert error_id == "compare.several-checkpoints"
    assert len(fingerprints()) == 2
    assert all(digits in line for digits in fingerprints())
    codes = [run("compare", "base", digits, *STORE).exit_code for digits in fingerprints()]
    assert sorted(codes) == ([0, 10] if again == "measure" else [0, 2])


def test_a_pair_of_a_later_format_blocks_no_other(
    measure: Callable[..., None], elsewhere: Callable[[], None]
) -> None:
    """Of pairs that are not meant the sides alone are read; one that is meant is refused."""
    measure()
    (path,) = Path("../store/pairs").iterdir()
    value = json.loads(path.read_text())
    del value["seal"]
    sides, value["sides"] = value["sides"], ["a" * 64, "b" * 64]
    value["noted"]["format"] = 2
    other = path.with_name("0" * 16 + ".json")
    other.write_text(json.dumps({**value, "seal": digest(value)}))
    elsewhere()
    assert run("compare", "base", "tuned", *STORE).exit_code == 0

    value["sides"] = sides
    Path("../store/pairs", other.name).write_text(json.dumps({**value, "seal": digest(value)}))
    assert refused()[0] == "pair.format"


def test_of_two_plans_what_is_left_out_means_its_default(
    measure: Callable[..., None], elsewhere: Callable[[], None]
) -> None:
    """Without --limit the whole is meant; where no plan is the usual one, flags name one."""
    measure("--limit", "10")
    measure("--limit", "20")
    elsewhere()
    error_id, line = refused()
    assert error_id == "compare.several-plans"
    assert "--limit 10; --limit 20" in line
    assert refused("--limit", "7")[0] == "compare.other-plan"


def test_the_whole_is_chosen_beside_a_part(
    measure: Callable[..., None], elsewhere: Callable[[], None]
) -> None:
    """Either can be judged: with --limit the part, without it the whole."""
    measure("--limit", "10")
    measure()
    elsewhere()
    for flags, limit in (((), None), (("--limit", "10"), 10)):
        assert run("compare", "base", "tuned", *STORE, *flags, "--out", "out").exit_code in (0, 11)
        review = json.loads(Path("out/review.json").read_text())
        assert review["plan"]["protocol"]["limit"] == limit


def test_a_plan_is_named_by_what_it_was_measured_with(
    measure: Callable[..., None], elsewhere: Callable[[], None]
) -> None:
    """The flags of `measure`, whichever they were, name what it left."""
    flags = ("--items", "200", "--churn", "0.05")
    measure(*flags)
    elsewhere()
    result = run("compare", "base", "tuned", *STORE, *flags)
    assert result.exit_code in (0, 10, 11), result.output
    assert refused("--churn", "0.2")[0] == "compare.other-plan"


def test_a_suite_that_changed_is_no_longer_what_was_measured(
    measure: Callable[..., None], elsewhere: Callable[[], None]
) -> None:
    """Nobody takes the verdict on yesterday's items for one on those that lie here."""
    measure()
    elsewhere()
    assert run("compare", "base", "tuned", *STORE, "--suite", SUITE).exit_code == 0
    items = Path("suite/ball.jsonl")
    rows = [json.loads(line) for line in items.read_text().splitlines()]
    support.write_jsonl(items, [{**row, "prompt": f"HARD {row['prompt']}"} for row in rows])

    assert refused("--suite", SUITE)[0] == "compare.changed-items"
    assert run("compare", "base", "tuned", *STORE).exit_code == 0


def test_a_target_that_changed_is_no_longer_what_was_measured(
    measure: Callable[..., None], elsewhere: Callable[[], None]
) -> None:
    """It goes by what its items are, as a suite does."""
    rows = [{"prompt": f"Say {n} again:", "answer": f"word {n}"} for n in range(70)]
    support.write_jsonl(Path("suite/target.jsonl"), rows)
    flags = ("--target", "suite/target.jsonl", "--target-metric", "exact_match")
    measure(*flags)
    elsewhere()
    assert run("compare", "base", "tuned", *STORE, *flags).exit_code in (0, 10, 11)
    support.write_jsonl(Path("suite/target.jsonl"), rows[1:])

    assert refused(*flags)[0] == "compare.changed-items"
