"""Copies and clusters of items: equal questions count once, tied ones are a cluster.

Without this the same twenty-four questions, written forty times, look like a thousand independent
ones, and a verdict errs as often as chance likes. *Copies* are the same prompt with the same
choices (in logged samples the same document under the same prompt). *Tied* are the forms of
one document: other choices, another task, another language of it; and what a cluster of the suite
or the policy names. Groups that touch are one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Capability, Item, Suite, Task
from cliffguard.core.reviews import SAMPLES
from cliffguard.core.settings import Policy

_MOST_OF_A_TASK = 0.5  # a prompt that more of a task's items share is an instruction, no document


def copy_keys(pairs: Sequence[Pair]) -> list[Hashable]:
    """Return of each pair what copies of one question have in common."""
    return [
        (pair.item.digest, pair.base.prompt_digest)
        if pair.task.suite == SAMPLES  # where choices are not always known
        else question_of(pair.item)
        for pair in pairs
    ]


def question_of(item: Item) -> Hashable:
    """Return what an item asks: its prompt and choices, or its content where they do not say it."""
    is_whole_text = not item.choices and not item.prompt.strip()
    if is_whole_text or item.context is not None:
        return item.digest
    return (item.prompt, item.choices)


def document_of(item: Item) -> Hashable:
    """Return what an item asks about, which is its prompt; None for one without."""
    if item.context is not None:  # of the twins of a sentence, which end in other words
        return tuple(sorted(item.choices))
    return item.prompt if item.prompt.strip() else None


def tied_by(policy: Policy, pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield the pairs with what the field says that the policy's `cluster` names."""
    names = {rules.cluster for rules in policy.capabilities.values()} - {None}
    for pair in pairs:
        tie = tie_of(pair.task, pair.item, policy) if names else None
        yield pair if tie is None else replace(pair, tie=tie)


def tie_of(task: Task, item: Item, policy: Policy) -> str | None:
    """Return what an item has in the field that the policy's `cluster` names, if it names one."""
    field = policy.rules(task.capability).cluster
    return task.fields.get(item.id, {}).get(field) if field else None


def cluster_name(task: Task, item: Item, policy: Policy) -> str:
    """Return what an item is tied by: the policy's field, else its own cluster, else itself.

    Unlike the groups of `with_groups`, it is known before anybody answers.
    """
    return tie_of(task, item, policy) or item.cluster or f"{task.name} {item.id}"


def wanting(suites: Sequence[Suite], policy: Policy) -> tuple[Suite, ...]:
    """Return the suites, their tasks wanting the fields that the policy names of documents."""

    def task(task: Task) -> Task:
        rules = policy.rules(task.capability)
        named = filter(None, (rules.cluster, rules.strata))
        return replace(task, wanted=tuple(dict.fromkeys(named)))

    def capability(capability: Capability) -> Capability:
        return replace(capability, tasks=tuple(map(task, capability.tasks)))

    return tuple(
        replace(suite, capabilities=tuple(map(capability, suite.capabilities))) for suite in suites
    )


def refuse_unknown_fields(tasks: Iterable[Task], policy: Policy) -> None:
    """Raise UsageError for a field in `cluster` or `strata` that no document has."""
    had: defaultdict[str, set[str]] = defaultdict(set)
    for task in tasks:
        had[task.capability] |= {name for fields in task.fields.values() for name in fields}
    for name, rules in policy.capabilities.items():
        for key, field in (("cluster", rules.cluster), ("strata", rules.strata)):
            if field is not None and name in had and field not in had[name]:
                raise UsageError(
                    f"policy.capabilities.{name}.{key}: no document has a field {field!r}; name "
                    "one of the logged document, or of `fields` in an item",
                    id="policy.unknown-field",
                )


