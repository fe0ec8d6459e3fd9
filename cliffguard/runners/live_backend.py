"""Backend of a model in memory: adapters switched, identities hashed where the weights lie."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cliffguard.core.canonical_json import canonical_json, digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine import live
from cliffguard.engine.smoke_test import probe, refuse_no_numbers
from cliffguard.engine.windows import settled, window_of_model
from cliffguard.runners.backends import speech
from cliffguard.runners.local_backends import CliffguardBackend

if TYPE_CHECKING:
    from cliffguard.engine.divergence import Side


class LiveBackend(CliffguardBackend):
    """Switches the adapters of a model in memory; everything else is loaded from files."""

    def __init__(self, network: Any, tokenizer: Any, settings: RunnerSettings) -> None:
        super().__init__(settings, allow_pickle=False)
        self._network = network
        self._tokenizer = tokenizer
        self._spoken: Any = None  # its copy, for whatever asks
        # Of each identity: are its adapters on, and which weights it stands for.
        self._known: dict[str, tuple[bool, live.Sums]] = {}
        self._base_weights: tuple[live.Sums, str] | None = None
        # With `holds_still` nothing is trained between an identity and its answers, and torch's own
        # count of writes tells whether these sums still hold: they take a second a gigabyte.
        self.holds_still = False
        self._seen: tuple[Any, live.Sums, live.Sums] | None = None
        self._asking: tuple[str, Any] | None = None
        self._tried: set[str] = set()

    def base(self, name: str) -> Checkpoint:
        """Return the identity of the weights without their adapters, hashed as they change."""
        return self._identity(f"{self.base_name} of {name}", is_on=False)

    @property
    def base_name(self) -> str:
        """What the base is called: of quantised weights with their bits, since it is no other."""
        bits = live.quantization_of(self._network)
        return "base" if bits is None else f"base ({bits})"

    def candidate(self, name: str) -> Checkpoint:
        """Return the identity of the model as it is now."""
        return self._identity(name, is_on=True)

    def stand_in(self, base: Checkpoint) -> Checkpoint:
        """Return what training will make of full weights that are `base` as long as it begins."""
        later = replace(base, name="trained", weights=digest(["trained", base.weights]))
        self._known[later.fingerprint] = self._known[base.fingerprint]
        return later

    def look_anew(self) -> None:
        """Forget what the weights were: between two identities anything may write to them."""
        self._seen = self._asking = None

    def _sums(self, *, is_on: bool) -> live.Sums:
        """Return the sums of the weights as they are now, of all or of the base's."""
        versions = live.weight_versions(self._network) if self.holds_still else None
        if versions is None or self._seen is None or self._seen[0] != versions:
            base, added = live.parts(self._network)
            of_base = live.sums(base)
            of_all = tuple(sorted((*of_base, *live.sums(added))))
            self._seen = versions, of_base, of_all
        _, of_base, of_all = self._seen
        return of_all if is_on else of_base

    def _identity(self, name: str, *, is_on: bool) -> Checkpoint:
        base, added = live.parts(self._network)
        sums = self._sums(is_on=False)
        if self._base_weights is None or self._base_weights[0] != sums:
            self._base_weights = (sums, live.digest_of(base))
        is_adapted = is_on and bool(added)
        tokenizer = self._tokenizer
        checkpoint = Checkpoint(
            name=name,
            revision=None,
            weights=self._base_weights[1],
            adapter=live.digest_of(added) if is_adapted else None,
            tokenizer=live.tokenizer_digest(tokenizer),
            chat_template=digest(tokenizer.chat_template) if tokenizer.chat_template else None,
            settings=digest(live.settings_of(self._network, with_adapters=is_adapted)),
            notes=(
                Caveat(
                    id="checkpoint.in-memory",
                    text=f"{name} was asked in memory, in the middle of its training.",
                ),
            ),
            files=None,
        )
        self._known[checkpoint.fingerprint] = is_on, self._sums(is_on=is_on)
        return checkpoint

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> Any:
        """Return the lm-eval model of a checkpoint, its adapters switched."""
        if checkpoint.files is not None:
            return super().model(checkpoint, protocol, dtype)
        self._switch(checkpoint)
        self._refuse_no_numbers(checkpoint)
        key = canonical_json([checkpoint.fingerprint, speech(protocol)])
        if self._asking is not None and self._asking[0] == key:
            return self._asking[1]
        model = self._wrapped(self._network, self._tokenizer, protocol)
        model.reuse_prefix_cache = False  # a step of training may come between two shards
        if self.holds_still:  # to find out how it can be packed takes as long as a shard
            self._asking = key, model
        return model

    def _refuse_no_numbers(self, checkpoint: Checkpoint) -> None:
        """Let the model compute once, as one that is loaded does before its first answer."""
        if checkpoint.fingerprint in self._tried:
            return
        is_on, _ = self._known[checkpoint.fingerprint]
        with self.explained(checkpoint):
            refuse_no_numbers(checkpoint.name, probe(self._network, adapted=is_on))
        self._tried.add(checkpoint.fingerprint)

    def _switch(self, checkpoint: Checkpoint) -> None:
        is_on, sums = self._known.get(checkpoint.fingerprint, (False, None))
        if sums is None or sums != self._sums(is_on=is_on):
            raise IntegrityError(
                f"{checkpoint.name}: the model in memory is another by now; ask for sides() again",
                id="live.changed",
            )
        self._network.eval()
        if not hasattr(self._network, "peft_config"):
            return
        if is_on:
            self._network.base_model.enable_adapter_layers()
        else:
            self._network.base_model.disable_adapter_layers()

    def sides(
        self, base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings, dtype: str
    ) -> tuple[Side, Side]:
        """Return both, ready to run in turns over the weights in memory."""
        from cliffguard.engine.divergence import Side

        if not {base.fingerprint, candidate.fingerprint} <= self._known.keys():
            raise UsageError(
                "screen: both sides must be in memory; leave screen out", id="live.screen"
            )
        base_side, candidate_side = (
            Side(
                name=side.name,
                lm=self.model(side, protocol, dtype),
                switch_on=partial(self._switch, side),
            )
            for side in (base, candidate)
        )
        return base_side, candidate_side

    def window(self, checkpoint: Checkpoint, protocol: EvalSettings) -> int | None:
        """Return how many tokens the model in memory reads; UsageError where nothing says it."""
        if checkpoint.files is not None:
            return super().window(checkpoint, protocol)
        window = window_of_model(self._network.config, self._tokenizer)
        return settled(checkpoint.name, window, protocol.max_length)

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Return whether both are the model in memory, with adapters and without."""
        if {base.fingerprint, candidate.fingerprint} <= self._known.keys():
            return True
        return super().holds_both(base, candidate)

    def _wrapped(self, network: Any, tokenizer: Any, protocol: EvalSettings) -> Any:
        # A wrapper may set a padding token: on a copy of its own, which takes as long as a shard.
        if tokenizer is not self._tokenizer:
            return super()._wrapped(network, copy.deepcopy(tokenizer), protocol)
        if self._spoken is None:
            self._spoken = copy.deepcopy(tokenizer)
        return super()._wrapped(network, self._spoken, protocol)
