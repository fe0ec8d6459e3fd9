"""The libraries that cliffguard stands on: which are there, and what to say where one is not."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

from cliffguard.core.errors import InfrastructureError
from cliffguard.core.texts import first_line

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "lm-eval", "datasets", "safetensors")
OPTIONAL = {"bitsandbytes": "--quantization", "vllm": "--model vllm"}
"""What is not needed, and what for."""

_MODULES = {"pyyaml": "yaml"}  # where the module's name is not the package's


def versions() -> dict[str, str | None]:
    """Return the version of each library, and ours; None of what is not installed."""
    by_name = {name: installed(name) for name in ("cliffguard", *LIBRARIES, *OPTIONAL)}
    return {"cliffguard": by_name.pop("cliffguard"), "python": platform.python_version(), **by_name}


def installed(name: str) -> str | None:
    """Return the version of a package; None of what is not installed."""
    from importlib.metadata import PackageNotFoundError  # which --help need not load

    try:
        return _version(name, tuple(sys.path))
    except PackageNotFoundError:
        return None


@cache
def _version(name: str, _: tuple[str, ...]) -> str:
    """Return the version of a package on a path; the whole of its metadata is read for it."""
    from importlib.metadata import version

    return version(name)


def is_newer(saved_by: str, this: str) -> bool:
    """Return whether a release (0.21.2, 5.0.0.dev0) comes after another, by its first numbers."""
    return _release(saved_by) > _release(this)


def _release(text: str) -> tuple[int, ...]:
    match = re.match(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def refuse_lacking() -> None:
    """Raise InfrastructureError where a library that a run stands on is not there.

    Some are imported only after hours, when an adapter is put on or a report is drawn. None is
    imported here.
    """
    lacking = [name for name in _required() if not _is_there(_MODULES.get(name, name))]
    if lacking:
        raise _to_install(lacking, "is not installed" if len(lacking) == 1 else "are not installed")


def missing(failure: ImportError) -> InfrastructureError | None:
    """Return what to tell of a library that cannot be imported; None where it is a file of ours."""
    from importlib.metadata import PackageNotFoundError

    module = (failure.name or "").partition(".")[0]
    if isinstance(failure, PackageNotFoundError):  # others put a sentence in place of its name
        quoted = re.search(r"'([A-Za-z][\w.-]*)", str(failure.name))
        module = quoted[1] if quoted else module
    if not module or module == "cliffguard":
        return None
    reason = "is not installed"
    if not isinstance(failure, ModuleNotFoundError):
        reason = f"cannot be imported ({first_line(failure)})"
    packages = {called: name for name, called in _MODULES.items()}
    return _to_install([packages.get(module, module).replace("_", "-")], reason)


def _to_install(names: Sequence[str], reason: str) -> InfrastructureError:
    lines = {_name_of(line): _without_marker(line) for line in reversed(_requirements())}
    wanted = " ".join(f"'{lines.get(name, name)}'" for name in names)
    return InfrastructureError(
        f"{', '.join(names)} {reason}, and this needs {'it' if len(names) == 1 else 'them'}; "
        f"pip install {wanted}, or install cliffguard again with all that it needs",
        id="environment.missing-library",
    )


def _required() -> list[str]:
    """Return the packages that pip installs with cliffguard, without extras."""
    return [_name_of(line) for line in _requirements() if "extra ==" not in line]


def _requirements() -> list[str]:
    from importlib.metadata import requires

    return requires("cliffguard") or []


def _without_marker(requirement: str) -> str:
    return requirement.partition(";")[0].strip()


def _is_there(module: str) -> bool:
    module = module.replace("-", "_")
    try:
        return module in sys.modules or find_spec(module) is not None
    except (ImportError, ValueError):  # of a finder, or of a module without a specification
        return False


def _name_of(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    return match[0].lower().replace("_", "-") if match else ""
