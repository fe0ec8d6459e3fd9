"""An adapter's base by another spelling: which names are one model's, and which tell nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from cliffguard.checkpoints.adapter_bases import is_same_model, model_name
from cliffguard.checkpoints.identity import FindOptions, find_pair
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError
from tests import support

SAME = [
    ("unsloth/Llama-3.2-1B-bnb-4bit", "models/Llama-3.2-1B"),
    ("unsloth/Llama-3.2-1B-unsloth-bnb-4bit", "meta-llama/Llama-3.2-1B"),
    ("TheBloke/Llama-2-7B-GGUF", "/data/llama_2_7b"),
    ("TheBloke/Mistral-7B-v0.1-AWQ", "mistralai/Mistral-7B-v0.1"),
    ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen2.5-7B-Instruct"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "Meta-Llama-3.1-8B-Instruct"),
    ("mlx-community/Llama-3.2-1B-4bit", "Llama-3.2-1B"),
    ("meta-llama/Llama-2-7b-hf", "models/Llama-2-7b"),
    ("openai/gpt-oss-20b", "unsloth/gpt-oss-20b-BF16"),
    ("bartowski/gemma-2-2b-it-GGUF/gemma-2-2b-it-Q4_K_M", "google/gemma-2-2b-it"),
    ("/hub/models--org--tiny/snapshots/0123456789abcdef0123456789abcdef01234567", "x/tiny"),
    ("org/tiny@v1.0", "tiny"),
    ("D:\\models\\Tiny-Model", "tiny_model/"),
    ("hf:org/Tiny", "TINY"),
    ("org/Qwen2.5-0.5B", "qwen2-5_0.5b"),
    ("org/Modèle-7B", "Mode\u0300le-7b"),
]
OTHER = [
    ("meta-llama/Llama-3.2-1B", "models/Llama-3.2-1B-Instruct"),
    ("meta-llama/Llama-2-7b-chat-hf", "meta-llama/Llama-2-7b-hf"),
    ("google/gemma-2-2b", "google/gemma-2-2b-it"),
    ("meta-llama/Llama-3.2-1B", "meta-llama/Llama-3.2-3B"),
    ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3-8B"),
    ("Qwen/Qwen2.5-Coder-7B", "Qwen/Qwen2.5-7B"),
    ("../base", "tiny/base"),
    ("C:\\models\\base", "tiny/base"),
    ("/content/drive/MyDrive/models/base", "tiny/base"),
    ("outputs/checkpoint-500", "runs/checkpoint-500"),
    ("/x/0123456789abcdef", "/y/0123456789abcdef"),
    ("final_model", "final-model"),
    ("model", "Model"),
    ("org/x-GGUF", "org/y-GGUF"),
    ("TinyLlama/TinyLlama-1.1B", "models/TinyLlama-11B"),
    ("google/gemma-2-2b", "models/gemma-22b"),
    ("Qwen/Qwen2.5-7B", "Qwen/Qwen2-57B"),
    ("org/модель-7b", "org/другая-7b"),
    ("/runs/7b", "/base/7B"),
    ("sweep/exp-42", "other/exp-42"),
    ("runs/a", "other/a"),
]


@pytest.mark.parametrize(("named", "spelt"), SAME)
def test_a_model_by_another_spelling_is_the_same(named: str, spelt: str) -> None:
    """Path, owner, cache, packaging, case and separators are no part of a model's name."""
    assert is_same_model(named, [spelt])
    assert is_same_model(spelt, [named])


@pytest.mark.parametrize(("named", "spelt"), OTHER)
def test_what_may_be_another_model_is_not_the_same(named: str, spelt: str) -> None:
    """Another size, another training, or a name that anything could have."""
    assert not is_same_model(named, [spelt])
    assert not is_same_model(spelt, [named])


def test_a_config_that_remembers_another_name_does_not_outweigh_the_folders() -> None:
    """An -Instruct may remember the base that it was made from."""
    spellings = ["models/Llama-3.2-1B-Instruct", "meta-llama/Llama-3.2-1B"]

    assert not is_same_model("meta-llama/Llama-3.2-1B", spellings)


