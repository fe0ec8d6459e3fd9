"""Embedding distance of items to training data and of production prompts to items; KL drift.

Texts are vectors of one model (arrays [texts, width]), compared by the cosine of their angle.
Before that, every coordinate is centred and scaled by the items' own mean and spread, since the
vectors of a causal model share a few coordinates that outweigh all others (Timkey and van Schijndel
2021, "All Bark and No Bite"). What is measured against the items never moves that frame: the
distance of one candidate's data is comparable to that of another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from cliffguard.core.diagnostics import Distance, Drift
from cliffguard.core.errors import UsageError
from cliffguard.core.texts import n_things
from cliffguard.core.vectors import Divergence, Vectors

N_NEAREST = 5
NOVEL_SHARE = 0.05
"""Share of a capability's own items that would count as uncovered, were they prompts."""

_CHUNK = 2048  # rows; two such chunks meet in a table of 16 MB
_ROUNDING = 1e-5  # of a cosine in float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Mean and spread of every coordinate, arrays [width] in float64."""

    mean: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]

    def unit(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Return vectors in this frame, of length 1 (of length 0 where one is the mean itself)."""
        framed = (vectors - self.mean) / self.spread
        lengths = np.linalg.norm(framed, axis=1, keepdims=True)
        return (framed / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def frame_of(items: Mapping[str, Vectors]) -> Frame:
    """Return the frame of the items, in which every capability weighs the same."""
    mean = np.mean([_mean(vectors, 0.0, 1) for vectors in items.values()], axis=0)
    variance = np.mean([_mean(vectors, mean, 2) for vectors in items.values()], axis=0)
    spread = np.sqrt(variance)
    # A coordinate that never changes says nothing, whatever it is divided by.
    return Frame(mean=mean, spread=np.where(spread > 0, spread, 1.0))


def distances(
    items: Mapping[str, Vectors], training: Vectors, *, n_nearest: int = N_NEAREST
) -> Mapping[str, Distance]:
    """Return how far every capability's items lie from the fine-tuning data.

    An item's distance is 1 − its mean cosine similarity to the `n_nearest` training texts nearest
    to it (to all, where there are fewer). Raises UsageError where one side is empty.
    """
    _check({**items, "the fine-tuning data": training})
    frame = frame_of(items)
    by_capability = {}
    for capability, vectors in items.items():
        nearest, _ = _nearest(frame, vectors, training, n_nearest)
        low, median, high = np.quantile(1.0 - nearest.mean(axis=1), [0.25, 0.5, 0.75])
        by_capability[capability] = Distance(
            median=float(median), low=float(low), high=float(high), n_items=len(vectors)
        )
    return by_capability


# --- production ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A production prompt and the item nearest to it, both by their number."""

    prompt: int
    item: int
    capability: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which production prompts are like the items of a capability.

    `shares` are the capabilities' shares of all prompts, which with `uncovered` add up to 1;
    `thresholds` their least similarities; `least` the prompts that are least like any item, the
    uncovered before the covered.
    """

    n_prompts: int
    uncovered: float
    shares: Mapping[str, float]
    thresholds: Mapping[str, float]
    least: tuple[Neighbour, ...]


def coverage(
    production: Vectors, items: Vectors, names: Sequence[str], *, n_least: int = 10
) -> Coverage:
    """Return which share of recent production prompts the items cover, and by which capability.

    `names` are the items' capabilities, one each. A prompt is covered by a capability when its
    most similar item there is at least as similar as all but 5 % of that capability's own items
    are to their nearest fellow. So a prompt that is drawn as those items were is found uncovered
    with a probability of about 5 % at most. Covered by several, it counts for the one whose item
    is nearest. A capability of one item covers only that item's like.
    """
    if len(names) != len(items):
        raise ValueError(f"{len(names)} names for {n_things(len(items), 'item')}")
    places = _places(names)
    groups = {name: items[indices] for name, indices in places.items()}
    _check({**groups, "production": production})
    frame = frame_of(groups)
    thresholds = {name: _threshold(frame, group) for name, group in groups.items()}
    similarity = np.empty((len(production), len(groups)), dtype=np.float32)
    item = np.empty(similarity.shape, dtype=np.int64)
    for column, (name, group) in enumerate(groups.items()):
        nearest, which = _nearest(frame, production, group, 1)
        similarity[:, column], item[:, column] = nearest[:, 0], places[name][which[:, 0]]
    covers = similarity >= np.array(list(thresholds.values())) - _ROUNDING
    is_covered = covers.any(axis=1)
    owner = np.where(covers, similarity, -np.inf).argmax(axis=1)
    best, row = similarity.argmax(axis=1), np.arange(len(production))
    # What is covered by a capability of wide spread may lie further off than what is not covered.
    order = np.lexsort((similarity[row, best], is_covered))[:n_least]
    return Coverage(
        n_prompts=len(production),
        uncovered=float(np.mean(~is_covered)),
        shares={
            name: float(np.mean(is_covered & (owner == column)))
            for column, name in enumerate(groups)
        },
        thresholds=thresholds,
        least=tuple(
            Neighbour(
                prompt=int(prompt),
                item=int(item[prompt, best[prompt]]),
                capability=names[int(item[prompt, best[prompt]])],
                similarity=float(similarity[prompt, best[prompt]]),
            )
            for prompt in order
        ),
    )


def _places(names: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:
    """Return where in the sequence every name stands, names in the order of their first."""
    column = np.array(names, dtype=object)
    return {name: np.flatnonzero(column == name) for name in dict.fromkeys(names)}


def _threshold(frame: Frame, group: Vectors) -> float:
    """Return the similarity that all but 5 % of the items have to their nearest fellow."""
    if len(group) < 2:
        return 1.0
    nearest, _ = _nearest(frame, group, group, 1, leaves_itself_out=True)
    return float(np.quantile(nearest[:, 0], NOVEL_SHARE))


def drifts(divergences: Sequence[Divergence], names: Sequence[str]) -> Mapping[str, Drift]:
    """Sum up prompts by their capability, one name each."""
    order = {name: number for number, name in enumerate(dict.fromkeys(names))}
    pairs = sorted(zip(names, divergences, strict=True), key=lambda pair: order[pair[0]])
    by_capability = {}
    for name, group in groupby(pairs, key=lambda pair: pair[0]):
        some = [divergence for _, divergence in group]
        n_tokens = sum(divergence.n_tokens for divergence in some)
        low, median, high = np.quantile(
            [divergence.kl_nats for divergence in some], [0.25, 0.5, 0.75]
        )
        by_capability[name] = Drift(
            median_nats=float(median),
            low_nats=float(low),
            high_nats=float(high),
            agreement=sum(divergence.agreement * divergence.n_tokens for divergence in some)
            / n_tokens,
            n_prompts=len(some),
            n_tokens=n_tokens,
        )
    return by_capability


# --- arithmetic ------------------------------------------------------------------------------


def _check(groups: Mapping[str, Vectors]) -> None:
    """Refuse groups without texts, of unlike width, or with a value that is no number."""
    widths = {vectors.shape[1:] for vectors in groups.values()}
    if len(widths) > 1:
        raise ValueError(f"vectors of several models cannot be compared: widths {sorted(widths)}")
    for name, vectors in groups.items():
        if not len(vectors):
            raise UsageError(
                f"{name}: no texts, so that there is no distance to measure", id="distance.no-texts"
            )
        if not all(np.isfinite(chunk).all() for _, chunk in _chunks(vectors)):
            raise ValueError(f"{name}: vectors that are not finite")


def _chunks(vectors: Vectors) -> Iterator[tuple[int, Vectors]]:
    """Cut rows into chunks; return each with the number of its first row."""
    for start in range(0, len(vectors), _CHUNK):
        yield start, vectors[start : start + _CHUNK]


def _mean(
    vectors: Vectors, centre: npt.NDArray[np.float64] | float, power: int
) -> npt.NDArray[np.float64]:
    """Return the mean over rows of (vectors − centre) to a power, in float64."""
    total = np.zeros(vectors.shape[1])
    for _, chunk in _chunks(vectors):
        total += ((chunk.astype(np.float64) - centre) ** power).sum(axis=0)
    mean: npt.NDArray[np.float64] = total / len(vectors)
    return mean


def _nearest(
    frame: Frame, texts: Vectors, others: Vectors, n: int, *, leaves_itself_out: bool = False
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return (similarities, numbers) of the `n` others nearest to each text, the nearest first.

    Both are of shape [texts, n], narrower where there are fewer others. `leaves_itself_out`: texts
    and others are the same, and none is its own neighbour.
    """
    n = min(n, len(others) - leaves_itself_out)
    similarities, numbers = [], []
    for first, chunk in _chunks(texts):
        units = frame.unit(chunk)
        best = np.full((len(units), 0), -np.inf, dtype=np.float32)
        which = np.zeros((len(units), 0), dtype=np.int64)
        for start, some in _chunks(others):
            table = units @ frame.unit(some).T
            if leaves_itself_out and start == first:
                np.fill_diagonal(table, -np.inf)
            columns = np.broadcast_to(np.arange(start, start + len(some)), table.shape)
            best, which = _best(
                np.hstack([best, table]), np.hstack([which, columns]), min(n, start + len(some))
            )
        similarities.append(best)
        numbers.append(which)
    return np.clip(np.vstack(similarities), -1.0, 1.0), np.vstack(numbers)


def _best(
    table: npt.NDArray[np.float32], numbers: npt.NDArray[np.int64], n: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the `n` largest of every row, the largest first, and their numbers."""
    if n < table.shape[1]:
        kept = np.argpartition(-table, n - 1, axis=1)[:, :n]
        table, numbers = np.take_along_axis(table, kept, 1), np.take_along_axis(numbers, kept, 1)
    order = np.argsort(-table, axis=1, kind="stable")
    return np.take_along_axis(table, order, 1), np.take_along_axis(numbers, order, 1)
