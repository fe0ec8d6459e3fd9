"""Self-comparison (noise floor, nondeterminism): one checkpoint in other batches, dtype or device.

What changes between the two is the instrument and not the model. How many answers flip says what
a fine-tune's churn is at least; a mean that moves says that the instrument is not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from cliffguard.compare.case import Case
from cliffguard.compare.comparison import compare
from cliffguard.compare.pairs import Pair, pair_answers
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Suite
from cliffguard.core.progress import Progress, silent
from cliffguard.core.settings import Plan, Policy
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import Measurement, measure, unheard
from cliffguard.evaluate.packing import settled
from cliffguard.evaluate.schedule import Schedule
from cliffguard.gate import with_margins
from cliffguard.run.templates import with_template
from cliffguard.runners import Runner
from cliffguard.stats.interval import Interval
from cliffguard.stats.multiplicity import holm
from cliffguard.store.answers import Store
from cliffguard.suites.target import suites_of

REPLICATES = {"batches": 1, "device": 2, "packing": 3}
"""Under which number the second answers are stored, by what is other; a dtype has its own key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityNoise:
    """One capability, asked twice. `drop` is first mean minus second.

    `p_drift` is two-sided, of "the mean did not move", Holm-adjusted over the capabilities.
    """

    capability: str
    n_items: int
    n_worse: int
    n_better: int
    drop: float
    drop_interval: Interval
    p_drift: float
    margin: float
    has_drifted: bool

    @property
    def flips(self) -> float:
        """Share of items whose score changed."""
        return (self.n_worse + self.n_better) / self.n_items

    @property
    def reaches_margin(self) -> bool:
        """Return whether as many items flip as the margin tolerates to be lost."""
        return self.flips >= self.margin


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """What became of a checkpoint against itself; `against` says what was other.

    `unscored` are the capabilities of which no item had a score both times.
    """

    checkpoint: str
    against: str
    confidence: float
    capabilities: tuple[CapabilityNoise, ...]
    unscored: tuple[str, ...]


def measure_noise(
    checkpoint: Checkpoint,
    plan: Plan,
    other: Plan,
    *,
    store: Store,
    make_runner: Callable[[Plan], Runner],
    progress: Progress = silent,
    tell: Callable[[str], None] = unheard,
) -> NoiseFloor:
    """Ask a checkpoint as `plan` says and as `other` does, and compare the two.

    The floor of every task is noted beside the first answers, where planning finds it.
    """
    suites = suites_of(plan)
    plan, other = with_template(plan, suites), with_template(other, suites)
    policy = _policy(plan, suites)
    sides: list[Measurement] = []
    dtypes: list[str] = []
    packings: list[str] = []
    for run, replicate in ((plan, 0), (other, _replicate(plan, other))):
        runner = make_runner(run)
        dtypes.append(runner.dtype(run.protocol))
        tasks = runner.resolve(suites, run.protocol)
        protocol, _ = settled(
            run.protocol, (checkpoint,), tasks, runner=runner, store=store, tell=tell
        )
        packings.append(protocol.packing)  # as the checkpoint bears it
        look = Schedule(tasks, protocol).everything()
        side = measure(
            checkpoint, look, protocol=protocol, store=store, runner=runner,
            replicate=replicate, progress=progress, tell=tell,
        )  # fmt: skip
        _refuse_elsewhere(side, runner)
        sides.append(side)
        del runner  # its weights leave memory before the other's enter
    # Of an instrument, items are not a sample: which passage they are on does not matter.
    pairs = [replace(p, item=replace(p.item, cluster=None)) for p in pair_answers(look, *sides)]
    against = _described(plan, other, dtypes, packings)
    _note(pairs, sides[0].questions, look, store, against)
    case = Case(
        base=checkpoint, candidate=checkpoint, suites=suites, policy=policy, protocol=plan.protocol
    )
    compared = partial(_compared, look, case)
    there = compared(pairs)
    back = compared([replace(pair, base=pair.candidate, candidate=pair.base) for pair in pairs])
    p_values = holm([_two_sided(*both) for both in zip(there, back, strict=True)])
    names = [capability.name for suite in suites for capability in suite.capabilities]
    scored = {capability.capability for capability in there}
    return NoiseFloor(
        checkpoint=checkpoint.label,
        against=against,
        confidence=1.0 - 2.0 * policy.alpha,
        capabilities=tuple(
            _noise_of(capability, p_drift, policy)
            for capability, p_drift in zip(there, p_values, strict=True)
        ),
        unscored=tuple(name for name in names if name not in scored),
    )


