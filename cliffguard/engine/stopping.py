"""Stop strings, end tokens, thinking marks: where an answer ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from lm_eval.models.utils import postprocess_generated_text

from cliffguard.core.errors import IntegrityError
from cliffguard.engine.generation import Generated

Reason = Literal["stop", "string", "length", "stopped", "thinking"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedText:
    """An answer in words, and how it ended.

    `finish_reason` "thinking": the token limit came before the end of the thinking, so there is
    no answer; "stopped": a stop string came before the first word; "string": one came later;
    "stop": the model ended it, or that is not known. `mean_logprob` is in nats a token, over all
    that was generated (None: unknown); `margin` the smallest lead of a picked token over the second
    best (None: unknown).
    """

    text: str
    finish_reason: Reason
    n_tokens: int
    mean_logprob: float | None
    margin: float | None


class Stop:
    """Says where an answer ends: at an end token, or once a stop string stands in it.

    While a model thinks, no string stops it.
    """

    def __init__(self, lm: Any, stops: Sequence[str]) -> None:
        self._decode = lm.tokenizer.decode
        self._ends = _end_tokens(lm)
        self._stops = [stop for stop in stops if stop]
        longest = max(
            (len(lm.tok_encode(stop, add_special_tokens=False)) for stop in self._stops), default=0
        )
        # As in lm-eval: two tokens more, since a string may be spelt in other tokens.
        self._n_tail = longest + 2
        self._think_end = lm.think_end_token
        self._thinks = self._think_end is not None
        self._first = 0  # the token with which the answer begins, once the thinking is over

    def __call__(self, tokens: Sequence[int], n_seen: int) -> int | None:
        """Return how many of the tokens are the answer, or None; `n_seen` were looked at before."""
        may_stop = self._thinks or len(tokens) == n_seen + 1 or self._may_stop(tokens, n_seen)
        for n in range(n_seen + 1, len(tokens) + 1):
            if tokens[n - 1] in self._ends or (may_stop and self._stops_at(tokens[:n])):
                return n
        return None

    def _may_stop(self, tokens: Sequence[int], n_seen: int) -> bool:
        """Return whether a stop string may have come with what is new, by one look at all of it.

        The end of a text is read otherwise than its middle in spaces, which are so left out, and
        in characters of which a part is there; a stop string that has no more is always tried.
        """
        start = self._first or max(0, n_seen + 1 - self._n_tail)
        text = self._decode(list(tokens[start:])).replace(" ", "")
        bare = [stop.replace(" ", "") for stop in self._stops]
        return any(not stop or "\ufffd" in stop or stop in text for stop in bare)

    def _stops_at(self, tokens: Sequence[int]) -> bool:
        """Return whether the last of the tokens ends the answer by a stop string."""
        if self._thinks:
            self._thinks = not self._has_thought(tokens)
            self._first = len(tokens)
            return False
        start = self._first or max(0, len(tokens) - self._n_tail)
        text = self._decode(list(tokens[start:]))
        # An answer begins after the empty lines that follow the thinking.
        text = text.lstrip() if self._first else text
        return any(stop in text for stop in self._stops)

    def _has_thought(self, tokens: Sequence[int]) -> bool:
        if isinstance(self._think_end, int):
            return tokens[-1] == self._think_end
        return str(self._think_end) in self._decode(list(tokens[-16:]))


def _end_tokens(lm: Any) -> set[int]:
    """Return the tokens that end a text: the tokenizer's, and those of the generation config."""
    listed = getattr(getattr(lm.model, "generation_config", None), "eos_token_id", None)
    more = listed if isinstance(listed, (list, tuple)) else [listed]
    if any(not isinstance(token, int) for token in more if token is not None):
        raise IntegrityError(
            f"generation_config.json: eos_token_id {listed!r} is no token's id; save it again",
            id="generation.eos-token",
        )
    return {token for token in [lm.eot_token_id, *more] if token is not None}


def as_text(lm: Any, generated: Generated, stops: list[str]) -> GeneratedText:
    """Return what a continuation says, cut at its first stop string."""
    text, is_cut = _without_thinking(lm, generated)
    if isinstance(lm.think_end_token, int):
        text = text.lstrip()
    think_end = lm.think_end_token if isinstance(lm.think_end_token, str) else None
    text = "" if is_cut else postprocess_generated_text(text, stops, think_end)
    reason: Reason = generated.finish_reason
    if is_cut:
        reason = "thinking"
    elif reason == "stop" and generated.tokens[-1] not in _end_tokens(lm):
        reason = "string" if text.strip() else "stopped"
    return GeneratedText(
        text=text,
        finish_reason=reason,
        n_tokens=len(generated.tokens),
        mean_logprob=float(np.mean(generated.logprobs)),
        margin=generated.margin,
    )


def from_plain_text(lm: Any, text: str, n_most: int) -> GeneratedText:
    """Return an answer of which only the text is known, of at most `n_most` tokens.

    A text of full length was cut; where the model thinks, it was cut while thinking, since the
    end of the thinking takes tokens that are not in the text.
    """
    n_tokens = len(lm.tok_encode(text, add_special_tokens=False))
    reason: Reason = "stop"
    if n_tokens >= n_most:
        reason = "thinking" if getattr(lm, "think_end_token", None) else "length"
    return GeneratedText(
        text="" if reason == "thinking" else text,
        finish_reason=reason,
        n_tokens=n_tokens,
        mean_logprob=None,
        margin=None,
    )


def _without_thinking(lm: Any, generated: Generated) -> tuple[str, bool]:
    """Return the text, and whether the limit came before the thinking ended."""
    tokens = list(generated.tokens)
    keeps_special = getattr(lm, "keeps_special_tokens", False)
    if keeps_special and tokens[-1:] and tokens[-1] in _end_tokens(lm):
        tokens = tokens[:-1]
    end = lm.think_end_token
    if end is None:
        return lm.tok_decode(tokens), False
    if isinstance(end, int):
        is_over = end in tokens
        last = len(tokens) - tokens[::-1].index(end) if is_over else 0
        return lm.tok_decode(tokens[last:]), not is_over and generated.finish_reason == "length"
    text = lm.tok_decode(tokens, skip_special_tokens=False)
    is_over = end in text
    if is_over:
        text = text.rpartition(end)[2]
    # Marks of the tokenizer's own, such as the end of a turn, are no part of an answer.
    for mark in () if keeps_special else lm.tokenizer.all_special_tokens:
        text = text.replace(mark, "")
    return text, not is_over and generated.finish_reason == "length"