COMMIT, OTHER_COMMIT = "a" * 40, "b" * 40
REVISIONS: list[tuple[str, str | None, str, str | None]] = [
    # The adapter's base, its `revision`, the folder of --base, the caveat; an error stands as "".
    ("allenai/OLMo-7B@step1000", None, "OLMo-7B@step2000", ""),
    ("allenai/OLMo-7B", "step1000", "OLMo-7B@step2000", ""),
    ("allenai/OLMo-7B@step1000", None, "OLMo-7B@step1000", None),
    ("allenai/OLMo-7B", "step1000", "OLMo-7B@step1000", None),
    ("allenai/OLMo-7B", None, "OLMo-7B@step1000", None),
    ("allenai/OLMo-7B", "step1000", "OLMo-7B", "adapter.base-revision"),
    ("allenai/OLMo-7B", COMMIT, "OLMo-7B@step1000", "adapter.base-revision"),
    (
        f"/c/models--a--tiny/snapshots/{OTHER_COMMIT}",
        None,
        f"models--a--tiny/snapshots/{COMMIT}",
        "",
    ),
    (f"/c/models--a--tiny/snapshots/{COMMIT}", None, f"models--a--tiny/snapshots/{COMMIT}", None),
    ("a/tiny", COMMIT[:7], f"models--a--tiny/snapshots/{COMMIT}", None),
]


@pytest.mark.parametrize(("named", "revision", "folder", "caveat"), REVISIONS)
def test_another_revision_is_another_base(
    named: str, revision: str | None, folder: str, caveat: str | None, tmp_path: Path
) -> None:
    """A training run publishes its steps as revisions of one name."""
    base = base_with_matrix(tmp_path / folder)
    adapter = write_lora(tmp_path / "adapter", named)
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "revision": revision}))

    if caveat == "":
        with support.refused("adapter.other-base", 12, named):
            notes_of(base, adapter)
        assert notes_of(base, adapter, allow_base_mismatch=True)
        return
    ids = [note.id for note in notes_of(base, adapter)]
    assert ids == [*filter(None, [caveat]), "adapter.base-by-name"]


@pytest.mark.parametrize(
    "name", ["a-" * 2000, "-" * 4000, "q4_" * 1300, "base" * 1000, "v1" * 2000]
)
def test_no_name_takes_long(name: str) -> None:
    """Names are matched by patterns, and written by strangers."""
    start = time.perf_counter()

    model_name(name)

    assert time.perf_counter() - start < 0.5


# --- at the door ---------------------------------------------------------------------------------


def write_lora(folder: Path, named: Any, *, width: int = 4) -> Path:
    """Write an adapter that names a base, with one pair of matrices for inputs of a width."""
    folder.mkdir()
    key = "base_model.model.w.lora_{}.weight"
    matrices = {key.format("A"): (2, width), key.format("B"): (4, 2)}
    tensors = {name: np.ones(shape, "float32") for name, shape in matrices.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "base_model_name_or_path": named}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def base_with_matrix(folder: Path) -> Path:
    """Write a base whose one weight is called as a module's."""
    support.write_checkpoint(folder)
    save_file({"w.weight": np.ones((4, 4), "float32")}, folder / "model.safetensors")
    return folder


def notes_of(base: Path, adapter: Path, **options: bool) -> tuple[Caveat, ...]:
    """Return the caveats about an adapter on a base."""
    return find_pair(str(base), str(adapter), FindOptions(offline=True, **options))[1].notes


def test_another_spelling_is_accepted_and_told(tmp_path: Path) -> None:
    """The caveat says which name was taken for which base."""
    base = base_with_matrix(tmp_path / "Tiny-Llama")
    adapter = write_lora(tmp_path / "adapter", "unsloth/tiny-llama-bnb-4bit")

    text = f"{adapter} names unsloth/tiny-llama-bnb-4bit; taken for {base}."
    assert notes_of(base, adapter) == (Caveat(id="adapter.base-by-name", text=text),)


