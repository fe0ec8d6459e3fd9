"""Documents of lm-eval's tasks from local files, in the layout of each task's own data set.

A task keeps everything but where its documents come from: prompts, metrics, filters, and what it
does to its documents. The files are read here, since `datasets` caches a file by path and time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.core.errors import CliffguardError, ConfigError, UsageError, nearest
from cliffguard.core.hashing import sha256_now
from cliffguard.core.texts import first_and_more, first_line, first_of, n_things
from cliffguard.suites.rows import Row, has_header, read_records

_SPLITS = ("test_split", "validation_split", "training_split", "fewshot_split")


class Misfit(ValueError):
    """What of a document is not as its task needs it; the message is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one file as a `datasets.Dataset`, the place of each, and the file's SHA-256."""

    path: Path
    rows: Any
    places: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalData:
    """A task's documents by split; those of the split `split` are evaluated."""

    task: str
    split: str
    tables: Mapping[str, Table]
    is_processed: bool

    @property
    def content(self) -> dict[str, str]:
        """The digest of each split's file."""
        return {split: table.sha256 for split, table in sorted(self.tables.items())}

    def misfit(self, failure: Exception, index: int | None = None) -> ConfigError:
        """Return what says that a document is not what the task expects."""
        where = " and ".join(str(table.path) for table in self.tables.values())
        if index is not None and not self.is_processed:
            # What a task makes of its documents need not be one for one.
            where = self.tables[self.split].places[index]
        kind = "" if isinstance(failure, Misfit) else f"{type(failure).__name__}: "
        return ConfigError(
            f"{where}: does not fit {self.task}, which takes the layout of its own data set: "
            f"{kind}{first_line(failure, otherwise='')}",
            id="data.misfit",
        )


def leaves(index: Mapping[str, Any], name: str) -> set[str]:
    """Return the names of the tasks that a task, group or tag of lm-eval's index stands for."""
    entry = index.get(name)
    if entry is None or entry.kind.name not in {"GROUP", "TAG"}:
        return {name}
    if entry.kind.name == "TAG":
        return set(entry.tags)
    return _members(index, entry.cfg["task"])


def _members(index: Mapping[str, Any], members: Iterable[Any]) -> set[str]:
    names: set[str] = set()
    for member in members:
        if isinstance(member, str):
            names |= leaves(index, member)
        elif "group" in member and member["group"] not in index:
            names |= _members(index, member["task"])
        else:
            names |= leaves(index, member.get("group") or member["task"])
    return names


def refuse_unknown(names: Iterable[str], entries: Iterable[str], index: Mapping[str, Any]) -> None:
    """Refuse names of data that none of the suites' entries asks for."""
    tasks: set[str] = set().union(*(leaves(index, entry) for entry in entries))
    for name in names:
        if name in tasks:
            continue
        inner = sorted(leaves(index, name) & tasks)
        if inner:
            raise ConfigError(
                f"data.{name}: stands for {n_things(len(inner), 'task')}; give each its own file "
                f"({first_of(inner, 3)})",
                id="data.several-tasks",
            )
        listed = first_and_more(sorted(tasks), 6) if tasks else "none"
        close = nearest(name, tasks) or f"; the suites' tasks of lm-eval's: {listed}"
        raise ConfigError(
            f"data.{name}: no suite asks lm-eval for a task of this name{close}",
            id="data.unknown-task",
        )


def manager_with(
    manager: Any,
    files: Mapping[str, str | Mapping[str, str]],
    n_shots: Callable[[int | None], int | None],
) -> tuple[Any, dict[str, LocalData]]:
    """Return lm-eval's task manager with these files as the data of their tasks.

    `n_shots` returns how many examples are asked for, given a task's own number. The mapping fills
    with what was read while tasks are loaded, by the task's name.
    """
    from copy import copy

    from lm_eval.tasks._factory import TaskFactory

    read: dict[str, LocalData] = {}

    class Factory(TaskFactory):  # type: ignore[misc]
        """Builds every task of a name, group or tag; those with a file get its documents."""

        def _build_task(self, entry: Any, overrides: Any) -> Any:
            try:
                return super()._build_task(entry, overrides)
            except CliffguardError:
                raise
            except Exception as failure:  # whatever a task's own code raises on a document
                if entry.name in read:
                    raise read[entry.name].misfit(failure, 0) from failure
                raise

        def _load_full_config(self, entry: Any, overrides: Any = None) -> dict[str, Any]:
            config: dict[str, Any] = super()._load_full_config(entry, overrides)
            name = config.get("task")
            if not isinstance(name, str) or name not in files:  # a group has a list
                return config
            read[name] = _read(name, files[name], config, n_shots(config.get("num_fewshot")))
            return _with_documents(config, read[name])

    copied = copy(manager)
    copied._factory = Factory(meta=manager.metadata)
    return copied, read


