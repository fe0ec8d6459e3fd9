"""Checkpoints between a base and its fine-tune: base + scale · (candidate - base), written to disk.

Of a LoRA adapter the scale is a factor of `lora_alpha`: its delta is alpha / r · B A, or with
rslora alpha / sqrt(r) · B A (Kalajdzievski 2023, arXiv:2312.03732), and the weights stay as they
are. Full weights are interpolated (`interpolated`; Wortsman et al. 2022, arXiv:2109.01903).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import read_json
from cliffguard.checkpoints.interpolated import refuse_unlike, write_between
from cliffguard.checkpoints.tensors import tensors_of
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.files import write_error, write_whole
from cliffguard.core.texts import cut_middle

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# What a loader reads beside the weights; optimizers and programs are left behind.
_BESIDE = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.spm")
_TEMPLATES = "additional_chat_templates"
RECORD_FILE = "rescue.json"
"""Beside the weights of a scaled checkpoint: how its scale was chosen."""


def refuse_unscalable(base: Checkpoint, candidate: Checkpoint) -> None:
    """Raise UsageError for a candidate of which no scale is known, with the reason.

    From headers and settings alone; nothing is written.
    """
    if candidate.files is None or base.files is None:
        raise UsageError(
            f"{candidate.name}: is in memory; save it, and give the folder", id="scale.no-files"
        )
    if candidate.files.adapter is None:
        refuse_unlike(candidate.name, base.files.weights, candidate.files.weights)
        return
    folder = candidate.files.adapter
    why = next(_unscalable(folder, read_json(folder / _CONFIG)), None)
    if why is not None:
        raise UsageError(
            f"{candidate.name}: the adapter cannot be scaled: {why}; merge it into full weights, "
            "which are interpolated, or train it as plain LoRA",
            id="scale.adapter",
        )


def write_scaled(base: Checkpoint, candidate: Checkpoint, scale: float, folder: Path) -> None:
    """Write the candidate at `scale`, in [0, 1], into a folder, in place of what lies there.

    An adapter at 1 has the delta of the candidate, at 0 none. Raises UsageError or
    InfrastructureError where it cannot be written.
    """
    assert base.files is not None
    assert candidate.files is not None
    source = candidate.files.adapter or candidate.files.weights
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _copy_beside(source, folder)
        if candidate.files.adapter is None:
            write_between(base.files.weights, source, scale, folder)
            return
        shutil.copyfile(source / _WEIGHTS, folder / _WEIGHTS)
    except OSError as failure:
        raise write_error(folder, failure) from failure
    config = scaled_config(read_json(source / _CONFIG), scale)
    write_whole(folder / _CONFIG, json.dumps(config, indent=2) + "\n", follows=False)


def scaled_config(config: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """Return the settings of a LoRA adapter whose delta is `scale` times that of `config`."""
    pattern = config.get("alpha_pattern") or {}
    return {
        **config,
        "lora_alpha": _times(config.get("lora_alpha", _USUAL_ALPHA), scale),
        "alpha_pattern": {name: _times(alpha, scale) for name, alpha in pattern.items()},
    }


_USUAL_ALPHA = 8  # peft's, where a config says none


def _times(alpha: float, scale: float) -> float:
    scaled = alpha * scale
    return int(scaled) if float(scaled).is_integer() else scaled


def _copy_beside(source: Path, folder: Path) -> None:
    """Copy settings, tokenizer and templates; of an earlier rescue the record stays behind."""
    for path in sorted({path for pattern in _BESIDE for path in source.glob(pattern)}):
        if path.is_file() and path.name != RECORD_FILE:
            shutil.copyfile(path, folder / path.name)
    if (source / _TEMPLATES).is_dir():
        shutil.copytree(source / _TEMPLATES, folder / _TEMPLATES)


def _unscalable(folder: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a factor of lora_alpha would not be a factor of the whole delta."""
    if config.get("peft_type") != "LORA":
        kind = cut_middle(str(config.get("peft_type")), 40)
        yield f"it is {kind}, and only LoRA has such a scale"
    for key, (plain, why) in _KEYS.items():
        if config.get(key, plain) not in (plain, None, {}, []):
            yield f"{why} ({key})"
    begun = config.get("init_lora_weights")
    if isinstance(begun, str) and begun.lower().startswith(_OTHER_BASES):
        yield f"it changed the base's own weights when it began (init_lora_weights: {begun})"
    pattern = config.get("alpha_pattern") or {}
    alphas = [config.get("lora_alpha", _USUAL_ALPHA)]
    alphas += pattern.values() if isinstance(pattern, dict) else [pattern]
    if not all(isinstance(a, (int, float)) and not isinstance(a, bool) for a in alphas):
        yield "its lora_alpha or alpha_pattern is no number"
    elif not any(alphas):
        yield "its lora_alpha is 0, so that it is its base at every scale"
    if not (folder / _WEIGHTS).is_file():
        yield "its weights are pickled; save them as safetensors"
    elif strange := [name for name in tensors_of([folder / _WEIGHTS]) if "lora_" not in name]:
        yield f"it holds whole weights beside LoRA's ({cut_middle(strange[0], 80)})"


# By key: the value under which the delta is B A alone, and what another one does.
_KEYS: dict[str, tuple[Any, str]] = {
    "use_dora": (False, "DoRA has magnitudes of its own, which no scale reaches"),
    "bias": ("none", "it trained biases, which no scale reaches"),
    "lora_bias": (False, "it trained biases, which are scaled with it and start from none"),
    "modules_to_save": (None, "it holds whole modules, which no scale reaches"),
    "trainable_token_indices": (None, "it trained rows of the embedding, which no scale reaches"),
    "layer_replication": (None, "it repeats layers, so that at 0 it is not the base"),
    "use_qalora": (False, "QALoRA pools its input"),
    "use_bdlora": (None, "it is block-diagonal, with a scale of its own"),
    "arrow_config": (None, "it routes between several adapters"),
    "kasa_config": (None, "it has singular values of its own"),
    "velora_config": (None, "it projects its input"),
    "monteclora_config": (None, "it is drawn at random"),
    "alora_invocation_tokens": (None, "it works from some tokens on only"),
}
_OTHER_BASES = ("pissa", "olora", "corda", "loftq", "lora_ga")
