"""Which code was run: the commits of this program and of the folder it was started in."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cliffguard.core.reviews import Commit

_PATIENCE_S = 10
# A repository's own settings may name programs: to look for changes, to clean files before they are
# compared (see `_own_filters`), to fetch.
_NO_PROGRAMS = {"core.fsmonitor": "false", "core.hooksPath": "/dev/null", "protocol.allow": "never"}
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}


def commit_of(folder: Path) -> Commit | None:
    """Return the commit that is checked out around a folder; None outside of a repository.

    Files that git does not track do not make it dirty: reports are written beside the code.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    filters = _own_filters(folder)
    if commit is None or filters is None:
        return None
    changed = _git(folder, *_STATUS, settings=filters)
    return None if changed is None else Commit(digest=commit, is_dirty=bool(changed))


_STATUS = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")


def _own_filters(folder: Path) -> dict[str, str] | None:
    """Return settings that switch off what the repository's own settings clean files with.

    Those of the user and the machine (git-lfs) stay. None where git does not tell whose they are.
    """
    listing = _git(folder, "config", "--show-scope", "--name-only", "--list")
    if listing is None:
        return None
    named = [line.partition("\t") for line in listing.splitlines()]
    keys = [key for scope, _, key in named if scope in ("local", "worktree")]
    return {key: "" for key in keys if key.startswith("filter.")}


def commit_here() -> Commit | None:
    """Return the commit around the folder in which this program runs."""
    try:
        return commit_of(Path.cwd())
    except OSError:  # the folder is gone
        return None


def own_commit() -> Commit | None:
    """Return the commit of cliffguard itself where it runs from a checkout or from git's copy."""
    package = Path(__file__).resolve().parent.parent
    if (package.parent / ".git").exists():
        return commit_of(package)
    try:
        text = distribution("cliffguard").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    commit = json.loads(text or "{}").get("vcs_info", {}).get("commit_id")
    return None if commit is None else Commit(digest=commit, is_dirty=False)


def _git(folder: Path, *words: str, settings: Mapping[str, str] | None = None) -> str | None:
    """Return what git says; None where there is no git, or it has nothing to say."""
    config = {**_NO_PROGRAMS, **(settings or {})}
    # Not as flags, where a name with a = in it would be another.
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for number, (name, value) in enumerate(config.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    # Of a hook or a pipeline, GIT_DIR would lead to another repository than the folder's.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            env={**inherited, **_ENVIRONMENT, **variables},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
