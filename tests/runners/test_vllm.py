"""vLLM as a runner: which calls it gets, what is refused beforehand, when engines come and go.

vLLM itself is not run here: a stand-in takes its calls (`fake_vllm`), through lm-eval's own class.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from typer.testing import CliRunner

from cliffguard import EvalSettings, Plan, Policy, RunnerSettings, Store, guard
from cliffguard.checkpoints.identity import FindOptions, find_pair, with_template_of
from cliffguard.cli.app import app
from cliffguard.core.backends import BACKENDS
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.planning.doctor import examine
from cliffguard.runners import vllm_adapters, vllm_backends
from cliffguard.runners.backends import identity_of, make_backend
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.live import LiveRunner
from tests import support
from tests.runners import fake_vllm
from tests.runners.signatures import attributes_set_in, names_in
from tests.runners.test_backends import answers_of, assert_alike

PLAIN = EvalSettings()
Engines = fake_vllm.Engines


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engines]:
    """What becomes of the engines of a stand-in for vLLM."""
    from lm_eval.api import registry

    yield fake_vllm.install(monkeypatch, tmp_path / "installed")
    registry._materialise_placeholder.cache_clear()


@pytest.fixture(scope="module")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of 8 multiple-choice items and 3 generated ones."""
    return support.write_suite(tmp_path_factory.mktemp("suite"), n_items=8, n_said=3)


def settings_of(model: str = "vllm", **args: Any) -> RunnerSettings:
    """Return settings that compute on the CPU."""
    return RunnerSettings(model=model, device="cpu", args=args)


def adapter_with(adapter: Path, folder: Path, **config: Any) -> Checkpoint:
    """Return a copy of an adapter whose config says something else."""
    shutil.copytree(adapter, folder)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return find_pair(None, str(folder), FindOptions())[1]


# --- the calls -----------------------------------------------------------------------------------


def lm_evals_class() -> ast.Module:
    """Return the syntax tree of the file with lm-eval's class over vLLM."""
    spec = find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(
        Path(spec.origin).with_name("models").joinpath("vllm_causallms.py").read_text()
    )


def test_lm_evals_class_takes_what_it_is_given(base: Checkpoint) -> None:
    """Our arguments are its own, or of vLLM's engine; the attributes that we set are read there."""
    backend = make_backend(settings_of())
    arguments = backend._about(base, EvalSettings(max_length=64), "bfloat16")  # type: ignore[attr-defined]
    tree, recorded = lm_evals_class(), fake_vllm.recorded()

    theirs = set(names_in(tree, "VLLM.__init__"))

    assert {*arguments, "max_lora_rank"} <= theirs | set(recorded["EngineArgs"])
    assert {"tokenizer", "hf_chat_template", "lora_request", "model"} <= attributes_set_in(
        tree, "VLLM"
    )
    assert BACKENDS["vllm"].sizing <= theirs | set(recorded["EngineArgs"])


def test_facts_of_vllm_are_those_of_its_source() -> None:
    """Ranks, and what an adapter's config may not say, are as vLLM's source has them."""
    recorded = fake_vllm.recorded()

    assert tuple(recorded["MaxLoRARanks"]) == vllm_adapters.RANKS
    assert vllm_adapters._REFUSED.keys() - {"trainable_token_indices"} <= {*recorded["PEFTHelper"]}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "template"), [("ball", "none"), ("say", "own")])
def test_vllm_answers_as_our_engine(
    name: str, template: Any, engines: Engines, suite_file: Path, request: pytest.FixtureRequest
) -> None:
    """Base, full weights and adapter get their own answers, each shard in one call."""
    protocol = EvalSettings(chat_template=template, dtype="float32")
    runner, ours = HarnessRunner(settings_of()), HarnessRunner(settings_of("cliffguard"))

    for who in ("base", "adapted", "tuned"):
        side = request.getfixturevalue(who)
        n_before = len(engines.calls)
        answers = answers_of(runner, suite_file, side, name, protocol)
        assert len(engines.calls) == n_before + 1, "requests went alone"
        assert_alike(answers, answers_of(ours, suite_file, side, name, protocol))


