"""A review arranged for reading: what HTML, Markdown and the terminal show, in their order.

Texts here are clean but not escaped: each format escapes for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cliffguard.compare.summary import DIRECTIONS
from cliffguard.compare.verdict import EXIT_CODES
from cliffguard.core.comparisons import (
    CapabilityComparison,
    Contamination,
    Ladder,
    LevelComparison,
    TaskComparison,
)
from cliffguard.core.reviews import Example, Finding, LadderFinding, Outcome, Review
from cliffguard.report import numbers
from cliffguard.report.clean import one_line
from cliffguard.report.details import details
from cliffguard.report.wording import EDGES, MARKS, ROLE_ORDER, SHAPES
from cliffguard.stats.ladder_shapes import Shape

_WEIGHED_SINCE = 2  # layout of reviews whose pooled test weighs, and whose missing are missing
_N_SHARED_NAMED = 3


_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityRow:
    """One capability of the table: the finding and, where it was measured, the comparison."""

    finding: Finding
    comparison: CapabilityComparison | None
    first_level: float | None = None  # that of the heading over all intervals

    @property
    def own_confidence(self) -> str:
        """Of an interval that is not at the confidence of the heading, its own; else nothing."""
        level = self.comparison.evidence.level if self.comparison else None
        if not level or self.first_level is None or abs(level - self.first_level) < _ROUNDING:
            return ""
        return f" ({100 * (1 - 2 * level):.4g} %)"

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
        """The base's mean, in the metric's own numbers."""
        capability = self.comparison
        return numbers.percent(
            capability.in_own_numbers(capability.evidence.base_mean) if capability else None
        )

    @property
    def candidate(self) -> str:
        capability = self.comparison
        return numbers.percent(
            capability.in_own_numbers(capability.evidence.candidate_mean) if capability else None
        )

    @property
    def direction(self) -> str:
        """Which way the metrics point, in words; empty where higher is better, as it mostly is."""
        return DIRECTIONS[self.comparison.direction] if self.comparison else ""

    @property
    def means(self) -> str:
        """Both means as "52.0 → 65.0 %"."""
        if self.comparison is None or self.comparison.evidence.base_mean is None:
            return numbers.MISSING
        return f"{self.base.removesuffix(' %')} → {self.candidate}"

    @property
    def change(self) -> str:
        """Both means, with the direction where it is not the usual one."""
        return f"{self.means}, {self.direction}" if self.direction else self.means

    @property
    def drop(self) -> str:
        return numbers.points(self.comparison.evidence.drop if self.comparison else None)

    @property
    def gain(self) -> str:
        """The drop with its sign turned: a gain is positive when better."""
        drop = self.comparison.evidence.drop if self.comparison else None
        return numbers.points(None if drop is None else -drop)

    @property
    def interval(self) -> str:
        text = numbers.points_range(
            self.comparison.evidence.drop_interval if self.comparison else None
        )
        return text + self.own_confidence

    @property
    def gain_interval(self) -> str:
        interval = self.comparison.evidence.drop_interval if self.comparison else None
        if interval is None:
            return numbers.MISSING
        low, high = numbers.signed(-interval.high), numbers.signed(-interval.low)
        return f"[{low}, {high}]{self.own_confidence}"

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
        return f"{self.comparison.counts.n_items:,}" if self.comparison else "0"

    @property
    def standing(self) -> str:
        """Where a finding neither passes nor fails the gate, though its role would, so in words."""
        return "" if self.finding.counts else "does not count"

    @property
    def details(self) -> tuple[str, ...]:
        """What the numbers of a measured capability hide, a line each."""
        return details(self.comparison, self.finding.cause) if self.comparison is not None else ()

    @property
    def flips(self) -> str:
        """Broken and fixed items as "132 / 8"."""
        return (
            f"{self.comparison.counts.n_broken} / {self.comparison.counts.n_fixed}"
            if self.comparison
            else numbers.MISSING
        )

    @property
    def p_value(self) -> str:
        return numbers.p_value(self.finding.p_regressed)

    @property
    def p_label(self) -> str:
        """What a small p-value would prove."""
        if self.finding.stratum is not None:
            return "a drop beyond its margin there"
        return "gain disproven" if self.is_target else "any drop"

    @property
    def proof(self) -> str:
        """The p-value with what it would prove; empty where nothing was asked that counts."""
        if self.finding.p_regressed is None or not self.finding.counts:
            return ""
        return f"{self.p_label}: {self.p_value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One level of a ladder."""

    level: LevelComparison
    note: str

    @property
    def is_edge(self) -> bool:
        return self.note in EDGES.values()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderView:
    """One ladder with the capability that it belongs to and what was found on it, if anything."""

    row: CapabilityRow
    ladder: Ladder
    finding: LadderFinding | None

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
    def edge(self) -> int | None:
        """The first level past the fall, if the drop differs by level and exceeds the margin."""
        return self.finding.edge if self.finding else None

    @property
    def until(self) -> int | None:
        """The last of the easiest levels, if more was lost there than past them."""
        return self.finding.until if self.finding else None

    @property
    def rungs(self) -> tuple[Rung, ...]:
        return tuple(Rung(level=level, note=self._note(level)) for level in self.ladder.levels)

    def _note(self, level: LevelComparison) -> str:
        if level.level == self._marked:
            return EDGES[self._shape]
        return "" if level.is_gating else "shown only"

    @property
    def _shape(self) -> Shape:
        return self.finding.shape if self.finding else "level"

    @property
    def _marked(self) -> int | None:
        return self.until if self.edge is None else self.edge

    @property
    def edge_level(self) -> str:
        """The edge as "3 hops", the easiest levels as "up to 3 hops"; empty without either."""
        return self._level if self.until is None else f"up to {self._level}"

    @property
    def _level(self) -> str:
        marked = self._marked
        return "" if marked is None else numbers.level_words(self.level_name, marked)

    @property
    def edge_words(self) -> str:
        """Where and how it falls, as "cliff: 3 hops"; empty where no level is named."""
        return f"{EDGES[self._shape]}: {self.edge_level}" if self.edge_level else ""

    @property
    def summary(self) -> str:
        """The figure in one sentence, for those who do not see it."""
        finding = self.finding
        if finding is None or not finding.is_placed:
            return f"{self.title}: {SHAPES[self._shape]}."
        change = f"{numbers.percent(finding.base_mean)} → {numbers.percent(finding.candidate_mean)}"
        tests = f"same at every level: {numbers.p_value(finding.p_differs)}"
        if finding.p_abrupt is not None:
            tests += f"; a line or a constant rate: {numbers.p_value(finding.p_abrupt)}"
        where = f"From {self._level} on" if self.until is None else f"Up to {self._level}"
        words = f"{where} {change}: {SHAPES[finding.shape]} ({tests})."
        if len(finding.edges) > 1:
            others = ", ".join(str(level) for level in finding.edges)
            words += f" It may as well begin at one of {others}."
        return words

    @property
    def areas(self) -> str:
        """What a reader may compare across runs: mean over the levels, and where half is lost."""
        base, candidate = self.ladder.base_area, self.ladder.candidate_area
        words = f"Mean over the levels {numbers.percent(base)} → {numbers.percent(candidate)}"
        halves = (self.ladder.base_half, self.ladder.candidate_half)
        if halves == (None, None):
            return f"{words}."
        texts = ["never" if half is None else f"{self.level_name} {half:.1f}" for half in halves]
        return f"{words}; the score crosses one half at: {texts[0]} → {texts[1]}."


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task of one capability."""

    capability: str
    task: TaskComparison

    @property
    def metric(self) -> str:
        """The metric's name, with its direction where lower is better."""
        words = DIRECTIONS[self.task.direction]
        return f"{self.task.metric}, {words}" if words else self.task.metric

    @property
    def base(self) -> str:
        return numbers.percent(self.task.in_own_numbers(self.task.base_mean))

    @property
    def candidate(self) -> str:
        return numbers.percent(self.task.in_own_numbers(self.task.candidate_mean))

    @property
    def chance(self) -> str:
        return numbers.percent(self.task.in_own_numbers(self.task.chance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that a report says, in the order in which it says it."""

    review: Review
    rows: tuple[CapabilityRow, ...]
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
    def doubts(self) -> tuple[str, ...]:
        """What was assumed of the two sides, such as which base an adapter was trained on."""
        sides = (self.review.comparison.base, self.review.comparison.candidate)
        return tuple(one_line(note.text) for side in sides for note in side.notes)

    @property
    def may_pass_alone(self) -> bool:
        """Does the policy let a target pass with nothing around it?"""
        policy = self.review.plan.policy
        return policy is not None and policy.target_only

    @property
    def confidence(self) -> str:
        """The confidence of every interval, as "90 %"."""
        return f"{100 * self.review.comparison.confidence:.4g} %"

    @property
    def targets(self) -> tuple[CapabilityRow, ...]:
        """What the fine-tune was for, also where the policy demands nothing of it."""
        return tuple(row for row in self.rows if row.is_target or row.finding.ring == "target")

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the table does not show: items saved, and the capabilities taken together."""
        capabilities = [row.comparison for row in self.rows if row.comparison]
        n_planned = sum(capability.counts.n_planned for capability in capabilities)
        n_asked = sum(capability.counts.n_asked for capability in capabilities)
        remarks = []
        if any(row.direction for row in self.rows):
            remarks.append(
                "Where lower is better, drop = candidate − base, and broken is a score that rose: "
                "positive is worse there too."
            )
        if n_asked < n_planned:
            saved = numbers.percent(1 - n_asked / n_planned)
            remarks.append(
                f"Stopped early: {n_asked:,} of {n_planned:,} planned items were asked, {saved} "
                "saved. Intervals and p-values allow for the looks that were taken."
            )
        pooled = self.review.verdict.pooled
        if pooled is not None:
            proven = "a drop is proven" if pooled.has_dropped else "no drop is proven"
            remarks.append(
                f"The {pooled.n_capabilities} gating capabilities together: mean drop "
                f"{numbers.points(pooled.drop)}, {proven} ({numbers.p_value(pooled.p_value)})."
                f"{self._weighed}"
            )
        mean = self.review.comparison.mean
        if mean is not None:
            proven = "proven" if self.review.verdict.mean_held else "not proven"
            remarks.append(
                f"Mean drop of the {mean.n_capabilities} gating capabilities, at the looks that "
                f"all had: {numbers.points(mean.drop)}, at most {numbers.points(mean.high)}; below "
                f"{100 * mean.margin:.1f} pp is {proven}."
            )
        return tuple(remarks)

    @property
    def _weighed(self) -> str:
        """How the test of all together differs from the mean beside it."""
        if self.review.format < _WEIGHED_SINCE:
            return ""
        words = (
            " The mean is the plain one; the test weighs each capability by the root of its "
            "effective items."
        )
        shared = sorted(self.review.comparison.shared, key=lambda link: -link.n_documents)
        if shared:
            named = ", ".join(
                f"{one_line(' and '.join(link.capabilities))}: {link.n_documents:,}"
                for link in shared[:_N_SHARED_NAMED]
            )
            more = " and more" if shared[_N_SHARED_NAMED:] else ""
            words += f" It allows for documents that they share ({named}{more})."
        return words

    @property
    def lacking(self) -> str:
        """What items without a score are called: before layout 2 some held answers."""
        return "unscored" if self.review.format < _WEIGHED_SINCE else "missing"

    @property
    def health(self) -> tuple[str, ...]:
        """What is wrong with the items, a line each."""
        return tuple(
            one_line(f"{note.capability}{f', {note.task}' if note.task else ''}: {note.text}.")
            for note in self.review.health
        )

    @property
    def methods(self) -> str:
        methods = [row.comparison.evidence.method for row in self.rows if row.comparison]
        return "; ".join(one_line(method) for method in dict.fromkeys(methods))


def source_line(overlap: Contamination) -> str:
    """Where an item stands in the training data, as "train.jsonl:12"."""
    return f"{overlap.source}:{overlap.line}"


def lay_out(review: Review) -> Page:
    """Arrange a clean review: targets first, then what gates, then what is only monitored."""
    measured = {capability.capability: capability for capability in review.comparison.capabilities}
    findings = sorted(review.verdict.findings, key=lambda finding: ROLE_ORDER[finding.role])
    first = (1.0 - review.comparison.confidence) / 2.0
    rows = tuple(
        CapabilityRow(finding=f, comparison=measured.get(f.capability), first_level=first)
        for f in findings
    )
    return Page(
        review=review,
        rows=rows,
        ladders=tuple(view for row in rows for view in _ladders(row)),
        tasks=tuple(
            TaskRow(capability=row.capability, task=task)
            for row in rows
            for task in (row.comparison.diagnostics.tasks if row.comparison else ())
        ),
        examples=_worst_first(rows, review.examples),
    )


def _worst_first(
    rows: Sequence[CapabilityRow], examples: Sequence[Example]
) -> tuple[tuple[str, tuple[Example, ...]], ...]:
    """Group examples by capability: what failed the gate first, the steepest loss at the top."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(one_line(example.capability), []).append(example)

    def rank(row: CapabilityRow) -> tuple[bool, bool, float]:
        drop = row.comparison.evidence.drop if row.comparison else None
        has_failed = row.finding.outcome is Outcome.REGRESSED and row.finding.role != "monitored"
        return not has_failed, row.finding.role != "gating", -(drop or 0.0)

    order = [row.capability for row in sorted(rows, key=rank)]
    return tuple((name, tuple(groups[name])) for name in order if name in groups)


def _ladders(row: CapabilityRow) -> list[LadderView]:
    findings = {finding.task: finding for finding in row.finding.ladders}
    ladders = row.comparison.diagnostics.ladders if row.comparison else ()
    return [
        LadderView(row=row, ladder=ladder, finding=findings.get(ladder.task)) for ladder in ladders
    ]
