"""init: a commented plan and policy to start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cliffguard.cli.console import explained
from cliffguard.errors import SuiteError, UsageError
from cliffguard.files import read_jsonl, write_whole

_PLAN = """\
# What is compared. Run it with: cliffguard check {name}
# Every key can be overridden by a flag; paths are taken from this file's folder.
base: {base}
candidate: {candidate}
suites: {suites}          # built-in names (cliffguard suites ls) or files
protocol:
  chat_template: none     # none | own (each side's) | base (the base's for both)
  num_fewshot: null       # null: each task's own number of examples
  dtype: auto             # bfloat16 on a GPU, float32 on CPU
  seed: 0                 # order of the items
runner:
  device: auto
  batch_size: 16
policy: policy.yaml
"""

_POLICY = """\
# What may be lost. Write it before you look at results.
alpha: 0.05               # chance of a wrong PASS, and of a wrong FAIL
default_margin: 0.05      # the largest drop in mean score that is tolerated, 0…1
{target}
capabilities: {{}}
#  multi_step_reasoning: {{margin: 0.03}}
#  control: {{gate: false}}   # monitored: shown, but it cannot fail the gate
"""

_TARGET = "target: {min_gain: 0.0}   # the gain of the target ring that must be proven"
_NO_TARGET = "# target: {min_gain: 0.02}  # once a suite measures your target (init --data)"

_SUITE = """\
name: {name}
version: 1
description: items of our own, from {source}
capabilities:
  {name}:
    ring: target
    tasks:
      - {{name: {name}_items, items: {items}, metric: {metric}, chance: {chance}}}
"""


@explained
def init(
    base: Annotated[str, typer.Option(help="Base checkpoint.")] = "models/base",
    candidate: Annotated[str, typer.Option(help="Candidate checkpoint or adapter.")] = "runs/ft",
    data: Annotated[
        Path | None,
        typer.Option(help="Target items, JSON Lines with prompt, answer and perhaps choices."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write plan.yaml and policy.yaml, and a target suite where data is given."""
    suites = ["adjacent"]
    files: dict[str, str] = {}
    if data is not None:
        files |= _target_files(data)
        suites.insert(0, "./target.yaml")
    listed = f"[{', '.join(suites)}]"
    plan = {"base": _quoted(base), "candidate": _quoted(candidate), "suites": listed}
    files["plan.yaml"] = _PLAN.format(name=out / "plan.yaml", **plan)
    files["policy.yaml"] = _POLICY.format(target=_TARGET if data else _NO_TARGET)
    for name in files:
        if (out / name).exists() and not force:
            raise UsageError(f"{out / name}: exists already; pass --force to overwrite it")
    for name, text in files.items():
        write_whole(out / name, text)
        print(out / name)


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _target_files(data: Path) -> dict[str, str]:
    rows = [(number, row) for number, row in read_jsonl(data, SuiteError)]
    if not rows:
        raise SuiteError(f"{data}: holds no items; a target needs at least one")
    has_choices = "choices" in rows[0][1]
    lines = [_item(row, has_choices, f"{data}:{number}", number) for number, row in rows]
    n_choices = len(rows[0][1]["choices"]) if has_choices else 0
    suite = _SUITE.format(
        name="target",
        source=data.name,
        items="target.jsonl",
        metric="acc" if has_choices else "exact_match",
        chance=round(1.0 / n_choices, 4) if n_choices else 0.0,
    )
    return {"target.yaml": suite, "target.jsonl": "".join(lines)}


def _item(row: dict[str, Any], has_choices: bool, where: str, number: int) -> str:
    for key in ("prompt", "answer", *(["choices"] if has_choices else [])):
        if key not in row:
            raise SuiteError(f"{where}: {key} is missing (every line needs the same fields)")
    kept = {"id": str(row.get("id", f"target-{number:05d}"))}
    kept |= {key: row[key] for key in ("prompt", "choices", "answer", "cluster") if key in row}
    return json.dumps(kept, ensure_ascii=False) + "\n"
