"""Spellings of calls that models are trained in: read, unreadable, or no call."""

from __future__ import annotations

import json

import pytest

from cliffguard.suites.structure.call_readers import call_parts, read_calls, tool_call
from cliffguard.suites.structure.calls import Call
from cliffguard.suites.structure.json_texts import Unreadable

WEATHER = Call("get_weather", {"city": "Paris", "days": 3})
TIME = Call("get_time", {"zone": "CET"})
PLAIN = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}'
OTHER = '{"name": "get_time", "arguments": {"zone": "CET"}}'
LLAMA = '{"name": "get_weather", "parameters": {"city": "Paris", "days": 3}}'
PYTHON = "get_weather(city='Paris', days=3)"
AS_TEXT = json.dumps({"city": "Paris", "days": 3})
FUNCTION = {"name": "get_weather", "arguments": AS_TEXT}
OPENAI = {"id": "call_1", "type": "function", "function": FUNCTION}

READ = {
    "hermes, qwen 2.5 and 3": f"<tool_call>\n{PLAIN}\n</tool_call>",
    "with the end of a turn": f"<tool_call>\n{PLAIN}\n</tool_call><|im_end|>\n",
    "behind words": f"I look it up.\n<tool_call>{PLAIN}</tool_call>",
    "behind thoughts": f"<think>\nParis, then.\n</think>\n\n<tool_call>\n{PLAIN}\n</tool_call>",
    "before words": f"<tool_call>{PLAIN}</tool_call>\nOne moment.",
    "not closed, the answer ended": f"<tool_call>\n{PLAIN}",
    "not closed, by a token of the end": f"<tool_call>\n{PLAIN}<|im_end|>",
    "keys in another order": '<tool_call>{"arguments": {"days": 3, "city": "Paris"}, '
    '"name": "get_weather"}</tool_call>',
    "llama 3.2": LLAMA,
    "llama 3.1, typed": '{"type": "function", "name": "get_weather", '
    '"parameters": {"city": "Paris", "days": 3}}<|eot_id|>',
    "llama with its tag": f"<|python_tag|>{LLAMA}<|eom_id|>",
    "a whole number as a float": PLAIN.replace("3", "3.0"),
    "unicode escapes": PLAIN.replace("Paris", "\\u0050aris"),
    "mistral before version 11": f"[TOOL_CALLS] [{PLAIN}]</s>",
    "mistral with an id": f'[TOOL_CALLS][{PLAIN[:-1]}, "id": "a1b2c3d4e"}}]',
    "xlam": f"[{PLAIN}]",
    "gorilla, llama 3.2 pythonic": f"[{PYTHON}]",
    "pythonic over lines": '[\n  get_weather(\n    city="Paris",\n    days=3,\n  )\n]<|eot_id|>',
    "openai's message": json.dumps({"role": "assistant", "content": None, "tool_calls": [OPENAI]}),
    "openai's list": json.dumps([OPENAI]),
    "openai's call": json.dumps(OPENAI),
    "arguments as an object there": json.dumps(
        {"tool_calls": [{"function": {"name": "get_weather", "arguments": WEATHER.arguments}}]}
    ),
    "indented": json.dumps(json.loads(PLAIN), indent=2),
}


@pytest.mark.parametrize("spelling", READ)
def test_a_spelling_is_read(spelling: str) -> None:
    """One call with its tool and its arguments, whatever is around it."""
    assert tool_call(READ[spelling], PLAIN) == 1.0


SEVERAL = {
    "in tags": f"<tool_call>\n{PLAIN}\n</tool_call>\n<tool_call>\n{OTHER}\n</tool_call>",
    "in tags, the last open": f"<tool_call>{PLAIN}</tool_call><tool_call>{OTHER}",
    "in the other order": f"[{OTHER}, {PLAIN}]",
    "with semicolons": f"<|python_tag|>{LLAMA}; {OTHER.replace('arguments', 'parameters')}",
    "in a list": f"[TOOL_CALLS][{PLAIN},{OTHER}]",
    "as python's": f'[{PYTHON}, get_time(zone="CET")]',
}


