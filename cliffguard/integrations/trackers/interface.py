"""What a tracker has to do: one method, and one more for a registry of models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Protocol, cast

from cliffguard.integrations.trackers import TRACKERS, Promotion, TrackerName
from cliffguard.integrations.trackers.records import TrackedRun


class Tracker(Protocol):
    """What logs comparisons. Its settings are those of its own environment."""

    def log(self, runs: Sequence[TrackedRun], group: str | None) -> Iterator[str]:
        """Log each comparison as a run, and yield where it is, in a few words.

        `group` names what several runs belong to (None: there is one).
        """
        ...


class ModelRegistry(Tracker, Protocol):
    """A tracker that has versions of models, with aliases."""

    def promote(self, promotion: Promotion) -> None:
        """Tag the version, then set the alias on it, if there is one."""
        ...


def tracker_of(name: TrackerName) -> Tracker:
    """Return a tracker, its package imported."""
    module, made = TRACKERS[name].split(":")
    return cast(Tracker, getattr(import_module(module), made)())
