"""What probes brought back: which items, which forms, and what is proven by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.probe_results import (
    LEVEL,
    Probes,
    items_to_probe,
    probe_results,
)
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer, FinishReason
from cliffguard.evaluate.probes import Reanswered, Reasked
from tests import support

FORMS = ("three shots", "chat template", "system prompt")

Rights = Sequence[float | None]
"""The score of an item in each form; None: it did not fit the context."""


def counted(number: int, scores: tuple[float, float], cluster: str | None = None) -> CountedItem:
    """Return an item with the scores of base and candidate."""
    item = support.item(number)
    base, candidate = (support.answer(item, score) for score in scores)
    pair = Pair(task=support.task([item]), item=item, base=base, candidate=candidate, look=0)
    return CountedItem(pair=pair, drop=pair.change, cluster=cluster or (pair.task.name, item.id))


def capability(n_broken: int, n_fixed: int) -> list[CountedItem]:
    """Return a capability's items: broken ones, fixed ones, and some that did not change."""
    scores = [(1.0, 0.0)] * n_broken + [(0.0, 1.0)] * n_fixed + [(1.0, 1.0)] * 5
    return [counted(number, pair) for number, pair in enumerate(scores)]


def reanswered(items: Sequence[CountedItem], rights: Sequence[Rights]) -> Reanswered:
    """Return the changed items as asked again, each with its scores by form."""
    changed, _ = items_to_probe({"reasoning": items})
    answers: dict[str, dict[tuple[str, str], Answer]] = {form: {} for form in FORMS}
    for item, scores in zip(changed["reasoning"], rights, strict=True):
        for form, score in zip(FORMS, scores, strict=True):
            answers[form][item.key] = support.answer(item.item, score)
    return Reanswered(items=changed["reasoning"], answers=answers)


def results(capabilities: Mapping[str, tuple[list[CountedItem], Sequence[Rights]]]) -> Probes:
    """Return what came of probes of several capabilities."""
    again = {name: reanswered(items, rights) for name, (items, rights) in capabilities.items()}
    items = {name: items for name, (items, _) in capabilities.items()}
    return probe_results(Reasked(capabilities=again, tokens=7), items, 100, seed=0)


ALL, NONE = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)


def test_recoveries_are_averaged_over_items_and_forms() -> None:
    """Shares, counts by form, the difference and its interval are those of the answers."""
    rights = [ALL, (1.0, 0.0, 0.0), NONE, ALL, (0.0, 1.0, 0.0), NONE, NONE, NONE]

    probes = results({"reasoning": (capability(4, 4), rights)})

    result = probes.results["reasoning"]
    assert (result.n_broken, result.n_fixed) == (4, 4)
    assert result.recovery == pytest.approx(7 / 12)
    assert result.base_recovery == pytest.approx(1 / 12)
    assert result.difference == pytest.approx(0.5)
    assert result.difference_interval.low < 0.5 < result.difference_interval.high
    assert [(f.name, f.n_broken_recovered, f.n_fixed_recovered) for f in result.forms] == [
        ("three shots", 3, 0),
        ("chat template", 2, 1),
        ("system prompt", 2, 0),
    ]
    assert (probes.tokens, probes.run_tokens) == (7, 100)


def test_an_item_recovered_that_is_right_in_most_of_its_forms() -> None:
    """Two of three are most, one of two is not; a form that did not fit does not count."""
    rights = [
        (1.0, 1.0, 0.0),
        (1.0, 0.0, 0.0),
        (None, 1.0, 1.0),
        (None, 1.0, 0.0),
        *[NONE] * 4,
    ]

    items = results({"reasoning": (capability(4, 4), rights)}).items["reasoning"]

    assert items.probed == {("ball", f"item-{n}") for n in range(4)}
    assert items.recovered == {("ball", "item-0"), ("ball", "item-2")}


@pytest.mark.parametrize(
    ("finish_reason", "share"), [("stop", 0.0), ("thinking", 0.0), ("overlong", 1.0)]
)
def test_an_answer_that_nobody_can_read_is_wrong(finish_reason: FinishReason, share: float) -> None:
    """Without a score an answer is no recovery; one that was never given says nothing."""
    items = capability(4, 4)
    again = reanswered(items, [ALL] * 4 + [NONE] * 4)
    forms = {
        form: {
            key: replace(a, score=None, finish_reason=finish_reason) if form != FORMS[0] else a
            for key, a in answers.items()
        }
        for form, answers in again.answers.items()
    }
    reasked = Reasked(capabilities={"reasoning": replace(again, answers=forms)})

    result = probe_results(reasked, {"reasoning": items}, 100, seed=0).results["reasoning"]

    assert result.recovery == pytest.approx((1 + 2 * share) / 3)


