"""What was found of why items broke: the record, and what each item has of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cliffguard.compare.diagnostics.counted import Key
from cliffguard.core.diagnosis import CauseName, Diagnosis


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """A diagnosis, the cause of every broken item, and the keys of the patterns that items are in.

    Items without a cause or a pattern are left out.
    """

    record: Diagnosis
    causes: Mapping[Key, CauseName]
    patterns: Mapping[Key, tuple[str, ...]]
