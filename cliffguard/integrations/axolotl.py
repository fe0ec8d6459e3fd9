"""A plugin of axolotl: what a run has trained is checked once its model has left the memory.

    plugins:
      - cliffguard.integrations.axolotl.CliffguardPlugin
    cliffguard_plan: gate.yaml
    cliffguard_fail: true

It needs the light core alone: CLIFFGUARD_CMD may start a cliffguard of another environment.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

from axolotl.integrations.base import BasePlugin
from pydantic import BaseModel

from cliffguard.config import load_plans
from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.hub_names import HUB
from cliffguard.core.texts import first_line
from cliffguard.integrations.gate_command import (
    VARIABLE,
    check_command,
    outside_of_training,
    run_leashed,
)


class CliffguardArgs(BaseModel):  # type: ignore[misc,unused-ignore]
    """The keys of a run's file that are read here.

    With `cliffguard_fail` a check that does not pass fails the run.
    """

    cliffguard_plan: str | None = None
    cliffguard_fail: bool = False


class CliffguardPlugin(BasePlugin):  # type: ignore[misc]
    """Runs `cliffguard check PLAN --candidate OUTPUT_DIR` after a training that came to its end."""

    def __init__(self) -> None:
        super().__init__()
        self._is_trained = False

    def get_input_args(self) -> str:
        """Return the name of the model of our keys."""
        return f"{__name__}.{CliffguardArgs.__name__}"

    def register(self, cfg: Any) -> None:
        """Refuse, before anything is trained, what could not be checked after it.

        Raises UsageError or ConfigError.
        """
        plan_file = cfg.get("cliffguard_plan")
        if not plan_file:
            raise UsageError(
                "the plugin has no plan; add to the run's file cliffguard_plan: gate.yaml",
                id="axolotl.no-plan",
            )
        plans = load_plans(plan_file, {"candidate": str(cfg.get("output_dir"))})
        if not cfg.get("adapter") and any(plan.base is None for plan in plans):
            base = str(cfg.get("base_model"))
            raise UsageError(
                f"{plan_file}: has no base, and full weights name none as an adapter does; add "
                f"base: {base if os.path.exists(base) else HUB + base}",
                id="axolotl.no-base",
            )
        check_command(plan_file, "")  # which refuses what CLIFFGUARD_CMD may not be

    def post_train(self, cfg: Any, model: Any) -> None:
        """Remember that the training came to its end: axolotl unloads after a failure, too."""
        self._is_trained = True

    def post_train_unload(self, cfg: Any) -> None:
        """Check what was trained, in a process of its own, once for all processes of the run.

        Raises SystemExit with its exit code, where that is not 0 and `cliffguard_fail` is set.
        """
        if not self._is_trained or os.environ.get("RANK", "0") != "0":
            return
        self._is_trained = False
        words = check_command(cfg["cliffguard_plan"], str(cfg["output_dir"]))
        try:
            code = run_leashed(words, env=outside_of_training()).returncode
        except OSError as failure:
            failed = _not_started(words, failure)
            _tell(failed.line)
            code = failed.exit_code
        if code == 0:
            return
        fails = bool(cfg.get("cliffguard_fail"))
        course = "so the run fails" if fails else "the run goes on (cliffguard_fail is not set)"
        _tell(f"exit code {code} of {shlex.join(words)}; {course}")
        if fails:
            raise SystemExit(code)


def _not_started(words: list[str], failure: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"{words[0]} cannot be started ({first_line(failure)}); nothing was checked; look at "
        f"{VARIABLE}",
        id="command.program",
    )


def _tell(line: str) -> None:
    print(f"cliffguard: {line}", file=sys.stderr)
