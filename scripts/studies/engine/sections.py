"""The sections of the engine's report that are measured over both sides in one process."""

from __future__ import annotations

import statistics
import time
from typing import Any

from lm_eval.models.huggingface import HFLM

from cliffguard.engine.adapters import with_adapter
from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.ablations import DECODING, GENERATING, SCORING
from scripts.studies.engine.measuring import (
    Bench,
    Rows,
    in_turns,
    paired,
    say,
    seconds_of,
    spread,
    watched,
)
from scripts.studies.engine.tasks import N_NEW_TOKENS, Task, answers, n_items_of

REQUIRED = {
    "arc_5shot": 15.0,
    "arc_challenge_5shot": 15.0,
    "arc_5shot_drawn": 0.95,
    "piqa_0shot": 1.5,
    "mmlu_5shot": 5.0,
    "bbh_3shot_cot": 0.95,
    "gsm8k_8shot_cot": 2.0,
    "rolling": 0.95,
    "rolling_windows": 0.95,
}
REQUIRED_OF_SECOND = 2.0
SECOND = ("arc_5shot", "piqa_0shot", "gsm8k_8shot_cot")


def ratios(bench: Bench) -> Rows:
    """Return for each task how many times as long hf takes, measured in pairs."""
    for name in bench.arguments.tasks:
        task, hf, engine = bench.task(name), bench.fair_hf(name), bench.engine
        sides = {"hf": hf, "engine": engine}
        times: dict[str, list[float]] = {"hf": [], "engine": []}
        tokens: dict[str, int] = {}
        for side in in_turns(tuple(sides), bench.arguments.repeats):
            with watched(hf.model) as seen:
                times[side].append(bench.seconds(sides[side], task))
            tokens[side] = seen.tokens
        yield {
            "task": name,
            "items": task.n_items,
            "requests": len(task.requests),
            "hf_batch_size": bench.batch_of(name),
            "hf_seconds_by_batch_size": bench.batches_of(name),
            "tokens": tokens,
            "seconds": times,
            "ratio": paired(times["hf"], times["engine"]),
            "required": REQUIRED[name],
        }
        say(name)


def ablations(bench: Bench) -> Rows:
    """Return for each task how many times as long the engine takes with one part off."""
    for name in bench.arguments.tasks:
        n_items = max(1, n_items_of(name, bench.arguments.items) // bench.arguments.ablation_part)
        task, engine = bench.task(name, n_items), bench.engine
        answers(engine, bench.task(name, 1))
        switches = GENERATING if task.kind == "generate_until" else SCORING
        for off, switch in switches.items():
            each = []
            for _ in range(bench.arguments.ablation_repeats):
                whole = bench.seconds(engine, task)
                with switch(engine):
                    each.append(bench.seconds(engine, task) / whole)
            yield {"task": name, "items": n_items, "off": off, "slower": spread(each)}
        say(name)


def second_candidate(bench: Bench) -> Rows:
    """Return what a candidate costs whose base was measured before: hf measures both again."""
    for name in [name for name in SECOND if name in bench.arguments.tasks]:
        task = bench.task(name)
        bench.fair_hf(name)
        each: dict[str, list[float]] = {"hf": [], "engine": [], "engine_with_base": []}
        for number in range(bench.arguments.repeats):
            runs = {"hf": _hf_base_and_candidate, "engine": _engine_candidate}
            for side in sorted(runs, reverse=number % 2 == 0):
                each[side].append(seconds_of(runs[side], bench, task))
            base = bench.seconds(bench.engine, task)
            each["engine_with_base"].append(base + each["engine"][-1])
        yield {
            "task": name,
            "items": task.n_items,
            "seconds": each,
            "ratio": paired(each["hf"], each["engine"]),
            "ratio_with_base": paired(each["hf"], each["engine_with_base"]),
            "required": REQUIRED_OF_SECOND,
        }
        say(name)


def _hf_base_and_candidate(bench: Bench, task: Task) -> None:
    for adapter in (None, str(bench.arguments.adapter)):
        lm = HFLM(
            pretrained=bench.arguments.model,
            peft=adapter,
            dtype="float32",
            device="cpu",
            batch_size=bench.batch_of(task.name),
        )
        answers(lm, task)


def _engine_candidate(bench: Bench, task: Task) -> None:
    tuned = with_adapter(bench.hf.model, "candidate", bench.arguments.adapter)
    try:
        answers(CliffguardLM(tuned.eval(), tokenizer=bench.hf.tokenizer), task)
    finally:
        tuned.unload()


def overhead(bench: Bench) -> Rows:
    """Return which share of the engine's time is spent outside the model's forward."""
    if "arc_5shot" not in bench.arguments.tasks:
        return
    task = bench.task("arc_5shot", bench.arguments.overhead_items)
    engine = bench.engine
    within = 0.0
    plain = engine._loglikelihood_tokens

    def timed(*args: Any, **kwargs: Any) -> Any:
        nonlocal within
        started = time.perf_counter()
        result = plain(*args, **kwargs)
        within += time.perf_counter() - started
        return result

    engine._loglikelihood_tokens = timed
    try:
        with watched(engine.model) as seen:
            whole = bench.seconds(engine, task)
    finally:
        del engine._loglikelihood_tokens
    yield {
        "task": task.name,
        "items": task.n_items,
        "seconds": whole,
        "seconds_without_tokenising": within,
        "seconds_in_forward": seen.seconds,
        "share_outside_forward": 1 - seen.seconds / within,
    }


def decoding(bench: Bench) -> Rows:
    """Return how long several ways to generate take for the same prompts and the same tokens."""
    name = "gsm8k_8shot_cot"
    if name not in bench.arguments.tasks:
        return
    task, lm = bench.task(name), bench.engine
    prompts = [lm.tok_encode(request.args[0]) for request in task.requests]
    times: dict[str, list[float]] = {way: [] for way in DECODING}
    answers: dict[str, list[list[int]]] = {}
    failed: dict[str, str] = {}
    for _ in range(bench.arguments.repeats):
        for way, run in DECODING.items():
            started = time.perf_counter()
            try:
                answers[way] = run(lm, prompts, N_NEW_TOKENS, lm.eot_token_id)
            except Exception as failure:  # which of them works at all is part of the answer
                failed[way] = f"{type(failure).__name__}: {failure}"[:200]
                continue
            times[way].append(time.perf_counter() - started)
            say(way)
    ours = answers[next(iter(DECODING))]
    for way, seconds in times.items():
        yield {
            "task": name,
            "way": way,
            "items": task.n_items,
            "new_tokens": sum(len(answer) for answer in answers.get(way, [])),
            "seconds": seconds,
            "median": statistics.median(seconds) if seconds else None,
            "same_answers": sum(a == b for a, b in zip(ours, answers.get(way, []), strict=False)),
            "failed": failed.get(way),
        }
