"""The benchmark tasks on which the engine is compared with lm-eval's ``hf``, as its requests.

The benchmark files are no part of the project: ``data`` is a folder that holds

    arc/arc_{easy,challenge}.jsonl   query, choices, gold
    piqa/piqa.jsonl                  query, choices, gold
    mmlu/{dev,test}/SUBJECT_*.csv    question, choice0 … choice3, answer
    bbh/TASK.json                    examples: input, target
    gsm8k/{train,test}.jsonl         question, answer
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lm_eval.api.instance import Instance

Kind = Literal["loglikelihood", "loglikelihood_rolling", "generate_until"]
Render = Callable[[str], str]

LETTERS = "ABCD"
N_SHOTS = 5
SUBJECTS = ("astronomy", "high_school_geography", "machine_learning")
REASONING = ("date_understanding", "logical_deduction_three_objects", "object_counting")
UNTIL = ["Q:", "\n\n"]
N_NEW_TOKENS = 128
TEXT_CHARACTERS = 5000  # of a text whose likelihood is asked for: more than a thousand tokens
WINDOW_TOKENS = 384
_LAST_ARC_ITEMS = 500  # those from which shots are drawn, and no question is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The requests of one benchmark, all of one kind.

    `window` is the longest sequence that the model may be shown (None: as long as it can).
    """

    name: str
    kind: Kind
    n_items: int
    requests: list[Instance]
    window: int | None = None


def build(name: str, data: Path, n_items: int, render: Render | None = None) -> Task:
    """Return the first `n_items` items of a task; `render` puts a prompt into a chat template."""
    kind, window, make = _TASKS[name]
    rendered = render or (lambda text: text)
    requests: list[Instance] = []
    n_found = 0
    for arguments in make(data, n_items, rendered):
        n_found += 1
        requests += [Instance(kind, {}, args, number) for number, args in enumerate(arguments)]
    return Task(name=name, kind=kind, n_items=n_found, requests=requests, window=window)


def chat_of(lm: Any) -> Render:
    """Return what puts a text into the model's chat template, as what a user says."""

    def render(text: str) -> str:
        rendered: str = lm.apply_chat_template([{"role": "user", "content": text}])
        return rendered

    return render


def answers(lm: Any, task: Task, requests: Sequence[Instance] | None = None) -> list[Any]:
    """Return lm-eval's answers to a task's requests, or to some of them."""
    chosen = list(task.requests if requests is None else requests)
    before, lm._max_length = lm._max_length, task.window or lm._max_length
    try:
        responses: list[Any] = getattr(lm, task.kind)(chosen, disable_tqdm=True)
    finally:
        lm._max_length = before
    return responses


# --- the tasks -----------------------------------------------------------------------------------

Arguments = Iterator[list[tuple[Any, ...]]]
"""For each item the arguments of its requests."""


def _arc_fixed(name: str, data: Path, n_items: int, render: Render) -> Arguments:
    items = _json_lines(data / "arc" / f"{name}.jsonl")
    head = _solved_arc(items[:N_SHOTS])
    for item in items[N_SHOTS : N_SHOTS + n_items]:
        yield _choices(render(f"{head}{item['query']}\nAnswer:"), item["choices"])


def _arc_drawn(data: Path, n_items: int, render: Render) -> Arguments:
    items = _json_lines(data / "arc" / "arc_easy.jsonl")
    pool = items[-_LAST_ARC_ITEMS:]
    for number, item in enumerate(items[: min(n_items, len(items) - len(pool))]):
        head = _solved_arc(random.Random(number).sample(pool, N_SHOTS))
        yield _choices(render(f"{head}{item['query']}\nAnswer:"), item["choices"])


def _piqa(data: Path, n_items: int, render: Render) -> Arguments:
    for item in _json_lines(data / "piqa" / "piqa.jsonl")[:n_items]:
        yield _choices(render(f"{item['query'].strip()}\nAnswer:"), item["choices"])


def _mmlu(data: Path, n_items: int, render: Render) -> Arguments:
    for subject, count in _spread(n_items, SUBJECTS):
        for _, prompt in mmlu_prompts(data, subject)[:count]:
            yield _choices(render(prompt), LETTERS)


def mmlu_prompts(data: Path, subject: str) -> list[tuple[dict[str, str], str]]:
    """Return a subject's rows of MMLU, each with its prompt after the five shots of lm-eval."""
    title = subject.replace("_", " ")
    head = f"The following are multiple choice questions (with answers) about {title}.\n\n"
    for shot in _mmlu_items(data / "mmlu" / "dev" / f"{subject}_dev.csv")[:N_SHOTS]:
        head += f"{_lettered(shot)} {LETTERS[int(shot['answer'])]}\n\n"
    rows = _mmlu_items(data / "mmlu" / "test" / f"{subject}_test.csv")
    return [(row, head + _lettered(row)) for row in rows]


