"""The flags that verbs share, each a plan key; lm-eval's spellings are aliases."""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import typer

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

Candidate = Annotated[
    list[str] | None,
    typer.Option(help="Candidate: a directory, hf:org/model@revision, or an adapter; repeatable."),
]


def _folder(text: str) -> Path:
    """Return the folder that a flag names; of an unset variable of a shell it names none."""
    if not text.strip():
        raise typer.BadParameter("an empty name is no folder; leave the flag out, or name one")
    return Path(text)


_ALL = "all"


def _limit(text: str) -> int | str:
    """Return the limit that a flag says; `_ALL` is none, where a flag left alone is None."""
    if text == _ALL:
        return _ALL
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a valid integer, and not all") from None


PolicyFile = Annotated[
    Path | None, typer.Option("--policy", "-p", help="Margins and error rate, a YAML file.")
]
After = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="REVIEW",
        help="Of folders of samples: the review.json of an earlier comparison of fewer samples, "
        "whose looks count; repeatable.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        parser=_folder,
        metavar="FOLDER",
        help="Folder for the reports (default: cliffguard-out/<candidate>, or <candidate>-2 and so "
        "on where that is another run's).",
    ),
]
OutIfWanted = Annotated[
    Path | None,
    typer.Option(
        "--out",
        parser=_folder,
        metavar="FOLDER",
        help="Folder for the reports (default: none is written).",
    ),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        envvar="CLIFFGUARD_STORE",
        parser=_folder,
        metavar="FOLDER",
        help="Folder of the stored answers.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Warnings of the libraries, too.")]
ShowConfig = Annotated[
    bool,
    typer.Option("--show-config", "--show_config", help="Print the resolved plan; run nothing."),
]
ExitZero = Annotated[
    bool, typer.Option("--exit-zero", help="Report only: exit 0 whatever the verdict.")
]
NoEarlyStop = Annotated[
    bool,
    typer.Option("--no-early-stop", help="Measure everything, in one look."),
]
Choose = Annotated[
    Literal["any", "last"] | None,
    typer.Option(
        "--choose",
        help="Of several candidates one is shipped. any: they share alpha; last: in order, as long "
        "as they pass. Exit 0 where one passed.",
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        "--max-minutes",
        help="Of each candidate, from its start; then nothing more is asked, what is open stays.",
    ),
]
OutputFormat = Annotated[
    Literal["text", "markdown", "html", "json", "junit"] | None,
    typer.Option("--format", help="Print the report in this format on stdout."),
]

_Text = str | None
_Whole = int | None
_Real = float | None

# Flags that set a key of the plan, in groups that several verbs share: name → annotation.
PLAN: dict[str, Any] = {
    "base": Annotated[
        _Text,
        typer.Option(help="Base: a directory, or hf:org/model@revision. An adapter names its own."),
    ],
    "suites": Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            "-s",
            help="A built-in suite or a file; repeatable. A target alone takes adjacent, or none.",
        ),
    ],
    "offline": Annotated[
        bool, typer.Option("--offline", help="Open no connection, as under HF_HUB_OFFLINE=1.")
    ],
    "hub": Annotated[
        bool, typer.Option("--hub", help="Look up a plain org/name on the hub, as hf:org/name is.")
    ],
    "allow_base_mismatch": Annotated[
        bool,
        typer.Option(
            "--allow-base-mismatch", help="Accept an adapter that names its base otherwise."
        ),
    ],
    "allow_pickle": Annotated[
        bool, typer.Option("--allow-pickle", help="Load pickled weights, which can run code.")
    ],
}
TARGET: dict[str, Any] = {
    "target": Annotated[
        _Text,
        typer.Option(metavar="DATA", help="Data of a target: a file, a saved folder, hf:org/name."),
    ],
    "target_name": Annotated[_Text, typer.Option(help="Name of its capability (target).")],
}


_FIELDS: dict[str, tuple[Any, str, str | None]] = {  # key → type, help, metavar
    "prompt": (_Text, "Column of prompts, or a text with columns in braces.", "COLUMN"),
    "system": (_Text, "Column of system prompts, said before the prompt.", "COLUMN"),
    "answer": (_Text, "Column of right answers.", "COLUMN"),
    "choices": (_Text, "Column of choices, or columns in braces, one for each.", "COLUMN"),
    "labels": (list[str] | None, "Label that every item chooses from; repeatable.", "LABEL"),
    "cluster": (_Text, "Column that says which items stand or fall together.", "COLUMN"),
    "ignore": (list[str] | None, "Column that is no part of the question; repeatable.", "COLUMN"),
    "metric": (_Text, "acc, exact_match, numeric, regex, f1, rouge_l, …", None),
    "max_tokens": (_Whole, "Tokens of a generated answer.", None),
    "split": (_Text, "Split of a data set with several.", None),
    "subset": (_Text, "Subset of a data set on a hub.", None),
}


