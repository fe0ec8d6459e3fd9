"""How many tokens a model reads is found in one place, and never guessed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cliffguard.checkpoints.files import stated_window, window_in
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.core.answers import Question
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings
from cliffguard.engine.windows import assumed, settled, window_of, window_of_model
from cliffguard.gate import find_sides, runner_for
from cliffguard.planning.doctor import examine
from cliffguard.runners.backends import make_backend
from cliffguard.store.answers import Store
from tests import support

CONFIGS: dict[str, tuple[dict[str, Any], int | None]] = {
    "llama": ({"max_position_embeddings": 4096}, 4096),
    "gpt2": ({"n_positions": 1024, "n_ctx": 1024}, 1024),
    "mpt": ({"max_seq_len": 2048}, 2048),
    "baichuan": ({"model_max_length": 4096}, 4096),
    "gemma-3": ({"text_config": {"max_position_embeddings": 131072}}, 131072),
    "internvl": ({"llm_config": {"max_position_embeddings": 32768}}, 32768),
    "qwen-omni": ({"thinker_config": {"text_config": {"max_position_embeddings": 32768}}}, 32768),
    "an encoder's outside": (
        {"max_position_embeddings": 1200, "text_config": {"max_position_embeddings": 32768}},
        32768,
    ),
    "nested in vain": ({"text_config": {}, "max_position_embeddings": 512}, 512),
    "mamba": ({"model_type": "mamba", "hidden_size": 768}, None),
    "no number": ({"max_position_embeddings": True, "n_positions": "many", "n_ctx": -1}, None),
    "without end": ({"max_position_embeddings": 10**30}, None),
}


@pytest.mark.parametrize(("config", "wanted"), CONFIGS.values(), ids=list(CONFIGS))
def test_a_config_is_read_as_its_makers_wrote_it(
    config: dict[str, Any], wanted: int | None
) -> None:
    """The language model's own length counts, by whichever name."""
    assert window_in(config) == wanted


def test_the_tokenizer_says_it_where_the_config_is_silent(tmp_path: Path) -> None:
    """A length in tokenizer_config.json is second; 1e30 there is none."""
    tokenizer_config = tmp_path / "tokenizer_config.json"
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')

    tokenizer_config.write_text('{"model_max_length": 2048}')
    assert stated_window(tmp_path, tmp_path) == 2048
    tokenizer_config.write_text('{"model_max_length": 1000000000000000019884624838656}')
    assert stated_window(tmp_path, tmp_path) is None


def _asking(folder: Path, config: dict[str, Any]) -> Any:
    support.write_checkpoint(folder)
    (folder / "config.json").write_text(json.dumps(config))
    return find_base(str(folder), FindOptions())


def test_a_number_that_is_left_out_is_its_class_own(tmp_path: Path) -> None:
    """Published Gemma 3 configs leave the length out: 131,072, not lm-eval's 2,048."""
    written = {"model_type": "gemma3", "text_config": {"hidden_size": 64}}

    assert window_of(_asking(tmp_path / "gemma", written)) == 131072


@pytest.mark.parametrize(
    ("written", "n_tokens"),
    [
        ({"model_type": "llama", "hidden_size": 64}, "2,048"),
        ({"model_type": "gemma3", "text_config": {"hidden_size": 64}}, "131,072"),
    ],
    ids=["llama", "gemma-3"],
)
def test_a_length_that_is_its_class_own_is_told(
    tmp_path: Path, written: dict[str, Any], n_tokens: str
) -> None:
    """A class has one number for models of many: a reader must know that nobody wrote it."""
    silent = _asking(tmp_path / "m", written)
    (tmp_path / "m" / "tokenizer_config.json").write_text('{"model_max_length": 1e30}')

    [caveat] = assumed(silent)

    assert caveat.id == "context.assumed-length"
    assert n_tokens in caveat.text
    assert assumed(_asking(tmp_path / "t", {**written, "max_position_embeddings": 64})) == ()
    assert assumed(_asking(tmp_path / "u", {"model_type": "mamba", "hidden_size": 8})) == ()


