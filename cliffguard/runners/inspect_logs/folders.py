"""Which logs of inspect_ai a path means: one file, or of a folder the newest of every task."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path
from cliffguard.core.texts import cut_end, first_and_more, n_things
from cliffguard.runners.inspect_logs.files import LogFile, is_log, is_named_like_a_log, open_log
from cliffguard.runners.inspect_logs.scores import mapping

_DEEPEST = 3  # the folder, those in it, and those in them
_N_NAMED = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SHOWN = 60  # characters of arguments
_WEIGHTS = re.compile(r"path|model|adapter|lora|revision|checkpoint").search
"""Which arguments of a model (`-M`) name weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRuns:
    """The newest log of every task, by its name, and the files of older ones."""

    newest: Mapping[str, LogFile]
    older: tuple[Path, ...]


def holds_logs(folder: Path) -> bool:
    """Return whether logs lie in a folder, or one or two below it."""
    return any(True for _ in _logs(folder))


def find_logs(name: str) -> LoggedRuns:
    """Return the logs at a path. Raises UsageError where there is none, or of several models."""
    path = user_path(name, UsageError)
    if path.is_file():
        log = open_log(path)
        return LoggedRuns(newest={log.task: log}, older=())
    files = list(_logs(path))
    if len(folders := list(dict.fromkeys(str(file.parent) for file in files))) > 1:
        raise UsageError(
            f"{name}: holds logs in {n_things(len(folders), 'folder')} "
            f"({first_and_more(folders, _N_NAMED)}); name the folder of one model",
            id="samples.several-models",
        )
    logs = [open_log(file) for file in files]
    models = {_model(log): log.path for log in logs}
    if len(models) > 1:
        named = first_and_more([f"{m}: {p.name}" for m, p in sorted(models.items())], _N_NAMED)
        raise UsageError(
            f"{name}: holds the logs of {n_things(len(models), 'model')} ({named}); give one file, "
            "or a folder of each model",
            id="samples.several-models",
        )
    _refuse_other_arguments(name, logs)
    logs.sort(key=lambda log: (_moment(str(log.eval.get("created", ""))), log.path.name))
    newest = {log.task: log for log in logs}
    return LoggedRuns(
        newest=newest, older=tuple(log.path for log in logs if log is not newest[log.task])
    )


def _moment(created: str) -> tuple[float, str]:
    """Return when a log says that it was made, in seconds, and as it says it.

    Two machines, or summer and winter, write the hour of two zones: 13:10+02:00 is before 12:30Z.
    """
    try:
        moment = datetime.fromisoformat(created.replace("Z", "+00:00"))
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return (zoned - _EPOCH).total_seconds(), created
    except (ValueError, OverflowError):
        return -math.inf, created


def _model(log: LogFile) -> str:
    """Return what answered: under one name (`hf/local`) a `model_path` may be another's."""
    given = mapping(log.eval.get("model_args"))
    named = [f"{k}={v}" for k, v in sorted(given.items()) if isinstance(v, str) and _WEIGHTS(k)]
    return " ".join([str(log.eval.get("model")), *named])


def _refuse_other_arguments(name: str, logs: Sequence[LogFile]) -> None:
    """Raise UsageError where logs of one task are no earlier and later run of the same."""
    by_task: dict[str, dict[str, str]] = {}
    for log in logs:
        arguments = json.dumps(log.eval.get("task_args") or {}, sort_keys=True)
        by_task.setdefault(log.task, {})[arguments] = log.path.name
    for task, files in by_task.items():
        if len(files) > 1:
            each = [f"{cut_end(a, _SHOWN)}: {file}" for a, file in sorted(files.items())]
            named = first_and_more(each, _N_NAMED)
            raise UsageError(
                f"{name}: holds logs of {task} with other arguments ({named}); give one file, or "
                "a folder of each",
                id="samples.several-arguments",
            )


def _logs(folder: Path) -> Iterator[Path]:
    """Yield the logs of the first level of folders that has any, in the order of their names."""
    level = [folder]
    for _ in range(_DEEPEST):
        inside = [path for parent in level for path in _inside(parent)]
        logs = [path for path in inside if is_named_like_a_log(path.name) and path.is_file()]
        logs = [path for path in logs if is_log(path)]
        if logs:
            yield from logs
            return
        level = [path for path in inside if path.is_dir()]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as failure:
        raise UsageError(f"{folder}: {failure.strerror}", id="samples.unreadable") from None
