"""Takes stored answers over from earlier forms of a question, item by item.

A task that grew or shrank, whose items are in another order or have another limit is another
question, under another key. Its items are not: an answer to the same content, put in the same words
to the same checkpoint under the same protocol and terms, is the answer still.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cliffguard.core.answers import Question
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.errors import StoreError
from cliffguard.core.items import Item, Task
from cliffguard.core.texts import n_things, plural
from cliffguard.store.answers import KnownQuestions, Store
from cliffguard.store.entry import Entry, ShardAnswers

Form = tuple[Entry, Mapping[str, Any]]
"""An entry of a store, and what its question.json says."""

Prompts = Callable[[Sequence[Item]], Sequence[str] | None]
"""From items to the digests of what is asked of them now (None: nobody here knows)."""

OTHER_TERMS = "metric, filter, token limit or stop strings are others, or not noted"
OTHER_PACKING = "prefixes were shared otherwise, which can flip a near-tie below float32"
OTHER_WORDS = "they are put in other words now (shots?)"
UNKNOWN_WORDS = "who answers here cannot say in which words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What earlier forms of a question hold for the items that it asks now.

    `answers` has an answer by item id, and how it came about. `again` counts, by the reason, the
    items with a stored answer that are asked again. `keys` are of the questions that were used.
    """

    answers: Mapping[str, ShardAnswers]
    again: Mapping[str, int]
    keys: frozenset[str] = frozenset()

    def within(self, items: Sequence[Item]) -> dict[str, ShardAnswers]:
        """Return what was found of these items, by their ids."""
        return {item.id: self.answers[item.id] for item in items if item.id in self.answers}

    def tell(self, hear: Callable[[str], None], who: str, n_items: int) -> None:
        """Say a line about each thing that people would not expect."""
        if self.answers:
            hear(
                f"{who}: {len(self.answers):,} of {n_things(n_items, 'answer', ',')} "
                f"{plural(len(self.answers), 'is', 'are')} taken over from an earlier form of the "
                "question"
            )
        for why, n_again in self.again.items():
            hear(f"{who}: {n_again:,} stored answers are asked again: {why}")


NOTHING = Earlier(answers={}, again={})


def find_earlier(
    forms: Forms, question: Question, items: Sequence[Item], prompts: Prompts
) -> Earlier:
    """Return what is stored under earlier forms of a question for these items.

    Raises StoreError where an answer that belongs here is damaged: it is not asked anew in silence.
    """
    if question.replicate:  # which is there to be asked again
        return NOTHING
    stored: dict[str, list[ShardAnswers]] = {}
    others: dict[str, set[str]] = {OTHER_PACKING: set(), OTHER_TERMS: set()}
    packing = _packing(question.preimage())
    keys = set()
    for entry, described in forms.of(question):
        is_packed_otherwise = _packing(described["asked"]) != packing
        if is_packed_otherwise or not has_terms(question.task, entry, described):
            with contextlib.suppress(StoreError):  # nothing of it belongs here
                why = OTHER_PACKING if is_packed_otherwise else OTHER_TERMS
                others[why] |= {single.answers[0].item_digest for single in _answers(entry)}
            continue
        keys.add(entry.folder.name)
        for single in _answers(entry):
            stored.setdefault(single.answers[0].item_digest, []).append(single)
    wanted = [item for item in items if item.digest in stored]
    reasons = (_why(item, stored.keys(), others) for item in items)
    again = Counter(why for why in reasons if why is not None)
    words = prompts(wanted) if wanted else ()
    if words is None:
        again[UNKNOWN_WORDS] += len(wanted)
        wanted, words = [], ()
    earlier: dict[str, ShardAnswers] = {}
    for item, prompt in zip(wanted, words, strict=True):
        alike = [
            single for single in stored[item.digest] if single.answers[0].prompt_digest == prompt
        ]
        # Of copies each has its own answer, as far as they can be told apart.
        alike.sort(key=lambda single: single.answers[0].item_id != item.id)
        if alike:
            answer = replace(alike[0].answers[0], item_id=item.id)
            earlier[item.id] = ShardAnswers(answers=(answer,), notes=alike[0].notes)
        else:
            again[OTHER_WORDS] += 1
    return Earlier(answers=earlier, again=+again, keys=frozenset(keys if earlier else ()))