def test_a_run_and_a_doctor_tell_it(tiny_base: Path, tiny_tuned: Path, tmp_path: Path) -> None:
    """Of either side, before anything is asked."""
    sides = []
    for folder in (tiny_base, tiny_tuned):
        copy = Path(shutil.copytree(folder, tmp_path / f"copy-{len(sides)}"))
        config = json.loads((copy / "config.json").read_text())
        del config["max_position_embeddings"]
        (copy / "config.json").write_text(json.dumps(config))
        tokenizer = json.loads((copy / "tokenizer_config.json").read_text())
        tokenizer["model_max_length"] = 1e30
        (copy / "tokenizer_config.json").write_text(json.dumps(tokenizer))
        sides.append(str(copy))
    plan = Plan(base=sides[0], candidate=sides[1], suites=("adjacent",))
    runner = runner_for(plan)

    remarks = [runner.look_at(side, plan.protocol) for side in find_sides(plan)]
    observations = examine(plan, Store(tmp_path / "store")).observations

    assert ["context.assumed-length" in [c.id for c in caveats] for caveats in remarks] == [
        True,
        True,
    ]
    assert sum("takes for granted" in note.text for note in observations) == 2


@pytest.mark.parametrize("model", ["cliffguard", "local-completions"])
def test_an_unknown_length_is_asked_for(tmp_path: Path, model: str) -> None:
    """Neither here nor at a server is a length guessed; --max-length says it."""
    checkpoint = _asking(tmp_path / "m", {"model_type": "mamba", "hidden_size": 8})
    backend = make_backend(RunnerSettings(model=model), allow_pickle=False)

    with support.refused("context.unknown-length", 2, "--max-length") as refused:
        backend.window(checkpoint, EvalSettings())

    assert (refused.value.id, refused.value.exit_code) == ("context.unknown-length", 2)
    assert backend.window(checkpoint, EvalSettings(max_length=512)) == 512


def test_a_server_is_told_the_nested_length(tmp_path: Path) -> None:
    """What a served model is told comes from the one place."""
    config = {"model_type": "gemma3", "text_config": {"max_position_embeddings": 8192}}
    backend = make_backend(RunnerSettings(model="local-completions"), allow_pickle=False)
    checkpoint = _asking(tmp_path / "m", config)

    assert backend._about(checkpoint, EvalSettings(), "float32")["max_length"] == 8192


def test_more_than_a_model_reads_is_refused() -> None:
    """A length beyond the model's own is a mistake."""
    with support.refused("context.beyond-length", 2, "512", "--max-length", "1,024"):
        settled("m", 512, 1024)

    assert settled("m", 512, 256) == 256


def test_the_length_is_in_the_key_only_where_it_was_said() -> None:
    """Answers that are stored keep their keys; a length of one's own asks another question."""
    kept = {"checkpoint": support.checkpoint(), "task": support.task([support.item()])}
    kept |= {"dtype": "float32", "runner": "r", "replicate": 0}
    plain = Question(**kept, protocol=EvalSettings())
    limited = Question(**kept, protocol=EvalSettings(max_length=64))

    assert "max_length" not in plain.preimage()["protocol"]
    assert limited.preimage()["protocol"]["max_length"] == 64
    assert plain.key != limited.key


def test_what_is_loaded_is_asked_within_it(tiny_base: Path) -> None:
    """The model that answers has the length that was said, or its config's."""
    backend = make_backend(RunnerSettings(device="cpu"), allow_pickle=False)
    checkpoint = find_base(str(tiny_base), FindOptions())

    assert backend.model(checkpoint, EvalSettings(), "float32").max_length == 512
    assert backend.model(checkpoint, EvalSettings(max_length=64), "float32").max_length == 64
    network = backend.model(checkpoint, EvalSettings(), "float32").model
    assert window_of_model(network.config, None) == 512
