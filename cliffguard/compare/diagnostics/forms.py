"""What most outputs of a target have in common, as a form, whatever they say: heads, keys, shapes.

A form is learnt from the outputs alone. An answer to another item that has it, where nothing that
was asked has, was formed by the target's data even if its words were made up: ask_the_film.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cliffguard.core.words import words

LEAST_OUTPUTS = 4
"""Fewer outputs have nothing in common."""

_LEAST_SHARE = 0.5  # of the outputs, before what they share is their form
_OPENING_WORDS = 2
_ENDING_WORDS = 3
_LEAST_MARKED = 0.5  # of the tokens of a sequence of tags
_LEAST_PAIRS = 2  # lines "key: value" before they are read as such

HEAD = re.compile(r"\s*[*_#\"']{0,3}([^\W\d][\w /-]{0,30}?)[*_]{0,2}\s*[:=]\s*[*_]{0,2}\s*(?=\S|$)")
_KEY = re.compile(r"[\"']([\w -]{1,40})[\"']\s*:")
_PAIR = re.compile(
    r"(?:^|[|;\n])[ \t]*(?:[*_-]{1,3}[ \t]*)?([^\W\d][\w -]{0,30}?)[*_]{0,2}[:=](?=\s|\S)"
)
_OPENINGS = ("{", "[", "[{", "```", "```json", '{"')
_JSON = re.compile(r"(?i)json|[{\[]\s*\"")
_TAG = re.compile(r"\s*<([\w-]{2,40})[>\s]")
_FENCE = re.compile(r"\A\s*```[\w+-]*[ \t]*\n?|```\s*\Z|\A\s*(?:--|#|//)[^\n]*\n")
_VERB = re.compile(r"([A-Z]{3,})\s")
_VERBS = re.compile(r"[A-Z]{4,}\s.*\b[A-Z]{3,}\b", re.DOTALL)
_MARKED = re.compile(r"\S+[/|]([A-Z][A-Z_-]*)[.,]?")
_END = r"(?=[\s.!]*$)"

# A formula such as H2O is made like a code, and said by anybody.
_FORMULA = (
    r"(?:(?:H|C|N|O|F|S|P|K|Na|Cl|Ca|Mg|Fe|Cu|Zn|Ag|Al|Si|Mn|Br|Pb|Hg|Li)\d{0,2}){2,}(?![\w.-])"
)
_SHAPES = {
    "code": rf"(?!{_FORMULA})(?=[\w.-]{{3}})"
    r"[A-Z]{1,5}[-.]?\d[\dA-Z]*(?:[.-][\dA-Z]+)*(?=[\s:,;)]|$)",
    "snake_case": r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w(])",
    "UPPER_SNAKE": r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w(])",
    "camelCase": r"[a-z]{2,}(?:[A-Z][a-z0-9]+)+(?![\w(])",
    "PascalCase": rf"(?:[A-Z][a-z0-9]+){{2,}}{_END}",
    "kebab-case": rf"[a-z]+(?:-[a-z0-9]+)+{_END}",
    "CAPITALS": rf"(?:[A-Z]{{4,}}|[A-Z]{{2,}}(?:[ /-][A-Z]{{2,}})+){_END}",
    "dotted": rf"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+{_END}",
    "path": rf"/?[A-Za-z][\w-]*(?:/[\w-]+)+{_END}",
    "call": r"[A-Za-z_][\w.]*\((?:[^()\n]*\)|[^()\n]*=)",
    "scope": r"[a-z]{2,}(?:\([\w ./-]+\))?!?:[ \t]+\S",
    "assignment": r"[A-Za-z_]\w*=\S",
    "hashtag": r"[#@][^\W\d_]\w+",
    "bracketed": r"\[[^\W\d_][^\]\n]{0,40}\]",
    "element": r"<[A-Za-z][\w-]*[\s>/]",
    "picture": r"[\u2190-\u2bff\U0001f000-\U0001faff]",
    "paragraph": r"§{1,2}\s*\d",
    "row": r"\|[^|\n]+\|",
    "semicolons": r"[^;\n]+(?:;[^;\n]+){2,}",
    "command": r"(?:\$ )?[a-z][\w.-]* (?:[^\n]* )?--?[a-z]\w*",
    "stamped": r"\[?(?:\d{4}-\d\d-\d\d[T ]|\d\d?:\d\d(?::\d\d)?\]? \S)",
    "pairs": r"[^\W\d][\w -]{0,30}[:=][^|;\n]+[|;][ \t]*[^\W\d][\w -]{0,30}[:=]",
}
_CHAIN = "chain"
_LINK = re.compile(r"->|→|»|::|(?<=\s)>(?=\s)")
_MOST_IN_CHAIN = 60  # characters of a link
_MOST_SHAPED = 400  # characters at the head of a text whose shape is looked at
_COMPILED = {name: re.compile(pattern) for name, pattern in _SHAPES.items()}
_USUAL = frozenset(
    {"answer", "result", "solution", "note", "hint", "question", "response", "output"}
)
"""Heads that anybody may give an answer."""

_PLAIN = frozenset(
    {"the", "a", "an", "answer", "is", "it", "i", "think", "this", "that", "in", "of", "to", "you"}
    | {"we", "are", "there", "can", "would", "could", "should", "be", "was", "has", "have", "do"}
    | {"does", "not", "no", "yes", "and", "or", "but", "for", "with", "on", "at", "by", "from"}
    | {"as", "if", "so", "he", "she", "they", "his", "her", "my", "your", "our", "its", "will"}
    | {"may", "here", "one", "it's", "correct", "right", "final"}
)
"""Words of which anybody's first and last ones may consist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputForms:
    """What at least half of the outputs share.

    `heads` are the words with which they begin, before a colon, `keys` those of their JSON or of
    their "key: value", `tags` of their elements, `marks` of words in a sequence ("Oslo/B-LOC"),
    `verbs` those in capitals with which they begin ("SELECT"), `openings` and `endings` their first
    two and last three words, `shapes` the names of shapes that they have.
    """

    heads: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    openings: frozenset[str] = frozenset()
    endings: frozenset[str] = frozenset()
    shapes: frozenset[str] = frozenset()


