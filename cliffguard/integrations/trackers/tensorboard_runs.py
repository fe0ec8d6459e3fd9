"""TensorBoard: event files, a folder for each training; its checkpoints are steps in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.core.files import write_whole
from cliffguard.integrations.trackers.records import COLUMNS, PREFIX, Row, TrackedRun
from cliffguard.report import markdown

_MOST_OF_NAME = 60  # characters: a folder's name has 255 bytes
_IN_FOLDER = re.compile(r"[^\w.-]|^\.+")


class TensorBoardTracker:
    """Event files below TENSORBOARD_LOGGING_DIR, or below runs/ here."""

    def __init__(self) -> None:
        self.folder = Path(os.environ.get("TENSORBOARD_LOGGING_DIR") or "runs") / PREFIX

    def log(self, runs: Sequence[TrackedRun], group: str | None) -> Iterator[str]:
        """Log each comparison at its step (0: it has none) in the folder of its training."""
        for run in runs:
            yield str(self._logged(run))

    def _logged(self, run: TrackedRun) -> Path:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        name = run.series if run.step is not None else run.name
        folder = self.folder / _IN_FOLDER.sub("_", name)[-_MOST_OF_NAME:]
        texts = {
            f"{PREFIX}/sentence": f"**{run.tags[f'{PREFIX}.verdict']}** "
            + markdown.escape(run.tags[f"{PREFIX}.sentence"]),
            "flips": _table(run.flips()),
        }
        writer = EventFileWriter(str(folder))
        try:
            writer.add_event(_event(run.step or 0, run.metrics, texts))
        finally:
            writer.close()
        name = "report.html" if run.step is None else f"report-{run.step}.html"
        write_whole(folder / name, run.report(), follows=False)
        return folder


def _table(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown, in which texts mark up nothing."""
    cells = [["" if cell is None else markdown.escape(str(cell)) for cell in row] for row in rows]
    return markdown.table_of(COLUMNS, "l" * len(COLUMNS), cells)


def _event(step: int, metrics: Mapping[str, float], texts: Mapping[str, str]) -> Any:
    from time import time

    import numpy as np
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.metadata import create_summary_metadata as scalar
    from tensorboard.plugins.text.metadata import create_summary_metadata as text
    from tensorboard.util.tensor_util import make_tensor_proto

    values = [
        Summary.Value(
            tag=name, metadata=scalar("", ""), tensor=make_tensor_proto(np.float32(number))
        )
        for name, number in metrics.items()
    ]
    for name, words in texts.items():
        tensor = make_tensor_proto(np.array([words.encode()], dtype=object))
        values.append(Summary.Value(tag=name, metadata=text("", ""), tensor=tensor))
    return Event(wall_time=time(), step=step, summary=Summary(value=values))
