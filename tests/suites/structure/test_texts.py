"""Whole texts: blanks that nobody sees, texts that stand in others, the language of one."""

from __future__ import annotations

import pytest

from cliffguard.suites.scorers import SCORERS


@pytest.mark.parametrize(
    ("response", "answer", "score"),
    [
        ("The capital is Paris.", "paris", 1.0),
        ("new\n  york", "New York", 1.0),
        ("Parisians", "Paris", 0.0),
        ("Paris2", "Paris", 0.0),
        ("(Paris)", "Paris", 1.0),
        ("well-known", "known", 1.0),
        ("not known_now", "known", 0.0),
        ("It is -5.", "5", 0.0),
        ("It is -5.", "-5", 1.0),
        ("It is 5.", "5", 1.0),
        ("It is 1.5.", "5", 0.0),
        ("It is 5,000.", "5", 0.0),
        ("It is 5,000.", "5,000", 1.0),
        ("pages 3-5", "5", 1.0),
        ("5 %", "5", 1.0),
        ("5", "5", 1.0),
        ("-5", "5", 0.0),
        ("首都は東京です", "東京", 1.0),
        ("STRASSE", "straße", 1.0),
        ("cafe\u0301", "caf\u00e9", 1.0),
        ("a+b = c", "a+b", 1.0),
        ("C", "C++", 0.0),
        ("", "Paris", 0.0),
    ],
)
def test_a_text_stands_in_another_as_whole_words(response: str, answer: str, score: float) -> None:
    """Without case and kinds of blanks; of a number nothing is left out."""
    assert SCORERS["contains"].score(response, answer) == score


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ("1 2\n3", 1.0),
        ("\n1 2  \n3\t\n\n", 1.0),
        ("1 2\r\n3\r\n", 1.0),
        ("```\n1 2\n3\n```", 1.0),
        ("```text\n1 2 \n3\n\n```\n", 1.0),
        ("1  2\n3", 0.0),
        ("1 2\n 3", 0.0),
        ("1 2\n\n3", 0.0),
        ("Output:\n1 2\n3", 0.0),
        ("It prints:\n```\n1 2\n3\n```", 0.0),
        ("```\n1 2\n```\n```\n3\n```", 0.0),
        ("", 0.0),
    ],
)
def test_a_printed_text_is_the_same_but_for_blanks(response: str, score: float) -> None:
    """At the ends of lines and of the text, and for one block of code around it."""
    assert SCORERS["text"].score(response, "1 2\n3\n") == score


def test_a_right_text_may_be_a_block_itself() -> None:
    """Where the block is what was asked for."""
    assert SCORERS["text"].score("```\nx = 1\n```", "```\nx = 1\n```") == 1.0
    assert SCORERS["text"].score("x = 1", "```\nx = 1\n```") == 0.0


@pytest.mark.parametrize(
    ("response", "code", "score"),
    [
        ("Die Hauptstadt von Frankreich ist die schöne Stadt Paris.", "de", 1.0),
        ("Die Hauptstadt von Frankreich ist die schöne Stadt Paris.", "en", 0.0),
        ("The capital of France is the beautiful city of Paris.", "en", 1.0),
        ("La capitale de la France est la belle ville de Paris.", "fr", 1.0),
        ("フランスの首都はパリという美しい街であると言われています。", "ja", 1.0),
        ("Hovedstaden i Frankrig er den smukke by Paris, som alle kender.", "no", 1.0),
        ("Paris, ja.", "de", None),
        ("x = f(1); print(x); y = g(2); print(y)", "en", None),
        ("", "en", None),
    ],
)
def test_a_text_is_in_a_language_or_too_short(
    response: str, code: str, score: float | None
) -> None:
    """Below twenty letters of prose nothing is told; Norwegian and Danish count as one."""
    assert SCORERS["language"].score(response, code) == score


@pytest.mark.parametrize("code", ["xx", "DE", "english", "de-AT"])
def test_what_is_no_code_of_a_language_is_refused(code: str) -> None:
    """With the codes that there are."""
    with pytest.raises(ValueError, match=r"\bde\b"):
        SCORERS["language"].check(code)
