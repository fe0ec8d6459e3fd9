"""What the flags of a command line say: the keys of a plan that they set, read from their texts."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cliffguard.cli.plan_options import ALL, KEYS, SINGLE
from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path
from cliffguard.core.texts import first_of

_LISTED = 4  # values that a message names


def overrides(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan keys that the given flags set; a flag left alone sets none."""
    plan: dict[str, Any] = {}
    for name in given_of(flags):
        if (key := KEYS.get(name)) is not None:
            section = plan if key.section is None else plan.setdefault(key.section, {})
            section[key.name] = _READERS[name](flags[name]) if name in _READERS else flags[name]
    if flags.get("apply_chat_template") and flags.get("chat_template") is None:
        plan.setdefault("protocol", {})["chat_template"] = "own"
    return plan


def given_of(flags: Mapping[str, Any]) -> list[str]:
    """Return the parameters of the flags that were not left alone."""
    return [
        name
        for name, value in flags.items()
        if not (value is None or value is False or value == [])
    ]


def spelt(flags: Mapping[str, Any]) -> list[str]:
    """Return the given flags that set a key, as they are typed."""
    names = [KEYS[name].option for name in given_of(flags) if name in KEYS]
    return [*names, *(["--apply-chat-template"] if flags.get("apply_chat_template") else [])]


def _single(option: str, given: str | Sequence[str]) -> str:
    """Return what a flag says. Raises UsageError where it says two things: one would be dropped."""
    values = [given] if isinstance(given, str) else list(dict.fromkeys(given))
    if len(values) > 1:
        how = "leave all but one out"
        if option == "--target" and all(user_path(value, UsageError).is_file() for value in values):
            how = _together(values)
        raise UsageError(
            f"{option}: is given several times ({first_of(values, _LISTED)}), and only one can be "
            f"read; {how}",
            id="flag.repeated",
        )
    return values[0]


def _together(files: Sequence[str]) -> str:
    """Return the command that puts the rows of several files into a new one."""
    from cliffguard.suites.rows import in_one, named_file, new_file

    to = max(map(new_file, files), key=lambda name: name != "rows.jsonl")
    made = in_one(f"[{', '.join(map(named_file, files))}]", to=to)
    return f"{made} puts them together, for --target {to}"


def _by_task(given: Sequence[str]) -> dict[str, str | dict[str, str]]:
    """Return the files that --data names: one for a task, or one for each of its splits."""
    files: dict[str, str | dict[str, str]] = {}
    for text in given:
        name, sign, path = text.partition("=")
        task, colon, split = name.partition(":")
        if not (sign and task.strip() and path.strip() and bool(colon) == bool(split.strip())):
            raise UsageError(
                f"--data {text}: expected TASK=PATH or TASK:SPLIT=PATH", id="data.form"
            )
        known = files.get(task)
        if colon and (known is None or (isinstance(known, dict) and split not in known)):
            files[task] = {**(known or {}), split: path}
        elif not colon and known is None:
            files[task] = path
        else:
            raise UsageError(
                f"--data {text}: {name} has a file already; leave one of them out", id="data.twice"
            )
    return files


def _mapping(flag: str, text: str) -> Any:
    """Return the mapping in a flag that holds one, written as JSON or as k=v,k=v."""
    if text.lstrip().startswith("{"):
        try:
            return parse_json(text)
        except ValueError as failure:
            raise UsageError(f"{flag}: not valid JSON: {failure}", id="flag.not-json") from None
    pairs = [part.partition("=") for part in text.split(",") if part]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise UsageError(f"{flag}: {wrong[0]!r} is no key=value", id="flag.key-value")
    return {key.strip(): _scalar(value) for key, _, value in pairs}


def _churn(words: Sequence[str]) -> float | dict[str, float]:
    from cliffguard.cli.churn import read_churn  # reads files, which --help need not

    return read_churn(words)


def _scalar(text: str) -> Any:
    """Return what a bare word means: 4 is a number, true a switch, the rest text."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _REAL.fullmatch(text) else text


_WHOLE = re.compile(r"[-+]?\d{1,19}", re.ASCII)
_REAL = re.compile(r"[-+]?(?:\d{1,19}\.?\d{0,19}|\.\d{1,19})(?:[eE][-+]?\d{1,2})?", re.ASCII)

# Flags that are read before they are a key's value.
_READERS: dict[str, Callable[[Any], Any]] = {
    "limit": lambda limit: None if limit == ALL else limit,
    "template_args": functools.partial(_mapping, "--template-args"),
    "model_args": functools.partial(_mapping, "--model-args"),
    "data": _by_task,
    "churn": _churn,
    "policy": str,
    **{name: functools.partial(_single, option) for name, option in SINGLE.items()},
}
