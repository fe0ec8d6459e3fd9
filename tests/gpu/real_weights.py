"""The engine on weights that know language, on any device: a folder's, or trained for a while.

Of random weights all logits are near zero, where every precision agrees with every other. What is
asked are the project's own pages, cut into prompts and continuations.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from cliffguard.engine.float32 import in_float32
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.packing_trial import Trial, plain_reason
from tests import support
from tests.gpu.engine_bench import Request, timed

PAGES = Path(__file__).resolve().parents[2] / "docs"
N_CHOICES = 4
_HELD_OUT = 8  # each so many pages one is asked, and not trained on

TRAINED_SHAPE = {
    "hidden_size": 512,
    "intermediate_size": 1536,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RealWork:
    """How much is asked: items, and how long their parts are in tokens."""

    n_items: int = 24
    shots: int = 600
    question: int = 60
    choice: int = 16
    hf_batch: int = 8


def pages(*, held_out: bool) -> str:
    """Return the pages that are asked, or those that a model is trained on."""
    paths = sorted(PAGES.glob("*.md"))
    kept = [path for n, path in enumerate(paths) if (n % _HELD_OUT == 0) is held_out]
    return "\n\n".join(path.read_text(encoding="utf-8") for path in kept)


# --- models --------------------------------------------------------------------------------------


def loaded(folder: str, *, device: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return (model, tokenizer) of a folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    return model.to(device).eval(), AutoTokenizer.from_pretrained(folder, local_files_only=True)


def trained(
    *,
    device: str,
    dtype: torch.dtype,
    seconds: float,
    n_steps: int = 100_000,
    shape: dict[str, Any] | None = None,
) -> tuple[Any, Any]:
    """Return (model, tokenizer): a small Llama that read the pages for at most so long."""
    tokenizer = support.byte_tokenizer()
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), **(shape or TRAINED_SHAPE), **ends)
    model = LlamaForCausalLM(config).to(device).train()
    text = torch.tensor(tokenizer.encode(pages(held_out=False)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    source = torch.Generator().manual_seed(0)
    until = time.monotonic() + seconds
    for _ in range(n_steps):
        if time.monotonic() > until:
            break
        starts = torch.randint(0, len(text) - 257, (16,), generator=source)
        ids = torch.stack([text[start : start + 256] for start in starts]).to(device)
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return model.to(dtype).eval(), tokenizer


# --- what is asked -------------------------------------------------------------------------------


def requests_of(tokenizer: Any, work: RealWork) -> list[Request]:
    """Return items over one shared text: a prompt, how it goes on, and how others do."""
    tokens = tokenizer.encode(pages(held_out=True))
    size = work.question + work.choice
    shots, rest = tokens[: work.shots], tokens[work.shots :]
    n_items = min(work.n_items, len(rest) // size)
    assert n_items >= N_CHOICES, "the pages have fewer tokens than are asked"
    step = len(rest) // n_items
    pieces = [rest[n * step : n * step + size] for n in range(n_items)]
    ends = [piece[work.question :] for piece in pieces]
    return [
        (None, shots + pieces[n][: work.question], ends[(n + other) % n_items])
        for n in range(n_items)
        for other in range(N_CHOICES)
    ]


# --- what comes of it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far log-likelihoods lie from float32, in nats, and how many items have another pick."""

    mean: float
    largest: float
    flips: int

    @classmethod
    def of(cls, logs: Sequence[float], exact: Sequence[float]) -> Distance:
        """Return the distance of [items × choices] log-likelihoods from float32's."""
        moved = np.abs(np.array(logs) - np.array(exact))
        return cls(
            mean=float(moved.mean()),
            largest=float(moved.max()),
            flips=int((picks(logs) != picks(exact)).sum()),
        )


def picks(logs: Sequence[float]) -> Any:
    """Return the likeliest choice of each item."""
    return np.array(logs).reshape(-1, N_CHOICES).argmax(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealParity:
    """The engine beside `hf` on real weights: the trial, distances to float32, seconds."""

    n_items: int
    n_right: int  # picks of the true continuation, in float32
    plain_because: str | None
    trial: Trial | None
    plain: Distance
    packed: Distance
    flips_between: int
    hf_seconds: float
    seconds: float
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", self.hf_seconds / self.seconds)


def compared(model: Any, tokenizer: Any, work: RealWork) -> RealParity:
    """Compare the engine, `hf` and float32 over one model in memory."""
    requests = requests_of(tokenizer, work)
    hf = HFLM(model, tokenizer=tokenizer, softmax_dtype="float32", batch_size=work.hf_batch)
    heard: list[Trial] = []
    prompts = [np.array([*context, *target]) for _, context, target in requests]
    because = plain_reason(model, prompts, n_run=len(prompts), hear=heard.append)
    engine = CliffguardLM(model, tokenizer=tokenizer, packing="packed")
    device = str(model.device)
    logs: dict[str, list[float]] = {}

    def ask(name: str, lm: HFLM) -> float:
        def run() -> None:
            scores = lm._loglikelihood_tokens(requests, disable_tqdm=True)
            logs[name] = [score for score, _ in scores]

        return timed(run, device)

    with in_float32(model):
        ask("exact", hf)
    ask("packed", engine)  # warms up what both use
    hf_seconds, seconds = ask("plain", hf), ask("packed", engine)
    return RealParity(
        n_items=len(requests) // N_CHOICES,
        n_right=int((picks(logs["exact"]) == 0).sum()),
        plain_because=because,
        trial=heard[0] if heard else None,
        plain=Distance.of(logs["plain"], logs["exact"]),
        packed=Distance.of(logs["packed"], logs["exact"]),
        flips_between=int((picks(logs["packed"]) != picks(logs["plain"])).sum()),
        hf_seconds=hf_seconds,
        seconds=seconds,
    )
