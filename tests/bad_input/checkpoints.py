"""Checkpoints and adapters that are none, are damaged, or want more than they may."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

from tests.bad_input.place import Case, Cases, Workspace


def resized(workspace: Workspace, change: Callable[[bytes], bytes]) -> list[str]:
    """Change the bytes of the candidate's weights and return the words of a check."""
    path = workspace.tuned / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    return workspace.check()


def linked_to_nothing(workspace: Workspace) -> list[str]:
    """Put a link to nothing in the place of the candidate's weights."""
    path = workspace.tuned / "model.safetensors"
    path.unlink()
    path.symlink_to(workspace.root / "gone")
    return workspace.check()


def pickled(workspace: Workspace) -> list[str]:
    """Rename the candidate's weights to those of a pickle."""
    (workspace.tuned / "model.safetensors").rename(workspace.tuned / "pytorch_model.bin")
    return workspace.check()


def lacking_a_shard(workspace: Workspace) -> list[str]:
    """Let an index name a shard that is not there."""
    index = {"weight_map": {"a": "model-00002-of-00002.safetensors"}}
    workspace.write("tuned/model.safetensors.index.json", json.dumps(index))
    return workspace.check()


def two_models(workspace: Workspace) -> list[str]:
    """Put a shard of other weights beside the candidate's."""
    other = (workspace.base / "model.safetensors").read_bytes()
    workspace.write("tuned/model-00001-of-00001.safetensors", other)
    return workspace.check()


def with_config(workspace: Workspace, side: str, name: str, **values: object) -> list[str]:
    """Set keys of a checkpoint's JSON file and return the words of a check."""
    path = workspace.root / side / name
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**before, **values}))
    return workspace.check()


def adapter_with(workspace: Workspace, **values: object) -> list[str]:
    """Return the words of a check of an adapter whose config has these keys, too."""
    folder = workspace.adapter(str(workspace.base))
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return workspace.check(candidate=folder)


def headed(workspace: Workspace, header: str | bytes, n_bytes: int = 64) -> list[str]:
    """Give the candidate's weights another header and return the words of a check."""
    text = header.encode() if isinstance(header, str) else header
    return resized(workspace, lambda _: struct.pack("<Q", len(text)) + text + bytes(n_bytes))


def adapter_file(workspace: Workspace, name: str, content: str | None) -> list[str]:
    """Write, or remove, a file of an adapter and return the words of a check."""
    folder = workspace.adapter(str(workspace.base))
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    return workspace.check(candidate=folder)


def pickled_adapter(workspace: Workspace) -> list[str]:
    """Rename an adapter's weights to those of a pickle."""
    folder = workspace.adapter(str(workspace.base))
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    return workspace.check(candidate=folder)


def merged_adapter(workspace: Workspace, weights: str = "model.safetensors") -> Path:
    """Put an adapter's settings without its weights beside a whole model."""
    workspace.write("tuned/adapter_config.json", '{"peft_type": "LORA"}')
    return (workspace.tuned / "model.safetensors").rename(workspace.tuned / weights).parent


def only_leftovers(workspace: Workspace) -> list[str]:
    """Leave nothing but a trainer's pickled arguments."""
    (workspace.tuned / "model.safetensors").rename(workspace.tuned / "training_args.bin")
    workspace.write("tuned/optimizer.pt", "x")
    return workspace.check("--allow-pickle")


def looped(workspace: Workspace) -> list[str]:
    """Put a link to itself in the place of the candidate."""
    (workspace.root / "loop").symlink_to(workspace.root / "loop")
    return workspace.check(candidate=workspace.root / "loop")


