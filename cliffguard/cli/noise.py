"""noise: a checkpoint against itself, for what the instrument alone does to its answers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import explained, shown, write_data
from cliffguard.cli.given import open_store, plan_of, say_target
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.libraries import refuse_lacking
from cliffguard.core.texts import in_points

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan
    from cliffguard.planning.self_test import NoiseFloor


@explained
@keys.takes(
    keys.PLAN, keys.NAMED_SUITES, keys.POLICY, keys.TARGET, keys.DATA, keys.PROTOCOL, keys.RUNNER
)
def noise(
    flags: Mapping[str, Any],
    checkpoint: Annotated[
        str, typer.Argument(help="A directory, hf:org/model@revision, an adapter.")
    ],
    other_dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(help="float32, bfloat16, float16: the second time.", metavar="DTYPE"),
    ] = None,
    other_device: Annotated[str | None, typer.Option(help="Device of the second time.")] = None,
    other_packing: Annotated[
        Literal["packed", "plain"] | None,
        typer.Option(help="packed or plain, the second time.", metavar="HOW"),
    ] = None,
    store: opt.StoreFolder = None,
    output_format: opt.TextOrJson = "text",
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Ask a checkpoint twice: again one sequence at a time, or as is said; exit 12 on drift."""
    from cliffguard.engine.distributed import n_processes

    if n_processes() > 1:
        raise UsageError(
            "noise runs in one process; start it without a launcher", id="noise.launcher"
        )
    screen = shown(quiet=quiet, verbose=verbose)
    plan = _plan_of(flags, checkpoint)
    other = _otherwise(plan, other_dtype, other_device, other_packing)
    refuse_lacking()
    from cliffguard.gate import find_alone, runner_for
    from cliffguard.planning.self_test import measure_noise

    say_target([plan], quiet=quiet)
    answers = open_store(store)
    with contextlib.closing(screen):
        floor = measure_noise(
            find_alone(plan),
            plan,
            other,
            store=answers,
            make_runner=runner_for,
            progress=screen.progress,
            tell=screen.say,
        )
    if output_format == "json":
        write_data(json.dumps(_as_data(floor), indent=2, ensure_ascii=False) + "\n")
    else:
        _print(floor)
    drifted = [capability.capability for capability in floor.capabilities if capability.has_drifted]
    if drifted:
        raise IntegrityError(
            f"{floor.checkpoint}: its own mean moved in {', '.join(drifted)} ({floor.against}); "
            "measure base and candidate alike, or find what differs, before any comparison",
            id="noise.moved",
        )


def _plan_of(flags: Mapping[str, Any], checkpoint: str) -> Plan:
    """Return the plan of the first time: of a model against itself nothing is gained."""
    if flags.get("target") and not flags.get("suites"):
        from cliffguard.config import NO_SUITE

        flags = {**flags, "suites": [NO_SUITE]}
    return plan_of({**flags, "candidate": [checkpoint]})


def _otherwise(
    plan: Plan, dtype: str | None, device: str | None, packing: str | None = None
) -> Plan:
    """Return the plan of the second time: other batches, and what was asked for."""
    protocol, runner = plan.protocol, plan.runner
    if dtype is not None:
        protocol = dataclasses.replace(protocol, dtype=dtype)  # type: ignore[arg-type]
    if device is not None:
        runner = dataclasses.replace(runner, device=device)
    if packing is not None:
        protocol = dataclasses.replace(protocol, packing=packing)  # type: ignore[arg-type]
    if dtype is None and device is None and packing is None:
        if not runner.is_local:
            raise UsageError(
                f"the batches of {runner.model} are its own; say what is to be other with "
                "--other-dtype, --other-device or --other-packing",
                id="noise.batches",
            )
        runner = dataclasses.replace(runner, batch_size=1, batch_tokens=None)
    return dataclasses.replace(plan, protocol=protocol, runner=runner)


def _as_data(floor: NoiseFloor) -> dict[str, Any]:
    rows = [
        {
            **dataclasses.asdict(capability),
            "flips": capability.flips,
            "reaches_margin": capability.reaches_margin,
        }
        for capability in floor.capabilities
    ]
    return {**dataclasses.asdict(floor), "capabilities": rows}


def _print(floor: NoiseFloor) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    level = f"{100 * floor.confidence:.0f} % interval"
    table = Table(box=None, pad_edge=False)
    table.add_column("capability")
    for name in ("items", "worse", "better", "flips", "drop, pp", level, "p, drift"):
        table.add_column(name, justify="right")
    for capability in floor.capabilities:
        low, high = capability.drop_interval.low, capability.drop_interval.high
        table.add_row(
            capability.capability,
            f"{capability.n_items:,}",
            str(capability.n_worse),
            str(capability.n_better),
            f"{100 * capability.flips:.1f} %",
            f"{100 * capability.drop:+.1f}",
            f"[{100 * low:+.1f}, {100 * high:+.1f}]",
            f"{capability.p_drift:.2g}",
        )
    console.print(f"{floor.checkpoint} against itself: {floor.against}", markup=False)
    console.print(table)
    for capability in floor.capabilities:
        if capability.reaches_margin:
            console.print(
                f"! {capability.capability}: as many items flip by themselves as a margin of "
                f"{in_points(capability.margin)} allows to be lost",
                markup=False,
            )
    for name in floor.unscored:
        console.print(f"! {name}: no item had a score both times", markup=False)
