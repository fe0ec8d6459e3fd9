"""Prefix sharing and packing: token sequences → passes that compute each prefix once.

Sequences are sorted; the number of leading tokens that each shares with the one before it then
describes their prefix tree completely. From these numbers follow

* prefixes that are worth a pass of their own: their keys and values are kept while their
  sequences are scored, and serve all rows below them;
* rows: runs of neighbouring sequences, in which a token that several of them share stands once
  and sees its own ancestors alone (a tree mask).

The result is a function of the tokens and the limits only: the same for base and candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cliffguard.engine.packed_rows import (
    Branch,
    Ints,
    PackedRow,
    PassLimits,
    Reads,
    Scored,
    chain,
    joined,
)

MIN_SAVED_TOKENS = 64
"""A prefix gets a pass of its own when that saves at least this many tokens."""

_ROWS_IN_REACH = 32  # rows that are tried for room; more would cost time and save nothing


def plan(sequences: Sequence[Scored], limits: PassLimits) -> Branch:
    """Return the tree of passes that computes all predictions that `sequences` read.

    The tree has at most as many levels as prefixes are nested, each of which saves
    MIN_SAVED_TOKENS or more.
    """
    return _Planner(sequences, limits).planned()


def in_order(sequences: Sequence[Ints]) -> list[int]:
    """Return the numbers of the sequences, sorted by their tokens; equal ones stay in order."""
    # Big-endian bytes sort like the tokens themselves.
    keys = [tokens.astype(">i8").tobytes() for tokens in sequences]
    return sorted(range(len(keys)), key=keys.__getitem__)


def shared_with_previous(ordered: Sequence[Ints]) -> Ints:
    """Return for each array how many leading values it shares with the one before it."""
    shared = np.zeros(len(ordered), dtype=np.int64)
    for i in range(1, len(ordered)):
        left, right = ordered[i - 1], ordered[i]
        n = min(len(left), len(right))
        differs = left[:n] != right[:n]
        first = int(differs.argmax()) if n else 0
        shared[i] = first if n and differs[first] else n
    return shared


@dataclass(slots=True)
class _Open:
    """A branch in the making: the sequences low … high - 1 below a prefix of `base` tokens."""

    low: int
    high: int
    base: int
    row: PackedRow | None
    rows: list[PackedRow]
    below: list[_Open]


class _Planner:
    """The sorted sequences, and the requests that each distinct one stands for."""

    def __init__(self, sequences: Sequence[Scored], limits: PassLimits) -> None:
        self.limits = limits
        self.scored = sequences
        self.requests: list[list[int]] = []
        self.tokens: list[Ints] = []
        for request in in_order([sequence.tokens for sequence in sequences]):
            tokens = sequences[request].tokens
            if not self.tokens or not np.array_equal(self.tokens[-1], tokens):
                self.tokens.append(tokens)
                self.requests.append([])
            self.requests[-1].append(request)
        self.lengths = np.array([len(row) for row in self.tokens], dtype=np.int64)
        self.shared = shared_with_previous(self.tokens)

    def planned(self) -> Branch:
        """Return the whole tree; a stack instead of recursion, since prefixes may nest deeply."""
        root = _Open(low=0, high=len(self.tokens), base=0, row=None, rows=[], below=[])
        stack = [root] if self.tokens else []
        while stack:
            stack += self._grow(stack.pop())
        return self._closed(root)

    def _grow(self, branch: _Open) -> list[_Open]:
        """Cut a branch's sequences into rows and branches; return the branches.

        The sequences are sorted, so that those with a common prefix are neighbours: any range of
        them is a subtree, and each is cut where its sequences part.
        """
        limit = self.limits.row_tokens
        pending = [(branch.low, branch.high)]
        groups: list[tuple[int, int]] = []
        while pending:
            low, high = pending.pop()
            if high - low == 1 or self._size(low, high, branch.base) <= limit:
                groups.append((low, high))  # it fits in a row, its shared prefixes once
                continue
            # What all of the range share, and how many rows it takes beyond that.
            common = int(self.shared[low + 1 : high].min())
            rest = self._size(low, high, common)
            n_rows = -(-rest // limit)
            if n_rows <= 1:  # what is long is shared: it stands once, in a row of its own
                groups.append((low, high))
            elif (common - branch.base) * (n_rows - 1) >= MIN_SAVED_TOKENS:
                # The prefix is computed once, in a branch of its own, and not in each of the rows.
                branch.below.append(self._prefix(low, high, branch.base, common))
            else:
                # Too little to save: cut where the common prefix ends, and try the parts, in order.
                cuts = low + 1 + np.flatnonzero(self.shared[low + 1 : high] == common)
                edges = [low, *cuts.tolist(), high]
                pending += list(pairwise(edges))[::-1]
        branch.rows += self._rows(groups, branch.base)
        return branch.below

    def _size(self, low: int, high: int, base: int) -> int:
        """Return how many tokens the sequences low … high - 1 have beyond `base`, once each."""
        starts = np.maximum(self.shared[low:high], base)
        starts[0] = base
        return int(np.maximum(self.lengths[low:high] - starts, 0).sum())

    def _prefix(self, low: int, high: int, base: int, common: int) -> _Open:
        tokens = self.tokens[low][base:common]
        reads = self._reads(
            low, high, range(base, common), np.arange(-base, common - base, dtype=np.int64)
        )
        row = replace(chain(tokens, base), reads=reads, n_sequences=0)
        return _Open(low=low, high=high, base=common, row=row, rows=[], below=[])

    # --- rows ------------------------------------------------------------------------------------

    def _rows(self, groups: Sequence[tuple[int, int]], base: int) -> list[PackedRow]:
        """Pack groups of neighbouring sequences into rows, each as full as it gets.

        Longest first into the first of the last rows with room: groups of like length meet.
        """
        # A sequence that ends with the prefix has no tokens of its own: the prefix reads it.
        groups = [(low, high) for low, high in groups if self._size(low, high, base)]
        sizes = [self._size(low, high, base) for low, high in groups]
        packed: list[list[int]] = []
        room: list[int] = []
        for number in sorted(range(len(groups)), key=lambda number: (-sizes[number], number)):
            # Only the last rows are looked at: the search stays linear, and rows that meet alike.
            near = range(max(0, len(room) - _ROWS_IN_REACH), len(room))
            row = next((row for row in near if room[row] >= sizes[number]), len(room))
            if row == len(room):
                packed.append([])
                room.append(max(self.limits.row_tokens, sizes[number]))
            packed[row].append(number)
            room[row] -= sizes[number]
        return [
            self._row([groups[number] for number in sorted(numbers)], base) for numbers in packed
        ]

    def _row(self, groups: Sequence[tuple[int, int]], base: int) -> PackedRow:
        size = sum(self._size(low, high, base) for low, high in groups)
        tokens = np.empty(size, dtype=np.int64)
        position = np.empty(size, dtype=np.int64)
        end = np.full(size, size, dtype=np.int64)
        longest = max(int(self.lengths[low:high].max()) for low, high in groups)
        # Where in the row the token at each position of the current sequence stands.
        index_in_row = np.full(longest, -1, dtype=np.int64)
        reads: list[Reads] = []
        filled = open_until = 0
        for low, high in groups:
            for number in range(low, high):
                # A sequence brings the tokens beyond its fork from the one before it in its group;
                # what that one has beyond the fork is closed: no later token sees it.
                start = base if number == low else max(int(self.shared[number]), base)
                end[index_in_row[start:open_until]] = filled
                stop = int(self.lengths[number])
                count = stop - start
                tokens[filled : filled + count] = self.tokens[number][start:]
                position[filled : filled + count] = np.arange(start, stop)
                index_in_row[start:stop] = np.arange(filled, filled + count)
                filled, open_until = filled + count, stop
                reads.append(self._reads(number, number + 1, range(base, stop), index_in_row))
        return PackedRow(
            tokens=tokens,
            position=position,
            end=end,
            reads=joined(reads),
            n_sequences=sum(high - low for low, high in groups),
        )

    def _reads(self, low: int, high: int, positions: range, index_in_row: Ints) -> Reads:
        """Return what is read of the sequences low … high - 1 at `positions` of each.

        `index_in_row[p]` is where in the row position p stands.
        """
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        for requests in self.requests[low:high]:
            for request in requests:
                sequence = self.scored[request]
                first = max(sequence.first_read, positions.start)
                stop = min(len(sequence.tokens), positions.stop)
                if first >= stop:
                    continue
                offset = np.arange(
                    first - sequence.first_read, stop - sequence.first_read, dtype=np.int64
                )
                numbers = np.full(len(offset), request, dtype=np.int64)
                parts.append((index_in_row[first:stop], sequence.targets[offset], numbers, offset))
        return joined([Reads(position=p, target=t, request=r, offset=o) for p, t, r, o in parts])

    # --- passes ----------------------------------------------------------------------------------

    def _closed(self, root: _Open) -> Branch:
        """Freeze a tree of branches, the lowest first."""
        order = [root]
        for branch in order:  # grows while it is walked
            order += branch.below
        done: dict[int, Branch] = {}
        for branch in reversed(order):
            done[id(branch)] = Branch(
                row=branch.row,
                batches=in_batches(branch.rows, self.limits),
                branches=tuple(done[id(child)] for child in branch.below),
            )
        return done[id(root)]


def in_batches(rows: Sequence[PackedRow], limits: PassLimits) -> tuple[tuple[PackedRow, ...], ...]:
    """Group rows into passes, longest first, so that rows of like length share a pass."""
    batches: list[list[PackedRow]] = []
    n_reads = n_sequences = 0
    for row in sorted(rows, key=lambda row: -len(row.tokens)):
        n_reads += len(row.reads.position)
        n_sequences += row.n_sequences
        fits = bool(batches) and (
            (len(batches[-1]) + 1) * len(batches[-1][0].tokens) <= limits.batch_tokens
            and n_reads <= limits.batch_reads
            and (limits.batch_sequences is None or n_sequences <= limits.batch_sequences)
        )
        if not fits:
            batches.append([])
            n_reads, n_sequences = len(row.reads.position), row.n_sequences
        batches[-1].append(row)
    return tuple(tuple(batch) for batch in batches)
