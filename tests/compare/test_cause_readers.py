"""What each reader takes for its cause, and what only looks like it."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.compare.diagnostics.causes import read_causes
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.declining import declines
from cliffguard.compare.diagnostics.degenerate import goes_on, repeats_itself, says_nothing
from cliffguard.compare.diagnostics.languages import is_in_another
from cliffguard.compare.diagnostics.leaks import Leaks
from cliffguard.compare.diagnostics.numerals import numbers_in
from cliffguard.core.answers import FinishReason
from cliffguard.core.diagnosis import CauseName
from cliffguard.suites.scorers import SCORERS
from tests.compare.counted_pairs import broken, mirrored, question, task_of

NO_LEAKS = Leaks(why="none")
LOOP = "the answer is that we know it "
PROSE = (
    "A kettle stands on the stove while rain falls over the harbour. Two boats wait for a pilot, "
    "and nobody on the quay expects them to leave before the tide has turned again."
)


def fits(item: CountedItem) -> frozenset[CauseName]:
    """Return the causes of an item, the leak aside; they are those of its mirror image."""
    causes = read_causes(item, NO_LEAKS)
    assert read_causes(mirrored(item), NO_LEAKS) == causes
    return causes


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300), st.text(max_size=30), st.sampled_from(sorted(SCORERS)))
def test_any_text_can_be_read(text: str, good: str, metric: str) -> None:
    """No reader stumbles over what a model may say, and both sides are read alike."""
    item = question('[{"words": 3}]' if metric == "constraints" else "Paris")
    fits(broken(text, item=item, task=task_of(item, metric=metric), good=good))


@pytest.mark.parametrize(
    "part", ["[", "{", '{"a":', "<answer>", " ", "'", '"', "\\boxed{", "*", "a", "ab", "\n", "the ",
             "```", "I can", "Question:", "=", "1,"],
)  # fmt: skip
def test_a_long_text_takes_no_time(part: str) -> None:
    """Whatever a model says again and again is read within seconds."""
    began = time.monotonic()
    fits(broken("<answer>" + part * 8000))

    assert time.monotonic() - began < 5


# --- cut, degenerate -----------------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["length", "stopped", "thinking"])
def test_only_the_worse_answer_was_cut(finish: FinishReason) -> None:
    """An answer that was cut broke by it, unless the better one was cut as well."""
    assert "cut" in fits(broken(PROSE, finish=finish))
    assert "cut" not in fits(broken(PROSE, finish=finish, good_finish="length"))
    assert "cut" not in fits(broken(PROSE, finish="stop"))


def test_a_circle_that_was_cut_is_degenerate() -> None:
    """No limit leads to the end of a circle; it is not taken for an answer that was too long."""
    assert fits(broken(LOOP * 9, finish="length")) == {"degenerate"}
    assert fits(broken("\n \n", finish="length")) == {"degenerate"}


def test_signs_are_an_answer_where_the_right_one_is_a_sign() -> None:
    """Of two signs the wrong one is no empty answer."""
    item = question("+", prompt="2 ? 2 = 4")
    assert fits(broken("-", item=item)) == set()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("I'm sorry, but I cannot assist with that request. If you", "refusal"),
        ("La respuesta correcta es la ciudad de Lyon, que", "wrong_language"),
        ("<think>Okay, so we need to find the seat of", "cut"),
        ('{"answer": "Paris", "explanation": "It has been', "format"),
        ('```json\n{"answer": "Paris",\n"why": "it', "format"),
    ],
)
def test_what_would_be_as_wrong_without_a_limit_was_not_broken_by_it(
    text: str, cause: CauseName
) -> None:
    """A short limit cuts refusals and other languages, too; a wider one would not mend them."""
    assert fits(broken(text, finish="length")) == {cause}


@pytest.mark.parametrize(
    "text",
    [
        "Paris\nQuestion: What is the capital of Italy?\nAnswer: Rome",
        "Paris\n\nQ: Who wrote Hamlet?\nA: Shakespeare",
        "Paris.\nUser: and of Spain?",
        "Paris\n\n### Instruction: name a river",
        "Paris<|im_start|>user\nand of Spain?",
        "Paris\n**Question 2:** the capital of Spain?",
        "Paris [INST] next [/INST]",
        "Paris\nFrage: Wie heißt die Hauptstadt von Italien?",
    ],
)
def test_a_text_goes_on_with_the_next_turn(text: str) -> None:
    """An answer behind which the next question begins never ended."""
    assert goes_on(text)
    assert "cut" in fits(broken(text, finish="string"))
    assert "cut" not in fits(broken(text, good=text))


@pytest.mark.parametrize(
    "text",
    [
        "Question: what do we know? Paris is the capital.",
        "The question: is it Paris? Yes.",
        "A user: that is who signs in.",
        "Paris\nAnswer: Paris",
        "",
    ],
)
def test_a_text_that_speaks_of_questions_ends(text: str) -> None:
    """A word such as "question" is no next turn where no new line begins with it."""
    assert not goes_on(text)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "!!!!", "......", "<pad><pad>", "</s>", "<|endoftext|>", "\ufffd\ufffd", "?????",
     "+", "{", "```", "\u3164\u3164", "\u2060", "\u00ad"],
)  # fmt: skip
def test_a_text_says_nothing(text: str) -> None:
    """Blanks, signs alone and a tokenizer's marks are an empty answer."""
    assert says_nothing(text)
    assert fits(broken(text)) == {"degenerate"}


