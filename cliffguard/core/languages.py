"""The language of a text: its words apart from code, and the shares of languages in them.

Languages are told by py3langid, whose model lies in its package, among those that
`languages.yaml` lists; those that short texts do not tell apart count as one family.

References
----------
Lui and Baldwin (2012), ACL System Demonstrations, pages 25-30 (langid.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.core.yaml_files import read_yaml

LEAST_LETTERS = 20
"""Shorter texts are in no language that could be told."""

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


@cache
def families() -> Mapping[str, str]:
    """Return the family of every code, named by the first code of it."""
    listed = read_yaml(Path(__file__).with_name("languages.yaml"), UsageError)
    return {code: family[0] for family in listed["families"] for code in family}


@lru_cache(maxsize=4096)
def prose_of(text: str) -> str:
    """Return the words of a text in their order, without code, addresses, formulas and numbers."""
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    if len(_CODE.findall(text)) >= _LEAST_CODE:
        return ""
    return " ".join(_WORD.findall(_NO_PROSE.sub(" ", text)))


def count_letters(text: str) -> int:
    """Return how many letters a text has."""
    return sum(character.isalpha() for character in text)


@lru_cache(maxsize=4096)
def shares_of(words: str) -> dict[str, float]:
    """Return the probability of each family, given the words that `prose_of` found."""
    by_family: dict[str, float] = {}
    for code, share in _identifier().rank(words):
        family = families()[code]
        by_family[family] = by_family.get(family, 0.0) + share
    return by_family


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(families())
    return identifier
