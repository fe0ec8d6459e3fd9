"""store: what is stored, whether it is whole, what may go, and how it travels."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import complain, explained, progress_shown, write_data
from cliffguard.cli.given import open_store
from cliffguard.core.errors import StoreError, UsageError
from cliffguard.core.texts import n_things, plural

if TYPE_CHECKING:
    from cliffguard.store.answers import Store
    from cliffguard.store.maintenance.questions import StoredQuestion

store_app = typer.Typer(no_args_is_help=True, help="Look after the stored answers.")

Checkpoint = Annotated[
    str | None, typer.Option(help="Name, last part of it, or fingerprint, as `store ls` shows.")
]
_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@store_app.command("ls")
@explained
def list_store(
    store: opt.StoreFolder = None,
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="json: a list of objects.")
    ] = "text",
) -> None:
    """List what is stored: of which checkpoint, which task, how it was asked, how much, how old."""
    from cliffguard.store.maintenance.questions import describe, entries_of

    answers = _looked_at(store)
    rows: list[StoredQuestion] = []
    damaged: list[StoreError] = []
    with progress_shown("listing what is stored"):
        for entry in entries_of(answers):
            try:
                rows.append(describe(entry))
            except StoreError as failure:
                damaged.append(failure)
    if output_format == "json":
        listed = [dataclasses.asdict(row) | {"written": _moment(row.written)} for row in rows]
        write_data(json.dumps(listed, indent=2) + "\n")
    else:
        _print_rows(rows, answers)
    for error in damaged:
        complain(error)
    if damaged:
        raise typer.Exit(StoreError.exit_code)


def _print_rows(rows: list[StoredQuestion], store: Store) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    if rows:
        table = Table(box=None, pad_edge=False)
        for name in ("checkpoint", "fingerprint", "task", "asked with"):
            table.add_column(name)
        for name in ("answers", "size", "age"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*(_cell(text) for text in _cells(row)))
        console.print(table)
    n_answers, n_bytes = sum(r.n_answers for r in rows), sum(r.n_bytes for r in rows)
    console.print(
        f"{n_things(n_answers, 'answer', ',')} to {n_things(len(rows), 'question', ',')}, "
        f"{_in_bytes(n_bytes)}, in {store.root}",
        markup=False,
        soft_wrap=True,
    )


def _cells(row: StoredQuestion) -> tuple[str, ...]:
    return (
        row.checkpoint,
        row.fingerprint[:12],
        row.task,
        row.how,
        f"{row.n_answers:,} of {row.n_items:,}",
        _in_bytes(row.n_bytes),
        _age(time.time() - row.written),
    )


def _cell(text: str) -> Any:
    from rich.text import Text

    from cliffguard.report.clean import one_line

    return Text(one_line(text))  # names come from whoever wrote the store


@store_app.command("verify")
@explained
def verify_store(
    store: opt.StoreFolder = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Move what is damaged aside, so that it is asked again."),
    ] = False,
) -> None:
    """Read every stored answer and check it against its seal; exit 12 where one is damaged."""
    from cliffguard.report.clean import one_line
    from cliffguard.store.maintenance.damage import (
        examine,
        examine_lists,
        examine_looks,
        examine_pairs,
        move_aside,
    )
    from cliffguard.store.maintenance.questions import entries_of

    answers = _looked_at(store)
    with progress_shown("reading what is stored"):
        entries = entries_of(answers)
        lists, looks = examine_lists(answers), examine_looks(answers)
        pairs = examine_pairs(answers)
        shared = {damage.path for damage in lists}
        by_folder = {
            entry.folder: [damage for damage in examine(entry) if damage.path not in shared]
            for entry in entries
        }
    damaged = {folder: damages for folder, damages in by_folder.items() if damages}
    n_damaged = len(damaged)
    damaged |= {damage.path: [damage] for damage in [*lists, *looks, *pairs]}
    for folder, damages in damaged.items():
        more = f", and {len(damages) - 1} more" if len(damages) > 1 else ""
        print(one_line(f"{folder}: {damages[0].what}{more}"))
    if repair:
        for path in move_aside(
            answers, [damage for damages in damaged.values() for damage in damages]
        ):
            print(one_line(f"moved aside: {path}"))
    elif damaged:
        counted = _counted(n_damaged, len(entries), len(lists), len(looks), len(pairs))
        raise StoreError(
            f"{answers.root}: {counted} damaged; with "
            "--repair what is damaged is moved aside, and the next run asks it again"
            f"{', but what was spent at these looks is forgotten' if looks else ''}",
            id="store.damaged",
        )
    if not damaged:
        print(
            one_line(
                f"{answers.root}: {n_things(len(entries), 'question')} "
                f"{plural(len(entries), 'is', 'are')} whole"
            )
        )


def _counted(n_questions: int, n_all: int, n_lists: int, n_looks: int, n_pairs: int) -> str:
    """Say how many questions, lists of items, files of looks at a pair, and pairs, are meant."""
    parts = [
        f"{n_questions} of {n_things(n_all, 'question')}" if n_questions else "",
        f"{n_things(n_lists, 'list')} of items" if n_lists else "",
        f"the looks at {n_things(n_looks, 'pair')} of checkpoints" if n_looks else "",
        f"what is noted of {n_things(n_pairs, 'pair')}" if n_pairs else "",
    ]
    is_one = (n_questions, n_lists + n_pairs, n_looks) == (0, 1, 0)
    return f"{' and '.join(filter(None, parts))} {'is' if is_one else 'are'}"


@store_app.command("prune")
@explained
def prune_store(
    store: opt.StoreFolder = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Nothing newer than this: 30d, 12h, 2w.")
    ] = None,
    checkpoint: Checkpoint = None,
    unreadable: Annotated[
        bool,
        typer.Option("--unreadable", help="What is damaged, moved aside, or left by killed runs."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; else it is only shown.")] = False,
) -> None:
    """Show what meets all conditions that are given; with --yes remove it."""
    from cliffguard.report.clean import one_line
    from cliffguard.store.maintenance.pruning import removable, remove
    from cliffguard.store.maintenance.questions import select

    age_s = None if older_than is None else _seconds(older_than)
    if age_s is None and checkpoint is None and not unreadable:
        raise UsageError(
            "say what may go: --older-than, --checkpoint or --unreadable", id="prune.nothing-named"
        )
    answers = _looked_at(store)
    if checkpoint is not None and not unreadable:
        select(answers, checkpoint=checkpoint)  # a misspelt name is no empty answer
    with progress_shown("looking for what may go"):
        discards = removable(
            answers, older_than_s=age_s, checkpoint=checkpoint, is_unreadable=unreadable
        )
    for discard in discards:
        where = discard.path.relative_to(answers.root)
        print(one_line(f"{_in_bytes(discard.n_bytes)}  {where}  {discard.what}"))
    size = _in_bytes(sum(discard.n_bytes for discard in discards))
    if yes:
        with progress_shown("removing it"):
            remove(answers, discards)
        print(f"removed: {len(discards)} ({size})")
    else:
        print(f"would be removed with --yes: {len(discards)} ({size})")


@store_app.command("path")
@explained
def print_path(store: opt.StoreFolder = None) -> None:
    """Print the folder of the store."""
    print(open_store(store).root)


@store_app.command("export")
@explained
def export_answers(
    out: Annotated[Path, typer.Option(help="The archive, a tar file.")],
    store: opt.StoreFolder = None,
    checkpoint: Checkpoint = None,
    suite: Annotated[str | None, typer.Option("--suite", "-s", help="Name of a suite.")] = None,
    task: Annotated[str | None, typer.Option(help="Name of a task.")] = None,
) -> None:
    """Write stored answers into one tar file: those of a checkpoint, a suite, a task, or all."""
    from cliffguard.store.maintenance.archive import write_archive
    from cliffguard.store.maintenance.questions import select

    answers = open_store(store)
    rows = select(answers, checkpoint=checkpoint, suite=suite, task=task)
    if not rows:
        raise UsageError(f"{answers.root}: holds no answers; nothing was written", id="store.empty")
    with progress_shown(f"writing {out}"):
        n_bytes = write_archive(answers, rows, out)
    n_answers = sum(row.n_answers for row in rows)
    print(
        f"{out}: {n_things(n_answers, 'answer', ',')} to {n_things(len(rows), 'question')}, "
        f"{_in_bytes(n_bytes)}"
    )


@store_app.command("import")
@explained
def import_answers(
    archive: Annotated[Path, typer.Argument(help="What `store export` wrote.")],
    store: opt.StoreFolder = None,
) -> None:
    """Put the answers of an archive into the store, verified; what is there already stays."""
    from cliffguard.store.maintenance.archive_import import read_archive

    answers = open_store(store)
    with progress_shown(f"reading {archive}"):
        taken = read_archive(answers, archive)
    print(
        f"{answers.root}: {n_things(taken.n_questions, 'question')}, "
        f"{n_things(taken.n_new, 'shard')} {plural(taken.n_new, 'is', 'are')} new, {taken.n_known} "
        "were there"
    )


def _looked_at(store: Path | None) -> Store:
    """Return a store to look into, which need not be there. Raises UsageError for a file."""
    answers = open_store(store)
    if answers.root.is_file():
        raise UsageError(
            f"{answers.root}: is a file, and no folder of stored answers; name that with --store",
            id="store.is-file",
        )
    return answers


def _seconds(age: str) -> float:
    match = re.fullmatch(r"(\d{1,6})([mhdw])", age.strip())
    if match is None:
        raise UsageError(
            f"--older-than {age}: expected a number and m, h, d or w, such as 30d", id="prune.age"
        )
    return int(match[1]) * _UNITS_S[match[2]]


def _age(seconds: float) -> str:
    for unit, length_s in reversed(_UNITS_S.items()):
        if seconds >= length_s:
            return f"{seconds / length_s:.0f} {unit}"
    return "new"


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(
        timespec="seconds"
    )


def _in_bytes(n_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} GiB"
