"""plan: what a plan can decide, before anything is asked."""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.analysis import analysis_of, base_here
from cliffguard.cli.auto import with_suites
from cliffguard.cli.console import explained, shown, write_data
from cliffguard.cli.given import plans_of, say_target, show
from cliffguard.core.errors import UsageError
from cliffguard.core.progress import doing
from cliffguard.core.texts import in_points, n_things

if TYPE_CHECKING:
    from cliffguard.planning.power import PowerAnalysis
    from cliffguard.planning.power_advice import Aim, Change


def _unseen(annotation: Any) -> Any:
    """Return a flag that is accepted and not told of."""
    kind, option = get_args(annotation)
    option = copy.copy(option)
    option.hidden = True
    return Annotated[kind, option]


_NO_MATTER: dict[str, Any] = {
    name: _unseen(annotation)
    for name, annotation in {
        "out": opt.Out,
        "exit_zero": opt.ExitZero,
        "texts": opt.KeptTexts,
        "comment_id": opt.CommentId,
        "report_url": opt.ReportUrl,
        "track": opt.Track,
        "promote": opt.Promote,
        "promote_model": opt.PromoteModel,
        "max_minutes": opt.MaxMinutes,
        "diagnose": opt.Diagnose,
        "quiet": opt.Quiet,
        "verbose": opt.Verbose,
        **keys.SCREEN,
    }.items()
}
"""Flags of check that shape nothing of what plan tells: a line for check is one for plan too."""


