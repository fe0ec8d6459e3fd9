"""Which hidden states tell the built-in tasks apart: behind which block, in which frame.

    python -m scripts.studies.embedding --base DIR [--items 50] [--also NAME=FILE.jsonl ...]

Prints Markdown: how often the nearest centroid (of five examples a task, ten draws) is that of the
right task, by block, with and without the first token of a text, raw, centred, and centred and
scaled. Then, at the block that the engine reads, the distances from the demo's training data and
which share of prompts is found uncovered, drawn like the items and of a capability left out.
`--also` names a task of one's own, a text under "prompt" in every line; these have a table apart.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cliffguard.compare.diagnostics.distance import coverage, distances
from cliffguard.engine.embedding import embed, pooled
from cliffguard.engine.lm import CliffguardLM
from cliffguard.suites.loading import load_suites
from scripts.make.items.tickets import training_examples
from scripts.studies.page import table

SUITES = ("support-tickets", "adjacent")
N_EXAMPLES = 5
N_DRAWS = 10
FRAMES = ("raw", "centred", "scaled")


def framed(vectors: Any, fitted: Any, frame: str) -> Any:
    """Return vectors of length 1, in a frame of those that are known."""
    if frame != "raw":
        vectors = vectors - vectors[fitted].mean(axis=0)
    if frame == "scaled":
        vectors = vectors / vectors[fitted].std(axis=0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def accuracy(vectors: Any, names: Any, frame: str) -> float:
    """Return how often the nearest centroid is the right one."""
    kinds, hits = np.unique(names), []
    for draw in range(N_DRAWS):
        rng = np.random.default_rng(draw)
        fitted = np.zeros(len(names), dtype=bool)
        for kind in kinds:
            fitted[rng.permutation(np.flatnonzero(names == kind))[:N_EXAMPLES]] = True
        moved = framed(vectors, fitted, frame)
        centroids = np.stack([moved[fitted & (names == kind)].mean(axis=0) for kind in kinds])
        centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
        hits.append(np.mean(kinds[(moved[~fitted] @ centroids.T).argmax(axis=1)] == names[~fitted]))
    return float(np.mean(hits))


def by_block(lm: Any, texts: list[str], names: Any) -> list[dict[str, Any]]:
    """Return a row per block: accuracies of every way to make vectors of it."""
    layers = [1, *range(2, lm.model.config.num_hidden_layers + 1, 2)]
    by_skip: dict[int, Any] = {n: pooled(lm, texts, layers=layers, n_skipped=n) for n in (0, 1)}
    return [
        {"block": f"{layer}"}
        | {
            f"{frame}, {'all tokens' if n == 0 else 'without the first'}": accuracy(
                by_skip[n][index], names, frame
            )
            for n in by_skip
            for frame in FRAMES
        }
        for index, layer in enumerate(layers)
    ]


def flat(tasks: dict[str, list[str]]) -> tuple[list[str], Any]:
    """Return all texts, and the task of each."""
    return (
        [text for some in tasks.values() for text in some],
        np.array([name for name, some in tasks.items() for _ in some]),
    )


def by_distance(items: dict[str, Any], training: Any) -> list[dict[str, Any]]:
    """Return a row per capability: how far it lies from the demo's training data."""
    return [
        {
            "capability": name,
            "median": f"{distance.median:.2f}",
            "quartiles": f"{distance.low:.2f} to {distance.high:.2f}",
        }
        for name, distance in distances(items, training).items()
    ]


def by_coverage(items: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row per capability: shares uncovered, of its other half and when it is left out."""
    rows = []
    for name, vectors in items.items():
        halves = {**items, name: vectors[::2]}
        others = {other: some for other, some in items.items() if other != name}
        shares = []
        for known, production in ((halves, vectors[1::2]), (others, vectors)):
            named = [label for label, some in known.items() for _ in some]
            shares.append(coverage(production, np.vstack(list(known.values())), named).uncovered)
        rows.append({"capability": name, "its other half": shares[0], "left out": shares[1]})
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--also", action="append", default=[], metavar="NAME=FILE.jsonl")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.base)
    model = AutoModelForCausalLM.from_pretrained(arguments.base, dtype=torch.float32).eval()
    lm = CliffguardLM(model, tokenizer=tokenizer)
    rng = random.Random(0)
    tasks: dict[str, list[str]] = {}
    capability: dict[str, str] = {}
    for suite in load_suites(SUITES):
        for group in suite.capabilities:
            for task in group.tasks:
                prompts = [item.prompt for item in task.items]
                tasks[task.name] = rng.sample(prompts, min(arguments.items, len(prompts)))
                capability[task.name] = group.name
    extra: dict[str, list[str]] = {}
    for name, _, path in (pair.partition("=") for pair in arguments.also):
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        extra[name] = [json.loads(line)["prompt"] for line in lines][: arguments.items]
    texts, names = flat(tasks)
    for some in filter(None, (tasks, extra)):
        print(f"Nearest centroid is the right one, {len(some)} tasks\n")
        print(f"{table(by_block(lm, *flat(some)))}\n", flush=True)

    start = time.perf_counter()
    vectors = embed(lm, texts)
    seconds = time.perf_counter() - start
    n_tokens = sum(len(lm.tok_encode(text)) for text in texts)
    owners = np.array([capability[name] for name in names])
    items = {name: vectors[owners == name] for name in dict.fromkeys(owners.tolist())}
    training = embed(lm, [prompt for prompt, _ in training_examples(200, 11)])
    print(f"Distance from the demo's training data\n\n{table(by_distance(items, training))}\n")
    print(f"Share uncovered\n\n{table(by_coverage(items))}\n")
    print(f"{len(texts)} texts, {n_tokens} tokens, embedded in {seconds:.1f} s")


if __name__ == "__main__":
    main()
