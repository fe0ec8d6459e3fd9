"""Why items broke: of each the first cause that fits, counted so that causes add up.

The readers look at one side's answer, beside a better one: what that has as well is no cause. So
the same readers can be tried on every wrong answer of both sides (`wrong_answers`): between two
equal models both shares are alike, whatever the background of a cause is, and a cause is *found*
where the candidate has the larger one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cliffguard.compare.diagnostics.bad_calls import is_bad_call
from cliffguard.compare.diagnostics.counted import CountedItem, Key, ProbedItems
from cliffguard.compare.diagnostics.declining import declines
from cliffguard.compare.diagnostics.degenerate import goes_on, repeats_itself, says_nothing
from cliffguard.compare.diagnostics.languages import is_in_another, spoken_in
from cliffguard.compare.diagnostics.leaks import (
    Leaks,
    leaks_target,
    picks_label,
    texts_of,
)
from cliffguard.compare.diagnostics.other_readers import reads_right
from cliffguard.compare.diagnostics.pieces import begins_structure
from cliffguard.compare.diagnostics.unread import as_generated
from cliffguard.compare.diagnostics.untested import untested_causes
from cliffguard.compare.diagnostics.wrong_answers import (
    Fits,
    WrongAnswers,
    both_wrong,
    n_fitting,
    right_of_candidate,
)
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.diagnosis import (
    CAUSES,
    CONFIDENCE,
    OF_PROBES,
    READ,
    CauseCount,
    CauseName,
    UntestedCause,
)
from cliffguard.stats.clusters import clustering
from cliffguard.stats.exact import clustered_interval
from cliffguard.stats.multiplicity import holm

FOUND_LEVEL = 0.01
"""A cause is found where its adjusted p-value is this or less, over all causes of a report."""

_MAY_BE_CUT: tuple[CauseName, ...] = ("format", "bad_call")  # what a limit makes of a right answer
_SAYS_SOMETHING = "x"  # where the right answer is no text


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
    return _shown(item.pair, int(item.is_broken), item.better, leaks, spoken)


def read_unchanged(
    item: CountedItem, leaks: Leaks, spoken: frozenset[str] = frozenset(), *, side: int
) -> frozenset[CauseName]:
    """Return every cause that fits a side's answer (1: the candidate's) where both are wrong.

    No answer is the better one there, so the right answer stands in for it.
    """
    return _shown(item.pair, side, None, leaks, spoken)


def _right_answer(pair: Pair) -> Answer:
    rights = texts_of(pair.task, pair.item)
    text = rights[0] if rights else _SAYS_SOMETHING
    return replace(pair.base, text=text, score=1.0, finish_reason="stop")


def _shown(
    pair: Pair, side: int, better: Answer | None, leaks: Leaks, spoken: frozenset[str]
) -> frozenset[CauseName]:
    """Return what a side's answer shows that a better one does not; None: the right answer."""
    worse = as_generated(pair, side)
    if worse.finish_reason == "choice":
        is_leak = picks_label(leaks, pair.item, worse.text)
        return frozenset({"leak"}) if is_leak else frozenset()
    if worse.finish_reason in ("missing", "overlong"):
        return frozenset()
    task, question = pair.task, pair.item
    better = _right_answer(pair) if better is None else better
    fits: dict[CauseName, bool] = {
        "degenerate": _is_degenerate(worse) and not _is_degenerate(better),
        "format": reads_right(task, question, worse, side=side, good=better.score or 0.0),
        "bad_call": is_bad_call(task, question, worse) and not is_bad_call(task, question, better),
        "refusal": _declines(pair, worse) and not _declines(pair, better),
        "wrong_language": _is_in_another(pair, worse, better, spoken),
        "leak": leaks_target(leaks, task, question, worse.text)
        and not leaks_target(leaks, task, question, better.text),
    }
    by_itself = any(is_fit for cause, is_fit in fits.items() if cause not in _MAY_BE_CUT)
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
    changed = [item for item in items if item.drop and item.worse.finish_reason != "choice"]
    better = [item.better for item in changed]
    return spoken_in([item.worse.text for item in changed], [answer.text for answer in better])


# --- a capability --------------------------------------------------------------------------------


def count_causes(
    capabilities: Mapping[str, Sequence[CountedItem]],
    leaks: Leaks,
    probes: Mapping[str, ProbedItems | None],
) -> Mapping[str, CauseTable]:
    """Return the causes of every capability's broken items.

    `probes` says which of them were asked again; None, or no entry: none was. Causes are found, or
    not, over all capabilities together (Holm). Those that so few wrong answers fit that nothing
    could be found are no part of that (Tarone 1990, Biometrics 46:515-522).
    """
    read = {name: _ReadItems(items, leaks) for name, items in capabilities.items()}
    p_values = {
        (name, cause): of.wrong.p_value(cause)
        for name, of in read.items()
        for cause in of.tested
        if of.wrong.n_fits(cause) and of.wrong.attainable_p(cause) <= FOUND_LEVEL
    }
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return {
        name: of.table(
            probes.get(name),
            {cause: adjusted.get((name, cause), 1.0) for cause in of.tested},
            n_tests=len(p_values),
        )
        for name, of in read.items()
    }


