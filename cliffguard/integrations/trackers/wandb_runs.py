"""Weights & Biases: a run for each comparison, in one group for all of a command."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from cliffguard.core.texts import clip_start
from cliffguard.integrations.trackers.records import COLUMNS, PREFIX, TrackedRun

_INIT_SECONDS = 60.0
_VERDICT_TAG = f"{PREFIX}.verdict:"
_VARIABLES = {
    "project": "WANDB_PROJECT",
    "resume": "WANDB_RESUME",
    "job_type": "WANDB_JOB_TYPE",
    "group": "WANDB_RUN_GROUP",
}
"""What an argument would overrule."""
_MOST_OF_NAME = 128  # characters, of a run's and of an artefact's
_IN_ARTEFACT = re.compile(r"[^\w.-]", re.ASCII)


class WandbTracker:
    """Runs in the project, and on the server or in the folder, that W&B's environment names."""

    def __init__(self) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its crashes, to its makers
        import wandb

        self.wandb: Any = wandb

    def log(self, runs: Sequence[TrackedRun], group: str | None) -> Iterator[str]:
        """Log each comparison as a run of one group, if there are several.

        The run of WANDB_RUN_ID is the one, and is added to; of several it names the group.
        """
        named = os.environ.get("WANDB_RUN_ID")
        if group is not None and named:
            del os.environ["WANDB_RUN_ID"]
            os.environ.pop("WANDB_RESUME", None)
            group, named = named, None
        for run in runs:
            yield self._logged(run, group, is_named=bool(named))

    def _logged(self, run: TrackedRun, group: str | None, *, is_named: bool) -> str:
        how: dict[str, Any] = {"project": PREFIX, "resume": "allow"}
        if not is_named:
            how = {"project": PREFIX, "job_type": PREFIX, "group": group}
            if group is not None or "WANDB_NAME" not in os.environ:
                how["name"] = clip_start(run.name, _MOST_OF_NAME)
        given = {key for key, variable in _VARIABLES.items() if variable in os.environ}
        with self.wandb.init(
            **{key: value for key, value in how.items() if key not in given},
            config={PREFIX: dict(run.tags)},
            allow_val_change=True,
            settings=self._quiet(),
        ) as opened:
            self._fill(opened, run)
            return f"run {opened.id}" + (f" in {opened.dir}" if opened.offline else "")

    def _quiet(self) -> Any:
        """Return settings under which nothing is sent but what is logged."""
        return self.wandb.Settings(
            silent=True,
            console="off",
            init_timeout=_INIT_SECONDS,
            disable_git=True,
            save_code=False,
            x_disable_stats=True,
            x_disable_meta=True,
            x_save_requirements=False,
        )

    def _fill(self, opened: Any, run: TrackedRun) -> None:
        step = {} if run.step is None else {f"{PREFIX}/step": run.step}
        if step:
            opened.define_metric(f"{PREFIX}/*", step_metric=f"{PREFIX}/step")
        table = self.wandb.Table(columns=list(COLUMNS), data=[list(row) for row in run.flips()])
        opened.log({**run.metrics, **step, "flips": table})
        verdict = run.tags[f"{PREFIX}.verdict"]
        others = (tag for tag in opened.tags if not tag.startswith(_VERDICT_TAG))
        opened.tags = (*others, _VERDICT_TAG + verdict)
        opened.summary[f"{PREFIX}.verdict"] = verdict
        name = _IN_ARTEFACT.sub("_", f"{PREFIX}-{run.name}")[:_MOST_OF_NAME]
        artefact = self.wandb.Artifact(name, type="evaluation", metadata=dict(run.tags))
        with TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.html")
            with open(path, "w", encoding="utf-8") as file:
                file.write(run.report())
            artefact.add_file(path, "report.html", policy="mutable")
        opened.log_artifact(artefact)
