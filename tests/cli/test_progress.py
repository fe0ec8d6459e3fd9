"""Progress is true: what runs now, how far it is, and a clock that goes on as long as the work."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cliffguard import Plan, Store, guard
from cliffguard.cli import console as console_room
from cliffguard.cli import display as room
from cliffguard.cli.app import app
from cliffguard.cli.console import ProgressOutput
from cliffguard.cli.display import Display
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Task
from cliffguard.core.progress import Step, doing, watched_by
from cliffguard.core.settings import EvalSettings
from tests import support
from tests.fake_runner import FakeRunner


@pytest.fixture(autouse=True)
def impatient(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here, what takes more than a second says so."""
    monkeypatch.setattr("cliffguard.cli.display.PATIENCE_SECONDS", 1.0)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A text that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Shown:
    """A display without a thread, its clock, and what it has written."""

    def __init__(self, *, is_terminal: bool = False, width: int = 120) -> None:
        self.clock, self.file = Clock(), Terminal() if is_terminal else io.StringIO()
        self.console = Console(
            file=self.file, width=width, force_terminal=is_terminal, highlight=False
        )
        self.display = Display(self.console, clock=self.clock)

    def wait(self, seconds: float) -> None:
        """Let time pass, as the thread would see it."""
        for _ in range(round(4 * seconds)):
            self.clock.now += 0.25
            self.display.tick()

    @property
    def lines(self) -> list[str]:
        return self.file.getvalue().splitlines()

    @property
    def rows(self) -> list[str]:
        """What a terminal shows now."""
        paper = Console(file=io.StringIO(), width=self.console.width, record=True)
        paper.print(self.display._rows.get_renderable())
        return [line.rstrip() for line in paper.export_text().splitlines() if line.strip()]


def step(n_done: int, task: str = "boolq", *, look: int | None = 1, side: str = "base") -> Step:
    """Return a step of a side with 400 items."""
    return Step(side=side, task=task, n_done=n_done, n_items=400, look=look)


def seconds_of(line: str) -> float:
    """Return what the clock of a line says."""
    match = re.match(r"\[ *(\d+) s\] ", line)
    assert match, line
    return float(match[1])


