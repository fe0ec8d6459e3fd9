"""Experiment trackers: verdicts, drops and reports where a team looks at its runs.

A tracker is asked after the verdict, in a process of its own, and changes nothing of it. Importing
this package imports none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

TrackerName = Literal["mlflow", "wandb", "tensorboard"]

TRACKERS: Mapping[TrackerName, str] = {
    "mlflow": "cliffguard.integrations.trackers.mlflow_runs:MlflowTracker",
    "wandb": "cliffguard.integrations.trackers.wandb_runs:WandbTracker",
    "tensorboard": "cliffguard.integrations.trackers.tensorboard_runs:TensorBoardTracker",
}
"""Name → an `interface.Tracker`. Names are those of the packages, and of our extras."""

REGISTRIES: frozenset[TrackerName] = frozenset({"mlflow"})
"""Those that are an `interface.ModelRegistry`."""


class Reported(NamedTuple):
    """The reports of one comparison: the name of its run, and the folder that holds them."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a registry of models is told: tags on a version of a model, which somebody named.

    `alias` is set on this version (None: only the tags are).
    """

    model: str
    alias: str | None
    tags: Mapping[str, str]
