"""The libraries that cliffguard stands on: which are there, and what to say where one is not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from cliffguard.core.errors import CliffguardError, InfrastructureError, UsageError
from cliffguard.core.texts import first_and_more, first_line

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "lm-eval", "datasets", "safetensors")
OPTIONAL = {"bitsandbytes": "--quantization", "vllm": "--model vllm"}
"""What is not needed, and what for."""

EXTRAS = {
    "run": "running models",
    "figures": "drawing figures",
    "mlflow": "--track mlflow",
    "wandb": "--track wandb",
    "tensorboard": "--track tensorboard",
    "ray": "--executor ray",
    "slurm": "--executor slurm",
}
"""What is installed by `pip install 'cliffguard[NAME]'`, and what for."""
_USES = {
    "pyarrow": "reading Parquet and Arrow files",
    "huggingface-hub": "a name on a hub",
    "datasets": "a data set on a hub",
}
"""Of packages that serve more than their extra is for."""

_MODULES = {"pyyaml": "yaml"}  # where the module's name is not the package's


def versions() -> dict[str, str | None]:
    """Return the version of each library, and ours; None of what is not installed."""
    import platform

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
    """Raise an error of ours where a package that running models stands on is not there.

    Some are imported only after hours, when an adapter is put on. None is imported here. Raises
    UsageError where the extra `run` is not installed, InfrastructureError where the core is not.
    """
    for extra in (None, "run"):
        lacking = [name for name in _brought_by(extra) if not is_there(_MODULES.get(name, name))]
        if lacking:
            raise _not_installed(lacking, extra)


def refuse_lacking_extra(extra: str, package: str | None = None) -> None:
    """Raise UsageError where the package for which an extra is (None: of its name) is not there."""
    package = package or extra
    if not is_there(package):
        raise _not_installed([package], extra)


@contextmanager
def imports_explained() -> Iterator[None]:
    """Turn a library that cannot be imported into an error of ours: what to install."""
    try:
        yield
    except ImportError as failure:
        if (lack := missing(failure)) is None:
            raise
        raise lack from failure


def missing(failure: ImportError) -> CliffguardError | None:
    """Return what to tell of a library that cannot be imported; None where it is a file of ours.

    A UsageError names the extra that brings it. An InfrastructureError tells of any other library,
    and of one that is there and breaks as it is imported.
    """
    from importlib.metadata import PackageNotFoundError

    module = (failure.name or "").partition(".")[0]
    if isinstance(failure, PackageNotFoundError):  # others put a sentence in place of its name
        quoted = re.search(r"'([A-Za-z][\w.-]*)", str(failure.name))
        module = quoted[1] if quoted else module
    if not module or module == "cliffguard":
        return None
    packages = {called: name for name, called in _MODULES.items()}
    name = packages.get(module, module).replace("_", "-")
    is_absent = isinstance(failure, PackageNotFoundError) or not is_there(module)
    if not (isinstance(failure, ModuleNotFoundError) and is_absent):
        return _to_install([name], f"cannot be imported ({first_line(failure)})")
    extras = (extra for extra in EXTRAS if name in _brought_by(extra))
    return _not_installed([name], next(extras, None))


def _not_installed(names: Sequence[str], extra: str | None) -> CliffguardError:
    if extra is None:
        return _to_install(names, "is not installed" if len(names) == 1 else "are not installed")
    use = _USES.get(names[0], EXTRAS[extra]) if len(names) == 1 else EXTRAS[extra]
    ranked = sorted(names, key=(*LIBRARIES, *names).index)
    return UsageError(
        f"{use} needs {first_and_more(ranked, _NAMED)}, which {'is' if len(names) == 1 else 'are'} "
        f"not installed; pip install 'cliffguard[{extra}]'",
        id="install.missing",
    )


_NAMED = 2  # packages, of all that one extra brings


def _to_install(names: Sequence[str], reason: str) -> InfrastructureError:
    lines = {_name_of(line): _without_marker(line) for line in reversed(_requirements())}
    wanted = " ".join(f"'{lines.get(name, name)}'" for name in names)
    return InfrastructureError(
        f"{', '.join(names)} {reason}, and this needs {'it' if len(names) == 1 else 'them'}; "
        f"pip install {wanted}, or install cliffguard again with all that it needs",
        id="environment.missing-library",
    )


def _brought_by(extra: str | None) -> list[str]:
    """Return the packages that pip installs for an extra of ours; None: with or without any."""
    lines = _requirements()
    named = [re.search(r"extra == ['\"]([\w-]+)", line) for line in lines]
    return [
        _name_of(line)
        for line, match in zip(lines, named, strict=True)
        if (match[1] if match else None) == extra
    ]


def _requirements() -> tuple[str, ...]:
    return _requirements_on(tuple(sys.path))


@cache
def _requirements_on(_: tuple[str, ...]) -> tuple[str, ...]:
    """Return what our package on a path needs; the whole of its metadata is read for it."""
    from importlib.metadata import requires

    return tuple(requires("cliffguard") or ())


def _without_marker(requirement: str) -> str:
    return requirement.partition(";")[0].strip()


def is_there(module: str) -> bool:
    """Return whether a module is installed; a folder without code, which pip leaves, is none."""
    module = module.replace("-", "_")
    try:
        if sys.modules.get(module) is not None:
            return True
        spec = find_spec(module)
    except (ImportError, ValueError):  # of a finder, or of a module without a specification
        return False
    return spec is not None and spec.origin is not None


def _name_of(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    return match[0].lower().replace("_", "-") if match else ""
