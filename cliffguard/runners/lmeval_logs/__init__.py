"""Samples that lm-eval logged (`--log_samples`), of any release: files, lines, scores."""

from cliffguard.runners.lmeval_logs.reading import ScoreChoice, ScoreError, TaskReader
from cliffguard.runners.lmeval_logs.sample import TELLING, Sample, fields_of

__all__ = ["TELLING", "Sample", "ScoreChoice", "ScoreError", "TaskReader", "fields_of"]
