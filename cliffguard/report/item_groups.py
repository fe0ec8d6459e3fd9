"""A page's groups of items: a capability each, with the reasons by which they are filtered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.core.diagnosis import Diagnosis
from cliffguard.core.texts import clip
from cliffguard.report.anchors import ReasonKind, capability_anchor, cut_name, reason_anchor
from cliffguard.report.clean import one_line
from cliffguard.report.commands import list_command, on_a_line
from cliffguard.report.item_views import ItemView
from cliffguard.report.reasons import reasons_of

N_SURE = 10
"""Broken items of a capability that are readable where no script runs."""

_TITLE = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReason:
    """A cause or a pattern by which a capability's items are filtered, and the command for them."""

    kind: ReasonKind
    key: str
    label: str
    anchor: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemGroup:
    """A capability's changed items, the largest loss first: how many there are, which are shown.

    `command` lists all of them; it is empty where there is no items.jsonl. `surest` are the first
    that broke.
    """

    capability: str
    n_broken: int
    n_fixed: int
    broken: tuple[ItemView, ...]
    fixed: tuple[ItemView, ...]
    command: str
    reasons: tuple[ItemReason, ...] = ()

    @property
    def surest(self) -> tuple[ItemView, ...]:
        return self.broken[:N_SURE]

    @property
    def views(self) -> tuple[ItemView, ...]:
        return (*self.broken, *self.fixed)

    @property
    def is_sure(self) -> bool:
        """Is it known of an item how sure both sides were, so that these can be put in order?"""
        return any(
            None not in (view.base.confidence, view.candidate.confidence) for view in self.views
        )

    @property
    def title(self) -> str:
        return clip(self.capability, _TITLE)

    @property
    def counts(self) -> str:
        """How many of its items are on the page."""
        return counts_of(len(self.broken), self.n_broken, len(self.fixed), self.n_fixed)

    @property
    def places(self) -> dict[str, int]:
        """Where the patterns by which it is filtered stand among its reasons."""
        return {each.key: n for n, each in enumerate(self.reasons) if each.kind == "pattern"}

    @property
    def anchor(self) -> str:
        """Its address on the page, without the #."""
        return capability_anchor(self.capability)


def item_reasons(group: ItemGroup, diagnosis: Diagnosis) -> tuple[ItemReason, ...]:
    """Return the causes of a capability, then its patterns, as the section above names them."""
    return tuple(
        ItemReason(
            kind=kind,
            key=cut_name(key),
            label=clip(label, _TITLE),
            anchor=reason_anchor(kind, group.capability, key),
            command=list_command(group.capability, f"--{kind}={on_a_line(one_line(key), 'KEY')}"),
        )
        for each in diagnosis.capabilities
        if one_line(each.capability) == group.capability
        for kind, key, label in reasons_of(each)
    )


def counts_of(n_broken: int, of_broken: int, n_fixed: int, of_fixed: int) -> str:
    """Say how many changed items are shown, of how many."""
    return f"{n_broken:,} of {of_broken:,} broken, {n_fixed:,} of {of_fixed:,} fixed"


def total_of(groups: Sequence[ItemGroup]) -> str:
    """Say how many items of all groups are shown."""
    return counts_of(
        sum(len(group.broken) for group in groups),
        sum(group.n_broken for group in groups),
        sum(len(group.fixed) for group in groups),
        sum(group.n_fixed for group in groups),
    )
