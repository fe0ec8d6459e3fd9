"""Dry run of loading on the meta device: what transformers and peft would refuse.

Their own classes build the model on torch's meta device, where a tensor has a shape and no
numbers, and take the names and shapes that stand in the headers of the files. So nothing is read
but headers, nothing is allocated, and what they would refuse after minutes of loading they refuse
within a second.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from cliffguard.checkpoints.files import read_json
from cliffguard.checkpoints.tensors import tensors_of
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint, CheckpointFiles
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.progress import doing
from cliffguard.engine.adapter_settings import refuse_endless
from cliffguard.engine.adapters import adapter_shapes, apart_because
from cliffguard.engine.foreign_names import (
    advice,
    foreign_part,
    lost_weights,
    unwrapped,
    without,
    wrappers,
)
from cliffguard.engine.loading import (
    damage_explained,
    first_words,
    is_out_of_memory,
    load_tokenizer,
)
from cliffguard.engine.packing_support import adapter_reason, known_reason
from cliffguard.engine.peft_configs import read_config
from cliffguard.engine.rehearsed_adapters import adapter_on_paper, refusals_explained
from cliffguard.engine.rehearsed_weights import Shapes, put_in
from cliffguard.engine.unknown_models import refuse_unknown_type
from cliffguard.engine.weight_checks import (
    refuse_integers,
    refuse_missing_tokens,
    refuse_unquantized,
    unread,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What was found: did `all_fit`, of all names and shapes in the headers? And caveats.

    `fallback_reason` says why no prefix can be shared (None: nothing in the settings forbids it).

    Not all is known where weights are pickled or quantised, or where a kind of adapter computes
    with the base's numbers while it is put on.
    """

    all_fit: bool
    remarks: tuple[Caveat, ...] = ()
    fallback_reason: str | None = None


@lru_cache(maxsize=64)
def rehearse(checkpoint: Checkpoint) -> Rehearsal:
    """Refuse what transformers and peft refuse for its config and its headers.

    Raises UsageError for a model of another kind, IntegrityError for names, shapes and settings
    that do not fit, InfrastructureError for a library that is not installed.
    """
    if checkpoint.files is None:  # in memory, or behind a server
        return Rehearsal(all_fit=False)
    with doing(f"looking through the headers of {checkpoint.name}"):
        return _rehearsed(checkpoint, checkpoint.files)


def _rehearsed(checkpoint: Checkpoint, files: CheckpointFiles) -> Rehearsal:
    adapter = files.adapter
    refuse_endless(checkpoint)  # before peft runs a pattern
    refuse_unknown_type(checkpoint.name if adapter is None else str(files.weights), files.weights)
    apart_because(checkpoint)  # reads both configs, and says where a value is of another kind
    with _quiet(), _memory_spared(checkpoint.name), damage_explained(checkpoint.name):
        tokenizer = load_tokenizer(checkpoint)
        name = checkpoint.name if adapter is None else str(files.weights)
        model, all_fit, remarks = _model(name, files.weights)
        fallback_reason = known_reason(model)
        if adapter is not None:
            with refusals_explained(checkpoint.name):
                config, remarks = read_config(checkpoint.name, adapter)
                tuned = adapter_on_paper(model, checkpoint.name, adapter, config)
                remarks += _not_rehearsed(checkpoint.name, adapter, config) if tuned is None else ()
            all_fit, model = all_fit and tuned is not None, tuned or model
            fallback_reason = fallback_reason or adapter_reason([config])
        if all_fit:
            remarks += refuse_missing_tokens(checkpoint, model, tokenizer)
    return Rehearsal(all_fit=all_fit, remarks=remarks, fallback_reason=fallback_reason)


