"""What measure does: one checkpoint, or a base and candidates as pairs, without a verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliffguard.cli import plan_options as keys
from cliffguard.cli.auto import with_suites
from cliffguard.cli.console import ProgressOutput
from cliffguard.cli.flag_values import spelt
from cliffguard.cli.given import open_store, plan_of, plans_of, say_target, show
from cliffguard.cli.report_folders import names_of
from cliffguard.core.errors import UsageError
from cliffguard.core.libraries import refuse_lacking
from cliffguard.core.progress import doing
from cliffguard.core.settings import are_both
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan
    from cliffguard.run.measured import MeasuredPair
    from cliffguard.runners import Runner
    from cliffguard.store.answers import Store


def measure_pairs(
    words: Sequence[str],
    flags: Mapping[str, Any],
    bundle: Path | None,
    store: Path | None,
    screen: ProgressOutput,
    *,
    max_minutes: float | None,
    is_shown: bool,
) -> None:
    """Measure a base with its candidates, and write them into one file where it is wanted."""
    plans = _plans_of(words, flags)
    names_of(plans)  # a candidate that is given twice
    if is_shown:
        return show(plans)
    if bundle is not None:
        from cliffguard.store.maintenance.archive import make_room

        make_room(bundle)  # before hours are spent on what goes into it
    refuse_lacking()
    from cliffguard.gate import find_sides, with_runner

    prompts = say_target(plans, quiet=screen.quiet, is_asked=True)
    say = None if screen.quiet else screen.say
    plans = with_suites(plans, find_sides, store=store, minutes=max_minutes, say=say)

    def work(runner: Runner) -> None:
        answers = open_store(store)
        pairs = _measured(plans, answers, runner, screen, max_minutes)
        if bundle is not None:
            screen.say(_write_bundle(pairs, answers, bundle))

    with_runner(plans[0], work, show=prompts)
    return None


def measure_alone(
    checkpoint: str,
    flags: Mapping[str, Any],
    store: Path | None,
    screen: ProgressOutput,
    *,
    max_minutes: float | None,
    is_shown: bool,
) -> None:
    """Put the answers of one checkpoint into the store."""
    _refuse_flags_of_pairs(flags)
    resolved = plan_of({**flags, "candidate": [checkpoint]}, chooses=True)
    _refuse_minutes(max_minutes, resolved)
    if is_shown:
        return show([resolved])
    refuse_lacking()
    say_target([resolved], quiet=screen.quiet)
    from cliffguard.checkpoints.unchanged import changed_since
    from cliffguard.gate import find_alone, with_runner
    from cliffguard.gate import measure_alone as measured_alone

    (resolved,) = with_suites(
        [resolved],
        lambda plan: [find_alone(plan)],
        store=store,
        minutes=max_minutes,
        is_alone=True,
        say=None if screen.quiet else screen.say,
    )

    def work(runner: Runner) -> None:
        model = find_alone(resolved)
        answers = open_store(store)
        with contextlib.closing(screen):
            measured = measured_alone(
                model,
                resolved,
                store=answers,
                runner=runner,
                progress=screen.progress,
                tell=screen.say,
            )
        for line in changed_since(model):
            screen.say(f"! {line.text}")
        n_items = sum(len(rows) for rows in measured.answers.values())
        screen.say(
            f"{checkpoint}: {n_things(n_items, 'answer')} to "
            f"{n_things(len(measured.answers), 'task')} in {answers.root}"
        )

    with_runner(resolved, work)
    return None


def _plans_of(words: Sequence[str], flags: Mapping[str, Any]) -> tuple[Plan, ...]:
    """Return a plan per pair: of a plan file, of a base and candidates, or of a candidate alone."""
    first, *others = words
    if not others and first.endswith((".yaml", ".yml")):
        plans = plans_of(Path(first), flags, chooses=True)
    elif others and flags.get("base"):
        raise UsageError(
            f"--base: {first} is the base of what stands behind it; leave one of them out",
            id="measure.two-bases",
        )
    else:
        sides = {"base": first, "candidate": others} if others else {"candidate": [first]}
        plans = plans_of(None, {**flags, **sides}, chooses=True)
    if are_both(plans):
        raise UsageError(
            "--chat-template both: is for check; here choose own or base", id="chat-template.both"
        )
    return plans


def _refuse_flags_of_pairs(flags: Mapping[str, Any]) -> None:
    """Refuse what says how two sides are compared, where there is one."""
    of_pairs = {**keys.POLICY, **keys.SCREEN, **keys.JUDGED}
    if unheard := spelt({name: flags.get(name) for name in of_pairs}):
        raise UsageError(
            f"{', '.join(unheard)}: has no effect on one checkpoint alone; leave it out, or name "
            "a base and a candidate",
            id="measure.no-effect",
        )


def _refuse_minutes(minutes: float | None, plan: Plan) -> None:
    """Refuse a limit under which one side would have other answers than the other one."""
    from cliffguard.config import AUTO

    if minutes is not None and plan.suites != (AUTO,):
        raise UsageError(
            "--max-minutes: of one checkpoint alone measure asks all items of the suites that are "
            "named; it is for pairs and for suites by auto, and --limit for fewer items",
            id="measure.max-minutes",
        )


def _measured(
    plans: Sequence[Plan],
    store: Store,
    runner: Runner,
    screen: ProgressOutput,
    max_minutes: float | None,
) -> list[MeasuredPair]:
    """Measure pairs one after the other, and say what is in the store then."""
    from cliffguard.gate import measure_pair, refused

    for plan in plans if len(plans) > 1 else ():  # before hours are spent on the others
        if failure := refused(plan, runner):
            raise failure
    pairs = []
    for number, plan in enumerate(plans):
        screen.start(f"candidate {number + 1} of {len(plans)}" if len(plans) > 1 else "")
        with contextlib.closing(screen):
            pair = measure_pair(
                plan,
                store=store,
                runner=runner,
                max_minutes=max_minutes,
                began=screen.began(),
                progress=screen.progress,
                tell=screen.say,
            )
        survey = pair.survey
        how = (
            "measured" if pair.max_minutes is None else f"in {pair.max_minutes:g} min partly asked"
        )
        screen.say(
            f"{survey.candidate.name} against {survey.base.name}: {how}, "
            f"{n_things(len(survey.tasks), 'task')}, in {store.root}"
        )
        pairs.append(replace(pair, number=number))
    return pairs


def _write_bundle(pairs: Sequence[MeasuredPair], store: Store, out: Path) -> str:
    """Write what was measured into one file, and return a line that says so."""
    from cliffguard.run.measured import keep_pair
    from cliffguard.store.looks import looks_path, scales_of
    from cliffguard.store.maintenance.archive import write_archive
    from cliffguard.store.maintenance.questions import describe

    questions = dict.fromkeys(key for pair in pairs for key in pair.questions)
    beside = []
    for pair in pairs:
        survey = pair.survey
        origin = () if survey.origin is None else (scales_of(survey.origin),)
        beside += [
            keep_pair(store, pair),
            *(
                looks_path(store, survey.base.fingerprint, side)
                for side in (survey.candidate.fingerprint, *origin)
            ),
        ]
    there = dict.fromkeys(path for path in beside if path.is_file())
    with doing(f"writing {out}"):
        rows = [describe(store.entry(key)) for key in questions]
        n_bytes = write_archive(store, rows, out, list(there))
    n_answers = sum(row.n_answers for row in rows)
    return (
        f"{out}: {n_things(n_answers, 'answer', ',')}, {n_bytes / 2**20:,.1f} MiB; "
        f"`cliffguard compare {out} --policy POLICY` judges it anywhere"
    )
