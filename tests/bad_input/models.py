"""Models that show only when they are loaded that they cannot be asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Weights = dict[str, Any]


def copied(source: Path, target: Path, change: Callable[[Weights], None] | None = None) -> Path:
    """Copy a model or adapter and change its weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    if change is not None:
        (path,) = target.glob("*.safetensors")
        weights = load_file(path)
        change(weights)
        save_file(weights, path, metadata={"format": "pt"})
    return target


def with_json(folder: Path, name: str, **values: Any) -> Path:
    """Set keys of a JSON file in a checkpoint."""
    before = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**before, **values}))
    return folder


def without(folder: Path, name: str) -> Path:
    """Take a file out of a checkpoint."""
    (folder / name).unlink()
    return folder


def set_first(value: float) -> Callable[[Weights], None]:
    """Return a change that puts a value into the first weight."""

    def change(weights: Weights) -> None:
        weights[sorted(weights)[0]].view(-1)[0] = value

    return change


@dataclass(frozen=True)
class Models:
    """The tiny models, and where to put broken copies."""

    base: Path
    adapter: Path
    broken: Path


def pickled_tiny(models: Models) -> Path:
    """Copy the tiny model with pickled weights."""
    import torch
    from safetensors.torch import load_file

    folder = copied(models.base, models.broken)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def with_text(models: Models, name: str, text: str | bytes) -> Path:
    """Copy the tiny model and put a text in the place of one of its files."""
    folder = copied(models.base, models.broken)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def damaged_pickle(models: Models) -> Path:
    """Copy the tiny model with something else in the place of its weights."""
    folder = with_text(models, "pytorch_model.bin", b"garbage")
    (folder / "model.safetensors").unlink()
    return folder


def wide_adapter(models: Models) -> Path:
    """Copy the adapter and claim another rank."""
    return with_json(copied(models.adapter, models.broken), "adapter_config.json", r=7)


def tokenizer_that_replaces(models: Models, pattern: dict[str, str], content: str) -> Path:
    """Copy the tiny model with a tokenizer that replaces, four times over."""
    folder = copied(models.base, models.broken)
    rule = {"type": "Replace", "pattern": pattern, "content": content}
    return with_json(
        folder, "tokenizer.json", normalizer={"type": "Sequence", "normalizers": [rule] * 4}
    )


def drop_one(weights: Weights) -> None:
    """Take one weight out."""
    del weights[sorted(weights)[-1]]


def without_effect(weights: Weights) -> None:
    """Set all weights to zero."""
    for weight in weights.values():
        weight.zero_()


Made = dict[str, tuple[Callable[[Models], Path], tuple[str, ...], int, str]]
"""By name: what makes the model, flags, the exit code, and what the one line says."""

