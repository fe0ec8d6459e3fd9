"""A stand-in for MLflow: notes its calls in the file FAKE_CALLS, and fails as FAKE_MOOD says."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

_runs: list[str] = []
_tags: dict[str, str] = {}


def _note(name: str, *words: Any, **more: Any) -> None:
    with open(os.environ["FAKE_CALLS"], "a", encoding="utf-8") as file:
        line = {"call": name, "words": words, "more": more, "pid": os.getpid()}
        file.write(json.dumps(line, default=vars, allow_nan=False) + "\n")


def _fail(call: str) -> None:
    """Do what FAKE_MOOD says: at the call that it names, or at the first one."""
    mood, _, at = os.environ.get("FAKE_MOOD", "").partition("@")
    if at not in ("", call):
        return
    secret = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if mood == "raise":
        print(f"debug: password {secret}")
        raise RuntimeError(
            f"401 for https://me:{secret}@mlflow.example/api?sig=abc123&x=1\nBasic bWU6c2VjcmV0\n"
            f"password {secret} and key {'0123456789' * 4}"
        )
    if mood == "hang":
        _note("hangs")
        time.sleep(600)
    if mood == "leave":
        sys.exit(0)
    if mood == "die":
        print(f"core dumped {secret}", file=sys.stderr)
        os._exit(3)


@contextlib.contextmanager
def start_run(run_name: str | None = None, **more: Any) -> Iterator[Any]:
    """Start a run, number after number."""
    _runs.append(f"run-{len(_runs)}")
    number = _runs[-1]
    _note("start_run", number, run_name=run_name, **more)
    _fail("start_run")
    yield SimpleNamespace(info=SimpleNamespace(run_id=number))
    _note("end_run", number)


class MlflowClient:
    """Notes whatever it is called for."""

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any, **more: Any) -> None:
            _note(name, *words, **more)
            _fail(name)

        return call

    def get_run(self, run_id: str) -> Any:
        """Return a run as it is before anything was logged."""
        info, data = SimpleNamespace(experiment_id="7"), SimpleNamespace(tags=_tags)
        return SimpleNamespace(info=info, data=data)
