"""Suites: find, load, check and digest them.

A suite is a YAML file beside a folder of JSON Lines items, data only. A name is looked up among
the built-in suites; anything with a slash or ending in .yaml is a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError, key_id, nearest
from cliffguard.core.files import is_path, is_special, user_path
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.validation import adapter_of, validate
from cliffguard.core.yaml_files import read_yaml
from cliffguard.suites.read_once import once
from cliffguard.suites.schema import SuiteFile, TaskFile, check_task
from cliffguard.suites.tasks import inside, items_of, make_task


@cache
def suites_folder() -> Path:
    """Return the folder of the built-in suites: the checkout's own, else the installed one."""
    home = Path(__file__).resolve().parent.parent.parent
    if (home / "pyproject.toml").is_file() and (home / "suites").is_dir():
        return home / "suites"
    return home / "cliffguard_suites"  # the wheel lays it beside the package


def builtin_names() -> list[str]:
    """Return the names of the built-in suites, sorted."""
    return sorted(path.stem for path in suites_folder().glob("*.yaml"))


def refuse_absent(names: Iterable[str]) -> None:
    """Raise SuiteError for the first suite that is not there: it takes no library to see that.

    Of a pipe nothing is read: it would be empty for whoever loads the suite.
    """
    for name in names:
        path = _find(name, Path())
        if not path.is_file() and not is_special(path):
            load_suite(name)  # which says what a path leads to instead


def load_suite(name: str, *, folder: Path | None = None) -> Suite:
    """Load a built-in suite by name, or a suite file by path (relative to `folder`).

    Raises SuiteError with file and line for anything that is wrong inside.
    """
    path = _find(name, folder or Path())
    if not is_path(name):
        return _load_shipped(path)
    return once(path.absolute(), lambda: _load(path))


def _load(path: Path) -> Suite:
    written = _written(path)
    capabilities = tuple(
        Capability(
            name=capability,
            ring=body.ring,
            description=body.description,
            covers=body.covers,
            margin=body.margin,
            tasks=tuple(_task(entry, capability, written.name, path) for entry in body.tasks),
        )
        for capability, body in written.capabilities.items()
    )
    _refuse_repeats((t.name for c in capabilities for t in c.tasks), "task", str(path))
    content = [
        _without_unset(written.model_dump(mode="json", exclude={"made"})),
        [task.digest for capability in capabilities for task in capability.tasks],
    ]
    return Suite(
        name=written.name,
        version=written.version,
        description=written.description,
        made=written.made,
        capabilities=capabilities,
        digest=digest(content),
    )


_load_shipped = cache(_load)  # no file of these changes while a program runs


def read_suite(name: str, *, folder: Path | None = None) -> tuple[Path, SuiteFile]:
    """Return where a suite lies and what its file says, its items unread. Raises SuiteError."""
    path = _find(name, folder or Path())
    return path, _written(path)


def load_suites(names: Iterable[str], *, folder: Path | None = None) -> tuple[Suite, ...]:
    """Load several suites and refuse suites, capabilities or tasks that share a name."""
    return together(load_suite(name, folder=folder) for name in names)


def together(suites: Iterable[Suite]) -> tuple[Suite, ...]:
    """Return suites of one run. Refuses suites, capabilities or tasks that share a name."""
    suites = tuple(suites)
    where = ", ".join(suite.name for suite in suites)
    _refuse_repeats((s.name for s in suites), "suite", where)
    capabilities = [c for s in suites for c in s.capabilities]
    _refuse_repeats((c.name for c in capabilities), "capability", where)
    _refuse_repeats((t.name for c in capabilities for t in c.tasks), "task", where)
    return suites


_ADDED = ("from_suite", "stop", "covers", "limit", "cost", "margin")
"""Keys that suites did not always have: one that has none of them keeps its digest."""


def _without_unset(value: Any) -> Any:
    if isinstance(value, dict):
        kept = ((k, v) for k, v in value.items() if v not in (None, []) or k not in _ADDED)
        return {key: _without_unset(inner) for key, inner in kept}
    return [_without_unset(inner) for inner in value] if isinstance(value, list) else value