def explained(capabilities: Mapping[str, Sequence[CountedItem]], leaks: Leaks) -> frozenset[Key]:
    """Return the changed items whose worse answer some reader explains: no probe need ask them."""
    changed = [[item for item in items if item.drop] for items in capabilities.values()]
    rows = ((item, spoken) for of in changed for spoken in (languages_of(of),) for item in of)
    return frozenset(item.key for item, spoken in rows if read_causes(item, leaks, spoken))


class _ReadItems:
    """A capability's wrong answers, each with all causes that fit it."""

    def __init__(self, items: Sequence[CountedItem], leaks: Leaks) -> None:
        spoken = languages_of(items)
        changed = [(row, read_causes(row, leaks, spoken)) for row in items if row.drop]
        self.broken: Fits = [(row, causes) for row, causes in changed if row.is_broken]
        self.fixed: Fits = [(row, causes) for row, causes in changed if row.is_fixed]
        same = both_wrong(items)
        candidate, base = (
            [(row, read_unchanged(row, leaks, spoken, side=side)) for row in same]
            for side in (1, 0)
        )
        good = right_of_candidate(items)
        right = [(row, read_unchanged(row, leaks, spoken, side=1)) for row in good]
        self.wrong = WrongAnswers([*self.broken, *candidate], [*self.fixed, *base], right)
        self.untested = tuple(untested_causes(items, leaks, shown=self.wrong.causes))
        missing = {cause.cause for cause in self.untested}
        self.tested = tuple(cause for cause in READ if cause not in missing)

    def table(
        self, probes: ProbedItems | None, p_found: Mapping[CauseName, float], *, n_tests: int
    ) -> CauseTable:
        """Return the counts, given the p-values adjusted over `n_tests` of the causes tested."""
        by_item = {row.key: self._cause(row, fits, probes) for row, fits in self.broken}
        untested = self.untested
        if probes is None:
            why = "the broken items were not asked again by probes"
            untested += (UntestedCause(cause="suppressed", why=why),)
        times = Counter(by_item.values())
        order = sorted(times, key=lambda cause: (-times[cause], CAUSES.index(cause)))
        probed = frozenset() if probes is None else probes.probed
        counts = (self._count(cause, by_item, probed) for cause in order)
        return CauseTable(
            causes=tuple(self._compared(count, p_found, n_tests) for count in counts),
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
        self, cause: CauseName, by_item: Mapping[Key, CauseName], probed: frozenset[Key]
    ) -> CauseCount:
        """Return how many have a cause, among all or among those that were asked again."""
        rows: Fits = [(row, frozenset({by_item[row.key]})) for row, _ in self.broken]
        n_items = n_fitting(rows, cause)
        among = [row for row in rows if row[0].key in probed] if cause in OF_PROBES else rows
        fits = [float(cause in causes) for _, causes in among]
        interval = clustered_interval(
            n_hits=n_items,
            n_items=len(among),
            clusters=clustering(fits, [row.cluster for row, _ in among]),
            confidence=CONFIDENCE,
        )
        return CauseCount(
            cause=cause,
            n_items=n_items,
            loss=math.fsum(row.drop for row, causes in rows if cause in causes),
            n_among=len(among),
            share=n_items / len(among),
            share_interval=interval,
            n_fits_broken=n_fitting(self.broken, cause),
            n_fits_fixed=n_fitting(self.fixed, cause),
            p_found=None,
            # Only what probes have proven is ever counted as suppressed.
            is_found=cause == "suppressed",
        )

    def _compared(
        self, count: CauseCount, p_found: Mapping[CauseName, float], n_tests: int
    ) -> CauseCount:
        """Return a count with what came of comparing the wrong answers of both sides."""
        cause, wrong = count.cause, self.wrong
        p_value = p_found.get(cause)
        if p_value is None:
            return count
        return replace(
            count,
            n_fits_candidate=n_fitting(wrong.candidate, cause),
            n_wrong_candidate=len(wrong.candidate),
            n_fits_base=n_fitting(wrong.base, cause),
            n_wrong_base=len(wrong.base),
            is_comparable=wrong.is_style(cause)  # as it is, with right answers
            or max(1, n_tests) * wrong.least_p(cause) <= FOUND_LEVEL,
            p_found=p_value,
            is_found=p_value <= FOUND_LEVEL,
        )
