"""What is pinned can be installed on every Python 3.11."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def test_no_pin_wants_a_later_patch_of_python() -> None:
    """Debian 12 has 3.11.2: a pin that wants 3.11.5 cannot be installed there."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    pinned = [each for each in distributions() if canonicalize_name(each.name) in pins]
    pythons = {each.name: each.metadata["Requires-Python"] or "" for each in pinned}

    assert {"torch", "numpy", "transformers"} <= pythons.keys()
    assert not [name for name, of in pythons.items() if not SpecifierSet(of).contains("3.11.0")]
