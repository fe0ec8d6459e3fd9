"""On a CUDA device: the engine next to lm-eval's `hf`, at the sizes that people evaluate."""

from __future__ import annotations

import gc
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.gpu import engine_bench as bench

pytestmark = pytest.mark.gpu

REPORTS = Path(__file__).resolve().parents[2] / "reports" / "engine"
LEAST_RATIO = 5.0
GOAL_RATIO = 12.0
GOAL_SHARE_OF_PEAK = 0.5  # at 8B
N_COMPARED = 64


@pytest.fixture(autouse=True)
def needs_cuda() -> Iterator[None]:
    """Skip, with the reason, where there is no device; leave its memory empty."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    yield
    gc.collect()
    torch.cuda.empty_cache()


@pytest.mark.parametrize("name", bench.SHAPES)
def test_the_engine_agrees_with_hf_and_is_faster(name: str) -> None:
    """Differences are those of bfloat16, and multiple choice takes a fifth of hf's time at most."""
    shape = bench.SHAPES[name]
    model = bench.random_llama(shape, device="cuda", dtype=torch.bfloat16)
    work = bench.Work(n_items=400)
    few = bench.Work(n_items=N_COMPARED // work.n_choices)

    peak = bench.matmul_peak("cuda", torch.bfloat16, 8192)
    parity = bench.compare(model, bench.choice_requests(shape["vocab_size"], few))
    choices = bench.time_choices(model, work, peak)
    texts = bench.time_texts(model, work)

    figures = bench.report(name, parity, choices, texts)
    print_and_keep(figures)
    assert parity.holds, figures["parity"]
    assert choices.ratio >= LEAST_RATIO, figures["choices"]


def print_and_keep(figures: dict[str, Any]) -> None:
    """Print the figures next to their goals, and write them where that is asked for."""
    choices, texts = figures["choices"], figures["texts"]
    print(json.dumps(figures, indent=1))
    print(
        f"{figures['shape']}: {choices['ratio']:.1f} × hf on choices (goal {GOAL_RATIO:g}), "
        f"{100 * choices['share_of_peak']:.0f} % of the matmul peak (goal "
        f"{100 * GOAL_SHARE_OF_PEAK:.0f} at 8B), {texts['ratio']:.1f} × hf on texts"
    )
    if not os.environ.get("CLIFFGUARD_WRITE_REPORTS"):
        return
    card = torch.cuda.get_device_name()
    path = REPORTS / f"gpu-{re.sub('[^a-z0-9]+', '-', card.lower()).strip('-')}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept |= {"card": card, "torch": torch.__version__}
    kept.setdefault("shapes", {})[figures["shape"]] = figures
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
