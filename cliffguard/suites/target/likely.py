"""What is likely meant where columns of a target go by no usual name, or by several."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from cliffguard.core.texts import first_of
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import from_json, inside
from cliffguard.suites.target.chats import chat_in, spoken_by
from cliffguard.suites.target.headers import may_lack_header, named_command, names_columns
from cliffguard.suites.target.known import (
    AFTER,
    ANSWERS,
    BEFORE,
    LOOSE,
    OPTION_LISTS,
    PREFERRED,
    PROMPTS,
    REFERENCES,
    SUBJECTS,
    are_labels,
    folded,
    is_option_stem,
    may_be_part,
    quoted,
    says,
    series,
)
from cliffguard.suites.target.translated import by_translation

_RENDERED = re.compile(r"###? ?(?:Response|Answer|Assistant|Output)|\[/INST\]|<\|.{0,12}assistant")
"""Where the answer begins in a text as trainers render rows."""

_RIGHT = ("answer", "answers", "label", "target", "expected")
_INNER = 4  # paths that a message names
_LISTED = 12  # columns that a message names
_SENTENCE = 20  # characters, where a script has no spaces
_LEAST_REPEATS = 4  # of each value, in a column that is likely of labels


_WHOLE_QUESTIONS = (
    *("description", "problem", "message", "email", "comment", "review", "sentence", "utterance"),
    *("post", "tweet", "ticket", "details", "user_input", "goal", "claim", "source"),
    *("utt", "src", "source_sentence", "sms"),
)
"""What may be all of a question, where nothing goes by the usual name of a prompt."""

_PARTS = (*SUBJECTS, *BEFORE, *AFTER, *_WHOLE_QUESTIONS)


def of_none(role: str, columns: set[str], row: Row, labels: Collection[str] = ()) -> str:
    """Return what is likely meant where no column goes by a usual name of its role.

    `labels` are columns that are no part of a question, whatever they are called.
    """
    more = ""
    if PREFERRED in columns:
        is_whole = len(chat_in(row.value[PREFERRED]) or ()) > 1
        if role == "answer" or is_whole:
            more = f"; of preferences the better answer is --target-{role} {PREFERRED}"
    elif role == "prompt":
        more = _of_parts([name for name in row.value if name in columns], row, labels)
    elif chats := [name for name in row.value if name in columns and _is_answered(name, row)]:
        more = f"; --target-prompt {quoted(chats[0])} is a chat, whose last turn is the answer"
    elif right := may_be_right(row, columns):
        more = f"; what is right may be in {first_of(right, _INNER)}"
    elif any(isinstance(value, str) and _RENDERED.search(value) for value in row.value.values()):
        more = "; a text here holds prompt and answer in one: write them into two columns"
    if translated := by_translation(row.value, columns):
        return f"; {translated}"
    if not more and may_lack_header(row) and not names_columns(row):
        return f"; {named_command([row])}"
    return more or _inner_paths(row)


def of_several(role: str, names: Sequence[str], row: Row) -> str:
    """Return what is likely meant by several columns of one role."""
    if role != "prompt":
        return ""
    chats = [name for name in names if chat_in(row.value.get(name))]
    if chats and _holds_output(row, chats[0]):
        others = ", ".join(name for name in names if name not in chats)
        return f"; the chat in {chats[0]} ends with what a model may have said, after {others}"
    if chats:
        return f"; --target-prompt {quoted(chats[0])} is the chat"
    order = (*BEFORE, *PROMPTS)  # a text is what a question is about
    frame = _frame(sorted(names, key=lambda name: order.index(folded(name))))
    return f"; {quoted(frame)} is all of them"


def few_valued(rows: Sequence[Row], columns: Collection[str]) -> list[str]:
    """Return the columns that count up (v1, v2) and repeat few values: labels, and no questions."""
    counted = [name for names in series(sorted(columns)).values() for name in names]
    values = {name: {str(row.value.get(name)) for row in rows} for name in counted}
    few = [name for name in counted if len(values[name]) * _LEAST_REPEATS <= len(rows)]
    return few if len(few) < len(counted) else []


def may_be_right(row: Row, columns: Collection[str]) -> list[str]:
    """Return the columns, and the paths inside of columns, that may be of right answers."""
    references = [name for name in row.value if name in columns and folded(name) in REFERENCES]
    inner = [
        f"{column}.{name}"
        for column, value in row.value.items()
        if isinstance(held := from_json(value), Mapping)
        for name in map(str, held)
        if folded(name) in (*REFERENCES, *ANSWERS) and says(held[name])
    ]
    answers = [name for name in row.value if name in columns and _is_answer(name, row)]
    if references or inner or answers:
        return list(dict.fromkeys([*references, *answers, *inner]))
    return [
        name
        for name in row.value
        if name in columns and folded(name).split("_")[-1] in _JUDGEMENTS and _is_given(name, row)
    ]


_JUDGEMENTS = (
    *("label", "labels", "category", "categories", "class", "classes", "intent", "intents"),
    *("sentiment", "emotion", "emotions", "topic", "topics", "tag", "tags", "stars", "rating"),
    *("score", "grade", "priority", "correct", "solution", "verdict", "translation"),
)
"""Last words of names that may be of right answers, where no column goes by a usual name."""


_RIGHT_NAMES = frozenset(
    {"summary", "highlights", "final_decision", "decision", "tgt", "sql", "sql_query"}
    | {"target_text", "output_text", "target_sentence", "simplification", "paraphrase"}
)
"""What is made of a text or a question, beside which no column goes by a usual name."""

_WRONG_WORDS = frozenset(
    {"incorrect", "wrong", "false", "bad", "worst", "model", "student", "user", "generated"}
    | {"predicted", "rejected", "is", "has", "num", "n"}
)
_SQL = re.compile(r"\s*(?:select|with|insert|update|delete)\b", re.IGNORECASE)


def _is_answer(name: str, row: Row) -> bool:
    """Return whether a column may be of right answers by its name: Best Answer, summary.

    A query is one where it is of SQL, and else a question.
    """
    value, tokens = row.value[name], folded(name).split("_")
    if folded(name) == "query":
        return isinstance(value, str) and _SQL.match(value) is not None
    is_usual = tokens[-1] in ("answer", "answers") and _WRONG_WORDS.isdisjoint(tokens)
    return (is_usual or folded(name) in _RIGHT_NAMES) and says(value)


def _is_given(name: str, row: Row) -> bool:
    """Return whether a cell holds a text, a number or a list of texts."""
    value = row.value[name]
    listed = [nested for _, nested in inside(value)]
    if listed or isinstance(from_json(value), Mapping):
        return are_labels(name) and all(isinstance(nested, str) for nested in listed)
    return says(value)


def _holds_output(row: Row, chat: str) -> bool:
    """Return whether a chat ends with the assistant's turn, and what is right stands beside it."""
    held = chat_in(row.value.get(chat))
    right = [name for name in row.value if folded(name) in (*_RIGHT, *REFERENCES)]
    return held is not None and spoken_by(held[-1]) == "assistant" and bool(right)


