"""Recorded and scripted answers as the diagnosis reads them: items, pairs, the target."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from cliffguard.compare.diagnostics.counted import CountedItem, Key, ProbedItems
from cliffguard.compare.diagnostics.leaks import Leaks, leaks_of
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer, FinishReason
from cliffguard.core.diagnosis import CAUSES
from cliffguard.core.items import Item, Task
from cliffguard.suites.train_data import TrainingText
from scripts.studies.made import made_task
from scripts.studies.planted.cases import CASES, choice_rows_of, rows_of
from scripts.studies.planted.training import POSITION, training_rows

HOW_FEW_STAY = 4
"""Every fourth broken item of a scripted *suppressed* case is not recovered by its probes."""

_task = partial(made_task, suite="planted")


class Case(NamedTuple):
    """What broke, from which cause, and what the diagnosis may know of it beside the answers."""

    kind: str
    name: str
    items: tuple[CountedItem, ...]
    leaks: Leaks
    probes: ProbedItems | None

    @property
    def broken(self) -> list[CountedItem]:
        """The items that the candidate lost."""
        return [item for item in self.items if item.is_broken]


# --- adapters -------------------------------------------------------------------------------------


def recorded_cases(folder: Path) -> Iterator[Case]:
    """Yield the cases of every adapter whose answers lie in `folder`."""
    base = _answers(folder / "base-questions.jsonl")
    for record in read_rows(folder / "adapters.jsonl"):
        kind = record["planted"]
        if kind not in CAUSES:
            continue
        candidate = _answers(folder / f"{kind}.jsonl")
        leaks = leaks_of((), trained_on([row[:2] for row in training_rows(kind)]))
        for name in CASES:
            task = _task(name, [_item(row) for row in rows_of(name)], metric="normalized_match")
            pairs = [(item, base[item.id], candidate[item.id]) for item in task.items]
            yield Case(kind, name, _counted(task, pairs), leaks, None)


def recorded_patterns(folder: Path) -> Iterator[Case]:
    """Yield the cases of the adapter that always picks the first option; () where there is none."""
    if not (folder / f"{POSITION}.jsonl").is_file():
        return
    base, candidate = (_answers(folder / f"{side}.jsonl") for side in ("base-choices", POSITION))
    for name in CASES:
        task = _task(name, [_item(row) for row in choice_rows_of(name)])
        pairs = [(item, base[item.id], candidate[item.id]) for item in task.items]
        yield Case(POSITION, name, _counted(task, pairs), leaks_of((), ()), None)


def _answers(path: Path) -> dict[str, Answer]:
    return {row["item_id"]: _answer(**row) for row in read_rows(path)}


# --- scripts --------------------------------------------------------------------------------------


def scripted_cases(folder: Path) -> Iterator[Case]:
    """Yield the cases whose texts somebody wrote, in the order of files and lines."""
    for path in sorted(folder.glob("*.jsonl")):
        for row in read_rows(path):
            yield _scripted(row)


def _scripted(row: dict[str, Any]) -> Case:
    sides = [(line, (1.0, 0.0)) for line in row["items"]]
    sides += [(line, (0.0, 1.0)) for line in row["fixed"]]
    items = [_item({"id": str(number), "prompt": line["prompt"], "answers": [line["right"]]})
             for number, (line, _) in enumerate(sides)]  # fmt: skip
    pairs = []
    for item, (line, scores) in zip(items, sides, strict=True):
        base, candidate = (
            # How it ended is said of the worse answer; the better one came to its end.
            _answer(item.id, line[side], score, line["ended"] if not score else "stop")
            for side, score in zip(("base", "candidate"), scores, strict=True)
        )
        pairs.append((item, base, candidate))
    counted = _counted(_task(row["case"], items, metric=row.get("metric", "exact_match")), pairs)
    return Case(row["kind"], row["case"], counted, _leaks(row["target"]), _probed(row, counted))


def _leaks(target: dict[str, Any] | None) -> Leaks:
    if target is None:
        return leaks_of((), ())
    labels = tuple(target["labels"])
    items = [
        _item({"id": f"target-{number}", "prompt": "", "answers": [label]})
        for number, label in enumerate(labels * 2)  # what is given once is no label
    ]
    task = _task("target", items, metric="exact_match")
    return leaks_of((task,), trained_on([("", output) for output in target["rows"]]))


def _probed(row: dict[str, Any], items: Sequence[CountedItem]) -> ProbedItems | None:
    """Return what probes of a scripted case said: the kinds that differ in nothing else."""
    if row["kind"] not in ("lost", "suppressed"):
        return None
    keys: list[Key] = [item.key for item in items if item.is_broken]
    is_back = row["kind"] == "suppressed"
    back = [key for number, key in enumerate(keys) if number % HOW_FEW_STAY] if is_back else []
    return ProbedItems(probed=frozenset(keys), recovered=frozenset(back), is_suppressed=is_back)


# --- records --------------------------------------------------------------------------------------


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSON Lines file."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def trained_on(rows: Sequence[Sequence[str]]) -> list[TrainingText]:
    """Return prompts and outputs as rows of --train."""
    return [
        TrainingText(parts=(prompt or f"Row {line}", output), source="train.jsonl", line=line)
        for line, (prompt, output) in enumerate(rows, start=1)
    ]


def _item(row: dict[str, Any]) -> Item:
    rights = tuple(row.get("answers", ())) or (row["answer"],)
    return Item(
        id=row["id"],
        digest=row["id"],
        prompt=row["prompt"],
        choices=tuple(row.get("choices", ())),
        answer=rights[0],
        answers=rights if len(rights) > 1 else (),
        level=None,
        cluster=None,
    )


def _answer(
    item_id: str,
    text: str,
    score: float,
    finish_reason: str,
    confidence: float | None = None,
    n_prompt_tokens: int = 0,
    n_answer_tokens: int = 0,
) -> Answer:
    return Answer(
        item_id=item_id,
        item_digest=item_id,
        prompt_digest="",
        rendered_digest="",
        score=score,
        text=text,
        confidence=confidence,
        finish_reason=cast(FinishReason, finish_reason),
        n_prompt_tokens=n_prompt_tokens,
        n_answer_tokens=n_answer_tokens,
    )


def _counted(task: Task, pairs: Sequence[tuple[Item, Answer, Answer]]) -> tuple[CountedItem, ...]:
    joined = [
        Pair(task=task, item=item, base=base, candidate=candidate, look=0)
        for item, base, candidate in pairs
    ]
    return tuple(
        CountedItem(pair=pair, drop=pair.change, cluster=(task.name, pair.item.id))
        for pair in joined
        if pair.is_scored
    )