def _bbh(data: Path, n_items: int, render: Render) -> Arguments:
    for name, count in _spread(n_items, REASONING):
        text = (data / "bbh" / f"{name}.json").read_text(encoding="utf-8")
        examples = json.loads(text)["examples"]
        shots, tested = examples[:3], examples[3 : 3 + count]
        head = "".join(
            f"Q: {shot['input']}\nA: Let's think step by step. We read the question once more and "
            f"check every possible answer against it. Only {shot['target']} agrees with all that "
            f"is said. So the answer is {shot['target']}.\n\n"
            for shot in shots
        )
        for item in tested:
            prompt = f"{head}Q: {item['input']}\nA: Let's think step by step."
            yield [(render(prompt), _settings())]


def _gsm8k(data: Path, n_items: int, render: Render) -> Arguments:
    head = "".join(
        f"Q: {shot['question']}\nA: {_worked(shot['answer'])}\n\n"
        for shot in _json_lines(data / "gsm8k" / "train.jsonl")[:8]
    )
    for item in _json_lines(data / "gsm8k" / "test.jsonl")[:n_items]:
        yield [(render(f"{head}Q: {item['question']}\nA:"), _settings())]


def _rolling(data: Path, n_items: int, render: Render) -> Arguments:
    texts: list[str] = []
    text = ""
    for item in _json_lines(data / "gsm8k" / "train.jsonl"):
        text += f"{item['question']}\n{_worked(item['answer'])}\n\n"
        if len(text) > TEXT_CHARACTERS:
            texts.append(text)
            text = ""
        if len(texts) == n_items:
            break
    for text in texts:
        yield [(render(text),)]


_TASKS: dict[str, tuple[Kind, int | None, Callable[[Path, int, Render], Arguments]]] = {
    "arc_5shot": ("loglikelihood", None, partial(_arc_fixed, "arc_easy")),
    "arc_challenge_5shot": ("loglikelihood", None, partial(_arc_fixed, "arc_challenge")),
    "arc_5shot_drawn": ("loglikelihood", None, _arc_drawn),
    "piqa_0shot": ("loglikelihood", None, _piqa),
    "mmlu_5shot": ("loglikelihood", None, _mmlu),
    "bbh_3shot_cot": ("generate_until", None, _bbh),
    "gsm8k_8shot_cot": ("generate_until", None, _gsm8k),
    "rolling": ("loglikelihood_rolling", None, _rolling),
    "rolling_windows": ("loglikelihood_rolling", WINDOW_TOKENS, _rolling),
}
NAMES = tuple(_TASKS)
_SHARES = {"loglikelihood": 1.0, "generate_until": 0.25, "loglikelihood_rolling": 0.05}


def n_items_of(name: str, n_items: int) -> int:
    """Return how many items of a task to take where `n_items` are wanted of a quick one."""
    return max(1, round(n_items * _SHARES[_TASKS[name][0]]))


# --- pieces of prompts ---------------------------------------------------------------------------


def _choices(context: str, choices: Sequence[str]) -> list[tuple[Any, ...]]:
    return [(context, f" {choice}") for choice in choices]


def _solved_arc(items: Sequence[dict[str, Any]]) -> str:
    return "".join(f"{i['query']}\nAnswer: {i['choices'][i['gold']]}\n\n" for i in items)


def _lettered(item: dict[str, str]) -> str:
    choices = "\n".join(f"{letter}. {item[f'choice{n}']}" for n, letter in enumerate(LETTERS))
    return f"{item['question'].strip()}\n{choices}\nAnswer:"


def _worked(answer: str) -> str:
    steps, _, result = re.sub(r"<<.*?>>", "", answer).rpartition("####")
    return f"{' '.join(steps.split())} The answer is {result.strip()}."


def _settings() -> dict[str, Any]:
    return {"until": list(UNTIL), "max_gen_toks": N_NEW_TOKENS, "do_sample": False}


def _spread(n_items: int, names: Sequence[str]) -> list[tuple[str, int]]:
    """Return how many of `n_items` each name gets, the first ones one more where it is uneven."""
    each, more = divmod(n_items, len(names))
    counts = [each + (number < more) for number in range(len(names))]
    return [(name, count) for name, count in zip(names, counts, strict=True) if count]


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _mmlu_items(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