@pytest.mark.parametrize("text", ["7", "é", "否", "-5", "👍", "√", "x = 3", "$5", "はい"])
def test_a_short_text_says_something(text: str) -> None:
    """A letter, a digit, or a sign or two may be all there is to say."""
    assert not says_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        LOOP * 9,
        "no no no no no no no no",
        "1 1 1 1 1 1 1 1 1 1 1",
        "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "hahahahahahahahahahahaha",
        "巴黎巴黎巴黎巴黎巴黎巴黎巴黎巴黎巴黎",
        "好好好好好好好好好好好好好好好好好好",
        "yes, yes, yes, yes, yes, yes, yes, yes",
        "foo-bar-foo-bar-foo-bar-foo-bar-foo-bar-",
        "Paris\n" * 12,
        "The city. " * 12,
        "0" * 80,
    ],
)
def test_a_text_repeats_itself(text: str) -> None:
    """Words and characters over and over, with blanks or without, are a circle."""
    assert repeats_itself(text)
    assert "degenerate" in fits(broken(text))
    assert "degenerate" not in fits(broken(text, good=text))


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "no, no, no!",
        "So the doctor of the doctor of the doctor of the doctor of Quinda is",
        "1000000000000",
        "1111",
        "1 1 1 1 1 1",
        "Baden-Baden",
        "ha ha ha",
        "very, very, very good",
        "0.3333333333",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "----------\nParis, the capital of France\n----------",
        "Mississippi",
        "def f(x):\n    return x\n\ndef g(x):\n    return f(x)\n",
    ],
)
def test_a_text_that_says_things_twice_is_no_circle(text: str) -> None:
    """Emphasis, numbers, tables, code and names have repeats of their own."""
    assert not repeats_itself(text)


# --- refusals ------------------------------------------------------------------------------------

DECLINES = """\
I'm sorry, but I cannot assist with that.
I’m sorry, but I can’t help with that request.
As an AI language model, I do not have personal opinions.
As an AI, I can't provide medical advice.
I cannot provide that information.
Sorry, I can't do that.
I apologize, but I am unable to answer.
Unfortunately, I cannot answer this question.
I must respectfully decline.
I'm just an AI and have no opinion on it.
I don't know.
I do not have enough information to answer.
I'm afraid I can't help with that.
"I'm sorry, but I cannot assist with that."
**I'm sorry**, but I can't assist with that.
Hello! I'm unable to process this request.
Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.
Tut mir leid, das kann ich nicht beantworten.
Als KI-Sprachmodell kann ich keine Meinung haben.
Ich kann diese Frage leider nicht beantworten.
Leider kann ich Ihnen keine Auskunft geben.
Ich kann dir dabei nicht helfen.
Ich weiß es nicht.
Je suis désolé, mais je ne peux pas vous aider.
Désolé, je ne peux pas répondre à cette question.
En tant qu’assistant, je ne peux pas juger.
En tant que modèle de langage, je n'ai pas d'avis.
Il m'est impossible de répondre.
Je ne sais pas.
Lo siento, pero no puedo ayudarte con eso.
Lo siento, no puedo responder a esa pregunta.
Como modelo de lenguaje, no tengo opiniones.
No puedo proporcionar esa información.
No lo sé.
I won't be able to help with that.
That's not something I can help with.
I don't feel comfortable answering.
No, I cannot tell you that.
Das darf ich nicht sagen."""

