"""A pair that was measured: all that a verdict takes but answers and policy, kept in the store.

It is judged by files of the store alone. Where these travel in an archive, that is done on a
machine with neither weights nor torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from cliffguard.checkpoints.unchanged import changed_since
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.commits import commit_here, own_commit
from cliffguard.core.errors import StoreError, UsageError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.libraries import installed
from cliffguard.core.reviews import Commit, Review
from cliffguard.core.settings import EvalSettings, Plan, Policy
from cliffguard.core.texts import n_things
from cliffguard.core.validation import adapter_of, validate
from cliffguard.evaluate.measure import Measurement, TimeUp
from cliffguard.run.limits import Audience, Limits
from cliffguard.run.prepare import Run, planned
from cliffguard.run.survey import Survey
from cliffguard.runners import Runner, TaskPart
from cliffguard.store.answers import Store
from cliffguard.store.looks import is_past_lost, looks_path
from cliffguard.store.pairs import PairFile, keep_pair_file, pair_files, read_pair_file
from cliffguard.suites.directions import lower_is_better

FORMAT = 1
"""Version of what is kept of a pair; another one is refused."""

ANSWERING = ("torch", "transformers", "tokenizers", "peft", "lm-eval", "datasets")
"""The libraries of a review's `versions` that answer; the others judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPair:
    """Two sides that were measured under a plan.

    `runner` is the identity of who answered, `dtype` that of the weights, `questions` are the keys
    of both sides' answers, `versions` those of the libraries that answered. Commits are as in
    `Provenance`. `is_past_lost`: looks were taken at these answers of which the store knows no
    more. `number`, from 0, is its place among the candidates that were measured together. After
    `max_minutes` nothing more was asked (None: all was).
    """

    survey: Survey
    runner: str
    dtype: str
    questions: tuple[str, ...]
    versions: Mapping[str, str]
    cliffguard_commit: Commit | None
    commit: Commit | None
    is_past_lost: bool
    max_minutes: float | None = None
    number: int = 0
    format: int = FORMAT

    @property
    def key(self) -> str:
        """Digest of the sides and of what was asked of them, by which the pair is kept."""
        plan = json.dumps(_written(replace(self.survey.plan, policy=None)), sort_keys=True)
        survey = self.survey
        return digest([survey.base.fingerprint, survey.candidate.fingerprint, plan, self.runner])


def measured_pair(
    run: Run, measured: Sequence[Measurement], *, is_cut: bool = False
) -> MeasuredPair:
    """Return what is to be kept of a run that was measured, or `is_cut` by its limit of time."""
    survey, case = run.survey, run.case
    changed = (*changed_since(case.base), *changed_since(case.candidate))
    questions = [key for side in measured for key in side.questions]
    return MeasuredPair(
        survey=replace(
            survey,
            # Items are dealt by noise that this store knows, and another may not.
            plan=replace(survey.plan, churn=run.plan.churn),
            base=replace(survey.base, files=None),
            candidate=replace(survey.candidate, files=None),
            caveats=(*survey.caveats, *changed),
            screens=case.screens,
            leaks=run.leaks,
        ),
        runner=run.runner.identity,
        dtype=run.runner.dtype(run.plan.protocol),
        questions=tuple(dict.fromkeys(questions)),
        versions={name: number for name in ANSWERING if (number := installed(name))},
        cliffguard_commit=own_commit(),
        commit=commit_here(),
        max_minutes=run.limits.max_minutes if is_cut else None,
        is_past_lost=is_past_lost(run.store, case.base, case.candidate, measured[1].all_questions),
    )


def run_of(pair: MeasuredPair, policy: Policy | None, store: Store) -> Run:
    """Return the run that judges a pair by the answers of a store.

    `policy` None: the one under which it was measured. Raises UsageError where the policy goes by
    what was not measured.
    """
    survey = pair.survey
    if policy is not None:
        _refuse_other_half(survey, policy)
        survey = replace(survey, plan=replace(survey.plan, policy=policy))
        _refuse_lacking_fields(survey, policy)
        _refuse_other_directions(survey, policy)
    if pair.is_past_lost:
        mark = looks_path(store, survey.base.fingerprint, survey.candidate.fingerprint).stem
        for key in pair.questions:
            store.entry(key).mark_judged(mark)
    runner = _Answered(pair)
    limits = Limits(probes=False, max_minutes=pair.max_minutes, ends=lambda: runner.is_at_end)
    return planned(survey, runner, store, limits, Audience()).screened()


def with_origin(review: Review, pair: MeasuredPair) -> Review:
    """Return a review with the libraries that answered, and the code that measured."""
    here = {
        name: number for name, number in review.provenance.versions.items() if name not in ANSWERING
    }
    provenance = replace(
        review.provenance,
        versions={**here, **pair.versions},
        cliffguard_commit=pair.cliffguard_commit,
        commit=pair.commit,
    )
    return replace(review, provenance=provenance)


def keep_pair(store: Store, pair: MeasuredPair) -> Path:
    """Keep a pair that was measured in the store of its answers; return its file."""
    sides = (pair.survey.base.fingerprint, pair.survey.candidate.fingerprint)
    return keep_pair_file(store, pair.key, PairFile(sides, _written(pair)))


def pairs_in(store: Store) -> list[MeasuredPair]:
    """Return the pairs of a store. Raises StoreError for one that is damaged."""
    return sorted(map(read_pair, pair_files(store)), key=lambda pair: pair.number)


