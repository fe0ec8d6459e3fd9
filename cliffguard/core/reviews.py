"""Findings, the verdict, and the review that keeps them with their provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from operator import is_
from typing import Any, Literal, TypeVar

from cliffguard.core.behaviours import Behaviour, behaviour_of
from cliffguard.core.comparisons import Comparison
from cliffguard.core.diagnosis import Diagnosis
from cliffguard.core.item_results import ItemsFile
from cliffguard.core.settings import Plan, Ring, Role
from cliffguard.stats.ladder_shapes import Shape

R = TypeVar("R")

REVIEW_FORMAT = 3
"""Version of the JSON layout of reviews. Those of an earlier one are read; see `report.json`."""

SAMPLES = "samples"
"""The name of the suite that two folders of another harness's samples make."""


class Outcome(str, Enum):
    """HELD … NOT_MEASURED are said of a capability; PASS, FAIL, INCONCLUSIVE of the whole.

    >>> from cliffguard import Outcome
    >>> Outcome("FAIL") is Outcome.FAIL, f"{Outcome.FAIL}"
    (True, 'FAIL')
    """

    HELD = "HELD"
    REGRESSED = "REGRESSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_MEASURED = "NOT_MEASURED"
    PASS = "PASS"
    FAIL = "FAIL"

    def __str__(self) -> str:
        return self.value


EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 10, Outcome.INCONCLUSIVE: 11}
"""What a verdict means to the shell. Errors carry their own code (cliffguard.core.errors)."""


