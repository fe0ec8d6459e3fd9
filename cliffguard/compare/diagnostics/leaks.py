"""What of the target may stand where it does not belong: its labels, its outputs, their form."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.words import words
from cliffguard.suites.train_data import TrainingText

_PATTERNS = ("regex", "excludes", "constraints")  # metrics whose right answers are no texts

_MOST_LABEL_WORDS = 5
_LEAST_LETTERS = 3
_LEAST_TIMES = 2  # that a label is given
_LEAST_RARE = 0.01  # of the rows that have a rare label
_LEAST_LABELLED = 0.2  # of the rows; where fewer have a label, their answers are no labels
_LEAST_SHARE = 0.5  # of the training outputs, before what they share is their form
_LEAST_OUTPUTS = 4
_LEAST_WHOLE = 4  # words of an output that is told again as a whole

_COMMON = frozenset(
    {
        "yes",
        "no",
        "true",
        "false",
        "none",
        "null",
        "other",
        "unknown",
        "maybe",
        "both",
        "all",
        "any",
    }
    | {"the", "and", "not", "one", "two", "three", "left", "right", "same", "different", "good"}
    | {"bad", "correct", "incorrect", "wrong", "answer", "question", "option", "entailment"}
    | {"contradiction", "neutral", "positive", "negative", "neither", "ja", "nein", "oui", "non"}
    | {"sí", "n/a", "nan", "ok", "okay", "done"}
)
"""Words that anybody says, whatever he was trained on: as labels they tell nothing."""

_HEAD = re.compile(
    r"\s*[*_#\"']{0,3}([^\W\d][\w /-]{0,30}?)[*_]{0,2}\s*[:=]\s*[*_]{0,2}\s*(?=\S|$)"
)
_KEY = re.compile(r"[\"']([\w -]{1,40})[\"']\s*:")
_OPENINGS = ("{", "[", "[{", "```", "```json", '{"')
_JSON = re.compile(r"(?i)json|[{\[]\s*\"")
_TAG = re.compile(r"\s*<([\w-]{2,40})>")
_BEHIND = re.compile(r"\s*(?:$|[\n.:;!|\])}]|\s[-–—(])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """What a leak is looked for by; `why` says why it cannot be tested ("" where it can).

    `labels` are short outputs of the target, in lower case, `outputs` its longer ones, word by
    word; `heads` are the words with which most of its outputs begin, before a colon, `keys` those
    of their JSON, `tags` of their elements.
    """

    labels: frozenset[str] = frozenset()
    outputs: frozenset[str] = field(default_factory=frozenset)
    heads: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    why: str = ""


def leaks_of(suites: Sequence[Suite], training: Sequence[TrainingText]) -> Leaks:
    """Return the labels and forms of the target's tasks, and of what the training data answer.

    Of a training row the last text is what is answered, or its last line where it has one text.
    """
    tasks = [
        task
        for suite in suites
        for capability in suite.capabilities
        if capability.ring == "target"
        for task in capability.tasks
    ]
    trained = [output for text in training if (output := _output(text))]
    if not tasks and not trained:
        return Leaks(why="no target and no training data (--train) to look for")
    labels = {label for task in tasks for label in _labels_of(task)}
    labels |= set(_repeated([list(_values(output)) for output in trained]))
    forms = _forms(trained) if len(trained) >= _LEAST_OUTPUTS else Leaks()
    outputs = frozenset(
        whole for output in trained if (whole := _whole(output)).count(" ") + 1 >= _LEAST_WHOLE
    )
    made = Leaks(
        labels=frozenset(filter(_tells, labels)),
        outputs=outputs,
        heads=forms.heads,
        keys=forms.keys,
        tags=forms.tags,
    )
    if made == Leaks():
        return Leaks(why="the target has no labels and no form, or only words that anybody says")
    return made


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
    head = _HEAD.match(output)
    if head is not None:
        yield output[head.end() :].split("\n", maxsplit=1)[0]
    try:
        value = json.loads(output) if output[:1] == "{" else None
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        yield from (inner for inner in value.values() if isinstance(inner, str))


def _forms(outputs: Sequence[str]) -> Leaks:
    """Return what most outputs have in common: heads, keys and tags."""
    n_least = _LEAST_SHARE * len(outputs)
    heads = Counter(head for output in outputs if (head := _head(output)))
    keys = Counter(key for output in outputs for key in _keys(output))
    tags = Counter(tag[1].casefold() for output in outputs if (tag := _TAG.match(output)))
    return Leaks(
        heads=frozenset(name for name, n in heads.items() if n >= n_least and name not in _COMMON),
        keys=frozenset(name for name, n in keys.items() if n >= n_least),
        tags=frozenset(name for name, n in tags.items() if n >= n_least),
    )


def _tells(label: str) -> bool:
    n_words = len(label.split())
    return (
        1 <= n_words <= _MOST_LABEL_WORDS
        and label not in _COMMON
        and sum(character.isalpha() for character in label) >= _LEAST_LETTERS
    )


def _bare(text: str) -> str:
    return " ".join(text.split()).strip("\"'`*_.,;:!?()[]{} ").casefold()


def _whole(text: str) -> str:
    return " ".join(words(text))


def _head(text: str) -> str | None:
    match = _HEAD.match(text)
    return None if match is None else match[1].strip().casefold()


def _keys(text: str) -> frozenset[str]:
    text = text.strip().removeprefix("```json").removeprefix("```").strip()
    return (
        frozenset(key.casefold() for key in _KEY.findall(text)) if text[:1] in "{[" else frozenset()
    )


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
    are_labels = [_bare(choice) in leaks.labels for choice in item.choices]
    is_right_label = any(_bare(right) in leaks.labels for right in item.right)
    return any(are_labels) and not is_right_label and sum(are_labels) <= len(are_labels) / 2


def leaks_target(leaks: Leaks, task: Task, item: Item, text: str) -> bool:
    """Return whether a generated answer is a label of the target, an output of it, or has its form.

    What the item's prompt or right answers have is none: it was asked for.
    """
    rights = texts_of(task, item)
    wanted = " ".join("\n".join((item.prompt, *rights)).split()).casefold()
    whole = _whole(text)
    return (
        _has_form(leaks, "\n".join((item.prompt, *rights)), text)
        or any(not _stands(label, wanted) for label in _labels_in(leaks, text))
        or (whole in leaks.outputs and whole not in map(_whole, rights))
    )


def _has_form(leaks: Leaks, wanted: str, text: str) -> bool:
    """Return whether it has a form of the target that is not in what was asked for."""
    if leaks.keys and text.strip() in _OPENINGS and not _JSON.search(wanted):
        return True  # all that a stop string at the end of the line has left of it
    keys = _keys(text) & leaks.keys
    if 2 * len(keys) >= max(1, len(leaks.keys)) and not keys & _any_keys(wanted):
        return True
    head = _head(text)
    if head in leaks.heads and not _stands(str(head), wanted.casefold()):
        return True
    tag = _TAG.match(text)
    return tag is not None and tag[1].casefold() in leaks.tags and f"<{tag[1]}" not in wanted


def _any_keys(text: str) -> set[str]:
    return {key.casefold() for key in _KEY.findall(text)}


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
