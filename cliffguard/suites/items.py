"""One item of a suite, from a line of JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from cliffguard.core.canonical_json import canonical_json, digest
from cliffguard.core.chats import Chat
from cliffguard.core.errors import SuiteError, nearest
from cliffguard.core.extents import refuse_absurd
from cliffguard.core.items import Item
from cliffguard.suites.chats import chat_of
from cliffguard.suites.scorers import SCORERS, Scorer
from cliffguard.suites.structure.calls import right_calls
from cliffguard.suites.structure.schemas import meets_schema

ITEM_KEYS = [
    "id", "context", "prompt", "choices", "answer", "answers", "question", "expected", "cluster",
    "fields", "messages", "tools",
]  # fmt: skip


def make_item(row: dict[str, Any], *, metric: str | None, level: str | None, where: str) -> Item:
    """Return the item that a line of JSON Lines holds. Raises SuiteError with `where`.

    A row may hold both of an item's forms: `prompt`, `choices` and `answer` for the one by
    likelihood, `question` and `expected` (where it is not the answer) for the generated one;
    `context` stands before either. `answers` in place of `answer` are several, any of them right;
    of metrics about JSON each may be an object or a list in place of a text. `messages`, with
    `tools`, are a chat in place of all of these prompts.
    """
    _refuse_unknown_keys(row, level, where)
    # Which form: generated where the metric reads texts, else by likelihood among the choices.
    scorer = SCORERS.get(metric or "")
    is_asked = scorer is not None and "question" in row
    chat = _chat(row, where)
    prompt = chat.as_text() if chat is not None else _prompt(row, where, is_asked=is_asked)
    right_key = "expected" if is_asked and "expected" in row else "answer"
    answers = _answers(_with_json_as_text(row, right_key, scorer, where), right_key, where)
    answer = answers[0]
    if len(answers) > 1:
        refuse_several(metric, where)
    # Whether the metric can score the item, before a model is asked for hours.
    choices = _choices(row, answer, where) if scorer is None else ()
    if scorer is not None:
        if "choices" in row and not is_asked:
            raise SuiteError(
                f"{where}: choices and metric {metric} exclude each other; use acc, or write the "
                "question of the generated form too",
                id="item.choices",
            )
        try:
            list(map(scorer.check, answers))
        except ValueError as failure:
            raise SuiteError(f"{where}: answer: {failure}", id="item.answer") from None
    if metric == "json_schema" and right_key == "expected" and "answer" in row:
        _refuse_other_answer(row, answers, where)
    if chat is not None and metric == "tool_call":
        _refuse_other_tools(answers, chat, where)
    written = None if chat is None else chat.written
    refuse_absurd(written or prompt, choices, answer, where)
    # Compared as text: 1 and "1" would be two clusters.
    cluster = row.get("cluster")
    if cluster is not None and not isinstance(cluster, str):
        raise SuiteError(
            f"{where}: cluster must be text, found {json.dumps(cluster)}", id="item.cluster"
        )
    question: Any = prompt if written is None else {"chat": written}
    # The digest is of what decides the score. One answer is digested as ever, not as a list of
    # one: else no answer that is stored would be found again.
    return Item(
        id=_text(row, "id", where),
        digest=digest([question, list(choices), list(answers) if len(answers) > 1 else answer]),
        prompt=prompt,
        choices=choices,
        answer=answer,
        level=_level(row, level, where),
        cluster=cluster,
        answers=answers if len(answers) > 1 else (),
        chat=written,
    )


def _refuse_other_answer(row: dict[str, Any], schemas: Sequence[str], where: str) -> None:
    """Refuse JSON as `answer` beside the schema that is `expected`, where it keeps to none."""
    answer = row["answer"]
    text = answer if isinstance(answer, str) else json.dumps(answer)
    scores = set(map(partial(meets_schema, text), schemas))
    if scores == {0.0} and isinstance(answer, str):  # "5" may be meant as a text
        scores = set(map(partial(meets_schema, json.dumps(answer)), schemas))
    if "choices" not in row and scores == {0.0}:
        raise SuiteError(
            f"{where}: answer: does not keep to the schema that is expected", id="item.answer"
        )


def _refuse_other_tools(answers: Sequence[str], chat: Chat, where: str) -> None:
    """Refuse a right call of a tool that the item does not offer: nobody could make it.

    A chat without tools may list them in its words, as the system prompt of Hermes does.
    """
    names = (call.name for answer in answers for call in right_calls(answer))
    if (unknown := next((name for name in names if not chat.offers(name)), None)) is not None:
        how = nearest(unknown, chat.tool_names) if chat.tools else ": there are no tools"
        raise SuiteError(
            f"{where}: answer: calls {unknown!r}, which is none of the item's tools{how}",
            id="item.answer",
        )


def _chat(row: dict[str, Any], where: str) -> Chat | None:
    """Return the chat of a row that has one; then it has no other prompt."""
    if row.get("messages") is None:
        if row.get("tools") is not None:
            raise SuiteError(
                f"{where}: tools belong to messages; write the prompt as a user's turn",
                id="item.messages",
            )
        return None
    if other := [key for key in ("prompt", "question", "context") if key in row]:
        raise SuiteError(
            f"{where}: has messages and {other[0]}; keep one of them", id="item.messages"
        )
    return chat_of(row, where)


def _prompt(row: dict[str, Any], where: str, *, is_asked: bool) -> str:
    key = "question" if is_asked else "prompt"
    prompt = _text(row, key, where)
    if "context" in row:
        prompt = _text(row, "context", where) + prompt
    # lm-eval and tokenizers put the space before the answer, not after the prompt.
    if prompt != prompt.rstrip():
        raise SuiteError(
            f"{where}: {key} ends in white space, which changes how answers tokenise",
            id="item.white-space",
        )
    return prompt


def _refuse_unknown_keys(row: dict[str, Any], level: str | None, where: str) -> None:
    # An unknown key is a misspelt one: read past, it would change the item in silence.
    known = {*ITEM_KEYS, level}
    for key, value in row.items():
        if key in known:
            continue
        hint = nearest(key, filter(None, known))
        if level is None and isinstance(value, int) and not isinstance(value, bool):
            # No key but a level holds a number.
            hint = f"; if it is the level, say level: {key} in the task that has these items"
        raise SuiteError(f"{where}: unknown key {key!r}{hint}", id="item.unknown-key")


def _text(row: dict[str, Any], key: str, where: str) -> str:
    if key not in row:
        raise SuiteError(f"{where}: {key} is missing", id="item.missing-key")
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise SuiteError(
            f"{where}: {key} must be text, not blank, found {json.dumps(value)}", id="item.text"
        )
    return value


def refuse_several(metric: str | None, where: str) -> None:
    """Refuse several right answers under a metric that takes one."""
    able = [name for name, scorer in SCORERS.items() if scorer.takes_several]
    if metric not in able:
        raise SuiteError(
            f"{where}: has several right answers, and metric {metric} takes one; any of several is "
            f"right under {', '.join(able)}: name one as metric (--target-metric exact_match)",
            id="suite.several-answers",
        )


def _with_json_as_text(
    row: dict[str, Any], key: str, scorer: Scorer | None, where: str
) -> dict[str, Any]:
    """Return a row whose right answers that are objects or lists are canonical JSON.

    Any row of a metric that takes no such answers is returned as it is.
    """
    if scorer is None or not scorer.takes_json:
        return row

    def text_of(value: Any) -> Any:
        try:
            return canonical_json(value) if isinstance(value, (dict, list)) else value
        except ValueError:
            raise SuiteError(
                f"{where}: answer: holds a number that JSON has not", id="item.answer"
            ) from None

    row = {**row, key: text_of(row[key])} if key in row else row
    several = row.get("answers")
    return {**row, "answers": [*map(text_of, several)]} if isinstance(several, list) else row


def _answers(row: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return the right answers of a row, each once: of `key`, or of the list `answers`."""
    if "answers" not in row:
        return (_text(row, key, where),)
    if key in row:
        raise SuiteError(
            f"{where}: has {key} and answers; keep one of them", id="suite.two-answers"
        )
    answers = row["answers"]
    if not isinstance(answers, list) or not answers:
        raise SuiteError(
            f"{where}: answers must be a list of texts, one or more", id="suite.answers"
        )
    if not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise SuiteError(
            f"{where}: every one of answers must be text that is not blank", id="suite.answers"
        )
    return tuple(dict.fromkeys(answers))


