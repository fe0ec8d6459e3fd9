"""Two sets of weights in one folder: which is read, and when none can be trusted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from tests import support
from tests.checkpoints.test_identity import write_adapter

OFFLINE = FindOptions(offline=True)


def write_shards(folder: Path, *, seed: int) -> None:
    """Write an index and a shard beside what `support.write_checkpoint` writes of a seed."""
    weights = np.random.default_rng(seed).normal(size=(4, 4)).astype("float32")
    save_file({"w": weights}, folder / "model-00001-of-00001.safetensors")
    index = {"weight_map": {"w": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("has_index", [True, False])
def test_a_whole_file_beside_other_shards_is_refused(tmp_path: Path, has_index: bool) -> None:
    """transformers reads the whole file, a server the shards: an answer would be of either."""
    folder = support.write_checkpoint(tmp_path / "tuned", seed=0)
    write_shards(folder, seed=1)
    if not has_index:
        (folder / "model.safetensors.index.json").unlink()

    names = ("model.safetensors", "model-00001-of-00001.safetensors", "remove")
    with support.refused("weights.two-sets", 12, *names):
        find_base(str(folder), OFFLINE)


def test_the_same_weights_twice_are_one_set(tmp_path: Path) -> None:
    """What was saved whole and in shards answers the same, whichever is read."""
    folder = support.write_checkpoint(tmp_path / "tuned", seed=0)
    write_shards(folder, seed=0)

    assert find_base(str(folder), OFFLINE).notes == ()


def test_an_index_of_the_whole_file_is_no_second_set(tmp_path: Path) -> None:
    """Some programs write an index beside a single file, too."""
    folder = support.write_checkpoint(tmp_path / "tuned", seed=0)
    index = {"weight_map": {"w": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    assert find_base(str(folder), OFFLINE).notes == ()


def test_pickled_weights_beside_are_named(tmp_path: Path) -> None:
    """Whether a pickle holds the same cannot be known unread: the report says which is read."""
    folder = support.write_checkpoint(tmp_path / "tuned", seed=0)
    (folder / "pytorch_model.bin").write_bytes(b"x")

    (note,) = find_base(str(folder), OFFLINE).notes

    assert note.id == "weights.pickled-beside"
    assert "pytorch_model.bin" in note.text
    assert "model.safetensors" in note.text


def test_a_pickled_adapter_beside_is_named(tmp_path: Path) -> None:
    """As with a whole model's weights."""
    base = support.write_checkpoint(tmp_path / "base")
    adapter = write_adapter(tmp_path / "adapter", str(base))
    (adapter / "adapter_model.bin").write_bytes(b"x")

    notes = find_pair(None, str(adapter), OFFLINE)[1].notes

    assert [note.id for note in notes] == ["weights.pickled-beside"]
