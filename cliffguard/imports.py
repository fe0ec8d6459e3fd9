"""Answers that lm-eval wrote elsewhere: `samples_*.jsonl` of two runs with `--log_samples`.

Files lie directly in each folder; no results file is needed, and one that is there is read for
its versions, and for which way each metric points. Items are paired by task, filter and
document number; the hashes of document and prompt, which lm-eval computed, must agree between
the sides. What one side lacks stays in, unscored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cliffguard.canonical import digest, digest_of_rows
from cliffguard.directions import declared, lower_is_better
from cliffguard.directions.registered import HIGHER_IS_BETTER
from cliffguard.errors import IntegrityError, UsageError
from cliffguard.files import user_path
from cliffguard.logged import (
    OneRun,
    directions_of,
    drifted,
    refuse_one_file,
    versions_of,
)
from cliffguard.plans import CapabilityPolicy, Policy
from cliffguard.records import (
    SAMPLES,
    Answer,
    Capability,
    Checkpoint,
    FinishReason,
    Item,
    Suite,
    Task,
)
from cliffguard.samples import Choice, Reading, Sample

_FILE = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)?\.jsonl")
_CHECKPOINT_FILES = ("config.json", "adapter_config.json")
_A_PIECE = 1 << 20  # bytes
_N_NAMED = 3  # differences of a kind that a message spells out


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One folder: who answered, and the answers by task."""

    checkpoint: Checkpoint
    answers: Mapping[str, tuple[Answer, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Both folders, joined: the same items in the same order on either side."""

    suite: Suite
    base: Side
    candidate: Side
    caveats: tuple[str, ...]


def holds_samples(name: str) -> bool:
    """Say whether a name is a folder of lm-eval's samples, and not of a checkpoint."""
    folder = user_path(name, UsageError)
    if not folder.is_dir() or any((folder / file).exists() for file in _CHECKPOINT_FILES):
        return False
    return any(True for _ in _files(folder))


def read_samples(base: str, candidate: str, policy: Policy) -> Imported:
    """Pair two folders of samples, under the capabilities that the policy makes of their tasks.

    Raises UsageError for what the user wrote (a folder without samples, a task in two
    capabilities), IntegrityError where a file is damaged or the sides were not asked the same.
    """
    folders = (_folder(base), _folder(candidate))
    files = [_by_task(folder) for folder in folders]
    capabilities = _capabilities(policy, sorted({*files[0], *files[1]}))
    _refuse_half_measured(capabilities, files, folders)
    told = [directions_of(folder) for folder in folders]
    versions = [versions_of(folder) for folder in folders]
    joined: dict[str, _Joined] = {}
    one_run = OneRun()
    differences: list[str] = []
    turned: list[str] = []
    for name, tasks in capabilities.items():
        own = policy.capabilities.get(name) or CapabilityPolicy()
        for task in tasks:
            read, sides, others = _read(own, [file[task] for file in files])
            differences += _differences(task, *sides)
            is_low = _is_low(task, name, read, own.lower_is_better, told)
            turned += _against_registry(task, read, own.lower_is_better, told)
            if differences:
                continue
            for key, sample in sides[0].items():
                if key in sides[1]:
                    one_run.add(sample, sides[1][key])
            n_all = _cut_to_limit(sides, [one.limit_of(task) for one in versions])
            joined[task] = _join(
                task, name, read.choice, is_low, *sides, others=others, n_all=n_all
            )
    if differences:
        raise IntegrityError(
            f"the two sides were not asked the same: {'; '.join(differences)}; run lm-eval on "
            "both with the same tasks, shots, seed and chat template"
        )
    one_run.refuse()
    for task in joined:
        refuse_one_file(task, *(file[task] for file in files))
    moved = drifted(versions, joined)
    return Imported(
        suite=_suite(capabilities, {name: one.task for name, one in joined.items()}),
        base=Side(
            checkpoint=_identity(base, files[0]),
            answers={name: one.base for name, one in joined.items()},
        ),
        candidate=Side(
            checkpoint=_identity(candidate, files[1]),
            answers={name: one.candidate for name, one in joined.items()},
        ),
        caveats=(*_caveats(files, joined), *_filters(joined, policy), *moved, *turned),
    )


def _read(
    own: CapabilityPolicy, files: Sequence[Path]
) -> tuple[Reading, list[dict[str, Sample]], list[Mapping[str, Mapping[str, float | None]]]]:
    """Return who read a task's files, the samples of each, and what other filters made of them."""
    read = Reading(Choice(own.metric, own.filter), _wanted(own))
    sides: list[dict[str, Sample]] = []
    others: list[Mapping[str, Mapping[str, float | None]]] = []
    for file in files:
        sides.append(read(file))
        others.append(read.others)
    read.forget()
    return read, sides, others


def _wanted(own: CapabilityPolicy) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (own.cluster, own.strata) if name))


