"""check and measure: the verbs that ask models."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.auto import with_suites
from cliffguard.cli.console import (
    ProgressOutput,
    explained,
    failure_recorded,
    remove_reports,
    shown,
)
from cliffguard.cli.given import open_store, plans_of, say_target, show
from cliffguard.cli.outcome import (
    Output,
    code_of_all,
    finished,
    in_turn,
    one_of_both,
    output_of,
    print_together,
    recorded,
    refusals_of,
)
from cliffguard.cli.overview import finish_overview, remove_overview
from cliffguard.cli.report_folders import left_empty, names_of, places_of, prepare, refuse_out
from cliffguard.cli.tracking import tracking_of
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path
from cliffguard.core.libraries import refuse_lacking

if TYPE_CHECKING:
    from cliffguard.compare.write_review import Decision
    from cliffguard.core.caveats import Caveat
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import Plan
    from cliffguard.core.texts import Texts
    from cliffguard.planning.selection import CandidateReview, Choice
    from cliffguard.runners import Runner
    from cliffguard.store.answers import Store


@explained
@keys.takes(
    keys.CANDIDATE, keys.PLAN, keys.POLICY, keys.TARGET, keys.DATA,
    keys.SCREEN, keys.JUDGED, keys.PROTOCOL, keys.RUNNER,
)  # fmt: skip
def check(
    flags: Mapping[str, Any],
    plan: Annotated[Path | None, typer.Argument(help="A plan, a YAML file.")] = None,
    out: opt.Out = None,
    store: opt.StoreFolder = None,
    output_format: opt.OutputFormat = None,
    comment_id: opt.CommentId = None,
    report_url: opt.ReportUrl = None,
    track: opt.Track = None,
    promote: opt.Promote = None,
    promote_model: opt.PromoteModel = None,
    exit_zero: opt.ExitZero = False,
    texts: opt.KeptTexts = "short",
    no_early_stop: opt.NoEarlyStop = False,
    max_minutes: opt.MaxMinutes = None,
    diagnose: opt.Diagnose = True,
    choose: opt.Choose = None,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Measure base and candidate, compare them, judge, and report."""
    screen = shown(quiet=quiet, verbose=verbose)
    with failure_recorded(out):
        tracking = tracking_of(track, promote, promote_model)
        output = output_of(output_format, comment_id, report_url, out, tracking)
        plans = plans_of(plan, flags, chooses=True)
        if tracking is not None:
            tracking.refuse_several([plan.candidate for plan in plans])
    if show_config:
        show(plans)
        return
    refuse_out(out, plans)  # and leave no failure.json there
    with failure_recorded(out):
        refuse_lacking()
        from cliffguard.gate import find_sides, with_runner

        prompts = say_target(plans, quiet=quiet or texts == "none", is_asked=True)
        say, is_early = None if quiet else screen.say, not no_early_stop
        plans = with_suites(
            plans, find_sides, store=store, stops_early=is_early, minutes=max_minutes, say=say
        )
        plans, caveats = _sharing(plans, choose)
        checks = _Checks(
            plans=plans,
            out=out,
            store=store,
            screen=screen,
            output=output,
            texts=texts,
            extent=_Extent(is_early, max_minutes, diagnose),
            choose=choose,
            caveats=caveats,
        )
        codes = with_runner(plans[0], checks.run, show=prompts)
    if codes is not None:  # another process of this run speaks
        raise typer.Exit(checks.end(codes, is_zero=exit_zero))


def _sharing(
    plans: tuple[Plan, ...], choose: Choice | None
) -> tuple[tuple[Plan, ...], Sequence[Caveat]]:
    """Return plans under what each may spend of alpha where one is chosen, and a remark on it."""
    if choose is None:
        return plans, ()
    from cliffguard.planning.selection import remark, shared

    return shared(plans, choose), remark(choose, plans)


@dataclass(frozen=True)
class _Extent:
    """How far the run of each candidate goes; with `diagnoses` beyond its verdict.

    `max_minutes` is the flag of that name.
    """

    stops_early: bool
    max_minutes: float | None
    diagnoses: bool