def _not_rehearsed(name: str, adapter: Path, config: Any) -> tuple[Caveat, ...]:
    if not adapter_shapes(adapter):  # pickled
        return ()
    text = (
        f"{name}: an adapter of type {config.peft_type.value} computes with its base's numbers "
        "while it is put on: whether it fits is not rehearsed, and shows when it is loaded."
    )
    return (Caveat(id="adapter.not-rehearsed", text=text),)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own reports of what is said here in one line off the terminal."""
    from transformers.utils import logging as theirs

    peft = logging.getLogger("peft")
    before = theirs.get_verbosity(), peft.level, theirs.is_progress_bar_enabled()
    try:
        theirs.set_verbosity(logging.CRITICAL)
        theirs.disable_progress_bar()
        peft.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        theirs.set_verbosity(before[0])
        peft.setLevel(before[1])
        if before[2]:
            theirs.enable_progress_bar()


@contextlib.contextmanager
def _memory_spared(name: str) -> Iterator[None]:
    """Nothing is allocated here: what fills the memory is a setting that cannot be meant."""
    try:
        yield
    except Exception as failure:
        if not is_out_of_memory(failure):
            raise
        raise IntegrityError(
            f"{name}: its settings ask for more than memory can hold before a weight is read "
            f"({first_words(failure)}); copy its config again",
            id="checkpoint.endless",
        ) from failure


# --- the model -----------------------------------------------------------------------------------


def _model(name: str, folder: Path) -> tuple[Any, bool, tuple[Caveat, ...]]:
    """Return the model in `folder` without numbers, whether its headers all fit, and caveats."""
    import torch
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        AutoConfig,
        AutoModelForCausalLM,
        GenerationConfig,
    )

    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if (folder / "generation_config.json").is_file():
        GenerationConfig.from_pretrained(folder, local_files_only=True)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise UsageError(
            f"{name}: its config.json says model_type {config.model_type}, of which transformers "
            "has no language model that predicts the next token; give a causal language model",
            id="checkpoint.no-language-model",
        )
    tensors = tensors_of(_files_read(name, folder))
    _refuse_endless(name, config.to_dict(), len(tensors))
    is_quantized, remarks = _is_quantized(config), _about_code(name, config)
    refuse_unquantized(name, config, tensors)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(_plain(config), trust_remote_code=False)
    if is_quantized or not tensors:
        return model, False, remarks
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    filled, about = put_in(model, shapes)
    left_out = _refuse_unfit(name, filled, shapes, about)
    refuse_integers(name, model, tensors)
    # Not the filled one, whose weights peft cannot copy.
    return model, True, (*remarks, *_about_layers(name, model, left_out))


def _about_code(name: str, config: Any) -> tuple[Caveat, ...]:
    """Tell code in the settings that is not run, since transformers has a class of its own."""
    if not getattr(config, "auto_map", None):
        return ()
    text = (
        f"{name}: its config.json names code of its own (auto_map), which is not run: the "
        f"{config.model_type} of transformers answers in its place."
    )
    return (Caveat(id="checkpoint.code-not-run", text=text),)


def _about_layers(name: str, model: Any, left_out: Sequence[str]) -> tuple[Caveat, ...]:
    """Tell layers in the files that the config does not count, and that nobody will read."""
    lists = {key for key, module in model.named_modules() if type(module).__name__ == "ModuleList"}
    beyond = [key for key in left_out if any(key.startswith(f"{prefix}.") for prefix in lists)]
    if not beyond:
        return ()
    text = (
        f"{name}: {len(beyond)} weights of layers that its config.json does not count are not "
        f"read, from {beyond[0]} on."
    )
    return (Caveat(id="weights.layers-not-read", text=text),)


def _plain(config: Any) -> Any:
    """Return a copy of a config that says nothing of quantisation: the modules are called alike."""
    copied = copy.deepcopy(config)
    for part in (copied, copied.get_text_config(decoder=True)):
        if hasattr(part, "quantization_config"):
            del part.quantization_config
    return copied


def _refuse_wrapped(name: str, model: Any, shapes: Shapes, extra: Sequence[str]) -> None:
    """Refuse weights that would all fit but for what wrappers added to their names."""
    run = foreign_part(extra, model.state_dict())
    tried = [(run, without(run))] if run is not None else []
    tried += [(wrapper, unwrapped) for wrapper in wrappers(extra)]
    for part, rename in tried:
        _, again = put_in(model, {rename(key): shape for key, shape in shapes.items()})
        if not again["missing_keys"] and not again["mismatched_keys"]:
            raise IntegrityError(
                f"{name}: the names of its weights have {part!r} in them ({min(extra)}), and "
                f"without it all would fit; they were saved {advice(part)}",
                id="weights.foreign-names",
            )


def _refuse_missing(name: str, model: Any, missing: Sequence[str]) -> NoReturn:
    head = model.get_output_embeddings()
    if {id(model.get_parameter(key)) for key in missing} <= {
        id(parameter) for parameter in head.parameters()
    }:
        raise IntegrityError(
            f"{name}: has no head that predicts tokens ({missing[0]} is missing): an embedding "
            "model, or one that was saved without it; save the whole language model",
            id="weights.missing",
        )
    raise IntegrityError(
        f"{name}: {lost_weights(missing)}; save or copy the checkpoint again",
        id="weights.missing",
    )


_COUNTS = re.compile(r"layers|n_layer|num_.*experts|n_.*experts|blocks")
_MOST_MODULES = 1000  # that a config may ask for beyond what its files hold


def _refuse_endless(name: str, config: Mapping[str, Any], n_tensors: int) -> None:
    """Refuse a config whose layers nobody has saved: to build them would take for ever."""
    for key, value in config.items():
        if isinstance(value, dict):
            _refuse_endless(name, value, n_tensors)
        elif isinstance(value, int) and _COUNTS.search(key) and value > _MOST_MODULES + n_tensors:
            raise IntegrityError(
                f"{name}: its config.json says {key} {value:,}, and its files hold {n_tensors:,} "
                "tensors; put the config beside the weights that it was saved with",
                id="weights.missing",
            )


def _is_quantized(config: Any) -> bool:
    """Return whether the files hold quantised weights; fails where their library is missing."""
    from transformers.quantizers.auto import AutoHfQuantizer

    inner = config.get_text_config(decoder=True)
    quantization = getattr(config, "quantization_config", None) or getattr(
        inner, "quantization_config", None
    )
    if quantization is None or not AutoHfQuantizer.supports_quant_method(quantization):
        return False
    quantizer = AutoHfQuantizer.from_config(quantization, pre_quantized=True)
    # Whether this machine has the device for it is another question than which library it needs.
    with contextlib.suppress(RuntimeError, ValueError):
        quantizer.validate_environment(device_map=None, weights_only=True)
    return True


def _files_read(name: str, folder: Path) -> list[Path]:
    """Return those of a folder's safetensors that transformers reads; none of pickled weights."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        return [folder / shard for shard in sorted(set(read_json(index)["weight_map"].values()))]
    if others := sorted(folder.glob("*.safetensors")):
        raise IntegrityError(
            f"{name}: its weights lie in {others[0].name}, and transformers reads "
            "model.safetensors, or the shards that model.safetensors.index.json names; save the "
            "checkpoint with save_pretrained",
            id="weights.unread-file",
        )
    return []


def _refuse_unfit(
    name: str, model: Any, shapes: Shapes, about: Mapping[str, Any]
) -> tuple[str, ...]:
    missing, extra = sorted(about["missing_keys"]), list(about["unexpected_keys"])
    if about["mismatched_keys"]:
        key, shape, expected = sorted(about["mismatched_keys"])[0]
        raise IntegrityError(
            f"{name}: {key} is of shape {list(shape)} in its files, and of {list(expected)} by its "
            "config.json; put the config beside the weights that it was saved with",
            id="weights.other-shape",
        )
    if missing or extra:
        _refuse_wrapped(name, model, shapes, extra)
    if missing and (adapted := [key for key in extra if ".lora_" in key]):
        raise IntegrityError(
            f"{name}: holds an adapter that was never merged ({min(adapted)}); save what "
            "merge_and_unload() returns instead",
            id="weights.not-merged",
        )
    if missing:
        _refuse_missing(name, model, missing)
    return unread(name, model, extra)
