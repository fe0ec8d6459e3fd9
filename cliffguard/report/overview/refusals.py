"""What keeps reviews out of one table or figure: another base, policy, alpha, suite or choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from cliffguard.config import as_written
from cliffguard.core.behaviours import finding_name
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.errors import UsageError
from cliffguard.core.reviews import Review, SuiteStamp
from cliffguard.core.settings import Policy
from cliffguard.core.texts import cut_middle
from cliffguard.report.overview.sources import NamedReview

Choice = Literal["any", "last"]
_CHOICES: dict[str, Choice] = {
    "choose.shared-alpha": "any",
    "choose.raised-alpha": "any",
    "choose.tested-in-order": "last",
}
_N_SHARING = re.compile(r"One of ([0-9]+) candidates?\b")
_N_NAMED = 4  # values that a message names
_NEXT = "such reviews stand in no one table or figure; leave some of them out"


@dataclass(frozen=True, slots=True)
class Compared:
    """A review that is there, and what a message calls it."""

    file: str
    review: Review


def compared(sources: Sequence[NamedReview]) -> list[Compared]:
    """Return the reviews of those candidates that have one."""
    return [Compared(str(s.file), s.review) for s in sources if s.review is not None]


def choice_of(review: Review) -> Choice | None:
    """Return the `--choose` under which a review was made; None where it was judged alone."""
    ids = [caveat.id for caveat in review.comparison.caveats]
    return next((_CHOICES[id] for id in ids if id in _CHOICES), None)


def refuse_unlike(reviews: Sequence[Compared], *, by_suite: bool) -> None:
    """Raise UsageError, with what differs and in which files, where reviews make no one table.

    Alpha may differ where candidates share one: what is open in the end is judged at more.
    """
    different = _groups(reviews, _base)
    if len(different) > 1:
        raise UsageError(f"the base differs: {_listed(different)}; {_NEXT}",
                         id="overview.other-base")  # fmt: skip
    _refuse_other_suites(reviews, by_suite=by_suite)
    different = _groups(reviews, lambda review: choice_of(review) or "without --choose")
    if len(different) > 1:
        raise UsageError(f"--choose differs: {_listed(different)}; {_NEXT}",
                         id="overview.other-choice")  # fmt: skip
    _refuse_several_choices(reviews)
    if choice_of(reviews[0].review) != "any":
        different = _groups(reviews, lambda review: f"{_policy(review).alpha:g}")
        if len(different) > 1:
            raise UsageError(f"alpha differs: {_listed(different)}; {_NEXT}",
                             id="overview.other-alpha")  # fmt: skip
    for other in reviews[1:]:
        if key := _other_key(reviews[0].review, other.review, by_suite=by_suite):
            values = _groups(reviews, partial(_value, key=key))
            raise UsageError(f"policy.{key} differs: {_listed(values)}; {_NEXT}",
                             id="overview.other-policy")  # fmt: skip


def protocols(reviews: Sequence[Compared]) -> list[str]:
    """Return a line for each key of the protocol in which reviews differ."""
    written = [(row.file, as_written(row.review.plan)["protocol"]) for row in reviews]
    lines = []
    for key in written[0][1]:
        groups: dict[str, list[str]] = {}
        for file, protocol in written:
            groups.setdefault(canonical_json(protocol[key]), []).append(file)
        if len(groups) > 1:
            lines.append(f"protocol.{key} differs: {_listed(groups)}.")
    return lines


def stamp_of(review: Review, suite: str) -> SuiteStamp | None:
    """Return the content of a suite by its name; None of one that was not measured."""
    return next((stamp for stamp in review.provenance.suites if stamp.name == suite), None)


def _refuse_other_suites(reviews: Sequence[Compared], *, by_suite: bool) -> None:
    if by_suite:
        return
    different = _groups(reviews, _suites)
    if len(different) > 1:
        raise UsageError(
            f"the suites differ: {_listed(different)}; `cliffguard report --by suite` shows them "
            "side by side",
            id="overview.other-suite",
        )


def _suites(review: Review) -> str:
    stamps = sorted(review.provenance.suites, key=lambda stamp: stamp.name)
    return ", ".join(f"{s.name} {s.version} ({s.digest[:8]})" for s in stamps)


def _refuse_several_choices(reviews: Sequence[Compared]) -> None:
    """Refuse more reviews than shared alpha: those of two choices err twice."""
    texts = [
        caveat.text
        for row in reviews
        for caveat in row.review.comparison.caveats
        if _CHOICES.get(caveat.id) == "any"
    ]
    counts = {int(match[1]) for text in texts if (match := _N_SHARING.match(text))}
    if len(counts) > 1 or (counts and len(reviews) > min(counts)):
        n = " and ".join(str(count) for count in sorted(counts))
        raise UsageError(
            f"{len(reviews)} reviews, from {reviews[0].file} to {reviews[-1].file}, are of more "
            f"than one choice: of each {n} candidates share alpha; give those of one choice",
            id="overview.other-choice",
        )


def _base(review: Review) -> str:
    base = review.comparison.base
    return f"{base.label} ({base.fingerprint[:8]})"


def _policy(review: Review) -> Policy:
    return review.plan.policy or Policy()


def _written(review: Review, names: Iterable[str]) -> Mapping[str, Any]:
    plan = replace(review.plan, policy=_spelt_out(_policy(review), names))
    policy: Mapping[str, Any] = as_written(plan)["policy"]
    return policy


def _spelt_out(policy: Policy, names: Iterable[str]) -> Policy:
    """Return the policy with what holds of capabilities, whether it was written or goes unsaid.

    What holds without a word and what says the same are then alike; the margin of what is not
    named holds for nothing any more.
    """
    rules = dict(policy.capabilities)
    for name in names:
        rules_of = policy.rules(name)
        margin = policy.margin(name) if rules_of.relative_margin is None else None
        tasks = () if tuple(rules_of.tasks) == (name,) else rules_of.tasks
        rules[name] = replace(rules_of, margin=margin, tasks=tasks)
    behaviour = {
        each: replace(rules_of, margin=policy.margin(finding_name(each)))
        for each, rules_of in policy.behaviour.items()
    }
    return replace(
        policy,
        capabilities=rules,
        behaviour=behaviour,
        default_margin=Policy().default_margin,
    )


def _other_key(first: Review, other: Review, *, by_suite: bool) -> str | None:
    """Return the dotted key in which two policies differ, alpha aside.

    Of reviews of other suites, what is said of capabilities that only one of them has is no
    difference: suites bring margins of their own.
    """
    names = _capabilities(first) | _capabilities(other)
    a, b = _written(first, names), _written(other, names)
    shared = _capabilities(first) & _capabilities(other)
    has_targets = all(_has_target(review) for review in (first, other))
    for key in {**a, **b}:  # one of them may say nothing of behaviour
        same = a.get(key) == b.get(key)
        if key == "alpha" or same or (by_suite and key == "target" and not has_targets):
            continue
        if key != "capabilities":
            return key
        for name in sorted({*a[key], *b[key]}):
            if a[key].get(name) != b[key].get(name) and (not by_suite or name in shared):
                return "default_margin" if _is_by_default(first, other, name) else f"{key}.{name}"
    return None


def _is_by_default(first: Review, other: Review, name: str) -> bool:
    """Return whether neither review names a margin of a capability, and the defaults differ."""
    policies = [_policy(review) for review in (first, other)]
    rules = [policy.rules(name) for policy in policies]
    are_named = any(each.margin is not None or each.relative_margin is not None for each in rules)
    return not are_named and policies[0].default_margin != policies[1].default_margin


def _capabilities(review: Review) -> set[str]:
    return {each.capability for each in review.verdict.findings if each.behaviour is None}


def _has_target(review: Review) -> bool:
    return any(finding.ring == "target" for finding in review.verdict.findings)


def _value(review: Review, key: str) -> str:
    first, _, name = key.partition(".")
    if first == "default_margin":
        return f"{_policy(review).default_margin:g}"
    value = _written(review, [name] if name else ()).get(first, {})
    if name:
        rules = (value.get(name) or {}).items()
        value = {k: v for k, v in rules if v not in (None, [], ())}
    return canonical_json(value)


def _groups(reviews: Sequence[Compared], value: Callable[[Review], str]) -> dict[str, list[str]]:
    """Return the files by a value, in their order."""
    groups: dict[str, list[str]] = {}
    for row in reviews:
        groups.setdefault(value(row.review), []).append(row.file)
    return groups


def _listed(groups: Mapping[str, Sequence[str]]) -> str:
    """Return each value with the first of its files, as a message names them."""
    parts = [
        f"{cut_middle(value, 80)} in {files[0]}"
        + (f" and {len(files) - 1} more" if len(files) > 1 else "")
        for value, files in groups.items()
    ]
    more = [f"{len(parts) - _N_NAMED} other values"] if len(parts) > _N_NAMED else []
    return "; ".join([*parts[:_N_NAMED], *more])
