"""A capability, or a task of it, as a row of the report's tables."""

from __future__ import annotations

from dataclasses import dataclass

from cliffguard.compare.summary import DIRECTIONS
from cliffguard.core.behaviours import change_of
from cliffguard.core.comparisons import CapabilityComparison, CapabilityEvidence
from cliffguard.core.diagnostics import TaskComparison
from cliffguard.core.reviews import Finding, Outcome
from cliffguard.report import numbers
from cliffguard.report.clean import one_line
from cliffguard.report.details import details, of_levels
from cliffguard.report.wording import MARKS


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityRow:
    """One capability of the table: the finding and, where it was measured, the comparison."""

    finding: Finding
    comparison: CapabilityComparison | None
    heading: str = ""  # the confidence of intervals of which no other is noted
    states_level: bool = False  # since no heading over all intervals has it
    labels: str = ""  # what people say of its broken items

    @property
    def evidence(self) -> CapabilityEvidence | None:
        return self.comparison.evidence if self.comparison else None

    @property
    def own_confidence(self) -> str:
        """The confidence of its interval as " (93 %)", where no heading has that of all."""
        return f" ({self.confidence})" if self.states_level and self.confidence else ""

    @property
    def confidence(self) -> str:
        """The confidence of its own interval, as "90 %"."""
        level = self.evidence.level if self.evidence else None
        return numbers.confidence(1.0 - 2.0 * level) if level else self.heading

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
    def is_gating(self) -> bool:
        return self.finding.role == "gating"

    @property
    def _means(self) -> tuple[float | None, float | None]:
        """Both means, in the metric's own numbers."""
        capability = self.comparison
        if capability is None:
            return None, None
        evidence, shown = capability.evidence, capability.in_own_numbers
        return shown(evidence.base_mean), shown(evidence.candidate_mean)

    @property
    def base(self) -> str:
        return numbers.percent(self._means[0])

    @property
    def candidate(self) -> str:
        return numbers.percent(self._means[1])

    @property
    def direction(self) -> str:
        """Which way the metrics point, in words; empty where higher is better, as it mostly is."""
        return DIRECTIONS[self.comparison.direction] if self.comparison else ""

    @property
    def means(self) -> str:
        """Both means as "52.0 → 65.0 %"."""
        return numbers.change(*self._means)

    @property
    def change(self) -> str:
        """Both means, with the direction where it is not the usual one."""
        return f"{self.means}, {self.direction}" if self.direction else self.means

    @property
    def drop(self) -> str:
        return numbers.points(self.evidence.drop if self.evidence else None)

    @property
    def gain(self) -> str:
        """The drop with its sign turned: a gain is positive when better."""
        drop = self.evidence.drop if self.evidence else None
        return numbers.points(None if drop is None else -drop)

    @property
    def interval(self) -> str:
        interval = self.evidence.drop_interval if self.evidence else None
        return numbers.points_range(interval) + self.own_confidence

    @property
    def gain_interval(self) -> str:
        return self._bare_gain_interval + self.own_confidence

    @property
    def _bare_gain_interval(self) -> str:
        interval = self.evidence.drop_interval if self.evidence else None
        if interval is None:
            return numbers.MISSING
        return f"[{numbers.signed(-interval.high)}, {numbers.signed(-interval.low)}]"

    @property
    def change_word(self) -> str:
        """What its change is called: of a target a gain, else a drop."""
        return "gain" if self.is_target else change_of(self.finding.behaviour)

    @property
    def shown_change(self) -> str:
        """Its drop, or of a target its gain; above 0 is what the word says."""
        return self.gain if self.is_target else self.drop

    @property
    def shown_interval(self) -> str:
        """The interval of `shown_change`, with its level where no heading has that."""
        return self.gain_interval if self.is_target else self.interval

    @property
    def in_words(self) -> str:
        """Its change for formats without columns: "drop +4.2 pp, 90 % interval […], margin …"."""
        interval = self.evidence.drop_interval if self.evidence else None
        bare = self._bare_gain_interval if self.is_target else numbers.points_range(interval)
        limit = self.demand if self.is_target else f"margin {self.margin}"
        of = f"{self.confidence} " if self.confidence else ""
        return f"{self.change_word} {self.shown_change}, {of}interval {bare} pp, {limit}"

    @property
    def margin(self) -> str:
        """The tolerated drop; for a target, the gain that must be exceeded."""
        margin = self.finding.margin
        if margin is None:
            return numbers.MISSING
        gain = f"gain > {100 * -margin + 0.0:.1f} pp"
        return gain if self.is_target else f"{100 * margin:.1f} pp"

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
        """What the numbers of a measured capability hide, and its labels, a line each."""
        if self.comparison is None:
            return ()
        lines = details(self.comparison, self.finding)
        return (*lines, self.labels) if self.labels else lines

    @property
    def of_levels(self) -> str:
        """Which of its levels do not count, by its name, a line; mostly nothing."""
        line = of_levels(self.comparison, self.finding) if self.comparison else ""
        return f"{self.capability}: {line}" if line else ""

    @property
    def flips(self) -> str:
        """Broken and fixed items as "132 / 8"."""
        counts = self.comparison.counts if self.comparison else None
        if self.finding.behaviour == "length":  # longer and shorter are no broken and fixed
            return numbers.MISSING
        return f"{counts.n_broken} / {counts.n_fixed}" if counts else numbers.MISSING

    @property
    def p_value(self) -> str:
        return numbers.p_value(self.finding.p_regressed)

    @property
    def p_label(self) -> str:
        """What a small p-value would prove."""
        if self.finding.stratum is not None:
            return "a drop beyond its margin there"
        return "gain disproven" if self.is_target else f"any {self.change_word}"

    @property
    def proof(self) -> str:
        """The p-value with what it would prove; empty where nothing was asked that counts.

        Of a target whose gain is proven too: that it is disproven was not the question.
        """
        if self.finding.p_regressed is None or not self.finding.counts:
            return ""
        if self.is_target and self.finding.outcome is Outcome.HELD:
            return ""
        return f"{self.p_label}: {self.p_value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task of one capability."""

    capability: str
    task: TaskComparison

    @property
    def name(self) -> str:
        return one_line(self.task.task)

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
