"""What people see: one console on stderr, a progress bar or lines, and errors in one line."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.files import user_path, write_whole
from cliffguard.core.libraries import imports_explained
from cliffguard.core.signals import Interrupted, raise_put_off
from cliffguard.core.texts import printable

if TYPE_CHECKING:
    from rich.console import Console

    from cliffguard.core.progress import Step

F = TypeVar("F", bound=Callable[..., Any])

_LOG_WIDTH = 120
_RECORDED = {2: "usage", 12: "integrity", 20: "infrastructure"}


_held: list[contextlib.ExitStack] = []  # of the verb that runs; the last one, of a verb in a verb


def hold(what: contextlib.AbstractContextManager[object]) -> None:
    """Enter `what`, until the verb ends."""
    _held[-1].enter_context(what)


def complain(error: CliffguardError) -> None:
    """Print the one line of an error on stderr."""
    code = "" if error.id is None else f"[{error.id}]"
    print(f"cliffguard: error{code}: {error}", file=sys.stderr)


def explained(function: F) -> F:
    """Turn errors of ours into one line on stderr and their exit code; let crashes be crashes."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            with imports_explained(), contextlib.ExitStack() as held:
                _held.append(held)
                held.callback(_held.pop)
                result = function(*args, **kwargs)
            raise_put_off()  # of a verb that writes no report
            return result
        except CliffguardError as error:
            complain(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as stop:
            interruption = stop if isinstance(stop, Interrupted) else Interrupted(signal.SIGINT)
            print(f"cliffguard: {interruption}", file=sys.stderr)
            raise typer.Exit(interruption.exit_code) from None
        except OSError as failure:
            raise typer.Exit(no_room(failure)) from None

    return wrapper  # type: ignore[return-value]


def no_room(failure: OSError) -> int:
    """Print that there is no room where the output goes; return the exit code, or raise another."""
    if failure.errno != errno.ENOSPC:
        raise failure
    full = InfrastructureError(
        "no space left where the output goes; free some space and run again",
        id="stdout.not-written",
    )
    complain(full)
    return full.exit_code


@contextlib.contextmanager
def failure_recorded(out: Path | None) -> Iterator[None]:
    """Leave a failure.json and a JUnit error in the folder where a report was expected, if any.

    So it is of exit 2, 12 and 20, once the folder is there; each has an id to go by.
    """
    try:
        with imports_explained():
            yield
    except CliffguardError as error:
        if out is not None and error.exit_code in _RECORDED:
            _record_failure(error, out)
        raise


def remove_reports(out: Path) -> None:
    """Remove what an earlier run reported in a folder: a run that fails must not leave a verdict.

    Raises OSError where a file stays.
    """
    from cliffguard.core.item_results import ITEMS_FILE
    from cliffguard.report import FILES

    for name in (*FILES, ITEMS_FILE, "timings.json", "failure.json"):
        (out / name).unlink(missing_ok=True)


def _record_failure(error: CliffguardError, out: Path) -> None:
    from cliffguard.report.junit import render_junit_error

    kind = _RECORDED[error.exit_code]
    failure = {"exit_code": error.exit_code, "kind": kind, "id": error.id, "message": str(error)}
    # Where the place is full or gone, the message on stderr has to do.
    with contextlib.suppress(CliffguardError, OSError):
        out = user_path(str(out), UsageError)
        remove_reports(out)
        write_whole(out / "failure.json", json.dumps(failure, indent=2) + "\n", follows=False)
        write_whole(out / "junit.xml", render_junit_error(error.line, kind), follows=False)


class ProgressOutput:
    """Progress and prose for people, on stderr; nothing with --quiet."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        from rich.console import Console

        from cliffguard.cli.display import Display

        self.quiet = quiet
        self.console: Console = Console(stderr=True, quiet=quiet, highlight=False)
        if not self.console.is_terminal:  # a log has no edge to wrap at
            self.console.width = _LOG_WIDTH
        self.display = Display(self.console, started=start_of_the_run())
        self._is_first = True
        self.seconds: dict[str, float] = {}  # by what was asked
        self._timed: str | None = None
        self._timed_since = 0.0
        if not verbose:
            warnings.simplefilter("ignore")

    def say(self, text: str) -> None:
        """Print one line for people; it may quote names of folders that nobody has checked."""
        self.console.print(printable(text), markup=False, soft_wrap=True)

    def progress(self, step: Step) -> None:
        """Show how far a side is; what passed until now was spent on the step before."""
        now = time.monotonic()
        if self._timed is not None:
            self.seconds[self._timed] = self.seconds.get(self._timed, 0.0) + now - self._timed_since
        self._timed = f"{step.side}: {step.task}" if step.task else None
        self._timed_since = now
        self.display.step(step)

    def close(self) -> None:
        """Take the bars away, so that the report stands alone."""
        self.display.hide()

    def start(self, title: str = "") -> None:
        """Begin with the next comparison; the first one began with the command itself."""
        started = self.began() if self._is_first else None
        self._is_first = False
        self.seconds, self._timed = {}, None
        self.display.start(title, started)

    def began(self) -> float:
        """Return when the comparison began, by time.monotonic()."""
        return time.monotonic() - self.display.elapsed()

    def started_at(self) -> str:
        """Return the date and time at which the comparison began, in UTC, to the second."""
        ago = timedelta(seconds=self.display.elapsed())
        return (datetime.now(timezone.utc) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")

    def wall_seconds(self) -> float:
        """Return the time since the start of the comparison."""
        return round(self.display.elapsed(), 3)


def shown(*, quiet: bool, verbose: bool) -> ProgressOutput:
    """Return the screen of the verb that runs, on which everything that takes long is told.

    Of several processes of one run the first speaks.
    """
    from cliffguard.core.progress import watched_by

    is_led = os.environ.get("RANK", "0") != "0" and "MASTER_ADDR" in os.environ
    screen = ProgressOutput(quiet=quiet or is_led, verbose=verbose)
    if not screen.quiet:
        hold(contextlib.closing(screen.display))
        hold(watched_by(screen.display))
        screen.display.watch()
    return screen


@contextlib.contextmanager
def progress_shown(what: str) -> Iterator[None]:
    """Say what the block does as soon as it takes long, in a verb that shows nothing else."""
    from cliffguard.core.progress import doing, watched_by

    screen = ProgressOutput(quiet=False, verbose=True)
    with contextlib.closing(screen.display), watched_by(screen.display), doing(what):
        screen.display.watch()
        yield


_began: list[float] = []


def begin(seconds: float) -> None:
    """Note when the command line was started, by time.monotonic()."""
    _began[:] = [seconds]


def start_of_the_run() -> float:
    """Return when the command line was started, by time.monotonic(); else now."""
    return _began[0] if _began else time.monotonic()


def write_data(text: str) -> None:
    """Write to stdout what programs read: in UTF-8, whatever the encoding of the terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(encoding="utf-8", errors=sys.stdout.errors)
    sys.stdout.write(text)


def write_new(files: Mapping[str, str], out: Path, *, force: bool, source: str | None) -> None:
    """Write files into a folder and print their paths; none over what is there, unless by force.

    Never over `source`, of which they were made.
    """
    out = user_path(str(out), UsageError)
    for name in files:
        if source is not None and (out / name).resolve() == Path(source).resolve():
            raise UsageError(
                f"{source}: lies where its items would go; choose another --out",
                id="out.over-items",
            )
        if (out / name).exists() and not force:
            raise UsageError(
                f"{out / name}: exists already; pass --force to overwrite it", id="out.exists"
            )
    for name, text in files.items():
        write_whole(out / name, text, follows=False)
        print(out / name)
