"""The types that travel between rooms: frozen, complete, few.

Scores lie in [0, 1], higher is better. `drop = base mean - candidate mean`: positive is worse.
A missing score is None (unscored), never 0. What people write beforehand is in `plans`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, Literal

from cliffguard.canonical import digest
from cliffguard.plans import Plan, Protocol
from cliffguard.stats.interval import Interval

FORMAT = 1
"""Version of the JSON layout of stored questions and reviews."""

Ring = Literal["target", "adjacent", "general", "safety", "control"]
Role = Literal["target", "gating", "monitored"]


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
    stand or fall together (None: independent).
    """

    id: str
    digest: str
    prompt: str
    choices: tuple[str, ...]
    answer: str
    level: int | None
    cluster: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One kind of item with one way to score it.

    `stock` tasks are lm-eval's own: their items come from the runner, and `entry`, the name in
    the suite file, may stand for several of them. `metric` None: the task's first. `chance` is
    the expected score of guessing; `gate_levels` are the levels that count (None: all).
    """

    name: str
    entry: str
    suite: str
    capability: str
    stock: bool
    metric: str | None
    filter: str | None
    chance: float
    level: str | None
    gate_levels: tuple[int, ...] | None
    num_fewshot: int | None
    max_tokens: int | None
    items: tuple[Item, ...]
    digest: str

    def gates(self, item: Item) -> bool:
        """Say whether `item` counts for the verdict, or is only shown on the ladder."""
        return self.gate_levels is None or item.level in self.gate_levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a model can do; the unit of a decision."""

    name: str
    ring: Ring
    description: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A named, versioned, digested set of capabilities."""

    name: str
    version: int
    description: str
    capabilities: tuple[Capability, ...]
    digest: str


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
        return {
            "format": FORMAT,
            "checkpoint": self.checkpoint.fingerprint,
            "task": self.task.name,
            "task_digest": self.task.digest,
            "protocol": {**protocol, "dtype": self.dtype},
            "runner": self.runner,
            "replicate": self.replicate,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a checkpoint did on one item.

    `prompt_digest` is of the untemplated prompt, `rendered_digest` of the text that was fed in.
    `confidence` is the probability of the picked choice among the choices; of a generated answer
    the geometric mean of its tokens' probabilities (None: unknown). `finish_reason`: "choice",
    "stop", "length" (cut by the token limit), "thinking" (cut before the thinking ended: there is
    no answer, and no score) or "overlong" (the item did not fit the context, and is unscored).
    Of an item asked several times, the score is the mean and the rest is of the first time.
    """

    item_id: str
    item_digest: str
    prompt_digest: str
    rendered_digest: str
    score: float | None
    text: str
    confidence: float | None
    finish_reason: Literal["choice", "stop", "length", "thinking", "overlong"]
    n_prompt_tokens: int
    n_answer_tokens: int

    def __post_init__(self) -> None:
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"item {self.item_id}: score {self.score} is outside [0, 1]")


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
    """One task's levels in rising difficulty; `level_name` is the unit, such as hops."""

    task: str
    level_name: str
    chance: float
    levels: tuple[LevelComparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """A stratum of a capability; for reading, not for deciding."""

    task: str
    metric: str
    chance: float
    n_items: int
    n_unscored: int
    n_truncated_base: int
    n_truncated_candidate: int
    base_mean: float | None
    candidate_mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityComparison:
    """Paired scores of one capability over its gating items; no thresholds.

    `n_items` counts pairs with both scores; `n_lost` those that the base had right and that only
    the candidate left unscored. The means, the drop and its interval are None when there is no
    scored pair. `p_drop` is the one-sided p-value for "the candidate is worse".
    """

    capability: str
    suite: str
    ring: Ring
    n_items: int
    n_unscored: int
    n_lost: int
    n_broken: int
    n_fixed: int
    base_mean: float | None
    candidate_mean: float | None
    drop: float | None
    drop_interval: Interval | None
    p_drop: float | None
    method: str
    tasks: tuple[TaskComparison, ...]
    ladders: tuple[Ladder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two sets of answers to the same items. `confidence` is that of every interval."""

    base: Checkpoint
    candidate: Checkpoint
    confidence: float
    capabilities: tuple[CapabilityComparison, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The first level at which a drop is proven and, as observed, exceeds the margin."""

    task: str
    level_name: str
    level: int
    base_mean: float
    candidate_mean: float
    p_adjusted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided about one capability, and why.

    `margin` is the tolerated drop (for a target: minus the demanded gain; None when nothing is
    demanded). `p_regressed` is Holm-adjusted within the role. `is_material`: a drop beyond the
    margin is itself proven. `n_items_needed` estimates how many items would decide.
    """

    capability: str
    suite: str
    ring: Ring
    role: Role
    outcome: Outcome
    margin: float | None
    p_regressed: float | None
    is_material: bool
    edges: tuple[Edge, ...]
    n_items_needed: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision in one word and one sentence, with a finding per capability."""

    outcome: Outcome
    sentence: str
    findings: tuple[Finding, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a reader needs to repeat the comparison. No clocks, no host names.

    `questions` are the keys of the stored answers; `measured_on` describes device, dtype and
    batch size of each side.
    """

    cliffguard_version: str
    runner: str
    measured_on: tuple[str, ...]
    suites: tuple[SuiteStamp, ...]
    questions: tuple[str, ...]
    versions: Mapping[str, str]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The record of one comparison; every report is a pure function of it."""

    format: int
    plan: Plan
    comparison: Comparison
    verdict: Verdict
    examples: tuple[Example, ...]
    provenance: Provenance
