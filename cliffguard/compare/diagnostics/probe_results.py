"""What probes brought back, and whether that proves anything: see `evaluate/probes.py`.

The candidate's recovery on items that it broke is compared with the base's own on items that the
base had wrong and the candidate right. Items that somebody had wrong are harder than others, and
many come back when they are asked otherwise; only what comes back beyond that was suppressed.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import NamedTuple

from cliffguard.compare.diagnostics.counted import CountedItem, Key, ProbedItems
from cliffguard.core.answers import Answer
from cliffguard.core.diagnosis import CONFIDENCE, ProbeForm, ProbeResult
from cliffguard.core.texts import n_things
from cliffguard.evaluate.probe_budget import Changed
from cliffguard.evaluate.probes import Reanswered, Reasked
from cliffguard.stats.multiplicity import holm
from cliffguard.stats.recovery import (
    Recovered,
    least_p,
    mean_recovery,
    recovery_interval,
    recovery_p,
)

LEVEL = 0.05
"""Of the chance that any capability is called suppressed between two runs of one model."""

_ROUNDING = 1e-9  # of a score that is a mean of several


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What probes of a run brought back, by capability; `why` says of the others what kept it.

    `items` are the broken ones that were asked again. `tokens` of prompts and answers were taken,
    `run_tokens` by the run itself.
    """

    results: Mapping[str, ProbeResult] = field(default_factory=dict)
    items: Mapping[str, ProbedItems] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0
    run_tokens: int = 0


def items_to_probe(
    capabilities: Mapping[str, Sequence[CountedItem]], explained: Container[Key] = frozenset()
) -> tuple[dict[str, tuple[Changed, ...]], dict[str, str]]:
    """Return the changed items of each capability worth probing, and why the others are not.

    Those that a reader has `explained` are left out on both sides: what was refused, or is right
    in another format, comes back when it is asked otherwise, and proves nothing of the rest. First
    come capabilities whose items broke most clearly (McNemar's z).
    """
    unexplained = {
        name: [item for item in items if item.key not in explained]
        for name, items in capabilities.items()
    }
    changed = {name: tuple(_changed(items)) for name, items in unexplained.items()}
    whys = {name: _why_not(*_counts(items)) for name, items in changed.items()}
    worth = [name for name, why in whys.items() if why is None]
    worth.sort(key=lambda name: -_clearness(*_counts(changed[name])))
    return {n: changed[n] for n in worth}, {n: why for n, why in whys.items() if why is not None}


def probe_results(
    reasked: Reasked, capabilities: Mapping[str, Sequence[CountedItem]], run_tokens: int, seed: int
) -> Probes:
    """Return what came of probes, tested with Holm's procedure over the capabilities probed.

    The p-value of a result is the adjusted one.
    """
    outcomes: dict[str, _Outcome] = {}
    why = dict(reasked.why)
    for name, reanswered in reasked.capabilities.items():
        clusters = {item.key: item.cluster for item in capabilities[name]}
        outcome = _outcome(reanswered, clusters)
        if outcome.broken and outcome.fixed:
            outcomes[name] = outcome
        else:
            why[name] = "no probe of one side fits its context"
    p_values = holm([recovery_p(*outcome.both, seed=seed) for outcome in outcomes.values()])
    adjusted = dict(zip(outcomes, p_values, strict=True))
    results = {name: _result(of, adjusted[name]) for name, of in outcomes.items()}
    return Probes(
        results=results,
        items={
            name: replace(of.probed_items, is_suppressed=results[name].is_suppressed)
            for name, of in outcomes.items()
        },
        why=why,
        tokens=reasked.tokens,
        run_tokens=run_tokens,
    )


