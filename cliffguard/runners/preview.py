"""What a checkpoint is asked first, before it is loaded: its tokenizer alone renders it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item
from cliffguard.core.settings import EvalSettings
from cliffguard.runners.loaded_task import LoadedTask

N_SHOWN = 2
"""So many prompts are shown."""


def first_prompts(
    loaded: LoadedTask, checkpoint: Checkpoint, protocol: EvalSettings, speaker: Any
) -> Sequence[tuple[Item, str]]:
    """Return the first items of a task, each with its prompt as the checkpoint gets it.

    `speaker` renders chats: what `by_files` returns, or lm-eval's model of a checkpoint that a
    server has, whose way of rendering counts; under no chat template it is not looked at. Raises
    what asking would: UsageError or IntegrityError for a template that cannot be used.
    """
    if protocol.chat_template == "none":
        return loaded.first(N_SHOWN, None, checkpoint.name, protocol)
    from cliffguard.engine.templates import failures_explained, refuse_lost_system, render_apart

    with failures_explained(checkpoint.name):
        if not callable(speaker):
            render_apart(getattr(speaker, "tokenizer", None), checkpoint.name)
        render = speaker if callable(speaker) else speaker.apply_chat_template
        refuse_lost_system(checkpoint.name, render, protocol)
        return loaded.first(N_SHOWN, speaker, checkpoint.name, protocol)
