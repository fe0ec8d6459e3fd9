"""Write which way the metrics point that lm-eval registers; --check compares and exits 1.

Comparing samples imports no lm-eval, so what its registry says is kept beside the code.

Usage: python -m scripts.make.metric_directions [--check]
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from scripts.make.output import write_or_check

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


main = partial(
    write_or_check,
    lambda: {FILE.name: module()},
    FILE.parent,
    module="scripts.make.metric_directions",
    doc=__doc__,
)

if __name__ == "__main__":
    raise SystemExit(main())
