"""Score a checkpoint on the shipped suites with lm-eval, next to chance and trivial heuristics.

    python -m scripts.make.calibrate_suites --base DIR [--peft DIR] [--answers FILE.json]
    python -m scripts.make.calibrate_suites --no-model        # the heuristics alone
    python -m scripts.make.calibrate_suites … --suite NAME --suite NAME

Prints Markdown. *fit to gate*: 15 points above chance, and above every strategy of the surface; of
real models ``scripts.studies.positions`` asks more. It is the slow, plain way (lm-eval's own
``HFLM``): of the project's code it takes the suites, the strategies, and the metrics other than
likelihood and exact match, so that both can be compared. Tasks of lm-eval itself have no items of
ours; they are named and left out.
"""

from __future__ import annotations

import argparse
import json
import string
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.items import Capability, Item, Task
from cliffguard.suites.loading import load_suite
from cliffguard.suites.scorers import SCORERS
from scripts.make.surface_strategies import STRATEGIES, is_fit_to_gate, surface_scores

SUITES = ("support-tickets", "adjacent")  # those of the table in reports/base-scores/README.md
N_THREADS = 2
SMALL_WORDS = frozenset(
    {"a", "an", "and", "at", "in", "is", "it", "of", "so", "the", "that", "to", "was", "we"}
)


def after_cue(item: Item) -> str | None:
    """Return the first choice named after the cue.

    The cue is the last word of the last sentence that the text before it holds too: whoever finds
    it there only has to read on to the next choice.
    """
    text, _, cloze = item.prompt.replace(",", "").lower().rpartition(". ")
    words = text.replace(".", "").split()
    cues = [w for w in cloze.split() if w in words and w not in SMALL_WORDS]
    if not cues:
        return None
    lowered = {choice.lower(): choice for choice in item.choices}
    following = words[words.index(cues[-1]) + 1 :]
    return next((lowered[word] for word in following if word in lowered), None)


HEURISTICS = (*STRATEGIES, "after cue")
"""The last one is a procedure: it is shown, and decides nothing."""


def heuristic_scores(items: Sequence[Item]) -> dict[str, float]:
    """Return the share of items each heuristic gets right; where it is silent, it guesses."""
    scores = surface_scores(items)
    if scores:
        picked = [(after_cue(item), item) for item in items]
        shares = [1 / len(i.choices) if p is None else float(p == i.answer) for p, i in picked]
        scores["after cue"] = sum(shares) / len(items)
    return scores


def clean(text: str) -> str:
    """Return the text as ``exact_match`` compares it: stripped, lower case, no punctuation."""
    return text.strip().lower().translate(str.maketrans("", "", string.punctuation)).strip()


def score_choices(model: Any, task: Task) -> list[dict[str, Any]]:
    """Return one answer per multiple-choice item, by log-likelihood (per character: acc_norm)."""
    from lm_eval.api.instance import Instance

    requests = [
        Instance("loglikelihood", {}, (item.prompt, f" {choice}"), index)
        for item in task.items
        for index, choice in enumerate(item.choices)
    ]
    values = iter(model.loglikelihood(requests))
    answers = []
    for item in task.items:
        logprobs = [next(values)[0] for _ in item.choices]
        lengths = [len(c) if task.metric == "acc_norm" else 1 for c in item.choices]
        ranks = [value / length for value, length in zip(logprobs, lengths, strict=True)]
        picked = item.choices[ranks.index(max(ranks))]
        answers.append(
            {
                "id": item.id,
                "said": picked,
                "score": int(picked == item.answer),
                "logprobs": logprobs,
            }
        )
    return answers


def score_generation(model: Any, task: Task) -> list[dict[str, Any]]:
    """Return one answer per generation item: greedy, up to where the task says that it ends."""
    from lm_eval.api.instance import Instance

    settings = {"until": list(task.stop), "max_gen_toks": task.max_tokens, "do_sample": False}
    requests = [
        Instance("generate_until", {}, (item.prompt, dict(settings)), 0) for item in task.items
    ]
    texts = model.generate_until(requests)
    return [
        {"id": item.id, "said": text, "score": score(task, text, item.answer)}
        for item, text in zip(task.items, texts, strict=True)
    ]


