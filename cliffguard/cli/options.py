"""The options of verbs that are no keys of a plan, where several share one."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Literal

import typer

from cliffguard.core.flags import LOOKS, OUTPUT
from cliffguard.core.texts import Texts


def _folder(text: str) -> Path:
    """Return the folder that a flag names; of an unset variable of a shell it names none."""
    if not text.strip():
        raise typer.BadParameter("an empty name is no path; leave the flag out, or name one")
    return Path(text)


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
        help="Time limit of each candidate, from its start; what is open then is INCONCLUSIVE. "
        "Imports, hashing, headers, data and loading count, and are not cut short.",
    ),
]
