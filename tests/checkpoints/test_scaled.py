"""Checkpoints between a base and its fine-tune: what is written, and what cannot be scaled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliffguard.checkpoints.identity import FindOptions, find_pair
from cliffguard.checkpoints.scaled import (
    RECORD_FILE,
    refuse_unscalable,
    scaled_config,
    write_scaled,
)
from cliffguard.core.checkpoint import Checkpoint
from tests import support

Tensors = Mapping[str, Any]
OPTIONS = FindOptions(offline=True)


def pair(base: Path, candidate: Path) -> tuple[Checkpoint, Checkpoint]:
    """Return the identities of two folders."""
    return find_pair(str(base), str(candidate), OPTIONS)


# --- adapters ------------------------------------------------------------------------------------

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"lora_alpha": 12},
    "rslora": {"lora_alpha": 12, "use_rslora": True},
    "an alpha for some layers": {"lora_alpha": 12, "alpha_pattern": {"v_proj": 3}},
    "a rank for some layers": {"lora_alpha": 5, "rank_pattern": {"v_proj": 4}},
}


def save_adapter(folder: Path, base: Path, kind: Mapping[str, Any]) -> Path:
    """Save a LoRA adapter of a kind, whose B matrices are not zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **kind)
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=1.0)
    tuned.save_pretrained(folder)
    return folder


def deltas(base: Path, adapter: Path) -> dict[str, Any]:
    """Return what an adapter adds to each weight of its base, as peft merges it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    before = AutoModelForCausalLM.from_pretrained(base).state_dict()
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    after = model.merge_and_unload().state_dict()
    return {name: after[name] - before[name] for name in before}


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaled_adapter_adds_so_much_of_what_it_added(
    kind: str, tiny_base: Path, tmp_path: Path
) -> None:
    """Whatever the scale that peft makes of alpha and rank, layer by layer."""
    adapter = save_adapter(tmp_path / "adapter", tiny_base, KINDS[kind])
    base, candidate = pair(tiny_base, adapter)

    refuse_unscalable(base, candidate)
    write_scaled(base, candidate, 0.4, tmp_path / "scaled")

    whole, part = deltas(tiny_base, adapter), deltas(tiny_base, tmp_path / "scaled")
    assert any(delta.abs().max() > 0.1 for delta in whole.values())
    for name, delta in whole.items():
        assert (part[name] - 0.4 * delta).abs().max() < 1e-5, name


def test_an_adapter_of_another_scale_is_another_checkpoint(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """At the same scale it is the same one, wherever it lies and whatever its record says."""
    base, candidate = pair(tiny_base, tiny_adapter)
    fingerprints = {}
    for name, scale in (("a", 0.5), ("b", 0.5), ("c", 0.25), ("whole", 1.0)):
        write_scaled(base, candidate, scale, tmp_path / name)
        (tmp_path / name / RECORD_FILE).write_text(json.dumps({"name": name}))
        fingerprints[name] = pair(tiny_base, tmp_path / name)[1].fingerprint

    assert fingerprints["a"] == fingerprints["b"]
    assert len(set(fingerprints.values())) == 3


def test_a_whole_alpha_stays_a_whole_number() -> None:
    """Readers of adapters other than peft take an integer."""
    config = scaled_config({"lora_alpha": 16, "alpha_pattern": {"q": 10}, "r": 4}, 0.25)

    assert json.dumps(config) == json.dumps({"lora_alpha": 4, "alpha_pattern": {"q": 2.5}, "r": 4})


UNSCALABLE: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "a bias": {"bias": "lora_only"},
    "a bias of LoRA's": {"lora_bias": True},
    "whole modules": {"modules_to_save": ["lm_head"]},
    "rows of the embedding": {"trainable_token_indices": [1, 2]},
    "repeated layers": {"layer_replication": [[0, 2], [1, 2]]},
    "a base that it changed": {"init_lora_weights": "pissa_niter_4"},
    "another kind": {"peft_type": "LOHA"},
    "an alpha that is a text": {"lora_alpha": "16"},
    "a pattern that is a list": {"alpha_pattern": [1]},
    "no scale at all": {"lora_alpha": 0},
}


@pytest.mark.parametrize("kind", UNSCALABLE)
def test_what_no_scale_reaches_is_refused(
    kind: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """The line names the key, or what it says."""
    base, candidate = pair(tiny_base, tiny_adapter)
    write_scaled(base, candidate, 1.0, tmp_path / "other")
    config = json.loads((tmp_path / "other" / "adapter_config.json").read_text())
    ((key, value),) = UNSCALABLE[kind].items()
    (tmp_path / "other" / "adapter_config.json").write_text(json.dumps({**config, key: value}))
    named = "LOHA" if key == "peft_type" else key

    with support.refused("scale.adapter", 2, named):
        refuse_unscalable(base, pair(tiny_base, tmp_path / "other")[1])


def test_whole_weights_beside_lora_are_refused(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Trainers save a grown embedding there, and the settings say nothing of it."""
    from safetensors.numpy import load_file, save_file

    base, candidate = pair(tiny_base, tiny_adapter)
    write_scaled(base, candidate, 1.0, tmp_path / "other")
    weights = tmp_path / "other" / "adapter_model.safetensors"
    more = {"base_model.model.lm_head.weight": np.zeros((258, 16), np.float32)}
    save_file({**load_file(weights), **more}, weights)

    with support.refused("scale.adapter", 2, "lm_head"):
        refuse_unscalable(base, pair(tiny_base, tmp_path / "other")[1])


def test_a_model_in_memory_is_refused() -> None:
    """There is no file to scale."""
    with support.refused("scale.no-files", 2, "tuned"):
        refuse_unscalable(support.checkpoint("base"), support.checkpoint("tuned"))


