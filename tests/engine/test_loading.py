"""Loading: devices, dtypes, and weights that cannot be trusted."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from cliffguard.engine import loading
from cliffguard.engine.tokenizing import panics_explained, panics_held
from cliffguard.runners.harness import HarnessRunner
from tests import support

ON_CPU = loading.LoadOptions(dtype="float32", device="cpu")


def load(folder: Path, **options: bool) -> Any:
    """Load a full checkpoint on the CPU in float32."""
    checkpoint = find_base(str(folder), FindOptions(**options))
    return loading.load(checkpoint, ON_CPU)[0]


def test_quantisation_needs_a_cuda_device(tiny_base: Path) -> None:
    """bitsandbytes computes on no other."""
    checkpoint = find_base(str(tiny_base), FindOptions(offline=True))

    with support.refused("quantization.no-cuda", 2, "4bit"):
        loading.load(checkpoint, replace(ON_CPU, quantization="4bit"))


def copy(source: Path, target: Path) -> Path:
    """Copy a checkpoint directory, to break it."""
    return Path(shutil.copytree(source, target))


def test_a_device_can_be_named() -> None:
    """cpu is cpu."""
    assert loading.pick_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("wanted", "device", "dtype"),
    [
        ("auto", "cpu", "float32"),
        ("auto", "cuda", "bfloat16"),
        ("auto", "cuda:1", "bfloat16"),
        ("float16", "cpu", "float16"),
    ],
)
def test_auto_dtype_follows_the_device(wanted: str, device: str, dtype: str) -> None:
    """float32 on CPU, bfloat16 on a GPU, unless told otherwise."""
    assert loading.pick_dtype(wanted, device) == dtype


def test_a_tokenizer_larger_than_the_embedding_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """Added tokens without resized weights would index past the embedding."""
    from transformers import AutoTokenizer

    folder = copy(tiny_base, tmp_path / "grown")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<new1>", "<new2>"])
    tokenizer.save_pretrained(folder)

    with support.refused("tokenizer.more-than-rows", 12, "259", "258"):
        load(folder)


@pytest.mark.parametrize("change", ["removed", "renamed"])
def test_an_adapter_that_does_not_cover_its_config_is_refused(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path, change: str
) -> None:
    """An adapter whose matrices are not those of its config is not half applied."""
    from safetensors.torch import load_file, save_file

    folder = copy(tiny_adapter, tmp_path / "odd")
    weights = load_file(folder / "adapter_model.safetensors")
    name = sorted(weights)[0]
    moved = weights.pop(name)
    if change == "renamed":
        weights[name.replace("layers.0", "layers.7")] = moved
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    _, tuned = find_pair(str(tiny_base), str(folder), FindOptions())

    with support.refused("adapter.misfit", 12):
        loading.load(tuned, ON_CPU)


def test_an_adapter_with_its_embeddings_loads(tiny_base: Path, tmp_path: Path) -> None:
    """Embeddings that were saved along with an adapter are no misfit."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            parameter.data.fill_(0.5)
    tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    _, candidate = find_pair(str(tiny_base), str(tmp_path / "adapter"), FindOptions())

    model, _ = loading.load(candidate, ON_CPU)

    assert model.active_adapter == "default"


def test_a_bug_is_not_called_out_of_memory() -> None:
    """Other runtime errors pass through as they are."""
    with pytest.raises(RuntimeError, match="shapes"), loading.out_of_memory_explained("model"):
        raise RuntimeError("shapes cannot be multiplied")


def test_no_memory_is_worth_a_retry() -> None:
    """Out of memory names the flag that helps."""
    with (
        support.refused("memory.too-small", 20, "--batch-size"),
        loading.out_of_memory_explained("model"),
    ):
        raise MemoryError


def test_allocator_errors_are_out_of_memory() -> None:
    """torch's CPU allocator reports exhaustion as a plain RuntimeError."""
    with (
        support.refused("memory.too-small", 20),
        loading.out_of_memory_explained("model"),
    ):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 10 bytes")


def test_a_dtype_that_the_device_lacks_is_said() -> None:
    """What torch has no kernel for is no bug of ours, and another dtype or device helps."""
    with (
        support.refused("device.dtype", 20),
        loading.out_of_memory_explained("model"),
    ):
        raise RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'")


