"""Sandbox: chat templates and patterns of strangers run in a child process with limits.

`process.py` starts it, waits for its answers and ends it; `child.py` is what it runs;
`templates.py` and `patterns.py` are what it can be asked.
"""

from cliffguard.core.sandbox.process import CAN_LIMIT_MEMORY, MEMORY_BYTES, Apart, Failed, Stopped

__all__ = ["CAN_LIMIT_MEMORY", "MEMORY_BYTES", "Apart", "Failed", "Stopped"]
