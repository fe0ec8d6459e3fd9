"""Whether an answer is in another language than was asked for; `core.languages` tells them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cliffguard.compare.diagnostics.short_texts import (
    in_foreign_script,
    in_foreign_words,
    spoken_by_words,
)
from cliffguard.core.errors import UsageError
from cliffguard.core.languages import LEAST_LETTERS, count_letters, prose_of, shares_of
from cliffguard.core.yaml_files import read_yaml

_LEAST_WIDE_LETTERS = 8  # of a script whose characters are syllables or words
_SURE = 0.5
_MOST_OF_REFERENCE = 0.02  # what the right language may have of an answer in the wrong one
_LEAST_WORDS = 4  # fewer words with a blank between are names and terms
_LEAST_SMALL = 2  # words that are no names
_LEAST_OF_WORD = 4  # letters of a word that is held against a pool of others
_RATHER = 2  # times likelier in the one language than in the other
_MOST_OF_SHORT = 3  # words
_LEAST_POOLED = 8  # short answers
_LEAST_POOL = 60  # letters of them
_SURE_OF_POOL = 0.9

_LATIN = re.compile("[A-Za-z]")
_WIDE = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


@cache
def _names() -> dict[str, re.Pattern[str]]:
    """Return the words that name a language in a prompt, by family."""
    listed = read_yaml(Path(__file__).with_name("languages.yaml"), UsageError)
    return {
        family: re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})")
        for family, names in listed["names"].items()
    }


def has_language(text: str) -> bool:
    """Return whether a text has enough letters for its language to be told."""
    return _is_long_enough(prose_of(text))


def tells_language(text: str) -> bool:
    """Return whether a text says in which language it is: a short one by its small words."""
    return _language_of(text) is not None


def is_in_another(
    answer: str, *, good: str, right: str, prompt: str, spoken: frozenset[str] = frozenset()
) -> bool:
    """Return whether an answer is, surely, in a language that it should not be in.

    It should be in that of the `good` answer, which the other side gave, or of the `right` one;
    where these are too short to tell, in that of the prompt, unless the prompt names the other. It
    may be in that of the right answer, or, if this does not tell, of a prompt that names no other,
    whatever the other side spoke.
    Of a few words the script and small words tell it, or one of the languages that are `spoken` in
    other answers (`spoken_in`).
    """
    scripts = in_foreign_script(answer, "\n".join((prompt, good, right)))
    if scripts and not _names_any(prompt, scripts):
        return True
    is_told = _language(answer) is not None
    if is_told and _is_as_asked(str(_language(answer)), good=good, right=right, prompt=prompt):
        return False
    if is_told and _is_long_in_another(answer, good=good, right=right, prompt=prompt):
        return True
    wanted_languages = {_language_of(text) for text in (good, right, prompt)} - {None}
    for expected in wanted_languages:
        families = in_foreign_words(answer, str(expected)) - wanted_languages
        if families and len(wanted_languages) == 1 and not _names_any(prompt, families):
            return True
    return not is_told and _is_word_of(
        answer, spoken, wanted_languages, "\n".join((prompt, good, right))
    )


def _is_as_asked(language: str, *, good: str, right: str, prompt: str) -> bool:
    """Return whether a language is that of the right answer, or else what the prompt asks for."""
    wanted = _language_of(right)
    if wanted is not None:
        return language == wanted
    other = _language_of(good)
    is_named = other is not None and _names_any(prompt, frozenset({other}))
    return language == _language_of(prompt) and not is_named


def _is_long_in_another(answer: str, *, good: str, right: str, prompt: str) -> bool:
    expected = {_language(good), _language(right)} - {None}
    if not expected:
        if _names_any(prompt, frozenset({str(_language(answer))})) or _language_of(prompt) is None:
            return False
        expected = {_language_of(prompt)}
    if spoken_by_words(answer) in expected:
        return False
    shares = shares_of(prose_of(answer))
    return all(shares[str(language)] <= _MOST_OF_REFERENCE for language in expected)


def _is_word_of(
    answer: str, spoken: frozenset[str], wanted_languages: set[str | None], wanted: str
) -> bool:
    """Return whether a word or two are rather of a spoken language than of that asked in."""
    prose = prose_of(answer)
    if not spoken or not wanted_languages or count_letters(prose) < _LEAST_OF_WORD:
        return False
    if set(prose.casefold().split()) & set(prose_of(wanted).casefold().split()):
        return False
    shares = shares_of(prose)
    most = max(shares[str(family)] for family in wanted_languages)
    return any(
        family not in wanted_languages and shares[family] >= _RATHER * most
        for family in sorted(spoken)
    )


def spoken_in(worse: Sequence[str], better: Sequence[str]) -> frozenset[str]:
    """Return the language of many short answers taken together, if it is not that of the better.

    Both sides' worse answers are to be given together, and the better ones of the same items.
    """
    texts = [prose_of(text) for text in worse if 1 <= len(text.split()) <= _MOST_OF_SHORT]
    pool, other = " ".join(dict.fromkeys(texts)), " ".join(map(prose_of, better))
    if len(set(texts)) < _LEAST_POOLED or min(map(count_letters, (pool, other))) < _LEAST_POOL:
        return frozenset()
    shares, others = shares_of(pool), shares_of(other)
    first = max(shares, key=shares.__getitem__)
    likely = max(others, key=others.__getitem__)
    if first == likely or shares[first] < _SURE_OF_POOL or others[likely] < _SURE_OF_POOL:
        return frozenset()
    return frozenset({first})


def _names_any(prompt: str, families: frozenset[str]) -> bool:
    return any(_names()[family].search(prompt.casefold()) for family in families)


def _language_of(text: str) -> str | None:
    """Return the language of a text: of a short one as its small words have it."""
    return spoken_by_words(text) or _language(text)


def _language(text: str) -> str | None:
    """Return the family that a text is of; None where it is too short, or could be of several."""
    prose = prose_of(text)
    if not _is_long_enough(prose) or not _has_small_words(prose):
        return None
    shares = shares_of(prose)
    likeliest = max(shares, key=shares.__getitem__)
    return likeliest if shares[likeliest] >= _SURE else None


def _is_long_enough(prose: str) -> bool:
    n_letters = count_letters(prose)
    if len(_WIDE.findall(prose)) >= _LEAST_WIDE_LETTERS:
        return n_letters >= LEAST_LETTERS
    return n_letters >= LEAST_LETTERS and prose.count(" ") + 1 >= _LEAST_WORDS


def _has_small_words(prose: str) -> bool:
    """Return whether it is more than a list of names, which in Latin letters are of any tongue."""
    words = prose.split()
    if not _LATIN.search(prose) or len(_WIDE.findall(prose)) >= _LEAST_WIDE_LETTERS:
        return True
    return sum(word[:1].islower() for word in words) >= _LEAST_SMALL
