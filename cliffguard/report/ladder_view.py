"""A ladder as the reports show it: its levels, where it falls, and the figure in words."""

from __future__ import annotations

from dataclasses import dataclass

from cliffguard.core.diagnostics import Ladder, LevelComparison
from cliffguard.core.reviews import LadderFinding
from cliffguard.core.texts import clip
from cliffguard.report import numbers
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import one_line
from cliffguard.report.wording import EDGES, SHAPES
from cliffguard.stats.ladder_shapes import Shape

_NAME_CHARACTERS = 120


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
        return clip(one_line(self.ladder.level_name), _NAME_CHARACTERS) or "level"

    @property
    def title(self) -> str:
        task = clip(one_line(self.ladder.task), _NAME_CHARACTERS)
        return f"{clip(self.row.capability, _NAME_CHARACTERS)} · {task} by {self.level_name}"

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
    def is_lost(self) -> bool:
        """Is any drop proven along it?"""
        return self._shape != "level"

    @property
    def sentence(self) -> str:
        """How the drop runs along it, under its name."""
        return f"{self.title}: {SHAPES[self._shape]}"

    @property
    def summary(self) -> str:
        """The figure in one sentence, for those who do not see it."""
        finding = self.finding
        if finding is None or not finding.is_placed:
            return f"{self.sentence}."
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