# --- full weights --------------------------------------------------------------------------------


def write_full(folder: Path, files: Mapping[str, Tensors]) -> Path:
    """Write a checkpoint of these files of torch tensors."""
    from safetensors.torch import save_file

    support.write_checkpoint(folder)
    (folder / "model.safetensors").unlink()
    for name, tensors in files.items():
        save_file(dict(tensors), folder / name)
    return folder


def drawn(seed: int, dtype: str, *shape: int) -> Any:
    """Return a tensor of a dtype by its name in torch."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(getattr(torch, dtype))


def loaded(folder: Path) -> dict[str, Any]:
    """Return all tensors of a folder."""
    from safetensors.torch import load_file

    return {k: v for p in sorted(folder.glob("*.safetensors")) for k, v in load_file(p).items()}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("of_base", ["float32", "bfloat16"])
def test_full_weights_lie_between_in_the_candidates_dtype(
    dtype: str, of_base: str, tmp_path: Path
) -> None:
    """Rounded once, to the nearest value of the dtype; in files called and cut as its own."""
    import torch

    a = {"x": drawn(1, of_base, 40, 3), "y": drawn(2, of_base, 5)}
    b = {"x": drawn(3, dtype, 40, 3), "y": drawn(4, dtype, 5)}
    left = write_full(tmp_path / "base", {"model.safetensors": a})
    right = write_full(
        tmp_path / "tuned",
        {f"model-{n}.safetensors": {k: b[k]} for n, k in enumerate(sorted(b), start=1)},
    )
    base, candidate = pair(left, right)

    refuse_unscalable(base, candidate)
    write_scaled(base, candidate, 0.3, tmp_path / "scaled")

    written = loaded(tmp_path / "scaled")
    for name, value in a.items():
        exact = value.double() + 0.3 * (b[name].double() - value.double())
        assert torch.equal(written[name], exact.to(b[name].dtype)), name
    names = [path.name for path in sorted((tmp_path / "scaled").glob("*.safetensors"))]
    assert names == ["model-1.safetensors", "model-2.safetensors"]


def test_at_the_ends_lie_base_and_candidate(tmp_path: Path) -> None:
    """To the last bit."""
    import torch

    ends = {}
    for name, seed in (("base", 1), ("tuned", 2)):
        ends[name] = write_full(
            tmp_path / name, {"model.safetensors": {"x": drawn(seed, "bfloat16", 7, 9)}}
        )
    base, candidate = pair(ends["base"], ends["tuned"])

    for scale, end in ((0.0, "base"), (1.0, "tuned")):
        write_scaled(base, candidate, scale, tmp_path / "scaled")
        assert torch.equal(loaded(tmp_path / "scaled")["x"], loaded(ends[end])["x"])


def test_parts_of_a_tensor_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large tensors are read and written a part at a time."""
    import torch

    monkeypatch.setattr("cliffguard.checkpoints.interpolated._PART_ITEMS", 4)
    a, b = drawn(1, "float32", 11), drawn(2, "float32", 11)
    left = write_full(tmp_path / "base", {"model.safetensors": {"x": a}})
    right = write_full(tmp_path / "tuned", {"model.safetensors": {"x": b}})

    write_scaled(*pair(left, right), 0.5, tmp_path / "scaled")

    exact = a.double() + 0.5 * (b.double() - a.double())
    assert torch.equal(loaded(tmp_path / "scaled")["x"], exact.float())


def test_what_a_loader_reads_comes_along_and_nothing_else(tmp_path: Path) -> None:
    """No optimizer, and no record of how another scale was chosen."""
    left = support.write_checkpoint(tmp_path / "base", seed=0)
    right = support.write_checkpoint(tmp_path / "tuned", seed=1)
    (right / "chat_template.jinja").write_text("{{ messages }}")
    (right / "optimizer.pt").write_bytes(b"large")
    (right / RECORD_FILE).write_text("{}")
    (right / "additional_chat_templates").mkdir()
    (right / "additional_chat_templates" / "tools.jinja").write_text("{{ tools }}")

    write_scaled(*pair(left, right), 0.5, tmp_path / "scaled")

    scaled = tmp_path / "scaled"
    written = {path.relative_to(scaled).as_posix() for path in scaled.rglob("*") if path.is_file()}
    assert written == {
        "config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja",
        "additional_chat_templates/tools.jinja",
    }  # fmt: skip


UNLIKE: dict[str, tuple[Any, str]] = {
    "another name": (lambda: {"w": drawn(1, "float32", 4), "z": drawn(2, "float32", 4)}, "z"),
    "another shape": (lambda: {"w": drawn(1, "float32", 5)}, "w"),
    "integers": (lambda: {"w": (10 * drawn(1, "float32", 4)).int()}, "w"),
}


@pytest.mark.parametrize("how", UNLIKE)
def test_weights_with_nothing_between_them_are_refused(how: str, tmp_path: Path) -> None:
    """By their headers; the line names a tensor."""
    make, named = UNLIKE[how]
    left = write_full(tmp_path / "base", {"model.safetensors": {"w": drawn(1, "float32", 4)}})
    right = write_full(tmp_path / "tuned", {"model.safetensors": make()})

    with support.refused("scale.weights", 2, named):
        refuse_unscalable(*pair(left, right))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    """Also where the user lets them be loaded."""
    left = support.write_checkpoint(tmp_path / "base", seed=0)
    right = support.write_checkpoint(tmp_path / "tuned", seed=1)
    (right / "model.safetensors").rename(right / "pytorch_model.bin")
    options = FindOptions(offline=True, allow_pickle=True)

    with support.refused("scale.weights", 2, "safetensors"):
        refuse_unscalable(*find_pair(str(left), str(right), options))
