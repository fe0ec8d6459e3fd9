"""What a file of spoilt files costs, and the folder that its examples share."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.answering import N_EXAMPLES, longest


@pytest.fixture(scope="module", autouse=True)
def _tell_costs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Say at the end of `make fuzz` what the worst file took; SECURITY.md has the number."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest[0] = 0.0
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if N_EXAMPLES > 30 and capture is not None:
        with capture.global_and_fixture_disabled():
            print(f"\nat most {longest[0]:.2f} s for one file, {grown:.0f} MiB for all in a row")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all examples of a test share."""
    return tmp_path_factory.mktemp("fuzz")
