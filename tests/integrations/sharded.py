"""A training whose weights FSDP shards over processes, and whose checkpoints are checked beside it.

Accelerate lets FSDP shard on no CPU, so that the loop is written out here; what the trainer's
events would do, this does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM, TrainerControl, TrainerState, TrainingArguments

from cliffguard import Plan
from cliffguard.integrations import CliffguardCallback
from tests.integrations.trainers import tokenizer_of


def saved_whole(model: Any, base: Path, folder: Path) -> None:
    """Save what all processes hold of a model as one checkpoint, as FULL_STATE_DICT does."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=options)
    if distributed.get_rank() == 0:
        whole = AutoModelForCausalLM.from_pretrained(base)
        whole.load_state_dict(weights)
        whole.save_pretrained(folder)
        tokenizer_of(base).save_pretrained(folder)
    distributed.barrier()


def gated(base: Path, suite: str, output: Path) -> dict[str, Any]:
    """Train two steps, each saved; return what this process knows of the checks."""
    arguments = TrainingArguments(
        str(output), use_cpu=True, ddp_backend="gloo", report_to=[], max_steps=2, save_steps=1
    )
    assert arguments.world_size == 2  # which begins the group
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = Plan(base=str(base), candidate="-", suites=(suite,), offline=True)
    callback = CliffguardCallback(plan, where="subprocess", store=output.parent / "store")
    state = TrainerState(max_steps=2, save_steps=1, num_train_epochs=1)
    state.is_world_process_zero = distributed.get_rank() == 0
    control, metrics = TrainerControl(), {"eval_loss": 1.0}
    callback.on_train_begin(arguments, state, control, model=model)
    for step in (1, 2):
        ids = torch.tensor([[1, 2, 3, 4, 5]])
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        state.global_step = step
        saved_whole(model, base, output / f"checkpoint-{step}")
        callback.on_save(arguments, state, control)
        callback.on_evaluate(arguments, state, control, metrics=metrics)
    callback.on_train_end(arguments, state, control)
    return {
        "steps": callback._run.record.steps,  # type: ignore[union-attr]
        "metrics": sorted(metrics),
        "exit code": callback.exit_code,
        "review": callback.review and callback.review.comparison.candidate.name,
    }
