"""lm-eval's task objects: ours made from items, stock ones loaded by name."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import CliffguardError, InfrastructureError, SuiteError, nearest
from cliffguard.core.extents import refuse_absurd
from cliffguard.core.hub_names import is_offline
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.core.terms import Terms
from cliffguard.core.texts import first_and_more, first_line, n_things
from cliffguard.runners.chat_task import ChatTask
from cliffguard.runners.lmeval_code import refuse_code
from cliffguard.runners.lmeval_logs import fields_of
from cliffguard.runners.loaded_task import LoadedTask, n_shots
from cliffguard.runners.local_data import LocalData, Misfit, leaves, manager_with, refuse_unknown
from cliffguard.suites.directions import lower_is_better
from cliffguard.suites.scorers import SCORERS

_SCORED_KINDS = ("multiple_choice", "loglikelihood", "generate_until")


def load_own(task: Task, shots: Sequence[Item] = ()) -> LoadedTask:
    """Make an lm-eval task of items of ours.

    `shots` stand before each item, in their order (none: as many as the task says are drawn from
    its own items).
    """
    import datasets
    from lm_eval.api.task import ConfigurableTask

    splits = {"items": _documents(task.items), **({"shots": _documents(shots)} if shots else {})}
    config: dict[str, Any] = {
        "task": task.name,
        # A callable, since `datasets` caches a file by path and time and would miss its change.
        "custom_dataset": lambda **_: {
            name: datasets.Dataset.from_list(rows) for name, rows in splits.items()
        },
        "test_split": "items",
        "fewshot_split": "shots" if shots else "items",
        "doc_to_text": lambda document: document["prompt"],
        "target_delimiter": " ",
        "num_fewshot": task.num_fewshot or 0,
        "metadata": {"version": 1},
        **({"fewshot_config": {"sampler": "first_n"}} if shots else {}),
    }
    harness = ConfigurableTask(config={**config, **_scoring(task)})
    ids = {item.id: index for index, item in enumerate(task.items)}
    task = dataclasses.replace(task, filter="none")
    return ChatTask(task, harness, ids, shots) if task.are_chats else LoadedTask(task, harness, ids)


def _documents(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [
        {
            "prompt": item.prompt,
            "choices": list(item.choices),
            "answer": item.answer,
            "answers": list(item.right),
        }
        for item in items
    ]


def _scoring(task: Task) -> dict[str, Any]:
    metric = {"metric": task.metric, "aggregation": "mean", "higher_is_better": True}
    scorer = SCORERS.get(task.metric or "")
    if scorer is None:
        return {
            "output_type": "multiple_choice",
            "doc_to_choice": lambda document: document["choices"],
            "doc_to_target": lambda document: document["choices"].index(document["answer"]),
            "metric_list": [metric],
        }
    clean = [{"function": "remove_whitespace"}, {"function": "take_first"}]
    return {
        "output_type": "generate_until",
        "doc_to_target": lambda document: document["answer"],
        "generation_kwargs": {
            "until": list(task.stop),
            "max_gen_toks": task.max_tokens,
            "do_sample": False,
        },
        "filter_list": [{"name": "none", "filter": clean}],
        "metric_list": [metric],
        "process_results": lambda document, responses: {
            task.metric: scorer.best(responses[0], document["answers"])
        },
    }


def refuse_data(data: Mapping[str, Any], entries: Sequence[Task]) -> None:
    """Refuse data for a task that is none of lm-eval's, or that no suite asks for."""
    if not data:
        return
    names = [task.entry for task in entries if task.stock]
    refuse_unknown(data, names, _stock_tasks().task_index if names else {})


