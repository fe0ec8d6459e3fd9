"""Adapters: what lies in their files, and how they come to sit on a base, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cliffguard.errors import IntegrityError
from cliffguard.records import Checkpoint


def adapter_shapes(folder: Path | str) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight in an adapter's safetensors file; none if it has no such."""
    from safetensors import safe_open

    stored = Path(folder) / "adapter_model.safetensors"
    if not stored.is_file():
        return {}
    with safe_open(stored, framework="pt") as file:
        return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118


def with_adapter(model: Any, name: str, folder: Path | str, adapter_name: str = "default") -> Any:
    """Return `model` with the adapter in `folder` (or on a hub) on it, checked to be whole.

    Where the adapter brings rows for tokens of its own, the embedding grows; it never shrinks,
    since rows beyond the tokenizer's are padding that the softmax was trained with.
    """
    from peft import PeftModel, get_peft_model_state_dict

    shapes = adapter_shapes(folder)
    _grow_embedding(model, shapes)
    if isinstance(model, PeftModel):
        tuned = model
        tuned.load_adapter(folder, adapter_name, local_files_only=True)
        tuned.set_adapter(adapter_name, inference_mode=True)
    else:
        tuned = PeftModel.from_pretrained(
            model, folder, adapter_name=adapter_name, local_files_only=Path(folder).is_dir()
        )
    if shapes:
        in_file = set(shapes)
        # peft would leave a matrix that the file lacks at zero, and only warn.
        has_embeddings = any("embed" in key or "lm_head" in key for key in in_file)
        loaded = get_peft_model_state_dict(
            tuned, adapter_name=adapter_name, save_embedding_layers=has_embeddings
        )
        odd = sorted(in_file ^ set(loaded))
        if odd:
            raise IntegrityError(
                f"{name}: {len(odd)} adapter weights do not fit the base or its own config, the "
                f"first is {odd[0]}; was it trained on another model?"
            )
    _refuse_no_effect(tuned, name, adapter_name)
    return tuned


def _grow_embedding(model: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    rows = [shape[0] for key, shape in shapes.items() if "embed_tokens.weight" in key]
    if rows and max(rows) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(rows), mean_resizing=False)


def _refuse_no_effect(tuned: Any, name: str, adapter_name: str) -> None:
    """A LoRA adapter whose B matrices are all zero, as before training, is its base."""
    ups = [p for n, p in tuned.named_parameters() if f"lora_B.{adapter_name}." in n]
    if ups and not any(p.detach().any() for p in ups):
        raise IntegrityError(
            f"{name}: the adapter changes nothing: all its B matrices are zero; was it trained?"
        )


def apart_because(checkpoint: Checkpoint) -> str | None:
    """Return why an adapter cannot be switched off again and needs a base of its own, or None.

    What peft writes into the base's own weights (biases, embeddings with rows for added tokens)
    stays there when the adapter is switched off, and would be measured as the base.
    """
    folder = checkpoint.files.adapter if checkpoint.files is not None else None
    if folder is None:
        return None
    config = json.loads((Path(folder) / "adapter_config.json").read_text(encoding="utf-8"))
    if config.get("peft_type") != "LORA":
        return f"an adapter of type {config.get('peft_type')} is not switched"
    if config.get("bias", "none") != "none":
        return "it trains biases of the base"
    if config.get("trainable_token_indices"):
        return "it trains tokens of the base"
    shapes = adapter_shapes(folder)
    if not shapes:
        return "its weights are pickled, and are not looked into"
    saved = tuple(config.get("modules_to_save") or ())
    written = [
        key
        for key in shapes
        if "lora_" not in key and not any(f".{name}." in key for name in saved)
    ]
    return f"it overwrites {written[0]} of the base" if written else None
