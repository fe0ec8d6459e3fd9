"""Every item that was asked, as a line of items.jsonl has it, in the order of the review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from cliffguard.compare.clusters import shown_copies, tied_by
from cliffguard.compare.counts import Gathered
from cliffguard.compare.diagnosis import Diagnosed
from cliffguard.compare.kept_texts import kept_pattern
from cliffguard.compare.pairs import Pair, counted, level_of, pair_answers
from cliffguard.compare.write_review import Decision
from cliffguard.core.answers import Answer
from cliffguard.core.diagnosis import CauseName
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.item_results import ItemAnswer, ItemResult, ItemText, Uncounted
from cliffguard.core.texts import Texts, ends_of, whole_characters

_NAME_CHARACTERS = 120  # of a cluster; a longer name is a text

Key = tuple[str, str]
"""An item by the name of its task and its id."""


def item_results(decision: Decision, texts: Texts = "short") -> Iterator[ItemResult]:
    """Yield all items that were asked by the look of a decision, whether or not they count.

    The capabilities are in the order of the suites, their items in that of the suite. Answers that
    were asked in advance, for a later look, are not among them. One result is in memory at a time.
    """
    case, look = decision.case, decision.look
    away: dict[str, list[Pair]] = {}
    excluded = pair_answers(look, *decision.measured, excluded=True)
    for pair in tied_by(case.policy, map(counted, excluded)):
        away.setdefault(pair.task.capability, []).append(pair)
    order = {
        (series.task.name, item.id): (number, index)
        for number, series in enumerate(look)
        for index, item in enumerate(series.task.items)
    }
    diagnosed, keys = decision.diagnosed, _pattern_keys(decision.diagnosed, texts)
    for _, capability, items in decision.gathered:
        shown = shown_copies(items.gating, items.counted)
        of_gating = {_key(pair): whole for whole, pair in shown}
        clusters = _clusters(items.counted)
        rows = [*items.rows, *away.get(capability.name, ())]
        for pair in sorted(rows, key=lambda pair: order[_key(pair)]):
            key = _key(pair)
            why = _why(pair, key, of_gating, clusters, items)
            whole = of_gating[key] if why is None else pair
            name = clusters.get(key) or _declared(pair)
            cause, patterns = _reasons(pair, key, diagnosed, keys)
            yield _result(pair, whole, why, name, texts, cause, patterns)


def _pattern_keys(diagnosed: Diagnosed | None, texts: Texts) -> dict[tuple[str, str], str]:
    """Return how the key of a pattern is written, by its capability and itself."""
    capabilities = () if diagnosed is None else diagnosed.record.capabilities
    return {
        (capability.capability, pattern.key): kept_pattern(pattern, texts).key
        for capability in capabilities
        for pattern in capability.patterns
    }


def _reasons(
    pair: Pair, key: Key, diagnosed: Diagnosed | None, keys: dict[tuple[str, str], str]
) -> tuple[CauseName | None, tuple[str, ...]]:
    """Return the cause of an item, and those of its patterns that the review has."""
    if diagnosed is None:
        return None, ()
    patterns = diagnosed.patterns.get(key, ())
    if patterns:
        capability = whole_characters(pair.task.capability)
        mine = ((capability, pattern) for pattern in patterns)
        patterns = tuple(keys[each] for each in mine if each in keys)
    return diagnosed.causes.get(key), patterns


def _key(pair: Pair) -> Key:
    return pair.task.name, pair.item.id


def _why(
    pair: Pair, key: Key, gating: dict[Key, Pair], clusters: dict[Key, str | None], items: Gathered
) -> Uncounted | None:
    """Return why a pair is none of those whose scores are compared; None: it is one."""
    if key in gating:
        return None if gating[key].is_scored else "missing"
    if pair.item.id in pair.task.excluded:
        return "in-training-data"
    if not pair.gates:
        return "not-gating"
    if key in clusters:
        return "copy"
    return "surface" if level_of(pair) in items.surface_levels else "nothing-to-lose"


def _clusters(pairs: Sequence[Pair]) -> dict[Key, str | None]:
    """Return the name of the group of every pair; None where it stands alone.

    It is what its first member with a name of a cluster is called by, else its first member.
    """
    names: dict[int, str] = {}
    for pair in [*filter(_declared, pairs), *pairs]:
        if pair.group is not None:
            names.setdefault(pair.group, _declared(pair) or " ".join(_key(pair)))
    return {_key(pair): None if pair.group is None else names[pair.group] for pair in pairs}


def _declared(pair: Pair) -> str | None:
    return pair.tie or pair.item.cluster


def _result(
    pair: Pair,
    whole: Pair,
    why: Uncounted | None,
    cluster: str | None,
    texts: Texts,
    cause: CauseName | None,
    patterns: tuple[str, ...],
) -> ItemResult:
    """Return what is written of a pair; `whole` is the mean of its copies, if it stands for any."""
    item = pair.item
    return ItemResult(
        item=whole_characters(item.id),
        digest=whole_characters(item.digest),  # of samples, what the other harness wrote
        task=whole_characters(pair.task.name),
        capability=whole_characters(pair.task.capability),
        level=item.level,
        cluster=None if cluster is None else _name(whole_characters(cluster), texts),
        counted=why is None,
        uncounted=why,
        drop=whole.change if whole.is_scored else None,
        n_copies=whole.n_copies if whole.is_scored else 1,
        prompt=kept(item.prompt, texts, item.prompt_sha256),
        choices=_all_kept(item.choices, texts),
        right=_all_kept(item.right, texts),
        base=_answer(pair.base, texts),
        candidate=_answer(pair.candidate, texts),
        cause=cause,
        patterns=patterns,
    )


def _answer(answer: Answer, texts: Texts) -> ItemAnswer:
    return ItemAnswer(
        answer=_kept_again(answer.text, texts),
        score=answer.score,
        confidence=answer.confidence,
        finish_reason=answer.finish_reason,
        parts=answer.parts,
    )


def kept(text: str, texts: Texts, whole: str | None = None) -> ItemText:
    """Return as much of a text as may be written; half a character, which UTF-8 has not, as \ufffd.

    The digest is of the whole: `printf %s TEXT | sha256sum`. `whole` is that digest where `text` is
    but the ends of it.
    """
    text = whole_characters(text)
    shown = text if texts == "full" else ends_of(text) if texts == "short" else None
    return ItemText(text=shown, sha256=whole or sha256_of_text(text))


# Many items have the same choices, of which one is right, and a side says another one.
_kept_again = lru_cache(64)(kept)


@lru_cache(64)
def _all_kept(parts: tuple[str, ...], texts: Texts) -> tuple[ItemText, ...]:
    return tuple([_kept_again(part, texts) for part in parts])


def _name(cluster: str, texts: Texts) -> str:
    """Return a cluster by its name, or by its digest where that name is a text of the data."""
    is_text = texts == "none" or (texts == "short" and len(cluster) > _NAME_CHARACTERS)
    return f"sha256:{sha256_of_text(cluster)}" if is_text else cluster
