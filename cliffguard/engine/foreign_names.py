"""Weight names that a wrapper left (`_orig_mod.`, `module.`, …)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from cliffguard.core.texts import n_things, plural

_MOST_PARTS = 3  # of a wrapper's name: base_model.model.
_SAMPLE = 60  # names; what a wrapper adds stands in all of them


def foreign_part(names: Iterable[str], expected: Collection[str]) -> str | None:
    """Return the parts without which most of `names` would be among the `expected`, or None.

    Parts are what stands between dots: "_orig_mod." of "_orig_mod.model.norm.weight", as the
    wrapper of torch.compile adds it, wherever it stands in a name.
    """
    known = set(expected)
    strange = [name for name in names if name not in known]
    sample = strange[:: max(1, len(strange) // _SAMPLE)]
    counted = Counter(run for name in sample for run in set(_runs(name, known)))
    if not counted:
        return None
    # The shortest of those that explain the most names.
    most = max(counted.values())
    run = min((run for run, n in counted.items() if n == most), key=len)
    return run if 2 * most > len(sample) else None


def _runs(name: str, known: Collection[str]) -> Iterable[str]:
    parts = name.split(".")
    for start in range(len(parts)):
        for stop in range(start + 1, min(start + _MOST_PARTS, len(parts) - 1) + 1):
            if ".".join(parts[:start] + parts[stop:]) in known:
                yield ".".join(parts[start:stop]) + "."


def wrappers(names: Iterable[str]) -> tuple[str, ...]:
    """Return the known wrappers that stand in names, which may be in each other, and often."""
    parts = {f"{part}." for name in names for part in name.split(".")}
    return tuple(wrapper for wrapper in _WRAPPERS if wrapper in parts)


def unwrapped(name: str) -> str:
    """Return a name without the parts of all known wrappers, wherever they stand."""
    return ".".join(part for part in name.split(".") if f"{part}." not in _WRAPPERS)


_WRAPPERS = ("_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod.")


def without(run: str) -> Callable[[str], str]:
    """Return what takes a run of parts out of a name, where it stands first."""

    def renamed(name: str) -> str:
        start = f".{name}".find(f".{run}")
        return name if start < 0 else name[:start] + name[start + len(run) :]

    return renamed


_SAVED_FROM = {
    "_orig_mod.": "from torch.compile's wrapper; save model._orig_mod instead",
    "module.": "from the wrapper of DataParallel or DeepSpeed; save model.module instead",
    "_fsdp_wrapped_module.": "from FSDP's wrapper; save the full state with save_pretrained",
    "_checkpoint_wrapped_module.": "from the wrapper of activation checkpointing; save the model "
    "inside it",
    "base_model.model.": "from peft's wrapper; save what merge_and_unload() returns instead",
    "base_layer.": "from inside peft's layers; save what merge_and_unload() returns instead",
    "language_model.": "from a multimodal model; save its language model alone, or compare the "
    "multimodal models",
    "default.": "with the adapter's name in them; save with peft's save_pretrained instead",
}


def advice(run: str) -> str:
    """Return how weights got these parts into their names, and what to save instead."""
    return _SAVED_FROM.get(run, "from inside a wrapper; save the model inside it instead")


def lost_weights(missing: Sequence[str]) -> str:
    """Return how many weights are missing, and the first of them, as messages say it."""
    are = plural(len(missing), "is", "are")
    return f"{n_things(len(missing), 'weight')} {are} missing, the first is {missing[0]}"