def test_a_graded_item_recovers_where_it_reaches_the_other_side() -> None:
    """Of a score between 0 and 1 what the other side had is to be reached, no more."""
    items = [counted(n, (0.75, 0.25)) for n in range(3)]
    items += [counted(3 + n, (0.25, 0.75)) for n in range(3)]
    rights = [(0.75, 0.9, 0.7)] * 3 + [(0.5, 0.5, 0.5)] * 3

    result = results({"reasoning": (items, rights)}).results["reasoning"]

    assert result.recovery == pytest.approx(2 / 3)
    assert result.base_recovery == 0.0


def test_a_difference_is_proven_over_all_capabilities_together() -> None:
    """What one capability proves alone it need not beside others: Holm's procedure."""
    sharp = (capability(3, 3), [ALL] * 3 + [NONE] * 3)
    dull = (capability(3, 3), [NONE] * 6)

    alone, beside = results({"a": sharp}), results({"a": sharp, "b": dull})

    assert (alone.results["a"].p_value, alone.results["a"].is_suppressed) == (0.05, True)
    assert (beside.results["a"].p_value, beside.results["a"].is_suppressed) == (0.1, False)
    assert not beside.items["a"].is_suppressed
    assert beside.results["b"].p_value == 1.0


def test_a_recovery_that_the_base_has_too_is_not_suppression() -> None:
    """All come back on both sides: hard items, and nothing that the fine-tune hid."""
    probes = results({"reasoning": (capability(10, 10), [ALL] * 20)})

    assert probes.results["reasoning"].recovery == 1.0
    assert not probes.results["reasoning"].is_suppressed


def test_clusters_prove_less() -> None:
    """Ten items on one passage that come back together are one."""
    lone = capability(10, 10)
    tied = [replace(item, cluster="passage") if item.is_broken else item for item in lone]
    rights = [ALL] * 10 + [NONE] * 10

    assert results({"r": (lone, rights)}).results["r"].is_suppressed
    assert not results({"r": (tied, rights)}).results["r"].is_suppressed


def test_a_side_without_a_probe_that_fits_is_told() -> None:
    """Where no probe of the base fits its context there is nothing to compare with."""
    rights: list[Rights] = [ALL] * 4 + [(None, None, None)] * 4

    probes = results({"reasoning": (capability(4, 4), rights)})

    assert probes.results == {}
    assert "fits" in probes.why["reasoning"]


def test_the_clearest_loss_comes_first() -> None:
    """Where the tokens do not reach for all, those are probed that broke most clearly."""
    changed, why = items_to_probe(
        {
            "even": capability(20, 20),
            "worst": capability(40, 4),
            "bad": capability(20, 10),
            "well": capability(0, 9),
            "few": capability(1, 2),
        }
    )

    assert list(changed) == ["worst", "bad", "even"]
    assert sorted(why) == ["few", "well"]


def test_what_a_reader_explains_is_not_probed() -> None:
    """On both sides; where nothing else is left, that is why nothing was asked."""
    items = capability(6, 6)
    keys = [item.key for item in items]
    known = {"some": {keys[0], keys[7]}, "broken": set(keys[:6]), "fixed": set(keys[6:])}

    chosen = {name: items_to_probe({"r": items}, explained) for name, explained in known.items()}

    changed, why = chosen["some"]
    assert {item.key for item in changed["r"]} == set(keys[:12]) - known["some"]
    assert why == {}
    assert chosen["broken"] == ({}, {"r": "no broken item is left without a cause"})
    assert "no item was fixed that has no cause" in chosen["fixed"][1]["r"]


@pytest.mark.slow
def test_two_runs_of_one_model_are_seldom_called_suppressed() -> None:
    """Over three capabilities whose items change by chance, at most one run in twenty."""
    source = np.random.default_rng(11)
    n_runs, n_called = 150, 0
    for _ in range(n_runs):
        capabilities = {}
        for name, n_changed in (("a", 8), ("b", 14), ("c", 20)):
            ability = source.beta(1.5, 1.5, size=n_changed)
            n_broken = int(np.clip((source.random(n_changed) < 0.5).sum(), 3, n_changed - 3))
            rights = [tuple(map(float, source.random(3) < chance)) for chance in ability]
            capabilities[name] = (capability(n_broken, n_changed - n_broken), rights)
        probes = results(capabilities)
        n_called += any(result.is_suppressed for result in probes.results.values())

    assert n_called / n_runs <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / n_runs)
