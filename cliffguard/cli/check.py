"""check, measure, compare: the verbs that end in answers or in a verdict."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import Screen, explained, failure_recorded
from cliffguard.cli.given import open_store, plan_of, plans_of, show
from cliffguard.cli.outcome import (
    finished,
    folders_of,
    in_turn,
    one_of_both,
    prepare,
    print_together,
    worst,
)
from cliffguard.errors import UsageError

if TYPE_CHECKING:
    from cliffguard.pairs import Pair
    from cliffguard.plans import Plan, Policy
    from cliffguard.records import Review
    from cliffguard.runners import Runner


@explained
@opt.takes(
    opt.PLAN,
    opt.TARGET,
    opt.FIELDS,
    opt.DATA,
    opt.TRAIN,
    opt.SCREEN,
    opt.DEALING,
    opt.FAILURE,
    opt.PROTOCOL,
    opt.RUNNER,
)
def check(
    flags: Mapping[str, Any],
    plan: Annotated[Path | None, typer.Argument(help="A plan, a YAML file.")] = None,
    candidate: opt.Candidate = None,
    policy: opt.PolicyFile = None,
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
    flags = {**flags, "candidate": candidate, "policy": policy}
    with failure_recorded(out):
        plans = plans_of(plan, flags)
    if show_config:
        show(plans)
        return
    caveats: tuple[str, ...] = ()
    if choose is not None:
        from cliffguard.choice import remark, shared

        caveats = remark(choose, plans)
        plans = shared(plans, choose)
    from cliffguard.choice import Asked
    from cliffguard.cli.cost import foretold
    from cliffguard.corridor import guard, with_runner
    from cliffguard.repeat import command
    from cliffguard.stages import since

    screen = Screen(quiet=quiet, verbose=verbose)

    def work(runner: Runner) -> list[int]:
        if not quiet and (cost := foretold(plans, store, stops_early=not no_early_stop)):
            screen.say(cost)
        # One runner: candidates over one base find it in memory.
        folders = [prepare(folder) for folder in folders_of(out, plans)]
        answers = open_store(store)
        reviews: dict[int, Review] = {}
        is_one_document = output_format == "json" and len(plans) > 1

        def ask(one: Plan, folder: Path, remarks: Sequence[str]) -> tuple[Asked, int]:
            screen.start()
            before = runner.spent()
            seen: list[Sequence[Pair]] = []
            with failure_recorded(folder), contextlib.closing(screen):
                review = guard(
                    one,
                    store=answers,
                    runner=runner,
                    stops_early=not no_early_stop,
                    max_minutes=max_minutes,
                    caveats=(*remarks, *one_of_both(one, plans)),
                    progress=screen.progress,
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
        codes = with_runner(plans[0], work)
    if codes is not None:  # another process of this run speaks
        has_verdicts = set(codes) <= {0, 10, 11}
        code = worst(codes)
        if choose is not None:
            from cliffguard.choice import told

            screen.say(told(choose, [one.candidate for one in plans], [c == 0 for c in codes]))
            code = 0 if 0 in codes else code
        raise typer.Exit(0 if exit_zero and has_verdicts else code)


@explained
@opt.takes(opt.PLAN, opt.TARGET, opt.FIELDS, opt.DATA, opt.PROTOCOL, opt.RUNNER)
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
    resolved = plan_of({**flags, "candidate": [checkpoint]})
    if show_config:
        show([resolved])
        return
    screen = Screen(quiet=quiet, verbose=verbose)
    from cliffguard.cli.cost import takes_more
    from cliffguard.corridor import find_alone, measure_alone, with_runner
    from cliffguard.unchanged import changed_since

    def work(runner: Runner) -> None:
        found = find_alone(resolved)
        answers = open_store(store)
        if not quiet and takes_more(resolved):
            screen.say(f"the target and the suite {resolved.suites[0]}; --suite none: it alone")
        with contextlib.closing(screen):
            measured = measure_alone(
                found, resolved, store=answers, runner=runner, progress=screen.progress
            )
        for line in changed_since(found):
            screen.say(f"! {line}")
        n_items = sum(len(rows) for rows in measured.answers.values())
        screen.say(
            f"{checkpoint}: {n_items} answers to {len(measured.answers)} tasks in {answers.root}"
        )

    with_runner(resolved, work)


@explained
@opt.takes(opt.PLAN, opt.TARGET, opt.FIELDS, opt.TRAIN, opt.DEALING, opt.FAILURE, opt.PROTOCOL)
def compare(
    flags: Mapping[str, Any],
    base: Annotated[
        str, typer.Argument(help="The base's directory or name; or a plan of both, a YAML file.")
    ],
    candidate: Annotated[
        str | None, typer.Argument(help="The candidate's directory or name.")
    ] = None,
    policy: opt.PolicyFile = None,
    after: opt.After = None,
    out: opt.OutIfWanted = None,
    store: opt.StoreFolder = None,
    output_format: opt.OutputFormat = None,
    exit_zero: opt.ExitZero = False,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Judge two checkpoints from stored answers, or two folders of lm-eval's samples.

    No model is loaded.
    """
    from cliffguard.imports import holds_samples

    path = None
    if candidate is None:
        path, base, candidate = _sides_in(base)
    logged = [name for name in (base, candidate) if holds_samples(name)]
    screen = Screen(quiet=quiet, verbose=verbose)
    if logged:
        if show_config:
            raise UsageError("--show-config: folders of samples have no plan to show; leave it out")
        folder = None if out is None else prepare(out)
        with failure_recorded(folder):
            own = _policy_of(path, policy)
            review = _compared(base, candidate, logged, own, after, flags, folder)
    else:
        if after is not None:
            raise UsageError(
                "--after: is for folders of samples; the store knows its own looks",
                id="after.only-samples",
            )
        named = {} if path is not None else {"base": base, "candidate": [candidate]}
        flags = {**flags, **named, "policy": policy}
        resolved = plan_of(flags, path)
        if show_config:
            show([resolved])
            return
        folder = None if out is None else prepare(out)
        with failure_recorded(folder):
            review = _from_store(resolved, _protocol(flags, path), store, folder)
    code = finished(review, folder, screen, output_format)
    raise typer.Exit(0 if exit_zero else code)


