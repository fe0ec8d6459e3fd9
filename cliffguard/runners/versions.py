"""The releases of libraries that compute answers: part of a question's key, or only noted."""

from __future__ import annotations

from cliffguard.core.libraries import installed
from cliffguard.core.settings import RunnerSettings
from cliffguard.runners.backends import identity_of

# How many numbers of a version are in the key. lm-eval changes shots, filters and metrics between
# releases that differ in the third alone.
_PARTS = {"lm-eval": 3, "torch": 2, "transformers": 2, "peft": 2}


def identity(settings: RunnerSettings) -> str:
    """Return model class and versions, as they stand in the key of a question."""
    parts = _PARTS | dict.fromkeys(settings.kind.libraries, 2)
    versions = [f"{part} {'.'.join(_release(part).split('.')[:n])}" for part, n in parts.items()]
    return f"{identity_of(settings)}: {', '.join(versions)}"


def libraries(settings: RunnerSettings) -> str:
    """Return the versions to the last digit, for the provenance."""
    parts = (*_PARTS, *settings.kind.libraries)
    return " ".join(f"{part} {_release(part)}" for part in parts)


def _release(package: str) -> str:
    """Return a package's version; of one that is not there no answer can be stored."""
    return installed(package) or "missing"