def _choices(row: dict[str, Any], answer: str, where: str) -> tuple[str, ...]:
    if "choices" not in row:
        raise SuiteError(f"{where}: choices is missing", id="item.choices")
    choices = row["choices"]
    if not isinstance(choices, list) or len(choices) < 2:
        raise SuiteError(
            f"{where}: choices must be a list of at least two texts", id="item.choices"
        )
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise SuiteError(f"{where}: every choice must be text that is not blank", id="item.choices")
    if len(set(choices)) != len(choices):
        raise SuiteError(f"{where}: a choice stands twice", id="item.choices")
    if answer not in choices:
        raise SuiteError(
            f"{where}: the answer {answer!r} is not among the choices", id="item.answer"
        )
    return tuple(choices)


def _level(row: dict[str, Any], field: str | None, where: str) -> int | None:
    if field is None:
        return None
    level = row.get(field)
    if not isinstance(level, int) or isinstance(level, bool):
        raise SuiteError(
            f"{where}: {field} (the level) must be a whole number, found {level!r}", id="item.level"
        )
    return level


def fields_of(value: Any, where: str) -> dict[str, str]:
    """Return what a row says of itself for `cluster` and `strata` of a policy, as texts."""
    if not isinstance(value, dict):
        raise SuiteError(
            f'{where}: fields must be an object, such as {{"topic": "law"}}', id="item.fields"
        )
    for name, inner in value.items():
        if not isinstance(inner, (str, int, float)):
            raise SuiteError(f"{where}: fields.{name} must be a text or a number", id="item.fields")
    return {str(name): str(inner) for name, inner in value.items()}
