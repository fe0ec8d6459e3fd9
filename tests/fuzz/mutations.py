"""Valid files, spoilt: as bytes, line by line, and by their values."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

_DEEP = re.compile(rb'"deep (list|object) (\d+)"')
"""Stands for a value that is nested too deeply to be handled here; see `deepened`."""


ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e-300, 1e308, float("nan"), float("inf"), 10**30,
    -(10**30), 10**400, "", " ", "\n", "0", "1e999", "-", "null", "a" * 5000, "\0", "\ud800",
    "\u202ered", "\x1b[31m", "../../etc/passwd", "/dev/null", "~nobody/x", "{{7*7}}", "{x}", "{",
    "<<", "!!python/object/apply:os.system", "acc", "regex", "(a+)+$", "(", "sNaN", "1_0", [], {},
    [None], [[]], [{}], [1, "a"], ["a", "a"], {"": ""}, {"a": None}, {"from": 1, "value": 2},
    {"role": "user", "content": [{}]}, "deep list 50", "deep object 50", "deep list 400",
    "deep object 400", "deep list 1200", "deep object 1200", "deep list 30000",
    "9" * 5000,
)  # fmt: skip
"""Values of JSON's and YAML's types that a file may hold where it should not."""

_SNIPPETS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n", b"\t", b" ", b"'", b'"', b"{", b"}", b"[",
    b"]", b":", b",", b"#", b"&a ", b"*a", b"? ", b"- ", b"|\n", b">\n", b"!!binary ", b"!!int ",
    b"!!set ", b"!!omap ", b"%YAML 9.9\n", b"---\n", b"...\n", b"<<: *a\n", b"\\ud800", b"NaN",
    b"Infinity", b"1e999", b"9" * 5000, b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"\xe2\x80\xae",
    b"2024-13-45", b"1:1:1", b"0x", b"0b_", b"~", b"=",
)  # fmt: skip


@st.composite
def spoilt_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Return `content` after one to four changes of bytes or lines."""
    for _ in range(draw(st.integers(1, 4))):
        if not content:
            break
        content = _CHANGES[draw(st.sampled_from(sorted(_CHANGES)))](draw, content)
    return content


def _flipped(draw: st.DrawFn, content: bytes) -> bytes:
    position = draw(st.integers(0, len(content) - 1))
    return content[:position] + bytes([draw(st.integers(0, 255))]) + content[position + 1 :]


def _torn(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _with_snippet(draw: st.DrawFn, content: bytes) -> bytes:
    position = draw(st.integers(0, len(content)))
    return content[:position] + draw(st.sampled_from(_SNIPPETS)) + content[position:]


def _without_line(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[draw(st.integers(0, len(lines) - 1))]
    return b"".join(lines)


def _line_twice(draw: st.DrawFn, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    position = draw(st.integers(0, len(lines) - 1))
    return b"".join([*lines[: position + 1], *lines[position:]])


def _without_span(draw: st.DrawFn, content: bytes) -> bytes:
    start = draw(st.integers(0, len(content) - 1))
    return content[:start] + content[start + draw(st.integers(1, 30)) :]


_CHANGES: dict[str, Callable[[st.DrawFn, bytes], bytes]] = {
    "flip": _flipped,
    "tear": _torn,
    "insert": _with_snippet,
    "drop line": _without_line,
    "double line": _line_twice,
    "cut": _without_span,
}


_WAYS = ("replace", "replace", "replace", "remove", "rename", "double")


@st.composite
def spoilt_value(draw: st.DrawFn, value: Any) -> Any:
    """Return a copy of `value` in which one to three places hold something else, or nothing."""
    box = {"root": copy.deepcopy(value)}
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(box))))
        what = draw(st.sampled_from(_WAYS))
        odd = copy.deepcopy(draw(st.sampled_from(ODD)))
        if what == "replace" or holder is box:
            holder[key] = odd
        elif isinstance(holder, list):
            if what == "remove":
                del holder[key]
            else:
                holder.append(copy.deepcopy(holder[key]))
        else:
            kept = holder.pop(key)
            if what == "rename":
                holder[draw(st.sampled_from(["", "x", " ", "\ud800", "\0", "id"]))] = kept
            elif what == "double":
                holder[key], holder[f"{key}2"] = kept, copy.deepcopy(kept)
    return box["root"]


def _places(holder: Any, depth: int = 0) -> Any:
    if depth > 12:  # what a replacement brought is not searched
        return
    pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for key, value in pairs:
        yield holder, key
        if isinstance(value, (dict, list)):
            yield from _places(value, depth + 1)


def as_json(value: Any) -> bytes:
    """Return JSON as Python writes it: with NaN, and half characters escaped."""
    return deepened(json.dumps(value).encode())


def deepened(text: bytes) -> bytes:
    """Return JSON in which deep nesting stands where its name stood."""
    return _DEEP.sub(_nested, text)


def _nested(match: re.Match[bytes]) -> bytes:
    opening, closing = (b"[", b"]") if match[1] == b"list" else (b'{"a":', b"}")
    return opening * int(match[2]) + b"1" + closing * int(match[2])