def _sides_in(plan: str) -> tuple[Path, str, str]:
    """Return the path of a plan that stands in place of two sides, and the sides in it."""
    from cliffguard.config import load_plan

    if not plan.endswith((".yaml", ".yml")):
        raise UsageError(
            f"{plan}: one side alone; name base and candidate, or a plan of both (a YAML file)",
            id="compare.one-side",
        )
    read = load_plan(plan)
    if read.base is None:
        raise UsageError(f"{plan}: names no base, which compare needs", id="compare.one-side")
    return Path(plan), read.base, read.candidate


def _policy_of(plan: Path | None, policy: Path | None) -> Policy | None:
    from cliffguard.config import load_plan, load_policy

    if policy is not None:
        return load_policy(policy)
    return None if plan is None else load_plan(plan).policy


def _protocol(flags: Mapping[str, Any], plan: Path | None) -> dict[str, Any]:
    """Return the keys of the protocol by which stored answers are chosen."""
    from cliffguard.config import as_written, load_plan

    given: dict[str, Any] = opt.overrides(flags).get("protocol", {})
    return given if plan is None else {**as_written(load_plan(plan))["protocol"], **given}


def _from_store(
    plan: Plan, protocol: Mapping[str, Any], store: Path | None, folder: Path | None
) -> Review:
    """Return the review of what the store has of both sides."""
    from cliffguard.corridor import find_sides, guard
    from cliffguard.repeat import command
    from cliffguard.runners.stored import find_stored
    from cliffguard.targets import suites_of

    answers = open_store(store)
    runner = find_stored(answers, find_sides(plan), suites_of(plan), protocol)
    return guard(
        dataclasses.replace(plan, protocol=runner.protocol),
        store=answers,
        runner=runner,
        command=command("compare", folder, store=store),
    )


def _compared(
    base: str,
    candidate: str,
    logged: Sequence[str],
    policy: Policy | None,
    after: Path | None,
    flags: Mapping[str, Any],
    folder: Path | None,
) -> Review:
    """Return the review of two folders of samples; flags about checkpoints have no place here."""
    from cliffguard.corridor import compare_samples
    from cliffguard.repeat import command

    if len(logged) == 1:
        other = candidate if logged[0] == base else base
        raise UsageError(
            f"{logged[0]} holds samples that lm-eval logged, and {other} does not; compare two "
            "folders of samples, or two checkpoints"
        )
    given = opt.overrides(flags)
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in _flat(given))
        raise UsageError(f"{names}: has no effect on samples that are logged; leave it out")
    earlier = None
    if after is not None:
        from cliffguard.files import read_text
        from cliffguard.report.json import read_review

        earlier = read_review(read_text(after, UsageError), str(after))
    told = command("compare", folder, after=after)
    return compare_samples(base, candidate, policy, after=earlier, command=told)


def _flat(given: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for name, value in given.items():
        if name == "target":
            names += ["target" if key == "data" else f"target_{key}" for key in value]
        elif name == "churn":
            names.append(name)
        else:
            names += _flat(value) if isinstance(value, Mapping) else [_FLAGS.get(name, name)]
    return names


_FLAGS = {"suites": "suite"}
