"""A question, whose digest is the cache key of the store, and the answers to its items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cliffguard.core.canonical_json import digest
from cliffguard.core.chats import effective
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import SCORING, SCORING_OF, Task
from cliffguard.core.settings import EvalSettings

QUESTION_FORMAT = 1
"""Version of what a stored question says. It stands in every key: raising it asks all again."""

LOW = ("bfloat16", "float16")
"""The dtypes in which how prompts are packed can flip a near-tie."""

ORDER = 1
"""Version of the order in which a question asks its items. It stands in every key from 2 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of one checkpoint: the unit of storage."""

    checkpoint: Checkpoint
    task: Task
    protocol: EvalSettings
    dtype: str
    runner: str
    replicate: int

    def preimage(self) -> dict[str, Any]:
        """Everything that may change an answer by design, in readable form."""
        how = effective(self.protocol, are_chats=self.task.are_chats)
        protocol = {name: getattr(how, name) for name in _PROTOCOL_KEYS}
        if self.protocol.max_length is not None:  # answers from before it was a key keep theirs
            protocol["max_length"] = self.protocol.max_length
        if self.protocol.repeats > 1:  # a time that cannot be read was once left out of the mean
            protocol["unread"] = "wrong"
        if self.protocol.packing != "auto" and self.dtype in LOW:  # in float32 it changes nothing
            protocol["packing"] = self.protocol.packing
        return {
            "format": QUESTION_FORMAT,
            "checkpoint": self.checkpoint.fingerprint,
            "task": self.task.name,
            "task_digest": self.task.digest,
            "protocol": {**protocol, "dtype": self.dtype},
            "runner": self.runner,
            "scoring": SCORING
            if self.task.stock
            else SCORING_OF.get(self.task.metric or "", SCORING),
            "replicate": self.replicate,
            **({} if ORDER == 1 else {"order": ORDER}),
        }

    @property
    def key(self) -> str:
        """Digest of the pre-image: the address of the answers."""
        return digest(self.preimage())


# dtype is not among them: it stands in the key as what "auto" stood for.
_PROTOCOL_KEYS = (
    "chat_template", "template_args", "system_prompt", "num_fewshot", "max_tokens", "think_end",
    "temperature", "top_p", "top_k", "repeats", "quantization", "attention", "seed", "limit",
)  # fmt: skip


NOTHING_READ = "[invalid]"
"""What lm-eval's filters write where they find no answer in what was generated."""

CALL_PARTS = ("called", "tool", "arguments", "values")
"""The parts of a tool's call, in the order in which they are shown: each is right if the next is.

Whether a tool was called that was to be; which; its arguments' names and types; their values.
"""

FinishReason = Literal[
    "choice", "stop", "string", "length", "stopped", "thinking", "overlong", "missing"
]

_BY_ITSELF = ("choice", "stop", "string")


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
    `parts` are what the score is made of, by name, each in [0, 1] (None: its metric has none, or
    nothing could be read). `n_bos` are the tokens at the beginning of the prompt that mark the
    beginning of a text, and `tokens_digest` is of all the prompt's tokens (None: not known).
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
    parts: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"item {self.item_id}: score {self.score} is outside [0, 1]")
        if self.parts and not all(0.0 <= part <= 1.0 for part in self.parts.values()):
            raise ValueError(f"item {self.item_id}: a part of its score is outside [0, 1]")

    @property
    def is_cut(self) -> bool:
        """Return whether the model was stopped before it had said what it would have."""
        return self.finish_reason in ("length", "stopped", "thinking")

    @property
    def is_unreadable(self) -> bool:
        """Return whether it ended by itself and holds nothing that the metric can read."""
        return self.score is None and self.finish_reason in _BY_ITSELF

    @property
    def is_wrong_unread(self) -> bool:
        """Return whether nothing of it can be read, and it counts as wrong: unreadable, or cut."""
        return self.score is None and self.finish_reason in (*_BY_ITSELF, "length", "stopped")

    @property
    def is_missing(self) -> bool:
        """Return whether there is no answer to score: none was given, or a thought was cut."""
        return self.score is None and not self.is_wrong_unread
