"""Why items broke: of each the first cause that fits, counted so that causes add up.

The readers look at one side's answer, beside the other side's: what the better answer has as well
is no cause. So the same readers can be tried on the base's answers to the items that the candidate
gained: between two equal models both shares are alike, whatever the background of a cause is, and
a cause is *found* where the broken items have the larger one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cliffguard.compare.diagnostics.counted import CountedItem, Key, ProbedItems
from cliffguard.compare.diagnostics.declining import declines
from cliffguard.compare.diagnostics.degenerate import goes_on, repeats_itself, says_nothing
from cliffguard.compare.diagnostics.languages import (
    LEAST_LETTERS,
    has_language,
    is_in_another,
    spoken_in,
)
from cliffguard.compare.diagnostics.leaks import (
    Leaks,
    leaks_target,
    offers_label,
    picks_label,
    texts_of,
)
from cliffguard.compare.diagnostics.other_readers import is_readable, reads_right
from cliffguard.compare.diagnostics.pieces import begins_structure
from cliffguard.compare.diagnostics.unread import as_generated
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.diagnosis import CAUSES, CONFIDENCE, CauseCount, CauseName, UntestedCause
from cliffguard.core.reviews import SAMPLES
from cliffguard.stats.clusters import Clustering, clustering
from cliffguard.stats.exact import clustered_interval, fisher_greater
from cliffguard.stats.multiplicity import holm

FOUND_LEVEL = 0.01
"""A cause is found where its adjusted p-value is this or less, over all causes of a report."""

_READ: tuple[CauseName, ...] = (
    "cut", "degenerate", "format", "bad_call", "refusal", "wrong_language", "leak",
)  # fmt: skip
_OF_TEXTS: tuple[CauseName, ...] = ("cut", "degenerate", "format", "refusal", "wrong_language")


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseTable:
    """What broke a capability: causes with items, the commonest first; what was not tested.

    `by_item` has the cause of every broken item.
    """

    causes: tuple[CauseCount, ...]
    untested: tuple[UntestedCause, ...]
    by_item: Mapping[Key, CauseName]


# --- one item ------------------------------------------------------------------------------------


def read_causes(
    item: CountedItem, leaks: Leaks, spoken: frozenset[str] = frozenset()
) -> frozenset[CauseName]:
    """Return every cause that fits a changed item: all that its worse answer shows.

    That is the candidate's of a broken item, and the base's of one that was fixed. `spoken` are
    languages that the short answers of all changed items are in (`languages_of`).
    """
    pair = item.pair
    worse, better = _worse(item), _better(item)
    if worse.finish_reason == "choice":
        is_leak = picks_label(leaks, pair.item, worse.text)
        return frozenset({"leak"}) if is_leak else frozenset()
    if worse.finish_reason in ("missing", "overlong"):
        return frozenset()
    task, question = pair.task, pair.item
    fits: dict[CauseName, bool] = {
        "degenerate": _is_degenerate(worse) and not _is_degenerate(better),
        "format": reads_right(
            task, question, worse, side=int(item.is_broken), good=better.score or 0.0
        ),
        "refusal": _declines(pair, worse) and not _declines(pair, better),
        "wrong_language": _is_in_another(pair, worse, better, spoken),
        "leak": leaks_target(leaks, task, question, worse.text)
        and not leaks_target(leaks, task, question, better.text),
    }
    by_itself = any(is_fit for cause, is_fit in fits.items() if cause != "format")
    fits["cut"] = _is_cut(worse, better, is_wrong_anyway=by_itself)
    return frozenset(cause for cause, is_fit in fits.items() if is_fit)


def _is_cut(worse: Answer, better: Answer, *, is_wrong_anyway: bool) -> bool:
    """Return whether one goes on behind its end, or the limit cut what would have been an answer.

    A circle, a refusal, another language, a label, or the beginning of a structure that the better
    one has not would be as wrong without a limit; `compare.evidence.truncation_sensitivity` leaves
    out circles as well.
    """
    if better.is_cut or goes_on(better.text):
        return False
    if goes_on(worse.text):
        return True
    is_structure = begins_structure(worse.text) and not begins_structure(better.text)
    return worse.is_cut and not is_wrong_anyway and not is_structure


def _is_degenerate(answer: Answer) -> bool:
    """Return whether it is empty, or repeats itself; what a stop string emptied was cut."""
    is_emptied = answer.finish_reason in ("stopped", "thinking")
    return repeats_itself(answer.text) or (not is_emptied and says_nothing(answer.text))


def _declines(pair: Pair, answer: Answer) -> bool:
    right = pair.item.right[0] if texts_of(pair.task, pair.item) else ""
    return declines(answer.text, prompt=pair.item.prompt, right=right)


def _is_in_another(pair: Pair, worse: Answer, better: Answer, spoken: frozenset[str]) -> bool:
    right = " ".join(texts_of(pair.task, pair.item))
    return is_in_another(
        worse.text, good=better.text, right=right, prompt=pair.item.prompt, spoken=spoken
    )


def languages_of(items: Sequence[CountedItem]) -> frozenset[str]:
    """Return the languages of the changed items' short answers, where better ones are in another.

    Both sides' worse answers are read together, so that what fits a reader does not depend on
    which side gave it.
    """
    changed = [item for item in items if item.drop and _worse(item).finish_reason != "choice"]
    better = [_better(item).text for item in changed]
    return spoken_in([_worse(item).text for item in changed], better)


# --- a capability --------------------------------------------------------------------------------


def count_causes(
    capabilities: Mapping[str, Sequence[CountedItem]],
    leaks: Leaks,
    probes: Mapping[str, ProbedItems | None],
) -> Mapping[str, CauseTable]:
    """Return the causes of every capability's broken items.

    `probes` says which of them were asked again; None, or no entry: none was. Causes are found, or
    not, over all capabilities together (Holm). Those that no changed answer fits are no part of
    that: given how many fit, such a test can find nothing (Tarone 1990, Biometrics 46:515-522).
    """
    read = {name: _ChangedItems(items, leaks) for name, items in capabilities.items()}
    p_values = {
        (name, cause): of.p_value(cause)
        for name, of in read.items()
        for cause in of.tested
        if of.n_fits(cause)
    }
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return {
        name: of.table(
            probes.get(name), {cause: adjusted.get((name, cause), 1.0) for cause in of.tested}
        )
        for name, of in read.items()
    }


_Fits = Sequence[tuple[CountedItem, frozenset[CauseName]]]


class _ChangedItems:
    """A capability's changed items, each with all causes that fit it."""

    def __init__(self, items: Sequence[CountedItem], leaks: Leaks) -> None:
        spoken = languages_of(items)
        fits = [(row, read_causes(row, leaks, spoken)) for row in items if row.drop]
        self.broken: _Fits = [(row, causes) for row, causes in fits if row.is_broken]
        self.fixed: _Fits = [(row, causes) for row, causes in fits if row.is_fixed]
        self.untested = tuple(self._untested(items, leaks))
        missing = {cause.cause for cause in self.untested}
        self.tested = tuple(cause for cause in _READ if cause not in missing)

    def n_fits(self, cause: CauseName) -> int:
        """Return how many changed answers fit the reader of a cause."""
        return _n_fitting(self.broken, cause) + _n_fitting(self.fixed, cause)

    def p_value(self, cause: CauseName) -> float:
        """Return Fisher's p-value of "the broken fit no oftener than the fixed".

        What falls together counts as fewer items: counts are divided by the design effect of both
        sides together, as it is where both fit alike (Rao and Scott 1992, Biometrics 48:577-585),
        and rounded against the cause.
        """
        effect = _clusters([*self.broken, *self.fixed], cause).design_effect
        hits, other_hits = _n_fitting(self.broken, cause), _n_fitting(self.fixed, cause)
        misses, other_misses = len(self.broken) - hits, len(self.fixed) - other_hits
        hits, other_misses = math.floor(hits / effect), math.floor(other_misses / effect)
        misses, other_hits = math.ceil(misses / effect), math.ceil(other_hits / effect)
        return fisher_greater(hits, hits + misses, other_hits, other_hits + other_misses)

    def table(self, probes: ProbedItems | None, p_found: Mapping[CauseName, float]) -> CauseTable:
        """Return the counts, given the adjusted p-values of the causes that were tested."""
        by_item = {row.key: self._cause(row, fits, probes) for row, fits in self.broken}
        untested = self.untested
        if probes is None:
            why = "the broken items were not asked again by probes"
            untested += (UntestedCause(cause="suppressed", why=why),)
        times = Counter(by_item.values())
        order = sorted(times, key=lambda cause: (-times[cause], CAUSES.index(cause)))
        return CauseTable(
            causes=tuple(self._count(cause, by_item, p_found.get(cause)) for cause in order),
            untested=tuple(sorted(untested, key=lambda row: CAUSES.index(row.cause))),
            by_item=by_item,
        )

    def _cause(
        self, item: CountedItem, fits: frozenset[CauseName], probes: ProbedItems | None
    ) -> CauseName:
        for cause in self.tested:
            if cause in fits:
                return cause
        if probes is None or item.key not in probes.probed:
            return "unprobed"
        is_back = probes.is_suppressed and item.key in probes.recovered
        return "suppressed" if is_back else "lost"

    def _count(
        self, cause: CauseName, by_item: Mapping[Key, CauseName], p_found: float | None
    ) -> CauseCount:
        rows = [(row, frozenset({by_item[row.key]})) for row, _ in self.broken]
        n_items = _n_fitting(rows, cause)
        interval = clustered_interval(
            n_hits=n_items,
            n_items=len(rows),
            clusters=_clusters(rows, cause),
            confidence=CONFIDENCE,
        )
        return CauseCount(
            cause=cause,
            n_items=n_items,
            loss=math.fsum(row.drop for row, causes in rows if cause in causes),
            share=n_items / len(rows),
            share_interval=interval,
            n_fits_broken=_n_fitting(self.broken, cause),
            n_fits_fixed=_n_fitting(self.fixed, cause),
            p_found=p_found,
            # Only what probes have proven is ever counted as suppressed.
            is_found=cause == "suppressed" or (p_found is not None and p_found <= FOUND_LEVEL),
        )

    def _untested(self, items: Sequence[CountedItem], leaks: Leaks) -> Iterator[UntestedCause]:
        generated = [item for item in items if item.pair.candidate.finish_reason != "choice"]
        why: dict[CauseName, str] = {"bad_call": "no item here asks for a tool"}
        if not generated:
            why |= dict.fromkeys(_OF_TEXTS, "all items are choices")
            if not any(offers_label(leaks, item.pair.item) for item in items):
                why["leak"] = "no item offers a label of the target among other choices"
        else:
            why |= self._unread(generated)
        if leaks.why:
            why["leak"] = leaks.why
        return (UntestedCause(cause=cause, why=reason) for cause, reason in why.items())

    def _unread(self, generated: Sequence[CountedItem]) -> Mapping[CauseName, str]:
        """Return which readers have nothing to read in generated answers."""
        why: dict[CauseName, str] = {}
        if not any(is_readable(item.pair.task) for item in generated):
            why["format"] = "the metric is about all of the text"
        if all(item.pair.task.suite == SAMPLES for item in generated) and not self.n_fits("cut"):
            why["cut"] = "logged samples do not say how an answer ended"
        is_told = any(has_language(_worse(item).text) for item in generated if item.drop)
        if not is_told and not self.n_fits("wrong_language"):
            why["wrong_language"] = f"no answer that changed has {LEAST_LETTERS} letters of prose"
        return why


def _worse(item: CountedItem) -> Answer:
    return as_generated(item.pair, int(item.is_broken))


def _better(item: CountedItem) -> Answer:
    return as_generated(item.pair, int(not item.is_broken))


def _n_fitting(rows: _Fits, cause: CauseName) -> int:
    return sum(cause in fits for _, fits in rows)


def _clusters(rows: _Fits, cause: CauseName) -> Clustering:
    return clustering([float(cause in fits) for _, fits in rows], [row.cluster for row, _ in rows])
