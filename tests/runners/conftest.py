"""Checkpoints that tests of runners ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.runners.harness import HarnessRunner
from tests.runners.asking import Ask, answers_of


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Checkpoint:
    """The identity of the tiny base."""
    return find_base(str(tiny_base), FindOptions())


@pytest.fixture(scope="module")
def tuned(tiny_base: Path, tiny_tuned: Path) -> Checkpoint:
    """The identity of full weights of a candidate."""
    return find_pair(str(tiny_base), str(tiny_tuned), FindOptions())[1]


@pytest.fixture(scope="module")
def adapted(tiny_adapter: Path) -> Checkpoint:
    """The identity of an adapter of rank 2 on the tiny base."""
    return find_pair(None, str(tiny_adapter), FindOptions())[1]


@pytest.fixture
def ask(runner: HarnessRunner, suite_file: Path, base: Checkpoint) -> Ask:
    """Ask the base a task of the suite, by name, perhaps under a protocol."""
    return lambda name, protocol=None: answers_of(runner, suite_file, base, name, protocol)
