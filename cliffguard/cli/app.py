"""All verbs in one readable list."""

from __future__ import annotations

from typing import Annotated

import typer

from cliffguard.cli.check import check, measure
from cliffguard.cli.compare import compare
from cliffguard.cli.demo import demo
from cliffguard.cli.doctor import doctor
from cliffguard.cli.figures import figures
from cliffguard.cli.flips import flips
from cliffguard.cli.help import Brief, OneLine
from cliffguard.cli.init import init
from cliffguard.cli.lm_eval import lm_eval
from cliffguard.cli.noise import noise
from cliffguard.cli.plan import plan
from cliffguard.cli.report import report
from cliffguard.cli.rescue import rescue
from cliffguard.cli.store import store_app
from cliffguard.cli.suite_health import check_suites, cover_prompts
from cliffguard.cli.suites import suites_app

app = typer.Typer(
    name="cliffguard",
    cls=OneLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Catch the capabilities that a fine-tune lost, before the checkpoint ships.",
    epilog=(
        "Exit codes: 0 pass, 10 regression, 11 inconclusive, 12 the comparison cannot be trusted, "
        "20 resources are missing (retry), 2 usage, 1 any other failure, 130 and 143 interrupted."
    ),
)

# Of each verb with more options than one screen holds, two examples.
_EXAMPLES = {
    check: (
        "cliffguard check --candidate runs/ft/adapter --suite adjacent",
        "cliffguard check plan.yaml --policy policy.yaml --out reports",
    ),
    plan: ("cliffguard plan plan.yaml", "cliffguard plan --suite adjacent --limit 200 --aim 0.9"),
    measure: (
        "cliffguard measure models/base --suite adjacent",
        "cliffguard measure runs/ft/adapter --target items.jsonl --suite none",
    ),
    compare: (
        "cliffguard compare models/base runs/ft/adapter --suite adjacent",
        "cliffguard compare samples/base samples/tuned --policy policy.yaml",
    ),
    noise: (
        "cliffguard noise runs/ft/adapter --suite adjacent --limit 200",
        "cliffguard noise runs/ft/adapter --suite adjacent --other-dtype float32",
    ),
    rescue: (
        "cliffguard rescue plan.yaml",
        "cliffguard rescue plan.yaml --grid 0.4,0.6,0.8 --out rescued",
    ),
    init: (
        "cliffguard init --out gate",
        "cliffguard init --out gate --data items.jsonl --target-answer label",
    ),
    doctor: (
        "cliffguard doctor",
        "cliffguard doctor --base models/base --candidate runs/ft/adapter --load",
    ),
}
for verb in (
    check, plan, measure, compare, noise, rescue, report, figures, flips, init, doctor, demo,
):  # fmt: skip
    if verb in _EXAMPLES:
        app.command(cls=Brief, epilog="\n\n".join(_EXAMPLES[verb]))(verb)
    else:
        app.command()(verb)
app.command(
    "lm-eval",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],  # its --help is lm-eval's
    },
)(lm_eval)
suites_app.command("check")(check_suites)
suites_app.command("coverage", cls=Brief)(cover_prompts)
app.add_typer(suites_app, name="suites")
app.add_typer(store_app, name="store")


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
