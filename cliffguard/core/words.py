"""Split text into words: each of five purposes has its own idea of what a word is.

`words` counts and compares what a person would call words; `squad_words` compares short answers;
`stands_in` looks for a text in another, of whole words; `content_words` compare texts by their runs
of words (contamination); `words_and_signs` find a text that repeats itself.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

# Scripts without spaces are read character by character.
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

# Signs count where a number follows: arithmetic differs in nothing else.
_CONTENT = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+|[-+*/=<>^×÷](?=[\s(-]*\d)")

# What counts the lines of a list ("A. ", "(b) ", "1) ") is a mark: the same list may have none.
_LIST_MARK = re.compile(r"^[ \t]*\(?(?:[a-z]|\d{1,2})[.)][ \t]+", re.MULTILINE)

# What touches a number may belong to it: a sign behind no word, and a point or comma of digits.
_NO_LETTER_BEFORE, _NO_LETTER_BEHIND = rf"(?<![^\W{_ALONE}])", rf"(?![^\W{_ALONE}])"
_NO_NUMBER_BEFORE, _NO_NUMBER_BEHIND = r"(?<!\W[-\u2212])(?<!\d[.,])", r"(?![.,]\d)"

_MOST_ANSWERS = 8192  # that are held as they are compared: each is compared some fifty times
_SHORT = 256  # characters: longer ones would fill memory, and few answers are alike there

_ANYTHING = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+|[^\w\s]")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; "don't" and "well-known" are one each."""
    return [word.casefold() for word in _WORD.findall(text)]


def bare(text: str) -> str:
    """Return a short answer as it is compared: without case, outer space and signs at its end."""
    return _held(text) if len(text) <= _SHORT else _bare(text)


def _bare(text: str) -> str:
    return " ".join(text.split()).rstrip(".,;:!? ").casefold()


_held = lru_cache(_MOST_ANSWERS)(_bare)


def squad_words(text: str) -> list[str]:
    """Return words in lower case, without punctuation and English articles.

    The normalisation of Rajpurkar et al. (2016), SQuAD, EMNLP.
    """
    return _ARTICLES.sub(" ", text.casefold().translate(_NO_PUNCTUATION)).split()


def stands_in(part: str, text: str) -> bool:
    """Return whether a part, which is not blank, stands in a text, of whole words.

    Case and the kind and number of blanks say nothing. Where the part begins or ends with a letter
    or digit, no other one touches it there, unless of a script without spaces; and of a number no
    more: 5 does not stand in -5, 1.5 or 5,000.
    """
    part, text = _evened(part), f" {_evened(text)}"
    before, behind = "", ""
    if re.match(rf"[^\W{_ALONE}]", part):
        before = _NO_LETTER_BEFORE + _NO_NUMBER_BEFORE * part[0].isdigit()
    if re.match(rf"[^\W{_ALONE}]", part[-1:]):
        behind = _NO_LETTER_BEHIND + _NO_NUMBER_BEHIND * part[-1].isdigit()
    return re.search(before + re.escape(part) + behind, text) is not None


def _evened(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def content_words(text: str) -> list[str]:
    """Return the words of a text without case, punctuation, white space and marks of lists."""
    return _CONTENT.findall(_LIST_MARK.sub("", unicodedata.normalize("NFKC", text).casefold()))


def words_and_signs(text: str) -> list[str]:
    """Return words in lower case, each sign, and each character of a script without spaces."""
    return _ANYTHING.findall(text.casefold())
