"""Chat templates: programs of strangers, which run in a child process.

Does one take a system turn?

lm-eval renders a chat again without its system turn where the template refuses it (Gemma's does,
by `raise_exception`), and logs nothing that a report would show. Others pass over it themselves.
Either way the model is asked without what it was to be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from cliffguard.checkpoints.files import chat_template_of, no_chat_template
from cliffguard.core.caveats import Caveat
from cliffguard.core.chats import renders_chats_alone
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError, IntegrityError, UsageError
from cliffguard.core.sandbox import Apart, Failed, Stopped
from cliffguard.core.settings import EvalSettings
from cliffguard.core.signals import drop_if_stopped
from cliffguard.engine.chats import UNRENDERED
from cliffguard.engine.loading import load_tokenizer

Render = Callable[[list[dict[str, str]]], Any]
"""From turns, each with its role and content, to what is fed in."""

LOST = "protocol.system-prompt-lost"
"""The id of the error that says that a template takes no system turn."""

PROMPT_LOST = "template.prompt-lost"
"""The id of the error that says that a template leaves out the user's."""


def takes_system(render: Render, system: str) -> bool:
    """Return whether a system turn changes what is rendered of a chat of one user's turn."""
    from jinja2 import TemplateError

    chat = [{"role": "system", "content": system}, {"role": "user", "content": "Hello."}]
    try:
        rendered = render(chat)
    except TemplateError:
        render(chat[1:])  # raises where it cannot be rendered at all
        return False
    try:
        return bool(rendered != render(chat[1:]))
    except TemplateError:  # it demands one
        return True


def refuse_lost_system(
    name: str, render: Render, protocol: EvalSettings, *, way_out: str = ""
) -> None:
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


def refuse_lost_prompt(name: str, render: Render, protocol: EvalSettings) -> None:
    """Raise IntegrityError where what a user says does not come into what the model is fed.

    As of a template that is a constant, or one for parts of images that looks for no plain text.
    """
    if protocol.chat_template == "none":
        return
    rendered = [
        render([{"role": "user", "content": text}]) for text in ("Hello.", "What is 2 + 2?")
    ]
    if rendered[0] == rendered[1]:
        raise IntegrityError(
            f"{name}: its chat template leaves out what the user says, so that every prompt is the "
            f"same; mend the template, or use --chat-template none{_or_base(protocol)}",
            id=PROMPT_LOST,
        )


def _or_base(protocol: EvalSettings) -> str:
    return " or base" if protocol.chat_template == "own" else ""


def check_system_prompt(
    checkpoint: Checkpoint, protocol: EvalSettings, *, way_out: str = ""
) -> None:
    """Do the same as `refuse_lost_system` by the files of a checkpoint.

    The tokenizer alone is loaded. Raises IntegrityError where it cannot be rendered at all.
    """
    with failures_explained(checkpoint.name):
        refuse_lost_system(
            checkpoint.name, by_files(checkpoint, protocol), protocol, way_out=way_out
        )


def check_template(
    checkpoint: Checkpoint, protocol: EvalSettings, render: Callable[..., Any] | None = None
) -> tuple[Caveat, ...]:
    """Render a chat by the files of a checkpoint, before it is asked; return what to tell of it.

    `render` is `by_files`' (None: made here). Raises IntegrityError where it cannot be rendered, or
    without what the user says.
    """
    with failures_explained(checkpoint.name):
        render = render or by_files(checkpoint, protocol)
        if renders_chats_alone(protocol):  # of which each is rendered before it is asked
            rendered = _renderings(render)
        else:
            refuse_lost_prompt(checkpoint.name, render, protocol)
            rendered = {str(render(_TRIAL)) for _ in range(_TIMES)}
    return (*_about_chance(checkpoint, len(rendered)), *_about_dates(checkpoint, protocol))


def _renderings(render: Callable[..., Any]) -> set[str]:
    """Return what a template makes of a trial; some demand a system turn, and take no other."""
    from jinja2 import TemplateError

    system = [{"role": "system", "content": "Be brief."}, *_TRIAL]
    for trial in (_TRIAL, system):
        try:
            return {str(render(trial)) for _ in range(_TIMES)}
        except TemplateError:
            continue
    return {""}


_TRIAL = [{"role": "user", "content": "Hello."}]
_TIMES = 8  # a template that draws one of two texts is missed once in 128
_DRAWS = re.compile(r"\|\s*random\b|[\"']random[\"']|\blipsum\s*\(")  # in any branch of it
_DATE = "strftime_now"