CASES: Cases = {
    "a chat template that is no text": Case(
        lambda p: p.spoil("tuned/chat_template.jinja", b"\xfc{{"), 12, "checkpoint.not-text"
    ),
    "candidate is not there": Case(
        lambda p: p.check(candidate=p.root / "nowhere"), 2, "checkpoint.no-folder"
    ),
    "base is not there": Case(lambda p: p.check(base="runs/ft/base"), 2, "checkpoint.no-folder"),
    "base is not on this machine": Case(
        lambda p: p.check("--offline", base="hf:org/model"), 2, "hub.offline"
    ),
    "base is not on this machine, and the environment is offline": Case(
        lambda p: p.check(base="hf:org/model"), 2, "hub.offline"
    ),
    "base may be a name on a hub": Case(lambda p: p.check(base="org/model"), 2, "hub.not-said"),
    "base breaks the rules of the hub": Case(
        lambda p: p.check(base="hf:org/model--v1"), 2, "hub.bad-name"
    ),
    "candidate is empty": Case(lambda p: p.check(candidate=""), 2, "plan.candidate"),
    "base is empty": Case(lambda p: p.check(base=""), 2, "plan.candidate"),
    "candidate is too long a name": Case(
        lambda p: p.check(candidate="/" + "x" * 300), 2, "path.impossible"
    ),
    "candidate lies in the home of nobody": Case(
        lambda p: p.check(candidate="~nobody-of-that-name/ft"), 2, "path.no-user"
    ),
    "candidate is a file": Case(
        lambda p: p.check(candidate=p.tuned / "model.safetensors"), 2, "checkpoint.is-file"
    ),
    "candidate is no checkpoint": Case(
        lambda p: p.check(candidate=p.root), 2, "checkpoint.run-folder"
    ),
    "candidate holds no weights": Case(
        lambda p: [(p.tuned / "model.safetensors").unlink(), *p.check()][1:],
        2,
        "checkpoint.no-weights",
    ),
    "an adapter's settings beside a whole model": Case(
        lambda p: p.check(candidate=merged_adapter(p)), 2, "adapter.leftover-config"
    ),
    "an adapter's settings beside a pickled model": Case(
        lambda p: p.check(candidate=merged_adapter(p, "pytorch_model.bin")),
        2,
        "adapter.leftover-config",
    ),
    "an adapter's settings beside a whole base": Case(
        lambda p: p.check(base=merged_adapter(p), candidate=p.base), 2, "adapter.leftover-config"
    ),
    "base is an adapter": Case(
        lambda p: p.check(base=p.adapter("org/model")), 2, "base.is-adapter"
    ),
    "no base for full weights": Case(lambda p: p.check(base=None), 2, "base.missing"),
    "adapter names no base": Case(
        lambda p: p.check(base=None, candidate=p.adapter(None)), 2, "adapter.no-base"
    ),
    "adapter names a base that is gone": Case(
        lambda p: p.check(base=None, candidate=p.adapter("/gone/models/llama")),
        2,
        "checkpoint.no-folder",
    ),
    "adapter of another base": Case(
        lambda p: p.check(candidate=p.adapter("org/another")), 12, "adapter.unknown-base"
    ),
    "weights are torn": Case(lambda p: resized(p, lambda b: b[:-5]), 12, "weights.torn"),
    "weights are longer than they say": Case(
        lambda p: resized(p, lambda b: b + b"\0\0"), 12, "weights.torn"
    ),
    "weights are a pointer of git-lfs": Case(
        lambda p: resized(p, lambda _: b"version https://git-lfs.github.com/spec/v1\n"),
        12,
        "checkpoint.lfs-pointer",
    ),
    "weights are empty": Case(lambda p: resized(p, lambda _: b""), 12, "weights.torn"),
    "weights are a link to nothing": Case(linked_to_nothing, 12, "weights.no-file"),
    "a shard is missing": Case(lacking_a_shard, 12, "weights.missing-shard"),
    "two models in a folder": Case(two_models, 12, "weights.two-sets"),
    "weights are pickled": Case(pickled, 2, "weights.pickled"),
    "config is torn": Case(
        lambda p: [p.write("tuned/config.json", '{"a":'), *p.check()][1:], 12, "checkpoint.not-json"
    ),
    "config is a list": Case(
        lambda p: [p.write("tuned/config.json", "[]"), *p.check()][1:], 12, "checkpoint.not-json"
    ),
    "a shard lies elsewhere": Case(
        lambda p: with_config(
            p, "tuned", "model.safetensors.index.json", weight_map={"a": "../base/m.safetensors"}
        ),
        12,
        "weights.index",
    ),
    "a shard is a pickle": Case(
        lambda p: with_config(
            p, "tuned", "model.safetensors.index.json", weight_map={"a": "pytorch_model.bin"}
        ),
        12,
        "weights.index",
    ),
    "an index without a map": Case(
        lambda p: with_config(p, "tuned", "model.safetensors.index.json", weight_map=["a"]),
        12,
        "weights.index",
    ),
    "attention from a hub": Case(
        lambda p: with_config(p, "tuned", "config.json", attn_implementation="evil/attention"),
        12,
        "checkpoint.own-code",
    ),
    "attention from a hub, inside": Case(
        lambda p: with_config(
            p, "base", "config.json", text_config={"_attn_implementation": {"": "kernels/a@main"}}
        ),
        12,
        "checkpoint.own-code",
    ),
    "adapter imports a module": Case(
        lambda p: adapter_with(p, megatron_config={"a": 1}, megatron_core="antigravity"),
        12,
        "adapter.outside-files",
    ),
    "adapter reads another file": Case(
        lambda p: adapter_with(p, prompt_tuning_init_state_dict_path="/etc/passwd"),
        12,
        "adapter.outside-files",
    ),
    "adapter of adapters": Case(
        lambda p: adapter_with(p, peft_type="XLORA", adapters={"0": "org/another"}),
        12,
        "adapter.outside-files",
    ),
    "adapter config is torn": Case(
        lambda p: adapter_file(p, "adapter_config.json", '{"r": '), 12, "checkpoint.not-json"
    ),
    "adapter config is a list": Case(
        lambda p: adapter_file(p, "adapter_config.json", "[]"), 12, "checkpoint.not-json"
    ),
    "adapter without weights": Case(
        lambda p: adapter_file(p, "adapter_model.safetensors", None), 2, "checkpoint.no-weights"
    ),
    "adapter's weights are torn": Case(
        lambda p: adapter_file(p, "adapter_model.safetensors", "{}"), 12, "weights.torn"
    ),
    "adapter is pickled": Case(pickled_adapter, 2, "weights.pickled"),
    "adapter records other weights": Case(
        lambda p: adapter_file(
            p, "provenance.json", '{"base": {"weights_sha256": {"model.safetensors": "ab"}}}'
        ),
        12,
        "adapter.other-base",
    ),
    "adapter's provenance is torn": Case(
        lambda p: adapter_file(p, "provenance.json", "{"), 12, "checkpoint.not-json"
    ),
    "nothing but a trainer's arguments": Case(only_leftovers, 2, "checkpoint.no-weights"),
    "candidate is a link to itself": Case(looped, 2, "checkpoint.no-folder"),
    "header is a list": Case(lambda p: headed(p, "[]"), 12, "weights.torn"),
    "header is no JSON": Case(lambda p: headed(p, "{'a'}"), 12, "weights.torn"),
    "header is not UTF-8": Case(lambda p: headed(p, b"\xff\xff"), 12, "weights.torn"),
    "header is nested without end": Case(lambda p: headed(p, '{"a":' * 50_000), 12, "weights.torn"),
    "header without offsets": Case(lambda p: headed(p, '{"w": {}}'), 12, "weights.torn"),
    "header with a word for an offset": Case(
        lambda p: headed(p, '{"w": {"data_offsets": [0, "64"]}}'), 12, "weights.torn"
    ),
    "header promises more": Case(
        lambda p: headed(p, '{"w": {"dtype": "U8", "shape": [1000], "data_offsets": [0, 1000]}}'),
        12,
        "weights.torn",
    ),
    "header of the length of a universe": Case(
        lambda p: resized(p, lambda b: b"\xff" * 8 + b), 12, "weights.torn"
    ),
    "config is not UTF-8": Case(
        lambda p: p.spoil("tuned/config.json", b'{"a": "\xff"}'), 12, "checkpoint.not-json"
    ),
    "config is nested without end": Case(
        lambda p: p.spoil("tuned/config.json", '{"a":' * 50_000), 12, "checkpoint.not-json"
    ),
    "config has a mark of its bytes' order": Case(
        lambda p: p.spoil("tuned/config.json", b"\xef\xbb\xbf{}"), 12, "checkpoint.byte-order-mark"
    ),
    "tokenizer config is UTF-16": Case(
        lambda p: p.spoil("tuned/tokenizer_config.json", "{}".encode("utf-16")),
        12,
        "checkpoint.byte-order-mark",
    ),
    "adapter config has a mark of its bytes' order": Case(
        lambda p: adapter_file(p, "adapter_config.json", "\ufeff{}"),
        12,
        "checkpoint.byte-order-mark",
    ),
    "template has a mark of its bytes' order": Case(
        lambda p: p.spoil("base/chat_template.jinja", "\ufeff{{ messages }}"),
        12,
        "checkpoint.byte-order-mark",
    ),
    "index has a mark of its bytes' order": Case(
        lambda p: p.spoil("base/model.safetensors.index.json", "\ufeff{}"),
        12,
        "checkpoint.byte-order-mark",
    ),
    "config has no heads": Case(
        lambda p: with_config(p, "tuned", "config.json", num_attention_heads=0),
        12,
        "checkpoint.impossible-size",
    ),
    "config has less than no layers, inside": Case(
        lambda p: with_config(p, "tuned", "config.json", text_config={"num_hidden_layers": -1}),
        12,
        "checkpoint.impossible-size",
    ),
    "config has a width in words": Case(
        lambda p: with_config(p, "base", "config.json", hidden_size="16"),
        12,
        "checkpoint.impossible-size",
    ),
    "generation config is a number": Case(
        lambda p: p.spoil("tuned/generation_config.json", "5"), 12, "checkpoint.not-json"
    ),
    "tokenizer config is torn": Case(
        lambda p: p.spoil("base/tokenizer_config.json", "{"), 12, "checkpoint.not-json"
    ),
    "base without a tokenizer": Case(
        lambda p: [(p.base / "tokenizer.json").unlink(), *p.check()][1:], 2, "tokenizer.missing"
    ),
    "candidate's name has a line break": Case(
        lambda p: p.check(candidate="runs/a\nPASS"), 2, "checkpoint.no-folder"
    ),
    "candidate's name has colours": Case(
        lambda p: p.check(candidate="runs/\x1b[32mPASS\u202e"), 2, "checkpoint.no-folder"
    ),
    "candidate's name is not UTF-8": Case(
        lambda p: p.check(candidate="runs/\udcff"), 2, "plan.file"
    ),
}
