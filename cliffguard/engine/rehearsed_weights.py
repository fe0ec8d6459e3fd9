"""Weights put into a model without numbers: which names and shapes does transformers take?"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.collector import collector_paused

Shapes = dict[str, tuple[int, ...]]


def put_in(model: Any, shapes: Shapes) -> tuple[Any, dict[str, Any]]:
    """Return a model of this class with tensors of these shapes in it, and what misfits.

    A fine-tune has its base's config and shapes, and an adapter its base: they are put in once.
    """
    settings = {k: v for k, v in model.config.to_dict().items() if k not in _NAMES}
    key = digest([type(model).__name__, repr(settings), sorted(shapes.items())])
    return _filled(_Headers(key, model, shapes))


_NAMES = ("_name_or_path", "transformers_version")


@dataclass(frozen=True, slots=True)
class _Headers:
    """Tensors of these `shapes` for a `model` without numbers; `key` stands for both of them."""

    key: str
    model: Any = field(compare=False)
    shapes: Shapes = field(compare=False)


@lru_cache(maxsize=2)
def _filled(headers: _Headers) -> tuple[Any, dict[str, Any]]:
    import torch

    model = headers.model
    weights = {n: torch.empty(shape, device="meta") for n, shape in headers.shapes.items()}
    # Of a mixture of experts transformers makes millions of objects, and keeps most to the end.
    with collector_paused(), _converters_spared():
        filled, about = type(model).from_pretrained(
            None,
            config=model.config,
            state_dict=weights,
            device_map={"": "meta"},
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            local_files_only=True,
        )
    return filled, about


@contextlib.contextmanager
def _converters_spared() -> Iterator[None]:
    """Let transformers copy a converter of weights only if it took the copy before.

    It makes a deep copy for every tensor of an expert, keeps that of the first of a layer, and
    throws the others away: half of its time. Where it does so no longer, this changes nothing.
    """
    from transformers import core_model_loading as theirs

    unused: dict[int, Any] = {}

    def copied(converter: Any) -> Any:
        spare = unused.get(id(converter))
        if spare is None or getattr(spare, "collected_tensors", True):
            spare = unused[id(converter)] = copy.deepcopy(converter)
        return spare

    before = getattr(theirs, "deepcopy", None)
    if before is not copy.deepcopy:
        yield
        return
    try:
        theirs.deepcopy = copied  # type: ignore[attr-defined,unused-ignore]
        yield
    finally:
        theirs.deepcopy = before  # type: ignore[attr-defined,unused-ignore]
