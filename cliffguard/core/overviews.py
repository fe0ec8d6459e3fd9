"""overview.json: several candidates over one base, side by side; made of their reviews."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cliffguard.core.reviews import Outcome, Pooled, SuiteStamp
from cliffguard.core.settings import Role
from cliffguard.stats.interval import Interval

OVERVIEW_FORMAT = 1
"""Version of the JSON layout of overviews."""

MOST_ITEMS = 10
"""Items that are named of each capability, and of each candidate in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewCapability:
    """A column: a capability of one suite. `name` tells it from all others in the overview."""

    name: str
    capability: str
    suite: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewCell:
    """What one candidate's review says of one capability; scores in 0…1, as in the review.

    `drop` above 0 is worse, also of a target, whose gain is minus its drop. What does not `count`
    can neither pass nor fail the gate.
    """

    outcome: Outcome
    drop: float | None
    drop_interval: Interval | None
    margin: float | None
    counts: bool
    n_items: int
    n_broken: int
    n_fixed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateOverview:
    """A row: one candidate's verdict. `cells` are in the order of the overview's capabilities.

    A cell is None where the candidate's suites lack the capability. `report` is the path of its
    report.html, relative to the folder of the overview (empty: there is none). `step` is the whole
    number at the end of its name. `may_ship` is None where none of the candidates was to be
    chosen. `gain` is the least of a target, `largest_drop` the largest that is not excluded of a
    gating capability; `is_on_front`: no other candidate is better in one of both and as good in the
    other (None: one of them was not measured). `together` is the test of all gating capabilities
    together, which can fail a candidate where no cell is REGRESSED.
    """

    name: str
    candidate: str
    step: int | None
    report: str
    outcome: Outcome
    exit_code: int
    alpha: float
    may_ship: bool | None
    gain: float | None
    largest_drop: float | None
    is_on_front: bool | None
    together: Pooled | None
    cells: tuple[OverviewCell | None, ...]

    @property
    def failed_together(self) -> bool:
        """Whether the test of all together is among what failed it."""
        fell = self.together is not None and self.together.has_dropped
        return fell and self.outcome is Outcome.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncompared:
    """A candidate without a verdict, and why. `exit_code` None: it was not tried."""

    name: str
    step: int | None
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityTrajectory:
    """Where along the training a capability fell.

    `onset` is the first step from which on it is REGRESSED at every later one; None where it is not
    at the last.
    """

    name: str
    onset: int | None
    n_regressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointTrajectory:
    """The candidates as steps of one training.

    `last_pass` is the last with the verdict PASS, `first_fail` the first with FAIL; either is None
    where there is none.
    """

    steps: tuple[int, ...]
    last_pass: int | None
    first_fail: int | None
    capabilities: tuple[CapabilityTrajectory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenItem:
    """An item by its task and id."""

    task: str
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenAlone:
    """What one candidate broke, and no other: how many items, and the first of them."""

    candidate: str
    n_items: int
    items: tuple[BrokenItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenItems:
    """Items of one capability by which candidates broke them.

    Over the `n_common` items that count for all `n_candidates` that were asked about it: `n_by_all`
    are broken by each, `n_alone` by exactly one; `by_all` and `alone` name the first of them.
    """

    capability: str
    n_candidates: int
    n_common: int
    n_by_all: int
    n_alone: int
    by_all: tuple[BrokenItem, ...]
    alone: tuple[BrokenAlone, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Several candidates judged over one base, under one policy.

    `choice` is that of `check --choose`; None where each was judged alone. Capabilities stand
    targets first, then those in which most was lost; candidates by their step where each has one
    of its own, else as they were given; under "last" as they were tested. `broken` leaves out the
    candidates of `without_items`.
    """

    format: int
    base: str
    base_fingerprint: str
    suites: tuple[SuiteStamp, ...]
    choice: Literal["any", "last"] | None
    capabilities: tuple[OverviewCapability, ...]
    candidates: tuple[CandidateOverview, ...]
    uncompared: tuple[Uncompared, ...]
    trajectory: CheckpointTrajectory | None
    broken: tuple[BrokenItems, ...]
    without_items: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def has_together(self) -> bool:
        """Whether the test of all together failed any candidate, and has a column."""
        return any(row.failed_together for row in self.candidates)
