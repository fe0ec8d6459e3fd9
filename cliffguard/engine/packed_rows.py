"""What packing makes of sequences, rows below shared prefixes, and how much goes into a pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Input tokens; the logits at the last `len(targets)` of them score `targets`."""

    tokens: Ints
    targets: Ints

    @property
    def first_read(self) -> int:
        """Position of the first token whose prediction is read."""
        return len(self.tokens) - len(self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassLimits:
    """How much goes into one pass.

    `row_tokens` is the length up to which sequences are packed into one row, `batch_tokens` the
    rows times their length, `batch_sequences` (None: no limit) how many sequences are in it,
    `batch_reads` how many positions may be read, which bounds the logits that are materialised.
    A single sequence may exceed each of them.
    """

    row_tokens: int
    batch_tokens: int
    batch_reads: int
    batch_sequences: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLimits:
    """How much is generated side by side.

    At most `n_rows` prompts are continued at a time; they are read in passes of at most
    `batch_tokens` tokens, or of one prompt. What was generated is read back from the device
    every `block_tokens` tokens: the more, the less often it is waited for, and the more is thrown
    away behind the end of an answer.
    """

    n_rows: int
    batch_tokens: int
    block_tokens: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Which predictions are read: at `position` of a row, of token `target`, for a request.

    Arrays of one length. `request` numbers the caller's sequences, `offset` the places in its
    targets.
    """

    position: Ints
    target: Ints
    request: Ints
    offset: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRow:
    """Sequences packed into one row, below the prefix of their branch.

    `position[i]` is the place of token i in its own sequence; the tokens that see token i are
    those at i … `end[i]` - 1, all of them its continuations.
    """

    tokens: Ints
    position: Ints
    end: Ints
    reads: Reads
    n_sequences: int

    @property
    def is_chain(self) -> bool:
        """Return whether every token sees all before it, as in an ordinary sequence."""
        return bool((self.end == len(self.tokens)).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A prefix, the passes that continue it, and the longer prefixes below it.

    `row` holds the prefix's own tokens (None: the root, which has none); `batches` are lists of
    rows, each list one pass.
    """

    row: PackedRow | None
    batches: tuple[tuple[PackedRow, ...], ...]
    branches: tuple[Branch, ...]


def chain(tokens: Ints, start: int) -> PackedRow:
    """Return an ordinary sequence as a row, its first token at position `start`."""
    return PackedRow(
        tokens=tokens,
        position=np.arange(start, start + len(tokens), dtype=np.int64),
        end=np.full(len(tokens), len(tokens), dtype=np.int64),
        reads=joined([]),
        n_sequences=1,
    )


def joined(parts: Sequence[Reads]) -> Reads:
    """Return what is read of several sequences together, in their order."""

    def column(name: str) -> Ints:
        columns = [getattr(part, name) for part in parts]
        return np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64)

    return Reads(**{field.name: column(field.name) for field in fields(Reads)})
