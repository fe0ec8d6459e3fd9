"""The ladder figure: both sides' scores over rising difficulty, and where the fall begins."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from cliffguard.core.diagnostics import LevelComparison
from cliffguard.core.texts import clip
from cliffguard.report.ladder_view import LadderView
from cliffguard.report.palette import BASE, BREAK, CANDIDATE, FAINT, GRID, HATCH, INK, MUTED, SHADE
from cliffguard.report.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_WIDTH, _PLOT_HEIGHT = 600, 240
_LEFT, _RIGHT, _BOTTOM = 52, 126, 44
_TOP_FOR_EDGE, _TOP_FOR_NOTE, _TOP = 52, 30, 14  # what stands above the plot needs room
_LABEL_GAP = 7.0  # percent of score between two words at the right
_MOST_TICKS = 12


def ladder_svg(view: LadderView, prefix: str) -> str:
    """Return one ladder of a page as an `<svg>` element with ids that begin with `prefix`."""
    return draw_svg(
        lambda: draw_ladder(view),
        title=f"Scores of base and candidate: {view.title}",
        description=view.summary,
        prefix=prefix,
    )


def draw_ladder(view: LadderView) -> Figure:
    """Draw scores in percent with bands, chance, the edge.

    Levels stand at equal distances in rising order. Those that do not gate are hatched.
    """
    from matplotlib.figure import Figure

    levels = view.ladder.levels
    height = _BOTTOM + _PLOT_HEIGHT + _top(view)
    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72)
    width = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    axes = figure.add_axes((_LEFT / _WIDTH, _BOTTOM / height, width, _PLOT_HEIGHT / height))
    axes.patch.set_visible(False)
    axes.set_ylim(0, 101)
    axes.set_xlim(-0.5, max(len(levels), 1) - 0.5)
    _shade_shown_only(axes, levels)
    axes.axhline(100 * view.ladder.chance, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
    _draw_side(axes, levels, is_base=True)
    _draw_side(axes, levels, is_base=False)
    _draw_edge(axes, view)
    _label_lines(axes, view)
    _draw_axes(axes, view)
    return figure


def _top(view: LadderView) -> int:
    if view.edge_words:
        return _TOP_FOR_EDGE
    is_shown_only = any(not level.is_gating for level in view.ladder.levels)
    return _TOP_FOR_NOTE if is_shown_only else _TOP


def _draw_side(axes: Axes, levels: Sequence[LevelComparison], *, is_base: bool) -> None:
    """One side's scores: a line with markers, and its Wilson intervals as a band."""
    color = BASE if is_base else CANDIDATE
    places = list(range(len(levels)))
    means = [100 * (x.base_mean if is_base else x.candidate_mean) for x in levels]
    bands = [x.base_interval if is_base else x.candidate_interval for x in levels]
    lows, highs = [100 * band.low for band in bands], [100 * band.high for band in bands]
    axes.fill_between(places, lows, highs, color=color, alpha=0.16, linewidth=0)
    # A band over one level has no area, and between levels it only guides the eye.
    axes.vlines(places, lows, highs, color=color, alpha=0.45, linewidth=1.2)
    axes.plot(
        places,
        means,
        color=color,
        linewidth=2,
        marker="o" if is_base else "D",
        markersize=6.5 if is_base else 6,
        markerfacecolor="white" if is_base else color,
        markeredgecolor=color,
        markeredgewidth=1.6,
        clip_on=False,
        zorder=4 if is_base else 5,
    )


def _shade_shown_only(axes: Axes, levels: Sequence[LevelComparison]) -> None:
    for is_gating, run in groupby(enumerate(levels), key=lambda pair: pair[1].is_gating):
        places = [position for position, _ in run]
        if is_gating:
            continue
        axes.axvspan(
            places[0] - 0.5,
            places[-1] + 0.5,
            facecolor=SHADE,
            edgecolor=HATCH,
            hatch="////",
            linewidth=0,
            zorder=0,
        )
        centre = (places[0] + places[-1]) / 2
        axes.text(centre, 102.5, "shown only", fontsize=10.5, color=MUTED, ha="center", va="bottom")


def _draw_edge(axes: Axes, view: LadderView) -> None:
    """Mark the level where the fall begins or ends, above the plot where nothing is in the way."""
    position = next((index for index, rung in enumerate(view.rungs) if rung.is_edge), None)
    if position is None:
        return
    axes.axvline(position, color=BREAK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    axes.plot([position], [101], marker="v", markersize=8, color=BREAK, clip_on=False, zorder=6)
    share = (position + 0.5) / len(view.rungs)
    side = "left" if share < 1 / 3 else "right" if share > 2 / 3 else "center"
    axes.text(
        position,
        111,
        clip(view.edge_words, 40),
        fontsize=12.5,
        fontweight=700,
        color=BREAK,
        ha=side,
        va="bottom",
        parse_math=False,
    )


def _label_lines(axes: Axes, view: LadderView) -> None:
    """Name the lines at their right ends instead of in a legend."""
    chance = 100 * view.ladder.chance
    words = [(chance, f"chance {view.chance}", MUTED)]
    if view.ladder.levels:
        last = view.rungs[-1]
        words += [
            (100 * last.level.base_mean, f"base {last.base}", BASE),
            (100 * last.level.candidate_mean, f"candidate {last.candidate}", CANDIDATE),
        ]
    words.sort(key=lambda word: word[0])
    heights = _spread([word[0] for word in words])
    across = axes.get_yaxis_transform()
    for height, (_, text, color) in zip(heights, words, strict=True):
        weight = 400 if color == MUTED else 700
        axes.text(
            1.015,
            height,
            text,
            transform=across,
            fontsize=11,
            fontweight=weight,
            color=color,
            va="center",
        )


def _spread(heights: list[float]) -> list[float]:
    """Push rising heights apart, so that words beside them do not overlap; stay inside 0…100."""
    spread: list[float] = []
    for height in heights:
        spread.append(max(height, spread[-1] + _LABEL_GAP) if spread else max(height, 2.0))
    excess = max(0.0, spread[-1] - 100.0)
    for index in range(len(spread) - 1, -1, -1):
        ceiling = spread[index + 1] - _LABEL_GAP if index + 1 < len(spread) else 100.0
        spread[index] = min(spread[index], ceiling) if excess else spread[index]
    return spread


def _draw_axes(axes: Axes, view: LadderView) -> None:
    from matplotlib.ticker import FuncFormatter

    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    levels = view.ladder.levels
    step = -(-len(levels) // _MOST_TICKS) or 1
    places = list(range(0, len(levels), step))
    axes.set_xticks(places, [str(levels[position].level) for position in places])
    axes.tick_params(colors=MUTED, labelsize=11, length=3, color=FAINT)
    axes.set_xlabel(clip(view.level_name, 40), fontsize=11.5, color=INK, parse_math=False)
