"""Selection among several candidates (`--choose`): one is shipped, at one error rate for all.

Each candidate's verdict alone errs with alpha. Whoever looks at all of them and takes one that
passed has that chance of error with every one of them. Two ways to keep it at alpha in all: the
candidates share it, or they are tested in an order that is fixed beforehand and only as long as
they pass (Maurer, Hothorn and Lehmacher 1995), as the checkpoints of one training run are. Those
that share it get more than an equal part in the end, where their answers changed together: see
`cliffguard.stats.joint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.counts import gather
from cliffguard.compare.pairs import Pair, counted
from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.errors import UsageError
from cliffguard.core.reviews import Outcome, Review
from cliffguard.core.settings import Plan, are_both
from cliffguard.core.texts import n_things
from cliffguard.evaluate.capability_runs import TOGETHER
from cliffguard.gate import default_policy
from cliffguard.stats.joint import Together, correlation_of, joint_levels
from cliffguard.suites.target import suites_of

Choice = Literal["any", "last"]
"""*any*: whichever passed may be shipped. *last*: the last that passed, in the order given."""


def remark(choice: Choice, plans: Sequence[Plan]) -> tuple[Caveat, ...]:
    """Return what the reports say of the choice."""
    if choice == "last":
        text = "One of several candidates, tested in order as long as they pass."
        return (Caveat(id="choose.tested-in-order", text=text),)
    n = n_things(len(plans), "candidate")
    text = f"One of {n} of which one is chosen; they share alpha."
    return (Caveat(id="choose.shared-alpha", text=text),)


def shared(plans: Sequence[Plan], choice: Choice) -> tuple[Plan, ...]:
    """Return the plans with what each may spend of alpha.

    Raises UsageError where there is nothing to choose from.
    """
    if len(plans) < 2:
        raise UsageError(
            "--choose: there is one candidate only; leave it out, or give more",
            id="choose.one-candidate",
        )
    if are_both(plans):
        raise UsageError(
            "--choose and chat_template: both: a candidate that passes under one template may be "
            "chosen though it fails under the other; choose under own or base",
            id="choose.both-templates",
        )
    if choice == "last":
        return tuple(plans)
    return tuple(
        replace(plan, policy=replace(policy, alpha=policy.alpha / len(plans)))
        for plan in plans
        for policy in [plan.policy or default_policy(suites_of(plan))]
    )


def foretold(choice: Choice, plans: Sequence[Plan]) -> tuple[str, ...]:
    """Return what a power analysis says of the choice; the plans are those at their shares."""
    if choice == "last":
        return ("all of this is of one candidate at the whole alpha, tested in order",)
    policy = plans[0].policy
    assert policy is not None
    return (
        f"all of this is of one candidate at {100 * policy.alpha:.2g} %, since {len(plans)} share "
        "alpha; where their answers change together, each may spend more in the end",
    )


# --- after all have been asked -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CandidateReview:
    """A candidate that was judged at its equal share, and the answers that the verdict is about."""

    review: Review
    pairs: Sequence[Pair]


def raised(candidates: Sequence[CandidateReview | None], plans: Sequence[Plan]) -> dict[int, Plan]:
    """Return which candidates to judge again, by their place, each with the alpha that it may have.

    `candidates` are all of them, in the order of their `plans` at equal shares; None where a
    comparison could not be made. Only those are judged again that are open and now within reach of
    PASS; what has failed stays failed.
    """
    compared = [candidate for candidate in candidates if candidate is not None]
    if not compared or not all(_is_joint(candidate.review) for candidate in compared):
        return {}
    proofs = _proofs(compared[0])
    p_values = np.array([_p_values(candidate, proofs) for candidate in candidates])
    levels = _levels(candidates, p_values, proofs, compared[0].review)
    largest = float(levels.max())
    return {
        index: replace(plan, policy=replace(policy, alpha=largest / (1 - policy.reserve)))
        for index, (candidate, plan) in enumerate(zip(candidates, plans, strict=True))
        if candidate is not None and candidate.review.verdict.outcome is Outcome.INCONCLUSIVE
        for policy in [plan.policy]
        if policy is not None and (p_values[index] <= levels).all() and largest > policy.first_level
    }


def raised_remark(plan: Plan, n_candidates: int) -> Caveat:
    """Return what the report of a candidate that is judged again says of its alpha."""
    assert plan.policy is not None
    return Caveat(
        id="choose.raised-alpha",
        text=f"One of {n_things(n_candidates, 'candidate')} of which one is chosen; by how their "
        f"answers changed together, it may spend {100 * plan.policy.alpha:.2g} %.",
    )


def _is_joint(review: Review) -> bool:
    """Return whether the proofs that PASS takes are all tests whose joint distribution is known.

    A margin on the mean is a proof of its own, and so is one on a behaviour; how items are dealt
    depends on alpha; and of looks at fewer items, in an earlier run, no joint distribution is
    known.
    """
    plan, policy = review.plan, review.plan.policy
    assert policy is not None
    has_others = policy.mean_margin is not None or bool(policy.behaviour)
    judged = [looks.capability for looks in review.taken if looks.capability != TOGETHER]
    names = {capability.capability for capability in review.comparison.capabilities}
    is_first = len(set(judged)) == len(judged) and names.issuperset(judged)
    return policy.estimand == "capability" and plan.items is None and not has_others and is_first


def _levels(
    candidates: Sequence[CandidateReview | None],
    p_values: NDArray[np.float64],
    proofs: Sequence[CapabilityComparison],
    review: Review,
) -> NDArray[np.float64]:
    """Return at which level each proof may be given, by what all candidates answered."""
    policy = review.plan.policy
    assert policy is not None
    looks = {planned.capability: planned.n_items for planned in review.provenance.looks}
    together = []
    for proof in proofs:
        changes = [
            {} if candidate is None else _changes(candidate, proof) for candidate in candidates
        ]
        planned = looks.get(proof.capability, (proof.counts.n_planned,))
        if policy.role(proof.capability, proof.ring) == "target":  # is asked in full, once
            planned = planned[-1:]
        together.append(Together(_correlation(changes), planned))
    return joint_levels(p_values, together, alpha=policy.first_level * len(candidates))


def _proofs(candidate: CandidateReview) -> list[CapabilityComparison]:
    """Return the capabilities that PASS takes a proof of."""
    policy = candidate.review.plan.policy
    assert policy is not None
    return [
        capability
        for capability in candidate.review.comparison.capabilities
        if policy.role(capability.capability, capability.ring) != "monitored"
    ]


def _p_values(
    candidate: CandidateReview | None, proofs: Sequence[CapabilityComparison]
) -> list[float]:
    """Return the p-value of each proof, 1 where there is none."""
    if candidate is None:
        return [1.0] * len(proofs)
    p_values = {
        row.capability: row.evidence.p_held for row in candidate.review.comparison.capabilities
    }
    return [1.0 if (p := p_values.get(proof.capability)) is None else p for proof in proofs]


Changes = Mapping[tuple[str, str], float]
"""Of each item, by task and id, its change."""


def _changes(candidate: CandidateReview, proof: CapabilityComparison) -> Changes | None:
    """Return the changes that a proof is about; None where they are graded, or in clusters.

    How near a normal distribution the tests of those come was not measured.
    """
    pairs = [counted(pair) for pair in candidate.pairs if pair.task.capability == proof.capability]
    n_repeats = candidate.review.plan.protocol.repeats
    gathered = gather(
        pairs,
        margin=proof.evidence.margin,
        n_planned=proof.counts.n_planned + proof.counts.n_surface,
        stands_alone=False,
        surface=proof.diagnostics.surface,
    )
    if any(
        pair.group is not None or pair.is_graded or pair.task.is_graded(n_repeats)
        for pair in gathered.gating
    ):
        return None
    return {(pair.task.name, pair.item.id): pair.worst_change for pair in gathered.gating}


def _correlation(changes: Sequence[Changes | None]) -> NDArray[np.float64] | None:
    """Return how the candidates change together, each two on the items that both were asked."""
    if any(change is None for change in changes):
        return None
    matrix = np.eye(len(changes))
    for (a, first), (b, other) in combinations(enumerate(changes), 2):
        assert first is not None
        assert other is not None
        shared = [key for key in first if key in other]
        if len(shared) > 1:
            x = np.array([[side[key] for key in shared] for side in (first, other)])
            matrix[a, b] = matrix[b, a] = correlation_of(x)[0, 1]
    return matrix


def shippable(choice: Choice, names: Sequence[str], passed: Sequence[bool]) -> str:
    """Return in one line what may be shipped; `passed` ends where the testing did."""
    good = [name for name, has_passed in zip(names, passed, strict=False) if has_passed]
    if choice == "any":
        them = f"of {n_things(len(names), 'candidate')}, which share alpha"
        return f"{them}, {' or '.join(good)} may be shipped" if good else f"{them}, none passed"
    untested = len(names) - len(passed)
    after = f"; {untested} after the first that did not pass not tested" if untested else ""
    if not good:
        return f"in the order given, the first did not pass{after}"
    return f"in the order given, {good[-1]} is the last that passed{after}"
