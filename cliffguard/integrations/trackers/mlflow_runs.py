"""MLflow: a run for each comparison, below one for all of a command; aliases of its registry."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.integrations.trackers import Promotion
from cliffguard.integrations.trackers.records import COLUMNS, TrackedRun

_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # else it is minutes until a server is not there
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Where its environment says nothing else."""
_TABLE = "flips.json"
_TABLES_TAG = "mlflow.loggedArtifacts"  # by which its pages find tables
_MOST_METRICS = 1000  # in one request


class MlflowTracker:
    """Runs in the experiment, and on the server, that MLflow's environment names."""

    def __init__(self) -> None:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        import mlflow

        self.mlflow: Any = mlflow
        self.client: Any = mlflow.MlflowClient()

    def log(self, runs: Sequence[TrackedRun], group: str | None) -> Iterator[str]:
        """Log each comparison as a run: below one that is theirs together, if there are several.

        The run of MLFLOW_RUN_ID is the one, or the one above, and stays as open as it was.
        """
        named = os.environ.pop("MLFLOW_RUN_ID", None)
        if group is None:
            for run in runs:
                yield self._logged(run, {}, named)
            return
        with ExitStack() as kept:
            above = named or kept.enter_context(self.mlflow.start_run(run_name=group)).info.run_id
            experiment = self.client.get_run(above).info.experiment_id
            self._log_steps(above, runs)
            for run in runs:
                yield self._logged(
                    run, {"nested": True, "parent_run_id": above, "experiment_id": experiment}
                )

    def _logged(self, run: TrackedRun, below: Mapping[str, Any], named: str | None = None) -> str:
        """Log a comparison in a run of its own, or in the one that is named."""
        with ExitStack() as kept:
            if named is None:
                name = None if os.environ.get("MLFLOW_RUN_NAME") and not below else run.name
                started = self.mlflow.start_run(run_name=name, **below)
                named = kept.enter_context(started).info.run_id
            self._log_metrics(named, run)
            for key, value in run.tags.items():
                self.client.set_tag(named, key, value)
            self._log_table(named, run)
            self.client.log_text(named, run.report(), "report.html")
        return f"run {named}"

    def _log_steps(self, run_id: str, runs: Sequence[TrackedRun]) -> None:
        """Log metrics over the steps of one training, where the runs are that."""
        steps = {run.step for run in runs}
        if None not in steps and len(steps) == len(runs) and len({run.series for run in runs}) == 1:
            for run in runs:
                self._log_metrics(run_id, run)

    def _log_metrics(self, run_id: str, run: TrackedRun) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, x, now, run.step or 0) for name, x in run.metrics.items()]
        for at in range(0, len(metrics), _MOST_METRICS):
            self.client.log_batch(run_id, metrics=metrics[at : at + _MOST_METRICS])

    def _log_table(self, run_id: str, run: TrackedRun) -> None:
        """Log the flips in the form of `mlflow.load_table`, whose writer appends to older ones."""
        self.client.log_dict(run_id, {"columns": COLUMNS, "data": run.flips()}, _TABLE)
        tables = json.loads(self.client.get_run(run_id).data.tags.get(_TABLES_TAG, "[]"))
        entry = {"path": _TABLE, "type": "table"}
        if entry not in tables:
            self.client.set_tag(run_id, _TABLES_TAG, json.dumps([*tables, entry]))

    def promote(self, promotion: Promotion) -> None:
        """Tag the version, then set the alias on it, if there is one."""
        name, version = version_of(promotion.model)
        for key, value in promotion.tags.items():
            self.client.set_model_version_tag(name, version, key, value)
        if promotion.alias is not None:
            self.client.set_registered_model_alias(name, promotion.alias, version)


_VERSION = re.compile(r"models:/([^/:@]+)/([1-9][0-9]*)")
_ALIAS = re.compile(r"(?!latest$|v[0-9]+$)[\w-]{1,255}", re.IGNORECASE)


def version_of(model: str) -> tuple[str, str]:
    """Return name and number of a version of a registered model: `models:/NAME/VERSION`.

    Raises UsageError for what may be another version tomorrow, and for what is none.
    """
    match = _VERSION.fullmatch(model)
    if match is None:
        raise UsageError(
            f"--promote-model {model}: names no version of a registered model; write "
            "models:/NAME/VERSION, with a number for the version",
            id="promote.model",
        )
    return match[1], match[2]


def refuse_alias(alias: str) -> None:
    """Raise UsageError for an alias that MLflow would refuse after the run."""
    if _ALIAS.fullmatch(alias) is None:
        raise UsageError(
            f"--promote {alias}: no alias of MLflow's; take letters, digits, _ and -, but not "
            "latest, and not a v with a number",
            id="promote.alias",
        )
