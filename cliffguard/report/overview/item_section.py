"""The section of an overview about single items: broken by all candidates, or by one alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cliffguard.core.overviews import BrokenItem, BrokenItems, Overview
from cliffguard.core.texts import n_things
from cliffguard.report.blocks import (
    Block,
    Column,
    Datum,
    Details,
    Listing,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
)

_MOST_NAMED = 200  # items in all, of those broken by one alone; overview.json has ten of each


def item_section(overview: Overview) -> Section:
    """Return which items broke under all candidates, and which under one; the first by name."""
    blocks: list[Block] = []
    if overview.without_items:
        them = ", ".join(overview.without_items)
        blocks.append(Paragraph(text=f"No items lie beside these reviews; left out: {them}."))
    if overview.broken:
        blocks += [_broken(overview), *_named(overview)]
    else:
        blocks.append(Paragraph(text="Items of two candidates or more are needed."))
    return Section(title="Items that broke", anchor="items", blocks=tuple(blocks))


def _broken(overview: Overview) -> TableBlock:
    rows = tuple(
        TableRow(
            cells=(
                row.capability,
                *(
                    Datum(text=f"{n:,}", key=n)
                    for n in (row.n_candidates, row.n_common, row.n_by_all, row.n_alone)
                ),
            ),
        )
        for row in overview.broken
    )
    names = ("candidates", "items that count for all", "broken by all", "broken by one alone")
    columns = (Column(name="capability", side="left"), *(Column(name=name) for name in names))
    return TableBlock(columns=columns, rows=rows, kind="overview")


def _named(overview: Overview) -> Iterator[Block]:
    """Yield the first items by name: broken by all, then by each candidate alone."""
    every = [row for row in overview.broken if row.n_by_all]
    if every:
        lines = tuple(f"{row.capability}: {_ids(row.by_all, row.n_by_all)}" for row in every)
        yield Details(summary="Broken by all", blocks=(Listing(lines=lines),))
    alone = list(_alone(overview.broken, [row.name for row in overview.candidates]))
    if alone:
        yield Details(summary="Broken by one alone", blocks=(Listing(lines=tuple(alone)),))


def _alone(broken: Sequence[BrokenItems], names: Sequence[str]) -> Iterator[str]:
    """Yield a line for each candidate and capability, in the order of the candidates.

    A comment on a pull request holds 65,536 characters: the more lines, the fewer items in each.
    """
    rows = [(part, row.capability) for row in broken for part in row.alone]
    n_each = max(1, _MOST_NAMED // max(1, len(rows)))
    for part, capability in sorted(rows, key=lambda pair: names.index(pair[0].candidate)):
        yield f"{part.candidate}, {capability}: {_ids(part.items[:n_each], part.n_items)}"


def _ids(items: Sequence[BrokenItem], n: int) -> str:
    more = n - len(items)
    ids = ", ".join(f"{item.task}/{item.item}" for item in items)
    return f"{n_things(n, 'item', ',')}: {ids}{f' and {more:,} more' if more > 0 else ''}"
