"""Folders that are no checkpoint: each says what it is, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save_file

from cliffguard.checkpoints.identity import FindOptions, find_pair
from cliffguard.core.errors import CliffguardError
from tests import support

OFFLINE = FindOptions(offline=True)


def tree(folder: Path, *names: str, **files: Any) -> Path:
    """Write files of one byte, those named by keyword as JSON (config for config.json)."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for name, value in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def with_index(folder: Path) -> Path:
    """Write an index of one shard into a folder."""
    index = {"weight_map": {"x": "a-1.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
LORA = {"peft_type": "LORA", "r": 2, "task_type": "CAUSAL_LM"}


def run_folder(folder: Path) -> Path:
    """Write a trainer's run with three checkpoints in it."""
    for step in (500, 1500, 1000):
        tree(folder / f"checkpoint-{step}", adapter_config=LORA)
    return tree(folder, "trainer_state.json", "training_args.bin")


def cache_folder(folder: Path) -> Path:
    """Write a model's folder of a hub's cache."""
    tree(folder / "snapshots" / ("a" * 40), config=LLAMA)
    return tree(folder, "refs/main", "blobs/0")


def pointed(folder: Path, name: str) -> Path:
    """Write a checkpoint one of whose files was never fetched."""
    support.write_checkpoint(folder)
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    return folder


def mlx_model(folder: Path) -> Path:
    """Write a quantised model of MLX."""
    support.write_checkpoint(folder)
    return tree(folder, config={**LLAMA, "quantization": {"group_size": 64, "bits": 4}})


def of_architecture(name: str) -> Callable[[Path], Path]:
    """Return what writes a checkpoint of this architecture."""

    def write(folder: Path) -> Path:
        support.write_checkpoint(folder)
        return tree(folder, config={**LLAMA, "architectures": [name]})

    return write


def with_tensors(file: str, *shapes: tuple[int, ...], **config: Any) -> Callable[[Path], Path]:
    """Return what writes weights of these shapes beside a config."""

    def write(folder: Path) -> Path:
        tree(folder, **config)
        tensors = {f"t{n}": np.ones(shape, "float32") for n, shape in enumerate(shapes)}
        save_file(tensors, folder / file)
        return folder

    return write


ADAPTER = "adapter_model.safetensors"


class Refused(NamedTuple):
    """What writes a folder, and what finding it must answer."""

    write: Callable[[Path], Path]
    exit_code: int
    id: str
    says: str


FOLDERS = {
    "a run": Refused(
        run_folder,
        2,
        "checkpoint.run-folder",
        r"in it: checkpoint-500, checkpoint-1000, checkpoint-1500$",
    ),
    "a run with a config of its own": Refused(
        lambda f: tree(run_folder(f), config=LLAMA),
        2,
        "checkpoint.run-folder",
        r"no weights inside .*in it: checkpoint-500",
    ),
    "adapters of peft by their names": Refused(
        lambda f: (
            tree(tree(f / "default", adapter_config=LORA).parent / "second", config=LLAMA).parent
        ),
        2,
        "checkpoint.run-folder",
        r"in it: default, second$",
    ),
    "a hub's cache": Refused(
        cache_folder, 2, "checkpoint.run-folder", rf"in it: snapshots/{'a' * 40}$"
    ),
    "diffusers": Refused(
        lambda f: tree(f, "model_index.json", "unet/config.json", "vae/model.safetensors"),
        2,
        "checkpoint.diffusers",
        r"a pipeline of diffusers, .* not a language model",
    ),
    "DeepSpeed": Refused(
        lambda f: tree(f, "zero_to_fp32.py", "latest", "global_step5/x.pt", config=LLAMA),
        2,
        "checkpoint.deepspeed",
        r"`python (\S+)/zero_to_fp32\.py \1 \1-whole --safe_serialization`",
    ),
    "DeepSpeed without its script": Refused(
        lambda f: tree(f, "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", config=LLAMA),
        2,
        "checkpoint.deepspeed",
        r"DeepSpeed",
    ),
    "FSDP, sharded": Refused(
        lambda f: tree(f, "pytorch_model_fsdp_0/__0_0.distcp", config=LLAMA),
        2,
        "checkpoint.fsdp",
        r"`accelerate merge-weights \S+/pytorch_model_fsdp_0 \S+-whole`",
    ),
    "FSDP, in one": Refused(
        lambda f: tree(f, "pytorch_model_fsdp.bin", "optimizer.bin", config=LLAMA),
        2,
        "checkpoint.fsdp",
        r"weights_only",
    ),
    "an adapter of MLX": Refused(
        lambda f: tree(f, "adapters.safetensors", adapter_config={"lora_parameters": {"rank": 8}}),
        2,
        "checkpoint.mlx",
        r"`mlx_lm\.fuse --model BASE --adapter-path \S+ --save-path \S+`",
    ),
    "an adapter of MLX with peft's name": Refused(
        with_tensors(ADAPTER, (2, 2), adapter_config={"fine_tune_type": "lora", "model": "x"}),
        2,
        "checkpoint.mlx",
        r"mlx_lm\.fuse",
    ),
    "a quantised model of MLX": Refused(
        mlx_model, 2, "checkpoint.mlx", r"mlx_lm\.convert .*--dequantize"
    ),
    "torchtune": Refused(
        lambda f: tree(f, "adapter_0.pt", adapter_config=LORA),
        2,
        "checkpoint.torchtune",
        r"FullModelHFCheckpointer",
    ),
    "Megatron": Refused(
        lambda f: tree(f, "latest_checkpointed_iteration.txt", "iter_0000100/x"),
        2,
        "checkpoint.megatron",
        r"convert it",
    ),
    "GGUF": Refused(lambda f: tree(f, "model-Q4_K_M.gguf"), 2, "checkpoint.gguf", r"GGUF"),
    "as Meta gives Llama away": Refused(
        lambda f: tree(f, "consolidated.00.pth", "params.json", "tokenizer.model"),
        2,
        "checkpoint.original",
        r"convert_llama_weights_to_hf",
    ),
    "TensorFlow": Refused(
        lambda f: tree(f, "tf_model.h5", config=LLAMA),
        2,
        "checkpoint.framework",
        r"another framework",
    ),
    "an optimizer and no weights": Refused(
        lambda f: tree(f, "optimizer.bin", "scheduler.bin", "random_states_0.pkl", config=LLAMA),
        2,
        "checkpoint.no-weights",
        r"no weights inside",
    ),
    "an index and no shard": Refused(
        lambda f: with_index(tree(f, "x.txt", config=LLAMA)),
        12,
        "weights.missing-shard",
        r"the shard a-1\.safetensors is missing",
    ),
    "nothing": Refused(lambda f: tree(f, "README.md"), 2, "checkpoint.none", r"not a checkpoint"),
    "LitGPT": Refused(
        lambda f: tree(f, "lit_model.pth", "model_config.yaml"),
        2,
        "checkpoint.litgpt",
        r"litgpt convert_from_litgpt",
    ),
    "weights without a config": Refused(
        lambda f: tree(f, "model.safetensors", "tokenizer.json"),
        2,
        "checkpoint.no-config",
        r"no config\.json inside; copy the one",
    ),
    "an adapter without a config": Refused(
        lambda f: tree(f, "adapter_model.safetensors"),
        2,
        "checkpoint.no-config",
        r"no adapter_config\.json inside",
    ),
    "a classifier": Refused(
        of_architecture("LlamaForSequenceClassification"),
        2,
        "checkpoint.no-language-model",
        r"LlamaForSequenceClassification",
    ),
    "a tagger": Refused(
        of_architecture("Qwen2ForTokenClassification"),
        2,
        "checkpoint.no-language-model",
        r"Qwen2ForTokenClassification",
    ),
    "a reward model": Refused(
        of_architecture("Qwen2ForRewardModel"), 2, "checkpoint.no-language-model", r"RewardModel"
    ),
    "a masked model": Refused(
        of_architecture("BertForMaskedLM"), 2, "checkpoint.no-language-model", r"BertForMaskedLM"
    ),
    "an adapter of a classifier": Refused(
        with_tensors(ADAPTER, (2, 2), adapter_config={**LORA, "task_type": "SEQ_CLS"}),
        2,
        "adapter.no-language-model",
        r"task_type SEQ_CLS: a classifier",
    ),
    "no peft_type": Refused(
        with_tensors(ADAPTER, (2, 2), adapter_config={"r": 8}),
        12,
        "adapter.no-peft-type",
        r"names no peft_type",
    ),
    "a pointer for weights": Refused(
        lambda f: pointed(f, "model.safetensors"),
        12,
        "checkpoint.lfs-pointer",
        r"model\.safetensors is a pointer of Git LFS .*`git lfs pull`",
    ),
    "a pointer for a tokenizer": Refused(
        lambda f: pointed(f, "tokenizer.json"),
        12,
        "checkpoint.lfs-pointer",
        r"tokenizer\.json is a pointer",
    ),
    "a pointer for a config": Refused(
        lambda f: pointed(f, "config.json"),
        12,
        "checkpoint.lfs-pointer",
        r"config\.json is a pointer",
    ),
    "weights without a tensor": Refused(
        with_tensors("model.safetensors", config=LLAMA),
        12,
        "weights.no-tensors",
        r"model\.safetensors: holds no tensors \(\d+ bytes\); so saves DeepSpeed ZeRO-3",
    ),
    "an adapter without a tensor": Refused(
        with_tensors(ADAPTER, adapter_config=LORA),
        12,
        "weights.no-tensors",
        r"adapter_model\.safetensors: holds no tensors",
    ),
    "an adapter of empty tensors": Refused(
        with_tensors(ADAPTER, (0,), (0,), adapter_config=LORA),
        12,
        "weights.empty-tensors",
        r"2 of its 2 tensors are empty, the first is t0 \(shape \[0\]\)",
    ),
    "weights some of which are empty": Refused(
        with_tensors("model.safetensors", (2, 2), (0, 4), config=LLAMA),
        12,
        "weights.empty-tensors",
        r"1 of its 2 tensors is empty",
    ),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_what_is_no_checkpoint_says_what_it_is(what: str, tmp_path: Path) -> None:
    """With the exit code, the id and the next step."""
    write, code, error_id, pattern = FOLDERS[what]
    base = support.write_checkpoint(tmp_path / "base")
    (tmp_path / "it").mkdir()
    folder = write(tmp_path / "it" / "candidate")
    if (folder / "config.json").is_file() and not (folder / "tokenizer.json").is_file():
        (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(CliffguardError) as refused:
        find_pair(str(base), str(folder), OFFLINE)

    assert (refused.value.exit_code, refused.value.id) == (code, error_id)
    assert re.search(pattern, str(refused.value)), str(refused.value)


def test_other_programs_leave_their_files_beside_whole_weights(tmp_path: Path) -> None:
    """A checkpoint that is whole is one, whatever lies beside it."""
    base = support.write_checkpoint(tmp_path / "base")
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    tree(tuned, "optimizer.bin", "zero_to_fp32.py", "global_step5/x", "model.gguf", "params.json")
    tree(tuned / "checkpoint-5", config=LLAMA)

    assert find_pair(str(base), str(tuned), OFFLINE)[1].name == str(tuned)


def test_integers_may_be_empty(tmp_path: Path) -> None:
    """A quantised file keeps an order of columns that may hold nothing."""
    base = support.write_checkpoint(tmp_path / "base")
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    tensors = {"w": np.ones((4, 4), "float32"), "w.g_idx": np.ones((0,), "int32")}
    save_file(tensors, tuned / "model.safetensors")

    assert find_pair(str(base), str(tuned), OFFLINE)[1].notes == ()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "chat_template.jinja"])
def test_a_file_that_an_editor_saved_is_written_anew_by_the_command(
    tmp_path: Path, name: str, encoding: str
) -> None:
    """What it writes is what was there, as transformers reads it."""
    folders = [support.write_checkpoint(tmp_path / side, seed=n) for n, side in enumerate("bt")]
    text = '{"model_type": "llama"}' if name.endswith("json") else "{{ messages }}"
    (folders[1] / name).write_bytes(text.encode(encoding))

    with pytest.raises(CliffguardError) as caught:
        find_pair(*map(str, folders), OFFLINE)
    command = re.search(r'python -c "([^"]+)"', str(caught.value))

    assert (caught.value.id, caught.value.exit_code) == ("checkpoint.byte-order-mark", 12)
    assert command is not None
    exec(command[1], {})
    assert (folders[1] / name).read_bytes() == text.encode()
