"""init: a commented plan and policy to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import explained, write_new
from cliffguard.cli.given import say_reading
from cliffguard.cli.suites import suite_of_data
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path

_PLAN = """\
# What is compared. Run it with: cliffguard check {name}
# Every key can be overridden by a flag; paths are taken from this file's folder.
base: {base}   # a folder, or hf:org/name@revision on a hub
candidate: {candidate}
suites: {suites}          # built-in names (cliffguard suites ls) or files
# target: test.jsonl      # your target's data; more keys: {{data: …, prompt: …, metric: …}}
# train: [train.jsonl]    # the fine-tune's data: items that stand in it do not count
protocol:
  chat_template: none     # none | own (each side's) | base (the base's for both) | both
  num_fewshot: null       # null: each task's own number of examples
  dtype: auto             # bfloat16 on a GPU, float32 on CPU
  seed: 0                 # order of the items
# items: 4000             # of each side at the most, more where more answers change
# churn: 0.1              # share of answers that will change; or by capability, or a review.json
runner:
  device: auto
  batch_tokens: null         # tokens per batch; null is found from free memory
policy: policy.yaml
after_failure: finish     # finish: after a FAIL, too, all is asked until decided | stop: no more
"""

_POLICY = """\
# What may be lost. Write it before you look at results.
alpha: 0.05               # chance of a wrong PASS, and of a wrong FAIL
reserve: 0.05             # share of alpha kept for later runs of a candidate, on more items
default_margin: 0.05      # the largest drop in mean score that is tolerated, 0…1
# mean_margin: 0.015      # of the mean drop, beside wider margins (default_margin: 0.08). Easier
#                         # to pass, and the price: of eight capabilities of 500 items one that
#                         # loses 5 points ships in 36 % (python -m scripts.studies.mean)
{target}
# target_only: true         # nothing around the target has to hold: its gain alone may pass
capabilities: {{}}
#  multi_step_reasoning:
#    margin: 0.03           # instead of the default
#    stratum_margin: 0.10   # tolerated in one part (task, level, class); else the margin
#    cluster: passage_id    # of `fields` in its items: what shares it stands or falls together
#    strata: topic          # of `fields` in its items: each value is a part that must not fall
#    lower_is_better: true  # which way lm-eval's metric points, where nobody knows it
#    gate: true             # must be measured, even where the base has nothing to lose
#  control: {{gate: false}}   # monitored: shown, but it cannot fail the gate
"""

_TARGET = "target: {min_gain: 0.0}   # the gain of the target ring that must be proven"
_NO_TARGET = (
    "# target: {min_gain: 0.02}  # once a target is measured (target: in the plan, init --data)"
)


@explained
@opt.takes(opt.FIELDS)
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
    files["plan.yaml"] = _PLAN.format(name=out / "plan.yaml", **plan)
    files["policy.yaml"] = _POLICY.format(target=_TARGET if data else _NO_TARGET)
    write_new(files, out, force=force, source=data)
    if data is not None:
        say_reading(read)


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