class SlowRunner(FakeRunner):
    """Takes 40 seconds for each shard, and 70 to load."""

    def __init__(self, shown: Shown) -> None:
        super().__init__(lambda name, item: 1.0)
        self.shown = shown

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        if not self.n_asked:
            with doing(f"loading {checkpoint.name}"):
                self.shown.wait(70)
        self.shown.wait(40)
        return super().ask(checkpoint, task, items, protocol)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of a whole run of the gate with the slow runner, without a terminal."""
    folder, shown = tmp_path_factory.mktemp("walk"), Shown()
    suite = support.write_suite(folder / "suite", n_items=300, n_said=70)
    for seed, name in enumerate(("base", "tuned")):
        support.write_checkpoint(folder / name, seed=seed)
    plan = Plan(candidate=str(folder / "tuned"), base=str(folder / "base"), suites=(str(suite),))
    runner, store = SlowRunner(shown), Store(folder / "store")
    with watched_by(shown.display):
        guard(plan, store=store, runner=runner, progress=shown.display.step)
    return shown.lines


def test_a_line_comes_every_fifteen_seconds(walked: list[str]) -> None:
    """In a run of shards of 40 seconds and a load of 70, none is far off."""
    times = [seconds_of(line) for line in walked]
    assert times[-1] > 500
    assert max(b - a for a, b in zip([0.0, *times], times, strict=False)) <= 15


def test_a_line_names_the_task_that_runs(walked: list[str]) -> None:
    """The first shard is told before it is answered, with the look, and the time left later on."""
    assert walked[0].endswith("base: ball (0 of 370 items)")
    assert any("tuned, look 1: " in line for line in walked)
    assert any(re.search(r"base: say .*about 0:0\d:\d\d left", line) for line in walked)


def test_what_takes_long_before_the_first_item_says_what_it_is() -> None:
    """After a second, and again as long as it lasts; what is quick is not worth a line."""
    shown = Shown()

    with watched_by(shown.display):
        with doing("reading a short file"):
            shown.wait(0.5)
        with doing("reading the checkpoints"), doing("hashing model.safetensors, 16.1 GB"):
            shown.wait(31)

    assert [line.partition("] ")[2] for line in shown.lines] == [
        "hashing model.safetensors, 16.1 GB",
        "hashing model.safetensors, 16.1 GB, for 11 s now",
        "hashing model.safetensors, 16.1 GB, for 21 s now",
        "hashing model.safetensors, 16.1 GB, for 31 s now",
    ]


def test_what_has_no_name_is_getting_ready() -> None:
    """Imports before anything else are told as well, once."""
    shown = Shown()
    shown.wait(3)

    with watched_by(shown.display), doing("loading torch and lm-eval"):
        shown.wait(2)

    messages = [line.partition("] ")[2] for line in shown.lines]
    assert messages == ["getting ready", "loading torch and lm-eval"]


def test_an_outer_work_goes_on_when_an_inner_one_has_ended() -> None:
    """What is told is what is done now."""
    shown = Shown()

    with watched_by(shown.display), doing("reading the tasks"):
        with doing("hashing"):
            shown.wait(2)
        shown.wait(2)

    assert [line.partition("] ")[2] for line in shown.lines] == ["hashing", "reading the tasks"]


def test_time_left_is_by_the_speed_of_what_is_asked() -> None:
    """Answers from the store were no speed: 100 of 200 in 50 seconds leave 50, counted down."""
    shown = Shown()
    shown.display.step(step(200))
    shown.clock.now += 50
    shown.display.step(step(300, "race"))
    shown.clock.now += 20
    shown.display.tick()

    assert shown.lines[1].endswith("base, look 1: race (300 of 400 items, about 0:00:50 left)")
    assert shown.lines[2].endswith("base, look 1: race (300 of 400 items, about 0:00:30 left)")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_time_is_left_is_never_said_while_work_goes_on(is_terminal: bool) -> None:
    """A block that takes longer than those before it: how long is not known."""
    shown = Shown(is_terminal=is_terminal)
    shown.display.step(step(0))
    shown.clock.now += 10
    shown.display.step(step(399, "race"))
    shown.clock.now += 20
    shown.display.tick()

    line = shown.rows[-1] if is_terminal else shown.lines[-1]
    assert "race" in line
    assert "left" not in line


def test_the_clock_goes_on_when_a_side_is_done() -> None:
    """A full bar stands still; the clock of the comparison does not, nor that of the other side."""
    shown = Shown(is_terminal=True)
    shown.display.start("candidate 2 of 3")
    shown.display.step(step(0, side="base"))
    shown.clock.now += 58
    shown.display.step(step(400, "", side="base"))
    shown.display.step(step(0, "race", side="tuned"))
    shown.clock.now += 95

    head, base, tuned = shown.rows

    assert head.startswith("candidate 2 of 3: asking")
    assert "0:02:33" in head
    assert "400/400" in base
    assert "0:00:58" in base
    assert tuned.startswith("tuned, look 1: race")
    assert "0/400" in tuned
    assert "0:01:35" in tuned
    shown.display.close()


def test_each_side_and_look_has_a_bar() -> None:
    """Four of them after two looks, each with what it came to."""
    shown = Shown(is_terminal=True)
    for look in (1, 2):
        for side in ("base", "tuned"):
            shown.display.step(step(0, side=side, look=look))
            shown.clock.now += 5
            shown.display.step(step(400, "", side=side, look=look))

    assert [re.split(" [ ━]", row)[0] for row in shown.rows[1:]] == [
        "base, look 1",
        "tuned, look 1",
        "base, look 2",
        "tuned, look 2",
    ]
    shown.display.close()


def test_a_side_that_ran_out_of_time_stands_still() -> None:
    """Where the time limit ended a side, its bar is over though it is not full."""
    shown = Shown(is_terminal=True)
    shown.display.step(step(0))
    shown.clock.now += 60
    shown.display.step(step(200, ""))
    shown.clock.now += 60

    assert "0:01:00" in shown.rows[1]
    assert "left" not in shown.rows[1]
    shown.display.close()


LONG = "/scratch/somebody/runs/a-very-long-name-that-was-given-in-a-hurry/checkpoint-12000"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 99, 100, 120])
def test_a_narrow_terminal_keeps_one_line_a_bar(width: int) -> None:
    """Long names are cut, and markup in them is text."""
    shown = Shown(is_terminal=True, width=width)
    shown.display.step(step(0, "[bold]mmlu_high_school_government_and_politics" * 2, side=LONG))
    shown.clock.now += 3700
    shown.display.step(step(100, "[bold]mmlu_high_school_government" * 2, side=LONG))
    with watched_by(shown.display), doing(f"reading the stored answers of {LONG}"):
        rows = shown.rows

    assert len(rows) == 2
    assert all(len(row) <= width for row in rows)
    assert rows[0].endswith(" 1:01:40")
    shown.display.close()


def test_eighty_columns_have_room_for_what_counts() -> None:
    """Side, look, task, items done and to do, time taken and left, whatever a side is called."""
    shown = Shown(is_terminal=True, width=80)
    shown.display.step(step(0, "race", side=LONG))
    shown.clock.now += 60
    shown.display.step(step(100, "race", side=LONG))

    (row,) = shown.rows[1:]

    assert row.startswith("…kpoint-12000, look 1: race")
    assert re.search(r" 100/400 0:01:00 0:03:00 left$", row)
    shown.display.close()


def test_a_low_terminal_shows_the_bars_that_run() -> None:
    """More sides and looks than rows: the first ones make room."""
    shown = Shown(is_terminal=True)
    shown.console.height = 8
    for look in range(1, 13):
        shown.display.step(step(100, look=look))

    assert [row.split(":")[0] for row in shown.rows[1:]] == [
        f"base, look {n}" for n in range(8, 13)
    ]
    shown.display.close()


@pytest.mark.parametrize(
    ("file", "environment"),
    [(io.StringIO, {"FORCE_COLOR": "1"}), (Terminal, {"TERM": "dumb"})],
    ids=["a log in colour", "a dumb terminal"],
)
def test_what_cannot_be_redrawn_gets_lines(
    file: type[io.StringIO], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither bars that would fill a log, nor silence."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    paper, clock = file(), Clock()
    display = Display(Console(file=paper, width=100, highlight=False), clock=clock)

    display.step(step(0))
    display.step(step(400, ""))
    display.close()

    assert "base, look 1: boolq (0 of 400 items)" in paper.getvalue()
    assert "\x1b[?25l" not in paper.getvalue()


def test_a_thread_looks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the main thread is busy, lines come by themselves, and none after the end."""
    monkeypatch.setattr(room, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(room, "LINE_SECONDS", 0.05)
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.02)
    file = io.StringIO()
    display = Display(Console(file=file, width=100))
    display.watch()

    with watched_by(display), doing("loading a model"):
        time.sleep(0.4)
    display.close()
    n_lines = file.getvalue().count("loading a model")
    time.sleep(0.1)

    assert n_lines >= 3
    assert file.getvalue().count("loading a model") == n_lines


