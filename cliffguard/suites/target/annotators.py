"""Rows that several people answered: whether they agree with the one whose answer is named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import cut_middle, n_things, plural
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import at, inside, is_safe, rewritten
from cliffguard.suites.target.known import says

MOST_DIVIDED = 0.05
"""The share of rows that annotators may answer otherwise than each other, and be left out."""

_PEOPLE = (
    *("user_id", "annotator", "annotator_id", "completed_by", "created_username", "worker_id"),
    "result",  # of one annotation of Label Studio's
)
"""Keys of what one of several people said."""

_WITHDRAWN = ("discarded", "draft")  # what Argilla calls a response that was not submitted


def without_divided(rows: Sequence[Row], target: TargetData) -> tuple[Sequence[Row], Caveat | None]:
    """Return the rows without those that other annotators answer otherwise than the named one.

    With a caveat that counts them. Raises SuiteError where they are more than `MOST_DIVIDED`.
    """
    split = None if target.answer is None else _split(rows, target.answer)
    if split is None or target.answer is None:
        return rows, None
    _refuse_withdrawn(rows, split[0])
    _refuse_other_questions(rows, target.answer)
    answers = [said_by_all(row.value, *split) for row in rows]
    divided = [(row, texts) for row, texts in zip(rows, answers, strict=True) if len(texts) > 1]
    if not divided:
        return rows, None
    row, texts = divided[0]
    summary = (
        f"{len(divided)} of {n_things(len(rows), 'row')} {plural(len(divided), 'has', 'have')} "
        f"annotators who answer otherwise than each other, such as {row.where}"
    )
    if len(divided) > MOST_DIVIDED * len(rows):
        answers_there = " and ".join(cut_middle(text, 40) for text in list(texts)[:2])
        raise SuiteError(
            f"{summary} ({answers_there}); write the answer that counts into a column of its own "
            f"and name it with --target-answer, or leave such rows out: "
            f"{_agreeing(row.source, *split)}",
            id="target.conflicting-answers",
        )
    kept = [row for row, texts in zip(rows, answers, strict=True) if len(texts) < 2]
    return kept, Caveat(id="target.annotators-differ", text=f"{summary}: they are left out.")


def _refuse_withdrawn(rows: Sequence[Row], outer: str) -> None:
    """Refuse answers that their annotator took back, which exports hold beside the others."""
    for row in rows:
        if any(_is_withdrawn(member) for _, member in inside(at(row.value, outer))):
            how = "leave it out"
            if is_safe(outer):
                made = f"without_withdrawn(r, {outer!r})"
                more = "from cliffguard.suites.target import without_withdrawn"
                how = f"leave such answers out: {rewritten(row.source, made, more=more)}"
            raise SuiteError(
                f"{row.where}: {outer} holds an answer that its annotator skipped, discarded or "
                f"left a draft; {how}",
                id="target.withdrawn-answer",
            )


def _is_withdrawn(member: Any) -> bool:
    return isinstance(member, Mapping) and (
        member.get("was_cancelled") is True or member.get("status") in _WITHDRAWN
    )


def without_withdrawn(value: Mapping[str, Any], outer: str) -> dict[str, Any]:
    """Return a row without the answers, in the list at `outer`, that were taken back."""
    made = deepcopy(dict(value))
    if isinstance(members := at(made, outer), list):
        members[:] = [member for member in members if not _is_withdrawn(member)]
    return made


def _refuse_other_questions(rows: Sequence[Row], path: str) -> None:
    """Refuse a path that leads to the answer of another question in some rows.

    Label Studio lists the answers to all its questions in the order in which they were given.
    """
    before, _, _ = path.rpartition(".value")
    names = {str(name): row for row in rows if (name := at(row.value, f"{before}.from_name"))}
    if len(names) < 2:
        return
    (first, row), (second, other) = sorted(names.items())[:2]
    results = "for a in r['annotations']"
    ordered = f"a['result'].sort(key=lambda x: x.get('from_name') != {first!r}) is None"
    kept = f"a['result'] and a['result'][0].get('from_name') == {first!r}"
    how = "write the answers to one of them into a column of its own"
    if is_safe(first):
        made = rewritten(row.source, "r", f"if all({ordered} and {kept} {results})")
        how = f"to ask {first}, put it before the others: {made}"
    raise SuiteError(
        f"{row.source}: {path} answers another question in some rows, such as {first} in "
        f"{row.where} and {second} in {other.where}; {how}",
        id="target.other-questions",
    )


def _agreeing(source: str, outer: str, inner: str) -> str:
    """Return the command that keeps the rows whose annotators agree."""
    kept = f"if len(said_by_all(r, {outer!r}, {inner!r})) < 2"
    return rewritten(source, "r", kept, more="from cliffguard.suites.target import said_by_all")


def _split(rows: Sequence[Row], path: str) -> tuple[str, str] | None:
    """Return where the annotators' list lies, and what of each of them is the answer, if any."""
    parts = path.split(".")
    for depth, part in enumerate(parts):
        outer, inner = ".".join(parts[:depth]), ".".join(parts[depth + 1 :])
        if not part.isdecimal() or not outer:
            continue
        is_argillas = outer.startswith("responses.") or outer.endswith(".responses")
        if is_argillas or _are_people(rows, outer):
            return outer, inner
    return None


def _are_people(rows: Sequence[Row], outer: str) -> bool:
    lists = (at(row.value, outer) for row in rows)
    return any(
        isinstance(member, Mapping) and any(key in member for key in _PEOPLE)
        for held in lists
        for _, member in inside(held)
    )


def said_by_all(value: Mapping[str, Any], outer: str, inner: str) -> dict[str, None]:
    """Return the answers of all annotators, each once, in their order.

    `outer` is the path of their list, and `inner` that of the answer in each member.
    """
    answers = [at(member, inner) if inner else member for _, member in inside(at(value, outer))]
    return dict.fromkeys(_spelled(answer) for answer in answers if says(answer))


def _spelled(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text.casefold().split())
