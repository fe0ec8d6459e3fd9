"""What every test may count on: no network, no store of the user's, tiny models."""

from __future__ import annotations

import copy
import gc
import itertools
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
import typer.testing
from filelock import FileLock

from tests import support

if TYPE_CHECKING:
    from cliffguard.store.answers import Store
    from tests.bad_input.models import Models
    from tests.bad_input.place import Workspace
    from tests.fake_runner import FakeRunner

# Read when the libraries are imported, hence before any test imports them.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    TQDM_DISABLE="1",
    TRANSFORMERS_VERBOSITY="error",
)

from cliffguard.cli import display
from cliffguard.compare import ladder_levels
from cliffguard.core import commits, hashing
from cliffguard.core.libraries import installed
from cliffguard.core.sandbox import Apart
from cliffguard.runners import lmeval_tasks
from cliffguard.stats.onset import find_onset
from cliffguard.store import answers

# Modules and collected tests live until the end: to look through them for garbage took half a
# second whenever a model was let go, and a tenth of the time of all tests.
gc.disable()

# The tree of commands is made once, not by each test that runs one; what a run notes on it is gone.
_tree_of = cache(typer.main.get_command)
typer.testing._get_command = lambda app: copy.copy(_tree_of(app))

# What runs a tokenizer's chat template takes a third of a second to start: one serves all tests.
_child_of = cache(Apart)

_numbers = itertools.count()


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was there before the first test, and look seldom."""
    _pass_over_modules()
    gc.set_threshold(20_000, 10, 10)  # usually 700: a twentieth of the time of all tests
    gc.enable()


_MANY_MODULES = 150
_n_passed_over = [0]  # modules, at one time after another


def pytest_runtest_setup() -> None:
    """Let it pass over libraries too that tests loaded since.

    A model that is let go, an engine that ends and a training that begins have it look through
    all else: a third of a second each among the modules of transformers, lm-eval and peft.
    """
    if len(sys.modules) > _n_passed_over[-1] + _MANY_MODULES:
        gc.collect()  # what nobody holds is not kept for ever
        _pass_over_modules()


def _pass_over_modules() -> None:
    gc.freeze()
    _n_passed_over.append(len(sys.modules))


@pytest.fixture(autouse=True)
def no_store_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A test that names no store gets one of its own, never the user's.

    It lies in the test's folder; one that has none gets no folder, which takes 2 ms to make.
    """
    if "tmp_path" in request.fixturenames:
        folder = request.getfixturevalue("tmp_path")
    else:
        folder = tmp_path_factory.getbasetemp() / f"without-{next(_numbers)}"
    monkeypatch.setenv("CLIFFGUARD_STORE", str(folder / "store-of-the-test"))
    for module in (answers, hashing):
        monkeypatch.setattr(module, "user_cache_path", lambda _: folder / "cache-of-the-test")


@pytest.fixture(scope="session", autouse=True)
def one_index_of_tasks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep lm-eval's index of tasks for all workers and later runs: to read it takes ten seconds.

    It lies in pytest's cache, for this environment and release alone.
    """
    read, cached = lmeval_tasks._read_index, getattr(request.config, "cache", None)

    def kept() -> Any:
        whose = hashing.sha256_of_text(f"{sys.prefix} {sys.version} {installed('lm-eval')}")
        path = cached.mkdir("lm-eval") / f"{whose}.pickle"
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                part = path.with_suffix(".part")
                part.write_bytes(pickle.dumps(read()))
                part.replace(path)
            return pickle.loads(path.read_bytes())

    with pytest.MonkeyPatch.context() as patched:
        if cached is not None:
            patched.setattr(lmeval_tasks, "_read_index", kept)
        yield


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long and is tested elsewhere is short, by half of the time of all tests.

    A review asks git six times at which commits it was made (tests/core/test_commits.py), draws
    9,999 permutations of every ladder at every look (tests/stats/test_onset.py), and waits for the
    disk after each of its files; a plan multiplies matrices for 0.3 seconds. On a busy machine a
    line on what takes more than a second (tests/cli/test_progress.py) would stand beside the one
    that a test expects.
    """
    find = partial(find_onset, n_permutations=999, n_lines=199)
    monkeypatch.setattr(commits, "_git", lambda *_, **__: None)
    monkeypatch.setattr(ladder_levels, "find_onset", find)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(display, "PATIENCE_SECONDS", 60.0)
    if (templates := sys.modules.get("cliffguard.engine.templates")) is not None:  # torch is loaded
        monkeypatch.setattr(templates, "Apart", _child_of)
    if (speed := sys.modules.get("cliffguard.engine.speed")) is not None:
        monkeypatch.setattr(speed, "_SECONDS", 0.02)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of a few thousand weights with a byte tokenizer and a chat template."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    support.save_tiny_llama(folder, seed=0)
    return folder


@pytest.fixture(scope="session")
def tiny_tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another Llama of the same shape: full weights of a candidate."""
    folder = tmp_path_factory.mktemp("models") / "tiny-tuned"
    support.save_tiny_llama(folder, seed=1)
    return folder


@pytest.fixture(scope="session")
def tiny_adapter(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter on the tiny Llama, with weights that change its answers."""
    folder = tmp_path_factory.mktemp("models") / "tiny-adapter"
    support.save_tiny_adapter(folder, tiny_base)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    from cliffguard.store.answers import Store

    return Store(tmp_path / "store")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder with a base, a candidate and a suite, in which everything is in order."""
    from tests.bad_input.place import in_order

    return in_order(tmp_path)


@pytest.fixture
def always_right(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """Whoever asks for a model gets one that is always right."""
    from tests.bad_input.place import answering
    from tests.fake_runner import FakeRunner

    runner = FakeRunner(lambda *_: 1.0)
    answering(monkeypatch, runner)
    return runner


@pytest.fixture
def tiny_models(tiny_base: Path, tiny_adapter: Path, tmp_path: Path) -> Models:
    """The tiny models of the session, and where to put broken copies of them."""
    from tests.bad_input.models import Models

    return Models(tiny_base, tiny_adapter, tmp_path / "broken")


@pytest.fixture
def listening() -> Iterator[None]:
    """Let this process listen as the command line does, and leave it as it was."""
    from cliffguard.core import signals as interrupts

    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts.listen()
    yield
    for number, handler in usual.items():
        signal.signal(number, handler)
    interrupts._hand.is_full, interrupts._hand.waiting = False, None
    interrupts._hand.put_off = None
