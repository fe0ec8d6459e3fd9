"""What is logged, as records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Metric:
    """A number at a step."""

    key: str
    value: float
    timestamp: int
    step: int
