"""Chats as a model reads them: rendered by its own template, of which nothing may be lost.

A template is a program that may leave out turns, tools or the system's words without a sign. So a
chat of the same shape, with marks in place of all that is said, is rendered first and must show
every mark (`chat_marks`); then every text must stand in what is rendered of the chat itself.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

from cliffguard.core.chats import Chat, turns_of
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.protocol import EvalSettings
from cliffguard.engine.chat_marks import MARK, Marked, lost_words, shape_of

UNRENDERED = "template.not-rendered"
"""The id of the error that says that a template fails, or takes more than it may."""

DROPS = "template.drops"
"""The id of the error that says what of a chat a template leaves out."""


class ChatTemplate:
    """The chat template of one side's model, as `tokenizer.apply_chat_template` renders by it.

    `speaker` is lm-eval's model of the side, or what renders a list of turns; `name` is the side's.
    Where the model has no tokenizer (a server renders by itself), it takes no tools.
    """

    def __init__(self, speaker: Any, name: str, protocol: EvalSettings) -> None:
        self._name = name
        self._arguments = dict(protocol.template_args)
        tokenizer = getattr(speaker, "tokenizer", None)
        self._render = getattr(tokenizer, "apply_chat_template", None)
        self._takes_tools = True
        if callable(speaker):
            self._render = speaker
        elif self._render is None:
            self._takes_tools, self._render = False, partial(_by_server, speaker)
        self._shapes: set[str] = set()
        self._are_arguments_texts = False

    def render(self, chat: Chat, where: str) -> str:
        """Return a chat as the model reads it; `where` names the item.

        Raises UsageError for what the template drops, and for a chat that it refuses.
        """
        if (shape := shape_of(chat)) not in self._shapes:
            marked = Marked(chat)
            what = marked.missing(self._tried(marked.chat, where))
            if what is not None:
                raise self._drops(what, where)
            self._shapes.add(shape)
        text = self._rendered(chat, where)
        if (what := lost_words(chat, text)) is not None:
            raise self._drops(what, where)
        return text

    def _tried(self, chat: Chat, where: str) -> str:
        """Return a rendering; a template that takes no objects is given arguments as texts."""
        has_calls = any("tool_calls" in turn for turn in chat.messages)
        try:
            return self._rendered(chat, where)
        except (IntegrityError, UsageError):
            if not has_calls or self._are_arguments_texts:
                raise
            self._are_arguments_texts = True
            try:
                return self._rendered(chat, where)
            except (IntegrityError, UsageError):
                self._are_arguments_texts = False
            raise

    def before_answer(self, chat: Chat, rendered: str, where: str) -> str:
        """Return the blanks that the template puts between its last words and an answer's first.

        Most put none; one that writes "[/INST] answer" puts a space, which a choice has to bring.
        Raises UsageError where an answer would be read as a thought.
        """
        if _OPEN_THOUGHT.search(rendered):
            raise UsageError(
                f"{where}: the chat template of {self._name} opens a thought before the answer, "
                "and choices would be read as thoughts; turn that off (--template-args "
                "enable_thinking=false), or let the answer be generated",
                id="template.open-thought",
            )
        answered = Chat((*chat.messages, {"role": "assistant", "content": MARK}), chat.tools)
        try:
            whole, mark, _ = self._rendered(answered, where, is_answered=True).partition(MARK)
        except (IntegrityError, UsageError):
            return ""  # it takes no assistant's turn here, and says nothing of what comes before
        between = whole.removeprefix(rendered)
        is_blank = mark and whole.startswith(rendered) and not between.strip()
        return between if is_blank else ""

    def _rendered(self, chat: Chat, where: str, *, is_answered: bool = False) -> str:
        if chat.tools and not self._takes_tools:
            raise UsageError(
                f"{where}: {self._name} is rendered by its server, which is given no tools; use a "
                "runner with the tokenizer here (tokenized_requests)",
                id=DROPS,
            )
        assert self._render is not None
        # A template that is given an empty list of tools may say that there are some.
        tools = {"tools": [dict(tool) for tool in chat.tools]} if chat.tools else {}
        try:
            return str(
                self._render(
                    self._turns(chat),
                    tokenize=False,
                    add_generation_prompt=not is_answered,
                    **tools,
                    **self._arguments,
                )
            )
        except IntegrityError as failure:
            if failure.id != UNRENDERED:
                raise
            raise IntegrityError(f"{where}: {failure}", id=UNRENDERED) from failure
        except Exception as failure:
            if type(failure).__module__.partition(".")[0] != "jinja2":
                raise
            raise UsageError(
                f"{where}: the chat template of {self._name} refuses this chat: {failure}; leave "
                "such items out, or use --chat-template FILE",
                id="template.refuses-chat",
            ) from failure

    def _turns(self, chat: Chat) -> list[dict[str, Any]]:
        turns = turns_of(chat.messages)
        for turn in turns if self._are_arguments_texts else ():
            if "tool_calls" in turn:
                turn["tool_calls"] = [_with_text(call) for call in turn["tool_calls"]]
        return turns

    def _drops(self, what: str, where: str) -> UsageError:
        return UsageError(
            f"{where}: the chat template of {self._name} drops {what}, and the model would be "
            "asked something else; leave such items out, or use --chat-template FILE",
            id=DROPS,
        )


def _by_server(model: Any, turns: list[dict[str, Any]], **arguments: Any) -> Any:
    return model.apply_chat_template(
        turns, add_generation_prompt=arguments["add_generation_prompt"]
    )


def _with_text(call: dict[str, Any]) -> dict[str, Any]:
    """Return a call with its arguments as JSON in a text, as OpenAI writes them."""
    function = call["function"]
    text = json.dumps(function["arguments"], ensure_ascii=False)
    return {**call, "function": {**function, "arguments": text}}


_OPEN_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>\s*$")
