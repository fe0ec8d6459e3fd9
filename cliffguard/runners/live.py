"""A model that is in memory already: asked in the middle of its training, and left as it was.

    runner = LiveRunner(model, tokenizer, name="step-500")
    review = guard(plan, runner=runner, candidate=runner.identify())

The base comes from the store or from its files. What is judged here is the model as it is now, in
the precision of its weights; a release is judged by the saved checkpoint.
"""

from __future__ import annotations

import contextlib
import copy
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliffguard.canonical import digest
from cliffguard.checkpoint_files import chat_template_digest, tokenizer_digest
from cliffguard.engine import live
from cliffguard.errors import IntegrityError, UsageError
from cliffguard.plans import Protocol, RunnerSettings
from cliffguard.records import Answer, Checkpoint, Item, Suite, Task
from cliffguard.runners.backends import LocalBackend
from cliffguard.runners.harness import HarnessRunner

if TYPE_CHECKING:
    from cliffguard.distance import Divergence, Vectors


class LiveRunner(HarnessRunner):
    """Asks a model in memory, and its base from files. The engine is our own.

    Raises UsageError for a model whose weights are spread over processes.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        settings: RunnerSettings | None = None,
        allow_pickle: bool = False,
        data: Mapping[str, str | Mapping[str, str]] | None = None,
    ) -> None:
        settings = settings or RunnerSettings()
        if settings.model != "cliffguard":
            raise UsageError(f"runner.model {settings.model}: a model in memory is asked by ours")
        super().__init__(settings, allow_pickle=allow_pickle, data=data)
        self._live = live.unwrapped(model)
        self._name = name
        self._backend: _LiveBackend = _LiveBackend(
            settings, self._live, tokenizer, allow_pickle=allow_pickle
        )

    def identify(self) -> Checkpoint:
        """Return the identity, by content, of the model as it is now."""
        found = _identity(self._name, self._live, self._backend.tokenizer)
        self._backend.stands_for(found)
        return found

    def dtype(self, protocol: Protocol) -> str:
        """Return the dtype of the model in memory, which its base is loaded in, too."""
        own = str(self._live.dtype).removeprefix("torch.")
        if protocol.dtype not in ("auto", own):
            raise UsageError(f"protocol.dtype {protocol.dtype}: the model in memory is {own}")
        if protocol.chat_template == "base" or protocol.quantization != "none":
            raise UsageError(
                "a model in memory is asked as it is: chat_template none or own, no quantization"
            )
        return own

    def resolve(self, suites: Sequence[Suite], protocol: Protocol) -> tuple[Task, ...]:
        """Return all tasks with their items."""
        with self._untouched():
            return super().resolve(suites, protocol)

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: Protocol
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""
        with self._untouched():
            return super().ask(checkpoint, task, items, protocol)

    def embed(self, checkpoint: Checkpoint, texts: Sequence[str], protocol: Protocol) -> Vectors:
        """Return the texts' vectors by the checkpoint's hidden states, float32 [texts, width]."""
        with self._untouched():
            return super().embed(checkpoint, texts, protocol)

    def diverge(
        self, base: Checkpoint, candidate: Checkpoint, prompts: Sequence[str], protocol: Protocol
    ) -> Sequence[Divergence]:
        """Refuse: base and candidate are not held side by side here."""
        raise UsageError("screen: is not read of a model in memory; check the saved checkpoint")

    @contextlib.contextmanager
    def _untouched(self) -> Iterator[None]:
        with live.left_as_it_was(self._live):
            yield


class _LiveBackend(LocalBackend):
    """The model in memory for the checkpoint that it stands for; files for any other."""

    def __init__(
        self, settings: RunnerSettings, model: Any, tokenizer: Any, *, allow_pickle: bool
    ) -> None:
        super().__init__(settings, allow_pickle=allow_pickle)
        # lm-eval may give it a token to pad with.
        self.tokenizer = copy.deepcopy(tokenizer)
        self._live = model
        self._stands_for: str | None = None
        self._marks: Any = None

    def stands_for(self, checkpoint: Checkpoint) -> None:
        """Answer for `checkpoint` from now on, as long as no weight is written to."""
        self._stands_for = checkpoint.fingerprint
        self._marks = live.marks(self._live)

    def model(self, checkpoint: Checkpoint, protocol: Protocol, dtype: str) -> Any:
        """Return the lm-eval model of a checkpoint."""
        if checkpoint.files is not None:
            return super().model(checkpoint, protocol, dtype)
        if checkpoint.fingerprint != self._stands_for or self._marks != live.marks(self._live):
            raise IntegrityError(
                f"{checkpoint.name}: the model in memory is another by now; identify it again"
            )
        # Nothing of it is kept: the next step of training makes another model of it.
        made = self._wrapped(self._live, self.tokenizer, protocol)
        made.keeps_beginning = False
        return made

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """The base is another model."""
        return False


def _identity(name: str, model: Any, tokenizer: Any) -> Checkpoint:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return Checkpoint(
            name=name,
            revision=None,
            weights=live.weights_digest(model),
            adapter=None,
            tokenizer=tokenizer_digest(Path(folder)),
            chat_template=chat_template_digest(Path(folder)),
            settings=digest(live.settings_of(model)),
            notes=(f"{name} was asked in memory, in the middle of its training.",),
            files=None,
        )
