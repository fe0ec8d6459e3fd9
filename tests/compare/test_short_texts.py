"""The language of a few words: what their script, small words and neighbours tell, and do not."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cliffguard.compare.diagnostics.causes import count_causes, languages_of
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.languages import is_in_another, spoken_in
from cliffguard.compare.diagnostics.leaks import Leaks
from tests.compare.counted_pairs import broken, mirrored, question, task_of

ENGLISH = "What is frozen water called? Answer in one word."

IN_ANOTHER = """\
冰
一共是400。
氷です
얼음
лёд
Это лед.
πάγος
جليد
קרח
बर्फ
น้ำแข็ง
The sea is 地中海。
Алмаз is the hardest.
Das ist Eis.
Es ist Eis.
C'est la glace.
Es el hielo.
Sí, el hielo.
É o gelo.
Het is ijs.
To jest lód.
Las velas del pastel.
Antwort: Eis
Réponse : glace
Respuesta: hielo
L'Italie a la forme d'une botte."""

IN_NO_OTHER = """\
ice
π
α-particle
E = mc²
H₂O
NaCl
Homo sapiens
Canis lupus familiaris
La Paz
El Salvador
Los Angeles
Le Monde
São Paulo
Rio de Janeiro
Leonardo da Vinci
Vincent van Gogh
Charles de Gaulle
Ludwig van Beethoven
Día de los Muertos
Die Zeit
Der Spiegel
café au lait
à la carte
per se
et al.
in vitro
sushi
MIT
The UN
a man in a van
a die on the table
son of a gun
Gdańsk
Müller
42
x = y
for i in range(3): print(i)
The word λόγος means word in the language of Homer."""


@pytest.mark.parametrize("text", IN_ANOTHER.splitlines())
def test_a_few_words_are_in_another_language(text: str) -> None:
    """A script that nobody asked in, or the small words of a sentence, tell it."""
    assert is_in_another(text, good="ice", right="ice", prompt=ENGLISH)


@pytest.mark.parametrize("text", IN_NO_OTHER.splitlines())
def test_names_terms_and_signs_are_in_no_other_language(text: str) -> None:
    """Names, loan words, Latin terms, formulas and code are said in any language."""
    assert not is_in_another(text, good="ice", right="ice", prompt=ENGLISH)


class Expected(NamedTuple):
    """A prompt, the right answer, another one, and whether that is in another language."""

    prompt: str
    right: str
    answer: str
    is_wrong: bool


@pytest.mark.parametrize(
    "case",
    [
        Expected("Was ist das Gegenteil von heiß?", "kalt", "It is cold.", True),
        Expected("De quelle couleur est l'herbe ?", "verte", "Grass is green.", True),
        Expected("Ile to jest 6 razy 7?", "42", "It is 42.", True),
        Expected("Was ist das Gegenteil von heiß?", "kalt", "Das ist warm.", False),
        Expected("Translate to German: it is ice.", "Das ist Eis.", "Es ist Wasser.", False),
        Expected("Say hello in Japanese.", "konnichiwa", "こんにちは", False),
        Expected("Which Chinese dish is it?", "dumplings", "饺子", False),
        Expected("水は何ですか", "氷", "冰", False),
        Expected("水是什么？", "冰", "氷です", True),
        Expected("12 + 30", "42", "это 41", False),
        Expected("Wie lautet das auf Englisch: das Eis?", "the ice", "It is the water.", False),
    ],
)
def test_which_language_a_few_words_should_be_in(case: Expected) -> None:
    """That of the prompt or the right answer, unless the prompt names the other."""
    is_foreign = is_in_another(case.answer, good=case.right, right=case.right, prompt=case.prompt)
    assert is_foreign is case.is_wrong


GERMAN = (
    "Kühlschrank", "Wasser", "Nebel", "Stickstoff", "Schmetterlinge", "Dienstag", "Mittelmeer",
    "Kohlendioxid", "Eisen", "Regenschirm", "Schraubenzieher", "Schildkröte",
)  # fmt: skip
RIGHT = (
    "refrigerator", "water", "fog", "nitrogen", "butterflies", "tuesday", "the inner sea",
    "carbon dioxide", "iron", "umbrella", "screwdriver", "turtle",
)  # fmt: skip
WRONG = (
    "freezer", "vinegar", "storm", "oxygen", "beetles", "thursday", "the black sea", "helium",
    "copper", "raincoat", "hammer", "crocodile",
)  # fmt: skip


def _changed(answers: tuple[str, ...]) -> list[CountedItem]:
    items = [
        question(right, prompt=f"{ENGLISH} ({number})", number=number)
        for number, right in enumerate(RIGHT)
    ]
    task = task_of(*items)
    return [broken(text, item=item, task=task) for text, item in zip(answers, items, strict=True)]


def test_many_short_answers_tell_the_language_that_none_tells() -> None:
    """Single words of a language are held against it where most of them are in it together."""
    table = count_causes({"c": _changed(GERMAN)}, Leaks(why="none"), {})["c"]

    assert spoken_in(GERMAN, RIGHT) == {"de"}
    assert sum(cause == "wrong_language" for cause in table.by_item.values()) >= 9


def test_short_answers_in_the_language_of_the_right_ones_tell_nothing() -> None:
    """Wrong words of the same language are in it, and a few words are too few."""
    table = count_causes({"c": _changed(WRONG)}, Leaks(why="none"), {})["c"]

    assert spoken_in(WRONG, RIGHT) == frozenset()
    assert spoken_in(GERMAN[:4], RIGHT[:4]) == frozenset()
    assert set(table.by_item.values()) == {"unprobed"}


def test_the_language_of_a_pool_does_not_depend_on_the_side() -> None:
    """Whichever side gave the worse answers, the same language is in them."""
    items = _changed(GERMAN)
    swapped = [mirrored(item) if number % 3 else item for number, item in enumerate(items)]

    assert languages_of(items) == languages_of(swapped) == {"de"}
