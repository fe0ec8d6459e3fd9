"""Checks of saved checkpoints, each in a process beside the training."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from cliffguard.config import AUTO, as_written
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.files import write_whole
from cliffguard.core.settings import Plan
from cliffguard.integrations import leash
from cliffguard.integrations.checks import Result, Start, questions_of
from cliffguard.integrations.gate_command import check_command, outside_of_training
from cliffguard.integrations.reviewed import VERDICTS, check_in, failure_in
from cliffguard.run.policies import default_policy, gating
from cliffguard.suites.target import suites_of

if TYPE_CHECKING:
    from cliffguard.engine.distributed import ProcessGroup

REPORTS = "_cliffguard"
"""The folder of reports beside the checkpoints; a trainer that pushes to a hub leaves out `_…`."""

_WHOLE = "FULL_STATE_DICT"
_OPTIONS = ("--no-early-stop", "--no-diagnose", "--quiet")  # all checks ask the same items


@dataclass(slots=True)
class _Saved:
    """A checkpoint whose check waits, or runs in `process` since `began` (monotonic seconds)."""

    step: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0

    @property
    def reports(self) -> Path:
        """Where its review goes."""
        return self.folder.parent / REPORTS / f"step-{self.step}"

    @property
    def log(self) -> Path:
        """Where the words of its check go."""
        return self.reports.with_suffix(".log")


class SubprocessChecks:
    """Runs `cliffguard check` on what a trainer saves; one check at a time, and one waits.

    `folder_of` says where a step was saved; nothing is copied. Of several processes the first runs
    the checks, and all hear what they came to: they must make the same calls.
    """

    is_beside: ClassVar[bool] = True

    def __init__(
        self,
        plan: Plan,
        folder_of: Callable[[int], Path],
        *,
        store: Path | str | None,
        wait_minutes: float,
        tell: Callable[[str], None],
        n_processes: int,
    ) -> None:
        self._plan = plan
        self._folder_of = folder_of
        self._options = _OPTIONS if store is None else (*_OPTIONS, "--store", str(store))
        self._wait_seconds = 60 * wait_minutes
        self._tell = tell
        self._group: ProcessGroup | None = None
        if n_processes > 1:
            from cliffguard.engine.distributed import ProcessGroup

            self._group = ProcessGroup()
        self._running: _Saved | None = None
        self._waiting: _Saved | None = None

    # --- what a training calls --------------------------------------------------------------------

    def begin(self, n_checks: int, base: Checkpoint | None, *, is_trained: bool) -> Start:
        """Read the suites, and refuse a command that cannot be read; nothing is asked."""
        check_command("", "")
        is_auto = self._plan.suites == (AUTO,)  # chosen by the check itself, for both sides
        suites = suites_of(replace(self._plan, suites=()) if is_auto else self._plan)
        policy = self._plan.policy or default_policy(suites)
        rings = {capability.ring for suite in suites for capability in suite.capabilities}
        items = [[suite.digest for suite in suites], is_auto, self._plan.items]
        return Start(
            base=None,
            alpha=policy.alpha,
            has_target="target" in rings,
            n_asked=0,
            n_items=0,
            seconds=0.0,
            **questions_of(items, policy, gating(suites, policy)),
        )

    def take(self, step: int) -> Sequence[Result]:
        """Check what was saved at a step, now or next."""
        return self._heard(lambda: [*self._finished(), *self._add(step)])

    def ready(self) -> Sequence[Result]:
        """Return what has come to its end by now."""
        return self._heard(self._finished)

    def close(self) -> Sequence[Result]:
        """Wait for what runs and what waits, but not for ever."""
        results = self._heard(self._waited)
        if self._group is not None:
            self._group.close()
        return results

    def _heard(self, work: Callable[[], list[Result]]) -> Sequence[Result]:
        """Return in every process what the first one's work comes to."""
        if self._group is None:
            return work()
        results: list[Result] = []
        if self._group.rank == 0:
            try:
                results = work()
            except CliffguardError as failure:
                results = [failure]
            except Exception as failure:  # or the others wait for ever
                results = [
                    InfrastructureError(f"a check failed: {failure!r}", id="training.failed")
                ]
        heard: Sequence[Result] = self._group.hear(results)
        return heard

    # --- what the first process does --------------------------------------------------------------

    def _add(self, step: int) -> list[Result]:
        saved = _Saved(step, Path(os.path.abspath(self._folder_of(step))))
        if self._waiting is not None:
            assert self._running is not None, "who waits, waits for another"
            self._tell(
                f"{self._waiting.folder.name} is not checked: the check of "
                f"{self._running.folder.name} still runs, and {saved.folder.name} is newer; check "
                "it by hand, or save less often"
            )
        self._waiting = saved
        return self._finished()

    def _finished(self) -> list[Result]:
        """Return what has ended, and start what waits."""
        results: list[Result] = []
        running = self._running
        if running is not None and running.process is not None:
            code = running.process.poll()
            if code is not None:
                self._running = None
                results += self._result(running, code)
        if self._running is None and self._waiting is not None:
            saved, self._waiting = self._waiting, None
            results += self._start(saved)
        return results

    def _start(self, saved: _Saved) -> list[Result]:
        if not saved.folder.is_dir():
            self._tell(
                f"{saved.folder.name} is not checked: it was deleted before that began; keep more "
                "of them (save_total_limit)"
            )
            return []
        try:
            saved.reports.mkdir(parents=True, exist_ok=True)
            for name in ("review.json", "failure.json"):  # of an earlier run in the same folder
                (saved.reports / name).unlink(missing_ok=True)
            plan = saved.reports.with_name("plan.yaml")
            write_whole(plan, yaml.safe_dump(as_written(self._plan), allow_unicode=True))
            words = check_command(
                str(plan), str(saved.folder), "--out", str(saved.reports), *self._options
            )
            with saved.log.open("wb") as log:
                saved.process = subprocess.Popen(
                    [sys.executable, leash.__file__, *words],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=outside_of_training(),
                    start_new_session=True,
                )
        except CliffguardError as failure:
            return [failure]
        except OSError as failure:
            return [
                InfrastructureError(
                    f"the check of {saved.folder.name} cannot be started ({failure}); look at the "
                    "disk and its rights",
                    id="training.not-started",
                )
            ]
        saved.began = time.monotonic()
        self._running = saved
        return []

    def _result(self, saved: _Saved, code: int) -> list[Result]:
        """Return what a check that ended with a code came to."""
        if saved.process is not None and saved.process.stdin is not None:
            saved.process.stdin.close()
        if code in VERDICTS:
            try:
                return [check_in(saved.reports, saved.step, time.monotonic() - saved.began)]
            except CliffguardError as failure:
                return [failure]
        if not saved.folder.is_dir():
            self._tell(f"{saved.folder.name} was deleted while it was checked: no verdict on it")
            return []
        return [failure_in(saved.reports, code, saved.log)]

    def _waited(self) -> list[Result]:
        results = self._finished()
        if self._running is not None:
            minutes = f"{self._wait_seconds / 60:g} minutes"
            self._tell(f"waiting for the check of {self._running.folder.name}, at most {minutes}")
        until = time.monotonic() + self._wait_seconds
        while (running := self._running) is not None and running.process is not None:
            left = until - time.monotonic()
            if left <= 0:
                return [*results, self._given_up(running)]
            try:
                running.process.wait(min(left, 5.0))
            except subprocess.TimeoutExpired:
                continue
            results += self._finished()
        return results

    def _given_up(self, running: _Saved) -> CliffguardError:
        """End what runs; what waits is not begun."""
        assert running.process is not None
        if running.process.stdin is not None:
            running.process.stdin.close()  # at which its leash ends it
        left = [running, *([] if self._waiting is None else [self._waiting])]
        self._running = self._waiting = None
        names = " and ".join(str(saved.folder) for saved in left)
        return InfrastructureError(
            f"no verdict within wait_minutes={self._wait_seconds / 60:g} after the training; check "
            f"{names} by hand: cliffguard check PLAN --candidate CHECKPOINT",
            id="training.wait",
        )


