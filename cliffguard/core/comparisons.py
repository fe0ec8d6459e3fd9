"""What a comparison found of every capability, before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.settings import Ring
from cliffguard.stats.interval import Interval
from cliffguard.stats.ladder_shapes import Onset

# --- what was found ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelComparison:
    """One rung of a ladder. `is_gating` False: shown, not counted in the verdict."""

    level: int
    is_gating: bool
    n_items: int
    n_broken: int
    n_fixed: int
    base_mean: float
    candidate_mean: float
    base_interval: Interval
    candidate_interval: Interval
    drop: float
    drop_interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One task's levels in rising difficulty; `level_name` is the unit, such as hops.

    `fall` is where and how the drop grows along the gating levels (None with fewer than two); its
    cuts count these levels. A side's `half` is the level at which its score falls to one half
    (None where it stays on one side), its `area` the mean of its levels' means.
    """

    task: str
    level_name: str
    chance: float
    levels: tuple[LevelComparison, ...]
    fall: Onset | None
    base_half: float | None
    candidate_half: float | None
    base_area: float
    candidate_area: float

    @property
    def gating(self) -> tuple[LevelComparison, ...]:
        """The levels that count for the verdict."""
        return tuple(level for level in self.levels if level.is_gating)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """A stratum of a capability; for reading, not for deciding.

    `finish_base` and `finish_candidate` count how the answers of each side ended. Where its metric
    is `lower_is_better`, means and chance are 1 minus the metric's own.
    """

    task: str
    metric: str
    chance: float | None
    n_items: int
    n_unscored: int
    n_truncated_base: int
    n_truncated_candidate: int
    base_mean: float | None
    candidate_mean: float | None
    finish_base: Mapping[str, int] = field(default_factory=dict)
    finish_candidate: Mapping[str, int] = field(default_factory=dict)
    lower_is_better: bool = False

    @property
    def direction(self) -> Literal["higher", "lower"]:
        """Which way its metric points."""
        return "lower" if self.lower_is_better else "higher"

    def in_own_numbers(self, mean: float | None) -> float | None:
        """Return a mean of scores as the metric itself says it."""
        return 1.0 - mean if mean is not None and self.lower_is_better else mean


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassComparison:
    """One class of a classifier: of its `n_items` the share that each side called by its name."""

    label: str
    n_items: int
    base_recall: float
    candidate_recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassesComparison:
    """A task whose items all have the same labels to choose from, class by class.

    Over gating items with both scores; classes without any are left out, of the means too.
    """

    task: str
    classes: tuple[ClassComparison, ...]
    base_macro_f1: float
    candidate_macro_f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseStatistics:
    """How one side answers. None: no such answer, or nothing that tells it was recorded.

    Of generated answers: `mean_tokens` is their mean length in tokens, thinking included; `cut`
    the share that the token limit ended, or a stop string before the first word; `repeated` the
    share that runs in a circle; `empty` the share without a character that shows. Of picked choices
    that are right or wrong: `confident_wrong` is the share picked with a probability of 0.8 or more
    and wrong; `overconfidence` the mean probability minus the share right, in [-1, 1];
    `calibration_error` smECE, in [0, 1].
    """

    mean_tokens: float | None
    cut: float | None
    repeated: float | None
    empty: float | None
    confident_wrong: float | None
    overconfidence: float | None
    calibration_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseComparison:
    """How both sides answer the gating items of one capability. It gates nothing.

    `agreement` is the share of items to which both gave the same answer: the same choice, or the
    same text but for case, white space and how it ends. `n_other_wrong` items scored 0 on both
    sides with different answers. Of both, None: what was said is not known of any item.

    `n_generated` items were answered in words by both sides, `n_confident` by choices with a
    probability, right or wrong. `n_worse_cut` items are broken, or without a score, under a
    candidate whose answer was cut, and the base's not. `confident_wrong_rise` is the
    interval of the rise from base to candidate, as of items that stand alone and were looked at
    once; None with too few.
    """

    agreement: float | None
    n_other_wrong: int | None
    n_generated: int
    n_confident: int
    n_worse_cut: int
    confident_wrong_rise: Interval | None
    base: ResponseStatistics
    candidate: ResponseStatistics

    @property
    def length_ratio(self) -> float | None:
        """Mean length of the candidate's answers over the base's; None where the base has none."""
        base, candidate = self.base.mean_tokens, self.candidate.mean_tokens
        return candidate / base if base and candidate is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far a capability's items lie from the fine-tuning data (`diagnostics.distance`).

    Quartiles over items of 1 − cosine similarity, between 0 (the same text) and 2.
    About 1 is what texts have that share nothing.
    """

    median: float
    low: float
    high: float
    n_items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far a candidate's predictions lie from its base's, over a capability's prompts.

    Quartiles over prompts of KL(base‖candidate) in nats a token, and over all tokens the share
    after which both hold the same next one for the most probable.
    """

    median_nats: float
    low_nats: float
    high_nats: float
    agreement: float
    n_prompts: int
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncationSensitivity:
    """What a capability's answers come to if those that were cut would have been as the base's.

    `n_cut` answers of the candidate were worse and cut, the base's not; `n_items`, `drop`, `square`
    and the p-values are as in `CapabilityComparison`, with these items unchanged.
    """

    n_cut: int
    n_items: int
    drop: float
    square: float
    p_held: float
    p_drop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """A capability over the items on which both sides said something that the metric reads.

    Answers that nobody can read count as wrong; this says what is lost beside them. `p_drop` is as
    in `CapabilityComparison`. `other` tells what another filter makes of them (None: nothing).
    """

    n_items: int
    base_mean: float | None
    candidate_mean: float | None
    drop: float | None
    p_drop: float
    other: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumComparison:
    """A part of a capability in which a cliff could hide: one task, level, class or value.

    `p_beyond` is of "the drop here is `margin` or less" (None: it was not tested, and `why` says
    what for). Of `n_planned` items `n_asked` were asked, and `n_items` have both scores.
    """

    kind: Literal["task", "level", "class", "field"]
    name: str
    n_planned: int
    n_asked: int
    n_items: int
    base_mean: float | None
    candidate_mean: float | None
    drop: float | None
    margin: float
    p_beyond: float | None
    why: str = ""


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
    Broken and fixed items have a lower and a higher score under the candidate. They lie in
    `n_clusters` groups (None: every item stands alone). Without the limit of
    one side there would be `n_in_all` items (None: it had none). `n_empty` more items lie at levels
    of a ladder at which the base has nothing to lose; they count nowhere.
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
    not asked about, and both are of a first run).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Where and how a capability changed, beside its mean.

    `behaviour` is None where no item was answered by both sides, `distance` (from the fine-tuning
    data) and `shift` (of the candidate's predictions) where they were not screened; `classes` are
    those of the tasks that are classifiers. `uncut` says what would be left of a drop without the
    candidate's answers that were cut (None: none was), `readable` what is lost beside the answers
    that nobody can read (None: there are none). `strata` are the parts in which a cliff could hide.
    """

    tasks: tuple[TaskComparison, ...]
    ladders: tuple[Ladder, ...]
    behaviour: ResponseComparison | None
    distance: Distance | None = None
    shift: Drift | None = None
    classes: tuple[ClassesComparison, ...] = ()
    uncut: TruncationSensitivity | None = None
    readable: Readable | None = None
    strata: tuple[StratumComparison, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityComparison:
    """Paired scores of one capability over its gating items. Nothing is decided here."""

    capability: str
    suite: str
    ring: Ring
    counts: CapabilityCounts
    evidence: CapabilityEvidence
    diagnostics: Diagnostics

    @property
    def has_nothing_to_lose(self) -> bool:
        """Say whether all that the base has beyond guessing is within the margin."""
        if self.evidence.base_mean is None:  # nothing was scored on both sides, which says nothing
            return False
        skill = self.evidence.skill
        if skill is None:  # of a review that does not say it
            skill = self.evidence.base_mean - (self.evidence.chance or 0.0)
        return skill <= self.evidence.margin + _ROUNDING

    @property
    def is_finished(self) -> bool:
        """Say whether every planned item was asked."""
        return self.counts.n_asked >= self.counts.n_planned

    @property
    def direction(self) -> Literal["higher", "lower", "mixed"]:
        """Which way the metrics of its tasks point: means of "lower" and "mixed" are turned."""
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