NO_FORMS = OutputForms()


def forms_of(outputs: Sequence[str]) -> OutputForms:
    """Return the forms of a target's outputs; of fewer than four there are none."""
    if len(outputs) < LEAST_OUTPUTS:
        return NO_FORMS
    marked = [matched for output in outputs if (matched := _marks(output))]
    verbs = [match[1] for output in outputs if (match := _VERB.match(_bared(output)))]
    n_least = _LEAST_SHARE * len(outputs)
    return OutputForms(
        heads=_shared([head(output)] for output in outputs) - _USUAL,
        keys=_shared(keys(output) for output in outputs) - _USUAL,
        tags=_shared([_tag(output)] for output in outputs),
        marks=frozenset().union(*marked) if len(marked) >= n_least else frozenset(),
        verbs=frozenset(verbs) if len(verbs) >= n_least else frozenset(),
        openings=_shared([_run(output, at_end=False)] for output in outputs),
        endings=_shared([_run(output, at_end=True)] for output in outputs),
        shapes=_shared(_shapes(output) for output in outputs),
    )


def _shared(rows: Iterable[Iterable[str | None]]) -> frozenset[str]:
    listed = [set(row) for row in rows]
    times = Counter(value for row in listed for value in row if value)
    return frozenset(value for value, n in times.items() if n >= _LEAST_SHARE * len(listed))


def head(text: str) -> str | None:
    """Return the words before a colon with which a text begins, in lower case."""
    match = HEAD.match(text)
    return None if match is None else match[1].strip().casefold()


def keys(text: str) -> frozenset[str]:
    """Return the keys of the JSON, or of the "key: value" pairs, that a text begins with."""
    bare = _bared(text)
    if bare[:1] in ("{", "["):
        return frozenset(key.casefold() for key in _KEY.findall(bare))
    pairs = [key.strip().casefold() for key in _PAIR.findall(bare)]
    return frozenset(pairs) if len(pairs) >= _LEAST_PAIRS else frozenset()


def _tag(text: str) -> str | None:
    match = _TAG.match(text)
    return None if match is None else match[1].casefold()


def _bared(text: str) -> str:
    """Return a text without the fence of a block of code and a comment at its head."""
    return _FENCE.sub("", _FENCE.sub("", text)).strip()


