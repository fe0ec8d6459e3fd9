"""Tensors as bytes: the same or not, zero or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from cliffguard.checkpoints.tensors import are_same, is_zero, tensors_of
from tests import support

RANDOM = np.random.default_rng(0)
WEIGHTS = {name: RANDOM.normal(size=(3, 5)).astype("float32") for name in "abc"}


def saved(path: Path, weights: dict[str, Any], **metadata: str) -> Path:
    """Save weights and return their file."""
    save_file(weights, path, metadata=metadata or None)
    return path


def test_the_same_tensors_in_other_files_are_the_same(tmp_path: Path) -> None:
    """Neither names of files, nor how weights are cut into them, nor metadata make a difference."""
    whole = saved(tmp_path / "model.safetensors", WEIGHTS)
    parts = [
        saved(tmp_path / f"part-{name}.safetensors", {name: value}, written_by="another")
        for name, value in WEIGHTS.items()
    ]

    assert are_same([whole], parts)


def last_bit(weights: dict[str, Any]) -> None:
    """Flip one bit."""
    weights["c"].view(np.uint32)[-1, -1] ^= 1


@pytest.mark.parametrize(
    "change",
    [
        last_bit,
        lambda w: w.pop("b"),
        lambda w: w.update(d=w.pop("b")),
        lambda w: w.update(b=w["b"].reshape(5, 3)),
        lambda w: w.update(b=w["b"].view(np.int32)),
    ],
    ids=["one bit", "one less", "another name", "another shape", "another dtype"],
)
def test_other_tensors_are_not_the_same(change: Any, tmp_path: Path) -> None:
    """One bit is enough, and so is a name, a shape or a dtype."""
    other = {name: value.copy() for name, value in WEIGHTS.items()}
    change(other)

    path = saved(tmp_path / "one.safetensors", WEIGHTS)
    assert not are_same([path], [saved(tmp_path / "two.safetensors", other)])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("value", [0.0, -0.0, 6e-8])
def test_zero_has_two_signs(dtype: str, value: float, tmp_path: Path) -> None:
    """-0 is zero, and the smallest number is not."""
    import torch
    from safetensors.torch import save_file as save_torch

    filled = torch.zeros(7, 3, dtype=getattr(torch, dtype))
    filled[-1, -1] = value
    save_torch({"w": filled}, tmp_path / "w.safetensors")

    assert is_zero(tensors_of([tmp_path / "w.safetensors"])["w"]) is (value == 0.0)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        b'{"w": 1}',
        b'{"w": {"shape": [1], "data_offsets": [0, 4]}}',
        b'{"w": {"dtype": "F32", "shape": [Infinity], "data_offsets": [0, 4]}}',
        b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_header_is_damage(tmp_path: Path, header: bytes) -> None:
    """One line, whatever stands in the place of a header."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))

    with support.refused("weights.torn", 12):
        tensors_of([path])
