"""One base in memory with adapters switched on and off over it."""

from __future__ import annotations

from typing import Any

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.engine import loading
from cliffguard.engine.adapters import apart_because
from cliffguard.engine.prepacked import prepack
from cliffguard.engine.rehearsal import rehearse
from cliffguard.engine.weight_checks import refuse_missing_tokens

MOST_HELD = 8
"""Adapters over a base, and tokenizers, that stay in memory; of a sweep all would fill it."""


class CachedModel:
    """The weights in memory: a base once, with the adapters that were asked for last.

    `switch_to` returns the model to run for a checkpoint over these weights. What it returned
    for another checkpoint must not be run until it is switched to again. `unread` are weights in
    the base's files that its model has no module for.
    """

    def __init__(self, checkpoint: Checkpoint, options: loading.LoadOptions) -> None:
        rehearse(checkpoint)
        self.options = options
        self._weights = _weights(checkpoint)
        self._only = checkpoint.fingerprint if apart_because(checkpoint) else None
        self._tokenizers: dict[str, Any] = {}
        if self._only is not None:
            self._base, self._tokenizers[self._only] = loading.load(checkpoint, options)
        else:
            self._base = loading.load_weights(checkpoint, options)
        # On what was looked through: a layer that is laid out computes from its copy.
        self.n_prepacked = prepack(self._base, checkpoint.name) if options.prepacks else 0
        self.unread: tuple[str, ...] = getattr(self._base, "unread", ())
        self._tuned: Any = None
        self._recent: list[str] = []  # names of adapters, the one that was used last at the end
        self._is_spoiled = False

    def serves(self, checkpoint: Checkpoint, options: loading.LoadOptions) -> bool:
        """Return whether `checkpoint` can run on these weights."""
        if options != self.options or self._is_spoiled:
            return False
        if self._only is not None or apart_because(checkpoint):
            return self._only == checkpoint.fingerprint
        return self._weights == _weights(checkpoint)

    def switch_to(self, checkpoint: Checkpoint) -> tuple[Any, Any]:
        """Return (model, tokenizer) of a checkpoint that is served, its adapter alone active."""
        key = checkpoint.fingerprint
        rehearse(checkpoint)
        tokenizer = self._tokenizers.pop(key, None)
        if tokenizer is None:
            tokenizer = loading.load_tokenizer(checkpoint)
            if checkpoint.adapter is None:  # an adapter's may count rows that come with it
                refuse_missing_tokens(checkpoint, self._base, tokenizer)
        self._tokenizers[key] = tokenizer
        if len(self._tokenizers) > MOST_HELD:
            del self._tokenizers[next(iter(self._tokenizers))]
        if self._only is not None:
            return self._base, tokenizer
        if checkpoint.adapter is None:
            if self._tuned is not None:
                self._tuned.base_model.disable_adapter_layers()
            return self._base, tokenizer
        return self._with_adapter(checkpoint, tokenizer), tokenizer

    def _with_adapter(self, checkpoint: Checkpoint, tokenizer: Any) -> Any:
        assert checkpoint.adapter is not None
        name = f"a{checkpoint.adapter[:16]}"  # peft splits names at dots and takes no others
        if self._tuned is None or name not in self._tuned.peft_config:
            onto = self._tuned if self._tuned is not None else self._base
            # One that is refused half-way leaves parts of itself on the base.
            self._is_spoiled = True
            self._tuned = loading.put_on(onto, checkpoint, tokenizer, name)
            self._is_spoiled = False
        self._tuned.set_adapter(name)  # peft 0.18 takes no more
        self._tuned.base_model.enable_adapter_layers()
        self._recent = [*(other for other in self._recent if other != name), name]
        for oldest in self._recent[:-MOST_HELD]:
            self._tuned.delete_adapter(oldest)
        self._recent = self._recent[-MOST_HELD:]
        return self._tuned


def _weights(checkpoint: Checkpoint) -> tuple[str, str]:
    return checkpoint.weights, checkpoint.settings
