"""Loading, rehearsed: what config and headers show is refused before a weight is read."""

from __future__ import annotations

import copy
import gc
import json
import re
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from cliffguard.core.errors import CliffguardError
from cliffguard.engine import rehearsed_weights
from cliffguard.engine.foreign_names import foreign_part, without
from cliffguard.engine.rehearsal import Rehearsal, rehearse
from tests import support
from tests.engine import tiny
from tests.engine.test_architectures import PACKED, PLAIN

Weights = dict[str, Any]
PEFT = version("peft")
DEEPCOPY = copy.deepcopy


def renamed(folder: Path, target: Path, change: Callable[[str], str]) -> Path:
    """Copy a checkpoint or an adapter, and call its weights otherwise."""
    return changed(folder, target, lambda weights: {change(k): v for k, v in weights.items()})


def changed(folder: Path, target: Path, change: Callable[[Weights], Weights]) -> Path:
    """Copy a checkpoint or an adapter, and change its weights."""
    shutil.copytree(folder, target)
    (file,) = target.glob("*model.safetensors")
    weights = {name: tensor.contiguous() for name, tensor in change(load_file(file)).items()}
    save_file(weights, file, metadata={"format": "pt"})
    return target


def changed_in_place(file: Path) -> Weights:
    """Make other weights of the same names and shapes, since digests tell sides apart."""
    weights = {name: tensor + torch.rand(()) for name, tensor in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    return weights


def set_json(file: Path, **values: Any) -> None:
    """Set keys of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def full(folder: Path) -> Rehearsal:
    """Rehearse a checkpoint with weights of its own."""
    return rehearse(find_base(str(folder), FindOptions(offline=True)))


def adapted(base: Path, folder: Path) -> Rehearsal:
    """Rehearse an adapter on a base, whatever it calls it."""
    options = FindOptions(offline=True, allow_base_mismatch=True)
    return rehearse(find_pair(str(base), str(folder), options)[1])


def refusal(look: Callable[[], Rehearsal]) -> CliffguardError:
    """Return what is refused."""
    with pytest.raises(CliffguardError) as refused:
        look()
    return refused.value


# --- what is whole -------------------------------------------------------------------------------


# Fused experts, fused projections, tied heads, states: what is renamed or put together in loading.
TOLD_APART = (
    "llama",
    "gemma3",
    "gpt-oss",
    "gpt2",
    "phi3",
    "mixtral",
    "deepseek-v3",
    "jamba",
    "mamba",
)


@pytest.mark.parametrize("name", TOLD_APART)
def test_every_architecture_fits_its_own_headers(name: str, tmp_path: Path) -> None:
    """Also where experts are fused, or weights renamed, while they are loaded."""
    tiny.build(**{**PACKED, **PLAIN}[name]).save_pretrained(tmp_path / "model")
    support.byte_tokenizer().save_pretrained(tmp_path / "model")

    rehearsal = full(tmp_path / "model")

    assert (rehearsal.all_fit, rehearsal.remarks) == (True, ())
    assert rehearsal.fallback_reason is None or name in PLAIN


def test_headers_are_put_in_once_and_converters_copied_when_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a mixture transformers copies a converter for every expert, and throws most away."""
    from transformers import core_model_loading as theirs

    model = tiny.build(**{**PACKED, **PLAIN}["mixtral"])
    for name in ("base", "tuned"):
        model.save_pretrained(tmp_path / name)
        support.byte_tokenizer().save_pretrained(tmp_path / name)
        weights = changed_in_place(tmp_path / name / "model.safetensors")
    copied: list[object] = []

    def counted(value: Any, memo: Any = None) -> Any:
        copied.extend([value] if isinstance(value, theirs.WeightConverter) else [])
        return DEEPCOPY(value, memo)

    monkeypatch.setattr(copy, "deepcopy", counted)
    monkeypatch.setattr(theirs, "deepcopy", counted)
    put_in_before = rehearsed_weights._filled.cache_info().misses

    assert full(tmp_path / "base").all_fit
    assert full(tmp_path / "tuned").all_fit

    n_experts = sum("experts" in name for name in weights)
    assert 0 < len(copied) < n_experts / 2
    assert rehearsed_weights._filled.cache_info().misses == put_in_before + 1
    assert theirs.deepcopy is counted
    assert gc.isenabled()


def sorts_of_adapters() -> dict[str, Any]:
    """Return configs of the adapters that people train."""
    import peft

    lora: dict[str, dict[str, Any]] = {
        "lora": {},
        "all-linear": {"target_modules": "all-linear"},
        "regex": {"target_modules": r".*\.q_proj"},
        "ranks and alphas by layer": {
            "rank_pattern": {"layers.1.self_attn.q_proj": 3},
            "alpha_pattern": {"layers.0.self_attn.q_proj": 5},
        },
        "dora": {"use_dora": True},
        "rslora": {"use_rslora": True},
        "head saved": {"modules_to_save": ["lm_head"]},
        "both ends saved": {"modules_to_save": ["lm_head", "embed_tokens"]},
        "lora on the embedding": {"target_modules": ["embed_tokens"]},
        "tokens": {"trainable_token_indices": [1, 5]},
        "biases": {"bias": "all"},
        "a bias of its own": {"lora_bias": True},
        "one layer": {"layers_to_transform": [1]},
        "layers repeated": {"layer_replication": [[0, 2], [0, 2]]},
        "pissa": {"init_lora_weights": "pissa_niter_4"},
        "olora": {"init_lora_weights": "olora"},
        "alora": {"alora_invocation_tokens": [1, 2]},
    }
    configs = {
        name: peft.LoraConfig(**{"r": 2, "target_modules": ["q_proj"], **more})
        for name, more in lora.items()
    }
    q_proj: dict[str, Any] = {"target_modules": ["q_proj"]}
    both: dict[str, Any] = {"target_modules": ["q_proj", "down_proj"]}
    configs |= {
        "vera": peft.VeraConfig(r=2, **q_proj),
        "ia3": peft.IA3Config(feedforward_modules=["down_proj"], **both),
        "loha": peft.LoHaConfig(r=2, **q_proj),
        "lokr": peft.LoKrConfig(r=2, **q_proj),
        "oft": peft.OFTConfig(oft_block_size=8, r=0, **q_proj),
        "boft": peft.BOFTConfig(boft_block_size=4, **q_proj),
        "unilora": peft.UniLoraConfig(r=2, **q_proj),
        "adalora": peft.AdaLoraConfig(total_step=10, **q_proj),
        "norms": peft.LNTuningConfig(target_modules=["input_layernorm"]),
        "prompt": peft.PromptTuningConfig(num_virtual_tokens=4),
        "prefix": peft.PrefixTuningConfig(num_virtual_tokens=4),
        "p-tuning": peft.PromptEncoderConfig(num_virtual_tokens=4),
    }
    return configs


SORTS = sorts_of_adapters()
NEVER_PACKED = ("prompt", "prefix", "p-tuning", "alora")


def write_adapter(base: Path, folder: Path, config: Any) -> Path:
    """Train nothing, and save an adapter of this kind."""
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    config.task_type = "CAUSAL_LM"
    tuned = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    support.without_card(tuned).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("sort", SORTS)
def test_every_usual_adapter_fits_its_base(sort: str, tiny_base: Path, tmp_path: Path) -> None:
    """Whichever kind of peft's it is."""
    folder = write_adapter(tiny_base, tmp_path / "adapter", SORTS[sort])

    rehearsal = adapted(tiny_base, folder)

    assert (rehearsal.all_fit, rehearsal.remarks) == (True, ())
    assert bool(rehearsal.fallback_reason) is (sort in NEVER_PACKED)


@pytest.mark.parametrize("sort", ["ADAMSS", "FROD", "SHIRA"])
def test_an_adapter_that_needs_numbers_is_not_rehearsed(
    sort: str, tiny_base: Path, tmp_path: Path
) -> None:
    """It starts from the base's own: nothing is refused, nor called whole."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    ranks: dict[str, dict[str, int]] = {"ADAMSS": {"r": 2, "subspace_rank": 1}, "SHIRA": {"r": 2}}
    kind: Any = PEFT_TYPE_TO_CONFIG_MAPPING[sort]
    config = kind(target_modules=["q_proj"], **ranks.get(sort, {}))
    folder = write_adapter(tiny_base, tmp_path / "adapter", config)

    rehearsal = adapted(tiny_base, folder)

    assert not rehearsal.all_fit
    (caveat,) = rehearsal.remarks
    assert caveat.id == "adapter.not-rehearsed"
    assert caveat.text.startswith(f"{folder}: an adapter of type {sort} computes with its base's")


def test_an_adapter_may_bring_rows_for_tokens_of_its_own(tiny_base: Path, tmp_path: Path) -> None:
    """The embedding grows on paper as it does in memory."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    model.resize_token_embeddings(261)
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"]))
    tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    tokenizer = support.byte_tokenizer()
    tokenizer.add_tokens(["<a>", "<b>", "<c>"])
    tokenizer.save_pretrained(tmp_path / "adapter")

    assert adapted(tiny_base, tmp_path / "adapter").all_fit


def test_nothing_is_read_but_headers(tiny_base: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    """Numbers that are none do not matter, since no number is looked at."""
    nan = changed(tiny_base, tmp_path / "nan", lambda w: {k: v / 0 for k, v in w.items()})

    assert full(nan).all_fit
    assert adapted(nan, tiny_adapter).all_fit


@pytest.mark.parametrize("kind", ["quantised", "pickled", "pickled adapter"])
def test_what_headers_do_not_show_is_not_called_whole(
    kind: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen when it is loaded, and said so."""
    is_adapter = kind == "pickled adapter"
    folder = Path(shutil.copytree(tiny_adapter if is_adapter else tiny_base, tmp_path / "it"))
    if kind == "quantised":
        monkeypatch.setattr(
            "transformers.quantizers.quantizer_gptq.GptqHfQuantizer.validate_environment",
            lambda *_, **__: None,
        )
        monkeypatch.setattr(
            "transformers.quantizers.quantizer_gptq.GptqHfQuantizer.__init__", lambda *_, **__: None
        )
        set_json(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
        file = folder / "model.safetensors"
        save_file(rounded(load_file(file)), file, metadata={"format": "pt"})
        rehearsal = full(folder)
    else:
        name = "adapter_model" if is_adapter else "model"
        pickled = "adapter_model.bin" if is_adapter else "pytorch_model.bin"
        torch.save(load_file(folder / f"{name}.safetensors"), folder / pickled)
        (folder / f"{name}.safetensors").unlink()
        options = FindOptions(offline=True, allow_pickle=True, allow_base_mismatch=True)
        sides = find_pair(str(tiny_base), str(folder), options)
        rehearsal = rehearse(sides[1])

    assert rehearsal == Rehearsal(all_fit=False)


# --- names ---------------------------------------------------------------------------------------

WRAPPED: dict[str, tuple[str, Callable[[str], str]]] = {
    "torch.compile": ("_orig_mod.", lambda name: f"_orig_mod.{name}"),
    "data parallel": ("module.", lambda name: f"module.{name}"),
    "peft's model": ("base_model.model.", lambda name: f"base_model.model.{name}"),
    "peft's layers": ("base_layer.", lambda name: name.replace("_proj.", "_proj.base_layer.")),
    "a multimodal model": ("language_model.", lambda name: f"language_model.{name}"),
    "fsdp": (
        "_fsdp_wrapped_module.",
        lambda name: name.replace("layers.", "_fsdp_wrapped_module.layers."),
    ),
    "fsdp around every layer": (
        "_fsdp_wrapped_module.",
        lambda name: (
            "_fsdp_wrapped_module."
            + re.sub(r"(layers\.\d\.)", r"\1_fsdp_wrapped_module._checkpoint_wrapped_module.", name)
        ),
    ),
    "a wrapper of one's own": ("student.", lambda name: f"student.{name}"),
}


@pytest.mark.parametrize("what", WRAPPED)
def test_names_of_a_wrapper_are_told_by_what_is_too_much(
    what: str, tiny_base: Path, tmp_path: Path
) -> None:
    """Without it all would fit."""
    run, change = WRAPPED[what]
    folder = renamed(tiny_base, tmp_path / "wrapped", change)

    error = refusal(lambda: full(folder))

    assert (error.exit_code, error.id) == (12, "weights.foreign-names")
    assert f"have {run!r} in them (" in str(error)
    assert "without it all would fit; they were saved" in str(error)


WRAPPED_ADAPTERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "torch.compile": (
        "_orig_mod.",
        lambda name: name.replace("base_model.model.", "base_model.model._orig_mod."),
    ),
    "data parallel": ("module.", lambda name: f"module.{name}"),
    "a multimodal model": (
        "language_model.",
        lambda name: name.replace("model.layers", "model.language_model.layers"),
    ),
    "the adapter's name": ("default.", lambda name: name.replace(".weight", ".default.weight")),
}


@pytest.mark.parametrize("what", WRAPPED_ADAPTERS)
def test_an_adapters_names_are_told_by_what_is_too_much(
    what: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Such an adapter would be left at zero in silence by some loaders."""
    run, change = WRAPPED_ADAPTERS[what]
    folder = renamed(tiny_adapter, tmp_path / "wrapped", change)

    error = refusal(lambda: adapted(tiny_base, folder))

    assert (error.exit_code, error.id) == (12, "weights.foreign-names")
    assert f"have {run!r} in them" in str(error)


def test_names_of_another_model_are_no_wrapper() -> None:
    """What cannot be explained by one part is not."""
    assert foreign_part(["h.0.attn.c_attn.weight"], ["model.norm.weight"]) is None
    assert foreign_part([], ["a.b"]) is None
    assert without("x.")("y.x.z") == "y.z"
    assert without("x.")("y.xx.z") == "y.xx.z"


# --- shapes and settings of a model --------------------------------------------------------------


def without_layer(weights: Weights) -> Weights:
    """Take the weights of a layer out."""
    return {name: weight for name, weight in weights.items() if "layers.1" not in name}


def unmerged(weights: Weights) -> Weights:
    """Leave an adapter in, beside the layers that it was to be merged into."""
    renamed = {n.replace("q_proj.", "q_proj.base_layer."): weight for n, weight in weights.items()}
    lora = {
        f"model.layers.{n}.self_attn.q_proj.lora_A.default.weight": torch.ones(2, 16)
        for n in (0, 1)
    }
    return {**renamed, **lora}


def headless(weights: Weights) -> Weights:
    """Save a model as an embedding model is."""
    return {name: weight for name, weight in weights.items() if "lm_head" not in name}


def rounded(weights: Weights) -> Weights:
    """Leave the integers of a quantisation, whose settings are gone."""
    return {n: (w * 9).to(torch.int8) if "_proj" in n else w for n, w in weights.items()}


SPOILT: dict[str, tuple[Callable[[Weights], Weights], dict[str, Any], int, str]] = {
    "a layer is missing": (without_layer, {}, 12, "weights.missing"),
    "no head": (headless, {}, 12, "weights.missing"),
    "integers and no quantisation": (rounded, {}, 12, "weights.integers"),
    "a quantisation and plain weights": (
        dict,
        {"quantization_config": {"quant_method": "fp8"}},
        12,
        "weights.not-quantized",
    ),
    "an adapter was never merged": (unmerged, {}, 12, "weights.not-merged"),
    "another width": (dict, {"hidden_size": 32}, 12, "weights.other-shape"),
    "another vocabulary": (dict, {"vocab_size": 300}, 12, "weights.other-shape"),
    "layers for ever": (dict, {"num_hidden_layers": 10**9}, 12, "weights.missing"),
    "a head beyond memory": (dict, {"head_dim": 10**12}, 12, "checkpoint.endless"),
    "no language model": (dict, {"model_type": "vit"}, 2, "checkpoint.no-language-model"),
    "an encoder-decoder": (dict, {"model_type": "t5"}, 2, "checkpoint.no-language-model"),
    "a library is missing": (
        dict,
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
        20,
        "weights.library",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_model_that_would_not_load_is_refused(what: str, tiny_base: Path, tmp_path: Path) -> None:
    """By its own config and the headers of its files."""
    change, config, code, error_id = SPOILT[what]
    folder = changed(tiny_base, tmp_path / "spoilt", change)
    set_json(folder / "config.json", **config)

    error = refusal(lambda: full(folder))

    assert (error.exit_code, error.id) == (code, error_id), str(error)
    assert str(error).startswith(f"{folder}: ")


def test_layers_that_the_config_does_not_count_are_told(tiny_base: Path, tmp_path: Path) -> None:
    """A model of fewer layers than were saved is whole to transformers, and hardly meant."""
    folder = Path(shutil.copytree(tiny_base, tmp_path / "short"))
    set_json(folder / "config.json", num_hidden_layers=1)

    rehearsal = full(folder)

    assert rehearsal.all_fit
    (caveat,) = rehearsal.remarks
    assert caveat.text == (
        f"{folder}: 9 weights of layers that its config.json does not count are not read, from "
        "model.layers.1.input_layernorm.weight on."
    )


def test_code_that_is_not_run_is_told(tiny_base: Path, tmp_path: Path) -> None:
    """What ships may run it, and is then another model than the one that is asked here."""
    folder = Path(shutil.copytree(tiny_base, tmp_path / "coded"))
    set_json(folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling.Model"})

    assert [caveat.id for caveat in full(folder).remarks] == ["checkpoint.code-not-run"]


def test_the_libraries_are_as_loud_as_before(tiny_base: Path) -> None:
    """Their reports are kept off while it is looked, and no longer."""
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()

    rehearse.__wrapped__(find_base(str(tiny_base), FindOptions(offline=True)))

    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_weights_that_transformers_does_not_read_are_none(tiny_base: Path, tmp_path: Path) -> None:
    """They lie in the folder under another name."""
    folder = Path(shutil.copytree(tiny_base, tmp_path / "named"))
    (folder / "model.safetensors").rename(folder / "model.fp16.safetensors")

    assert refusal(lambda: full(folder)).id == "weights.unread-file"


# --- settings of an adapter ----------------------------------------------------------------------

CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "a rank beyond memory": ({"r": 10**9}, "adapter.absurd-setting"),
    "a rank beyond numbers": ({"r": 10**30}, "adapter.absurd-setting"),
    "a rank that was not trained": ({"r": 7}, "adapter.other-shapes"),
    "a start of more digits than numbers have": (
        {"init_lora_weights": "pissa_niter_" + "9" * 5000},
        "adapter.absurd-setting",
    ),
    "a rank below zero": ({"r": -4}, "adapter.refused"),
    "a rank in words": ({"r": "8"}, "adapter.refused"),
    "a rank of one module": ({"rank_pattern": {"q_proj": 10**9}}, "adapter.absurd-setting"),
    "layers for ever": ({"layer_replication": [[0, 2]] * 5000}, "adapter.absurd-setting"),
    "layers for ever, one trained": (
        {"layer_replication": [[0, 10**9]], "layers_to_transform": [0]},
        "adapter.absurd-setting",
    ),
    "more layers than trained": ({"layer_replication": [[0, 2]] * 3}, "adapter.misfit"),
    "a start that takes for ever": (
        {"init_lora_weights": "pissa_niter_1000000"},
        "adapter.absurd-setting",
    ),
    "a start that nobody knows": ({"init_lora_weights": "nosuch"}, "adapter.refused"),
    "modules that are not there": ({"target_modules": ["nosuch"]}, "adapter.refused"),
    "a module less": ({"target_modules": ["q_proj"]}, "adapter.misfit"),
    "a part that is not in the file": ({"use_dora": True}, "adapter.misfit"),
    "a kind that nobody knows": ({"peft_type": "NEWLORA"}, "adapter.unknown-type"),
    "a key that nobody knows": ({"some_new_scale": 2}, "adapter.unknown-keys"),
    "a switch that nobody knows": ({"another_flag": True}, "adapter.unknown-keys"),
    "an unknown key of zero": ({"some_new_scale": 0}, "adapter.unknown-keys"),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_a_config_that_belies_its_weights_is_refused(
    what: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """At once, before memory is filled with what nobody trained."""
    values, error_id = CONFIGS[what]
    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    set_json(folder / "adapter_config.json", **values)

    error = refusal(lambda: adapted(tiny_base, folder))

    assert (error.exit_code, error.id) == (12, error_id), str(error)


MENDED_TYPES: dict[str, tuple[Mapping[str, Any], str]] = {
    "small letters": ({"peft_type": "lora"}, 'write "LORA" there'),
    "a kind of a newer peft": (
        {"peft_type": "NEWLORA", "peft_version": "99.1.0"},
        "pip install -U peft",
    ),
    "a kind of no peft": ({"peft_type": "NEWLORA", "peft_version": PEFT}, "save the adapter again"),
    "keys of no peft": ({"new_scale": 2, "peft_version": PEFT}, "save the adapter again"),
}


@pytest.mark.parametrize("what", MENDED_TYPES)
def test_only_an_older_peft_is_upgraded(
    what: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """What this release saved, or one before it, no newer one knows better."""
    values, mend = MENDED_TYPES[what]
    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    set_json(folder / "adapter_config.json", **values)

    error = refusal(lambda: adapted(tiny_base, folder))

    assert mend in str(error)
    assert ("pip install" in str(error)) == ("pip install" in mend)


MODEL_TYPES: dict[str, tuple[Mapping[str, Any], str, int, str]] = {
    "a newer one": ({"model_type": "llama99"}, "checkpoint.newer-type", 20, "install -U"),
    "one like another, saved by a newer transformers": (
        {"model_type": "llamas", "transformers_version": "99.1.0"},
        "checkpoint.newer-type",
        20,
        "99.1.0",
    ),
    "a slip": ({"model_type": "lama"}, "checkpoint.unknown-type", 12, "'llama'"),
}


@pytest.mark.parametrize("what", MODEL_TYPES)
def test_a_type_of_model_that_nobody_knows(what: str, tiny_base: Path, tmp_path: Path) -> None:
    """Something to install, unless it is a known one with a slip in it."""
    values, error_id, exit_code, word = MODEL_TYPES[what]
    folder = Path(shutil.copytree(tiny_base, tmp_path / "newer"))
    set_json(folder / "config.json", **values)

    with support.refused(error_id, exit_code, word):
        full(folder)


OLD_KEYS: list[Mapping[str, Any]] = [
    {"enable_lora": None, "merge_weights": None},
    {"merge_weights": False},
    {"future_config": {}, "future_names": []},
]


@pytest.mark.parametrize("keys", OLD_KEYS, ids=str)
def test_keys_without_a_value_are_told(
    keys: Mapping[str, Any], tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """An older or newer peft wrote them, and they change nothing."""
    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    set_json(folder / "adapter_config.json", **keys)

    rehearsal = adapted(tiny_base, folder)

    assert rehearsal.all_fit
    (caveat,) = rehearsal.remarks
    assert caveat.text.endswith(
        f"does not know (it was saved by {PEFT}): {', '.join(sorted(keys))}."
    )


# --- tokens --------------------------------------------------------------------------------------


def with_tokens(tiny_base: Path, folder: Path, **tokens: Any) -> Path:
    """Copy a checkpoint and add tokens that its embedding has no rows for."""
    shutil.copytree(tiny_base, folder)
    tokenizer = support.byte_tokenizer()
    tokenizer.add_special_tokens(tokens.get("special", {}))
    tokenizer.add_tokens(tokens.get("words", []))
    tokenizer.save_pretrained(folder)
    return folder


def test_a_token_for_padding_needs_no_row(tiny_base: Path, tmp_path: Path) -> None:
    """Nothing is padded with it, and no prompt holds it: it is told."""
    folder = with_tokens(tiny_base, tmp_path / "padded", special={"pad_token": "<|PAD|>"})

    rehearsal = full(folder)

    assert rehearsal.all_fit
    (caveat,) = rehearsal.remarks
    assert caveat.text.endswith("its embedding only 258 rows: <|PAD|> must stand in no prompt.")


@pytest.mark.parametrize("kind", ["a word", "written by the template"])
def test_a_token_that_prompts_may_hold_needs_a_row(
    kind: str, tiny_base: Path, tmp_path: Path
) -> None:
    """Words may stand in any item, and what the template writes in every prompt."""
    if kind == "a word":
        folder = with_tokens(tiny_base, tmp_path / "grown", words=["kilowatt"])
    else:
        folder = with_tokens(
            tiny_base, tmp_path / "grown", special={"additional_special_tokens": ["<|im_start|>"]}
        )
        (folder / "chat_template.jinja").write_text("<|im_start|>{{ messages[0].content }}")

    error = refusal(lambda: full(folder))

    assert (error.exit_code, error.id) == (12, "tokenizer.more-than-rows")


def test_an_adapters_tokenizer_may_be_deleted(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """Its base's is used then, and the line says so."""
    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "adapter"))
    tokenizer = support.byte_tokenizer()
    tokenizer.add_tokens(["kilowatt"])
    tokenizer.save_pretrained(folder)

    error = refusal(lambda: adapted(tiny_base, folder))

    assert str(error).endswith("or delete the tokenizer's files from it to use its base's")
