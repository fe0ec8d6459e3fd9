"""The items of a page: which are on it, how much of their texts, and the command for the rest.

What a page calls, and gets::

    view = item_browser(review, results, order)   # -> ItemBrowser
    # review:  a clean Review (report.clean.cleaned)
    # results: Iterable[ItemResult] | None; report.items.read_items(review, folder), one by one;
    #          None where no items lie beside the review: its examples are shown
    # order:   Sequence[str]; capabilities as the page has them; () is that of the comparison
    view.groups    # tuple[ItemGroup, ...]: capabilities with a changed item
    view.data      # Markup: the JSON that the macro puts into <script id="items">

Templates: `templates/items.html.j2` has the macro `item_browser(view)`, which writes all of the
markup, the JSON among it, but no heading, style or script; it needs autoescape and no filter.
`templates/items.css` goes into a style element after the page's variables, `templates/items.js`
into a script element at the end of body. Both are static: their hashes go into the CSP, under which
they run (no inline style, no handler, no markup from strings). The script also gives every
`<pre data-copy>` of the page a button that copies it. Fragments: `#item=TASK/ID` and
`#capability=NAME`, each part as encodeURIComponent writes it (`anchors.encoded`, and
`ItemView.anchor`); they lead to the static list where nothing runs.
"""

from __future__ import annotations

import html
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from cliffguard.core.item_results import ItemResult, ItemText
from cliffguard.core.reviews import Review
from cliffguard.report.clean import one_line
from cliffguard.report.commands import list_command
from cliffguard.report.item_groups import (
    ItemGroup,
    item_reasons,
    total_of,
)
from cliffguard.report.item_views import (
    CUT,
    LONGEST,
    Best,
    ItemView,
    SideView,
    cut_to,
    example_view,
)

MOST_BROKEN = 100
MOST_FIXED = 50
"""Items of a capability on a page, where there are few capabilities."""

_MOST_OF_ALL_BROKEN = 2_000
_MOST_OF_ALL_FIXED = 1_000
BUDGET = 1_500_000
"""Bytes that items may take of a page: the rest of one stays below 500 kB, all of it below 2 MB."""

LENGTHS = (LONGEST, 1200, 800, 600, 400, 300, 240, 200, 160, 120)
"""Characters of a prompt; other texts have half as many. The most that fit the budget are taken."""

