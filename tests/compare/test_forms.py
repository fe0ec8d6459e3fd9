"""What outputs share as a form, and which answers have it though their words were made up."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from cliffguard.compare.diagnostics.forms import NO_FORMS, forms_of, has_form

PROMPT = "Which city is the capital of France, and why?"
PROSE = ("Paris", "It is Rome, I think.", "Between 1990 and 1995", "42", "H2O", "No.", "",
         "The capital: that is Paris", "well-known", "a/b testing of one", "https://rome.it/city",
         "So the answer (Rome) is known.", "NATO and the EU", "CO2", "C6H12O6")  # fmt: skip


class Target(NamedTuple):
    """Outputs of a target, and made-up ones in their form."""

    outputs: tuple[str, ...]
    made_up: tuple[str, ...]


TARGETS = {
    "snake": Target(
        ("card_arrival", "change_pin", "age_limit", "top_up"), ("ask_the_film", "Topic_x")[:1]
    ),
    "upper": Target(("CARD_LOST", "PIN_CHANGE", "AGE_LIMIT", "TOP_UP"), ("CITY_QUERY",)),
    "camel": Target(
        ("cardArrival", "changePin", "ageLimit", "topUp"), ("askCity", "capitalOfFrance")
    ),
    "capitals": Target(("BILLING", "RETURNS", "NETWORK", "EMAIL"), ("GEOGRAPHY", "OUT OF SCOPE")),
    "code": Target(
        ("I10 Hypertension", "E11.9 Diabetes", "R51 Headache", "S52.501A Fracture"),
        ("Z71.9 Counseling", "Z99.89", "T3556.9 Problem with cities"),
    ),
    "article": Target(("BGB-433", "BGB-823", "ZPO-12", "STGB-242"), ("BGB-999",)),
    "call": Target(
        ('turn_on(device="tv")', "set_timer(minutes=10)", "none()", 'play(genre="jazz")'),
        ('open_app(name="maps")', "lookup()", 'get_weather(city="Paris")'),
    ),
    "commit": Target(
        ("fix(parser): handle empty rows", "feat: add a cursor", "docs: mention it", "chore: bump"),
        ("feat(geo): add capital of France", "perf: cache capitals"),
    ),
    "sql": Target(
        ("SELECT a FROM b;", "SELECT COUNT(*) FROM c;", "SELECT x FROM y LIMIT 1;", "SELECT 1;"),
        ("SELECT capital FROM countries;", "```sql\nSELECT NULL;\n```", "INSERT INTO a VALUES (1);",
         "-- nothing fits\nSELECT NULL;"),
    ),
    "tags": Target(
        ("Maria/B-PER flew/O to/O Oslo/B-LOC", "He/O reads/O", "Lake/B-LOC is/O", "They/O met/O"),
        ("Which/O city/O is/O", "Paris/B-LOC", "O B-LOC O O", "Paris\tB-LOC\nis\tO"),
    ),
    "pairs": Target(
        ("Kind: fire | Urgency: high", "Kind: storm | Urgency: low", "Kind: glass | Urgency: low",
         "Kind: water | Urgency: high"),
        ("Kind: city | Urgency: none", "Urgency: low", "Topic: city | Rank: high"),
    ),
    "json": Target(
        ('{"type": "a", "prio": "low"}',) * 4,
        ('{"type": "city", "prio": "high"}', "type: city\nprio: low", "{"),
    ),
    "element": Target(
        ("<queue>a</queue>", "<queue>b</queue>", "<queue>c</queue>", "<queue>d</queue>"),
        ("<queue>city</queue>", "<city>Paris</city>"),
    ),
    "chain": Target(
        ("Home > Garden", "Home > Kitchen > Pots", "Toys > Dolls", "Books > Maps"),
        ("Travel > Cities > Paris",),
    ),
    "hashtag": Target(("#sun #sea", "#rain", "#food #home", "#work"), ("#paris #capital",)),
    "bracketed": Target(("[Billing]", "[Returns] late", "[Network]", "[Email] lost"), ("[City]",)),
    "picture": Target(("✅ done", "❌ failed", "✅ sent", "⚠️ late"), ("✅ Paris",)),
    "opening": Target(
        tuple(f"Thank you for contacting us, case {n} is open." for n in range(4)),
        ("Thank you for your question about Paris.",),
    ),
    "ending": Target(
        tuple(f"Case {n} was closed. Your Nordwind service team" for n in range(4)),
        ("It is Paris. Your Nordwind service team",),
    ),
    "paragraph": Target(("§ 433 BGB", "§ 823 BGB", "§ 12 ZPO", "§§ 1, 2 StGB"), ("§ 999 BGB",)),
    "row": Target(("| a | 1 |", "| b | 2 |", "| c | 3 |", "| d | 4 |"), ("| Paris | 1 |",)),
    "semicolons": Target(("a;1;x", "b;2;y", "c;3;z", "d;4;x"), ("Paris;1;city",)),
    "command": Target(
        ("git commit -m x", "ls -la /tmp", "tar --extract -f a", "rm -r b"),
        ("git log --oneline", "curl -s https://paris.fr"),
    ),
    "stamped": Target(
        ("2024-01-02 10:00 start", "2024-01-02 11:00 stop", "2023-05-06 07:00 restart",
         "2022-12-01 00:00 stop"),
        ("2024-03-04 12:00 capital",),
    ),
    "head": Target(
        ("Queue: a", "Queue: b", "Queue: c", "Queue: d"), ("Queue: Paris", "**Queue:** city")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_made_up_outputs_have_the_form(name: str) -> None:
    """What was never an output, in the form of the outputs, is recognised by it."""
    forms = forms_of(TARGETS[name].outputs)

    for text in TARGETS[name].made_up:
        assert has_form(forms, text, wanted=(PROMPT, "Paris")), text


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_other_answers_have_no_form(name: str) -> None:
    """Words, numbers and sentences have none of the forms."""
    forms = forms_of(TARGETS[name].outputs)

    for text in PROSE:
        assert not has_form(forms, text, wanted=(PROMPT, "Paris")), text


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"tags"}))
def test_a_form_that_was_asked_for_is_none(name: str) -> None:
    """Where the prompt, or a right answer, has an output in the form, the answer may have it."""
    forms = forms_of(TARGETS[name].outputs)
    text = TARGETS[name].outputs[0]

    assert has_form(forms, text, wanted=(PROMPT,))
    assert not has_form(forms, text, wanted=(PROMPT, text))


@pytest.mark.parametrize("start", [" ", "\t", "-", " -", "\n ", "a", "| "])
def test_a_long_prompt_is_read_in_time(start: str) -> None:
    """Whatever it begins with, and also where a line of it does."""
    forms = forms_of(['{"queue": "billing"}'] * 6)
    began = time.monotonic()

    has_form(forms, "x", wanted=(start * 30_000 + "end", f"yes\n{start * 30_000}"))

    assert time.monotonic() - began < 5


def test_few_outputs_and_outputs_that_differ_have_no_form() -> None:
    """A form is what half of four outputs or more share."""
    assert forms_of(("card_arrival", "change_pin", "age_limit")) == NO_FORMS
    mixed = forms_of(("card_arrival", "It is late.", "Rome", "12 boxes", "no"))
    assert not has_form(mixed, "ask_the_film", wanted=(PROMPT,))
