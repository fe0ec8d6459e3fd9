"""An adapter put on a model without numbers: do its names and shapes fit, by peft's own classes?"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.engine.adapters import adapter_shapes, grow_embedding, refuse_misfit
from cliffguard.engine.foreign_names import advice, foreign_part, without
from cliffguard.engine.loading import first_words

Shapes = dict[str, tuple[int, ...]]


@contextlib.contextmanager
def refusals_explained(name: str) -> Iterator[None]:
    """Turn what peft raises about a config or weights into an error that says where to look."""
    try:
        yield
    except (CliffguardError, ImportError, MemoryError):
        raise
    except Exception as failure:  # a config decides what peft stumbles over, so anything may come
        raise IntegrityError(
            f"{name}: peft cannot use its adapter_config.json, or not with its weights and this "
            f"base: {first_words(failure)}; save or copy the adapter again",
            id="adapter.refused",
        ) from failure


def adapter_on_paper(model: Any, name: str, folder: Path, config: Any) -> Any:
    """Return the model with the adapter's structure on it; None where that needs numbers."""
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from peft.mapping_func import MODEL_TYPE_TO_PEFT_MODEL_MAPPING

    shapes = adapter_shapes(folder)
    if not shapes:  # pickled
        return None
    kind = MODEL_TYPE_TO_PEFT_MODEL_MAPPING.get(config.task_type, PeftModel)
    for device in _DEVICES:
        copied = copy.deepcopy(model)  # what fails leaves a part of the adapter behind
        try:
            with torch.device(device):
                grow_embedding(copied, name, shapes)
                tuned = kind(copied, copy.deepcopy(config), "default", low_cpu_mem_usage=True)
            expected = get_peft_model_state_dict(tuned, save_embedding_layers=True)
            break
        except (NotImplementedError, RuntimeError) as failure:
            if not _needs_numbers(failure):
                raise
    else:
        return None
    _refuse_foreign(name, shapes, expected)
    refuse_misfit(tuned, name, "default", set(shapes))
    _refuse_other_rank(name, config, shapes, expected)
    return tuned if _takes(tuned, shapes) else None


# Of a rank that nobody trained, matrices would fill the memory before they were compared; but some
# kinds compute with numbers of their own (indices, permutations) while they are put on, and with
# none of the base's.
_DEVICES = ("meta", "cpu")


def _needs_numbers(failure: Exception) -> bool:
    return isinstance(failure, NotImplementedError) or "meta" in str(failure).lower()


def _refuse_foreign(name: str, shapes: Shapes, expected: Mapping[str, Any]) -> None:
    run = foreign_part(shapes, expected)
    if run is not None and {without(run)(key) for key in shapes} <= expected.keys():
        first = next(key for key in sorted(shapes) if key not in expected)
        raise IntegrityError(
            f"{name}: the names of its weights have {run!r} in them ({first}), and without it all "
            f"would fit; they were saved {advice(run)}",
            id="weights.foreign-names",
        )


def _refuse_other_rank(name: str, config: Any, shapes: Shapes, expected: Mapping[str, Any]) -> None:
    """Refuse LoRA matrices of another shape than the config and the base give them."""
    for key, shape in shapes.items():
        if "lora_" not in key or key not in expected:
            continue
        wanted = tuple(expected[key].shape)
        if wanted != shape:
            raise IntegrityError(
                f"{name}: {key} is of shape {list(shape)}, and by its adapter_config.json "
                f"(r {config.r}) and the base of {list(wanted)}; put the config that it was "
                "trained with beside it, or give the base that it was trained on",
                id="adapter.other-shapes",
            )


def _takes(tuned: Any, shapes: Shapes) -> bool:
    """Let peft take tensors of these shapes; return whether it could without numbers."""
    import torch
    from peft import set_peft_model_state_dict

    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    try:
        set_peft_model_state_dict(tuned, weights, low_cpu_mem_usage=True)
    except (NotImplementedError, RuntimeError) as failure:
        if _needs_numbers(failure):
            return False
        raise
    return True
