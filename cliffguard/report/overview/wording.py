"""The sentences that every format of an overview shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cliffguard.core.overviews import CandidateOverview, Overview, Uncompared
from cliffguard.core.reviews import Outcome
from cliffguard.core.texts import first_and_more, n_things, plural

ALONE = "each candidate judged alone; to ship one of n, judge with --choose"
_HOW = {
    "any": "judged to ship one of several, which share alpha",
    "last": "tested in order, as long as they pass",
}
_N_NAMED = 3


def headline(overview: Overview) -> str:
    """Return what holds for all candidates: how they were judged, and which may ship."""
    if overview.choice is None:
        return ALONE
    good = [row.name for row in overview.candidates if row.may_ship]
    how = _HOW[overview.choice]
    return f"{how}: {first_and_more(good, _N_NAMED)} may ship" if good else f"{how}: none passed"


def counted(overview: Overview) -> tuple[str, str]:
    """Return how many there are, in all and of each verdict: "3 candidates", "1 PASS, 2 FAIL"."""
    counts = Counter(row.outcome for row in overview.candidates)
    order = (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)
    words = [f"{counts[outcome]} {outcome}" for outcome in order if counts[outcome]]
    if overview.uncompared:
        words.append(f"{len(overview.uncompared)} without a verdict")
    n = len(overview.candidates) + len(overview.uncompared)
    return n_things(n, "candidate"), ", ".join(words)


def falls(overview: Overview) -> str:
    """Return where along the training the last PASS lies and falls begin; nothing without one."""
    trajectory = overview.trajectory
    if trajectory is None:
        return ""
    last = (
        "No step passes" if trajectory.last_pass is None else f"Last PASS: {trajectory.last_pass}"
    )
    onsets = sorted(
        (fall.onset, fall.name) for fall in trajectory.capabilities if fall.onset is not None
    )
    words = [f"{name} from {step} on" for step, name in onsets]
    return (
        f"{last}; REGRESSED: {', '.join(words)}"
        if words
        else f"{last}; nothing is REGRESSED at the last step"
    )


def without_trajectory(overview: Overview) -> str:
    """Return why candidates are no steps of one training; empty where it is one alone."""
    rows: Sequence[CandidateOverview | Uncompared] = (*overview.candidates, *overview.uncompared)
    if overview.trajectory is not None or len(rows) < 2:
        return ""
    lacking = [row.name for row in rows if row.step is None]
    steps = Counter(row.step for row in rows)
    if lacking:
        names, what = lacking, f"{plural(len(lacking), 'ends', 'end')} in no step"
    else:
        names, what = [row.name for row in rows if steps[row.step] > 1], "end in the same step"
    return (
        f"No trajectory is shown: {first_and_more(names, _N_NAMED)} {what}. It takes names that "
        "end in numbers, each in its own, as checkpoint-250 does."
    )


def in_order(overview: Overview) -> list[CandidateOverview | Uncompared]:
    """Return all candidates, those without a verdict among the others where steps say where.

    Those that were tested in order stand in it, and what was not tried comes last.
    """
    rows: Sequence[CandidateOverview | Uncompared] = (*overview.candidates, *overview.uncompared)
    if overview.trajectory is None or overview.choice == "last":
        return list(rows)
    return sorted(rows, key=lambda row: row.step or 0)
