"""What a model has said, beside what is right or what judges it: which of them is the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.suites.rows import Row, new_file
from cliffguard.suites.target.cells import at, is_safe, rewritten, shown
from cliffguard.suites.target.chats import chat_in, spoken_by
from cliffguard.suites.target.known import (
    MODEL_OUTPUTS,
    REFERENCES,
    folded,
    last_name,
    mend,
    quoted,
    says,
)
from cliffguard.suites.target.verdicts import bad_of_switch, is_switch

_ANSWER, _PASSAGE = ("answer", "answers"), ("reference", "references")
_WRITTEN = ("output", "completion", "response")
_ABOUT = ("stance", "sentiment", "polarity", "opinion", "attitude", "emotion", "haltung")
"""Labels that are of a text and of what it is about, which a column `target` names."""


def refuse_outputs(answer: str | None, columns: set[str], rows: Sequence[Row], prompt: str) -> None:
    """Refuse what a model has said as the answer, where what is right stands beside it."""
    if answer is not None and folded(answer) not in MODEL_OUTPUTS:
        return
    right = [
        name
        for name in rows[0].value
        if name in columns
        and folded(name) in REFERENCES
        and all(says(row.value.get(name)) for row in rows)
        and not (folded(answer or "") in _ANSWER and _is_passage(rows, name))
        and not (answer is None and (_is_passage(rows, name) or _is_said(rows, prompt, name)))
    ]
    if not right:
        return
    if answer is None:
        how = _without_turn(rows[0], prompt)
        raise SuiteError(
            f"{rows[0].source}: the last turn of {prompt} may be what a model has said, and "
            f"{right[0]} what is right; {how}, for --target {new_file(rows[0].source)} "
            f"--target-answer {quoted(right[0])}; --target-ignore {quoted(right[0])} says that the "
            "last turn is right (in a plan, keys of target without the prefix)",
            id="target.two-answers",
        )
    raise SuiteError(
        f"{rows[0].source}: {answer} may be what a model has said, and {right[0]} what is "
        f"right; name the answer with {mend('answer', right[0])}, or say --target-ignore "
        f"{right[0]}",
        id="target.two-columns",
    )


def _is_passage(rows: Sequence[Row], name: str) -> bool:
    """Return whether a reference may be a passage: some row has several words there."""
    is_long = any(len(str(row.value[name]).split()) > 2 for row in rows)
    return folded(name) in _PASSAGE and is_long


def _is_said(rows: Sequence[Row], prompt: str, name: str) -> bool:
    """Return whether the last turn of each chat is what a column holds, too."""
    return all(_last(row, prompt) == str(row.value[name]).strip() for row in rows)


def _last(row: Row, prompt: str) -> Any:
    turn = (chat_in(row.value.get(prompt)) or [{}])[-1]
    texts = [value.strip() for value in turn.values() if isinstance(value, str)]
    return texts[-1] if texts else None


def unanswered(value: Mapping[str, Any], column: str) -> dict[str, Any]:
    """Return a row whose chat in a column is without the assistant's turn that ends it, if any."""
    chat = chat_in(at(value, column))
    if chat is None or spoken_by(chat[-1]) != "assistant":
        return dict(value)
    return {**value, column: list(chat[:-1])}


def _without_turn(row: Row, prompt: str) -> str:
    if not is_safe(prompt):
        return "end the chat with what is asked"
    made = rewritten(
        row.source,
        f"unanswered(r, {prompt!r})",
        more="from cliffguard.suites.target import unanswered",
    )
    return f"{made} leaves that turn out"


def two_answers(row: Row, prompt: str, answer: str) -> SuiteError:
    """Return the error of a chat that ends with an answer beside a column of answers.

    The column may be what is right, or say whether the last turn is, as KTO's labels do.
    """
    where = f"{row.where}: the chat in {prompt} ends with the assistant's turn, and {answer} "
    value = row.value.get(answer)
    if is_switch([value]):
        how = _kept(row, answer, bad_of_switch([value, False, "false"]))
        where += f"({shown(value)}) may say whether it is right; {how}"
    elif folded(last_name(answer)) in ("label", "labels", "score", "rating"):
        where += (
            f"({shown(value)}) may be of all of it; keep the rows whose last turn is right, "
            f"without {answer}, or write the chat as text into a column of its own, and name it "
            "with --target-prompt"
        )
    else:
        where += f"is the answer; {_without_turn(row, prompt)}"
    return SuiteError(where, id="target.two-answers")


def _kept(row: Row, column: str, bad: Sequence[Any]) -> str:
    """Return the command that keeps the rows that a column does not reject, without it."""
    if not is_safe("".join(map(str, (column, *bad)))):
        return f"keep the rows in which it is, without {column}"
    rest = f"{{k: v for k, v in r.items() if k != {column!r}}}"
    made = rewritten(row.source, rest, f"if r[{column!r}] not in {tuple(bad)!r}")
    return f"{made} keeps the rows in which it is, without {column}"


def refuse_judged_pair(
    names: Sequence[str], rows: Sequence[Row], frame: str, *, is_chat: bool
) -> None:
    """Refuse a label beside a model's output where either could be the answer, with how to say.

    The label may say whether the output is right, or be of prompt and output together. `frame` is
    the prompt as a text with columns in braces.
    """
    written = [name for name in names if folded(name) in _WRITTEN]
    labels = [name for name in names if folded(name) == "label"]
    if len(names) != 2 or not written or not labels or is_chat:
        return
    (output,), (label,) = written, labels
    values = [row.value.get(label) for row in rows]
    whole = f"--target-prompt '{frame}\\n{{{output}}}' --target-answer {quoted(label)}"
    asking = f"{whole} asks for it (in a plan, keys of target without the prefix)"
    source = rows[0].source
    if is_switch(values):
        how = _kept(rows[0], label, bad_of_switch(values))
        raise SuiteError(
            f"{source}: {label} may say whether {output} is right; {how}; {asking}",
            id="target.two-columns",
        )
    raise SuiteError(
        f"{source}: any of {label}, {output} could be the answer; name it with "
        f"{mend('answer', 'COLUMN')}; where {label} ({shown(values[0])}) is of {output}, {asking}",
        id="target.two-columns",
    )


def refuse_target_of(
    answer: str | None, columns: set[str], rows: Sequence[Row], frame: str
) -> None:
    """Refuse a column `target` as the answer that says whom a stance or a sentiment is about."""
    if answer is None or folded(answer) != "target":
        return
    for name in rows[0].value:
        if name in columns and folded(last_name(name)).removesuffix("_label") in _ABOUT:
            raise SuiteError(
                f"{rows[0].source}: {answer} may be what {name} is about, or the answer; "
                f"--target-prompt '{frame}\\n{{{answer}}}' --target-answer {quoted(name)} asks for "
                f"{name}, and --target-answer {quoted(answer)} for {answer} (in a plan, keys of "
                "target without the prefix)",
                id="target.two-columns",
            )
