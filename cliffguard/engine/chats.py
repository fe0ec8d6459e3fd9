"""Chats as a model reads them: rendered by its own template, of which nothing may be lost.

A template is a program that may leave out turns, tools or the system's words without a sign. So a
chat of the same shape, with marks in place of all that is said, is rendered first and must show
every mark; then every text must stand in what is rendered of the chat itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cliffguard.core.chats import Chat, turns_of
from cliffguard.core.errors import UsageError
from cliffguard.core.protocol import EvalSettings
from cliffguard.core.texts import cut_middle

Render = Callable[[Chat], str]
"""From a chat to the text that is fed in, up to where the assistant begins to speak."""

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

    def render(self, chat: Chat, where: str) -> str:
        """Return a chat as the model reads it. Raises UsageError for what the template drops.

        `where` names the item. Raises jinja2's TemplateError where the template refuses the chat.
        """
        shape = _shape(chat)
        if shape not in self._shapes:
            marked, marks = _marked(chat)
            text = self._rendered(marked, where)
            for mark, what in marks:
                if mark not in text:
                    raise self._drops(what, where)
            self._shapes.add(shape)
        text = self._rendered(chat, where)
        for content in chat.contents:
            if not _stands_in(content, text):
                raise self._drops(f"the words {cut_middle(content, 60)!r}", where)
        for tool in chat.tool_names:
            if tool not in text:
                raise self._drops(f"the tool {tool}", where)
        return text

    def before_answer(self, chat: Chat, rendered: str, where: str) -> str:
        """Return the blanks that the template puts between its last words and an answer's first.

        Most put none; one that writes "[/INST] answer" puts a space, which a choice has to bring.
        """
        answered = Chat((*chat.messages, {"role": "assistant", "content": _MARK}), chat.tools)
        try:
            whole, mark, _ = self._rendered(answered, where, is_answered=True).partition(_MARK)
        except Exception as failure:
            if type(failure).__module__.partition(".")[0] != "jinja2":
                raise
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
        return str(
            self._render(
                turns_of(chat.messages),
                tokenize=False,
                add_generation_prompt=not is_answered,
                **tools,
                **self._arguments,
            )
        )

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


_MARK = "Cg0Mark"
"""A word that stands in no chat and needs no escape in JSON or XML."""


def _shape(chat: Chat) -> str:
    """Return what two chats share that a template treats alike: roles, calls, number of tools."""
    turns = [
        [turn["role"], bool(str(turn.get("content", "")).strip()), len(turn.get("tool_calls", ()))]
        for turn in chat.messages
    ]
    return json.dumps([turns, len(chat.tools)])


def _marked(chat: Chat) -> tuple[Chat, list[tuple[str, str]]]:
    """Return a chat with marks in place of what is said, and what each mark stands for."""
    marks: list[tuple[str, str]] = []
    names = _counted(marks)
    tools = tuple(_marked_tool(tool, names) for tool in chat.tools)
    turns = []
    for number, turn in enumerate(chat.messages):
        marked = dict(turn)
        if str(turn.get("content", "")).strip():
            marked["content"] = names(f"what the {turn['role']} says (messages[{number}])")
        if "tool_calls" in turn:
            calls = turn["tool_calls"]
            marked["tool_calls"] = [_marked_call(call, names, number) for call in calls]
        turns.append(marked)
    return Chat(tuple(turns), tools), marks


def _counted(marks: list[tuple[str, str]]) -> Callable[[str], str]:
    def mark(what: str) -> str:
        marks.append((f"{_MARK}{len(marks)}x", what))
        return marks[-1][0]

    return mark


def _marked_tool(tool: Mapping[str, Any], mark: Callable[[str], str]) -> Mapping[str, Any]:
    function = tool["function"]
    return {**tool, "function": {**function, "name": mark(f"the tool {function['name']}")}}


def _marked_call(call: Mapping[str, Any], mark: Callable[[str], str], number: int) -> Any:
    function = call["function"]
    name = mark(f"the call of {function['name']} (messages[{number}])")
    arguments = {
        key: mark(f"the argument {key} of {function['name']} (messages[{number}])")
        for key in function["arguments"]
    }
    return {**call, "function": {"name": name, "arguments": arguments}}


def _stands_in(content: str, text: str) -> bool:
    """Return whether a content stands in a rendered text, as it is or escaped as in JSON."""
    bare = content.strip()
    return bare in text or any(
        json.dumps(bare, ensure_ascii=is_ascii)[1:-1] in text for is_ascii in (True, False)
    )