def test_one_engine_serves_a_base_and_its_adapters(
    engines: Engines, suite_file: Path, base: Checkpoint, tiny_adapter: Path, tmp_path: Path
) -> None:
    """LoRA is on for all, adapters travel with the requests, the rank is known before the base."""
    folders = {2: tmp_path / "a", 9: tmp_path / "b"}
    pair = [adapter_with(tiny_adapter, folder, r=r) for r, folder in folders.items()]
    runner = HarnessRunner(settings_of())
    for side in (base, *pair):
        runner.look_at(side, PLAIN)

    for side in (base, pair[0], base):
        answers_of(runner, suite_file, side, "say")

    (engine,) = engines.started
    assert (engine["enable_lora"], engine["max_lora_rank"]) == (True, 16)
    assert engine["enable_prefix_caching"] is True
    assert [call[:2] for call in engines.calls] == [(1, None), (1, "adapter-1"), (1, None)]
    assert runner.holds_both(base, pair[0])


@pytest.mark.parametrize(
    ("change", "n_engines"), [(lambda _: None, 1), (lambda t: t.add_tokens(["<new>"]), 3)]
)
def test_a_tokenizer_that_was_saved_again_takes_no_engine(
    change: Any,
    n_engines: int,
    engines: Engines,
    suite_file: Path,
    base: Checkpoint,
    tiny_base: Path,
    tiny_adapter: Path,
    tmp_path: Path,
) -> None:
    """Trainers save one beside an adapter; only where tokens become other text is it another."""
    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "spoken"))
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    change(tokenizer)
    tokenizer.save_pretrained(folder)
    candidate = find_pair(None, str(folder), FindOptions())[1]
    assert candidate.tokenizer != base.tokenizer
    runner = HarnessRunner(settings_of())

    for side in (base, candidate, base):
        answers_of(runner, suite_file, side, "say")

    assert len(engines.started) == n_engines
    assert runner.holds_both(base, candidate) is (n_engines == 1)


def test_adapters_of_one_engine_have_names_of_their_own(
    engines: Engines, suite_file: Path, adapted: Checkpoint, tiny_adapter: Path, tmp_path: Path
) -> None:
    """vLLM's prefix cache goes by the adapter's name: two adapters never share one."""
    config = json.loads((tiny_adapter / "adapter_config.json").read_text())
    other = adapter_with(tiny_adapter, tmp_path / "other", lora_alpha=config["lora_alpha"] * 4)
    runner = HarnessRunner(settings_of())

    first, second, again = (
        answers_of(runner, suite_file, side, "ball") for side in (adapted, other, adapted)
    )

    assert [name for _, name, _ in engines.calls] == ["adapter-1", "adapter-2", "adapter-1"]
    assert first == again != second


def test_two_full_checkpoints_are_never_in_memory_together(
    engines: Engines, suite_file: Path, base: Checkpoint, tuned: Checkpoint
) -> None:
    """The engine of the side before is shut down before the next one starts."""
    runner = HarnessRunner(settings_of())

    for side in (base, tuned, base):
        answers_of(runner, suite_file, side, "ball")

    assert [started["enable_lora"] for started in engines.started] == [True, True, True]
    assert engines.n_running == 1
    assert not runner.holds_both(base, tuned)


def test_a_larger_rank_takes_a_larger_engine(
    engines: Engines, suite_file: Path, base: Checkpoint, tiny_adapter: Path, tmp_path: Path
) -> None:
    """An adapter that was not known when the engine started gets room, and the base keeps it."""
    wide = adapter_with(tiny_adapter, tmp_path / "wide", rank_pattern={"q_proj_": 65})
    runner = HarnessRunner(settings_of())
    backend: Any = runner._backend
    for side in (base, wide, base):
        backend.model(side, PLAIN, "float32")

    assert [started["max_lora_rank"] for started in engines.started] == [16, 128]


