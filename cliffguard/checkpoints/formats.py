"""Formats that are no checkpoint we can read (DeepSpeed, FSDP, MLX, …), and how to convert them.

Trainers and other programs leave folders that look like a checkpoint and are not one: the state
of a sharded run, a run with its checkpoints inside, the files of another program, pointers that
were never fetched. Each is told by names of files and by settings, in one line with the next step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.files import LFS_POINTERS
from cliffguard.core.texts import cut_middle, first_and_more

_CONFIGS = ("config.json", "adapter_config.json")
_MOST_NAMED = 6  # of the checkpoints inside a folder
_MOST_LOOKED_AT = 200  # of its folders, of each level
_LEVELS = 3  # models--org--name / snapshots / commit


def inside(folder: Path) -> tuple[str, ...]:
    """Return the checkpoints and adapters below a folder that is none, in natural order."""
    return tuple(sorted(_below(folder, "", _LEVELS), key=_natural))


def _below(folder: Path, prefix: str, n_levels: int) -> Iterator[str]:
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir())[:_MOST_LOOKED_AT]
    except OSError:  # another user's, closed to us
        return
    for path in folders:
        name = f"{prefix}{path.name}"
        if any((path / config).is_file() for config in _CONFIGS):
            yield name
        elif n_levels > 1:
            yield from _below(path, f"{name}/", n_levels - 1)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort checkpoint-500 before checkpoint-1000."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def refuse_no_checkpoint(name: str, folder: Path) -> None:
    """Raise UsageError for a folder with neither a config nor an adapter's, saying what it is."""
    _refuse_other_formats(name, folder)
    if names := inside(folder):
        raise UsageError(
            f"{name}: a folder of checkpoints, and none itself (no config.json inside); give one "
            f"of those in it: {_listed(names)}",
            id="checkpoint.run-folder",
        )
    if next(folder.glob("*.safetensors"), None) is not None:
        config = "adapter_config.json" if list(folder.glob("adapter_model*")) else "config.json"
        raise UsageError(
            f"{name}: weights without settings: no {config} inside; copy the one that they were "
            "trained with beside them",
            id="checkpoint.no-config",
        )
    raise UsageError(
        f"{name}: not a checkpoint: neither config.json nor adapter_config.json inside",
        id="checkpoint.none",
    )


def refuse_no_weights(name: str, folder: Path, pattern: str) -> None:
    """Raise UsageError for a folder with settings and no weights, with what lies there."""
    _refuse_other_formats(name, folder)
    if pattern.startswith("adapter"):
        refuse_leftover_settings(name, folder)
    if names := inside(folder):
        raise UsageError(
            f"{name}: no weights inside ({pattern} expected); give one of the checkpoints in it: "
            f"{_listed(names)}",
            id="checkpoint.run-folder",
        )
    raise UsageError(f"{name}: no weights inside ({pattern} expected)", id="checkpoint.no-weights")


_WHOLE = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")


def whole_model_in(folder: Path) -> str | None:
    """Return the file in a folder that holds, or lists, the weights of a whole model, or None."""
    return next((file for file in _WHOLE if (folder / file).is_file()), None)


def refuse_leftover_settings(name: str, folder: Path) -> None:
    """Raise UsageError for an adapter's settings without its weights beside a whole model.

    So a merge into the adapter's folder leaves it, once somebody has cleared the adapter away.
    """
    whole = whole_model_in(folder)
    if whole is not None and next(folder.glob("adapter_model*"), None) is None:
        raise UsageError(
            f"{name}: a whole model ({whole}) beside an adapter_config.json without an adapter's "
            "weights; remove adapter_config.json to have the model itself compared, or copy "
            "adapter_model.safetensors there",
            id="adapter.leftover-config",
        )


def _listed(names: Sequence[str]) -> str:
    return first_and_more([cut_middle(name) for name in names], _MOST_NAMED)


# By what lies in a folder: what it is, and what to do. The first that matches is told.
_FORMATS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("model_index.json",),
        "checkpoint.diffusers",
        "a pipeline of diffusers, which makes images, sound or video, and not a language model; "
        "give the language model that was fine-tuned",
    ),
    (
        ("zero_to_fp32.py", "global_step*", "*_optim_states.pt", "*mp_rank_*_model_states.pt"),
        "checkpoint.deepspeed",
        "the sharded state of a DeepSpeed run, no weights; gather them with `python "
        "{folder}/zero_to_fp32.py {folder} {folder}-whole --safe_serialization`, copy config.json "
        "and the tokenizer beside them, and give {folder}-whole",
    ),
    (
        ("pytorch_model_fsdp_*", "*.distcp"),
        "checkpoint.fsdp",
        "the sharded state of an FSDP run, no weights; merge it with `accelerate merge-weights "
        "{shards} {folder}-whole`, copy config.json and the tokenizer beside them, and give "
        "{folder}-whole",
    ),
    (
        ("pytorch_model_fsdp*.bin",),
        "checkpoint.fsdp",
        "the state of an FSDP run, which no library loads as a checkpoint; load "
        "pytorch_model_fsdp.bin into the model (torch.load with weights_only, load_state_dict), "
        "and give what save_pretrained writes",
    ),
    (
        ("adapters.safetensors", "*_adapters.safetensors", "adapters.npz"),
        "checkpoint.mlx",
        "an adapter of MLX, not of peft; `mlx_lm.fuse --model BASE --adapter-path {folder} "
        "--save-path {folder}-fused` (of a quantised base with --dequantize), and give "
        "{folder}-fused",
    ),
    (
        ("recipe_state.pt", "adapter_[0-9]*.pt", "adapter_model.pt", "hf_model_*.pt"),
        "checkpoint.torchtune",
        "a checkpoint of torchtune's own; convert it with torchtune's FullModelHFCheckpointer, "
        "which saves model.safetensors or adapter_model.safetensors, and give what it saved",
    ),
    (
        ("iter_[0-9]*", "latest_checkpointed_iteration.txt", "*.nemo"),
        "checkpoint.megatron",
        "a checkpoint of Megatron or NeMo; convert it to the format of Hugging Face, and give that",
    ),
    (
        ("lit_model.pth*",),
        "checkpoint.litgpt",
        "a checkpoint of LitGPT; `litgpt convert_from_litgpt {folder} OUT` writes model.pth: load "
        "it into the base (from_pretrained with state_dict), and give what save_pretrained writes",
    ),
    (
        ("*.gguf",),
        "checkpoint.gguf",
        "weights as GGUF, which are read by llama.cpp; give the model that they were made from",
    ),
    (
        ("params.json", "consolidated.[0-9]*.pth"),
        "checkpoint.original",
        "weights as their maker wrote them, not as transformers reads them; convert them (of Llama "
        "with transformers' convert_llama_weights_to_hf.py), and give what that wrote",
    ),
    (
        ("tf_model.h5", "flax_model.msgpack", "*.onnx", "*.tflite", "rust_model.ot"),
        "checkpoint.framework",
        "weights of another framework than PyTorch; save them with save_pretrained as safetensors",
    ),
)


