"""The schedule: order of items, shards, and interim looks, fixed before the first answer.

The order is a function of the seed and the items' ids alone: the same for base and candidate,
and a prefix of it is balanced over the levels of a ladder. The looks are a function of the number
of items; what a look shows decides only whether the next one is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.reviews import Outcome, PlannedLooks, Spending, Verdict
from cliffguard.core.settings import AfterFailure, Estimand, EvalSettings, Policy
from cliffguard.evaluate.looks import (
    Look,
    TaskProgress,
    in_part,
    in_whole_shards,
    look_fractions,
    n_items_at,
)
from cliffguard.store.shards import SHARD_ITEMS, in_order


@dataclass(frozen=True, slots=True)
class ItemShare:
    """The fraction of a capability's tasks that is planned, and the churn by which it was dealt."""

    fraction: float
    churn: float


_NO_SHARES: Mapping[str, ItemShare] = {}


class Schedule:
    """The looks of one run: each capability's next one is taken until it is decided.

    The target is asked in full at once, since its gain is what people want to know. What REGRESSED
    is asked no further either, but for its ladder once the run has failed, which is asked in full
    to show where. `after_failure` says whether a FAIL ends the looks at all others.

    Capabilities that are asked `in_step` have the same fractions at their looks, and those of them
    that HELD are asked on until the mean of all is decided.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        protocol: EvalSettings,
        *,
        in_full: Collection[str] = (),
        stops_early: bool = True,
        after_failure: AfterFailure = "finish",
        estimand: Estimand = "capability",
        shares: Mapping[str, ItemShare] = _NO_SHARES,
        in_step: Collection[str] = (),
    ) -> None:
        """Plan the looks at these tasks; the capabilities `in_full` get a single one.

        Capabilities without a share are planned with all their items.
        """
        self._shares = shares
        self._after_failure = after_failure
        self._tasks = [
            _Planned(task, in_order(task, protocol), shares.get(task.capability)) for task in tasks
        ]
        self._repeats = protocol.repeats
        self._estimand = estimand
        names = dict.fromkeys(task.capability for task in tasks)
        self._in_step = frozenset(in_step) & names.keys()
        self._steps = {
            name: self._planned_looks(name) if stops_early and name not in in_full else (1.0,)
            for name in names
        }
        for planned in self._tasks:
            planned.end_looks_at(self._steps[planned.task.capability])
        self._step = dict.fromkeys(self._steps, -1)
        self.n_looks = 0  # taken so far

    def next(self, verdict: Verdict | None) -> Look | None:
        """Return the next look, or None when `verdict` needs no more or nothing is left.

        The first is taken whatever is planned: nothing at all is a verdict too.
        """
        going_on = self._going_on(verdict)
        if not going_on and self.n_looks:  # of nothing, there is one look
            return None
        self.n_looks += 1
        for capability, step in going_on.items():
            self._step[capability] = step
        for planned in self._tasks:
            step = self._step[planned.task.capability]
            planned.reach(self._steps[planned.task.capability][step])
        return tuple(planned.series() for planned in self._tasks)

    def is_open(self, verdict: Verdict) -> bool:
        """Return whether another look would be taken after this verdict."""
        return bool(self._going_on(verdict))

    def everything(self) -> Look:
        """Return the look at all items at once, whatever looks are taken on the way to it."""
        return tuple(planned.in_one_look() for planned in self._tasks)

    def manifest(self) -> tuple[PlannedLooks, ...]:
        """Return what is fixed before the first answer, for each capability."""
        looks = []
        for name, fractions in self._steps.items():
            tasks = [planned for planned in self._tasks if planned.task.capability == name]
            order = [
                [planned.task.name, [i.id for i in planned.items[: planned.n_planned]]]
                for planned in tasks
            ]
            looks.append(
                PlannedLooks(
                    capability=name,
                    n_items=tuple(
                        sum(planned.n_gating_at(part) for planned in tasks) for part in fractions
                    ),
                    spending=self._spending(tasks, len(fractions)),
                    order=digest(order),
                    churn=self._shares[name].churn if name in self._shares else None,
                )
            )
        return tuple(looks)

    def _spending(self, tasks: Sequence[_Planned], n_looks: int) -> Spending:
        if self._estimand == "suite":
            return "betting"
        if n_looks == 1:
            return "one look"
        is_graded = any(p.task.is_graded(self._repeats) for p in tasks)
        return "betting" if is_graded else "held: cubic, drop: linear"

    def _going_on(self, verdict: Verdict | None) -> Mapping[str, int]:
        """Return the capabilities that are asked more, and the step that they go to."""
        # Before the first verdict all begin; what has had all its items never goes on.
        last = {name: len(steps) - 1 for name, steps in self._steps.items()}
        unfinished = [name for name in self._steps if self._step[name] < last[name]]
        if verdict is None:
            return {name: 0 for name in unfinished}
        outcomes = {finding.capability: finding.outcome for finding in verdict.findings}
        has_failed = verdict.outcome is Outcome.FAIL
        # A loss on a ladder goes to its end at once: FAIL is final, and the rest of the items shows
        # from which level on it is lost.
        ladders = [
            name
            for name in unfinished
            if has_failed and outcomes[name] is Outcome.REGRESSED and self._has_ladder(name)
        ]
        # What is decided is asked no more, unless the mean is still open: it is of all capabilities
        # that are asked in step, the held ones too, at equal fractions.
        is_over = has_failed and self._after_failure == "stop"
        is_mean_open = verdict.mean_held is False and not has_failed
        undecided = [
            name
            for name in unfinished
            if (not is_over and outcomes[name] in (Outcome.INCONCLUSIVE, Outcome.NOT_MEASURED))
            or (is_mean_open and name in self._in_step)
        ]
        return {
            **{name: last[name] for name in ladders},
            **{name: self._step[name] + 1 for name in undecided},
        }

    def _planned_looks(self, capability: str) -> tuple[float, ...]:
        """Return which fraction of a capability is to be had at each of its looks."""
        tasks = [planned for planned in self._tasks if planned.task.capability == capability]
        n_gating = [planned.n_gating_at(1.0) for planned in tasks]
        if not any(n_gating) or self._needs_whole_clusters(tasks):
            return (1.0,)
        if capability in self._in_step:
            return self._common_fractions()
        return look_fractions([planned.n_planned for planned in tasks], n_gating)

    def _common_fractions(self) -> tuple[float, ...]:
        """Return the fractions of what is asked in step: those of a capability of mean size."""
        tasks = [planned for planned in self._tasks if planned.task.capability in self._in_step]
        return look_fractions(
            [planned.n_planned for planned in tasks],
            [planned.n_gating_at(1.0) for planned in tasks],
            n_capabilities=len(self._in_step),
        )

    def _needs_whole_clusters(self, tasks: Sequence[_Planned]) -> bool:
        """Return whether graded scores lie in clusters, which an early look would tear."""
        if self._estimand == "suite":  # of which every item is known, and stands for itself
            return False
        names = [item.cluster for planned in tasks for item in planned.items if item.cluster]
        is_graded = any(planned.task.is_graded(self._repeats) for planned in tasks)
        return is_graded and len(set(names)) < len(names)

    def _has_ladder(self, capability: str) -> bool:
        tasks = [planned.task for planned in self._tasks]
        return any(t.level is not None for t in tasks if t.capability == capability)


def within_window(
    tasks: Sequence[Task], *windows: int | None
) -> tuple[tuple[Task, ...], tuple[Caveat, ...]]:
    """Return the tasks without the levels that are longer than a window, and what was left out.

    Only where a level is a number of tokens; a window is in tokens too (None: unknown).
    """
    window = min((n for n in windows if n is not None), default=None)
    kept, left_out = [], []
    for task in tasks:
        items = task.items
        if window is not None and task.level == "tokens":
            items = tuple(item for item in items if (item.level or 0) <= window)
        if len(items) == len(task.items):
            kept.append(task)
            continue
        # Another order of other items: answers under the whole task's key are not these.
        kept.append(replace(task, items=items, digest=digest([task.digest, "window", window])))
        text = (
            f"{task.name}: levels above {window:,} tokens are left out, where the smaller context "
            "window ends."
        )
        left_out.append(Caveat(id="ladder.beyond-window", text=text))
    return tuple(kept), tuple(left_out)


def plan_looks(
    tasks: Sequence[Task],
    suites: Sequence[Suite],
    protocol: EvalSettings,
    policy: Policy,
    *,
    stops_early: bool = True,
    after_failure: AfterFailure = "finish",
    shares: Mapping[str, ItemShare] = _NO_SHARES,
) -> Schedule:
    """Return the looks of a run of these suites' tasks under a policy."""
    capabilities = [capability for suite in suites for capability in suite.capabilities]
    targets = {capability.name for capability in capabilities if capability.ring == "target"}
    gating = {
        capability.name
        for capability in capabilities
        if policy.role(capability.name, capability.ring) == "gating"
    }
    generates = {task.capability for task in tasks if any(not i.choices for i in task.items)}
    return Schedule(
        tasks,
        protocol,
        # Of answers that stopped where a skill was decided no behaviour could be told.
        in_full=targets | (gating & generates if policy.behaviour else set()),
        stops_early=stops_early,
        after_failure=after_failure,
        estimand=policy.estimand,
        shares=shares,
        in_step=() if policy.mean_margin is None else gating,
    )