def _read(
    name: str, given: str | Mapping[str, str], config: Mapping[str, Any], n_shots: int | None
) -> LocalData:
    """Return the documents that the plan gives for a task."""
    where = f"data.{name}"
    if "class" in config:
        raise ConfigError(
            f"{where}: lm-eval has this task as a program that loads its own data",
            id="task.program",
        )
    tested = config.get("test_split") or config.get("validation_split")
    if tested is None:
        raise ConfigError(
            f"{where}: lm-eval's task names no split that is evaluated", id="data.no-split"
        )
    shots = config.get("fewshot_config") or {}
    splits = [*(config.get(key) for key in _SPLITS), shots.get("split")]
    known = sorted({split for split in splits if split is not None})
    paths = {tested: given} if isinstance(given, str) else dict(given)
    for split in paths:
        if split not in known:
            raise ConfigError(
                f"{where}.{split}: the task has no such split (it has {', '.join(known)})"
                f"{nearest(split, known)}",
                id="data.unknown-split",
            )
    if tested not in paths:
        raise ConfigError(
            f"{where}: gives no file for {tested}, the split that is evaluated",
            id="data.no-evaluated-split",
        )
    source = shots.get("split") or config.get("fewshot_split")
    if source is None and "samples" not in shots:
        source = config.get("training_split") or config.get("validation_split") or tested
    if n_shots and source is not None and source not in paths:
        raise ConfigError(
            f"{where}: its {n_shots} shots are of the split {source}; give it a file as well "
            f"({{{tested}: …, {source}: …}}, or --data {name}:{source}=PATH), or ask without shots",
            id="data.no-shots",
        )
    return LocalData(
        task=name,
        split=tested,
        tables={split: _table(path, where) for split, path in paths.items()},
        is_processed=config.get("process_docs") is not None,
    )


def _with_documents(config: dict[str, Any], local: LocalData) -> dict[str, Any]:
    """Return a task's configuration with local documents, and without the splits that have none."""
    changed = dict(config)
    for key in ("dataset_path", "dataset_name", "dataset_kwargs"):
        changed.pop(key, None)
    for key in _SPLITS:
        if changed.get(key) not in local.tables:
            changed[key] = None
    shots = changed.get("fewshot_config")
    if shots and shots.get("split") not in local.tables:
        changed["fewshot_config"] = {k: v for k, v in shots.items() if k != "split"}
    # A plain function, since lm-eval copies what a configuration holds, and would copy the rows.
    rows = {split: table.rows for split, table in local.tables.items()}
    changed["custom_dataset"] = lambda **_: rows
    return changed


# --- files ---------------------------------------------------------------------------------------


def _table(name: str, where: str) -> Table:
    """Return a file's rows. Raises ConfigError with the file and the line of the first fault."""
    import datasets

    try:
        rows = list(read_records(name))
        _refuse_uneven(rows, name)
    except UsageError as failure:
        raise ConfigError(f"{where}: {failure}", id="data.misfit") from None
    documents = [dict(row.value) for row in rows]
    if has_header(rows[0]):
        _number(documents)
    try:
        made = datasets.Dataset.from_list(documents)
    except Exception as failure:  # pyarrow's, of many kinds
        reason = first_line(failure)
        raise ConfigError(
            f"{where}: {name}: its rows make no table: {reason}", id="data.no-table"
        ) from None
    sources = dict.fromkeys(Path(row.source) for row in rows)  # several in a saved folder
    places = tuple(row.where for row in rows)
    return Table(path=Path(name), rows=made, places=places, sha256=sha256_now(*sources))


def _refuse_uneven(rows: Sequence[Row], name: str) -> None:
    """Refuse no rows, and rows with other keys than the first; `datasets` would fill or drop."""
    if not rows:
        raise ConfigError(f"{name}: holds no documents", id="data.empty")
    first = rows[0].value.keys()
    for row in rows:
        if row.value.keys() != first:
            odd = sorted(first ^ row.value.keys())[0]
            has = "lacks" if odd in first else "has"
            raise ConfigError(
                f"{row.where}: {has} {odd!r}, unlike the first document", id="data.uneven"
            )


def _number(documents: Sequence[dict[str, Any]]) -> None:
    """Make numbers of the cells of columns that hold nothing but whole numbers."""
    for column in documents[0]:
        if all(re.fullmatch(r"-?\d{1,18}", document[column]) for document in documents):
            for document in documents:
                document[column] = int(document[column])
