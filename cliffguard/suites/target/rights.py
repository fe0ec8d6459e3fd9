"""Right answers that data sets write as an object: what of it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.suites.target.cells import at, from_json
from cliffguard.suites.target.chats import is_chat
from cliffguard.suites.target.known import says


def unwrapped(value: Any, column: str, *, is_table: bool = False) -> Any:
    """Return the answer, or the list of answers, that a cell holds in some data set's form.

    {"text": […]} of SQuAD, {"value", "aliases"} of TriviaQA, {"number", "date", "spans"} of DROP,
    [{"text"}, …], and any of them as text. What is of no such form is returned as it is; a list
    of texts that is written as text is one in a table of text, which has no other lists, and any
    list in `answers`.
    """
    held = from_json(value)
    if isinstance(held, Mapping):
        answers = _in_object({str(key).casefold(): nested for key, nested in held.items()})
        return value if answers is None else answers
    if column == "answers" or (is_table and are_texts(held)):
        value = held
    if isinstance(value, (list, tuple)) and value and not is_chat(value):
        texts = [part.get("text") if isinstance(part, Mapping) else None for part in value]
        return value if None in texts else texts
    return value


def right_answers(row: Mapping[str, Any], column: str) -> list[Any]:
    """Return the right answers that a row holds at a path, without those that are blank."""
    held = unwrapped(at(row, column), "answers")
    answers = held if isinstance(held, (list, tuple)) else [held]
    return [answer for answer in answers if says(answer)]


def are_texts(value: Any) -> bool:
    """Return whether a value is a list of texts, and of nothing else."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _in_object(held: Mapping[str, Any]) -> Sequence[Any] | None:
    if isinstance(held.get("text"), (list, tuple)):
        return list(held["text"])
    if "value" in held and isinstance(held.get("aliases"), (list, tuple)):
        return [answer for answer in (held["value"], *held["aliases"]) if says(answer)]
    if isinstance(held.get("spans"), (list, tuple)) and {"number", "date", "types"} & held.keys():
        date = held.get("date")
        parts = date.values() if isinstance(date, Mapping) else ()
        date_text = " ".join(str(part) for part in parts if says(part))
        return [
            answer for answer in (held.get("number"), date_text, *held["spans"]) if says(answer)
        ]
    return None


def are_together(value: Any, answers: Sequence[Any]) -> bool:
    """Return whether the answers are several spans of DROP: all of them together are the answer."""
    held = from_json(value)
    return isinstance(held, Mapping) and "spans" in held and len(set(map(str, answers))) > 1