def with_groups(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs, each with the number of its group; None where it stands alone.

    Groups are the connected components of everything that ties two items, copies included.
    """
    roots = connected(len(pairs), _ties(pairs))
    sizes = Counter(roots)
    if len(sizes) == len(pairs):
        return list(pairs)
    return [
        pair if sizes[group] == 1 else replace(pair, group=group)
        for pair, group in zip(pairs, roots, strict=True)
    ]


def connected(n_items: int, ties: Iterable[Iterable[Hashable]]) -> list[int]:
    """Return for each item a number that it shares with all that it is tied to, over others too.

    Of each kind of tie there is a key for every item, in order; None: it is tied by nothing.
    """
    parents = list(range(n_items))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for of_all in ties:
        keys = list(of_all)
        if len({*keys} - {None}) + keys.count(None) == len(keys):
            continue  # nothing stands twice, as nearly always
        first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
        for index, key in enumerate(keys):
            if key is not None and (other := first[key]) != index:
                parents[root(index)] = root(other)
    return [root(index) for index in range(n_items)]


def _ties(pairs: Sequence[Pair]) -> Iterable[Iterable[Hashable]]:
    """Return, for each kind of tie, what every pair is tied by; None: by nothing."""
    # Copies of samples are alike by their digest.
    yield [None if pair.task.suite == SAMPLES else question_of(pair.item) for pair in pairs]
    yield [pair.item.digest for pair in pairs]
    yield shared_documents([(pair.task.name, _document(pair)) for pair in pairs])
    yield [pair.item.cluster for pair in pairs]
    yield [pair.tie for pair in pairs]


def _document(pair: Pair) -> Hashable:
    if pair.task.suite == SAMPLES:
        return pair.base.prompt_digest if pair.item.prompt.strip() else None
    return document_of(pair.item)


def shared_documents(named: Sequence[tuple[str, Hashable]]) -> list[Hashable]:
    """Return documents, each with its task's name, but for bare instructions: None in their place.

    A bare instruction is of every item.
    """
    documents = [document for _, document in named]
    if len(set(documents)) == len(documents):
        return documents
    n_of_task = Counter(task for task, _ in named)
    bare = {
        document
        for (task, document), n in Counter(named).items()
        if n > max(1, _MOST_OF_A_TASK * n_of_task[task])
    }
    return [None if document in bare else document for document in documents]


def without_copies(pairs: Sequence[Pair]) -> list[Pair]:
    """Return one pair a question: of copies their mean, in the place of the first.

    A question of which one copy has no answer of one side has none: it counts against HELD as any
    such item does, and proves no drop.
    """
    keys = copy_keys(pairs)
    if len(set(keys)) == len(keys):
        return list(pairs)
    groups: dict[Hashable, list[Pair]] = {}
    for key, pair in zip(keys, pairs, strict=True):
        groups.setdefault(key, []).append(pair)
    return [_mean(group) if len(group) > 1 else group[0] for group in groups.values()]


def _mean(copies: Sequence[Pair]) -> Pair:
    # No name of a task, and no order, says which copy stands for all.
    copies = sorted(copies, key=_content)
    missing = next((pair for pair in copies if not pair.is_scored), None)
    if missing is not None:
        return replace(missing, n_copies=len(copies))
    unreadable = (any(p.unreadable[0] for p in copies), any(p.unreadable[1] for p in copies))
    return replace(
        copies[0],
        base=_mean_answer([pair.base for pair in copies]),
        candidate=_mean_answer([pair.candidate for pair in copies]),
        n_copies=len(copies),
        unreadable=unreadable,
    )


def shown_copies(gating: Sequence[Pair], rows: Sequence[Pair]) -> Iterator[tuple[Pair, Pair]]:
    """Yield each pair that counts with the one to show: of copies, one that changed as their mean.

    It is the first with the mean's sign in the order of `_content`.
    """
    copies: defaultdict[Hashable, list[Pair]] = defaultdict(list)
    if any(pair.n_copies > 1 for pair in gating):
        for key, pair in zip(copy_keys(rows), rows, strict=True):
            copies[key].append(pair)
    for pair in gating:
        shown = pair
        if pair.n_copies > 1 and pair.is_scored:
            alike = sorted(copies[copy_keys([pair])[0]], key=_content)
            shown = next((p for p in alike if _sign(p) == _sign(pair)), alike[0])
        yield pair, shown


def _sign(pair: Pair) -> int:
    return pair.is_broken - pair.is_fixed


def _content(pair: Pair) -> tuple[str, ...]:
    sides = (pair.base, pair.candidate)
    return tuple(
        part for answer in sides for part in (answer.finish_reason, answer.text, str(answer.score))
    )


def _mean_answer(answers: Sequence[Answer]) -> Answer:
    return replace(answers[0], score=fmean(float(answer.score or 0.0) for answer in answers))
