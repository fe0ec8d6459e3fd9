"""A run that goes on from a checkpoint knows its checks; what cannot be checked is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    EarlyStoppingCallback,
)

from cliffguard.core.settings import Policy
from cliffguard.engine import live
from cliffguard.integrations import attach
from cliffguard.integrations.checks import Counted, Record, record_from
from cliffguard.runners.live import LiveRunner
from tests import support
from tests.integrations.test_attach import PLAN
from tests.integrations.trainers import plan_of, scripted, tokenizer_of, trainer_of

SAVED = {"save_strategy": "steps", "save_steps": 2, "metric_for_best_model": "loss"}


def last_checkpoint(folder: Path, step: int = 4) -> str:
    """Return the folder of a checkpoint."""
    return str(folder / f"checkpoint-{step}")


@pytest.mark.slow
@pytest.mark.parametrize("restores", [True, False])
@pytest.mark.parametrize("every", ["eval", "save"])
def test_its_state_survives(
    every: Any,
    restores: bool,
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whether the trainer restores its callbacks, which makes them anew, or does not."""
    settings = {**SAVED, "restore_callback_states_from_checkpoint": restores}
    whole = scripted(monkeypatch, lambda step: step / 32)
    stopper = EarlyStoppingCallback(early_stopping_patience=9)
    trainer = trainer_of(tiny_base, tmp_path / "run", callbacks=[stopper], **settings)
    callback = attach(trainer, PLAN, every=every)
    trainer.train()
    expected = callback._run.record  # type: ignore[union-attr]

    again = scripted(monkeypatch, lambda step: step / 32)
    stopper = EarlyStoppingCallback(early_stopping_patience=9)
    trainer = trainer_of(tiny_base, tmp_path / "run", callbacks=[stopper], **settings)
    callback = attach(trainer, PLAN, every=every)
    trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path / "run"))

    assert whole.taken == [2, 4, 6]
    # A checkpoint is written before the check that follows it, which is made again.
    assert again.taken == ([6] if every == "eval" else [4, 6])
    assert again.begun[0][0] == 3
    assert callback._run.record == expected  # type: ignore[union-attr]
    assert callback.review == "of step 6"
    assert "3 of 3 checks made" in capsys.readouterr().err
    kinds = [type(each).__name__ for each in trainer.callback_handler.callbacks]
    assert kinds.count("CliffguardCallback") == 1
    assert kinds.index("CliffguardCallback") < kinds.index("EarlyStoppingCallback")


def test_a_checkpoint_from_before_it_was_attached_goes_on(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an adapter its base is there. The trainer writes a state that it did not read."""
    trainer = trainer_of(tiny_base, tmp_path / "run", lora={}, **SAVED)
    trainer.train()
    checks = scripted(monkeypatch, lambda _: 0.0)
    trainer = trainer_of(tiny_base, tmp_path / "run", lora={}, **SAVED)
    attach(trainer, PLAN)
    trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path / "run"))

    assert checks.begun == [(3, None, True)]
    written = json.loads((tmp_path / "run" / "checkpoint-6" / "trainer_state.json").read_text())
    kept = written["stateful_callbacks"]["CliffguardCallback"]["attributes"]["record"]
    assert record_from(kept).steps == (6,)


@pytest.mark.slow
def test_full_weights_go_on_where_the_store_has_their_base(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can ask it any more; refused with another store, and after a run without checks."""
    plan, run = plan_of(tmp_path), tmp_path / "run"
    trainer = trainer_of(tiny_base, run, **SAVED)
    attach(trainer, plan, store=tmp_path / "store")
    trainer.train()

    trainer = trainer_of(tiny_base, run, **SAVED)
    callback = attach(trainer, plan, store=tmp_path / "store")
    trainer.train(resume_from_checkpoint=last_checkpoint(run))
    assert callback.review is not None
    assert callback.review.comparison.base.name == "base"
    assert "3 of 3 checks made" in capsys.readouterr().err

    trainer = trainer_of(tiny_base, run, **SAVED)
    attach(trainer, plan, store=tmp_path / "another")
    with support.refused("training.no-base", 2, "another"):
        trainer.train(resume_from_checkpoint=last_checkpoint(run))

    bare = trainer_of(tiny_base, tmp_path / "bare", **SAVED)
    bare.train()
    trainer = trainer_of(tiny_base, tmp_path / "bare", **SAVED)
    attach(trainer, plan, store=tmp_path / "store")
    with support.refused("training.no-base", 2, "begin the training anew"):
        trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path / "bare"))


