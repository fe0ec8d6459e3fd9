"""Lists of answers of which some are wrong: as a mark in them says, or a column beside them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle
from cliffguard.suites.rows import Row, new_file
from cliffguard.suites.target.cells import as_text, from_json, is_safe, rewritten, shown
from cliffguard.suites.target.chats import is_chat
from cliffguard.suites.target.known import OPTION_LISTS, WRONG_LISTS, folded, mend, quoted
from cliffguard.suites.target.verdicts import says_how_good

_TEXTS = ("text", "answer", "option", "content", "value", "body", "choice", "label")
"""Keys of the text of an answer that is written as an object."""

_BY_HAND = "write what is right into a column of its own, and what is to choose from into one"

_WHICH = frozenset(
    {"label", "labels", "correct", "right", "gold", "golden", "target", "targets", "key"}
    | {"solution", "truth", "true", "best", "answer", "ans", "answerkey", "mask"}
    | {"correctness", "chosen", "accepted", "richtig", "korrekt", "lösung", "correcta", "correcto"}
    | {"respuesta", "solución", "réponse", "bonne", "corretta", "risposta", "resposta", "correta"}
    | {"ответ", "правильный", "答案", "正确答案", "正解", "정답"}
)
"""Words in the name of a column that says which of a list is right."""


def refuse_wrong_among(rows: Sequence[Row], answer: str, prompts: Container[str]) -> None:
    """Raise SuiteError where a list of texts is taken for right answers and a column picks one.

    Any column may, also one that is ignored, but for those of `prompts`.
    """
    lists = [(row, texts) for row in rows if (texts := _texts_of(row.value.get(answer)))]
    several = [(row, texts) for row, texts in lists if len(texts) > 1]
    if not several or len(lists) < len(rows):
        return
    row, texts = several[0]
    for name in row.value:
        if name == answer or name in prompts:
            continue
        if all(_is_which(name, row.value.get(name), texts) for row, texts in several):
            raise SuiteError(
                f"{row.where}: {answer} holds {shown(texts)}, and {cut_middle(name)} "
                f"({shown(row.value[name])}) says which of them is right; "
                f"{_choosing(name, answer, rows)} takes them as choices; where any of them is "
                f"right, say so with {mend('answer', answer)}",
                id="target.wrong-answers",
            )


def _choosing(name: str, answer: str, rows: Sequence[Row]) -> str:
    """Return what takes a list as choices of which a column says the right one."""
    flags = f"--target-choices {quoted(answer)} --target-answer {quoted(name)}"
    marks = [from_json(row.value.get(name)) for row in rows]
    if not any(isinstance(given, (list, tuple)) for given in marks):
        return flags
    are_single = all(list(map(_number, given)).count(1) == 1 for given in marks)
    if not is_safe(name) or not are_single:
        return f"{_BY_HAND}; {flags}"
    index = f"list(map(int, from_json(r[{name!r}]))).index(1)"
    more = "from cliffguard.suites.target import from_json"
    made = rewritten(rows[0].source, f"{{**r, {name!r}: {index}}}", more=more)
    return f"{made}, and then --target {new_file(rows[0].source)} {flags},"


def refuse_wrong_text(rows: Sequence[Row], answer: str | None, columns: Sequence[str]) -> None:
    """Raise SuiteError for a column of wrong options that holds them as one text: a; b; c.

    The command takes them apart; of several right answers in one text it keeps the first, since
    choices have one that is right.
    """
    wrong = [name for name in columns if folded(name) in WRONG_LISTS]
    if answer is None or not wrong:
        return
    cells = [from_json(row.value.get(wrong[0])) for row in rows]
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    if not texts or any(isinstance(cell, (list, tuple)) for cell in cells):
        return
    raise SuiteError(
        f"{rows[0].source}: {wrong[0]!r} holds wrong options as one text, {shown(texts[0])}; "
        f"{_taking_apart(rows, answer, wrong[0], texts)}",
        id="target.wrong-text",
    )


def _taking_apart(rows: Sequence[Row], answer: str, wrong: str, texts: Sequence[str]) -> str:
    """Return the command that makes choices of wrong ones in one text, and the flag without."""
    source, rights = rows[0].source, [from_json(row.value.get(answer)) for row in rows]
    mark = max((";", "|", "\n"), key=lambda sign: sum(sign in text for text in texts))
    are_several = 2 * sum(mark in str(right) for right in rights) > len(rights)
    how = _BY_HAND
    if is_safe(f"{answer}{wrong}") and not any(isinstance(each, (list, dict)) for each in rights):
        rest = f"**{{k: v for k, v in r.items() if k not in ({answer!r}, {wrong!r})}}"
        parts = f"[t.strip() for t in str(r[{wrong!r}] or '').split({mark!r}) if t.strip()]"
        right = f"str(r[{answer!r}] or ''){f'.split({mark!r})[0]' * are_several}.strip()"
        each = f"for a in [{right}] for w in [{parts}] if a and w"
        made = rewritten(source, f"{{{rest}, 'choices': [a, *w], 'answer': a}}", each=each)
        how = f"{made} makes choices of them and the right one, for --target {new_file(source)}"
    if are_several:  # as one text they would be one answer, which no model gives
        return how
    return (
        f"{how}; --target-ignore {quoted(wrong)} asks the question without them (in a plan, keys "
        "of target without the prefix)"
    )


def refuse_marked_options(row: Row) -> None:
    """Refuse options that say themselves which is right, where no column is the answer."""
    for name in row.value:
        if folded(name) in OPTION_LISTS:
            refuse_marked(name, [row])


def refuse_marked(name: str, rows: Sequence[Row], *, is_named: bool = False) -> None:
    """Raise SuiteError where a column lists objects of which a key says how right each is.

    Whoever names the column says that any of them is right, whatever its score.
    """
    for row in rows:
        objects = _objects_of(row.value.get(name))
        marks = [key for key in objects[0] if says_how_good(key)] if len(objects) > 1 else []
        if not marks:
            continue
        text = next((key for key in _TEXTS if isinstance(objects[0].get(key), str)), None)
        mark = marks[0]
        values = [given.get(mark) for given in objects]
        if len({*map(str, values)}) == 1 and values[0] not in (False, 0):
            continue  # all are right
        is_score = all(isinstance(value, (int, float)) and value not in (0, 1) for value in values)
        if is_named and is_score:
            continue
        how = _taking(name, text, mark, values, row)
        raise SuiteError(
            f"{row.where}: {name} holds answers of which {mark} says how right each is, such as "
            f"{shown(objects[0])}; {how}{_any_of(name) if is_score else ''}",
            id="target.wrong-answers",
        )


def _any_of(name: str) -> str:
    return f"; where any of them is right, say so with {mend('answer', name)}"


def _taking(name: str, text: str | None, mark: str, values: Sequence[Any], row: Row) -> str:
    """Return the command that writes choices and the right one of them, or the best answer."""
    if text is None or not is_safe(f"{name}{text}{mark}"):
        return _BY_HAND
    more = "from cliffguard.suites.target import objects_of"
    rest = f"**{{k: v for k, v in r.items() if k != {name!r}}}"
    if all(isinstance(value, bool) or value in (0, 1) for value in values):
        choices = f"'choices': [o[{text!r}] for o in objects_of(r, {name!r})]"
        right = f"[o[{text!r}] for o in objects_of(r, {name!r}) if o.get({mark!r})]"
        made = rewritten(row.source, f"{{{rest}, {choices}, 'answer': {right}}}", more=more)
        return (
            f"{made} makes choices of them and the right one, for --target {new_file(row.source)}"
        )
    best = f"max(objects_of(r, {name!r}), key=lambda o: o.get({mark!r}) or 0)[{text!r}]"
    made = rewritten(row.source, f"{{{rest}, 'answer': {best}}}", more=more)
    return f"{made} keeps the best of each row as the answer"


def objects_of(value: Mapping[str, Any], column: str) -> list[dict[str, Any]]:
    """Return the answers in a column of a row as objects, each with its text and its marks."""
    return _objects_of(value.get(column))


def _objects_of(value: Any) -> list[dict[str, Any]]:
    """Return a list of objects, also where a mapping has a list under each key: {text, score}."""
    held = from_json(value)
    if isinstance(held, Mapping):
        lists = {str(key): cell for key, cell in held.items() if isinstance(cell, (list, tuple))}
        if len(lists) < 2 or len({*map(len, lists.values())}) != 1:
            return []
        return [dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)]
    if not isinstance(held, (list, tuple)) or is_chat(held):
        return []
    return [dict(o) for o in held] if all(isinstance(o, Mapping) for o in held) else []


def _texts_of(value: Any) -> list[str]:
    held = from_json(value)
    if not isinstance(held, (list, tuple)):
        return []
    return [as_text(text) for text in held if isinstance(text, (str, int, float))]


def _is_which(name: str, value: Any, texts: Sequence[str]) -> bool:
    """Return whether a value says which of some texts is right: a place, a letter, it, or marks."""
    held = from_json(value)
    words = {*re.split(r"[_\W]+", folded(name))}
    is_named = bool(words & _WHICH) or folded(name) in _WHICH
    if isinstance(held, (list, tuple)):
        return is_named and len(held) == len(texts) and {*map(_number, held)} == {0, 1}
    if isinstance(held, str) and held.strip() in texts:
        return True
    if isinstance(held, str) and len(held.strip()) == 1 and held.strip().upper() in ascii_uppercase:
        return is_named and ascii_uppercase.index(held.strip().upper()) < len(texts)
    number = _number(held)
    return is_named and number is not None and 0 <= number <= len(texts)


def _number(value: Any) -> int | None:
    try:
        return int(value) if float(value).is_integer() else None
    except (TypeError, ValueError, OverflowError):
        return None
