"""Vectors of texts, and how far one prompt's predictions lie from another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.floating]
"""One row per text."""


# --- predictions -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """How far a candidate's predictions lie from its base's, over the tokens of one prompt.

    `kl_nats` is the mean of KL(base‖candidate) over the vocabulary, `agreement` the share of
    tokens after which both hold the same next one for the most probable.
    """

    kl_nats: float
    agreement: float
    n_tokens: int
