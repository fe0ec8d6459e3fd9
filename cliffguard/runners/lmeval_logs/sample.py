"""One sample that lm-eval logged: its answer, choices, settings and scores, read from one line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cliffguard.core.answers import NOTHING_READ
from cliffguard.core.prompt_facts import PromptFacts, facts_of
from cliffguard.core.texts import cut_end, cut_middle, n_things
from cliffguard.runners.lmeval_logs.releases import number_of

_ROUNDING = 1e-3  # above 0, which no log-likelihood is but by rounding
_LONGEST_NUMBER = 6  # digits: nothing has a million choices

TELLING = 20
"""Characters of a generated answer from which on two models do not say the same every time."""

MOST_UNREAD = 4000
"""Characters that are held of a generated text of which the filter read nothing."""


class Sample(NamedTuple):
    """One line of a file.

    Its prompt is whole with the second side, where that scores another way than the first;
    elsewhere as much of it is kept as is shown of items that did not change, and then
    `prompt_sha256` is that of the whole (None: it is all there) and `facts` what the whole said.

    `score` is what the metric says, whichever way it points; `is_readable` is false of an answer in
    which lm-eval's filter found nothing, which has no score. `trace`, where it is asked for, tells
    one model's answer from another's: a digest of the likelihoods of all choices as they were
    logged, or of a generated answer of `TELLING` characters or more before any filter (None: it is
    shorter). `fields` are those of the document that are wanted. `fitting` are the choices that
    `target` may stand for.
    `confidence` is the share of the picked choice in the likelihood of all (None: not logged).
    `unread` is what was generated where the filter read nothing of it (None: it read something).
    Documents of one `cluster` stand or fall together (None: it stands alone).
    """

    document: str
    document_hash: str
    prompt_hash: str
    score: float | None
    prompt: str
    target: str
    text: str
    is_choice: bool
    is_readable: bool
    choices: tuple[str, ...]
    trace: bytes | None
    fields: Mapping[str, str]
    fitting: tuple[str, ...] = ()
    prompt_sha256: str | None = None
    confidence: float | None = None
    facts: PromptFacts | None = None
    unread: str | None = None
    cluster: str | None = None


NO_SAMPLE = Sample(
    document="",
    document_hash="",
    prompt_hash="",
    score=None,
    prompt="",
    target="",
    text="",
    is_choice=False,
    is_readable=False,
    choices=(),
    trace=None,
    fields={},
)
"""What nobody answered."""


def _short_digest(value: Any) -> bytes:
    """Return a digest of what JSON holds, by Python's spelling, which is the fastest to be had."""
    return hashlib.blake2b(ascii(value).encode("ascii"), digest_size=12).digest()


def trace_of(row: Mapping[str, Any], answer: Any, *, is_choice: bool) -> bytes | None:
    if is_choice:
        return _short_digest(row.get("resps", ""))
    return _long(row.get("resps", answer))


def _long(response: Any) -> bytes | None:
    """Return the digest of what was generated where it is long enough to tell models apart."""
    text = response_text(response)
    text = json.dumps(response) if text is None else text
    return _short_digest(text) if len(text) >= TELLING else None


def choices_of(arguments: Any) -> tuple[str, ...]:
    """Return the choices of a question by likelihood: what follows each request's context."""
    rows = list(arguments.values()) if isinstance(arguments, dict) else arguments
    if not isinstance(rows, list):
        return ()
    choices = []
    for row in rows:
        pair = list(row.values()) if isinstance(row, dict) else row
        if isinstance(pair, list) and len(pair) > 1:
            choices.append(sys.intern(str(pair[1])))
    return tuple(choices)


def fields_of(document: Any, wanted: Sequence[str]) -> dict[str, str]:
    """Return what the wanted fields of a document say, as texts; what it does not have is left out.

    `a.b` is the field b of the object a.
    """
    fields = {}
    for name in wanted:
        value = document
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None and not isinstance(value, (Mapping, list)):
            fields[name] = sys.intern(str(value))
    return fields


def picked_choice(answer: Any, choices: Sequence[str]) -> tuple[str, float | None]:
    """Return the choice with the largest likelihood, and its share in that of all choices.

    Empty and None where the line does not tell. No share of a single choice, of one that stands
    twice, as where a choice is asked under two contexts, and of numbers that are no log-likelihoods
    (above 0, or infinite).
    """
    try:
        values = [float(pair[0]) for pair in answer]
    except (TypeError, ValueError, IndexError, KeyError):
        return "", None
    if len(values) != len(choices) or not values:
        return "", None
    top = max(values)
    picked = choices[values.index(top)]
    are_logs = top <= _ROUNDING and all(map(math.isfinite, values))
    if len(set(choices)) < max(2, len(choices)) or not are_logs:
        return picked, None
    return picked, 1.0 / sum([math.exp(value - top) for value in values])


