"""compare: a verdict from what is stored or logged already."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.bundle import Measured, Reporting, judge, measured_in
from cliffguard.cli.console import explained, failure_recorded, shown
from cliffguard.cli.flag_values import overrides, spelt
from cliffguard.cli.given import open_store, plan_of, said_again, say_target, show
from cliffguard.cli.outcome import finished, output_of, recorded
from cliffguard.cli.report_folders import prepare
from cliffguard.cli.tracking import Tracking, tracking_of
from cliffguard.core.collector import collector_paused
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path
from cliffguard.core.hub_names import HUB

if TYPE_CHECKING:
    from cliffguard.compare.write_review import Decision
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import EvalSettings, Plan, Policy
    from cliffguard.core.texts import Texts


@explained
@keys.takes(keys.PLAN, keys.NAMED_SUITES, keys.POLICY, keys.TARGET, keys.JUDGED, keys.PROTOCOL)
def compare(
    context: typer.Context,
    flags: Mapping[str, Any],
    base: Annotated[
        str,
        typer.Argument(
            help="The base's directory, name or fingerprint; or of both a plan, or what `measure "
            "--bundle` wrote."
        ),
    ],
    candidate: Annotated[
        str | None, typer.Argument(help="The candidate's directory, name or fingerprint.")
    ] = None,
    only: opt.OfBundle = None,
    choose: opt.Choose = None,
    after: opt.After = None,
    out: opt.OutIfWanted = None,
    store: opt.StoreFolder = None,
    output_format: opt.OutputFormat = None,
    comment_id: opt.CommentId = None,
    report_url: opt.ReportUrl = None,
    track: opt.Track = None,
    promote: opt.Promote = None,
    promote_model: opt.PromoteModel = None,
    exit_zero: opt.ExitZero = False,
    texts: opt.KeptTexts = "short",
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Judge two checkpoints from stored answers, or two runs from what was logged of them.

    Of lm-eval a side is what `--output_path` was given, a folder in it, or one file; of inspect_ai
    a log or a folder of them; of others a JSONL of ids and scores. No model is loaded. Of what
    `measure` left of a pair nothing else need be there.
    """
    to = Reporting(out=out, store=store, screen=shown(quiet=quiet, verbose=verbose), texts=texts)
    with contextlib.ExitStack() as kept:
        with failure_recorded(out):
            tracking = tracking_of(track, promote, promote_model)
            to.output = output_of(output_format, comment_id, report_url, out, tracking)
            measured = measured_in(base, candidate, only, flags, store, kept)
            if measured is None and choose is not None:
                raise UsageError(
                    "--choose: is for a bundle of several candidates; leave it out",
                    id="choose.one-candidate",
                )
            if measured is not None:
                _refuse_beside(measured, after, tracking, is_shown=show_config)
        if measured is None:
            with collector_paused():  # what is compared is kept, and its reports are soon written
                code = _compared(base, candidate, flags, after or (), context, to, show_config)
        else:
            again = said_again(context, without={*_OUTPUT, *_LOUDNESS})
            code = judge(measured, _policy_of(None, flags["policy"]), choose, again, to)
    if tracking is not None:
        tracking.send(code, out, to.screen)
    raise typer.Exit(0 if exit_zero else code)


def _compared(
    base: str,
    candidate: str | None,
    flags: Mapping[str, Any],
    after: Sequence[Path],
    context: typer.Context,
    to: Reporting,
    is_shown: bool,
) -> int:
    """Judge what lies at two places, or at those of a plan; return the exit code."""
    from cliffguard.runners.logged import is_logged

    path = None
    decisions: list[Decision] = []
    with failure_recorded(to.out):
        if candidate is None:
            path, base, candidate = _sides_in(base)
        logged = [name for name in (base, candidate) if is_logged(name)]
        if logged and is_shown:
            raise _not_shown("folders of samples have no plan to show")
        if not logged:
            resolved = _plan_of(base, candidate, path, flags, after)
    if is_shown:
        show([resolved])
        return 0
    if not logged:
        say_target([resolved], quiet=to.screen.quiet or to.texts == "none")
    folder = None if to.out is None else prepare(to.out)
    with failure_recorded(folder):
        if logged:
            again = _command(folder, context, after=after, texts=to.texts)
            policy = _policy_of(path, flags["policy"])
            _refuse_others(base, candidate, logged, flags)
            review = _from_samples(base, candidate, policy, after, again, decisions, to.texts)
        else:
            again = _command(folder, context, store=to.store, texts=to.texts)
            protocol = _protocol(flags, path)
            review = _from_store(resolved, protocol, to.store, again, decisions.append)
        review = recorded(review, decisions, folder, to.texts, to.output.tracking)
    return finished(review, folder, to.screen, to.output)


def _command(folder: Path | None, context: typer.Context, **flags: Any) -> str:
    """Return what repeats this: the plan beside the review; without one, the command as given."""
    from cliffguard.compare.repeat_command import command

    if folder is None:
        of_files = {"store"} if "after" in flags else set()  # samples stand in no store
        return said_again(context, without={*_OUTPUT, *_LOUDNESS, *of_files})
    return command("compare", folder, **flags)


_LOUDNESS = ("quiet", "verbose")
_OUTPUT = (
    "output_format", "comment_id", "report_url", "exit_zero", "track", "promote", "promote_model",
)  # fmt: skip


