"""How far a run is: bars on a terminal, elsewhere lines; and a clock that runs as long as it does.

`rich` counts, times and draws. A thread looks on, so that what takes long is told while it does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn
from rich.table import Column
from rich.text import Text

from cliffguard.core.progress import Step
from cliffguard.core.texts import clip_start, n_things

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Task, TaskID

PATIENCE_SECONDS = 1.0  # what takes longer says what it is
LINE_SECONDS = 10.0  # without a terminal the next line comes after so long, hence within 15 s
_LOOK_SECONDS = 0.25  # how often the thread looks on
_WIDE = 100  # columns of a terminal that has room for longer bars
_SPEED_SECONDS = 600.0  # what of the past counts for the time that is left


class Display:
    """Shows steps and what is being done between them.

    `clock` gives seconds; `started` is when the run began on it. Nothing is drawn or written before
    a step, or before something has taken `PATIENCE_SECONDS`.
    """

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.monotonic,
        started: float | None = None,
    ) -> None:
        self._console, self._clock = console, clock
        # A log in colour (FORCE_COLOR) is no terminal, and a dumb one redraws nothing.
        self._can_draw = console.is_interactive and console.file.isatty()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._doing: list[_Work] = []
        self._drawn: Progress | None = None
        self.start("", started)

    def start(self, title: str, started: float | None = None) -> None:
        """Begin with the next comparison, of which `title` says which one it is of how many."""
        with self._lock:
            self.hide()
            self._title = title
            self._started = self._clock() if started is None else started
            self._line_at = self._started
            self._beginning = _Work("getting ready", self._started)
            self._printed_steps: set[tuple[str, int | None, str]] = set()
            self._bars: dict[tuple[str, int | None], TaskID] = {}
            self._step: Step | None = None
            self._step_at = self._started
            self._rows = _Rows(
                self._head,
                _Words(),
                BarColumn(
                    bar_width=10 if self._console.width < _WIDE else 20, table_column=_fixed()
                ),
                MofNCompleteColumn(table_column=_fixed()),
                _Clock(table_column=_fixed()),
                _Left(self),
                console=self._console,
                transient=True,
                redirect_stdout=False,  # which is not ours: a report may go there
                get_time=self._clock,
                speed_estimate_period=_SPEED_SECONDS,
            )

    def elapsed(self) -> float:
        """Return the seconds since the comparison began."""
        return self._clock() - self._started

    def left(self, row: Task) -> float | None:
        """Return the seconds that a bar's items take at the speed so far, or None: not known.

        Nor is it where they have passed, and the work goes on.
        """
        if row.finished or not row.speed or row.remaining is None or row.stop_time is not None:
            return None
        left = row.remaining / row.speed - (self._clock() - self._step_at)
        return left if left > 0 else None

    # --- what is told ------------------------------------------------------------------------

    def step(self, step: Step) -> None:
        """Show how far a side is, and which of its tasks is asked now."""
        with self._lock:
            key = (step.side, step.look)
            name = _name(step, most=max(10, self._console.width // 6))
            if key not in self._bars:
                if not step.task:  # everything was in the store
                    return
                total, done = step.n_items, step.n_done
                self._bars[key] = self._rows.add_task(name, total=total, completed=done)
            self._step, bar = step, self._bars[key]
            self._rows.update(bar, description=name)
            # A sample of speed even where nothing was gained: from here on it is measured.
            self._rows.advance(bar, step.n_done - self._row(bar).completed)
            self._step_at = self._clock()
            if not step.task:
                self._rows.stop_task(bar)
            self._show()
            if step.task and (*key, step.task) not in self._printed_steps:
                self._printed_steps.add((*key, step.task))
                self._line(self._of_step(step))

    def began(self, what: str) -> None:
        """Something else is done now."""
        with self._lock:
            self._doing.append(_Work(what, self._clock()))

    def ended(self) -> None:
        """What was done last has ended."""
        with self._lock:
            self._doing.pop()
            if not self._doing and not self._bars:
                self.hide()

    # --- what is seen ------------------------------------------------------------------------

    def tick(self) -> None:
        """Look on: tell what takes long, and that it goes on."""
        with self._lock:
            now = self._clock()
            work = self._work()
            if work and not work.is_told and now - work.since >= PATIENCE_SECONDS:
                work.is_told = True
                self._show()
                self._line(work.what)
            if now - self._line_at >= LINE_SECONDS:
                self._line(self._now())

    def watch(self) -> None:
        """Look on from a thread, until `close`."""
        self._thread = threading.Thread(target=self._look_on, daemon=True, name="progress")
        self._thread.start()

    def hide(self) -> None:
        """Take the bars away, so that what is printed next stands alone."""
        drawn, self._drawn = self._drawn, None
        if drawn is not None:
            drawn.stop()

    def close(self) -> None:
        """End."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self.hide()

    def _look_on(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            self.tick()

    def _show(self) -> None:
        if self._can_draw and not self._console.quiet and self._drawn is None:
            self._drawn = self._rows
            self._rows.start()

    def _head(self) -> Text:
        """Return the line above the bars: what is done now, and the clock of the comparison."""
        work = self._work()
        what = ": ".join(filter(None, (self._title, "asking" if work is None else work.what)))
        clock = Text(f" {timedelta(seconds=int(self.elapsed()))}", style="progress.elapsed")
        head = Text(what)
        head.truncate(max(1, self._console.width - len(clock)), overflow="ellipsis")
        return head.append_text(clock)

    def _line(self, what: str) -> None:
        """Write a line, where there is no terminal to draw on."""
        self._line_at = self._clock()
        if not self._can_draw and not self._console.quiet:
            message = ", ".join(filter(None, (self._title, what)))
            line = f"[{self.elapsed():5.0f} s] {message}"
            self._console.print(line, markup=False, soft_wrap=True)

    def _work(self) -> _Work | None:
        """Return what is done besides asking: before the first step there is always something."""
        innermost = self._doing[-1:]  # at once, since rich draws from a thread of its own
        if innermost:
            return innermost[0]
        return None if self._bars else self._beginning

    def _now(self) -> str:
        if work := self._work():
            seconds = self._clock() - work.since
            return work.what + (f", for {seconds:.0f} s now" if seconds >= 1 else "")
        assert self._step is not None, "a bar begins with a step"
        return self._of_step(self._step)

    def _of_step(self, step: Step) -> str:
        left = self.left(self._row(self._bars[step.side, step.look]))
        remaining = "" if left is None else f", about {_hms(left)} left"
        return f"{_name(step)} ({step.n_done} of {n_things(step.n_items, 'item')}{remaining})"

    def _row(self, bar: TaskID) -> Task:
        return next(row for row in self._rows.tasks if row.id == bar)


@dataclass(slots=True)
class _Work:
    """Something besides asking, since when it is done, and whether that was told."""

    what: str
    since: float
    is_told: bool = False


def _name(step: Step, most: int | None = None) -> str:
    """Return side, look and task; of a long side the end, which tells paths apart."""
    side = step.side if most is None else clip_start(step.side, most)
    where = side if step.look is None else f"{side}, look {step.look}"
    return f"{where}: {step.task}" if step.task else where


def _hms(seconds: float) -> str:
    return str(timedelta(seconds=ceil(seconds)))


def _fixed() -> Column:
    """Return a column that keeps its width: what is long is cut in the words alone."""
    return Column(no_wrap=True)


class _Rows(Progress):
    """Bars below a line of their own, as many of the last as the terminal has rows for."""

    def __init__(self, head: Callable[[], Text], *columns: ProgressColumn, **more: Any) -> None:
        self._head = head
        super().__init__(*columns, **more)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the line, and the bars."""
        yield self._head()
        if self.tasks:
            yield self.make_tasks_table(self.tasks[-max(1, self.console.height - 3) :])


class _Words(ProgressColumn):
    """What a bar is of, as it stands (names of models and tasks are no markup), cut to one line."""

    def render(self, task: Task) -> Text:
        """Return `base, look 1: boolq`."""
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class _Clock(ProgressColumn):
    """Time since a bar began; it stands still only when a side is done."""

    def render(self, task: Task) -> Text:
        """Return `0:01:02`."""
        seconds = (task.finished_time if task.finished else task.elapsed) or 0.0
        return Text(str(timedelta(seconds=int(seconds))), style="progress.elapsed")


class _Left(ProgressColumn):
    """Time left, counted down between two shards."""

    def __init__(self, display: Display) -> None:
        super().__init__(table_column=_fixed())
        self._display = display

    def render(self, task: Task) -> Text:
        """Return `0:01:02 left`, or nothing where no speed was measured yet."""
        left = self._display.left(task)
        return Text("" if left is None else f"{_hms(left)} left", style="progress.remaining")
