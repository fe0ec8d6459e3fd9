"""One item's way through lm-eval: requests, responses, filters, metric, answer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from statistics import fmean
from typing import Any

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import IntegrityError, SuiteError
from cliffguard.core.items import Item
from cliffguard.core.settings import EvalSettings
from cliffguard.core.texts import cut_end, n_things
from cliffguard.engine.tokenizing import panics_held
from cliffguard.engine.weight_checks import refuse_unread_tokens
from cliffguard.runners.loaded_task import LoadedTask
from cliffguard.suites.scorers import SCORERS

_ROUNDING = 0.01
"""So much above 0 nats may a sum of log-probabilities come by rounding."""


class Prepared:
    """One item on its way to an answer: fresh copies of its requests, and their lengths.

    `repeats` holds the requests once for every time that the item is asked.
    """

    def __init__(self, loaded: LoadedTask, item: Item, model: Any, protocol: EvalSettings) -> None:
        self.loaded = loaded
        self.item = item
        first = self._fresh(protocol)
        self.is_generated = bool(first[0].request_type == "generate_until")
        n_repeats = protocol.repeats if self.is_generated else 1
        self.repeats = [first] + [self._fresh(protocol) for _ in range(n_repeats - 1)]
        # Filled in by `respond`: how each generated answer ended.
        self.endings: list[Any] = []
        self._model = model
        # Without a context, the model puts one token there by itself.
        self._tokens = self._encoded(self.requests[0].args[0])
        self.n_prompt_tokens = len(self._tokens)
        self._refuse_two_bos()
        self._refuse_merged()
        self.is_overlong = self._n_tokens() > model.max_length

    def holds(self, tokens: Sequence[int]) -> bool:
        """Return whether these tokens stand in the prompt, one after the other."""
        starts = range(len(self._tokens) - len(tokens) + 1)
        return any(self._tokens[start : start + len(tokens)] == list(tokens) for start in starts)

    def token_sequences(self) -> list[list[int]]:
        """Return the tokens that each request puts to the model, a choice's own at the end."""
        if self.is_generated:
            return [self._tokens]
        return [self._encoded(request.args[0] + request.args[1]) for request in self.requests]

    @property
    def requests(self) -> list[Any]:
        """The requests of the first time the item is asked."""
        return self.repeats[0]

    def _fresh(self, protocol: EvalSettings) -> list[Any]:
        requests = [
            dataclasses.replace(request, resps=[], filtered_resps={})
            for request in self.loaded.requests(self.item)
        ]
        for request in requests:
            if request.request_type == "generate_until":
                prompt, wanted = request.args
                request.arguments = (prompt, _with(wanted, protocol))
        return requests

    @property
    def max_new_tokens(self) -> int:
        """The token limit of a generated answer."""
        wanted = self.requests[0].args[1].get("max_gen_toks")
        return int(wanted if wanted is not None else self._model.max_gen_toks)

    @property
    def n_bos(self) -> int | None:
        """How many BOS tokens the prompt begins with; None: the tokenizer names none."""
        bos = getattr(getattr(self._model, "tokenizer", None), "bos_token_id", None)
        if bos is None:
            return None
        return sum(1 for _ in takewhile(lambda token: token == bos, self._tokens))

    def _refuse_two_bos(self) -> None:
        """Refuse the BOS of the template beside that of the tokenizer: no text begins so."""
        if (self.n_bos or 0) > 1:
            raise IntegrityError(
                f"{self.loaded.task.name}: the prompt of item {self.item.id} begins with "
                f"{self.n_bos} BOS tokens, where one belongs; take BOS out of the chat template or "
                "the items, or set add_bos_token to false",
                id="template.two-bos",
            )

    def _refuse_merged(self) -> None:
        """Refuse a choice of a chat whose beginning is one token with the end of the template."""
        if not self.loaded.task.are_chats or self.is_generated:
            return
        # A blank at the end of a template is read with the word behind it, as a model writes it.
        bare = self._encoded(str(self.requests[0].args[0]).rstrip(" "))
        for choice, tokens in zip(self.item.choices, self.token_sequences(), strict=True):
            is_whole = tokens[: len(self._tokens)] == self._tokens
            if not is_whole and (choice[:1].isspace() or tokens[: len(bare)] != bare):
                raise SuiteError(
                    f"{self.loaded.task.name}: choice {choice!r} of item {self.item.id} begins in "
                    "one token with the end of the chat template, and would be read otherwise than "
                    "a model writes it; take blanks from its beginning",
                    id="chat.merged-choice",
                )

    def _n_tokens(self) -> int:
        if self.is_generated:
            return self.n_prompt_tokens + self.max_new_tokens
        whole = [request.args[0] + request.args[1] for request in self.requests]
        beyond = getattr(self._model, "n_tokens_beyond", 0)
        return max(len(self._encoded(text)) for text in whole) + int(beyond)

    def _encoded(self, text: str) -> list[int]:
        with panics_held():
            tokens = [int(token) for token in self._model.tok_encode(text)]
        network = getattr(self._model, "model", None)
        if hasattr(network, "get_input_embeddings"):  # and not the name of a served one
            refuse_unread_tokens(self.item.id, network, tokens)
        return tokens

    def answer(self) -> Answer:
        """Score the responses; an over-long item has none and stays unscored."""
        if self.is_overlong:
            return self._record(None, "", None, "overlong", 0)
        if not self.is_generated:
            return self._choice(self.loaded.score(self.requests))
        first = self.endings[0]
        surety = None if first.mean_logprob is None else math.exp(first.mean_logprob)
        if surety is not None and not math.isfinite(surety):
            raise IntegrityError(
                f"item {self.item.id}: the mean log-probability of the answer is "
                f"{first.mean_logprob}; the model computes no numbers",
                id="model.not-finite",
            )
        record = self._record(self._mean(), first.text, surety, first.finish_reason, first.n_tokens)
        return dataclasses.replace(record, parts=self._parts(record))

    def _parts(self, answer: Answer) -> Mapping[str, float] | None:
        """Return what the score of a generated answer is made of, where its metric says so."""
        task = self.loaded.task
        scorer = None if task.stock or answer.score is None else SCORERS.get(task.metric or "")
        return None if scorer is None else scorer.best_parts(answer.text, self.item.right)

    def _mean(self) -> float | None:
        """Return the mean score over the times that an answer came; None where none can be read.

        A time that cannot be read is wrong among others, as an item of such answers alone is.
        """
        values = [
            self.loaded.score(requests)
            for requests, ending in zip(self.repeats, self.endings, strict=True)
            if ending.finish_reason != "thinking"
        ]
        is_read = any(score is not None for score in values)
        return fmean(score or 0.0 for score in values) if is_read else None

    def _choice(self, score: float | None) -> Answer:
        logs = [float(request.resps[0][0]) for request in self.requests]
        if not all(math.isfinite(value) for value in logs):
            raise IntegrityError(
                f"item {self.item.id}: a log-likelihood is {logs}; the model computes no numbers",
                id="model.not-finite",
            )
        if max(logs) > _ROUNDING:
            raise IntegrityError(
                f"item {self.item.id}: a log-likelihood is {max(logs)}, and none is above 0; what "
                "answers gives something else, such as probabilities or losses: mend it",
                id="model.positive-logprob",
            )
        picked = self.loaded.picked(self.item, logs)
        top = max(logs)
        weights = [math.exp(value - top) for value in logs]
        text = self.item.choices[picked] if self.item.choices else ""
        confidence = weights[picked] / sum(weights) if len(logs) > 1 else None
        return self._record(score, text, confidence, "choice", 0)

    def _record(
        self,
        score: float | None,
        text: str,
        confidence: float | None,
        finish_reason: Any,
        n_answer_tokens: int,
    ) -> Answer:
        return Answer(
            item_id=self.item.id,
            item_digest=self.item.digest,
            prompt_digest=self.loaded.prompt_digest(self.item),
            rendered_digest=digest([list(r.args[:1]) for r in self.requests]),
            score=score,
            text=text,
            confidence=confidence,
            finish_reason=finish_reason,
            n_prompt_tokens=self.n_prompt_tokens,
            n_answer_tokens=n_answer_tokens,
            n_bos=self.n_bos,
            tokens_digest=digest(self._tokens),
        )