@explained
@keys.takes(
    keys.CANDIDATE, keys.PLAN, keys.POLICY, keys.TARGET, keys.DATA,
    keys.JUDGED, keys.PROTOCOL, keys.RUNNER, _NO_MATTER,
)  # fmt: skip
def plan(
    flags: Mapping[str, Any],
    path: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="A plan file.")] = None,
    no_early_stop: opt.NoEarlyStop = False,
    choose: opt.Choose = None,
    store: opt.StoreFolder = None,
    aim: Annotated[
        float | None,
        typer.Option(metavar="CHANCE", help="Say what to change first to pass so often, as 0.9."),
    ] = None,
    output_format: opt.OutputFormat = None,
    show_config: opt.ShowConfig = False,
) -> None:
    """Say what a plan can decide: items, the drops it sees, the chance to pass, the cost."""
    if aim is not None and not 0.0 < aim < 1.0:
        raise UsageError(f"--aim: must lie between 0 and 1, not {aim:g}", id="aim.share")
    if not flags["candidate"] and path is None:
        # What is compared does not matter here, and need not be there yet.
        flags = {**flags, "candidate": [flags["base"] or "candidate"]}
    shown(quiet=bool(flags.get("quiet")), verbose=True)
    plans = plans_of(path, flags, chooses=True)
    if show_config:
        show(plans)
        return
    say_target(plans, quiet=False)
    plans = with_suites(
        plans,
        lambda plan: [side for side in base_here(plan)[:1] if side is not None],
        store=store,
        stops_early=not no_early_stop,
        minutes=flags.get("max_minutes"),
        say=partial(print, file=sys.stderr),
    )
    remarks: tuple[str, ...] = ()
    if choose is not None:
        from cliffguard.planning.selection import foretold, shared

        plans = shared(plans, choose)
        remarks = foretold(choose, plans)
    from cliffguard.planning.running_time import minutes_of

    stops_early = not no_early_stop
    with doing("reading what is planned"):
        analysis, in_force, base = analysis_of(plans[0], store, stops_early)
    analysis = dataclasses.replace(analysis, remarks=(*remarks, *analysis.remarks))
    aimed = None
    if aim is not None:
        from cliffguard.planning.power_advice import aim_at

        with doing("looking for what would pass"):
            aimed = aim_at(aim, analysis, in_force, stops_early=stops_early)
    with doing("measuring this machine's speed"):
        minutes = minutes_of(plans[0], base, analysis)
    if output_format == "json":
        payload = {**dataclasses.asdict(analysis), "minutes": minutes}
        if aimed is not None:
            payload["aim"] = dataclasses.asdict(aimed)
        write_data(json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
        return
    _print(analysis, minutes, aimed)


def _print(analysis: PowerAnalysis, minutes: float | None, aimed: Aim | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    table = Table(box=None, pad_edge=False)
    table.add_column("capability")
    table.add_column("role")
    for name in ("items", "needed", "margin", "smallest drop seen", "held if lossless", "asked"):
        table.add_column(name, justify="right")
    for row in analysis.capabilities:
        table.add_row(
            row.capability,
            row.role,
            f"{row.n_items:,}",
            "–" if row.n_needed is None else f"{row.n_needed:,}",
            "–" if row.margin is None else f"{100 * row.margin:.1f} pp",
            "–" if row.smallest_drop is None else f"{100 * row.smallest_drop:.1f} pp",
            "–" if row.chance_held is None else f"{100 * row.chance_held:.0f} %",
            f"{row.n_expected:,.0f}",
        )
    console.print(table)
    console.print()
    for line in _sentences(analysis, minutes):
        console.print(line, markup=False)
    for remark in analysis.remarks:
        console.print(f"! {remark}", markup=False)
    if aimed is not None:
        console.print()
        for line in _aim_lines(aimed):
            console.print(line, markup=False)


def _aim_lines(aimed: Aim) -> list[str]:
    """Return what to change first, what next, and what comes of it."""
    chance = f"{100 * aimed.chance:g} %"
    if aimed.is_reached:
        return [f"It passes with {chance} or more: nothing needs to change."]
    if not aimed.changes:
        return [
            f"No more items and no margin of a single capability make it pass with {chance}: see "
            "above what does not, and mean_margin where the policy has one."
        ]
    lines = [f"To pass with {chance}, change first:"]
    lines += [f"  {_change_line(change)}" for change in aimed.changes]
    if aimed.chance_after is not None:
        items = "that many items" if len(aimed.changes) == 1 else "all these items"
        lines.append(f"With {items} it passes with {100 * aimed.chance_after:.0f} %.")
    return lines


def _change_line(change: Change) -> str:
    ways = []
    if change.n_items is not None:
        ways.append(f"about {n_things(change.n_items, 'item', ',')} (now {change.n_now:,})")
    if change.margin is not None:
        now = f"{100 * change.margin_now:g}"
        ways.append(f"a margin of {in_points(change.margin)} (now {now})")
    prefix = f"{change.capability}, held with {100 * change.chance_held:.0f} %: "
    return prefix + (" or ".join(ways) or "more clusters; its items decide nothing")


def _sentences(analysis: PowerAnalysis, minutes: float | None) -> list[str]:
    gating = [row for row in analysis.capabilities if row.role == "gating"]
    if gating:
        churns = sorted({round(100 * row.churn) for row in gating})
        expected = f"{churns[0]}–{churns[-1]}" if len(churns) > 1 else f"{churns[0]}"
        them = f"all {len(gating)} gating capabilities" if len(gating) > 1 else gating[0].capability
        chance = (
            f"A candidate that lost nothing passes {them} with a chance of "
            f"{100 * analysis.chance_pass:.0f} %, and fails with "
            f"{100 * analysis.chance_fail:.1f} %, if {expected} % of the items change."
        )
    else:
        chance = (
            "Nothing gates but the target, so nothing can pass unless the policy says "
            "target_only: true; no capability around it is asked about."
        )
    cost = (
        f"It is asked about {analysis.n_expected:,.0f} of "
        f"{n_things(analysis.n_planned, 'item', ',')} before it is decided: about "
        f"{analysis.n_tokens / 1e6:,.2f} million tokens on both sides"
    )
    if minutes is not None:
        cost += f", roughly {max(minutes, 0.1):,.1f} minutes on this machine"
    sentences = [chance, f"{cost}."]
    if (price := analysis.mean_price) is not None:
        sentences.append(
            f"Of these {price.n_items:,.0f} are for the mean drop, which has to be below "
            f"{in_points(price.margin)}; without it, it would pass with a "
            f"chance of {100 * price.chance_pass:.0f} %."
        )
    return sentences