def _cut_to_limit(sides: list[dict[str, Sample]], limits: Sequence[int | None]) -> int | None:
    """Leave out what one side was told not to ask; return how many documents there are in all.

    lm-eval asks the first documents of a task, so that those from the limit's number on are outside
    it. Within it, what a side lacks is missing. None where nothing is left out.
    """
    n_all = max(map(len, sides))
    for own, other in ((0, 1), (1, 0)):
        limit = limits[own]
        if limit is None or any(not _is_within(key, limit) for key in sides[own]):
            continue  # no limit, or one that these documents were not asked under
        sides[other] = {k: one for k, one in sides[other].items() if _is_within(k, limit)}
    return n_all if max(map(len, sides)) < n_all else None


def _is_within(document: str, limit: int) -> bool:
    return document.isdecimal() and int(document) < limit


# --- which tasks ---------------------------------------------------------------------------------


def _folder(name: str) -> Path:
    folder = user_path(name, UsageError)
    if not folder.is_dir():
        raise UsageError(f"{name}: no such folder")
    if not any(True for _ in _files(folder)):
        below = sorted({path.parent for path in folder.rglob("samples_*.jsonl")})
        hint = f"; there are some in {below[0]}" if below else "; run lm-eval with --log_samples"
        raise UsageError(f"{name}: no samples_*.jsonl lies directly in it{hint}")
    return folder


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.glob("samples_*.jsonl")):
        if (match := _FILE.fullmatch(path.name)) is not None:
            yield match["task"], path


