"""Who answers: our engine, lm-eval's own, or a server; and what of it is part of the key."""

from __future__ import annotations

import dataclasses
import gc
import json
import logging
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError
from cliffguard.engine import passes
from cliffguard.engine.devices import cpu_model
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.lmeval_backends import LmevalBackend
from cliffguard.suites.loading import load_suite
from tests import support
from tests.completions_server import JsonHandler, served, serving
from tests.engine import tiny
from tests.runners.asking import Ask, answers_of, task_of

ON_CPU = RunnerSettings(device="cpu")
PLAIN = EvalSettings()


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of 16 multiple-choice items and 5 generated ones."""
    return support.write_suite(tmp_path_factory.mktemp("suite"), n_items=16, n_said=5)


@pytest.fixture
def runner() -> HarnessRunner:
    """A runner of our engine on the CPU."""
    return HarnessRunner(ON_CPU)


def assert_alike(answers: Sequence[Answer], expected: Sequence[Answer]) -> None:
    """Fail where an answer's text, its score, or how sure it is of a choice, is another."""
    for ours, theirs in zip(answers, expected, strict=True):
        assert (ours.item_id, ours.text, ours.score) == (theirs.item_id, theirs.text, theirs.score)
        assert (ours.prompt_digest, ours.rendered_digest) == (
            theirs.prompt_digest,
            theirs.rendered_digest,
        )
        if theirs.finish_reason == "choice":
            assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-4), ours.item_id


# --- two engines, one answer ---------------------------------------------------------------------


# Full weights of a candidate are loaded as those of a base are: two cases will do.
WHO = [
    *(("base", name, template) for name in ("ball", "say") for template in ("none", "own")),
    *(("adapted", name, template) for name in ("ball", "say") for template in ("none", "own")),
    ("tuned", "ball", "own"),
    ("tuned", "say", "none"),
]


@pytest.mark.parametrize(("who", "name", "template"), WHO)
def test_our_engine_answers_as_lm_evals_own(
    who: str, name: str, template: Any, suite_file: Path, request: pytest.FixtureRequest
) -> None:
    """The models cliffguard and hf give the same texts, scores and confidences."""
    side = request.getfixturevalue(who)
    protocol = EvalSettings(chat_template=template)
    theirs = HarnessRunner(RunnerSettings(model="hf", device="cpu", batch_size=4))

    answers = answers_of(HarnessRunner(ON_CPU), suite_file, side, name, protocol)

    assert_alike(answers, answers_of(theirs, suite_file, side, name, protocol))


@pytest.mark.parametrize("model", ["cliffguard", "hf"])
@pytest.mark.parametrize("name", ["ball", "say"])
def test_base_against_base_answers_bit_for_bit(
    model: str, name: str, suite_file: Path, base: Checkpoint, tiny_base: Path, tmp_path: Path
) -> None:
    """Two loads of a checkpoint, and of a copy of it in another folder, answer alike."""
    copied = Path(shutil.copytree(tiny_base, tmp_path / "copy"))
    copy = find_base(str(copied), FindOptions())
    settings = RunnerSettings(model=model, device="cpu")

    first = answers_of(HarnessRunner(settings), suite_file, base, name)

    assert copy.fingerprint == base.fingerprint
    assert answers_of(HarnessRunner(settings), suite_file, base, name) == first
    assert answers_of(HarnessRunner(settings), suite_file, copy, name) == first


# --- a server ------------------------------------------------------------------------------------


