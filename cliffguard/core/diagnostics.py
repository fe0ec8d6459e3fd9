"""Where and how a capability changed: tasks, levels, parts, classes, behaviour, distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cliffguard.stats.interval import Interval
from cliffguard.stats.ladder_shapes import Onset


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
    """Sensitivity to truncation: all again, as if one side's cut answers had scored as the other's.

    `n_cut` answers of that side were worse and cut, the other's not; `n_items`, `drop`, `square`
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


SURFACE_LEVEL = 0.05
"""At which a dependence of the base's score is proven, over all levels of a capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceLevel:
    """A level, or a task without levels, at which the base's score hangs on how its items look.

    `feature` names on what. Between the best and the worst third of items by it lie `effect` of the
    score (of a base below guessing: what it lacks to guessing), with `p_value` after Holm's
    correction; above 5 % it is not proven. Where it does not `gate` its items count nowhere: they
    measure the feature.
    """

    task: str
    level: int | None
    feature: str
    effect: float
    p_value: float
    gates: bool

    @property
    def is_proven(self) -> bool:
        """Return whether the score provably depends on the feature; if not, it may."""
        return self.p_value <= SURFACE_LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Where and how a capability changed, beside its mean.

    `behaviour` is None where no item was answered by both sides, `distance` (from the fine-tuning
    data) and `shift` (of the candidate's predictions) where they were not screened; `classes` are
    those of the tasks that are classifiers. `uncut` says what would be left of a drop without the
    candidate's answers that were cut (None: none was), `uncut_base` without the base's; `readable`
    what is lost beside the answers that nobody can read (None: there are none). `strata` are the
    parts in which a cliff could hide. `surface` are the levels at which the base's score depends on
    how the items look, and before all items were asked those at which it may.
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
    surface: tuple[SurfaceLevel, ...] = ()
    uncut_base: TruncationSensitivity | None = None
