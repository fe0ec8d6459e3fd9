"""`Backend`: what turns a checkpoint into an lm-eval model that answers for it (vLLM, a server, …).

class Ours(Backend):
    def __init__(self, settings, *, allow_pickle): ...
    def model(self, checkpoint, protocol, dtype): return AnLmevalModel(...)

cliffguard.register_backend("ours", Ours, is_served=True)
guard(Plan(..., runner=RunnerSettings(model="ours")))
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any, cast
from typing import Protocol as Interface

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError, redacted
from cliffguard.core.libraries import missing
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.core.texts import first_line
from cliffguard.engine.windows import settled, window_of
from cliffguard.runners import Notes

if TYPE_CHECKING:
    from cliffguard.engine.divergence import Side

# Where a server is and how it is spoken to changes no answer of the model behind it.
_PLACES = {"base_url", "num_concurrent", "max_retries", "timeout", "batch_size", "device"}


class Backend(Interface):
    """Turns checkpoints into lm-eval models. A subclass has to write `model`, and no more.

    It is made once a run, by the factory that the registry (`core.backends`) has under the name.
    What must be known of it before that (is it local, is it served) stands in the registry.
    """

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return the lm-eval model (`lm_eval.api.model.LM`) that answers for a checkpoint.

        Beside LM's methods it has `tok_encode(text)`, `max_length` and `max_gen_toks` in tokens,
        as lm-eval's own have; under a chat template also `apply_chat_template`.
        It is called before every shard, for base and candidate in turns: keep what is loaded.
        `dtype` is that of the weights. Raises a CliffguardError where the checkpoint cannot be
        asked; where one is tried again, an InfrastructureError.
        """

    @property
    def n_together(self) -> int:
        """How many shards of a task are asked in one call: as `Runner.n_together`."""
        return 1

    def notes(self) -> Notes:
        """Describe what should not change an answer, such as the device."""
        return {}

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return True if going from one to the other and back loads nothing."""
        return False

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens a checkpoint reads here, prompt and answer; None: it may be all.

        Raises UsageError where neither files nor protocol say it.
        """
        return settled(checkpoint.name, window_of(checkpoint), protocol.max_length)

    def explained(self, checkpoint: Checkpoint) -> AbstractContextManager[None]:
        """Turn what the model raises while it answers into errors of ours.

        Exhausted memory, and a server that gives no answer, are so by default.
        """
        return failures_explained(checkpoint.name, type(self).__name__)

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Take note that a shard was answered, before its answers are stored.

        Raises ChangedFiles where the checkpoint's files are no longer those that were hashed.
        """

    def sides(
        self, base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings, dtype: str
    ) -> tuple[Side, Side]:
        """Return both, ready to run in turns. Only a local backend is called for it."""
        raise NotImplementedError


def make_backend(settings: RunnerSettings, *, allow_pickle: bool = False) -> Backend:
    """Return the backend that the registry has under the settings' name.

    Raises UsageError where the registry's factory cannot be found or called, or makes none.
    """
    factory = _factory(settings)
    if (wrong := _uncallable(factory, settings, allow_pickle=allow_pickle)) is not None:
        raise _no_factory(settings, f"cannot be called ({wrong})")
    try:
        made = factory(settings, allow_pickle=allow_pickle)
    except (TypeError, ValueError) as failure:
        if isinstance(failure, CliffguardError) or _is_written(factory):
            raise  # from inside of it
        raise _no_factory(settings, f"cannot be called ({first_line(failure)})") from None
    if not callable(getattr(made, "model", None)):
        raise UsageError(
            f"runner.model: the factory of {settings.model!r} returned a {type(made).__name__}, "
            "which has no method `model`; return a cliffguard.runners.backends.Backend",
            id="runner.no-backend",
        )
    return cast(Backend, made)


def _factory(settings: RunnerSettings) -> Callable[..., Any]:
    named = settings.kind.factory
    if not isinstance(named, str):
        return named
    try:
        factory = pkgutil.resolve_name(named)
    except (AttributeError, ModuleNotFoundError) as failure:
        module = getattr(failure, "name", None) or ""
        if isinstance(failure, ImportError) and not f"{named.partition(':')[0]}.".startswith(
            f"{module}."
        ):
            raise missing(failure) or failure from failure  # it is there, and its library is not
        raise _no_factory(settings, f"is not there: {named} ({first_line(failure)})") from None
    except Exception as failure:  # of a module that is somebody's own, and runs as it is imported
        reason = f"{type(failure).__name__}: {first_line(failure)}"
        module = named.partition(":")[0]
        raise UsageError(
            f"runner.model: the factory of {settings.model!r} cannot be imported from {named} "
            f"({reason}); mend the module: python -c 'import {module}' shows where",
            id="runner.backend-import",
        ) from failure
    if not callable(factory):
        raise _no_factory(settings, f"cannot be called: {named} is a {type(factory).__name__}")
    return cast(Callable[..., Any], factory)


def _uncallable(factory: Callable[..., Any], *args: Any, **named: Any) -> TypeError | None:
    """Return what calling would raise over the arguments, where it can be told."""
    try:
        signature(factory).bind(*args, **named)
    except ValueError:  # it is not written in Python
        return None
    except TypeError as failure:
        return failure
    return None


def _is_written(factory: Callable[..., Any]) -> bool:
    """Return whether a factory is written in Python, so that what it raises is of its own lines."""
    try:
        signature(factory)
    except ValueError:
        return False
    return True


def _no_factory(settings: RunnerSettings, problem: str) -> UsageError:
    return UsageError(
        f"runner.model: the factory of {settings.model!r} {problem}; register what is called as "
        'factory(settings, allow_pickle=...), or "module:name" of it',
        id="runner.backend-factory",
    )


def refuse_no_model(model: Any, name: str) -> None:
    """Raise UsageError for what a backend's method `model` returned where it is no model.

    `name` is the backend's.
    """
    parts = ("loglikelihood", "generate_until", "tok_encode", "max_length", "max_gen_toks")
    if absent := [part for part in parts if not hasattr(model, part)]:
        raise UsageError(
            f"runner.model: the method `model` of {name!r} returned a {type(model).__name__}, "
            f"which has no {', '.join(absent)}; return an lm-eval model (lm_eval.api.model.LM) "
            "that has",
            id="runner.no-model",
        )


@contextmanager
def failures_explained(name: str, backend: str) -> Iterator[None]:
    """Turn exhausted memory, and what a server's client raises, into an InfrastructureError.

    `name` is the checkpoint's, `backend` says who was asked.
    """
    from cliffguard.engine.loading import out_of_memory_explained

    try:
        with out_of_memory_explained(name):
            yield
    except Exception as failure:  # requests, aiohttp and tenacity each have their own
        if not isinstance(failure, OSError) and not _is_of_a_client(failure):
            raise
        reason = first_line(failure, otherwise="no reason")
        raise InfrastructureError(
            f"{name}: {backend} gave no answer ({type(failure).__name__}: {reason})",
            id="runner.no-answer",
        ) from failure


def _is_of_a_client(failure: Exception) -> bool:
    return type(failure).__module__.partition(".")[0] in ("requests", "aiohttp", "tenacity")


def identity_of(settings: RunnerSettings) -> str:
    """Return name, version and arguments of a backend: all of it that may change an answer."""
    version = f" {settings.kind.version}" if settings.kind.version else ""
    kept = {name: value for name, value in settings.args.items() if name not in _PLACES}
    arguments = f" {redacted(canonical_json(kept))}" if kept else ""
    return f"{settings.model}{version}{arguments}"


def refuse_unable(settings: RunnerSettings, protocol: EvalSettings) -> None:
    """Refuse a protocol that a backend cannot keep to: draws without seeds, a loader's options."""
    if protocol.samples and not settings.kind.records_seeds:
        raise UsageError(
            f"temperature {protocol.temperature}: the runner {settings.model} draws from "
            "seeds that are not recorded; use the runner cliffguard, or temperature 0",
            id="runner.temperature",
        )
    if protocol.packing != "auto" and not settings.kind.packs:
        raise UsageError(
            f"packing {protocol.packing}: the runner {settings.model} shares prefixes as it "
            "likes; leave --packing out, or use the runner cliffguard",
            id="runner.packing",
        )
    loading = ("attention", "quantization", "think_end", "template_args")
    wanted = [name for name in loading if getattr(protocol, name) != getattr(EvalSettings(), name)]
    if wanted and not settings.is_local:
        raise UsageError(
            f"protocol.{wanted[0]}: give it to the runner {settings.model} in runner.args, "
            "in its own words",
            id="runner.own-words",
        )


def speech(protocol: EvalSettings) -> list[Any]:
    """Return what of a protocol a model object holds: how it speaks, its length, its seed."""
    return [
        dict(protocol.template_args),
        protocol.think_end,
        protocol.max_length,
        protocol.seed,
        protocol.packing,
    ]
