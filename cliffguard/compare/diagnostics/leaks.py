"""What of the target may stand where it does not belong: its labels, its outputs, their form."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.compare.diagnostics.counted import TaskKey
from cliffguard.compare.diagnostics.forms import (
    HEAD,
    LEAST_OUTPUTS,
    NO_FORMS,
    OutputForms,
    forms_of,
    has_form,
)
from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item, Task
from cliffguard.core.words import words
from cliffguard.core.yaml_files import read_yaml

if TYPE_CHECKING:
    from cliffguard.suites.train_data import TrainingText

_PATTERNS = ("regex", "excludes", "constraints", "json_schema", "language", "tool_call")
# metrics whose right answers are no texts

_MOST_LABEL_WORDS = 5
_LEAST_LETTERS = 3
_LEAST_TIMES = 2  # that a label is given
_LEAST_RARE = 0.01  # of the rows that have a rare label
_LEAST_LABELLED = 0.2  # of the rows; where fewer have a label, their answers are no labels
_LEAST_WHOLE = 4  # words of an output that is told again as a whole

_BEHIND = re.compile(r"\s*(?:$|[\n.:;!|\])}]|\s[-–—(])")
_SCORE = re.compile(r"\s*[-–:,(\[]*\s*\d+(?:[.,]\d+)?\s*%?\s*[)\]]*$|\s*[(\[][^()\[\]]*[)\]]$")
_BETWEEN = re.compile(r"\s*[/,;|+&\n]\s*|\s+(?:and|und|et|y)\s+")
_CODE = re.compile(r"[A-Z]{1,5}[-.]?\d[\dA-Z]*(?:[.-][\dA-Z]+)*")
_NAME = re.compile(r"\w+(?:[_ ]\w+)+|\w*[a-z][A-Z]\w*")
_MOST_CHARACTERS = 400  # of a text that is no more than labels
_MOST_AROUND = 12  # words of a sentence in which a label of several words is all that is said


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """What a leak is looked for by; `why` says why it cannot be tested ("" where it can).

    `labels` are short outputs of the target, in lower case, `weak` those of them that other answers
    are, too, `outputs` are digests of its longer ones, word by word, and `forms` is what most of
    them share.
    """

    labels: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    forms: OutputForms = NO_FORMS
    why: str = ""


def leaks_of(tasks: Sequence[Task], training: Sequence[TrainingText]) -> Leaks:
    """Return the labels and forms of the target's `tasks`, and of what the training data answer.

    Of a training row the last text is what is answered, or its last line where it has one text.
    """
    trained = [output for text in training if (output := _output(text))]
    if not tasks and not trained:
        return Leaks(why="no target and no training data (--train) to look for")
    labels = {label for task in tasks for label in _labels_of(task)}
    labels |= set(_repeated([list(_values(output)) for output in trained]))
    rights = [
        right for task in tasks if task.metric not in _PATTERNS for right in _prompt_texts(task)
    ]
    whole_outputs = frozenset(
        digest(whole)
        for output in trained
        if (whole := _whole(output)).count(" ") + 1 >= _LEAST_WHOLE
    )
    kept = frozenset(filter(_tells, labels))
    made = Leaks(
        labels=kept - _words("weak"),
        weak=kept & _words("weak"),
        outputs=whole_outputs,
        forms=forms_of(trained) if len(trained) >= LEAST_OUTPUTS else forms_of(rights),
    )
    if made == Leaks():
        return Leaks(why="the target has no labels and no form, or only words that anybody says")
    return made


def _prompt_texts(task: Task) -> Iterator[str]:
    yield from (item.right[0] for item in task.items if item.right and not item.choices)


def _output(text: TrainingText) -> str:
    parts = [part.strip() for part in text.parts if part.strip()]
    if len(parts) == 1:
        return parts[0].splitlines()[-1] if "\n" in parts[0] else ""
    return parts[-1] if parts else ""


def _labels_of(task: Task) -> Iterator[str]:
    """Yield the choices and right answers of a task that several of its items have."""
    if task.metric in _PATTERNS:
        return
    yield from _repeated([item.choices for item in task.items])
    yield from _repeated([item.right for item in task.items])


def _repeated(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the texts that several rows have, unless there are so few that no row is labelled."""
    times = Counter(label for row in rows for label in {_bare(text) for text in row})
    n_least = max(_LEAST_TIMES, _LEAST_RARE * len(rows))
    labels = {label for label, n in times.items() if n >= n_least}
    n_labelled = sum(any(_bare(text) in labels for text in row) for row in rows)
    return sorted(labels) if n_labelled >= _LEAST_LABELLED * len(rows) else []


def _values(output: str) -> Iterator[str]:
    yield output
    match = HEAD.match(output)
    if match is not None:
        yield output[match.end() :].split("\n", maxsplit=1)[0]
    try:
        value = json.loads(output) if output[:1] == "{" else None
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        yield from (inner for inner in value.values() if isinstance(inner, str))


