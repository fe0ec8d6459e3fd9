"""Answers that say nothing, that repeat themselves, or that go on behind their end."""

from __future__ import annotations

import re
import unicodedata

from cliffguard.compare.diagnostics.responses import runs_in_a_circle
from cliffguard.core.words import words_and_signs

# What marks a text for a tokenizer is not said: a template's turns, padding, the end.
_SPECIAL = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|</?s>|<(?:pad|unk|eos|bos|mask|unused\d+)>|\[(?:PAD|UNK|SEP|CLS|MASK)\]"
    r"|<(?:start|end)_of_turn>|<extra_id_\d+>",
    re.IGNORECASE,
)
_BROKEN = re.compile(  # and what is drawn as nothing: fillers are letters to Unicode
    "[\ufffd\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u115f\u1160\u3164\uffa0\x00-\x08]"
)

_RULE = re.compile(r"([^\w\s])\1{3,}")  # a line across a page

_LEAST_ROUNDS = 6  # of a few words; fewer are emphasis
_LONGEST_BLOCK = 8  # words
_LEAST_CHARACTERS = 16  # without blanks, of a block that is written again and again
_CIRCLE = re.compile(r"(.{1,40}?)\1{3,}", re.DOTALL)
_MOST_BLOCK = 4  # characters; a shorter block has to come oftener than four times
_LEAST_DIGITS = 24  # a number may have zeros
_LEAST_NUMBERS = 9  # and a list equal numbers
_MOST_OF_IT = 0.8
_LONGEST = 4000  # characters that are looked through for blocks, and half of those for words

_NEXT_TURN = re.compile(
    r"^[ \t>*#]*(?:(?:question|q|user|human|customer|instruction|input|frage|pregunta|usuario"
    r"|benutzer|utilisateur)[ \t]*\d{0,3}[*]{0,2}:|<\|im_start\|>|<\|user\|>|<\|start_header_id\|>"
    r"|<start_of_turn>user|\[INST\])",
    re.IGNORECASE | re.MULTILINE,
)
_MARKED_TURN = re.compile(
    r"<\|im_start\|>|<\|user\|>|<start_of_turn>user|\[INST\]|<\|start_header_id\|>"
)


def says_nothing(text: str) -> bool:
    """Return whether a text is blank, or punctuation alone: no letter, digit, picture or symbol.

    Of signs that a keyboard has, such as "+", none says anything by itself.
    """
    bare = _BROKEN.sub("", _SPECIAL.sub("", text))
    return not any(
        character.isalnum()
        or (not character.isascii() and unicodedata.category(character).startswith("S"))
        for character in bare
    )


def repeats_itself(text: str) -> bool:
    """Return whether a text is words, or characters, over and over.

    So it does where it runs in a circle (`runs_in_a_circle`), where most of it is a few words six
    times or oftener, or a word in which one block of characters comes four times or oftener.
    """
    bare = _RULE.sub(" ", _SPECIAL.sub(" ", text))
    end = bare[-2 * _LONGEST :]  # a longer text takes long, and a circle is seen at its end
    return _repeats_words(end) or _repeats_characters(bare) or runs_in_a_circle(end)


def _repeats_words(text: str) -> bool:
    """Return whether most of a text is one to eight words, six times or oftener."""
    words = words_and_signs(text)
    for period in range(1, _LONGEST_BLOCK + 1):
        n_same = sum(a == b for a, b in zip(words, words[period:], strict=False))
        n_least = (_LEAST_ROUNDS - 2) * period + 1  # the last round may lack its end
        if not any(word.isalpha() for word in words):
            n_least = max(n_least, _LEAST_NUMBERS)
        if n_same >= n_least and n_same + period >= _MOST_OF_IT * len(words):
            return True
    return False


def _repeats_characters(text: str) -> bool:
    """Return whether most of a text is one word in which a block of characters comes and comes."""
    longest = max(text.split(), key=len, default="")[:_LONGEST]
    if len(longest) < max(_LEAST_CHARACTERS, _MOST_OF_IT * len("".join(text.split())[:_LONGEST])):
        return False
    for match in _CIRCLE.finditer(longest):
        block, whole = match[1], match[0]
        n_least = _LEAST_DIGITS if block.isdigit() else _LEAST_CHARACTERS
        n_rounds = len(whole) // len(block)
        if len(whole) >= max(n_least, _MOST_OF_IT * len(longest)) and (
            len(block) > _MOST_BLOCK or n_rounds >= _LEAST_ROUNDS
        ):
            return True
    return False


def goes_on(text: str) -> bool:
    """Return whether, behind an answer, a text begins the next turn: a question, or its user's.

    A marker at the very beginning is the answer's own.
    """
    start = len(text) - len(text.lstrip())
    return any(
        text[start : match.start()].strip()
        for pattern in (_NEXT_TURN, _MARKED_TURN)
        for match in pattern.finditer(text)
    )
