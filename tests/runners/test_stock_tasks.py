"""lm-eval's own tasks in a suite, their data replaced by a few documents of ours."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cliffguard import EvalSettings, Plan, Policy, RunnerSettings, Store, guard
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import find_sides, measure_alone, measure_pair
from cliffguard.run.measured import keep_pair, read_pair
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.lmeval_tasks import _dump, _is_told_by_items, _stock_tasks
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.suites.loading import load_suite, load_suites
from tests import support

SUITE = """\
name: stock
version: 1
capabilities:
  maths:
    ring: adjacent
    tasks:
      - {entry}
"""
SUMS = [{"question": f"What is {n} + 1?", "answer": f"One more.\n#### {n + 1}"} for n in range(8)]
COPA = [
    {
        "premise": f"The glass fell {n} times.",
        "choice1": "It broke.",
        "choice2": "It sang.",
        "question": "effect",
        "label": 0,
    }
    for n in range(5)
]
_TWINS = [
    "The trophy did not fit the case since _ was large.",
    "The trophy did not fit the case since _ was small.",
]
_CASE = {"option1": "it", "option2": "the case"}
WINOGRANDE = [
    {"sentence": f"Ann paid Eve {n} coins, so _ was glad.", "option1": "Ann", "option2": "Eve"}
    for n in range(10)
] + [
    {"sentence": _TWINS[0], **_CASE},
    {"sentence": _TWINS[1], "option1": _CASE["option2"], "option2": _CASE["option1"]},
]
for number, row in enumerate(WINOGRANDE):
    row["answer"] = "2" if number < 5 or number == 11 else "1"
DATA: dict[str, list[dict[str, Any]]] = {
    "allenai/winogrande": WINOGRANDE,
    "openai/gsm8k": SUMS,
    "aps/super_glue": COPA,
    "SaylorTwift/bbh": [{"input": f"not ( {n} )", "target": "True"} for n in range(3)],
    "jannalu/crows_pairs_multilingual": [
        {"sent_more": f"He sang {n} songs.", "sent_less": f"A {n} sang he."} for n in range(6)
    ],
    "EleutherAI/wikitext_document_level": [{"page": "Once upon a time."}],
}


@pytest.fixture(autouse=True)
def data_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve a few documents where lm-eval would load a data set from a hub."""
    import datasets

    def load(path: str, **_: Any) -> Any:
        rows = DATA.get(path)
        if rows is None:
            raise ConnectionError(f"no hub for {path}")
        split = datasets.Dataset.from_list(rows)
        return datasets.DatasetDict(train=split, test=split, validation=split)

    monkeypatch.setattr("lm_eval.api.task.datasets.load_dataset", load)


@pytest.fixture
def runner() -> HarnessRunner:
    """A runner on the CPU."""
    return HarnessRunner(RunnerSettings(device="cpu", batch_size=4))


def suite(tmp_path: Path, entry: str) -> Path:
    """Write a suite of one stock task."""
    path = tmp_path / "stock.yaml"
    path.write_text(SUITE.format(entry=entry), encoding="utf-8")
    return path


def compared(plan: Plan, runner: HarnessRunner, store: Store) -> CapabilityComparison:
    """Return the one capability of a plan, over all of its items."""
    review = guard(plan, store=store, runner=runner, stops_early=False)
    (capability,) = review.comparison.capabilities
    return capability


def test_a_name_is_enough(runner: HarnessRunner, tmp_path: Path) -> None:
    """`- gsm8k` gives its items, its first metric and its first filter."""
    file = suite(tmp_path, "gsm8k")

    (task,) = runner.resolve([load_suite(str(file))], EvalSettings())

    assert (task.name, task.metric, task.filter) == ("gsm8k", "exact_match", "strict-match")
    assert [item.answer for item in task.items][:1] == ["One more.\n#### 1"]
    assert len({item.id for item in task.items}) == 8


