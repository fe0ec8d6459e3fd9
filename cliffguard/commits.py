"""Which code was run: the commits of this program and of the folder it was started in."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cliffguard.records import Commit

_PATIENCE_S = 10
# A repository's own settings may name programs that git would start to look for changes.
_NO_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def commit_of(folder: Path) -> Commit | None:
    """Return the commit that is checked out around a folder; None outside of a repository.

    Files that git does not track do not make it dirty: reports are written beside the code.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changed is None:
        return None
    return Commit(digest=commit, is_dirty=bool(changed))


def own_commit() -> Commit | None:
    """Return the commit of cliffguard itself where it runs from a checkout or from git's copy."""
    package = Path(__file__).resolve().parent
    if (package.parent / ".git").exists():
        return commit_of(package)
    try:
        told = distribution("cliffguard").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    commit = json.loads(told or "{}").get("vcs_info", {}).get("commit_id")
    return None if commit is None else Commit(digest=commit, is_dirty=False)


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says; None where there is no git, or it has nothing to say."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *_NO_PROGRAMS, *words],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
