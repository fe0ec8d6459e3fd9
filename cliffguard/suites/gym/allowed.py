"""Which generators of reasoning-gym may make items here, on which levels, and why not the others.

Looked at in reasoning-gym 0.1.25. A generator is allowed where

- its right answer is one short text that the generator itself works out from the item, so that a
  metric of ours can compare it: reasoning-gym's own scorers give part of a point for part of an
  answer, and are never run;
- its own scorer runs no text of a model either, so that nobody is led to a dangerous one;
- its items are the same in every process, and there are enough different ones on every level;
- one thing orders them. A level holds the items that reach up to its bound and beyond the bound of
  the level below. In reasoning-gym's own curricula a level holds those of all lower ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A generator that may be used.

    `levels` are its configs by bound, the easiest first; `unit` names what is bounded. `ask`
    stands after the generator's question and says how to answer. `is_sound` says whether a
    question has one right answer only.
    """

    unit: str
    levels: Mapping[int, Config]
    metric: str
    ask: str
    what: str
    why: str
    max_tokens: int = 24
    chance: float = 0.0
    covers: tuple[str, ...] = ()
    is_sound: Callable[[str], bool] = lambda _: True


def _exactly(low: str, high: str, bounds: Sequence[int], **fixed: Any) -> dict[int, Config]:
    """Return a config for each bound, whose items lie on it."""
    return {bound: {low: bound, high: bound, **fixed} for bound in bounds}


def _up_to(low: str, high: str, bounds: Sequence[int], *, least: int) -> dict[int, Config]:
    """Return a config for each bound, whose items lie between the one below and it."""
    lows = [least, *(bound + 1 for bound in bounds)]
    return {bound: {low: start, high: bound} for start, bound in zip(lows, bounds, strict=False)}


def _one_fact_answers(question: str) -> bool:
    """Say whether the fact that is asked for stands once: two people may like the same thing."""
    facts, _, asked = question.rpartition("\nWho ")
    return facts.count(f" {asked.partition('?')[0]}. ") == 1


_NUMBER = "Answer with the number only.\nAnswer:"
_STEPS = ("multi_step_reasoning",)

ALLOWED: Mapping[str, Allowed] = {
    "chain_sum": Allowed(
        unit="terms",
        levels=_exactly("min_terms", "max_terms", (2, 3, 4, 6, 8, 12), min_digits=2, max_digits=2),
        metric="numeric",
        ask=_NUMBER,
        what="Add and take away two-digit numbers, from two of them to twelve.",
        why="the answer is one whole number",
        covers=_STEPS,
    ),
    "products": Allowed(
        unit="digits",
        levels=_exactly("min_digits", "max_digits", (2, 3, 4, 5, 6)),
        metric="numeric",
        ask=_NUMBER,
        what="Multiply two numbers of two to six digits each.",
        why="the answer is one whole number; one digit each has too few items",
    ),
    "lcm": Allowed(
        unit="value",
        levels=_up_to("min_value", "max_value", (20, 50, 100, 300, 1000), least=2),
        metric="numeric",
        ask=_NUMBER,
        what="Find the least common multiple of two numbers, up to 20 and up to 1000.",
        why="the answer is one whole number",
    ),
    "basic_arithmetic": Allowed(
        unit="terms",
        levels=_exactly(
            "min_terms", "max_terms", (3, 4, 5, 6, 8),
            min_digits=1, max_digits=1, operators=("+", "-", "*"), allow_negation=False,
        ),
        metric="numeric",
        ask=_NUMBER,
        what="Reckon with +, -, * and brackets, three to eight one-digit numbers.",
        why="the answer is one whole number; without division, where it is at times rounded",
        covers=_STEPS,
    ),
    "base_conversion": Allowed(
        unit="value",
        levels=_up_to("min_value", "max_value", (100, 1000, 10_000, 100_000, 1_000_000), least=17),
        metric="exact_match",
        ask="Answer with the digits only.\nAnswer:",
        what="Write a number in another base, of 2 to 16, up to a hundred and up to a million.",
        why="a number has one spelling in a base; below 17 it may look the same in both",
        max_tokens=40,
    ),
    "spell_backward": Allowed(
        unit="letters",
        levels=_exactly("min_word_len", "max_word_len", (4, 5, 6, 7, 8, 9, 10)),
        metric="exact_match",
        ask="Answer with the word only.\nAnswer:",
        what="Spell a word of four to ten letters backward.",
        why="a word has one spelling; below four letters there are too few",
    ),
    "word_sequence_reversal": Allowed(
        unit="words",
        levels=_exactly("min_words", "max_words", (3, 5, 8, 12, 16)),
        metric="exact_match",
        ask="Answer:",
        what="Say three to sixteen words in reverse order.",
        why="the question fixes how the words are set apart",
        max_tokens=80,
    ),
    "needle_haystack": Allowed(
        unit="statements",
        levels=_exactly(
            "min_num_statements", "max_num_statements", (10, 25, 60, 150, 400, 1000)
        ),
        metric="exact_match",
        ask="Answer:",
        what="Find who did one thing among 10 to 1000 statements, about 32 characters each.",
        why="the answer is one name; items in which two people did it are left out",
        is_sound=_one_fact_answers,
    ),
    "course_schedule": Allowed(
        unit="courses",
        levels=_exactly("min_num_courses", "max_num_courses", (5, 8, 12, 16, 24)),
        metric="exact_match",
        ask="Answer with True or False only.\nAnswer:",
        what="Say whether courses can be taken in some order, among 5 to 24 of them.",
        why="the answer is True or False, each about half of the time",
        max_tokens=8,
        chance=0.5,
        covers=_STEPS,
    ),
    "knights_knaves": Allowed(
        unit="people",
        levels={n: {"n_people": n} for n in (2, 3, 4, 5, 6)},
        metric="normalized_match",
        ask="Answer:",
        what="Find out which of two to six people always lie, from what they say.",
        why="the question gives the sentence of the answer, one solution fits it",
        max_tokens=80,
        chance=0.25,  # of two people; of more it is less, and a level is judged the more strictly
        covers=_STEPS,
    ),
}  # fmt: skip

