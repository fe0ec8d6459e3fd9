"""Word n-grams: how much of one text another one holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_WORDS = 3
"""Words in a run. `reports/overlap/` says what longer and shorter ones find."""

_BATCH_WORDS = 2_000_000  # read at a time; some hundred bytes each while they are
_TO_THE_LAST = 0.3  # of a text's weight, its commonest runs, is looked up among survivors only
_SPARSE = 8  # texts for each that holds something, from which on sorting is faster than summing
_FINENESS = 9  # decimals within which sums of shares are equal
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no word is lost modulo 2^64

Whole = NDArray[np.int64]
Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """What is looked for in one text: its distinct runs of words, and what each is worth.

    `numbers` are those of an Index; `weights` sum to 1.
    """

    numbers: Whole
    weights: Real


class Index:
    """Which of many texts hold which runs of words; only the runs of `wanted` texts are kept."""

    def __init__(self, wanted: Iterable[Sequence[str]]) -> None:
        """Number the runs of the wanted texts, each a sequence of words."""
        self._vocabulary: dict[str, int] = {}
        hashes = []
        for text in wanted:
            for word in text:
                self._vocabulary.setdefault(word, len(self._vocabulary) + 1)
            hashes.append(self._hashes(self._spelled(text)))
        self._known = np.unique(np.concatenate([*hashes, np.empty(0, np.uint64)]))
        self._holders = np.empty(0, np.int64)
        self._starts = np.zeros(len(self._known) + 1, np.int64)

    def read(self, texts: Iterable[Sequence[str]]) -> None:
        """Note which texts hold which of the wanted runs; texts are known by their place."""
        batches = [np.empty(0, np.int64)]
        batch: list[int] = []
        owners: list[int] = []
        for position, text in enumerate(texts):
            # A gap of unknown words keeps a run from reaching into the next text.
            spelled = [*self._spelled(text), *([0] * (N_WORDS - 1))]
            batch += spelled
            owners += [position] * len(spelled)
            if len(batch) >= _BATCH_WORDS:
                batches.append(self._run_keys(batch, owners))
                batch, owners = [], []
        batches.append(self._run_keys(batch, owners))
        keys = _distinct(np.concatenate(batches))
        runs, self._holders = np.divmod(keys, 1 << 32)
        self._starts = np.searchsorted(runs, np.arange(len(self._known) + 1))

    def runs(self, text: Sequence[str]) -> Whole:
        """Return the numbers of the distinct runs of a wanted text."""
        hashes = np.unique(self._hashes(self._spelled(text)))
        return np.searchsorted(self._known, hashes).astype(np.int64)

    def closest(self, wanted: Runs, least: float) -> list[tuple[int, float]]:
        """Return the texts that hold at least this share of the wanted weight, best first."""
        # Rare runs first: they are held by few texts, and weigh most.
        n_holders = self._starts[wanted.numbers + 1] - self._starts[wanted.numbers]
        order = np.argsort(n_holders, kind="stable")
        weights, numbers = wanted.weights[order], wanted.numbers[order]
        summed = np.cumsum(weights)
        # What no text holds is lost to all: with too much of it, none can have enough.
        if float(weights[n_holders[order] == 0].sum()) > 1.0 - least + 10.0**-_FINENESS:
            return []
        # Sum over the rare runs; a text that could not reach `least` even with all of the common
        # ones is out, and the common runs, held by many, are looked up among the survivors only.
        n_first = int(np.searchsorted(summed, 1.0 - _TO_THE_LAST)) + 1
        first = [self._of(run) for run in numbers[:n_first]]
        at_most = 1.0 - float(summed[min(n_first, len(summed)) - 1])
        texts, shares = _held(first, weights[:n_first], least - at_most - 10.0**-_FINENESS)
        for run, weight in zip(numbers[n_first:], weights[n_first:], strict=True):
            shares = shares + weight * _is_among(texts, self._of(run))
        shares = np.round(shares, _FINENESS)
        matches = [(int(t), float(s)) for t, s in zip(texts, shares, strict=True) if s >= least]
        return sorted(matches, key=lambda match: (-match[1], match[0]))

    def in_order(self, text: Sequence[str]) -> Whole:
        """Return the run at each place of a text, as its number; -1 where none is wanted."""
        return self._numbered(self._spelled(text))

    def _spelled(self, text: Sequence[str]) -> list[int]:
        return [self._vocabulary.get(word, 0) for word in text]

    def _numbered(self, spelled: Sequence[int]) -> Whole:
        hashes = self._hashes(spelled)
        if not len(self._known):
            return np.full(len(hashes), -1, np.int64)
        places = np.minimum(np.searchsorted(self._known, hashes), len(self._known) - 1)
        return np.where(self._known[places] == hashes, places, -1)

    def _hashes(self, spelled: Sequence[int]) -> NDArray[np.uint64]:
        """Return one number for each run, in the order of the text."""
        n_runs = max(0, len(spelled) - N_WORDS + 1)
        numbers = np.asarray(spelled, dtype=np.uint64)
        hashes = np.zeros(n_runs, dtype=np.uint64)
        for shift in range(N_WORDS):
            hashes = hashes * _FACTOR + numbers[shift : shift + n_runs]  # modulo 2^64
        return hashes

    def _run_keys(self, batch: Sequence[int], owners: Sequence[int]) -> Whole:
        """Return a key for each wanted run that a text of the batch holds."""
        runs = self._numbered(batch)
        texts = np.asarray(owners, dtype=np.int64)[: len(runs)]
        return _distinct((runs[runs >= 0] << 32) + texts[runs >= 0])

    def _of(self, run: int) -> Whole:
        """Return the texts that hold a run, in order."""
        return self._holders[self._starts[run] : self._starts[run + 1]]


def share_within(runs: Whole, wanted: Runs, n_words: int) -> float:
    """Return the largest share of the wanted weight in `n_words` words in a row of a text.

    `runs` are those of the text in their order, as an Index numbers them.
    """
    worth = dict(zip(wanted.numbers.tolist(), wanted.weights.tolist(), strict=True))
    places = np.flatnonzero(np.isin(runs, wanted.numbers)).tolist()
    count = dict.fromkeys(worth, 0)
    # A window slides over the wanted runs; a run that stands in it twice is worth its weight once.
    first, inside, best = 0, 0.0, 0.0
    for position in places:
        run = int(runs[position])
        inside += worth[run] if count[run] == 0 else 0.0
        count[run] += 1
        # A run at place i ends N_WORDS - 1 words later: what begins too far back falls out.
        while places[first] <= position - (n_words - N_WORDS + 1):
            left = int(runs[places[first]])
            count[left] -= 1
            inside -= worth[left] if count[left] == 0 else 0.0
            first += 1
        best = max(best, inside)
    return round(best, _FINENESS)


def _held(holders: Sequence[Whole], weights: Real, least: float) -> tuple[Whole, Real]:
    """Return the texts that hold at least `least` in all, and what they hold."""
    every = np.concatenate(holders)
    held = np.repeat(weights, [len(holder) for holder in holders])
    n_texts = int(every.max()) + 1 if len(every) else 0
    if n_texts > _SPARSE * len(every):
        texts, places = np.unique(every, return_inverse=True)
        sums: Real = np.bincount(places, weights=held).astype(np.float64)
        return texts[sums >= least], sums[sums >= least]
    sums = np.bincount(every, weights=held).astype(np.float64)
    texts = np.flatnonzero(sums >= least)
    return texts, sums[texts]


def _distinct(keys: Whole) -> Whole:
    """Return the distinct keys in order. On millions np.unique takes seconds."""
    keys = np.sort(keys)
    return keys[np.flatnonzero(np.diff(keys, prepend=-1))]


def _is_among(texts: Whole, holders: Whole) -> NDArray[np.bool_]:
    if not len(holders):
        return np.zeros(len(texts), dtype=np.bool_)
    places = np.minimum(np.searchsorted(holders, texts), len(holders) - 1)
    is_held: NDArray[np.bool_] = holders[places] == texts
    return is_held