@pytest.mark.slow
def test_of_a_kept_base_only_its_digests_count(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name that paints a terminal, and no path to other weights."""
    plan, run = plan_of(tmp_path), tmp_path / "run"
    trainer = trainer_of(tiny_base, run, **SAVED)
    attach(trainer, plan, store=tmp_path / "store")
    trainer.train()
    path = Path(last_checkpoint(run), "trainer_state.json")
    state = json.loads(path.read_text())
    base = state["stateful_callbacks"]["CliffguardCallback"]["attributes"]["record"]["base"]
    elsewhere = dict.fromkeys(("weights", "tokenizer", "chat_template"), str(tmp_path / "gone"))
    base |= {"name": "\x1b[2J", "files": {**elsewhere, "adapter": None}}
    path.write_text(json.dumps(state))
    capsys.readouterr()

    trainer = trainer_of(tiny_base, run, **SAVED)
    callback = attach(trainer, plan, store=tmp_path / "store")
    trainer.train(resume_from_checkpoint=last_checkpoint(run))
    err = capsys.readouterr().err
    assert "\x1b[2J" not in err
    assert "base: 0 items asked" in err
    assert callback.review is not None
    assert callback.review.comparison.base.name == "base"


@pytest.mark.slow
def test_an_adapter_does_not_go_on_over_another_base(
    tiny_base: Path, tiny_tuned: Path, tmp_path: Path
) -> None:
    """Its earlier losses were against that one."""
    plan = plan_of(tmp_path)
    for base in (tiny_base, tiny_tuned):
        trainer = trainer_of(base, tmp_path / "run", lora={}, **SAVED)
        attach(trainer, plan, store=tmp_path / "store")
        if base == tiny_base:
            trainer.train()
            continue
        with support.refused("training.other-base", 2):
            trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path / "run"))


@pytest.mark.slow
def test_no_pickle_of_the_trainer_is_read(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run loads what it loads without the callback, and training_args.bin not at all."""
    loads: list[str] = []
    load = torch.load
    monkeypatch.setattr(
        torch, "load", lambda f, *a, **k: loads.append(Path(str(f)).name) or load(f, *a, **k)
    )
    counts = []
    for is_watched in (False, True):
        trainer = trainer_of(tiny_base, tmp_path / "run", **SAVED)
        if is_watched:
            attach(trainer, plan_of(tmp_path), store=tmp_path / "store")
        trainer.train()
        loads.clear()
        trainer = trainer_of(tiny_base, tmp_path / "run", **SAVED)
        if is_watched:
            attach(trainer, plan_of(tmp_path), store=tmp_path / "store")
        trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path / "run"))
        counts.append(sorted(loads))

    assert counts[0] == counts[1]
    assert "training_args.bin" not in counts[1]


COUNTED = {"margins": {"reasoning": 0.1}, "groups": {"reasoning": [1]}}


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"n_checks": "many"},
        {"n_checks": 3, "steps": [1], "losses": "no"},
        [],
        "x",
        {"n_checks": 0},
        {"n_checks": 3, "alpha": 7.0},
        {"n_checks": 3, "steps": [1, 2], "losses": [{"reasoning": [1.0]}], "counted": COUNTED},
        {"n_checks": 3, "steps": [1], "losses": [{"reasoning": [1.0]}]},
        {"n_checks": 3, "steps": [1], "losses": [{"reading": [1.0]}], "counted": COUNTED},
        {"n_checks": 3, "steps": [1], "losses": [{"reasoning": [9.0]}], "counted": COUNTED},
        {
            "n_checks": 3,
            "steps": [1, 2],
            "losses": [{"reasoning": [1.0]}, {"reasoning": [1.0, 0.0]}],
            "counted": COUNTED,
        },
    ],
)
def test_a_state_that_cannot_be_read_is_refused(written: Any) -> None:
    """It lies in a folder that anybody may have written."""
    with support.refused("training.state", 2):
        record_from(written)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [[], [{"attributes": {}}], {"attributes": []}, "x"])
