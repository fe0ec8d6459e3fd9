"""A task beside lm-eval's object for it: its requests, as they are asked, and their scores."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, SuiteError
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.core.texts import first_line
from cliffguard.runners.local_data import LocalData
from cliffguard.suites.scorers import PatternTooSlow

# lm-eval's own default, so that the shots of a stock task are those that its users know.
_FEWSHOT_SEED = 1234


class _Built(NamedTuple):
    """Requests and digests of prompts by document, and for whom and how they were wanted."""

    wanted: tuple[str, EvalSettings]
    requests: dict[int, list[Any]]
    prompts: dict[int, str]


class LoadedTask:
    """A task of ours beside lm-eval's object for it, and the requests built from it.

    `local` is what a file of the user's gave it in place of its own data.
    """

    def __init__(
        self, task: Task, harness: Any, document_ids: dict[str, int], local: LocalData | None = None
    ) -> None:
        self.task = task
        self._harness = harness
        self._local = local
        self._document_ids = document_ids
        self._own_shots = harness.get_config("num_fewshot")
        self._numbers: list[int] | None = None  # of the documents that are built; None: all
        self._built: tuple[str, EvalSettings] | None = None
        self._requests: dict[int, list[Any]] = {}
        self._prompts: dict[int, str] = {}
        self._kept: list[_Built] = []

    _n_kept = 1
    """For how many checkpoints and protocols requests are kept, the last ones built."""

    def n_shots(self, protocol: EvalSettings) -> int:
        """Return how many shots stand before each item under a protocol."""
        return n_shots(self.task, protocol, self._own_shots) or 0

    def cut(self, task: Task, avoided: Collection[str], n: int) -> LoadedTask | str:
        """Return some of its items as a `task` that builds no other requests, or why it cannot.

        Of `n` shots none is a document of the items whose ids are `avoided`.
        """
        numbers = sorted(self._document_ids[item.id] for item in task.items)
        # lm-eval numbers those that it builds from 0 on.
        ids = {item.id: numbers.index(self._document_ids[item.id]) for item in task.items}
        part = LoadedTask(task, copy.copy(self._harness), ids, self._local)
        part._own_shots, part._numbers = self._own_shots, numbers
        if not n:
            return part
        sampler = getattr(self._harness, "sampler", None)
        if sampler is None:
            return "lm-eval has it as a program that draws shots by itself"
        documents = self._harness.eval_docs
        left_out = {repr(documents[self._document_ids[name]]) for name in avoided}
        pool = [shot for shot in sampler.fewshot_docs() if repr(shot) not in left_out]
        if len(pool) <= n:
            return f"fewer than {n + 1} documents are left to draw shots from"
        part._harness.sampler = copy.copy(sampler).replace_df(pool)
        return part

    def build(self, model: Any, checkpoint: Checkpoint | None, protocol: EvalSettings) -> None:
        """Build the requests of all items for one checkpoint, unless they are there already.

        Without a chat template they are the same for every checkpoint (None: for none).
        """
        side = None if protocol.chat_template == "none" else checkpoint
        wanted = ("" if side is None else side.fingerprint, protocol)
        built = next((kept for kept in self._kept if kept.wanted == wanted), None)
        if built is None:
            requests = self._build(protocol)
            prompts = {i: _prompt_digest(rows) for i, rows in requests.items()}
            if side is not None:
                requests = self._build(protocol, **self._template(model, side.name, protocol))
            built = _Built(wanted, requests, prompts)
            self._kept = [*self._kept, built][-self._n_kept :]
        self._built, self._requests, self._prompts = built

    def _template(self, model: Any, name: str, protocol: EvalSettings) -> dict[str, Any]:
        """Return what `_build` takes to render by the chat template of `model`, of side `name`.

        `model` is lm-eval's, or what `engine.templates.by_files` returns.
        """
        if callable(model):
            return _templated(_as_lm_eval(model), "", protocol)
        return _templated(model.apply_chat_template, model.tokenizer_name, protocol)

    def first(
        self, n: int, speaker: Any, name: str, protocol: EvalSettings
    ) -> list[tuple[Item, str]]:
        """Return the first items, each with its prompt as the side called `name` gets it.

        `speaker` renders chats, as `_template` takes it; under no chat template it is not looked
        at. What was built to be asked stays as it is.
        """
        is_bare = protocol.chat_template == "none"
        template = {} if is_bare else self._template(speaker, name, protocol)
        requests = self._build(protocol, limit=n, **template)
        items = [item for item in self.task.items if self._document_ids[item.id] in requests]
        return [(item, str(requests[self._document_ids[item.id]][0].args[0])) for item in items]

    def asked_as(self, items: Sequence[Item], protocol: EvalSettings) -> list[str]:
        """Return the digests of what the items are asked as, before any chat template."""
        if self._built is None or self._built[1] != protocol:
            bare = dataclasses.replace(
                protocol, chat_template="none", system_prompt=None, template_args={}
            )
            self.build(None, None, bare)
        return [self.prompt_digest(item) for item in items]

    def _build(
        self, protocol: EvalSettings, *, limit: int | None = None, **template: Any
    ) -> dict[int, list[Any]]:
        harness = self._harness
        shots = n_shots(self.task, protocol, self._own_shots)
        harness.set_config(key="num_fewshot", value=shots)
        # The sampler keeps state: every build starts it anew.
        harness.set_fewshot_seed(seed=_FEWSHOT_SEED + protocol.seed)
        try:
            harness.build_all_requests(
                limit=limit, samples=self._numbers, rank=0, world_size=1, **template
            )
        except CliffguardError:
            raise
        except Exception as failure:
            if self._local is not None and not template:  # of what the checkpoint has no part in
                raise self._local.misfit(failure) from failure
            if self._numbers is not None:
                # Nobody has tried these shots before: what they raise is of lm-eval's many kinds.
                raise ValueError(first_line(failure)) from failure
            raise
        requests: dict[int, list[Any]] = {}
        for request in harness.instances:
            requests.setdefault(request.doc_id, []).append(request)
        return requests

    @property
    def has_description(self) -> bool:
        """Return whether lm-eval puts the task's description before its items, in a system turn."""
        return bool(self._harness.get_config("description"))

    def requests(self, item: Item) -> list[Any]:
        """Return lm-eval's requests for one item, in the order of its choices."""
        return self._requests[self._document_ids[item.id]]

    def prompt_digest(self, item: Item) -> str:
        """Return the digest of what is asked before any chat template."""
        return self._prompts[self._document_ids[item.id]]

    def filter(self, requests: list[Any]) -> None:
        """Run lm-eval's filters over requests that have their responses."""
        if not requests:  # lm-eval's filters cannot do nothing
            return
        for ensemble in self._harness._filters:
            ensemble.apply(requests)

    def score(self, requests: Sequence[Any]) -> float | None:
        """Return the score of one item under the task's metric and filter.

        None where the filter found nothing in what was said that could be right or wrong. Higher is
        better, whatever the metric.
        """
        first = requests[0]
        responses = [request.filtered_resps[self.task.filter] for request in requests]
        if first.request_type == "generate_until" and _bare(responses[0]) in self._fallbacks:
            return None
        try:
            values = self._harness.process_results(first.doc, responses)
        except PatternTooSlow as failure:
            raise SuiteError(
                f"{self.task.name}: {failure}; write a simpler one", id="task.pattern"
            ) from None
        except CliffguardError:
            raise
        except Exception as failure:
            if self._local is not None:
                raise self._local.misfit(failure, first.doc_id) from failure
            raise
        if self.task.metric not in values:
            raise SuiteError(
                f"{self.task.name}: lm-eval gave no {self.task.metric}, only {sorted(values)}",
                id="task.no-metric",
            )
        value = values[self.task.metric]
        if value is None:
            return None
        if isinstance(value, (tuple, list)) or not 0.0 <= float(value) <= 1.0:
            raise SuiteError(
                f"{self.task.name}: the metric {self.task.metric} is no score in 0…1; take another",
                id="task.no-share",
            )
        return 1.0 - float(value) if self.task.lower_is_better else float(value)

    @cached_property
    def _fallbacks(self) -> set[str]:
        """Return what the task's filter puts in place of an answer in which it found none."""
        (chain,) = (
            ensemble for ensemble in self._harness._filters if ensemble.name == self.task.filter
        )
        fallbacks = (_bare(getattr(make(), "fallback", None)) for make in chain.filters)
        return {fallback for fallback in fallbacks if isinstance(fallback, str)}

    def picked(self, item: Item, log_likelihoods: Sequence[float]) -> int:
        """Return which choice the metric takes as the answer."""
        values = list(log_likelihoods[: len(item.choices) or None])
        if self.task.metric == "acc_norm":
            values = [v / len(c) for v, c in zip(values, item.choices, strict=True)]
        return values.index(max(values))