def test_an_engine_ends_with_its_backend(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """A runner that is let go leaves the cards to the next one."""
    runner = HarnessRunner(settings_of())
    answers_of(runner, suite_file, base, "ball")
    assert engines.n_running == 1

    del runner
    gc.collect()

    assert engines.n_running == 0


def test_a_choice_is_never_cut_for_the_token_that_vllm_adds(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """lm-eval's class cuts a prompt that fills the context; such an item is not asked."""
    runner = HarnessRunner(settings_of())
    free = answers_of(runner, suite_file, base, "ball")
    n_prompt = free[0].n_prompt_tokens  # a token a letter
    n_whole = n_prompt + max(len(f" {name}") for name in support.NAMES)

    for length, reasons in ((n_whole, {"overlong"}), (n_whole + 1, {"choice"})):
        protocol = EvalSettings(max_length=length)
        limited = answers_of(runner, suite_file, base, "ball", protocol)
        assert {answer.finish_reason for answer in limited} == reasons
        if reasons == {"choice"}:
            assert limited == free


def test_vllm_writes_to_stderr_and_sends_nothing(
    engines: Engines, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report on stdout stays one; what the user's environment says stays as it is."""
    support.model_of(HarnessRunner(settings_of()), base)
    assert os.environ["VLLM_LOGGING_STREAM"] == "ext://sys.stderr"
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"
    gc.collect()

    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    support.model_of(HarnessRunner(settings_of()), base)

    assert os.environ["VLLM_NO_USAGE_STATS"] == "0"


# --- the key -------------------------------------------------------------------------------------


def test_cards_and_memory_are_in_no_key() -> None:
    """What vLLM is given of the machine changes no key, and what may change an answer does."""
    plain = identity_of(settings_of())
    given: dict[str, Any] = dict.fromkeys(BACKENDS["vllm"].sizing, 2)

    assert identity_of(settings_of(**given)) == plain == "vllm 2"
    assert identity_of(settings_of(enforce_eager=True)) == 'vllm 2 {"enforce_eager":true}'


@pytest.mark.parametrize("model", ["vllm", "auto"])
def test_vllms_release_is_in_the_key(model: str, engines: Engines) -> None:
    """The answers of another minor release are other answers; its last number is a note."""
    runner = HarnessRunner(settings_of(model))

    assert runner.identity.endswith("vllm 0.33")
    assert f"torch {'.'.join(version('torch').split('.')[:2])}" in runner.identity
    assert str(runner.notes()["libraries"]).endswith("vllm 0.33.0")


def test_its_dtype_is_the_one_of_the_device() -> None:
    """`auto` is settled here, so that the key names the dtype that computes."""
    assert HarnessRunner(settings_of()).dtype(PLAIN) == "float32"
    assert HarnessRunner(settings_of()).dtype(EvalSettings(dtype="float16")) == "float16"


def test_notes_say_what_the_engine_was_given(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """Cards, memory and batches stand in the report, since they stand in no key."""
    runner = HarnessRunner(settings_of(tensor_parallel_size=2, gpu_memory_utilization=0.8))
    answers_of(runner, suite_file, base, "ball")

    notes = runner.notes()

    assert (notes["batch size"], notes["max_lora_rank"]) == ("auto", "16")
    assert (notes["tensor_parallel_size"], notes["gpu_memory_utilization"]) == ("2", "0.8")
    assert engines.started[0]["tensor_parallel_size"] == 2


# --- what is refused -----------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"use_dora": True}, "it is a DoRA"),
    ({"bias": "all"}, "it trains biases"),
    ({"lora_bias": True}, "its LoRA has biases"),
    ({"modules_to_save": ["lm_head"]}, "it holds whole modules"),
    ({"alora_invocation_tokens": [1, 2]}, "it waits for a cue"),
    ({"layer_replication": [[0, 1]]}, "it repeats layers"),
    ({"init_lora_weights": "pissa"}, "its start (pissa) changes the base"),
    ({"trainable_token_indices": [3]}, "it trains tokens"),
    ({"peft_type": "LOHA"}, "an adapter of type LOHA"),
]


@pytest.mark.parametrize(("config", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
@pytest.mark.parametrize("model", ["vllm", "auto"])
def test_an_adapter_that_vllm_cannot_apply_is_refused_by_its_files(
    model: str,
    config: dict[str, Any],
    reason: str,
    engines: Engines,
    tiny_adapter: Path,
    tmp_path: Path,
) -> None:
    """What vLLM would stop over, or pass over, is one line before anything is loaded."""
    candidate = adapter_with(tiny_adapter, tmp_path / "odd", **config)

    with pytest.raises(CliffguardError) as refused:
        HarnessRunner(settings_of(model)).look_at(candidate, PLAIN)

    assert (refused.value.id, refused.value.exit_code) == ("runner.refused-adapter", 2)
    assert reason in str(refused.value)
    assert "merge it into full weights" in str(refused.value)
    assert engines.started == []


def test_rows_of_added_tokens_are_not_passed_over(
    engines: Engines, adapted: Checkpoint, tiny_adapter: Path, tmp_path: Path
) -> None:
    """vLLM reads no embedding beside an adapter: it would be measured without its tokens."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny_adapter, tmp_path / "grown"))
    tensors = load_file(folder / "adapter_model.safetensors")
    tensors["base_model.model.model.embed_tokens.weight"] = torch.ones(300, 16)
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    grown = find_pair(None, str(folder), FindOptions())[1]

    with pytest.raises(CliffguardError, match=r"it overwrites .*embed_tokens"):
        make_backend(settings_of()).look_at(grown, "float32")


@pytest.mark.parametrize(
    ("rank", "room"), [(1, 1), (2, 8), (8, 8), (9, 16), (300, 320), (512, 512)]
)
def test_the_rank_is_rounded_up_to_one_that_vllm_has(rank: int, room: int) -> None:
    """vLLM takes nine values only."""
    assert vllm_adapters.room_for(rank, "a") == room


@pytest.mark.parametrize("config", [{"r": 513}, {"rank_pattern": {"q_proj": 1024}}])
def test_a_rank_beyond_vllms_is_refused(
    config: dict[str, Any], engines: Engines, tiny_adapter: Path, tmp_path: Path
) -> None:
    """The largest rank counts, of whichever module."""
    candidate = adapter_with(tiny_adapter, tmp_path / "wide", **config)

    with pytest.raises(CliffguardError, match=r"vLLM takes 512 at the most; merge it") as refused:
        make_backend(settings_of()).look_at(candidate, "float32")

    assert (refused.value.id, refused.value.exit_code) == ("runner.lora-rank", 2)


@pytest.mark.parametrize(
    "config",
    [*({"r": rank} for rank in (None, "8", True, 0, -1, 2.5, [8])), {"lora_alpha": "x"}],
)
def test_a_rank_that_is_none_is_a_damaged_adapter(
    config: dict[str, Any], engines: Engines, tiny_adapter: Path, tmp_path: Path
) -> None:
    """A config that peft did not write is exit 12, not a traceback."""
    candidate = adapter_with(tiny_adapter, tmp_path / "odd", **config)

    with pytest.raises(CliffguardError) as refused:
        make_backend(settings_of()).look_at(candidate, "float32")

    assert (refused.value.id, refused.value.exit_code) == ("adapter.other-kind", 12)


def test_patterns_of_ranks_need_a_release_that_has_them(
    monkeypatch: pytest.MonkeyPatch, tiny_adapter: Path, tmp_path: Path
) -> None:
    """An earlier vLLM may apply one scale to all modules, and says nothing of it."""
    fake_vllm.install(monkeypatch, tmp_path / "installed", "0.18.1")
    candidate = adapter_with(tiny_adapter, tmp_path / "odd", alpha_pattern={"q_proj": 4})

    with pytest.raises(CliffguardError, match=r"known of vLLM from 0\.33 on"):
        make_backend(settings_of()).look_at(candidate, "float32")


def test_adapters_in_float32_are_refused_on_a_card(
    engines: Engines, adapted: Checkpoint, base: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM's kernels of adapters take 16 bits; on a CPU they take all."""
    backend = make_backend(settings_of())
    backend.look_at(adapted, "float32")
    monkeypatch.setattr(vllm_backends, "pick_device", lambda _: "cuda")

    for side, dtype in ((base, "float32"), (adapted, "bfloat16")):
        backend.look_at(side, dtype)
    with pytest.raises(CliffguardError, match=r"use --dtype bfloat16") as refused:
        backend.look_at(adapted, "float32")

    assert (refused.value.id, refused.value.exit_code) == ("runner.lora-dtype", 2)


def test_an_adapter_needs_lora(engines: Engines, adapted: Checkpoint, base: Checkpoint) -> None:
    """Full weights of an architecture without LoRA run with enable_lora: false, and no adapter."""
    backend = make_backend(settings_of(enable_lora=False))
    backend.model(base, PLAIN, "float32")
    assert engines.started[0]["enable_lora"] is False

    with pytest.raises(CliffguardError) as refused:
        backend.look_at(adapted, "float32")

    assert (refused.value.id, refused.value.exit_code) == ("runner.lora-off", 2)


@pytest.mark.parametrize("model", ["vllm", "auto"])
@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({"pretrained": "x"}, "runner.args.pretrained: base and candidate say it"),
        ({"lora_local_path": "x"}, "name the adapter as the candidate"),
        ({"dtype": "float16"}, "say it with --dtype"),
        ({"data_parallel_size": 2}, "use tensor_parallel_size"),
        ({"max_lora_rank": "x"}, "'x' is no rank"),
        ({"max_lora_rank": 600}, "vLLM takes 512 at the most"),
    ],
)
def test_arguments_that_are_the_sides_own_are_refused(
    model: str, args: dict[str, Any], line: str
) -> None:
    """No argument may ask another model than the plan's, or start an engine at every call."""
    with pytest.raises(CliffguardError) as refused:
        make_backend(settings_of(model, **args))

    assert refused.value.exit_code == 2
    assert line in str(refused.value)


@pytest.mark.parametrize("name", ["max_length", "enable_thinking", "think_end_token"])
def test_what_both_engines_must_know_is_no_argument_of_one(name: str) -> None:
    """Under auto a length or a mark of thinking in vLLM's arguments would hold for texts alone."""
    with pytest.raises(
        CliffguardError, match=rf"runner\.args\.{name}: is of vLLM alone"
    ) as refused:
        make_backend(settings_of("auto", **{name: 8}))

    assert (refused.value.id, refused.value.exit_code) == ("runner.args", 2)
    make_backend(settings_of("vllm", **{name: 8}))


def test_an_unknown_argument_is_the_users_error(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """What vLLM's engine does not take is exit 2, and names the argument."""
    runner = HarnessRunner(settings_of(gpu_mem=0.9))

    with pytest.raises(CliffguardError, match=r"unexpected keyword argument 'gpu_mem'") as refused:
        answers_of(runner, suite_file, base, "ball")

    assert (refused.value.id, refused.value.exit_code) == ("runner.refused-args", 2)


@pytest.mark.parametrize(
    ("device", "id"), [("cuda:1", "runner.device"), ("cpu", "runner.processes")]
)
def test_cards_of_a_launcher_are_not_vllms(
    device: str, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card by number, and several processes on the same cards, are refused."""
    if device == "cpu":
        monkeypatch.setenv("MASTER_ADDR", "localhost")
        monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(CliffguardError) as refused:
        make_backend(RunnerSettings(model="vllm", device=device))

    assert (refused.value.id, refused.value.exit_code) == (id, 2)


def test_without_vllm_one_line_says_how_to_install_it(base: Checkpoint) -> None:
    """A library that is missing is exit 20, before anything is loaded."""
    if find_spec("vllm") is not None:
        pytest.skip("vllm is installed")

    for model in ("vllm", "auto"):
        with pytest.raises(CliffguardError, match=r"pip install 'vllm>=0\.33'") as refused:
            HarnessRunner(settings_of(model)).look_at(base, PLAIN)
        assert (refused.value.id, refused.value.exit_code) == ("environment.missing-library", 20)


def test_an_engine_that_does_not_start_is_worth_a_retry(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """vLLM raises a RuntimeError in the parent of the process that failed."""
    runner = HarnessRunner(settings_of())
    engines.failure = lambda: RuntimeError("Engine core initialization failed. See above.\nmore")

    with pytest.raises(CliffguardError, match=r"did not start: Engine core .* above\.;") as failed:
        answers_of(runner, suite_file, base, "ball")
    assert (failed.value.id, failed.value.exit_code) == ("runner.not-started", 20)

    engines.failure = None
    assert answers_of(runner, suite_file, base, "ball")


def test_an_engine_that_dies_is_worth_a_retry(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """What vLLM raises while it answers is one line, and no traceback."""
    engines.dies = True

    with pytest.raises(CliffguardError, match=r"vllm gave no answer \(EngineDeadError") as failed:
        answers_of(HarnessRunner(settings_of()), suite_file, base, "ball")

    assert (failed.value.id, failed.value.exit_code) == ("runner.no-answer", 20)


def test_doctor_says_what_would_stop_vllm(
    tiny_base: Path, tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the library it names it, once for both sides; with it, what vLLM cannot apply."""
    odd = tmp_path / "odd"
    adapter_with(tiny_adapter, odd, use_dora=True)
    plan = Plan(base=str(tiny_base), candidate=str(odd), suites=("adjacent",), runner=settings_of())
    ids = []
    for installs in (False, True):
        if installs:
            fake_vllm.install(monkeypatch, tmp_path / "installed")
        faults = examine(plan, Store(tmp_path / "store")).observations
        ids.append([note.id for note in faults if note.about == "runner"])

    assert ids == [["environment.missing-library"], ["runner.refused-adapter"]]


def test_a_model_in_memory_is_not_asked_by_two_engines() -> None:
    """A model in training lies in our engine alone: its texts are never said to be vLLM's."""
    with pytest.raises(CliffguardError) as refused:
        LiveRunner(None, None, name="step", settings=settings_of("auto"))

    assert refused.value.id == "live.other-runner"


def test_the_bases_template_is_put_to_both_sides(
    engines: Engines, suite_file: Path, base: Checkpoint, tiny_base: Path, tmp_path: Path
) -> None:
    """lm-eval's class would render a candidate's prompts by the template in its own folder."""
    folder = Path(shutil.copytree(tiny_base, tmp_path / "spoken"))
    (folder / "chat_template.jinja").write_text("OTHER {{ messages[0]['content'] }}")
    candidate = find_pair(str(tiny_base), str(folder), FindOptions())[1]
    runner = HarnessRunner(settings_of())
    digests = [
        [answer.rendered_digest for answer in answers_of(runner, suite_file, side, "say", protocol)]
        for side, protocol in (
            (base, EvalSettings(chat_template="base")),
            (with_template_of(candidate, base), EvalSettings(chat_template="base")),
            (candidate, EvalSettings(chat_template="own")),
        )
    ]

    assert digests[0] == digests[1] != digests[2]


# --- auto: our engine for choices, vLLM for generated answers ------------------------------------


def test_auto_asks_choices_of_our_engine_and_texts_of_vllm(
    engines: Engines, suite_file: Path, base: Checkpoint, adapted: Checkpoint
) -> None:
    """vLLM starts at the first generated answer, at half of the card; both sides alike."""
    runner, ours = HarnessRunner(settings_of("auto")), HarnessRunner(settings_of("cliffguard"))
    for side in (base, adapted):
        choices = answers_of(runner, suite_file, side, "ball")
        assert choices == answers_of(ours, suite_file, side, "ball")
    assert engines.started == []

    for side in (base, adapted):
        texts = answers_of(runner, suite_file, side, "say")
        assert_alike(texts, answers_of(ours, suite_file, side, "say"))

    (engine,) = engines.started
    assert (engine["gpu_memory_utilization"], engine["dtype"]) == (0.5, "float32")
    assert engines.calls == [(1, None, 3), (1, "adapter-1", 3)]
    assert runner.notes()["vllm gpu_memory_utilization"] == "0.5"
    assert runner.holds_both(base, adapted)


def test_auto_takes_the_share_that_a_plan_says(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """A larger model leaves vLLM another share than half."""
    runner = HarnessRunner(settings_of("auto", gpu_memory_utilization=0.3))

    answers_of(runner, suite_file, base, "say")

    assert engines.started[0]["gpu_memory_utilization"] == 0.3


def test_auto_refuses_two_lengths_of_one_model(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """What our engine has room for, and vLLM has not, would be cut there and counted as whole."""
    runner = HarnessRunner(settings_of("auto"))
    engines.reads_at_most = 300

    with pytest.raises(CliffguardError, match=r"say --max-length 300") as refused:
        answers_of(runner, suite_file, base, "say")
    assert (refused.value.id, refused.value.exit_code) == ("runner.other-length", 2)

    assert answers_of(runner, suite_file, base, "say", EvalSettings(max_length=300))


def test_auto_refuses_two_readings_of_one_prompt(
    engines: Engines, suite_file: Path, base: Checkpoint
) -> None:
    """Where vLLM puts a token first that our engine does not, the counts would be of others."""
    runner = HarnessRunner(settings_of("auto"))
    model = support.model_of(runner, base)
    generating = model._generating()
    generating.tok_encode = lambda text, **_: [256, *range(len(text))]

    with pytest.raises(CliffguardError) as refused:
        answers_of(runner, suite_file, base, "say")

    assert (refused.value.id, refused.value.exit_code) == ("runner.other-tokens", 2)


@pytest.mark.parametrize(
    ("protocol", "id"),
    [
        (EvalSettings(quantization="4bit"), "runner.one-engine"),
        (EvalSettings(think_end="</think>"), "runner.one-engine"),
        (EvalSettings(temperature=0.5), "runner.temperature"),
    ],
)
def test_auto_refuses_what_one_of_its_engines_lacks(protocol: EvalSettings, id: str) -> None:
    """Both engines keep to the protocol, or neither is asked."""
    with pytest.raises(CliffguardError) as refused:
        HarnessRunner(settings_of("auto")).resolve([], protocol)

    assert (refused.value.id, refused.value.exit_code) == (id, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("model", ["vllm", "auto"])
@pytest.mark.parametrize("candidate", ["tiny_adapter", "tiny_tuned"])
def test_a_whole_comparison(
    model: str,
    candidate: str,
    engines: Engines,
    suite_file: Path,
    tiny_base: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """`guard` judges; an adapter takes one engine, full weights one after the other."""
    plan = Plan(
        base=str(tiny_base),
        candidate=str(request.getfixturevalue(candidate)),
        suites=(str(suite_file),),
        runner=settings_of(model),
        policy=Policy(),
    )

    review = guard(plan, store=Store(tmp_path / "store"))
    n_engines = len(engines.started)
    again = guard(plan, store=Store(tmp_path / "store"))

    assert review.verdict == again.verdict
    assert n_engines == (1 if candidate == "tiny_adapter" else 2)
    assert len(engines.started) == n_engines, "stored answers were asked again"


@pytest.mark.usefixtures("quick")
def test_auto_packs_and_screens_as_our_engine_does(
    engines: Engines, suite_file: Path, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """In bfloat16 prefixes are tried, and predictions are compared, on the engine that scores."""
    plan = Plan(
        base=str(tiny_base),
        candidate=str(tiny_adapter),
        suites=(str(suite_file),),
        runner=settings_of("auto"),
        protocol=EvalSettings(dtype="bfloat16"),
        screen=True,
    )

    review = guard(plan, store=Store(tmp_path / "store"))

    assert engines.started[0]["dtype"] == "bfloat16"
    assert len(list((tmp_path / "store" / "trials").rglob("*.json"))) == 2, "a side was not tried"
    assert all(row.diagnostics.shift for row in review.comparison.capabilities)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_answers_of_an_earlier_release_are_compared_and_not_taken_over(
    engines: Engines,
    suite_file: Path,
    tiny_base: Path,
    tiny_adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They stay in the store for `compare`; a run asks anew, under LoRA for both sides."""
    store = tmp_path / "store"
    sides = (str(tiny_base), str(tiny_adapter))
    plan = Plan(base=sides[0], candidate=sides[1], suites=(str(suite_file),), runner=settings_of())
    with monkeypatch.context() as earlier:
        earlier.setattr(HarnessRunner, "identity", "vllm: lm-eval 0.4.13, torch 2.12")
        guard(plan, store=Store(store))
    n_calls = len(engines.calls)

    compared = CliRunner().invoke(
        app, ["compare", *sides, "-s", str(suite_file), "--store", str(store), "-q"]
    )
    assert compared.exit_code in (0, 10, 11), compared.output
    assert len(engines.calls) == n_calls

    guard(plan, store=Store(store))

    assert len(engines.calls) == 2 * n_calls