_MARKUP = 1_000  # bytes around the texts of an item that is readable without a script
_DIGITS = 6  # of a confidence: over-trained models answer with 0.9999
_DIGEST = 16
_COLUMNS = (
    "capability", "task", "id", "level", "is_broken", "prompt", "choices", "right", "base",
    "candidate", "copies", "cause", "patterns",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBrowser:
    """All that a page shows of single items; `length` is that of prompts, in characters.

    `has_items` False: examples of the review stand in for its items.
    """

    groups: tuple[ItemGroup, ...]
    has_items: bool
    length: int
    command: str
    data: Markup

    @property
    def is_cut(self) -> bool:
        """Is a text on the page shorter than it was: here, or where it was kept?"""
        views = (view for group in self.groups for view in (*group.broken, *group.fixed))
        return any(CUT.strip() in (text.text or "") for view in views for text in view.texts)

    @property
    def is_sure(self) -> bool:
        """Is it known of an item how sure both sides were?"""
        return any(group.is_sure for group in self.groups)

    @property
    def counts(self) -> str:
        """How many items are on the page."""
        return total_of(self.groups)


def item_browser(
    review: Review, results: Iterable[ItemResult] | None, order: Sequence[str] = ()
) -> ItemBrowser:
    """Return the items of a page: those that count and changed; `results` are read one by one.

    See the head of this file. Raises what reading `results` raises.
    """
    names = list(order) or [capability.capability for capability in review.comparison.capabilities]
    groups = _examples(review) if results is None else _changed(results, max(1, len(names)))
    rank = {one_line(name): position for position, name in enumerate(names)}
    groups.sort(key=lambda group: rank.get(group.capability, len(rank)))
    if results is not None and review.diagnosis is not None:
        groups = [replace(group, reasons=item_reasons(group, review.diagnosis)) for group in groups]
    command = "" if results is None else list_command(None)
    return _within_budget(groups, command)


def _changed(results: Iterable[ItemResult], n_capabilities: int) -> list[ItemGroup]:
    """Return the capabilities of items.jsonl that changed, each with its largest changes."""
    n_broken = min(MOST_BROKEN, max(1, _MOST_OF_ALL_BROKEN // n_capabilities))
    n_fixed = min(MOST_FIXED, max(1, _MOST_OF_ALL_FIXED // n_capabilities))
    best: dict[str, tuple[Best, Best]] = {}
    for result in results:
        if result.is_broken or result.is_fixed:
            name = one_line(result.capability)
            sides = best.setdefault(name, (Best(n_broken), Best(n_fixed)))
            sides[result.is_fixed].add(result)
    return [
        ItemGroup(
            capability=name,
            n_broken=broken.n_seen,
            n_fixed=fixed.n_seen,
            broken=broken.views(are_broken=True),
            fixed=fixed.views(are_broken=False),
            command=list_command(name),
        )
        for name, (broken, fixed) in best.items()
    ]


def _examples(review: Review) -> list[ItemGroup]:
    """Return the broken items that a review carries itself, by capability."""
    counts = {one_line(c.capability): c.counts for c in review.comparison.capabilities}
    views: dict[str, list[ItemView]] = {}
    for example in review.examples:
        views.setdefault(one_line(example.capability), []).append(example_view(example))
    return [
        ItemGroup(
            capability=name,
            n_broken=counts[name].n_broken if name in counts else len(broken),
            n_fixed=counts[name].n_fixed if name in counts else 0,
            broken=tuple(broken),
            fixed=(),
            command="",
        )
        for name, broken in views.items()
    ]


# --- what fits -----------------------------------------------------------------------------------


def _within_budget(groups: Sequence[ItemGroup], command: str) -> ItemBrowser:
    """Return the items with the longest texts that fit the budget, else with the shortest."""

    def cut(length: int) -> tuple[list[ItemGroup], str]:
        shorter = [_cut(group, length) for group in groups]
        return shorter, _json(shorter, command)

    def fits(length: int) -> bool:
        shorter, data = cut(length)
        n_static = sum(_n_static(view) for group in shorter for view in group.surest)
        return len(data.encode("utf-8")) + n_static <= BUDGET

    longest = bisect_left(LENGTHS, True, key=fits)  # no later one is too long
    length = LENGTHS[min(longest, len(LENGTHS) - 1)]
    shorter, data = cut(length)
    return ItemBrowser(
        groups=tuple(shorter),
        has_items=bool(command),
        length=length,
        command=command,
        data=Markup(data),
    )


def _cut(group: ItemGroup, length: int) -> ItemGroup:
    return replace(
        group,
        broken=tuple(cut_to(view, length) for view in group.broken),
        fixed=tuple(cut_to(view, length) for view in group.fixed),
    )


def _n_static(view: ItemView) -> int:
    """Return about how many bytes an item takes where it is written out as markup."""
    escaped = (html.escape(text.text or "") for text in view.texts)
    return _MARKUP + sum(len(text.encode("utf-8")) for text in escaped)


_ESCAPED = ("<", ">", "&", "\u2028", "\u2029")
"""What could close the element, open a comment, or end a line of a script."""


def _json(groups: Sequence[ItemGroup], command: str) -> str:
    """Return the data of items.js: a row an item, its capability and task by their position."""
    capabilities = [
        {
            "name": group.capability,
            "counts": group.counts,
            "command": group.command,
            "reasons": [[each.kind, each.key, each.label, each.command] for each in group.reasons],
        }
        for group in groups
    ]
    views = [(n, v) for n, group in enumerate(groups) for v in (*group.broken, *group.fixed)]
    tasks = {task: n for n, task in enumerate(dict.fromkeys(view.task for _, view in views))}
    data = {
        "capabilities": capabilities,
        "tasks": list(tasks),
        "counts": total_of(groups),
        "command": command,
        "columns": _COLUMNS,
        "rows": [
            [capability, tasks[view.task], *_cells(view, groups[capability].places)]
            for capability, view in views
        ],
    }
    plain = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in _ESCAPED:  # all of them stand in strings
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return plain


def _cells(view: ItemView, places: Mapping[str, int]) -> list[Any]:
    """Return the cells of `_COLUMNS` behind the first two; `places` are those of patterns."""
    return [
        view.item,
        view.level,
        int(view.is_broken),
        _text(view.prompt),
        list(map(_text, view.choices)),
        list(map(_text, view.right)),
        _side(view.base),
        _side(view.candidate),
        view.copies,
        view.cause,
        [places[key] for key in view.patterns if key in places],
    ]


def _text(text: ItemText) -> str | dict[str, str]:
    """Return a text, or an object with the digest of one that was not kept."""
    return {"sha256": text.sha256[:_DIGEST]} if text.text is None else text.text


def _side(side: SideView) -> list[Any]:
    sure = None if side.confidence is None else round(side.confidence, _DIGITS)
    cells = [_text(side.text), side.score, sure, side.ended]
    return [*cells, side.parts] if side.parts else cells