@dataclass(kw_only=True)
class _Checks:
    """The comparisons of one run, which share a runner: candidates over one base find it in memory.

    `texts` and `choose` are the flags of those names.
    """

    plans: Sequence[Plan]
    out: Path | None
    store: Path | None
    screen: ProgressOutput
    output: Output
    texts: Texts
    extent: _Extent
    choose: Choice | None
    caveats: Sequence[Caveat]
    folders: list[Path] = field(default_factory=list)
    reviews: dict[int, Review] = field(default_factory=dict)

    def run(self, runner: Runner) -> list[int]:
        """Ask one candidate after the other, print, and return their exit codes."""
        screen = self.screen
        how = [not self.extent.stops_early, self.extent.max_minutes, str(self.store)]
        places = places_of(self.out, self.plans, how, screen.say)
        self.folders = [prepare(folder) for folder in places]
        several = len(self.plans) > 1
        if several:
            remove_overview(self.out)
            if self.out is not None:  # a single run's, above the folders of these
                remove_reports(user_path(str(self.out), UsageError))
        for line in refusals_of(self.plans, runner):
            screen.say(line)
        ask = partial(self._ask, runner, open_store(self.store))
        codes = in_turn(self.plans, self.folders, self.choose, ask, self.caveats)
        if several:
            finish_overview(names_of(self.plans), self.folders, self.reviews, self.out, screen)
        print_together(self.plans, self.reviews, self.output.form)
        return codes

    def _ask(
        self, runner: Runner, answers: Store, plan: Plan, folder: Path, remarks: Sequence[Caveat]
    ) -> tuple[CandidateReview, int]:
        """Compare one candidate with its base; return what was asked, and the exit code."""
        from cliffguard.cli.cost import bfloat16_hint
        from cliffguard.compare.repeat_command import command
        from cliffguard.core.timing import since
        from cliffguard.gate import guard
        from cliffguard.planning.selection import CandidateReview

        screen, index = self.screen, self.folders.index(folder)
        several = len(self.plans) > 1
        screen.start(f"candidate {index + 1} of {len(self.plans)}" if several else "")
        before = runner.spent()
        decisions: list[Decision] = []
        unnamed = folder if self.out is None and not several else None
        with left_empty(unnamed), failure_recorded(folder), contextlib.closing(screen):
            review = guard(
                plan,
                store=answers,
                runner=runner,
                stops_early=self.extent.stops_early,
                max_minutes=self.extent.max_minutes,
                probes=self.extent.diagnoses,
                began=screen.began(),
                caveats=(*remarks, *one_of_both(plan, self.plans)),
                progress=screen.progress,
                tell=screen.say,
                witness=decisions.append,
                command=command(
                    "check",
                    folder,
                    stops_early=self.extent.stops_early,
                    max_minutes=self.extent.max_minutes,
                    diagnoses=self.extent.diagnoses,
                    store=self.store,
                    texts=self.texts,
                ),
            )
            review = recorded(review, decisions, folder, self.texts, self.output.tracking)
        self.reviews[index] = review
        spent = since(runner.spent(), before)
        # Of several, one JSON document is printed at the end.
        form = None if several and self.output.form == "json" else self.output.form
        code = finished(review, folder, screen, self.output._replace(form=form), spent)
        if hint := bfloat16_hint(plan, runner.dtype(plan.protocol), spent):
            screen.say(hint)
        return CandidateReview(review, decisions[-1].pairs), code

    def end(self, codes: Sequence[int], *, is_zero: bool) -> int:
        """Tell trackers; return the exit code of all, with `is_zero` 0 wherever are verdicts."""
        names = [plan.candidate for plan in self.plans]
        code = code_of_all(codes, names, self.choose, self.screen.say)
        if self.output.tracking is not None:
            self.output.tracking.send(code, self.out, self.screen)
        return 0 if is_zero and set(codes) <= {0, 10, 11} else code


@explained
@keys.takes(
    keys.PLAN, keys.POLICY, keys.TARGET, keys.DATA,
    keys.SCREEN, keys.JUDGED, keys.PROTOCOL, keys.RUNNER,
)  # fmt: skip
def measure(
    flags: Mapping[str, Any],
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            help="One checkpoint (a directory, hf:org/model@revision, an adapter); a base and its "
            "candidates; or a plan, a YAML file."
        ),
    ],
    bundle: opt.Bundle = None,
    store: opt.StoreFolder = None,
    max_minutes: opt.MaxMinutes = None,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Put the answers of checkpoints into the store, without a verdict.

    Of a base and candidates each pair is checked, too; `compare` judges it anywhere.
    """
    from cliffguard.cli.measuring import measure_alone, measure_pairs

    screen = shown(quiet=quiet, verbose=verbose)
    first, *others = checkpoints
    if others or bundle is not None or first.endswith((".yaml", ".yml")):
        measure_pairs(
            checkpoints, flags, bundle, store, screen,
            max_minutes=max_minutes, is_shown=show_config,
        )  # fmt: skip
    else:
        measure_alone(first, flags, store, screen, max_minutes=max_minutes, is_shown=show_config)
