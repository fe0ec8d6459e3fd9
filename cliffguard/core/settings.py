"""Settings: Plan, EvalSettings (the protocol, from `core.protocol`), Policy, with their options.

pydantic reads YAML straight into these records; each refuses by itself what makes no sense. The
options of the command line are these keys, declared beside them (`flag`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from cliffguard.core.backends import BackendKind, kind_of
from cliffguard.core.bounds import Bounds, check_bounds
from cliffguard.core.errors import bad_key, is_secret_name
from cliffguard.core.flags import (
    COLUMNS,
    EVERYDAY,
    ITEMS,
    LOOKS,
    RUNNER,
    STRICT,
    TRUST,
    flag,
    key,
    option,
)
from cliffguard.core.half import Half
from cliffguard.core.policy import (
    BehaviourPolicy,
    CapabilityPolicy,
    Estimand,
    Policy,
    Ring,
    Role,
    TargetPolicy,
)
from cliffguard.core.protocol import Count, EvalSettings

__all__ = [
    "AfterFailure", "BehaviourPolicy", "CapabilityPolicy", "Estimand", "EvalSettings", "Plan",
    "Policy", "Ring", "Role", "RunnerSettings", "TargetData", "TargetPolicy", "are_both",
]  # fmt: skip

AfterFailure = Literal["finish", "stop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSettings:
    """Who answers, and what should not change an answer: devices and the size of a batch.

    `model` is a backend of the registry (`core.backends`) or a name of lm-eval's: "cliffguard" is
    this package's engine, "hf" lm-eval's own over the same loader, "vllm" one vLLM engine for a
    base and its adapters, "auto" our engine for choices and vLLM for generated answers; any other
    ("local-completions", …) is made by lm-eval with `args`, which "vllm" and "auto" take as well.
    `served_as` says under which name a
    server knows a checkpoint (by default, its own). `batch_tokens` None is found from free memory;
    `batch_size` counts sequences instead.

    >>> from cliffguard import RunnerSettings
    >>> RunnerSettings(device="cpu", batch_size=8).is_local
    True
    >>> RunnerSettings(model="local-completions", args={"base_url": "http://localhost"}).is_served
    True
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    PANEL: ClassVar[str] = RUNNER

    model: str = flag("cliffguard", "Who answers: cliffguard, hf, or another model of lm-eval's.")
    args: Mapping[str, bool | int | float | str | None] = flag(
        dict, "Its arguments: k=v,k=v or JSON.", "--model_args", name="--model-args"
    )
    served_as: Mapping[str, str] = key(
        dict, "Under which name a server knows a checkpoint: checkpoint → name. By default its own."
    )
    device: str = flag("auto", "auto, cpu, cuda or cuda:N.")
    device_map: Literal["auto"] | None = flag(None, "auto spreads a model over all GPUs.")
    batch_size: Count | None = flag(None, "Sequences per batch.", "--batch_size")
    batch_tokens: Count | None = flag(None, "Tokens per batch (default: from free memory).")
    linear: Literal["auto", "plain", "packed"] = flag(
        "auto", "Lay weights out (float32 on a CPU): faster on AMD with AVX-512."
    )

    def __post_init__(self) -> None:
        check_bounds(self, "runner")
        if len(set(self.served_as.values())) < len(self.served_as):
            raise bad_key(
                "runner", "served_as", "gives two checkpoints one name; they would answer alike"
            )
        if self.batch_tokens is not None and not self.kind.packs:
            raise bad_key(
                "runner",
                "batch_tokens",
                f"is of the runner cliffguard; {self.model} has batch_size",
            )
        if self.linear != "auto" and not self.kind.packs:
            raise bad_key("runner", "linear", f"is of the runner cliffguard, not of {self.model}")
        if self.device_map is not None and not self.is_local:
            raise bad_key("runner", "device_map:", f"give it to the runner {self.model} in args")
        if secret := next(filter(is_secret_name, self.args), None):
            raise bad_key(
                "runner",
                f"args.{secret}:",
                "a secret would stand in every report; put it into the environment "
                "(OPENAI_API_KEY)",
            )
        if self.args and self.is_local and not self.kind.libraries:
            raise bad_key(
                "runner", "args", f"are for lm-eval's other models; {self.model} takes none"
            )

    @property
    def kind(self) -> BackendKind:
        """What is known of the backend before it is made."""
        return kind_of(self.model, self.args)

    @property
    def is_local(self) -> bool:
        """Return True if checkpoints are loaded here, by our own loader."""
        return self.kind.is_local

    @property
    def is_served(self) -> bool:
        """Return True if the model runs in a server, which is asked over a connection."""
        return self.kind.is_served


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetData:
    """Data that a target capability is made of, without a suite.

    `data` is a file, a folder that `datasets` has saved, or hf:org/name@revision on a hub. Columns
    that are None are found by their usual names. `metric` None is found from the answers, and
    `max_tokens` None is the metric's.

    >>> from cliffguard import Plan, TargetData
    >>> target = TargetData(data="test.jsonl", prompt="question", name="sums")
    >>> Plan(candidate="runs/ft/adapter", target=target).target.name
    'sums'
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    PANEL: ClassVar[str] = COLUMNS

    data: str = field(
        metadata=option(
            "Data of a target: a file, a saved folder, hf:org/name.",
            metavar="DATA",
            name="--target",
            panel=EVERYDAY,
        )
    )
    name: str = flag("target", "Name of its capability (target).")
    prompt: str | None = flag(
        None, "Column of prompts, or a text with columns in braces.", metavar="COLUMN"
    )
    answer: str | None = flag(None, "Column of right answers.", metavar="COLUMN")
    choices: str | None = flag(
        None, "Column of choices, or columns in braces, one for each.", metavar="COLUMN"
    )
    labels: tuple[str, ...] = flag((), "Label that every item chooses from.", metavar="LABEL")
    cluster: str | None = flag(
        None, "Column that says which items stand or fall together.", metavar="COLUMN"
    )
    system: str | None = flag(
        None, "Column of system prompts, said before the prompt.", metavar="COLUMN"
    )
    ignore: tuple[str, ...] = flag((), "Column that is no part of the question.", metavar="COLUMN")
    metric: str | None = flag(None, "acc, exact_match, numeric, regex, f1, rouge_l, …")
    max_tokens: Count | None = flag(None, "Tokens of a generated answer.")
    split: str | None = flag(None, "Split of a data set with several.")
    subset: str | None = flag(None, "Subset of a data set on a hub.")

    def __post_init__(self) -> None:
        if not self.data.strip():
            raise bad_key("target", "data", "is an empty name; name a file of items")
        check_bounds(self, "target")
        if len(self.labels) == 1 or len(set(self.labels)) < len(self.labels):
            raise bad_key(
                "target", "labels", "must be two or more, each once; name each with --target-labels"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan file says.

    `base` None: read it from the adapter's own config. `policy` None: the default margins, and a
    proven gain where the suites measure a target. `data` are local files with the documents of
    lm-eval's tasks, by the task's own name: one file with the documents that are evaluated, or
    one for each split, by the names that the task gives them. `train` are files of the fine-tune's
    data: items that stand in them do not count, and capabilities are placed by their distance from
    it. With `screen`, candidate and base also read prompts of each capability side by side, to see
    how far predictions have moved. `target` is data that a target is made of; with it no suite is
    needed (a plan file takes `adjacent` where it names none, a command line `auto`).
    `items` is how many are asked of each side at the most (None: all there are), dealt in
    proportion to the `churn` that is expected of each capability: the share of its items whose
    score changes, one for all or by name (where none is given: stored noise, or 10 %). Neither is
    part of a question's key.
    `hub`: a plain org/name that is no path is looked up on a hub, as hf:org/name is.
    `after_failure`: "finish" asks on after a FAIL until each capability is decided or all
    of it is asked; "stop" asks the ladders of what was lost, and no more. A file with several
    candidates that says neither means "stop" (`config.make_plans`). `half` stands in plans that
    `rescue` wrote: on the other half of the items the candidate's scale was chosen.

    >>> from cliffguard import Plan
    >>> plan = Plan(base="models/base", candidate="runs/ft/adapter", suites=("adjacent",))
    >>> plan.protocol.chat_template, plan.runner.model, plan.after_failure
    ('auto', 'cliffguard', 'finish')
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    PANEL: ClassVar[str] = ITEMS

    candidate: str = field(
        metadata=option(
            "Candidate: a directory, hf:org/model@revision, or an adapter.", panel=EVERYDAY
        )
    )
    base: str | None = flag(
        None,
        "Base: a directory, or hf:org/model@revision. An adapter names its own.",
        panel=EVERYDAY,
    )
    suites: tuple[str, ...] = flag(
        (),
        "A built-in suite or a file; auto (default): adjacent, and what fits both sides and the "
        "time. none: a target alone.",
        "-s",
        name="--suite",
        panel=EVERYDAY,
    )
    target: TargetData | None = key(
        None,
        "Data that a target capability is made of: a path, or the path as `data` with what cannot "
        "be found by itself. No suite is needed beside it.",
    )
    protocol: EvalSettings = key(EvalSettings, "How the items are put to both sides.")
    runner: RunnerSettings = key(RunnerSettings, "Who answers, and where.")
    policy: Policy | None = flag(None, "Margins and error rate, a YAML file.", "-p", panel=EVERYDAY)
    data: Mapping[str, str | Mapping[str, str]] = flag(
        dict, "A local file for an lm-eval task, or TASK:SPLIT=PATH.", metavar="TASK=PATH"
    )
    train: tuple[str, ...] = flag((), "Data of the fine-tune: items in it do not count.")
    screen: bool = flag(False, "Also compare both sides' predictions (KL); gates nothing.")
    items: Count | None = flag(
        None, "Items of each side at the most, dealt in proportion to the churn."
    )
    churn: (
        Annotated[float, Bounds(above=0.0, most=1.0)]
        | Mapping[str, Annotated[float, Bounds(least=0.0, most=1.0)]]
        | None
    ) = flag(
        None,
        "Share of items that a fine-tune changes (0.10): for all, by capability, or as in "
        "a review.json or a file of `name: share`.",
        metavar="SHARE|NAME=SHARE|FILE",
    )
    after_failure: AfterFailure = flag(
        "finish",
        "finish: what is undecided is asked on after a FAIL (default with one "
        "candidate). stop: only the ladders of what was lost.",
        panel=LOOKS,
    )
    offline: bool = flag(False, "Open no connection, as under HF_HUB_OFFLINE=1.", panel=TRUST)
    hub: bool = flag(False, "Look up a plain org/name on the hub, as hf:org/name is.", panel=TRUST)
    allow_base_mismatch: bool = flag(
        False, "Accept an adapter that names its base otherwise.", panel=TRUST
    )
    allow_pickle: bool = flag(False, "Load pickled weights, which can run code.", panel=TRUST)
    half: Half | None = key(
        None,
        "The half of the items that counts, as `cliffguard rescue` names it; the other does not.",
    )

    def __post_init__(self) -> None:
        for name in ("suites", "train"):  # one name needs no brackets, in Python as in a file
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, (value,))
        if not self.candidate.strip() or (self.base is not None and not self.base.strip()):
            raise bad_key(
                "plan", "candidate", "or base is an empty name; name a directory or a model"
            )
        if not self.suites and self.target is None:
            raise bad_key(
                "plan", "suites", "is empty: name at least one, for example [adjacent], or a target"
            )
        check_bounds(self, "plan")
        if self.offline and self.runner.is_served:
            raise bad_key(
                "plan",
                "offline",
                f"opens no connection, and the runner {self.runner.model} asks a server; leave one "
                "of them out",
            )


def are_both(plans: Sequence[Plan]) -> bool:
    """Return whether plans compare each candidate under two policies for chat templates."""
    return len({plan.protocol.chat_template for plan in plans}) > 1
