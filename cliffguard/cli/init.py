"""init: a commented plan and policy to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import explained, write_new
from cliffguard.cli.given import say_reading
from cliffguard.cli.suites import suite_of_data
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path

_TEMPLATES = Path(__file__).with_name("templates")  # of str.format
_TARGET = "target: {min_gain: 0.0}   # the gain of the target ring that must be proven"
_NO_TARGET = (
    "# target: {min_gain: 0.02}  # once a target is measured (target: in the plan, init --data)"
)


@explained
@keys.takes(keys.FIELDS)
def init(
    flags: Mapping[str, Any],
    base: Annotated[str, typer.Option(help="Base checkpoint.")] = "models/base",
    candidate: Annotated[
        str, typer.Option(help="Candidate checkpoint or adapter.")
    ] = "runs/ft/adapter",
    data: Annotated[
        str | None,
        typer.Option(help="Data of your target: a file, a saved folder, hf:org/name on a hub."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write plan.yaml and policy.yaml, and a target suite where data is given."""
    out = user_path(str(out), UsageError)
    suites = ["adjacent"]
    files: dict[str, str] = {}
    if data is not None:
        made, read = suite_of_data(data, "target", flags)
        files |= made
        suites.insert(0, "./target.yaml")
    listed = f"[{', '.join(suites)}]"
    plan = {"base": _quoted(base), "candidate": _quoted(candidate), "suites": listed}
    files["plan.yaml"] = _template("plan.yaml").format(name=out / "plan.yaml", **plan)
    files["policy.yaml"] = _template("policy.yaml").format(target=_TARGET if data else _NO_TARGET)
    write_new(files, out, force=force, source=data)
    if data is not None:
        say_reading(read)


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