def _about_chance(checkpoint: Checkpoint, n_texts: int) -> tuple[Caveat, ...]:
    if n_texts == 1 and _DRAWS.search(_written(checkpoint)) is None:
        return ()
    text = (
        f"{checkpoint.name}: its chat template draws by chance, and renders one prompt otherwise "
        "each time: base and candidate are not asked the same, and answers cannot be repeated."
    )
    return (Caveat(id="template.random", text=text),)


def _about_dates(checkpoint: Checkpoint, protocol: EvalSettings) -> tuple[Caveat, ...]:
    """Tell a template that writes the day, unless an argument of it says which."""
    written = _written(checkpoint)
    if _DATE not in written or any("date" in k and k in written for k in protocol.template_args):
        return ()
    how = ""
    if "date_string" in written:  # Llama 3's
        how = """; --template-args '{"date_string": "26 Jul 2024"}' writes the same one always"""
    text = (
        f"{checkpoint.name}: its chat template writes the day into prompts ({_DATE}), so that "
        f"answers stored on another day were asked otherwise{how}."
    )
    return (Caveat(id="template.date", text=text),)


def _written(checkpoint: Checkpoint) -> str:
    """Return what a checkpoint's chat templates say, all of them."""
    assert checkpoint.files is not None, "it has just been rendered by them"
    template = chat_template_of(checkpoint.files.chat_template)
    return "\n".join(map(str, template.values())) if isinstance(template, dict) else str(template)


def by_files(checkpoint: Checkpoint, protocol: EvalSettings) -> Callable[..., Any]:
    """Return what renders chats as a checkpoint's files say; its tokenizer alone is loaded.

    Besides turns it takes what transformers' `apply_chat_template` does.
    """
    tokenizer = load_tokenizer(checkpoint)
    render_apart(tokenizer, checkpoint.name)
    return partial(
        tokenizer.apply_chat_template,
        tokenize=False,
        add_generation_prompt=True,
        **protocol.template_args,
    )


@contextmanager
def failures_explained(name: str) -> Iterator[None]:
    """Turn what a chat template itself raises, or the lack of one, into an error of ours."""
    from jinja2 import TemplateError

    try:
        yield
    except TemplateError as failure:
        raise _unrendered(name, str(failure)) from failure
    except ValueError as failure:  # of transformers' `get_chat_template`
        if "multiple chat templates" in str(failure):
            raise _unrendered(name, "there are several, and none is the default") from failure
        if "tokenizer.chat_template is not set" in str(failure):
            raise no_chat_template(name, may_be_base=True) from failure
        raise


def _unrendered(name: str, why: str) -> IntegrityError:
    return IntegrityError(
        f"{name}: its chat template cannot be rendered: {why}; mend it, or use another "
        "--chat-template",
        id=UNRENDERED,
    )


# --- in a child process --------------------------------------------------------------------------

PROMPT_SECONDS = 5.0
"""What rendering one prompt may take by the wall's clock."""


def render_apart(tokenizer: Any, name: str) -> None:
    """Let a tokenizer's chat template run in a child process from now on; `name` is in its errors.

    What stands around the rendering stays transformers' own method, word for word: only the
    function that runs the template is another one there. A tokenizer that renders otherwise (by a
    server, without a template) is left alone. A template's own exceptions stay jinja's; past the
    limits of `cliffguard.core.sandbox`, or for any other failure, an IntegrityError is raised.
    """
    method = getattr(type(tokenizer), "apply_chat_template", None)
    names = getattr(getattr(method, "__code__", None), "co_names", ())
    if method is None or _RENDERER not in names or "apply_chat_template" in vars(tokenizer):
        return
    elsewhere = {**method.__globals__, _RENDERER: _Renderer(name)}
    same = FunctionType(method.__code__, elsewhere, method.__name__, method.__defaults__)
    same.__kwdefaults__ = method.__kwdefaults__
    tokenizer.apply_chat_template = MethodType(same, tokenizer)


_RENDERER = "render_jinja_template"


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Renderer:
    """Renders in one child process, which lives as long as this does."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._child = Apart("cliffguard.core.sandbox.templates")

    def __call__(self, **arguments: Any) -> Any:
        """Take and return what transformers' own does."""
        from jinja2 import TemplateError

        drop_if_stopped()
        try:
            answer = self._child.call(arguments, seconds=PROMPT_SECONDS)
        except (Stopped, Failed) as failure:
            raise _unrendered(self._name, str(failure)) from failure
        except (OSError, RuntimeError) as failure:
            raise InfrastructureError(
                f"{self._name}: no process can be started for its chat template: {failure}",
                id="process.not-started",
            ) from failure
        if "refused" in answer:
            raise TemplateError(answer["refused"])
        texts, places = answer["rendered"]
        if not all(_is_text(text) for text in texts):
            raise _unrendered(self._name, "it writes half a character, which is no text")
        return texts, places
