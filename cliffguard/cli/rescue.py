"""rescue: a fine-tune that lost too much, at a scale that does not."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import ProgressOutput, explained, failure_recorded, shown
from cliffguard.cli.given import open_store, plans_of, say_target, show
from cliffguard.cli.outcome import Output, finished, printed, recorded
from cliffguard.cli.report_folders import names_of, prepare
from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text, user_path, write_whole
from cliffguard.core.libraries import refuse_lacking
from cliffguard.core.texts import n_things, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cliffguard.compare.write_review import Decision
    from cliffguard.core.rescues import RescueRecord
    from cliffguard.core.settings import Plan
    from cliffguard.core.texts import Texts
    from cliffguard.runners import Runner

_NONE_PASSES = 10  # as a candidate that fails: there is nothing to ship
_MARK = ".rescue"
_OTHERS = ("review.json", "rescue.json", "adapter", "model")


@explained
@keys.takes(
    keys.PLAN,
    keys.NAMED_SUITES,
    keys.POLICY,
    keys.TARGET,
    keys.DATA,
    keys.JUDGED,
    keys.PROTOCOL,
    keys.RUNNER,
)
def rescue(
    flags: Mapping[str, Any],
    plan: Annotated[Path, typer.Argument(help="The plan of a check, a YAML file.")],
    grid: Annotated[
        str, typer.Option(metavar="SCALES", help="Scales to try, each in 0…1.")
    ] = "0,0.25,0.5,0.75,1",
    out: opt.OutOfRescue = None,
    store: opt.StoreFolder = None,
    output_format: opt.TextOrJson = "text",
    texts: opt.KeptTexts = "short",
    no_early_stop: opt.NoEarlyStop = False,
    show_config: opt.ShowConfig = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Scale a fine-tune towards its base: chosen on half of the items, judged on the others."""
    from cliffguard.planning.scale_choice import read_grid

    screen = shown(quiet=quiet, verbose=verbose)
    scales = read_grid(grid)
    resolved = _single(plan, flags)
    if show_config:
        show([resolved])
        return
    refuse_lacking()
    from cliffguard.gate import with_runner

    say_target([resolved], quiet=quiet or texts == "none")
    work = _OneRescue(
        plan=resolved,
        grid=scales,
        folder=_claimed(out, resolved, scales),
        store=store,
        screen=screen,
        texts=texts,
        stops_early=not no_early_stop,
        is_json=output_format == "json",
    )
    code = with_runner(resolved, work.run)
    if code is not None:  # another process of this run speaks
        raise typer.Exit(code)


def _single(path: Path, flags: Mapping[str, Any]) -> Plan:
    plans = plans_of(path, flags)
    if len(plans) > 1:
        raise UsageError(
            f"{path}: names {len(plans)} comparisons (candidates, or chat_template: both), and "
            "rescue scales one candidate; name it alone",
            id="rescue.several",
        )
    return plans[0]


def _claimed(out: Path | None, plan: Plan, grid: Sequence[float]) -> Path:
    """Return the folder of a rescue: a new one, or that in which the same one was begun."""
    from cliffguard.config import as_written

    named = out or Path("cliffguard-out") / f"{names_of([plan])[0]}-rescue"
    folder = user_path(str(named), UsageError)
    # Who may connect is no part of what is asked.
    stamp = digest([as_written(replace(plan, offline=False)), list(grid)])
    mark = folder / _MARK
    if mark.is_file():
        is_ours = read_text(mark, UsageError).strip() == stamp
    else:
        is_ours = not any((folder / name).exists() for name in _OTHERS)
    if not is_ours:
        raise UsageError(
            f"{folder}: holds what another plan or grid left; choose another --out, or remove it",
            id="rescue.other-files",
        )
    prepare(folder)
    write_whole(mark, stamp + "\n", follows=False)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneRescue:
    """One rescue from the command line: what is scaled, and where it goes."""

    plan: Plan
    grid: Sequence[float]
    folder: Path
    store: Path | None
    screen: ProgressOutput
    texts: Texts
    stops_early: bool
    is_json: bool

    def run(self, runner: Runner) -> int:
        """Rescue, print and write; return the exit code."""
        from cliffguard.compare.repeat_command import command
        from cliffguard.planning.rescue import Rescue
        from cliffguard.run.rescued import text_of

        screen = self.screen
        decisions: list[Decision] = []
        with failure_recorded(self.folder), contextlib.closing(screen):
            rescue = Rescue(
                plan=self.plan,
                store=open_store(self.store),
                runner=runner,
                folder=self.folder,
                grid=self.grid,
                stops_early=self.stops_early,
                progress=screen.progress,
                tell=screen.say,
            )
            again = command(
                "check", self.folder, stops_early=self.stops_early, store=self.store,
                texts=self.texts,
            )  # fmt: skip
            record, review = rescue.run(witness=decisions.append, command=again)
            if review is not None:
                review = recorded(review, decisions, self.folder, self.texts)
        code = _NONE_PASSES
        if review is not None:
            code = finished(review, self.folder, screen, Output())
        _print_curve(record, screen)
        screen.say(_ending(record, rescue.checkpoint_folder, again))
        if self.is_json:
            printed(text_of(record))
        return code


def _print_curve(record: RescueRecord, screen: ProgressOutput) -> None:
    from rich.table import Table

    if screen.quiet:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("scale", "worst drop, pp", "margin, pp"):
        table.add_column(name, justify="right")
    table.add_column("in")
    table.add_column("target gain, pp", justify="right")
    table.add_column("on the selection half")
    for point in record.points:
        table.add_row(
            f"{point.scale:g}",
            _points(point.drop),
            _points(point.margin, sign=""),
            point.worst or "",
            _points(point.gain),
            " ".join(filter(None, (f"{_FITNESS[point.fitness]}", point.reason))),
        )
    screen.say(
        f"selection half {record.chosen_on.digest[:12]}: "
        f"{n_things(len(record.selection), 'item', ',')}"
    )
    screen.console.print(table)


_FITNESS = {"passes": "passes", "open": "open:", "out": "out:"}


def _points(share: float | None, *, sign: str = "+") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _ending(record: RescueRecord, folder: Path, again: str) -> str:
    """Return in a line what was chosen, how it was judged, and what it cost."""
    cost = (
        f"{n_things(record.n_asked, 'answer', ',')} {plural(record.n_asked, 'was', 'were')} asked, "
        f"{record.n_asked / max(1, record.n_check):.2f} times one check"
    )
    if record.chosen is None:
        return f"none: no scale of the grid can pass; {cost}"
    where = "the candidate as it is" if record.chosen == 1.0 else str(folder)
    return (
        f"judged half {record.judged.digest[:12]}: scale {record.chosen:g}, {record.outcome} "
        f"({where}); {cost}; `{again}` judges that half again and asks nothing"
    )
