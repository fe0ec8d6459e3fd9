"""A part of a task, with shots of its own: what probes ask."""

from __future__ import annotations

from cliffguard.core.chats import chat_in, effective
from cliffguard.runners import TaskPart
from cliffguard.runners.lmeval_tasks import load_own
from cliffguard.runners.loaded_task import LoadedTask


def _why_no_chat(part: TaskPart) -> str | None:
    """Return why chats cannot be asked otherwise than they were, or None."""
    how, usual = (effective(protocol, are_chats=True) for protocol in (part.protocol, part.usual))
    if how.chat_template == "none":
        return "its items are chats, which need a template"
    if how == usual:
        return "it is asked so as it is"
    systems = [chat_in(item.chat).system for item in part.task.items if item.chat is not None]
    if how.system_prompt is not None and systems != [None] * len(systems):
        return "its chats have a system turn of their own"
    return None


def part_of(whole: LoadedTask, part: TaskPart) -> LoadedTask | str:
    """Return some items of a task as a task of their own, or why they cannot be asked so.

    Where the protocol changes how many shots there are, it has to give more of them: lm-eval has
    tasks that take none.
    """
    n, usual = whole.n_shots(part.protocol), whole.n_shots(part.usual)
    if part.protocol.num_fewshot != part.usual.num_fewshot and n <= usual:
        return f"it has {usual} shots as it is" if usual else "it takes no shots"
    if part.whole.are_chats and (why := _why_no_chat(part)) is not None:
        return why
    if not part.whole.stock:
        return load_own(part.task, part.shots)
    return whole.cut(part.task, part.avoided, n)
