"""All verbs in one readable list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from cliffguard.cli.help import Brief, OneLine
from cliffguard.cli.lazy import Verb


def _brief(source: str, line: str, *examples: str) -> Verb:
    """Return a verb with more options than one screen holds: its help is brief, with examples."""
    return Verb(source, line, {"cls": Brief, "epilog": "\n\n".join(examples)})


VERBS: Mapping[str, Verb] = {
    "check": _brief(
        "check:check",
        "Measure base and candidate, compare them, judge, and report.",
        "cliffguard check --candidate runs/ft/adapter --suite adjacent",
        "cliffguard check plan.yaml --policy policy.yaml --out reports",
    ),
    "plan": _brief(
        "plan:plan",
        "Say what a plan can decide: items, the drops it sees, the chance to pass, the cost.",
        "cliffguard plan plan.yaml",
        "cliffguard plan --suite adjacent --limit 200 --aim 0.9",
    ),
    "measure": _brief(
        "check:measure",
        "Put the answers of checkpoints into the store, without a verdict.",
        "cliffguard measure models/base --suite adjacent",
        "cliffguard measure models/base runs/ft/adapter --bundle run.tar",
    ),
    "compare": _brief(
        "compare:compare",
        "Judge two checkpoints from stored answers, or two runs from what was logged of them.",
        "cliffguard compare models/base runs/ft/adapter --suite adjacent",
        "cliffguard compare run.tar --policy policy.yaml",
        "cliffguard compare samples/base samples/tuned --policy policy.yaml",
    ),
    "noise": _brief(
        "noise:noise",
        "Ask a checkpoint twice: again one sequence at a time, or as is said; exit 12 on drift.",
        "cliffguard noise runs/ft/adapter --suite adjacent --limit 200",
        "cliffguard noise runs/ft/adapter --suite adjacent --other-dtype float32",
    ),
    "sweep": _brief(
        "sweep:sweep",
        "Check many checkpoints of one plan, on several workers, into one overview.",
        "cliffguard sweep plan.yaml --candidates 'runs/*/checkpoint-*' --workers 2",
        "cliffguard sweep plan.yaml --candidates 'runs/ft/checkpoint-*' --watch",
    ),
    "rescue": _brief(
        "rescue:rescue",
        "Scale a fine-tune towards its base: chosen on half of the items, judged on the others.",
        "cliffguard rescue plan.yaml",
        "cliffguard rescue plan.yaml --grid 0.4,0.6,0.8 --out rescued",
    ),
    "report": Verb(
        "report:report",
        "Render a stored review, or the overview of several; the same bytes every time.",
    ),
    "figures": Verb(
        "figures:figures",
        "Draw the figures of reviews, the same bytes every time; print the files that were "
        "written.",
    ),
    "card": Verb(
        "card:card",
        "Write what a fine-tune kept into its model card, between two marks; all else stays.",
    ),
    "flips": Verb("flips:flips", "List the items that changed; exit 0 also where there is none."),
    "init": _brief(
        "init:init",
        "Write plan.yaml and policy.yaml, and a target suite where data is given.",
        "cliffguard init --out gate",
        "cliffguard init --out gate --data items.jsonl --target-answer label",
    ),
    "doctor": _brief(
        "doctor:doctor",
        "Look at versions, devices and places and, if given, at base and candidate.",
        "cliffguard doctor",
        "cliffguard doctor --base models/base --candidate runs/ft/adapter --load",
    ),
    "demo": Verb(
        "demo:demo",
        "Check a healthy and an over-trained fine-tune of a small model; exit 0 when it ran.",
    ),
    "lm-eval": Verb(
        "lm_eval:lm_eval",
        "Run lm-eval's own command line, which then knows the model `cliffguard`.",
        {
            "context_settings": {
                "allow_extra_args": True,
                "ignore_unknown_options": True,
                "help_option_names": [],  # its --help is lm-eval's
            }
        },
    ),
    "skill": Verb(
        "skill:skill",
        "Print the skill for agents: ten situations, the command for each, and its exit code.",
    ),
    "suites": Verb("suite_health:suites_app", "List, show and check suites."),  # all of them
    "store": Verb("store:store_app", "Look after the stored answers."),
}


class _Verbs(OneLine):
    verbs = VERBS


app = typer.Typer(
    name="cliffguard",
    cls=_Verbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Catch the capabilities that a fine-tune lost, before the checkpoint ships.",
    epilog=(
        "Exit codes: 0 pass, 10 regression, 11 inconclusive, 12 the comparison cannot be trusted, "
        "20 resources are missing (retry), 2 usage, 1 any other failure, 130 and 143 interrupted."
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("cliffguard"))
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
