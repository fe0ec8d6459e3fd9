"""What is likely meant where columns of a target go by no usual name, or by several."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.texts import first_of
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import from_json, inside, is_safe, rewritten
from cliffguard.suites.target.chats import before_last_answer, chat_in, turns_of
from cliffguard.suites.target.headers import may_lack_header, named_command
from cliffguard.suites.target.known import (
    AFTER,
    ANSWERS,
    BEFORE,
    MODEL_OUTPUTS,
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

_RENDERED = re.compile(r"###? ?(?:Response|Answer|Assistant|Output)|\[/INST\]|<\|.{0,12}assistant")
"""Where the answer begins in a text as trainers render rows."""

_INNER = 4  # paths that a message names
_LISTED = 12  # columns that a message names


_WHOLE_QUESTIONS = (
    *("description", "problem", "message", "email", "comment", "review", "sentence", "utterance"),
    *("post", "tweet", "ticket", "details", "user_input", "goal", "claim", "source"),
)
"""What may be all of a question, where nothing goes by the usual name of a prompt."""

_PARTS = (*SUBJECTS, *BEFORE, *AFTER, *_WHOLE_QUESTIONS)


def of_none(role: str, columns: set[str], row: Row) -> str:
    """Return what is likely meant where no column goes by a usual name of its role."""
    more = ""
    if PREFERRED in columns:
        is_whole = len(chat_in(row.value[PREFERRED]) or ()) > 1
        if role == "answer" or is_whole:
            more = f"; of preferences the better answer is --target-{role} {PREFERRED}"
    elif role == "prompt":
        more = _of_parts([name for name in row.value if name in columns], row)
    elif right := may_be_right(row, columns):
        more = f"; what is right may be in {first_of(right, _INNER)}"
    elif any(isinstance(value, str) and _RENDERED.search(value) for value in row.value.values()):
        more = "; a text here holds prompt and answer in one: write them into two columns"
    if not more and may_lack_header(row):
        return f"; {named_command([row])}"
    return more or _inner_paths(row)


def of_several(role: str, names: Sequence[str], row: Row) -> str:
    """Return what is likely meant by several columns of one role."""
    if role == "answer":
        return _judged(names, row)
    if role != "prompt":
        return ""
    chats = [name for name in names if chat_in(row.value.get(name))]
    if chats and (answers := [name for name in row.value if folded(name) in ANSWERS]):
        return (
            f"; {quoted(chats[0])} is a chat, whose last turn may be what a model has said, where "
            f"{first_of(answers, _INNER)} is right"
        )
    if chats:
        return f"; --target-prompt {quoted(chats[0])} is the chat"
    order = (*BEFORE, *PROMPTS)  # a text is what a question is about
    frame = _frame(sorted(names, key=lambda name: order.index(folded(name))))
    return f"; {quoted(frame)} is all of them"


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
    if references or inner:
        return [*references, *inner]
    return [
        name
        for name in row.value
        if name in columns and folded(name).split("_")[-1] in _JUDGEMENTS and _is_given(name, row)
    ]


def asked_turns(value: Any) -> list[dict[str, str]]:
    """Return the turns of a chat without the assistant's that ends it, where one does."""
    turns, _ = before_last_answer(turns_of(chat_in(value) or (), "a row"))
    return [{"role": role, "content": text} for role, text in turns]


def of_two_answers(row: Row, prompt: str, answer: str) -> str:
    """Return what to do about a chat that a model has ended, beside another answer."""
    chat, label = f"r[{prompt!r}]", f"r[{answer!r}]"
    # A path is no column of the file, and of a hub's data there is none.
    is_known = is_safe(f"{prompt}{answer}") and "." not in f"{prompt}{answer}"
    is_known = is_known and Path(row.source).is_file()
    if str(row.value.get(answer)).casefold() in ("true", "false"):  # of KTO
        how = f"keep those that {answer} calls right, and leave it out of them"
        kept = f"{{k: v for k, v in r.items() if k != {answer!r}}}"
        made = rewritten(row.source, kept, f"if str({label}).casefold() == 'true'")
        return f"{how}{f': {made}' if is_known else ''}"
    how = f"where {answer} is right, end the chat with what is asked"
    if is_known:
        more = "from cliffguard.suites.target import asked_turns"
        ended = f"{{**r, {prompt!r}: asked_turns({chat})}}"
        how += f": {rewritten(row.source, ended, more=more)}"
    return f"{how}; where the last turn is, say --target-ignore {quoted(answer)}"


_JUDGEMENTS = (
    *("label", "labels", "category", "categories", "class", "classes", "intent", "intents"),
    *("sentiment", "emotion", "emotions", "topic", "topics", "tag", "tags", "stars", "rating"),
    *("score", "grade", "priority", "correct", "solution", "verdict", "translation"),
)
"""Last words of names that may be of right answers, where no column goes by a usual name."""


def _is_given(name: str, row: Row) -> bool:
    """Return whether a cell holds a text, a number or a list of texts."""
    value = row.value[name]
    listed = [nested for _, nested in inside(value)]
    if listed or isinstance(from_json(value), Mapping):
        return are_labels(name) and all(isinstance(nested, str) for nested in listed)
    return says(value)


def _judged(names: Sequence[str], row: Row) -> str:
    """Return the two readings of an output of a model beside a label that may judge it."""
    outputs = [name for name in names if folded(name) in MODEL_OUTPUTS and not are_labels(name)]
    labels = [name for name in names if are_labels(name)]
    prompts = [name for name in row.value if folded(name) in PROMPTS]
    if not (len(outputs) == len(labels) == len(prompts) == 1):
        return ""
    asking = quoted(_frame([*prompts, *outputs]))
    return (
        f"; where {labels[0]} judges {outputs[0]}, --target-prompt {asking} --target-answer "
        f"{quoted(labels[0])} asks for it"
    )


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


def _of_parts(columns: Sequence[str], row: Row) -> str:
    """Return the prompt of all columns that go by the name of a part, and what it leaves."""
    plain = [name for name in columns if not inside(row.value[name])]
    counted = series([name for name in plain if not _is_number(row.value[name])])
    options = [name for stem, names in counted.items() if is_option_stem(stem) for name in names]
    parts = [
        name
        for name in plain
        if name not in options and (folded(name) in _PARTS or may_be_part(name))
    ]
    parts += [n for names in counted.values() for n in names if n not in (*parts, *options)]
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


def _frame(columns: Sequence[str]) -> str:
    return "\\n".join(f"{{{name}}}" for name in columns)


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True