_EVALUATES = "its scorer runs what a model said as code (eval, or sympy's parser, which calls it)"
_EXECUTES = "it runs code that was found elsewhere while it makes items"
_VERIFIED = "its items have no answer of their own, or several: only its own checker can tell"
_UNSTABLE = "its items or answers differ from one process to the next"
_LONG = "its answer is a long text, a list or a grid, not one short exact text"
_UNORDERED = "no parameter of it orders its items by difficulty"
_CONSTANT = "few answers are most of its answers, so that saying one of them looks like ability"

REFUSED: Mapping[str, str] = {
    "binary_matrix": _EVALUATES,
    "countdown": _EVALUATES,
    "intermediate_integration": _EVALUATES,
    "n_queens": _EVALUATES,
    "number_sorting": _EVALUATES,
    "polynomial_multiplication": _EVALUATES,
    "puzzle24": _EVALUATES,
    "simple_integration": _EVALUATES,
    "spiral_matrix": _EVALUATES,
    "string_insertion": _EVALUATES,
    "codeio": _EXECUTES,
    "boxnet": _VERIFIED,
    "graph_color": _VERIFIED,
    "propositional_logic": _VERIFIED,
    "rubiks_cube": _VERIFIED,
    "rush_hour": _VERIFIED,
    "isomorphic_strings": _UNSTABLE,
    "knight_swap": _UNSTABLE,
    "ransom_note": _UNSTABLE,
    "word_ladder": _UNSTABLE,
    "caesar_cipher": _LONG,
    "game_of_life": _LONG,
    "group_anagrams": _LONG,
    "path_star": _LONG,
    "aiw": _UNORDERED,
    "calendar_arithmetic": _UNORDERED,
    "gsm_symbolic": _UNORDERED,
    "count_bits": _CONSTANT,
    "gcd": _CONSTANT,
    "composite": "it is a mixture of other generators: name them one by one",
    "family_relationships": "some of its answers are wrong: it calls a daughter-in-law a "
    "mother-in-law",
    "largest_island": "its items are grids of noughts and ones, which the checks for repeats and "
    "for overlap with training data cannot tell apart",
    "leg_counting": "some of its facts are in dispute: it gives a starfish five legs",
    "letter_counting": "its longer texts are pieces of one short book, and overlap",
    "number_sequence": "a sequence can be continued in more than one way",
    "simple_equations": "its terms are gathered before the equation is shown, so that its levels "
    "look alike",
    "string_manipulation": "on its lower levels the answer is mostly the string that was given, on "
    "its upper ones it is at times empty",
}
"""Generators that were looked at and are not allowed, each with its reason."""
