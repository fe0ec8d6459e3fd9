"""doctor: what this machine has, and what stands in the way of a comparison."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import explained, shown, write_data
from cliffguard.cli.given import open_store, plan_of
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.libraries import OPTIONAL, missing, refuse_lacking, versions
from cliffguard.core.progress import doing

if TYPE_CHECKING:
    from cliffguard.planning.doctor import Checkup
    from cliffguard.planning.machine import Observation

_MARKS = {"good": "✓", "remark": "!", "fault": "✗"}


@explained
@keys.takes(keys.PLAN, keys.PROTOCOL, keys.RUNNER)
def doctor(
    flags: Mapping[str, Any],
    candidate: Annotated[
        str | None, typer.Option(help="Candidate: a directory, hf:org/model@revision, an adapter.")
    ] = None,
    load: Annotated[
        bool, typer.Option("--load", help="Load both sides as well, and let each compute once.")
    ] = False,
    store: opt.StoreFolder = None,
    output_format: opt.TextOrJson = "text",
) -> None:
    """Look at versions, devices and places and, if given, at base and candidate.

    Nothing is loaded unless you ask with --load.
    The exit code is what a run would end with before it asks anything: 0, 2, 12 or 20.
    """
    if candidate is None and flags.get("base") is not None:
        raise UsageError(
            "--base without --candidate: give both, or neither", id="candidate.missing"
        )
    if candidate is None and load:
        raise UsageError(
            "--load: there is nothing to load; give --candidate, and its --base",
            id="candidate.missing",
        )
    shown(quiet=False, verbose=True)
    try:
        if (lack := _lacking()) is None:
            checkup = _examined(flags, candidate, store, load=load)
    except ImportError as failure:  # which is what a doctor is for
        lack = missing(failure)
        if lack is None:
            raise
    if lack is not None:
        raise typer.Exit(_print_missing(lack, output_format))
    if output_format == "json":
        payload = {**dataclasses.asdict(checkup), "exit_code": checkup.exit_code}
        payload["found"] = payload.pop("observations")  # the key that scripts know
        write_data(json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(checkup)
    raise typer.Exit(checkup.exit_code)


def _examined(
    flags: Mapping[str, Any], candidate: str | None, store: Path | None, *, load: bool
) -> Checkup:
    """Return what is found of the machine, and of both sides where a candidate is given."""
    from cliffguard.gate import runner_for
    from cliffguard.planning.doctor import examine

    plan = None
    if candidate is not None:
        # Which items are asked does not matter here.
        suites = flags.get("suites") or ["adjacent"]
        plan = plan_of({**flags, "suites": suites, "candidate": [candidate]})
    with doing("looking at the machine" + ("" if plan is None else " and the checkpoints")):
        return examine(plan, open_store(store), runner_for(plan) if plan and load else None)


def _lacking() -> CliffguardError | None:
    """Return what to tell of libraries that are not there, None where all are."""
    try:
        refuse_lacking()
    except CliffguardError as failure:
        return failure
    return None


def _print_missing(error: CliffguardError, output_format: str) -> int:
    """Say which library keeps everything else from being looked at; return the exit code."""
    text, _, advice = str(error).partition("; ")
    if output_format == "json":
        fault = {"kind": "fault", "about": "libraries", "text": text, "advice": advice}
        payload = {
            "versions": versions(),
            "found": [{**fault, "exit_code": error.exit_code, "id": error.id}],
            "exit_code": error.exit_code,
        }
        write_data(json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    else:
        _print_versions(versions())
        print("findings")
        print(f"  {_MARKS['fault']} libraries: {error.line}")
    return error.exit_code


def _print_versions(by_name: Mapping[str, str | None]) -> None:
    print("versions")
    for name, number in by_name.items():
        absent = f"not installed (for {OPTIONAL[name]})" if name in OPTIONAL else "not installed"
        print(f"  {name:<14} {number or absent}")


def _print(checkup: Checkup) -> None:
    from cliffguard.report.clean import one_line

    _print_versions(checkup.versions)
    print("devices")
    for device in checkup.devices:
        print(
            f"  {device.name:<14} {device.model}, {_gib(device.free_bytes)} of "
            f"{_gib(device.total_bytes)} free"
        )
    print("places")
    for location in checkup.places:
        print(
            f"  {location.name:<17} {one_line(location.folder)}, {_gib(location.free_bytes)} free"
        )
    if checkup.loads:
        print("would be loaded")
    for load in checkup.loads:
        size = "size unknown" if load.n_bytes is None else f"about {_gib(load.n_bytes)}"
        count = "" if load.n_parameters is None else f"{load.n_parameters / 1e6:,.1f} M weights, "
        description = f"{load.what}, {count}{size} in {load.dtype} on {load.device}"
        print(f"  {load.side:<10} {one_line(load.name)}: {description}")
    print("findings")
    for note in checkup.observations or (_nothing(),):
        print(f"  {_MARKS[note.kind]} {note.about}: {one_line(note.line)}")


def _nothing() -> Observation:
    from cliffguard.planning.machine import Observation

    return Observation(kind="good", about="machine", text="nothing to remark")


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:,.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:,.0f} MiB"