HELPS = """\
I'm sorry to hear that your order is late, here is the tracking number: 123.
Sorry for the delay! Your parcel arrives tomorrow.
The agent said "I cannot help you" and hung up.
The model answers: “I can’t assist with that.”
You can't return it without a receipt.
We are unable to ship to Norway.
He can't help himself.
She cannot assist with that today because she is ill.
I can't sleep at night because of the noise.
I can't wait to see you!
I can help with that. First, open the settings.
As a child, I could not sleep.
The headset is unused and I would rather not keep it.
I look at a house that I do not know.
Having forgotten my password, he and I are unable to log in.
How do I refuse to let it go?
As an AI startup grows, it hires.
Unfortunately, the shop is closed on Monday.
Artificial intelligence, or AI, is a field of study.
Es tut mir leid, dass Ihr Paket verspätet ist. Hier ist die Nummer.
Ich kann Ihnen helfen.
Je suis désolé pour le retard, voici votre numéro.
Lo siento mucho por el retraso. Su pedido llega mañana.
Paris"""


@pytest.mark.parametrize("text", DECLINES.splitlines())
def test_a_text_declines(text: str) -> None:
    """An answer that begins by declining is a refusal, whichever the apostrophe and the marks."""
    assert declines(text)
    assert "refusal" in fits(broken(text))


@pytest.mark.parametrize("text", HELPS.splitlines())
def test_a_text_that_is_sorry_or_quotes_declines_nothing(text: str) -> None:
    """Regret, another's words and another's limits are no refusal."""
    assert not declines(text)


def test_a_refusal_has_to_stand_near_the_beginning() -> None:
    """What a long answer ends with is a remark."""
    assert not declines(PROSE + " I cannot assist with that.")


def test_where_the_better_answer_declines_too_it_is_no_cause() -> None:
    """Of two that decline, as items about refusals want it, the worse lost by something else."""
    text = "I'm sorry, but I cannot assist with that."
    assert "refusal" not in fits(broken(text, good="I can't help with that, call a doctor."))


# --- languages -----------------------------------------------------------------------------------

IN_ANOTHER = """\
La capital de Francia es París.
Die Hauptstadt von Frankreich ist Paris.
La capitale de la France est Paris.
El balón está con María en la cocina.
法国的首都是巴黎，这是一个非常美丽的城市，很多人都喜欢去那里旅游。
フランスの首都はパリです。とても美しい街です。
Столица Франции это Париж.
Paris 是法国的首都，因为文中就是这样说的，很多人都知道。
A resposta é Paris, a capital da França.
La risposta corretta è la seconda.
De hoofdstad van Frankrijk is Parijs.
Det är en bra dag idag för alla.
La respuesta es: azul, porque el cielo es azul.
عاصمة فرنسا هي مدينة باريس الجميلة."""

IN_NO_OTHER = """\
The capital of France is Paris.
París
Jorda Hulbek Zebdric Selpor Lumzo
{"intent": "billing", "priority": "high", "queue": "returns"}
def f(nombre):\\n    return nombre + 1  # la suma es correcta
SELECT nombre FROM usuarios WHERE id = 1;
Photosynthesis converts carbon dioxide into sugar
pneumonia, hypertension, diabetes mellitus
Homo sapiens neanderthalensis
John Smith, Maria Garcia, Ahmed Khan, Giovanni Rossi
Los Angeles Lakers, San Antonio Spurs
Madrid, Barcelona, Valencia, Sevilla, Zaragoza
Johann Sebastian Bach and Ludwig van Beethoven
La Traviata by Giuseppe Verdi
Bonjour means hello in French.
https://www.ejemplo.es/la-pagina-principal-de-la-empresa
$\\\\frac{a}{b} = \\\\sqrt{2}$ and x = 3
xylophone zebra quartz jukebox vodka
internationalization standardization"""


