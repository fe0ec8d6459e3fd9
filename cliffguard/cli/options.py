"""The options that verbs share: those of a plan's keys as they are declared, and the verbs' own."""

from __future__ import annotations

import collections.abc
import copy
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import typer

from cliffguard.cli.help import HelpAll
from cliffguard.core.flags import EVERYDAY, LOOKS, OUTPUT, Flag, flags_of
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings, TargetData
from cliffguard.core.texts import Texts

F = TypeVar("F", bound=Callable[..., Any])


def _folder(text: str) -> Path:
    """Return the folder that a flag names; of an unset variable of a shell it names none."""
    if not text.strip():
        raise typer.BadParameter("an empty name is no path; leave the flag out, or name one")
    return Path(text)


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


# --- options of the verbs ------------------------------------------------------------------------

After = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="REVIEW",
        help="Of folders of samples: the review.json of an earlier comparison of fewer samples, "
        "whose looks count; repeatable.",
        rich_help_panel=LOOKS,
    ),
]
_out = functools.partial(typer.Option, "--out", parser=_folder, metavar="FOLDER")
Out = Annotated[
    Path | None,
    _out(help="Folder for the reports (default: a new one for each run in cliffguard-out)."),
]
OutIfWanted = Annotated[
    Path | None, _out(help="Folder for the reports (default: none is written).")
]
OutOfSweep = Annotated[
    Path | None,
    _out(
        help="Folder for the overview and, below it, the reports of each checkpoint (default: "
        "cliffguard-out/sweep).",
    ),
]
OutOfRescue = Annotated[
    Path | None,
    _out(help="Folder for the reports and what is chosen (default: cliffguard-out/NAME-rescue)."),
]
Suites = Annotated[list[str], typer.Argument(help="Built-in suites or files.")]
TextOrJson = Annotated[Literal["text", "json"], typer.Option("--format", help="json: one object.")]
_looks = functools.partial(typer.Option, rich_help_panel=LOOKS)
_output = functools.partial(typer.Option, rich_help_panel=OUTPUT)

StoreFolder = Annotated[
    Path | None,
    _output(
        "--store",
        envvar="CLIFFGUARD_STORE",
        parser=_folder,
        metavar="FOLDER",
        help="Folder of the stored answers.",
    ),
]
Quiet = Annotated[bool, _output("--quiet", "-q", help="Only errors.")]
Verbose = Annotated[bool, _output("--verbose", "-v", help="Warnings of the libraries, too.")]
ShowConfig = Annotated[
    bool, _output("--show-config", "--show_config", help="Print the resolved plan; run nothing.")
]
ExitZero = Annotated[bool, _output("--exit-zero", help="Report only: exit 0 whatever the verdict.")]
Format = Literal["text", "markdown", "html", "json", "junit", "comment", "github"]
OutputFormat = Annotated[
    Format | None,
    _output(
        "--format",
        help="Print the report in this format on stdout. comment: for a pull request; github: "
        "annotations of a job.",
    ),
]
CommentId = Annotated[
    str | None,
    _output(
        "--comment-id",
        metavar="ID",
        help="Tells the comments of several gates apart (default: the candidate's name).",
    ),
]
URL_VARIABLE = "CLIFFGUARD_REPORT_URL"
ReportUrl = Annotated[
    str | None,
    _output(
        "--report-url",
        envvar=URL_VARIABLE,
        metavar="URL",
        help="Where the comment links to.",
    ),
]
KeptTexts = Annotated[
    Texts,
    _output(
        "--texts",
        help="Of prompts, choices and answers in the reports and items.jsonl. short: 1,200 "
        "characters each, the middle left out; none: digests.",
    ),
]
Track = Annotated[
    list[str] | None,
    _output(
        "--track",
        metavar="TRACKER",
        help="mlflow, wandb, tensorboard: log drops, verdict, flips and report there, as its own "
        "environment says. Repeatable.",
    ),
]
Promote = Annotated[
    str | None,
    _output(
        "--promote",
        metavar="ALIAS",
        help="At exit 0 set this alias of MLflow's registry on --promote-model.",
    ),
]
PromoteModel = Annotated[
    str | None,
    _output(
        "--promote-model",
        metavar="MODEL",
        help="The version that holds the candidate: models:/NAME/VERSION.",
    ),
]
NoEarlyStop = Annotated[bool, _looks("--no-early-stop", help="Measure everything, in one look.")]
Choose = Annotated[
    Literal["any", "last"] | None,
    _looks(
        "--choose",
        help="Of several candidates one is shipped. any: they share alpha; last: in order, as long "
        "as they pass. Exit 0 where one passed.",
    ),
]
Diagnose = Annotated[
    bool,
    _looks(
        "--diagnose/--no-diagnose",
        help="Ask broken items again after the verdict, in other forms (a tenth of the run's "
        "tokens).",
    ),
]
Bundle = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        parser=_folder,
        metavar="FILE",
        help="Also write base and candidates into this tar file, which `compare` judges anywhere.",
    ),
]
OfBundle = Annotated[
    str | None,
    typer.Option(
        "--candidate",
        metavar="NAME",
        help="Of a bundle of several candidates: the one to judge (default: each).",
    ),
]
MaxMinutes = Annotated[
    float | None,
    _looks(
        "--max-minutes",
        help="Of each candidate, from its start; then nothing more is asked, what is open stays. "
        "Imports, hashing, headers, data and loading count, and are not cut short.",
    ),
]

# --- options of a plan's keys --------------------------------------------------------------------


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
        "texts": KeptTexts,
        "comment_id": CommentId,
        "report_url": ReportUrl,
        "track": Track,
        "promote": Promote,
        "promote_model": PromoteModel,
        "max_minutes": MaxMinutes,
        "diagnose": Diagnose,
        "quiet": Quiet,
        "verbose": Verbose,
        **SCREEN,
    }.items()
}
"""Flags of check that shape nothing of what plan tells: a line for check is one for plan too."""


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