def _compared(look: Look, case: Case, pairs: Sequence[Pair]) -> list[CapabilityComparison]:
    """Return what a checkpoint's answers come to against its own, where any has a score."""
    rows = compare(pairs, case, look=look).capabilities
    return [row for row in rows if row.counts.n_items and row.behaviour is None]


def _refuse_elsewhere(side: Measurement, runner: Runner) -> None:
    """Refuse answers from the store that another device gave: they are not what was asked for."""
    here = runner.notes().get("device")
    others = [line for line in side.measured_on if f"device {here}" not in line.split(", ")]
    if here is not None and others:
        raise UsageError(
            f"the store holds answers to this that were measured elsewhere ({others[0]}), not on "
            f"{here}; give another --store",
            id="store.measured-elsewhere",
        )


def _described(plan: Plan, other: Plan, dtypes: Sequence[str], packings: Sequence[str]) -> str:
    """Say what is other in the second measurement."""
    changed = []
    if dtypes[0] != dtypes[1]:
        changed.append(f"dtype {dtypes[1]}")
    if plan.runner.device != other.runner.device:
        changed.append(f"device {other.runner.device}")
    if plan.runner.batch_size != other.runner.batch_size:
        changed.append("one sequence at a time")
    if (packings[0] == "plain") != (packings[1] == "plain"):  # auto, where nothing is tried, packs
        changed.append(f"packing {packings[1]}")
    return ", ".join(changed) or "asked again"


def _replicate(plan: Plan, other: Plan) -> int:
    if plan.runner.device != other.runner.device:
        return REPLICATES["device"]
    is_packed_otherwise = plan.protocol.packing != other.protocol.packing
    return REPLICATES["packing" if is_packed_otherwise else "batches"]


def _policy(plan: Plan, suites: Sequence[Suite]) -> Policy:
    """Return the plan's policy for an instrument: there are no later runs to keep anything for."""
    policy = with_margins(plan.policy or Policy(), suites)
    return replace(policy, estimand="capability", target=None, reserve=0.0, mean_margin=None)


def _two_sided(there: CapabilityComparison, back: CapabilityComparison) -> float:
    assert there.evidence.p_drop is not None
    assert back.evidence.p_drop is not None
    return min(1.0, 2.0 * min(there.evidence.p_drop, back.evidence.p_drop))


def _noise_of(capability: CapabilityComparison, p_drift: float, policy: Policy) -> CapabilityNoise:
    assert capability.evidence.drop is not None
    assert capability.evidence.drop_interval is not None
    return CapabilityNoise(
        capability=capability.capability,
        n_items=capability.counts.n_items,
        n_worse=capability.counts.n_broken,
        n_better=capability.counts.n_fixed,
        drop=capability.evidence.drop,
        drop_interval=capability.evidence.drop_interval,
        p_drift=p_drift,
        margin=capability.evidence.margin,
        has_drifted=p_drift <= policy.alpha,
    )


def _note(
    pairs: Sequence[Pair], questions: Sequence[str], look: Look, store: Store, against: str
) -> None:
    for series, key in zip(look, questions, strict=True):
        scored = [p for p in pairs if p.task.name == series.task.name and p.gates and p.is_scored]
        flips = sum(pair.is_broken or pair.is_fixed for pair in scored)
        store.entry(key).write_noise({"against": against, "items": len(scored), "flips": flips})
