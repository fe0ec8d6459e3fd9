"""What one process of two does: train data-parallel, looked at or not, or shard a model by FSDP.

Usage: python -m tests.integrations.one_process KIND MODEL SUITE OUTPUT   (RANK, WORLD_SIZE, … set)

Prints JSON in its last line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from cliffguard import Plan
from cliffguard.core.errors import CliffguardError
from cliffguard.integrations import attach
from cliffguard.runners.live import LiveRunner
from tests.extern.digests import sha
from tests.integrations.sharded import gated
from tests.integrations.trainers import tokenizer_of, trainer_of


def trained(kind: str, base: Path, suite: str, output: Path) -> dict[str, Any]:
    """Train six steps; `kind` is bare, watched or failing, with -lora for an adapter."""
    kind, _, lora = kind.partition("-")
    asked_for: list[list[Any]] = []
    ask = LiveRunner.ask

    def counted(self: Any, checkpoint: Any, task: Any, items: Any, protocol: Any) -> Any:
        asked_for.append([checkpoint.name, task.name, len(items)])
        if kind == "failing" and torch.distributed.get_rank() == 1:
            raise MemoryError("none is left")
        return ask(self, checkpoint, task, items, protocol)

    LiveRunner.ask = counted  # type: ignore[method-assign]
    trainer = trainer_of(base, output, lora={} if lora else None, ddp_backend="gloo")
    callback = None
    if kind != "bare":
        plan = Plan(candidate="in training", suites=(suite,), offline=True)
        callback = attach(trainer, plan, store=output.parent / f"store-{kind}-{lora}")
    trainer.train()
    return {
        "weights": sha(trainer.model.state_dict()),
        "optimizer": sha(trainer.optimizer.state_dict()["state"]),
        "torch": sha(torch.get_rng_state()),
        "step": trainer.state.global_step,
        "shards": asked_for,
        "exit code": None if callback is None else callback.exit_code,
        "record": None if callback is None else callback._run.record.as_json(),  # type: ignore[union-attr]
    }


def sharded(kind: str, base: Path) -> dict[str, Any]:
    """Return the id of the error by which a model is refused whose weights FSDP has sharded."""
    from torch import distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
    from transformers import AutoModelForCausalLM

    distributed.init_process_group("gloo")
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    if kind == "fsdp2":
        fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    else:
        is_original = kind == "fsdp1-original"
        cpu = torch.device("cpu")
        model = FullyShardedDataParallel(model, device_id=cpu, use_orig_params=is_original)
    try:
        LiveRunner(model, tokenizer_of(base))
    except CliffguardError as failure:
        return {"error": failure.id, "exit code": failure.exit_code}
    return {"error": None}


def main() -> None:
    """Do what the first argument says."""
    kind, base, suite, output = sys.argv[1:]
    began = time.monotonic()
    if kind == "fsdp-saved":
        result = gated(Path(base), suite, Path(output))
    elif kind.startswith("fsdp"):
        result = sharded(kind, Path(base))
    else:
        result = trained(kind, Path(base), suite, Path(output))
    print(json.dumps({**result, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