def respond(model: Any, prepared: Sequence[Prepared]) -> None:
    """Put every item's requests to the model, and run lm-eval's filters over the responses."""
    if not prepared:
        return
    pairs = [(item, r) for item in prepared for again in item.repeats for r in again]
    by_kind: dict[str, list[tuple[Prepared, Any]]] = {}
    for item, request in pairs:
        same = by_kind.setdefault(request.request_type, [])
        same += [(item, request)] * (request.repeats or 1)
    for kind, same in by_kind.items():
        requests = [request for _, request in same]
        if kind == "generate_until":
            _generate(model, same)
            continue
        responses = _one_each(model, kind, requests)
        for request, response in zip(requests, responses, strict=True):
            request.resps.append(response)
    prepared[0].loaded.filter([request for _, request in pairs])


def _one_each(model: Any, kind: str, requests: Sequence[Any]) -> list[Any]:
    """Return what a model answers. Raises IntegrityError unless it is one of the kind for each."""
    where = f"runner.model: {type(model).__name__}.{kind} gave"
    responses = list(getattr(model, kind)(requests, disable_tqdm=True) or ())
    if len(responses) != len(requests):
        raise IntegrityError(
            f"{where} {n_things(len(responses), 'answer')} to {len(requests)} requests; it has to "
            "give one for each, in their order",
            id="model.answer-count",
        )
    fits, wanted = _ANSWERS.get(kind, (lambda _: True, ""))
    if wrong := [response for response in responses if not fits(response)]:
        raise IntegrityError(
            f"{where} {cut_end(repr(wrong[0]), 80)}, where {wanted} belongs; mend the model",
            id="model.answer-kind",
        )
    return responses


