"""Logs of inspect_ai, `.eval` or `.json`: one run of a task each, with all samples and scores."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import UsageError
from cliffguard.core.settings import Policy
from cliffguard.core.texts import Texts, n_things
from cliffguard.runners.imported import only_newest, unknown
from cliffguard.runners.inspect_logs.files import LogFile
from cliffguard.runners.inspect_logs.folders import LoggedRuns, find_logs
from cliffguard.runners.inspect_logs.samples import Documents
from cliffguard.runners.inspect_logs.scores import MEAN, Scores, mapping, number_in
from cliffguard.runners.lmeval_import.settings import Settings
from cliffguard.runners.lmeval_logs import ScoreChoice
from cliffguard.runners.lmeval_logs.reading import REPEATS
from cliffguard.runners.lmeval_logs.results import Results
from cliffguard.runners.lmeval_logs.sample import plain_setting
from cliffguard.runners.score_choices import Number, TaskScores
from cliffguard.runners.scored import ScoredSide, Source, wanted_fields

SOURCE = Source("samples that inspect_ai logged", "inspect_ai", "reducer")
WHO_ANSWERED = unknown(
    "Which weights answered is not known: a log of inspect_ai names a model only."
)

# Which of what a log says of generation may move an answer, and what of the run.
_GENERATION = (
    *("system_message", "max_tokens", "top_p", "top_k", "temperature", "seed", "best_of"),
    *("frequency_penalty", "presence_penalty", "logit_bias", "num_choices", "response_schema"),
    *("reasoning_effort", "reasoning_tokens", "verbosity", "effort", "max_tool_output"),
)
_LIMITS = (
    "message_limit",
    "token_limit",
    "turn_limit",
    "time_limit",
    "working_limit",
    "cost_limit",
)
# That C is right and I wrong is theirs to know, not a log's to say.
_HIGH = frozenset(
    {"answer", "choice", "exact", "f1", "includes", "match", "math", "pattern"}
    | {"model_graded_fact", "model_graded_qa"}
)
_BY_A_MODEL = "model_graded"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object that stands there as Python shows it
_OF_ANY_NUMBER = ("mean", "pass_at")
"""Reducers that more epochs of a document make more certain, and no better."""


def read_logs(name: str, side: str, policy: Policy, texts: Texts) -> ScoredSide:
    """Return the newest log of every task at a path, for the `side` of that word.

    Raises UsageError where it is not clear what is meant, IntegrityError for damage.
    """
    runs = find_logs(name)
    tasks: dict[str, TaskScores] = {}
    caveats: list[Caveat] = [*_left_out(side, runs)]
    for task, log in runs.newest.items():
        documents = Documents(log)
        if not documents.by_name:
            raise UsageError(
                f"{log.path}: holds no sample ({_status(log)}); run inspect_ai with --log-samples, "
                "or leave the log out",
                id="samples.only-results",
            )
        tasks[task] = _scored(log, documents, wanted_fields(policy), texts)
        caveats += _remarks(side, log, documents, tasks[task])
    return ScoredSide(name=name, tasks=tasks, caveats=tuple(caveats))


def _scored(log: LogFile, documents: Documents, wanted: Sequence[str], texts: Texts) -> TaskScores:
    scores = documents.scores()
    named = mapping(log.eval.get("dataset")).get("sample_ids")
    to_ask = frozenset(map(str, named)) if isinstance(named, list) else frozenset()
    packages = mapping(log.eval.get("packages"))
    return TaskScores(
        path=log.path,
        samples=documents.samples(wanted, texts),
        scores=scores,
        higher_is_better={metric: True for metric in _known_high(scores, documents.graded)},
        settings=_settings(log),
        results=Results(
            versions={log.task: str(log.eval.get("task_version", 0))},
            libraries={str(name): str(version) for name, version in packages.items()},
        ),
        to_ask=to_ask if to_ask >= documents.by_name.keys() else None,
    )


def _known_high(scores: Scores, graded: Mapping[str, bool]) -> Iterator[str]:
    for choice in scores:
        metric = choice.metric or ""
        if graded.get(metric) or metric.rstrip("0123456789") in _HIGH:  # a second match is match1
            yield metric


def _settings(log: LogFile) -> Settings:
    """Return how a task was asked, by the names under which inspect_ai takes it."""
    spec, plan = log.eval, mapping(log.header.get("plan"))
    config = mapping(spec.get("config"))
    generation = {
        **_set(mapping(spec.get("model_generate_config"))),
        **_set(mapping(plan.get("config"))),
    }
    settings: dict[str, Any] = {key: generation[key] for key in _GENERATION if key in generation}
    settings |= {key: config[key] for key in _LIMITS if config.get(key) is not None}
    settings |= {f"-T {key}": value for key, value in _set(mapping(spec.get("task_args"))).items()}
    if generation.get("stop_seqs") is not None:
        settings["until"] = generation["stop_seqs"]
    steps = plan.get("steps")
    solvers = [mapping(step) for step in steps] if isinstance(steps, list) else []
    settings["solver"] = [solver.get("solver") for solver in solvers]
    for number, solver in enumerate(solvers, start=1):
        # `params` have the defaults of a release, too: the one is not compared with the other.
        given = "params_passed" if "params_passed" in solver else "params"
        written = json.dumps(solver.get(given), sort_keys=True)
        settings[f"{given} of solver {number}"] = _ADDRESS.sub("", written)
    settings |= {f"model role {role}": model for role, model in _roles(spec)}
    settings[REPEATS] = config.get("epochs") or 1
    reducers = config.get("epochs_reducer")
    if isinstance(reducers, list) and reducers and not str(reducers[0]).startswith(_OF_ANY_NUMBER):
        settings["epochs"] = settings[REPEATS]  # the best of five is more than that of one
    return {
        name: frozenset([json.dumps(plain_setting(value), sort_keys=True)])
        for name, value in settings.items()
    }


def _roles(spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for role, models in mapping(spec.get("model_roles")).items():
        listed = models if isinstance(models, list) else [models]
        yield role, [mapping(model).get("model", model) for model in listed]


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _left_out(side: str, runs: LoggedRuns) -> Iterator[Caveat]:
    if runs.older:
        names = ", ".join(path.name for path in runs.older)
        yield only_newest(
            f"{side}: of each task the newest log is judged; older ones are left out: {names}."
        )


def _remarks(side: str, log: LogFile, documents: Documents, scored: TaskScores) -> Iterator[Caveat]:
    """Say what of a log may move its scores, or contradicts them."""
    counts, status = documents.counts, _status(log)
    parts = [
        f"{n_things(n, 'answer')} {what}"
        for n, what in (
            (counts.failed, "failed with an error"),
            (counts.limited, "ended at a limit"),
            (counts.invalid, "marked as not to be used"),
        )
        if n
    ]
    if status != "success":
        n = len(scored.to_ask or ())
        whole = n_things(n, "document") if n else "an unknown number of documents"
        parts.insert(0, f"its status is {status}, with {len(scored.samples)} of {whole}")
    n_epochs = mapping(log.eval.get("config")).get("epochs")
    if isinstance(n_epochs, int):
        n_lacking = sum(max(0, n_epochs - len(each.epochs)) for each in documents.by_name.values())
        parts += [f"{n_things(n_lacking, 'answer')} of {n_epochs:,} epochs not there"] * bool(
            n_lacking
        )
    if parts:
        text = f"{side}: the log of {log.task} is not whole: {'; '.join(parts)}."
        yield Caveat(id="samples.unfinished", text=text)
    if disagreeing := [*_disagreements(log, scored), *_other_reductions(documents, scored)]:
        text = f"{side}: {log.task}: {'; '.join(disagreeing)}."
        yield Caveat(id="samples.log-disagrees", text=text)
    grading = [name for name in _scorers(log) if name.startswith(_BY_A_MODEL)]
    if grading and not any(role == "grader" for role, _ in _roles(log.eval)):
        text = (
            f"{side}: {log.task}: {', '.join(grading)} names no grader among the model roles; "
            "unless the scorer itself names one, each model graded its own answers."
        )
        yield Caveat(id="samples.graded-by-itself", text=text)


def _disagreements(log: LogFile, scored: TaskScores) -> Iterator[str]:
    """Say where the header's own mean is not that of the documents' scores."""
    results = mapping(log.header.get("results")).get("scores")
    for entry in map(mapping, results if isinstance(results, list) else ()):
        name, scorer = str(entry.get("name")), str(entry.get("scorer"))
        metric = name if name == scorer else f"{scorer}/{name}"
        choice = ScoreChoice(metric, str(entry.get("reducer") or MEAN))
        numbers = scored.scores.get(choice, {}).values()
        known = [n for n in numbers if isinstance(n, (int, float))]
        for key in ("accuracy", "mean"):
            stated = number_in(mapping(mapping(entry.get("metrics")).get(key)).get("value"))
            if known and isinstance(stated, float) and math.isfinite(stated):
                mean = math.fsum(known) / len(known)
                if not math.isclose(stated, mean, rel_tol=1e-6, abs_tol=1e-6):
                    yield (
                        f"{key} of {metric} is {stated:.4f} in the log's header, and "
                        f"{mean:.4f} over its {n_things(len(known), 'scored document')}"
                    )


def _other_reductions(documents: Documents, scored: TaskScores) -> Iterator[str]:
    """Say of how many documents the log's reductions have another mean than its samples."""
    for metric, means in documents.means().items():
        reduced = scored.scores.get(ScoreChoice(metric, MEAN), {})
        n = sum(not _is_same(reduced.get(name), mean) for name, mean in means.items())
        if reduced and n:
            yield f"{metric} of {n_things(n, 'document')} is another in the log's reductions"


def _is_same(reduced: Number, mean: Number) -> bool:
    if isinstance(reduced, float) and isinstance(mean, float):
        return math.isclose(reduced, mean, rel_tol=1e-6, abs_tol=1e-6)
    return reduced == mean or isinstance(mean, str)  # which stands in the reductions' place


def _scorers(log: LogFile) -> list[str]:
    scorers = log.eval.get("scorers")
    return (
        [str(mapping(scorer).get("name")) for scorer in scorers if mapping(scorer).get("name")]
        if isinstance(scorers, list)
        else []
    )


def _status(log: LogFile) -> str:
    return str(log.header.get("status", "started"))[:20]
