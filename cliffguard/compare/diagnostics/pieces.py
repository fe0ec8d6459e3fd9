"""Where in a text the answer stands, if it says so: boxes, fields, frames, marks.

Each reading gives at most one piece: where a text offers two, it has said neither.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_LEAST_PROSE = 4  # words of a line that is no entry of a list
_MOST_CHARACTERS = 4000  # of each end of a text
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_HASHES = re.compile(r"^#{4}\s*(.+?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_TAG = re.compile(
    r"<(answer|final|result|output|response|label)>(.*?)(?:</\1>|\Z)", re.I | re.DOTALL
)
_INNER_TAG = re.compile(
    r"<(answer|final|result|output|response|label)>([^<>]*)</\1>", re.IGNORECASE
)
_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>.*?</\1>\s*(?=\S)", re.I | re.DOTALL)
_PRINTED = re.compile(
    r"\s*(?:print|printf|puts|echo|console\.log)\s*\(?\s*([\"'])([^\"'\n]{1,200})\1\s*\)?\s*;?\s*"
)
_ONLY_TAG = re.compile(r"<([\w-]{1,40})>([^<>]*)</\1>", re.DOTALL)
_BOLD = re.compile(r"\*\*([^*\n]{1,80}?):?\*\*|__([^_\n]{1,80})__")
_CODE = re.compile(r"`([^`\n]{1,80})`")
_QUOTED = re.compile(r"[\"“«]([^\"“”«»\n]{1,80})[\"”»]")
_STATED = re.compile(
    r"(?:(?:the|my|your|final|correct|right|best)\s+){1,4}(?:final\s+|correct\s+|right\s+)?"
    r"(?:answer|option|choice|result|solution|response|value|label|word|number|total|sum)"
    r"(?:\s+(?:is|would\s+be|should\s+be|must\s+be|choice\s+is)\s*:?|\s*[:=])\s*"
    r"|(?:die|meine)\s+(?:richtige\s+|korrekte\s+|endgültige\s+)?(?:antwort|lösung)\s+(?:ist|lautet)\s*:?\s*"
    r"|la\s+(?:bonne\s+)?(?:réponse|solution)(?:\s+(?:correcte|finale))?\s+est\s*:?\s*"
    r"|la\s+(?:respuesta|solución)(?:\s+(?:correcta|final))?\s+es\s*:?\s*",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"^[ \t>*_#-]*(?:final\s+|correct\s+|short\s+)?(?:answer|result|output|response|solution|label"
    r"|prediction|a|antwort|ergebnis|réponse|reponse|résultat|respuesta|resultado)"
    r"[*_ \t]*[:=][*_ \t]*\n?[ \t]*(\S[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_MARKS = re.compile(r"^[^\w\s+\-\u2212.]+\s*|^-\s+|[^\w\s%]+$")
_REASON = re.compile(
    r"[,;](?=\s)|\s[(–—-](?=\s|\w)|\s(?:because|since|as|which|where|weil|denn|parce|car|porque)\s",
    re.IGNORECASE,
)
_REASONED = re.compile(
    r"\s*[,;]?\s+(?:because|since|weil|denn|parce|car|porque|puesto)\b", re.IGNORECASE
)
_EQUALS = re.compile(r"=\s*([^=\n]{1,60})$")
_END_OF_SENTENCE = re.compile(r"(?<=[^\d\s])[.!?](?=\s|$)|(?<=\d)[.!?](?=\s|$)|\n")
DENIES = re.compile(
    r"\b(?:not|no|never|neither|nor|or|cannot|instead|rather|unlike|except|without|kein\w*|nicht"
    r"|oder|sondern|ni|ou|pas|jamais|nunca|sino)\b|n['’]t\b|[?]",
    re.IGNORECASE,
)
"""Words beside which an answer may be denied, or be offered among others."""

_FIELDS = {
    "answer", "final_answer", "finalanswer", "result", "response", "output", "value", "prediction",
    "label", "text", "content", "completion", "reply", "solution", "choice", "antwort", "ergebnis",
    "réponse", "reponse", "respuesta", "resultado",
}  # fmt: skip
_FIELD = re.compile(
    r"([\"'])([\w -]{1,40})\1\s*:\s*(?:\"([^\"\\\n]*)\"|'([^'\\\n]*)'(?=\s*[,}])"
    r"|(-?\d[\d.]*)(?=\s*[,}\]]))"
)
_STRUCTURE = re.compile(
    r"\s*(?:```|[{\[]\s*(?:[\"'{\[]|$)|<(?!think|reason)[a-z][\w-]*>|\\(?:boxed|begin|\[))"
)
_ENDINGS = {"{": "}", "[": "]"}


def pieces(text: str) -> Iterator[str]:
    """Yield what of a text may be its answer, as the ways to mark one have it; all of it first."""
    if len(text) > 2 * _MOST_CHARACTERS:
        text = f"{text[:_MOST_CHARACTERS]}\n{text[-_MOST_CHARACTERS:]}"
    yield text
    text = _THOUGHT.sub("", text, count=1) if _THOUGHT.match(text) else text
    for read in _READINGS:
        piece = read(text)
        if piece is not None and piece.strip():
            yield piece.strip()


def begins_structure(text: str) -> bool:
    """Return whether a text begins as JSON, a block of code, an element or a formula does."""
    return _STRUCTURE.match(text) is not None


def _only(texts: list[str]) -> str | None:
    """Return the text that all of these are; None where they differ or there is none."""
    bare = {text.strip().casefold().rstrip(".") for text in texts}
    return texts[0] if len(bare) == 1 else None


def _last(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        matches = pattern.findall(text)
        return str(matches[-1]) if matches else None

    return read


def _boxed(text: str) -> str | None:
    piece = _last(_BOXED)(text)
    return None if piece is None else _TEXT.sub(r"\1", piece)


def _all_one(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        if DENIES.search(text):  # what is marked may be what it is not
            return None
        return _only(["".join(match.groups("")) for match in pattern.finditer(text)])

    return read


def _fenced(text: str) -> str | None:
    return _only([match[1] for match in _FENCE.finditer(text)])


def _tagged(text: str) -> str | None:
    inner = [match[2] for match in _INNER_TAG.finditer(text)]
    named = inner or [match[2] for match in _TAG.finditer(text)]
    whole = _ONLY_TAG.fullmatch(text.strip())
    return _only(named) or (whole[2] if whole else None)


def _stated(text: str) -> str | None:
    """Return what follows the last "the answer is", to the end of its sentence."""
    matches = list(_STATED.finditer(text))
    return _sentence(text[matches[-1].end() :]) if matches else None


def _stated_first(text: str) -> str | None:
    """Return the beginning of what follows "the answer is", up to its reason or a remark."""
    tail = _stated(text)
    if tail is None or not (head := _REASON.split(tail, maxsplit=1)[0].strip()):
        return None
    return head if head != tail else None


def _labelled(text: str) -> str | None:
    return _only([match[1].strip("* \t") for match in _LABELLED.finditer(text)])


def _sentence(text: str) -> str:
    text = text.lstrip("*_ \n\t:")
    end = _END_OF_SENTENCE.search(text)
    return text[: end.start() if end else None].strip("*_ \t$")


def _in_field(text: str) -> str | None:
    """Return what JSON in the text says in the only field that is one of an answer, or has alone.

    Of JSON that was cut, the first field counts where it is whole.
    """
    leaves = fields_in(text)
    named = [leaf for name, leaf in leaves if name.casefold().replace("-", "_") in _FIELDS]
    for texts in (named, [leaf for _, leaf in leaves]):
        if len(texts) == 1:
            return texts[0]
    return _only(named)


def fields_in(text: str) -> list[tuple[str, str]]:
    """Return the names and values of the JSON in a text; where it was cut, of what is whole."""
    value = json_in(text)
    return _whole_fields(text) if value is None else list(_leaves("", value))


def _whole_fields(text: str) -> list[tuple[str, str]]:
    if not begins_structure(text):
        return []
    return [
        (match[2], next(filter(None, match.groups()[2:]), "")) for match in _FIELD.finditer(text)
    ]


def json_in(text: str) -> Any:
    """Return the first value in a text that is JSON: an object, a list, or all of it a text."""
    starts = [start for mark in _ENDINGS if (start := text.find(mark)) >= 0]
    stripped = text.strip()
    if stripped[:1] == '"':
        starts.append(text.index('"'))
    for start in sorted(starts):
        try:
            return json.JSONDecoder().raw_decode(text[start:])[0]
        except (ValueError, RecursionError):
            continue
    return None


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(name, inner)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield name, str(value)


def _printed(text: str) -> str | None:
    """Return what a program of one line prints, fenced or not."""
    match = _PRINTED.fullmatch(_fenced(text) or text)
    return None if match is None else match[2]


def _all(text: str) -> str | None:
    return text  # what stands behind the thoughts, where there are any


def _before_reason(text: str) -> str | None:
    parts = _REASONED.split(text.strip(), maxsplit=1)
    return parts[0] if len(parts) > 1 and "\n" not in parts[0] else None


def _result(text: str) -> str | None:
    """Return what stands behind the last sign of equality, at the end of a text of one line."""
    match = _EQUALS.search(text.strip())
    return match[1] if match is not None and "\n" not in text.strip() else None


def _first_line(text: str) -> str | None:
    return _end_line(text, 0)


def _last_line(text: str) -> str | None:
    return _end_line(text, -1)


def _end_line(text: str, at: int) -> str | None:
    """Return the first or last line of a text that goes on; of a list of short lines none is it."""
    lines = [line for line in text.splitlines() if line.strip()]
    rest = lines[1:] if at == 0 else lines[:-1]
    if not any(len(line.split()) >= _LEAST_PROSE or line.rstrip()[-1:] == ":" for line in rest):
        return None
    return lines[at].strip("*_ \t#>-•")


def _bare_mark(text: str) -> str | None:
    """Return a text of one line without a bullet or a quotation mark around it."""
    stripped = text.strip()
    return _MARKS.sub("", stripped) if "\n" not in stripped else None


_READINGS: tuple[Callable[[str], str | None], ...] = (
    _all, _boxed, _last(_HASHES), _tagged, _printed, _in_field, _fenced, _stated, _stated_first,
    _labelled,
    _before_reason, _result, _all_one(_BOLD), _all_one(_CODE), _all_one(_QUOTED), _bare_mark,
    _first_line, _last_line,
)  # fmt: skip
