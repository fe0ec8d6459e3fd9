"""Prepacked linear layers: the same numbers, from a copy that is never older than the weight."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.settings import RunnerSettings
from cliffguard.engine import prepacked
from cliffguard.engine.prepacked import PrepackedLinear, prepack
from cliffguard.runners.local_backends import CliffguardBackend
from tests.engine import tiny

pytestmark = pytest.mark.skipif(not prepacked.is_known(), reason="another release of torch")


def wide(**settings: Any) -> Any:
    """Return a model whose layers are wide enough to be laid out."""
    return tiny.build("Llama", hidden_size=128, intermediate_size=256, **settings)


def logits(model: Any) -> torch.Tensor:
    """Return the logits of a short text."""
    with torch.inference_mode():
        result: torch.Tensor = model(input_ids=torch.arange(60)[None]).logits
    return result


def kinds(model: Any) -> set[type]:
    """Return the classes of a model's linear layers."""
    return {type(module) for module in model.modules() if isinstance(module, nn.Linear)}


def test_the_numbers_are_those_of_the_plain_layers() -> None:
    """To the rounding of float32; every layer is laid out, the head among them."""
    model = wide()
    expected = logits(model)

    assert prepack(model) == 2 * 7 + 1
    assert kinds(model) == {PrepackedLinear}
    assert torch.allclose(logits(model), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_a_layer_with_a_bias_adds_it() -> None:
    """Of several rows and of one."""
    layer = nn.Linear(128, 256)
    model = nn.Sequential(layer)
    inputs = torch.randn(3, 5, 128)
    expected = layer(inputs)

    assert prepack(model) == 1
    assert torch.allclose(model(inputs), expected, atol=1e-5)
    assert torch.allclose(model(inputs[0, 0]), expected[0, 0], atol=1e-5)


def _written(model: Any) -> None:
    with torch.no_grad():
        model.lm_head.weight.mul_(2.0)


def _replaced(model: Any) -> None:
    model.lm_head.weight = nn.Parameter(2.0 * model.lm_head.weight.detach())


def _assigned(model: Any) -> None:
    model.lm_head.weight.data = 2.0 * model.lm_head.weight.data


def _freed(model: Any) -> None:
    """Let the old weight go before the new one is made, which may come to lie where it lay."""
    doubled = (2.0 * model.lm_head.weight.detach()).numpy()
    model.lm_head.weight = None
    model.lm_head.weight = nn.Parameter(torch.tensor(doubled))


@pytest.mark.parametrize("change", [_written, _replaced, _assigned, _freed])
def test_a_weight_that_changes_is_the_one_that_counts(change: Any) -> None:
    """The copy is of a weight that is no more."""
    model = wide()
    prepack(model)
    expected = 2.0 * logits(model)

    change(model)

    assert torch.allclose(logits(model), expected, rtol=1e-4)


def test_a_copied_layer_is_plain() -> None:
    """An adapter that saves a module beside the base's copies it, and then loads its own weight."""
    model = wide()
    prepack(model)
    head = copy.deepcopy(model.lm_head)
    with torch.no_grad():
        head.weight.mul_(2.0)
    inputs = torch.randn(1, 4, 128)

    assert type(head) is nn.Linear
    assert torch.allclose(head(inputs), 2.0 * model.lm_head(inputs), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_stays_plain(dtype: torch.dtype) -> None:
    """There torch multiplies by oneDNN by itself."""
    assert prepack(wide().to(dtype)) == 0


def test_an_adapter_over_packed_layers_computes_as_over_plain_ones() -> None:
    """LoRA puts its own matrices beside a layer, which stays the base's."""
    from peft import LoraConfig, get_peft_model

    def tuned(model: Any) -> Any:
        torch.manual_seed(1)
        config = LoraConfig(r=4, target_modules=["q_proj", "up_proj"], init_lora_weights=False)
        return get_peft_model(model, config).eval()

    expected = logits(tuned(wide()))
    model = wide()
    prepack(model)

    assert torch.allclose(logits(tuned(model)), expected, rtol=0, atol=1e-4)


def test_copies_go_by_the_memory_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a quarter of it at the most, whatever else is running: a resumed run does alike."""
    n_bytes = sum(layer.weight.nbytes for layer in prepacked._layers(wide()))
    monkeypatch.setattr(prepacked, "total_main_memory", lambda: 4 * n_bytes)

    assert prepack(wide()) > 0
    monkeypatch.setattr(prepacked, "total_main_memory", lambda: 4 * n_bytes - 1)
    assert prepack(wide()) == 0


def test_memory_that_others_hold_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Going on with the plain layers, it would answer otherwise than before it was killed."""
    monkeypatch.setattr(prepacked, "free_main_memory", lambda: 1000)

    with pytest.raises(InfrastructureError) as caught:
        prepack(wide(), "tuned")

    assert caught.value.id == "memory.linear-copies"
    assert caught.value.line.startswith("tuned: ")


def test_an_unknown_torch_means_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators have no promise."""
    monkeypatch.setattr(torch, "__version__", "9.0.0")

    assert prepack(wide()) == 0
    assert not prepacked.is_faster_here()


def test_a_layer_that_computes_otherwise_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shape is tried before it is trusted."""
    sound = prepacked._multiplied

    def off(inputs: Any, packed: Any, bias: Any) -> Any:
        product = sound(inputs, packed, bias)
        return 1.001 * product if product.shape[-1] == 256 else product

    monkeypatch.setattr(prepacked, "_multiplied", off)
    model = wide()
    n_wide = sum(layer.out_features == 256 for layer in prepacked._layers(model))

    assert n_wide > 1
    assert prepack(model) == 2 * 7 + 1 - n_wide


@pytest.mark.parametrize(
    ("linear", "vendor", "flags", "prepacks"),
    [
        ("auto", "AuthenticAMD", {"avx2", "avx512f"}, True),
        ("auto", "AuthenticAMD", {"avx2"}, False),
        ("auto", "GenuineIntel", {"avx2", "avx512f"}, False),
        ("packed", "GenuineIntel", {"avx2"}, True),
        ("plain", "AuthenticAMD", {"avx2", "avx512f"}, False),
    ],
)
def test_auto_goes_by_the_processor(
    linear: Any, vendor: str, flags: set[str], prepacks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was measured to be faster; a flag goes before it."""
    monkeypatch.setattr(prepacked, "cpu_vendor", lambda: vendor)
    monkeypatch.setattr(prepacked, "cpu_flags", lambda: frozenset(flags))

    backend = CliffguardBackend(RunnerSettings(linear=linear), allow_pickle=False)

    assert backend._prepacks is prepacks


def test_it_is_our_engines_alone() -> None:
    """lm-eval's hf is what the engine is compared with."""
    with pytest.raises(UsageError) as caught:
        RunnerSettings(model="hf", linear="packed")

    assert caught.value.id == "runner.linear"
