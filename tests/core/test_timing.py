"""Where the time of a run goes: stages add up, and an engine fills them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cliffguard import Plan, Store, guard
from cliffguard.core.timing import Spent, Stages, Timings, since
from cliffguard.report.timings import OTHER, rows, summary_of
from cliffguard.runners.harness import HarnessRunner
from tests import support


def test_a_stage_adds_up_time_and_tokens() -> None:
    """Over all its blocks, also one that fails."""
    stages, n_tokens = Stages(), 0
    with stages.during("scoring", lambda: n_tokens):
        time.sleep(0.01)
        n_tokens = 7

    def fail() -> None:
        nonlocal n_tokens
        with stages.during("scoring", lambda: n_tokens):
            n_tokens = 12
            raise ValueError("lost")

    with pytest.raises(ValueError, match="lost"):
        fail()

    spent = stages.spent()["scoring"]
    assert spent.seconds >= 0.01
    assert spent.n_tokens == 12
    assert stages.spent()["decoding"] == Spent(seconds=0.0, n_tokens=0)


def test_what_was_spent_before_is_taken_off() -> None:
    """Of several candidates each has its own; stages that took nothing are left out."""
    before = {"loading": Spent(seconds=2.0, n_tokens=0), "scoring": Spent(seconds=1.0, n_tokens=5)}
    now = {"loading": Spent(seconds=2.0, n_tokens=0), "scoring": Spent(seconds=4.0, n_tokens=9)}

    assert since(now, before) == {"scoring": Spent(seconds=3.0, n_tokens=4)}
    assert since(now, {}) == now


def test_rows_are_stages_and_the_rest() -> None:
    """With shares of the wall time, and tokens a second where there are tokens."""
    timings = Timings(
        wall_seconds=10.0,
        stages={
            "scoring": Spent(seconds=5.0, n_tokens=10_000),
            "loading": Spent(seconds=2.0, n_tokens=0),
        },
    )

    loading, scoring, rest = rows(timings)
    assert loading[1:] == ("2.0", "20 %", "–", "–")
    assert scoring[1:] == ("5.0", "50 %", "10,000", "2,000")
    assert rest == (OTHER, "3.0", "30 %", "–", "–")
    assert summary_of(timings) == "10.0 s in all: scoring 50 %, loading 20 %."


def test_a_run_without_stages_has_a_sentence_too() -> None:
    """As when everything came from the store."""
    assert summary_of(Timings(wall_seconds=0.0, stages={})) == "0.0 s in all."


def test_an_engine_fills_every_stage_that_it_goes_through(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Loading, prompts, scoring, prefill, decoding and metrics, with tokens where a model ran."""
    suite = support.write_suite(tmp_path / "suite", n_items=8, n_said=4)
    runner = HarnessRunner()
    plan = Plan(
        candidate=str(tiny_adapter), base=str(tiny_base), suites=(str(suite),), offline=True
    )
    guard(plan, store=Store(tmp_path / "store"), runner=runner)

    spent = since(runner.spent(), {})
    assert set(spent) == {"loading", "prompts", "scoring", "prefill", "decoding", "metrics"}
    assert all(spent[name].n_tokens > 0 for name in ("scoring", "prefill", "decoding"))
    assert all(spent[name].n_tokens == 0 for name in ("loading", "prompts", "metrics"))


def test_answers_from_the_store_take_no_stage(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Nothing is loaded, and nothing is run."""
    suite = support.write_suite(tmp_path / "suite", n_items=8, n_said=4)
    store = Store(tmp_path / "store")
    plan = Plan(
        candidate=str(tiny_adapter), base=str(tiny_base), suites=(str(suite),), offline=True
    )
    guard(plan, store=store, runner=HarnessRunner())
    again = HarnessRunner()
    guard(plan, store=store, runner=again)

    assert since(again.spent(), {}) == {}
