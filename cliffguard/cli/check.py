"""check and measure: the verbs that ask models."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import explained, failure_recorded, shown
from cliffguard.cli.given import open_store, plan_of, plans_of, say_target, show
from cliffguard.cli.outcome import (
    finished,
    in_turn,
    one_of_both,
    places_of,
    prepare,
    print_together,
    refusals_of,
    worst,
)

if TYPE_CHECKING:
    from cliffguard.compare.pairs import Pair
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import Plan
    from cliffguard.runners import Runner


@explained
@opt.takes(
    opt.CANDIDATE,
    opt.PLAN,
    opt.POLICY,
    opt.TARGET,
    opt.DATA,
    opt.SCREEN,
    opt.JUDGED,
    opt.PROTOCOL,
    opt.RUNNER,
)
def check(
    flags: Mapping[str, Any],
    plan: Annotated[Path | None, typer.Argument(help="A plan, a YAML file.")] = None,
    out: opt.Out = None,
    store: opt.StoreFolder = None,
    output_format: opt.OutputFormat = None,
    exit_zero: opt.ExitZero = False,
    no_early_stop: opt.NoEarlyStop = False,
    max_minutes: opt.MaxMinutes = None,
    choose: opt.Choose = None,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Measure base and candidate, compare them, judge, and report."""
    screen = shown(quiet=quiet, verbose=verbose)
    with failure_recorded(out):
        plans = plans_of(plan, flags)
    if show_config:
        show(plans)
        return
    caveats: tuple[str, ...] = ()
    if choose is not None:
        from cliffguard.planning.selection import remark, shared

        caveats = remark(choose, plans)
        plans = shared(plans, choose)
    from cliffguard.cli.cost import foretold
    from cliffguard.compare.repeat_command import command
    from cliffguard.core.timing import since
    from cliffguard.gate import guard, with_runner
    from cliffguard.planning.selection import Asked

    with failure_recorded(out):
        prompts = say_target(plans, quiet=quiet, is_asked=True)

    def work(runner: Runner) -> list[int]:
        if not quiet and (cost := foretold(plans, store, stops_early=not no_early_stop)):
            screen.say(cost)
        # One runner: candidates over one base find it in memory.
        how = [no_early_stop, max_minutes, str(store)]
        folders = [prepare(folder) for folder in places_of(out, plans, how, screen.say)]
        for line in refusals_of(plans, runner):
            screen.say(line)
        answers = open_store(store)
        reviews: dict[int, Review] = {}
        is_one_document = output_format == "json" and len(plans) > 1

        def ask(one: Plan, folder: Path, remarks: Sequence[str]) -> tuple[Asked, int]:
            number = folders.index(folder) + 1
            screen.start(f"candidate {number} of {len(plans)}" if len(plans) > 1 else "")
            before = runner.spent()
            seen: list[Sequence[Pair]] = []
            with failure_recorded(folder), contextlib.closing(screen):
                review = guard(
                    one,
                    store=answers,
                    runner=runner,
                    stops_early=not no_early_stop,
                    max_minutes=max_minutes,
                    began=screen.began(),
                    caveats=(*remarks, *one_of_both(one, plans)),
                    progress=screen.progress,
                    tell=screen.say,
                    witness=seen.append,
                    command=command(
                        "check",
                        folder,
                        stops_early=not no_early_stop,
                        max_minutes=max_minutes,
                        store=store,
                    ),
                )
            reviews[folders.index(folder)] = review
            spent = since(runner.spent(), before)
            form = None if is_one_document else output_format
            return Asked(review, seen[-1]), finished(review, folder, screen, form, spent)

        codes = in_turn(plans, folders, choose, ask, caveats)
        print_together(plans, reviews, output_format)
        return codes

    with failure_recorded(out):
        codes = with_runner(plans[0], work, show=prompts)
    if codes is not None:  # another process of this run speaks
        has_verdicts = set(codes) <= {0, 10, 11}
        code = worst(codes)
        if choose is not None:
            from cliffguard.planning.selection import told

            screen.say(told(choose, [one.candidate for one in plans], [c == 0 for c in codes]))
            code = 0 if 0 in codes else code
        raise typer.Exit(0 if exit_zero and has_verdicts else code)


@explained
@opt.takes(opt.PLAN, opt.TARGET, opt.DATA, opt.PROTOCOL, opt.RUNNER)
def measure(
    flags: Mapping[str, Any],
    checkpoint: Annotated[
        str, typer.Argument(help="A directory, hf:org/model@revision, an adapter.")
    ],
    store: opt.StoreFolder = None,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Put the answers of one checkpoint into the store, without a verdict."""
    screen = shown(quiet=quiet, verbose=verbose)
    resolved = plan_of({**flags, "candidate": [checkpoint]})
    if show_config:
        show([resolved])
        return
    say_target([resolved], quiet=quiet)
    from cliffguard.checkpoints.unchanged import changed_since
    from cliffguard.cli.cost import takes_more
    from cliffguard.gate import find_alone, measure_alone, with_runner

    def work(runner: Runner) -> None:
        found = find_alone(resolved)
        answers = open_store(store)
        if not quiet and takes_more(resolved):
            screen.say(f"the target and the suite {resolved.suites[0]}; --suite none: it alone")
        with contextlib.closing(screen):
            measured = measure_alone(
                found,
                resolved,
                store=answers,
                runner=runner,
                progress=screen.progress,
                tell=screen.say,
            )
        for line in changed_since(found):
            screen.say(f"! {line}")
        n_items = sum(len(rows) for rows in measured.answers.values())
        screen.say(
            f"{checkpoint}: {n_items} answers to {len(measured.answers)} tasks in {answers.root}"
        )

    with_runner(resolved, work)
