"""Why a capability broke: causes that add up, patterns that may overlap, what probes recovered.

None of it decides anything: a diagnosis is made after the verdict, of the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cliffguard.stats.interval import Interval

CauseName = Literal[
    "cut", "degenerate", "format", "bad_call", "refusal", "wrong_language", "leak", "suppressed",
    "lost", "unprobed",
]  # fmt: skip
"""Why an item broke, in the order in which it is tried: the first that fits is the item's cause.

*cut*: the token limit ended the answer, or it never ends. *degenerate*: it is empty, or repeats
itself. *format*: another reader finds the right answer in it. *bad_call*: a tool's call cannot be
read, or is wrong in whether a tool is called, in which, or in its arguments' names or types.
*refusal*: it declines. *wrong_language*: it is in another language than the base's. *leak*: it is a
label or a form of the target. *suppressed*: probes recover what is still there. *lost*: none of
these, and probes do not prove that it is still there. *unprobed*: none of the first seven, and
nobody asked again: lost or suppressed.
"""

CAUSES: tuple[CauseName, ...] = get_args(CauseName)

READ: tuple[CauseName, ...] = CAUSES[: CAUSES.index("suppressed")]
"""Causes that a reader of answers sees."""

OF_PROBES: tuple[CauseName, ...] = ("suppressed", "lost")
"""Causes that only items have that were asked again."""

PatternKind = Literal[
    "position", "pull", "overconfident", "level", "template", "class", "cluster", "length",
    "opening", "task",
]  # fmt: skip

CONFIDENCE = 0.9
"""Of the intervals of shares; two-sided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCount:
    """How many broken items of a capability have one cause.

    `loss` is their summed drop. `share` is of `n_among` broken items, by items: of *suppressed* and
    *lost* these are the ones that were asked again, else all; so counts and losses add up, and
    these two shares do not. Its interval is Clopper-Pearson's at 90 %, over clusters where there
    are any. `n_fits_broken` candidate answers of the broken items fit the reader of the cause,
    whether or not an earlier cause took them, and `n_fits_fixed` base answers of the fixed items.

    What is compared are all wrong answers, those to items that both sides have wrong as well:
    `n_fits_candidate` of `n_wrong_candidate` against `n_fits_base` of `n_wrong_base`. `p_found` is
    Fisher's, one-sided, Holm-adjusted over the causes tested in all capabilities (None: it was not
    tested; *lost* never is). `is_comparable`: it could have been found, had no answer of the base
    fitted.
    """

    cause: CauseName
    n_items: int
    loss: float
    n_among: int
    share: float
    share_interval: Interval
    n_fits_broken: int
    n_fits_fixed: int
    n_fits_candidate: int = 0
    n_wrong_candidate: int = 0
    n_fits_base: int = 0
    n_wrong_base: int = 0
    is_comparable: bool = False
    p_found: float | None
    is_found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UntestedCause:
    """A cause that could not be looked for here, and what was missing."""

    cause: CauseName
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A slice of a capability's items, or an option, where the candidate loses more: a screen.

    `key` tells it apart within the capability, and in items.jsonl; `name` is for readers. Of a
    slice `inside` and `outside` are the mean drops of its `n_items` and of all others. Of a pull
    the option was offered, and wrong, in `n_items`: `inside` is the share of them in which the
    candidate picked it, `outside` the base's. `q_value` is Benjamini and Hochberg's over all that
    were tried in all capabilities. `shows_text`: key and name hold a text of the data.
    """

    kind: PatternKind
    key: str
    name: str
    n_items: int
    n_broken: int
    n_fixed: int
    inside: float
    outside: float
    p_value: float
    q_value: float
    is_found: bool
    restates: CauseName | None = None
    shows_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeForm:
    """One form in which broken and fixed items were asked again, and how many came back.

    `name` is "three shots", "chat template", "no chat template", "system prompt" or "plain prompt".
    """

    name: str
    n_broken_recovered: int
    n_fixed_recovered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What probes brought back: the candidate on items that it broke, the base on those it gained.

    `recovery` is the candidate's share of right answers on its `n_broken` items, averaged over the
    forms; `base_recovery` the base's on `n_fixed` items. `difference` is the first minus the
    second, with its interval at 90 %. `is_suppressed`: it is proven to be above 0, after Holm over
    the capabilities. `untried` are forms that could not be asked, with the reason.
    """

    n_broken: int
    n_fixed: int
    forms: tuple[ProbeForm, ...]
    recovery: float
    base_recovery: float
    difference: float
    difference_interval: Interval
    p_value: float
    is_suppressed: bool
    untried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityDiagnosis:
    """Why one capability's items broke.

    Over the items that count, `n_broken` of `n_items` lost `loss` in sum and `n_fixed` gained
    `gain`: the drop is their difference over `n_items`. The counts of `causes` add up to
    `n_broken`, their losses to `loss`; those with no item are left out. `patterns`
    are the surest first, what is found and at most a few beside. `probes` is None where nothing was
    asked, and `unprobed` says why.
    """

    capability: str
    n_items: int
    n_broken: int
    n_fixed: int
    loss: float
    gain: float
    causes: tuple[CauseCount, ...]
    untested: tuple[UntestedCause, ...]
    patterns: tuple[Pattern, ...]
    probes: ProbeResult | None = None
    unprobed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Why the capabilities broke, beside the verdict.

    `n_tried` slices and options were tried in all; `probe_tokens` is what probes read and wrote,
    `run_tokens` what the run did.
    """

    capabilities: tuple[CapabilityDiagnosis, ...]
    n_tried: int
    probe_tokens: int = 0
    run_tokens: int = 0
