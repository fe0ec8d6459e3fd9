"""A check that finds every answer stored loads no torch, and writes the same report."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import CheckpointFiles
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.run.side_remarks import look_at
from cliffguard.runners import Runner, devices
from cliffguard.runners.harness import HarnessRunner
from cliffguard.store.answers import Store
from tests import support

CHECK = """
import sys
from cliffguard.cli import main
sys.argv = ["cliffguard", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print("loaded:", ended.code, *({"torch", "transformers"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of choices and of generated answers."""
    return support.write_suite(tmp_path_factory.mktemp("suite"), n_items=6, n_said=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("tiny_tuned", ()),
        ("tiny_tuned", ("--dtype", "bfloat16", "--chat-template", "own")),
        ("tiny_adapter", ()),
    ],
)
def test_what_is_stored_is_judged_without_torch(
    kind: str,
    flags: tuple[str, ...],
    suite: Path,
    tiny_base: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The files were looked at before, and below float32 how prompts are packed was tried."""
    candidate: Path = request.getfixturevalue(kind)
    command = [sys.executable, "-c", CHECK, "check", "--base", str(tiny_base)]
    command += ["--candidate", str(candidate), "--suite", str(suite), "--device", "cpu"]
    command += ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"), *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    loaded, reviews = [], []

    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        loaded.append(done.stdout.splitlines()[-1].split())
        reviews.append((tmp_path / "out" / "review.json").read_text(encoding="utf-8"))

    assert loaded[0][1] in ("0", "10", "11"), done.stderr
    assert {"torch", "transformers"} <= set(loaded[0])
    assert loaded[1] == loaded[0][:2]
    assert reviews[1] == reviews[0]


class Looking(Runner):
    """Counts how often it looks at files, and remarks on them."""

    def __init__(self) -> None:
        self.n_looks = 0

    def look_key(self, checkpoint: object, protocol: EvalSettings) -> str | None:
        """As if all checkpoints were the same but for the seed."""
        return digest(protocol.seed)

    def look_at(self, checkpoint: object, protocol: EvalSettings) -> tuple[Caveat, ...]:
        """Remark on it."""
        self.n_looks += 1
        return (Caveat(id="unknown", text="a remark"),)


@pytest.mark.parametrize("is_torn", [False, True])
def test_a_remark_is_kept_with_the_look(is_torn: bool, tmp_path: Path) -> None:
    """It stands in the next report, too; where what is kept is torn the files are looked at."""
    runner, store = Looking(), Store(tmp_path)
    sides = support.checkpoint(), support.checkpoint("tuned")

    first = look_at(*sides, EvalSettings(), runner, store=store)
    if is_torn:
        (kept,) = (tmp_path / "rehearsals").iterdir()
        kept.write_text(kept.read_text()[:-9])
    again = look_at(*sides, EvalSettings(), runner, store=store)
    other = look_at(*sides, EvalSettings(seed=1), runner, store=store)

    assert first == again == other
    assert Caveat(id="unknown", text="a remark") in first
    assert runner.n_looks == 2 + is_torn


def test_a_store_that_may_only_be_read_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the files are looked at each time."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    runner = Looking()

    look_at(
        support.checkpoint(),
        support.checkpoint("tuned"),
        EvalSettings(),
        runner,
        store=Store(tmp_path),
    )

    assert runner.n_looks == 2


def test_what_a_look_goes_by_is_in_its_key(tmp_path: Path) -> None:
    """Another name stands in remarks; other files, templates and libraries are looked at anew."""
    files = CheckpointFiles(
        weights=tmp_path, tokenizer=tmp_path, chat_template=tmp_path, adapter=None
    )
    base = replace(support.checkpoint(), files=files)
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    pairs = [
        (base, EvalSettings()),
        (replace(base, name="other"), EvalSettings()),
        (replace(base, weights="other"), EvalSettings()),
        (base, EvalSettings(chat_template="own")),
        (base, EvalSettings(chat_template="own", system_prompt="Be brief.")),
    ]

    keys = {runner.look_key(*pair) for pair in pairs}

    assert len(keys) == len(pairs)
    assert None not in keys
    assert runner.look_key(replace(base, files=None), EvalSettings()) is None


@pytest.mark.parametrize(("wanted", "has_driver"), [("auto", False), ("cpu", True), ("cpu", False)])
def test_a_device_is_known_without_torch(
    wanted: str, has_driver: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no driver of a GPU, or none is wanted, torch has nothing to tell."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(devices, "_has_driver", lambda: has_driver)

    assert devices.pick_device(wanted) == "cpu"
    assert devices.pick_dtype("auto", wanted) == "float32"
    assert devices.pick_dtype("bfloat16", wanted) == "bfloat16"
    assert devices.describe_device(wanted).startswith("cpu (")
    assert "torch" not in sys.modules


def test_torch_is_asked_where_there_may_be_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is there, or torch that is loaded anyway."""
    monkeypatch.setattr("cliffguard.engine.loading.pick_device", lambda wanted: "cuda")
    monkeypatch.setattr(devices, "_has_driver", lambda: True)

    assert devices.pick_device("auto") == "cuda"
    assert devices.pick_dtype("auto", "auto") == "bfloat16"
