"""The words and signs that every report shares."""

from __future__ import annotations

from collections.abc import Mapping

from cliffguard.core.answers import CALL_PARTS
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Role
from cliffguard.stats.ladder_shapes import Shape

MARKS = {
    Outcome.PASS: "✓",
    Outcome.FAIL: "✗",
    Outcome.HELD: "✓",
    Outcome.REGRESSED: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_MEASURED: "–",
}
"""The sign that stands before an outcome, so that colour never stands alone."""

STYLES = {
    Outcome.PASS: "green",
    Outcome.HELD: "green",
    Outcome.FAIL: "red",
    Outcome.REGRESSED: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NOT_MEASURED: "yellow",
}
"""The colour of an outcome in a terminal."""

SHAPES: dict[Shape, str] = {
    "level": "no drop is proven along it",
    "uniform": "a drop that does not provably differ by level",
    "easiest": "worse at the easiest levels than past them",
    "gradual": "a decline from level to level, not a cliff",
    "unresolved": "worse, but whether abruptly or step by step is open",
    "cliff": "a cliff, more abrupt than a straight line or a constant rate",
}
"""How a drop runs along a ladder."""

EDGES: dict[Shape, str] = {
    "easiest": "at the easiest levels",
    "gradual": "declines",
    "unresolved": "worse from here",
    "cliff": "cliff",
}
"""The note at the level where a fall begins (*easiest*: until which more is lost)."""

ROLE_ORDER: dict[Role, int] = {"gating": 0, "target": 1, "monitored": 2}

SIGN_CONVENTION = (
    "Drop = base − candidate in percentage points (pp): positive is worse; of a "
    "target the gain, whose sign is the other way round. "
    "Broken: the candidate's score counts less than the base's, as wrong after right does; fixed: "
    "more."
)

OVERLAPS_TITLE = "Items in the training data, which do not count"

MEANINGS = {
    Outcome.HELD: ("A drop as large as the margin is ruled out. A smaller real drop may remain."),
    Outcome.REGRESSED: (
        "A drop is proven, and it is not bounded by the margin: of the mean, by answers that "
        "nobody can read any more, or beyond the margin in one part. The interval says how large "
        "that of the mean may be."
    ),
    Outcome.INCONCLUSIVE: (
        "Neither a drop nor its absence is proven by the items that were asked: they are too few "
        "for this margin, or the run ended first. It is not a pass."
    ),
    Outcome.NOT_MEASURED: (
        "No item has a score on both sides; an absent test is not a pass. Or this base has nothing "
        "to lose there: then it does not count, for the gate or against it."
    ),
}

ROLES: dict[Role, str] = {
    "target": (
        "What the fine-tune was for. HELD means that the demanded gain is proven, REGRESSED "
        "that it is disproven."
    ),
    "gating": "Must be HELD for PASS; REGRESSED fails the gate.",
    "monitored": "Shown for the reader; cannot fail the gate.",
}


def parts_in_words(parts: Mapping[str, float] | None) -> str:
    """Return which parts of a tool's call are right: "called ✓, tool ✗, …"; "" where none is known.

    Of other names, which only a hand could have written, nothing is shown.
    """
    known = [(name, parts[name]) for name in CALL_PARTS if parts and name in parts]
    return ", ".join(f"{name} {'✓' if share == 1.0 else '✗'}" for name, share in known)


def flag_word(cause: str | None) -> str:
    """Return a cause as a command line spells it; empty where there is none."""
    return (cause or "").replace("_", "-")
