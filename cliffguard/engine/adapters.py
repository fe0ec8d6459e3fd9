"""Adapters: what lies in their files, and how they come to sit on a base, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.identity import vocabulary_size
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.texts import n_things, plural
from cliffguard.engine.adapter_settings import refuse_slow_patterns


def adapter_shapes(folder: Path | str) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight in an adapter's safetensors file; none if it has no such."""
    from safetensors import SafetensorError, safe_open

    stored = Path(folder) / "adapter_model.safetensors"
    if not stored.is_file():
        return {}
    try:
        with safe_open(stored, framework="np") as file:
            names = file.keys()
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except (SafetensorError, OSError) as failure:
        raise IntegrityError(
            f"{stored}: its safetensors header is damaged: {failure}; copy or save it again",
            id="weights.torn",
        ) from None


def _pickled_shapes(folder: Path | str) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight in an adapter's pickle, as tensors only; none without one."""
    import torch

    stored = Path(folder) / "adapter_model.bin"
    if not stored.is_file():
        return {}
    weights = torch.load(stored, map_location="cpu", weights_only=True)
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def with_adapter(model: Any, name: str, folder: Path | str, adapter_name: str = "default") -> Any:
    """Return `model` with the adapter in `folder` (or on a hub) on it, checked to be whole.

    Where the adapter brings rows for tokens of its own, the embedding grows; it never shrinks,
    since rows beyond the tokenizer's are padding that the softmax was trained with.
    """
    from peft import PeftModel

    if Path(folder).is_dir():
        refuse_slow_patterns(name, Path(folder), [module for module, _ in model.named_modules()])
    shapes = adapter_shapes(folder) or _pickled_shapes(folder)
    if isinstance(model, PeftModel):
        tuned = model
        tuned.load_adapter(folder, adapter_name, local_files_only=True)
        tuned.set_adapter(adapter_name)  # peft 0.18 takes no more
    else:
        grow_embedding(model, name, shapes)
        tuned = PeftModel.from_pretrained(
            model, folder, adapter_name=adapter_name, local_files_only=Path(folder).is_dir()
        )
    if shapes:
        refuse_misfit(tuned, name, adapter_name, set(shapes))
    _refuse_no_effect(tuned, name, adapter_name)
    return tuned


def make_room(model: Any, name: str, folder: Path | str) -> None:
    """Let the embedding grow to the rows that an adapter brings, as `with_adapter` does."""
    from peft import PeftModel

    if not isinstance(model, PeftModel):
        grow_embedding(model, name, adapter_shapes(folder) or _pickled_shapes(folder))


def refuse_misfit(tuned: Any, name: str, adapter_name: str, in_file: set[str]) -> None:
    """Refuse a file that lacks a weight, which peft would leave at zero, or holds another's."""
    from peft import get_peft_model_state_dict

    # Embeddings may lie beside an adapter without being part of it.
    least, most = (
        set(
            get_peft_model_state_dict(
                tuned, adapter_name=adapter_name, save_embedding_layers=has_embeddings
            )
        )
        for has_embeddings in (False, True)
    )
    lacking, strange = sorted(least - in_file), sorted(in_file - most)
    if odd := [*lacking, *strange]:
        kind = "it lacks" if lacking else "it holds"
        raise IntegrityError(
            f"{name}: {n_things(len(odd), 'adapter weight')} {plural(len(odd), 'does', 'do')} not "
            f"fit the base or its own config, the first that {kind} is {odd[0]}; save or copy it "
            "again, or give the base that it was trained on",
            id="adapter.misfit",
        )


