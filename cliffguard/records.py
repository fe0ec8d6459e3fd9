"""The types that travel between rooms: frozen, complete, few.

Scores lie in [0, 1], higher is better; of a metric that is better low the score is 1 minus what it
says. `drop = base mean - candidate mean`: positive is worse.
A missing score is None (unscored), never 0. What people write beforehand is in `plans`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any, Literal, TypeVar

from cliffguard.canonical import digest
from cliffguard.plans import Plan, Protocol, Ring, Role
from cliffguard.stats.interval import Interval
from cliffguard.stats.ladder import Fall, Shape
from cliffguard.terms import Terms

R = TypeVar("R")

REVIEW_FORMAT = 2
"""Version of the JSON layout of reviews. Those of an earlier one are read; see `report.json`."""

QUESTION_FORMAT = 1
"""Version of what a stored question says. It stands in every key: raising it asks all again."""

ORDER = 1
"""Version of the order in which a question asks its items. It stands in every key from 2 on."""

SAMPLES = "samples"
"""The name of the suite that two folders of another harness's samples make."""


class Outcome(str, Enum):
    """HELD … NOT_MEASURED are said of a capability; PASS, FAIL, INCONCLUSIVE of the whole."""

    HELD = "HELD"
    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_MEASURED = "NOT_MEASURED"
    PASS = "PASS"
    FAIL = "FAIL"

    def __str__(self) -> str:
        return self.value


EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 10, Outcome.INCONCLUSIVE: 11}
"""What a verdict means to the shell. Errors carry their own code (cliffguard.errors)."""


# --- who answers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFiles:
    """Where a checkpoint lies on this machine. Never part of its identity.

    `chat_template` is the folder of the tokenizer whose template is applied.
    """

    weights: Path
    tokenizer: Path
    chat_template: Path
    adapter: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The identity of a model by content, not a loaded model.

    `weights`, `adapter`, `tokenizer`, `chat_template` and `settings` (model and generation
    config) are SHA-256 digests; `notes` are remarks that belong into every report.
    """

    name: str
    revision: str | None
    weights: str
    adapter: str | None
    tokenizer: str
    chat_template: str | None
    settings: str
    notes: tuple[str, ...]
    files: CheckpointFiles | None

    @property
    def label(self) -> str:
        """The name as headlines show it: of an absolute path the last part."""
        return PurePath(self.name).name if PurePath(self.name).is_absolute() else self.name

    @property
    def fingerprint(self) -> str:
        """Digest of everything in the checkpoint that may change an answer."""
        parts = (self.weights, self.adapter, self.tokenizer, self.chat_template, self.settings)
        return digest(list(parts))


# --- what is asked ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question of a task. `choices` is empty where the answer is generated.

    `digest` covers what is asked and what is right, not the id; `cluster` names items that
    stand or fall together (None: independent). `answers` are all right ones where there are
    several, `answer` the first of them; empty, it is the only one.
    """

    id: str
    digest: str
    prompt: str
    choices: tuple[str, ...]
    answer: str
    level: int | None
    cluster: str | None
    answers: tuple[str, ...] = ()

    @property
    def right(self) -> tuple[str, ...]:
        """All right answers."""
        return self.answers or (self.answer,)


SCORING = 2
"""Raised whenever a metric of own items gives another score to the same answer: part of every key.
"""

