"""What is asked: items, tasks, capabilities, suites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cliffguard.core.caveats import Caveat
from cliffguard.core.chats import chat_in
from cliffguard.core.prompt_facts import PromptFacts
from cliffguard.core.settings import Ring
from cliffguard.core.terms import Terms

# --- what is asked ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question of a task. `choices` is empty where the answer is generated.

    `digest` covers what is asked and what is right, not the id; `cluster` names items that
    stand or fall together (None: independent). `answers` are all right ones where there are
    several, `answer` the first of them; empty, it is the only one. Of logged samples `answer` is
    the target as it was logged, and `answers` what it stands for; where `prompt` is but the ends of
    what was asked, `prompt_sha256` is of the whole and `facts` what that says (both None: it is all
    there). `chat` is what is asked in turns, as `core.chats.Chat.written`, and `prompt` the same
    for people (None: `prompt` is asked).
    """

    id: str
    digest: str
    prompt: str
    choices: tuple[str, ...]
    answer: str
    level: int | None
    cluster: str | None
    answers: tuple[str, ...] = ()
    prompt_sha256: str | None = None
    facts: PromptFacts | None = None
    chat: str | None = None

    @property
    def context(self) -> str | None:
        """Of a prompt that is the number of the right choice, that choice; else None.

        lm-eval has it so where choices are contexts, and the answer, which is none of them, is
        what is scored after each (WinoGrande).
        """
        if not self.choices or self.answer in self.choices:
            return None
        numbers = map(str, range(len(self.choices)))
        return dict(zip(numbers, self.choices, strict=True)).get(self.prompt)

    @property
    def spoken(self) -> str:
        """The words of its prompt; of a chat without those that say who speaks."""
        if self.chat is not None:
            return "\n".join(chat_in(self.chat).contents)
        return self.prompt if self.context is None else f"{self.context} {self.answer}"

    @property
    def right(self) -> tuple[str, ...]:
        """All right answers."""
        return self.answers or (self.answer,)


SCORING = 2
"""Raised whenever a metric of own items gives another score to the same answer: part of every key.
"""
SCORING_OF = {"numeric": 3}
"""Of a metric that alone has changed since: answers to tasks of others are found again."""

RIGHT_OR_WRONG = frozenset(
    {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "acc_all", "exact_match", "em", "pass@1"}
    | {"pass_at_1", "accuracy", "math_verify", "mc1"}
    | {"prompt_level_strict_acc", "prompt_level_loose_acc"}
    | {"contains", "constraints", "excludes", "normalized_match", "numeric", "regex"}  # own items'
    | {"json_equal", "json_schema", "language", "text", "tool_call"}
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
    had none), and `read_otherwise` says what another filter makes of what this one cannot read;
    `other_scores` are, by item, the best scores that other filters give the base's and the
    candidate's answer, higher being better (None: none reads it), and `unread` what either side
    generated of which the filter read nothing (None: it read something), where the scores differ.
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
    other_scores: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    unread: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    terms: Terms | None = None

    @property
    def are_chats(self) -> bool:
        """Whether its items are turns of chats; a task's items all are, or none is."""
        return any(item.chat is not None for item in self.items[:1])

    @property
    def have_tools(self) -> bool:
        """Whether there are tools that an item's answer may call, if only by the metric."""
        chats = [item.chat for item in self.items if item.chat is not None]
        return bool(chats) and (
            self.metric == "tool_call" or any(chat_in(chat).tools for chat in chats)
        )

    def gates(self, item: Item) -> bool:
        """Return whether `item` counts for the verdict, or is only shown on the ladder, or not."""
        if self.gate_levels is None and not self.excluded:  # nearly always
            return True
        return self.would_gate(item) and item.id not in self.excluded

    def would_gate(self, item: Item) -> bool:
        """Return whether `item` counts for the verdict unless the training data hold it."""
        return self.gate_levels is None or item.level in self.gate_levels

    def is_graded(self, repeats: int) -> bool:
        """Return whether its scores are taken to lie anywhere between 0 and 1, before one is seen.

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
    remarks: tuple[Caveat, ...] = ()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of all its capabilities."""
        return tuple(task for capability in self.capabilities for task in capability.tasks)