def read_pair(path: Path) -> MeasuredPair:
    """Return a pair from its file. Raises UsageError for one of another format."""
    file = read_pair_file(path)
    value = dict(file.noted)
    if value.get("format") == FORMAT:
        pair = validate(adapter_of(MeasuredPair), value, path.name, UsageError)
        # What a later version knows and this one would drop may have decided something.
        if _is_within(value, _written(pair)):
            return _consistent(pair, file.sides, path)
    raise UsageError(
        f"{path.name}: is a pair in another format than {FORMAT}, as this version reads it; "
        "measure it again with this version",
        id="pair.format",
    )


def _consistent(pair: MeasuredPair, sides: tuple[str, str], path: Path) -> MeasuredPair:
    """Return a pair, unless it says what no measurement writes: a seal finds accidents alone."""
    survey = pair.survey
    names = {capability.name for suite in survey.suites for capability in suite.capabilities}
    ids = [[item.id for item in task.items] for task in survey.tasks]
    if (
        sides == (survey.base.fingerprint, survey.candidate.fingerprint)
        and len(set(sides)) == len(sides)
        and pair.questions
        and all(t.capability in names and 0 <= (t.chance or 0) <= 1 for t in survey.tasks)
        and all(len(set(of_task)) == len(of_task) for of_task in ids)
    ):
        return pair
    raise StoreError(
        f"{path.name}: the record of a pair contradicts itself, as no measurement writes it; "
        "measure the pair again",
        id="pair.damaged",
    )


def _is_within(value: Any, whole: Any) -> bool:
    """Return whether all that JSON says stands in other JSON, too."""
    if isinstance(value, dict):
        return isinstance(whole, dict) and all(
            key in whole and _is_within(part, whole[key]) for key, part in value.items()
        )
    if isinstance(value, list):
        return (
            isinstance(whole, list)
            and len(value) == len(whole)
            and all(map(_is_within, value, whole))
        )
    return bool(value == whole)


def _written(record: MeasuredPair | Plan) -> Any:
    """Return a record in the types of JSON, the same whenever it is written."""
    adapter = adapter_of(type(record))
    return json.loads(json.dumps(adapter.dump_python(record), default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no part of a pair")


# --- what a policy may want that was not measured ------------------------------------------------


def _refuse_lacking_fields(survey: Survey, policy: Policy) -> None:
    """Refuse a field of documents in `cluster` or `strata` that the measurement did not keep."""
    had: dict[str, set[str]] = {}
    for task in survey.tasks:
        fields = had.setdefault(task.capability, set())
        fields |= {name for row in task.fields.values() for name in row}
    for name, rules in policy.capabilities.items():
        for key, field in (("cluster", rules.cluster), ("strata", rules.strata)):
            if field is not None and field not in had.get(name, {field}):
                raise UsageError(
                    f"policy.capabilities.{name}.{key}: what was measured has no field {field!r} "
                    f"of its items ({', '.join(sorted(had[name])) or 'it has none'}); measure "
                    "with --policy, or name another field",
                    id="pair.lacks-field",
                )


def _refuse_other_directions(survey: Survey, policy: Policy) -> None:
    """Refuse `lower_is_better` of a policy where the scores were taken the other way round."""
    for task in survey.tasks:
        wanted = policy.rules(task.capability).lower_is_better
        if wanted is None or wanted is bool(task.lower_is_better):
            continue
        if not task.stock:  # of ours all are better high, whatever a policy says
            lower_is_better(
                task.metric or "", task=task.name, capability=task.capability, policy=wanted,
                stated=False,
            )  # fmt: skip
        raise UsageError(
            f"policy.capabilities.{task.capability}.lower_is_better: {str(wanted).lower()}, and "
            f"{task.name} was measured under {str(not wanted).lower()}; measure both sides under "
            "this policy (`cliffguard measure BASE CANDIDATE --policy`)",
            id="pair.direction",
        )


def _refuse_other_half(survey: Survey, policy: Policy) -> None:
    """Refuse another policy for one half of the items, which a policy's clusters hold together."""
    if survey.plan.half is not None and survey.plan.policy != policy:
        raise UsageError(
            "--policy: one half of the items was measured, and which half goes by the policy that "
            "was there; leave it out, or measure under this one",
            id="pair.half",
        )


class _Answered(Runner):
    """Who answered a pair, and gives no new answers.

    Where a limit of time ended the measurement it `is_at_end` once more is asked than there is.
    """

    def __init__(self, pair: MeasuredPair) -> None:
        self._pair = pair
        self.is_at_end = False

    @property
    def identity(self) -> str:
        """Return the identity of the runner that measured."""
        return self._pair.runner

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the dtype of the measurement."""
        return self._pair.dtype

    def holds_both(self, base: Checkpoint, candidate: Checkpoint) -> bool:
        """Nothing is loaded here, ever."""
        return True

    def notes(self) -> Mapping[str, str | int]:
        """Nothing is measured here."""
        return {}

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the tasks as they were measured."""
        return self._pair.survey.tasks

    def take_part(self, part: TaskPart) -> str:
        """Refuse: there is no model here."""
        return "stored answers are compared, and no model is asked"

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> NoReturn:
        """Refuse: what was not measured is not there."""
        if self._pair.max_minutes is not None:
            self.is_at_end = True
            raise TimeUp("the time was up before it was asked")
        raise UsageError(
            f"{checkpoint.name}: lacks {n_things(len(items), 'answer', ',')} to {task.name}, which "
            "the policy takes; measure both sides under this policy (`cliffguard measure BASE "
            "CANDIDATE --policy`)",
            id="pair.lacks-answers",
        )