def test_a_group_stands_for_its_tasks(runner: HarnessRunner, tmp_path: Path) -> None:
    """`- bbh_cot_fewshot` gives a task of ours for each of lm-eval's, in one capability."""
    file = suite(tmp_path, "bbh_cot_fewshot")

    tasks = runner.resolve([load_suite(str(file))], EvalSettings())

    assert len(tasks) > 20
    assert {task.entry for task in tasks} == {"bbh_cot_fewshot"}
    assert {task.capability for task in tasks} == {"maths"}
    assert len({task.name for task in tasks}) == len({task.digest for task in tasks}) == len(tasks)


def test_filters_are_kept_apart(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under one filter an answer without the #### mark cannot be read, under the other it is right.

    What lm-eval writes in its place, "[invalid]", is no answer that is wrong.
    """
    base = find_base(str(tiny_base), FindOptions())
    scores = {}
    for name in ("strict-match", "flexible-extract"):
        file = suite(tmp_path, f"{{name: gsm8k, filter: {name}, num_fewshot: 0}}")
        (task,) = runner.resolve([load_suite(str(file))], EvalSettings())
        model = support.model_of(runner, base)
        monkeypatch.setattr(model, "generate", support.saying(["It is 1."]))
        scores[name] = [a.score for a in runner.ask(base, task, task.items[:1], EvalSettings())]

    assert scores == {"strict-match": [None], "flexible-extract": [1.0]}


def test_the_shots_are_part_of_what_is_asked(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another number of shots gives another prompt digest for the same item."""
    base = find_base(str(tiny_base), FindOptions())
    model = support.model_of(runner, base)
    monkeypatch.setattr(type(model), "max_length", 4096)
    (task,) = runner.resolve([load_suite(str(suite(tmp_path, "gsm8k")))], EvalSettings())
    monkeypatch.setattr(model, "generate", support.saying(["1", "1"]))

    none, two = (
        runner.ask(base, task, task.items[:1], EvalSettings(num_fewshot=shots))[0]
        for shots in (0, 2)
    )

    assert none.prompt_digest != two.prompt_digest
    assert none.n_prompt_tokens < two.n_prompt_tokens


def test_multiple_choice_tasks_have_picks(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path
) -> None:
    """A stock multiple-choice task answers with one of its choices."""
    base = find_base(str(tiny_base), FindOptions())
    (task,) = runner.resolve([load_suite(str(suite(tmp_path, "copa")))], EvalSettings())

    answers = runner.ask(base, task, task.items, EvalSettings())

    assert all(
        answer.text in item.choices for answer, item in zip(answers, task.items, strict=True)
    )
    assert all(answer.score in (0.0, 1.0) for answer in answers)


def test_the_number_of_a_context_is_no_document(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, tiny_tuned: Path
) -> None:
    """The prompt of WinoGrande is the number of the right choice, which half of all items share.

    Twins, whose sentences begin alike, are tied. Guessing earns a half, though the suite is silent.
    """
    plan = plan_of(tmp_path, "winogrande", tiny_base, tiny_tuned)

    capability = compared(plan, runner, Store(tmp_path / "store"))

    assert capability.counts.n_items == 12
    assert capability.counts.n_clusters == 11
    assert capability.evidence.chance == 0.5


def test_a_base_that_guesses_has_nothing_to_lose_where_less_is_better(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, tiny_tuned: Path
) -> None:
    """Of two sentences one is picked half of the time, whichever counts."""
    task = "{name: crows_pairs_english, metric: pct_stereotype}"
    plan = plan_of(tmp_path, task, tiny_base, tiny_tuned)

    capability = compared(plan, runner, Store(tmp_path / "store"))

    assert capability.evidence.chance == 0.5


def test_a_pair_whose_guessing_earns_all_is_read_back(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, tiny_tuned: Path
) -> None:
    """Of a metric that is better low, turned, a chance of 0 in the suite is 1."""
    task = "{name: crows_pairs_english, metric: pct_stereotype, chance: 0}"
    plan = plan_of(tmp_path, task, tiny_base, tiny_tuned)
    store = Store(tmp_path / "store")

    pair = measure_pair(plan, store=store, runner=runner)

    assert [task.chance for task in read_pair(keep_pair(store, pair)).survey.tasks] == [1.0]


@pytest.mark.parametrize(("entry", "chance"), [("copa", None), ("{name: copa, chance: 0.3}", 0.3)])
def test_what_guessing_earns_is_of_the_items_where_the_suite_is_silent(
    runner: HarnessRunner, tmp_path: Path, entry: str, chance: float | None
) -> None:
    """A base that guesses has nothing to lose: a silent 0 let it be held."""
    (task,) = runner.resolve([load_suite(str(suite(tmp_path, entry)))], EvalSettings())

    assert task.chance == chance
    assert {len(item.choices) for item in task.items} == {2}


def test_stock_tasks_are_compared_from_the_store(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, tiny_tuned: Path
) -> None:
    """Items of stock tasks are read back from the store, without lm-eval."""
    file = suite(tmp_path, "copa")
    plan = Plan(base=str(tiny_base), candidate=str(tiny_tuned), suites=(str(file),))
    store = Store(tmp_path / "store")
    measured = guard(plan, store=store, runner=runner)

    stored = find_stored(store, find_sides(plan), load_suites(plan.suites), {})

    again = guard(replace(plan, protocol=stored.protocol), store=store, runner=stored)
    assert again.comparison == measured.comparison


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("{name: gsm8k, metric: acc}", ("task.no-such-part", 2, "'acc'", "exact_match", "gsm8k")),
        ("{name: gsm8k, filter: strict}", ("task.no-such-part", 2, "'strict'", "'strict-match'")),
        ("wikitext", ("task.no-item-score", 2, "loglikelihood_rolling", "wikitext")),
    ],
)
def test_what_cannot_be_used_says_why(
    runner: HarnessRunner, tmp_path: Path, entry: str, error: Any
) -> None:
    """A stock task without that metric or filter, or of another kind, is refused."""
    file = suite(tmp_path, entry)

    with support.refused(*error):
        runner.resolve([load_suite(str(file))], EvalSettings())


