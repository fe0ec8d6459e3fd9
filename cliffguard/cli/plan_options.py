"""The options of a plan's keys, as the settings declare them, and the verbs that take them."""

from __future__ import annotations

import collections.abc
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import (
    Annotated,
    Any,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import typer

from cliffguard.cli.help import HelpAll
from cliffguard.core.flags import EVERYDAY, Flag, flags_of
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings, TargetData

F = TypeVar("F", bound=Callable[..., Any])

ALL = "all"
_NO_LIMIT = " all: no limit, whatever the plan says."


def _limit(text: str) -> int | str:
    """Return the limit that a flag says; `ALL` is none, where a flag left alone is None."""
    if text == ALL:
        return ALL
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a valid integer, and not all") from None


# Record of a plan → where it stands in the plan, and what its options begin with.
_SECTIONS: dict[type[Any], tuple[str | None, str]] = {
    Plan: (None, "--"),
    TargetData: ("target", "--target-"),
    EvalSettings: ("protocol", "--"),
    RunnerSettings: ("runner", "--"),
}
# By parameter, what is typed where that is not what the key holds.
_TYPED: dict[str, Any] = {
    "candidate": list[str],
    "policy": Path,
    "data": list[str],
    "churn": list[str],
}


class PlanKey(NamedTuple):
    """The key of a plan that an option sets; `section` None: of the plan itself."""

    section: str | None
    name: str
    option: str


KEYS: dict[str, PlanKey] = {}
"""By parameter."""
SINGLE: dict[str, str] = {}
"""Options of which all values are kept, so that a second one is seen, by parameter."""


def _options(record: Any, *keys: str, prefixes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the options of these keys of a record, of all without any: parameter → annotation.

    With `prefixes` they are called by each, and stand among the everyday ones.
    """
    section, prefix = _SECTIONS[record]
    hints = _hints(record)
    options = {}
    for key, flag in flags_of(record):
        if keys and key not in keys:
            continue
        ending = key.replace("_", "-")
        name = flag.name or prefix + ending
        parameter = key if section is None else name.removeprefix("--").replace("-", "_")
        KEYS.setdefault(parameter, PlanKey(section, key, name))
        kind = _TYPED.get(parameter) or _typed(hints[key])
        if record is TargetData and kind is str:
            SINGLE[parameter] = name
            kind = list[str]
        names = [before + ending for before in prefixes] or [name, *flag.aliases]
        panel = None if prefixes or flag.panel == EVERYDAY else flag.panel
        is_repeatable = get_origin(kind) is list and parameter not in SINGLE
        more = " Repeatable." * is_repeatable + _NO_LIMIT * (key == "limit")
        parser = _limit if key == "limit" else None
        options[parameter] = _option(kind, flag, names, panel, more, parser)
    return options


@functools.cache
def _hints(record: Any) -> dict[str, Any]:
    return get_type_hints(record, include_extras=True)


def _typed(hint: Any) -> Any:
    """Return what is typed for a key of this type: a list's entries, a mapping as one text."""
    if type(None) in get_args(hint):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return {tuple: list[str], collections.abc.Mapping: str}.get(get_origin(hint), hint)


def _option(
    kind: Any,
    flag: Flag,
    names: Sequence[str],
    panel: str | None,
    more: str,
    parser: Callable[[str], Any] | None,
) -> Any:
    """Return the annotation by which typer reads an option; one left alone is None, or False."""
    option = typer.Option(
        *names,
        help=flag.help + more,
        metavar=flag.metavar,
        parser=parser,
        rich_help_panel=panel,
    )
    return Annotated[kind if kind is bool else kind | None, option]


_QUESTION_KEYS = ("base", "suites", "offline", "hub", "allow_base_mismatch", "allow_pickle")
_APART = ("candidate", "policy", "data", "screen")
CANDIDATE, POLICY, DATA, SCREEN = (_options(Plan, key) for key in _APART)
PLAN = _options(Plan, *_QUESTION_KEYS)
JUDGED = _options(
    Plan, *(key for key, _ in flags_of(Plan) if key not in (*_QUESTION_KEYS, *_APART))
)
"""What a comparison takes beside its questions: a new key of a plan is among them."""
TARGET = _options(TargetData)
_FIELDS = [key for key, _ in flags_of(TargetData) if key not in ("data", "name")]
FIELDS = _options(TargetData, *_FIELDS)
OWN_FIELDS = _options(TargetData, *_FIELDS, prefixes=("--", "--target-"))
"""The same where there is nothing but a target."""
PROTOCOL = {
    **_options(EvalSettings),
    "apply_chat_template": Annotated[
        bool,
        typer.Option(
            "--apply-chat-template",
            "--apply_chat_template",
            help="Short for --chat-template own.",
            rich_help_panel=EvalSettings.PANEL,
        ),
    ],
}
RUNNER = _options(RunnerSettings)
NAMED_SUITES = {
    "suites": Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            "-s",
            help="A built-in suite or a file. none: a target alone. Repeatable.",
        ),
    ]
}
"""Behind `PLAN`, the suites of a verb that chooses none by itself."""


def takes(*groups: Mapping[str, Any]) -> Callable[[F], F]:
    """Add groups of flags to a verb, which receives them as one mapping, `flags`.

    A flag whose name is one of the verb's own parameters is left out. Where not all stand among the
    everyday ones, `--help-all` is added, which shows the others.
    """
    added = {name: annotation for group in groups for name, annotation in group.items()}

    def decorate(function: F) -> F:
        declared = inspect.signature(function, eval_str=True).parameters
        kept = [
            parameter.replace(kind=parameter.KEYWORD_ONLY)
            for name, parameter in declared.items()
            if name != "flags"
        ]
        flags = [_parameter(name, kind) for name, kind in added.items() if name not in declared]
        is_long = any(get_args(flag.annotation)[1].rich_help_panel for flag in flags)
        shown = [*flags, *kept, *([_parameter("help_all", HelpAll)] if is_long else [])]

        @functools.wraps(function)
        def wrapper(**given: Any) -> Any:
            given.pop("help_all", None)
            return function(flags={flag.name: given.pop(flag.name) for flag in flags}, **given)

        wrapper.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in shown}
        return wrapper  # type: ignore[return-value]

    return decorate


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    """Return the parameter of a flag: left alone it is None, a switch False."""
    default = False if get_args(annotation)[0] is bool else None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
