"""Chat templates of a run: what `auto` stands for under its suites, and what cannot be rendered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cliffguard.checkpoints.tokenizers import special_marks
from cliffguard.core.caveats import Caveat
from cliffguard.core.chats import Chat, chat_in, renders_chats_alone, template_file
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError, bad_key
from cliffguard.core.items import Suite, Task
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.core.texts import n_things
from cliffguard.evaluate.looks import in_full
from cliffguard.evaluate.measure import n_absent
from cliffguard.runners import Runner
from cliffguard.store.answers import Store
from cliffguard.store.shards import in_order


def with_template(plan: Plan, suites: Sequence[Suite]) -> Plan:
    """Return the plan with the chat template that its suites need: `none` where none is a chat.

    Raises UsageError for chats without a template, and for what only a template would take.
    """
    tasks = [task for suite in suites for task in suite.tasks]
    chats = [task for task in tasks if task.are_chats]
    protocol = plan.protocol
    if chats and protocol.chat_template == "none":
        raise _bare_chats(chats[0], plan)
    if not renders_chats_alone(protocol):
        return plan
    if len(chats) < len(tasks):
        _refuse_unrendered(protocol, are_some_chats=bool(chats))
    return plan if chats else replace(plan, protocol=replace(protocol, chat_template="none"))


def try_chats(
    tasks: Sequence[Task],
    sides: Sequence[Checkpoint],
    protocol: EvalSettings,
    runner: Runner,
    store: Store,
) -> None:
    """Render the chats that are still to be asked of each side, before either is.

    Raises UsageError for what a template drops or refuses.
    """
    for side in sides:
        for task in (task for task in tasks if task.are_chats):
            look = (in_full(task, in_order(task, protocol)),)
            if n_absent(side, look, protocol=protocol, store=store, runner=runner):
                runner.try_chats(side, task, protocol)


def marks_in_chats(tasks: Sequence[Task], sides: Sequence[Checkpoint]) -> tuple[Caveat, ...]:
    """Return a caveat for each side that would read words of a chat as marks of its template."""
    return tuple(
        caveat
        for side in sides
        for task in tasks
        if task.are_chats and side.files is not None
        for caveat in _marks_in(task, side.name, special_marks(side.files.tokenizer))
    )


def _marks_in(task: Task, side: str, marks: Sequence[str]) -> Iterator[Caveat]:
    contents = {item.id: _words_of(chat_in(item.chat)) for item in task.items if item.chat}
    hits = {name: mark for name, text in contents.items() for mark in marks if mark in text}
    if hits:
        name, mark = next(iter(hits.items()))
        yield Caveat(
            id="chat.template-marks",
            text=f"{task.name}: what is in {n_things(len(hits), 'chat')} (such as {name}) "
            f"holds {mark}, which {side} reads as a mark of its template and not as words.",
        )


def _words_of(chat: Chat) -> str:
    """Return what turns say and tools are described with: whatever a stranger may have written."""
    return "\n".join((*chat.contents, json.dumps(chat.tools, ensure_ascii=False)))


def _bare_chats(task: Task, plan: Plan) -> UsageError:
    side = plan.base or plan.candidate
    return UsageError(
        f"{task.name}: its items are chats (messages), which cannot be put to {side} under "
        "chat_template none; use --chat-template auto, or --chat-template FILE",
        id="chat.no-template",
    )


_BARE = " (auto asks prompts without a template)"


def _refuse_unrendered(protocol: EvalSettings, *, are_some_chats: bool) -> None:
    """Refuse what only a template takes, where prompts are asked without one."""
    if protocol.system_prompt is not None:
        raise bad_key("protocol", "system_prompt", f"needs chat_template: own or base{_BARE}")
    if are_some_chats:
        return
    if protocol.template_args:
        raise bad_key("protocol", "template_args", f"need chat_template: own or base{_BARE}")
    if template_file(protocol) is not None:
        raise bad_key(
            "protocol",
            "chat_template:",
            f"{protocol.chat_template} is for chats, and no item is one (messages); put prompts "
            "into a user's turn with own or base",
        )