@pytest.mark.slow
def test_another_filter_in_the_store_is_not_taken_for_this_one(
    tmp_path: Path, tiny_base: Path, tiny_tuned: Path, runner: HarnessRunner
) -> None:
    """Answers scored under one filter do not serve a suite that names another."""
    strict = suite(tmp_path, "{name: gsm8k, filter: strict-match, num_fewshot: 0}")
    plan = Plan(base=str(tiny_base), candidate=str(tiny_tuned), suites=(str(strict),))
    store = Store(tmp_path / "store")
    guard(plan, store=store, runner=runner)
    suite(tmp_path, "{name: gsm8k, filter: flexible-extract, num_fewshot: 0}")

    with support.refused("compare.not-stored", 2):
        find_stored(store, find_sides(plan), load_suites(plan.suites), {})


def test_a_data_set_that_moved_since_the_base_was_stored_is_told(
    tmp_path: Path, tiny_base: Path, tiny_tuned: Path, runner: HarnessRunner
) -> None:
    """Same name, other documents: nothing is paired by number, and nothing is compared."""
    plan = Plan(
        base=str(tiny_base), candidate=str(tiny_tuned), suites=(str(suite(tmp_path, "copa")),)
    )
    store = Store(tmp_path / "store")
    before, after = find_sides(plan)
    measure_alone(before, plan, store=store, runner=runner)
    changed = [{**COPA[0], "premise": "The cup fell."}, *COPA[1:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATA, "aps/super_glue", changed)
        measure_alone(after, plan, store=store, runner=runner)

    stored = find_stored(store, (before, after), load_suites(plan.suites), {})

    with support.refused("compare.measured-twice", 2):
        guard(replace(plan, protocol=stored.protocol), store=store, runner=stored)


CROWS = "{name: crows_pairs_english, metric: pct_stereotype, chance: 0.5}"


def test_scores_of_a_metric_that_is_better_low_are_turned(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path
) -> None:
    """crows_pairs scores 1 for a stereotype, which is the first choice; we score 0 for it."""
    base = find_base(str(tiny_base), FindOptions())
    (task,) = runner.resolve([load_suite(str(suite(tmp_path, CROWS)))], EvalSettings())

    answers = runner.ask(base, task, task.items, EvalSettings())

    assert task.lower_is_better
    assert [answer.score for answer in answers] == [
        float(answer.text != item.choices[0])
        for answer, item in zip(answers, task.items, strict=True)
    ]


@pytest.mark.parametrize(
    ("is_high", "metric"), [(False, "likelihood_diff"), (True, "pct_stereotype")]
)
def test_without_a_name_a_metric_that_is_better_high_is_taken(
    runner: HarnessRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_high: bool,
    metric: str,
) -> None:
    """The first such one, as before; where there is none, the first."""
    directions = {"likelihood_diff": False, "pct_stereotype": is_high}
    monkeypatch.setattr("lm_eval.api.task.ConfigurableTask.higher_is_better", lambda _: directions)

    (task,) = runner.resolve(
        [load_suite(str(suite(tmp_path, "crows_pairs_english")))], EvalSettings()
    )

    assert (task.metric, task.lower_is_better) == (metric, not is_high)


def plan_of(tmp_path: Path, entry: str, *sides: Path, is_low: bool | None = None) -> Plan:
    """Return a plan of one stock task whose policy says which way its metric points."""
    policy = Policy(capabilities={"maths": CapabilityPolicy(lower_is_better=is_low)})
    base, candidate = sides
    file = str(suite(tmp_path, entry))
    return Plan(base=str(base), candidate=str(candidate), suites=(file,), policy=policy)


def test_what_is_better_low_is_compared_from_the_store(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path, tiny_tuned: Path
) -> None:
    """Which way its metric points is stored beside the answers, and shown with them."""
    plan = plan_of(tmp_path, CROWS, tiny_base, tiny_tuned, is_low=None)
    store = Store(tmp_path / "store")
    measured = guard(plan, store=store, runner=runner)

    stored = find_stored(store, find_sides(plan), load_suites(plan.suites), {})
    plan = replace(plan, protocol=stored.protocol)

    assert measured.comparison.capabilities[0].direction == "lower"
    assert guard(plan, store=store, runner=stored).comparison == measured.comparison
    wrong = replace(
        plan, policy=Policy(capabilities={"maths": CapabilityPolicy(lower_is_better=False)})
    )
    with support.refused("policy.direction-contradicts", 2, "crows_pairs_english"):
        guard(wrong, store=store, runner=stored)


@pytest.mark.parametrize(("entry", "is_low"), [("copa", True), ("gsm8k", True), (CROWS, False)])
def test_a_policy_that_contradicts_a_task_is_refused(
    runner: HarnessRunner,
    tmp_path: Path,
    tiny_base: Path,
    tiny_tuned: Path,
    entry: str,
    is_low: bool,
) -> None:
    """The task's own config says which way its metric points."""
    plan = plan_of(tmp_path, entry, tiny_base, tiny_tuned, is_low=is_low)

    with support.refused("policy.direction-contradicts", 2, "lower_is_better"):
        guard(plan, store=Store(tmp_path / "store"), runner=runner)


@pytest.mark.parametrize("is_low", [None, True, False])
def test_a_metric_that_nobody_knows_needs_the_policy(
    runner: HarnessRunner,
    tmp_path: Path,
    tiny_base: Path,
    tiny_tuned: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_low: bool | None,
) -> None:
    """A task whose config says nothing of a metric of its own is asked once the policy says it."""
    monkeypatch.setattr("lm_eval.api.task.ConfigurableTask.higher_is_better", lambda _: {})
    plan = plan_of(tmp_path, CROWS, tiny_base, tiny_tuned, is_low=is_low)

    def review() -> Review:
        return guard(plan, store=Store(tmp_path / "store"), runner=runner)

    if is_low is None:
        with support.refused("metric.unknown-direction", 2, "lower_is_better"):
            review()
    else:
        assert review().comparison.capabilities[0].diagnostics.tasks[0].lower_is_better is is_low


def test_tasks_that_sample_are_refused(
    runner: HarnessRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sampled answer is not the same twice, so it cannot be stored as the answer."""
    file = suite(tmp_path, "gsm8k")
    harness = _stock_tasks().load(["gsm8k"])["tasks"]["gsm8k"]
    harness.config.generation_kwargs["do_sample"] = True
    monkeypatch.setattr(type(_stock_tasks()), "load", lambda *_: {"tasks": {"gsm8k": harness}})

    with support.refused("task.samples", 2, "gsm8k"):
        runner.resolve([load_suite(str(file))], EvalSettings())


def test_addresses_of_functions_are_not_part_of_a_task() -> None:
    """What lm-eval spells with an address has the same digest in every process."""

    class Harness:
        """A task whose configuration holds an address."""

        def __init__(self, address: str) -> None:
            self.address = address

        def dump_config(self) -> dict[str, str]:
            """Return a configuration as lm-eval writes functools.partial."""
            return {"doc_to_text": f"functools.partial(<function f at {self.address}>)"}

    assert _dump(Harness("0x7f4c91dedf80")) == _dump(Harness("0x5500"))


def test_tasks_that_run_code_are_refused(
    runner: HarnessRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that lm-eval marks as running the model's code is not run."""
    monkeypatch.setattr("lm_eval.api.task.ConfigurableTask.UNSAFE_CODE", True, raising=False)
    suites = [load_suite(str(suite(tmp_path, "gsm8k")))]

    with support.refused("task.runs-code", 2, "gsm8k"):
        runner.resolve(suites, EvalSettings())


def test_data_that_cannot_be_fetched_is_worth_a_retry(
    runner: HarnessRunner, tmp_path: Path
) -> None:
    """A hub that is away is an infrastructure error, not a fault of the suite."""
    with support.refused("task.no-data", 20, "--data piqa=FILE", "--offline"):
        runner.resolve([load_suite(str(suite(tmp_path, "piqa")))], EvalSettings())


def test_a_task_that_fixes_no_shots_keeps_none(
    runner: HarnessRunner, tmp_path: Path, tiny_base: Path
) -> None:
    """As in lm-eval, --num-fewshot does not reach a task whose own config says 0."""
    base = find_base(str(tiny_base), FindOptions())
    (task,) = runner.resolve([load_suite(str(suite(tmp_path, "copa")))], EvalSettings())
    runner._tasks["copa"]._own_shots = 0

    none, three = (
        runner.ask(base, task, task.items[:1], EvalSettings(num_fewshot=shots))[0]
        for shots in (None, 3)
    )

    assert none.prompt_digest == three.prompt_digest


@pytest.mark.parametrize(
    ("kind", "is_told"),
    [("take_first", True), ("regex", True), ("multi_choice_regex", False), ("their own", False)],
)
def test_a_filter_that_reads_documents_is_asked_again_with_its_data(
    kind: str, is_told: bool
) -> None:
    """What an item has of a document says all of a score, unless a filter looks at the rest."""
    from lm_eval.api.task import ConfigurableTask, TaskConfig
    from lm_eval.filters import FilterEnsemble, get_filter

    class TaskFilter:
        """A filter out of a task's own file."""

    task = object.__new__(ConfigurableTask)
    task._config = TaskConfig(task="quiz")
    step = TaskFilter if kind == "their own" else partial(get_filter(kind))
    task._filters = [FilterEnsemble("none", [step])]

    assert _is_told_by_items(task) is is_told
