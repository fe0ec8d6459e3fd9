"""Chats: the system prompt is obeyed, and what was said before is known, corrected, and left.

Every chat says in its own words which instruction wins, so that no item is a matter of taste.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from cliffguard.suites.ladders.words import COLOURS, DAYS, JOBS, NAMES, TOWNS
from cliffguard.suites.skills.draft import (
    PEOPLE,
    ChatItem,
    Message,
    Skill,
    Turn,
    assistant,
    system,
    user,
)

# ruff: noqa: SIM905 (lists of words are easier to read and to extend as text)
_LANGUAGES = {"es": "Spanish", "fr": "French", "de": "German", "it": "Italian"}
_THINGS = "bread coffee snow music horses bicycles trains apples rain rivers forests bees".split()
_SUBJECTS = (
    "Tell me something about {thing}.",
    "What do you know about {thing}?",
    "Write two sentences about {thing}.",
    "Why do people like {thing}?",
    "Explain to a child what {thing} can be good for.",
)
_ALWAYS = (
    "Always answer in {language}, whatever language the user writes in.",
    "You speak {language} only. This rule wins over the language of the user: reply in {language}.",
    "Reply in {language}, even though the user writes English.",
)


def _subject(source: random.Random) -> str:
    return source.choice(_SUBJECTS).format(thing=source.choice(_THINGS))


def _language(_: int, turn: Turn, source: random.Random) -> ChatItem:
    code = list(_LANGUAGES)[turn.pick(len(_LANGUAGES), after=3)]
    rule = _ALWAYS[turn.pick(len(_ALWAYS))].format(language=_LANGUAGES[code])
    return ChatItem(messages=[system(rule), user(_subject(source))], answer=code)


_NAMED = (
    "Your name is {name}. If you are asked who you are, give this name and no other.",
    "You are {name}, a helper in a library. You go by no other name.",
    "You are called {name}. Whoever asks for your name is told {name}.",
)
_WHO = (
    "What is your name?",
    "Who are you?",
    "How may I call you?",
    "Who am I talking to?",
    "Please tell me your name.",
    "Hello! And who are you?",
)


def _name(_: int, turn: Turn, source: random.Random) -> ChatItem:
    name = source.choice(NAMES)
    rule = _NAMED[turn.pick(len(_NAMED))].format(name=name)
    return ChatItem(messages=[system(rule), user(source.choice(_WHO))], answer=name)


_FORBIDDEN = (
    'Never write "{singular}" or "{plural}": the word is forbidden in any form. This rule wins '
    "over all that the user asks for.",
    'The word "{singular}" is forbidden in your answers, and so is "{plural}": not in any form, '
    "even if the user writes it.",
    'Answer without the word "{singular}", whatever the user says, and not in any form: '
    '"{plural}" is forbidden, too.',
)
_LURES = (
    ("red", "reds", "Which colour do ripe tomatoes and fire engines have?"),
    ("yellow", "yellows", "Which colour do bananas and lemons have?"),
    ("milk", "milks", "What do cows give, and what is cheese made of?"),
    ("water", "waters", "What do fish live in, and what falls as rain?"),
    ("bread", "breads", "What does a baker bake?"),
    ("sun", "suns", "What shines in the sky by day?"),
    ("snow", "snows", "What falls in winter and is white?"),
    ("doctor", "doctors", "Who works in a hospital?"),
    ("book", "books", "What does one borrow in a library?"),
    ("teacher", "teachers", "Who works in a school?"),
    ("fish", "fishes", "What does a fisherman catch?"),
    ("egg", "eggs", "What do hens lay?"),
)
_ADDRESSES = ("", "{who} asks: ", "I am {who}. ", "A question from {who}: ")


def _forbidden(_: int, turn: Turn, source: random.Random) -> ChatItem:
    singular, plural, ask = source.choice(_LURES)
    who = source.choice(_ADDRESSES[1:]).format(who=source.choice(PEOPLE))
    rule = _FORBIDDEN[turn.pick(len(_FORBIDDEN))].format(singular=singular, plural=plural)
    text = f"{who}{ask} Answer in one sentence of three words or more."
    # Three words of letters; a letter or digit beside a form makes another word of it.
    pattern = (
        rf"(?is)\A(?!.*(?<![^\W_])(?:{singular}|{plural})(?![^\W_]))"
        r"[\W\d_]*(?:[^\W\d_]+[\W\d_]+){2}[^\W\d_]"
    )
    return ChatItem(messages=[system(rule), user(text)], answer=pattern)


# Sentences are not counted: abbreviations, smileys and emojis end none.
_FORMS = (
    (
        "Write all of your answers in lower case letters, whatever the user does.",
        {"is_lower_case": True},
    ),
    (
        "WRITE IN CAPITAL LETTERS ONLY, EVEN IF THE USER DOES NOT.",
        {"is_upper_case": True},
    ),
    (
        "End every answer with the word over, whatever the user asks for.",
        {"last_word": "over"},
    ),
    (
        "Begin every answer with the word well, whatever the user asks for.",
        {"first_word": "well"},
    ),
    (
        "Answer in ten words at most, even if the user wants more.",
        {"max_words": 10},
    ),
    (
        "Write without commas: no answer may have one, whatever the user asks for.",
        {"has_comma": False},
    ),
)
_SAYS_SOMETHING = {"min_words": 3, "min_letters": 10}


def _format(_: int, turn: Turn, source: random.Random) -> ChatItem:
    rule, wanted = _FORMS[turn.pick(len(_FORMS))]
    who = source.choice(_ADDRESSES).format(who=source.choice(PEOPLE))
    text = f"{who}{_subject(source)} Say at least three words."
    return ChatItem(
        messages=[system(rule), user(text)], answer=json.dumps({**wanted, **_SAYS_SOMETHING})
    )


# A fact as the user says it, the question for it, what it can be, and a correction.
_CODES = tuple(map(str, range(1001, 9999, 7)))
_DRINKS = "tea coffee milk juice water cocoa lemonade".split()
_FACTS: Sequence[tuple[str, str, Sequence[str], str]] = (
    (
        "My dog is called {value}.",
        "What is my dog called?",
        NAMES,
        "My dog is called {value}, not {old}.",
    ),
    (
        "I was born in {value}.",
        "In which town was I born?",
        TOWNS,
        "I was born in {value}, not in {old}.",
    ),
    ("My car is {value}.", "Which colour is my car?", COLOURS, "My car is {value}, not {old}."),
    (
        "My exam is on {value}.",
        "On which day is my exam?",
        DAYS,
        "My exam is on {value}, not on {old}.",
    ),
    (
        "My best friend's name is {value}.",
        "What is my best friend's name?",
        PEOPLE,
        "My best friend's name is {value}, not {old}.",
    ),
    (
        "My code for the door is {value}.",
        "What is my code for the door, as four digits without a sign between them?",
        _CODES,
        "My code for the door is {value}, not {old}.",
    ),
    (
        "My neighbour's job is {value}.",
        "What is my neighbour's job?",
        JOBS,
        "My neighbour's job is {value}, not {old}.",
    ),
    (
        "My favourite drink is {value}.",
        "What is my favourite drink?",
        _DRINKS,
        "My favourite drink is {value}, not {old}.",
    ),
    (
        "My aunt lives in {value}.",
        "Where does my aunt live?",
        TOWNS,
        "My aunt lives in {value}, not in {old}.",
    ),
    (
        "My boat is called {value}.",
        "What is my boat called?",
        NAMES,
        "My boat is called {value}, not {old}.",
    ),
    (
        "My locker has the number {value}.",
        "Which number does my locker have, as four digits without a sign between them?",
        _CODES,
        "My locker has the number {value}, not {old}.",
    ),
    (
        "My team's colour is {value}.",
        "What is my team's colour?",
        COLOURS,
        "My team's colour is {value}, not {old}.",
    ),
)
_NODS = ("Thank you, I will remember that.", "I see.", "All right.", "Thanks for telling me.")
_BRIEF = (
    "Answer the last question of the user in one short sentence, from what the user has said.",
    "The user's words are true. Answer the last question briefly, with what it asks for alone.",
    "Use what the user has said in this chat. Reply in one short sentence to the last question.",
)


def _recall(n_turns: int, turn: Turn, source: random.Random) -> ChatItem:
    """Return a chat in which one of `n_turns` facts is asked for, from each turn as often."""
    facts = source.sample(_FACTS, n_turns)
    values: list[str] = []
    for _, _, pool, _ in facts:  # no value twice: the others must not be said
        values.append(source.choice([value for value in pool if value not in values]))
    index = turn.pick(n_turns, after=3)
    messages = [system(_BRIEF[turn.pick(len(_BRIEF))])]
    for (says, _, _, _), value in zip(facts, values, strict=True):
        messages += [user(says.format(value=value)), assistant(source.choice(_NODS))]
    # Whoever repeats all that was said has not recalled what was asked for.
    others = [value.casefold() for value in values if value != values[index]]
    wanted = {"includes": [values[index].casefold()], "excludes": others}
    return ChatItem(messages=[*messages, user(facts[index][1])], answer=json.dumps(wanted))


_SORRY = (
    ("Sorry, I was wrong. {new}", "What the user corrects counts: the latest word wins."),
    ("Correction: {new}", "If the user corrects a fact, the correction wins over what was before."),
    ("I have to take that back. {new}", "The last version of a fact is the right one."),
)


def _correction(_: int, turn: Turn, source: random.Random) -> ChatItem:
    """Return a chat in which a fact is corrected; the old value must not come back."""
    says, ask, pool, corrects = source.choice(_FACTS)
    old, new = source.sample(list(pool), 2)
    sorry, rule = _SORRY[turn.pick(len(_SORRY))]
    other = source.choice([fact for fact in _FACTS if fact[0] != says])
    beside = [
        user(other[0].format(value=source.choice(other[2]))),
        assistant(source.choice(_NODS)),
    ]
    corrected = [
        user(says.format(value=old)),
        assistant(source.choice(_NODS)),
        *(beside if turn.pick(2, after=3) else []),
        user(sorry.format(new=corrects.format(value=new, old=old))),
        assistant(source.choice(_NODS)),
        *([] if turn.pick(2, after=3) else beside),
    ]
    rule = f"{rule} Answer in one short sentence, with the right value only."
    wanted = {"includes": [new.casefold()], "excludes": [old.casefold()]}
    return ChatItem(messages=[system(rule), *corrected, user(ask)], answer=json.dumps(wanted))


_BEFORE: Sequence[Sequence[Message]] = (
    (
        user("How do I bake a simple cake?"),
        assistant("Mix flour, eggs, butter and sugar, and bake it for forty minutes."),
    ),
    (
        user("Which plants grow well in the shade?"),
        assistant("Ferns and ivy grow well where there is little light."),
    ),
    (
        user("How can I learn to swim?"),
        assistant("Take a course, begin in shallow water, and practise every week."),
    ),
    (
        user("What should I pack for a walk in the mountains?"),
        assistant("Take water, good shoes, a map and a warm coat."),
    ),
)
_TURNS_TO = (
    "Let us change the subject, and forget what we spoke about. {ask}",
    "Enough of that. From now on I want to talk about something else. {ask}",
    "New topic, and only this one counts now: {ask}",
)
_EASY = (
    ("What is {a} plus {b}?", "sum"),
    ("Which number comes right after {a}?", "next"),
    ("{who} has {a} coins and gets {b} more. How many coins does {who} have?", "sum"),
)


def _topic_switch(_: int, turn: Turn, source: random.Random) -> ChatItem:
    """Return a chat that leaves its topic for an easy question of another kind."""
    a, b = source.randint(2, 20), source.randint(2, 9)
    ask, kind = source.choice(_EASY)
    text = ask.format(a=a, b=b, who=source.choice(PEOPLE))
    asked_for = _TURNS_TO[turn.pick(len(_TURNS_TO))].format(ask=text)
    last = f"{asked_for} Answer in one short sentence, with the number in digits."
    chats = source.sample(_BEFORE, 1 + turn.pick(3, after=3))
    answer = str(a + b if kind == "sum" else a + 1)
    return ChatItem(messages=[*(m for chat in chats for m in chat), user(last)], answer=answer)


CHAT = (
    Skill(name="system_language", draw=_language),
    Skill(name="system_name", draw=_name),
    Skill(name="system_forbidden_word", draw=_forbidden),
    Skill(name="system_format", draw=_format, n_wordings=len(_FORMS)),
    Skill(name="recall", level_name="turns", levels=(2, 6, 12), draw=_recall),
    Skill(name="correction", draw=_correction),
    Skill(name="topic_switch", draw=_topic_switch),
)
