"""Our name among lm-eval's models, and what our way into its command line adds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cliffguard.runners import lmeval_cli

FRESH = """\
import sys
import cliffguard.engine
assert "torch" not in sys.modules, "torch is imported before a model is made"
import lm_eval.models
from lm_eval.api.registry import get_model, model_registry
theirs = set(lm_eval.models.MODEL_MAPPING)
print(sorted(theirs - set(model_registry.keys())), len(theirs) > 20)
print(get_model("cliffguard").__module__, get_model("hf").__module__)
"""


@pytest.mark.slow
def test_our_name_stands_beside_lm_evals_own() -> None:
    """Importing the engine adds one name and hides none; torch waits until a model is made."""
    completed = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, check=False
    )

    assert completed.stdout.splitlines() == [
        "[] True",
        "cliffguard.engine.lm lm_eval.models.huggingface",
    ], completed.stderr


def test_importing_the_engine_again_registers_nothing_twice() -> None:
    """A reload, as notebooks do, is no error."""
    import importlib

    import cliffguard.engine

    importlib.reload(cliffguard.engine)


AUTO = ["--batch_size", "auto"]


@pytest.mark.parametrize(
    ("words", "added"),
    [
        ("run --model cliffguard --tasks t", AUTO),
        ("run --model=cliffguard --tasks t", AUTO),
        ("run -M cliffguard --tasks t", AUTO),
        ("--model cliffguard --tasks t", AUTO),
        ("run --model cliffguard --batch_size 8", []),
        ("run --model cliffguard --batch_size=8", []),
        ("run --model cliffguard -b 8", []),
        ("run --model hf --tasks t", []),
        ("run --model=hf --tasks cliffguard", []),
        ("run --tasks cliffguard", []),
        ("ls tasks", []),
        ("", []),
    ],
)
def test_batches_are_as_large_as_memory_allows_unless_told(
    words: str, added: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """batch_size auto is set for our model alone, and only where none is given."""
    given: list[list[str]] = []
    monkeypatch.setattr("lm_eval.__main__.cli_evaluate", lambda: given.append(sys.argv))
    monkeypatch.setattr(sys, "argv", ["before"])

    lmeval_cli.run_lm_eval(words.split())

    assert given == [["lm-eval", *words.split(), *added]]


def test_lm_eval_takes_every_spelling_that_we_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flags that we look for are those of lm-eval's own parser."""
    from lm_eval._cli.harness import HarnessCLI

    for model, size in (("--model", "--batch_size"), ("-M", "-b")):
        words = ["lm-eval", "run", model, "cliffguard", size, "8", "--tasks", "t"]
        monkeypatch.setattr(sys, "argv", words)
        parsed = HarnessCLI().parse_args()
        assert (parsed.model, parsed.batch_size) == ("cliffguard", "8")