@pytest.mark.parametrize("spelling", SEVERAL)
def test_several_calls_are_read(spelling: str) -> None:
    """In whatever order: they are made at once."""
    assert tool_call(SEVERAL[spelling], f"[{PLAIN}, {OTHER}]") == 1.0


UNREADABLE = {
    "granite": f"<|tool_call|>[{PLAIN}]",
    "granite's tag": f"<tool_call>[{PLAIN}]</tool_call>",
    "functionary 3.1": f"<function=get_weather>{AS_TEXT}</function>",
    "functionary 3.2": f">>>get_weather\n{AS_TEXT}",
    "mistral from version 11": f"[TOOL_CALLS]get_weather{AS_TEXT}",
    "mistral with arguments marked": f"[TOOL_CALLS]get_weather[ARGS]{AS_TEXT}",
    "mistral, an object": f"[TOOL_CALLS]{PLAIN}",
    "qwen 3 coder": "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
    "</function>\n</tool_call>",
    "llama's built-in tool": '<|python_tag|>brave_search.call(query="weather in Paris")',
    "llama 4": f"<|python_start|>[{PYTHON}]<|python_end|>",
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather",
    "gpt-oss": f"<|channel|>commentary to=functions.get_weather <|message|>{AS_TEXT}<|call|>",
    "gemma's block": f"```tool_code\n{PYTHON}\n```",
    "claude": '{"type": "tool_use", "name": "get_weather", "input": {"city": "Paris"}}',
    "gemini": '{"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}}',
    "openai's older form": json.dumps({"function_call": FUNCTION}),
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0",
    "glm 4.5": "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n"
    "</tool_call>",
    "phi 4 mini": f"<|tool_call|>[{PLAIN}]<|/tool_call|>",
    "jamba": f"<tool_calls>[{PLAIN}]</tool_calls>",
    "command r": f'Action: ```json\n[{{"tool_name": "get_weather", "parameters": {AS_TEXT}}}]\n```',
    "functiongemma": "<start_function_call>call:get_weather{city:<escape>Paris<escape>}",
    "objects on two lines": f"{PLAIN}\n{OTHER}",
    "a name that python has not": "[get-weather(city='Paris', days=3)]",
    "a block of code in tags": f"<tool_call>\n```json\n{PLAIN}\n```\n</tool_call>",
    "braces twice": f"<tool_call>\n{{{PLAIN}}}\n</tool_call>",
    "xml of functions": '<function_calls><invoke name="get_weather"></invoke></function_calls>',
    "react": f"Thought: look\nAction: get_weather\nAction Input: {AS_TEXT}",
    "langchain": '{"action": "get_weather", "action_input": {"city": "Paris"}}',
    "an object among words": f"I call {PLAIN} now.",
    "words behind it": f"{PLAIN}\nHere you are.",
    "in a block of code": f"```json\n{PLAIN}\n```",
    "python's behind words": f"Sure: [{PYTHON}]",
    "python's without brackets": PYTHON,
    "words behind the tag's object": f"<|python_tag|>{LLAMA} there",
    "only the end of a tag": f"{PLAIN}\n</tool_call>",
    "a tag that is not closed before the next": f"<tool_call>{PLAIN}<tool_call>{OTHER}</tool_call>",
    "words behind a tag that is not closed": f"<tool_call>{PLAIN} and so on",
    "an empty tag": "<tool_call></tool_call>",
    "the second call broken": f"<tool_call>{PLAIN}</tool_call><tool_call>{PLAIN[:-2]}</tool_call>",
    "a comma too many": PLAIN.replace("3}", "3,}"),
    "single quotes": PLAIN.replace('"', "'"),
    "cut in the middle": PLAIN[:-9],
    "a key twice": PLAIN.replace('"days": 3', '"days": 3, "days": 3'),
    "not a number": PLAIN.replace("3", "NaN"),
    "a number that no float holds": PLAIN.replace("3", "1e999"),
    "arguments as text, where they are not openai's": json.dumps(FUNCTION),
    "arguments and parameters": PLAIN[:-1] + ', "parameters": {}}',
    "no arguments at all": '<tool_call>{"name": "get_weather"}</tool_call>',
    "arguments in a list": '{"name": "get_weather", "arguments": ["Paris", 3]}',
    "a name that is no text": '{"name": 3, "arguments": {}}',
    "a list that is not all calls": f"[{PLAIN}, 3]",
    "tool_calls that are no list": json.dumps({"tool_calls": OPENAI}),
    "arguments as broken text": json.dumps(
        {"tool_calls": [{"function": {"name": "get_weather", "arguments": '{"city": '}}]}
    ),
    "nested in another object": json.dumps({"call": json.loads(PLAIN)}),
    "an argument without its name": "[get_weather('Paris', 3)]",
    "a call in an argument": "[get_weather(city=home(), days=3)]",
    "words of JSON in python's": "[get_weather(city='Paris', days=3, exact=true)]",
    "an argument twice": "[get_weather(city='Paris', city='Rome')]",
    "more than 64 KiB": PLAIN + " " * 65536,
}


