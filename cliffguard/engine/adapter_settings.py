"""Settings of an adapter under which peft would never come to an end, refused before it begins.

peft runs them in the middle of its loading, where neither a signal nor a time limit stops it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.tensors import tensors_of
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError
from cliffguard.core.sandbox import Failed, Stopped
from cliffguard.core.sandbox.patterns import match_names
from cliffguard.core.texts import n_things

_PATTERNS = (
    "target_modules", "exclude_modules", "rank_pattern", "alpha_pattern", "layers_pattern",
    "feedforward_modules", "target_parameters", "modules_to_save",
)  # fmt: skip
"""In these peft takes a name as a regular expression, or may."""

_REPEATS = re.compile(r"[*+?{|(]")  # without one, a pattern is done as soon as a name is read
_LAYER = re.compile(r"\.(\d+)\.")
_ROUNDS = re.compile(r"pissa_niter_(\d+)")

_MOST_REPEATS = 4
"""How often a base's layers may be repeated; depth-up-scaled models repeat them up to twice."""

_MOST_DIGITS = 20
_MOST_ROUNDS = 256
"""Of PiSSA's fast decomposition; its authors use at most 16."""


def refuse_endless(checkpoint: Checkpoint) -> None:
    """Raise IntegrityError for an adapter that would take for ever to load, by the files alone."""
    files = checkpoint.files
    if files is None or files.adapter is None:
        return
    # Of a base in pickles no module is known before it is loaded; `with_adapter` looks then.
    weights = tensors_of(sorted(files.weights.glob("*.safetensors")))
    refuse_slow_patterns(checkpoint.name, files.adapter, _modules_of(weights))
    path, config = _settings(files.adapter)
    for finding in _absurd(config, weights, tensors_of(_own_weights(files.adapter))):
        raise IntegrityError(
            f"{checkpoint.name}: {path}: {finding}; copy or save it again",
            id="adapter.absurd-setting",
        )


def refuse_slow_patterns(name: str, folder: Path, modules: Sequence[str]) -> None:
    """Raise IntegrityError where the patterns of an adapter take too long on a model's modules."""
    path, config = _settings(folder)
    patterns = {text for field in _PATTERNS for text in _texts(config.get(field))}
    repeating = sorted(pattern for pattern in patterns if _REPEATS.search(pattern))
    if not repeating:
        return
    try:
        match_names(repeating, modules)
    except (Stopped, Failed) as failure:
        raise IntegrityError(
            f"{name}: {path}: a pattern of its modules cannot be used: {failure}; name the "
            "modules, or write a simpler one",
            id="adapter.pattern",
        ) from None


def _absurd(
    config: Mapping[str, Any], base: Iterable[str], weights: Mapping[str, Any]
) -> Iterable[str]:
    widest = max((size for weight in weights.values() for size in weight.shape), default=0)
    ranks = [config.get("r"), *_values(config.get("rank_pattern"))]
    rank = max((rank for rank in ranks if isinstance(rank, int)), default=0)
    if weights and rank > widest:
        yield f"rank {rank:,}, where no weight of it is wider than {widest:,}"
    n_layers = 1 + max((int(n) for name in base for n in _LAYER.findall(name)), default=0)
    spans = config.get("layer_replication")
    n_made = sum(map(_length, spans)) if isinstance(spans, list) else 0
    if n_made > _MOST_REPEATS * n_layers:
        yield f"layer_replication makes {n_things(n_made, 'layer', ',')} of the base's {n_layers:,}"
    rounds = _ROUNDS.fullmatch(str(config.get("init_lora_weights")))
    # Python makes no number of more than some thousands of digits.
    if rounds and (len(rounds[1]) > _MOST_DIGITS or int(rounds[1]) > _MOST_ROUNDS):
        number = f"{int(rounds[1][:_MOST_DIGITS]):,}"
        yield f"init_lora_weights asks for {number} rounds of a decomposition"


def _own_weights(folder: Path) -> list[Path]:
    path = folder / "adapter_model.safetensors"
    return [path] if path.is_file() else []


def _modules_of(weights: Iterable[str]) -> list[str]:
    modules: set[str] = set()
    for name in weights:
        while name := name.rpartition(".")[0]:
            modules.add(name)
    return sorted(modules)


def _settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    path = folder / "adapter_config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return path, config


def _texts(value: Any) -> list[str]:
    """Return the texts of a setting that is a text, a list of them, or a mapping by them."""
    listed = [value] if isinstance(value, str) else value
    is_many = isinstance(listed, (list, dict))
    return [text for text in listed if isinstance(text, str)] if is_many else []


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _length(span: Any) -> int:
    """Return how many layers a span [from, to) of layer_replication makes."""
    is_span = isinstance(span, list) and len(span) == 2 and all(isinstance(n, int) for n in span)
    return max(0, span[1] - span[0]) if is_span else 0