def grow_embedding(model: Any, name: str, shapes: dict[str, tuple[int, ...]]) -> None:
    """Make room for the rows that an adapter brings for tokens of its own."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    n_rows = _rows_in_file(model, embedding, shapes)
    if n_rows <= embedding.weight.shape[0]:
        return
    is_tied = head is None or head.weight is embedding.weight
    if not is_tied and _rows_in_file(model, head, shapes) < n_rows:
        raise IntegrityError(
            f"{name}: brings embeddings of added tokens and no rows of the head for them, which "
            "would be random; save the adapter with save_embedding_layers=True",
            id="adapter.no-head-rows",
        )
    model.resize_token_embeddings(n_rows, mean_resizing=False)


def _rows_in_file(model: Any, module: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    names = [name for name, submodule in model.named_modules() if submodule is module]
    keys = [f"base_model.model.{name}{part}" for name in names for part in _EMBEDDING_PARTS]
    return max((shapes[key][0] for key in keys if key in shapes), default=0)


_EMBEDDING_PARTS = (".weight", ".base_layer.weight")  # the second with LoRA on the embedding


def _refuse_no_effect(tuned: Any, name: str, adapter_name: str) -> None:
    """A LoRA adapter whose B matrices are all zero, as before training, is its base."""
    ups = [p for n, p in tuned.named_parameters() if f"lora_B.{adapter_name}." in n]
    if ups and not any(p.detach().any() for p in ups):
        raise IntegrityError(
            f"{name}: the adapter changes nothing: all its B matrices are zero; was it trained?",
            id="adapter.zero",
        )


def special_tokens(folder: Path | str) -> tuple[int, ...]:
    """Return the tokens that turn an aLoRA on, or that an adapter trains; none of a usual one."""
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    tokens: list[int] = []
    for name in ("token_indices", "trainable_token_indices", "alora_invocation_tokens"):
        named = config.get(name) or []
        for some in named.values() if isinstance(named, dict) else [named]:
            tokens += [int(token) for token in some]
    return tuple(tokens)


def invocation_tokens(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Return the invocation tokens of an aLoRA, without which it does nothing; else none."""
    if checkpoint.files is None or checkpoint.files.adapter is None:
        return ()
    config = json.loads(
        (checkpoint.files.adapter / "adapter_config.json").read_text(encoding="utf-8")
    )
    return tuple(int(token) for token in config.get("alora_invocation_tokens") or ())


def apart_because(checkpoint: Checkpoint) -> str | None:
    """Return why an adapter cannot be switched off again and needs a base of its own, or None.

    What peft writes into the base's own weights (biases, embeddings with rows for added tokens)
    stays there when the adapter is switched off, and would be measured as the base.
    """
    folder = checkpoint.files.adapter if checkpoint.files is not None else None
    if folder is None:
        return None
    path = Path(folder) / "adapter_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return _told_by_config(config) or _told_by_weights(config, checkpoint)
    except CliffguardError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as failure:
        raise IntegrityError(
            f"{path}: it, or its base's config.json, holds a value of another kind than peft "
            f"writes ({failure}); copy or save it again",
            id="adapter.other-kind",
        ) from None


def _told_by_config(config: dict[str, Any]) -> str | None:
    kind, start = config.get("peft_type"), config.get("init_lora_weights", True)
    reasons = {
        f"an adapter of type {kind} is not switched": kind != "LORA",
        "it trains biases of the base": config.get("bias", "none") != "none",
        "it trains tokens of the base": config.get("trainable_token_indices"),
        "it repeats layers of the base": config.get("layer_replication"),
        # peft starts these again when it loads them, and subtracts the start from the base.
        f"its start ({start}) changes the base": start not in _STARTS_BESIDE_THE_BASE,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


_STARTS_BESIDE_THE_BASE = (True, False, "gaussian", "eva", "orthogonal")


def _told_by_weights(config: dict[str, Any], checkpoint: Checkpoint) -> str | None:
    assert checkpoint.files is not None
    assert checkpoint.files.adapter is not None
    shapes = adapter_shapes(checkpoint.files.adapter)
    if not shapes:
        return "its weights are pickled, and are not looked into"
    saved = tuple(config.get("modules_to_save") or ())
    beside = [key for key in shapes if "lora_" not in key]
    written = [key for key in beside if not any(f".{name}." in key for name in saved)]
    if written:
        return f"it overwrites {written[0]} of the base"
    n_rows = vocabulary_size(checkpoint) or 0  # of a base that does not say it, any row is new
    if any(shapes[key][0] > n_rows for key in beside):
        return "it brings rows for tokens of its own"
    return None