def _fields(*prefixes: str) -> dict[str, Any]:
    """Return the flags about the data of a target, each called by every prefix."""
    return {
        f"target_{key}": Annotated[
            kind,
            typer.Option(
                *(prefix + key.replace("_", "-") for prefix in prefixes),
                help=told,
                metavar=metavar,
            ),
        ]
        for key, (kind, told, metavar) in _FIELDS.items()
    }


FIELDS = _fields("--target-")
OWN_FIELDS = _fields("--", "--target-")
"""The same where there is nothing but a target."""
DATA: dict[str, Any] = {
    "data": Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="TASK=PATH",
            help="A local file for an lm-eval task, or TASK:SPLIT=PATH; repeatable.",
        ),
    ],
}
TRAIN: dict[str, Any] = {
    "train": Annotated[
        list[str] | None,
        typer.Option(help="Data of the fine-tune: items in it do not count; repeatable."),
    ],
}
SCREEN: dict[str, Any] = {
    "screen": Annotated[
        bool,
        typer.Option("--screen", help="Also compare both sides' predictions (KL); gates nothing."),
    ],
}
DEALING: dict[str, Any] = {
    "items": Annotated[
        _Whole,
        typer.Option(help="Items of each side at the most, dealt in proportion to the churn."),
    ],
    "churn": Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARE|NAME=SHARE|FILE",
            help="Share of items that a fine-tune changes (0.10): for all, by capability "
            "(repeatable), or as in a review.json or a file of `name: share`.",
        ),
    ],
}
FAILURE: dict[str, Any] = {
    "after_failure": Annotated[
        Literal["finish", "stop"] | None,
        typer.Option(
            "--after-failure",
            help="finish: what is undecided is asked on after a FAIL (default with one candidate). "
            "stop: only the ladders of what was lost.",
        ),
    ],
}
_OF_THE_PLAN = {*PLAN, *TRAIN, *SCREEN, *DEALING, *FAILURE, "candidate", "policy"}
"""Flags that are keys of a plan as they stand."""

PROTOCOL: dict[str, Any] = {
    "limit": Annotated[
        _Whole,
        typer.Option(
            "--limit",
            "-L",
            parser=_limit,
            metavar="N|all",
            help="Items per task, balanced over levels; all: no limit, whatever the plan says.",
        ),
    ],
    "num_fewshot": Annotated[
        _Whole,
        typer.Option("--num-fewshot", "--num_fewshot", help="Shots, instead of the tasks'."),
    ],
    "seed": Annotated[
        _Whole, typer.Option(help="Seed of the order of items, of the shots, and of sampling.")
    ],
    "chat_template": Annotated[
        Literal["none", "own", "base", "both"] | None,
        typer.Option(
            help="Chat template: none, each side's own, the base's for both sides; or both: check "
            "compares under own and under base, and either can fail."
        ),
    ],
    "apply_chat_template": Annotated[
        bool,
        typer.Option(
            "--apply-chat-template", "--apply_chat_template", help="Short for --chat-template own."
        ),
    ],
    "template_args": Annotated[
        _Text, typer.Option(metavar="JSON", help='For the template: {"enable_thinking": false}.')
    ],
    "system_prompt": Annotated[
        _Text,
        typer.Option("--system-prompt", "--system_instruction", help="Needs a chat template."),
    ],
    "max_tokens": Annotated[_Whole, typer.Option(help="Tokens of a generated answer.")],
    "max_length": Annotated[
        _Whole,
        typer.Option(
            "--max-length",
            "--max_length",
            help="Tokens that a model reads, prompt and answer; where its files do not say it.",
        ),
    ],
    "think_end": Annotated[
        _Text, typer.Option(help="Mark after which a reasoning model answers, such as </think>.")
    ],
    "temperature": Annotated[_Real, typer.Option(help="Above 0, generated answers are sampled.")],
    "top_p": Annotated[_Real, typer.Option(help="Of sampling; 1 is off.")],
    "top_k": Annotated[_Whole, typer.Option(help="Of sampling; 0 is off.")],
    "repeats": Annotated[
        _Whole, typer.Option(help="Times that each generated answer is sampled; the mean counts.")
    ],
    "dtype": Annotated[
        Literal["auto", "float32", "bfloat16", "float16"] | None,
        typer.Option(help="Weights; auto is bfloat16 on a GPU and float32 on CPU."),
    ],
    "quantization": Annotated[
        Literal["none", "4bit", "8bit"] | None,
        typer.Option(help="Quantise the weights while loading (CUDA, bitsandbytes)."),
    ],
    "attention": Annotated[
        Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] | None,
        typer.Option("--attention", "--attn-implementation", help="Attention implementation."),
    ],
}
RUNNER: dict[str, Any] = {
    "device": Annotated[_Text, typer.Option(help="auto, cpu, cuda or cuda:N.")],
    "device_map": Annotated[
        Literal["auto"] | None, typer.Option(help="auto spreads a model over all GPUs.")
    ],
    "batch_size": Annotated[
        _Whole, typer.Option("--batch-size", "--batch_size", help="Sequences per batch.")
    ],
    "batch_tokens": Annotated[
        _Whole, typer.Option(help="Tokens per batch (default: from free memory).")
    ],
    "model": Annotated[
        _Text, typer.Option(help="Who answers: cliffguard, hf, or another model of lm-eval's.")
    ],
    "model_args": Annotated[
        _Text,
        typer.Option("--model-args", "--model_args", help="Its arguments: k=v,k=v or JSON."),
    ],
}


