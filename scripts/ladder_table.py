"""Scores on the levels of ladder suites: of strategies that understand nothing, or of a checkpoint.

    python scripts/ladder_table.py [--suite ladders]              # the strategies
    python scripts/ladder_table.py --base DIR [--limit N]         # a checkpoint

Prints Markdown. `--limit` is the number of items of each ladder that the checkpoint is asked, in
seeded order and from every level its share. Times are of the machine that it runs on.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from cliffguard.checkpoints import context_window
from cliffguard.constraints import words
from cliffguard.corridor import find_alone
from cliffguard.plans import Plan, Protocol
from cliffguard.records import Item, Task
from cliffguard.runners.harness import HarnessRunner
from cliffguard.schedule import in_order, within_window
from cliffguard.stats.interval import wilson_interval
from cliffguard.suites import load_suites

Strategy = Callable[[Item], Sequence[str]]
"""Returns the choices that it leaves open, among which it guesses; none: it has nothing to say."""


def _places(item: Item) -> dict[str, int]:
    """Return where each choice stands last in the prompt, if it does."""
    text = f" {' '.join(words(item.prompt))} "
    found = {choice: text.rfind(f" {' '.join(words(choice))} ") for choice in item.choices}
    return {choice: place for choice, place in found.items() if place >= 0}


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


def a_step_away(item: Item) -> list[str]:
    """Pick the number that most of the others miss by 1, 2, 3 or 10, as wrong ones are made."""
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
    "a step away": a_step_away,
}


def strategy_score(items: Sequence[Item], pick: Strategy) -> float:
    """Return the share of items that a strategy has right; where it is silent, it guesses."""
    total = 0.0
    for item in items:
        left = pick(item) or item.choices
        total += (item.answer in left) / len(left)
    return total / len(items)


def model_scores(
    base: str, suite: str, limit: int | None
) -> Iterator[tuple[Task, dict[int, list[float]], float]]:
    """Give every ladder with the model's scores by level, and the seconds that they took."""
    plan = Plan(candidate=base, suites=(suite,), protocol=Protocol(limit=limit), offline=True)
    checkpoint, runner = find_alone(plan), HarnessRunner()
    tasks, _ = within_window(
        runner.resolve(load_suites(plan.suites), plan.protocol), context_window(checkpoint)
    )
    for task in tasks:
        asked = in_order(task, plan.protocol)
        start = time.perf_counter()
        answers = runner.ask(checkpoint, task, asked, plan.protocol)
        by_level: dict[int, list[float]] = {}
        for item, answer in zip(asked, answers, strict=True):
            by_level.setdefault(item.level or 0, []).append(answer.score or 0.0)
        yield task, by_level, time.perf_counter() - start


def print_model(base: str, suite: str, limit: int | None) -> None:
    """Print what a checkpoint scores on each level."""
    print("| task | level | items | score | 90 % | time |\n| --- | --- |" + " ---: |" * 4)
    for task, by_level, seconds in model_scores(base, suite, limit):
        for level, scores in sorted(by_level.items()):
            interval = wilson_interval(n_right=sum(scores), n_items=len(scores), confidence=0.9)
            mean = f"{100 * sum(scores) / len(scores):.0f}"
            reach = f"{100 * interval.low:.0f}–{100 * interval.high:.0f}"
            took = f"{seconds:.0f} s" if level == min(by_level) else ""
            cells = (task.name, f"{task.level} {level}", str(len(scores)), mean, reach, took)
            print(f"| {' | '.join(cells)} |", flush=True)


def print_strategies(suite: str) -> None:
    """Print what strategies that understand nothing score, on all items of each level."""
    print(f"| task | level | items | {' | '.join(STRATEGIES)} |")
    print("| --- | --- | ---: |" + " ---: |" * len(STRATEGIES))
    for one in load_suites([suite]):
        for task in (task for capability in one.capabilities for task in capability.tasks):
            for level in sorted({item.level or 0 for item in task.items}):
                items = [item for item in task.items if item.level == level]
                told = [f"{100 * strategy_score(items, pick):.0f}" for pick in STRATEGIES.values()]
                print(f"| {task.name} | {task.level} {level} | {len(items)} | {' | '.join(told)} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="a checkpoint; without it, the strategies")
    parser.add_argument("--suite", default="ladders")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if arguments.base is None:
        print_strategies(arguments.suite)
    else:
        print_model(arguments.base, arguments.suite, arguments.limit)


if __name__ == "__main__":
    main()
