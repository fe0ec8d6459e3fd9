"""The plugin of axolotl, against axolotl's own base of plugins, on the light core."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.extern.environments import run_in

pytestmark = pytest.mark.extern

RUN = """
import importlib.machinery, inspect, json, sys, types


class Absent:
    # What axolotl's base of plugins imports for its annotations: modules of which all names exist.
    NAMES = ("torch", "peft", "transformers")

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.NAMES:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__getattr__ = lambda name: type(name, (), {})
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(Absent())

import axolotl.utils.logging
axolotl.utils.logging.is_main_process = lambda: True  # which asks torch
from axolotl.integrations.base import BasePlugin, PluginManager
from axolotl.utils.dict import DictDefault
from pydantic import BaseModel

cfg = DictDefault(json.loads(sys.argv[1]))
reaches_end = sys.argv[2] == "trained"
NAME = "cliffguard.integrations.axolotl.CliffguardPlugin"

# As axolotl 0.21 goes about it (utils.config.prepare_plugins, integrations.config, cli.train).
manager = PluginManager.get_instance()
manager.register(NAME, required=True)
manager.plugins[NAME].register(cfg)
namespace = {"Base": type("Base", (BaseModel,), {})}
module, args = [name for name in manager.get_input_args() if "cliffguard" in name][0].rsplit(".", 1)
exec(f"from {module} import {args}\\nclass Config(Base, {args}): pass", globals(), namespace)
cfg |= namespace["Config"](**cfg).model_dump(exclude_none=True)

plugin = manager.plugins[NAME]
for name, method in vars(type(plugin)).items():
    if name[0] != "_":
        theirs = inspect.signature(getattr(BasePlugin, name)).parameters
        assert list(inspect.signature(method).parameters) == list(theirs), name
assert isinstance(plugin, BasePlugin)
try:
    if not reaches_end:
        raise MemoryError("the training failed")
    manager.post_train(cfg, object())
finally:
    manager.post_train_unload(cfg)
heavy = {"lm_eval", "datasets", "safetensors", "accelerate"} & set(sys.modules)
assert not heavy, heavy
"""

PROGRAM = """
import json, os, sys
seen = {"words": sys.argv[2:], "rank": os.environ.get("WORLD_SIZE")}
open(sys.argv[1], "a").write(json.dumps(seen) + "\\n")
sys.exit(int(os.environ.get("CODE", 0)))
"""


@pytest.fixture
def trained(
    environment: Callable[[str], Path], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return what lets axolotl's manager of plugins train, with keys of a run's file."""
    python = environment("axolotl")
    (tmp_path / "gate.yaml").write_text("suites: [adjacent]\n")
    (tmp_path / "fake.py").write_text(PROGRAM)

    def train(
        end: str = "trained", env: dict[str, str] | None = None, **keys: Any
    ) -> subprocess.CompletedProcess[str]:
        run = {
            "cliffguard_plan": str(tmp_path / "gate.yaml"),
            "output_dir": str(tmp_path / "out put"),
            "adapter": "qlora",
            **keys,
        }
        command = f"{python} '{tmp_path}/fake.py' '{tmp_path}/calls'"
        variables = {"CLIFFGUARD_CMD": command, "PYTHONPATH": "", **(env or {})}
        return run_in(python, "-c", RUN, json.dumps(run), end, **variables)

    return train


def calls(folder: Path) -> list[dict[str, Any]]:
    """Return what the command was called with, each time."""
    path = folder / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_a_run_trained_is_checked(trained: Callable[..., Any], tmp_path: Path) -> None:
    """By the plan of its file, in a process that takes itself for none of the launcher's."""
    done = trained(env={"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost"})

    assert done.returncode == 0, done.stderr
    words = ["check", f"{tmp_path}/gate.yaml", "--candidate", f"{tmp_path}/out put"]
    assert calls(tmp_path) == [{"words": words, "rank": None}]


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 10)])
def test_a_check_fails_a_run_where_that_is_wanted(
    trained: Callable[..., Any], fails: bool, code: int
) -> None:
    """And then with its own exit code; else one line says that it did not pass."""
    done = trained(env={"CODE": "10"}, cliffguard_fail=fails)

    assert done.returncode == code, done.stderr
    assert "cliffguard: exit code 10 of" in done.stderr


def test_a_training_that_failed_is_not_checked(trained: Callable[..., Any], tmp_path: Path) -> None:
    """Axolotl unloads after a failure, too, when an older model may lie in the folder."""
    done = trained("failed", cliffguard_fail=True)

    assert "the training failed" in done.stderr
    assert calls(tmp_path) == []


def test_other_processes_of_a_run_check_nothing(
    trained: Callable[..., Any], tmp_path: Path
) -> None:
    """The first does, once for all."""
    assert trained(env={"RANK": "1", "WORLD_SIZE": "2"}).returncode == 0
    assert calls(tmp_path) == []


def test_a_command_that_is_not_there_is_a_failure(trained: Callable[..., Any]) -> None:
    """Nothing was checked, which must not look like a pass."""
    done = trained(env={"CLIFFGUARD_CMD": "no-such-program"}, cliffguard_fail=True)

    assert done.returncode == 20
    assert "cliffguard: no-such-program cannot be started" in done.stderr


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"cliffguard_plan": "gone.yaml"}, "gone.yaml"),
        ({"cliffguard_plan": None}, "add to the run's file cliffguard_plan: gate.yaml"),
        ({"adapter": None, "base_model": "org/base"}, "add base: hf:org/base"),
    ],
)
def test_what_cannot_be_checked_is_refused_before_the_training(
    trained: Callable[..., Any], keys: dict[str, Any], line: str
) -> None:
    """A key that is wrong would else be known only after hours of training."""
    done = trained("failed", **keys)

    assert done.returncode != 0
    assert line in done.stderr.splitlines()[-1]
    assert "the training failed" not in done.stderr


def test_without_a_command_ours_is_started(trained: Callable[..., Any], tmp_path: Path) -> None:
    """The light core says what it lacks."""
    done = trained(env={"CLIFFGUARD_CMD": ""}, cliffguard_fail=True)

    assert done.returncode == 2, done.stderr
    assert "pip install 'cliffguard[run]'" in done.stderr
    assert os.listdir(tmp_path).count("calls") == 0
