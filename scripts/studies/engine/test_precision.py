"""The study of low precision counts what it says it counts."""

from __future__ import annotations

import pytest
import torch
from lm_eval.api.instance import Instance
from torch import nn

from scripts.studies.engine.precision import part_of, picks
from scripts.studies.engine.tasks import Task
from scripts.studies.engine.widened import widened_products


def task(n_items: int) -> Task:
    """Return a task of items with three choices."""
    requests = [
        Instance("loglikelihood", {}, (f"{number}", f" {choice}"), choice)
        for number in range(n_items)
        for choice in range(3)
    ]
    return Task(name="t", kind="loglikelihood", n_items=n_items, requests=requests)


def test_a_pick_is_the_likeliest_choice_of_an_item() -> None:
    """Requests are numbered within their item."""
    assert picks(task(2), [-3.0, -1.0, -2.0, -5.0, -6.0, -4.0]) == [1, 2]


def test_parts_are_all_items_once() -> None:
    """Each under a name that says which."""
    parts = [part_of("t", task(7), f"{number}/3") for number in (1, 2, 3)]

    assert [name for name, _ in parts] == ["t, items 1–2", "t, items 3–4", "t, items 5–7"]
    assert [request for _, part in parts for request in part.requests] == task(7).requests


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_widened_products_are_the_dtypes_own_up_to_rounding(dtype: torch.dtype) -> None:
    """And float32 is left alone, as is all afterwards."""
    torch.manual_seed(0)
    layer, values = nn.Linear(64, 32).to(dtype), torch.randn(8, 64).to(dtype)
    native, sound = layer(values), nn.Linear.forward

    with widened_products():
        wide = layer(values)

    assert wide.dtype is dtype
    assert torch.allclose(wide.float(), native.float(), rtol=2 * torch.finfo(dtype).eps, atol=1e-3)
    assert nn.Linear.forward is sound
