"""The types that travel between rooms: frozen, complete, few.

Scores lie in [0, 1], higher is better. `drop = base mean - candidate mean`: positive is worse.
A missing score is None (unscored), never 0. Plans and policies, which people write, have
defaults; results have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal

from cliffguard.canonical import digest
from cliffguard.stats.interval import Interval

FORMAT = 1
"""Version of the JSON layout of stored questions and reviews."""

Ring = Literal["target", "adjacent", "general", "safety", "control"]
Role = Literal["target", "gating", "monitored"]

_STRICT: dict[str, Any] = {"extra": "forbid"}  # read by pydantic: unknown keys are refused


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
class Protocol:
    """How the items are put to both sides. All of it is part of every question's key.

    `num_fewshot` None keeps each task's own; `limit` is the number of items per task, in seeded
    order, the same number from every level. `template_args` are passed to the chat template
    (`enable_thinking: false`). Of generated answers: `max_tokens` None keeps each task's limit;
    `think_end` is the mark after which the answer begins; at a `temperature` above 0 they are
    sampled, `repeats` times an item, and the item's score is the mean. `attention` None is the
    model's default implementation; `quantization` is done while loading.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    chat_template: Literal["none", "own", "base"] = "none"
    template_args: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)
    system_prompt: str | None = None
    num_fewshot: int | None = None
    max_tokens: int | None = None
    think_end: str | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repeats: int = 1
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    quantization: Literal["none", "4bit", "8bit"] = "none"
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] | None = None
    seed: int = 0
    limit: int | None = None

    @property
    def samples(self) -> bool:
        """Say whether generated answers are drawn rather than the likeliest."""
        return self.temperature > 0.0

    def __post_init__(self) -> None:
        self._check_generation()
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit must be at least 1, not {self.limit}")
        if self.num_fewshot is not None and self.num_fewshot < 0:
            raise ValueError(f"num_fewshot must not be negative, got {self.num_fewshot}")
        if self.system_prompt is not None and self.chat_template == "none":
            raise ValueError("system_prompt needs chat_template: own or base")
        if self.template_args and self.chat_template == "none":
            raise ValueError("template_args need chat_template: own or base")

    def _check_generation(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if not 0.0 <= self.temperature <= 10.0:
            raise ValueError(f"temperature must lie between 0 and 10, not {self.temperature}")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must lie above 0 and at most 1, not {self.top_p}")
        if self.top_k < 0:
            raise ValueError(f"top_k must not be negative, got {self.top_k}")
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, not {self.repeats}")
        if self.repeats > 1 and not self.samples:
            raise ValueError("repeats above 1 need a temperature above 0")
        if self.think_end is not None and not self.think_end:
            raise ValueError("think_end is empty; name the mark, such as </think>")


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


# --- what people decide before the results ------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityPolicy:
    """`margin` None: the policy's default. `gate` None: every ring but control gates."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    margin: float | None = None
    gate: bool | None = None

    def __post_init__(self) -> None:
        if self.margin is not None:
            _check_margin("margin", self.margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPolicy:
    """The gain in the target's mean score (0…1) that must be proven for PASS."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    min_gain: float = 0.0

    def __post_init__(self) -> None:
        if not -1.0 < self.min_gain < 1.0:
            raise ValueError(f"min_gain must lie between -1 and 1, not {self.min_gain}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Margins and error rate, written before the results. Margins are drops in score, 0…1.

    `target` None: the gain is reported and nothing is demanded of it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    alpha: float = 0.05
    default_margin: float = 0.05
    estimand: Literal["capability"] = "capability"
    target: TargetPolicy | None = None
    capabilities: Mapping[str, CapabilityPolicy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 < self.alpha < 0.5:
            raise ValueError(f"alpha must lie between 0 and 0.5, not {self.alpha}")
        _check_margin("default_margin", self.default_margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Who answers, and what should not change an answer: devices and the size of a batch.

    `model` is a name of lm-eval's: "cliffguard" is this package's engine, "hf" lm-eval's own
    over the same loader; any other ("vllm", "local-completions", …) is made by lm-eval with
    `args`. `served_as` says under which name a server knows a checkpoint (by default, its own).
    `batch_tokens` None is found from free memory; `batch_size` counts sequences instead.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    model: str = "cliffguard"
    args: Mapping[str, bool | int | float | str | None] = field(default_factory=dict)
    served_as: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    device_map: Literal["auto"] | None = None
    batch_size: int | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "batch_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if len(set(self.served_as.values())) < len(self.served_as):
            raise ValueError("served_as gives two checkpoints one name; they would answer alike")
        if self.batch_tokens is not None and self.model != "cliffguard":
            raise ValueError(
                f"batch_tokens is of the runner cliffguard; {self.model} has batch_size"
            )
        if self.device_map is not None and not self.is_local:
            raise ValueError(f"device_map: give it to the runner {self.model} in args")
        if self.args and self.is_local:
            raise ValueError(f"args are for lm-eval's other models; {self.model} takes none")

    @property
    def is_local(self) -> bool:
        """Say whether checkpoints are loaded here, by our own loader."""
        return self.model in ("cliffguard", "hf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan file says.

    `base` None: read it from the adapter's own config. `policy` None: the default margins, and a
    proven gain where the suites measure a target.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    candidate: str
    base: str | None = None
    suites: tuple[str, ...] = ()
    protocol: Protocol = field(default_factory=Protocol)
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    policy: Policy | None = None
    offline: bool = False
    allow_base_mismatch: bool = False
    allow_pickle: bool = False

    def __post_init__(self) -> None:
        if not self.candidate.strip() or (self.base is not None and not self.base.strip()):
            raise ValueError("candidate or base is an empty name; name a directory or a model")
        if not self.suites:
            raise ValueError("suites is empty: name at least one, for example [adjacent]")


def _check_margin(name: str, margin: float) -> None:
    if not 0.0 < margin <= 0.5:
        raise ValueError(f"{name} must lie above 0 and at most 0.5, not {margin}")


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
