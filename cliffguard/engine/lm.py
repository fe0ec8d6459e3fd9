"""The engine as an lm-eval model: `cliffguard`, a drop-in for `hf` that returns the same numbers.

Tokenisation, chat templates, truncation and everything else around the model are lm-eval's own
`HFLM`; what is replaced is how the model is run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import (
    handle_stop_sequences,
    normalize_gen_kwargs,
)

from cliffguard.core.errors import CliffguardError, IntegrityError
from cliffguard.core.texts import n_things
from cliffguard.core.timing import Stages
from cliffguard.engine import loading
from cliffguard.engine.adapters import with_adapter
from cliffguard.engine.budget import Budget, find_budget, too_small, where_it_fits
from cliffguard.engine.decoding import Sampling
from cliffguard.engine.generation import Generated, Prompt, complete
from cliffguard.engine.packed_rows import Ints, Scored
from cliffguard.engine.packing_support import known_reason, refuse_packed
from cliffguard.engine.packing_trial import is_low, plain_reason
from cliffguard.engine.passes import Model
from cliffguard.engine.scoring import Scores
from cliffguard.engine.stopping import GeneratedText, Stop, as_text, from_plain_text
from cliffguard.engine.texts import name_of
from cliffguard.engine.tokenizing import panics_held

T = TypeVar("T")

Packing = Literal["auto", "packed", "plain"]

NO_MEMORY = "there was too little memory to try it"
_REMEMBERED_TEXTS = 2048  # a shard of items with all their choices

# What a request may ask of generation that the engine does itself.
_KNOWN_KWARGS = {"do_sample", "temperature", "top_k", "top_p"}
# Settings of a checkpoint that bend even greedy decoding; transformers must apply them.
_NEUTRAL = {
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_length": 0,
    "num_beams": 1,
    "guidance_scale": 1.0,
}
_BENDING = (
    "bad_words_ids",
    "min_new_tokens",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
    "sequence_bias",
    "watermarking_config",
    "exponential_decay_length_penalty",
)


class CliffguardLM(HFLM):  # type: ignore[misc]
    """lm-eval's `hf`, with every prefix computed once.

    Takes the arguments of `hf`, and `batch_tokens`, the tokens of one pass. `batch_size` (a
    number of sequences) limits a pass instead where it is a number; "auto", the default, leaves
    it to free memory. `fallback_reason` says why a model is run as `hf` runs it (None: it is not);
    below float32 that is tried on the first prompts that it is asked, unless `packing` says that
    it is known ("packed") or wanted ("plain").
    """

    def __init__(
        self,
        pretrained: Any,
        *,
        batch_size: int | str | None = "auto",
        batch_tokens: int | str | None = None,
        budget: Budget | None = None,
        packing: Packing = "auto",
        seed: int = 0,
        peft: str | None = None,
        **kwargs: Any,
    ) -> None:
        is_auto = str(batch_size or "auto").startswith("auto")
        # HFLM sizes the windows of rolling likelihoods by a number, and measures for "auto".
        plain_size = 16 if is_auto else int(str(batch_size))
        self._adapter = peft
        self._encoded = lru_cache(maxsize=_REMEMBERED_TEXTS)(self._encode)
        super().__init__(pretrained, batch_size=plain_size, **kwargs)
        self.seed = seed
        self.engine = Model(self.model)
        self.stages = Stages()
        # Set only where neither weights nor active adapter can change between two calls.
        self.reuse_prefix_cache = False
        if hasattr(self, "accelerator"):
            # hf takes the rank within a machine, and so asks items twice on several machines.
            self._rank = self.accelerator.process_index
        self.fallback_reason: str | None = None
        self._is_tried = False
        if packing == "plain":
            self.settle("it was asked for")
        elif packing == "packed":
            self.settle(None)
            adapter = " with its adapter" if hasattr(self.model, "peft_config") else ""
            refuse_packed(f"{self.config.name_or_path}{adapter}", known_reason(self.model))
        elif not is_low(self.model):
            self.settle(plain_reason(self.model))
        self.budget = budget or find_budget(
            self.model,
            batch_tokens=None if batch_tokens is None else int(batch_tokens),
            batch_sequences=None if is_auto else plain_size,
        )

    def _create_model(self, pretrained: str, **kwargs: Any) -> None:
        super()._create_model(pretrained, **kwargs)
        if self._adapter is not None:
            # hf would first cut the embedding to the tokenizer's size, padded rows and all.
            base: Any = self.model
            self._model: Any = with_adapter(base, self._adapter, self._adapter)

    def tok_encode(
        self,
        string: str,
        add_special_tokens: bool | None = None,
        left_truncate_len: int | None = None,
        **kwargs: Any,
    ) -> list[int]:
        """Return the tokens of a text; a prompt is asked for once for each of its choices."""
        if add_special_tokens is None and self.add_bos_token is False:  # part of what is remembered
            add_special_tokens = False
        tokens = list(self._encoded(string, add_special_tokens))
        return tokens[-left_truncate_len:] if left_truncate_len else tokens

    def _encode(self, string: str, add_special_tokens: bool | None) -> tuple[int, ...]:
        with panics_held():
            return tuple(super().tok_encode(string, add_special_tokens))

    # --- packing ---------------------------------------------------------------------------------

    def settle(self, fallback_reason: str | None) -> None:
        """Pack from now on, or say why not."""
        self.fallback_reason, self._is_tried = fallback_reason, True

    def try_packing(
        self, prompts: Sequence[Sequence[int] | Ints], n_run: int | None = None
    ) -> str | None:
        """Settle by the first prompts that are asked, unless it is settled; return why not.

        They are some of the run's `n_run` (None: all of them). Raises what says that memory ran
        out.
        """
        if not self._is_tried and prompts:
            sequences = [np.array(prompt[-self.max_length :], dtype=np.int64) for prompt in prompts]
            n_run = len(prompts) if n_run is None else n_run
            with self.stages.during("loading"):
                self.settle(plain_reason(self.model, sequences, n_run=n_run))
        return self.fallback_reason

    def _settle_now(self, prompts: Sequence[Sequence[int] | Ints]) -> None:
        """Settle by prompts that must be asked in any case: without memory to try it, plain."""
        try:
            self.try_packing(prompts)
        except (RuntimeError, MemoryError) as failure:
            if not loading.is_out_of_memory(failure):
                raise
            self.settle(NO_MEMORY)

    # --- log-likelihoods -------------------------------------------------------------------------

    def _loglikelihood_tokens(
        self,
        requests: Sequence[tuple[Any, list[int], list[int]]],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        sequences = [self._scored(context, target) for _, context, target in requests]
        self._settle_now([np.append(scored.tokens, scored.targets[-1:]) for scored in sequences])
        if self.fallback_reason is not None:
            plain = super()._loglikelihood_tokens
            return self._in_batches(lambda: plain(requests, disable_tqdm, override_bs))
        scores = Scores(sequences)
        with self.stages.during("scoring", lambda: self.engine.n_tokens):
            self._in_budget(lambda: scores.complete(self.engine, self.budget.limits()))
        answers = [(result.total, result.is_greedy) for result in scores.results()]
        for (text, _, _), answer in zip(requests, answers, strict=True):
            if text is not None:
                self.cache_hook.add_partial("loglikelihood", text, answer)
        return answers

    def _scored(self, context: Sequence[int], target: Sequence[int]) -> Scored:
        # What is too long loses tokens on the left, as in hf.
        tokens = np.array([*context, *target][-(self.max_length + 1) :][:-1], dtype=np.int64)
        return Scored(tokens=tokens, targets=np.array(target, dtype=np.int64)[-len(tokens) :])

    # --- generation ------------------------------------------------------------------------------

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return the answers as text, as lm-eval wants them."""
        return [answer.text for answer in self.generate(requests)]

    def generate(self, requests: Sequence[Any]) -> list[GeneratedText]:
        """Return the answers to `generate_until` requests, in order, with how each ended.

        A request that stands there twice is sampled twice, from different seeds.
        """
        by_number: dict[int, GeneratedText] = {}
        by_settings: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            by_settings.setdefault(repr(request.args[1]), []).append(number)
        for numbers in by_settings.values():
            texts = self._generate_alike([requests[number] for number in numbers])
            by_number.update(zip(numbers, texts, strict=True))
        answers = [by_number[number] for number in range(len(requests))]
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, answer.text)
        return answers

    def _generate_alike(self, requests: Sequence[Any]) -> list[GeneratedText]:
        settings = normalize_gen_kwargs(requests[0].args[1], self.max_gen_toks)
        contexts = [request.args[0] for request in requests]
        eos = self.tok_decode(self.eot_token_id, skip_special_tokens=False)
        stops = handle_stop_sequences(settings.pop("until", None), eos=eos)
        n_new = int(settings.pop("max_gen_toks"))
        self._settle_now([self.tok_encode(context) for context in contexts])
        if self.fallback_reason is not None or not self._is_known(settings):
            return self._generate_plain(requests, contexts, n_new)
        if self.max_length <= n_new:
            raise ValueError(
                f"max_gen_toks {n_new} leaves no room for a prompt: the model's window is "
                f"{n_things(self.max_length, 'token')}"
            )
        sampling = _sampling(settings)

        results: dict[int, Generated] = {}

        def compute() -> None:
            # Anew after a failure: a prompt remembers how far its thinking was.
            prompts = self._prompts(contexts, stops, n_new)
            longest = max(len(prompt.tokens) for prompt in prompts) + n_new
            limits = self.budget.row_limits(longest)
            complete(self.engine, prompts, results, limits, sampling=sampling, stages=self.stages)

        self._in_budget(compute)
        return [as_text(self, results[number], stops) for number in range(len(contexts))]

    def _prompts(self, contexts: Sequence[str], stops: list[str], n_new: int) -> list[Prompt]:
        repeats: Counter[str] = Counter()
        prompts = []
        for context in contexts:
            # As for log-likelihoods: what follows nothing follows the first token of a text.
            tokens = self.tok_encode(context) or [self.prefix_token_id]
            tokens = tokens[-(self.max_length - n_new) :]
            repeats[context] += 1
            prompts.append(
                Prompt(
                    tokens=np.array(tokens, dtype=np.int64),
                    max_new_tokens=n_new,
                    ends_at=Stop(self, stops),
                    seed=_seed(self.seed, str(repeats[context]), context),
                )
            )
        return prompts

    def _is_known(self, settings: dict[str, Any]) -> bool:
        config = getattr(self.model, "generation_config", None)
        bent = [name for name in _BENDING if getattr(config, name, None)]
        bent += [
            n for n, value in _NEUTRAL.items() if getattr(config, n, None) not in (None, value)
        ]
        return not bent and settings.keys() <= _KNOWN_KWARGS

    def _generate_plain(
        self, requests: Sequence[Any], contexts: Sequence[str], n_new: int
    ) -> list[GeneratedText]:
        ask = super().generate_until

        def compute() -> list[str]:
            # transformers draws from the global source: start it where this call starts.
            torch.manual_seed(_seed(self.seed, *contexts))
            answers: list[str] = ask(list(requests), disable_tqdm=True)
            return answers

        with torch.random.fork_rng():
            try:
                texts = self._in_batches(compute)
            except CliffguardError:
                raise
            except ValueError as failure:  # what a generation config says may be anything
                raise IntegrityError(
                    "transformers cannot generate with these settings of the checkpoint's "
                    f"generation_config.json, or of the task: {str(failure).strip()}",
                    id="generation.refused",
                ) from failure
        return [from_plain_text(self, text, n_new) for text in texts]

    def _in_budget(self, compute: Callable[[], T]) -> T:
        """Compute packed; where memory runs out, halve the budget and go on."""

        def halve() -> None:
            self.engine.clear_prefix_cache()
            self.budget = self.budget.halved(name_of(self))

        result = where_it_fits(compute, halve)
        if not self.reuse_prefix_cache:
            self.engine.clear_prefix_cache()
        return result

    def _in_batches(self, compute: Callable[[], list[T]]) -> list[T]:
        """Compute as hf does; where memory runs out, halve the batch and go on."""

        def halve() -> None:
            if self.batch_size_per_gpu <= 1:
                raise too_small(name_of(self), "one sequence")
            self.batch_size_per_gpu //= 2

        return where_it_fits(compute, halve)


def _seed(seed: int, *texts: str) -> int:
    """Return a seed for a random source, unlike that of any other seed or texts."""
    source = "\0".join([str(seed), *texts]).encode()
    return int.from_bytes(hashlib.sha256(source).digest()[:7], "big")


def _sampling(settings: dict[str, Any]) -> Sampling | None:
    temperature = float(settings.get("temperature") or 0.0)
    if not settings.get("do_sample") or temperature == 0.0:
        return None
    return Sampling(
        temperature=temperature,
        top_k=int(settings.get("top_k") or 0),
        top_p=float(settings.get("top_p") or 1.0),
    )
