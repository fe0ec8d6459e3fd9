"""The forms in which probes ask again: shots, the other chat template, a system prompt or none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

from cliffguard.core.canonical_json import digest
from cliffguard.core.chats import chat_in, renders_chats_alone
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.suites.scorers import SPEAKING

N_SHOTS = 3
SYSTEM_PROMPT = "You are a helpful assistant. Answer the question."


class Form(NamedTuple):
    """A form, by the name that a report gives it, and the protocol under which it is asked."""

    name: str
    protocol: EvalSettings

    @property
    def has_shots(self) -> bool:
        """Whether examples stand before the item."""
        return self.name == THREE_SHOTS


THREE_SHOTS = "three shots"


def forms_of(
    protocol: EvalSettings, sides: Sequence[Checkpoint]
) -> tuple[tuple[Form, ...], tuple[str, ...]]:
    """Return the forms that both sides can be asked in, and what cannot be, each with its reason.

    Under no chat template the system prompt goes with each side's own, where both have one.
    """
    forms: list[Form] = []
    untried: list[str] = []
    is_templated = protocol.chat_template != "none" and not renders_chats_alone(protocol)
    bare = next((side.label for side in sides if side.chat_template is None), None)
    if (protocol.num_fewshot or 0) < N_SHOTS:
        forms.append(Form(THREE_SHOTS, replace(protocol, num_fewshot=N_SHOTS)))
    else:
        untried.append(f"{THREE_SHOTS}: {protocol.num_fewshot} are asked with as it is")
    chat = protocol if is_templated else replace(protocol, chat_template="own")
    if is_templated:
        plain = replace(protocol, chat_template="none", template_args={}, system_prompt=None)
        forms.append(Form("no chat template", plain))
    elif bare is None:
        forms.append(Form("chat template", chat))
    else:
        untried.append(f"chat template: {bare} has none")
    if protocol.system_prompt is not None:
        forms.append(Form("plain prompt", replace(protocol, system_prompt=None)))
    elif is_templated or bare is None:
        forms.append(Form("system prompt", replace(chat, system_prompt=SYSTEM_PROMPT)))
    else:
        untried.append(f"system prompt: {bare} has no chat template")
    return tuple(forms), tuple(untried)


def _rules(item: Item) -> str:
    """Return what a chat's system turn and tools say; a prompt has none."""
    if item.chat is None:
        return ""
    chat = chat_in(item.chat)
    return digest([chat.system, list(chat.tools)])


def shots_for(
    task: Task, asked_again: Collection[Item], protocol: EvalSettings
) -> tuple[Item, ...] | str:
    """Return the items that stand before each probe of an own task, or why there are none.

    They are drawn by the protocol's seed from items that are not asked again, share no prompt or
    cluster with one that is, and do not stand in the training data. Of lm-eval's tasks the runner
    knows the shots.
    """
    n = task.num_fewshot if protocol.num_fewshot is None else protocol.num_fewshot
    if task.stock or not n:
        return ()
    if task.metric not in SPEAKING:
        return "its right answers are rules, which nobody says"
    rules = {_rules(item) for item in asked_again}
    if len(rules) > 1:
        return "its chats have system turns or tools of their own"
    prompts = {item.prompt for item in asked_again}
    clusters = {item.cluster for item in asked_again} - {None}
    ids = {item.id for item in asked_again} | task.excluded
    free = [
        item
        for item in task.items
        if item.id not in ids and item.prompt not in prompts and item.cluster not in clusters
        if _rules(item) in rules
    ]
    free.sort(key=lambda item: digest([protocol.seed, "shots", task.name, item.id]))
    if len(free) < n:
        return f"only {len(free)} of its items are left for {n} shots"
    return tuple(free[:n])
