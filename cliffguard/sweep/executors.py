"""`Executor`: the workers of one machine or of a cluster, each of which holds a runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from typing import Protocol as Interface

from cliffguard.core.errors import CliffguardError
from cliffguard.core.items import Suite
from cliffguard.core.settings import EvalSettings, Plan
from cliffguard.runners import Runner, TaskPart

MakeRunner = Callable[[Plan], Runner]
"""What makes a worker's runner of a plan, by a name that can be imported where the worker is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker is started with: what makes its runner, the plan, and its environment.

    `environment` holds variables that libraries read when they are imported: threads, devices.
    """

    make: MakeRunner
    plan: Plan
    environment: Mapping[str, str] = field(default_factory=dict)


class KnownSuites(NamedTuple):
    """The suites that a worker has to know before it is asked, and what it must find in them.

    `digests` are of the driver's tasks; `identity` and `dtype` are the first worker's.
    """

    key: str
    suites: tuple[Suite, ...]
    protocol: EvalSettings
    digests: tuple[str, ...]
    identity: str
    dtype: str


class Work(NamedTuple):
    """A call of a worker's runner: the name of a method of `Worker`, and its arguments.

    `suites` and `part` are made known to the runner before; None: it knows them, or needs none.
    `suites_key` is that of the suites it needs: a worker that took the place of one that knew them
    does not.
    """

    name: str
    arguments: Sequence[Any]
    suites: KnownSuites | None = None
    part: TaskPart | None = None
    suites_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOutcome:
    """What came of a worker's work: its result, an error of ours, or the traceback of a crash.

    `is_lost`: the worker is gone, and what it had in hand or knew with it. `is_unfit`: it failed
    before it was asked, and so will all that it is given. Seconds are of its processor: `starting`
    until it could begin, `seconds` those of the work.
    """

    result: Any = None
    failure: CliffguardError | None = None
    crash: str | None = None
    is_lost: bool = False
    is_unfit: bool = False
    starting: float = 0.0
    seconds: float = 0.0


class Executor(Interface):
    """Workers by number, each a process that does one work after the other.

    One that was lost is replaced when it is given work again. Three adapters of existing engines
    have this interface; who does what is dealt by `sweep.dealing`.
    """

    n_workers: int

    def resources(self) -> Sequence[str]:
        """Return a line for each worker: where it is, and what it computes on."""

    def submit(self, worker: int, work: Work) -> None:
        """Give a worker that has nothing in hand its next work."""

    def wait(self, seconds: float) -> Sequence[tuple[int, WorkOutcome]]:
        """Return what came of works since the last call, each with its worker's number.

        Returns as soon as there is one, and after so many seconds at most.
        """

    def cancel(self) -> None:
        """End all workers at once, with what they have in hand."""