def _plan_of(
    base: str,
    candidate: str,
    path: Path | None,
    flags: Mapping[str, Any],
    after: Sequence[Path] | None,
) -> Plan:
    """Return the plan of a comparison of stored answers."""
    _refuse_after(after)
    if path is not None:
        return _whole(plan_of(flags, path))
    if not overrides(flags).keys() & {"suites", "target"}:
        from cliffguard.runners.logged import refuse_other_file, refuse_other_folder

        for name in (base, candidate):
            refuse_other_folder(name)
            _refuse_absent(name)
            refuse_other_file(name)
    return plan_of({**flags, "base": base, "candidate": [candidate]})


def _refuse_absent(name: str) -> None:
    """Refuse a side that is not there: a suite, which nobody gave, would not bring it about."""
    if not name.startswith(HUB) and not user_path(name, UsageError).exists():
        raise UsageError(
            f"{name}: no such file or folder, and no name of stored answers; check the path, or "
            "give --suite for a model of a hub's cache",
            id="compare.absent",
        )


def _refuse_beside(
    measured: Measured, after: Sequence[Path] | None, tracking: Tracking | None, *, is_shown: bool
) -> None:
    """Refuse what cannot stand beside pairs that were measured."""
    _refuse_after(after)
    if tracking is not None:
        tracking.refuse_several([pair.survey.plan.candidate for pair in measured.pairs])
    if is_shown:
        raise _not_shown("what was measured has its plan with it")


def _refuse_after(after: Sequence[Path] | None) -> None:
    if after:
        raise UsageError(
            "--after: is for folders of samples; the store knows its own looks",
            id="after.only-samples",
        )


def _whole(plan: Plan) -> Plan:
    """Return a plan, unless it is of one half of the items: a store may hold no more than that."""
    if plan.half is not None:
        raise UsageError(
            "half: a plan of one half of the items is judged by `cliffguard check`, which asks "
            "nothing that is stored",
            id="half.only-check",
        )
    return plan


def _sides_in(plan: str) -> tuple[Path, str, str]:
    """Return the path of a plan that stands in place of two sides, and the sides in it."""
    from cliffguard.config import load_plan

    if not plan.endswith((".yaml", ".yml")):
        raise UsageError(
            f"{plan}: one side alone; name base and candidate, a plan of both (a YAML file), or "
            "what `cliffguard measure --bundle` wrote",
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

    given: dict[str, Any] = overrides(flags).get("protocol", {})
    return given if plan is None else {**as_written(load_plan(plan))["protocol"], **given}


def _from_store(
    plan: Plan,
    protocol: Mapping[str, Any],
    store: Path | None,
    again: str,
    witness: Callable[[Decision], None],
) -> Review:
    """Return the review of what the store has of both sides."""
    from cliffguard.gate import find_sides, guard
    from cliffguard.runners.stored_protocols import find_stored
    from cliffguard.suites.target import suites_of

    answers = open_store(store)
    runner = find_stored(answers, find_sides(plan), suites_of(plan), protocol)
    return guard(
        dataclasses.replace(plan, protocol=_as_asked(plan.protocol, runner.protocol)),
        store=answers,
        runner=runner,
        probes=False,
        witness=witness,
        command=again,
    )


def _as_asked(given: EvalSettings, stored: EvalSettings) -> EvalSettings:
    """Return the protocol of stored answers, under the file of a chat template that was given."""
    from cliffguard.core.chats import template_file

    name = template_file(given)
    return stored if name is None else dataclasses.replace(stored, chat_template=name)


def _from_samples(
    base: str,
    candidate: str,
    policy: Policy | None,
    after: Sequence[Path] | None,
    again: str,
    decisions: list[Decision],
    texts: Texts,
) -> Review:
    """Return the review of two folders of samples, after earlier reviews; note its decision."""
    from cliffguard.run.samples import compare_samples  # the gate is of checkpoints

    seen = [_review(path) for path in after or ()]
    return compare_samples(
        base, candidate, policy, after=seen, witness=decisions.append, command=again, texts=texts
    )


def _not_shown(why: str) -> UsageError:
    return UsageError(f"--show-config: {why}; leave it out", id="samples.no-plan")


def _refuse_others(
    base: str, candidate: str, logged: Sequence[str], flags: Mapping[str, Any]
) -> None:
    """Refuse one folder of samples beside a checkpoint, and flags about checkpoints beside two."""
    if len(logged) == 1:
        from cliffguard.runners.logged import refuse_other_folder

        other = candidate if logged[0] == base else base
        refuse_other_folder(other)
        does_not = "does not" if user_path(other, UsageError).exists() else "is no path"
        raise UsageError(
            f"{logged[0]} holds logged samples, and {other} {does_not}; compare samples with "
            "samples, or two checkpoints",
            id="samples.one-side",
        )
    if unheard := [name for name in spelt(flags) if name != "--policy"]:
        raise UsageError(
            f"{', '.join(unheard)}: has no effect on samples that are logged; leave it out",
            id="samples.no-effect",
        )


def _review(path: Path) -> Review:
    from cliffguard.core.files import read_text
    from cliffguard.report.json import read_review

    return read_review(read_text(path, UsageError), str(path))
