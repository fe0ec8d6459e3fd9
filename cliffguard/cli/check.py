"""check, measure, compare: the verbs that end in answers or in a verdict."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import Screen, explained, failure_recorded
from cliffguard.errors import UsageError
from cliffguard.files import user_path, write_whole

if TYPE_CHECKING:
    from cliffguard.records import Plan, Review
    from cliffguard.store import Store


@explained
def check(
    plan: Annotated[Path | None, typer.Argument(help="A plan, a YAML file.")] = None,
    base: opt.Base = None,
    candidate: opt.Candidate = None,
    suites: opt.SuiteNames = None,
    policy: opt.PolicyFile = None,
    out: opt.Out = None,
    store: opt.StoreFolder = None,
    device: opt.Device = None,
    dtype: opt.Dtype = None,
    batch_size: opt.BatchSize = None,
    limit: opt.Limit = None,
    num_fewshot: opt.Fewshot = None,
    chat_template: opt.Template = None,
    apply_chat_template: opt.ApplyTemplate = False,
    system_prompt: opt.System = None,
    seed: opt.Seed = None,
    offline: opt.Offline = False,
    allow_base_mismatch: opt.BaseMismatch = False,
    allow_pickle: opt.Pickle = False,
    output_format: opt.OutputFormat = None,
    exit_zero: opt.ExitZero = False,
    no_early_stop: opt.NoEarlyStop = False,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Measure base and candidate, compare them, judge, and report."""
    flags = locals()
    resolved = _plan(plan, flags, needs_candidate=True)
    if show_config:
        _show(resolved)
        return
    folder = prepare(out or Path("cliffguard-out") / _last_part(resolved.candidate))
    screen = Screen(quiet=quiet, verbose=verbose)
    from cliffguard.corridor import guard

    with failure_recorded(folder), contextlib.closing(screen):
        review = guard(resolved, store=open_store(store), progress=screen.progress)
    _finish(review, folder, screen, output_format, exit_zero)