@pytest.mark.parametrize("spelling", UNREADABLE)
def test_a_call_that_no_reader_takes_is_unreadable(spelling: str) -> None:
    """It has no score, also where no tool was to be called: something was, or so it looks."""
    assert tool_call(UNREADABLE[spelling], PLAIN) is None
    assert call_parts(UNREADABLE[spelling], "[]") is None


NO_CALL = {
    "words": "It is sunny in Paris.",
    "nothing": "",
    "the end of a turn": "<|im_end|>",
    "no calls in a list": "[]",
    "no calls behind the mark": "[TOOL_CALLS][]",
    "JSON that is no call": '{"city": "Paris", "days": 3}',
    "a list of numbers": "[1, 2]",
    "a name without arguments": '{"name": "Paris", "country": "France"}',
    "broken JSON that is no call": '{"city": "Paris"',
    "a remark in brackets": "[see page (3)]",
    "a word that names a tool": "get_weather could tell you (it takes a city).",
    "glm 4, whose name and arguments have no mark": f"get_weather\n{AS_TEXT}",
    "a name as the key": '{"get_weather": {"city": "Paris"}}',
    "a program": "```python\nprint('Paris')\n```",
}


@pytest.mark.parametrize("text", NO_CALL)
def test_what_is_no_call_is_right_where_none_is_due(text: str) -> None:
    """And wrong in all its parts where one is."""
    assert tool_call(NO_CALL[text], "[]") == 1.0
    parts = dict.fromkeys(("called", "tool", "arguments", "values"), 0.0)
    assert call_parts(NO_CALL[text], PLAIN) == parts


def test_what_is_read_is_the_call() -> None:
    """By its name and its arguments, not only by its score."""
    assert read_calls(SEVERAL["as python's"]) == (WEATHER, TIME)
    assert read_calls(READ["openai's call"]) == (WEATHER,)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>" + "[" * 60_000,
        '{"name": "f", "arguments": ' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
        "[" * 65_000,
        "[f(a=" + "[" * 60_000 + ")]",
        "[f(a=" + "-" * 60_000 + "1)]",
        "[f(a=" + "not " * 15_000 + "1)]",
        "[f(a=" + "1-" * 30_000 + "1)]",
        "[f(a=1)" + "()" * 30_000 + "]",
        "[f(a=x" + "[0]" * 20_000 + ")]",
        "[f" + ".a" * 30_000 + "(a=1)]",
        "[f(a=" + "lambda:" * 9_000 + "1)]",
        "[f(a=" + "lambda:" * 500 + "1)]",
        "[f(a='" + "\\" * 59_999 + "')]",
        "[f(a='''a'b'''" + "[" * 50_000 + "')]",
        "[f(a=" + "9" * 50_000 + ")]",
        '[f(a=f\'{__import__("os").system("true")}\')]',
        "<tool_call>" * 5_000,
        "<|python_tag|>" + '{"name":"f","arguments":{}};' * 2_000 + "x",
        "[ " * 30_000,
        "x" * 1_000_000,
    ],
    ids=lambda text: text[:24],
)
def test_a_hostile_answer_is_unreadable_and_soon(text: str) -> None:
    """Deep, long, or a program: neither the stack nor the clock is spent on it."""
    if text.startswith("[ ") or text.startswith("[" * 9):
        assert read_calls(text) == ()  # brackets alone, which call nothing
        return
    with pytest.raises(Unreadable):
        read_calls(text)
