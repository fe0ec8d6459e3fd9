"""Probes: some items that changed are asked again, in other forms, after the verdict.

The candidate is asked what it broke, the base what it had wrong and the candidate right. What they
answer is stored under questions of its own: a probe's task is a part of its task, under a name that
no other task has, so that no answer to it is taken for one to the task itself.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import (
    ChangedFiles,
    CliffguardError,
    InfrastructureError,
    StoreError,
)
from cliffguard.core.items import Item, Task
from cliffguard.core.progress import Progress, silent
from cliffguard.core.settings import EvalSettings
from cliffguard.core.texts import n_things
from cliffguard.evaluate.looks import in_full
from cliffguard.evaluate.measure import TimeUp, measure, n_absent, never, unheard
from cliffguard.evaluate.probe_budget import Changed, Choice, RunTokens, choose, tokens_of
from cliffguard.evaluate.probe_forms import Form, forms_of, shots_for
from cliffguard.runners import Runner, TaskPart
from cliffguard.store.answers import Store

SUITE = "probes"
"""What stands for a suite where probes are stored: `cliffguard store ls` and `prune` go by it."""

_FORMAT = 1  # of what a probe's question says; raising it asks all again

_NO_TOKENS = "a tenth of the run's tokens does not reach for it"

Answers = Mapping[tuple[str, str], Answer]
"""Answers by the name of their task and the id of their item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who is asked again, how the run asked, and who answers; all that a measurement needs."""

    base: Checkpoint
    candidate: Checkpoint
    protocol: EvalSettings
    runner: Runner
    store: Store
    is_time_up: Callable[[], bool] = never
    progress: Progress = silent
    tell: Callable[[str], None] = unheard

    @property
    def sides(self) -> tuple[Checkpoint, Checkpoint]:
        """The candidate, which answered last, and the base."""
        return self.candidate, self.base


@dataclass(frozen=True, slots=True, kw_only=True)
class Reanswered:
    """What came of asking a capability's changed items again.

    `answers` has, by form, those to the items that could be asked in it; `untried` says in one line
    each what could not be asked, and why.
    """

    items: tuple[Changed, ...]
    answers: Mapping[str, Answers]
    untried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasked:
    """The capabilities that were asked again; `why` says of each other one why it was not.

    `tokens` were read and written, whatever came of it.
    """

    capabilities: Mapping[str, Reanswered] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0


def ask_again(asking: Asking, changed: Mapping[str, Sequence[Changed]], run: RunTokens) -> Reasked:
    """Ask changed items again: of each capability what the run's tokens allow.

    `changed` has the capabilities in the order in which they come where not all can be asked.
    Raises no CliffguardError: what keeps it from asking is the reason for every capability.
    """
    if asking.is_time_up():
        return Reasked(why=dict.fromkeys(changed, "the time was up"))
    probing = _Probing(asking, run)
    try:
        return probing.ask(changed)
    except TimeUp:
        why = "the time was up before all was asked again"
    except CliffguardError as failure:
        why = f"asking again failed: {failure.line}"
    return Reasked(why=dict.fromkeys(changed, why), tokens=probing.tokens)


class _Part(NamedTuple):
    """Some items of one task of a capability, on their way to one side under one form."""

    capability: str
    form: Form
    is_broken: bool
    part: TaskPart


class _Probing:
    """One round of probes: what is asked, what came of it, and what could not be tried."""

    def __init__(self, asking: Asking, run: RunTokens) -> None:
        self._asking = asking
        self._run = run
        self._answers: dict[str, dict[str, dict[tuple[str, str], Answer]]] = {}
        self._untried: dict[str, dict[str, None]] = {}  # by capability, each once, in order
        self._foretold: Counter[tuple[bool, str]] = Counter()  # tokens by side and form
        self.tokens = 0

    def ask(self, changed: Mapping[str, Sequence[Changed]]) -> Reasked:
        """Return what came of it."""
        asking = self._asking
        forms, untried = forms_of(asking.protocol, asking.sides)
        choice = choose(changed, forms, self._run, asking.protocol.seed)
        dropped = [f"{form.name}: {_NO_TOKENS}" for form in forms if form not in choice.forms]
        for capability in choice.items:
            self._untried[capability] = dict.fromkeys((*untried, *dropped))
        parts = [part for part in self._parts(choice) if self._is_taken(part)]
        self._foretell(choice, parts)
        for form in choice.forms:
            self._answers[form.name] = {name: {} for name in choice.items}
        for is_broken, side in zip((True, False), asking.sides, strict=True):
            for form in choice.forms:
                self._put(
                    side, form, [p for p in parts if (p.is_broken, p.form) == (is_broken, form)]
                )
        return self._result(choice)

    def _parts(self, choice: Choice) -> list[_Part]:
        """Return what is asked: of each capability, form, task and side the items together."""
        parts = []
        for form in choice.forms:
            for capability, items in choice.items.items():
                for task in {item.task.name: item.task for item in items}.values():
                    of_task = [item for item in items if item.task.name == task.name]
                    parts += self._parts_of(capability, form, task, of_task)
        return parts

    def _parts_of(
        self, capability: str, form: Form, task: Task, items: Sequence[Changed]
    ) -> list[_Part]:
        every = [changed.item for changed in items]
        shots = shots_for(task, every, form.protocol)
        if isinstance(shots, str):
            self._untried[capability][f"{form.name}: {task.name}: {shots}"] = None
            return []
        avoided = frozenset(item.id for item in every) | task.excluded
        parts = []
        for is_broken in (True, False):
            mine = tuple(changed.item for changed in items if changed.is_broken == is_broken)
            if mine:
                part = TaskPart(
                    task=_part_task(task, mine, shots, avoided, form),
                    whole=task,
                    protocol=form.protocol,
                    usual=self._asking.protocol,
                    shots=shots,
                    avoided=avoided,
                )
                parts.append(_Part(capability, form, is_broken, part))
        return parts

    def _is_taken(self, part: _Part) -> bool:
        """Let the runner take a part on; note why it cannot."""
        why = self._asking.runner.take_part(part.part)
        if why is not None:
            self._untried[part.capability][f"{part.form.name}: {part.part.whole.name}: {why}"] = (
                None
            )
        return why is None

    def _foretell(self, choice: Choice, parts: Sequence[_Part]) -> None:
        """Reckon what asking will take, and say it before anything is asked."""
        n_answers = sum(len(part.part.task.items) for part in parts)
        if not n_answers:
            return
        items = {item.key: item for items in choice.items.values() for item in items}
        for part in parts:
            self._foretold[part.is_broken, part.form.name] += sum(
                math.ceil(self._run.cost(items[part.part.whole.name, item.id], part.form))
                for item in part.part.task.items
            )
        n_stored = n_answers - self._n_absent(parts)
        share = 100 * self._foretold.total() / self._run.in_all
        cost = f"about {share:.0f} % of the run's tokens"
        if n_stored == n_answers:
            cost = "stored"
        elif n_stored:
            cost += f"; {n_stored:,} of them are stored"
        self._asking.tell(f"probes: {n_things(n_answers, 'answer', ',')}, {cost}")

    def _n_absent(self, parts: Sequence[_Part]) -> int:
        """Return how many answers are not stored; all where a question cannot be made."""
        asking, n_absent_in_all = self._asking, 0
        for part in parts:
            task, n_items = part.part.task, len(part.part.task.items)
            side = asking.sides[not part.is_broken]
            with contextlib.suppress(CliffguardError):
                n_items = n_absent(
                    side,
                    (in_full(task, task.items),),
                    protocol=part.form.protocol,
                    store=asking.store,
                    runner=asking.runner,
                )
            n_absent_in_all += n_items
        return n_absent_in_all

    def _is_too_dear(self, is_broken: bool, form: Form) -> bool:
        """Return whether a form would no longer fit the budget: answers can be longer than usual.

        The base comes last, and what was asked of the candidate is lost without it.
        """
        still = self._foretold[False, form.name] + is_broken * self._foretold[True, form.name]
        return self.tokens > 0 and self.tokens + still > self._run.budget

    def _put(self, side: Checkpoint, form: Form, parts: Sequence[_Part]) -> None:
        """Ask a side all parts under a form. One that its template cannot give is given up.

        Raises TimeUp where the time was up before all had been asked.
        """
        if form.name not in self._answers or not parts:
            return
        if self._is_too_dear(parts[0].is_broken, form):
            self._give_up(form, _NO_TOKENS)
            return
        asking = self._asking
        try:
            measured = measure(
                side,
                tuple(in_full(p.part.task, p.part.task.items) for p in parts),
                protocol=form.protocol,
                store=asking.store,
                runner=asking.runner,
                is_time_up=asking.is_time_up,
                progress=asking.progress,
            )
        except (InfrastructureError, ChangedFiles, StoreError):
            raise
        except CliffguardError as failure:  # of the template, or of prompts that cannot be built
            self._give_up(form, failure.line)
            return
        for part in parts:
            rows = measured.answers[part.part.task.name]
            self.tokens += sum(map(tokens_of, rows))
            if len(rows) < len(part.part.task.items):
                raise TimeUp("the time is up")
            answers = self._answers[form.name][part.capability]
            answers |= {(part.part.whole.name, answer.item_id): answer for answer in rows}

    def _give_up(self, form: Form, why: str) -> None:
        del self._answers[form.name]
        for untried in self._untried.values():
            untried[f"{form.name}: {why}"] = None

    def _result(self, choice: Choice) -> Reasked:
        """Return what was answered; a capability of which nothing could be asked has a reason."""
        capabilities, why = {}, dict(choice.why)
        for name, items in choice.items.items():
            answers = {form: rows[name] for form, rows in self._answers.items() if rows[name]}
            untried = tuple(self._untried[name])
            if answers:
                capabilities[name] = Reanswered(items=items, answers=answers, untried=untried)
            else:
                why[name] = "; ".join(untried)
        return Reasked(capabilities=capabilities, why=why, tokens=self.tokens)


def _part_task(
    task: Task,
    items: tuple[Item, ...],
    shots: Sequence[Item],
    avoided: frozenset[str],
    form: Form,
) -> Task:
    """Return these items as a task that no other question is taken for."""
    content = digest(
        [
            SUITE,
            _FORMAT,
            task.digest,
            [[item.id, item.digest] for item in items],
            [[shot.id, shot.digest] for shot in shots],
            sorted(avoided) if task.stock else [],
            form.protocol.num_fewshot,
        ]
    )
    name = f"{task.name}:probe-{content[:12]}"
    return replace(
        task,
        name=name,
        entry=name,
        suite=SUITE,
        limit=None,
        items=items,
        digest=content,
        excluded=frozenset(),
        wanted=(),
        fields={},
        terms=None,
    )
