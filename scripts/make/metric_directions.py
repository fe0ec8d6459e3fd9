"""Write which way the metrics point that lm-eval registers; --check compares and exits 1.

Comparing samples imports no lm-eval, so what its registry says is kept beside the code.

Usage: python -m scripts.make.metric_directions [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

FILE = (
    Path(__file__).resolve().parent.parent.parent
    / "cliffguard"
    / "suites"
    / "directions"
    / "registered.py"
)

_HEAD = '''\
"""What lm-eval's registry says of its metrics; written by scripts/make/metric_directions.py."""

from __future__ import annotations

HIGHER_IS_BETTER = {
'''


def registered() -> dict[str, bool]:
    """Return, by name, whether each metric of the installed lm-eval is better high."""
    import lm_eval.api.metrics  # noqa: F401  registers them
    from lm_eval.api.registry import HIGHER_IS_BETTER_REGISTRY

    return {name: HIGHER_IS_BETTER_REGISTRY.get(name) for name in sorted(HIGHER_IS_BETTER_REGISTRY)}


def module() -> str:
    """Return the text of the module."""
    lines = [f"    {json.dumps(name)}: {value},\n" for name, value in registered().items()]
    return f"{_HEAD}{''.join(lines)}}}\n"


def main() -> int:
    """Write or check the module."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    text = module()
    if not arguments.parse_args().check:
        FILE.write_text(text, encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == text:
        return 0
    print(
        f"out of date: {FILE.name}, against the installed lm-eval; run "
        "python -m scripts.make.metric_directions"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