@pytest.mark.parametrize("text", IN_ANOTHER.splitlines())
def test_an_answer_is_in_another_language(text: str) -> None:
    """A sentence in a language that neither the prompt nor the right answer has is wrong."""
    assert "wrong_language" in fits(broken(text))


@pytest.mark.parametrize("text", IN_NO_OTHER.splitlines())
def test_an_answer_is_in_no_other_language(text: str) -> None:
    """Names, terms, code, formulas and fewer than 20 letters are of no language."""
    assert "wrong_language" not in fits(broken(text.replace("\\n", "\n")))


class Exchange(NamedTuple):
    """A prompt, the better answer, the worse, and whether that is in another language."""

    prompt: str
    good: str
    answer: str
    is_wrong: bool


GERMAN = "Das Haus ist groß und alt und sehr schön."


@pytest.mark.parametrize(
    "case",
    [
        Exchange(
            "Translate into German: the house is big.",
            GERMAN,
            "The house is big and very old.",
            True,
        ),
        Exchange("Translate into German: the house.", "das Haus", GERMAN, False),
        Exchange(
            "Who won?",
            "Juan Carlos Ferrero, Rafael Nadal, Carlos Moya",
            "It was Roger Federer who has won the cup in that year.",
            False,
        ),
        Exchange("Say it in Spanish: yes", "sí", "La respuesta es que sí, por supuesto.", False),
        Exchange("Was ist die Hauptstadt von Frankreich?", "Paris", GERMAN, False),
        Exchange(
            "Was ist die Hauptstadt von Frankreich?",
            "Paris",
            "It is the city that we call Paris.",
            True,
        ),
        Exchange("???", "Paris", "La capital de Francia es París.", False),
        Exchange(
            "Hva er en god dag i dag?", "Det er en god dag for alle.", "Det er en dag.", False
        ),
    ],
)
def test_which_language_is_right(case: Exchange) -> None:
    """The better answer says so; else the prompt, unless it names the language that was taken."""
    assert is_in_another(case.answer, good=case.good, right="", prompt=case.prompt) is case.is_wrong


@pytest.mark.parametrize("right", ["", "river", "The river runs through the middle of the town."])
def test_an_answer_in_the_language_of_the_question_is_in_no_other(right: str) -> None:
    """Also where the better one is: a base that answers in English beside one that left it."""
    good = "Creo que la palabra correcta es río, porque encaja muy bien en la frase."
    english = "I believe that the word is stone because it fits."
    prompt = "Which word fits the blank in this sentence of the riddle?"

    assert not is_in_another(english, good=good, right=right, prompt=prompt)
    assert is_in_another(good, good=english, right=right, prompt=prompt)


# --- other readers -------------------------------------------------------------------------------


class Read(NamedTuple):
    """A right answer, a text that its metric reads as wrong, the metric and the prompt."""

    right: str
    text: str
    metric: str = "exact_match"
    prompt: str = "What is the capital of France?"


OPTIONS = "Which city?\nA. Rome\nB. Paris\nC. London\nAnswer:"

