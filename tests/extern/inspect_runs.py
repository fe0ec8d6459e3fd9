"""Runs in the environment of inspect_ai: logs of its mock model, and what it says of them itself.

`python inspect_runs.py FOLDER FORMAT` writes FORMAT/base and FORMAT/candidate, and prints as JSON
of every log, scorer and reducer how many samples were scored, their mean, and each one's number.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import tiktoken
from inspect_ai import Epochs, Task, eval, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ModelOutput,
    get_model,
)
from inspect_ai.scorer import (
    CORRECT,
    INCORRECT,
    NOANSWER,
    PARTIAL,
    Score,
    accuracy,
    choice,
    includes,
    match,
    mean,
    scorer,
    stderr,
    value_to_float,
)
from inspect_ai.solver import generate, multiple_choice, solver, system_message

N = 12
ANSWERS = ("ANSWER: A", "ANSWER: B", "42", "no idea")


class Words:
    """Stands in for an encoding that would be fetched."""

    def encode(self, text: str, **_: Any) -> list[str]:
        """Return the words."""
        return text.split()


tiktoken.get_encoding = lambda _: Words()  # type: ignore[assignment,return-value]


def model(side: str, task: str) -> Any:
    """Return a model that answers by chance, otherwise on each side."""
    rng = random.Random(f"{side} {task}")
    outputs = [ModelOutput.from_content("mockllm/model", rng.choice(ANSWERS)) for _ in range(80)]
    return get_model("mockllm/model", custom_outputs=outputs, memoize=False)


def rows(**more: Any) -> MemoryDataset:
    """Return questions with whole numbers as ids."""
    return MemoryDataset([Sample(id=n, input=f"How many? {n}", **more) for n in range(1, N + 1)])


@task
def choices() -> Task:
    """Letters, with metadata."""
    samples = [
        Sample(
            id=f"c/{n}", input=f"Which? {n}", choices=["red", "blue"], target="A",
            metadata={"topic": f"t{n % 3}"},
        )
        for n in range(1, N + 1)
    ]  # fmt: skip
    return Task(dataset=MemoryDataset(samples), solver=multiple_choice(), scorer=choice())


@task
def numbers() -> Task:
    """Two scorers, two targets, and a system message that a solver adds."""
    solvers = [system_message("Be short."), generate()]
    return Task(dataset=rows(target=["42", "B"]), solver=solvers, scorer=[includes(), match()])


@scorer(metrics=[accuracy(), stderr()])
def graded() -> Any:
    """Grades of all four kinds."""

    async def score(state: Any, target: Any) -> Score:
        grades = {"A": CORRECT, "B": PARTIAL, "2": NOANSWER}
        return Score(value=grades.get(state.output.completion[-1], INCORRECT))

    return score


@scorer(metrics=[mean()])
def shares() -> Any:
    """Shares, as a model that grades gives them, and of some answers none."""

    async def score(state: Any, target: Any) -> Score:
        text = state.output.completion
        return Score(value=float("nan") if text == "no idea" else len(text) * 7 % 10 / 10)

    return score


@scorer(metrics={"help": [mean()], "harm": [mean()]})
def rubric() -> Any:
    """Several shares of an answer."""

    async def score(state: Any, target: Any) -> Score:
        return Score(value={"help": len(state.output.completion) % 5 / 4, "harm": 0.25})

    return score


@scorer(metrics=[mean()])
def length() -> Any:
    """No share."""

    async def score(state: Any, target: Any) -> Score:
        return Score(value=len(state.output.completion))

    return score


@task
def grades() -> Task:
    """Several turns, several kinds of scores."""
    turns = [
        [
            ChatMessageSystem(content="Be kind."),
            ChatMessageUser(content=f"Hi {n}"),
            ChatMessageAssistant(content="Yes?"),
            ChatMessageUser(content="Go on."),
        ]
        for n in range(1, N + 1)
    ]
    samples = [Sample(id=n, input=turn, target="x") for n, turn in enumerate(turns)]
    scorers = [graded(), shares(), rubric(), length()]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=scorers)


@solver
def failing() -> Any:
    """Fails on two samples."""

    async def solve(state: Any, generate: Any) -> Any:
        if state.sample_id in (3, 5):
            raise ValueError("a tool broke")
        return await generate(state)

    return solve


@task
def errors() -> Task:
    """Two samples without a score."""
    return Task(dataset=rows(target="42"), solver=failing(), scorer=includes(), fail_on_error=False)


@task
def died() -> Task:
    """A log with the status error."""
    return Task(dataset=rows(target="42"), solver=failing(), scorer=includes())


@solver
def interrupting() -> Any:
    """Presses Ctrl-C on the sixth sample."""

    async def solve(state: Any, generate: Any) -> Any:
        if state.sample_id > 5:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)
        return await generate(state)

    return solve


@task
def cancelled() -> Task:
    """A log with the status cancelled."""
    return Task(dataset=rows(target="42"), solver=interrupting(), scorer=includes())


@task
def repeated() -> Task:
    """Four epochs, by several reducers."""
    reducers = ["mean", "at_least_2", "pass_at_2", "mode", "max"]
    dataset, scorers = rows(target="42"), [includes(), graded()]
    return Task(dataset=dataset, solver=generate(), scorer=scorers, epochs=Epochs(4, reducers))


@task
def unreduced() -> Task:
    """Three epochs, by no reducer; ids that nobody gave."""
    dataset = MemoryDataset([Sample(input=f"R {n}", target="42") for n in range(N)])
    return Task(dataset=dataset, solver=generate(), scorer=includes(), epochs=Epochs(3, []))


def numbers_of(log: EvalLog) -> list[dict[str, Any]]:
    """Return what inspect_ai makes of a log's samples, by scorer and reducer."""
    to_float = value_to_float()
    entries = []
    for reduction in log.reductions or []:
        for sample in reduction.samples:
            parts = sample.value if isinstance(sample.value, dict) else {"": sample.value}
            for key, value in parts.items():
                number = to_float(value)
                metric = f"{reduction.scorer}/{key}" if key else reduction.scorer
                where = {"metric": metric, "reducer": reduction.reducer or "mean"}
                number = None if math.isnan(number) else number
                entries.append({**where, "id": str(sample.sample_id), "number": number})
    return entries