Cause = Literal["loss", "format", "stratum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderFinding:
    """How the drop runs along one ladder, and where the fall begins.

    `edge` is the first level past the fall, `edges` are the levels that the data do not tell from
    it; None and empty unless the drop provably differs by level and exceeds the margin from there
    on. Of shape *easiest* `until` is the last of the levels that lost more, if their drop exceeds
    the margin. The means are over the items from the edge on, or of the levels until there.
    `p_differs` is Holm-adjusted over ladders.
    """

    task: str
    level_name: str
    shape: Shape
    edge: int | None
    edges: tuple[int, ...]
    base_mean: float | None
    candidate_mean: float | None
    p_differs: float
    p_abrupt: float | None
    until: int | None = None

    @property
    def is_placed(self) -> bool:
        """Return whether a level is named at which the ladder is worse."""
        return self.edge is not None or self.until is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was decided about one capability, and why.

    `margin` is the tolerated drop (for a target: minus the demanded gain). `p_regressed` is
    Holm-adjusted within the role, and for the pooled test beside it: it is compared with alpha.
    `is_material`: a drop beyond the margin is itself proven. `n_items_needed` estimates how many
    items would decide. `cause` says of REGRESSED by what it was proven: a drop of the mean, answers
    that nobody can read any more, or the drop of a part, which `stratum` names. What does not
    `count` can neither pass nor fail the gate: the base has nothing to lose there.
    """

    capability: str
    suite: str
    ring: Ring
    role: Role
    outcome: Outcome
    margin: float | None
    p_regressed: float | None
    is_material: bool
    ladders: tuple[LadderFinding, ...]
    n_items_needed: int | None
    reason: str
    cause: Cause | None = None
    stratum: str | None = None
    counts: bool = True

    @property
    def behaviour(self) -> Behaviour | None:
        """The behaviour that it is about; None: a capability."""
        return behaviour_of(self.capability, self.suite)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The mean drop of the gating capabilities, and the p-value of "none of them dropped".

    The p-value is adjusted for the single tests beside it: it is compared with alpha.
    """

    drop: float
    p_value: float
    n_capabilities: int
    has_dropped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision in one word and one sentence, with a finding per capability.

    `pooled` is the test of all gating capabilities together; None with fewer than two, and until
    nothing more is measured. `mean_held`: the mean drop is proven to be below its margin (None: the
    policy has none on it).
    """

    outcome: Outcome
    sentence: str
    findings: tuple[Finding, ...]
    pooled: Pooled | None
    mean_held: bool | None = None

    @property
    def exit_code(self) -> int:
        """What `cliffguard check` ends with on this verdict."""
        return EXIT_CODES[self.outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthNote:
    """What is wrong with the items of a capability, or of one of its tasks, for this base.

    "saturated": too easy; "floor": no better than guessing; "too_few": for the margin; "shadow":
    a side does better on them than on fresh items of the same kind.
    """

    capability: str
    task: str | None
    kind: Literal["saturated", "floor", "too_few", "shadow"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An item that broke, with both answers, for a reader. Texts are shortened."""

    capability: str
    task: str
    item_id: str
    level: int | None
    prompt: str
    answer: str
    base_text: str
    candidate_text: str
    base_confidence: float | None
    candidate_confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteStamp:
    """Which suite was used, by content."""

    name: str
    version: int
    digest: str


Spending = Literal["one look", "held: cubic, drop: linear", "betting", "linear"]
"""How the looks share alpha: there is one; each side by a rule of its own; bets are good at any.

"linear", evenly over the items on both sides, stands in older reviews.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLooks:
    """When a decision about a capability may be tried; fixed before the first answer.

    `n_items` gating items count at each of the looks. `order` is the digest of every task's name
    with its items' ids in the order of the run. `churn` is the one by which items were dealt to the
    capability; None where all there are were planned.
    """

    capability: str
    n_items: tuple[int, ...]
    spending: Spending
    order: str
    churn: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenLooks:
    """The looks of one run at which a verdict about a capability was formed, and what they spent.

    `capability` is its name (empty: all that gates together), `how` a digest of the protocol
    without limit, repeats and seed. Known again it is by content: `run`
    is a digest of the order of its items, its looks, and the questions that were answered; `sketch`
    are the least of the digests of its `n_items` different items, by which a larger set that holds
    them is recognised. `answers`, of logged samples, are what both sides scored on these.
    `counted` items at each look taken; `spent` of alpha by the last of them. That one was judged at
    `level`, out of an `alpha` (None: taken before these were noted). `comparison` is a digest of
    all runs that were judged beside it (empty: taken before that was noted).
    """

    capability: str
    how: str
    run: str
    sketch: tuple[str, ...]
    answers: tuple[str, ...]
    n_items: int
    counted: tuple[int, ...]
    spent: float
    level: float | None = None
    alpha: float | None = None
    comparison: str = ""

    def __post_init__(self) -> None:
        steps = (0, *self.counted)
        is_rising = all(a < b for a, b in pairwise(steps))
        if not self.counted or not is_rising or self.n_items < 1 or not 0.0 <= self.spent < 0.5:
            raise ValueError("looks: items that rise, and a share of alpha below one half")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What git had checked out; dirty where files that it tracks were changed since."""

    digest: str
    is_dirty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a reader needs to repeat the comparison. No clocks, no host names.

    `questions` are the keys of the stored answers; `measured_on` describes device, dtype and
    batch size of each side. `looks` are empty where another harness asked. Commits are None
    where there is none: `cliffguard_commit` of this program, `commit` of the folder in which it
    was started, whose plan, policy and suites decide.
    """

    cliffguard_version: str
    cliffguard_commit: Commit | None
    commit: Commit | None
    runner: str
    measured_on: tuple[str, ...]
    suites: tuple[SuiteStamp, ...]
    questions: tuple[str, ...]
    looks: tuple[PlannedLooks, ...]
    versions: Mapping[str, str]
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The record of one comparison; every report is a pure function of it.

    `items` are all that was asked, in a file beside the review (None: it was not written). `taken`
    are the looks of this run, and of the runs before it at the same two sides. `diagnosis` says why
    items broke, beside the verdict (None: nobody looked).

    >>> from cliffguard import Plan, guard
    >>> review = guard(Plan(candidate="runs/ft/adapter", suites=("adjacent",)))
    >>> [finding.capability for finding in review.verdict.findings]
    ['multi_step_reasoning', 'reading_in_context', 'out_of_domain_qa', 'control']
    """

    format: int
    plan: Plan
    comparison: Comparison
    verdict: Verdict
    health: tuple[HealthNote, ...]
    examples: tuple[Example, ...]
    items: ItemsFile | None = None
    provenance: Provenance
    taken: tuple[TakenLooks, ...] = ()
    diagnosis: Diagnosis | None = None


# --- all of them ---------------------------------------------------------------------------------


def with_texts(record: R, change: Callable[[str], str]) -> R:
    """Return `record` with every text, however deep, as `change` makes it; else the same parts."""
    return _with_texts(record, change)  # type: ignore[no-any-return]


_NO_TEXT = frozenset((type(None), bool, int, float))


def _with_texts(value: Any, change: Callable[[str], str]) -> Any:
    # By the exact type, since items are many. Enums are no texts, though outcomes are strings.
    kind: type = type(value)
    if kind is str or (isinstance(value, str) and not isinstance(value, Enum)):
        return change(value)
    if kind in _NO_TEXT or isinstance(value, Enum):
        return value
    if isinstance(value, tuple):
        parts = [_with_texts(part, change) for part in value]
        return value if all(map(is_, parts, value)) else tuple(parts)
    if names := _names(kind):
        old = [getattr(value, name) for name in names]
        new = [_with_texts(part, change) for part in old]
        # Mostly nothing changes, and to make a record takes longer than all of this.
        return value if all(map(is_, new, old)) else kind(**dict(zip(names, new, strict=True)))
    if isinstance(value, Mapping):
        return {change(key): _with_texts(part, change) for key, part in value.items()}
    return value


@cache
def _names(kind: type) -> tuple[str, ...]:
    """Return the fields of a record; of what is none, nothing."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()
