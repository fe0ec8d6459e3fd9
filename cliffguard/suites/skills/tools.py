"""Calls of invented tools: whether, which, with what, two at once, and after a result.

What wins is said above each chat: a tool is called where it does what the user asks, and else
nothing is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.suites.ladders.words import TOWNS
from cliffguard.suites.skills.draft import PEOPLE, ChatItem, Message, Skill, Turn, system, user
from cliffguard.suites.skills.tool_words import JOBS, Offered, offered

# ruff: noqa: SIM905 (lists of words are easier to read and to extend as text)
_RULES = (
    "Call a tool if it does what the user asks. If none does, call none and answer in words.",
    "Use a tool only where it fits what the user wants; otherwise just answer in words.",
    "You have tools. When one of them does the job, call it. When none does, reply in plain words.",
)
_ASKS = ("{first}{rest}.", "Could you {words}?", "Please {words}.")
_CHATTER = (
    "Thank you, {who}'s evening was lovely!",
    "What is the plural of the word {noun}?",
    "How do you spell the name {who}?",
    "Write one friendly sentence for {who}.",
    "Which word means the opposite of {adjective}?",
    "Tell me a short joke about a {noun}.",
)
_NOUNS = "mouse child river teacher chair house tree cat".split()
_ADJECTIVES = "dark small early strong hot old fast happy".split()


def _request(words: str, turn: Turn) -> list[Message]:
    wording = turn.pick(len(_ASKS))
    text = _ASKS[wording].format(words=words, first=words[0].upper(), rest=words[1:])
    return [system(_RULES[wording]), user(text)]


def _with_tools(messages: Sequence[Message], answer: Any, tools: Sequence[Offered]) -> ChatItem:
    return ChatItem(messages=messages, answer=answer, tools=[tool.definition for tool in tools])


def _which_tool(n_tools: int, turn: Turn, source: random.Random) -> ChatItem:
    tools = offered(source.sample(JOBS, n_tools), 1, source)
    right = tools[turn.pick(n_tools, after=3)]
    return _with_tools(_request(right.request, turn), right.call, tools)


def _call_or_not(_: int, turn: Turn, source: random.Random) -> ChatItem:
    tools = offered(source.sample(JOBS, 2), 1, source)
    if turn.pick(2, after=3):
        right = tools[turn.pick(2, after=6)]
        return _with_tools(_request(right.request, turn), right.call, tools)
    words = {"noun": source.choice(_NOUNS), "adjective": source.choice(_ADJECTIVES)}
    text = source.choice(_CHATTER).format(who=source.choice(PEOPLE), **words)
    return _with_tools([system(_RULES[turn.pick(3)]), user(text)], [], tools)


def _nothing_fits(_: int, turn: Turn, source: random.Random) -> ChatItem:
    *tools, absent = offered(source.sample(JOBS, 4), 1, source)
    return _with_tools(_request(absent.request, turn), [], tools)


def _arguments(n_arguments: int, turn: Turn, source: random.Random) -> ChatItem:
    tools = offered(source.sample(JOBS, 2), n_arguments, source)
    right = tools[turn.pick(2, after=3)]
    return _with_tools(_request(right.request, turn), right.call, tools)


def _two_calls(_: int, turn: Turn, source: random.Random) -> ChatItem:
    tools = offered(source.sample(JOBS, 3), 1, source)
    left = turn.pick(3, after=3)  # the tool that is not asked for
    first, second = source.sample([tool for n, tool in enumerate(tools) if n != left], 2)
    words = f"{first.request} and {second.request}"
    messages = _request(words, turn)
    messages[0] = system(f"{messages[0]['content']} If two tools are needed, call both at once.")
    return _with_tools(messages, [first.call, second.call], tools)


_FIELDS = {
    "temperature": "What is the temperature in {town}, in degrees?",
    "wind": "How strong is the wind in {town}?",
    "rain": "How much rain does {town} have?",
    "humidity": "How high is the humidity in {town}?",
    "pressure": "What is the pressure in {town}?",
    "visitors": "How many visitors does {town} have?",
    "hotels": "How many hotels are there in {town}?",
    "buses": "How many buses run in {town}?",
}
_SHORT = (
    "Once a tool has answered, do not call it again: reply in plain words, without JSON, with the "
    "number that was asked for in digits, and no other.",
    "When the result of a tool is there, tell the user in plain words, not in JSON, the one number "
    "that was asked for, in digits, and no other number. Call nothing twice.",
    "Read what the tool has returned and say the number that the user wants in plain words, with "
    "digits, and no other number. No second call, and no JSON.",
)
# JSON, a call, and a further number are wrong; a unit may stand on the number, as in 97mm and m2.
_NUMBER_ALONE = (
    r"(?s)\A(?!.*[{{\[])(?!.*_town_facts\s*\()(?!.*(?<![^\W_])(?<!\d[.,])(?!{n}(?!\d))\d)"
    r".*(?<![^\W_])(?<![-\u2212])(?<!\d[.,]){n}(?:\.0+)?(?!\d|[.,]\d)"
)


def _called(name: str, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> list[Message]:
    """Return the turns of a call and of what came back."""
    call = {"type": "function", "function": {"name": name, "arguments": dict(arguments)}}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "name": name, "content": json.dumps(result)},
    ]


def _tool(name: str, about: str, key: str, description: str) -> dict[str, Any]:
    properties = {key: {"type": "string", "description": description}}
    parameters = {"type": "object", "properties": properties, "required": [key]}
    function = {"name": name, "description": about, "parameters": parameters}
    return {"type": "function", "function": function}


def _after_result(n_fields: int, turn: Turn, source: random.Random) -> ChatItem:
    town, names = source.choice(TOWNS), source.sample(sorted(_FIELDS), n_fields)
    values = source.sample(range(11, 99), n_fields)
    index = turn.pick(n_fields, after=3)
    name = f"{source.choice(('arvo', 'fenu', 'lavu', 'pavo'))}_town_facts"
    result = dict(zip(names, values, strict=True))
    messages = [
        system(_SHORT[turn.pick(len(_SHORT))]),
        user(_FIELDS[names[index]].format(town=town)),
        *_called(name, {"town": town}, result),
    ]
    pattern = _NUMBER_ALONE.format(n=values[index])
    tool = _tool(name, "Look up facts about a town.", "town", "Name of the town")
    return ChatItem(messages=messages, answer=pattern, tools=[tool])


_ERRANDS = (
    "Look up where {who} lives and then {verb} there.",
    "First find out the town of {who}. Then {verb} in that town.",
    "Find {who}'s town with one tool, and with the other {verb} there.",
)


def _next_call(_: int, turn: Turn, source: random.Random) -> ChatItem:
    """Return a chat whose first call has come back: its result is the second one's argument."""
    brand = source.choice(("arvo", "fenu", "lavu", "pavo"))
    kind, verb, about = source.choice(
        (
            ("rent_bike", "rent a bike", "Rent a bike in a town."),
            ("book_hotel", "book a hotel", "Book a hotel in a town."),
            ("order_taxi", "order a taxi", "Order a taxi in a town."),
        )
    )
    who, town = source.choice(PEOPLE), source.choice(TOWNS)
    tools = [
        _tool(f"{brand}_find_town", "Find out where a person lives.", "person", "Who it is"),
        _tool(f"{brand}_{kind}", about, "town", "Name of the town"),
    ]
    messages = [
        system("Call one tool at a time. Go on until all that the user asked for is done."),
        user(_ERRANDS[turn.pick(len(_ERRANDS))].format(who=who, verb=verb)),
        *_called(f"{brand}_find_town", {"person": who}, {"town": town}),
    ]
    answer = {"name": f"{brand}_{kind}", "arguments": {"town": town}}
    if turn.pick(2, after=3):
        tools.reverse()
    return ChatItem(messages=messages, answer=answer, tools=tools)


TOOLS = (
    Skill(name="which_tool", level_name="offered", levels=(3, 6, 12), draw=_which_tool),
    Skill(name="call_or_not", draw=_call_or_not),
    Skill(name="nothing_fits", draw=_nothing_fits),
    Skill(name="tool_arguments", level_name="arguments", levels=(1, 2, 3, 4), draw=_arguments),
    Skill(name="two_calls", draw=_two_calls),
    Skill(name="after_result", level_name="entries", levels=(2, 4, 8), draw=_after_result),
    Skill(name="next_call", draw=_next_call),
)
