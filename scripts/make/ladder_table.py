"""Scores on the levels of ladder suites: of strategies that understand nothing, or of a checkpoint.

    python -m scripts.make.ladder_table [--suite ladders]              # the strategies
    python -m scripts.make.ladder_table --base DIR [--suite NAME …] [--limit N | --per-capability N]
                                         [--longest LEVEL] [--max-tokens N] [--json FILE]

Prints Markdown. `--limit` is the number of items of each task that the checkpoint is asked, in
seeded order and from every level its share; `--per-capability` is shared out among the tasks of a
capability. `--max-tokens` shortens answers, of tasks whose own limit is longer. `--json` also keeps
what each task cost: seconds of the clock and of the processor, once the model is loaded, and
tokens. A task that stands in the file with as many items is not asked again, so that a run that was
stopped goes on. Times are of the machine that it runs on.
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from cliffguard.core.items import Item
from cliffguard.core.words import words
from cliffguard.suites.loading import load_suites
from scripts.make.model_scores import Ask, keep, measured_rows, model_scores, read

Strategy = Callable[[Item], Sequence[str]]
"""Returns the choices that it leaves open, among which it guesses; none: it has nothing to say."""


def _places(item: Item) -> dict[str, int]:
    """Return where each choice stands last in the prompt, if it does."""
    text = f" {' '.join(words(item.prompt))} "
    positions = {choice: text.rfind(f" {' '.join(words(choice))} ") for choice in item.choices}
    return {choice: position for choice, position in positions.items() if position >= 0}


def _best(item: Item, value: Callable[[str], float]) -> list[str]:
    """Return the choices of the largest value."""
    values = {choice: value(choice) for choice in item.choices}
    return [choice for choice in item.choices if values[choice] == max(values.values())]


def first_named(item: Item) -> list[str]:
    """Pick the choice that is named first."""
    places = _places(item)
    return [min(places, key=places.__getitem__)] if places else []


def last_named(item: Item) -> list[str]:
    """Pick the choice that is named last."""
    places = _places(item)
    return [max(places, key=places.__getitem__)] if places else []


def most_named(item: Item) -> list[str]:
    """Pick the choice that the prompt names most often, or guess among several."""
    counted = Counter(words(item.prompt))
    return _best(item, lambda choice: counted[choice.casefold()])


def after_cue(item: Item) -> list[str]:
    """Pick the first choice after the place where the prompt's last words stand before."""
    text = words(item.prompt)
    for length in (3, 2, 1):
        cue = text[-length:]
        for start in range(len(text) - length):
            if text[start : start + length] == cue:
                lowered = {choice.casefold(): choice for choice in item.choices}
                return [lowered[w] for w in text[start + length :] if w in lowered][:1]
    return []


def most_alike(item: Item) -> list[str]:
    """Pick the choice that shares most words with the other choices."""
    sets = {choice: set(words(choice)) for choice in item.choices}
    return _best(
        item,
        lambda choice: sum(len(sets[choice] & sets[other]) for other in sets if other != choice),
    )


def least_alike(item: Item) -> list[str]:
    """Pick the choice that shares fewest words with the other choices."""
    sets = {choice: set(words(choice)) for choice in item.choices}
    return _best(
        item,
        lambda choice: -sum(len(sets[choice] & sets[other]) for other in sets if other != choice),
    )


def a_step_away(item: Item) -> list[str]:
    """Pick the number that most of the others miss by 1, 2, 3 or 10, the gaps between choices."""
    if not all(choice.lstrip("-").isdigit() for choice in item.choices):
        return []
    return _best(
        item,
        lambda choice: sum(
            abs(int(choice) - int(other)) in (1, 2, 3, 10) for other in item.choices
        ),
    )


STRATEGIES: dict[str, Strategy] = {
    "first named": first_named,
    "last named": last_named,
    "most named": most_named,
    "after cue": after_cue,
    "longest": lambda item: [max(item.choices, key=len)],
    "shortest": lambda item: [min(item.choices, key=len)],
    "most alike": most_alike,
    "least alike": least_alike,
    "a step away": a_step_away,
}


def strategy_score(items: Sequence[Item], pick: Strategy) -> float:
    """Return the share of items that a strategy has right; where it is silent, it guesses."""
    total = 0.0
    for item in items:
        left = pick(item) or item.choices
        total += (item.answer in left) / len(left)
    return total / len(items)


def print_model(base: str, ask: Ask, path: Path | None, name: str) -> None:
    """Print what a checkpoint scores on each level, and keep it where that is asked for."""
    print("| task | level | items | score | 90 % | time |\n| --- | --- |" + " ---: |" * 4)
    there = read(path).get("costs", []) if path is not None else []
    for task, by_level, cost in model_scores(base, ask, there):
        rows = measured_rows(task, by_level)
        for row in rows:
            reach = f"{100 * row['low']:.0f}–{100 * row['high']:.0f}"
            took = f"{cost['seconds']:.0f} s" if row is rows[0] else ""
            cells = (task.name, f"{task.level} {row['level']}", str(row["n_items"]))
            columns = (*cells, f"{100 * row['score']:.0f}", reach, took)
            print(f"| {' | '.join(columns)} |", flush=True)
        if path is not None:
            keep(path, name, rows, cost)


def print_strategies(suites: Sequence[str]) -> None:
    """Print what strategies that understand nothing score, on all items of each level."""
    print(f"| task | level | items | {' | '.join(STRATEGIES)} |")
    print("| --- | --- | ---: |" + " ---: |" * len(STRATEGIES))
    for loaded in load_suites(suites):
        for task in (task for capability in loaded.capabilities for task in capability.tasks):
            for level in sorted({item.level or 0 for item in task.items}):
                items = [item for item in task.items if item.level == level]
                scores = [
                    f"{100 * strategy_score(items, pick):.0f}" for pick in STRATEGIES.values()
                ]
                print(
                    f"| {task.name} | {task.level} {level} | {len(items)} | {' | '.join(scores)} |"
                )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="a checkpoint; without it, the strategies")
    parser.add_argument("--name", help="what the checkpoint is called; without it as its folder")
    parser.add_argument("--suite", action="append", help="repeatable (ladders)")
    parser.add_argument("--limit", type=int, help="items of each task")
    parser.add_argument("--per-capability", type=int, help="items of each capability")
    parser.add_argument("--longest", type=int, help="the highest level that is asked")
    parser.add_argument("--max-tokens", type=int, help="the most that an answer has")
    parser.add_argument("--json", type=Path, help="also keep scores and costs in this file")
    arguments = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    suites = arguments.suite or ["ladders"]
    if arguments.base is None:
        print_strategies(suites)
        return
    ask = Ask(
        suites=suites,
        limit=arguments.limit,
        n_per_capability=arguments.per_capability,
        longest=arguments.longest,
        max_tokens=arguments.max_tokens,
    )
    print_model(arguments.base, ask, arguments.json, arguments.name or Path(arguments.base).name)


if __name__ == "__main__":
    main()
