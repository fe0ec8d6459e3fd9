"""What each of FAIL's tests may spend of alpha."""

from __future__ import annotations

import pytest

from cliffguard.evaluate.alpha_shares import shares


@pytest.mark.parametrize(
    ("n_gating", "has_parts", "expected"),
    [
        (1, False, (1.0, 0.0, 0.0)),
        (1, True, (0.9, 0.0, 0.1)),
        (8, False, (0.8, 0.2, 0.0)),
        (8, True, (0.7, 0.2, 0.1)),
    ],
)
def test_a_share_that_no_test_can_use_goes_to_the_single_ones(
    n_gating: int, has_parts: bool, expected: tuple[float, float, float]
) -> None:
    """Together they are alpha, whatever the gate is made of."""
    split = shares(n_gating, has_parts=has_parts)

    assert (split.single, split.together, split.parts) == pytest.approx(expected)
    assert split.single + split.together + split.parts == pytest.approx(1.0)
