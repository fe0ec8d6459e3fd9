"""The backend `auto`: our engine asks choices, vLLM generates, both in memory together.

A request for the log-probabilities of its prompt makes vLLM pass over its prefix cache; our engine
reads a shared prefix once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.runners.backends import failures_explained, make_backend
from cliffguard.runners.local_backends import CliffguardBackend

SHARE = 0.5
"""Of a card's memory, for vLLM where our engine lies beside it and the plan says no other."""

_OF_BOTH_ENGINES = {
    "max_length": "say it of both engines with --max-length",
    "max_model_len": "say it of both engines with --max-length",
    "enable_thinking": "say it to both engines in --template-args",
    "think_end_token": "use the runner cliffguard, or vllm",
}


class AutoBackend(CliffguardBackend):
    """Our engine for choices, vLLM for generated answers, for both sides alike."""

    def __init__(self, settings: RunnerSettings, *, allow_pickle: bool) -> None:
        super().__init__(replace(settings, model="cliffguard", args={}), allow_pickle=allow_pickle)
        if odd := [name for name in _OF_BOTH_ENGINES if name in settings.args]:
            raise UsageError(
                f"runner.args.{odd[0]}: is of vLLM alone; {_OF_BOTH_ENGINES[odd[0]]}",
                id="runner.args",
            )
        args = {"gpu_memory_utilization": SHARE, **settings.args}
        alone = RunnerSettings(
            model="vllm", args=args, device=settings.device, batch_size=settings.batch_size
        )
        self._vllm = make_backend(alone, allow_pickle=allow_pickle)

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return a model whose choices are ours; vLLM starts at the first generated answer."""
        ours = super().model(checkpoint, protocol, dtype)
        return SplitModel(ours, partial(self._vllm.model, checkpoint, protocol, dtype))

    def look_at(self, checkpoint: Checkpoint, dtype: str) -> tuple[Caveat, ...]:
        """Refuse what vLLM cannot ask; our engine looks as it always does."""
        return self._vllm.look_at(checkpoint, dtype)

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return True where neither engine loads anything between the two."""
        ours = super().holds_both(base, candidate)
        return ours and self._vllm.holds_both(base, candidate)

    def after(self, checkpoint: Checkpoint, model: Any) -> None:
        """Take note for both engines."""
        super().after(checkpoint, model)
        self._vllm.after(checkpoint, model)

    def explained(self, checkpoint: Checkpoint) -> AbstractContextManager[None]:
        """Turn exhausted memory, and what vLLM raises, into an error of ours."""
        return failures_explained(checkpoint.name, "vllm")

    def notes(self) -> Mapping[str, str | int]:
        """Those of our engine, and of vLLM what it was given."""
        of_vllm = {f"vllm {name}": value for name, value in self._vllm.notes().items()}
        del of_vllm["vllm device"]
        return {**super().notes(), **of_vllm}


class SplitModel:
    """An lm-eval model that has its generated answers from a second one, made when it is needed.

    All else (tokens, templates, log-likelihoods) is the first one's.
    """

    def __init__(self, scoring: Any, generating: Callable[[], Any]) -> None:
        self.__dict__.update(_scoring=scoring, _generating=generating)

    def __getattr__(self, name: str) -> Any:
        if name == "generate":  # by which our engine would answer
            raise AttributeError(name)
        return getattr(self._scoring, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._scoring, name, value)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """Return vLLM's answers; it must read the first prompt as the tokens that we counted."""
        generating = self._generating()
        if generating.max_length < self._scoring.max_length:
            raise UsageError(
                f"runner auto: vLLM reads {generating.max_length:,} tokens of this model, and our "
                f"engine {self._scoring.max_length:,}; say --max-length {generating.max_length}",
                id="runner.other-length",
            )
        prompt = requests[0].args[0]
        if list(generating.tok_encode(prompt)) != list(self._scoring.tok_encode(prompt)):
            raise UsageError(
                "runner auto: vLLM and our engine read a prompt as other tokens; take "
                "add_bos_token out of runner.args, or use one runner for both",
                id="runner.other-tokens",
            )
        return list(generating.generate_until(requests, disable_tqdm=disable_tqdm))
