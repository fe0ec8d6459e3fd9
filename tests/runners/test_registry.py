"""The registry of backends: built-in ones resolve, and third-party code can add its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.model import LM

import cliffguard
from cliffguard import EvalSettings, Plan, RunnerSettings, Store, guard
from cliffguard.core.backends import BACKENDS, kind_of, register_backend
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.run.limits import Limits
from cliffguard.runners.backends import Backend, identity_of, make_backend
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.lmeval_backends import AddressedBackend, LmevalBackend, ServedBackend
from tests import support

SERVED = {name for name, kind in BACKENDS.items() if kind.is_served}


class DictModel(LM):  # type: ignore[misc]  # lm-eval has no types
    """Answers from a dict, by the prompt."""

    max_length = 64
    max_gen_toks = 4

    def __init__(self, answers: Mapping[str, str]) -> None:
        super().__init__()
        self.answers = answers

    def tok_encode(self, text: str, **_: Any) -> list[int]:
        """Return one token a word."""
        return [len(word) for word in text.split()]

    def loglikelihood(self, requests: list[Any], **_: Any) -> list[tuple[float, bool]]:
        """Return a higher log-likelihood for the answer that the dict has."""
        pairs = [request.args for request in requests]
        return [
            (0.0, True) if self.answers.get(prompt) == choice.strip() else (-1.0, False)
            for prompt, choice in pairs
        ]

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        """Score whole texts, which no suite asks for."""
        raise NotImplementedError

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        """Return the answer that the dict has, else nothing."""
        return [self.answers.get(request.args[0], "") for request in requests]


class DictBackend(Backend):
    """A backend in one method: the base knows every answer, the candidate forgot how to choose."""

    def __init__(self, settings: RunnerSettings, *, allow_pickle: bool) -> None:
        self.settings = settings
        rows = (support.choice_rows(60), support.generated_rows(6))
        self.choices, self.texts = ({row["prompt"]: row["answer"] for row in kind} for kind in rows)

    def model(self, checkpoint: Checkpoint, protocol: EvalSettings, dtype: str) -> DictModel:
        """Return the model of a checkpoint, by its name."""
        is_base = checkpoint.name.endswith("base")
        return DictModel(self.texts | self.choices if is_base else self.texts)


@pytest.fixture(autouse=True)
def registry_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the registry as it was."""
    known = dict(BACKENDS)
    yield
    BACKENDS.clear()
    BACKENDS.update(known)


def test_a_backend_of_somebody_else_answers_through_guard(tmp_path: Path) -> None:
    """One call registers it; guard() asks it for both sides, and sees what the candidate lost."""
    cliffguard.register_backend("dict", DictBackend)
    sides = [support.write_checkpoint(tmp_path / n, seed=s) for s, n in enumerate(("base", "ft"))]
    plan = Plan(
        base=str(sides[0]),
        candidate=str(sides[1]),
        suites=(str(support.write_suite(tmp_path / "suite")),),
        runner=RunnerSettings(model="dict"),
    )

    review = guard(plan, store=Store(tmp_path / "store"))

    outcomes = {finding.capability: finding.outcome for finding in review.verdict.findings}
    assert (outcomes["reasoning"], review.verdict.outcome) == ("REGRESSED", "FAIL")
    assert outcomes["saying"] != "REGRESSED"


def test_a_factory_that_makes_no_backend_is_refused() -> None:
    """In one line, before a checkpoint is looked at."""
    register_backend("forgets-to-return", lambda settings, allow_pickle: None)

    with support.refused("runner.no-backend", 2):
        make_backend(RunnerSettings(model="forgets-to-return"))