@contextmanager
def router(urls: Mapping[str, str]) -> Iterator[str]:
    """Serve several models under one address, as vLLM serves adapters; yield it."""

    class Handler(JsonHandler):
        def do_GET(self) -> None:
            self.reply(200, json.dumps({"data": [{"id": name} for name in urls]}).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/completions":
                self.reply(404, b"there is nothing")
                return
            to = urllib.request.Request(urls[json.loads(body)["model"]], body)
            try:
                with urllib.request.urlopen(to) as answer:
                    self.reply(200, answer.read())
            except urllib.error.HTTPError as failure:
                self.reply(failure.code, failure.read())

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield f"{url}/v1/completions"


@pytest.fixture(scope="module")
def address(tiny_base: Path, tiny_tuned: Path, tiny_adapter: Path) -> Iterator[str]:
    """A server of the base, of full weights and of the adapter, named as their folders are."""
    with (
        served(tiny_base) as base_url,
        served(tiny_tuned) as tuned_url,
        served(tiny_adapter) as adapter_url,
    ):
        folders = (tiny_base, tiny_tuned, tiny_adapter)
        urls = {
            folder.name: url
            for folder, url in zip(folders, (base_url, tuned_url, adapter_url), strict=True)
        }
        with router(urls) as url:
            yield url


def client(url: str, *sides: Checkpoint, size: int = 4, **args: Any) -> RunnerSettings:
    """Return the settings of a runner that asks a server, which names models by their folders."""
    return RunnerSettings(
        model="local-completions",
        args={"base_url": url, "max_retries": 1, **args},
        served_as={side.name: Path(side.name).name for side in sides},
        batch_size=size,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("none", "say"),
        ("own", "ball"),
        pytest.param("none", "ball", marks=pytest.mark.slow),
        pytest.param("own", "say", marks=pytest.mark.slow),
    ],
)
def test_a_server_of_both_sides_answers_as_our_engine(
    name: str,
    template: Any,
    address: str,
    suite_file: Path,
    base: Checkpoint,
    tuned: Checkpoint,
    adapted: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Base and candidates behind one address, each by its own name, answer as they do here.

    Their templates run in a child process, as those of models that are loaded here.
    """
    monkeypatch.setattr("transformers.utils.chat_template_utils._compile_jinja_template", None)
    protocol = EvalSettings(chat_template=template)
    sides = (base, tuned, adapted)
    remote = HarnessRunner(client(address, *sides))
    ours = HarnessRunner(ON_CPU)

    by_side = [answers_of(remote, suite_file, side, name, protocol) for side in sides]

    for side, answers in zip(sides, by_side, strict=True):
        assert_alike(answers, answers_of(ours, suite_file, side, name, protocol))
    assert by_side[0] != by_side[1] != by_side[2] != by_side[0]


def test_requests_side_by_side_change_no_answer(
    address: str, suite_file: Path, base: Checkpoint
) -> None:
    """Several connections give the answers of one."""
    single = answers_of(HarnessRunner(client(address, base)), suite_file, base, "ball")

    many = answers_of(
        HarnessRunner(client(address, base, num_concurrent=3)), suite_file, base, "ball"
    )

    assert_alike(many, single)


def test_a_server_is_asked_by_the_checkpoints_own_name(
    suite_file: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without served_as a server must know a checkpoint as the plan calls it."""
    monkeypatch.chdir(tiny_base.parent)
    base = find_base(tiny_base.name, FindOptions())

    with served(tiny_base) as url:
        assert answers_of(HarnessRunner(client(url, base)), suite_file, base, "ball")


def test_a_server_of_another_model_is_refused(
    address: str, suite_file: Path, base: Checkpoint
) -> None:
    """A server that does not know the checkpoint says which models it has, before any answer."""
    runner = HarnessRunner(client(address))

    with support.refused("runner.served-as", 2, "runner.served_as"):
        answers_of(runner, suite_file, base, "ball")


@pytest.mark.parametrize("n_connections", [1, 3])
@pytest.mark.parametrize("name", ["ball", "say"])
def test_a_server_that_is_not_there_is_worth_a_retry(
    n_connections: int, name: str, suite_file: Path, base: Checkpoint
) -> None:
    """Where nobody listens, one line names the address, with the exit code of a retry."""
    url = "http://127.0.0.1:9/v1/completions"
    runner = HarnessRunner(client(url, base, num_concurrent=n_connections))

    with support.refused("runner.no-answer", 20, "127.0.0.1:9/v1/completions") as caught:
        answers_of(runner, suite_file, base, name)

    assert caught.value.exit_code == 20


def test_a_failure_on_many_connections_is_told_once(
    suite_file: Path, base: Checkpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """The other requests of a batch that failed leave no tracebacks on stderr."""
    url = "http://127.0.0.1:9/v1/completions"
    runner = HarnessRunner(client(url, base, num_concurrent=3))

    with pytest.raises(InfrastructureError):
        answers_of(runner, suite_file, base, "ball")
    gc.collect()  # asyncio complains of a task when it is thrown away

    lines = [r.message.splitlines()[0] for r in caplog.records if r.levelno >= logging.WARNING]
    assert lines == [], "a user would see these lines, most with a traceback, beside ours"


def test_a_server_that_refuses_a_request_is_named(
    address: str, suite_file: Path, base: Checkpoint
) -> None:
    """An HTTP error is one line with the address, not a traceback."""
    runner = HarnessRunner(client(address.replace("/completions", "/nothing/completions"), base))

    with support.refused("runner.no-answer", 20, "/nothing/completions", "404"):
        answers_of(runner, suite_file, base, "ball")


def test_a_template_needs_tokenized_requests(
    address: str, suite_file: Path, base: Checkpoint
) -> None:
    """Texts that lm-eval leaves to the server to template are refused."""
    runner = HarnessRunner(client(address, base, tokenized_requests=False))

    with support.refused("runner.tokenized-requests", 2, "tokenized_requests"):
        answers_of(runner, suite_file, base, "say", EvalSettings(chat_template="own"))


# --- other models of lm-eval's -------------------------------------------------------------------


def test_an_unknown_model_offers_the_nearest(suite_file: Path, base: Checkpoint) -> None:
    """A misspelt model names the one that was meant."""
    runner = HarnessRunner(RunnerSettings(model="local-completion", device="cpu"))

    with support.refused("runner.unknown-model", 2, "'local-completion'", "'local-completions'"):
        answers_of(runner, suite_file, base, "ball")


def test_an_unknown_model_like_no_other_names_some(suite_file: Path, base: Checkpoint) -> None:
    """Nobody is left with what is not known."""
    runner = HarnessRunner(RunnerSettings(model="zzzz", device="cpu"))

    with support.refused("runner.unknown-model", 2, "'zzzz'"):
        answers_of(runner, suite_file, base, "ball")


def test_a_model_without_adapters_refuses_one(suite_file: Path, adapted: Checkpoint) -> None:
    """An adapter that lm-eval's class would leave out is never measured as its base."""
    runner = HarnessRunner(RunnerSettings(model="sglang", device="cpu"))

    with support.refused("runner.no-adapters", 2):
        answers_of(runner, suite_file, adapted, "ball")


def test_a_library_that_is_missing_is_named(suite_file: Path, base: Checkpoint) -> None:
    """A model of lm-eval's whose library is not installed is one line, worth a retry."""
    if find_spec("sglang") is not None:
        pytest.skip("sglang is installed")
    runner = HarnessRunner(RunnerSettings(model="sglang", device="cpu"))

    with support.refused("environment.missing-library", 20, "runner.model"):
        answers_of(runner, suite_file, base, "ball")


def test_arguments_that_a_model_refuses_are_the_users_error(
    address: str, suite_file: Path, base: Checkpoint
) -> None:
    """What lm-eval's class says of an argument is passed on in one line."""
    runner = HarnessRunner(client(address, base, num_concurrent="many"))

    with support.refused("runner.refused-args", 2, "local-completions"):
        answers_of(runner, suite_file, base, "ball")


@pytest.mark.parametrize("model", ["hf", "vllm", "local-completions"])
def test_only_our_engine_samples(model: str, suite_file: Path) -> None:
    """A temperature is refused where the seeds of the draws are not recorded."""
    runner = HarnessRunner(RunnerSettings(model=model, device="cpu"))

    with support.refused("runner.temperature", 2, model):
        runner.resolve([load_suite(str(suite_file))], EvalSettings(temperature=0.7))


@pytest.mark.parametrize(
    "more",
    [
        {"attention": "eager"},
        {"quantization": "4bit"},
        {"think_end": "</think>"},
        {"chat_template": "own", "template_args": {"enable_thinking": False}},
    ],
)
def test_what_only_our_loader_does_is_refused_elsewhere(
    more: dict[str, Any], suite_file: Path
) -> None:
    """A protocol field that a server would not see is refused, never left out."""
    runner = HarnessRunner(RunnerSettings(model="local-completions"))
    field = next(name for name in more if name != "chat_template")

    with support.refused("runner.own-words", 2, f"protocol.{field}"):
        runner.resolve([load_suite(str(suite_file))], EvalSettings(**more))


# --- identity ------------------------------------------------------------------------------------


def identity(**settings: Any) -> str:
    """Return the identity of a runner, which is part of every key."""
    return HarnessRunner(RunnerSettings(**settings)).identity


def test_the_models_name_is_in_the_identity() -> None:
    """Answers of two engines are stored apart."""
    names = ("cliffguard", "hf", "vllm", "local-completions")

    assert [re.split("[ :]", identity(model=name))[0] for name in names] == list(names)


def test_arguments_are_in_the_identity_in_any_order() -> None:
    """What may change an answer is in the key, however it was ordered."""
    first = identity(model="vllm", args={"max_model_len": 4096, "enforce_eager": True})
    same = identity(model="vllm", args={"enforce_eager": True, "max_model_len": 4096})
    other = identity(model="vllm", args={"max_model_len": 2048, "enforce_eager": True})

    assert first == same != other
    assert '"max_model_len":4096' in first.replace(" ", "")


@pytest.mark.parametrize(
    "connection",
    [
        {"base_url": "http://b/v1/completions"},
        {"num_concurrent": 8},
        {"max_retries": 9},
        {"timeout": 60},
    ],
)
def test_where_a_server_is_changes_no_key(connection: dict[str, Any]) -> None:
    """Address, connections and patience are not in the identity."""
    args = {"base_url": "http://a/v1/completions", "num_concurrent": 1, "add_bos_token": True}

    plain = identity(model="local-completions", args=args)

    assert identity(model="local-completions", args={**args, **connection}) == plain
    assert "add_bos_token" in plain


def test_devices_and_batches_are_not_in_the_identity() -> None:
    """Where and in what portions a model runs changes no answer by design."""
    plain = identity()

    assert identity(device="cpu", batch_size=2) == plain
    assert identity(device_map="auto", batch_tokens=64) == plain


# --- notes ---------------------------------------------------------------------------------------


def test_a_budget_that_shrank_stays_shrunk(
    runner: HarnessRunner,
    suite_file: Path,
    base: Checkpoint,
    adapted: Checkpoint,
    tuned: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What did not fit for the base is not tried for a candidate, and both notes say so."""
    task = task_of(runner, suite_file, "ball")
    expected = runner.ask(tuned, task, task.items, PLAIN)
    support.model_of(runner, base)  # loaded while there is memory
    read, failed = passes.Model.read, []

    def limited(model: Any, tokens: passes.Tokens, *others: Any) -> Any:
        if tokens.ids.numel() > 100:
            failed.append(tokens.ids.numel())
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return read(model, tokens, *others)

    monkeypatch.setattr(passes.Model, "read", limited)
    runner.ask(base, task, task.items, PLAIN)
    notes, n_failed = runner.notes(), len(failed)
    answers = []
    for side in (adapted, tuned):
        answers.append(runner.ask(side, task, task.items, PLAIN))
        assert runner.notes() == notes
        assert notes["batch tokens"] == 64

    assert n_failed == len(failed) > 0, "a candidate tried again what had not fitted"
    assert_alike(answers[1], expected)


def test_notes_name_device_and_batches(suite_file: Path, base: Checkpoint) -> None:
    """What should not change an answer is written down as it was."""
    sized = HarnessRunner(RunnerSettings(device="cpu", batch_size=3, batch_tokens=96))
    answers_of(sized, suite_file, base, "ball")
    theirs = HarnessRunner(RunnerSettings(device="cpu", model="hf"))
    answers_of(theirs, suite_file, base, "ball")

    notes = [dict(runner.notes()) for runner in (sized, theirs)]
    assert all("torch 2." in str(note.pop("libraries")) for note in notes)
    assert notes == [
        {"device": f"cpu ({cpu_model()})", "batch size": 3, "batch tokens": 96},
        {"device": f"cpu ({cpu_model()})", "batch size": 16},
    ]


def test_the_plain_path_stands_in_the_notes(suite_file: Path, tmp_path: Path) -> None:
    """A model whose prefixes cannot be shared is measured as lm-eval does, and says why."""
    tokenizer = support.byte_tokenizer()
    model = tiny.build(
        "GPTNeo",
        vocab_size=len(tokenizer),
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        max_position_embeddings=256,
    )
    model.save_pretrained(tmp_path / "neo")
    tokenizer.save_pretrained(tmp_path / "neo")
    neo = find_base(str(tmp_path / "neo"), FindOptions())
    theirs = HarnessRunner(RunnerSettings(device="cpu", model="hf"))
    runner = HarnessRunner(ON_CPU)

    answers = answers_of(runner, suite_file, neo, "ball")

    assert "local layers" in str(runner.notes()["no prefix shared"])
    assert_alike(answers, answers_of(theirs, suite_file, neo, "ball"))


# --- generated answers ---------------------------------------------------------------------------


def saying_in_turn(texts: Sequence[str], heard: list[Any] | None = None) -> Any:
    """Return a stand-in for a model's `generate`, which notes what it was asked."""
    say = support.saying(texts)

    def generate(requests: Sequence[Any]) -> list[Any]:
        if heard is not None:
            heard.extend(request.args for request in requests)
        answers: list[Any] = say(requests)
        return answers

    return generate


def test_a_score_is_the_mean_over_repeats(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two items, sampled four times each: the score is the share that was right."""
    protocol = EvalSettings(temperature=0.8, repeats=4)
    task = task_of(runner, suite_file, "say", protocol)
    texts = ["0", "no", " 0.", "0", "no", "1", "2", "3"]
    monkeypatch.setattr(support.model_of(runner, base), "generate", saying_in_turn(texts))

    answers = runner.ask(base, task, task.items[:2], protocol)

    assert [answer.score for answer in answers] == [0.75, 0.25]
    assert [answer.text for answer in answers] == ["0", "no"]


def test_times_that_cannot_be_read_are_wrong_among_others(
    runner: HarnessRunner, base: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in four times right is a quarter; never readable has no score, and counts as wrong."""
    protocol = EvalSettings(temperature=0.8, repeats=4)
    rows = [{"prompt": "How many?", "answer": "7"}, {"prompt": "And now?", "answer": "8"}]
    suite = support.write_task(tmp_path, rows, "metric: numeric, max_tokens: 4")
    task = task_of(runner, suite, "talk", protocol)
    texts = ["many", "7", "a lot", "I do not know", *["some"] * 4]
    monkeypatch.setattr(support.model_of(runner, base), "generate", saying_in_turn(texts))

    answers = runner.ask(base, task, task.items, protocol)

    assert [answer.score for answer in answers] == [0.25, None]


def test_sampling_is_passed_on(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temperature, top_p, top_k and the token limit reach the model; stops stay the task's."""
    protocol = EvalSettings(temperature=0.8, top_p=0.9, top_k=5, max_tokens=7)
    task = task_of(runner, suite_file, "say", protocol)
    heard: list[Any] = []
    monkeypatch.setattr(support.model_of(runner, base), "generate", saying_in_turn("0", heard))

    runner.ask(base, task, task.items[:1], protocol)

    assert heard[0][1] == {
        "until": ["\n"],
        "max_gen_toks": 7,
        "do_sample": True,
        "temperature": 0.8,
        "top_p": 0.9,
        "top_k": 5,
    }


def test_multiple_choice_is_never_repeated(ask: Ask) -> None:
    """Log-likelihoods are not drawn, so that sampling changes none of them."""
    plain = ask("ball")

    assert ask("ball", EvalSettings(temperature=1.0, repeats=3)) == plain


def test_samples_come_from_the_protocols_seed(suite_file: Path, base: Checkpoint) -> None:
    """The same seed draws the same texts in every run; another seed, others."""
    protocol = EvalSettings(temperature=1.0, repeats=2, max_tokens=8)

    once, again, other = (
        [
            answer.text
            for answer in answers_of(HarnessRunner(ON_CPU), suite_file, base, "say", variant)
        ]
        for variant in (protocol, protocol, dataclasses.replace(protocol, seed=1))
    )

    assert once == again != other


def test_a_sample_does_not_depend_on_its_neighbours(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint
) -> None:
    """Each item's draws are its own, whichever items are asked beside it."""
    protocol = EvalSettings(temperature=1.0, repeats=2, max_tokens=8)
    task = task_of(runner, suite_file, "say", protocol)
    whole = runner.ask(base, task, task.items, protocol)

    some = runner.ask(base, task, task.items[1:3][::-1], protocol)

    assert [a.text for a in some] == [a.text for a in whole[1:3][::-1]]


def test_thinking_that_is_cut_is_no_answer(ask: Ask) -> None:
    """A model that never ends its thinking has no score, and says why."""
    answers = ask("say", EvalSettings(think_end="</think>"))

    assert {answer.finish_reason for answer in answers} == {"thinking"}
    assert {answer.score for answer in answers} == {None}
    assert {answer.text for answer in answers} == {""}


def test_repeats_that_were_cut_do_not_count(
    runner: HarnessRunner, suite_file: Path, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean is over the times that an answer came."""
    from cliffguard.engine.lm import GeneratedText

    protocol = EvalSettings(temperature=0.8, repeats=3, think_end="</think>")
    task = task_of(runner, suite_file, "say", protocol)

    def generate(requests: Sequence[Any]) -> list[GeneratedText]:
        script: list[tuple[str, Any]] = [("", "thinking"), ("0", "stop"), ("1", "stop")]
        return [
            GeneratedText(
                text=text, finish_reason=reason, n_tokens=4, mean_logprob=-0.5, margin=None
            )
            for text, reason in script
        ]

    runner.ask(base, task, task.items[:0], protocol)
    model = runner._backend.model(base, protocol, "float32")
    monkeypatch.setattr(model, "generate", generate)

    (answer,) = runner.ask(base, task, task.items[:1], protocol)

    assert answer.score == 0.5


def test_the_answer_follows_the_thinking(
    suite_file: Path, tiny_base: Path, base: Checkpoint
) -> None:
    """With a mark that the model does say, what stands before its last one is left out."""
    plain = answers_of(HarnessRunner(ON_CPU), suite_file, base, "say", EvalSettings(max_tokens=12))
    item = next(number for number, answer in enumerate(plain) if len(answer.text) > 4)
    mark = plain[item].text[1]

    runner = HarnessRunner(ON_CPU)
    protocol = EvalSettings(max_tokens=12, think_end=mark)
    answer = answers_of(runner, suite_file, base, "say", protocol)[item]

    assert answer.finish_reason != "thinking"
    assert mark not in answer.text


def test_max_tokens_stands_in_for_the_tasks_limit(ask: Ask) -> None:
    """A protocol's limit cuts answers earlier, or later, than the suite's 4 tokens."""
    lengths = [
        max(answer.n_answer_tokens for answer in ask("say", limited))
        for limited in (EvalSettings(), EvalSettings(max_tokens=2), EvalSettings(max_tokens=9))
    ]

    assert lengths == [4, 2, 9]


@pytest.mark.parametrize("model", ["cliffguard", "hf"])
def test_template_args_reach_the_template(
    model: str, suite_file: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """A variable of the chat template is what the protocol says, for each protocol anew."""
    folder = Path(shutil.copytree(tiny_base, tmp_path / "spoken"))
    (folder / "chat_template.jinja").write_text(
        "{{ 'THINK ' if enable_thinking else 'SPEAK ' }}{{ messages[0]['content'] }}"
    )
    checkpoint = find_base(str(folder), FindOptions())
    runner = HarnessRunner(RunnerSettings(model=model, device="cpu"))
    lengths = {}
    for wanted in (True, False, True):
        protocol = EvalSettings(chat_template="own", template_args={"enable_thinking": wanted})
        task = task_of(runner, suite_file, "say", protocol)
        answers = runner.ask(checkpoint, task, task.items[:2], protocol)
        prompts = [runner._tasks["say"].requests(item)[0].args[0] for item in task.items[:2]]
        assert {prompt.split()[0] for prompt in prompts} == {"THINK" if wanted else "SPEAK"}
        lengths.setdefault(wanted, [a.rendered_digest for a in answers])
        assert lengths[wanted] == [a.rendered_digest for a in answers]

    assert set(lengths[True]).isdisjoint(lengths[False])


def test_a_foreign_model_out_of_memory_is_worth_a_retry(base: Checkpoint) -> None:
    """Exhausted memory of lm-eval's own models ends in the exit code of ours."""
    backend = LmevalBackend(RunnerSettings(model="vllm"))

    with support.refused("memory.too-small", 20), backend.explained(base):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")
