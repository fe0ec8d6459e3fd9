"""What of a store both sides have answered alike: the one protocol, and why there is none."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.chats import effective
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Suite, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.runners.stored import StoredEntry, StoredRunner
from cliffguard.store.answers import Store


def find_stored(
    store: Store,
    sides: tuple[Checkpoint, Checkpoint],
    suites: Sequence[Suite],
    wanted: Mapping[str, Any],
) -> StoredRunner:
    """Return a runner over the one protocol under which both sides answered all suites.

    `wanted` are protocol fields that must have these values. Raises UsageError when no protocol
    fits, or, with the list, when several do.
    """
    chats = {task.name for suite in suites for task in suite.tasks if task.are_chats}
    by_how: dict[str, list[StoredEntry]] = {}
    for stored in _all_stored(store):
        if stored.question.get("replicate"):  # of the noise floor; see `noise`
            continue
        if stored.question["checkpoint"] in {side.fingerprint for side in sides} and _is_wanted(
            stored, wanted, chats
        ):
            by_how.setdefault(stored.how, []).append(stored)
    if chats:
        by_how |= _under_auto(by_how, chats)
    # Answers to just this suite go before those to an earlier form of it.
    complete = [
        rows for rows in by_how.values() if not _missing(rows, sides, suites, is_exact=True)
    ] or [rows for rows in by_how.values() if not _missing(rows, sides, suites)]
    if not complete:
        raise UsageError(_nothing(by_how, sides, suites, store), id="compare.not-stored")
    if len(complete) > 1:
        protocols = "; ".join(sorted(_described(rows[0]) for rows in complete))
        raise UsageError(
            f"both sides were measured under {len(complete)} protocols ({protocols}); "
            "choose one with --limit (all: none), --num-fewshot, --max-length, --chat-template, "
            "--dtype, --packing or --seed",
            id="compare.several-protocols",
        )
    return StoredRunner(complete[0])


def _is_wanted(stored: StoredEntry, wanted: Mapping[str, Any], chats: Collection[str]) -> bool:
    """Return whether a question was asked under these keys of a protocol."""
    protocol = stored.question["protocol"]
    keys = {name: value for name, value in wanted.items() if value != "auto"}
    if "chat_template" in wanted:
        how = EvalSettings(chat_template=wanted["chat_template"])
        keys["chat_template"] = effective(
            how, are_chats=stored.question["task"] in chats
        ).chat_template
    return all(protocol.get(name) == value for name, value in keys.items())


def _under_auto(
    by_how: Mapping[str, Sequence[StoredEntry]], chats: Collection[str]
) -> dict[str, list[StoredEntry]]:
    """Return, by how they were asked, answers to chats with those to prompts of the same runs."""
    both = {}
    for how, rows in by_how.items():
        mine = [row for row in rows if row.question["task"] in chats]
        if not mine or mine[0].protocol.chat_template != "own":
            continue
        plain = {
            **mine[0].question["protocol"],
            **{"chat_template": "none", "template_args": {}, "system_prompt": None},
        }
        beside = by_how.get(canonical_json([plain, mine[0].question["runner"]]), ())
        prompts = [row for row in beside if row.question["task"] not in chats]
        if prompts:
            both[f"auto {how}"] = [*mine, *prompts]
    return both


def _all_stored(store: Store) -> list[StoredEntry]:
    stored = []
    for entry in store.entries():
        question = entry.read_question()
        stored.append(StoredEntry(entry=entry, question=question["asked"], about=question["about"]))
    return stored


def _missing(
    rows: Sequence[StoredEntry],
    sides: tuple[Checkpoint, Checkpoint],
    suites: Sequence[Suite],
    *,
    is_exact: bool = False,
) -> list[tuple[Checkpoint, Task]]:
    return [
        (side, task)
        for side in sides
        for suite in suites
        for task in suite.tasks
        if not _is_there(rows, side, task, is_exact=is_exact)
    ]


def _is_there(rows: Sequence[StoredEntry], side: Checkpoint, task: Task, *, is_exact: bool) -> bool:
    side_rows = [row for row in rows if row.question["checkpoint"] == side.fingerprint]
    if any(row.is_of(task) for row in side_rows):
        return True
    return not is_exact and any(row.covers(task) for row in side_rows)


def _nothing(
    by_how: Mapping[str, Sequence[StoredEntry]],
    sides: tuple[Checkpoint, Checkpoint],
    suites: Sequence[Suite],
    store: Store,
) -> str:
    plain = _plain_of_packed(by_how.values(), sides, suites)
    closest = plain or min(
        by_how.values(), key=lambda rows: len(_missing(rows, sides, suites)), default=()
    )
    side, task = _missing(closest, sides, suites)[0]
    elsewhere = sorted(
        {
            _described(row)
            for rows in by_how.values()
            for row in rows
            if row.question["checkpoint"] == side.fingerprint and row.is_of(task)
        }
    )
    drifted = f" (it has some under {elsewhere[0]})" if elsewhere else ""
    if plain:
        drifted = " (one was asked plain, one packed: below float32 they are two questions)"
    return (
        f"{store.root}: holds no answers of {side.name} to {task.name} under a protocol that "
        f"both sides share{drifted}; run `cliffguard measure {shlex.quote(side.name)} --store "
        f"{shlex.quote(str(store.root))}{' --packing plain' if plain else ''}` with the same "
        "suites and flags of the protocol first"
    )


def _plain_of_packed(
    groups: Iterable[Sequence[StoredEntry]],
    sides: tuple[Checkpoint, Checkpoint],
    suites: Sequence[Suite],
) -> Sequence[StoredEntry]:
    """Return what was asked plain where nothing is missing but that more of it was asked packed."""
    by_else: dict[str, list[StoredEntry]] = {}
    for row in (row for rows in groups for row in rows):
        apart = {**row.question["protocol"], "packing": None}
        by_else.setdefault(canonical_json([apart, row.question["runner"]]), []).append(row)
    for rows in by_else.values():
        plain = [row for row in rows if row.protocol.packing == "plain"]
        if plain and not _missing(rows, sides, suites):
            return plain
    return ()


def _described(stored: StoredEntry) -> str:
    protocol = {name: v for name, v in stored.question["protocol"].items() if v is not None}
    parts = [f"{name} {value}" for name, value in sorted(protocol.items())]
    return ", ".join([*parts, str(stored.question["runner"])])
