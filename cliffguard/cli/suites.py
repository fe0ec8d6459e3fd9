"""suites: what there is, what is in it, and whether a suite of one's own is sound."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cliffguard.cli import options as opt
from cliffguard.cli import plan_options as keys
from cliffguard.cli.console import explained, progress_shown, write_data, write_new
from cliffguard.cli.flag_values import overrides
from cliffguard.cli.given import say_reading
from cliffguard.core.errors import UsageError
from cliffguard.core.texts import in_points, n_things

if TYPE_CHECKING:
    from cliffguard.core.items import Task
    from cliffguard.suites.target.reading import Reading

suites_app = typer.Typer(no_args_is_help=True, help="List, show and check suites.")

Name = Annotated[str, typer.Argument(help="A built-in suite or a file.")]


@suites_app.command("ls")
@explained
def list_suites(
    output_format: Annotated[
        Literal["text", "json"],
        typer.Option("--format", help="json: a list of objects, with digests."),
    ] = "text",
) -> None:
    """List the built-in suites, without reading their items."""
    from cliffguard.report.clean import one_line
    from cliffguard.suites.listing import listed, recorded_digests
    from cliffguard.suites.loading import builtin_names

    suites = [listed(name) for name in builtin_names()]
    if output_format == "json":
        digests = recorded_digests()
        rows = [{**dataclasses.asdict(suite), "digest": digests[suite.name]} for suite in suites]
        write_data(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    width = max((len(suite.name) for suite in suites), default=0)
    for suite in suites:
        # Only lm-eval knows how many items its tasks have.
        n, thing = (suite.n_items, "item") if suite.n_items else (suite.n_stock, "task")
        count, more = n_things(n, thing, ">5"), ""
        if suite.n_items and suite.n_stock:
            more = f" (and {n_things(suite.n_stock, 'task')} of lm-eval)"
        print(f"{suite.name:<{width}}  {count}  {one_line(suite.description)}{more}")


@suites_app.command("show")
@explained
def show_suite(name: Name) -> None:
    """Show a suite's capabilities and tasks, with rings, levels and chance."""
    from cliffguard.report.clean import one_line
    from cliffguard.suites.loading import load_suite

    suite = load_suite(name)
    print(f"{suite.name} {suite.version}: {one_line(suite.description)}\ndigest {suite.digest}")
    for capability in suite.capabilities:
        margin = "" if capability.margin is None else f", margin {in_points(capability.margin)}"
        print(
            f"\n{capability.name} ({capability.ring}{margin})  {one_line(capability.description)}"
        )
        for task in capability.tasks:
            print(f"  {one_line(_task_line(task))}")


@suites_app.command("items")
@explained
def print_items(name: Name) -> None:
    """Print a suite's own items as JSON Lines; those of another suite are printed by that one."""
    from cliffguard.report.json import escaped
    from cliffguard.suites.loading import load_suite

    suite = load_suite(name)
    for task in suite.tasks:
        for item in task.items if task.suite == suite.name else ():
            row = {
                "id": item.id,
                "task": task.name,
                "capability": task.capability,
                "level": item.level,
                "prompt": item.prompt,
                "choices": list(item.choices),
                "answer": item.answer,
                **({"answers": list(item.answers)} if item.answers else {}),
            }
            write_data(escaped(json.dumps(row, ensure_ascii=False)) + "\n")