def results_of(log: EvalLog) -> list[dict[str, Any]]:
    """Return the log's own summary."""
    return [
        {
            "metric": score.name if score.name == score.scorer else f"{score.scorer}/{score.name}",
            "reducer": score.reducer or "mean",
            "n": score.scored_samples,
            "mean": next(m.value for m in score.metrics.values()),
        }
        for score in (log.results.scores if log.results else [])
    ]


def main(folder: str, form: str) -> None:
    """Write the logs of both sides and print what inspect_ai says of them."""
    summary: dict[str, Any] = {}
    # The last one leaves the loop of its events unfit for another.
    tasks = (choices, numbers, grades, errors, died, repeated, unreduced, cancelled)
    for made in tasks if len(sys.argv) < 4 else [t for t in tasks if t.__name__ in sys.argv[3:]]:
        for side in ("base", "candidate"):
            where = str(Path(folder) / form / side)
            answers = model(side, made.__name__)
            try:
                eval(
                    made(), model=answers, log_dir=where, log_format=form, display="none",
                    max_samples=1,
                )  # fmt: skip
            except (KeyboardInterrupt, IndexError):
                assert made is cancelled
    for side in ("base", "candidate"):
        for path in sorted((Path(folder) / form / side).iterdir()):
            log = read_eval_log(str(path))
            entry = {"path": str(path), "status": log.status, "results": results_of(log)}
            summary.setdefault(log.eval.task, {})[side] = {**entry, "numbers": numbers_of(log)}
    print("\n" + json.dumps(summary))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