def _why(item: Item, stored: Collection[str], others: Mapping[str, set[str]]) -> str | None:
    """Return why an item with answers to other questions alone is asked again, or None."""
    if item.digest in stored:
        return None
    return next((why for why, digests in others.items() if item.digest in digests), None)


def together(
    items: Sequence[Item], earlier: Mapping[str, ShardAnswers], new: ShardAnswers
) -> ShardAnswers:
    """Return the answers to `items` in order: those that were found, and those asked just now.

    Where they came about in several ways, the notes name each.
    """
    answers = {answer.item_id: answer for answer in new.answers}
    answers |= {name: stored.answers[0] for name, stored in earlier.items()}
    ways = [stored.notes for stored in earlier.values()] + [new.notes] * bool(new.answers)
    names = sorted({name for notes in ways for name in notes})
    return ShardAnswers(
        answers=tuple(answers[item.id] for item in items),
        notes={name: _joined([n[name] for n in ways if name in n]) for name in names},
    )


def _joined(values: Sequence[str | int]) -> str | int:
    distinct = sorted(set(values), key=str)
    return distinct[0] if len(distinct) == 1 else " and ".join(map(str, distinct))


class Forms:
    """The questions of a store, found by what all forms of a question have in common.

    The store keeps a digest of each, so that of many only those are read that were begun since.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @cached_property
    def _read(self) -> tuple[KnownQuestions, tuple[str, ...]]:
        """Return what is known by now, and where nobody knows what was asked."""
        known, unread = self._store.forms, []
        for entry in self._store.begun_since(known):
            try:
                identity = entry.read_question()["asked"]
            except StoreError as failure:
                unread.append(str(failure))
                continue
            has_forms = isinstance(identity, dict) and "protocol" in identity
            known.add(entry.folder.name, _same(identity) if has_forms else None)
        return known, tuple(unread)

    def tell_damage(self, hear: Callable[[str], None]) -> None:
        """Say where nobody knows what was asked, so that nothing can be taken over."""
        for what in self._read[1]:
            hear(f"{what}; nothing is taken over from it")

    def of(self, question: Question) -> list[Form]:
        """Return the forms of a question but for itself, in order of their keys."""
        keys = self._read[0].sharing(_same(question.preimage()))
        entries = [self._store.entry(key) for key in keys if key != question.key]
        # One that was moved aside meanwhile is none any more.
        there = [entry for entry in entries if (entry.folder / "question.json").is_file()]
        return [(entry, entry.read_question()) for entry in there]


def _same(identity: Mapping[str, Any]) -> bytes:
    """Return a digest of what all forms of a question have in common."""
    apart = {"limit", "packing"}
    protocol = {name: v for name, v in identity["protocol"].items() if name not in apart}
    rest = {k: v for k, v in identity.items() if k not in ("task_digest", "order", "protocol")}
    return hashlib.sha256(canonical_json([rest, protocol]).encode()).digest()[:16]


def _packing(identity: Mapping[str, Any]) -> str | None:
    """Return how prompts were packed, where that is part of the question."""
    packing: str | None = identity["protocol"].get("packing")
    return packing


def has_terms(task: Task, entry: Entry, described: Mapping[str, Any]) -> bool:
    """Return whether an entry, whose question is `described`, was asked under a task's terms."""
    about = described["about"]
    if task.terms is None:
        return False
    if "terms" in about:
        return bool(about["terms"] == task.terms.key)
    # Stored before terms were noted. The task's digest proves them where it can be made again: the
    # items that it was made of, in the order of today's, under today's terms.
    places = {item.id: index for index, item in enumerate(task.items)}
    items = sorted(entry.read_items(), key=lambda item: places.get(item.id, len(places)))
    rows = [(item.id, item.digest, item.level) for item in items]
    if task.terms.digest_of(rows, about.get("limit")) == described["asked"]["task_digest"]:
        return True
    from cliffguard.suites.scorers import BY_LIKELIHOOD  # late: who compares samples scores none

    # By likelihood there is no more to an answer than what is noted.
    noted = (about["metric"], about["filter"], about["shots"])
    is_said = task.metric in BY_LIKELIHOOD and not task.stock and all(i.choices for i in items)
    return is_said and noted == (task.metric, task.filter, task.num_fewshot)


def _answers(entry: Entry) -> Iterator[ShardAnswers]:
    """Yield every answer of an entry by itself, with the notes of its shard."""
    for shard in entry.read_all():
        for answer in shard.answers:
            yield ShardAnswers(answers=(answer,), notes=shard.notes)
