"""suites check, suites coverage: what a suite can still show, and what of production it covers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import explained, progress_shown, shown, write_data
from cliffguard.cli.given import open_store, plan_of
from cliffguard.cli.help import Brief
from cliffguard.cli.suites import suites_app, tasks_of
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.compare.diagnostics.distance import Coverage
    from cliffguard.compare.diagnostics.screens import Uncovered
    from cliffguard.core.items import Suite

_OLD_DAYS = 365
_STILL = 0.8  # share of items that never changed
_CHARACTERS = 160  # of a prompt


@suites_app.command("check")
@explained
@keys.takes(keys.POLICY)
def check_suites(
    flags: Mapping[str, Any],
    names: opt.Suites,
    store: opt.StoreFolder = None,
) -> None:
    """Say what is weak in suites before any model is asked; their health is in every report."""
    from cliffguard.compare.diagnostics.item_health import static_health
    from cliffguard.config import load_policy
    from cliffguard.core.settings import Policy
    from cliffguard.suites.loading import load_suites, not_covered

    in_force = load_policy(flags["policy"]) if flags["policy"] else Policy()
    with progress_shown("looking through the suites"):
        suites = load_suites(names)
        lines = [
            *static_health(suites, in_force),
            *_aged(suites, date.today()),
            *_still(suites, store),
            *(caveat.text for caveat in not_covered(suites)),
        ]
    for line in lines:
        print(f"! {line}")
    if not lines:
        print("Nothing to remark.")


def _aged(suites: Sequence[Suite], today: date) -> Iterator[str]:
    """Say which suites are so old that newer bases may have read their items."""
    for suite in suites:
        if suite.made is not None and (age := (today - suite.made).days) > _OLD_DAYS:
            yield (
                f"{suite.name}: its items are of {suite.made.isoformat()}, "
                f"{n_things(age, 'day', ',')} old; what is public may be in the training data of "
                "newer bases"
            )


def _still(suites: Sequence[Suite], store: Path | None) -> Iterator[str]:
    """Say which tasks hardly ever change, by the answers of all checkpoints that are stored."""
    from cliffguard.store.saturation import item_saturation

    tasks = [task for suite in suites for task in suite.tasks]
    for row in item_saturation(open_store(store), tasks):
        if row.share >= _STILL:
            yield (
                f"{row.task}: {100 * row.share:.0f} % of {n_things(row.n_items, 'item', ',')} "
                f"never changed over {row.n_checkpoints} stored checkpoints "
                f"({row.n_always_right:,} always right, {row.n_always_wrong:,} always wrong): they "
                "cost time and tell little"
            )


@suites_app.command("coverage", cls=Brief)
@explained
@keys.takes(keys.PLAN, keys.DATA, keys.PROTOCOL, keys.RUNNER)
def cover_prompts(
    flags: Mapping[str, Any],
    names: opt.Suites,
    prompts: Annotated[
        list[str], typer.Option(help="Recent production prompts; repeatable.", metavar="PATH")
    ],
    base: Annotated[str, typer.Option(help="The base, whose hidden states compare texts.")],
    output_format: opt.TextOrJson = "text",
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Say how much of production no capability covers, with the prompts least like any item."""
    from cliffguard.compare.diagnostics.screens import cover
    from cliffguard.gate import find_alone, runner_for
    from cliffguard.suites.train_data import read_all_training, training_caveats

    screen = shown(quiet=quiet, verbose=verbose)
    texts = read_all_training(prompts)
    for caveat in training_caveats(texts):
        screen.say(caveat.text.replace("the training data", "production"))
    plan = plan_of({**flags, "suites": names, "candidate": [base]})
    with contextlib.closing(screen):
        coverage, least = cover(
            plan,
            tasks_of(names),
            texts,
            base=find_alone(plan),
            runner=runner_for(plan),
            progress=screen.progress,
        )
    if output_format == "json":
        row = {**dataclasses.asdict(coverage), "least": [dataclasses.asdict(gap) for gap in least]}
        write_data(json.dumps(row, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(coverage, least)


def _print(coverage: Coverage, least: Sequence[Uncovered]) -> None:
    from cliffguard.core.texts import shorten
    from cliffguard.report.clean import one_line

    print(
        f"{100 * coverage.uncovered:.0f} % of {n_things(coverage.n_prompts, 'prompt', ',')} "
        "are like no item."
    )
    for name, share in coverage.shares.items():
        print(f"  {100 * share:3.0f} %  {one_line(name)}")
    print("Least like any item:")
    for gap in least:
        source = f"{gap.prompt.source}:{gap.prompt.line}"
        print(
            one_line(f"  {gap.similarity:.2f}  {source}  {shorten(gap.prompt.text, _CHARACTERS)}")
        )
        print(one_line(f"        nearest, {gap.capability}: {shorten(gap.item, _CHARACTERS)}"))
