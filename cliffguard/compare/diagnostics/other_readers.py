"""Whether another reader finds the right answer in what the metric has scored as wrong.

In logged samples it is another filter of the same task, whose score was logged. Elsewhere it is
another metric of `cliffguard.suites.scorers`, over all of the text or over the piece of it that is
marked as the answer (`pieces`); of metrics about JSON the same, over the only JSON in the text. A
text that merely holds the right words, beside others, is not read as right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from cliffguard.compare.diagnostics.counted import TaskKey
from cliffguard.compare.diagnostics.numerals import number_of, numbers_in
from cliffguard.compare.diagnostics.pieces import DENIES, fields_in, json_in, pieces
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task
from cliffguard.core.words import squad_words
from cliffguard.suites.scorers import SCORERS, PatternTooSlow, exact_match, normalized_match
from cliffguard.suites.structure.json_texts import only_json_in

_UNREAD = frozenset(
    {"constraints", "excludes", "language", "tool_call", "pass@1", "pass_at_1"}
    | {"prompt_level_strict_acc", "prompt_level_loose_acc"}
)  # about all of the text, or of code

_JSON = frozenset({"json_equal", "json_schema"})
_LEAST_GRADED = 0.5  # a score below it is no right answer, whatever the other side had
_MOST_WORDS = 30  # of the one sentence around an answer

_OPTIONS = re.compile(
    r"(?:^|[\s(])\(?([A-J])[.):][ \t]+([^\n]{1,200}?)(?=\s*(?:\n|$|\s\(?[B-J][.):]\s))"
)
_LETTER = re.compile(
    r"(?:(?:the\s+)?(?:correct\s+|right\s+|final\s+)?(?:answer|option|choice)(?:\s+is)?\s*:?\s*)?"
    r"[\s(*\[\"']*([A-Ja-j])(?![\w'’])[.):*\]\"']*",
)


_NO_SENTENCE = re.compile(r"[\n{}\[\]<>|=\\]")
_MARKED = re.compile(r"[\s(*]*([A-J])[.):*]+\s+(.+)", re.DOTALL)


def is_readable(task: Task) -> bool:
    """Return whether there is another reader of this task's answers."""
    return bool(task.other_scores) or task.metric not in _UNREAD


def reads_right(task: Task, item: Item, answer: Answer, *, side: int, good: float) -> bool:
    """Return whether another reader finds the right answer.

    `side` is 0 for the base's answer and 1 for the candidate's; `good` is the score that the other
    side has.
    """
    if (logged := task.other_scores.get(item.id)) is not None:
        score = logged[side]
        if score is not None and score >= max(good, _LEAST_GRADED):
            return True
    if task.metric in _UNREAD or not answer.text.strip():
        return False
    if task.metric in _JSON:
        return _holds_right_json(str(task.metric), item, answer.text)
    read = _reader(task, item, good)
    if task.metric == "regex":
        return any(map(read, pieces(answer.text)))
    read_pieces = list(pieces(answer.text))
    return (
        any(read(piece) for piece in read_pieces)
        or _says_it_in_a_sentence(task, item, answer.text)
        or any(_picks(item, piece) for piece in read_pieces)
        or _has_it_in_a_field(item, answer.text, read)
    )


def _holds_right_json(metric: str, item: Item, text: str) -> bool:
    """Return whether the only JSON that stands in a text, among whatever words, is right."""
    value = only_json_in(text)
    try:
        return value is not None and SCORERS[metric].best(value, item.right) == 1.0
    except (PatternTooSlow, ValueError):  # of another harness's right answers
        return False


def _reader(task: Task, item: Item, good: float) -> Callable[[str], bool]:
    """Return what says of a piece of text that it is right."""
    scorer = SCORERS.get(task.metric or "")
    if task.metric == "regex":
        return lambda piece: _matches(piece, item.right)
    rights = tuple(_rights(item))

    def read(piece: str) -> bool:
        if any(_is_same(piece, right) for right in rights):
            return True
        if scorer is None or not scorer.is_graded:
            return False
        return (scorer.best(piece, item.right) or 0.0) >= max(good, _LEAST_GRADED)

    return read


def _rights(item: Item) -> Iterator[str]:
    """Yield the right answers, and what they mark as such: worked solutions end in it.

    JSON of one value holds that.
    """
    for right in item.right:
        yield right
        if "####" in right:
            yield right.rpartition("####")[2].strip()
        if right.lstrip()[:1] in ("{", "[") and len(leaves := fields_in(right)) == 1:
            yield leaves[0][1]


