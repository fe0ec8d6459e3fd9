"""Which checkpoints a sweep takes, and when one that is being written is whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cliffguard.sweep.candidates import (
    Candidate,
    Watched,
    is_whole,
    matching,
    refuse_none,
)
from cliffguard.sweep.coming import Coming, InTurn
from tests import support
from tests.sweep import runs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a training of four checkpoints, and some files beside them."""
    runs.workspace(tmp_path)
    (tmp_path / "runs" / "ft" / "checkpoint-500").mkdir()  # nothing in it yet
    (tmp_path / "runs" / "ft" / "log.txt").write_text("loss")
    return tmp_path


def names(candidates: Sequence[Candidate]) -> list[str]:
    """Return what candidates are called."""
    return [candidate.name for candidate in candidates]


# --- patterns ------------------------------------------------------------------------------------


def test_checkpoints_come_by_the_numbers_in_their_names(root: Path) -> None:
    """Each is called by what the pattern leaves open; what is no checkpoint is none."""
    runs.checkpoint(root, 10)

    every = matching([f"{root}/runs/*/*"])

    assert names(every) == [f"ft/checkpoint-{n}00" for n in (1, 2, 3, 4, 10)]
    assert names(matching([f"{root}/runs/ft/checkpoint-*"]))[0] == "checkpoint-100"


def test_the_base_is_no_candidate_of_its_own(root: Path) -> None:
    """A pattern that covers everything takes the fine-tunes."""
    every = matching([f"{root}/*", f"{root}/runs/*/checkpoint-*"], f"{root}/base")

    assert names(every)[0] == "runs/ft/checkpoint-100"
    assert len(every) == 4


