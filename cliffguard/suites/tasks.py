"""The tasks of a suite file: their items, read or generated, and what is asked of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import SuiteError
from cliffguard.core.files import is_special, read_jsonl
from cliffguard.core.items import Item, Task
from cliffguard.core.terms import Terms
from cliffguard.suites import ladders, skills
from cliffguard.suites.items import fields_of, make_item
from cliffguard.suites.right_answers import refuse_forbidden_calls
from cliffguard.suites.schema import GeneratedItems, TaskFile, check_levels
from cliffguard.suites.scorers import BY_LIKELIHOOD, SCORERS

_TASK_FORM = 1  # raised whenever the items of a suite file are asked in another way


def make_task(
    written: TaskFile, items: tuple[Item, ...], *, capability: str, suite: str, where: str
) -> Task:
    """Return the task that `check_task` has let through, over these items."""
    metric = written.metric
    check_levels(written, items, where)
    max_tokens, stop = written.max_tokens, written.stop
    scorer = SCORERS.get(metric or "") if written.items is not None else None
    if scorer is not None:
        max_tokens = max_tokens or scorer.max_tokens
        stop = (("\n",) if scorer.is_one_line else ()) if stop is None else stop
    # Only what may change an answer: chance and gating levels may be corrected at no cost.
    is_noted = scorer is not None and list(stop or ()) != ["\n"]
    settled = (written.name, metric, written.filter, written.num_fewshot, max_tokens, _TASK_FORM)
    terms = Terms(before=settled, after=(list(stop or ()),) if is_noted else ())
    return Task(
        name=written.name,
        entry=written.name,
        suite=suite,
        capability=capability,
        stock=written.items is None,
        metric=metric,
        filter=written.filter,
        chance=_chance(written, items, where),
        level=written.level,
        gate_levels=written.gate_levels,
        num_fewshot=written.num_fewshot,
        max_tokens=max_tokens,
        stop=stop or (),
        limit=written.limit,
        cost=written.cost,
        items=items,
        digest=terms.digest_of(
            [(item.id, item.digest, item.level) for item in items], written.limit
        ),
        terms=terms,
    )


def _chance(written: TaskFile, items: Sequence[Item], where: str) -> float | None:
    """Return what guessing earns: what the suite says, or one in as many as there are choices.

    None for a task of lm-eval's of which the suite does not say it: its items will.
    """
    if written.items is None and "chance" not in written.model_fields_set:
        return None
    n_choices = {len(item.choices) for item in items}
    if "chance" in written.model_fields_set or written.metric not in BY_LIKELIHOOD or not items:
        return written.chance
    if len(n_choices) > 1:
        mean = sum(1.0 / len(item.choices) for item in items) / len(items)
        raise SuiteError(
            f"{where}: has items of {min(n_choices)} to {max(n_choices)} choices; say what "
            f"guessing earns, `chance: {mean:.3g}` if all choices are equally likely",
            id="suite.chance",
        )
    return 1.0 / n_choices.pop()


def items_of(
    written: TaskFile, path: Path, where: str
) -> tuple[tuple[Item, ...], dict[str, Mapping[str, str]]]:
    """Return the items of a task, and what their rows' `fields` say, by item."""
    source, rows = _rows(written, path, where)
    items: list[Item] = []
    seen: dict[str, int] = {}
    fields: dict[str, Mapping[str, str]] = {}
    for number, row in rows:
        item = make_item(
            row, metric=written.metric, level=written.level, where=f"{source}:{number}"
        )
        if isinstance(written.items, str):  # those that are generated are checked by their digest
            refuse_forbidden_calls(item, written.metric, f"{source}:{number}")
        if item.id in seen:
            raise SuiteError(
                f"{source}:{number}: the id {item.id!r} stands already in line {seen[item.id]}",
                id="item.twice",
            )
        if items and (item.chat is None) is not (items[0].chat is None):
            raise SuiteError(
                f"{source}:{number}: is a {_FORMS[item.chat is None]}, and line "
                f"{seen[items[0].id]} a {_FORMS[item.chat is not None]}; make a task of each",
                id="item.messages",
            )
        seen[item.id] = number
        items.append(item)
        if "fields" in row:
            fields[item.id] = fields_of(row["fields"], f"{source}:{number}")
    if not items:
        raise SuiteError(
            f"{source}: holds no items; a task needs at least one", id="suite.no-items"
        )
    return tuple(items), fields


_FORMS = {True: "prompt", False: "chat (messages)"}


def _rows(
    written: TaskFile, path: Path, where: str
) -> tuple[str, Iterable[tuple[int, dict[str, Any]]]]:
    """Return the name of what holds the rows, and each row with its number in it."""
    if isinstance(written.items, GeneratedItems):
        made = written.items
        try:
            make = skills.make if made.generator in skills.SKILLS else ladders.make
            rows = make(
                made.generator, seed=made.seed, n_per_level=made.n_per_level, levels=made.levels
            )
        except ValueError as failure:
            raise SuiteError(f"{where}: items: {failure}", id="suite.items") from None
        actual = digest(rows)
        if actual != made.digest:
            raise SuiteError(
                f"{where}: items: generator {made.generator} no longer makes this suite's items "
                f"(digest {actual}); install the cliffguard that wrote it",
                id="suite.other-items",
            )
        return f"{where}: items", enumerate(rows, start=1)
    source = inside(path, str(written.items), f"{where}: items")
    return str(source), read_jsonl(source, SuiteError)


def inside(path: Path, name: str, where: str) -> Path:
    """Return the file that a suite names, links followed; SuiteError outside the suite's folder."""
    if "\0" in name:
        raise SuiteError(f"{where}: a path cannot hold a null character", id="suite.items-path")
    try:
        folder = path.parent.resolve()
        source = (folder / name).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise SuiteError(
            f"{where} {name!r}: no such file; its links lead nowhere", id="suite.items-path"
        ) from None
    if not source.is_relative_to(folder):
        raise SuiteError(f"{where} {name!r} lies outside the suite's folder", id="suite.items-path")
    if is_special(source):
        raise SuiteError(
            f"{where} {name!r} is a pipe or a device, not a file", id="suite.items-path"
        )
    return source
