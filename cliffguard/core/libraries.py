"""The libraries that cliffguard stands on: which are there, and what to say where one is not."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version

from cliffguard.core.errors import InfrastructureError
from cliffguard.core.texts import first_line

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "lm-eval", "datasets", "safetensors")
OPTIONAL = {"bitsandbytes": "--quantization", "vllm": "--model vllm"}
"""What is not needed, and what for."""

_CALLED = {"yaml": "pyyaml"}  # where the module's name is not the package's


def versions() -> dict[str, str | None]:
    """Return the version of each library, and ours; None of what is not installed."""
    by_name: dict[str, str | None] = {
        "cliffguard": version("cliffguard"),
        "python": platform.python_version(),
    }
    for name in (*LIBRARIES, *OPTIONAL):
        try:
            by_name[name] = version(name)
        except PackageNotFoundError:
            by_name[name] = None
    return by_name


def is_newer(saved_by: str, this: str) -> bool:
    """Return whether a release (0.21.2, 5.0.0.dev0) comes after another, by its first numbers."""
    return _release(saved_by) > _release(this)


def _release(text: str) -> tuple[int, ...]:
    match = re.match(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def missing(failure: ImportError) -> InfrastructureError | None:
    """Return what to tell of a library that cannot be imported; None where it is a file of ours."""
    module = (failure.name or "").partition(".")[0]
    if not module or module == "cliffguard":
        return None
    name = _CALLED.get(module, module).replace("_", "-")
    wanted = next(
        (
            requirement
            for requirement in requires("cliffguard") or ()
            if _name_of(requirement) == name
        ),
        name,
    )
    reason = "is not installed"
    if not isinstance(failure, ModuleNotFoundError):
        reason = f"cannot be imported ({first_line(failure)})"
    return InfrastructureError(
        f"{name} {reason}, and this needs it; pip install '{wanted.partition(';')[0].strip()}', or "
        "install cliffguard again with all that it needs",
        id="environment.missing-library",
    )


def _name_of(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    return match[0].lower().replace("_", "-") if match else ""
