"""demo: the whole gate on a real model, without a hub."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cliffguard.cli import options as opt
from cliffguard.cli.console import explained, shown
from cliffguard.core.libraries import refuse_lacking

if TYPE_CHECKING:
    from cliffguard.compare.write_review import Decision
    from cliffguard.core.reviews import Review


@explained
def demo(
    base_path: Annotated[
        bool, typer.Option("--base-path", help="Print the directory of the demo's base; no more.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the two reports.")] = Path("runs/demo"),
    store: opt.StoreFolder = None,
    texts: opt.KeptTexts = "short",
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Check a healthy and an over-trained fine-tune of a small model; exit 0 when it ran."""
    from cliffguard import demo as room

    refuse_lacking()  # before the base is fetched
    screen = shown(quiet=quiet, verbose=verbose)
    base = room.base_path(screen.say)
    if base_path:
        sys.stdout.write(f"{base}\n")
        return
    from cliffguard.cli.given import open_store
    from cliffguard.cli.outcome import Output, finished, recorded
    from cliffguard.cli.overview import finish_overview, remove_overview
    from cliffguard.cli.report_folders import prepare
    from cliffguard.compare.repeat_command import command
    from cliffguard.core.timing import since
    from cliffguard.gate import guard, runner_for

    folders = {name: prepare(out / name) for name in room.CANDIDATES}
    remove_overview(out)
    answers = open_store(store)
    reviews: list[Review] = []
    runner = None
    for name in room.CANDIDATES:
        plan = room.demo_plan(name, base)
        runner = runner or runner_for(plan)
        screen.start(f"candidate {len(reviews) + 1} of {len(folders)}")
        before = runner.spent()
        decisions: list[Decision] = []
        with contextlib.closing(screen):
            review = guard(
                plan,
                store=answers,
                runner=runner,
                progress=screen.progress,
                tell=screen.say,
                witness=decisions.append,
                command=command("check", folders[name], store=store, texts=texts),
            )
            review = recorded(review, decisions, folders[name], texts)
        spent = since(runner.spent(), before)
        finished(review, folders[name], screen, Output(), spent)
        reviews.append(review)
    screen.say("")
    for name, review in zip(folders, reviews, strict=True):
        verdict, code = review.verdict, review.verdict.exit_code
        screen.say(f"{name}: {verdict.outcome}, check would exit {code}: {verdict.sentence}")
        screen.say(f"  report: {folders[name] / 'report.html'}")
    finish_overview(list(folders), list(folders.values()), dict(enumerate(reviews)), out, screen)
