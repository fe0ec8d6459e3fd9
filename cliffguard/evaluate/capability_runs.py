"""A capability as one run asks it, known by the content of its items and not by its name.

Half of the smaller set of items has to be in the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from heapq import nsmallest

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest, digest_of_rows
from cliffguard.core.chats import effective
from cliffguard.core.errors import UsageError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.items import Task
from cliffguard.core.reviews import TakenLooks
from cliffguard.core.settings import EvalSettings
from cliffguard.core.texts import n_things, plural
from cliffguard.evaluate.schedule import Schedule
from cliffguard.stats.sequential import DROP_SPENDING, spent_share

TOGETHER = ""
"""The name of all capabilities that gate, where they are tested as one."""

_N_SKETCHED = 64  # items by which a set is known again
_N_DIGITS = 16
_OF_SAMPLES = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityRun:
    """A capability as one run asks it: its items by content, and when it is judged.

    `how` it is asked is a digest of the protocol, but for what only says how much is asked: under
    another one the questions are others. `digest` is the same wherever the same answers are judged
    at the same looks. `answers` by item are known of logged samples alone, and which of these have
    `changed` between the sides.
    """

    capability: str
    how: str
    digest: str
    items: Set[str]
    planned: tuple[int, ...]
    spends_evenly: bool
    answers: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()

    def is_of(self, taken: TakenLooks) -> bool:
        """Return whether these looks were taken by this very run, as far as it had come."""
        return taken.run == self.digest and set(taken.counted) <= set(self.planned)

    def share(self, counted: Sequence[int]) -> float:
        """Return which part of its level the run has spent once these looks were taken."""
        if not self.spends_evenly:
            return 1.0
        # Of the two rules the one that spends more at any look.
        return spent_share(min(1.0, counted[-1] / self.planned[-1]), DROP_SPENDING)

    def is_related(self, taken: TakenLooks) -> bool:
        """Return whether these looks and this run share half of the smaller set of items."""
        if (taken.capability == TOGETHER) != (self.capability == TOGETHER) or taken.how != self.how:
            return False
        n_found = sum(item in self.items for item in taken.sketch)
        is_part = taken.n_items > len(taken.sketch) > 0
        if is_part and not n_found and min(self.items, default="") > taken.sketch[-1]:
            # Few items among many, none of which could be in the sketch: the name has to tell.
            return taken.capability == self.capability
        n_shared = taken.n_items * n_found / max(1, len(taken.sketch))
        return n_found > 0 and 2 * n_shared >= min(taken.n_items, len(self.items))

    @property
    def sketch(self) -> tuple[str, ...]:
        """The least of the items' digests: as good as drawn at random, and the same every time."""
        return tuple(nsmallest(_N_SKETCHED, self.items))


def runs_of(
    schedule: Schedule,
    protocol: EvalSettings,
    dtype: str,
    questions: Mapping[str, Sequence[str]],
    gating: Collection[str],
) -> tuple[CapabilityRun, ...]:
    """Return what a run asks of each capability, and of all that gates together.

    `dtype` is what the protocol's comes to, as in a question's key; `questions` are the keys of
    both sides' answers to each task.
    """
    runs = []
    for looks in schedule.manifest():
        capability_series = [
            series for series in schedule.everything() if series.task.capability == looks.capability
        ]
        keys = [sorted(questions[series.task.name]) for series in capability_series]
        runs.append(
            CapabilityRun(
                capability=looks.capability,
                how=_how(protocol, dtype, [series.task for series in capability_series]),
                digest=digest([looks.order, list(looks.n_items), looks.spending, keys]),
                items=frozenset(
                    short(item.digest)
                    for series in capability_series
                    for item in series.items
                    if series.task.gates(item)
                ),
                planned=looks.n_items,
                spends_evenly=looks.spending not in ("one look", "betting"),
            )
        )
    return (*runs, *_together([run for run in runs if run.capability in gating]))