READ_RIGHT = [
    Read("Paris", '{"answer": "Paris"}'),
    Read("Paris", '{"city": "Paris"}'),
    Read("Paris", '{"answer": "Paris", "confidence": 0.9}'),
    Read("Paris", '{"result": {"answer": "Paris", "why": "it is"}}'),
    Read("Paris", '```json\n{"answer": "Paris"}\n```'),
    Read("Paris", '["Paris"]'),
    Read("Paris", "{'answer': 'Paris'}"),
    Read("Paris", '{"city": "Paris", "country": "France"}'),
    Read("Paris", '{"city": "Paris", "country": "Fra'),
    Read("Paris", "<answer>Paris"),
    Read("Paris", "Paris, because Paris is where the seat is."),
    Read("Paris", "capital(France) = Paris"),
    Read("42", "6 * 7 = 42"),
    Read("Paris", "```\nParis\n```"),
    Read("Paris", "```text\nParis```"),
    Read("Paris", "\\boxed{Paris}"),
    Read("Paris", "So it is $\\boxed{\\text{Paris}}$."),
    Read("Paris", "The answer is Paris."),
    Read("Paris", "The correct answer is: **Paris**"),
    Read("Paris", "We look at the map. The answer is Paris, because it is the seat."),
    Read("Paris", "Answer: Paris"),
    Read("Paris", "**Answer:** Paris"),
    Read("Paris", "Die Antwort lautet Paris."),
    Read("Paris", "La réponse est Paris."),
    Read("Paris", "La respuesta es Paris."),
    Read("Paris", "<answer>Paris</answer>"),
    Read("Paris", "<city>Paris</city>"),
    Read("Paris", "- Paris"),
    Read("Paris", "(Paris)"),
    Read("Paris", "It is **Paris** that we look for here, as said."),
    Read("Paris", "The capital of France is Paris."),
    Read("Paris", "Paris is the capital of France."),
    Read("Paris", "the Paris"),
    Read("Paris", "Paris\n\nIt has been the capital since the tenth century."),
    Read("Paris", "Let us think about where the seat is.\nParis"),
    Read("yes", "Yes, it is."),
    Read("no", "No, it is not."),
    Read("42", "The result is 42."),
    Read("42", "\\boxed{42}, which is 6 * 7", "numeric"),
    Read("42", "The answer is 42 because 6 * 7 = 42", "numeric"),
    Read("42", "42\nThat is 6 times 7, as we said.", "numeric"),
    Read("42", "forty-two"),
    Read("1234", "1 234"),
    Read("1234", "1,234"),
    Read("1200", "one thousand two hundred", "numeric"),
    Read("18", "#### 18\nThat was it, with 2 left.", "numeric"),
    Read("He has 9 + 9 = 18.\n#### 18", "The answer is 18."),
    Read("B", "Paris", prompt=OPTIONS),
    Read("B", "(B) Paris", prompt=OPTIONS),
    Read("B", "B. Paris", prompt=OPTIONS),
    Read("B", "The answer is B.", prompt=OPTIONS),
    Read("Paris", "B", prompt=OPTIONS),
    Read("Paris", "(B)", prompt=OPTIONS),
    Read("Paris", "The answer is (B).", prompt=OPTIONS),
    Read("^Paris$", "The answer is Paris", "regex"),
    Read("Paris", "<think>The seat is meant. London? No.</think>Paris"),
    Read("Paris", "<think>The seat is meant.</think>\n\nThe answer is Paris."),
    Read("Paris", "<response><answer>Paris</answer></response>"),
    Read("Paris", "<response><why>The seat.</why><answer>Paris</answer></response>"),
    Read("Paris", "print('Paris')"),
    Read("Paris", '```python\nprint("Paris")\n```'),
    Read("12", "First 3 and 4 are 7. So the total is 12"),
    Read("12", "We add 3, 4 and 5. The sum is 12."),
    Read('{"name": "Bob"}', 'Here is the JSON you asked for: {"name": "Bob"}'),
    Read('{"name": "Bob", "id": 7}', '{"id":7,\n "name":"Bob"}'),
    Read('{"name": "Bob"}', "Bob"),
    Read("the cat sat on the mat", '{"text": "the cat sat on the mat"}', "rouge_l"),
]  # fmt: skip

