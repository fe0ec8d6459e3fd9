"""A task of chats beside lm-eval's object for it: turns that our own call of a template renders.

lm-eval's own way to render chats leaves out a system turn that a template refuses, and knows no
tools; it is never used here. Its filters and metrics are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.chats import Chat, Turn, chat_in
from cliffguard.core.errors import SuiteError, UsageError
from cliffguard.core.items import Item, Task
from cliffguard.core.protocol import EvalSettings
from cliffguard.engine.chats import ChatTemplate
from cliffguard.runners.loaded_task import LoadedTask
from cliffguard.suites.scorers import SPEAKING
from cliffguard.suites.structure.calls import right_calls


class ChatTask(LoadedTask):
    """A task whose items are chats. `shots` are its examples (none: drawn from its own items)."""

    def __init__(
        self, task: Task, harness: Any, document_ids: dict[str, int], shots: Sequence[Item] = ()
    ) -> None:
        super().__init__(task, harness, document_ids)
        self._shots = shots
        self._known_pools: dict[int, dict[str, list[Item]]] = {}

    def _build(
        self, protocol: EvalSettings, *, limit: int | None = None, **template: Any
    ) -> dict[int, list[Any]]:
        rendered = template.get("chat_template")
        if rendered is None:  # what is asked before any template has no system prompt either
            protocol = replace(protocol, system_prompt=None)
        return {
            number: self._requests_of(number, item, protocol, rendered)
            for number, item in enumerate(self.task.items[:limit])
        }

    # Each chat is rendered twice by another process: of base and candidate, which are asked in
    # turns, and as it is compared before any template.
    _n_kept = 3

    def _template(self, model: Any, name: str, protocol: EvalSettings) -> dict[str, Any]:
        return {"chat_template": ChatTemplate(model, name, protocol)}

    def _requests_of(
        self, number: int, item: Item, protocol: EvalSettings, template: ChatTemplate | None
    ) -> list[Any]:
        """Return lm-eval's requests for one item; without a template, over the chat as JSON."""
        from lm_eval.api.instance import Instance

        chat = self._whole(item, protocol)
        where = f"{self.task.name}: item {item.id}"
        context, before = chat.written, ""
        if template is not None:
            context = template.render(chat, where)
            before = template.before_answer(chat, context, where) if item.choices else ""
        document = self._harness.eval_docs[number]
        settings = dict(self._harness.config.generation_kwargs or {})
        arguments = [(context, f"{before}{choice}") for choice in item.choices]
        return [
            Instance(
                request_type="loglikelihood" if item.choices else "generate_until",
                doc=document,
                arguments=pair,
                idx=index,
                metadata=(self.task.name, number, 1),
            )
            for index, pair in enumerate(arguments or [(context, settings)])
        ]

    def _whole(self, item: Item, protocol: EvalSettings) -> Chat:
        """Return an item's chat with its shots as turns, and the protocol's system prompt."""
        assert item.chat is not None
        chat = chat_in(item.chat)
        turns = list(chat.messages)
        if protocol.system_prompt is not None:
            if chat.system is not None:
                raise UsageError(
                    f"{self.task.name}: item {item.id} has a system turn of its own; leave "
                    "--system-prompt out, or the turn",
                    id="chat.two-systems",
                )
            turns.insert(0, {"role": "system", "content": protocol.system_prompt})
        shots = [
            turn for shot in self._shots_of(item, chat, protocol) for turn in self._spoken(shot)
        ]
        start = 1 if turns[0]["role"] == "system" else 0
        return Chat((*turns[:start], *shots, *turns[start:]), chat.tools)

    def _shots_of(self, item: Item, chat: Chat, protocol: EvalSettings) -> Sequence[Item]:
        """Return an item's examples: of its system turn and tools, and never the item itself."""
        n = self.n_shots(protocol)
        if not n:
            return ()
        if self.task.metric not in SPEAKING:
            raise SuiteError(
                f"{self.task.name}: right answers of {self.task.metric} are rules, which nobody "
                "says; ask it without shots",
                id="chat.shots",
            )
        pool = list(islice(self._free(item, chat, protocol), n))
        if len(pool) < n:
            raise SuiteError(
                f"{self.task.name}: item {item.id} has {len(pool)} others with its system turn and "
                f"tools that can be shown, too few for {n} shots",
                id="chat.shots",
            )
        return pool

    def _free(self, item: Item, chat: Chat, protocol: EvalSettings) -> Iterator[Item]:
        """Yield what may stand before an item as an example of it, in order."""
        for shot in self._pools(protocol.seed).get(_rules(chat), ()):
            is_apart = item.cluster is None or shot.cluster != item.cluster
            if shot.id != item.id and shot.chat != item.chat and is_apart:
                yield shot

    def _pools(self, seed: int) -> Mapping[str, Sequence[Item]]:
        """Return the examples by their system turn and tools, in the order of drawing."""
        if seed not in self._known_pools:
            self._known_pools[seed] = self._made_pools(seed)
        return self._known_pools[seed]

    def _made_pools(self, seed: int) -> dict[str, list[Item]]:
        shots = list(self._shots or self.task.items)
        if not self._shots:
            shots.sort(key=lambda shot: digest([seed, "shots", self.task.name, shot.id]))
        pools: dict[str, list[Item]] = {}
        for shot in shots:
            # What is said in place of a call, no item tells.
            is_spoken = self.task.metric != "tool_call" or right_calls(shot.answer)
            if shot.chat is not None and is_spoken:
                pools.setdefault(_rules(chat_in(shot.chat)), []).append(shot)
        return pools

    def _spoken(self, shot: Item) -> list[Turn]:
        """Return an example's turns: its own but for the system's, and its answer."""
        assert shot.chat is not None
        turns = [turn for turn in chat_in(shot.chat).messages if turn["role"] != "system"]
        if self.task.metric != "tool_call":
            return [*turns, {"role": "assistant", "content": shot.answer}]
        calls = [
            {"type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
            for call in right_calls(shot.answer)
        ]
        return [*turns, {"role": "assistant", "content": "", "tool_calls": calls}]


def _rules(chat: Chat) -> str:
    """Return what an example has to share with an item."""
    return digest([chat.system, list(chat.tools)])