def _templated(render: Callable[..., Any], name: str, protocol: EvalSettings) -> dict[str, Any]:
    """Return what lm-eval's tasks take to render their prompts by a chat template."""
    return {
        "apply_chat_template": True,
        "fewshot_as_multiturn": True,
        "chat_template": render,
        "tokenizer_name": name,
        "system_instruction": protocol.system_prompt,
    }


def _as_lm_eval(render: Callable[..., Any]) -> Callable[..., Any]:
    """Return a way to render with the one argument that lm-eval's models have."""

    def rendered(chat: list[dict[str, str]], add_generation_prompt: bool = True) -> Any:
        return render(
            chat,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )

    return rendered


def _bare(value: Any) -> Any:
    """Return the only one of a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def n_shots(task: Task, protocol: EvalSettings, default: int | None) -> int | None:
    """Return how many shots a task gets whose own number is `default`."""
    # As lm-eval does: a task that fixes zero shots has none to give.
    if task.stock and task.num_fewshot is None and default == 0:
        return 0
    shots = task.num_fewshot if protocol.num_fewshot is None else protocol.num_fewshot
    return default if shots is None else shots


def _prompt_digest(requests: Sequence[Any]) -> str:
    return digest([[str(request.args[0]), str(request.args[1])] for request in requests])
