"""The page of the public names: signatures, docstrings and their examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import cliffguard
from cliffguard.core import policy, settings
from cliffguard.core.bounds import Bounds

GROUPS = {
    "A run": ("guard", "load_plan", "load_policy", "render", "read_review"),
    "Settings": (
        "Plan",
        "Policy",
        "CapabilityPolicy",
        "BehaviourPolicy",
        "TargetPolicy",
        "TargetData",
        "EvalSettings",
        "RunnerSettings",
        "register_backend",
    ),
    "Results": ("Review", "Caveat", "Outcome", "Store", "CliffguardError"),
}
_HEAD = """\
# Python API

<!-- Written by scripts/make/pages.py from the docstrings of the package. -->

The names that `cliffguard` exports. The rest of the package may change from release to release.
Every example is run by the tests, in a folder with a base in `models/base` and an adapter of it in
`runs/ft/adapter`; answers are scripted there and the suites cut to a few items, too few to decide.
"""
_BOUNDED = re.compile(r"Annotated\[(\w+), Bounds\([^)]*\)\]")
_ALIASES = {
    name: str(value).removeprefix("typing.")
    for name, value in (vars(policy) | vars(settings)).items()
    if get_origin(value) is Literal
} | {
    name: get_args(value)[0].__name__
    for name, value in (vars(policy) | vars(settings)).items()
    if any(isinstance(part, Bounds) for part in get_args(value))
}


def page() -> str:
    """Return the page. Raises ValueError where a public name has no place on it."""
    if missing := {*cliffguard.__all__} ^ {name for names in GROUPS.values() for name in names}:
        raise ValueError(
            f"GROUPS in scripts/make/documents/api.py differ from __all__: {sorted(missing)}"
        )
    parts = [_HEAD]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        parts += [_entry(name, getattr(cliffguard, name)) for name in names]
    return "\n".join(parts)


def _entry(name: str, value: Any) -> str:
    lines = [f"### {name}", ""]
    if not (inspect.isclass(value) and issubclass(value, Enum)):
        lines += ["```text", *_signature(name, value), "```", ""]
    docstring = inspect.getdoc(value) or ""
    if ">>> " not in docstring:
        raise ValueError(f"cliffguard.{name}: its docstring has no example; add one (>>> …)")
    lines += _prose(docstring)
    if inspect.isclass(value) and issubclass(value, Enum):
        lines += ["", f"Its values: {', '.join(f'`{member}`' for member in value)}."]
    members = [*_helps(value)] if is_dataclass(value) else []
    members += _members(value) if inspect.isclass(value) else []
    return "\n".join([*lines, *([""] if members else []), *members]) + "\n"


def _helps(record: type) -> Iterator[str]:
    """Yield the description of each setting."""
    for field in fields(record):
        if description := field.metadata.get("description"):
            yield f"- `{field.name}`: {description.replace('<', '&lt;')}"


def _signature(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of a call, one for each argument, with the bounds of numbers behind it."""
    bounds = _bounds(value) if is_dataclass(value) else {}
    defaults = _factories(value) if is_dataclass(value) else {}
    signature = inspect.signature(value)
    returns = "" if inspect.isclass(value) else f" -> {signature.return_annotation}"
    yield f"{name}("
    is_by_name = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not is_by_name:
            is_by_name = True
            yield "    *,"
        default = defaults.get(parameter.name) or _default(parameter.default)
        kind = _type(parameter.annotation)
        behind = f"  # {bounds[parameter.name]}" if parameter.name in bounds else ""
        yield f"    {parameter.name}: {kind}{default},{behind}"
    yield f"){returns}"


def _type(annotation: str) -> str:
    """Return an annotation without its bounds."""
    plain = _BOUNDED.sub(r"\1", annotation)
    return re.sub(r"\w+", lambda word: _ALIASES.get(word[0], word[0]), plain)


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return ""
    return f" = {value.__name__ if inspect.isfunction(value) else repr(value)}"


def _factories(record: type) -> dict[str, str]:
    """Return the defaults that are made anew for each record."""
    made = {field.name: field.default_factory for field in fields(record)}
    return {
        name: " = {}" if factory is dict else f" = {factory.__name__}()"
        for name, factory in made.items()
        if factory is not MISSING
    }


def _bounds(record: type) -> dict[str, str]:
    """Return in words between which numbers the fields of a record lie."""
    hints = get_type_hints(record, include_extras=True)
    bounds = {name: next(_bounds_in(hint), None) for name, hint in hints.items()}
    return {name: _in_words(limits) for name, limits in bounds.items() if limits}


def _bounds_in(hint: Any) -> Iterator[Bounds]:
    if isinstance(hint, Bounds):
        yield hint
    for part in get_args(hint):
        yield from _bounds_in(part)


def _in_words(bounds: Bounds) -> str:
    ends = {
        "above": bounds.above if bounds.least is None else None,
        "at least": bounds.least,
        "at most": bounds.most,
        "below": bounds.below,
    }
    return ", ".join(f"{word} {end:g}" for word, end in ends.items() if end is not None)


def _prose(docstring: str) -> Iterator[str]:
    """Yield a docstring's lines as Markdown: a session becomes a fenced block."""
    is_session = False
    sections = re.sub(r"^(\w+)\n-{3,}$", r"**\1**\n", docstring, flags=re.MULTILINE)
    listed = re.sub(r"^(\w+)\n {4}", r"- `\1`: ", sections, flags=re.MULTILINE)
    for line in listed.split("\n"):
        begins, ends = line.startswith(">>>") and not is_session, is_session and not line.strip()
        if begins:
            yield "```pycon"
        if ends:
            yield "```"
        is_session = (is_session or begins) and not ends
        yield line
    if is_session:
        yield "```"


def _members(value: type) -> Iterator[str]:
    """Yield a line for each public method and property, with the first sentence of its docs."""
    for name, member in vars(value).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        call = name
        if inspect.isfunction(member):
            arguments = [*inspect.signature(member).parameters][1:]
            call = f"{name}({', '.join(arguments)})"
        first = (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ")
        yield f"- `{call}`: {first}"
