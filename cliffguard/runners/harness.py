"""lm-eval's tasks over lm-eval's models; with lmeval_tasks.py the only modules that know lm-eval.

Requests are built once per checkpoint, in full order, and sliced by us: lm-eval's few-shot
samplers keep state, and its own selection of samples changes the shots. Its `use_cache` is never
used, since it is not keyed by the model.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from cliffguard.canonical import digest
from cliffguard.engine import loading
from cliffguard.errors import IntegrityError, SuiteError, UsageError
from cliffguard.records import Answer, Checkpoint, Item, Protocol, RunnerSettings, Suite, Task
from cliffguard.runners.lmeval_tasks import LoadedTask, load_own, load_stock

_PARTS = ("lm-eval", "torch", "transformers", "peft")


class HarnessRunner:
    """Loads checkpoints with transformers and asks them through lm-eval's `hf` model.

    One checkpoint is in memory at a time; it stays there until another is asked.
    """

    def __init__(self, settings: RunnerSettings | None = None, *, allow_pickle: bool = False):
        self.settings = settings or RunnerSettings()
        self._allow_pickle = allow_pickle
        self._tasks: dict[str, LoadedTask] = {}
        self._loaded: tuple[str, str, Any] | None = None

    @property
    def identity(self) -> str:
        """Model class and minor versions of the libraries that compute the answers."""
        versions = [f"{part} {'.'.join(version(part).split('.')[:2])}" for part in _PARTS]
        return f"{self.settings.model}: {', '.join(versions)}"

    def dtype(self, protocol: Protocol) -> str:
        """Return the dtype of the weights that the protocol's dtype stands for here."""
        if protocol.dtype != "auto":
            return protocol.dtype
        return loading.pick_dtype("auto", loading.pick_device(self.settings.device))

    def notes(self) -> Mapping[str, str | int]:
        """Device and batch size."""
        device = loading.pick_device(self.settings.device)
        return {"device": device, "batch size": self.settings.batch_size}

    def resolve(self, suites: Sequence[Suite], protocol: Protocol) -> tuple[Task, ...]:
        """Return all tasks with their items; a suite entry may stand for several lm-eval tasks."""
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        tasks: list[Task] = []
        for suite in suites:
            for capability in suite.capabilities:
                for entry in capability.tasks:
                    for loaded in load_stock(entry) if entry.stock else [load_own(entry)]:
                        self._tasks[loaded.task.name] = loaded
                        tasks.append(loaded.task)
        return tuple(tasks)

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: Protocol
    ) -> Sequence[Answer]:
        """Return the answers of `checkpoint` to `items`, in order, one each."""
        model = self._model(checkpoint, self.dtype(protocol))
        loaded = self._tasks[task.name]
        _build(loaded, model, checkpoint, protocol)
        prepared = [_Prepared(loaded, item, model) for item in items]
        asked = [one for one in prepared if not one.is_overlong]
        with loading.out_of_memory_explained(checkpoint.name):
            _respond(model, [request for one in asked for request in one.requests])
        loaded.filter([request for one in asked for request in one.requests])
        return [one.answer() for one in prepared]

    def _model(self, checkpoint: Checkpoint, dtype: str) -> Any:
        if self._loaded is not None and self._loaded[:2] == (checkpoint.fingerprint, dtype):
            return self._loaded[2]
        self._loaded = None  # the old model leaves memory before the new one enters
        from lm_eval.models.huggingface import HFLM

        device = loading.pick_device(self.settings.device)
        model, tokenizer = loading.load(
            checkpoint, dtype=dtype, device=device, allow_pickle=self._allow_pickle
        )
        lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=self.settings.batch_size)
        self._loaded = (checkpoint.fingerprint, dtype, lm)
        return lm


def _build(loaded: LoadedTask, model: Any, checkpoint: Checkpoint, protocol: Protocol) -> None:
    from jinja2 import TemplateError

    try:
        loaded.build(model, checkpoint.fingerprint, protocol)
    except TemplateError as failure:
        raise IntegrityError(
            f"{checkpoint.name}: its chat template cannot be rendered: {failure}"
        ) from failure
    except ValueError as failure:
        if protocol.chat_template != "none" and "template" in str(failure):
            raise UsageError(
                f"{checkpoint.name}: has no chat template; use --chat-template none or base"
            ) from failure
        raise SuiteError(
            f"{loaded.task.name}: its prompts cannot be built: {failure} "
            "(fewer items than --num-fewshot?)"
        ) from failure


def _respond(model: Any, requests: Sequence[Any]) -> None:
    """Run lm-eval requests of any kind and put each response where lm-eval expects it."""
    by_kind: dict[str, list[Any]] = {}
    for request in requests:
        by_kind.setdefault(request.request_type, []).extend([request] * (request.repeats or 1))
    for kind, same in by_kind.items():
        for request, response in zip(
            same, getattr(model, kind)(same, disable_tqdm=True), strict=True
        ):
            request.resps.append(response)


class _Prepared:
    """One item on its way to an answer: fresh copies of its requests, and their lengths."""

    def __init__(self, loaded: LoadedTask, item: Item, model: Any) -> None:
        self.loaded = loaded
        self.item = item
        self.requests = [
            dataclasses.replace(request, resps=[], filtered_resps={})
            for request in loaded.requests(item)
        ]
        self._model = model
        self.n_prompt_tokens = len(model.tok_encode(self.requests[0].args[0]))
        self.is_overlong = self._n_tokens() > model.max_length

    @property
    def _is_generated(self) -> bool:
        return bool(self.requests[0].request_type == "generate_until")

    @property
    def _max_new_tokens(self) -> int:
        wanted = self.requests[0].args[1].get("max_gen_toks")
        return int(wanted if wanted is not None else self._model.max_gen_toks)

    def _n_tokens(self) -> int:
        if self._is_generated:
            return self.n_prompt_tokens + self._max_new_tokens
        return max(
            len(self._model.tok_encode(request.args[0] + request.args[1]))
            for request in self.requests
        )

    def answer(self) -> Answer:
        """Score the responses; an over-long item has none and stays unscored."""
        if self.is_overlong:
            return self._record(None, "", None, "overlong", 0)
        score = self.loaded.score(self.requests)
        if not self._is_generated:
            return self._choice(score)
        text = str(self.requests[0].resps[0])
        n_tokens = len(self._model.tok_encode(text, add_special_tokens=False))
        is_cut = n_tokens >= self._max_new_tokens
        return self._record(score, text, None, "length" if is_cut else "stop", n_tokens)

    def _choice(self, score: float) -> Answer:
        logs = [float(request.resps[0][0]) for request in self.requests]
        if not all(math.isfinite(value) for value in logs):
            raise IntegrityError(
                f"item {self.item.id}: a log-likelihood is {logs}; the model computes no numbers"
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
        )