def _matches(piece: str, patterns: tuple[str, ...]) -> bool:
    try:
        return any(bool(SCORERS["regex"].score(piece, pattern)) for pattern in patterns)
    except PatternTooSlow:
        return False


def _is_same(piece: str, right: str) -> bool:
    """Return whether a piece is the right answer, in words or in value."""
    if exact_match(piece, right) or (squad_words(right) and normalized_match(piece, right)):
        return True
    if right.lstrip()[:1] in ("{", "["):
        return _is_same_json(piece, right)
    number = number_of(right)
    if number is None:
        return False
    values = set(numbers_in(piece))
    return values == {number}


def _is_same_json(piece: str, right: str) -> bool:
    """Return whether a piece has the JSON that is right: in any order, behind any words."""
    try:
        return bool(json_in(piece) == json.loads(right))
    except (ValueError, RecursionError):
        return False


# --- one sentence around it ----------------------------------------------------------------------


def _says_it_in_a_sentence(task: Task, item: Item, text: str) -> bool:
    """Return whether all that is said is a sentence that begins or ends with the right words.

    It says so of nothing else: no other item's right answer stands in it that the prompt has not,
    and nothing that denies or offers.
    """
    words = squad_words(text)
    if not 1 < len(words) <= _MOST_WORDS or _NO_SENTENCE.search(text.strip()):
        return False
    denies = DENIES.search(text) is not None
    for right in map(squad_words, _rights(item)):
        is_denial = bool(right) and DENIES.fullmatch(right[0]) is not None
        if (words[: len(right)] == right and is_denial) or (not denies and _frames(words, right)):
            return not _names_another(task, item, words)
    return False


def _has_it_in_a_field(item: Item, text: str, read: Callable[[str], bool]) -> bool:
    """Return whether JSON holds it in a field of its own, beside what only repeats the prompt."""
    values = [value for _, value in fields_in(text)]
    prompt = squad_words(item.prompt)
    rest = [squad_words(value) for value in values if not read(value)]
    return len(rest) == len(values) - 1 and all(_stands(prompt, tuple(words)) for words in rest)


def _frames(words: list[str], right: list[str]) -> bool:
    """Return whether words begin or end with the right ones, which stand there once.

    A single letter is a word like others, and a number has to be the only one.
    """
    n = len(right)
    if not n or (n == 1 and len(right[0]) == 1 and not right[0].isdigit()):
        return False
    if sum(words[at : at + n] == right for at in range(len(words) - n + 1)) != 1:
        return False
    n_numbers = sum(any(map(str.isdigit, word)) for word in words)
    if n_numbers > 1 and any(map(str.isdigit, "".join(right))):
        return False
    return right in (words[:n], words[-n:])


def _names_another(task: Task, item: Item, words: list[str]) -> bool:
    """Return whether another item's right answer stands in it that nobody asked about."""
    right_words = {tuple(squad_words(right)) for right in item.right}
    prompt = squad_words(item.prompt)
    return any(
        _stands(words, other) and not _stands(prompt, other)
        for other in _rights_of(TaskKey(task)) - right_words
        if other and not any(_stands(list(right), other) for right in right_words)
    )


def _stands(words: list[str], part: tuple[str, ...]) -> bool:
    n = len(part)
    return any(tuple(words[at : at + n]) == part for at in range(len(words) - n + 1))


@lru_cache(maxsize=16)
def _rights_of(key: TaskKey) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(squad_words(right)) for item in key.task.items for right in item.right)


# --- letters of options --------------------------------------------------------------------------


def _picks(item: Item, piece: str) -> bool:
    """Return whether a piece names the right option by its letter, or by its text, in its stead."""
    options = {letter: text.strip() for letter, text in _OPTIONS.findall(item.prompt)}
    if len(options) < 2:
        return False
    piece = piece.strip()
    letters = {right.strip(" ().").upper() for right in item.right} & set(options)
    rights = {*item.right, *(options[letter] for letter in letters)}
    letters |= {
        letter
        for letter, text in options.items()
        if any(normalized_match(text, right) for right in item.right)
    }
    if (picked := _LETTER.fullmatch(piece)) is not None:
        return picked[1].upper() in letters
    marked = _MARKED.fullmatch(piece)
    if marked is not None:
        return marked[1] in letters and bool(normalized_match(options[marked[1]], marked[2]))
    return any(normalized_match(piece, right) for right in rights)