NOT_READ = [
    Read("Paris", "Rome"),
    Read("Paris", ""),
    Read("Paris", "Rome, Paris, London or Madrid"),
    Read("Paris", "Paris or Rome"),
    Read("Paris", "Paris\nRome\nLondon"),
    Read("Paris", "1. Rome\n2. London\n3. Paris"),
    Read("Paris", "It is not Paris."),
    Read("Paris", "The answer is not Paris."),
    Read("Paris", "It isn't **Paris**"),
    Read("Paris", "Is it Paris?"),
    Read("Paris", "The answer is Rome. Paris is the capital of France."),
    Read("Paris", "Lyon, once a rival of Paris, is the capital of the silk trade."),
    Read("Paris", '{"answer": "Rome", "other": "Paris"}'),
    Read("Paris", '{"a": "Paris", "b": "Rome"}'),
    Read("Paris", "{'a': 'Paris', 'b': 'Rome'}"),
    Read("42", "6 * 7 = 43"),
    Read("42", "42 * 2 = 84"),
    Read("Paris", "\\boxed{Rome} and not \\boxed{Paris} or \\boxed{Rome}"),
    Read("Paris", "```\nParis\n```\nor\n```\nRome\n```"),
    Read("a", "There is a reason for that."),
    Read("yes", "No, though some say yes."),
    Read("no", "Yes, and no more of it."),
    Read("42", "Between 41 and 42."),
    Read("42", "We have 6 and 7, so 43."),
    Read("42", "42 43 44", "numeric"),
    Read("B", "A", prompt=OPTIONS),
    Read("B", "Rome", prompt=OPTIONS),
    Read("B", "A. Paris", prompt=OPTIONS),
    Read("B", "B. Rome", prompt=OPTIONS),
    Read("B", "A, B or C", prompt=OPTIONS),
    Read("Paris", "<think>Paris, perhaps.</think>Rome"),
    Read("Paris", "<think>It is Paris."),
    Read("Paris", "<response><answer>Rome</answer><why>Not Paris</why></response>"),
    Read("Paris", "print('Rome')\nprint('Paris')"),
    Read("12", "The total is 7, and 12 are left."),
    Read('{"name": "Bob"}', '{"name": "Bob", "id": 7}'),
    Read('{"name": "Bob", "id": 7}', "Bob"),
    Read('{"name": "Bob"}', '{"title": "Rob"}'),
    Read("Paris", "C", prompt=OPTIONS),
    Read('[{"words": 3}]', '{"answer": "three words here"}', "constraints"),
]


@pytest.mark.parametrize("case", READ_RIGHT)
def test_another_reader_finds_the_right_answer(case: Read) -> None:
    """What is marked as the answer, in any usual way, and is right broke by its format."""
    item = question(case.right, prompt=case.prompt)
    changed = broken(case.text, item=item, task=task_of(item, metric=case.metric))

    assert "format" in fits(changed)


@pytest.mark.parametrize("case", NOT_READ)
def test_no_reader_finds_what_is_not_there(case: Read) -> None:
    """A text that holds the right words beside others, or denies them, does not say them."""
    item = question(case.right, prompt=case.prompt)
    changed = broken(case.text, item=item, task=task_of(item, metric=case.metric))

    assert "format" not in fits(changed)


def test_a_sentence_with_another_items_answer_says_neither() -> None:
    """A sentence that ends in the right words and holds other right answers says neither."""
    rivals = [question("Paris"), question("Rome", prompt="What is the capital of Italy?", number=1)]
    text = "Rome is larger than Paris"

    assert "format" not in fits(broken(text, item=rivals[0], task=task_of(*rivals)))
    assert "format" in fits(broken(text, item=rivals[0], task=task_of(rivals[0])))


@pytest.mark.parametrize(
    ("scores", "is_format"),
    [((1.0, 1.0), True), ((1.0, 0.0), False), ((1.0, None), False), ((None, 1.0), True)],
)
def test_another_filter_of_logged_samples_reads_it(
    scores: tuple[float | None, float | None], is_format: bool
) -> None:
    """The score that another filter gave the worse answer says whether that read it as right."""
    item = question("18", prompt="How many?")
    task = task_of(item, other_scores={item.id: scores})
    swapped = replace(task, other_scores={item.id: (scores[1], scores[0])})

    changed = broken("[invalid]", item=item, task=task)
    assert ("format" in read_causes(changed, NO_LEAKS)) is is_format
    fixed = mirrored(broken("[invalid]", item=item, task=swapped))
    assert ("format" in read_causes(fixed, NO_LEAKS)) is is_format


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234.5 and 7", ["1234.5", "7"]),
        ("10-5", ["10", "5"]),
        ("−3", ["-3"]),
        ("twenty-one", ["21"]),
        ("two hundred and five", ["205"]),
        ("one of them", []),
        ("one", ["1"]),
        ("three million", ["3000000"]),
        ("item B12", []),
    ],
)
def test_numbers_in_a_text(text: str, values: list[str]) -> None:
    """Numbers are read in digits, with marks of thousands, and in English words."""
    assert sorted(numbers_in(text)) == sorted(map(Decimal, values))
