"""Does a chat template take a system turn?

lm-eval renders a chat again without its system turn where the template refuses it (Gemma's does,
by `raise_exception`), and logs nothing that a report would show. Others pass over it themselves.
Either way the model is asked without what it was to be told.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cliffguard.engine.loading import load_tokenizer
from cliffguard.errors import CliffguardError, IntegrityError, UsageError
from cliffguard.plans import Protocol
from cliffguard.records import Checkpoint

Render = Callable[[list[dict[str, str]]], Any]
"""From turns, each with its role and content, to what is fed in."""

LOST = "protocol.system-prompt-lost"
"""The id of the error that says that a template takes no system turn."""


def takes_system(render: Render, system: str) -> bool:
    """Say whether a system turn changes what is rendered of a chat of one user's turn."""
    from jinja2 import TemplateError

    chat = [{"role": "system", "content": system}, {"role": "user", "content": "Hello."}]
    try:
        said = render(chat)
    except TemplateError:
        render(chat[1:])  # raises where it cannot be rendered at all
        return False
    try:
        return bool(said != render(chat[1:]))
    except TemplateError:  # it demands one
        return True


def refuse_lost_system(name: str, render: Render, protocol: Protocol, *, way_out: str = "") -> None:
    """Raise UsageError where the protocol's system prompt would not reach the model.

    `way_out` is what to do besides leaving the system prompt out.
    """
    if protocol.system_prompt is not None and not takes_system(render, protocol.system_prompt):
        raise UsageError(
            f"{name}: its chat template takes no system turn, and the system prompt would be left "
            f"out without a word; leave --system-prompt out{way_out}, or put it into the items' "
            "prompts",
            id=LOST,
        )


def check_system_prompt(checkpoint: Checkpoint, protocol: Protocol, *, way_out: str = "") -> None:
    """Do the same by the files of a checkpoint, of which the tokenizer alone is loaded.

    The template is a stranger's program: transformers runs it in jinja's sandbox, as for a prompt.
    Raises IntegrityError where it cannot be rendered at all.
    """
    tokenizer = load_tokenizer(checkpoint)
    render = partial(
        tokenizer.apply_chat_template,
        tokenize=False,
        add_generation_prompt=True,
        **protocol.template_args,
    )
    try:
        refuse_lost_system(checkpoint.name, render, protocol, way_out=way_out)
    except CliffguardError:
        raise
    except Exception as failure:  # of a program by anyone, whatever it raises
        raise IntegrityError(
            f"{checkpoint.name}: its chat template cannot be rendered: {failure}"
        ) from failure
