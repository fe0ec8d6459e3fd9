"""The harness runner on a tiny Llama: lm-eval's own numbers, item by item."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cliffguard import EvalSettings, Plan, RunnerSettings, guard
from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair, with_template_of
from cliffguard.compare.write_review import Decision
from cliffguard.core.answers import CALL_PARTS, Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.evaluate.measure import measure
from cliffguard.evaluate.schedule import Schedule
from cliffguard.runners.harness import HarnessRunner
from cliffguard.store.answers import Store
from cliffguard.suites.loading import load_suite
from tests import support
from tests.runners.asking import Ask, answers_of, task_of


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of 24 multiple-choice items and 6 generated ones."""
    return support.write_suite(tmp_path_factory.mktemp("suite"), n_items=24, n_said=6)


@pytest.fixture(scope="module")
def runner() -> HarnessRunner:
    """A runner on the CPU."""
    return HarnessRunner(RunnerSettings(device="cpu", batch_size=4))


def evaluated(tiny: Path, suite: Path, **options: Any) -> dict[str, Any]:
    """Return lm-eval's own samples of a multiple-choice task over the same items."""
    import datasets
    import lm_eval
    from lm_eval.tasks import TaskManager

    rows = [
        {"prompt": item.prompt, "choices": list(item.choices), "answer": item.answer}
        for item in load_suite(str(suite)).capabilities[0].tasks[0].items
    ]
    config = {
        "task": "ball",
        "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list(rows)},
        "test_split": "test",
        "fewshot_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{prompt}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{choices.index(answer)}}",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    results = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(tiny), "dtype": "float32"},
        tasks=[config],
        task_manager=TaskManager(include_defaults=False),
        device="cpu",
        batch_size=4,
        bootstrap_iters=0,
        **options,
    )
    return {str(sample["doc_id"]): sample for sample in results["samples"]["ball"]}


@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        ({}, EvalSettings()),
        ({"num_fewshot": 2}, EvalSettings(num_fewshot=2)),
        ({"apply_chat_template": True}, EvalSettings(chat_template="own")),
    ],
)
def test_scores_and_picks_are_those_of_lm_eval(
    options: dict[str, Any],
    protocol: EvalSettings,
    ask: Ask,
    suite_file: Path,
    tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Multiple choice through us and through lm-eval's own evaluator agree on every item."""
    # It asks pip and eight more programs what is installed, which takes longer than all the rest.
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda _: None)
    theirs = evaluated(tiny_base, suite_file, **options)

    ours = ask("ball", protocol)

    assert [answer.score for answer in ours] == [
        theirs[str(number)]["acc"] for number in range(len(ours))
    ]


def test_templates_change_the_rendered_prompt_alone(ask: Ask) -> None:
    """What is fed in differs by template and system prompt, what is asked does not."""
    answers = [
        ask("ball", protocol)[0]
        for protocol in (
            EvalSettings(),
            EvalSettings(chat_template="own"),
            EvalSettings(chat_template="own", system_prompt="Be brief."),
        )
    ]

    assert len({answer.prompt_digest for answer in answers}) == 1
    assert len({answer.rendered_digest for answer in answers}) == 3


def test_confidence_is_the_probability_of_the_pick(ask: Ask) -> None:
    """The picked of four choices has at least a quarter of their probability."""
    answers = ask("ball")

    assert all(0.25 <= (answer.confidence or 0.0) <= 1.0 for answer in answers)
    assert all(answer.finish_reason == "choice" for answer in answers)


def test_the_pick_scores_when_it_is_the_answer(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint
) -> None:
    """Text and score of an answer tell the same story."""
    items = task_of(runner, suite_file, "ball").items

    answers = answers_of(runner, suite_file, base, "ball")

    assert [a.score for a in answers] == [
        float(a.text == item.answer) for a, item in zip(answers, items, strict=True)
    ]


def test_a_slice_gets_the_answers_of_the_whole(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint
) -> None:
    """Asking some items gives their answers, whichever items are asked beside them."""
    protocol = EvalSettings()
    task = task_of(runner, suite_file, "ball", protocol)
    whole = runner.ask(base, task, task.items, protocol)

    some = runner.ask(base, task, task.items[5:9][::-1], protocol)

    assert [answer.item_id for answer in some] == [item.id for item in task.items[5:9][::-1]]
    for answer, expected in zip(some, whole[5:9][::-1], strict=True):
        # Batches differ, so the last bits of a confidence may.
        assert answer.confidence == pytest.approx(expected.confidence, abs=1e-4)
        assert dataclasses.replace(answer, confidence=None) == dataclasses.replace(
            expected, confidence=None
        )


