"""Checks of loaded weights: complete, finite, a row for every token."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cliffguard.checkpoints.tensors import Tensor
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError
from cliffguard.core.texts import n_things


def unread(name: str, model: Any, unexpected: Iterable[str]) -> tuple[str, ...]:
    """Refuse weights that were meant for a module that is there, and that it has no place for.

    A bias that the config denies, an adapter that was never merged, scales of a quantisation that
    the config does not name: the model that was trained is another. Whole modules that are absent
    (a vision tower, a head for training) may be left out on purpose, and are returned.
    """
    left_out = []
    modules = dict(model.named_modules())
    for key in sorted(unexpected):
        parent, _, leaf = key.rpartition(".")
        while parent and parent not in modules and ("lora_" in parent or "lora_" in leaf):
            parent, _, leaf = parent.rpartition(".")
        module = modules.get(parent)
        if getattr(module, leaf, None) is not None:  # computed anew, and not read
            continue
        if module is None or not module._parameters:
            left_out.append(key)
            continue
        raise IntegrityError(
            f"{name}: holds {key}, which the model of its config.json has no place for; was the "
            "adapter never merged, or the config changed? Save the checkpoint again",
            id="weights.no-place",
        )
    return tuple(left_out)


def refuse_integers(name: str, model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Refuse integers where the model computes with fractions.

    They are what a quantisation left whose settings are gone, and would be read as numbers.
    """
    for key, _ in model.named_parameters():
        if key in tensors and tensors[key].dtype.startswith(("I", "U", "BOOL")):
            raise IntegrityError(
                f"{name}: {key} holds integers ({tensors[key].dtype}), and its config.json names "
                "no quantisation that they are of; put the config beside the weights that it was "
                "saved with",
                id="weights.integers",
            )


_PLAIN = {"F64", "F32", "F16", "BF16"}
_PACKED = {"fp8", "fbgemm_fp8", "gptq", "awq", "mxfp4", "bitsandbytes"}
"""Quantisations whose files hold integers or eight bits; others may quantise while they load."""


def refuse_unquantized(name: str, config: Any, tensors: Mapping[str, Tensor]) -> None:
    """Refuse plain weights beside a config that says how they are quantised."""
    stated = getattr(config, "quantization_config", None)
    method = stated.get("quant_method") if isinstance(stated, dict) else None
    kinds = {tensor.dtype for tensor in tensors.values()}
    if method in _PACKED and kinds and kinds <= _PLAIN:
        raise IntegrityError(
            f"{name}: its config.json says that the weights are quantised ({method}), and all of "
            f"them are plain numbers ({', '.join(sorted(kinds))}); take quantization_config out of "
            "it, or give the folder that holds the quantised weights",
            id="weights.not-quantized",
        )


def refuse_no_weights(name: str, model: Any, only: str = "") -> None:
    """Refuse weights, those with `only` in their names, that hold NaN or infinity, or zeros alone.

    Of zeros the matrices count, beside which norms may be ones. Files of safetensors are searched
    for them before anything is loaded (`evaluate.pair_checks`); pickled ones can only be here.
    """
    import torch

    is_zero = []
    for parameter_name, parameter in model.named_parameters():
        if only not in parameter_name or not parameter.is_floating_point():
            continue
        # The sum of absolute values is finite only if every value is (up to overflow of fp16).
        total = parameter.detach().abs().sum(dtype=torch.float32).item()
        if not math.isfinite(total):
            key = parameter_name.replace(only, "") if only else parameter_name  # as in its file
            raise IntegrityError(
                f"{name}: {key} holds NaN or infinite weights; the training diverged",
                id="weights.not-finite",
            )
        if parameter.dim() > 1:
            is_zero.append(total == 0.0)
    if is_zero and all(is_zero):
        raise IntegrityError(
            f"{name}: all its {len(is_zero):,} matrices of weights are zero: its training or its "
            "copy never wrote them; save or copy it again",
            id="weights.all-zero",
        )


def refuse_missing_tokens(checkpoint: Checkpoint, model: Any, tokenizer: Any) -> tuple[Caveat, ...]:
    """Refuse a tokenizer with tokens that the model has no embedding for; return caveats.

    A token for padding, and special ones that the chat template does not write, stand in no
    prompt: they are told. If one stands in an item after all, `refuse_unread_tokens` sees it.
    Batches are then padded with another token, which is masked like any.
    """
    n_rows = model.get_input_embeddings().weight.shape[0]
    beyond = {token: at for token, at in tokenizer.get_vocab().items() if at >= n_rows}
    if not beyond:
        return ()
    last = max(beyond.values())
    what = f"{checkpoint.name}: its tokenizer has tokens up to the id {last}, its embedding only"
    if all(_is_unwritten(tokenizer, *pair) for pair in beyond.items()):
        if tokenizer.pad_token_id is not None and tokenizer.pad_token_id >= n_rows:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.bos_token
        names = ", ".join(sorted(beyond)[:3])
        text = f"{what} {n_things(n_rows, 'row')}: {names} must stand in no prompt."
        return (Caveat(id="tokenizer.tokens-without-rows", text=text),)
    is_adapter = checkpoint.files is not None and checkpoint.files.adapter is not None
    way_out = ", or delete the tokenizer's files from it to use its base's" if is_adapter else ""
    raise IntegrityError(
        f"{what} {n_things(n_rows, 'row')}; save the resized embedding with the "
        f"checkpoint{way_out}",
        id="tokenizer.more-than-rows",
    )


def _is_unwritten(tokenizer: Any, token: str, at: int) -> bool:
    added = tokenizer.added_tokens_decoder.get(at)
    is_special = token in tokenizer.all_special_tokens or bool(added and added.special)
    is_end = at in (tokenizer.bos_token_id, tokenizer.eos_token_id)
    return is_special and not is_end and token not in str(tokenizer.chat_template)


def refuse_unread_tokens(item: str, model: Any, tokens: Sequence[int]) -> None:
    """Refuse a prompt with a token that the model has no embedding for."""
    n_rows = model.get_input_embeddings().weight.shape[0]
    if max(tokens, default=0) >= n_rows:
        raise IntegrityError(
            f"item {item}: its prompt holds the token {max(tokens)}, and the model's embedding has "
            f"only {n_things(n_rows, 'row')}; save the resized embedding with the checkpoint",
            id="tokenizer.more-than-rows",
        )


def refuse_no_bos_or_eos(name: str, tokenizer: Any) -> None:
    """Refuse a tokenizer with neither BOS nor EOS, one of which stands before an empty context."""
    if tokenizer.bos_token_id is None and tokenizer.eos_token_id is None:
        raise IntegrityError(
            f"{name}: its tokenizer names neither a bos_token nor an eos_token; an answer would "
            "never end. Save the tokenizer that the model was trained with",
            id="tokenizer.no-end",
        )