def _is_pair(answer: Any) -> bool:
    try:
        value, _ = answer
        float(value)
    except (TypeError, ValueError):
        return False
    return True


_ANSWERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "loglikelihood": (_is_pair, "a pair of a log-likelihood and whether it is the likeliest"),
    "generate_until": (lambda answer: isinstance(answer, str), "a text"),
}
"""What an answer to a kind of request must be, and how a message says so."""


def _generate(model: Any, pairs: Sequence[tuple[Prepared, Any]]) -> None:
    """Let the model generate; of lm-eval's own models only the text is known."""
    from cliffguard.engine.stopping import from_plain_text

    requests = [request for _, request in pairs]
    if hasattr(model, "generate"):
        endings = model.generate(requests)
    else:
        texts = _one_each(model, "generate_until", requests)
        endings = [
            from_plain_text(model, text, item.max_new_tokens)
            for (item, _), text in zip(pairs, texts, strict=True)
        ]
    for (item, request), ending in zip(pairs, endings, strict=True):
        if not request.resps:
            item.endings.append(ending)
        request.resps.append(ending.text)


def _with(wanted: dict[str, Any], protocol: EvalSettings) -> dict[str, Any]:
    """Return a task's generation settings under the protocol's."""
    settings = dict(wanted)
    if protocol.max_tokens is not None:
        settings["max_gen_toks"] = protocol.max_tokens
    if protocol.samples:
        drawn = {"temperature": protocol.temperature, "top_p": protocol.top_p}
        settings |= {"do_sample": True, "top_k": protocol.top_k, **drawn}
    return settings