def _how(protocol: EvalSettings, dtype: str, tasks: Sequence[Task]) -> str:
    """Return a digest of how a capability is asked, whatever else the run asks beside it."""
    kinds = {task.are_chats for task in tasks}
    if len(kinds) == 1:
        protocol = effective(protocol, are_chats=kinds.pop())
    how = {**asdict(replace(protocol, limit=None, repeats=1, seed=0)), "dtype": dtype}
    del how["packing"]  # it flips near-ties at most: no other question, and no alpha anew
    return digest(how)


def _together(runs: Sequence[CapabilityRun]) -> list[CapabilityRun]:
    if len(runs) < 2:
        return []
    return [
        CapabilityRun(
            capability=TOGETHER,
            how=runs[0].how,
            digest=digest([run.digest for run in runs]),
            items=frozenset().union(*(run.items for run in runs)),
            planned=(sum(run.planned[-1] for run in runs),),
            spends_evenly=False,
        )
    ]


def runs_of_samples(
    tasks: Sequence[Task], sides: Sequence[Mapping[str, Sequence[Answer]]], gating: Collection[str]
) -> tuple[CapabilityRun, ...]:
    """Return what is judged of logged samples: by what each document is, and what both scored."""
    scores: dict[str, dict[str, list[str]]] = {}
    changed: dict[str, set[str]] = {}
    for task in tasks:
        item_scores = scores.setdefault(task.capability, {})
        answers = zip(*(side[task.name] for side in sides), strict=True)
        for item, (base, candidate) in zip(task.items, answers, strict=True):
            name = short(item.digest)
            item_scores.setdefault(name, []).append(f"{base.score} {candidate.score}")
            if base.score != candidate.score:
                changed.setdefault(task.capability, set()).add(name)
    runs = []
    for name, by_item in scores.items():
        in_short: dict[str, str] = {}  # few scores are told apart, of any number of items
        outcomes = {
            item: _memoised(both[0] if len(both) == 1 else " ".join(sorted(both)), in_short)
            for item, both in by_item.items()
        }
        n_items = sum(len(both) for both in by_item.values())
        runs.append(
            CapabilityRun(
                capability=name,
                how=_OF_SAMPLES,
                digest=digest_of_rows(sorted(outcomes.items())),
                items=outcomes.keys(),
                planned=(n_items,),
                spends_evenly=False,
                answers=outcomes,
                changed=frozenset(changed.get(name, ())),
            )
        )
    return (*runs, *_together([run for run in runs if run.capability in gating]))


def _memoised(text: str, known: dict[str, str]) -> str:
    if text not in known:
        known[text] = short(text)
    return known[text]


def refuse_other_sides(runs: Sequence[CapabilityRun], known: Sequence[TakenLooks]) -> None:
    """Raise UsageError unless looks at logged samples were at these ones, or at some of them."""
    answers = {item: answer for run in runs for item, answer in run.answers.items()}
    changed = frozenset().union(*(run.changed for run in runs))
    shared = [
        (item, answers[item] == answer)
        for taken in known
        for item, answer in zip(taken.sketch, taken.answers, strict=False)
        if item in answers
    ]
    n_alike = sum(is_alike for _, is_alike in shared)
    # Most answers are alike on any two sides: what changed tells these two from others.
    flips = [is_alike for item, is_alike in shared if item in changed]
    is_foreign = len(flips) >= _LEAST_FLIPS and sum(flips) < len(flips) / 2
    if not shared or n_alike < _LEAST_ALIKE * len(shared) or is_foreign:
        what = "none of its samples are in these folders"
        if shared:
            n_other = len(shared) - n_alike
            what = (
                f"{n_other} of {n_things(len(shared), 'sample')} that were looked up "
                f"{plural(n_other, 'has', 'have')} other scores here"
            )
        raise UsageError(
            f"--after: the review is of other sides: {what}; name the review of fewer samples of "
            "these two, or leave it out",
            id="after.other-sides",
        )


_LEAST_FLIPS = 3
_LEAST_ALIKE = 0.95  # of the scores; a model that is asked again in other batches flips some


def short(text: str) -> str:
    """Return the beginning of a text's digest."""
    return sha256_of_text(text)[:_N_DIGITS]
