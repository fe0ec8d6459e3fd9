"""init: a commented plan and policy to start from."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli.console import explained
from cliffguard.errors import SuiteError, UsageError
from cliffguard.files import read_jsonl, user_path, write_whole

if TYPE_CHECKING:
    from cliffguard.records import Item

_FIELDS = ("id", "prompt", "choices", "answer", "cluster")

_PLAN = """\
# What is compared. Run it with: cliffguard check {name}
# Every key can be overridden by a flag; paths are taken from this file's folder.
base: {base}
candidate: {candidate}
suites: {suites}          # built-in names (cliffguard suites ls) or files
# train: [train.jsonl]    # the fine-tune's data: items that stand in it do not count
protocol:
  chat_template: none     # none | own (each side's) | base (the base's for both)
  num_fewshot: null       # null: each task's own number of examples
  dtype: auto             # bfloat16 on a GPU, float32 on CPU
  seed: 0                 # order of the items
runner:
  device: auto
  batch_tokens: null         # tokens per batch; null is found from free memory
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
description: {source}
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
    out = user_path(str(out), UsageError)
    suites = ["adjacent"]
    files: dict[str, str] = {}
    if data is not None:
        if data.resolve() == (out / "target.jsonl").resolve():
            raise UsageError(f"{data}: lies where its items would go; choose another --out")
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
    from cliffguard.suites import make_item

    rows = [(number, row) for number, row in read_jsonl(data, SuiteError)]
    if not rows:
        raise SuiteError(f"{data}: holds no items; a target needs at least one")
    metric = "acc" if "choices" in rows[0][1] else "exact_match"
    items: dict[str, Item] = {}
    for number, row in rows:
        kept = {key: row[key] for key in _FIELDS if key in row}
        kept["id"] = str(kept.get("id", f"target-{number:05d}"))
        item = make_item(kept, metric=metric, level=None, where=f"{data}:{number}")
        if item.id in items:
            raise SuiteError(f"{data}:{number}: the id {item.id!r} stands already above")
        items[item.id] = item
    chance = fmean(1.0 / len(i.choices) if i.choices else 0.0 for i in items.values())
    suite = _SUITE.format(
        name="target",
        source=json.dumps(f"items of our own, from {data.name}", ensure_ascii=False),
        items="target.jsonl",
        metric=metric,
        chance=round(chance, 4),
    )
    lines = [json.dumps(_as_row(item), ensure_ascii=False) + "\n" for item in items.values()]
    return {"target.yaml": suite, "target.jsonl": "".join(lines)}


def _as_row(item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {"id": item.id, "prompt": item.prompt}
    if item.choices:
        row["choices"] = list(item.choices)
    row["answer"] = item.answer
    if item.cluster is not None:
        row["cluster"] = item.cluster
    return row
