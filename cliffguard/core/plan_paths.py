"""Paths in a plan's file, as they are seen from here.

They are taken from the plan's folder when they exist there, so that a plan can travel with its
data; otherwise they are taken as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.churn import churn_of_file
from cliffguard.core.errors import ConfigError, UsageError, key_id
from cliffguard.core.files import is_path, user_path
from cliffguard.core.hub_names import HUB
from cliffguard.core.protocol import WORDS_FOR_TEMPLATES


def seen_from_here(written: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the keys of a plan's file with their paths as seen from here. Raises ConfigError."""
    seen = dict(written)
    for key, view in _SEEN.items():
        if key in seen:
            seen[key] = view(path.parent, seen[key], f"{path}: {key}")
    return seen


def _from(folder: Path, name: str, where: str) -> str:
    if name.startswith(HUB):
        return name
    try:
        beside = folder / user_path(name, ConfigError)
        return str(beside) if user_path(str(beside), ConfigError).exists() else name
    except ConfigError as failure:
        key = where.rpartition(": ")[2].partition(".")[0]
        raise ConfigError(f"{where}: {failure}", id=key_id("plan", key)) from None


def _paths_from(folder: Path, given: Any, where: str) -> Any:
    """Return a path, or a list or mapping of them, as seen from here.

    What is neither is refused later.
    """
    if isinstance(given, str):
        return _from(folder, given, where)
    if isinstance(given, list):
        return [
            _paths_from(folder, name, where) if isinstance(name, str) else name for name in given
        ]
    if isinstance(given, dict):
        return {
            name: _paths_from(folder, inner, f"{where}.{name}") for name, inner in given.items()
        }
    return given


def _path_from(folder: Path, given: Any, where: str) -> Any:
    return _from(folder, given, where) if isinstance(given, str) else given


def _target_from(folder: Path, given: Any, where: str) -> Any:
    """Return the target as a mapping, its data as seen from here."""
    target = {"data": given} if isinstance(given, str) else given
    if isinstance(target, dict) and isinstance(target.get("data"), str):
        return {**target, "data": _from(folder, target["data"], where)}
    return target


def _protocol_from(folder: Path, given: Any, where: str) -> Any:
    """Return the protocol with the file of a chat template, if it names one, as seen from here."""
    template = given.get("chat_template") if isinstance(given, dict) else None
    if not isinstance(template, str) or template in (*WORDS_FOR_TEMPLATES, "both"):
        return given
    return {**given, "chat_template": _from(folder, template, f"{where}.chat_template")}


def _churn_from(folder: Path, name: Any, where: str) -> Any:
    """Return what a file of churn says, its id that of the key that names it."""
    if not isinstance(name, str):
        return name
    try:
        return churn_of_file(Path(_from(folder, name, where)))
    except UsageError as failure:
        message = str(failure)
        raise ConfigError(
            message if message.startswith(where) else f"{where}: {message}",
            id=key_id("plan", "churn"),
        ) from None


def _suites_from(folder: Path, given: Any, where: str) -> Any:
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list):
        return given
    return [
        _from(folder, name, where) if isinstance(name, str) and is_path(name) else name
        for name in given
    ]


_SEEN: Mapping[str, Callable[[Path, Any, str], Any]] = {
    "base": _path_from,
    "candidate": _paths_from,
    "suites": _suites_from,
    "data": _paths_from,
    "train": _paths_from,
    "target": _target_from,
    "protocol": _protocol_from,
    "policy": _path_from,
    "churn": _churn_from,
}
"""By key of a plan that holds paths: what they are as seen from here, and not from the plan."""
