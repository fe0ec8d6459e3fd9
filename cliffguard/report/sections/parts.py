"""The parts in which a cliff could hide: where each capability lost most, and what was not tested.

Tasks, levels, classes and named values, of what can fail the gate. The p-values are the verdict's
own: of "the drop here is its margin or less", adjusted over all parts and for their share of alpha.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.compare.strata_evidence import adjusted_parts
from cliffguard.core.diagnostics import StratumComparison
from cliffguard.core.settings import Policy
from cliffguard.core.texts import clip, first_and_more
from cliffguard.evaluate.alpha_shares import shares
from cliffguard.report import numbers
from cliffguard.report.blocks import (
    Block,
    Heading,
    Paragraph,
    Section,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.page import Page

N_LARGEST = 5
"""Parts with the largest drops that are shown of each capability, beside every proven one."""

INTRO = (
    "A loss in one part can hide in the mean. Shown of each capability are the parts with a proven "
    "loss beyond their margin, and those with the largest drops."
)
_HEADERS = ("part", "base", "candidate", "drop", "margin", "n", "p, adjusted", "")
_LEFT = {"part", ""}
_NAME_CHARACTERS = 80
_N_NAMED = 5
_KINDS = {"task": "tasks", "level": "levels", "class": "classes", "field": "named values"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part, in the numbers of its metric; `p_value` is as it is compared with alpha."""

    row: CapabilityRow
    part: StratumComparison
    p_value: float | None
    is_proven: bool

    @property
    def name(self) -> str:
        return clip(one_line(self.part.name), _NAME_CHARACTERS)

    @property
    def note(self) -> str:
        """What was proven of it, or why it was not tested; empty where neither is to be said."""
        if self.is_proven:
            return "a loss is proven"
        return f"not tested: {self.part.why}" if self.part.p_beyond is None else ""

    @property
    def as_row(self) -> TableRow:
        cells = (
            self.name,
            self._shown(self.part.base_mean),
            self._shown(self.part.candidate_mean),
            numbers.points(self.part.drop),
            f"{100 * self.part.margin:.1f} pp",
            f"{self.part.n_items:,}",
            numbers.p_value(self.p_value),
            self.note,
        )
        return TableRow(cells=cells, tone="lost" if self.is_proven else "")

    def _shown(self, mean: float | None) -> str:
        capability = self.row.comparison
        assert capability is not None
        tasks = [task for task in capability.diagnostics.tasks if task.task == self.part.name]
        scored = tasks[0] if tasks and self.part.kind == "task" else capability
        return numbers.percent(scored.in_own_numbers(mean))


def section(page: Page) -> Section | None:
    """Return the parts of each capability that has any, those that lost most first."""
    alpha, p_values = _p_values(page)
    blocks: list[Block] = []
    for row in page.rows:
        parts = () if row.comparison is None else row.comparison.diagnostics.strata
        rows = [_part(row, part, p_values, alpha) for part in parts]
        rows.sort(key=lambda row: (not row.is_proven, -(row.part.drop or 0.0), row.part.name))
        if rows:
            blocks += _blocks(row.capability, rows)
    if not blocks:
        return None
    about = Paragraph(text=INTRO, is_brief=False)
    return Section(title="Parts", anchor="parts", blocks=(about, *blocks))


def _blocks(capability: str, rows: Sequence[PartRow]) -> tuple[Block, ...]:
    """Return what is shown of a capability; to a terminal, what is proven or was not tested."""
    n_proven = sum(row.is_proven for row in rows)
    is_brief = bool(n_proven) or any(row.part.p_beyond is None for row in rows)
    table = TableBlock(
        columns=columns(*_HEADERS, left=_LEFT),
        rows=tuple(row.as_row for row in rows[: max(N_LARGEST, n_proven)]),
        brief="lost",
    )
    return (
        Heading(text=f"{capability} by its parts", is_brief=is_brief),
        Paragraph(text=_summary(rows), is_brief=is_brief),
        table,
    )


def _p_values(page: Page) -> tuple[float, dict[tuple[str, str, str], float]]:
    """Return alpha, and the verdict's p-values by capability, kind and name of a part."""
    policy = page.review.plan.policy or Policy()
    required = [
        row.comparison
        for role in ("target", "gating")  # as the judge takes them
        for row in page.rows
        if row.finding.role == role and row.comparison is not None
    ]
    skills = [row for row in page.rows if row.comparison and row.finding.behaviour is None]
    n_gating = sum(row.finding.role == "gating" for row in skills)
    has_parts = any(row.diagnostics.strata for row in required if row.behaviour is None)
    share = shares(n_gating, has_parts=has_parts).parts
    findings = [row.finding for row in page.rows]
    tested = adjusted_parts(required, findings, policy, share)
    return policy.alpha, {(name, part.kind, part.name): p for (name, part), p in tested}


def _part(
    row: CapabilityRow,
    part: StratumComparison,
    p_values: dict[tuple[str, str, str], float],
    alpha: float,
) -> PartRow:
    p_value = p_values.get((row.finding.capability, part.kind, part.name))
    is_named = row.finding.stratum == part.name
    is_proven = is_named or (p_value is not None and p_value <= alpha)
    return PartRow(row=row, part=part, p_value=p_value, is_proven=is_proven)


def _summary(rows: Sequence[PartRow]) -> str:
    """Say how many parts there are, of which kinds, and which of them were not tested, and why."""
    kinds = Counter(row.part.kind for row in rows)
    counts = ", ".join(f"{n:,} {_KINDS[kind]}" for kind, n in kinds.items())
    untested: dict[str, list[str]] = {}
    for row in rows:
        if row.part.p_beyond is None:
            untested.setdefault(row.part.why, []).append(row.name)
    if not untested:
        return f"{counts}, all of them tested."
    return f"{counts}. " + " ".join(
        f"Not tested, for {why}: {first_and_more(names, _N_NAMED)}."
        for why, names in untested.items()
    )