@suites_app.command("new")
@explained
@keys.takes(keys.OWN_FIELDS)
def new_suite(
    flags: Mapping[str, Any],
    data: Annotated[str, typer.Argument(help="A file, a saved folder, or hf:org/name on a hub.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path(),
    name: Annotated[str, typer.Option(help="Name of the suite and its capability.")] = "target",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write a suite and its items from data, as `--target` makes them."""
    files, read = suite_of_data(data, name, flags)
    write_new(files, out, force=force, source=data)
    say_reading(read)


def suite_of_data(data: str, name: str, flags: Mapping[str, Any]) -> tuple[dict[str, str], Reading]:
    """Return the files of a suite from data, and how these were read; `flags` say the fields."""
    from cliffguard.config import make_target
    from cliffguard.suites.target import read_target, suite_files

    given = overrides({**flags, "target": data, "target_name": name})
    target = make_target(given["target"], "target")
    with progress_shown(f"reading {data}"):
        read = read_target(target)
        return suite_files(target, read), read


@suites_app.command("validate")
@explained
def validate_suites(
    names: opt.Suites,
) -> None:
    """Check suites as they would be used together; exit 2 with file and line of the first fault."""
    from cliffguard.suites.loading import load_suites

    for suite in load_suites(names):
        items = n_things(sum(len(task.items) for task in suite.tasks), "item")
        n_stock = sum(task.stock for task in suite.tasks)
        stock = f" and {n_things(n_stock, 'task')} of lm-eval" if n_stock else ""
        print(f"{suite.name}: sound, {items}{stock}, digest {suite.digest[:12]}")


@suites_app.command("overlap")
@explained
def print_overlap(
    names: opt.Suites,
    train: Annotated[
        list[str], typer.Option(help="Data of the fine-tune; repeatable.", metavar="PATH")
    ],
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="json: a list of objects.")
    ] = "text",
) -> None:
    """Print the items that stand in the fine-tune's data, word for word or nearly so."""
    from cliffguard.report.clean import one_line
    from cliffguard.report.json import escaped
    from cliffguard.report.page import source_line
    from cliffguard.suites.contamination import contamination_caveats as caveats_of
    from cliffguard.suites.contamination import drop_contaminated
    from cliffguard.suites.train_data import read_all_training, training_caveats

    with progress_shown("comparing the items with the training data"):
        texts = read_all_training(train)
        tasks, overlaps = drop_contaminated(tasks_of(names), texts)
    for caveat in training_caveats(texts):
        print(one_line(caveat.text), file=sys.stderr)
    if output_format == "json":
        rows = [dataclasses.asdict(overlap) for overlap in overlaps]
        write_data(escaped(json.dumps(rows, indent=2, ensure_ascii=False)) + "\n")
        return
    for overlap in overlaps:
        line = f"{overlap.task}  {overlap.item_id}  {overlap.kind}  {overlap.similarity:.2f}"
        print(one_line(f"{line}  {source_line(overlap)}"))
    n_items = {task.name: len(task.items) for task in tasks}
    sentences = [caveat.text for caveat in caveats_of(overlaps, n_items)]
    none = (
        f"None of {n_things(sum(n_items.values()), 'item')}, in {n_things(len(texts), 'row', ',')} "
        "of training data."
    )
    for sentence in sentences or [none]:
        print(one_line(sentence))


def tasks_of(names: list[str]) -> tuple[Task, ...]:
    """Return the tasks of suites; what lm-eval's own hold, only lm-eval knows."""
    from cliffguard.core.settings import Plan
    from cliffguard.gate import runner_for
    from cliffguard.suites.loading import load_suites

    suites = load_suites(names)
    tasks = tuple(task for suite in suites for task in suite.tasks)
    if not any(task.stock for task in tasks):
        return tasks
    plan = Plan(candidate="none", suites=tuple(names))
    return runner_for(plan).resolve(suites, plan.protocol)


@suites_app.command(
    "gym",
    hidden=True,
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
@explained
def refuse_gym() -> None:
    """Say where what this verb did is found now."""
    raise UsageError(
        "suites gym: was removed; docs/recipes.md has the script that writes the same suite from "
        "reasoning-gym (pip install reasoning-gym), and suites frozen before work as they are",
        id="verb.removed",
    )


def _task_line(task: Any) -> str:
    limit = "" if task.limit is None else f", at most {n_things(task.limit, 'item')}"
    cost = "" if task.cost is None else f", {task.cost}"
    if task.stock:
        shots = "" if task.num_fewshot is None else f", {task.num_fewshot}-shot"
        return f"{task.name}: lm-eval's own{shots}{limit}{cost}"
    levels = sorted({item.level for item in task.items} - {None})
    ladder = f", {task.level} {levels[0]}…{levels[-1]}" if levels else ""
    if task.gate_levels is not None:
        ladder += f" (gating: {', '.join(str(level) for level in task.gate_levels)})"
    chance = "chance unknown" if task.chance is None else f"chance {task.chance:.2f}"
    return (
        f"{task.name}: {n_things(len(task.items), 'item')}, {task.metric}, {chance}{ladder}{limit}"
        f"{cost}"
    )