def test_a_checkpoint_that_two_patterns_match_is_taken_once(root: Path) -> None:
    """By whatever path: a link to it is no second one."""
    (root / "last").symlink_to(root / "runs" / "ft" / "checkpoint-400")

    every = matching(
        [f"{root}/runs/ft/checkpoint-*", f"{root}/runs/ft/checkpoint-4*", f"{root}/la*"]
    )

    assert len(every) == 4


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("run/*/checkpoint-*", "there is no"),
        ("runs/gt/checkpoint-*", "there is no"),
        ("runs/ft/chekpoint-100", "checkpoint-100"),
        ("runs/ft/log*", "log.txt"),
        ("runs/ft/checkpoint-5*", "checkpoint-500"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(root: Path, pattern: str, hint: str) -> None:
    """The line says what there is in its stead."""
    patterns = [f"{root}/{pattern}"]

    with support.refused("sweep.no-candidate", 2, pattern, hint):
        refuse_none(patterns, matching(patterns))


def test_a_folder_comes_before_links_to_it(root: Path) -> None:
    """A trainer's link to its newest checkpoint leads elsewhere later, and would hide that."""
    (root / "runs" / "ft" / "a-link").symlink_to("checkpoint-400")

    assert names(matching([f"{root}/runs/ft/*"])) == [f"checkpoint-{n}00" for n in (1, 2, 3, 4)]


def test_a_home_is_written_as_anywhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell leaves a ~ in quotes as it is; names stay below --out, and the base is none."""
    monkeypatch.setenv("HOME", str(root))

    assert names(matching(["~/runs/*/checkpoint-1*"])) == ["ft/checkpoint-100"]
    assert names(matching(["~/bas*", "~/runs/ft/checkpoint-1*"], "~/base")) == [
        "runs/ft/checkpoint-100"
    ]
    with support.refused("sweep.no-candidate", 2, "checkpoint-100"):
        refuse_none(["~/runs/ft/chekpoint-100"], [])


@pytest.mark.parametrize("pattern", [".", "./", "../checkpoint-100", "../../ft/checkpoint-100"])
def test_a_name_is_that_of_a_folder_below_another(
    root: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """Whatever a path is written as: reports lie neither beside the overview nor outside."""
    monkeypatch.chdir(root / "runs" / "ft" / "checkpoint-100")

    assert names(matching([pattern])) == ["checkpoint-100"]


def test_no_two_checkpoints_share_a_name(root: Path) -> None:
    """Names lack an @; a report would be written over another one."""
    for name in ("best@1", "best-1"):
        trainers(root / "runs" / "ft" / name)

    assert len(set(names(matching([f"{root}/runs/ft/best*"])))) == 2


def test_two_stars_stand_for_any_depth(root: Path) -> None:
    """A checkpoint that a pattern misses without a word would go unchecked."""
    trainers(root / "runs" / "b" / "c" / "checkpoint-100")

    assert names(matching([f"{root}/runs/**/checkpoint-100"])) == [
        "b/c/checkpoint-100",
        "ft/checkpoint-100",
    ]


def test_each_pattern_has_to_match_something(root: Path) -> None:
    """A run whose name has a slip would go unchecked, beside others that pass."""
    patterns = [f"{root}/runs/ft/*", f"{root}/runs/ftt/*"]

    with support.refused("sweep.no-candidate", 2, "runs/ftt/*", "there is no"):
        refuse_none(patterns, matching(patterns))


def test_a_pattern_that_matches_the_base_alone_is_told_so(root: Path) -> None:
    """It has a config.json all right."""
    patterns = [f"{root}/bas*"]

    with support.refused("sweep.no-candidate", 2, "the base alone"):
        refuse_none(patterns, matching(patterns, f"{root}/base"))


# --- folders that are being written --------------------------------------------------------------


def trainers(folder: Path) -> Path:
    """Write a checkpoint as a trainer leaves it."""
    support.write_checkpoint(folder, seed=9)
    (folder / "trainer_state.json").write_text("{}")
    return folder


def test_a_checkpoint_is_whole_with_its_marks_and_its_weights(tmp_path: Path) -> None:
    """A trainer writes its state last; an adapter's config may be all that there is."""
    folder = trainers(tmp_path / "whole")
    assert is_whole(str(folder))

    (folder / "trainer_state.json").unlink()
    assert not is_whole(str(folder))

    (folder / "adapter_config.json").write_text("{}")
    assert is_whole(str(folder))


@pytest.mark.parametrize("n_bytes", [0, 4, 8, 20, -1])
def test_weights_that_are_still_written_are_not_whole(tmp_path: Path, n_bytes: int) -> None:
    """As long as the header says, and no shorter: whatever was written so far."""
    folder = trainers(tmp_path / "torn")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:n_bytes])

    assert not is_whole(str(folder))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"weight_map": 3}', '{"weight_map": {"w": "b"}}'])
def test_weights_that_an_index_names_have_to_be_there(tmp_path: Path, text: str) -> None:
    """Of a model in several files the first is whole before the last is begun."""
    folder = trainers(tmp_path / "parts")
    (folder / "model.safetensors.index.json").write_text(text)

    assert not is_whole(str(folder))


@pytest.mark.parametrize(
    "header",
    [b"[" * 100_000, b'{"w": {"data_offsets": [0, 1e999]}}', b'{"w": 1}', b"\xff\xfe", b"[]"],
)
def test_headers_that_are_none_are_not_whole(tmp_path: Path, header: bytes) -> None:
    """Whatever stands there: a watch goes on."""
    folder = trainers(tmp_path / "hostile")
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)

    assert not is_whole(str(folder))


