"""Looks at the files of a checkpoint before it is loaded: what they refuse, and when they count."""

from __future__ import annotations

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.runners.versions import identity, libraries

_LOOK = "looked at, format 3"
"""Raised where a look refuses or remarks something else."""


def rehearsed(
    checkpoint: Checkpoint, protocol: EvalSettings, settings: RunnerSettings
) -> tuple[Caveat, ...]:
    """Return what the headers of its weights tell. Raises UsageError for what cannot be loaded."""
    from cliffguard.engine.packing_support import attention_reason, refuse_packed
    from cliffguard.engine.rehearsal import rehearse

    rehearsal = rehearse(checkpoint)
    if protocol.packing == "packed" and settings.kind.packs:
        attention = attention_reason(protocol.attention or "sdpa")
        refuse_packed(checkpoint.name, rehearsal.fallback_reason or attention)
    return rehearsal.remarks


def look_key(
    checkpoint: Checkpoint, protocol: EvalSettings, settings: RunnerSettings
) -> str | None:
    """Return a digest of files, template settings, and the libraries to the last digit.

    None: every look is taken.
    """
    if checkpoint.files is None or not settings.is_local or settings.kind.libraries:
        return None  # a backend with libraries of its own learns from a look what to make
    speech = [protocol.chat_template, protocol.system_prompt, dict(protocol.template_args)]
    if protocol.packing == "packed":  # then it is looked for what forbids it
        speech += [protocol.packing, protocol.attention]
    about = [_LOOK, checkpoint.name, checkpoint.fingerprint]
    return digest([*about, identity(settings), libraries(settings), *speech])