RIGHT_OR_WRONG = frozenset(
    {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "acc_all", "exact_match", "em", "pass@1"}
    | {"pass_at_1", "accuracy", "math_verify", "mc1"}
    | {"prompt_level_strict_acc", "prompt_level_loose_acc"}
    | {"contains", "constraints", "excludes", "normalized_match", "numeric", "regex"}  # own items'
)
"""Metrics known to be 0 or 1 on every item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One kind of item with one way to score it.

    `stock` tasks are lm-eval's own: their items come from the runner, and `entry`, the name in
    the suite file, may stand for several of them. `metric` None: the task's first. `chance` is
    the expected score of guessing (None: unknown); `gate_levels` are the levels that count
    (None: all). At most `limit` of its items are asked, in seeded order. `cost` says what an
    answer takes: "likelihood", "short generation" or "long generation" (None: not said). A
    generated answer ends before any of `stop`. `excluded` are the ids of items that the training
    data hold: they do not count, and are no part of the digest, so that stored answers, orders and
    shards stay what they are. `fields` has, by item, what the `wanted` fields of its document say;
    neither is part of the digest. `lower_is_better` None: nobody has said yet that its metric is.
    Of samples: `n_in_all` documents would be there without the limit that one side had (None: it
    had none), and `read_otherwise` says what another filter makes of what this one cannot read.
    `terms` are what its digest says beside the items (None: other programs asked them).
    """

    name: str
    entry: str
    suite: str
    capability: str
    stock: bool
    metric: str | None
    filter: str | None
    chance: float | None
    level: str | None
    gate_levels: tuple[int, ...] | None
    num_fewshot: int | None
    max_tokens: int | None
    stop: tuple[str, ...]
    limit: int | None
    cost: str | None
    items: tuple[Item, ...]
    digest: str
    excluded: frozenset[str] = frozenset()
    lower_is_better: bool | None = None
    wanted: tuple[str, ...] = ()
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    n_in_all: int | None = None
    read_otherwise: str | None = None
    terms: Terms | None = None

    def gates(self, item: Item) -> bool:
        """Say whether `item` counts for the verdict, or is only shown on the ladder, or not."""
        return self.would_gate(item) and item.id not in self.excluded

    def would_gate(self, item: Item) -> bool:
        """Say whether `item` counts for the verdict unless the training data hold it."""
        return self.gate_levels is None or item.level in self.gate_levels

    def is_graded(self, repeats: int) -> bool:
        """Say whether its scores are taken to lie anywhere between 0 and 1, before one is seen.

        So they are under a metric that is not known to say right or wrong, and where the answers
        to an item are averaged.
        """
        return repeats > 1 or (self.metric is not None and self.metric not in RIGHT_OR_WRONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a model can do; the unit of a decision.

    `covers` names what else it stands for; `margin` is the drop (0…1) that is tolerated where the
    policy names none for it.
    """

    name: str
    ring: Ring
    description: str
    covers: tuple[str, ...]
    margin: float | None
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named, versioned, digested set of capabilities; `made` is the day its items were made.

    `remarks` are what every report must say of how the items came about.
    """

    name: str
    version: int
    description: str
    capabilities: tuple[Capability, ...]
    digest: str
    made: date | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of one checkpoint: the unit of storage."""

    checkpoint: Checkpoint
    task: Task
    protocol: Protocol
    dtype: str
    runner: str
    replicate: int

    def preimage(self) -> dict[str, Any]:
        """Everything that may change an answer by design, in readable form."""
        protocol = {name: getattr(self.protocol, name) for name in _PROTOCOL_KEYS}
        if self.protocol.max_length is not None:  # answers from before it was a key keep theirs
            protocol["max_length"] = self.protocol.max_length
        return {
            "format": QUESTION_FORMAT,
            "checkpoint": self.checkpoint.fingerprint,
            "task": self.task.name,
            "task_digest": self.task.digest,
            "protocol": {**protocol, "dtype": self.dtype},
            "runner": self.runner,
            "scoring": SCORING,
            "replicate": self.replicate,
            **({} if ORDER == 1 else {"order": ORDER}),
        }

    @property
    def key(self) -> str:
        """Digest of the pre-image: the address of the answers."""
        return digest(self.preimage())


# dtype is not among them: it stands in the key as what "auto" stood for.
_PROTOCOL_KEYS = (
    "chat_template",
    "template_args",
    "system_prompt",
    "num_fewshot",
    "max_tokens",
    "think_end",
    "temperature",
    "top_p",
    "top_k",
    "repeats",
    "quantization",
    "attention",
    "seed",
    "limit",
)


FinishReason = Literal[
    "choice", "stop", "string", "length", "stopped", "thinking", "overlong", "missing"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a checkpoint did on one item.

    `prompt_digest` is of the untemplated prompt, `rendered_digest` of the text that was fed in.
    `confidence` is the probability of the picked choice among the choices; of a generated answer
    the geometric mean of its tokens' probabilities (None: unknown). `finish_reason`: "choice",
    "stop" (the model ended it, or it is not known), "string" (a stop string did), "length" (cut by
    the token limit), "stopped" (a stop string came before the first word), "thinking" (cut before
    the thinking ended: there is no answer, and no score), "overlong" (the item did not fit the
    context, and is unscored) or "missing" (another harness wrote no answer; unscored). Without a
    score, the others mean that what was said holds nothing that the metric can read.
    `n_bos` are the tokens at the beginning of the prompt that mark the beginning of a text, and
    `tokens_digest` is of all the prompt's tokens (None: not known).
    Of an item asked several times, the score is the mean and the rest is of the first time.
    """

    item_id: str
    item_digest: str
    prompt_digest: str
    rendered_digest: str
    score: float | None
    text: str
    confidence: float | None
    finish_reason: FinishReason
    n_prompt_tokens: int
    n_answer_tokens: int
    n_bos: int | None = None
    tokens_digest: str | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"item {self.item_id}: score {self.score} is outside [0, 1]")

    @property
    def is_cut(self) -> bool:
        """Say whether the model was stopped before it had said what it would have."""
        return self.finish_reason in ("length", "stopped", "thinking")

    @property
    def is_unreadable(self) -> bool:
        """Say whether it ended by itself and holds nothing that the metric can read."""
        return self.score is None and self.finish_reason in ("choice", "stop", "string")

    @property
    def is_missing(self) -> bool:
        """Say whether there is no answer to score: none was given, or it was cut too early."""
        return self.score is None and not self.is_unreadable


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
    fall: Fall | None
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
class Manner:
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
class Behaviour:
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
    base: Manner
    candidate: Manner

    @property
    def length_ratio(self) -> float | None:
        """Mean length of the candidate's answers over the base's; None where the base has none."""
        base, candidate = self.base.mean_tokens, self.candidate.mean_tokens
        return candidate / base if base and candidate is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far a capability's items lie from the fine-tuning data (`cliffguard.distance`).

    Quartiles over items of 1 − cosine similarity, between 0 (the same text) and 2.
    About 1 is what texts have that share nothing.
    """

    median: float
    low: float
    high: float
    n_items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
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
class Uncut:
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
class CapabilityComparison:
    """Paired scores of one capability over its gating items. Nothing is decided here.

    `n_asked` of `n_planned` items were put to both sides, in `n_looks` looks; `n_excluded` more
    are in the training data, and counted nowhere else. Copies of an item count once: `n_copies`
    rows are left out for that. `n_items` have a score on both; `n_unscored` lack one for want of an
    answer (`n_missing_base`, `n_missing_candidate` by side), and `n_lost` of these could be losses.
    Answers that nobody can read are scored 0 (`n_unreadable_base`, `n_unreadable_candidate`;
    `readable` is what the rest comes to, None where there are none). Broken and fixed items have
    a lower and a higher score under the candidate. `n_effective` is `n_items` over the design
    effect of clusters; `square` the mean square of an item's change. Means, drop, p-values are None
    when there is no scored pair.

    `margin` is what the p-values were asked about, each one-sided and not adjusted: `p_held` of
    "the drop is the margin or more", `p_drop` of "there is none", `p_beyond` of "it is the margin
    or less". Of a target the margin is minus the demanded gain, and `p_drop`, like `p_beyond`, is
    of "the gain is above it". Of a suite that is the contract, `p_drop` is of "the drop is less
    than the margin". `behaviour` is None where no item was answered by both sides, `distance` (from
    the fine-tuning data) and `shift` (of the candidate's predictions) where they were not screened;
    `classes` are those of the tasks that are classifiers. `uncut` says what would be left of a drop
    without the candidate's answers that were cut (None: none was). `chance` is what guessing earns
    on the items that the base answered (None: not known of any), and `skill` what the base has
    beyond it there, whether or not the candidate answered. `n_clusters` groups are as good as
    `n_effective_clusters` of one size (None: every item stands alone). `strata` are the parts in
    which a cliff could hide. Without the limit of one side there would be `n_in_all` items (None:
    it had none). `n_empty` more items lie at levels of a ladder at which the base has
    nothing to lose; they count nowhere. `level` is the alpha that this
    run may spend on the capability, `next_level` what a further run with more items could (0:
    nothing is left; None: the looks of other runs were not asked about, and both are of a first
    run).
    """

    capability: str
    suite: str
    ring: Ring
    n_planned: int
    n_asked: int
    n_looks: int
    n_items: int
    n_unscored: int
    n_lost: int
    n_broken: int
    n_fixed: int
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
    tasks: tuple[TaskComparison, ...]
    ladders: tuple[Ladder, ...]
    behaviour: Behaviour | None
    n_excluded: int = 0
    distance: Distance | None = None
    shift: Shift | None = None
    classes: tuple[ClassesComparison, ...] = ()
    uncut: Uncut | None = None
    n_copies: int = 0
    n_missing_base: int = 0
    n_missing_candidate: int = 0
    n_unreadable_base: int = 0
    n_unreadable_candidate: int = 0
    readable: Readable | None = None
    n_cut_base: int = 0
    chance: float | None = None
    skill: float | None = None
    n_clusters: int | None = None
    n_effective_clusters: float | None = None
    n_empty: int = 0
    n_in_all: int | None = None
    strata: tuple[StratumComparison, ...] = ()
    level: float | None = None
    next_level: float | None = None

    @property
    def has_nothing_to_lose(self) -> bool:
        """Say whether all that the base has beyond guessing is within the margin."""
        if self.base_mean is None:  # nothing was scored on both sides, which says nothing
            return False
        skill = self.skill
        if skill is None:  # of a review that does not say it
            skill = self.base_mean - (self.chance or 0.0)
        return skill <= self.margin + _ROUNDING

    @property
    def is_finished(self) -> bool:
        """Say whether every planned item was asked."""
        return self.n_asked >= self.n_planned

    @property
    def direction(self) -> Literal["higher", "lower", "mixed"]:
        """Which way the metrics of its tasks point: means of "lower" and "mixed" are turned."""
        lower = {task.lower_is_better for task in self.tasks}
        return "mixed" if len(lower) == 2 else "lower" if lower == {True} else "higher"

    def in_own_numbers(self, mean: float | None) -> float | None:
        """Return a mean of scores as the metrics themselves say it, where they all point alike."""
        return 1.0 - mean if mean is not None and self.direction == "lower" else mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """An item that stands in the training data, word for word or nearly so.

    `line` is the one of `source` where the text begins (of a table: its row), from 1. `similarity`
    is the share of the item that this text holds, weighed as `cliffguard.overlap` says; 1 of an
    exact one.
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
    caveats: tuple[str, ...]
    overlaps: tuple[Overlap, ...] = ()
    shared: tuple[Shared, ...] = ()
    pooled_level: float | None = None
    mean: MeanComparison | None = None


Cause = Literal["loss", "format", "stratum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderFinding:
    """How the drop runs along one ladder, and where the fall begins.

    `edge` is the first level past the fall, `edges` are the levels that the data do not tell from
    it; None and empty unless the drop provably differs by level and exceeds the margin from there
    on. Of shape *easiest* `until` is the last of the levels that lost more, if their drop exceeds
    the margin. The means are over the items from the edge on, or of the levels until there.
    `p_differs` is Holm-adjusted over ladders.
    """

    task: str
    level_name: str
    shape: Shape
    edge: int | None
    edges: tuple[int, ...]
    base_mean: float | None
    candidate_mean: float | None
    p_differs: float
    p_abrupt: float | None
    until: int | None = None

    @property
    def is_placed(self) -> bool:
        """Say whether a level is named at which the ladder is worse."""
        return self.edge is not None or self.until is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided about one capability, and why.

    `margin` is the tolerated drop (for a target: minus the demanded gain). `p_regressed` is
    Holm-adjusted within the role, and for the pooled test beside it: it is compared with alpha.
    `is_material`: a drop beyond the margin is itself proven. `n_items_needed` estimates how many
    items would decide. `cause` says of REGRESSED by what it was proven: a drop of the mean, answers
    that nobody can read any more, or the drop of a part, which `stratum` names. What does not
    `count` can neither pass nor fail the gate: the base has nothing to lose there.
    """

    capability: str
    suite: str
    ring: Ring
    role: Role
    outcome: Outcome
    margin: float | None
    p_regressed: float | None
    is_material: bool
    ladders: tuple[LadderFinding, ...]
    n_items_needed: int | None
    reason: str
    cause: Cause | None = None
    stratum: str | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The mean drop of the gating capabilities, and the p-value of "none of them dropped".

    The p-value is adjusted for the single tests beside it: it is compared with alpha.
    """

    drop: float
    p_value: float
    n_capabilities: int
    has_dropped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision in one word and one sentence, with a finding per capability.

    `pooled` is the test of all gating capabilities together; None with fewer than two, and until
    nothing more is measured. `mean_held`: the mean drop is proven to be below its margin (None: the
    policy has none on it).
    """

    outcome: Outcome
    sentence: str
    findings: tuple[Finding, ...]
    pooled: Pooled | None
    mean_held: bool | None = None

    @property
    def exit_code(self) -> int:
        """What `cliffguard check` ends with on this verdict."""
        return EXIT_CODES[self.outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthNote:
    """What is wrong with the items of a capability, or of one of its tasks, for this base.

    "saturated": too easy; "floor": no better than guessing; "too_few": for the margin; "shadow":
    a side does better on them than on fresh items of the same kind.
    """

    capability: str
    task: str | None
    kind: Literal["saturated", "floor", "too_few", "shadow"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An item that broke, with both answers, for a reader. Texts are shortened."""

    capability: str
    task: str
    item_id: str
    level: int | None
    prompt: str
    answer: str
    base_text: str
    candidate_text: str
    base_confidence: float | None
    candidate_confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteStamp:
    """Which suite was used, by content."""

    name: str
    version: int
    digest: str


Spending = Literal["one look", "held: cubic, drop: linear", "betting", "linear"]
"""How the looks share alpha: there is one; each side by a rule of its own; bets are good at any.

"linear", evenly over the items on both sides, stands in older reviews.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLooks:
    """When a decision about a capability may be tried; fixed before the first answer.

    `n_items` gating items count at each of the looks. `order` is the digest of every task's name
    with its items' ids in the order of the run. `churn` is the one by which items were dealt to the
    capability; None where all there are were planned.
    """

    capability: str
    n_items: tuple[int, ...]
    spending: Spending
    order: str
    churn: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenLooks:
    """The looks of one run at which a verdict about a capability was formed, and what they spent.

    `capability` is its name (empty: all that gates together), `how` a digest of the protocol
    without limit, repeats and seed. Known again it is by content: `run`
    is a digest of the order of its items, its looks, and the questions that were answered; `sketch`
    are the least of the digests of its `n_items` different items, by which a larger set that holds
    them is recognised. `answers`, of logged samples, are what both sides scored on these.
    `counted` items at each look taken; `spent` of alpha by the last of them. That one was judged at
    `level`, out of an `alpha` (None: taken before these were noted). `comparison` is a digest of
    all runs that were judged beside it (empty: taken before that was noted).
    """

    capability: str
    how: str
    run: str
    sketch: tuple[str, ...]
    answers: tuple[str, ...]
    n_items: int
    counted: tuple[int, ...]
    spent: float
    level: float | None = None
    alpha: float | None = None
    comparison: str = ""

    def __post_init__(self) -> None:
        steps = (0, *self.counted)
        is_rising = all(a < b for a, b in pairwise(steps))
        if not self.counted or not is_rising or self.n_items < 1 or not 0.0 <= self.spent < 0.5:
            raise ValueError("looks: items that rise, and a share of alpha below one half")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What git had checked out; dirty where files that it tracks were changed since."""

    digest: str
    is_dirty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a reader needs to repeat the comparison. No clocks, no host names.

    `questions` are the keys of the stored answers; `measured_on` describes device, dtype and
    batch size of each side. `looks` are empty where another harness asked. Commits are None
    where there is none: `cliffguard_commit` of this program, `commit` of the folder in which it
    was started, whose plan, policy and suites decide.
    """

    cliffguard_version: str
    cliffguard_commit: Commit | None
    commit: Commit | None
    runner: str
    measured_on: tuple[str, ...]
    suites: tuple[SuiteStamp, ...]
    questions: tuple[str, ...]
    looks: tuple[PlannedLooks, ...]
    versions: Mapping[str, str]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The record of one comparison; every report is a pure function of it.

    `taken` are the looks of this run, and of the runs before it at the same two sides.
    """

    format: int
    plan: Plan
    comparison: Comparison
    verdict: Verdict
    health: tuple[HealthNote, ...]
    examples: tuple[Example, ...]
    provenance: Provenance
    taken: tuple[TakenLooks, ...] = ()


# --- all of them ---------------------------------------------------------------------------------


def with_texts(record: R, change: Callable[[str], str]) -> R:
    """Return a copy of `record` in which every text, however deep, is what `change` makes of it."""
    return _with_texts(record, change)  # type: ignore[no-any-return]


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):  # before str: outcomes are both
        return value
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_with_texts(part, change) for part in value)
    if isinstance(value, Mapping):
        return {change(key): _with_texts(part, change) for key, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: _with_texts(getattr(value, one.name), change) for one in fields(value)}
        return type(value)(**parts)
    return value
