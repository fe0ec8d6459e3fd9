"""Score a checkpoint on the shipped suites with lm-eval, next to chance and trivial heuristics.

    python scripts/calibrate_suites.py --base DIR [--peft DIR] [--answers FILE.json]

Prints Markdown. It is the slow, plain way (lm-eval's own ``HFLM``), which depends on none of the
project's code but the item files, so that both can be compared.
"""

from __future__ import annotations

import argparse
import json
import string
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from items.common import Item, read_jsonl
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

SUITES = Path(__file__).resolve().parent.parent / "suites"
N_THREADS = 2
SMALL_WORDS = frozenset(
    {"a", "an", "and", "at", "in", "is", "it", "of", "so", "the", "that", "to", "was", "we"}
)


def mention(item: Item, pick: Callable[..., str]) -> str | None:
    """Return the choice whose last mention in the prompt is first or last (``min``, ``max``)."""
    text = f" {item['prompt']} ".lower()
    for mark in string.punctuation + "\n":
        text = text.replace(mark, " ")
    found = {c: text.rfind(f" {c.lower()} ") for c in item["choices"]}
    found = {choice: position for choice, position in found.items() if position >= 0}
    return pick(found, key=found.__getitem__) if found else None


def most_frequent(item: Item) -> str | None:
    """Return the choice that the prompt names most often, if it is the only one."""
    words = Counter(item["prompt"].replace(".", " ").replace(",", " ").lower().split())
    ranked = sorted(item["choices"], key=lambda choice: -words[choice.lower()])
    best, second = (words[choice.lower()] for choice in ranked[:2])
    return ranked[0] if best > second else None


def after_cue(item: Item) -> str | None:
    """Return the first choice named after the cue.

    The cue is the last word of the last sentence that the text before it holds too: whoever finds
    it there only has to read on to the next choice.
    """
    text, _, cloze = item["prompt"].replace(",", "").lower().rpartition(". ")
    words = text.replace(".", "").split()
    cues = [w for w in cloze.split() if w in words and w not in SMALL_WORDS]
    if not cues:
        return None
    lowered = {choice.lower(): choice for choice in item["choices"]}
    following = words[words.index(cues[-1]) + 1 :]
    return next((lowered[word] for word in following if word in lowered), None)


HEURISTICS: dict[str, Callable[[Item], str | None]] = {
    "last named": lambda item: mention(item, max),
    "first named": lambda item: mention(item, min),
    "most named": most_frequent,
    "after cue": after_cue,
    "longest": lambda item: max(item["choices"], key=len),
}


def heuristic_score(items: Sequence[Item], name: str) -> float:
    """Return the share of items a heuristic gets right; where it is silent, it guesses."""
    if name == "position":
        return max(Counter(i["choices"].index(i["answer"]) for i in items).values()) / len(items)
    total = 0.0
    for item in items:
        said = HEURISTICS[name](item)
        total += 1 / len(item["choices"]) if said is None else said == item["answer"]
    return total / len(items)


def clean(text: str) -> str:
    """Return the text as ``exact_match`` compares it: stripped, lower case, no punctuation."""
    return text.strip().lower().translate(str.maketrans("", "", string.punctuation)).strip()


def score_choices(model: HFLM, items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return one answer per multiple-choice item, by log-likelihood."""
    requests = [
        Instance("loglikelihood", item, (item["prompt"], f" {choice}"), index)
        for item in items
        for index, choice in enumerate(item["choices"])
    ]
    values = iter(model.loglikelihood(requests))
    answers = []
    for item in items:
        logprobs = [next(values)[0] for _ in item["choices"]]
        said = item["choices"][logprobs.index(max(logprobs))]
        answers.append(
            {"id": item["id"], "said": said, "score": int(said == item["answer"]),
             "logprobs": logprobs}
        )  # fmt: skip
    return answers


def score_generation(model: HFLM, items: Sequence[Item], max_tokens: int) -> list[dict[str, Any]]:
    """Return one answer per generation item: greedy, up to the end of the line."""
    settings = {"until": ["\n"], "max_gen_toks": max_tokens, "do_sample": False}
    requests = [
        Instance("generate_until", item, (item["prompt"], dict(settings)), 0) for item in items
    ]
    texts = model.generate_until(requests)
    return [
        {"id": item["id"], "said": text, "score": int(clean(text) == clean(item["answer"]))}
        for item, text in zip(items, texts, strict=True)
    ]


def tasks() -> list[dict[str, Any]]:
    """Return the tasks of all suites, each with its capability, ring and items."""
    found = []
    for path in sorted(SUITES.glob("*.yaml"), reverse=True):
        suite = yaml.safe_load(path.read_text(encoding="utf-8"))
        for capability, body in suite["capabilities"].items():
            for task in body["tasks"]:
                items = read_jsonl(path.parent / task["items"])
                found.append(
                    {**task, "capability": capability, "ring": body["ring"], "items": items}
                )
    return found


def rows_of(task: dict[str, Any], answers: list[dict[str, Any]]) -> list[list[str]]:
    """Return the table rows of one task: all items, then every level."""
    groups: dict[str, list[int]] = {"all": list(range(len(answers)))}
    if "level" in task:
        levels = defaultdict(list)
        for index, item in enumerate(task["items"]):
            levels[f"{task['level']} {item[task['level']]}"].append(index)
        groups.update(sorted(levels.items()))
    rows = []
    for label, members in groups.items():
        items = [task["items"][i] for i in members]
        score = sum(answers[i]["score"] for i in members) / len(members)
        row = [task["capability"], task["name"], label, str(len(members)), f"{100 * score:.1f}"]
        row += [f"{100 * task['chance']:.1f}", f"{100 * (score - task['chance']):+.1f}"]
        for name in (*HEURISTICS, "position"):
            applies = "choices" in items[0]
            row.append(f"{100 * heuristic_score(items, name):.0f}" if applies else "–")
        rows.append(row)
    return rows


def main() -> None:
    """Score every task, print the table, and keep the answers if asked to."""
    parser = argparse.ArgumentParser(description="Score a checkpoint on the shipped suites.")
    parser.add_argument("--base", required=True, help="directory of the base model")
    parser.add_argument("--peft", help="directory of an adapter")
    parser.add_argument("--answers", type=Path, help="write the answers of every item here")
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    adapter = {"peft": arguments.peft} if arguments.peft else {}
    model = HFLM(
        pretrained=arguments.base, dtype="float32", device="cpu",
        batch_size=arguments.batch_size, **adapter,
    )  # fmt: skip
    head = ["capability", "task", "level", "items", "score", "chance", "margin"]
    head += [*HEURISTICS, "position"]
    table = [head, ["---"] * 3 + ["---:"] * (len(head) - 3)]
    kept, started = {}, time.monotonic()
    for task in tasks():
        if task["metric"] == "acc":
            answers = score_choices(model, task["items"])
        else:
            answers = score_generation(model, task["items"], task["max_tokens"])
        kept[task["name"]] = answers
        table += rows_of(task, answers)
    print(f"{time.monotonic() - started:.0f} s for the answers", file=sys.stderr)
    print("\n".join(f"| {' | '.join(row)} |" for row in table))
    if arguments.answers:
        arguments.answers.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
