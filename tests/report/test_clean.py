"""What a foreign text may not bring into a report."""

from __future__ import annotations

import unicodedata

import pytest

from cliffguard.core.texts import shorten
from cliffguard.report.clean import clean, cleaned, one_line
from tests.report import samples


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b1mbold", "bold"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ends", "]0;never ends"),
        ("\x1bcreset", "reset"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("a\x00\x08\x7f\ufffeb", "ab"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("tab\tstays", "tab\tstays"),
        ("a\ud800b", "a\ufffdb"),
        ("naïve 中文 🙂 क्‍ष", "naïve 中文 🙂 क्‍ष"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    """Terminal sequences, controls and direction marks go; writing of every language stays."""
    assert clean(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", "Việt Nam, Nguyễn, tiếng"),
        "ที่นี่ น้ำ ผู้ใหญ่",
        "بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ",
        "हिन्दी क्षत्रिय कर्त्तव्य",
        "בְּרֵאשִׁ֖ית בָּרָ֣א אֱלֹהִ֑ים",
        "བསྒྲུབས་ རྫོགས་",
        "❤️ 👩\u200d💻 👍🏽 1\ufe0f\u20e3 🏳️\u200d🌈",
    ],
)
def test_marks_of_a_language_stay(text: str) -> None:
    """No script that people write needs more of them on a letter than are kept."""
    assert clean(text) == text


def test_marks_without_end_are_cut() -> None:
    """Else they paint over the lines above and below."""
    assert clean("v" + "\u0301\u0489" * 60 + "x" + "\u0316" * 3) == (
        "v" + "\u0301\u0489" * 2 + "x" + "\u0316" * 3
    )


def test_clean_twice_is_clean_once() -> None:
    """Removing one sequence leaves no other behind that only then comes together."""
    once = clean(samples.HOSTILE)

    assert clean(once) == once


def test_one_line() -> None:
    """Breaks and runs of spaces become one space."""
    assert one_line(" a\n\n b\tc ") == "a b c"


def test_shorten_says_how_much_is_gone() -> None:
    """A cut text tells how many characters are missing."""
    assert shorten("x" * 1500, 100) == "x" * 100 + " … (1,400 more characters)"


def test_every_text_of_a_record_is_cleaned() -> None:
    """No text is forgotten, however deep it lies in the review."""
    assert "\\x1b" not in repr(cleaned(samples.hostile()))