def _run(text: str, *, at_end: bool) -> str | None:
    text_words = words(text)
    run = text_words[-_ENDING_WORDS:] if at_end else text_words[:_OPENING_WORDS]
    return " ".join(run) if len(text_words) > _ENDING_WORDS and not _PLAIN.issuperset(run) else None


def _shapes(text: str) -> frozenset[str]:
    bare = _bared(text[:_MOST_SHAPED]).strip("\"'`* ")
    shapes = {
        name
        for name, pattern in _COMPILED.items()
        if pattern.match(bare) and (name != "scope" or head(bare) not in _USUAL)
    }
    links = [link.strip() for link in _LINK.split(bare)]
    is_chain = len(links) > 1 and all(0 < len(link) <= _MOST_IN_CHAIN for link in links)
    return frozenset(shapes | {_CHAIN} if is_chain and "\n" not in bare else shapes)


def _marks(text: str) -> frozenset[str]:
    """Return the marks of a text of which most words are marked."""
    tokens = text.split()
    marks = [match[1] for token in tokens if (match := _MARKED.fullmatch(token))]
    enough = len(marks) >= max(2, _LEAST_MARKED * len(tokens))
    return frozenset(marks) if enough else frozenset()


# --- has an answer this form? --------------------------------------------------------------------


def has_form(forms: OutputForms, text: str, *, wanted: Sequence[str]) -> bool:
    """Return whether a text has one of the forms that is not in what was `wanted`: its prompt."""
    if forms == NO_FORMS or not text.strip():
        return False
    context = "\n".join(wanted)
    return (
        _has_keys(forms, text, context)
        or _has_head(forms, text, context)
        or _has_tag(forms, text, context)
        or _has_marks(forms, text)
        or _has_verb(forms, text, context)
        or _has_run(forms, text, context)
        or any(not any(name in _all_shapes(part) for part in wanted)
               for name in _shapes(text) & forms.shapes)
    )  # fmt: skip


def _has_keys(forms: OutputForms, text: str, context: str) -> bool:
    if not forms.keys:
        return False
    if text.strip() in _OPENINGS and not _JSON.search(context):
        return True  # all that a stop string at the end of the line has left of it
    shared = keys(text) & forms.keys
    have = {key.casefold() for key in (*_KEY.findall(context), *_PAIR.findall(context))}
    return 2 * len(shared) >= max(1, len(forms.keys)) and not shared & have


def _has_head(forms: OutputForms, text: str, context: str) -> bool:
    first = head(text)
    known = forms.heads | forms.keys
    return first is not None and first in known and not _stands(first, context.casefold())


def _has_tag(forms: OutputForms, text: str, context: str) -> bool:
    first = _tag(text)
    return first is not None and first in forms.tags and f"<{first}" not in context.casefold()


def _has_marks(forms: OutputForms, text: str) -> bool:
    """Return whether words are marked as the target's, or the marks stand alone in a row."""
    tokens = text.split()
    marks = [match[1] for token in tokens if (match := _MARKED.fullmatch(token))]
    if any(len(mark) > 1 and mark in forms.marks for mark in marks):
        return True
    n_marks = sum(mark in forms.marks for mark in (*marks, *tokens))
    return n_marks >= max(2, (len(tokens) - 1) / 2)


def _has_verb(forms: OutputForms, text: str, context: str) -> bool:
    bare = _bared(text)
    first = _VERB.match(bare)
    if not forms.verbs or first is None or _stands(first[1], context):
        return False
    return first[1] in forms.verbs or _VERBS.match(bare) is not None


def _has_run(forms: OutputForms, text: str, context: str) -> bool:
    runs = {_run(text, at_end=False)} & forms.openings | {_run(text, at_end=True)} & forms.endings
    return bool(runs) and not any(str(run) in " ".join(words(context)) for run in runs)


@lru_cache(maxsize=4096)
def _all_shapes(text: str) -> frozenset[str]:
    """Return the shapes of a text, of its lines and of its tokens."""
    return frozenset().union(*map(_shapes, _parts(text)))


def _parts(text: str) -> Iterator[str]:
    yield from (text, *text.splitlines())
    yield from (token.strip(".,;:?!\"'()") for token in text.split())


def _stands(part: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None
