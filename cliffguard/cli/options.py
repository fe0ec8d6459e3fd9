"""The flags that verbs share, each a plan key; lm-eval's spellings are aliases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cliffguard.errors import UsageError

Base = Annotated[
    str | None,
    typer.Option(help="Base: a directory, or org/model@revision. An adapter names its own."),
]
Candidate = Annotated[
    list[str] | None,
    typer.Option(help="Candidate: a directory, org/model@revision, or an adapter."),
]
SuiteNames = Annotated[
    list[str] | None, typer.Option("--suite", "-s", help="A built-in suite or a file; repeatable.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", "-p", help="Margins and error rate, a YAML file.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the reports (default: cliffguard-out/<candidate>).")
]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", envvar="CLIFFGUARD_STORE", help="Folder of the stored answers."),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"] | None,
    typer.Option(help="Weights; auto is bfloat16 on a GPU and float32 on CPU."),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", "--batch_size", help="Sequences per batch.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", "-L", help="Items per task, balanced over levels.")
]
Fewshot = Annotated[
    int | None, typer.Option("--num-fewshot", "--num_fewshot", help="Shots, instead of the tasks'.")
]
Template = Annotated[
    Literal["none", "own", "base"] | None,
    typer.Option(help="Chat template: none, each side's own, or the base's for both."),
]
ApplyTemplate = Annotated[
    bool,
    typer.Option(
        "--apply-chat-template", "--apply_chat_template", help="Short for --chat-template own."
    ),
]
System = Annotated[
    str | None,
    typer.Option("--system-prompt", "--system_instruction", help="Needs a chat template."),
]
Seed = Annotated[int | None, typer.Option(help="Seed of the order of items and of the shots.")]
Offline = Annotated[bool, typer.Option("--offline", help="Open no connection.")]
BaseMismatch = Annotated[
    bool, typer.Option("--allow-base-mismatch", help="Accept an adapter of another base.")
]
Pickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Load pickled weights, which can run code.")
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
    typer.Option("--no-early-stop", help="Measure everything (which this version always does)."),
]
OutputFormat = Annotated[
    Literal["text", "markdown", "html", "json", "junit"] | None,
    typer.Option("--format", help="Print the report in this format on stdout."),
]

# Flag → place in the plan.
_PLACES: dict[str, tuple[str, ...]] = {
    "base": ("base",),
    "candidate": ("candidate",),
    "suites": ("suites",),
    "policy": ("policy",),
    "offline": ("offline",),
    "allow_base_mismatch": ("allow_base_mismatch",),
    "allow_pickle": ("allow_pickle",),
    "device": ("runner", "device"),
    "batch_size": ("runner", "batch_size"),
    "dtype": ("protocol", "dtype"),
    "limit": ("protocol", "limit"),
    "num_fewshot": ("protocol", "num_fewshot"),
    "chat_template": ("protocol", "chat_template"),
    "system_prompt": ("protocol", "system_prompt"),
    "seed": ("protocol", "seed"),
}
PROTOCOL_FLAGS = tuple(name for name, place in _PLACES.items() if place[0] == "protocol")


def _only(candidates: list[str] | str | None) -> str | None:
    """Return the one candidate; a second would otherwise replace the first in silence."""
    if not isinstance(candidates, list):
        return candidates
    if len(candidates) > 1:
        raise UsageError(
            f"--candidate stands {len(candidates)} times; check one at a time, the base's answers "
            "are kept"
        )
    return candidates[0] if candidates else None


def overrides(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan keys that the given flags set; a flag left alone sets none."""
    plan: dict[str, Any] = {}
    flags = {**flags, "candidate": _only(flags.get("candidate"))}
    for name, value in flags.items():
        if name not in _PLACES or value is None or value is False or value == []:
            continue
        *groups, leaf = _PLACES[name]
        place = plan
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = str(value) if isinstance(value, Path) else value
    if flags.get("apply_chat_template") and flags.get("chat_template") is None:
        plan.setdefault("protocol", {})["chat_template"] = "own"
    return plan