def _changed(items: Sequence[CountedItem]) -> list[Changed]:
    """Return the items that changed; of copies the one that is shown may not have."""
    rows = []
    for item in items:
        pair = item.pair
        if (item.is_broken and pair.is_broken) or (item.is_fixed and pair.is_fixed):
            sides = (pair.candidate, pair.base) if item.is_broken else (pair.base, pair.candidate)
            rows.append(
                Changed(
                    task=pair.task,
                    item=pair.item,
                    is_broken=item.is_broken,
                    level=sides[1].score or 0.0,
                    answer=sides[0],
                )
            )
    return rows


def _counts(items: Sequence[Changed]) -> tuple[int, int]:
    n_broken = sum(item.is_broken for item in items)
    return n_broken, len(items) - n_broken


def _why_not(n_broken: int, n_fixed: int) -> str | None:
    if not n_broken:
        return "no broken item is left without a cause"
    if not n_fixed:
        return "no item was fixed that has no cause, so that nothing says what comes back by itself"
    if least_p(n_broken, n_fixed) > LEVEL:
        return (
            f"{n_things(n_broken, 'broken item')} and {n_things(n_fixed, 'fixed item')} could "
            "prove nothing"
        )
    return None


def _clearness(n_broken: int, n_fixed: int) -> float:
    return (n_broken - n_fixed) / math.sqrt(n_broken + n_fixed)


class _Outcome(NamedTuple):
    """How often the items of both kinds came back, by their names, and in which form how many."""

    broken: dict[Key, Recovered]
    fixed: dict[Key, Recovered]
    forms: tuple[ProbeForm, ...]
    untried: tuple[str, ...]

    @property
    def both(self) -> tuple[list[Recovered], list[Recovered]]:
        """The recoveries of both kinds."""
        return list(self.broken.values()), list(self.fixed.values())

    @property
    def probed_items(self) -> ProbedItems:
        """The broken items; whether they were suppressed is not yet known."""
        recovered = frozenset(key for key, item in self.broken.items() if item.share > 0.5)
        return ProbedItems(probed=frozenset(self.broken), recovered=recovered, is_suppressed=False)


def _outcome(reanswered: Reanswered, clusters: Mapping[Key, object]) -> _Outcome:
    kinds: tuple[dict[Key, Recovered], dict[Key, Recovered]] = ({}, {})
    came_back: dict[str, list[Changed]] = {form: [] for form in reanswered.answers}
    for item in reanswered.items:
        rights = {
            form: _is_right(answers[item.key], item.level)
            for form, answers in reanswered.answers.items()
            if item.key in answers and _was_asked(answers[item.key])
        }
        for form, is_right in rights.items():
            came_back[form] += [item] * is_right
        if rights:
            share = fmean(map(float, rights.values()))
            kinds[not item.is_broken][item.key] = Recovered(share, clusters[item.key])
    forms = []
    for form, items in came_back.items():
        n_broken, n_fixed = _counts(items)
        forms.append(ProbeForm(name=form, n_broken_recovered=n_broken, n_fixed_recovered=n_fixed))
    return _Outcome(*kinds, tuple(forms), reanswered.untried)


def _was_asked(answer: Answer) -> bool:
    """Return False of a prompt that did not fit the context, as one with shots may not."""
    return answer.finish_reason not in ("overlong", "missing")


def _is_right(answer: Answer, level: float) -> bool:
    """Return whether an answer is as good as the other side's was."""
    return answer.score is not None and answer.score >= level - _ROUNDING


def _result(outcome: _Outcome, p_value: float) -> ProbeResult:
    broken, fixed = outcome.both
    recovery, base_recovery = mean_recovery(broken), mean_recovery(fixed)
    return ProbeResult(
        n_broken=len(broken),
        n_fixed=len(fixed),
        forms=outcome.forms,
        recovery=recovery,
        base_recovery=base_recovery,
        difference=recovery - base_recovery,
        difference_interval=recovery_interval(broken, fixed, confidence=CONFIDENCE),
        p_value=p_value,
        is_suppressed=p_value <= LEVEL and recovery > base_recovery,
        untried=outcome.untried,
    )
