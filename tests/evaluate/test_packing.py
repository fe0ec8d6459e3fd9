"""Packed or plain is settled for both sides before the first answer, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from peft import PeftModel, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

from cliffguard import Plan, Store, guard
from cliffguard.config import load_plan
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine import lm
from cliffguard.evaluate.packing import settled
from cliffguard.gate import find_alone, find_sides, measure_alone, runner_for
from cliffguard.report import write_reports
from cliffguard.run.side_remarks import look_at
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.suites.target import suites_of
from tests import support


@pytest.fixture
def plan(tmp_path: Path, tiny_base: Path, tiny_adapter: Path) -> Plan:
    """A base and its adapter over items of both kinds, in bfloat16."""
    suite = support.write_suite(tmp_path / "suite", n_items=12, n_said=4)
    return Plan(
        base=str(tiny_base),
        candidate=str(tiny_adapter),
        suites=(str(suite),),
        protocol=EvalSettings(dtype="bfloat16", max_tokens=4),
        offline=True,
    )


def packings(store: Store) -> list[str | None]:
    """Return what the key of each stored question says of packing."""
    return [entry.read_question()["asked"]["protocol"].get("packing") for entry in store.entries()]


def refuse(monkeypatch: pytest.MonkeyPatch, *, adapted: bool) -> list[str]:
    """Let the trial fail for one side; return the sides that were tried."""
    tried: list[str] = []

    def reason(model: object, prompts: object = None, n_run: int = 0) -> str | None:
        is_adapted = isinstance(model, PeftModel)
        tried.append("candidate" if is_adapted else "base")
        return "it squeaks" if is_adapted is adapted else None

    monkeypatch.setattr(lm, "plain_reason", reason)
    return tried


def test_what_passes_is_packed_and_the_key_says_so(plan: Plan, tmp_path: Path) -> None:
    """Below float32, where it can flip a near-tie."""
    store = Store(tmp_path / "store")

    review = guard(plan, store=store)

    assert set(packings(store)) == {"packed"}
    assert review.plan.protocol.packing == "packed"
    assert "packing.plain" not in {caveat.id for caveat in review.comparison.caveats}


@pytest.mark.parametrize("adapted", [False, True], ids=["base", "candidate"])
def test_where_one_side_cannot_be_packed_both_are_plain(
    adapted: bool, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are asked alike; it is said while it runs, and in the report."""
    refuse(monkeypatch, adapted=adapted)
    store, lines = Store(tmp_path / "store"), list[str]()

    review = guard(plan, store=store, tell=lines.append)

    assert set(packings(store)) == {"plain"}
    assert [line for line in lines if "it squeaks" in line]
    assert "packing.plain" in {caveat.id for caveat in review.comparison.caveats}


