"""Measure a second engine on a CPU, CTranslate2 in float32, on the same items as ours.

    python -m pip install ctranslate2
    python -m scripts.studies.engine.rival_engine --data DIR --model DIR [--items N] [--out FILE.md]

Both get the same tokens, take turns, and run one thread; seconds are of the processor. CTranslate2
scores texts in batches of eight, a size that was not tuned; it shares no prefix among texts that it
scores, and among prompts only one that it is given (`static_prompt`), which it is. In a file that
is there, the section of this kind of machine is replaced.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.prepacked import is_faster_here
from scripts.studies.engine.ablations import our_loop
from scripts.studies.engine.measuring import in_turns, paired
from scripts.studies.engine.peak import lay_out, machine_kind, with_section
from scripts.studies.engine.tasks import Task, answers, build

CHOICES = ("arc_challenge_5shot", "mmlu_5shot", "piqa_0shot")
TEXTS = ("gsm8k_8shot_cot",)
N_NEW_TOKENS = 32
BATCH = 8  # texts a call; other sizes were not tried
HEAD = """\
# CTranslate2 on the same items

    python -m scripts.studies.engine.rival_engine --data DIR --model DIR --out FILE.md

float32, CPU seconds of one thread, medians; the two take turns. Above a ratio of 1 ours is faster.
"""


class Rival:
    """CTranslate2 over a converted copy of the weights."""

    def __init__(self, model: str, folder: str, lm: CliffguardLM) -> None:
        import ctranslate2
        from ctranslate2.converters import TransformersConverter

        TransformersConverter(model).convert(folder, force=True)
        self.version = str(ctranslate2.__version__)
        self._generator: Any = ctranslate2.Generator(
            folder, device="cpu", compute_type="float32", inter_threads=1, intra_threads=1
        )
        self._lm = lm

    def _named(self, tokens: list[int]) -> list[str]:
        return list(self._lm.tokenizer.convert_ids_to_tokens(tokens))

    def score(self, task: Task) -> list[float]:
        """Return the log-likelihood of each request's continuation."""
        pairs = [self._lm._encode_pair(*request.args) for request in task.requests]
        scored = self._generator.score_batch(
            [self._named(context + target) for context, target in pairs],
            max_batch_size=BATCH,
            max_input_length=0,
        )
        return [
            float(sum(result.log_probs[-len(target) :]))
            for result, (_, target) in zip(scored, pairs, strict=True)
        ]

    def generate(self, prompts: list[list[int]]) -> list[list[int]]:
        """Return greedy continuations, up to the end token; what all prompts share is read once."""
        n_shared = next(n for n in range(len(prompts[0]) + 1) if len({*_cut(prompts, n)}) > 1) - 1
        results = self._generator.generate_batch(
            [self._named(prompt[n_shared:]) for prompt in prompts],
            static_prompt=self._named(prompts[0][:n_shared]),
            cache_static_prompt=True,
            include_prompt_in_result=False,
            max_length=N_NEW_TOKENS,
            sampling_topk=1,
            end_token=[self._lm.eot_token_id],
            return_end_token=True,
        )
        return [list(result.sequences_ids[0]) for result in results]


def _cut(prompts: list[list[int]], n_tokens: int) -> list[tuple[int, ...]]:
    return [tuple(prompt[:n_tokens]) for prompt in prompts]


def measured(
    name: str,
    n_items: int,
    runs: dict[str, Callable[[], list[Any]]],
    agreement: Callable[[list[Any], list[Any]], str],
    n_times: int,
) -> str:
    """Return a line of the table: how long both ways take, and how far apart they are."""
    seconds: dict[str, list[float]] = {side: [] for side in runs}
    results: dict[str, list[Any]] = {}
    for side in in_turns(tuple(runs), n_times):
        gc.collect()
        started = time.process_time()
        results[side] = runs[side]()
        seconds[side].append(time.process_time() - started)
    ours, theirs = (statistics.median(seconds[side]) for side in ("ours", "rival"))
    ratio = paired(seconds["rival"], seconds["ours"])["median"]
    agree = agreement(results["ours"], results["rival"])
    return f"| {name} | {n_items} | {ours:.1f} | {theirs:.1f} | {ratio:.2f} | {agree} |"


def row(name: str, lm: CliffguardLM, rival: Rival, arguments: argparse.Namespace) -> str:
    """Return the line of a task."""
    is_text = name in TEXTS
    n_items = max(2, arguments.items // 4) if is_text else arguments.items
    task = build(name, arguments.data, n_items)
    prompts = [lm.tok_encode(request.args[0]) for request in task.requests] if is_text else []

    def ours() -> list[Any]:
        lm.engine.clear_prefix_cache()
        lm._encoded.cache_clear()
        if is_text:
            return our_loop(lm, prompts, N_NEW_TOKENS, lm.eot_token_id)
        return [answer[0] for answer in answers(lm, task)]

    runs = {
        "ours": ours,
        "rival": lambda: rival.generate(prompts) if is_text else rival.score(task),
    }
    return measured(name, n_items, runs, same_texts if is_text else distance, arguments.repeats)


def distance(ours: list[float], theirs: list[float]) -> str:
    """Return how far log-likelihoods are apart at most."""
    return f"{max(abs(a - b) for a, b in zip(ours, theirs, strict=True)):.1e} nats"


def same_texts(ours: list[Any], theirs: list[Any]) -> str:
    """Return how many continuations are the same, token by token."""
    return f"{sum(a == b for a, b in zip(ours, theirs, strict=True))} of {len(ours)} texts"


def main() -> None:
    """Measure each task, and print the table."""
    parser = argparse.ArgumentParser(description="CTranslate2 on the engine's items.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", required=True)
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=CHOICES + TEXTS, default=CHOICES + TEXTS)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    hf = HFLM(pretrained=arguments.model, dtype="float32", device="cpu", batch_size=8)
    lm = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    lay_out(lm.model, is_packed=is_faster_here())
    with tempfile.TemporaryDirectory() as folder:
        rival = Rival(arguments.model, f"{folder}/converted", lm)
        lines = [
            f"{Path(arguments.model).name}, CTranslate2 {rival.version};"
            f" {arguments.repeats} repeats.",
            "",
            "| task | items | s ours | s CTranslate2 | ratio | apart |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name in arguments.tasks:
            lines.append(row(name, lm, rival, arguments))
            print(lines[-1], flush=True)
    if arguments.out is not None:
        with_section(arguments.out, HEAD, machine_kind(), "\n".join(lines))


if __name__ == "__main__":
    main()
