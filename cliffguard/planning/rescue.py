"""Rescue (`cliffguard rescue`): an adapter scale at which too much is no longer lost.

Scaled checkpoints lie between base and candidate. Which one is judged is chosen on one half of the
items, by `scale_choice`; whether it passes is judged on the other half, by the ordinary `guard()`,
whose looks and ledger it shares. The judged half had no part in the choice, so that a scale which
lost the margin passes as often as any candidate that did: with alpha.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

from cliffguard.checkpoints.scaled import RECORD_FILE, refuse_unscalable, write_scaled
from cliffguard.checkpoints.sides import find_sides
from cliffguard.compare.repeat_command import drop_plan
from cliffguard.compare.write_review import Decision
from cliffguard.core.errors import UsageError
from cliffguard.core.files import write_whole
from cliffguard.core.half import HalfName
from cliffguard.core.progress import Progress, silent
from cliffguard.core.rescues import RescueRecord, ScalePoint
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Plan
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import n_absent, unheard
from cliffguard.gate import guard
from cliffguard.planning.judged_half import refuse_without_proof, spent_on_scales
from cliffguard.planning.rescue_cost import CountedRunner, RescueCost
from cliffguard.planning.scale_choice import (
    GRID,
    base_point,
    checked_grid,
    chosen_point,
    point_of,
)
from cliffguard.run.halves import Halves, halved
from cliffguard.run.limits import Audience, Limits
from cliffguard.run.look import decide
from cliffguard.run.prepare import Run, prepare
from cliffguard.run.rescued import digests_of, origin_of, text_of
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.suites.read_once import read_once

Say = Callable[[str], None]

_SCALES = ".scales"
"""Below the folder of a rescue: checkpoints that are asked, and not kept."""


@dataclass(kw_only=True)
class Rescue:
    """One rescue on its way: what is scaled, on which halves, and into which folder.

    `tell` hears the cost before, and the curve as it grows.
    """

    plan: Plan
    store: Store
    runner: Runner
    folder: Path
    grid: Sequence[float] = GRID
    stops_early: bool = True
    progress: Progress = silent
    tell: Say = unheard
    points: list[ScalePoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.grid = checked_grid(self.grid)
        if self.plan.half is not None:
            raise UsageError(
                "half: the plan is of the half that an earlier rescue judged; give the plan of all "
                "items",
                id="rescue.half",
            )
        self.base, self.candidate = find_sides(self.plan)
        self._counted = CountedRunner(self.runner)
        self._audience = Audience(self.progress, unheard)

    @property
    def checkpoint_folder(self) -> Path:
        """Where the chosen checkpoint is written."""
        is_adapter = self.candidate.adapter is not None
        return self.folder / ("adapter" if is_adapter else "model")

    def run(
        self, *, witness: Callable[[Decision], None] | None = None, command: str | None = None
    ) -> tuple[RescueRecord, Review | None]:
        """Return the record, and the review of the chosen scale; None where no scale can pass.

        Raises a CliffguardError where the candidate cannot be scaled, the judged half can prove
        nothing, or a comparison cannot be made; what was asked until then is stored.
        """
        with read_once():  # of each scale the same suites
            return self._run(witness, command)

    def _run(
        self, witness: Callable[[Decision], None] | None, command: str | None
    ) -> tuple[RescueRecord, Review | None]:
        refuse_unscalable(self.base, self.candidate)
        whole = self._prepared(self.plan)
        halves = halved(whole.tasks, self.plan.protocol, whole.case.policy)
        _refuse_unsplit(whole, halves)
        cost = self._foretold(whole, halves)
        has_target = any(c.ring == "target" for s in whole.case.suites for c in s.capabilities)
        self.points = [
            base_point(has_target=has_target) if scale == 0.0 else self._tried(scale, halves)
            for scale in self.grid
        ]
        point = chosen_point(self.points)
        record = self._record(halves, None if point is None else point.scale, cost)
        if point is None or point.scale == 1.0:
            self._drop_earlier()
        if point is None:
            self.write(record)
            return record, None
        review = self._judged(point.scale, record, halves, witness, command)
        record = replace(record, outcome=review.verdict.outcome, n_asked=self._counted.n_asked)
        self.write(record)
        return record, review

    def _drop_earlier(self) -> None:
        """Remove the checkpoint that an earlier run of this rescue chose, and the plan of it."""
        if (self.checkpoint_folder / RECORD_FILE).is_file():
            shutil.rmtree(self.checkpoint_folder)
        drop_plan(self.folder)

    def write(self, record: RescueRecord) -> None:
        """Write the record into the folder, and beside the weights of the chosen checkpoint."""
        text = text_of(record)
        write_whole(self.folder / RECORD_FILE, text, follows=False)
        if (self.checkpoint_folder / RECORD_FILE).parent.is_dir():
            write_whole(self.checkpoint_folder / RECORD_FILE, text, follows=False)

    def _half_plan(self, candidate: Path | str, halves: Halves, part: HalfName) -> Plan:
        """Return the plan of one half; of items that are dealt, it has half as many."""
        items = None if self.plan.items is None else max(1, self.plan.items // 2)
        return replace(
            self.plan, candidate=str(candidate), half=halves.half(part), items=items, screen=False
        )

    def _prepared(self, plan: Plan) -> Run:
        limits = Limits(stops_early=False)
        runner = cast(Runner, self._counted)
        return prepare(plan, runner, self.store, None, limits, self._audience, ())

    def _foretold(self, whole: Run, halves: Halves) -> RescueCost:
        """Say what the judged half can prove, and what is asked at the most; return the cost."""
        selection, judged = (
            self._prepared(self._half_plan(self.plan.candidate, halves, part))
            for part in ("selection", "judged")
        )
        self.tell(refuse_without_proof(judged))
        if (spent := spent_on_scales(judged)) is not None:
            self.tell(spent)
        cost = self._cost(whole, selection, judged)
        self.tell(cost.line)
        return cost

    def _cost(self, whole: Run, selection: Run, judged: Run) -> RescueCost:
        """Return what is asked at the most: each side's looks are compared with the store."""
        looks = [run.schedule.everything() for run in (selection, judged)]
        absent = partial(
            n_absent,
            protocol=selection.plan.protocol,
            store=self.store,
            runner=cast(Runner, self._counted),
        )
        n_selection, n_judged = map(_n_items, looks)
        return RescueCost(
            scales=(len(self.grid) - 2) * n_selection + n_judged,
            sides=sum(absent(self.base, look) for look in looks) + absent(self.candidate, looks[0]),
            check=2 * _n_items(whole.schedule.everything()),
        )

    def _tried(self, scale: float, halves: Halves) -> ScalePoint:
        """Return what a scale comes to on the selection half; nothing is noted in the ledger."""
        with self._at_scale(scale) as candidate:
            run = self._prepared(self._half_plan(candidate, halves, "selection"))
            planned = run.schedule.next(None)
            assert planned is not None, "a schedule has at least one look"
            look, measured = run.measure(planned)
            decision, _ = decide(run.case, look, measured, ())
        point = point_of(scale, decision)
        self.tell(f"scale {scale:g} on the selection half: {point.fitness}")
        return point

    @contextmanager
    def _at_scale(self, scale: float) -> Iterator[Path | str]:
        """Yield the candidate at a scale, which is gone behind the block; at 1 it is itself."""
        if scale == 1.0:
            yield self.plan.candidate
            return
        folder = self.folder / _SCALES / f"{scale:g}"
        try:
            write_scaled(self.base, self.candidate, scale, folder)
            yield folder
        finally:
            shutil.rmtree(self.folder / _SCALES, ignore_errors=True)

    def _judged(
        self,
        scale: float,
        record: RescueRecord,
        halves: Halves,
        witness: Callable[[Decision], None] | None,
        command: str | None,
    ) -> Review:
        """Write the chosen checkpoint, and judge it on the half that had no part in the choice."""
        candidate: Path | str = self.plan.candidate
        if scale < 1.0:
            candidate = self.checkpoint_folder
            write_scaled(self.base, self.candidate, scale, self.checkpoint_folder)
        self.write(record)
        return guard(
            replace(self._half_plan(candidate, halves, "judged"), screen=self.plan.screen),
            store=self.store,
            runner=cast(Runner, self._counted),
            stops_early=self.stops_early,
            progress=self.progress,
            witness=witness,
            command=command,
        )

    def _record(self, halves: Halves, chosen: float | None, cost: RescueCost) -> RescueRecord:
        return RescueRecord(
            base=self.base.fingerprint,
            candidate=self.candidate.fingerprint,
            points=tuple(self.points),
            chosen=chosen,
            chosen_on=halves.half("selection"),
            judged=halves.half("judged"),
            outcome=None,
            selection=digests_of(halves.selection),
            n_asked=self._counted.n_asked,
            n_check=cost.check,
            origin=origin_of(self.candidate),
        )


def _n_items(look: Look) -> int:
    return sum(len(series.planned) for series in look)


def _refuse_unsplit(run: Run, halves: Halves) -> None:
    """Refuse a capability that PASS takes a proof of, and that is not in both halves."""
    policy = run.case.policy
    counts = [
        Counter(task.capability for task in tasks for item in task.items if task.gates(item))
        for tasks in halves
    ]
    for capability in (c for suite in run.case.suites for c in suite.capabilities):
        in_each = [count[capability.name] for count in counts]
        is_required = policy.role(capability.name, capability.ring) != "monitored"
        if is_required and any(in_each) and not all(in_each):
            raise UsageError(
                f"{capability.name}: its items cannot be halved, since all are tied together (one "
                "cluster, or one document); give items of several",
                id="rescue.not-halved",
            )
