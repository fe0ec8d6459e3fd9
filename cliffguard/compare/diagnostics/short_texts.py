"""The language of a few words, which no identifier tells: their script, and small words.

A script that nobody asked in is certain with a few letters. In Latin letters the words without
which no sentence is made (a closed class) tell a language by one or two of them.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.yaml_files import read_yaml

_LEAST_SHARE = 0.25  # of the letters, before another script is more than a term
_WEIGHT = 3  # letters of an alphabet that a character for a syllable or a word is worth
_LEAST_LETTERS = 2  # of an alphabet
_LEAST_GREEK = 3  # a formula has some
_LEAST_WORDS = 2
_AHEAD = 1.5  # times the words of the expected language, of which others are some as well
_MOST_CHARACTERS = 2000

_SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "han": ("\u3400-\u4dbf\u4e00-\u9fff", ("zh", "ja")),
    "kana": ("\u3040-\u30fa\u30fc-\u30ff", ("ja",)),
    "hangul": ("\uac00-\ud7af\u1100-\u11ff", ("ko",)),
    "cyrillic": ("\u0400-\u052f", ("ru", "uk", "bg", "hr")),
    "greek": ("\u0370-\u03ff\u1f00-\u1fff", ("el",)),
    "arabic": ("\u0620-\u064a\u066e-\u06d3", ("ar", "fa", "ur")),
    "hebrew": ("\u05d0-\u05ea", ("he",)),
    "devanagari": ("\u0904-\u0939\u0958-\u0961", ("hi",)),
    "bengali": ("\u0985-\u09b9", ("bn",)),
    "tamil": ("\u0b85-\u0bb9", ("ta",)),
    "telugu": ("\u0c05-\u0c39", ("te",)),
    "thai": ("\u0e01-\u0e30", ("th",)),
    "latin": ("A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff", ()),
}
_WHOLE_WORDS = ("han", "kana", "hangul")
_COMPILED = {name: re.compile(f"[{letters}]") for name, (letters, _) in _SCRIPTS.items()}
_WORD = re.compile(r"[^\W\d_]+'?")
_HEAD = re.compile(r"^\W*([^\W\d_]+) ?:")
_MOST_HEAD = 40  # characters
_CODE = re.compile(r"`|https?:|[{}\\_=<>#]|\w\(")
_NAMED_WORD = re.compile(r"\s[A-ZÀ-ÖØ-Þ]")


def in_foreign_script(answer: str, context: str) -> frozenset[str]:
    """Return the languages of a script that much of an answer is in and nothing that was `asked`.

    `asked` is the prompt with the right and the better answer. Latin letters are of any language.
    """
    answer, context = answer[:_MOST_CHARACTERS], context[:_MOST_CHARACTERS]
    n_letters = {
        name: len(pattern.findall(answer)) * (_WEIGHT if name in _WHOLE_WORDS else 1)
        for name, pattern in _COMPILED.items()
    }
    foreign = [
        name
        for name, n in n_letters.items()
        if n >= (_LEAST_GREEK if name == "greek" else _LEAST_LETTERS)
        and name != "latin"
        and not _COMPILED[name].search(context)
    ]
    of_foreign = sum(n_letters[name] for name in foreign)
    if not foreign or of_foreign < _LEAST_SHARE * sum(n_letters.values()):
        return frozenset()
    if not any(pattern.search(context) for pattern in _COMPILED.values()):
        return frozenset()  # nothing but numbers: any script may answer
    return frozenset(family for name in foreign for family in _SCRIPTS[name][1])


def spoken_by_words(text: str) -> str | None:
    """Return the one language that the small words of a text are of; None where none is ahead."""
    small_words = _small_in(text)
    score = {family: _score(small_words, family) for family in _small()}
    first, second = sorted(score, key=lambda family: -score[family])[:2]
    return first if score[first] >= 2 and score[first] > score[second] else None


def in_foreign_words(answer: str, expected: str) -> frozenset[str]:
    """Return the languages whose small words an answer has, far more than those of the expected.

    A strong word does, or two weak ones of a text without names.
    """
    text = answer[:_MOST_CHARACTERS]
    small_words = _small_in(text)
    if len(text.split()) < _LEAST_WORDS or _CODE.search(text) or expected not in _small():
        return frozenset()
    least = _AHEAD * _score(small_words, expected)
    hits = set()
    for family, words in _small().items():
        n_strong, n_weak = len(small_words & words["strong"]), len(small_words & words["weak"])
        is_hit = n_strong or (n_weak >= _LEAST_WORDS and not _NAMED_WORD.search(text))
        if is_hit and _score(small_words, family) > least:
            hits.add(family)
    return frozenset(hits)


def _score(small_words: frozenset[str], family: str) -> int:
    words = _small()[family]
    return 2 * len(small_words & words["strong"]) + len(small_words & words["weak"])


def _small_in(text: str) -> frozenset[str]:
    """Return the words of a text that are written small, and elided ones.

    The first one counts as well, unless it may be the beginning of a name; before a colon it is
    none.
    """
    words = _WORD.findall(text.replace("\u2019", "'"))
    small = [word for word in words if word[:1].islower()]
    if words and (small or len(words) == 1) and words[0].istitle():
        small.append(words[0])
    small += _HEAD.findall(text[:_MOST_HEAD])
    return frozenset(word.casefold() for word in small)


@cache
def _small() -> dict[str, dict[str, frozenset[str]]]:
    listed = read_yaml(Path(__file__).with_name("languages.yaml"), UsageError)["small"]
    return {
        family: {kind: frozenset(words) for kind, words in kinds.items()}
        for family, kinds in listed.items()
    }
