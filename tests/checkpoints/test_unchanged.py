"""Files that change after they were hashed: no answer of theirs is another checkpoint's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cliffguard import EvalSettings, Plan, RunnerSettings, guard
from cliffguard.checkpoints.identity import FindOptions, find_pair
from cliffguard.checkpoints.unchanged import refuse_changed
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import ChangedFiles
from cliffguard.engine import loading
from cliffguard.engine.mapped import refuse_on_disk
from cliffguard.runners.harness import HarnessRunner
from cliffguard.store.answers import Store
from tests import support

ON_CPU = RunnerSettings(device="cpu")


@pytest.fixture
def models(tiny_base: Path, tiny_tuned: Path, tiny_adapter: Path, tmp_path: Path) -> Path:
    """A folder with copies of a base, full weights and an adapter, which tests may change."""
    for name, source in (("base", tiny_base), ("tuned", tiny_tuned), ("adapter", tiny_adapter)):
        shutil.copytree(source, tmp_path / "models" / name)
    base = str(tmp_path / "models" / "base")
    written_json(
        tmp_path / "models" / "adapter" / "adapter_config.json", base_model_name_or_path=base
    )
    return tmp_path / "models"


def plan(models: Path, candidate: str) -> Plan:
    """Return a plan over a small suite."""
    return Plan(
        base=str(models / "base"),
        candidate=str(models / candidate),
        suites=(str(support.write_suite(models, n_items=24)),),
        runner=ON_CPU,
    )


def replaced(path: Path) -> None:
    """Put other content in the file's place, as a saving trainer does."""
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x11
    other = path.with_name("other")
    other.write_bytes(bytes(content))
    other.replace(path)


def overwritten(path: Path) -> None:
    """Change the file where it lies, and set size and mtime to what they were."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x11
    with path.open("r+b") as stream:
        stream.write(bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def written_json(path: Path, **values: Any) -> None:
    """Set keys of a settings file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


CHANGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "weights replaced": ("tuned", lambda folder: replaced(folder / "model.safetensors")),
    "weights overwritten": ("tuned", lambda folder: overwritten(folder / "model.safetensors")),
    "a shard more": (
        "tuned",
        lambda folder: shutil.copy(folder / "model.safetensors", folder / "more.safetensors"),
    ),
    "weights gone": ("tuned", lambda folder: (folder / "model.safetensors").unlink()),
    "settings": ("tuned", lambda folder: written_json(folder / "config.json", rms_norm_eps=0.1)),
    "tokenizer": (
        "tuned",
        lambda folder: written_json(folder / "tokenizer_config.json", padding_side="left", x="y"),
    ),
    "template": ("tuned", lambda folder: (folder / "chat_template.jinja").write_text("other")),
    "adapter replaced": ("adapter", lambda folder: replaced(folder / "adapter_model.safetensors")),
    "adapter settings": (
        "adapter",
        lambda folder: written_json(folder / "adapter_config.json", lora_alpha=99),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_not_what_was_hashed(name: str, models: Path) -> None:
    """Any file of a checkpoint, by any way of writing it."""
    side, change = CHANGES[name]
    _, candidate = find_pair(str(models / "base"), str(models / side), FindOptions())
    refuse_changed(candidate)

    change(models / side)

    with support.refused("checkpoint.changed", 12) as failure:
        refuse_changed(candidate)
    assert (failure.value.exit_code, failure.value.id) == (12, "checkpoint.changed")


def test_a_link_that_points_elsewhere_is_another_checkpoint(models: Path) -> None:
    """Trainers call the newest one `latest`."""
    latest = models / "latest"
    latest.symlink_to(models / "tuned")
    _, candidate = find_pair(str(models / "base"), str(latest), FindOptions())

    latest.unlink()
    latest.symlink_to(models / "base")

    with pytest.raises(ChangedFiles):
        refuse_changed(candidate)


def test_a_file_that_was_only_touched_is_hashed_again(models: Path) -> None:
    """Other times and another inode are no difference: the bytes are."""
    path = models / "tuned" / "model.safetensors"
    _, candidate = find_pair(str(models / "base"), str(models / "tuned"), FindOptions())

    shutil.copy(path, path.with_name("other"))
    path.with_name("other").replace(path)

    refuse_changed(candidate)


@pytest.mark.parametrize(("side", "loads"), [("tuned", "load_weights"), ("adapter", "put_on")])
def test_weights_that_change_between_digest_and_load_are_never_asked(
    side: str, loads: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 12, and the store has no answer under the digest of what was there before."""
    file = "adapter_model.safetensors" if side == "adapter" else "model.safetensors"
    load = getattr(loading, loads)

    def overtaken(*arguments: Any, **options: Any) -> Any:
        checkpoint = next(argument for argument in arguments if isinstance(argument, Checkpoint))
        if checkpoint.name.endswith(side):
            replaced(models / side / file)
        return load(*arguments, **options)

    monkeypatch.setattr(loading, loads, overtaken)
    store = Store(tmp_path / "store")

    with pytest.raises(ChangedFiles):
        guard(plan(models, side), store=store)

    asked_of = [entry.read_question()["about"]["name"] for entry in store.entries()]
    stored = [bool(entry.shard_numbers()) for entry in store.entries()]
    assert [name for name, has in zip(asked_of, stored, strict=True) if has and side in name] == []


def test_a_change_after_the_load_changes_no_answer(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was loaded maps no file, and every report says that the files are others now."""
    undisturbed = guard(plan(models, "tuned"), store=Store(tmp_path / "other-store"))
    ask = HarnessRunner.ask

    def overwriting(self: HarnessRunner, checkpoint: Checkpoint, *arguments: Any) -> Any:
        self._model(checkpoint, EvalSettings())
        content = bytearray((models / "tuned" / "model.safetensors").read_bytes())
        content[-4096:] = bytes(4096)
        with (models / "tuned" / "model.safetensors").open("r+b") as stream:
            stream.write(bytes(content))
        return ask(self, checkpoint, *arguments)

    def overtaken(self: HarnessRunner, checkpoint: Checkpoint, *arguments: Any) -> Any:
        is_it = checkpoint.name.endswith("tuned")
        return (overwriting if is_it else ask)(self, checkpoint, *arguments)

    monkeypatch.setattr(HarnessRunner, "ask", overtaken)

    review = guard(plan(models, "tuned"), store=Store(tmp_path / "store"))

    assert [row.evidence.candidate_mean for row in review.comparison.capabilities] == [
        row.evidence.candidate_mean for row in undisturbed.comparison.capabilities
    ]
    (text,) = support.caveat_texts(review, "checkpoint.changed-since")
    assert "changed during the run (weights)" in text
    assert "checkpoint.changed-since" not in support.caveat_ids(undisturbed)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
@pytest.mark.parametrize("candidate", ["tuned", "adapter"])
def test_what_is_loaded_maps_no_file(candidate: str, models: Path) -> None:
    """Neither the base's weights nor an adapter's: pages of a file change with the file."""
    _, checkpoint = find_pair(str(models / "base"), str(models / candidate), FindOptions())

    model, _ = loading.load(checkpoint, loading.LoadOptions(dtype="float32", device="cpu"))

    mapped = Path("/proc/self/maps").read_text()
    assert str(models) not in mapped
    assert model is not None


def test_a_model_that_stays_on_the_disk_is_refused() -> None:
    """Its weights would be read from the files at every pass."""

    spread = SimpleNamespace(hf_device_map={"model.layers.0": "cpu", "model.layers.1": "disk"})

    with support.refused("loading.on-disk", 20, "model.layers.1"):
        refuse_on_disk("big", spread)


def test_answers_of_a_model_that_reads_on_in_changed_files_are_moved_aside(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of lm-eval's own models nobody knows: exit 12, and what the run stored lies in damaged/."""
    import dataclasses

    ask, n_asked = HarnessRunner.ask, []

    def overtaken(self: HarnessRunner, checkpoint: Checkpoint, *arguments: Any) -> Sequence[Any]:
        n_asked.append(checkpoint.name)
        if n_asked.count(str(models / "tuned")) == 2:
            replaced(models / "tuned" / "model.safetensors")
        return ask(self, checkpoint, *arguments)

    monkeypatch.setattr(HarnessRunner, "ask", overtaken)
    store = Store(tmp_path / "store")
    suite = support.write_suite(models, n_items=96)
    theirs = RunnerSettings(model="hf-auto", args={"device": "cpu"})
    planned = dataclasses.replace(plan(models, "tuned"), suites=(str(suite),), runner=theirs)

    with pytest.raises(ChangedFiles):
        guard(planned, store=store, stops_early=False)

    names = {e.folder.name: e.read_question()["about"]["name"] for e in store.entries()}
    kept = [e for e in store.entries() if "tuned" in names[e.folder.name] and e.shard_numbers()]
    assert kept == []
    moved = sorted((tmp_path / "store" / "damaged").rglob("*.jsonl"))
    assert [path.name for path in moved] == ["0000.jsonl"]
