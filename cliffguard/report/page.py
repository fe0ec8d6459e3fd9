"""A review arranged for reading: what HTML, Markdown and the terminal show, in their order.

Texts here are clean but not escaped: each format escapes for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.records import (
    CapabilityComparison,
    Edge,
    Example,
    Finding,
    Ladder,
    LevelComparison,
    Outcome,
    Review,
    TaskComparison,
)
from cliffguard.report import numbers
from cliffguard.report.clean import one_line
from cliffguard.report.wording import MARKS, ROLE_ORDER
from cliffguard.verdict import EXIT_CODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One capability of the table: the finding and, where it was measured, the comparison."""

    finding: Finding
    found: CapabilityComparison | None

    @property
    def capability(self) -> str:
        return one_line(self.finding.capability)

    @property
    def reason(self) -> str:
        return one_line(self.finding.reason)

    @property
    def mark(self) -> str:
        return MARKS[self.finding.outcome]

    @property
    def is_target(self) -> bool:
        return self.finding.role == "target"

    @property
    def base(self) -> str:
        return numbers.percent(self.found.base_mean if self.found else None)

    @property
    def candidate(self) -> str:
        return numbers.percent(self.found.candidate_mean if self.found else None)

    @property
    def drop(self) -> str:
        return numbers.points(self.found.drop if self.found else None)

    @property
    def gain(self) -> str:
        """The drop with its sign turned: a gain is positive when better."""
        drop = self.found.drop if self.found else None
        return numbers.points(None if drop is None else -drop)

    @property
    def interval(self) -> str:
        return numbers.points_range(self.found.drop_interval if self.found else None)

    @property
    def gain_interval(self) -> str:
        interval = self.found.drop_interval if self.found else None
        if interval is None:
            return numbers.MISSING
        return f"[{numbers.signed(-interval.high)}, {numbers.signed(-interval.low)}]"

    @property
    def margin(self) -> str:
        """The tolerated drop; for a target, the gain that must be exceeded."""
        margin = self.finding.margin
        if margin is None:
            return numbers.MISSING
        return (
            f"gain > {100 * -margin + 0.0:.1f} pp" if self.is_target else f"{100 * margin:.1f} pp"
        )

    @property
    def demand(self) -> str:
        """What the policy demands of a target, in words."""
        return f"demanded: {self.margin}" if self.is_target else "nothing is demanded of it"

    @property
    def n_items(self) -> str:
        return f"{self.found.n_items:,}" if self.found else "0"

    @property
    def n_unscored(self) -> int:
        return self.found.n_unscored if self.found else 0

    @property
    def flips(self) -> str:
        """Broken and fixed items as "132 / 8"."""
        return f"{self.found.n_broken} / {self.found.n_fixed}" if self.found else numbers.MISSING

    @property
    def p_value(self) -> str:
        return numbers.p_value(self.finding.p_regressed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One level of a ladder."""

    level: LevelComparison
    is_edge: bool

    @property
    def base(self) -> str:
        return numbers.percent(self.level.base_mean)

    @property
    def candidate(self) -> str:
        return numbers.percent(self.level.candidate_mean)

    @property
    def drop(self) -> str:
        return numbers.points(self.level.drop)

    @property
    def interval(self) -> str:
        return numbers.points_range(self.level.drop_interval)

    @property
    def flips(self) -> str:
        return f"{self.level.n_broken} / {self.level.n_fixed}"

    @property
    def note(self) -> str:
        if self.is_edge:
            return "breaks here"
        return "" if self.level.is_gating else "shown only"


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderView:
    """One ladder with the capability that it belongs to and the edge, if it has one."""

    row: Row
    ladder: Ladder
    edge: Edge | None

    @property
    def level_name(self) -> str:
        return one_line(self.ladder.level_name) or "level"

    @property
    def title(self) -> str:
        return f"{self.row.capability} · {one_line(self.ladder.task)} by {self.level_name}"

    @property
    def chance(self) -> str:
        return numbers.percent(self.ladder.chance)

    @property
    def rungs(self) -> tuple[Rung, ...]:
        edge = self.edge.level if self.edge else None
        return tuple(Rung(level=level, is_edge=level.level == edge) for level in self.ladder.levels)

    @property
    def edge_words(self) -> str:
        """Where it breaks, as "breaks here: 3 hops"; empty without an edge."""
        if self.edge is None:
            return ""
        return f"breaks here: {numbers.level_words(self.level_name, self.edge.level)}"

    @property
    def summary(self) -> str:
        """The figure in one sentence, for those who do not see it."""
        if self.edge is None:
            return f"No level of {self.title} is proven to break."
        change = f"{numbers.percent(self.edge.base_mean)} → "
        change += numbers.percent(self.edge.candidate_mean)
        words = numbers.level_words(self.level_name, self.edge.level)
        p = numbers.p_value(self.edge.p_adjusted)
        return f"The first level with a proven drop is {words}: {change} ({p}, Holm-adjusted)."


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task of one capability."""

    capability: str
    task: TaskComparison

    @property
    def base(self) -> str:
        return numbers.percent(self.task.base_mean)

    @property
    def candidate(self) -> str:
        return numbers.percent(self.task.candidate_mean)

    @property
    def chance(self) -> str:
        return numbers.percent(self.task.chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that a report says, in the order in which it says it."""

    review: Review
    rows: tuple[Row, ...]
    ladders: tuple[LadderView, ...]
    tasks: tuple[TaskRow, ...]
    examples: tuple[tuple[str, tuple[Example, ...]], ...]

    @property
    def outcome(self) -> Outcome:
        return self.review.verdict.outcome

    @property
    def mark(self) -> str:
        return MARKS[self.outcome]

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.outcome]

    @property
    def sentence(self) -> str:
        return one_line(self.review.verdict.sentence)

    @property
    def base(self) -> str:
        return one_line(self.review.comparison.base.label)

    @property
    def candidate(self) -> str:
        return one_line(self.review.comparison.candidate.label)

    @property
    def confidence(self) -> str:
        """The confidence of every interval, as "90 %"."""
        return f"{100 * self.review.comparison.confidence:.4g} %"

    @property
    def targets(self) -> tuple[Row, ...]:
        """What the fine-tune was for, also where the policy demands nothing of it."""
        return tuple(row for row in self.rows if row.is_target or row.finding.ring == "target")

    @property
    def methods(self) -> str:
        found = [row.found.method for row in self.rows if row.found]
        return "; ".join(one_line(method) for method in dict.fromkeys(found))


def lay_out(review: Review) -> Page:
    """Arrange a clean review: targets first, then what gates, then what is only monitored."""
    measured = {found.capability: found for found in review.comparison.capabilities}
    findings = sorted(review.verdict.findings, key=lambda finding: ROLE_ORDER[finding.role])
    rows = tuple(Row(finding=f, found=measured.get(f.capability)) for f in findings)
    return Page(
        review=review,
        rows=rows,
        ladders=tuple(view for row in rows for view in _ladders(row)),
        tasks=tuple(
            TaskRow(capability=row.capability, task=task)
            for row in rows
            for task in (row.found.tasks if row.found else ())
        ),
        examples=_worst_first(rows, review.examples),
    )


def _worst_first(
    rows: Sequence[Row], examples: Sequence[Example]
) -> tuple[tuple[str, tuple[Example, ...]], ...]:
    """Group examples by capability: what failed the gate first, the steepest loss at the top."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(one_line(example.capability), []).append(example)

    def place(row: Row) -> tuple[bool, bool, float]:
        drop = row.found.drop if row.found else None
        has_failed = row.finding.outcome is Outcome.REGRESSED and row.finding.role != "monitored"
        return not has_failed, row.finding.role != "gating", -(drop or 0.0)

    order = [row.capability for row in sorted(rows, key=place)]
    return tuple((name, tuple(groups[name])) for name in order if name in groups)


def _ladders(row: Row) -> list[LadderView]:
    edges = {edge.task: edge for edge in row.finding.edges}
    ladders = row.found.ladders if row.found else ()
    return [LadderView(row=row, ladder=ladder, edge=edges.get(ladder.task)) for ladder in ladders]
