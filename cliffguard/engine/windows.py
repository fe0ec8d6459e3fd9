"""Context length of a model, found in one place for every runner."""

from __future__ import annotations

from typing import Any

from cliffguard.checkpoints.files import settings_of, window_in
from cliffguard.checkpoints.identity import context_window
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError


def window_of(checkpoint: Checkpoint) -> int | None:
    """Return how many tokens a checkpoint reads; None where neither files nor class say it.

    Its files come first; a config.json that leaves the number out has its model class's own.
    """
    files = checkpoint.files
    if files is None:
        return None
    return context_window(checkpoint) or _class_default(files.weights)


def assumed(checkpoint: Checkpoint) -> tuple[Caveat, ...]:
    """Return what to tell of a checkpoint that leaves its length to the class of its config.

    The class has one number for models of many lengths, and a prompt beyond it loses its beginning.
    """
    files = checkpoint.files
    if files is None or context_window(checkpoint) is not None:
        return ()
    if (window := _class_default(files.weights)) is None:  # `settled` refuses it
        return ()
    text = (
        f"{checkpoint.name}: neither its config.json nor its tokenizer says how many tokens the "
        f"model reads: it is asked within {window:,}, which its class in transformers takes for "
        "granted, or within --max-length; if it reads another number, write "
        "max_position_embeddings into its config.json."
    )
    return (Caveat(id="context.assumed-length", text=text),)


def window_of_model(config: Any, tokenizer: Any) -> int | None:
    """Return how many tokens a model reads by its loaded config and tokenizer, or None."""
    text_config = config.get_text_config(decoder=True)
    settings = {"model_max_length": getattr(tokenizer, "model_max_length", None)}
    return window_in(text_config.to_dict()) or window_in(config.to_dict()) or window_in(settings)


def settled(name: str, window: int | None, length: int | None) -> int:
    """Return the length to ask within: what was said, else what was found of the checkpoint.

    Raises UsageError where neither is there, and where more was said than the model reads.
    """
    if window is None and length is None:
        raise UsageError(
            f"{name}: neither its config.json nor its tokenizer says how many tokens the model "
            "reads; say it with --max-length N (protocol.max_length in a plan)",
            id="context.unknown-length",
        )
    if window is not None and length is not None and length > window:
        raise UsageError(
            f"{name}: reads {window:,} tokens, and --max-length says {length:,}; leave it out, or "
            "name a length of at most that",
            id="context.beyond-length",
        )
    return length or window or 0


def _class_default(weights: Any) -> int | None:
    """Return what the class of a config says where its file leaves the number out."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    written = settings_of(weights, "config.json") or {}
    kind = written.get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        return None
    try:
        config = CONFIG_MAPPING[kind].from_dict(written)
        return window_in(config.get_text_config(decoder=True).to_dict())
    except Exception:  # what a config says may be anything; loading it says what is wrong
        return None
