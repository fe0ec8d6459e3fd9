"""A suite file, as people write it: its keys, and which of them go together."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cliffguard.core.errors import SuiteError, nearest
from cliffguard.core.items import Item
from cliffguard.core.settings import Ring
from cliffguard.suites.scorers import BY_LIKELIHOOD, OWN_METRICS

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Cost = Literal["likelihood", "short generation", "long generation"]


class GeneratedItems(BaseModel):
    """Items that are made, not read: from a seed, by `suites.ladders` or `suites.skills`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generator: str = Field(
        description="Name of a ladder or of a task of chats, such as `arithmetic`."
    )
    seed: str = Field(description="Any text. Another seed makes other items.")
    n_per_level: int = Field(ge=1, le=10_000, description="Items on each level.")
    levels: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="Levels that are made. Without it, all."
    )
    digest: str = Field(description="That of the items; it is checked when they are made.")


class TaskFile(BaseModel):
    """A task as a suite file writes it.

    It has `items` of its own, or is a task of another suite (`from`); without either, `name` is
    a task of lm-eval.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(
        description="Of own items any, once in all suites of a run. Else lm-eval's task or group."
    )
    from_suite: str | None = Field(
        default=None,
        alias="from",
        description="The suite (a name, or a path) that the task belongs to. Only `gate_levels` "
        "may then be set anew.",
    )
    items: str | GeneratedItems | None = Field(
        default=None,
        description="JSON Lines in the suite's folder, or a generator of a ladder. Without it the "
        "task is lm-eval's.",
    )
    level: str | None = Field(
        default=None, description="The items' key that holds the level of a ladder, a whole number."
    )
    gate_levels: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="Levels that count for the verdict; the others are only shown. Needs `level`.",
    )
    metric: str | None = Field(
        default=None,
        description="Of own items one of the metrics of own items (without it `acc`). Of an "
        "lm-eval task any that scores an item between 0 and 1 (without it the task's first).",
    )
    filter: str | None = Field(
        default=None,
        description="Of an lm-eval task with several filters (`strict-match`, `flexible-extract`) "
        "the one that scores. Without it the first.",
    )
    chance: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="Score of guessing: what the base has beyond it is what can be lost. Without "
        "it one in as many as each item has choices, and 0 where there are none.",
    )
    num_fewshot: int | None = Field(
        default=None,
        ge=0,
        description="Examples before each item. Own items take them from the same file, never the "
        "item itself. Without it the task's; of own items none.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Token limit of a generated answer, own items only. Without it the metric's.",
    )
    stop: tuple[str, ...] | None = Field(
        default=None,
        description="Texts before which a generated answer ends, own items only. Without it the "
        "end of the line for `exact_match` and `normalized_match`, and none for the others.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        description="How many of its items are asked at most, in seeded order; of a group or tag, "
        "of each of its tasks. The protocol's `limit` cuts further, and lifts none.",
    )
    cost: Cost | None = Field(
        default=None,
        description="What an answer takes. It is shown, and used by `cliffguard plan`.",
    )


class CapabilityFile(BaseModel):
    """A capability as a suite file writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ring: Ring = Field(description="What its loss would mean: see the rings.")
    description: str = Field(default="", description="For people; lists and reports show it.")
    covers: tuple[Name, ...] = Field(
        default=(), description="Other capabilities that it counts as, such as `out_of_domain_qa`."
    )
    margin: float | None = Field(
        default=None,
        gt=0.0,
        le=0.5,
        description="The drop in mean score that is tolerated where the policy names none for this "
        "capability. It comes before the policy's `default_margin`, and stands in the review.",
    )
    tasks: tuple[TaskFile, ...] = Field(
        min_length=1,
        description="Its tasks, pooled with equal weight for each item. A name alone is a task of "
        "lm-eval.",
    )

    @field_validator("tasks", mode="before")
    @classmethod
    def _names_are_tasks(cls, tasks: Any) -> Any:
        """`- gsm8k` is short for `- {name: gsm8k}`."""
        if not isinstance(tasks, (list, tuple)):
            return tasks
        return [{"name": task} if isinstance(task, str) else task for task in tasks]


class SuiteFile(BaseModel):
    """A suite file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="How reports and the store call it.")
    version: int = Field(ge=1, description="Raise it when items change.")
    description: str = Field(default="", description="For people; `suites ls` shows it.")
    made: date | None = Field(
        default=None,
        description="The day on which its items were made. After a year `suites check` warns that "
        "newer bases may know them. No part of the digest.",
    )
    capabilities: dict[Name, CapabilityFile] = Field(
        min_length=1, description="The units of a decision, by name. A name belongs to one suite."
    )


def check_task(written: TaskFile, where: str) -> None:
    """Raise SuiteError with `where` for keys of a task that do not go together."""
    metric = written.metric
    if written.gate_levels is not None and written.level is None:
        raise SuiteError(
            f"{where}: gate_levels needs level: the name of the items' level field",
            id="suite.gate-levels",
        )
    if written.items is None:
        if written.level is not None or written.max_tokens is not None or written.stop is not None:
            raise SuiteError(
                f"{where}: level, max_tokens and stop need items of your own", id="suite.items"
            )
        return
    if metric not in OWN_METRICS:
        raise SuiteError(
            f"{where}: metric {metric!r} is not one of {', '.join(OWN_METRICS)}"
            f"{nearest(str(metric), OWN_METRICS)}",
            id="suite.metric",
        )
    if written.filter is not None:
        raise SuiteError(
            f"{where}: filter belongs to lm-eval tasks, not to items of your own", id="suite.filter"
        )
    if metric in BY_LIKELIHOOD and (written.max_tokens is not None or written.stop is not None):
        raise SuiteError(
            f"{where}: max_tokens and stop belong to answers that are generated, not to {metric}",
            id="suite.max-tokens",
        )
    if written.stop is not None and not all(written.stop):
        raise SuiteError(
            f"{where}: stop holds an empty text; leave it out, or name where to stop",
            id="suite.stop",
        )


def check_levels(written: TaskFile, items: tuple[Item, ...], where: str) -> None:
    if written.gate_levels is None:
        return
    absent = sorted(set(written.gate_levels) - {item.level for item in items})
    if absent:
        raise SuiteError(
            f"{where}: gate_levels names {absent}, but no item has such a level",
            id="suite.gate-levels",
        )
