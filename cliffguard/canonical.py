"""One spelling for a value, so that equal values have equal digests on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the only JSON text of `value`: ASCII, sorted keys, no spaces, NaN refused.

    ASCII, since models do emit half a surrogate pair, which UTF-8 cannot hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the hexadecimal SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()