def test_an_unknown_name_is_refused_in_neutral_words(tmp_path: Path) -> None:
    """Nobody knows that it was another base; with the flag the caveat says no more."""
    base = base_with_matrix(tmp_path / "base")
    adapter = write_lora(tmp_path / "adapter", "../base2")
    doubt = f"{adapter}: names '../base2'; whether {base} is '../base2' is not known"

    with pytest.raises(IntegrityError) as refused:
        notes_of(base, adapter)

    assert refused.value.id == "adapter.unknown-base"
    assert str(refused.value).startswith(f"{doubt}; give the base that it was trained on")
    (caveat,) = notes_of(base, adapter, allow_base_mismatch=True)
    assert caveat.text == f"{doubt} (--allow-base-mismatch)."


def test_a_copy_of_the_base_is_the_base(tmp_path: Path) -> None:
    """A path of this machine with the same weights: the digest says what no name can."""
    base = base_with_matrix(tmp_path / "base")
    copied = base_with_matrix(tmp_path / "checkpoint-7")
    adapter = write_lora(tmp_path / "adapter", str(copied))

    text = f"{adapter} names {copied}, which holds the weights of {base}, byte for byte."
    assert notes_of(base, adapter) == (Caveat(id="adapter.base-by-weights", text=text),)

    save_file({"w.weight": np.zeros((4, 4), "float32")}, copied / "model.safetensors")
    with support.refused("adapter.unknown-base", 12):
        notes_of(base, adapter)
    (copied / "model.safetensors").write_bytes(b"\0" * (base / "model.safetensors").stat().st_size)
    with support.refused("adapter.unknown-base", 12):
        notes_of(base, adapter)


def test_a_whole_model_beside_an_adapter_is_told(tmp_path: Path) -> None:
    """A merge that left the adapter's settings behind: what is asked is not what was merged."""
    base = base_with_matrix(tmp_path / "tiny-llama")
    adapter = write_lora(tmp_path / "adapter", str(base))
    save_file({"w.weight": np.ones((4, 4), "float32")}, adapter / "model.safetensors")

    (caveat,) = notes_of(base, adapter)
    assert caveat.id == "adapter.whole-model-beside"


def test_shapes_that_do_not_fit_outweigh_any_name(tmp_path: Path) -> None:
    """Not even the flag lets matrices for another width pass."""
    base = base_with_matrix(tmp_path / "tiny-llama")
    adapter = write_lora(tmp_path / "adapter", str(base), width=8)

    for allowed in (False, True):
        with pytest.raises(IntegrityError) as refused:
            notes_of(base, adapter, allow_base_mismatch=allowed)
        assert refused.value.id == "adapter.other-shapes"


def test_a_recorded_digest_outweighs_any_name(tmp_path: Path) -> None:
    """The trainer wrote down which weights they were."""
    from cliffguard.core.hashing import sha256_of_file

    base = base_with_matrix(tmp_path / "base")
    adapter = write_lora(tmp_path / "adapter", "org/quite-another")
    recorded = {"model.safetensors": sha256_of_file(base / "model.safetensors")}
    provenance = adapter / "provenance.json"
    provenance.write_text(json.dumps({"base": {"weights_sha256": recorded}}))
    assert notes_of(base, adapter) == ()

    provenance.write_text(json.dumps({"base": {"weights_sha256": {"model.safetensors": "0" * 64}}}))
    with support.refused("adapter.other-base", 12, "provenance.json"):
        notes_of(base, adapter)


@pytest.mark.parametrize("named", ["a\0b", "a\nb", "x" * 100_000, "\u202emodel"])
@pytest.mark.parametrize("is_given", [True, False])
def test_a_name_that_no_model_has_is_traced_to_its_file(
    named: str, is_given: bool, tmp_path: Path
) -> None:
    """Whether or not a base is given, the user never wrote that name."""
    base = str(base_with_matrix(tmp_path / "base"))
    adapter = write_lora(tmp_path / "adapter", named)

    with support.refused("adapter.base-name", 12, "adapter_config.json", "base_model_"):
        find_pair(base if is_given else None, str(adapter), FindOptions(offline=True))