def _refuse_other_formats(name: str, folder: Path) -> None:
    for patterns, error_id, what in _FORMATS:
        if any(next(folder.glob(pattern), None) is not None for pattern in patterns):
            shards = next((str(p) for p in folder.glob("pytorch_model_fsdp_*") if p.is_dir()), name)
            raise UsageError(f"{name}: {what.format(folder=name, shards=shards)}", id=error_id)


# --- pointers ------------------------------------------------------------------------------------

_LARGEST_POINTER = 1024  # bytes; by Git LFS's own rule
_FETCHED = {".safetensors", ".bin", ".json", ".model", ".txt", ".jinja", ".tiktoken", ".pth"}


def refuse_pointers(name: str, folder: Path) -> None:
    """Raise IntegrityError for files that a clone without Git LFS left as pointers."""
    for path in sorted(folder.iterdir()):
        try:
            if path.suffix not in _FETCHED or path.stat().st_size > _LARGEST_POINTER:
                continue
            with path.open("rb") as stream:
                start = stream.read(len(max(LFS_POINTERS, key=len)))
        except OSError:  # whoever reads the file will say so
            continue
        if start.startswith(LFS_POINTERS):
            raise IntegrityError(
                f"{name}: {path.name} is a pointer of Git LFS and not the file itself; run "
                "`git lfs pull` there, or download the checkpoint again",
                id="checkpoint.lfs-pointer",
            )


# --- settings ------------------------------------------------------------------------------------

_NO_LANGUAGE_MODEL = re.compile(
    r"For(?:Sequence|Token|Image|Audio)Classification$|ForQuestionAnswering$|ForMultipleChoice$"
    r"|ForMaskedLM$|ForPreTraining$|RewardModel$|ForRewardModel$"
)
_OTHER_TASKS = {
    "SEQ_CLS": "a classifier",
    "TOKEN_CLS": "a tagger of tokens",
    "QUESTION_ANS": "a marker of answers",
    "FEATURE_EXTRACTION": "an embedding model",
    "SEQ_2_SEQ_LM": "an encoder-decoder",
}


def refuse_other_models(name: str, config: Mapping[str, Any]) -> None:
    """Raise UsageError where config.json says that the model is no language model."""
    listed = config.get("architectures")
    names = [str(architecture) for architecture in listed] if isinstance(listed, list) else []
    if names and all(_NO_LANGUAGE_MODEL.search(architecture) for architecture in names):
        raise UsageError(
            f"{name}: its config.json says {cut_middle(names[0])}: a classifier or another model "
            "with no head that predicts tokens, not a language model; give the language model that "
            "was fine-tuned",
            id="checkpoint.no-language-model",
        )
    quantized = config.get("quantization")
    if isinstance(quantized, dict) and {"bits", "group_size"} <= quantized.keys():
        raise UsageError(
            f"{name}: a quantised model of MLX, which transformers does not read; convert it with "
            f"`mlx_lm.convert --hf-path {name} --dequantize`, or give the model that it was made "
            "from",
            id="checkpoint.mlx",
        )


def refuse_other_adapters(name: str, folder: Path, config: Mapping[str, Any]) -> None:
    """Raise UsageError for an adapter of another program or for another task.

    IntegrityError where it does not say which kind of peft's it is.
    """
    if {"lora_parameters", "fine_tune_type"} & config.keys():
        _refuse_mlx_adapter(name)
    kind = config.get("peft_type")
    if not isinstance(kind, str) or not kind:
        _refuse_other_formats(name, folder)
        raise IntegrityError(
            f"{name}: its adapter_config.json names no peft_type, so that nobody can tell what its "
            "weights are; save the adapter again with peft's save_pretrained",
            id="adapter.no-peft-type",
        )
    task = config.get("task_type")
    if isinstance(task, str) and task.upper() in _OTHER_TASKS:
        raise UsageError(
            f"{name}: its adapter_config.json says task_type {task}: {_OTHER_TASKS[task.upper()]}, "
            "not a language model; give an adapter of task_type CAUSAL_LM",
            id="adapter.no-language-model",
        )


def _refuse_mlx_adapter(name: str) -> None:
    error_id, what = next(
        (error_id, what) for _, error_id, what in _FORMATS if error_id == "checkpoint.mlx"
    )
    raise UsageError(f"{name}: {what.format(folder=name, shards=name)}", id=error_id)
