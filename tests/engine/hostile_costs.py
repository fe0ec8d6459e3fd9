"""What hostile templates and patterns take at most: time by the clock, memory of the child.

    python -m tests.engine.hostile_costs

Each runs under the limits that a check has, not those of the tests; SECURITY.md says what came
of it.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import partial

from cliffguard.core.errors import CliffguardError
from cliffguard.core.sandbox import Failed, Stopped
from cliffguard.core.sandbox.patterns import check_pattern, is_found, match_names
from cliffguard.engine.templates import render_apart
from tests import support
from tests.engine.test_rendered_apart import HOSTILE, USER

NAMES = [f"model.layers.{n}.self_attn.q_proj" for n in range(100)]
PATTERNS: dict[str, Callable[[], object]] = {
    "read: wide": partial(check_pattern, "|".join("a" * n for n in range(2000))),
    "read: deep": partial(check_pattern, "(?:" * 3000 + ")" * 3000),
    "find: nested counts": partial(is_found, "(?:(a{1,500}){1,500}){1,500}b", "a" * 200),
    "find: alternatives": partial(is_found, "^(a|a|aa)+$b", "a" * 60),
    "find: itself": partial(is_found, "(?R)", "a"),
    "match: of an adapter": partial(match_names, ["((.+)+)+!"], NAMES),
}


def rendered(kind: str) -> None:
    """Render a chat by a hostile template."""
    tokenizer = support.byte_tokenizer()
    tokenizer.chat_template = HOSTILE[kind][0]
    render_apart(tokenizer, "candidate")
    tokenizer.apply_chat_template(USER, tokenize=False)


def main() -> None:
    """Print a line for each, and the largest."""
    works = {f"template: {kind}": partial(rendered, kind) for kind in HOSTILE} | PATTERNS
    support.byte_tokenizer()  # what is imported for it is nobody's fault
    longest = 0.0
    for name, work in works.items():
        start, ending = time.monotonic(), "ended by itself"
        try:
            work()
        except (CliffguardError, Stopped, Failed, ValueError) as failure:
            ending = str(failure)
        seconds = time.monotonic() - start
        longest = max(longest, seconds)
        print(f"{seconds:6.2f} s  {name:32} {ending[:100]}")
    # The largest of all children so far; each is ended, and so counted, before the next begins.
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{longest:6.2f} s  at most; the largest child held {most:.0f} MiB")


if __name__ == "__main__":
    main()