CASES: Made = {
    "NaN among the weights": (
        lambda m: copied(m.base, m.broken, set_first(float("nan"))),
        (),
        12,
        r"holds NaN or infinite weights; the training diverged",
    ),
    "infinity among the weights": (
        lambda m: copied(m.base, m.broken, set_first(float("inf"))),
        (),
        12,
        r"holds NaN or infinite weights",
    ),
    "NaN in an adapter": (
        lambda m: copied(m.adapter, m.broken, set_first(float("nan"))),
        (),
        12,
        r"holds NaN or infinite weights",
    ),
    "adapter of another shape": (
        wide_adapter,
        (),
        12,
        r"broken: .*lora_A.weight is of shape \[2, 16\], and by .*\(r 7\)",
    ),
    "adapter without effect": (
        lambda m: copied(m.adapter, m.broken, without_effect),
        (),
        12,
        r"broken: .*(zero|no effect|changes nothing)",
    ),
    "weight missing": (
        lambda m: copied(m.base, m.broken, drop_one),
        (),
        12,
        r"weights are missing",
    ),
    "config of another shape": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", hidden_size=32),
        (),
        12,
        r"broken: ",
    ),
    "config with a word for a number": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", hidden_size="many"),
        (),
        12,
        r"broken: cannot be loaded: .*hidden_size",
    ),
    "config that contradicts itself": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", num_attention_heads=3),
        (),
        12,
        r"broken: cannot be loaded: ",
    ),
    "unknown kind of model": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", model_type="lama"),
        (),
        12,
        r"broken: cannot be loaded: .*lama",
    ),
    "quantised without the library for it": (
        lambda m: with_json(
            copied(m.base, m.broken),
            "config.json",
            quantization_config={"quant_method": "gptq", "bits": 4},
        ),
        (),
        20,
        r"broken: .*(?i:gptq)",
    ),
    "quantised in a way that nobody knows": (
        lambda m: with_json(
            copied(m.base, m.broken), "config.json", quantization_config={"quant_method": "nosuch"}
        ),
        (),
        12,
        r"broken: .*nosuch",
    ),
    "an answer that ends at a list": (
        lambda m: with_json(copied(m.base, m.broken), "generation_config.json", eos_token_id=[[1]]),
        (),
        12,
        r"eos_token_id",
    ),
    "tokenizer is garbage": (
        lambda m: with_text(m, "tokenizer.json", '{"version": "1.0", "model": {}}'),
        (),
        12,
        r"broken: cannot be loaded: ",
    ),
    "tokenizer that makes a text longer and longer": (
        lambda m: tokenizer_that_replaces(m, {"String": "a"}, "a" * 1000),
        (),
        12,
        r"broken: the rules of its tokenizer.json \(normalizer\) make a text more than 256 times .*"
        r"\[tokenizer\.grows\]$",
    ),
    "adapter of an absurd rank": (
        lambda m: with_json(copied(m.adapter, m.broken), "adapter_config.json", r=10**9),
        (),
        12,
        r"broken: .*rank 1,000,000,000, .*\[adapter\.absurd-setting\]$",
    ),
    "adapter that repeats layers for ever": (
        lambda m: with_json(
            copied(m.adapter, m.broken), "adapter_config.json", layer_replication=[[0, 2]] * 5000
        ),
        (),
        12,
        r"broken: .*makes 10,000 layers of the base's 2; .*\[adapter\.absurd-setting\]$",
    ),
    "adapter that starts with a million rounds": (
        lambda m: with_json(
            copied(m.adapter, m.broken),
            "adapter_config.json",
            init_lora_weights="pissa_niter_1000000",
        ),
        (),
        12,
        r"broken: .*1,000,000 rounds .*\[adapter\.absurd-setting\]$",
    ),
    "adapter with a pattern that is none": (
        lambda m: with_json(
            copied(m.adapter, m.broken), "adapter_config.json", rank_pattern={"(?:" * 3000: 2}
        ),
        (),
        12,
        r"broken: .*a pattern of its modules cannot be used: .*\[adapter\.pattern\]$",
    ),
    "adapter with a pattern without end": (
        lambda m: with_json(
            copied(m.adapter, m.broken), "adapter_config.json", target_modules="((.+)+)+!"
        ),
        (),
        12,
        r"broken: .*cannot be used: it took more than 1 s; .*\[adapter\.pattern\]$",
    ),
    "chat template that is a number": (
        lambda m: with_json(
            without(copied(m.base, m.broken), "chat_template.jinja"),
            "tokenizer_config.json",
            chat_template=7,
        ),
        ("--chat-template", "own"),
        12,
        r"broken: its chat template cannot be rendered: TypeError.*\[template\.not-rendered\]$",
    ),
    "chat templates without a default": (
        lambda m: with_json(
            without(copied(m.base, m.broken), "chat_template.jinja"),
            "tokenizer_config.json",
            chat_template=[{"name": "x", "template": "{{ messages }}"}],
        ),
        ("--chat-template", "own"),
        12,
        r"broken: .*none is the default; .*\[template\.not-rendered\]$",
    ),
    "chat template without the prompt": (
        lambda m: with_text(m, "chat_template.jinja", "Hello"),
        ("--chat-template", "own"),
        12,
        r"broken: its chat template leaves out what the user says.*\[template\.prompt-lost\]$",
    ),
    "chat template is garbage": (
        lambda m: with_text(m, "chat_template.jinja", "{% for"),
        ("--chat-template", "own"),
        12,
        r"broken: .*template",
    ),
    "pickled weights": (pickled_tiny, (), 2, r"pickled \(pytorch_model\.bin\)"),
    "damaged pickle": (damaged_pickle, ("--allow-pickle",), 12, r"broken: cannot be loaded: "),
    "unknown device": (lambda m: m.base, ("--device", "gpu0"), 2, r"device 'gpu0' is unknown"),
    "device without numbers": (lambda m: m.base, ("--device", "meta"), 2, r"device 'meta' is unk"),
    "device of another vendor": (lambda m: m.base, ("--device", "xpu"), 2, r"device 'xpu' is unkn"),
    "device of another system": (lambda m: m.base, ("--device", "mps"), 2, r"device 'mps' is unkn"),
    "GPU that is not there": (
        lambda m: m.base,
        ("--device", "cuda"),
        20,
        r"device cuda: this machine has 0 CUDA devices; use --device cpu",
    ),
    "GPU of a high number": (
        lambda m: m.base,
        ("--device", "cuda:7", "--dtype", "float32"),
        20,
        r"device cuda:7: this machine has 0 CUDA devices",
    ),
    "adapter with a word for a list": (
        lambda m: with_json(
            copied(m.adapter, m.broken), "adapter_config.json", modules_to_save=True
        ),
        (),
        12,
        r"adapter_config\.json: .*another kind than peft writes",
    ),
    "config with code of its own": (
        lambda m: with_json(
            copied(m.base, m.broken),
            "config.json",
            model_type="evil",
            auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
        ),
        (),
        12,
        r"broken: needs code of its own \(auto_map in its settings\).*runs no checkpoint's code",
    ),
    "tokenizer with code of its own": (
        lambda m: with_json(
            copied(m.base, m.broken),
            "tokenizer_config.json",
            tokenizer_class="EvilTokenizer",
            auto_map={"AutoTokenizer": ["evil.Tokenizer", None]},
        ),
        (),
        12,
        r"broken: (needs code of its own|cannot be loaded: .*EvilTokenizer)",
    ),
    "chat template that refuses the system prompt": (
        lambda m: with_text(
            m,
            "chat_template.jinja",
            "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not "
            "supported') }}{% endif %}{{ messages[0]['content'] }}",
        ),
        ("--chat-template", "own", "--system-prompt", "Be brief."),
        2,
        r"broken: .* takes no system turn, .* \[protocol\.system-prompt-lost\]$",
    ),
    "chat template that passes over the system prompt": (
        lambda m: with_text(m, "chat_template.jinja", "{{ messages[-1]['content'] }}"),
        ("--chat-template", "own", "--system-prompt", "Be brief."),
        2,
        r"broken: .* takes no system turn, .* \[protocol\.system-prompt-lost\]$",
    ),
    "chat template that reaches for Python": (
        lambda m: with_text(
            m, "chat_template.jinja", "{{ ''.__class__.__mro__[1].__subclasses__() }}"
        ),
        ("--chat-template", "own"),
        12,
        r"broken: its chat template cannot be rendered: access to attribute .* is unsafe",
    ),
    "chat template that changes its input": (
        lambda m: with_text(m, "chat_template.jinja", "{{ messages.append(1) }}"),
        ("--chat-template", "own"),
        12,
        r"broken: its chat template cannot be rendered: .*unsafe",
    ),
}