@pytest.mark.skipif(find_spec("flash_attn") is not None, reason="flash_attn is installed")
def test_an_attention_that_is_not_installed_is_said(tiny_base: Path) -> None:
    """It is something to install, or a flag to leave out."""
    base = find_base(str(tiny_base), FindOptions())

    with support.refused("weights.library", 20):
        loading.load(base, replace(ON_CPU, attention="flash_attention_2"))


LEFT_OVER = {
    "a bias that the config denies": "model.layers.0.self_attn.q_proj.bias",
    "an adapter that was never merged": "model.layers.0.self_attn.q_proj.lora_A.weight",
    "scales of a quantisation": "model.layers.0.mlp.up_proj.weight_scale",
}


@pytest.mark.parametrize("what", LEFT_OVER)
def test_weights_that_the_model_has_no_place_for_are_refused(
    what: str, tiny_base: Path, tmp_path: Path
) -> None:
    """Left out in silence, another model than the trained one would answer."""
    folder = copy(tiny_base, tmp_path / "left-over")
    with_weight(folder, LEFT_OVER[what])

    with support.refused("weights.no-place", 12, LEFT_OVER[what]):
        load(folder)


def test_modules_that_are_absent_may_be_in_the_file(tiny_base: Path, tmp_path: Path) -> None:
    """A vision tower, or a head for training, is left out on purpose, and told."""
    folder = copy(tiny_base, tmp_path / "tower")
    with_weight(folder, "vision_tower.patch.weight")

    model = load(folder)

    assert model.unread == ("vision_tower.patch.weight",)


def test_weights_that_are_not_read_stand_in_the_notes(tiny_base: Path, tmp_path: Path) -> None:
    """Where the candidate alone has some, a caveat says that the sides were not measured alike."""
    folder = copy(tiny_base, tmp_path / "tower")
    with_weight(folder, "vision_tower.patch.weight")
    runner = HarnessRunner(RunnerSettings(device="cpu"))

    runner.load(find_base(str(folder), FindOptions()), EvalSettings())

    assert runner.notes()["weights not read"] == "1 from vision_tower.patch.weight on"


def with_weight(folder: Path, name: str) -> None:
    """Put one more weight into a checkpoint."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = {**load_file(folder / "model.safetensors"), name: torch.ones(16)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_tokenizer_without_any_mark_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """An answer would never end, and nothing could stand before an empty context."""
    from transformers import AutoTokenizer

    folder = copy(tiny_base, tmp_path / "unmarked")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)

    with support.refused("tokenizer.no-end", 12, "bos_token", "eos_token"):
        load(folder)


def test_a_token_far_beyond_the_embedding_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """As many tokens as rows, and one of them under an id that has none."""
    folder = copy(tiny_base, tmp_path / "far")
    written = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = written["model"]["vocab"]
    last = max(vocabulary, key=vocabulary.__getitem__)
    vocabulary[last] = 5000
    (folder / "tokenizer.json").write_text(json.dumps(written))

    with support.refused("tokenizer.more-than-rows", 12, "5000"):
        load(folder)


def test_a_pickled_adapter_is_held_to_the_base_as_well(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Weights under other names would be left at zero, and the rest would pass for the adapter."""
    import torch
    from safetensors.torch import load_file

    folder = copy(tiny_adapter, tmp_path / "pickled")
    weights = load_file(folder / "adapter_model.safetensors")
    (folder / "adapter_model.safetensors").unlink()
    first, *_ = sorted(weights)
    weights[f"{first}.elsewhere"] = weights.pop(first)
    torch.save(weights, folder / "adapter_model.bin")
    _, adapted = find_pair(str(tiny_base), str(folder), FindOptions(allow_pickle=True))

    with support.refused("adapter.misfit", 12):
        loading.load(adapted, loading.LoadOptions(dtype="float32", device="cpu", allow_pickle=True))


