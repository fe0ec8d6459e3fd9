"""What the tests with spoilt files share: how many examples, what an answer is, spoilt files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cliffguard.core.errors import CliffguardError
from tests.fuzz.mutations import as_json, spoilt_bytes, spoilt_value

N_EXAMPLES = int(os.environ.get("CLIFFGUARD_FUZZ_EXAMPLES", "10"))
MOST_SECONDS = 5.0  # of the processor's time, for one file; they take hundredths

fuzzed = settings(
    max_examples=N_EXAMPLES,
    deadline=None,  # a clock on the wall belongs to whoever else uses the machine
    derandomize="CLIFFGUARD_FUZZ_ANEW" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def answered() -> Iterator[None]:
    """Let an error of ours be an answer; it fits one line, and comes soon."""
    start, message = time.process_time(), ""
    try:
        yield
    except CliffguardError as failure:
        message = str(failure)
    took = time.process_time() - start
    longest[0] = max(longest[0], took)
    assert message.isprintable()
    assert len(message) < 2000, f"{message[:300]}…"
    assert took < MOST_SECONDS


longest = [0.0]


def spoilt(content: bytes, value: Any, dump: Callable[[Any], bytes]) -> st.SearchStrategy[bytes]:
    """Return a file spoilt in its bytes, or in its values."""
    return spoilt_bytes(content) | spoilt_value(value).map(dump)


def as_lines(rows: Any) -> bytes:
    """Return JSON Lines; one line of what is no list."""
    listed = rows if isinstance(rows, list) else [rows]
    return b"".join(as_json(row) + b"\n" for row in listed)
