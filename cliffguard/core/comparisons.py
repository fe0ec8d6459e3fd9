"""What a comparison found of every capability, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cliffguard.core.behaviours import Behaviour, behaviour_of
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.diagnostics import Diagnostics
from cliffguard.core.settings import Ring
from cliffguard.stats.interval import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What two capabilities have in common: documents that both ask about.

    `covariance` is that of their mean drops, if neither dropped.
    """

    capabilities: tuple[str, str]
    n_documents: int
    covariance: float


_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityCounts:
    """What became of a capability's items, from the plan to the pairs that count.

    `n_asked` of `n_planned` items were put to both sides, in `n_looks` looks; `n_excluded` more
    are in the training data, and counted nowhere else. Copies of an item count once: `n_copies`
    rows are left out for that. `n_items` have a score on both; `n_unscored` lack one for want of an
    answer (`n_missing_base`, `n_missing_candidate` by side), and `n_lost` of these could be losses.
    Answers that nobody can read are scored 0 (`n_unreadable_base`, `n_unreadable_candidate`).
    Of the length `n_cut_base` and `n_cut_candidate` answers were ended by the token limit.
    Broken and fixed items have a lower and a higher score under the candidate. They lie in
    `n_clusters` groups (None: every item stands alone). Without the limit of
    one side there would be `n_in_all` items (None: it had none). `n_empty` more items lie at levels
    of a ladder at which the base has nothing to lose, and `n_surface` at levels that measure how
    items look; they count nowhere.
    """

    n_planned: int
    n_asked: int
    n_looks: int
    n_items: int
    n_unscored: int
    n_lost: int
    n_broken: int
    n_fixed: int
    n_excluded: int = 0
    n_copies: int = 0
    n_missing_base: int = 0
    n_missing_candidate: int = 0
    n_unreadable_base: int = 0
    n_unreadable_candidate: int = 0
    n_cut_base: int = 0
    n_clusters: int | None = None
    n_empty: int = 0
    n_in_all: int | None = None
    n_surface: int = 0
    n_cut_candidate: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityEvidence:
    """What the items that count say of a drop. Nothing is decided here.

    `n_effective` is the number of items over the design effect of clusters, which are as good as
    `n_effective_clusters` of one size (None: every item stands alone). `square` is the mean square
    of an item's change. Means, drop, p-values are None when there is no scored pair.
    `chance` is what guessing earns on the items that the base answered (None: not known of any),
    and `skill` what the base has beyond it there, whether or not the candidate answered.

    `margin` is what the p-values were asked about, each one-sided and not adjusted: `p_held` of
    "the drop is the margin or more", `p_drop` of "there is none", `p_beyond` of "it is the margin
    or less". Of a target the margin is minus the demanded gain, and `p_drop`, like `p_beyond`, is
    of "the gain is above it". Of a suite that is the contract, `p_drop` is of "the drop is less
    than the margin". `level` is the alpha that this run may spend on the capability, `next_level`
    what a further run with more items could (0: nothing is left; None: the looks of other runs were
    not asked about, and both are of a first run). With `is_surface` no level measures the skill on
    this base: the numbers are of all levels, and decide nothing.
    """

    n_effective: float
    square: float
    base_mean: float | None
    candidate_mean: float | None
    drop: float | None
    drop_interval: Interval | None
    margin: float
    p_held: float | None
    p_drop: float | None
    p_beyond: float | None
    method: str
    chance: float | None = None
    skill: float | None = None
    n_effective_clusters: float | None = None
    level: float | None = None
    next_level: float | None = None
    is_surface: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityComparison:
    """Paired scores of one capability over its gating items. Nothing is decided here.

    Of a behaviour, which stands beside the capabilities, a score is 1 for an answer that does not
    show it, and the items are all generated answers; of the length the base's mean is 1, the
    candidate's is relative to it, and the drop is the change either way.
    """

    capability: str
    suite: str
    ring: Ring
    counts: CapabilityCounts
    evidence: CapabilityEvidence
    diagnostics: Diagnostics

    @property
    def has_nothing_to_lose(self) -> bool:
        """Return whether all that the base has beyond guessing is within the margin."""
        if self.evidence.base_mean is None:  # nothing was scored on both sides, which says nothing
            return False
        skill = self.evidence.skill
        if skill is None:  # of a review that does not say it
            skill = self.evidence.base_mean - (self.evidence.chance or 0.0)
        return skill <= self.evidence.margin + _ROUNDING

    @property
    def cannot_fail(self) -> bool:
        """Return whether no drop of it would be a loss: there is none to lose, or none to see."""
        return self.has_nothing_to_lose or self.evidence.is_surface

    @property
    def behaviour(self) -> Behaviour | None:
        """Return the behaviour that it is about; None: a capability."""
        return behaviour_of(self.capability, self.suite)

    @property
    def is_finished(self) -> bool:
        """Return whether every planned item was asked."""
        return self.counts.n_asked >= self.counts.n_planned

    @property
    def direction(self) -> Literal["higher", "lower", "mixed"]:
        """Which way the metrics of its tasks point: means of "lower" and "mixed" are turned."""
        if self.behaviour is not None:
            return "higher" if self.behaviour == "length" else "lower"
        lower = {task.lower_is_better for task in self.diagnostics.tasks}
        return "mixed" if len(lower) == 2 else "lower" if lower == {True} else "higher"

    def in_own_numbers(self, mean: float | None) -> float | None:
        """Return a mean of scores as the metrics themselves say it, where they all point alike."""
        return 1.0 - mean if mean is not None and self.direction == "lower" else mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """An item that stands in the training data, word for word or nearly so.

    `line` is the one of `source` where the text begins (of a table: its row), from 1. `similarity`
    is the share of the item that this text holds, weighed as `suites.contamination` says;
    1 of an exact one.
    """

    task: str
    item_id: str
    kind: Literal["exact", "near"]
    similarity: float
    source: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanComparison:
    """The plain mean of the gating capabilities' drops, each weighed alike.

    Over the `n_capabilities` that count, and what all of them had been asked at the last of
    `n_looks` looks. `p_held` is of "the mean drop is `margin` or more", not adjusted, and `high`
    the largest mean drop that is not excluded at `level`, the alpha that this run may spend on it
    (None: of a first run).
    """

    drop: float
    high: float
    margin: float
    p_held: float
    n_capabilities: int
    n_looks: int
    level: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sets of answers to the same items.

    `confidence` is that of every interval, at the level of a first run; those of capabilities that
    were judged before are wider. `overlaps` are items that were left out, since the training data
    hold them. `pooled_level` is what this run may spend on all that gates together (None: it is
    their first); `shared` are the pairs of gating
    capabilities that ask about the same documents. `mean` is the mean of their drops (None: the
    policy has no margin on it, or not all that gates was measured).
    """

    base: Checkpoint
    candidate: Checkpoint
    confidence: float
    capabilities: tuple[CapabilityComparison, ...]
    caveats: tuple[Caveat, ...]
    overlaps: tuple[Contamination, ...] = ()
    shared: tuple[Shared, ...] = ()
    pooled_level: float | None = None
    mean: MeanComparison | None = None
