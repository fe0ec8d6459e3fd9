"""What the pages of docs/ladders say in words; scripts/ladder_pages.py adds what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The prose of one page.

    `levels` says what a level asks for; `samples` are (level, number in it) of the items shown.
    """

    title: str
    measures: str
    levels: Mapping[int, str]
    made: tuple[str, ...]
    shortcuts: tuple[str, ...]
    choose: str
    samples: tuple[tuple[int, int], ...]


_NUMBERS_ALONE = (
    "the four numbers alone say nothing, since each is as likely to be the right one "
    "(*a step away*, which knows how they are made, guesses)."
)

TEXTS: Mapping[str, Text] = {
    "relation_hops": Text(
        title="Relation hops",
        measures="Whether a model follows facts from person to person to the end: the boss of the "
        "boss of someone. Nothing has to be known. Each hop is one look-up, and the difficulty is "
        "to look up next what the last look-up gave.",
        levels={
            1: "one look-up among 6 facts",
            2: "two, each for the next, among 8 facts",
            3: "three among 10 facts",
            4: "four among 12 facts",
            5: "five among 14 facts",
            6: "six among 16 facts",
        },
        made=(
            "Two chains of people. The asked one starts with the person of the question and goes "
            "two people beyond the answer, the other one is as long; their facts are shuffled "
            "together. An item has one of six titles (“the guide of A is B”) or one of five verbs "
            "(“A trusts B”).",
            "Wrong choices: the first person on the way, the person after the right one, and the "
            "one who is as far along the other chain. At one hop, where the first person on the "
            "way is right, another one of the other chain takes its place. All four are named "
            "twice.",
        ),
        shortcuts=(
            "One hop is looking up, and *after cue*, which reads on from the place where the "
            "question's words stand before, solves it. From two hops on it is right less often "
            "than guessing, since it stops after the first hop, at a wrong choice.",
        ),
        choose="Take it where the work needs facts put together: tickets with a history, "
        "contracts, who reports to whom. It is the plainest measure of multi-step reasoning here. "
        "It says nothing about reckoning, and one hop nothing about reasoning.",
        samples=((1, 0), (3, 0), (6, 0)),
    ),
    "arithmetic": Text(
        title="Arithmetic",
        measures="Whether a model adds and takes away whole numbers, several times in a row.",
        levels={
            1: "one step, numbers of one digit",
            2: "one step, two digits",
            3: "two steps, two digits",
            4: "three steps, two digits",
            5: "four steps, two digits",
            6: "four steps, three digits",
        },
        made=(
            "Numbers and signs are drawn; no result on the way is below one. An item is written "
            "with signs, in words (“Start with 33. Add 38.”) or as a story about an invented "
            "person.",
            "The four numbers lie 1, 2, 3 or 10 apart, and each of them is as likely to be the "
            "right one: the gaps are drawn first, then its rank.",
            "Of one-digit sums there are few: two seeds share some items of stage 1.",
        ),
        shortcuts=(f"None that is known: {_NUMBERS_ALONE}",),
        choose="Take it where the work has sums in it, or as a cheap sign that step-by-step work "
        "suffers: its items are the shortest of all ladders. Prefer `ladders-generated` if the "
        "model answers with a number when asked to. A model that must think aloud to add will look "
        "worse than it is.",
        samples=((1, 1), (4, 2), (6, 1)),
    ),
    "table_chains": Text(
        title="Table chains",
        measures="Whether a model reads tables: finds a row, finds it by two values at once, "
        "compares, and goes on in a second table.",
        levels={
            1: "one cell of the row with a name; four rows",
            2: "the same in eight rows",
            3: "backwards: the name in the row with a town; six rows",
            4: "the row with a town and a job, where each alone fits two rows",
            5: "the most points among the three rows with a town; the most of all are elsewhere",
            6: "the flag, in a second table, of the town in the first",
        },
        made=(
            "Rows of invented people with a town, a job and points. A table is written as "
            "Markdown, with commas, or as one line of “column: value” a row; rows are in random "
            "order.",
            "Wrong choices are three other entries of the column that is asked for. At stages 4 "
            "and 5 they may miss the rows that fit half of the question, which makes such an item "
            "easier.",
        ),
        shortcuts=(
            "None of the strategies comes far from guessing at any stage: all choices stand in "
            "the table, each once.",
        ),
        choose="Take it where prompts carry tables, records or logs. Stages are of different "
        "kinds, so compare a stage with itself between base and candidate, not with its "
        "neighbour.",
        samples=((1, 0), (4, 1), (6, 0)),
    ),
    "altered_rules": Text(
        title="Altered rules",
        measures="Whether a model follows a rule of the prompt that goes against what it knows. "
        "The answer from memory is a wrong choice wherever there can be one, so a fine-tune that "
        "falls back on habit loses here.",
        levels={
            1: "four things have other colours in an invented land",
            2: "two words for colours mean each other",
            3: "a list is read from its end",
            4: "one arithmetic sign means another",
            5: "two signs do, in two steps from left to right",
            6: "the same from right to left",
        },
        made=(
            "Invented lands, ten things that everybody knows the colour of, lists of six things, "
            "and sums with small numbers. Reckoning goes in the direction that is told, without "
            "precedence.",
            "Wrong choices: what habit says, and colours or things of the same text. Of numbers "
            "what habit says, and a neighbour of each of the two.",
        ),
        shortcuts=(
            "Stage 1 is looking up (*after cue*). At stage 2 two of the choices are named and one "
            "of them is right, so that naming alone gives one half. At stage 3 the list is read "
            "from its end, so the choice that is named last is right more often.",
            f"From stage 4 on {_NUMBERS_ALONE}",
        ),
        choose="Take it where the model must do as the prompt says although it learned otherwise: "
        "house rules, odd formats, policies that change. Stages 1 to 3 need no reckoning; with "
        "`gate_levels: [1, 2, 3]` it measures that alone.",
        samples=((1, 0), (3, 0), (6, 1)),
    ),
    "instruction_constraints": Text(
        title="Instruction constraints",
        measures="Whether a model minds several demands on form at once: words to use and to "
        "avoid, how many, the first and the last, the final sign, a comma, capitals. All are "
        "checked by a machine.",
        levels={n: f"{n} constraint{'s' if n > 1 else ''} at once" for n in range(1, 7)},
        made=(
            "A sentence is drawn first, then constraints that it meets, in random order. By "
            "likelihood a model has to prefer it to three sentences of much the same words and "
            "length. One breaks a constraint, one another constraint, and one both: each differs "
            "from the right one in one part or in two. Of a single constraint all three break it.",
            "Generated, any sentence counts that meets them all; the sentence of the other form "
            "plays no part.",
        ),
        shortcuts=(
            "The four sentences alone say nothing from two constraints on: each resembles two of "
            "the others alike (*most alike*, *least alike*).",
            "Generated, a level of one or two constraints can be met by luck: nearly any sentence "
            "lacks the word that is forbidden.",
        ),
        choose="Take it where answers have a form to keep. Prefer `ladders-generated`, where the "
        "model writes: preferring the right sentence by likelihood is a weaker sign of it, and "
        "fits bases that do not follow instructions.",
        samples=((1, 0), (4, 2), (6, 0)),
    ),
    "calendar_and_units": Text(
        title="Calendar and units",
        measures="Whether a model goes on from day to day, or from one invented unit to the next, "
        "in several steps.",
        levels={
            1: "one step: the day after, or one unit in another",
            2: "two steps, of a day or two forth or back or of a week, or through one unit between",
            3: "three steps",
            4: "four steps",
            5: "five steps",
        },
        made=(
            "Three kinds: days in one phrase (“two days before the day after Monday”), events that "
            "are told in order, each dated by the one before, and units that nobody knows, each so "
            "many of the next, in random order. From two steps on each kind is about a third of "
            "the items; at one step there are few phrases of days, and more units.",
            "Wrong days are any others. One wrong amount is what a step too few or too many gives, "
            "or the sum instead of the product; the other two are neighbours of it and of the "
            "right one.",
        ),
        shortcuts=(
            "At one step a unit item only repeats a number of the prompt, so that naming helps "
            "(*first named*, *last named*, *most named* agree there, since one choice is named).",
            f"Of units {_NUMBERS_ALONE}",
        ),
        choose="Take it where dates and conversions matter, beside `arithmetic`: it multiplies, "
        "and has steps in words. Leave step 1 out of `gate_levels` if you want steps measured.",
        samples=((1, 2), (3, 1), (5, 2)),
    ),
    "state_tracking": Text(
        title="State tracking",
        measures="Whether a model keeps a state up to date while a text changes it: who holds "
        "what after swaps.",
        levels={
            0: "no swap: what is told is asked",
            1: "one swap, in which the person asked for takes part",
            2: "two swaps",
            3: "three swaps",
            4: "four swaps",
            5: "five swaps",
        },
        made=(
            "Four invented people hold four things. The person of the question takes part in the "
            "first swap, and no swap undoes the one right before it. Two wordings of holding, "
            "three of swapping.",
            "The choices are the four things, each named once in the text.",
        ),
        shortcuts=(
            "Without a swap it is looking up (*after cue*). At one and two swaps that strategy, "
            "which reads the start and passes over the swaps, is never right: a model that scores "
            "below guessing there does the same. From three swaps on a thing may have come back.",
        ),
        choose="Take it where something changes while the model reads: orders, tickets, code, "
        "games. Level 0 is there to be compared with: a model that fails it fails at reading, not "
        "at tracking.",
        samples=((0, 0), (3, 0), (5, 1)),
    ),
    "key_value_retrieval": Text(
        title="Key-value retrieval",
        measures="Whether a model still finds one of four facts when the text around them gets "
        "long. It asks for looking up and for nothing else, so a drop at the long levels speaks of "
        "the context, such as of a fine-tune on short texts.",
        levels={
            256: "256 tokens at the most",
            512: "512 tokens",
            1024: "1,024 tokens",
            2048: "2,048 tokens",
            4096: "4,096 tokens",
            8192: "8,192 tokens",
            16384: "16,384 tokens",
            32768: "32,768 tokens",
        },
        made=(
            "Four facts about invented people, one in each quarter of a text of plain sentences "
            "about others; one is asked for, in one of three wordings. A token is taken to be "
            "three characters, less than it mostly is in such text, so that a level fits into a "
            "window of its length.",
            "Wrong choices are the things of the three other facts, so that only the pairing "
            "helps.",
            "The texts are made when the suite is loaded, and checked by their digest. Levels "
            "beyond the smaller window of base and candidate are left out, and the report says so.",
        ),
        shortcuts=(
            "Looking up is the task, so that *after cue* is not a shortcut but the task done "
            "badly: it takes the last three words, which hold the name in two of three wordings.",
        ),
        choose="Take it, as the suite `long-context`, where prompts are long, or where the "
        "fine-tune's are short. Its long levels cost far more time than any other ladder: ask "
        "fewer items with `--limit`.",
        samples=((256, 0), (1024, 0), (4096, 0)),
    ),
}
