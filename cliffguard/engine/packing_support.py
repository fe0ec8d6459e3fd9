"""Whether a model can be packed, by its config and adapters; `packing_trial` tries the others."""

from __future__ import annotations

from typing import Any

_MASKABLE = ("sdpa", "eager")
_LAYERS = {"full_attention", "sliding_attention"}


def known_reason(model: Any) -> str | None:
    """Return what in a model's config or adapters forbids packing, or None."""
    config = model.config.get_text_config(decoder=True)
    implementation = getattr(config, "_attn_implementation", None)
    layers = sorted(set(getattr(config, "layer_types", None) or ()) - _LAYERS)
    rope = sorted(_rope_types(config) & {"dynamic", "longrope"})
    reasons = {
        "an encoder-decoder has no prefix to share": model.config.is_encoder_decoder,
        "its layers carry a state, which cannot branch": getattr(
            _inner(model), "_is_stateful", False
        ),
        "its local layers count places in a row, not positions": "local"
        in _attention_kinds(config),
        f"its layers are of kinds without a mask ({', '.join(layers)})": layers,
        f"its rotary positions ({', '.join(rope)}) depend on the length of a batch": rope,
        "its adapter begins at its invocation tokens, once in a row": _needs_invocation(model),
        "its adapter puts tokens of its own before the prompt": _learns_a_prompt(model),
        f"attention {implementation!r} takes no mask of ours (use sdpa or eager)": (
            implementation not in _MASKABLE
        ),
        "it has no LM head of its own": model.get_output_embeddings() is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _attention_kinds(config: Any) -> tuple[str, ...]:
    return tuple(getattr(config, "attention_layers", None) or ())  # GPT-Neo's name for them


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _rope_types(config: Any) -> set[str]:
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    parts = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    return {str(part.get("rope_type", part.get("type", "default"))) for part in parts}


def _needs_invocation(model: Any) -> bool:
    adapters = getattr(model, "peft_config", None) or {}
    return any(getattr(adapter, "alora_invocation_tokens", None) for adapter in adapters.values())


def _learns_a_prompt(model: Any) -> bool:
    adapters = getattr(model, "peft_config", None) or {}
    return any(
        getattr(adapter, "is_prompt_learning", False)
        or getattr(adapter, "is_adaption_prompt", False)
        for adapter in adapters.values()
    )