def _by_task(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for task, path in _files(folder):
        if task in found:
            raise UsageError(
                f"{folder}: {found[task].name} and {path.name} are both of {task}; move the run "
                "that is not meant out of the folder"
            )
        found[task] = path
    return found


def _capabilities(policy: Policy, tasks: Sequence[str]) -> dict[str, list[str]]:
    """Return the tasks of every capability: by the policy's patterns, else each task its own."""
    if not any(own.tasks for own in policy.capabilities.values()):
        return {task: [task] for task in tasks}
    # A capability without tasks is the task of its own name.
    patterns = {name: own.tasks or (name,) for name, own in policy.capabilities.items()}
    taken: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, wanted in patterns.items():
        matching = [t for t in tasks if any(fnmatchcase(t, pattern) for pattern in wanted)]
        for task in matching:
            if task in taken:
                raise UsageError(
                    f"policy: the task {task} is in {taken[task]} and in {name}; a task counts once"
                )
            taken[task] = name
        if matching:
            found[name] = matching
    return found


def _refuse_half_measured(
    capabilities: Mapping[str, Sequence[str]],
    files: Sequence[Mapping[str, Path]],
    folders: Sequence[Path],
) -> None:
    wanted = [task for tasks in capabilities.values() for task in tasks]
    lacking = [
        f"{task} only in {folders[1 - side]}"
        for task in wanted
        for side in (0, 1)
        if task not in files[side]
    ]
    if lacking:
        raise IntegrityError(
            f"the two sides were not asked the same: {'; '.join(lacking)}; measure it on the "
            "other side too, or leave it out of the policy"
        )


def _caveats(files: Sequence[Mapping[str, Path]], joined: Mapping[str, Any]) -> tuple[str, ...]:
    unused = sorted({*files[0], *files[1]} - set(joined))
    if not unused:
        return ()
    return (f"Not judged, since the policy names them nowhere: {', '.join(unused)}.",)


def _filters(joined: Mapping[str, _Joined], policy: Policy) -> Iterator[str]:
    """Say by which of several filters a task is judged where the policy names none."""
    for name, one in joined.items():
        own = policy.capabilities.get(one.task.capability)
        if one.other_filters and (own is None or own.filter is None):
            yield (
                f"{name} is judged by the filter {one.task.filter}, the first in its file; there "
                f"are also {', '.join(one.other_filters)} (`filter` in the policy)."
            )


def _is_low(
    task: str,
    capability: str,
    read: Reading,
    policy: bool | None,
    told: Sequence[Mapping[str, Mapping[str, bool]]],
) -> bool:
    """Say whether the metric that was read is better low, by policy, results files or registry."""
    metric, sides = _declared(task, read, told)
    said = {one for one in sides if one is not None}
    if len(said) == 2:
        raise IntegrityError(
            f"{task}: {metric} is better {'high' if sides[0] else 'low'} by the base's results "
            f"file, and {'high' if sides[1] else 'low'} by the candidate's; run lm-eval on both "
            "with one installation",
            id="metric.direction-differs",
        )
    return lower_is_better(
        metric,
        task=task,
        capability=capability,
        policy=policy,
        told=not said.pop() if said else None,
    )


def _declared(
    task: str, read: Reading, told: Sequence[Mapping[str, Mapping[str, bool]]]
) -> tuple[str, list[bool | None]]:
    """Return the metric that was read, and by each side's results file whether high is better."""
    metric = read.choice.metric
    assert metric is not None, "reading a file settles its metric"
    return metric, [declared(metric, read.logged, side.get(task, {})) for side in told]


def _against_registry(
    task: str,
    read: Reading,
    policy: bool | None,
    told: Sequence[Mapping[str, Mapping[str, bool]]],
) -> list[str]:
    """Say where the policy alone turns a metric that lm-eval knows to point the other way."""
    metric, sides = _declared(task, read, told)
    known = HIGHER_IS_BETTER.get(metric)
    if policy is None or known is not policy or any(one is not None for one in sides):
        return []
    ways = ("low", "high") if policy else ("high", "low")
    return [
        f"{task}: {metric} is taken to be better {ways[0]}, as the policy says; in lm-eval's "
        f"registry it is better {ways[1]}, and no results file says otherwise."
    ]


# --- joining -------------------------------------------------------------------------------------


def _differences(
    task: str, base: Mapping[str, Sample], candidate: Mapping[str, Sample]
) -> list[str]:
    """Return in what documents and prompts of a task differ between the sides."""
    shared = [(name, base[name], candidate[name]) for name in base if name in candidate]
    kinds = {
        "documents": [n for n, a, b in shared if a.document_hash != b.document_hash],
        "prompts": [n for n, a, b in shared if a.prompt_hash != b.prompt_hash],
    }
    found = [
        f"{task}: {len(names)} of {len(shared)} {kind} differ (number "
        f"{', '.join(names[:_N_NAMED])}{', …' if len(names) > _N_NAMED else ''})"
        for kind, names in kinds.items()
        if names
    ]
    return found if shared else [f"{task}: no document in common"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joined:
    """One task with both sides' answers, item by item."""

    task: Task
    base: tuple[Answer, ...]
    candidate: tuple[Answer, ...]
    other_filters: tuple[str, ...]


def _join(
    task: str,
    capability: str,
    choice: Choice,
    is_low: bool,
    base: dict[str, Sample],
    candidate: dict[str, Sample],
    *,
    others: Sequence[Mapping[str, Mapping[str, float | None]]],
    n_all: int | None,
) -> _Joined:
    """Return a task with both sides' answers; the samples are used up, since memory is short."""
    read_otherwise = _read_otherwise((base, candidate), others)
    items: list[Item] = []
    answers: tuple[list[Answer], list[Answer]] = ([], [])
    fields = {}
    for name in list(dict.fromkeys([*base, *candidate])):
        both = (base.pop(name, None), candidate.pop(name, None))
        asked = both[0] or both[1]
        assert asked is not None, "a name of one of them"
        for side, sample in zip(answers, both, strict=True):
            side.append(_answer(asked, sample, is_low))
        items.append(_item(asked, prompt=(both[1] or asked).prompt))
        if asked.fields:
            fields[asked.document] = asked.fields
    made = Task(
        name=task,
        entry=task,
        suite=SAMPLES,
        capability=capability,
        stock=True,
        metric=choice.metric,
        filter=choice.filter,
        chance=None,
        level=None,
        gate_levels=None,
        num_fewshot=None,
        max_tokens=None,
        stop=(),
        limit=None,
        cost=None,
        items=tuple(items),
        digest=digest_of_rows([one.item_digest, one.prompt_digest] for one in answers[0]),
        lower_is_better=is_low,
        fields=fields,
        n_in_all=n_all,
        read_otherwise=read_otherwise,
    )
    return _Joined(
        task=made,
        base=tuple(answers[0]),
        candidate=tuple(answers[1]),
        other_filters=tuple(dict.fromkeys(name for side in others for name in side)),
    )


def _item(sample: Sample, *, prompt: str) -> Item:
    return Item(
        id=sample.document,
        digest=sample.document_hash,
        prompt=prompt,
        choices=sample.choices,
        answer=sample.target,
        level=None,
        cluster=None,
    )


def _read_otherwise(
    sides: Sequence[Mapping[str, Sample]],
    others: Sequence[Mapping[str, Mapping[str, float | None]]],
) -> str | None:
    """Say what another filter makes of the candidate's answers that this one cannot read."""
    unread = [name for name, sample in sides[1].items() if not sample.is_readable]
    for name, scores in others[1].items():
        read = [score for one in unread if (score := scores.get(one)) is not None]
        if read:
            return (
                f"{name} reads {len(read)} of the {len(unread)} that this filter does not: "
                f"{100 * sum(read) / len(read):.0f} %"
            )
    return None


def _answer(asked: Sample, sample: Sample | None, is_low: bool) -> Answer:
    """Return one side's answer, its score turned so that higher is better; a lack is unscored."""
    score = None if sample is None else sample.score
    return Answer(
        item_id=asked.document,
        item_digest=asked.document_hash,
        prompt_digest=asked.prompt_hash,
        rendered_digest=asked.prompt_hash,
        score=1.0 - score if is_low and score is not None else score,
        text="" if sample is None else sample.text,
        confidence=None,
        finish_reason=_how_it_ended(sample),
        n_prompt_tokens=0,
        n_answer_tokens=0,
    )


def _how_it_ended(sample: Sample | None) -> FinishReason:
    if sample is None or (sample.score is None and sample.is_readable):
        return "missing"  # no line, or no number on it
    return "choice" if sample.is_choice else "stop"


def _suite(capabilities: Mapping[str, Sequence[str]], tasks: Mapping[str, Task]) -> Suite:
    made = tuple(
        Capability(
            name=name,
            ring="general",
            description="",
            covers=(),
            margin=None,
            tasks=tuple(tasks[task] for task in names),
        )
        for name, names in capabilities.items()
    )
    return Suite(
        name=SAMPLES,
        version=1,
        description="samples that lm-eval logged",
        capabilities=made,
        digest=digest([task.digest for one in made for task in one.tasks]),
    )


def _identity(name: str, files: Mapping[str, Path]) -> Checkpoint:
    """Return who answered, as far as samples tell: by the bytes of the files."""
    content = hashlib.sha256()
    for path in files.values():
        with path.open("rb") as file:
            while piece := file.read(_A_PIECE):
                content.update(piece)
    return Checkpoint(
        name=name,
        revision=None,
        weights=content.hexdigest(),
        adapter=None,
        tokenizer="unknown",
        chat_template=None,
        settings="unknown",
        notes=(),
        files=None,
    )