FACTORIES: dict[str, tuple[Any, str]] = {
    "none": (None, "is None; give"),
    "an object": (3, "is 3; give"),
    "no place": ("here", "is 'here'; give"),
    "no place in Python": ("tests.runners:1x", "is 'tests.runners:1x'; give"),
    "no module": ("tests.nowhere:Backend", "tests.nowhere:Backend (No module named"),
    "no name": ("tests.runners:nowhere", "tests.runners:nowhere (module"),
    "no function": ("tests.support:SUITE", "tests.support:SUITE is a str"),
    "no arguments": (lambda: DictBackend, "cannot be called (too many positional arguments)"),
    "no flag": (lambda settings: DictBackend, "unexpected keyword argument 'allow_pickle'"),
    "a builtin": (print, "got an unexpected keyword argument 'allow_pickle'"),
    "a type of Python's": (dict, "cannot be called ("),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_what_is_no_factory_is_refused(name: str) -> None:
    """In one line that says how a factory is called, when it is registered or before it is used."""
    factory, problem = FACTORIES[name]

    def made() -> None:
        register_backend("theirs", factory)
        make_backend(RunnerSettings(model="theirs"))

    with pytest.raises(UsageError) as refused:
        made()

    assert (refused.value.id, refused.value.exit_code) == ("runner.backend-factory", 2)
    assert problem in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "source", ["def (", "1 / 0", "import nowhere.at_all; nowhere.x", "raise X"]
)
def test_a_module_that_cannot_be_imported_is_told(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line: the module, and what Python says of it."""
    name = f"theirs_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    register_backend("theirs", f"{name}:Backend")

    with pytest.raises(CliffguardError) as refused:
        make_backend(RunnerSettings(model="theirs"))

    assert refused.value.exit_code == (20 if "nowhere" in source else 2)
    assert refused.value.id == (
        "environment.missing-library" if "nowhere" in source else "runner.backend-import"
    )
    assert str(refused.value).isprintable()


def test_a_factory_whose_library_is_not_there_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found, and what it imports is not: something to install."""
    (tmp_path / "their_server.py").write_text("import their_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    register_backend("theirs", "their_server:Backend")

    with support.refused("environment.missing-library", 20, "'their-library'") as refused:
        make_backend(RunnerSettings(model="theirs"))

    assert (refused.value.id, refused.value.exit_code) == ("environment.missing-library", 20)


def plan_of_theirs(folder: Path) -> Plan:
    """Return a plan over the backend `theirs`."""
    return Plan(
        base=str(support.write_checkpoint(folder / "base")),
        candidate=str(support.write_checkpoint(folder / "tuned", seed=1)),
        suites=(str(support.write_suite(folder)),),
        runner=RunnerSettings(model="theirs"),
    )


def error_of(folder: Path) -> CliffguardError:
    """Return what a run over the backend `theirs` is refused with."""
    with pytest.raises(CliffguardError) as refused:
        guard(plan_of_theirs(folder), store=Store(folder / "store"))
    assert str(refused.value).isprintable()
    return refused.value


@pytest.mark.parametrize("model", [None, "a name", DictModel])
def test_a_method_that_returns_no_model_is_refused(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line with what is not there; a method without a body returns None."""
    register_backend("theirs", DictBackend)
    monkeypatch.setattr(DictBackend, "model", lambda *_: model)
    monkeypatch.delattr(DictModel, "max_length")

    refused = error_of(tmp_path)

    assert (refused.id, refused.exit_code) == ("runner.no-model", 2)
    assert f"`model` of 'theirs' returned a {type(model).__name__}, which has no" in str(refused)
    assert "max_length" in str(refused)


ANSWERS: dict[str, tuple[str, Any, str]] = {
    "above 0": ("loglikelihood", (0.4, True), "model.positive-logprob"),
    "not a number": ("loglikelihood", (float("nan"), True), "model.not-finite"),
    "infinite": ("loglikelihood", (float("inf"), True), "model.not-finite"),
    "infinitely small": ("loglikelihood", (float("-inf"), True), "model.not-finite"),
    "alone": ("loglikelihood", -1.0, "model.answer-kind"),
    "none": ("loglikelihood", None, "model.answer-kind"),
    "a word": ("loglikelihood", ("low", True), "model.answer-kind"),
    "no text": ("generate_until", None, "model.answer-kind"),
    "texts": ("generate_until", ["a"], "model.answer-kind"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_no_model_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be the log-likelihood of a text, or a text, is not trusted."""
    method, answer, error_id = ANSWERS[name]
    register_backend("theirs", DictBackend)
    monkeypatch.setattr(DictModel, method, lambda _, requests, **__: [answer] * len(requests))

    refused = error_of(tmp_path)

    assert (refused.id, refused.exit_code) == (error_id, 12)


@pytest.mark.parametrize("method", ["loglikelihood", "generate_until"])
def test_an_answer_too_few_is_refused(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, before anything is stored: which answer is missing cannot be told."""
    register_backend("theirs", DictBackend)
    whole = getattr(DictModel, method)
    monkeypatch.setattr(DictModel, method, lambda *a, **k: whole(*a, **k)[1:])

    refused = error_of(tmp_path)

    assert (refused.id, refused.exit_code) == ("model.answer-count", 12)


def test_nothing_is_asked_once_loading_took_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`max_minutes` is looked at between a load and the first answer, and there is a review."""
    loaded: list[str] = []
    register_backend("theirs", DictBackend)
    made = DictBackend.model

    def load(backend: DictBackend, checkpoint: Checkpoint, *about: Any) -> DictModel:
        loaded.append(checkpoint.name)
        return made(backend, checkpoint, *about)

    monkeypatch.setattr(DictBackend, "model", load)
    monkeypatch.setattr(Limits, "is_time_up", property(lambda _: lambda: bool(loaded)))
    monkeypatch.setattr(DictModel, "loglikelihood", lambda *_, **__: pytest.fail("was asked"))
    monkeypatch.setattr(DictModel, "generate_until", lambda *_, **__: pytest.fail("was asked"))

    review = guard(plan_of_theirs(tmp_path), store=Store(tmp_path / "store"))

    assert len(loaded) == 1
    assert review.verdict.outcome == "INCONCLUSIVE"


def test_its_version_is_in_the_key() -> None:
    """Its answers are neither those of another version, nor of lm-eval's model of that name."""
    settings = RunnerSettings(model="mamba_ssm")
    keys = [identity_of(settings)]
    for version in ("1", "2"):
        register_backend("mamba_ssm", DictBackend, version=version)
        keys.append(identity_of(settings))

    assert keys == ["mamba_ssm", "mamba_ssm 1", "mamba_ssm 2"]


@pytest.mark.parametrize("name", ["", " ", "hf ", "a: torch 2", "é", "cliffguard", "vllm"])
def test_a_name_of_ours_is_not_taken(name: str) -> None:
    """A stranger's backend does not answer under a name that stands for another in a key."""
    with pytest.raises(UsageError) as refused:
        register_backend(name, DictBackend)

    assert refused.value.id == "runner.backend-name"
    assert refused.value.exit_code == 2


def test_a_server_that_is_down_is_worth_a_retry() -> None:
    """What a connection raises in a backend of somebody else ends in exit 20."""
    register_backend("dict", DictBackend)
    backend = make_backend(RunnerSettings(model="dict"))

    with pytest.raises(CliffguardError) as failed, backend.explained(support.checkpoint()):
        raise ConnectionRefusedError("connection refused")

    assert (failed.value.id, failed.value.exit_code) == ("runner.no-answer", 20)


def test_a_plan_is_refused_by_what_its_backend_is() -> None:
    """Offline, a server is not asked, whatever its name; a name with completions in it is none."""
    register_backend("far", DictBackend, is_served=True)
    register_backend("my-completions", DictBackend)

    Plan(candidate="a", suites=("s",), offline=True, runner=RunnerSettings(model="my-completions"))
    with support.refused("plan.offline", 2):
        Plan(candidate="a", suites=("s",), offline=True, runner=RunnerSettings(model="far"))


def test_what_a_backend_cannot_do_is_refused() -> None:
    """Without recorded seeds nothing is drawn; without a model here no hidden states are read."""
    register_backend("dict", DictBackend)
    runner = HarnessRunner(RunnerSettings(model="dict"))

    for ask in (
        lambda: runner.resolve([], EvalSettings(temperature=0.7)),
        lambda: runner.embed(support.checkpoint(), ["a"], EvalSettings()),
    ):
        with pytest.raises(CliffguardError) as refused:
            ask()
        assert refused.value.id in ("runner.temperature", "runner.no-model-here")


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_every_name_resolves_to_a_backend(name: str) -> None:
    """What the registry names exists, and a served one is a server's."""
    backend = make_backend(RunnerSettings(model=name))

    assert isinstance(backend, ServedBackend) is (name in SERVED)
    assert {name for name in vars(Backend) if not name.startswith("_")} <= set(dir(backend))


@pytest.mark.parametrize(
    ("model", "args", "expected"),
    [
        ("mamba_ssm", {}, LmevalBackend),
        ("sglang-generate", {"base_url": "http://x"}, ServedBackend),
        ("local-completions", {"base_url": "http://x"}, AddressedBackend),
    ],
)
def test_a_name_of_lm_evals_is_a_server_by_its_address(
    model: str, args: dict[str, str], expected: type[LmevalBackend]
) -> None:
    """A model of lm-eval's that the registry lacks is loaded, or asked where its address says."""
    settings = RunnerSettings(model=model, args=args)

    assert type(make_backend(settings)) is expected
    assert settings.is_served is kind_of(model, args).is_served is bool(args)