def test_a_state_of_another_form_is_refused(
    kept: Any, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, whatever stands where a trainer looks it up."""
    scripted(monkeypatch, lambda _: 0.0)
    settings = {**SAVED, "restore_callback_states_from_checkpoint": False}
    trainer = trainer_of(tiny_base, tmp_path, **settings)
    attach(trainer, PLAN)
    trainer.train()
    path = Path(last_checkpoint(tmp_path), "trainer_state.json")
    state = json.loads(path.read_text())
    state["stateful_callbacks"]["CliffguardCallback"] = kept
    path.write_text(json.dumps(state))

    trainer = trainer_of(tiny_base, tmp_path, **settings)
    attach(trainer, PLAN)
    with support.refused("training.state", 2):
        trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path))


@pytest.mark.slow
def test_a_run_does_not_go_on_with_another_plan(tiny_base: Path, tmp_path: Path) -> None:
    """Losses of other items, or by other margins, are not counted together."""
    plan = plan_of(tmp_path)
    shorter = replace(plan, protocol=replace(plan.protocol, limit=40))
    stricter = replace(plan, policy=Policy(default_margin=0.01))
    trainer = trainer_of(tiny_base, tmp_path / "run", lora={}, **SAVED)
    attach(trainer, plan, store=tmp_path / "store")
    trainer.train()
    for another in (shorter, stricter):
        trainer = trainer_of(tiny_base, tmp_path / "run", lora={}, **SAVED)
        attach(trainer, another, store=tmp_path / "store")
        with support.refused("training.other-plan", 2, "2 checks so far"):
            trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path / "run"))


def test_a_run_that_goes_on_for_longer_says_what_is_not_checked(
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Alpha is spent on the checks that were planned."""
    checks = scripted(monkeypatch, lambda _: 0.0)
    for max_steps, goes_on in ((4, False), (10, True)):
        trainer = trainer_of(tiny_base, tmp_path, **{**SAVED, "max_steps": max_steps})
        attach(trainer, PLAN)
        trainer.train(resume_from_checkpoint=last_checkpoint(tmp_path) if goes_on else None)
        lines = capsys.readouterr().err
        assert lines.count("step 6 is not checked, nor what follows: all 2 planned") == goes_on
    assert checks.taken == [2, 4]


@pytest.mark.slow
def test_trained_again_it_is_compared_with_what_it_first_was(
    tiny_base: Path, tmp_path: Path
) -> None:
    """Full weights that a first run wrecked are no base of a second one."""
    trainer = trainer_of(tiny_base, tmp_path / "run", max_steps=2)
    callback = attach(trainer, plan_of(tmp_path), store=tmp_path / "store")
    bases = []
    for _ in range(2):
        trainer.train()
        bases.append(callback._run.record.base.weights)  # type: ignore[union-attr]
    trainer.model = AutoModelForCausalLM.from_pretrained(tiny_base)
    with torch.no_grad():
        trainer.model.lm_head.weight.add_(0.1)
    trainer.train()
    bases.append(callback._run.record.base.weights)  # type: ignore[union-attr]

    assert bases[0] == bases[1] != bases[2]


def test_a_state_is_read_as_it_was_written() -> None:
    """Through JSON."""
    counted = Counted(margins={"reasoning": 0.1}, groups={"reasoning": (-1, -2, -3)})
    losses = {"reasoning": (1.0, 0.0, None)}
    record = Record(n_checks=3, counted=counted, steps=(2,), losses=(losses,))

    assert record_from(json.loads(json.dumps(record.as_json()))) == record


# --- what cannot be checked ----------------------------------------------------------------------


def adapted(base: Path, folder: Path, **lora: Any) -> Any:
    """Return a trainer of an adapter."""
    return trainer_of(base, folder, lora=lora)


def unfreeze(model: Any) -> None:
    model.base_model.model.lm_head.weight.requires_grad_(True)


def merge(model: Any) -> None:
    model.merge_adapter()


def resize(model: Any) -> None:
    model.base_model.model.resize_token_embeddings(300)


@pytest.mark.parametrize(
    ("lora", "change", "error"),
    [
        ({"bias": "lora_only"}, None, ("live.trained-base", "bias to none")),
        ({}, unfreeze, ("live.trained-base", "freeze them")),
        ({}, merge, ("live.merged", "unmerge")),
        ({}, resize, ("live.resized", "300 rows")),
        ({"init_lora_weights": "pissa", "lora_dropout": 0}, None, ("live.altered-base", "pissa")),
        ({"init_lora_weights": "olora"}, None, ("live.altered-base", "olora")),
        ({"layer_replication": [(0, 2), (1, 2)]}, None, ("live.altered-base", "layer_replication")),
    ],
)
def test_adapters_over_a_base_that_is_not_there_are_refused(
    lora: Any, change: Any, error: tuple[str, str], tiny_base: Path, tmp_path: Path
) -> None:
    """Where it is attached, before anything is trained, and with what to do instead."""
    trainer = adapted(tiny_base, tmp_path, **lora)
    if change is not None:
        change(trainer.model)
    with support.refused(error[0], 2, error[1]):
        attach(trainer, PLAN)


def test_what_is_changed_later_is_refused_before_the_first_step(
    tiny_base: Path, tmp_path: Path
) -> None:
    """Between attaching and training."""
    trainer = adapted(tiny_base, tmp_path)
    attach(trainer, PLAN)
    unfreeze(trainer.model)

    with support.refused("live.trained-base", 2):
        trainer.train()
    assert trainer.state.global_step == 0


def test_a_trainer_without_a_tokenizer_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """There is nothing to ask with."""
    trainer = trainer_of(tiny_base, tmp_path)
    trainer.processing_class = None
    with support.refused("training.no-tokenizer", 2):
        attach(trainer, PLAN)


def test_a_plan_in_which_nothing_gates_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """Nothing could ever be lost."""
    plan = plan_of(tmp_path)
    text = Path(plan.suites[0]).read_text()
    Path(plan.suites[0]).write_text(text.replace("adjacent", "target").replace("general", "target"))
    trainer = trainer_of(tiny_base, tmp_path / "run")
    attach(trainer, plan, store=tmp_path / "store")

    with support.refused("training.nothing-gates", 2):
        trainer.train()


@pytest.mark.parametrize("lora", [{}, None], ids=["adapter", "full weights"])
def test_a_model_that_writes_nothing_is_refused(lora: Any, tiny_base: Path, tmp_path: Path) -> None:
    """A classifier is trained by the same trainer, and no prompt can be put to it."""
    trainer = trainer_of(tiny_base, tmp_path)
    trainer.model = AutoModelForSequenceClassification.from_pretrained(tiny_base)
    if lora is not None:
        trainer.model = get_peft_model(trainer.model, LoraConfig(task_type="SEQ_CLS"))

    with support.refused("live.no-language-model", 2, "causal"):
        attach(trainer, PLAN)


@pytest.mark.parametrize("mark", ["ds_id", "full_tensor"])
def test_zero_3_and_fsdp_are_refused_by_their_marks(
    mark: str, tiny_base: Path, tmp_path: Path
) -> None:
    """DeepSpeed marks the parameters that it gathers, FSDP 2 has a tensor of its own."""
    trainer = trainer_of(tiny_base, tmp_path)
    setattr(next(trainer.model.parameters()), mark, 0)

    with support.refused("live.several-devices", 2, "cliffguard check BASE CHECKPOINT"):
        attach(trainer, PLAN)


def test_fsdp_is_refused_before_it_has_sharded_anything(tiny_base: Path, tmp_path: Path) -> None:
    """By what the trainer says of itself."""
    trainer = trainer_of(tiny_base, tmp_path)
    trainer.is_fsdp_enabled = True

    with support.refused("live.several-devices", 2, "FSDP"):
        attach(trainer, PLAN)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "name"),
    [
        ({"is_loaded_in_4bit": True}, "base (4bit)"),
        ({"is_loaded_in_8bit": True}, "base (8bit)"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 3}}, "base (3bit)"),
        ({"quantization_config": {"quant_method": "fp8"}}, "base (fp8)"),
        ({}, "base"),
    ],
)
def test_a_quantised_base_is_called_so(marks: dict[str, Any], name: str) -> None:
    """It answers otherwise than the base that will be served."""
    config = SimpleNamespace(quantization_config=marks.get("quantization_config"))
    model = SimpleNamespace(config=config, **marks)
    bits = live.quantization_of(model)

    assert ("base" if bits is None else f"base ({bits})") == name


def test_every_line_calls_a_quantised_base_so(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a model that says it was loaded in four bits."""
    trainer = trainer_of(tiny_base, tmp_path / "run", lora={}, max_steps=2)
    trainer.model.base_model.model.is_loaded_in_4bit = True
    runner = LiveRunner(trainer.model, tokenizer_of(tiny_base))

    assert runner.sides()[0].name == "base (4bit) of live"


def test_a_set_in_a_config_has_one_order(tiny_base: Path) -> None:
    """Each process has another: data-parallel ones would hold other identities."""
    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    other = copy.deepcopy(model)
    names = [f"layer_{n}" for n in range(40)]
    model.config.layers_set, other.config.layers_set = set(names), set(reversed(names))

    assert live.settings_of(model) == live.settings_of(other)
    assert str(sorted(names)) in str(live.settings_of(model))