def test_generated_answers_stop_at_the_token_limit(ask: Ask) -> None:
    """A random model rambles: its answers are cut at the limit, and say so."""
    answers = ask("say")

    assert {answer.finish_reason for answer in answers} == {"length"}


def test_an_exact_match_forgives_case_space_and_punctuation(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """' Paris.' answers 'paris'; 'Paris, France' does not."""
    task = task_of(runner, suite_file, "say")
    generate = support.saying([" 0. ", "1!", "two", "3 4", "", "5"])
    monkeypatch.setattr(support.model_of(runner, base), "generate", generate)

    answers = runner.ask(base, task, task.items, EvalSettings())

    assert [answer.score for answer in answers] == [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("shots", [20, 2**31, 2**63, 10**30])
def test_too_many_shots_are_a_fault_of_the_suite(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, shots: int
) -> None:
    """More examples than items is one clear line, not a traceback, however many more."""
    with support.refused("task.no-prompts", 2, "say") as caught:
        answers_of(runner, suite_file, base, "say", EvalSettings(num_fewshot=shots))

    assert (caught.value.exit_code, caught.value.id) == (2, "task.no-prompts")


def test_an_adapter_changes_the_answers(
    runner: HarnessRunner, suite_file: Path, tiny_base: Path, tiny_adapter: Path
) -> None:
    """The candidate's adapter is active: confidences differ from the base's."""
    base, tuned = find_pair(None, str(tiny_adapter), FindOptions())

    answers = [answers_of(runner, suite_file, side, "ball") for side in (base, tuned)]

    assert base.fingerprint != tuned.fingerprint
    assert [a.confidence for a in answers[0]] != [a.confidence for a in answers[1]]
    assert [a.prompt_digest for a in answers[0]] == [a.prompt_digest for a in answers[1]]


def test_the_base_is_the_same_after_an_adapter(
    runner: HarnessRunner, suite_file: Path, tiny_adapter: Path
) -> None:
    """Going to an adapter and back leaves nothing of it in the base."""
    base, tuned = find_pair(None, str(tiny_adapter), FindOptions())
    before = answers_of(runner, suite_file, base, "ball")

    answers_of(runner, suite_file, tuned, "ball")

    assert answers_of(runner, suite_file, base, "ball") == before


def test_the_bases_template_serves_both_sides(
    runner: HarnessRunner, suite_file: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """Under policy "base" a candidate with another template is asked with the base's."""
    other = tmp_path / "other"
    support.save_tiny_llama(other, seed=1)
    (other / "chat_template.jinja").write_text("{{ messages[0]['content'] }} ->")
    base, candidate = find_pair(str(tiny_base), str(other), FindOptions())
    protocol = EvalSettings(chat_template="base")

    sides = [base, with_template_of(candidate, base)]
    answers = [answers_of(runner, suite_file, side, "ball", protocol)[0] for side in sides]

    assert answers[0].rendered_digest == answers[1].rendered_digest


def test_overlong_items_are_unscored(suite_file: Path, tmp_path: Path) -> None:
    """An item that does not fit the context is counted, not cut from the left."""
    support.save_tiny_llama(tmp_path / "short", seed=0, max_length=48)
    rows = support.choice_rows(2)
    rows[1]["prompt"] = "long " * 20 + "is with"
    support.write_jsonl(tmp_path / "suite" / "ball.jsonl", rows)
    support.write_jsonl(tmp_path / "suite" / "say.jsonl", support.generated_rows(1))
    file = tmp_path / "suite" / "small.yaml"
    file.write_text(support.SUITE)
    short = find_base(str(tmp_path / "short"), FindOptions())
    runner = HarnessRunner(RunnerSettings(device="cpu"))

    answers = answers_of(runner, file, short, "ball")

    assert [answer.finish_reason for answer in answers] == ["choice", "overlong"]
    assert answers[1].score is None


def test_a_shard_of_overlong_items_alone_is_unscored(
    suite_file: Path, base: Checkpoint, runner: HarnessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no item fits, none is scored and nothing breaks."""
    task = task_of(runner, suite_file, "ball")
    monkeypatch.setattr(support.model_of(runner, base), "_max_length", 4)

    answers = runner.ask(base, task, task.items[:3], EvalSettings())

    assert [answer.score for answer in answers] == [None, None, None]


def test_a_log_likelihood_that_is_no_number_is_refused(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN from a model ends in an integrity error, never in a score."""
    task = task_of(runner, suite_file, "ball")
    monkeypatch.setattr(
        support.model_of(runner, base),
        "loglikelihood",
        lambda requests, disable_tqdm: [(math.nan, False) for _ in requests],
    )

    with support.refused("model.not-finite", 12):
        runner.ask(base, task, task.items, EvalSettings())


def test_a_generated_answer_without_numbers_behind_it_is_refused(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits of NaN have a largest, too, and the text that it spells is no answer."""
    task = task_of(runner, suite_file, "say")

    def broken(requests: Sequence[Any]) -> list[Any]:
        answers = support.saying(["!"] * len(requests))(requests)
        return [dataclasses.replace(answer, mean_logprob=math.nan) for answer in answers]

    monkeypatch.setattr(support.model_of(runner, base), "generate", broken)

    with support.refused("model.not-finite", 12):
        runner.ask(base, task, task.items, EvalSettings())


def test_a_prompt_begins_once(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, tmp_path: Path
) -> None:
    """A template that puts BOS beside the tokenizer's is refused."""
    support.save_tiny_llama(tmp_path / "twice", seed=0)
    template = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
    protocol = EvalSettings(chat_template="own")
    answers = {}
    for n in (1, 2):
        (tmp_path / "twice" / "chat_template.jinja").write_text(
            "{{ bos_token }}" * (n - 1) + template
        )
        who = find_base(str(tmp_path / "twice"), FindOptions())
        if n == 1:
            answers[n] = answers_of(runner, suite_file, who, "ball", protocol)
            continue
        with support.refused("template.two-bos", 12):
            answers_of(runner, suite_file, who, "ball", protocol)

    assert {answer.n_bos for answer in answers[1]} == {1}
    assert {answer.n_bos for answer in answers_of(runner, suite_file, base, "ball")} == {0}


def test_an_answer_without_a_number_is_unscored(
    runner: HarnessRunner, base: Checkpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing to be right or wrong: not zero, which would be a loss of arithmetic."""
    text = support.SUITE.replace("metric: exact_match", "metric: numeric")
    file = support.write_suite(tmp_path, text=text, n_items=4, n_said=3)
    task = task_of(runner, file, "say")
    generate = support.saying(["0", "two", "I cannot"])
    monkeypatch.setattr(support.model_of(runner, base), "generate", generate)

    answers = runner.ask(base, task, task.items, EvalSettings())

    assert [answer.score for answer in answers] == [1.0, None, None]


def test_a_call_has_its_parts(
    runner: HarnessRunner, base: Checkpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside its score; none where it cannot be read, and none under another metric."""
    call = {"name": "say", "arguments": {"n": 1}}
    text = support.SUITE.replace("metric: exact_match", "metric: tool_call")
    file = support.write_suite(tmp_path, text=text, n_items=4)
    rows = [{**row, "answer": call} for row in support.generated_rows(3)]
    support.write_jsonl(tmp_path / "say.jsonl", rows)
    task = task_of(runner, file, "say")
    texts = [json.dumps(call), json.dumps({**call, "arguments": {"n": 2}}), "<tool_call>say"]
    monkeypatch.setattr(support.model_of(runner, base), "generate", support.saying(texts))

    answers = runner.ask(base, task, task.items, EvalSettings())

    assert [answer.score for answer in answers] == [1.0, 0.0, None]
    whole = dict.fromkeys(CALL_PARTS, 1.0)
    assert [answer.parts for answer in answers] == [whole, {**whole, "values": 0.0}, None]
    assert {answer.parts for answer in answers_of(runner, file, base, "ball")} == {None}


def test_an_unknown_stock_task_offers_the_nearest(runner: HarnessRunner, tmp_path: Path) -> None:
    """A misspelt lm-eval task names the one that was meant."""
    text = support.SUITE.replace(
        "- {name: say, items: say.jsonl, metric: exact_match, max_tokens: 4}", "- gsm9k"
    )
    file = support.write_suite(tmp_path, text=text)

    with support.refused("task.unknown", 2, "'gsm8k'"):
        runner.resolve([load_suite(str(file))], EvalSettings())


@pytest.mark.parametrize(
    ("library", "before", "after", "is_other"),
    [
        ("lm-eval", "0.4.12", "0.4.13", True),  # its releases change shots and filters
        ("torch", "2.12.0", "2.13.0", True),
        ("transformers", "5.2.0", "5.3.0", True),
        ("peft", "0.20.0", "0.21.0", True),
        ("torch", "2.13.0", "2.13.1+cu130", False),
        ("datasets", "5.1.0", "5.2.0", False),
    ],
)
def test_versions_that_compute_answers_are_in_the_identity(
    library: str, before: str, after: str, is_other: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base that was stored under another is another question; what is not is in the notes."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    runs = []
    for release in (before, after):
        versions = {library: release}
        monkeypatch.setattr(
            "cliffguard.runners.versions.installed",
            lambda name, versions=versions: versions.get(name, "1.0.0"),
        )
        runs.append((runner.identity, runner.notes()["libraries"]))

    assert (runs[0][0] != runs[1][0]) is is_other
    assert (runs[0][1] != runs[1][1]) is (library != "datasets")


def test_a_prompt_with_a_token_that_has_no_row_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    """A token for padding needs no row, until an item holds it."""
    folder = tmp_path / "padded"
    shutil.copytree(tiny_base, folder)
    tokenizer = support.byte_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "<|PAD|>"})
    tokenizer.save_pretrained(folder)
    rows = [*support.choice_rows(4), {**support.choice_rows(5)[4], "prompt": "Who? <|PAD|>"}]
    suite = support.write_suite(tmp_path / "suite", n_items=4)
    support.write_jsonl(tmp_path / "suite" / "ball.jsonl", rows)
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    task = task_of(runner, suite, "ball")
    padded = find_base(str(folder), FindOptions())

    answered = runner.ask(padded, task, task.items[:4], EvalSettings())
    with support.refused("tokenizer.more-than-rows", 12, "258"):
        runner.ask(padded, task, task.items[4:], EvalSettings())

    assert len(answered) == 4


@pytest.mark.parametrize(
    ("protocol", "n_again"),
    [
        (EvalSettings(), 0),
        (EvalSettings(chat_template="own"), 0),
        # Shots are drawn from the items: with more of them, an old one stands behind others.
        (EvalSettings(num_fewshot=3), 24),
    ],
    ids=["plain", "template", "shots"],
)
def test_a_task_that_grew_asks_its_new_items(
    tmp_path: Path, runner: HarnessRunner, base: Checkpoint, protocol: EvalSettings, n_again: int
) -> None:
    """Old answers are those to the same words: taken over, unless shots changed the words."""
    store, messages = Store(tmp_path / "store"), list[str]()
    counts: list[int] = []

    class Counting(HarnessRunner):
        def ask(self, checkpoint: Any, task: Any, items: Any, protocol: Any) -> Any:
            counts.append(len(items))
            return super().ask(checkpoint, task, items, protocol)

    def answers(n_items: int) -> dict[str, Answer]:
        counting = Counting(runner.settings)
        suite = support.write_suite(tmp_path, n_items=n_items, n_said=6)
        look = Schedule(counting.resolve([load_suite(str(suite))], protocol), protocol).everything()
        measured = measure(
            base, look, protocol=protocol, store=store, runner=counting, tell=messages.append
        )
        return {answer.item_id: answer for answer in measured.answers["ball"]}

    before = answers(24)
    n_before = sum(counts)
    after = answers(30)

    assert n_before == 30
    assert sum(counts) - n_before == 6 + n_again
    same = [after[name] == answer for name, answer in before.items()]
    assert all(same) or n_again
    assert ("other words" in messages[-1]) == bool(n_again)


def test_a_real_model_is_probed_in_every_form(
    tiny_base: Path, tiny_tuned: Path, tmp_path: Path
) -> None:
    """Items that changed are asked with shots, in a chat, with a system prompt, and once."""
    suite = support.write_suite(tmp_path / "suite", n_items=240, n_said=2)
    plan = Plan(base=str(tiny_base), candidate=str(tiny_tuned), suites=(str(suite),), offline=True)
    decisions: list[Decision] = []
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    for _ in range(2):
        guard(plan, store=Store(tmp_path / "s"), runner=runner, witness=decisions.append)

    first, again = (decision.diagnosed.probes for decision in decisions if decision.diagnosed)
    assert first == again
    result = first.results["reasoning"]
    names = [form.name for form in result.forms] + [line.split(":")[0] for line in result.untried]
    assert sorted(names) == ["chat template", "system prompt", "three shots"]
    assert 0 < first.tokens <= first.run_tokens / 10
