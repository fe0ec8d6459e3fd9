"""sweep: many checkpoints of a training, on the workers of an existing engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import explained, failure_recorded, shown
from cliffguard.core.errors import UsageError
from cliffguard.core.flags import LOOKS, RUNNER
from cliffguard.core.libraries import refuse_lacking

Candidates = Annotated[
    list[str],
    typer.Option(
        "--candidates",
        metavar="PATTERN",
        help="The checkpoints, as in 'runs/*/checkpoint-*' (in quotes). Repeatable.",
    ),
]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Also take checkpoints that come, each once it is whole."),
]
Until = Annotated[
    int | None,
    typer.Option(
        "--until",
        min=1,
        metavar="N",
        rich_help_panel=LOOKS,
        help="With --watch: end after N checkpoints.",
    ),
]
IdleMinutes = Annotated[
    float,
    typer.Option(
        "--idle-minutes",
        min=0.0,
        rich_help_panel=LOOKS,
        help="With --watch: end when so long nothing was there to do.",
    ),
]
Engine = Annotated[
    Literal["local", "ray", "slurm"],
    typer.Option(
        "--executor",
        rich_help_panel=RUNNER,
        help="Where workers are: processes of this machine, actors of Ray, jobs of Slurm.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        rich_help_panel=RUNNER,
        help="How many; each holds one base (default: one for each GPU, else one).",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads-per-worker",
        min=1,
        rich_help_panel=RUNNER,
        help="Of the processor (default: all cores, shared out).",
    ),
]
Choose = Annotated[
    Literal["any", "last"] | None,
    typer.Option(
        "--choose",
        rich_help_panel=LOOKS,
        help="One is shipped. any: they share alpha; last: in order, as long as they pass. Exit 0 "
        "where one passed.",
    ),
]
_FOLDER = Path("cliffguard-out") / "sweep"


@explained
@keys.takes(
    keys.PLAN, keys.NAMED_SUITES, keys.POLICY, keys.TARGET, keys.DATA, keys.SCREEN, keys.JUDGED,
    keys.PROTOCOL, keys.RUNNER,
)  # fmt: skip
def sweep(
    flags: Mapping[str, Any],
    plan: Annotated[Path, typer.Argument(help="A plan, a YAML file.")],
    candidates: Candidates,
    watch: Watch = False,
    until: Until = None,
    idle_minutes: IdleMinutes = 30.0,
    executor: Engine = "local",
    workers: Workers = None,
    threads_per_worker: Threads = None,
    out: opt.OutOfSweep = None,
    store: opt.StoreFolder = None,
    exit_zero: opt.ExitZero = False,
    texts: opt.KeptTexts = "short",
    no_early_stop: opt.NoEarlyStop = False,
    diagnose: opt.Diagnose = True,
    choose: Choose = None,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Check many checkpoints of one plan, on several workers, into one overview."""
    from cliffguard.cli.given import open_store, show
    from cliffguard.cli.sweep_results import SweepResults
    from cliffguard.cli.sweep_run import Extent, Sweep, SweepOutput, plans_of_sweep
    from cliffguard.sweep.candidates import Watched, refuse_out

    screen = shown(quiet=quiet, verbose=verbose)
    if not watch and until is not None:
        raise UsageError("--until: is for --watch; leave it out", id="sweep.no-watch")
    folder = out or _FOLDER
    refuse_out(folder, candidates)  # and leave no failure.json there
    with failure_recorded(out):
        first_plan, there = plans_of_sweep(plan, flags, candidates, watches=watch, choose=choose)
    if show_config:
        show([first_plan])
        return
    with failure_recorded(out):
        refuse_lacking()
        from cliffguard.gate import refuse_missing_base
        from cliffguard.sweep.engines import executor_of

        refuse_missing_base(first_plan, [each.path for each in there])

        run = Sweep(
            plan=first_plan,
            watched=Watched(candidates, first_plan.base) if watch else None,
            extent=Extent(not no_early_stop, diagnose, choose, until, idle_minutes),
            output=SweepOutput(folder, open_store(store), store, texts, screen),
            results=SweepResults(out=folder, is_in_order=choose == "last"),
        )
        engine = executor_of(
            executor,
            first_plan,
            n_workers=workers,
            n_threads=threads_per_worker,
            folder=folder / ".jobs",
        )
        codes = run.run(there, engine)
    raise typer.Exit(run.exit_code(codes, is_zero=exit_zero))