def _unseen(annotation: Any) -> Any:
    """Return a flag that is accepted and not told of."""
    kind, option = get_args(annotation)
    option = copy.copy(option)
    option.hidden = True
    return Annotated[kind, option]


NO_MATTER: dict[str, Any] = {
    name: _unseen(annotation)
    for name, annotation in {
        "out": Out,
        "exit_zero": ExitZero,
        "max_minutes": MaxMinutes,
        "quiet": Quiet,
        "verbose": Verbose,
        **SCREEN,
    }.items()
}
"""Flags of check that shape nothing of what plan tells: a line for check is one for plan too."""

# Flags whose key is called otherwise.
_RENAMED = {"model_args": "args"}


def takes(*groups: Mapping[str, Any]) -> Callable[[F], F]:
    """Add groups of flags to a verb, which receives them as one mapping, `flags`.

    A flag whose name is one of the verb's own parameters is left out.
    """
    added = {name: annotation for group in groups for name, annotation in group.items()}

    def decorate(function: F) -> F:
        own = dict(inspect.signature(function, eval_str=True).parameters)
        kept = [parameter for name, parameter in own.items() if name != "flags"]
        flags = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if get_args(annotation)[0] is bool else None,
                annotation=annotation,
            )
            for name, annotation in added.items()
            if name not in own
        ]

        @functools.wraps(function)
        def wrapper(**given: Any) -> Any:
            return function(flags={flag.name: given.pop(flag.name) for flag in flags}, **given)

        signature = inspect.Signature([*kept, *flags])
        wrapper.__signature__ = signature  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in [*kept, *flags]}
        return wrapper  # type: ignore[return-value]

    return decorate


def overrides(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan keys that the given flags set; a flag left alone sets none."""
    plan: dict[str, Any] = {}
    for name, value in flags.items():
        if value is None or value is False or value == []:
            continue
        if name in PROTOCOL and name != "apply_chat_template":
            plan.setdefault("protocol", {})[name] = _read(name, value)
        elif name in RUNNER:
            plan.setdefault("runner", {})[_RENAMED.get(name, name)] = _read(name, value)
        elif name in TARGET or name in FIELDS:
            key = "data" if name == "target" else name.removeprefix("target_")
            plan.setdefault("target", {})[key] = value
        elif name in DATA:
            plan[name] = _by_task(value)
        elif name == "churn":
            from cliffguard.cli.churn import read_churn  # reads files, which --help need not

            plan[name] = read_churn(value)
        elif name in _OF_THE_PLAN:
            plan[name] = str(value) if isinstance(value, Path) else value
    if flags.get("apply_chat_template") and flags.get("chat_template") is None:
        plan.setdefault("protocol", {})["chat_template"] = "own"
    return plan


def _by_task(given: Sequence[str]) -> dict[str, str | dict[str, str]]:
    """Return the files that --data names: one for a task, or one for each of its splits."""
    files: dict[str, str | dict[str, str]] = {}
    for text in given:
        name, sign, path = text.partition("=")
        task, colon, split = name.partition(":")
        if not (sign and task.strip() and path.strip() and bool(colon) == bool(split.strip())):
            raise UsageError(
                f"--data {text}: expected TASK=PATH or TASK:SPLIT=PATH", id="data.form"
            )
        known = files.get(task)
        if colon and (known is None or (isinstance(known, dict) and split not in known)):
            files[task] = {**(known or {}), split: path}
        elif not colon and known is None:
            files[task] = path
        else:
            raise UsageError(
                f"--data {text}: {name} has a file already; leave one of them out", id="data.twice"
            )
    return files


def _read(name: str, value: Any) -> Any:
    """Return the mapping in a flag that holds one, written as JSON or as k=v,k=v."""
    if name == "limit" and value == _ALL:
        return None
    if name not in ("template_args", "model_args"):
        return value
    if value.lstrip().startswith("{"):
        try:
            return parse_json(value)
        except ValueError as failure:
            raise UsageError(
                f"--{name.replace('_', '-')}: not valid JSON: {failure}", id="flag.not-json"
            ) from None
    pairs = [part.partition("=") for part in value.split(",") if part]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise UsageError(
            f"--{name.replace('_', '-')}: {wrong[0]!r} is no key=value", id="flag.key-value"
        )
    return {key.strip(): _scalar(text) for key, _, text in pairs}


def _scalar(text: str) -> Any:
    """Return what a bare word means: 4 is a number, true a switch, the rest text."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _REAL.fullmatch(text) else text


_WHOLE = re.compile(r"[-+]?\d{1,19}", re.ASCII)
_REAL = re.compile(r"[-+]?(?:\d{1,19}\.?\d{0,19}|\.\d{1,19})(?:[eE][-+]?\d{1,2})?", re.ASCII)
