"""Chats: what is asked as turns of a conversation, and by which chat template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cliffguard.core.protocol import WORDS_FOR_TEMPLATES, EvalSettings

Turn = Mapping[str, Any]
"""One message: `role` and `content`; of tools also `tool_calls`, `tool_call_id`, `name`."""


@dataclass(frozen=True, slots=True)
class Chat:
    """Turns of a conversation, the last of which is answered, and the tools that may be called.

    Calls and tools are as `apply_chat_template` takes them: {"type": "function", "function": …}
    with arguments as an object.
    """

    messages: tuple[Turn, ...]
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def written(self) -> str:
        """The chat as JSON, its keys in their order: a template writes them in it."""
        whole = {"messages": list(self.messages), "tools": list(self.tools)}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))

    @property
    def system(self) -> str | None:
        """What the system turn at the beginning says (None: there is none)."""
        first = self.messages[0]
        return str(first["content"]) if first["role"] == "system" else None

    @property
    def contents(self) -> tuple[str, ...]:
        """What the turns say, without who says it; blank ones are left out."""
        contents = (str(turn.get("content") or "") for turn in self.messages)
        return tuple(content for content in contents if content.strip())

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Names of the tools that may be called."""
        return tuple(str(tool["function"]["name"]) for tool in self.tools)

    def offers(self, tool: str) -> bool:
        """Return whether a tool may be called: of `tools`, or without any, in its words."""
        if self.tools:
            return tool in self.tool_names
        return any(tool in content for content in self.contents)

    def as_text(self) -> str:
        """Return the chat for people: a line says who speaks, and the tools by name."""
        lines = [_line(turn) for turn in self.messages]
        tools = [f"tools: {', '.join(self.tool_names)}"] if self.tools else []
        return "\n".join([*tools, *lines])


def _line(turn: Turn) -> str:
    calls = [
        f"[calls {call['function']['name']}"
        f"({json.dumps(call['function']['arguments'], ensure_ascii=False)})]"
        for call in turn.get("tool_calls", ())
    ]
    content = [str(turn["content"])] if turn.get("content") else []
    return f"{turn['role']}: {' '.join([*content, *calls])}"


def chat_in(written: str) -> Chat:
    """Return the chat that `Chat.written` wrote."""
    whole = json.loads(written)
    return Chat(messages=tuple(whole["messages"]), tools=tuple(whole["tools"]))


def renders_chats_alone(protocol: EvalSettings) -> bool:
    """Return whether a protocol leaves prompts as they are and renders chats: `auto`, or a file."""
    return protocol.chat_template not in {"none", "own", "base"}


def effective(protocol: EvalSettings, *, are_chats: bool) -> EvalSettings:
    """Return the protocol under which items are asked: what `auto` and a file stand for.

    Chats are rendered by the template of each side's own checkpoint, which the file has replaced;
    prompts are plain text. It is what stands in a question's key.
    """
    if not renders_chats_alone(protocol):
        return protocol
    if are_chats:
        return replace(protocol, chat_template="own")
    return replace(protocol, chat_template="none", template_args={}, system_prompt=None)


def template_file(protocol: EvalSettings) -> str | None:
    """Return the file whose chat template both sides are asked under, if the protocol names one."""
    is_file = protocol.chat_template not in WORDS_FOR_TEMPLATES
    return protocol.chat_template if is_file else None


def turns_of(messages: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return a copy of messages that a template may be given."""
    return [dict(turn) for turn in messages]
