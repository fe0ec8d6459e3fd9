"""Terms of a task: all that may change an answer to its items, but for the items.

A task's digest names its terms and all of its items: one more item makes it another task. What was
answered before under the same terms is known again by them (see `earlier`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.core.canonical_json import digest

TermRow = Sequence[str | int | None]
"""An item as a task's digest names it: its id, the digest of its content, its level."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Plain values in the order in which a task's digest has them.

    `before` and `after` stand around the task's limit. `content` names the file that the items were
    read from: it is hashed too, and tells nothing that the items do not.
    """

    before: tuple[Any, ...]
    after: tuple[Any, ...] = ()
    content: tuple[Any, ...] = ()

    @property
    def key(self) -> str:
        """Digest of the terms alone."""
        return digest([self.before, self.after])

    def digest_of(self, rows: Sequence[TermRow], limit: int | None) -> str:
        """Return the digest of a task of these items under a limit (None: it has none)."""
        limited = [] if limit is None else [{"limit": limit}]
        return digest([[*self.before, *limited, *self.after, *self.content], rows])