def test_a_trial_is_made_once(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run finds what came of it in the store, and loads nothing for it."""
    store = Store(tmp_path / "store")
    tried = refuse(monkeypatch, adapted=True)
    guard(plan, store=store)
    assert tried == ["base", "candidate"]

    guard(plan, store=store)

    assert tried == ["base", "candidate"]


def test_where_memory_runs_out_in_a_trial_the_run_is_plain(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and not kept: another time there may be more."""

    def fail(*_: object, **__: object) -> str | None:
        raise MemoryError

    monkeypatch.setattr(lm, "plain_reason", fail)
    store, lines = Store(tmp_path / "store"), list[str]()

    guard(plan, store=store, tell=lines.append)

    assert set(packings(store)) == {"plain"}
    assert any("too little memory to try it" in line for line in lines)
    assert not (store.root / "trials").exists()


def test_no_side_is_tried_once_the_time_is_up(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial loads a model; nothing that it could be for is asked any more. It is not kept."""
    store, lines, clock = Store(tmp_path / "store"), list[str](), [0.0]
    tried: list[str] = []

    def reason(model: object, prompts: object = None, n_run: int = 0) -> str | None:
        tried.append("candidate" if isinstance(model, PeftModel) else "base")
        clock[0] += 100.0
        return None

    monkeypatch.setattr(lm, "plain_reason", reason)
    runner = runner_for(plan)
    tasks = runner.resolve(suites_of(plan), plan.protocol)

    protocol, caveats = settled(
        plan.protocol, find_sides(plan), tasks, runner=runner, store=store, tell=lines.append,
        is_time_up=lambda: clock[0] > 60.0,
    )  # fmt: skip

    assert tried == ["base"]
    assert protocol.packing == "plain"
    assert "the time was up before it was tried" in caveats[0].text
    assert len(list((store.root / "trials").iterdir())) == 1


@pytest.mark.parametrize("has_store", [True, False], ids=["same store", "another store"])
def test_a_run_that_is_repeated_by_its_plan_says_again_that_it_is_plain(
    has_store: bool, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """plan.yaml holds `packing: plain`; why stands in the store, and that it is so, everywhere."""
    refuse(monkeypatch, adapted=True)
    first = guard(plan, store=Store(tmp_path / "store"))
    write_reports(first, tmp_path / "out")
    repeated = load_plan(tmp_path / "out" / "plan.yaml")
    assert repeated.protocol.packing == "plain"

    second = guard(repeated, store=Store(tmp_path / ("store" if has_store else "other")))

    texts = [
        [caveat.text for caveat in review.comparison.caveats if caveat.id == "packing.plain"]
        for review in (first, second)
    ]
    assert "it squeaks" in texts[0][0]
    if has_store:
        assert texts[0] == texts[1]
    else:
        assert texts[1] == [
            "No prefix is shared between prompts, and the run takes longer: packing is plain in "
            "the plan."
        ]


def test_a_comparison_of_stored_plain_answers_says_why_they_are_plain(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a model, and so on another machine than the one of the trial."""
    refuse(monkeypatch, adapted=True)
    store = Store(tmp_path / "store")
    guard(plan, store=store)
    sides = find_sides(plan)
    runner = find_stored(store, sides, suites_of(plan), {})

    review = guard(replace(plan, protocol=runner.protocol), store=store, runner=runner)

    texts = [c.text for c in review.comparison.caveats if c.id == "packing.plain"]
    assert ["it squeaks" in text for text in texts] == [True]


def test_a_damaged_trial_is_made_again(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a trial says can be had anew: it is not worth an error."""
    store = Store(tmp_path / "store")
    tried = refuse(monkeypatch, adapted=True)
    guard(plan, store=store)
    for path in sorted((store.root / "trials").iterdir()):
        path.write_text(path.read_text().replace("plain_because", "plain_becoz"))

    guard(plan, store=store)

    assert tried == ["base", "candidate"] * 2


def test_a_base_that_was_packed_is_asked_again_plain(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its packed answers are another question's."""
    store = Store(tmp_path / "store")
    measure_alone(
        find_alone(replace(plan, candidate=str(plan.base), base=None)),
        plan, store=store, runner=runner_for(plan),
    )  # fmt: skip
    assert set(packings(store)) == {"packed"}
    refuse(monkeypatch, adapted=True)

    review = guard(plan, store=store)

    assert review.plan.protocol.packing == "plain"
    assert sorted(map(str, packings(store))) == ["packed"] * 2 + ["plain"] * 4


def test_a_comparison_of_packed_with_plain_says_which_side_is_asked_again(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured one at a time, each side is packed as it bears it; plain is what both bear."""
    store = Store(tmp_path / "store")
    sides = find_sides(plan)
    refuse(monkeypatch, adapted=True)
    for side in sides:
        measure_alone(side, plan, store=store, runner=runner_for(plan))
    assert set(packings(store)) == {"packed", "plain"}

    with support.refused("compare.not-stored", 2, "--packing plain") as caught:
        find_stored(store, sides, suites_of(plan), {})

    assert (caught.value.id, caught.value.exit_code) == ("compare.not-stored", 2)


def test_float32_answers_keep_their_keys(plan: Plan, tmp_path: Path) -> None:
    """There both ways give one answer: packing is neither tried nor part of the key."""
    store = Store(tmp_path / "store")
    exact = replace(plan, protocol=EvalSettings(dtype="float32", max_tokens=4))

    guard(exact, store=store)
    n_packed = len(store.entries())
    guard(replace(exact, protocol=replace(exact.protocol, packing="plain")), store=store)

    assert set(packings(store)) == {None}
    assert len(store.entries()) == n_packed
    assert not (store.root / "trials").exists()


def test_what_cannot_be_packed_is_not_packed_by_force(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong mask would be wrong numbers: exit 12, with what to do."""
    monkeypatch.setattr(lm, "known_reason", lambda _: "it has no ears")
    forced = replace(plan, protocol=replace(plan.protocol, packing="packed"))

    with pytest.raises(IntegrityError) as caught:
        guard(forced, store=Store(tmp_path / "store"))

    assert caught.value.id == "packing.impossible"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_adapter_that_cannot_be_packed_is_refused_before_the_base_is_asked(
    dtype: str, plan: Plan, tmp_path: Path
) -> None:
    """By its files: a learnt prompt stands before the prompt. An earlier look says nothing."""
    config = PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")
    model = AutoModelForCausalLM.from_pretrained(str(plan.base))
    get_peft_model(model, config).save_pretrained(tmp_path / "learnt")
    protocol = EvalSettings(dtype=dtype, max_tokens=4)
    plan = replace(plan, candidate=str(tmp_path / "learnt"), protocol=protocol)
    store = Store(tmp_path / "store")
    runner = runner_for(plan)
    look_at(*find_sides(plan), protocol, runner, store=store)  # what is kept here is of auto

    with pytest.raises(IntegrityError) as caught:
        guard(replace(plan, protocol=replace(protocol, packing="packed")), store=store)

    assert caught.value.id == "packing.impossible"
    assert "learnt: no prefix can be shared: its adapter puts tokens" in str(caught.value)
    assert not store.entries()


def test_a_runner_that_shares_no_prefix_takes_no_packing(plan: Plan, tmp_path: Path) -> None:
    """It would stand in the key and in the report, and be untrue."""
    plan = replace(plan, runner=RunnerSettings(model="hf"))
    forced = replace(plan, protocol=replace(plan.protocol, packing="packed"))

    with pytest.raises(UsageError) as caught:
        guard(forced, store=Store(tmp_path / "store"))

    assert (caught.value.id, caught.value.exit_code) == ("runner.packing", 2)


def test_other_runners_have_nothing_to_settle() -> None:
    """lm-eval's hf shares no prefix, in whatever dtype."""
    runner = HarnessRunner(RunnerSettings(model="hf"))

    assert not runner.must_try_packing(EvalSettings(dtype="bfloat16"))