def score(task: Task, response: str, answer: str) -> float:
    """Return the score of a generated answer; exact match is our own, as lm-eval compares."""
    if task.metric == "exact_match":
        return float(clean(response) == clean(answer))
    return SCORERS[str(task.metric)].score(response, answer) or 0.0


def tasks_of(names: Sequence[str]) -> list[tuple[Capability, Task]]:
    """Return the tasks of suites that have items; say which are lm-eval's own."""
    pairs = []
    for suite in map(load_suite, names):
        for capability in suite.capabilities:
            for task in capability.tasks:
                if task.stock:
                    print(f"{suite.name}: {task.name} is lm-eval's, left out", file=sys.stderr)
                else:
                    pairs.append((capability, task))
    return pairs


def rows_of(
    capability: Capability, task: Task, answers: list[dict[str, Any]] | None
) -> list[list[str]]:
    """Return the table rows of one task: all items, then every level. No answers: no scores."""
    groups: dict[str, list[int]] = {"all": list(range(len(task.items)))}
    if task.level is not None:
        levels = defaultdict(list)
        for index, item in enumerate(task.items):
            levels[f"{task.level} {item.level}"].append(index)
        groups.update(sorted(levels.items()))
    rows = []
    for label, members in groups.items():
        items = [task.items[i] for i in members]
        chance = task.chance or 0.0
        row = [capability.name, task.name, label, str(len(members))]
        if answers is not None:
            mean = sum(answers[i]["score"] for i in members) / len(members)
            is_fit = is_fit_to_gate(mean, chance, surface_scores(items))
            row += [f"{100 * mean:.1f}", f"{100 * chance:.1f}", f"{100 * (mean - chance):+.1f}"]
            row.append("yes" if is_fit else "no")
        else:
            row.append(f"{100 * chance:.1f}")
        scores = heuristic_scores(items)
        row += [f"{100 * scores[name]:.0f}" if scores else "–" for name in HEURISTICS]
        rows.append(row)
    return rows


def load_model(base: str, peft: str | None, batch_size: int) -> Any:
    """Return lm-eval's own model of a checkpoint."""
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(N_THREADS)
    adapter = {"peft": peft} if peft else {}
    return HFLM(pretrained=base, dtype="float32", device="cpu", batch_size=batch_size, **adapter)


def arguments_of() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Score a checkpoint on the shipped suites.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--base", help="directory of the base model")
    what.add_argument("--no-model", action="store_true", help="the heuristics alone")
    parser.add_argument("--peft", help="directory of an adapter")
    parser.add_argument(
        "--suite", action="append", help=f"name or path, repeatable ({', '.join(SUITES)})"
    )
    parser.add_argument("--answers", type=Path, help="write the answers of every item here")
    parser.add_argument("--batch-size", type=int, default=32)
    return parser.parse_args()


def main() -> None:
    """Score every task, print the table, and keep the answers if asked to."""
    arguments = arguments_of()
    tasks = tasks_of(arguments.suite or SUITES)
    model = None
    if not arguments.no_model:
        model = load_model(arguments.base, arguments.peft, arguments.batch_size)
    head = ["capability", "task", "level", "items"]
    head += ["chance"] if model is None else ["score", "chance", "margin", "fit to gate"]
    head += HEURISTICS
    table = [head, ["---"] * 3 + ["---:"] * (len(head) - 3)]
    kept, started = {}, time.monotonic()
    for capability, task in tasks:
        if model is not None:
            by_likelihood = bool(task.items[0].choices)
            kept[task.name] = (score_choices if by_likelihood else score_generation)(model, task)
        table += rows_of(capability, task, kept.get(task.name))
    if model is not None:
        print(f"{time.monotonic() - started:.0f} s for the answers", file=sys.stderr)
    print("\n".join(f"| {' | '.join(row)} |" for row in table))
    if arguments.answers:
        arguments.answers.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
