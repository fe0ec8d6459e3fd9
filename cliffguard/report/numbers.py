"""Numbers as people read them. The only place where anything is rounded."""

from __future__ import annotations

from cliffguard.stats.interval import Interval

MISSING = "–"
"""What stands where nothing was measured."""

_SMALLEST_P = 0.001
_TWO_DIGITS_P = 0.1  # from here on two decimals say enough


def percent(score: float | None) -> str:
    """A score in [0, 1] as "72.0 %"."""
    return MISSING if score is None else f"{100 * score:.1f} %"


def change(base: float | None, candidate: float | None) -> str:
    """Two scores as "52.0 → 65.0 %"."""
    if base is None or candidate is None:
        return MISSING
    return f"{percent(base).removesuffix(' %')} → {percent(candidate)}"


def confidence(share: float) -> str:
    """A confidence in [0, 1] as "90 %" or "99.75 %"."""
    return f"{100 * share:.4g} %"


def signed(score: float) -> str:
    """A difference of scores as "+4.2" or "−4.2", in percentage points; "0.0" has no sign."""
    rounded = f"{100 * score:+.1f}"
    return "0.0" if float(rounded) == 0.0 else rounded.replace("-", "−")


def points(score: float | None) -> str:
    """A difference of scores as "+4.2 pp"."""
    return MISSING if score is None else f"{signed(score)} pp"


def points_range(interval: Interval | None) -> str:
    """An interval of differences as "[+1.1, +7.3]", in percentage points."""
    return MISSING if interval is None else f"[{signed(interval.low)}, {signed(interval.high)}]"


def p_value(p: float | None) -> str:
    """A p-value as "p = 0.0123" or "p < 0.001"."""
    if p is None:
        return MISSING
    if p < _SMALLEST_P:
        return "p < 0.001"
    return f"p = {p:.2f}" if p >= _TWO_DIGITS_P else f"p = {p:.3g}"


def level_words(level_name: str, level: int) -> str:
    """A level as "3 hops", or "depth 3" where the unit is no plural."""
    if not level_name.endswith("s"):
        return f"{level_name or 'level'} {level}"
    return f"{level} {level_name[:-1] if level == 1 else level_name}"
