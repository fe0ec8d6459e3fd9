"""Checks after a load that a checkpoint's files are still what was hashed.

What has the size, the times and the inode that were hashed is not read again (`hashing`); anything
else is, and a digest that differs means that the answers would be another checkpoint's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cliffguard.checkpoints.files import chat_template_digest, settings_digest, tokenizer_digest
from cliffguard.checkpoints.weights import adapter_digest, weight_files, weights_digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint, CheckpointFiles
from cliffguard.core.errors import ChangedFiles, CliffguardError

Part = Literal["weights", "settings", "adapter", "tokenizer", "chat template"]
PARTS: tuple[Part, ...] = ("weights", "settings", "adapter", "tokenizer", "chat template")
BESIDE_THE_BASE: tuple[Part, ...] = ("adapter", "tokenizer", "chat template")
"""What is read for a candidate whose base is in memory already."""


def changed_parts(checkpoint: Checkpoint, parts: Sequence[Part] = PARTS) -> list[Part]:
    """Return which parts of a checkpoint are no longer what its identity says.

    None of a model in memory, which has no files.
    """
    files = checkpoint.files
    if files is None:
        return []
    identity: dict[Part, str | None] = {
        "weights": checkpoint.weights,
        "settings": checkpoint.settings,
        "adapter": checkpoint.adapter,
        "tokenizer": checkpoint.tokenizer,
        "chat template": checkpoint.chat_template,
    }
    return [part for part in parts if not _is(identity[part], part, checkpoint.name, files)]


def refuse_changed(checkpoint: Checkpoint, parts: Sequence[Part] = PARTS) -> None:
    """Raise ChangedFiles where files of these parts are not what was hashed."""
    if changed := changed_parts(checkpoint, parts):
        raise ChangedFiles(
            f"{checkpoint.name}: its {' and '.join(changed)} changed between digest and answers; "
            "wait until whoever writes the files is done, or copy them, and run again",
            id="checkpoint.changed",
        )


def changed_since(checkpoint: Checkpoint) -> tuple[Caveat, ...]:
    """Return the caveat for a report where files changed after they were loaded."""
    changed = changed_parts(checkpoint)
    if not changed:
        return ()
    text = (
        f"The files of {checkpoint.name} changed during the run ({', '.join(changed)}): the "
        "answers are those of what was loaded before, and no longer of what lies there."
    )
    return (Caveat(id="checkpoint.changed-since", text=text),)


def _is(identity: str | None, part: Part, name: str, files: CheckpointFiles) -> bool:
    try:
        return _digest(part, name, files) == identity
    except (CliffguardError, OSError):  # gone, torn, or written just now
        return False


def _digest(part: Part, name: str, files: CheckpointFiles) -> str | None:
    if part == "weights":
        return weights_digest(weight_files(name, files.weights, "*.safetensors", True))
    if part == "settings":
        return settings_digest(files.weights)
    if part == "adapter":
        return None if files.adapter is None else adapter_digest(name, files.adapter, True)
    if part == "tokenizer":
        return tokenizer_digest(files.tokenizer)
    return chat_template_digest(files.chat_template)