def load_stock(
    task: Task,
    protocol: EvalSettings | None = None,
    data: Mapping[str, str | Mapping[str, str]] | None = None,
) -> list[LoadedTask]:
    """Load lm-eval's own task, or all tasks of its group or tag, by name.

    `data` are files that take the place of the tasks' own documents. Raises SuiteError for an
    unknown name, metric or filter, ConfigError for a file that does not fit, InfrastructureError
    when the data cannot be fetched.
    """
    manager, local = _stock_tasks(), dict[str, LocalData]()
    if task.name not in manager.all_tasks:
        close = nearest(task.name, manager.all_tasks)
        raise SuiteError(
            f"{task.suite}: {task.name!r} is neither a task with items nor known to lm-eval{close}",
            id="task.unknown",
        )
    refuse_code(manager.task_index, task.name)
    if data:
        manager, local = manager_with(
            manager, data, partial(n_shots, task, protocol or EvalSettings())
        )
    try:
        harnesses = manager.load([task.name])["tasks"]
    except CliffguardError:
        raise
    except ModuleNotFoundError as failure:
        raise SuiteError(
            f"{task.name}: needs the package {failure.name}, which is not installed; lm-eval names "
            f"it in an extra of its own (for example lm-eval[{task.name}])",
            id="environment.missing-library",
        ) from failure
    except Exception as failure:  # lm-eval lets through whatever datasets and the hub raise
        reason = first_line(failure)
        raise InfrastructureError(
            f"{task.name}: lm-eval cannot load its data ({type(failure).__name__}: {reason}); "
            f"{_fetched(task.name, manager.task_index)}",
            id="task.no-data",
        ) from failure
    return [_stock(task, name, made, local.get(name)) for name, made in sorted(harnesses.items())]


def _fetched(name: str, index: Mapping[str, Any]) -> str:
    """Return how a task, or those of a group or tag, may come by documents."""
    tasks = sorted(leaves(index, name))
    each = "" if len(tasks) == 1 else f", and so each of its {n_things(len(tasks), 'task')}"
    files = f"give them as a file (--data {tasks[0]}=FILE{each})"
    if is_offline():
        return f"drop --offline (and HF_HUB_OFFLINE) to fetch them, or {files}"
    return f"try again when the hub can be reached, or {files}"


@cache
def _stock_tasks() -> Any:
    """Return lm-eval's index of tasks; reading its 14,000 files takes seconds."""
    return _read_index()


def _read_index() -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _stock(task: Task, name: str, harness: Any, local: LocalData | None) -> LoadedTask:
    if getattr(harness, "UNSAFE_CODE", False):
        raise SuiteError(
            f"{name}: runs code that the model wrote; cliffguard does not run it",
            id="task.runs-code",
        )
    if harness.OUTPUT_TYPE not in _SCORED_KINDS or getattr(harness, "MULTIMODAL", False):
        raise SuiteError(
            f"{name}: tasks of kind {harness.OUTPUT_TYPE} have no score per item",
            id="task.no-item-score",
        )
    metric, is_low = _metric(task, name, harness)
    if (getattr(harness.config, "generation_kwargs", None) or {}).get("do_sample"):
        raise SuiteError(
            f"{name}: samples its answers; the same question must have one answer",
            id="task.samples",
        )
    filter_name = _pick(
        name, "filter", task.filter, [ensemble.name for ensemble in harness._filters]
    )
    items, ids = _items(name, harness, local)
    fields = _fields(harness, items, ids, task.wanted)
    config = json.loads(_dump(harness))
    if local is not None:
        del config["custom_dataset"]  # the source of a function of ours
    data = () if local is None else ({"data": local.content},)
    # Turned scores are not those of the metric.
    turned = ({"lower_is_better": True},) if is_low else ()
    is_told = _is_told_by_items(harness)
    terms = Terms(
        before=(name, metric, filter_name, task.num_fewshot, config),
        after=turned if is_told else (*turned, *data),
        content=data if is_told else (),
    )
    resolved = dataclasses.replace(
        task,
        name=name,
        metric=metric,
        filter=filter_name,
        chance=1.0 - task.chance if is_low and task.chance is not None else task.chance,
        lower_is_better=is_low,
        items=items,
        digest=terms.digest_of([(item.id, item.digest, None) for item in items], task.limit),
        fields=fields,
        terms=terms,
    )
    return LoadedTask(resolved, harness, ids, local)


def _is_told_by_items(harness: Any) -> bool:
    """Return whether a score depends on no more of a document than an item has of it."""
    from lm_eval.api.task import ConfigurableTask

    is_usual = type(harness).process_results is ConfigurableTask.process_results
    filters = [step for ensemble in harness._filters for step in ensemble.filters]
    return (
        is_usual
        and harness.get_config("process_results") is None
        and not any(map(_reads_document, filters))
    )


