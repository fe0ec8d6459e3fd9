"""What was given on the command line: plans, and a store."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cliffguard.cli.console import hold, write_data
from cliffguard.cli.flag_values import overrides
from cliffguard.core.chats import effective
from cliffguard.core.errors import UsageError, redacted
from cliffguard.core.files import user_path
from cliffguard.core.progress import doing
from cliffguard.core.settings import are_both

if TYPE_CHECKING:
    from cliffguard.core.checkpoint import Checkpoint
    from cliffguard.core.items import Item, Task
    from cliffguard.core.settings import Plan
    from cliffguard.runners import Show
    from cliffguard.store.answers import Store
    from cliffguard.suites.target.reading import Reading


def plans_of(
    path: Path | None, flags: Mapping[str, Any], *, chooses: bool = False
) -> tuple[Plan, ...]:
    """Return one plan per candidate.

    A verb that `chooses` suites takes `auto` where none is named (`cli.auto`).
    """
    with doing("reading the plan and its data"):
        plans = _read_plans(path, overrides(flags), chooses=chooses)
        _refuse_absent_suites(plans)
    from cliffguard.core.hub_names import is_offline, no_connection

    if is_offline():  # a server of one's own is asked nevertheless
        plans = tuple(
            dataclasses.replace(plan, offline=not plan.runner.is_served) for plan in plans
        )
    if any(plan.offline for plan in plans):
        hold(no_connection())
    from cliffguard.suites.read_once import read_once

    hold(read_once())
    return plans


def plan_of(flags: Mapping[str, Any], path: Path | None = None, *, chooses: bool = False) -> Plan:
    """Return the one plan of a verb that asks in one way."""
    plan, *others = plans_of(path, flags, chooses=chooses)
    if others:
        raise UsageError(
            "--chat-template both: is for check; here choose own or base", id="chat-template.both"
        )
    return plan


def _read_plans(path: Path | None, given: Mapping[str, Any], *, chooses: bool) -> tuple[Plan, ...]:
    from cliffguard.config import AUTO, load_plans, make_plans

    defaults = {"suites": [AUTO]} if chooses else {}
    if path is not None:
        path = user_path(str(path), UsageError)
        if any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
            raise UsageError(
                f"{path}: is a checkpoint, not a plan; write --candidate {path}",
                id="plan.checkpoint",
            )
        return load_plans(path, given, defaults)
    if "candidate" not in given:
        raise UsageError(
            "no candidate: give a plan file, or --candidate (and --base, --suite)",
            id="candidate.missing",
        )
    if not {"suites", "target"} & {*given, *defaults}:
        raise UsageError(
            "no suite: give --suite NAME (see `cliffguard suites ls`), or --target", id="suite.none"
        )
    return make_plans({**defaults, **given}, "command line")


def _refuse_absent_suites(plans: Sequence[Plan]) -> None:
    """Refuse a suite that is not there before libraries are loaded, which takes many seconds."""
    from cliffguard.config import AUTO
    from cliffguard.suites.loading import refuse_absent

    refuse_absent(dict.fromkeys(name for plan in plans for name in plan.suites if name != AUTO))


def said_again(context: typer.Context, *, without: Collection[str] = ()) -> str:
    """Return the command that runs, word for word but for the parameters `without`."""
    words, sides = ["cliffguard", context.info_name or ""], []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in without or source is None or source.name not in ("COMMANDLINE", "ENVIRONMENT"):
            continue
        value = context.params[name]
        if parameter.param_type_name == "argument":
            sides.append(str(value))
            continue
        flag = parameter.opts[0]
        for element in value if isinstance(value, (list, tuple)) else [value]:
            words += [flag] if element is True else [flag, str(element)]
    if any(side.startswith("-") for side in sides):  # a path that reads as a flag
        return shlex.join([*words, "--", *sides])
    return shlex.join([*words[:2], *sides, *words[2:]])


def show(plans: Sequence[Plan]) -> None:
    import yaml

    from cliffguard.config import AUTO, as_written
    from cliffguard.gate import default_policy, with_margins
    from cliffguard.suites.target import suites_of

    plan = plans[0]
    if plan.suites == (AUTO,):  # chosen for checkpoints, which need not be there to show a plan
        suites = () if plan.target is None else suites_of(dataclasses.replace(plan, suites=()))
    else:
        suites = suites_of(plan)
    policy = with_margins(plans[0].policy or default_policy(suites), suites)
    resolved = as_written(dataclasses.replace(plans[0], policy=policy))
    if are_both(plans):
        resolved["protocol"]["chat_template"] = "both"
    names = list(dict.fromkeys(plan.candidate for plan in plans))
    if len(names) > 1:
        resolved["candidate"] = names
    write_data(redacted(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)))


def say_reading(read: Reading) -> None:
    """Print on stderr how a target's data were read, and the first prompts without a template."""
    from cliffguard.report.clean import clean

    for line in read.lines():
        print(clean(line).replace("\n", " "), file=sys.stderr)


def say_target(plans: Sequence[Plan], *, quiet: bool, is_asked: bool = False) -> Show | None:
    """Print on stderr how the target of the plans is read, where they have one.

    Where it `is_asked` under a chat template or with shots, its first prompts are printed once more
    as each side gets them: by what is returned, which the runner is given.
    """
    plan = plans[0]
    if quiet or plan.target is None:
        return None
    from cliffguard.suites.target import read_target

    read = read_target(plan.target, offline=plan.offline, hub=plan.hub)
    how = effective(plan.protocol, are_chats=read.task.are_chats)
    is_rendered = is_asked and (how.chat_template != "none" or (how.num_fewshot or 0) > 0)
    say_reading(read)
    if is_asked and not is_rendered:
        print("  asked as they are, without a chat template or shots", file=sys.stderr)
    return _Rendered(read.task.name) if is_rendered else None


class _Rendered:
    """Prints the first prompts of a task as the sides get them, each text once."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._sides: set[str] = set()
        self._texts: set[str] = set()

    def __call__(self, side: Checkpoint, task: Task, prompts: Sequence[tuple[Item, str]]) -> None:
        from cliffguard.report.clean import clean
        from cliffguard.suites.target.reading import prompt_line

        if task.name != self._task or side.name in self._sides:
            return
        self._sides.add(side.name)
        for item, prompt in prompts:
            if prompt not in self._texts:
                self._texts.add(prompt)
                line = prompt_line(item, prompt, f" as {side.name} gets it")
                print(clean(line).replace("\n", " "), file=sys.stderr)


def open_store(folder: Path | None) -> Store:
    """Return the store in `folder`, or the user's."""
    from cliffguard.store.answers import Store, default_store_folder

    return Store(folder or default_store_folder())
