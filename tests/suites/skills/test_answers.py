"""Right answers of made chats, worked out again from their words; and what must not be right."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import pytest

from cliffguard.suites import skills
from cliffguard.suites.scorers import SCORERS


def made(name: str, n: int = 36) -> list[dict[str, Any]]:
    """Return rows of every level."""
    return skills.make(name, seed="a", n_per_level=n)


def numbers(text: str) -> list[int]:
    """Return the whole numbers of a text."""
    return [int(number) for number in re.findall(r"\d+", text)]


def test_counts_are_those_of_the_story() -> None:
    """Event by event, from the words alone."""
    for row in made("counting_problems"):
        story = row["messages"][0]["content"].split("\n")[0]
        first, *events = re.split(r"(?<=\.) ", story)[:-1]
        (total,) = numbers(first)
        for event in events:
            if "half" in event:
                assert total % 2 == 0
                total //= 2
            elif len(numbers(event)) == 2:
                k, a = numbers(event)
                total += k * a
            else:
                (a,) = numbers(event)
                is_less = re.search(r"get off|away|buys", event)
                total += -a if is_less else a
        assert str(total) == row["answer"]


def test_money_is_reckoned_as_its_story_goes() -> None:
    """Event by event: what is bought, spent or taken out goes, all else comes."""
    for row in made("money_problems"):
        story = row["messages"][0]["content"].split("\n")[0]
        first, *events = re.split(r"(?<=\.) ", story)[:-1]
        (total,) = numbers(first)
        assert len(events) == row["steps"]
        for event in events:
            amount = math.prod(numbers(event))
            total += -amount if re.search("buys|spends|takes", event) else amount
        assert str(total) == row["answer"]


def test_a_day_of_work_comes_out_even() -> None:
    """Whole boxes are filled, and nothing is ever below zero."""
    for row in made("work_problems", 240):
        story, level = row["messages"][0]["content"].split("\n")[0], row["steps"]
        n, m, *rest = numbers(story)
        result = n * m
        if level > 1:
            result -= rest[0]
        if level > 2:
            assert result % rest[1] == 0
            result //= rest[1]
        if level > 3:
            result *= rest[2]
        if level > 4:
            result += rest[3] if "delivery" in story else -rest[3]
        assert result > 0
        assert str(result) == row["answer"]


@pytest.mark.parametrize("name", ["which_tool", "tool_arguments"])
def test_the_right_tool_stands_everywhere_equally_often(name: str) -> None:
    """Always calling the first tool scores chance on every level."""
    level = skills.SKILLS[name].level_name or ""
    for number in skills.SKILLS[name].levels:
        rows = [row for row in made(name) if row[level] == number]
        names = [[tool["function"]["name"] for tool in row["tools"]] for row in rows]
        places = Counter(
            tools.index(row["answer"]["name"]) for tools, row in zip(names, rows, strict=True)
        )
        assert set(places.values()) == {len(rows) // len(names[0])}


def test_half_of_the_chats_need_a_call() -> None:
    """Neither always calling nor never does for a strategy."""
    calls = Counter(bool(row["answer"]) for row in made("call_or_not"))

    assert calls == {True: 18, False: 18}


def test_what_fits_nothing_is_offered_nowhere() -> None:
    """The tool that was asked for is not among those of the chat."""
    for row in made("nothing_fits"):
        assert row["answer"] == []
        asked_for = row["messages"][-1]["content"].casefold()
        verbs = [tool["function"]["name"].split("_")[1] for tool in row["tools"]]
        assert not any(re.search(rf"\b{verb} ", asked_for) and verb != "find" for verb in verbs)


def test_a_result_is_said_in_words_with_or_without_a_unit() -> None:
    """The number alone of the result; all of it, JSON, a call, or another number are wrong."""
    score = SCORERS["regex"].score
    for row in made("after_result"):
        ask, call, result = row["messages"][1:]
        name = call["tool_calls"][0]["function"]["name"]
        values = json.loads(result["content"])
        (n,) = (value for key, value in values.items() if key in ask["content"])
        other = next(value for value in values.values() if value != n)
        for right in (
            f"{n}mm",
            f"{n}km/h.",
            f"It has {n}%, says {name}.",
            f"**{n}** m2",
            f"{n}.0 °C",
            f"_{n}_",
        ):
            assert score(right, row["answer"]) == 1.0, right
        for wrong in (
            result["content"],
            f'{{"n": {n}}}',
            f"[{n}]",
            f"{name}(town={n})",
            f"{n} or {other}",
            f"{n}, not 5",
            f"-{n}",
            f"{n}.5",
            f"1,0{n}",
            f"{n}00",
            "It is warm.",
            "",
        ):
            assert score(wrong, row["answer"]) == 0.0, wrong


def test_a_forbidden_word_is_forbidden_in_its_forms() -> None:
    """Singular and plural, which the item names; another word that holds it is allowed."""
    score = SCORERS["regex"].score
    for row in made("system_forbidden_word"):
        rule = row["messages"][0]["content"]
        forms = re.findall(r'"(\w+)"', rule)
        assert len(forms) == 2
        assert "any form" in rule
        for form in forms:
            for written in (
                form,
                form.upper(),
                f"{form}'s",
                f"*{form}*",
                f"_{form}_",
                f"{form}-like",
            ):
                assert score(f"That is the {written} of it.", row["answer"]) == 0.0, written
            assert score(f"That is un{form}ish of it.", row["answer"]) == 1.0
        for wrong in ("", "No.", "1 2 3 4", "... ... ..."):
            assert score(wrong, row["answer"]) == 0.0, wrong


RIGHT_FORMS = {
    "is_lower_case": ["horses are strong! 🐎", "mr. smith likes 3 trains. :)"],
    "is_upper_case": ["HORSES ARE STRONG! 🐎", "MR. SMITH LIKES 3 TRAINS."],
    "last_word": ["Mr. Smith likes trains, over. 🐎"],
    "first_word": ["Well, Mr. Smith likes trains. :)"],
    "max_words": ["Horses are strong! 🐎", "Horses are strong. :)", "Mr. Smith likes trains."],
    "has_comma": ["Horses are strong! 🐎", "Mr. Smith likes trains. So do I."],
}
WRONG_FORMS = {
    "is_lower_case": ["Horses are strong."],
    "is_upper_case": ["HORSES are strong."],
    "last_word": ["It is over: trains are good."],
    "first_word": ["Trains are doing well."],
    "max_words": ["Horses are strong and " + "very " * 8 + "fast."],
    "has_comma": ["Horses are strong, and they are fast."],
}


def test_a_form_is_kept_by_words_and_by_no_trick() -> None:
    """Smileys, emojis and abbreviations break none; signs and numbers alone keep none."""
    score, kinds = SCORERS["constraints"].score, set()
    for row in made("system_format"):
        (kind,) = set(json.loads(row["answer"])) & set(RIGHT_FORMS)
        kinds.add(kind)
        for right in RIGHT_FORMS[kind]:
            assert score(right, row["answer"]) == 1.0, right
        for wrong in (*WRONG_FORMS[kind], "...... 1 1 1", "🐎 🐎 🐎", "well over", ""):
            assert score(wrong, row["answer"]) == 0.0, wrong
    assert kinds == set(RIGHT_FORMS)


def test_all_that_was_said_is_no_recall() -> None:
    """Each turn is asked for equally often, and repeating every fact is wrong."""
    for level in (2, 6, 12):
        rows = [row for row in made("recall", 36) if row["turns"] == level]
        asked_at = []
        for row in rows:
            facts = [turn["content"] for turn in row["messages"] if turn["role"] == "user"][:-1]
            assert SCORERS["constraints"].score(" ".join(facts), row["answer"]) == 0.0
            (value,) = json.loads(row["answer"])["includes"]
            asked_at.append(next(n for n, t in enumerate(facts) if value in t.casefold()))
        assert set(Counter(asked_at).values()) == {len(rows) // level}


def test_a_fence_is_all_of_the_answer() -> None:
    """The block alone is right; without its mark, or with words around it, it is wrong."""
    for row in made("code_fences"):
        ask = row["messages"][0]["content"]
        (mark,) = re.findall(r"```(\w+)", ask)
        line = ask.split("\n")[-1]
        score = SCORERS["regex"].score
        assert score(f"```{mark}\n{line}\n```", row["answer"]) == 1.0
        assert score(f"```{mark}\r\n{line}\r\n```\r\n", row["answer"]) == 1.0
        assert score(f"```\n{line}\n```", row["answer"]) == 0.0
        assert score(f"Here it is:\n```{mark}\n{line}\n```", row["answer"]) == 0.0


def test_an_object_by_its_schema_is_right() -> None:
    """With all of the keys and one of the wrong type it is wrong."""
    values = {"string": "a", "integer": 7, "boolean": True, "array": ["a"]}
    for row in made("json_by_schema"):
        properties = row["answer"]["properties"]
        right = {
            key: of["enum"][0] if "enum" in of else values[of["type"]]
            for key, of in properties.items()
        }
        schema = json.dumps(row["answer"])
        assert SCORERS["json_schema"].score(json.dumps(right), schema) == 1.0
        wrong = {**right, next(iter(right)): {}}
        assert SCORERS["json_schema"].score(json.dumps(wrong), schema) == 0.0


def test_the_corrected_value_is_right_and_the_old_one_wrong() -> None:
    """The chat says the new one last."""
    for row in made("correction"):
        wanted = json.loads(row["answer"])
        texts = " ".join(turn["content"] for turn in row["messages"]).casefold()
        assert texts.rindex(wanted["includes"][0]) != texts.find(wanted["excludes"][0])
        both = f"not {wanted['excludes'][0]} but {wanted['includes'][0]}"
        assert SCORERS["constraints"].score(both, row["answer"]) == 0.0


def test_numbers_are_asked_for_as_they_are_scored() -> None:
    """In digits, without separators, and where the last number counts, last."""
    for row in [*made("recall"), *made("correction")]:
        if json.loads(row["answer"])["includes"][0].isdigit():
            assert row["messages"][-1]["content"].endswith(
                "as four digits without a sign between them?"
            )
    for row in made("topic_switch"):
        assert "in digits" in row["messages"][-1]["content"]
    for name in ("money_problems", "work_problems", "counting_problems"):
        for row in made(name):
            ending = row["messages"][0]["content"].split("\n")[-1]
            assert re.search("in digits", ending)
            assert re.search("last line", ending)


def test_exact_capitals_are_spelt_out() -> None:
    """Every word that the item lists, and no word of the request."""
    rows = [row for row in made("exact_line") if "capital letters" in row["messages"][0]["content"]]
    for row in rows:
        listed = re.search("the words (.+) in capital", row["messages"][0]["content"])
        assert listed is not None
        assert SCORERS["text"].score(listed[1].upper(), row["answer"]) == 1.0
        assert SCORERS["text"].score(listed[1], row["answer"]) == 0.0
    assert rows


def test_requests_read_well() -> None:
    """No sign stands twice, and only nouns have a plural."""
    texts = [
        row["messages"][-1]["content"]
        for name in ("which_tool", "call_or_not", "nothing_fits", "tool_arguments", "two_calls")
        for row in made(name)
    ]
    assert [text for text in texts if re.search(r",[.?,]", text)] == []
    assert [
        text for text in texts if re.search("plural of the word (early|dark|small)", text)
    ] == []
