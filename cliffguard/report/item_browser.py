"""The items of a page: which are on it, how much of their texts, and the command for the rest.

What a page calls, and gets::

    view = item_browser(review, largest, order)   # -> ItemBrowser
    # review:  a clean Review (report.clean.cleaned)
    # largest: report.largest_changes.largest_in(path, ...), of the items beside the review; None
    #          where none lie there: its examples are shown
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from markupsafe import Markup

from cliffguard.core.item_results import ItemText
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
    ItemView,
    SideView,
    cut_to,
    ends,
    example_view,
)
from cliffguard.report.largest_changes import Largest, most_shown

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
        views = (view for group in self.groups for view in group.views)
        return any(CUT.strip() in (text.text or "") for view in views for text in view.texts)

    @property
    def is_sure(self) -> bool:
        """Is it known of an item how sure both sides were?"""
        return any(group.is_sure for group in self.groups)

    @property
    def counts(self) -> str:
        """How many items are on the page."""
        return total_of(self.groups)


def item_browser(review: Review, largest: Largest | None, order: Sequence[str] = ()) -> ItemBrowser:
    """Return the items of a page: those that count and changed. See the head of this file."""
    names = list(order) or [capability.capability for capability in review.comparison.capabilities]
    groups = _examples(review) if largest is None else _changed(largest, len(names))
    rank = {one_line(name): position for position, name in enumerate(names)}
    groups.sort(key=lambda group: rank.get(group.capability, len(rank)))
    if largest is not None and review.diagnosis is not None:
        groups = [replace(group, reasons=item_reasons(group, review.diagnosis)) for group in groups]
    command = "" if largest is None else list_command(None)
    return _within_budget(groups, command)


def _changed(largest: Largest, n_capabilities: int) -> list[ItemGroup]:
    """Return the capabilities of items.jsonl that changed, each with its largest changes."""
    n_broken, n_fixed = most_shown(n_capabilities)
    return [
        ItemGroup(
            capability=name,
            n_broken=broken.n_seen,
            n_fixed=fixed.n_seen,
            broken=broken.views(n_broken, are_broken=True),
            fixed=fixed.views(n_fixed, are_broken=False),
            command=list_command(name),
        )
        for name, (broken, fixed) in largest.items()
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
    surest = [view for group in groups for view in group.surest]
    prompts = [len(view.prompt.text or "") for group in groups for view in group.views]

    @cache
    def data(length: int) -> str:
        return _json(groups, command, length)

    def fits(length: int) -> bool:
        # A character is a byte at least, and a text that is cut may have one less than its length.
        if sum(min(length - 1, n_characters) for n_characters in prompts) > BUDGET:
            return False
        n_static = sum(_n_static(cut_to(view, length)) for view in surest)
        return len(data(length).encode("utf-8")) + n_static <= BUDGET

    length = next(filter(fits, LENGTHS), LENGTHS[-1])
    return ItemBrowser(
        groups=tuple(_cut(group, length) for group in groups),
        has_items=bool(command),
        length=length,
        command=command,
        data=Markup(data(length)),
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


def _json(groups: Sequence[ItemGroup], command: str, length: int) -> str:
    """Return the data of items.js: a row an item, its capability and task by their position.

    Texts are as `cut_to` a length.
    """
    capabilities = [
        {
            "name": group.capability,
            "counts": group.counts,
            "command": group.command,
            "reasons": [[each.kind, each.key, each.label, each.command] for each in group.reasons],
        }
        for group in groups
    ]
    views = [(n, view) for n, group in enumerate(groups) for view in group.views]
    tasks = {task: n for n, task in enumerate(dict.fromkeys(view.task for _, view in views))}
    places = [group.places for group in groups]
    data = {
        "capabilities": capabilities,
        "tasks": list(tasks),
        "counts": total_of(groups),
        "command": command,
        "columns": _COLUMNS,
        "rows": [
            [capability, tasks[view.task], *_cells(view, places[capability], length)]
            for capability, view in views
        ],
    }
    plain = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in _ESCAPED:  # all of them stand in strings
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return plain


def _cells(view: ItemView, places: Mapping[str, int], length: int) -> list[Any]:
    """Return the cells of `_COLUMNS` behind the first two; `places` are those of patterns."""
    half = length // 2
    return [
        view.item,
        view.level,
        int(view.is_broken),
        _text(view.prompt, length),
        [_text(choice, half) for choice in view.choices],
        [_text(answer, half) for answer in view.right],
        _side(view.base, half),
        _side(view.candidate, half),
        view.copies,
        view.cause,
        [places[key] for key in view.patterns if key in places],
    ]


def _text(text: ItemText, length: int) -> str | dict[str, str]:
    """Return a text, or an object with the digest of one that was not kept."""
    return {"sha256": text.sha256[:_DIGEST]} if text.text is None else ends(text.text, length)


def _side(side: SideView, length: int) -> list[Any]:
    sure = None if side.confidence is None else round(side.confidence, _DIGITS)
    cells = [_text(side.text, length), side.score, sure, side.ended]
    return [*cells, side.parts] if side.parts else cells
