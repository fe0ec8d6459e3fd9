"""Optional diagnostics that need loaded models: embedding distance and KL drift (`--screen`).

Two screens, neither of which decides anything: how far each capability lies from the fine-tuning
data, and how far the candidate's predictions have moved from its base's. Both read a few prompts of
each capability, the first of the run's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from cliffguard.compare.diagnostics.distance import Coverage, coverage, distances, drifts
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.diagnostics import Distance, Drift
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Task
from cliffguard.core.progress import Progress, Step
from cliffguard.core.settings import Plan
from cliffguard.store.shards import in_order

if TYPE_CHECKING:
    from cliffguard.runners import Runner
    from cliffguard.suites.train_data import TrainingText

N_PLACED = 100
"""Prompts of a capability whose distance is measured."""

N_TRAINING = 400
"""Texts of the fine-tuning data, drawn from all, that stand for it."""

N_PRODUCTION = 500
"""Production prompts, drawn from all, that are compared with the items."""

N_READ = 32
"""Prompts of a capability after which predictions are compared."""

_PLACES = 3  # decimals: what batches and devices change lies behind them


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    """What was found of each capability, by its name; nothing of one that was not screened."""

    distances: Mapping[str, Distance] = field(default_factory=dict)
    shifts: Mapping[str, Drift] = field(default_factory=dict)


def check_screens(plan: Plan, runner: Runner) -> None:
    """Refuse, before anything is asked, a screen that the plan wants and the runner cannot take."""
    if plan.screen and not runner.loads_models:
        raise UsageError(
            f"screen: the runner {runner.identity.partition(':')[0]} gives answers, not "
            "distributions; leave screen out, or use the runner cliffguard or hf",
            id="screen.no-distributions",
        )


def take_screens(
    plan: Plan,
    tasks: Sequence[Task],
    training: Sequence[TrainingText],
    *,
    base: Checkpoint,
    candidate: Checkpoint,
    runner: Runner,
    progress: Progress,
) -> Screens:
    """Return distances where there are training texts, and shifts where the plan asks for them.

    Distances are left out where the models are not loaded here. Raises what the runner raises for
    a model that cannot be read.
    """
    prompts = _prompts(tasks, plan)
    screens = Screens()
    if training and runner.loads_models:
        screens = replace(
            screens, distances=_distances(plan, prompts, training, base, runner, progress)
        )
    if plan.screen:
        some = [(name, prompt) for name, group in prompts.items() for prompt in group[:N_READ]]
        progress(_step(candidate, "predictions", 0, len(some)))
        read = runner.diverge(base, candidate, [prompt for _, prompt in some], plan.protocol)
        by_capability = drifts(read, [name for name, _ in some])
        progress(_step(candidate, "", len(some), len(some)))
        screens = replace(
            screens, shifts={name: _rounded_drift(shift) for name, shift in by_capability.items()}
        )
    return screens


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """A production prompt, and the item that it is most like."""

    prompt: TrainingText
    item: str
    capability: str
    similarity: float


def cover(
    plan: Plan,
    tasks: Sequence[Task],
    production: Sequence[TrainingText],
    *,
    base: Checkpoint,
    runner: Runner,
    progress: Progress,
) -> tuple[Coverage, tuple[Uncovered, ...]]:
    """Return how much of production the tasks' items are like, and the prompts least like any.

    Of many prompts `N_PRODUCTION` are drawn. Raises UsageError where the model is not loaded here.
    """
    prompts, drawn = _prompts(tasks, plan), _drawn(production, plan.protocol.seed, N_PRODUCTION)
    pairs = [(name, text) for name, group in prompts.items() for text in group]
    texts = [sample.text for sample in drawn] + [text for _, text in pairs]
    progress(_step(base, "texts", 0, len(texts)))
    vectors = runner.embed(base, texts, plan.protocol)
    progress(_step(base, "", len(texts), len(texts)))
    covered = coverage(vectors[: len(drawn)], vectors[len(drawn) :], [name for name, _ in pairs])
    least = tuple(
        Uncovered(
            prompt=drawn[neighbour.prompt],
            item=pairs[neighbour.item][1],
            capability=neighbour.capability,
            similarity=round(neighbour.similarity, _PLACES),
        )
        for neighbour in covered.least
    )
    return covered, least


def _prompts(tasks: Sequence[Task], plan: Plan) -> dict[str, list[str]]:
    """Return at most `N_PLACED` prompts of what gates in each capability, its tasks in turns."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for task in tasks:
        items = [item for item in in_order(task, plan.protocol) if task.gates(item)]
        group = groups.setdefault(task.capability, [])
        group += [(turn, item.prompt) for turn, item in enumerate(items[:N_PLACED])]
    sort = {name: sorted(group, key=lambda pair: pair[0]) for name, group in groups.items()}
    return {
        name: [prompt for _, prompt in group[:N_PLACED]] for name, group in sort.items() if group
    }


def _distances(
    plan: Plan,
    prompts: Mapping[str, Sequence[str]],
    training: Sequence[TrainingText],
    base: Checkpoint,
    runner: Runner,
    progress: Progress,
) -> dict[str, Distance]:
    drawn = _drawn(training, plan.protocol.seed, N_TRAINING)
    texts = [sample.text for sample in drawn] + [
        text for group in prompts.values() for text in group
    ]
    progress(_step(base, "distances", 0, len(texts)))
    vectors = runner.embed(base, texts, plan.protocol)
    progress(_step(base, "", len(texts), len(texts)))
    ends = np.cumsum([len(drawn), *(len(group) for group in prompts.values())])
    data, *parts = np.split(vectors, ends[:-1])
    by_capability = distances(dict(zip(prompts, parts, strict=True)), data)
    return {name: _rounded(distance) for name, distance in by_capability.items()}


def _step(side: Checkpoint, what: str, n_done: int, n_texts: int) -> Step:
    return Step(side=f"{side.label}, screens", task=what, n_done=n_done, n_items=n_texts)


def _drawn(texts: Sequence[TrainingText], seed: int, n_texts: int) -> list[TrainingText]:
    if len(texts) <= n_texts:
        return list(texts)
    chosen = np.random.default_rng(seed).choice(len(texts), n_texts, replace=False)
    return [texts[number] for number in sorted(chosen)]


def _rounded(distance: Distance) -> Distance:
    values = {name: round(getattr(distance, name), _PLACES) for name in ("median", "low", "high")}
    return replace(distance, **values)


def _rounded_drift(shift: Drift) -> Drift:
    names = ("median_nats", "low_nats", "high_nats", "agreement")
    return replace(shift, **{name: round(getattr(shift, name), _PLACES) for name in names})
