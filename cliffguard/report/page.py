"""A review arranged for reading: what HTML, Markdown and the terminal show, in their order.

Texts here are clean but not escaped: each format escapes for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cliffguard.compare.verdict import EXIT_CODES
from cliffguard.core.comparisons import CapabilityComparison, Contamination
from cliffguard.core.item_results import ITEMS_FILE
from cliffguard.core.reviews import SAMPLES, Example, Outcome, Review
from cliffguard.core.texts import n_things
from cliffguard.report import numbers
from cliffguard.report.capability_row import CapabilityRow, TaskRow
from cliffguard.report.clean import one_line
from cliffguard.report.commands import FOLDER, list_command
from cliffguard.report.items import without_items
from cliffguard.report.labels import BesideReview
from cliffguard.report.ladder_view import LadderView
from cliffguard.report.largest_changes import Largest, largest_in
from cliffguard.report.wording import MARKS, ROLE_ORDER

_WEIGHED_SINCE = 2  # layout of reviews whose pooled test weighs, and whose missing are missing
_N_SHARED_NAMED = 3
_OF_BEHAVIOURS = (
    "Behaviours are of all generated answers of what gates: of the length the mean number of "
    "tokens as a share of the base's, and its change either way; of the others the share of "
    "answers, and its rise."
)
_OUTCOME_ORDER = {
    Outcome.REGRESSED: 0, Outcome.INCONCLUSIVE: 1, Outcome.NOT_MEASURED: 2, Outcome.HELD: 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that a report says, in the order in which it says it."""

    review: Review
    rows: tuple[CapabilityRow, ...]
    ladders: tuple[LadderView, ...]
    tasks: tuple[TaskRow, ...]
    examples: tuple[tuple[str, tuple[Example, ...]], ...]
    has_items: bool = True
    items: Path | None = None
    folder: str = FOLDER
    """Where the report lies, as its reader's shell finds it."""

    @property
    def largest(self) -> Largest | None:
        """The items that changed most; None where they do not lie beside the review."""
        if self.items is None or self.review.items is None:
            return None
        return largest_in(self.items, self.review.items.sha256, len(self.rows))

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
    def lacks_gain(self) -> bool:
        """Is the target to decide alone, and no gain of it demanded?"""
        policy = self.review.plan.policy
        return self.may_pass_alone and policy is not None and policy.target is None

    @property
    def is_of_samples(self) -> bool:
        """Were the answers logged by lm-eval?"""
        return self.review.plan.suites == (SAMPLES,)

    @property
    def confidence(self) -> str:
        """The confidence of an interval that no other level is noted for, as "90 %"."""
        return numbers.confidence(self.review.comparison.confidence)

    @property
    def interval_head(self) -> str:
        """What stands over the intervals of capabilities: their level, if all have the same."""
        if any(row.states_level for row in self.rows):
            return "interval (its level)"
        return f"{self._level_of_all} interval"

    @property
    def _level_of_all(self) -> str:
        levels = [row.confidence for row in self.rows if row.comparison is not None]
        return levels[0] if levels else self.confidence

    @property
    def intervals(self) -> str:
        """The intervals of capabilities, in words."""
        if any(row.states_level for row in self.rows):
            return "intervals, each at the level beside it"
        return f"{self._level_of_all} intervals"

    @property
    def targets(self) -> tuple[CapabilityRow, ...]:
        """What the fine-tune was for, also where the policy demands nothing of it."""
        return tuple(row for row in self.rows if row.is_target or row.finding.ring == "target")

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the table does not show: items saved, all together, and where the items are."""
        behaviours = {row.finding.behaviour for row in self.rows} - {None}
        capabilities = [
            row.comparison for row in self.rows if row.comparison and not row.finding.behaviour
        ]
        n_planned = sum(capability.counts.n_planned for capability in capabilities)
        n_asked = sum(capability.counts.n_asked for capability in capabilities)
        remarks = []
        if behaviours:
            remarks.append(_OF_BEHAVIOURS)
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
                f"{self._excused if pooled.has_dropped else ''}{self._weighed}"
            )
        mean = self.review.comparison.mean
        if mean is not None:
            proven = "proven" if self.review.verdict.mean_held else "not proven"
            remarks.append(
                f"Mean drop of the {mean.n_capabilities} gating capabilities, at the looks that "
                f"all had: {numbers.points(mean.drop)}, at most {numbers.points(mean.high)}; below "
                f"{100 * mean.margin:.1f} pp is {proven}."
            )
        return (*remarks, self._items)

    @property
    def _excused(self) -> str:
        """Why a drop of all together that is proven does not fail the gate, where it does not."""
        return {
            Outcome.PASS: " It passes, since each holds within its margin.",
            Outcome.INCONCLUSIVE: " It does not fail the gate, since each that was measured holds "
            "within its margin at 5 %.",
        }.get(self.outcome, "")

    @property
    def _items(self) -> str:
        """Where every item is to be read."""
        items = self.review.items
        if items is None:
            return f"Single items are not kept: {without_items(self.review)}."
        if not self.has_items:
            return f"Single items are not here: {ITEMS_FILE} does not lie beside this review."
        n_items = n_things(items.n, "item", ",")
        command = list_command(None, folder=self.folder)
        return f"Single items: {n_items} in {ITEMS_FILE}; `{command}` lists what changed."

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


def lay_out(
    review: Review, beside: BesideReview | None = None, *, folder: str | None = None
) -> Page:
    """Arrange a clean review: what gates first, then targets, then what is monitored; worst first.

    `beside` None: its items, if it names any, are taken to lie where they were written. `folder` is
    where a shell finds them (None: that is not known).
    """
    if beside is not None and beside.caveats:
        caveats = (*review.comparison.caveats, *beside.caveats)
        review = replace(review, comparison=replace(review.comparison, caveats=caveats))
    measured = {capability.capability: capability for capability in review.comparison.capabilities}
    heading = numbers.confidence(review.comparison.confidence)
    confidences = {
        CapabilityRow(finding=f, comparison=measured[f.capability], heading=heading).confidence
        for f in review.verdict.findings
        if f.capability in measured
    }
    rows = [
        CapabilityRow(
            finding=f,
            comparison=measured.get(f.capability),
            heading=heading,
            states_level=len(confidences) > 1,
            labels=_labels(measured.get(f.capability), beside),
        )
        for f in review.verdict.findings
    ]
    rows.sort(key=_badness)
    return Page(
        review=review,
        rows=tuple(rows),
        ladders=tuple(view for row in rows for view in _ladders(row)),
        tasks=tuple(
            TaskRow(capability=row.capability, task=task)
            for row in rows
            for task in (row.comparison.diagnostics.tasks if row.comparison else ())
        ),
        examples=_worst_first(rows, review.examples),
        has_items=beside is None or beside.items is not None,
        items=None if beside is None else beside.items,
        folder=FOLDER if folder is None else folder,
    )


def _labels(comparison: CapabilityComparison | None, beside: BesideReview | None) -> str:
    if comparison is None or beside is None:
        return ""
    return beside.of(comparison.capability, comparison.counts.n_broken)


def _badness(row: CapabilityRow) -> tuple[int, bool, int, float]:
    """Return what rows are sorted by: role, whether it counts, outcome, the larger drop first."""
    finding, evidence = row.finding, row.evidence
    drop = 0.0 if evidence is None or evidence.drop is None else evidence.drop
    return ROLE_ORDER[finding.role], not finding.counts, _OUTCOME_ORDER[finding.outcome], -drop


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