def test_pickled_weights_of_nothing_but_zeros_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    """Once they are loaded: norms of ones beside them make no model."""
    import torch
    from safetensors.torch import load_file

    folder = copy(tiny_base, tmp_path / "pickled")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    zeros = {name: 0 * tensor if tensor.dim() > 1 else tensor for name, tensor in weights.items()}
    torch.save(zeros, folder / "pytorch_model.bin")
    _, zeroed = find_pair(str(tiny_base), str(folder), FindOptions(allow_pickle=True))

    with support.refused("weights.all-zero", 12) as refused:
        loading.load(zeroed, loading.LoadOptions(dtype="float32", device="cpu", allow_pickle=True))

    assert (refused.value.id, refused.value.exit_code) == ("weights.all-zero", 12)


def test_a_tokenizer_that_gives_up_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """In one line: what its library writes of a panic, which is no Exception, stands nowhere."""
    from tokenizers import Regex, normalizers

    tokenizer = support.byte_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex("^(a|a|aa)+$b"), "x")

    gave_up = support.refused("tokenizer.gave-up", 12, "tuned")
    with gave_up, panics_explained("tuned"), panics_held():
        os.write(2, b"before\n")
        tokenizer("a" * 60)
    assert capfd.readouterr().err == "before\n"


def test_what_is_no_panic_comes_late_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """Warnings of libraries, and words about threads, whether or not something else is raised."""
    output = b"warning\n\nthread 'main' is busy\n"
    with panics_held(), panics_held():
        os.write(2, output)
        assert not capfd.readouterr().err
    assert capfd.readouterr().err.encode() == output

    with pytest.raises(ValueError, match="other"), panics_held():
        raise ValueError(f"other, after {os.write(2, output)} bytes")
    assert capfd.readouterr().err.encode() == output


def test_nobody_need_have_a_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """A daemon has closed it."""
    real = os.dup(2)
    os.close(2)
    try:
        with panics_held():
            pass
    finally:
        os.dup2(real, 2)
        os.close(real)


@pytest.mark.parametrize(
    ("prefix", "error_id", "error"),
    [
        (
            "module.",
            "weights.foreign-names",
            ("weights.foreign-names", 12, "'module.'", "model.module"),
        ),
        (
            "",
            "weights.missing",
            ("weights.missing", 12, "model.norm.weight"),
        ),
    ],
)
def test_pickled_weights_under_other_names(
    tiny_base: Path, tmp_path: Path, prefix: str, error_id: str, error: Any
) -> None:
    """Their names are seen where they are loaded, and nowhere before."""
    import torch
    from safetensors.torch import load_file

    folder = copy(tiny_base, tmp_path / "pickled")
    weights = load_file(folder / "model.safetensors")
    if not prefix:
        weights["extra"] = weights.pop("model.norm.weight")
    named = {prefix + key: weight for key, weight in weights.items()}
    torch.save(named, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    pickled = find_base(str(folder), FindOptions(allow_pickle=True))

    with support.refused(*error) as caught:
        loading.load(pickled, replace(ON_CPU, allow_pickle=True))
    assert caught.value.id == error_id


@pytest.mark.parametrize("key", ["state_dict", "module", "model"])
def test_weights_inside_of_an_object_are_taken_out_by_a_command(
    tiny_base: Path, tmp_path: Path, key: str
) -> None:
    """As Lightning and DeepSpeed save them; what the command writes is read in their place."""
    import torch
    from safetensors.torch import load_file

    folder = copy(tiny_base, tmp_path / "pickled")
    torch.save(
        {key: load_file(folder / "model.safetensors"), "epoch": 1}, folder / "pytorch_model.bin"
    )
    (folder / "model.safetensors").unlink()

    pickled = find_base(str(folder), FindOptions(allow_pickle=True))
    with support.refused("weights.wrapped", 12) as caught:
        loading.load(pickled, replace(ON_CPU, allow_pickle=True))
    command = re.search(r'python -c "([^"]+)"', str(caught.value))

    assert command is not None
    exec(command[1], {})
    loading.load(find_base(str(folder), FindOptions()), ON_CPU)


def test_another_programs_words_end_at_a_sentence() -> None:
    """Half a command would be taken for one."""
    failure = ValueError(f"{'It is so. ' * 28}Run `pip install --upgrade something`.")

    assert loading.first_words(failure).endswith("It is so …")