def _reads_document(step: Any) -> bool:
    """Return whether a filter may look at the document, too: of lm-eval's own one alone does."""
    kind = getattr(step, "func", step)
    is_own = str(getattr(kind, "__module__", "")).startswith("lm_eval.filters.")
    return not is_own or kind.__name__ == "MultiChoiceRegexFilter"


def _metric(task: Task, name: str, harness: Any) -> tuple[str, bool]:
    """Return a task's metric, and whether it is better low: the first that is not, or the first."""
    better = harness.higher_is_better()
    known = list(harness._metric_fn_list)
    known.sort(key=lambda metric: better.get(metric) is False)
    metric = _pick(name, "metric", task.metric, known)
    is_high = better.get(metric)
    is_low = lower_is_better(
        metric,
        task=name,
        capability=task.capability,
        policy=task.lower_is_better,
        stated=not is_high if isinstance(is_high, bool) else None,
    )
    return metric, is_low


def _pick(name: str, kind: str, wanted: str | None, known: list[str]) -> str:
    if wanted is None:
        return known[0]
    if wanted not in known:
        raise SuiteError(
            f"{name}: has no {kind} {wanted!r}{nearest(wanted, known)} (it has {', '.join(known)})",
            id="task.no-such-part",
        )
    return wanted


def _items(
    name: str, harness: Any, local: LocalData | None
) -> tuple[tuple[Item, ...], dict[str, int]]:
    items: list[Item] = []
    ids: dict[str, int] = {}
    for index, document in enumerate(harness.eval_docs):
        try:
            prompt, choices, answer = _parts_of(harness, document, is_checked=local is not None)
        except CliffguardError:
            raise
        except Exception as failure:
            if local is not None:
                raise local.misfit(failure, index) from failure
            raise
        refuse_absurd(prompt, choices, answer, f"{name}: document {index}")
        content = digest([prompt, choices, answer])
        item_id = f"{name}-{content[:16]}"
        while item_id in ids:  # benchmarks do repeat items
            item_id += "+"
        ids[item_id] = index
        items.append(
            Item(
                id=item_id,
                digest=content,
                prompt=prompt,
                choices=tuple(choices),
                answer=answer,
                level=None,
                cluster=None,
            )
        )
    return tuple(items), ids


def _fields(
    harness: Any, items: Sequence[Item], ids: Mapping[str, int], wanted: Sequence[str]
) -> dict[str, Mapping[str, str]]:
    """Return, by item, what the wanted fields of its document say."""
    if not wanted:
        return {}
    documents = list(harness.eval_docs)
    return {item.id: fields_of(documents[ids[item.id]], wanted) for item in items}


def _parts_of(harness: Any, document: Any, *, is_checked: bool) -> tuple[str, list[str], str]:
    """Return a document's prompt, choices and right answer.

    Where it `is_checked`, raises Misfit for an answer that is none of the choices, which
    lm-eval would take for an item that nobody gets right.
    """
    prompt = harness.doc_to_text(document)
    choices: list[str] = []
    if harness.OUTPUT_TYPE == "multiple_choice":
        choices = [str(choice) for choice in harness.doc_to_choice(document)]
    target = harness.doc_to_target(document)
    if is_checked and choices and not isinstance(prompt, int):  # a number picks a context instead
        for right in target if isinstance(target, list) else [target]:
            if not (0 <= right < len(choices) if isinstance(right, int) else right in choices):
                if right == harness.config.doc_to_target and right not in document:
                    # lm-eval takes the name of a column that is not there for the answer.
                    columns = first_and_more(sorted(document), 6)
                    raise Misfit(f"no column {right!r}, where the answer is (there are {columns})")
                raise Misfit(f"the answer {right!r} is none of {n_things(len(choices), 'choice')}")
    answer = str(choices[target] if choices and isinstance(target, int) else target)
    return str(prompt), choices, answer


def _dump(harness: Any) -> str:
    """Return the task's configuration as text, the same in every process."""
    config = harness.dump_config()
    config.pop("metadata", None)
    text = json.dumps(config, sort_keys=True, default=lambda value: type(value).__name__)
    # lm-eval spells some functions with the address at which they lie in this process.
    return re.sub(r" at 0x[0-9a-f]+", "", text)
