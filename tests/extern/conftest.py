"""Foreign packages, each in an environment of its own beside the light core."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.extern.environments import python_with


@pytest.fixture(scope="session")
def environment() -> Callable[[str], Path]:
    """Return what makes the environment of `requirements/extern-NAME.txt`: its Python."""
    return python_with
