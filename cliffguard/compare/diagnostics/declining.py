"""Answers that decline, send away or ask back, told by the phrases of `declining.yaml`.

The phrases are a grammar of a few kinds: who cannot, will not or may not, and what; a policy;
something that is out of scope; lack of access; a role that leaves no room; somebody else to ask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cliffguard.compare.diagnostics.numerals import number_of, numbers_in
from cliffguard.core.errors import UsageError
from cliffguard.core.words import words
from cliffguard.core.yaml_files import read_yaml

_PHRASES = Path(__file__).parent / "declining.yaml"
_READ = 1000  # characters
_NEAR = 160  # characters from the beginning; what an answer ends with is a remark
_MOST_ASKING = 400  # characters of a reply that only asks back
_LANGUAGES = ("en", "de", "fr", "es", "pt", "it")

_APOSTROPHES = str.maketrans("\u2019\u2018\u02bc\u00b4`\uff07", "''''''")
_MARKUP = re.compile(r"[*_#>]+")
_QUOTED = re.compile(r"[\"“”„«»][^\"“”„«»]{0,400}(?:[\"“”„«»]|$)|(?<!\w)'[^']*(?:'\w[^']*)*'(?!\w)")
_ALL_QUOTED = re.compile(r"[\"“„«']([^\"“”„«»]*)[\"”“»']")
_PART = re.compile(r"(?:[^\s\[({]|\([^)]*\)|\[[^\]]*\]|\{[^}]*\})+")
_OPTIONAL = re.compile(r"\[([^,\]][^\]]*)\]")
_PIECES = re.compile(r"(\([^)]*\)|\[,\]|\{[^}]*\}|~)")
_GAP = r"(?:[^\s.!?]+ ){0,4}?"
_SENTENCE = re.compile(r"[^.!?\n;:]+(?:[.!?;:](?!\s|$)[^.!?\n;:]*)*[.!?;:]*")
_ANSWERS = re.compile(
    r"\b(?:answer|result|solution|guess) (?:is|would be|should be)\b|\bbest guess\b"
    r"|\bhere(?:'s| is| are)\b|\bi (?:think|believe|guess|would say|'d say)\b"
    r"|\b(?:but|however|still|anyway),? (?:it's|it is|the)\b"
    r"|\b(?:die antwort|la réponse|la respuesta) (?:ist|lautet|est|es)\b"
)


def declines(text: str, *, prompt: str = "", right: str = "") -> bool:
    """Return whether a text declines near its beginning, in its own words, or only asks back.

    What stands in quotes is another's, unless all of the text does; what stands in the prompt is
    repeated. An answer that is sorry and then helps is none, nor is one that gives a number where
    the `right` answer is one.
    """
    plain = _plain(text[:_READ])
    if (whole := _ALL_QUOTED.fullmatch(plain)) is not None:
        plain = whole[1]
    spoken_text = _without_prompt(_QUOTED.sub(" ", plain), _plain(prompt))
    if _gives_number(spoken_text, prompt, right):
        return False
    near = " ".join(spoken_text[:_NEAR].split())
    for pattern in _grammar().patterns:
        match = pattern.search(near)
        if match is not None and not _ANSWERS.search(spoken_text, match.end()):
            return True
    return "?" not in right and _only_asks(spoken_text)


def _plain(text: str) -> str:
    return " ".join(_MARKUP.sub("", text).translate(_APOSTROPHES).casefold().split())


def _without_prompt(plain: str, prompt: str) -> str:
    """Return a text without the sentences that the prompt has."""
    if not prompt:
        return plain
    prompt_words = f" {' '.join(words(prompt))} "
    kept = [
        sentence
        for sentence in _SENTENCE.findall(plain)
        if f" {' '.join(words(sentence))} " not in prompt_words
    ]
    return " ".join(" ".join(kept).split())


def _gives_number(text: str, prompt: str, right: str) -> bool:
    return number_of(right) is not None and bool({*numbers_in(text)} - {*numbers_in(prompt)})


# --- asking back ---------------------------------------------------------------------------------


def _only_asks(plain: str) -> bool:
    """Return whether all sentences of a reply are questions or requests to who asked, or polite."""
    if not plain or len(plain) > _MOST_ASKING:
        return False
    kinds = [_kind(sentence.strip()) for sentence in _SENTENCE.findall(plain) if words(sentence)]
    return all(kinds) and "asks" in kinds


def _kind(sentence: str) -> str:
    """Return whether a sentence asks or is polite; "" where it says something."""
    sentence_words = words(sentence)
    grammar = _grammar()
    if sentence.endswith("?"):
        speaks_to = not grammar.addresses.isdisjoint(sentence_words) or grammar.offers.search(
            sentence
        )
        return "asks" if speaks_to else ""
    if grammar.requests.match(sentence):
        return "asks"
    return "polite" if grammar.polite.match(sentence) else ""


# --- the grammar ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grammar:
    """What `declining.yaml` has, compiled."""

    patterns: tuple[re.Pattern[str], ...]
    addresses: frozenset[str]
    offers: re.Pattern[str]
    polite: re.Pattern[str]
    requests: re.Pattern[str]


@cache
def _grammar() -> _Grammar:
    listed = read_yaml(_PHRASES, UsageError)
    named = {name: _any_of(alternatives) for name, alternatives in listed["words"].items()}
    return _Grammar(
        tuple(
            re.compile(_pattern(phrase, named))
            for language in _LANGUAGES
            for phrase in listed[language]
        ),
        frozenset(listed["addresses"]),
        re.compile(rf"(?:^|[,:-] ?|and ){_any_of(listed['offers'])}(?!\w)"),
        re.compile(rf"{_any_of(listed['polite'])}(?!\w)"),
        re.compile(rf"{_any_of(listed['requests'])}(?!\w)"),
    )


def _pattern(phrase: str, named: dict[str, str]) -> str:
    """Return the expression of a phrase, over text with one blank between words."""
    made = ""
    for part in _PART.findall(phrase.casefold().removeprefix("^").removesuffix("$")):
        optional = _OPTIONAL.fullmatch(part)
        if part == "...":
            made += _GAP
        elif optional is not None:
            made += f"(?:{_any_of(optional[1].split('|'))} )?"
        else:
            made += f"{_required(part, named)} "
    begins = (
        r"(?:^|(?<=[.!?,;:] )|(?<=\bbut )|(?<=sorry ))" if phrase.startswith("^") else r"(?<!\w)"
    )
    ends = r"(?=\s*(?:[.,;:!?]|$))" if phrase.endswith("$") else r"(?!\w)"
    return rf"{begins}{made.removesuffix(_GAP).rstrip()}{ends}"


def _required(part: str, named: dict[str, str]) -> str:
    made = ""
    for piece in _PIECES.split(part):
        if piece == "[,]":
            made += ",?"
        elif piece == "~":
            made += r"\w*"
        elif piece[:1] == "{":
            made += named[piece[1:-1]]
        else:
            made += _any_of(piece[1:-1].split("|")) if piece[:1] == "(" else re.escape(piece)
    return made


def _any_of(alternatives: list[str]) -> str:
    made = (re.escape(words).replace("\\~", "~").replace("~", r"\w*") for words in alternatives)
    return f"(?:{'|'.join(made)})"
