"""A checkpoint: an identity by content, and the files that hold it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat

# --- who answers -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFiles:
    """Where a checkpoint lies on this machine. Never part of its identity.

    `chat_template` is the folder of the tokenizer whose template is applied.
    """

    weights: Path
    tokenizer: Path
    chat_template: Path
    adapter: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The identity of a model by content, not a loaded model.

    `weights`, `adapter`, `tokenizer`, `chat_template` and `settings` (model and generation
    config) are SHA-256 digests; `notes` belong into every report.
    """

    name: str
    revision: str | None
    weights: str
    adapter: str | None
    tokenizer: str
    chat_template: str | None
    settings: str
    notes: tuple[Caveat, ...]
    files: CheckpointFiles | None

    @property
    def label(self) -> str:
        """The name as headlines show it: of an absolute path the last part."""
        return PurePath(self.name).name if PurePath(self.name).is_absolute() else self.name

    @property
    def fingerprint(self) -> str:
        """Digest of everything in the checkpoint that may change an answer."""
        parts = (self.weights, self.adapter, self.tokenizer, self.chat_template, self.settings)
        return digest(list(parts))