class _Planned:
    """One task on its way: its order, and how far it was asked at each look so far."""

    def __init__(self, task: Task, items: tuple[Item, ...], share: ItemShare | None) -> None:
        self.task = task
        self.items = items
        self.n_planned = n_items_at(1.0 if share is None else share.fraction, len(items))
        self.n_by_look: tuple[int, ...] = ()
        self._look_ends: tuple[int, ...] = ()

    def end_looks_at(self, fractions: Sequence[float]) -> None:
        """Note the shards to have by each look of the plan."""
        counted = [n_items_at(fraction, self.n_planned) for fraction in fractions]
        self._look_ends = tuple(in_whole_shards(n) // SHARD_ITEMS for n in counted)

    def n_gating_at(self, fraction: float) -> int:
        """Return how many of the items that count at a look at this fraction of the plan gate."""
        return sum(map(self.task.gates, self.items[: n_items_at(fraction, self.n_planned)]))

    def reach(self, fraction: float) -> None:
        """Plan this fraction for the next look."""
        self.n_by_look = (*self.n_by_look, n_items_at(fraction, self.n_planned))

    def series(self) -> TaskProgress:
        """Return the task as it stands at the last planned look."""
        return in_part(self.task, self.items, self.n_by_look, self.n_planned, self._look_ends)

    def in_one_look(self) -> TaskProgress:
        """Return the task with all that is planned of it."""
        return in_part(self.task, self.items, (self.n_planned,), self.n_planned, self._look_ends)
