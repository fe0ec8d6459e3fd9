"""Step-by-step arithmetic: steps times digits, as signs, in words and as a story.

The wrong choices are near: the four numbers lie one to three, or ten, apart.
"""

from __future__ import annotations

import random

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import THINGS, names, near_numbers, plural

STEPS_AND_DIGITS = {1: (1, 1), 2: (1, 2), 3: (2, 2), 4: (3, 2), 5: (4, 2), 6: (4, 3)}
"""By level."""


def _draw(level: int, source: random.Random) -> LadderItem:
    n_steps, n_digits = STEPS_AND_DIGITS[level]
    low, high = (2 if n_digits == 1 else 10 ** (n_digits - 1)), 10**n_digits - 1
    total = first = source.randint(low, high)
    steps: list[tuple[str, int]] = []
    for _ in range(n_steps):
        number = source.randint(low, high)
        sign = source.choice("+-")
        if sign == "-" and number >= total:
            sign = "+"
        total += number if sign == "+" else -number
        steps.append((sign, number))
    prompt, question = source.choice((_signs, _words, _story))(first, steps, source)
    wrong = near_numbers(total, source)
    return LadderItem(prompt=prompt, answer=str(total), wrong=wrong, question=question)


_HOW = "Answer with the number only.\nAnswer:"


def _signs(first: int, steps: list[tuple[str, int]], _: random.Random) -> tuple[str, str]:
    text = str(first) + "".join(f" {sign} {number}" for sign, number in steps)
    return f"What is {text}? The answer is", f"What is {text}? {_HOW}"


def _words(first: int, steps: list[tuple[str, int]], _: random.Random) -> tuple[str, str]:
    phrases = {"+": "Add", "-": "Take away"}
    does = " ".join(f"{phrases[sign]} {number}." for sign, number in steps)
    text = f"Start with {first}. {does}"
    return f"{text} The result is", f"{text} What is the result? {_HOW}"


def _story(first: int, steps: list[tuple[str, int]], source: random.Random) -> tuple[str, str]:
    (who,), thing = names(1, source), plural(source.choice(THINGS))
    phrases = {"+": "gets {n} more", "-": "gives {n} away"}
    does = ". Then ".join(f"{who} {phrases[sign].format(n=n)}" for sign, n in steps)
    text = f"{who} has {first} {thing}. Then {does}."
    ask = f"{text} How many {thing} does {who} have now?"
    return f"{ask} The answer is", f"{ask} {_HOW}"


ARITHMETIC = Generator(
    name="arithmetic", level_name="stage", levels=tuple(STEPS_AND_DIGITS), draw=_draw
)