@explained
def measure(
    checkpoint: Annotated[str, typer.Argument(help="A directory, org/model@revision, an adapter.")],
    suites: opt.SuiteNames = None,
    base: opt.Base = None,
    store: opt.StoreFolder = None,
    device: opt.Device = None,
    dtype: opt.Dtype = None,
    batch_size: opt.BatchSize = None,
    limit: opt.Limit = None,
    num_fewshot: opt.Fewshot = None,
    chat_template: opt.Template = None,
    apply_chat_template: opt.ApplyTemplate = False,
    system_prompt: opt.System = None,
    seed: opt.Seed = None,
    offline: opt.Offline = False,
    allow_base_mismatch: opt.BaseMismatch = False,
    allow_pickle: opt.Pickle = False,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Put the answers of one checkpoint into the store, without a verdict."""
    flags = {**locals(), "candidate": checkpoint}
    resolved = _plan(None, flags, needs_candidate=False)
    if show_config:
        _show(resolved)
        return
    screen = Screen(quiet=quiet, verbose=verbose)
    from cliffguard.corridor import find_alone, measure_alone
    from cliffguard.runners.harness import HarnessRunner

    found = find_alone(resolved)
    runner = HarnessRunner(resolved.runner, allow_pickle=allow_pickle)
    answers = open_store(store)
    with contextlib.closing(screen):
        measured = measure_alone(
            found, resolved, store=answers, runner=runner, progress=screen.progress
        )
    n_items = sum(len(rows) for rows in measured.answers.values())
    screen.say(
        f"{checkpoint}: {n_items} answers to {len(measured.answers)} tasks in {answers.root}"
    )


@explained
def compare(
    base: Annotated[str, typer.Argument(help="The base's directory or name.")],
    candidate: Annotated[str, typer.Argument(help="The candidate's directory or name.")],
    suites: opt.SuiteNames = None,
    policy: opt.PolicyFile = None,
    out: opt.Out = None,
    store: opt.StoreFolder = None,
    dtype: opt.Dtype = None,
    limit: opt.Limit = None,
    num_fewshot: opt.Fewshot = None,
    chat_template: opt.Template = None,
    seed: opt.Seed = None,
    offline: opt.Offline = False,
    allow_base_mismatch: opt.BaseMismatch = False,
    allow_pickle: opt.Pickle = False,
    output_format: opt.OutputFormat = None,
    exit_zero: opt.ExitZero = False,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Judge two checkpoints from stored answers; no model is loaded."""
    flags = locals()
    resolved = _plan(None, flags, needs_candidate=True)
    if show_config:
        _show(resolved)
        return
    screen = Screen(quiet=quiet, verbose=verbose)
    from cliffguard.corridor import find_sides, guard
    from cliffguard.runners.stored import find_stored
    from cliffguard.suites import load_suites

    answers = open_store(store)
    given = opt.overrides({name: flags.get(name) for name in opt.PROTOCOL_FLAGS})
    runner = find_stored(
        answers, find_sides(resolved), load_suites(resolved.suites), given.get("protocol", {})
    )
    resolved = dataclasses.replace(resolved, protocol=runner.protocol)
    folder = None if out is None else prepare(out)
    _finish(guard(resolved, store=answers, runner=runner), folder, screen, output_format, exit_zero)


# --- what the verbs share ------------------------------------------------------------------------


def _plan(path: Path | None, flags: Mapping[str, Any], *, needs_candidate: bool) -> Plan:
    from cliffguard.config import load_plan, make_plan

    if flags.get("offline"):
        # Read by the hub's libraries when they are imported, which is later.
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    given = opt.overrides(flags)
    if path is not None:
        return load_plan(path, given)
    if needs_candidate and "candidate" not in given:
        raise UsageError("no candidate: give a plan file, or --candidate (and --base, --suite)")
    if "suites" not in given:
        raise UsageError("no suite: give --suite NAME (see `cliffguard suites ls`)")
    return make_plan(given, "command line")


def _show(plan: Plan) -> None:
    import yaml

    from cliffguard.config import as_written
    from cliffguard.corridor import default_policy
    from cliffguard.suites import load_suites

    policy = plan.policy or default_policy(load_suites(plan.suites))
    resolved = as_written(dataclasses.replace(plan, policy=policy))
    sys.stdout.write(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True))


def open_store(folder: Path | None) -> Store:
    """Return the store in `folder`, or the user's."""
    from cliffguard.store import Store, default_store_folder

    return Store(folder or default_store_folder())


def prepare(out: Path) -> Path:
    """Make sure that the reports can be written, before hours are spent on what goes into them."""
    from cliffguard.report import FILES

    out = user_path(str(out), UsageError)
    probe = out / ".cliffguard"
    write_whole(probe, "")
    probe.unlink()
    # A run that fails must not leave the verdict of an earlier one behind.
    for name in (*FILES, "timings.json", "failure.json"):
        (out / name).unlink(missing_ok=True)
    return out


def _last_part(candidate: str) -> str:
    return Path(candidate).name.replace("@", "-") or "candidate"


def _finish(
    review: Review, out: Path | None, screen: Screen, output_format: str | None, exit_zero: bool
) -> None:
    from cliffguard.report import render, write_reports
    from cliffguard.report.text import print_review
    from cliffguard.verdict import EXIT_CODES

    if not screen.quiet:
        print_review(review, screen.console)
    if out is not None:
        written = write_reports(review, out)
        write_whole(out / "timings.json", json.dumps(screen.timings(), indent=2) + "\n")
        screen.say("reports: " + " ".join(str(path) for path in written))
    if output_format is not None:
        # A reader that leaves early (| head) must not turn the verdict into another exit code.
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(render(review, output_format))
    raise typer.Exit(0 if exit_zero else EXIT_CODES[review.verdict.outcome])
