"""What was logged elsewhere of two models, joined: the same items in the same order on both sides.

lm-eval's samples, logs of inspect_ai and plain results come to this, each by a reader of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError
from cliffguard.core.hashing import sha256_now
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.reviews import SAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSide:
    """One run: who answered, and the answers by task."""

    checkpoint: Checkpoint
    answers: Mapping[str, tuple[Answer, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Both runs, joined: the same items in the same order on either side.

    `source` says in a review whose samples they are.
    """

    suite: Suite
    base: LoggedSide
    candidate: LoggedSide
    caveats: tuple[Caveat, ...]
    source: str


def suite_of(
    capabilities: Mapping[str, Sequence[str]], tasks: Mapping[str, Task], source: str
) -> Suite:
    """Return what was asked, as a suite of the capabilities that have a task with scores."""
    made = tuple(
        Capability(
            name=name,
            ring="general",
            description="",
            covers=(),
            margin=None,
            tasks=tuple(tasks[task] for task in names if task in tasks),
        )
        for name, names in capabilities.items()
        if any(task in tasks for task in names)
    )
    return Suite(
        name=SAMPLES,
        version=1,
        description=source,
        capabilities=made,
        digest=digest([task.digest for capability in made for task in capability.tasks]),
    )


def identity_of(name: str, files: Sequence[Path]) -> Checkpoint:
    """Return who answered, as far as samples tell: by the bytes of the files."""
    return Checkpoint(
        name=name,
        revision=None,
        weights=sha256_now(*files),
        adapter=None,
        tokenizer="unknown",
        chat_template=None,
        settings="unknown",
        notes=(),
        files=None,
    )


def refuse_half_measured(
    capabilities: Mapping[str, Sequence[str]],
    sides: Sequence[tuple[str, Collection[str]]],
    how: str = "measure it on the other side too, or leave it out of the policy",
) -> None:
    """Raise IntegrityError for a task that only one side has, and that is to be judged.

    `sides` are their names, and the tasks of each.
    """
    lacking = [
        f"{task} only in {sides[1 - side][0]}"
        for tasks in capabilities.values()
        for task in tasks
        for side in (0, 1)
        if task not in sides[side][1]
    ]
    if lacking:
        raise IntegrityError(
            f"the two sides were not asked the same: {'; '.join(lacking)}; {how}",
            id="sides.other-tasks",
        )


def unnamed(there: Sequence[str], capabilities: Mapping[str, Sequence[str]]) -> Iterator[Caveat]:
    """Say which tasks are there and are not judged."""
    named = {task for tasks in capabilities.values() for task in tasks}
    unused = [task for task in there if task not in named]
    if unused:
        text = f"Not judged, since the policy names them nowhere: {', '.join(unused)}."
        yield Caveat(id="samples.unnamed-tasks", text=text)


# --- what every reader remarks -------------------------------------------------------------------


def unscored(tasks: str) -> Caveat:
    """Say which tasks, in words, are not judged for want of a score."""
    text = f"Not judged, since it has no score between 0 and 1 an item: {tasks}."
    return Caveat(id="samples.unscored-task", text=text)


def chosen_metric(task: str, metric: str | None, passed: Mapping[str, str]) -> Caveat:
    """Say by which metric a task is judged, and why not by those that were `passed` over."""
    reasons = "; ".join(f"{name} {why}" for name, why in passed.items())
    text = f"{task} is judged by {metric}, the first that is a score ({reasons})."
    return Caveat(id="samples.chosen-metric", text=text)


def chosen_filter(task: str, chosen: str | None, others: Sequence[str], name: str) -> Caveat:
    """Say by which of several filters, or reducers, a task is judged; `name` is their kind."""
    text = (
        f"{task} is judged by the {name} {chosen}, the first in its file; there are also "
        f"{', '.join(others)} (`filter` in the policy)."
    )
    return Caveat(id="samples.chosen-filter", text=text)


def only_newest(text: str) -> Caveat:
    """Say, by a text, of what only the newest run is judged."""
    return Caveat(id="samples.several-runs", text=text)


def unknown(text: str) -> Caveat:
    """Say, by a text, what such files do not tell."""
    return Caveat(id="results.unknown", text=text)
