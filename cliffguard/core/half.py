"""One half of a plan's items, named by digest: a scale is chosen on one and judged on the other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from cliffguard.core.errors import UsageError, key_id
from cliffguard.core.flags import STRICT

HalfName = Literal["selection", "judged"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """Which half of the items is asked and counts.

    `digest` is of what lies in it: where the suites, the limit or the seed of the plan are others,
    so are the halves, and nothing is compared.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    part: HalfName = field(
        metadata={
            "description": "selection: by its items a scale was chosen. judged: by the others."
        }
    )
    digest: str = field(
        metadata={"description": "Of the items in it, as `cliffguard rescue` wrote it."}
    )

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest):
            raise UsageError(
                "digest must be the one that `cliffguard rescue` wrote, 64 hexadecimal digits",
                id=key_id("plan", "half"),
            )