def _is_answered(name: str, row: Row) -> bool:
    """Return whether a column is a chat that ends with the assistant's turn."""
    held = chat_in(row.value[name])
    return held is not None and spoken_by(held[-1]) == "assistant"


def _inner_paths(row: Row) -> str:
    """Return how texts inside of columns are named, with the first of them."""
    texts = [
        f"{column}.{name}"
        for column, value in row.value.items()
        if folded(column) not in OPTION_LISTS
        for name, nested in inside(value)
        if isinstance(nested, str) and says(nested)
    ]
    such = ", ".join(dict.fromkeys(texts[:_INNER]))
    return f"; what lies inside of a column is named by its path, such as {such}" if texts else ""


def _of_parts(columns: Sequence[str], row: Row, labels: Collection[str]) -> str:
    """Return the prompt of all columns that go by the name of a part, and what it leaves."""
    plain = [name for name in columns if not inside(row.value[name])]
    counted = series([name for name in plain if not _is_number(row.value[name])])
    options = [name for stem, names in counted.items() if is_option_stem(stem) for name in names]
    parts = [name for name in plain if name not in options and _may_be_asked(name, row)]
    parts += [
        n for names in counted.values() for n in names if n not in (*parts, *options, *labels)
    ]
    if not parts:
        return ""
    order = {name: index for index, name in enumerate((*SUBJECTS, *BEFORE))}
    last = {name: len(order) + 1 + index for index, name in enumerate((*_WHOLE_QUESTIONS, *AFTER))}
    parts.sort(key=lambda name: {**order, **last}.get(folded(name), len(order)))
    taken = [*ANSWERS, *REFERENCES, "id", "idx", "cluster", "level"]
    left = [name for name in columns if name not in parts and folded(name) not in taken]
    frame = quoted(_frame(parts))
    framed = f"; {frame} is all that could be asked"
    if left:
        framed = (
            f"; {frame} asks what goes by the name of a part, and leaves {first_of(left, _LISTED)}"
        )
    if options:
        listed = quoted("".join(f"{{{name}}}" for name in options))
        framed += f"; --target-choices {listed} are options"
    return framed


def _may_be_asked(name: str, row: Row) -> bool:
    """Return whether a column may be a part of a question; of a loose name, only one of words."""
    text = str(row.value[name])
    if folded(name) in LOOSE and len(text.split()) < 3 and len(text) < _SENTENCE:
        return False  # a category
    return folded(name) in _PARTS or may_be_part(name)


def _frame(columns: Sequence[str]) -> str:
    return "\\n".join(f"{{{name}}}" for name in columns)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