def test_a_verb_that_asks_nobody_says_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look through a large store takes minutes; stdout is what it was."""
    monkeypatch.setattr(room, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(
        "cliffguard.store.maintenance.questions.entries_of", lambda store: time.sleep(0.3) or []
    )

    result = CliRunner().invoke(app, ["store", "verify", "--store", str(tmp_path / "store")])

    assert result.stderr.count("reading what is stored") == 1
    assert "reading" not in result.stdout


def test_time_in_all_begins_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before the first comparison is in its wall time, and not in the next one's."""
    monkeypatch.setattr(console_room, "_began", [time.monotonic() - 8.0])
    screen = ProgressOutput(quiet=True, verbose=True)

    screen.start()
    assert screen.wall_seconds() >= 8.0
    screen.start()
    assert screen.wall_seconds() < 8.0


def test_seconds_are_those_of_the_task_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps the time belongs to the first; after the end to nobody."""
    times = iter((10.0, 13.0, 18.0, 30.0, 31.0))
    screen = ProgressOutput(quiet=True, verbose=True)
    monkeypatch.setattr(console_room.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(screen.display, "step", lambda step: None)

    for progress in (step(0), step(64, "race"), step(128, ""), step(0, side="tuned"), step(1, "")):
        screen.progress(progress)

    assert screen.seconds == {"base: boolq": 3.0, "base: race": 5.0, "tuned: boolq": 1.0}


def test_nobody_need_listen() -> None:
    """In Python, without a command line, what is told is lost and nothing else."""
    calls: list[Any] = []
    with doing("loading"):
        calls.append(1)

    assert calls == [1]