def refuse_no_base(plan: Plan, model: Any) -> None:
    """Raise UsageError where neither the plan nor what will be saved of a model names the base."""
    if plan.base is None and not getattr(model, "peft_config", None):
        raise UsageError(
            'where="subprocess" compares saved files, and full weights do not name their base; add '
            "base: to the plan, a folder or hf:org/name",
            id="training.no-base",
        )


def refuse_shards(trainer: Any) -> None:
    """Raise UsageError where FSDP saves what only its own processes can read."""
    plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
    kind = getattr(getattr(plugin, "state_dict_type", None), "name", _WHOLE)
    if getattr(trainer, "is_fsdp_enabled", False) and kind != _WHOLE:
        raise UsageError(
            f"FSDP saves {kind}, which is no checkpoint that can be loaded; save {_WHOLE} "
            "(state_dict_type of fsdp_config)",
            id="training.shards",
        )


def saved_at(output_dir: str, step: int, *, is_search: bool) -> Path:
    """Return where a trainer has just saved a step; in a search, in the folder of a run."""
    usual = Path(output_dir) / f"checkpoint-{step}"
    if not is_search:
        return usual
    runs = [path for path in usual.parent.glob(f"*/{usual.name}") if path.is_dir()]
    return max(runs, key=lambda path: path.stat().st_mtime, default=usual)