def test_weights_of_pickles_alone_are_never_whole(tmp_path: Path) -> None:
    """Nothing in them says how long they will be."""
    folder = trainers(tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    assert not is_whole(str(folder))


def test_a_folder_is_taken_once_it_has_settled(tmp_path: Path) -> None:
    """Ten seconds after the last change, and never again."""
    watched = Watched([f"{tmp_path}/checkpoint-*"], None)
    folder = trainers(tmp_path / "checkpoint-1")

    assert watched.due(100.0) == []
    assert watched.due(109.0) == []
    (folder / "optimizer.pt").write_bytes(b"more")
    assert watched.due(110.0) == []
    assert watched.due(119.9) == []
    assert names(watched.due(120.0)) == ["checkpoint-1"]
    assert watched.due(200.0) == []
    assert watched.waiting == []


def test_a_folder_that_vanishes_while_it_settles_is_forgotten(tmp_path: Path) -> None:
    """It is no failure, but missed; one of the same name that comes later settles anew."""
    watched = Watched([f"{tmp_path}/checkpoint-*"], None)
    folder = trainers(tmp_path / "checkpoint-1")
    watched.due(100.0)
    os.rename(folder, tmp_path / "elsewhere")
    assert watched.due(105.0) == []
    assert names(watched.missed) == ["checkpoint-1"]

    os.rename(tmp_path / "elsewhere", folder)

    assert watched.due(112.0) == []
    assert names(watched.due(122.0)) == ["checkpoint-1"]
    assert watched.missed == []


def test_a_folder_that_is_whole_and_settles_is_not_called_torn(tmp_path: Path) -> None:
    """A sweep that has as many as it wanted ends while it waits."""
    watched = Watched([f"{tmp_path}/checkpoint-*"], None)
    folder = trainers(tmp_path / "checkpoint-1")
    watched.due(100.0)
    assert watched.waiting == []

    (folder / "model.safetensors").write_bytes(b"torn")

    assert watched.waiting == [str(folder)]


# --- when their turn comes -----------------------------------------------------------------------


class Scene:
    """A watch whose clock a test moves."""

    def __init__(self, folder: Path, *, until: int | None = None, idle: float = 60.0) -> None:
        self.now = 0.0
        self.is_at_work = False
        self.taken: list[str] = []
        self.coming = Coming(
            Watched([f"{folder}/checkpoint-*"], None),
            self._take,
            lambda: self.is_at_work,
            until=until,
            idle_seconds=idle,
            clock=lambda: self.now,
        )

    def _take(self, candidate: Candidate) -> int:
        self.taken.append(candidate.name)
        return len(self.taken) - 1

    def at(self, seconds: float) -> Sequence[int] | None:
        """Return whose turn it is then."""
        self.now = seconds
        return self.coming()


def test_a_watch_ends_when_nothing_came_for_long(tmp_path: Path) -> None:
    """Neither while a folder changes, nor while somebody is at work."""
    scene = Scene(tmp_path)
    assert scene.at(0.0) == []
    trainers(tmp_path / "checkpoint-1")
    assert scene.at(50.0) == []
    assert scene.at(65.0) == [0]

    scene.is_at_work = True
    assert scene.at(200.0) == []
    scene.is_at_work = False
    assert scene.at(259.0) == []
    assert scene.at(261.0) is None


def test_a_watch_ends_after_so_many(tmp_path: Path) -> None:
    """More that came at once stay where they are."""
    for number in range(1, 4):
        trainers(tmp_path / f"checkpoint-{number}")
    scene = Scene(tmp_path, until=2)
    scene.at(0.0)

    assert scene.at(11.0) == [0, 1]
    assert scene.at(12.0) is None
    assert scene.taken == ["checkpoint-1", "checkpoint-2"]


def test_of_those_that_are_chosen_in_order_the_next_waits_for_the_last() -> None:
    """The first that did not pass ends it; one that vanished does not."""
    codes: dict[int, int] = {}
    vanished: dict[int, None] = {}
    turn = InTurn(4, codes, vanished, one_by_one=True)

    assert list(turn() or ()) == [0]
    assert list(turn() or ()) == []
    codes[0] = 0
    assert list(turn() or ()) == [1]
    vanished[1] = None
    assert list(turn() or ()) == [2]
    codes[2] = 10
    assert turn() is None


def test_otherwise_all_have_their_turn_at_once() -> None:
    """And then nobody."""
    turn = InTurn(3, {}, {}, one_by_one=False)

    assert list(turn() or ()) == [0, 1, 2]
    assert turn() is None
