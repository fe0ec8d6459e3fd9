"""Samples that lm-eval logged: their files, line by line, and the results file beside them."""

from __future__ import annotations

from cliffguard.runners.lmeval_logs.reading import (
    TELLING,
    Sample,
    ScoreChoice,
    ScoreError,
    TaskReader,
    told_by,
)

__all__ = ["TELLING", "Sample", "ScoreChoice", "ScoreError", "TaskReader", "told_by"]
