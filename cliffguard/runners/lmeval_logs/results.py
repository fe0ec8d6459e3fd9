"""What lm-eval's results files say of a run: versions, limits, directions, groups, filters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import single_keys
from cliffguard.core.errors import IntegrityError

DATE = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
"""The moment that lm-eval writes into the names of a run's files."""

_DATED = re.compile(rf"(?:.+_)?({DATE})\.json")
_MOST_ITEMS = 1e12  # of a limit that means anything
_MOST_BYTES = 1 << 26  # of a file that may be results by its content alone
_LIBRARIES = {"lm_eval_version": "lm-eval", "transformers_version": "transformers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One results file. All but `date` and the libraries are by task, or by group of tasks.

    `limits` are how many documents of a task were to be asked, where lm-eval was told to ask a part
    of them only; `limit` is that of tasks of which the file does not say more. `directions` are by
    task and metric whether high is better, `groups` what a group consists of, and `filters` their
    names in the order in which they wrote a task's samples.
    """

    date: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    limit: int | None = None
    directions: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def limit_of(self, task: str) -> int | None:
        """Return how many documents of a task were to be asked; None: all of them."""
        return None if self.limit is None and not self.limits else self.limits.get(task, self.limit)


class Beside:
    """The results files of a folder, the older first; there need be none.

    lm-eval calls them `results_DATE.json`, `results.json` before 0.4.3, and NAME_DATE.json or
    NAME.json where it was given a file. Raises IntegrityError for one that is damaged.
    """

    def __init__(self, folder: Path) -> None:
        results = [
            result for path in sorted(folder.glob("*.json")) if (result := _read(path)) is not None
        ]
        self._all = sorted(results, key=lambda result: result.date or "")

    def __bool__(self) -> bool:
        return bool(self._all)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """What every group of tasks consists of, groups and tasks."""
        return {
            name: parts for result in self._all for name, parts in result.groups.items() if parts
        }

    @property
    def tasks(self) -> set[str]:
        """The names of all tasks that were measured."""
        return {name for result in self._all for name in (*result.versions, *result.filters)}

    def of(self, task: str, date: str | None) -> Results:
        """Return what the run of `date` says, else the newest that knows the task, else the newest.

        The samples of a run bear the date of its results.
        """
        same = [result for result in self._all if date is not None and result.date == date]
        knowing = [
            result for result in self._all if task in result.versions or task in result.filters
        ]
        return (same or knowing or self._all or [Results()])[-1]


def _read(path: Path) -> Results | None:
    """Return what a file says; None of one that is not called, and does not look, like results."""
    if path.name.startswith("samples_"):
        return None
    is_called = path.name.startswith("results")
    if not is_called and path.stat().st_size > _MOST_BYTES:
        return None
    try:
        content = _object(path)
    except IntegrityError:
        if is_called:
            raise
        return None
    if not is_called and not {"results", "configs"} <= content.keys():
        return None
    limit, limits = _limits(content)
    dated = _DATED.fullmatch(path.name)
    return Results(
        date=dated[1] if dated else None,
        versions={name: str(version) for name, version in _items(content, "versions")},
        libraries={n: str(content[key]) for key, n in _LIBRARIES.items() if content.get(key)},
        limits=limits,
        limit=limit,
        directions=_directions(content),
        groups={
            name: tuple(map(str, parts))
            for name, parts in _items(content, "group_subtasks")
            if isinstance(parts, list)
        },
        filters=_filters(content),
    )


def _limits(content: Mapping[str, Any]) -> tuple[int | None, dict[str, int]]:
    config = content.get("config")
    limit = config.get("limit") if isinstance(config, dict) else None
    if not isinstance(limit, (int, float)) or isinstance(limit, bool):
        return None, {}
    if not 0 < limit < _MOST_ITEMS:  # nor is NaN
        return None, {}
    limits = {
        task: n["effective"]
        for task, n in _entries(content, "n-samples")
        if isinstance(n.get("effective"), int) and n.get("effective") != n.get("original")
    }
    return int(limit) if limit >= 1 else None, limits  # a share is told by the counts alone


def _directions(content: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """Return, by task and metric, whether high is better.

    lm-eval writes it of every task's metrics, null where it does not know. Files of releases
    before that, or of a metric that is null, may have it in the task's config.
    """
    by_task: dict[str, dict[str, bool]] = {}
    for task, config in _entries(content, "configs"):
        for entry in _objects(config.get("metric_list")):
            if isinstance(entry.get("higher_is_better"), bool):
                by_task.setdefault(task, {})[str(entry.get("metric"))] = entry["higher_is_better"]
    for task, by_metric in _entries(content, "higher_is_better"):
        known = {str(n): value for n, value in by_metric.items() if isinstance(value, bool)}
        by_task.setdefault(task, {}).update(known)
    return by_task


def _filters(content: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the filters of every task: by its config, else by the keys METRIC,FILTER."""
    filters: dict[str, tuple[str, ...]] = {}
    for task, scores in _entries(content, "results"):
        keys = [key.partition(",") for key in scores]
        names = dict.fromkeys(name for _, comma, name in keys if comma and name)
        if names:
            filters[task] = tuple(names)
    for task, config in _entries(content, "configs"):
        listed = _objects(config.get("filter_list"))
        if listed:
            filters[task] = tuple(str(entry.get("name")) for entry in listed)
    return filters


def _items(content: Mapping[str, Any], key: str) -> Iterable[tuple[str, Any]]:
    listed = content.get(key)
    return (
        [(str(name), value) for name, value in listed.items()] if isinstance(listed, dict) else ()
    )


def _entries(content: Mapping[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a results file says of each task under a key."""
    return [(name, value) for name, value in _items(content, key) if isinstance(value, dict)]


def _objects(listed: Any) -> list[dict[str, Any]]:
    return (
        [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=single_keys)
    except (OSError, ValueError, RecursionError) as failure:
        reason = getattr(failure, "msg", None) or type(failure).__name__
        raise IntegrityError(
            f"{path}: not readable as JSON ({reason}); run lm-eval again", id="results.not-json"
        ) from None
    if isinstance(value, dict):
        return value
    if path.name == "results.json":  # of another program
        return {}
    raise IntegrityError(
        f"{path}: does not hold an object; run lm-eval again", id="results.not-json"
    )