@cache
def _words(name: str) -> frozenset[str]:
    """Return a list of `common_labels.yaml`."""
    listed = read_yaml(Path(__file__).with_name("common_labels.yaml"), UsageError)
    return frozenset(listed[name])


def _tells(label: str) -> bool:
    n_words = len(label.split())
    return (
        1 <= n_words <= _MOST_LABEL_WORDS
        and label not in _words("common")
        and (
            sum(character.isalpha() for character in label) >= _LEAST_LETTERS
            or (len(label) >= _LEAST_LETTERS and _CODE.fullmatch(label.upper()) is not None)
        )
    )


def _bare(text: str) -> str:
    return " ".join(text.split()).strip("\"'`*_.,;:!?()[]{} ").casefold()


def _whole(text: str) -> str:
    return " ".join(words(text))


# --- is this answer a leak? ----------------------------------------------------------------------


def texts_of(task: Task, item: Item) -> tuple[str, ...]:
    """Return the right answers of an item that are texts: a pattern is none."""
    return () if task.metric in _PATTERNS else item.right


def picks_label(leaks: Leaks, item: Item, picked: str) -> bool:
    """Return whether a choice is a label of the target that was offered beside what is none.

    Where the right choice is a label too, or most choices are, the item asks for labels.
    """
    if _bare(picked) not in leaks.labels or not offers_label(leaks, item):
        return False
    return _bare(picked) not in map(_bare, item.right)


def offers_label(leaks: Leaks, item: Item) -> bool:
    """Return whether a wrong choice is a label of the target, and most are none."""
    if not leaks.labels:
        return False
    are_labels = [_bare(choice) in leaks.labels for choice in item.choices]
    is_right_label = any(_bare(right) in leaks.labels for right in item.right)
    return any(are_labels) and not is_right_label and sum(are_labels) <= len(are_labels) / 2


def leaks_target(leaks: Leaks, task: Task, item: Item, text: str) -> bool:
    """Return whether a generated answer is a label of the target, an output of it, or has its form.

    What the item's prompt or right answers have is none: it was asked for; nor is a label that is
    right in another item of the task.
    """
    rights = texts_of(task, item)
    wanted = " ".join("\n".join((item.prompt, *rights)).split()).casefold()
    whole = _whole(text)
    others = _rights_of(TaskKey(task))
    labels = {*_labels_in(leaks, text), *_all_labels(leaks, text)}
    return (
        any(not _stands(label, wanted) and label not in others for label in labels)
        or has_form(leaks.forms, text, wanted=(item.prompt, *rights))
        or (digest(whole) in leaks.outputs and whole not in map(_whole, rights))
    )


@lru_cache(maxsize=16)
def _rights_of(key: TaskKey) -> frozenset[str]:
    """Return what is right in some item of a task, as labels are compared."""
    return frozenset(_bare(right) for item in key.task.items for right in texts_of(key.task, item))


def _all_labels(leaks: Leaks, text: str) -> Iterator[str]:
    """Yield labels, the weak ones as well, of which a text consists: with scores, in a row.

    In a short text that is more, labels of several words or with the marks of a name count.
    """
    if len(text) > _MOST_CHARACTERS:
        return
    known = leaks.labels | leaks.weak
    for start in _values(text.strip()):
        for bare in (start, _SCORE.sub("", start)):
            parts = {_bare(_SCORE.sub("", part)) for part in _BETWEEN.split(bare.strip())} - {""}
            if parts and known.issuperset(parts):
                yield from parts
    if len(text.split()) <= _MOST_AROUND:
        plain = " ".join(text.split()).casefold()
        yield from (
            label
            for label in leaks.labels
            if label in plain and _NAME.fullmatch(label) and _stands(label, plain)
        )


def _labels_in(leaks: Leaks, text: str) -> Iterator[str]:
    """Yield the labels that a text is, or begins with, or has behind a head such as "Queue:"."""
    for start in _values(text.strip()):
        first_line = start.strip().split("\n")[0]
        yield from {_bare(start), _bare(first_line)} & leaks.labels
        plain = start.strip().lstrip("\"'`*_([{ ").casefold()
        for n in range(1, _MOST_LABEL_WORDS + 1):
            label = _first_words(plain, n)
            if label in leaks.labels and _ends_there(plain, str(label)):
                yield str(label)


def _first_words(text: str, n: int) -> str | None:
    parts = re.split(r"([\s.:;!|()\[\]{}]+)", text, maxsplit=n)
    return "".join(parts[: 2 * n - 1]).strip() or None


def _ends_there(text: str, label: str) -> bool:
    """Return whether a text says no more than the label; one of several words is said anyhow."""
    if not text.startswith(label):
        return False
    is_long = " " in label and not text[len(label) : len(label) + 1].isalnum()
    return is_long or _BEHIND.match(text, len(label)) is not None


@lru_cache(maxsize=4096)
def _pattern(label: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(label)}(?!\w)")


def _stands(label: str, text: str) -> bool:
    return _pattern(label).search(text) is not None
