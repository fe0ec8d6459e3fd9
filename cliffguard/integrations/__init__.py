"""Where models are made: the gate inside of a trainer.

    from cliffguard.integrations import attach

    callback = attach(trainer, "gate.yaml", on_fail="stop")
    trainer.train()
    sys.exit(callback.exit_code)

Names are loaded when they are first used: importing this loads no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cliffguard.integrations.transformers_callback import CliffguardCallback, attach

__all__ = ["CliffguardCallback", "attach"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'cliffguard.integrations' has no attribute {name!r}")
    home = importlib.import_module("cliffguard.integrations.transformers_callback")
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
