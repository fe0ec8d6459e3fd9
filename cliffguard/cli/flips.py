"""flips: the items of a review that changed, and the labels that people give to them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cliffguard.cli.console import explained, write_data
from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import read_text, user_path

if TYPE_CHECKING:
    from cliffguard.core.item_results import ItemResult
    from cliffguard.core.reviews import Review
    from cliffguard.report.flips import Filter, Kind

_WIDTH = 160  # columns of a table that goes into no terminal


@explained
def flips(
    review: Annotated[Path, typer.Argument(help="A review.json, or the folder that holds it.")],
    broken: Annotated[bool, typer.Option("--broken", help="Worse now; the default.")] = False,
    fixed: Annotated[bool, typer.Option("--fixed", help="Better now.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Broken and fixed.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Every item that was asked, also what does not count.")
    ] = False,
    capability: Annotated[str | None, typer.Option(help="Of one capability.")] = None,
    level: Annotated[int | None, typer.Option(help="Of one level.")] = None,
    cause: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Broken by one cause: refusal, cut, … (see the report)."),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(metavar="KEY", help="In one pattern, by its key in review.json.")
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="The N broken items of the largest loss, no two of one cluster while others are "
            "left, the surest first.",
        ),
    ] = None,
    output_format: Annotated[
        Literal["table", "json", "csv", "markdown"],
        typer.Option("--format", help="json, csv and markdown have texts as they are kept."),
    ] = "table",
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="CSV or JSON Lines with item and label (real, wrong-item, acceptable, unclear): "
            "check it, and keep it beside the review.",
        ),
    ] = None,
) -> None:
    """List the items that changed; exit 0 also where there is none."""
    from cliffguard.report.flips import lines_of
    from cliffguard.report.item_order import largest
    from cliffguard.report.items import read_items
    from cliffguard.report.labels import beside

    path, read = _read(review)
    kind = _kind(broken=broken, fixed=fixed, changed=changed, every=every, top=top)
    if labels is not None:
        _refuse_unknown(capability, read)
        _keep_labels(labels, read, path.parent)
        return
    capability, pattern = _as_written(read, capability, pattern)
    wanted = _filter(kind, read, capability, level, cause, pattern)
    results: Iterable[ItemResult] = filter(wanted.takes, read_items(read, path.parent))
    if top is not None:
        results = largest(results, top)
    stored = beside(read, path.parent).labels
    write = sys.stdout.write if output_format == "table" else write_data
    for line in lines_of(results, output_format, stored, width=_width()):
        write(f"{line}\n")


def _read(given: Path) -> tuple[Path, Review]:
    """Return the path of a review.json that may be given by its folder, and the review."""
    from cliffguard.report.json import read_review

    path = user_path(str(given), UsageError)
    path = path / "review.json" if path.is_dir() else path
    return path, read_review(read_text(path, UsageError), str(path))


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH


def _kind(*, broken: bool, fixed: bool, changed: bool, every: bool, top: int | None) -> Kind:
    """Return which items are listed: those of the one flag that was given, else the broken."""
    flags: dict[Kind, bool] = {"broken": broken, "fixed": fixed, "changed": changed, "all": every}
    kinds = [kind for kind, is_given in flags.items() if is_given] or ["broken"]
    if len(kinds) > 1:
        raise UsageError(
            f"--{' and --'.join(kinds)}: list one kind at a time; changed is broken and fixed",
            id="flips.two-kinds",
        )
    if top is not None and kinds != ["broken"]:
        raise UsageError(
            f"--top: is of broken items; leave it out, or --{kinds[0]}", id="flips.top"
        )
    return kinds[0]


def _filter(
    kind: Kind,
    review: Review,
    capability: str | None,
    level: int | None,
    cause: str | None,
    pattern: str | None,
) -> Filter:
    """Return what picks the items; refuse names that the review has not."""
    from cliffguard.report.broken_by import known_cause, known_pattern
    from cliffguard.report.flips import Filter

    _refuse_unknown(capability, review)
    return Filter(
        kind=kind,
        capability=capability,
        level=level,
        cause=None if cause is None else known_cause(cause, review, capability),
        pattern=None if pattern is None else known_pattern(pattern, review, capability),
    )


def _as_written(
    review: Review, capability: str | None, pattern: str | None
) -> tuple[str | None, str | None]:
    """Return names as the review has them, of which reports print the line that can be copied."""
    from cliffguard.report.clean import one_line

    explained = review.diagnosis.capabilities if review.diagnosis is not None else ()
    names = _capabilities(review)
    keys = [screened.key for each in explained for screened in each.patterns]

    def known(word: str | None, words: Iterable[str]) -> str | None:
        spelled = {each for each in words if word is not None and one_line(each) == one_line(word)}
        return spelled.pop() if len(spelled) == 1 else word

    return known(capability, names), known(pattern, keys)


def _capabilities(review: Review) -> list[str]:
    """Return the names of what has items; a behaviour has those of the others."""
    return [row.capability for row in review.comparison.capabilities if row.behaviour is None]


def _refuse_unknown(capability: str | None, review: Review) -> None:
    names = _capabilities(review)
    if capability is not None and capability not in names:
        raise UsageError(
            f"--capability {capability}: the review has none of that name"
            f"{nearest(capability, names)} (it has {', '.join(names)})",
            id="flips.no-capability",
        )


def _keep_labels(source: str, review: Review, folder: Path) -> None:
    """Check labels, keep them beside the review, and print what they say of each capability."""
    from cliffguard.report.clean import one_line
    from cliffguard.report.items import read_items
    from cliffguard.report.labels import beside, read_labels, write_labels

    kept = write_labels(read_labels(source, read_items(review, folder), review), folder)
    labels = beside(review, folder)
    for row in review.comparison.capabilities:
        if line := labels.of(row.capability, row.counts.n_broken):
            sys.stdout.write(f"{one_line(row.capability)}: {line}\n")
    sys.stdout.write(f"{kept.line}\n")
