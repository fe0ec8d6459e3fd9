"""The language of a text, and whether an answer is in another than was asked for.

Languages are told by py3langid, whose model lies in its package, among those that
`languages.yaml` lists; those that short texts do not tell apart count as one.

References
----------
Lui and Baldwin (2012), ACL System Demonstrations, pages 25-30 (langid.py).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.core.yaml_files import read_yaml

LEAST_LETTERS = 20
"""Shorter answers are in no language that could be told."""

_LEAST_WIDE_LETTERS = 8  # of a script whose characters are syllables or words
_SURE = 0.5
_MOST_OF_REFERENCE = 0.02  # what the right language may have of an answer in the wrong one
_LEAST_WORDS = 4  # fewer words with a blank between are names and terms
_LEAST_SMALL = 2  # words that are no names
_LONGEST = 2000  # characters that are read

_NO_PROSE = re.compile(
    r"```.*?(?:```|$)|`[^`\n]*`|\$[^$\n]*\$|https?://\S+|\S+@\S+|<[^<>\n]{1,80}>|\\[a-zA-Z]+"
    r"|\"[^\"\n]{0,60}\"\s*:|\S*[_{}\\=<>/|]\S*",
    re.DOTALL,
)
_CODE = re.compile(
    r"^\s*(?:(?:def|class|import|SELECT|public|function|const|let|var) |from \w+ import|#include)"
    r"|[;{}]\s*$|\w\(\w*\)|=>|==|:=",
    re.MULTILINE,
)
_LEAST_CODE = 2  # marks, after which a text is a program
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LATIN = re.compile("[A-Za-z]")
_WIDE = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class _Known:
    """Codes by family, named by the first of it, and the words that name a language in a prompt."""

    family_of: dict[str, str]
    names: dict[str, re.Pattern[str]]


@cache
def _known() -> _Known:
    listed = read_yaml(Path(__file__).with_name("languages.yaml"), UsageError)
    return _Known(
        {code: family[0] for family in listed["families"] for code in family},
        {
            family: re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})")
            for family, names in listed["names"].items()
        },
    )


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_known().family_of)
    return identifier


def has_language(text: str) -> bool:
    """Return whether a text has enough letters for its language to be told."""
    return _is_long_enough(_prose(text))


def is_in_another(answer: str, *, good: str, right: str, prompt: str) -> bool:
    """Return whether an answer is, surely, in a language that it should not be in.

    It should be in that of the `good` answer, which the other side gave, or of the `right` one;
    where these are too short to tell, in that of the prompt, unless the prompt names the other.
    """
    spoken = _language(answer)
    if spoken is None:
        return False
    expected = {_language(good), _language(right)} - {None}
    if not expected:
        if _known().names[spoken].search(prompt.casefold()) or _language(prompt) is None:
            return False
        expected = {_language(prompt)}
    shares = _shares(_prose(answer))
    return all(shares[str(language)] <= _MOST_OF_REFERENCE for language in expected)


def _language(text: str) -> str | None:
    """Return the family that a text is of; None where it is too short, or could be of several."""
    prose = _prose(text)
    if not _is_long_enough(prose) or not _has_small_words(prose):
        return None
    shares = _shares(prose)
    likeliest = max(shares, key=shares.__getitem__)
    return likeliest if shares[likeliest] >= _SURE else None


@lru_cache(maxsize=4096)
def _shares(prose: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for code, share in _identifier().rank(prose):
        family = _known().family_of[code]
        shares[family] = shares.get(family, 0.0) + share
    return shares


@lru_cache(maxsize=4096)
def _prose(text: str) -> str:
    """Return the words of a text in their order, without code, addresses, formulas and numbers."""
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    if len(_CODE.findall(text)) >= _LEAST_CODE:
        return ""
    return " ".join(_WORD.findall(_NO_PROSE.sub(" ", text)))


def _is_long_enough(prose: str) -> bool:
    n_letters = sum(character.isalpha() for character in prose)
    if len(_WIDE.findall(prose)) >= _LEAST_WIDE_LETTERS:
        return n_letters >= LEAST_LETTERS
    return n_letters >= LEAST_LETTERS and prose.count(" ") + 1 >= _LEAST_WORDS


def _has_small_words(prose: str) -> bool:
    """Return whether it is more than a list of names, which in Latin letters are of any tongue."""
    words = prose.split()
    if not _LATIN.search(prose) or len(_WIDE.findall(prose)) >= _LEAST_WIDE_LETTERS:
        return True
    return sum(word[:1].islower() for word in words) >= _LEAST_SMALL
