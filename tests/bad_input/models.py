"""Models that show only when they are loaded that they cannot be asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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


def config(models: Models, **values: Any) -> Path:
    """Copy the tiny model with these keys in its config."""
    return with_json(copied(models.base, models.broken), "config.json", **values)


def adapter(models: Models, **values: Any) -> Path:
    """Copy the tiny adapter with these keys in its config."""
    return with_json(copied(models.adapter, models.broken), "adapter_config.json", **values)


def template(models: Models, text: str) -> Path:
    """Copy the tiny model with this chat template."""
    return with_text(models, "chat_template.jinja", text)


class Case(NamedTuple):
    """What makes the model, flags, and what a run must answer."""

    make: Callable[[Models], Path]
    flags: tuple[str, ...]
    exit_code: int
    id: str


CASES = {
    "NaN among the weights": Case(
        lambda m: copied(m.base, m.broken, set_first(float("nan"))), (), 12, "weights.not-finite"
    ),
    "infinity among the weights": Case(
        lambda m: copied(m.base, m.broken, set_first(float("inf"))), (), 12, "weights.not-finite"
    ),
    "NaN in an adapter": Case(
        lambda m: copied(m.adapter, m.broken, set_first(float("nan"))), (), 12, "weights.not-finite"
    ),
    "adapter of another shape": Case(wide_adapter, (), 12, "adapter.other-shapes"),
    "adapter without effect": Case(
        lambda m: copied(m.adapter, m.broken, without_effect), (), 12, "adapter.zero"
    ),
    "weight missing": Case(lambda m: copied(m.base, m.broken, drop_one), (), 12, "weights.missing"),
    "vllm that is not installed": Case(
        lambda m: m.base, ("--model", "vllm"), 20, "environment.missing-library"
    ),
    "a model among vllm's arguments": Case(
        lambda m: m.base, ("--model", "vllm", "--model-args", "pretrained=x"), 2, "runner.args"
    ),
    "a length for one engine of two": Case(
        lambda m: m.base, ("--model", "auto", "--model-args", "max_length=64"), 2, "runner.args"
    ),
    "thinking in one engine of two": Case(
        lambda m: m.base, ("--model", "auto", "--think-end", "end"), 2, "runner.one-engine"
    ),
    "config of another shape": Case(
        lambda m: config(m, hidden_size=32), (), 12, "weights.other-shape"
    ),
    "config with a word for a number": Case(
        lambda m: config(m, hidden_size="many"), (), 12, "checkpoint.impossible-size"
    ),
    "config that contradicts itself": Case(
        lambda m: config(m, num_attention_heads=3), (), 12, "checkpoint.not-loaded"
    ),
    "unknown kind of model": Case(
        lambda m: config(m, model_type="lama"), (), 12, "checkpoint.unknown-type"
    ),
    "a kind of model that is newer than transformers": Case(
        lambda m: config(m, model_type="llama99", transformers_version="99.1.0"),
        (),
        20,
        "checkpoint.newer-type",
    ),
    "a kind of adapter in small letters": Case(
        lambda m: adapter(m, peft_type="lora"), (), 12, "adapter.unknown-type"
    ),
    "quantised without the library for it": Case(
        lambda m: config(m, quantization_config={"quant_method": "gptq", "bits": 4}),
        (),
        20,
        "weights.library",
    ),
    "quantised in a way that nobody knows": Case(
        lambda m: config(m, quantization_config={"quant_method": "nosuch"}),
        (),
        12,
        "checkpoint.config-misfit",
    ),
    "an answer that ends at a list": Case(
        lambda m: with_json(copied(m.base, m.broken), "generation_config.json", eos_token_id=[[1]]),
        (),
        12,
        "generation.eos-token",
    ),
    "tokenizer is garbage": Case(
        lambda m: with_text(m, "tokenizer.json", '{"version": "1.0", "model": {}}'),
        (),
        12,
        "checkpoint.not-loaded",
    ),
    "tokenizer that makes a text longer and longer": Case(
        lambda m: tokenizer_that_replaces(m, {"String": "a"}, "a" * 1000), (), 12, "tokenizer.grows"
    ),
    "adapter of an absurd rank": Case(
        lambda m: adapter(m, r=10**9), (), 12, "adapter.absurd-setting"
    ),
    "adapter that repeats layers for ever": Case(
        lambda m: adapter(m, layer_replication=[[0, 2]] * 5000), (), 12, "adapter.absurd-setting"
    ),
    "adapter that starts with a million rounds": Case(
        lambda m: adapter(m, init_lora_weights="pissa_niter_1000000"),
        (),
        12,
        "adapter.absurd-setting",
    ),
    "adapter with a pattern that is none": Case(
        lambda m: adapter(m, rank_pattern={"(?:" * 3000: 2}), (), 12, "adapter.pattern"
    ),
    "adapter with a pattern without end": Case(
        lambda m: adapter(m, target_modules="((.+)+)+!"), (), 12, "adapter.pattern"
    ),
    "chat template that is a number": Case(
        lambda m: with_json(
            without(copied(m.base, m.broken), "chat_template.jinja"),
            "tokenizer_config.json",
            chat_template=7,
        ),
        ("--chat-template", "own"),
        12,
        "template.not-rendered",
    ),
    "chat templates without a default": Case(
        lambda m: with_json(
            without(copied(m.base, m.broken), "chat_template.jinja"),
            "tokenizer_config.json",
            chat_template=[{"name": "x", "template": "{{ messages }}"}],
        ),
        ("--chat-template", "own"),
        12,
        "template.not-rendered",
    ),
    "chat template without the prompt": Case(
        lambda m: template(m, "Hello"), ("--chat-template", "own"), 12, "template.prompt-lost"
    ),
    "chat template is garbage": Case(
        lambda m: template(m, "{% for"), ("--chat-template", "own"), 12, "template.not-rendered"
    ),
    "pickled weights": Case(pickled_tiny, (), 2, "weights.pickled"),
    "damaged pickle": Case(damaged_pickle, ("--allow-pickle",), 12, "checkpoint.not-loaded"),
    "unknown device": Case(lambda m: m.base, ("--device", "gpu0"), 2, "runner.device"),
    "device without numbers": Case(lambda m: m.base, ("--device", "meta"), 2, "runner.device"),
    "device of another vendor": Case(lambda m: m.base, ("--device", "xpu"), 2, "runner.device"),
    "device of another system": Case(lambda m: m.base, ("--device", "mps"), 2, "runner.device"),
    "GPU that is not there": Case(lambda m: m.base, ("--device", "cuda"), 20, "device.absent"),
    "GPU of a high number": Case(
        lambda m: m.base, ("--device", "cuda:7", "--dtype", "float32"), 20, "device.absent"
    ),
    "adapter with a word for a list": Case(
        lambda m: adapter(m, modules_to_save=True), (), 12, "adapter.other-kind"
    ),
    "config with code of its own": Case(
        lambda m: config(
            m,
            model_type="evil",
            auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
        ),
        (),
        12,
        "checkpoint.own-code",
    ),
    "tokenizer with code of its own": Case(
        lambda m: with_json(
            copied(m.base, m.broken),
            "tokenizer_config.json",
            tokenizer_class="EvilTokenizer",
            auto_map={"AutoTokenizer": ["evil.Tokenizer", None]},
        ),
        (),
        12,
        "checkpoint.own-code",
    ),
    "chat template that refuses the system prompt": Case(
        lambda m: template(
            m,
            "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not "
            "supported') }}{% endif %}{{ messages[0]['content'] }}",
        ),
        ("--chat-template", "own", "--system-prompt", "Be brief."),
        2,
        "protocol.system-prompt-lost",
    ),
    "chat template that passes over the system prompt": Case(
        lambda m: template(m, "{{ messages[-1]['content'] }}"),
        ("--chat-template", "own", "--system-prompt", "Be brief."),
        2,
        "protocol.system-prompt-lost",
    ),
    "chat template that reaches for Python": Case(
        lambda m: template(m, "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
        ("--chat-template", "own"),
        12,
        "template.not-rendered",
    ),
    "chat template that changes its input": Case(
        lambda m: template(m, "{{ messages.append(1) }}"),
        ("--chat-template", "own"),
        12,
        "template.not-rendered",
    ),
}
