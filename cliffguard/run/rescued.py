"""The record beside a scaled checkpoint, and what a report of a later check says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cliffguard.checkpoints.files import read_json
from cliffguard.checkpoints.scaled import RECORD_FILE
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.half import Half
from cliffguard.core.items import Task
from cliffguard.core.rescues import RescueRecord
from cliffguard.core.texts import n_things
from cliffguard.core.validation import adapter_of, validate
from cliffguard.evaluate.capability_runs import short


def text_of(record: RescueRecord) -> str:
    """Return a record as the text of its file."""
    return json.dumps(asdict(record), indent=1) + "\n"


def digests_of(tasks: Iterable[Task]) -> tuple[str, ...]:
    """Return by what the items of these tasks are known again: beginnings of their digests."""
    return tuple(sorted({short(item.digest) for task in tasks for item in task.items}))


def read_record(folder: Path) -> RescueRecord | None:
    """Return the record in a checkpoint's folder, None where there is none.

    Raises a CliffguardError for one that is damaged.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        return None
    return validate(adapter_of(RescueRecord), read_json(path), str(path), UsageError)


def origin_of(candidate: Checkpoint, half: Half | None = None) -> str | None:
    """Return the fingerprint of the fine-tune of which a candidate is a scale; None: of none.

    All scales of it that are judged have one account of alpha. With the `half` of a plan the
    candidate is one of them, be it the fine-tune itself.
    """
    record = None
    if candidate.files is not None:
        with suppress(CliffguardError):  # a caveat says so
            record = read_record(candidate.files.adapter or candidate.files.weights)
    if record is not None:
        return record.origin or record.candidate
    return None if half is None else candidate.fingerprint


def helped_to_choose(candidate: Checkpoint, tasks: Sequence[Task]) -> tuple[Caveat, ...]:
    """Return the caveat of a candidate whose scale was chosen by items that are judged here."""
    if candidate.files is None:
        return ()
    try:
        record = read_record(candidate.files.adapter or candidate.files.weights)
    except CliffguardError:
        text = (
            f"{candidate.name}: its {RECORD_FILE} cannot be read: whether its scale was chosen by "
            "these items is not known."
        )
        return (Caveat(id="rescue.unreadable", text=text),)
    judged = set(digests_of(tasks))
    n_shared = 0 if record is None else len(judged.intersection(record.selection))
    if record is None or not n_shared:
        return ()
    text = (
        f"By {n_shared:,} of the {n_things(len(judged), 'item', ',')} of this run the scale of "
        f"{candidate.name} was chosen: on them it looks better than it is. The verdict on the "
        "others is that of the plan which `cliffguard rescue` wrote."
    )
    return (Caveat(id="rescue.chosen-by-these", text=text),)
