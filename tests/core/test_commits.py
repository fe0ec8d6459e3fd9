"""Commits: which code was run, told by git and without running what a repository names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cliffguard.core import commits
from cliffguard.core.commits import commit_of
from cliffguard.core.reviews import Commit

REAL_GIT = commits._git


@pytest.fixture(autouse=True)
def git_is_asked(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here alone."""
    monkeypatch.setattr(commits, "_git", REAL_GIT)


def git(folder: Path, *words: str) -> str:
    """Run git with a name for its commits, whoever runs the tests."""
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one file and one commit."""
    (tmp_path / "plan.yaml").write_text("candidate: ft\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "plan.yaml")
    git(tmp_path, "commit", "-q", "-m", "a plan")
    return tmp_path


def test_a_clean_commit_is_told(repository: Path) -> None:
    """From a folder below as well."""
    (repository / "below").mkdir()

    assert commit_of(repository / "below") == Commit(
        digest=git(repository, "rev-parse", "HEAD"), is_dirty=False
    )


def test_a_changed_file_makes_it_dirty(repository: Path) -> None:
    """What was run is not what was committed."""
    (repository / "plan.yaml").write_text("candidate: other\n")

    commit = commit_of(repository)

    assert commit is not None
    assert commit.is_dirty


def test_reports_beside_the_code_do_not(repository: Path) -> None:
    """A second run would otherwise write another review than the first."""
    (repository / "review.json").write_text("{}")

    commit = commit_of(repository)

    assert commit is not None
    assert not commit.is_dirty


def test_a_folder_without_git_has_none(tmp_path: Path) -> None:
    """Nothing is made up."""
    assert commit_of(tmp_path) is None


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    """There is no commit to name yet."""
    git(tmp_path, "init", "-q")

    assert commit_of(tmp_path) is None


def test_a_machine_without_git_has_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container often has none."""
    monkeypatch.setenv("PATH", str(repository))

    assert commit_of(repository) is None


def test_a_monitor_that_a_repository_names_is_not_run(repository: Path) -> None:
    """`git status` alone would run it."""
    monitor = repository / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {repository}/ran\n")
    monitor.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(monitor))

    commit_of(repository)

    assert not (repository / "ran").exists()
    git(repository, "status")
    assert (repository / "ran").exists(), "the monitor would not have run anyway"


@pytest.mark.parametrize(
    ("direct_url", "expected"),
    [
        (None, None),
        ('{"url": "file:///wheel.whl", "archive_info": {}}', None),
        (
            '{"url": "https://x", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}',
            Commit(digest="ab12", is_dirty=False),
        ),
    ],
)
def test_an_installed_copy_knows_its_commit_from_pip(
    direct_url: str | None, expected: Commit | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip writes down what it installed from git."""

    class Installed:
        def read_text(self, _: str) -> str | None:
            return direct_url

    monkeypatch.setattr(commits, "distribution", lambda _: Installed())
    monkeypatch.setattr(
        commits, "__file__", str(tmp_path / "site" / "cliffguard" / "core" / "commits.py")
    )

    assert commits.own_commit() == expected


@pytest.mark.parametrize("name", ["x", "x=y"])
def test_a_filter_that_a_repository_names_is_not_run(name: str, repository: Path) -> None:
    """`git status` would clean every changed file with it before it compares."""
    (repository / ".gitattributes").write_text(f"* filter={name}\n")
    git(repository, "config", f"filter.{name}.clean", f"sh -c 'touch {repository}/ran; cat'")
    git(repository, "config", f"filter.{name}.required", "true")
    (repository / "plan.yaml").write_text("candidate: xx\n")  # as long as it was

    commit = commit_of(repository)

    assert not (repository / "ran").exists()
    assert commit is not None
    assert commit.is_dirty
    git(repository, "status")
    assert (repository / "ran").exists(), "the filter would not have run anyway"


def test_the_repository_is_the_folders_own(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook or a pipeline sets GIT_DIR, which says nothing of another folder."""
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))

    assert commit_of(tmp_path_factory.mktemp("elsewhere")) is None


def test_a_name_in_no_encoding_costs_no_verdict(repository: Path) -> None:
    """git gives names as bytes where it is told so."""
    odd = os.fsencode(repository) + b"/caf\xe9"
    with open(odd, "wb") as stream:
        stream.write(b"x")
    git(repository, "config", "core.quotePath", "false")
    git(repository, "add", "-A")

    commit = commit_of(repository)

    assert commit is not None
    assert commit.is_dirty


def test_a_folder_that_is_gone_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was removed while the answers came in."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert commits.commit_here() is None
