"""Samples of a log of inspect_ai, epochs of one document together, and their scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cliffguard.core.errors import IntegrityError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.prompt_facts import facts_of
from cliffguard.core.texts import Texts, ends_of, whole_characters
from cliffguard.runners.inspect_logs.files import LogFile
from cliffguard.runners.inspect_logs.scores import (
    MEAN,
    Scores,
    is_grade,
    mapping,
    mean_of,
    number_in,
    parts_of,
    reduced,
)
from cliffguard.runners.lmeval_logs import TELLING, Sample, ScoreChoice, fields_of
from cliffguard.runners.score_choices import Number

_MOST_PROMPT = 1 << 16
"""Characters of a prompt that are held whole; of a longer one its ends."""
_ATTACHED = "attachment://"

Message = tuple[str, str]
"""Who speaks, and what."""


@dataclass(slots=True)
class LoggedDocument:
    """One document: what was asked, and of each epoch the answer and its scores."""

    input: Any
    choices: Any
    target: Any
    metadata: Mapping[str, Any]
    prompt: list[Message]
    is_whole: bool  # the prompt, up to what the model said
    epochs: dict[int, tuple[str, dict[str, Number]]] = field(default_factory=dict)


@dataclass(slots=True)
class LogCounts:
    """How many answers of a log failed, ended at a limit, or were marked as not to be used."""

    failed: int = 0
    limited: int = 0
    invalid: int = 0


class Documents:
    """All documents of a log, read once."""

    def __init__(self, log: LogFile) -> None:
        self.by_name: dict[str, LoggedDocument] = {}
        self.counts = LogCounts()
        self.graded: dict[str, bool] = {}  # metrics whose scores are all C, I, P or N
        self._log = log
        for where, row in log.samples:
            self._add(where, row)

    def _add(self, where: str, row: Mapping[str, Any]) -> None:
        name, epoch = row.get("id"), row.get("epoch", 1)
        if isinstance(name, bool) or not isinstance(name, (int, str)) or not isinstance(epoch, int):
            raise self._damaged(where, "has no id, or no number as its epoch")
        prompt, is_whole = _prompt(row)
        document = LoggedDocument(
            input=_plain(row.get("input"), row),
            choices=row.get("choices"),
            target=row.get("target"),
            metadata=mapping(row.get("metadata")),
            prompt=prompt,
            is_whole=is_whole,
        )
        document = self.by_name.setdefault(str(name), document)
        if epoch in document.epochs:
            raise self._damaged(where, f"is sample {str(name)[:40]} of epoch {epoch} once more")
        if is_whole and not document.is_whole:
            document.prompt, document.is_whole = prompt, True
        document.epochs[epoch] = (_completion(row), self._scores(row))
        self.counts.failed += isinstance(row.get("error"), dict)
        self.counts.limited += isinstance(row.get("limit"), dict)
        self.counts.invalid += isinstance(row.get("invalidation"), dict)

    def _scores(self, row: Mapping[str, Any]) -> dict[str, Number]:
        scores = row.get("scores")
        if scores is None and isinstance(row.get("score"), dict):  # logs of version 1
            scores = {_only_scorer(self._log.header): row["score"]}
        numbers: dict[str, Number] = {}
        for scorer, score in mapping(scores).items():
            value = score.get("value") if isinstance(score, dict) else score
            for metric, part in parts_of(str(scorer), value):
                numbers[metric] = number_in(part)
                is_known = is_grade(part) or numbers[metric] is None
                self.graded[metric] = self.graded.get(metric, True) and is_known
        return numbers

    def _damaged(self, where: str, what: str) -> IntegrityError:
        return IntegrityError(
            f"{self._log.path}: {ascii(where)[1:-1][:80]} {what}; copy it again",
            id="samples.twice" if "once more" in what else "samples.missing-key",
        )

    def scores(self) -> Scores:
        """Return every score by metric and reducer: as the log reduced it, else the mean.

        What stands in place of a score in an epoch stands in that of the document, too.
        """
        scores = reduced(self._log.reductions)
        there = {choice.metric for choice in scores}
        for metric, means in self.means().items():
            if metric not in there:
                scores[ScoreChoice(metric, MEAN)] = means
            for choice in [choice for choice in scores if choice.metric == metric]:
                no_scores = {name: mean for name, mean in means.items() if isinstance(mean, str)}
                scores[choice] = {**scores[choice], **no_scores}
        return scores

    def means(self) -> dict[str, dict[str, Number]]:
        """Return by metric and document the mean of what the samples themselves say."""
        raw: dict[str, dict[str, list[Number]]] = {}
        for name, document in self.by_name.items():
            for _, numbers in document.epochs.values():
                for metric, number in numbers.items():
                    raw.setdefault(metric, {}).setdefault(name, []).append(number)
        return {
            metric: {name: mean_of(numbers) for name, numbers in by_name.items()}
            for metric, by_name in raw.items()
        }

    def samples(self, wanted: Sequence[str], texts: Texts) -> dict[str, Sample]:
        """Return the documents as samples, without a score; `wanted` are fields that are kept."""
        return {
            name: _sample(name, document, wanted, texts) for name, document in self.by_name.items()
        }


def _sample(name: str, document: LoggedDocument, wanted: Sequence[str], texts: Texts) -> Sample:
    prompt = _written(document.prompt)
    target = document.target
    target = "\n".join(map(str, target)) if isinstance(target, list) else str(target or "")
    sha256, facts, kept = None, None, prompt
    if len(prompt) > _MOST_PROMPT and texts != "full":
        kept, sha256 = ends_of(prompt), sha256_of_text(whole_characters(prompt))
        facts = facts_of(prompt, (), (target,))
    completions = list(dict.fromkeys(text for text, _ in document.epochs.values()))
    text = "\n".join(completions)
    fields = {**document.metadata, "metadata": document.metadata, "id": name}
    return Sample(
        document=name,
        document_hash=_digest([document.input, document.choices, document.target]),
        prompt_hash=_digest(document.prompt) if document.is_whole else "",
        score=None,
        prompt=kept,
        target=target,
        text=text,
        is_choice=False,
        is_readable=True,
        choices=(),  # what was chosen stands in the text, by a letter
        trace=bytes.fromhex(_digest(completions)) if len(text) >= TELLING else None,
        fields=fields_of(fields, wanted),
        prompt_sha256=sha256,
        facts=facts,
    )


def _digest(value: Any) -> str:
    """Return a digest of what JSON of others holds: NaN, and halves of characters, too."""
    return sha256_of_text(json.dumps(value, sort_keys=True))


def _prompt(row: Mapping[str, Any]) -> tuple[list[Message], bool]:
    """Return what the model was asked, up to its first words, and whether it said any."""
    listed = row.get("messages")
    messages = [m for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []
    given = row.get("input")
    n_given = len(given) if isinstance(given, list) else 1
    by_model = [m.get("role") == "assistant" and m.get("source") == "generate" for m in messages]
    before: list[Message] = []
    for n, message in enumerate(messages):
        # Examples that a solver put there are the assistant's, too, and are no words of the model.
        is_new = message.get("role") == "assistant" and message.get("source") != "input"
        if by_model[n] or (is_new and n >= n_given and not any(by_model)):
            return before, True
        before.append((str(message.get("role")), _plain(message.get("content"), row)))
    return before or [("user", _plain(given, row))], False


def _plain(content: Any, row: Mapping[str, Any]) -> Any:
    """Return a text, or parts of one, without what inspect_ai draws anew in every run."""
    if isinstance(content, str):
        attached = mapping(row.get("attachments")).get(content.removeprefix(_ATTACHED))
        is_text = content.startswith(_ATTACHED) and isinstance(attached, str)
        return attached if is_text else content
    if isinstance(content, list):
        return [_plain(part, row) for part in content]
    if isinstance(content, dict):
        kept = ("role", "content", "type", "text", "image", "audio", "video", "document")
        return {key: _plain(content[key], row) for key in kept if key in content}
    return content


def _written(messages: Sequence[Message]) -> str:
    """Return messages as people read them; of a single one what it says."""
    if len(messages) == 1:
        return _text(messages[0][1])
    return "\n\n".join(f"{role}: {_text(content)}" for role, content in messages)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(_texts(content))


def _texts(content: Any) -> Iterator[str]:
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            text = part.get("text", part.get("content"))
            yield text if isinstance(text, str) else f"[{part.get('type', 'message')}]"


def _completion(row: Mapping[str, Any]) -> str:
    output = mapping(row.get("output"))
    text = output.get("completion")
    if isinstance(text, str) and text:
        return text
    choices = output.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return _text(mapping(mapping(first).get("message")).get("content") or "")


def _only_scorer(header: Mapping[str, Any]) -> str:
    scorer = mapping(mapping(header.get("results")).get("scorer")).get("name")
    return str(scorer or "score")