WANTED = {
    "multi_step_reasoning": "questions of several steps",
    "out_of_domain_qa": "questions outside the target's domain",
}
"""What every run should cover, since fine-tunes lose it in silence; without it stands a caveat."""


def not_covered(suites: Iterable[Suite]) -> tuple[Caveat, ...]:
    """Return a caveat for each of `WANTED` that no capability of the suites is, or covers."""
    covered = {name for suite in suites for c in suite.capabilities for name in (c.name, *c.covers)}
    return tuple(
        Caveat(
            id="suites.not-covered",
            text=f"Not measured: {text}, which a fine-tune loses most easily; no capability of "
            f"these suites is or covers {name}.",
        )
        for name, text in WANTED.items()
        if name not in covered
    )


def _written(path: Path) -> SuiteFile:
    raw = read_yaml(path, SuiteError, kind="suite")
    valid = validate(adapter_of(SuiteFile), raw, str(path), SuiteError, kind="suite")
    _refuse_switches(raw, f"{path}: ")
    return valid


def _refuse_switches(value: Any, where: str, key: str = "") -> None:
    """Refuse true and false where a number was made of them: no key of a suite is a switch."""
    if isinstance(value, bool):
        text = str(value).lower()
        raise SuiteError(
            f"{where.removesuffix('.')}: expected a number, found {text}", id=key_id("suite", key)
        )
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_switches(inner, f"{where}{name}.", str(name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_switches(inner, f"{where}{index}.", key)


def _find(name: str, folder: Path) -> Path:
    if is_path(name):
        return folder / user_path(name, SuiteError)
    known = builtin_names()
    if name == "auto":
        raise SuiteError(
            "suite auto: check, measure and plan choose its suites for the sides that they are "
            "given; name them here (a review says which they were, in plan.suites)",
            id="suite.auto",
        )
    if name not in known:
        meant = [*known, *(word for word in ("auto", "none") if word == name.casefold())]
        raise SuiteError(
            f"no suite is called {name!r}{nearest(name.casefold(), meant)} "
            f"(built-in: {', '.join(known)}; a path needs a slash or .yaml)",
            id="suite.unknown-suite",
        )
    return suites_folder() / f"{name}.yaml"


def _refuse_repeats(names: Iterable[str], kind: str, where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SuiteError(
                f"{where}: the {kind} {name!r} stands twice; rename one of them", id="suite.name"
            )
        seen.add(name)


def _task(written: TaskFile, capability: str, suite: str, path: Path) -> Task:
    where = f"{path}: {capability}.{written.name}"
    if written.from_suite is not None:
        return _borrowed(written, capability, path, where)
    if written.items is not None and written.metric is None:
        written = written.model_copy(update={"metric": "acc"})
    check_task(written, where)
    items, fields = ((), {}) if written.items is None else items_of(written, path, where)
    task = make_task(written, items, capability=capability, suite=suite, where=where)
    return replace(task, fields=fields)


def _borrowed(written: TaskFile, capability: str, path: Path, where: str) -> Task:
    """Return a task of another suite, which keeps its items, its name and its stored answers."""
    allowed = {"name", "from_suite", "gate_levels"}
    set_too = sorted(written.model_fields_set - allowed)
    if set_too:
        raise SuiteError(
            f"{where}: {set_too[0]} is for {written.from_suite} to say, whose task it is",
            id=key_id("suite", set_too[0]),
        )
    name = str(written.from_suite)
    source = _find(name, path.parent)
    if is_path(name):
        source = inside(path, name, f"{where}: from")
    lent = _written(source)
    tasks = {task.name: task for body in lent.capabilities.values() for task in body.tasks}
    if written.name not in tasks:
        raise SuiteError(
            f"{where}: {name} has no such task{nearest(written.name, tasks)}", id="suite.from"
        )
    theirs = tasks[written.name]
    if theirs.from_suite is not None:
        raise SuiteError(
            f"{where}: {name} has it from {theirs.from_suite}; name that suite", id="suite.from"
        )
    if written.gate_levels is not None:
        theirs = theirs.model_copy(update={"gate_levels": written.gate_levels})
    return _task(theirs, capability, lent.name, source)
