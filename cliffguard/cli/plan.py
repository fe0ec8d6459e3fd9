"""plan: what a plan can decide, before anything is asked."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.check import open_store, plans_of
from cliffguard.cli.console import explained
from cliffguard.errors import CliffguardError, UsageError

if TYPE_CHECKING:
    from cliffguard.outlook import Outlook
    from cliffguard.plans import Plan
    from cliffguard.records import Checkpoint, Suite, Task


@explained
@opt.takes(opt.PLAN, opt.PROTOCOL, opt.RUNNER)
def plan(
    flags: Mapping[str, Any],
    path: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="A plan file.")] = None,
    policy: opt.PolicyFile = None,
    churn: Annotated[
        float | None,
        typer.Option(help="Share of items that a fine-tune changes, better or worse (0.10)."),
    ] = None,
    no_early_stop: opt.NoEarlyStop = False,
    store: opt.StoreFolder = None,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="json: one object.")
    ] = "text",
) -> None:
    """Say what a plan can decide: items, the drops it sees, the chance to pass, the cost."""
    # What is compared does not matter here, and need not be there yet.
    candidate = None if path is not None else [flags.get("base") or "candidate"]
    resolved, *_ = plans_of(path, {**flags, "candidate": candidate, "policy": policy})
    if churn is not None and not 0.0 < churn <= 1.0:
        raise UsageError(f"--churn: must lie above 0 and at most 1, not {churn:g}")
    from cliffguard.corridor import default_policy
    from cliffguard.noise import stored_flips
    from cliffguard.outlook import USUAL_CHURN, look_ahead
    from cliffguard.suites import load_suites

    suites = load_suites(resolved.suites)
    tasks = _tasks(resolved, suites)
    base = _base(resolved)
    flips = {} if base is None else stored_flips(open_store(store), base)
    expected = dict.fromkeys((task.capability for task in tasks), churn or USUAL_CHURN)
    for task in tasks:  # what the instrument alone does is the least that a fine-tune does
        expected[task.capability] = max(expected[task.capability], flips.get(task.name, 0.0))
    found = look_ahead(
        resolved,
        suites,
        tasks,
        resolved.policy or default_policy(suites),
        churn=expected,
        stops_early=not no_early_stop,
    )
    minutes = _minutes(resolved, base, found)
    if output_format == "json":
        told = {**dataclasses.asdict(found), "minutes": minutes}
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    _print(found, minutes)


def _tasks(plan: Plan, suites: Sequence[Suite]) -> tuple[Task, ...]:
    tasks = tuple(t for suite in suites for c in suite.capabilities for t in c.tasks)
    if not any(task.stock for task in tasks):
        return tasks
    from cliffguard.corridor import runner_for  # only lm-eval knows what its tasks hold

    return runner_for(plan).resolve(suites, plan.protocol)


def _minutes(plan: Plan, base: Checkpoint | None, found: Outlook) -> float | None:
    """Return a rough estimate on this machine; None where the base is not at hand."""
    if base is None or base.files is None or not plan.runner.is_local:
        return None
    from cliffguard.checkpoint_files import n_parameters
    from cliffguard.engine.speed import tokens_a_second

    size = n_parameters(base.files.weights)
    if size is None:
        return None
    speed = tokens_a_second(size, plan.runner.device, plan.protocol.dtype)
    return found.n_tokens / speed / 60.0


def _base(plan: Plan) -> Checkpoint | None:
    from cliffguard.corridor import find_alone, find_sides

    try:
        return find_sides(plan)[0] if plan.base is not None else find_alone(plan)
    except CliffguardError:
        return None


def _print(found: Outlook, minutes: float | None) -> None:
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
    for row in found.capabilities:
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
    gating = [row for row in found.capabilities if row.role == "gating"]
    churns = sorted({row.churn for row in gating})
    expected = "" if not churns else f", if {100 * churns[0]:.0f}"
    if churns:
        expected += f"–{100 * churns[-1]:.0f}" if len(churns) > 1 else ""
        expected += " % of the items change"
    for line in (
        f"A candidate that lost nothing passes all {len(gating)} gating capabilities with a chance "
        f"of {100 * found.chance_pass:.0f} %, and fails with {100 * found.chance_fail:.1f} %"
        f"{expected}.",
        f"It is asked about {found.n_expected:,.0f} of {found.n_planned:,} items before it is "
        f"decided: about {found.n_tokens / 1e6:,.2f} million tokens on both sides"
        + (
            "."
            if minutes is None
            else f", roughly {max(minutes, 0.1):,.1f} minutes on this machine."
        ),
    ):
        console.print(line, markup=False)
    for remark in found.remarks:
        console.print(f"! {remark}", markup=False)
