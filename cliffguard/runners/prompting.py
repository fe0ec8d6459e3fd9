"""Prompts as a checkpoint is asked them: lm-eval's requests, under a template that runs apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from cliffguard.core.chats import renders_chats_alone
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError, SuiteError, UsageError
from cliffguard.core.items import Task
from cliffguard.core.settings import EvalSettings
from cliffguard.engine.adapters import invocation_tokens
from cliffguard.runners.answering import Prepared
from cliffguard.runners.loaded_task import LoadedTask


def build(loaded: LoadedTask, model: Any, checkpoint: Checkpoint, protocol: EvalSettings) -> None:
    """Build a task's requests for a checkpoint; errors of its template or lm-eval become ours."""
    from cliffguard.engine.templates import refuse_lost_prompt, refuse_lost_system

    if loaded.task.are_chats and protocol.chat_template == "none":
        raise UsageError(
            f"{loaded.task.name}: its items are chats (messages), which {checkpoint.name} cannot "
            "be asked without a chat template; use --chat-template auto, or --chat-template FILE",
            id="chat.no-template",
        )
    with buildable(loaded), template_apart(model, checkpoint):
        if not loaded.task.are_chats:  # of chats each is looked through by itself
            refuse_lost_system(checkpoint.name, model.apply_chat_template, protocol)
            refuse_lost_prompt(checkpoint.name, model.apply_chat_template, protocol)
        loaded.build(model, checkpoint, protocol)


@contextmanager
def read_as_rendered(model: Any, task: Task) -> Iterator[None]:
    """Let a model read chats token by token as they are rendered, and tell the calls it makes.

    A template writes the BOS itself where one belongs. Marks of calls are special tokens in many
    models, and are kept in answers to items with tools.
    """
    if not task.are_chats:
        yield
        return
    kept: dict[str, Any] = {"add_bos_token": False}
    if task.have_tools and hasattr(model, "tok_decode"):
        kept["keeps_special_tokens"] = True
        kept["tok_decode"] = partial(type(model).tok_decode, model, skip_special_tokens=False)
    before = {name: vars(model)[name] for name in kept if name in vars(model)}
    vars(model).update(kept)
    try:
        yield
    finally:
        for name in kept:
            del vars(model)[name]
        vars(model).update(before)


@contextmanager
def buildable(loaded: LoadedTask) -> Iterator[None]:
    """Turn what lm-eval raises over prompts that it cannot build into an error of ours."""
    try:
        yield
    except UsageError:
        raise
    except (ValueError, OverflowError) as failure:
        raise SuiteError(
            f"{loaded.task.name}: its prompts cannot be built: {failure} "
            "(fewer items than --num-fewshot?)",
            id="task.no-prompts",
        ) from failure


def loses_description(loaded: LoadedTask, model: Any, protocol: EvalSettings) -> bool:
    """Return whether what lm-eval says in a system turn does not reach the model.

    Where it reaches one side alone, the notes of the sides differ, and every report says so.
    """
    if protocol.chat_template == "none" or not loaded.has_description:
        return False
    from cliffguard.engine.templates import takes_system

    return not takes_system(model.apply_chat_template, "Answer the question.")


@contextmanager
def template_apart(model: Any, checkpoint: Checkpoint) -> Iterator[None]:
    """Let a model's chat template run apart; turn what it raises into an error of ours."""
    from cliffguard.engine.templates import failures_explained, render_apart

    render_apart(getattr(model, "tokenizer", None), checkpoint.name)
    with failures_explained(checkpoint.name):
        yield


def rendered(model: Any, prompt: str, protocol: EvalSettings) -> str:
    """Return a prompt as the protocol has it put to the model."""
    if protocol.chat_template == "none" or renders_chats_alone(protocol):
        return prompt
    chat = [{"role": "user", "content": prompt}]
    if protocol.system_prompt is not None:
        chat.insert(0, {"role": "system", "content": protocol.system_prompt})
    return str(model.apply_chat_template(chat))


def refuse_no_invocation(checkpoint: Checkpoint, task: Task, prepared: Sequence[Prepared]) -> None:
    """Refuse an aLoRA whose invocation tokens no prompt holds: the base would answer."""
    tokens = invocation_tokens(checkpoint)
    if tokens and prepared and not any(item.holds(tokens) for item in prepared):
        raise IntegrityError(
            f"{checkpoint.name}: the adapter (aLoRA) turns on after its invocation tokens "
            f"{list(tokens)}, which no prompt of {task.name} contains, so that its base would "
            "answer; use the chat template that adds them (--chat-template own)",
            id="adapter.no-invocation",
        )