def fitting_choices(
    target: Any, choices: Sequence[str], picked: str, accuracy: Any
) -> tuple[str, ...]:
    """Return which choices a target may stand for, by text or number, where `acc` agrees.

    lm-eval logs either. A bare number is a choice's only where a logged `acc`, 0 or 1, agrees with
    it; a text that stands twice among the choices tells nothing.
    """
    text = str(target).strip()
    is_known = bool(picked) and accuracy in (0.0, 1.0)
    fitting = [choice for choice in choices if choice.strip() == text]
    if is_known and text.isdecimal() and len(text) < _LONGEST_NUMBER and int(text) < len(choices):
        fitting.append(choices[int(text)])
    is_right = accuracy == 1.0
    return tuple(
        [
            choice
            for choice in dict.fromkeys(fitting)
            if choices.count(choice) == 1 and (not is_known or (choice == picked) == is_right)
        ]
    )


def facts_beside(
    whole: str, sha256: str | None, choices: Sequence[str], target: str, twin: Sample
) -> PromptFacts | None:
    """Return what a prompt says of which the ends are kept; None where it is all there."""
    if sha256 is None:
        return None
    if twin.facts and (sha256, choices, target) == (
        twin.prompt_sha256, twin.choices, twin.target,
    ):  # fmt: skip
        return twin.facts
    return facts_of(whole, choices, (target,))


def response_text(answer: Any, arguments: Any = None) -> str | None:
    """Return the text that was generated; None of likelihoods, one or several.

    Of several texts, as of a task that is repeated, all of them, or one that all of them are.
    """
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, str):
        return answer
    is_of_texts = isinstance(answer, list) and set(map(type, answer)) <= {str}
    return "\n".join(dict.fromkeys(answer)) if is_of_texts and _generates(arguments) else None


def generated_text(answer: Any, arguments: Any) -> str | None:
    """Return what a filter read of a generated text: nothing, where it wrote null for it."""
    text = response_text(answer, arguments)
    if text is not None:
        return text
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return "" if answer is None and _generates(arguments) else None


def unread_text(response: Any, arguments: Any, text: str | None) -> str | None:
    """Return what was generated where a filter read nothing of it; a long one's two ends.

    None where it read something, or nothing else was generated either. Nothing generated is "",
    where the filter wrote that it is nothing: else that mark would be the answer.
    """
    if text is None or (text != NOTHING_READ and text.strip()):
        return None
    raw = response_text(response, arguments)
    if raw is None or raw.strip() in (text.strip(), NOTHING_READ):
        return None
    return cut_middle(raw, MOST_UNREAD, mark="\n")


def _generates(arguments: Any) -> bool:
    """Return whether a request asks for a text: it says how to generate one after the prompt."""
    return generation_settings(arguments) is not None


def plain_setting(value: Any) -> Any:
    """Return a setting as what it means: 0 is 0.0, and so is the text "0" of a command line."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return plain_setting(json.loads(value.lower()))
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return float(value) if is_number else value


def generation_settings(arguments: Any) -> Mapping[str, Any] | None:
    """Return how a text was to be generated; None of a request for likelihoods."""
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else arguments
    if isinstance(first, list) and first and isinstance(first[0], list):
        first = first[0]
    values = list(first.values()) if isinstance(first, dict) else first
    settings = values[1] if isinstance(values, list) and len(values) > 1 else None
    return settings if isinstance(settings, dict) else None


def score_in(row: Mapping[str, Any], metric: str) -> float | None:
    value = row.get(metric)
    if isinstance(value, float) and 0 <= value <= 1:
        return value  # as nearly every sample has it
    n_scores = len(value) if isinstance(value, list) and len(value) in n_answers_of(row) else 1
    return number_of(metric, value, n_scores)


def in_words(value: Any) -> str:
    """Return what stands where a score is expected, for a message: a number, or what else it is.

    Never its text: of some metrics lm-eval logs the right answer and the model's in their place.
    """
    if value is None:
        return "nothing"
    if isinstance(value, (bool, int, float)):
        return cut_end(str(value), 40)
    if isinstance(value, str):
        return f"a text of {n_things(len(value), 'character', ',')}"
    if isinstance(value, list):
        are_numbers = bool(value) and all(isinstance(v, (bool, int, float)) for v in value)
        return f"a list of {n_things(len(value), 'number' if are_numbers else 'value', ',')}"
    return f"an object of {n_things(len(value), 'key', ',')}" if isinstance(value, dict) else "data"


def n_answers_of(row: Mapping[str, Any]) -> set[int]:
    """Return how many texts were generated for a document, and kept by a filter; 1 of likelihoods.

    Filters that keep several write them flat, or as the list that all were generated in.
    """
    counts = {1}
    if _generates(row.get("arguments")):
        for key in ("resps", "filtered_resps"):
            texts = row.get(key)
            while isinstance(texts, list) and texts:
                counts.add(len(texts))
                texts = texts[0]
    return counts
