"""Write which way the metrics point that lm-eval registers; --check compares and exits 1.

Comparing samples imports no lm-eval, so what its registry says is kept beside the code.

Usage: python -m scripts.make.metric_directions [--check]
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from scripts.make.output import write_or_check

FOLDER = Path(__file__).resolve().parent.parent.parent / "cliffguard" / "suites" / "directions"


def registered() -> dict[str, bool]:
    """Return, by name, whether each metric of the installed lm-eval is better high."""
    import lm_eval.api.metrics  # noqa: F401  registers them
    from lm_eval.api.registry import HIGHER_IS_BETTER_REGISTRY

    return {name: HIGHER_IS_BETTER_REGISTRY.get(name) for name in sorted(HIGHER_IS_BETTER_REGISTRY)}


main = partial(
    write_or_check,
    lambda: {"registered.json": json.dumps(registered(), indent=2) + "\n"},
    FOLDER,
    module="scripts.make.metric_directions",
    doc=__doc__,
)

if __name__ == "__main__":
    raise SystemExit(main())
