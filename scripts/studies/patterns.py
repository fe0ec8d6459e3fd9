"""How often the screen for patterns names one where nothing was lost, and which test it takes.

    python -m scripts.studies.patterns [--reports 500] [--runs 2000] [--each 200]
        [--out reports/patterns]

*Whole reports* of one to eight simulated capabilities (`pattern_draws`): nothing is lost, and churn
differs by slice. *One slice* of few items: how often each test gives a small p-value, where nothing
is lost and where as much is lost inside as outside. *Settings* (`pattern_settings`): documents flip
as a whole, or right answers are lost evenly. *Planted*: how often that is found, and is first.
Writes Markdown into `--out`; exits with 1 where more than 5 % of whole reports name a pattern. A
small part: `--reports 20 --runs 500 --each 5`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtr

from cliffguard.compare.diagnostics.patterns import (
    LEVEL,
    find_patterns,
    pull_p_value,
    slice_p_value,
)
from cliffguard.compare.diagnostics.pulls import pulls_of
from cliffguard.compare.diagnostics.slices import slices_of
from cliffguard.stats.multiplicity import benjamini_hochberg
from cliffguard.stats.slice_tests import more_inside_p_value, sign_flip_p_value
from scripts.studies import pattern_draws, pattern_settings
from scripts.studies.page import publish, table

SEED = 20261130
N_PERMUTATIONS = 2000
Array = Any
Row = dict[str, Any]


# --- one slice ------------------------------------------------------------------------------------


def welch(changes: Array, inside: Array) -> float:
    """Return Welch's p-value as it is in textbooks, of items that stand alone."""
    sides = [changes[inside], changes[~inside]]
    parts = [side.var(ddof=1) / len(side) for side in sides]
    if sum(parts) == 0.0:
        return 0.0 if sides[0].mean() > sides[1].mean() else 1.0
    degrees = sum(parts) ** 2 / sum(p**2 / (len(s) - 1) for p, s in zip(parts, sides, strict=True))
    return float(stdtr(degrees, (sides[1].mean() - sides[0].mean()) / np.sqrt(sum(parts))))


def permuted(changes: Array, inside: Array, rng: np.random.Generator) -> float:
    """Return the p-value of the studentised permutation of right or wrong items."""
    n, n_in = len(changes), int(inside.sum())
    counts = np.array([(changes == value).sum() for value in (1, -1, 0)])
    drawn = rng.multivariate_hypergeometric(counts, n_in, N_PERMUTATIONS, method="count")
    seen = np.array([[(changes[inside] == value).sum() for value in (1, -1, 0)]])
    t = _t(np.vstack([seen, drawn]).astype(float), counts, n_in, n - n_in)
    return float((1 + (t[1:] >= t[0] - 1e-12).sum()) / (1 + N_PERMUTATIONS))


def _t(inner: Array, counts: Array, n_in: int, n_out: int) -> Array:
    parts = []
    for rows, n in ((inner, n_in), (counts - inner, n_out)):
        mean = (rows[:, 0] - rows[:, 1]) / n
        parts.append((mean, ((rows[:, 0] + rows[:, 1]) / n - mean**2) / (n - 1)))
    (mean, square), (other, other_square) = parts
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (mean - other) / np.sqrt(square + other_square)
    return np.where(np.isnan(t), 0.0, t)


SINGLE = (
    # items inside, outside, churn inside, outside, drop of both
    (12, 100, 0.6, 0.02, 0.0), (12, 100, 0.02, 0.6, 0.0), (12, 400, 0.6, 0.02, 0.0),
    (12, 100, 0.3, 0.3, 0.0), (30, 100, 0.6, 0.02, 0.0), (30, 300, 0.1, 0.1, 0.0),
    (100, 100, 0.6, 0.02, 0.0), (12, 100, 0.3, 0.3, 0.2), (12, 100, 0.6, 0.2, 0.2),
    (30, 300, 0.6, 0.2, 0.2), (30, 300, 0.2, 0.6, 0.2),
)  # fmt: skip


def single(setting: tuple[int, int, float, float, float], n_runs: int, seed: int) -> list[Row]:
    """Return how often each test gives a small p-value of one slice."""
    n_in, n_out, churn_in, churn_out, drop = setting
    rng = np.random.default_rng(seed)
    inside = np.arange(n_in + n_out) < n_in
    clusters = np.arange(n_in + n_out)
    rates = np.where(inside, churn_in, churn_out)
    tests: dict[str, Callable[[Array], float]] = {
        "Welch": lambda x: welch(x, inside),
        "Welch, one more deviation": lambda x: more_inside_p_value(x, inside, clusters),
        "permutation": lambda x: permuted(x, inside, rng),
        "flipped signs": lambda x: sign_flip_p_value(x[inside]),
        "both": lambda x: slice_p_value(x, inside, clusters) or 1.0,
    }
    p_values: dict[str, list[float]] = {name: [] for name in tests}
    for _ in range(n_runs):
        u = rng.random(len(rates))
        changes = (u < (rates + drop) / 2) * 1.0 - ((u >= (rates + drop) / 2) & (u < rates))
        for name, test in tests.items():
            if name != "permutation" or len(p_values[name]) < n_runs // 4:
                p_values[name].append(test(changes))
    head = {"items inside": n_in, "outside": n_out, "churn inside": churn_in,
            "churn outside": churn_out, "drop": drop}  # fmt: skip
    return [
        {**head, "p at most": level}
        | {name: float(np.mean(np.array(values) <= level)) for name, values in p_values.items()}
        for level in (0.01, 0.001)
    ]


# --- whole reports --------------------------------------------------------------------------------


Rule = Callable[[Array, Array, Array], float | None]


def named_by(report: dict[str, Any]) -> dict[str, bool]:
    """Return under which rules for slices a report names anything; pulls are tried alike."""
    p_values: dict[str, list[float | None]] = {name: [] for name in RULES}
    for items in report.values():
        changes = np.array([item.drop for item in items])
        numbers: dict[Any, int] = {}
        clusters = np.array([numbers.setdefault(i.cluster, len(numbers)) for i in items])
        slices = slices_of(items)
        pulls = [pull_p_value(part, changes, clusters) for part in pulls_of(items)]
        for name, rule in RULES.items():
            p_values[name] += pulls
            p_values[name] += [rule(changes, part.inside, clusters) for part in slices]
    return {
        name: min(benjamini_hochberg([p for p in values if p is not None]), default=1.0) <= LEVEL
        for name, values in p_values.items()
    }


def _shares(changes: Array, inside: Array, _: Array) -> float:
    """Return Fisher's p-value of the broken shares, which looks at no fixed item."""
    from scipy.stats import hypergeom

    broken = changes > 0
    n_broken, n_in = int(broken.sum()), int(inside.sum())
    return float(hypergeom.sf(int(broken[inside].sum()) - 1, len(changes), n_broken, n_in))


AS_IT_IS = "both, as it is"
RULES: dict[str, Rule] = {
    "broken shares (Fisher)": _shares,
    "Welch by items": lambda changes, inside, _: welch(changes, inside),
    "Welch by clusters, one more deviation": more_inside_p_value,
    AS_IT_IS: slice_p_value,
}


def healthy_report(number: int) -> tuple[int, dict[str, bool]]:
    """Return how much is tried in a healthy report, and under which rules it names a pattern.

    Of one report in ten all rules are tried.
    """
    report = pattern_draws.report(np.random.default_rng([SEED, number]))
    patterns = find_patterns(report)
    is_named = any(p.is_found for rows in patterns.by_capability.values() for p in rows)
    others = named_by(report) if number % 10 == 0 else {AS_IT_IS: is_named}
    assert is_named == others[AS_IT_IS]
    return patterns.n_tried, others


def healthy(n_reports: int, pool: Executor) -> list[Row]:
    """Return how many simulated healthy reports name a pattern, by the test of slices."""
    rows = list(pool.map(healthy_report, range(n_reports)))
    n_tried = int(np.median([n for n, _ in rows]))
    outcomes = {name: [named[name] for _, named in rows if name in named] for name in RULES}
    return [
        {"test of slices": name, "reports": len(named), "name a pattern": sum(named),
         "share": sum(named) / len(named), "tried (median)": n_tried}
        for name, named in outcomes.items()
    ]  # fmt: skip


PLANTED = tuple(
    pattern_draws.Planted(feature=feature, share=share)
    for feature in ("level", "template", "right", "place", "pull")
    for share in (0.3, 0.6)
)


def planted_row(planted: pattern_draws.Planted, n_reports: int) -> Row:
    """Return how often what is planted in one capability of a report is found there, and first."""
    rng = np.random.default_rng(SEED + 1)
    kinds = {"right": "class", "place": "position"}
    kind = kinds.get(planted.feature, planted.feature)
    n_found = n_first = 0
    for _ in range(n_reports):
        rows = find_patterns(pattern_draws.report(rng, planted=planted)).by_capability
        shown = [p for p in rows["capability 0"] if p.is_found]
        n_found += any(pattern.kind == kind for pattern in shown)
        n_first += bool(shown) and shown[0].kind == kind
    return {"planted": planted.feature, "share lost": planted.share, "reports": n_reports,
            "found": n_found / n_reports, "first": n_first / n_reports}  # fmt: skip


def evenly(share: float, n_reports: int) -> Row:
    """Return how often a pattern is named where one capability loses evenly."""
    rng = np.random.default_rng(SEED + 2)
    planted = pattern_draws.Planted(feature="everything", share=share)
    n_sure = n_others = 0
    for _ in range(n_reports):
        rows = find_patterns(pattern_draws.report(rng, planted=planted)).by_capability
        kinds = {p.kind for patterns in rows.values() for p in patterns if p.is_found}
        n_sure += "overconfident" in kinds
        n_others += bool(kinds - {"overconfident"})
    return {"share lost": share, "reports": n_reports, "name overconfident": n_sure / n_reports,
            "name another": n_others / n_reports}  # fmt: skip


PAGE = """\
# Patterns where nothing was lost

    python -m scripts.studies.patterns --reports {reports} --runs {runs} --each {each}

## Whole reports

One to eight capabilities of 60 to 500 items, base accuracy 30 to 95 %, churn 5 to 30 % or, by one
feature, 60 % in some slices and 2 % in the others; clusters in half of them. Nothing is lost
anywhere. Benjamini and Hochberg at 5 % over all slices and pulls of a report; pulls are tested
alike in every row.

{healthy}

## One slice

Shares of {runs} runs (permutation: a quarter of them, {permutations} permutations each). *Flipped
signs* alone says that something is lost, not that it is more than elsewhere: where 20 points are
lost everywhere it rejects as it should, and only Welch's t keeps *both* from naming the slice.

{single}

## Lost evenly

One capability of each report, of 300 items, loses a share of all right answers to any other choice.
Any name is an error: wrong answers are no more confident than the base's are.

{evenly}

## What looked like a pattern to earlier tests

Each report is one capability, and nothing in it is a pattern. *Documents*: clusters that change as
a whole, either way alike. *Four of five are no*: two labels, a share of all right answers is lost.
Where the base prefers no (80 % right there, 40 % where it is yes), "no" loses more points: its
place is named rightly, a pull is not. *One law of confidence*: four choices, a share of all right
answers is lost to any other, and an answer is as confident right or wrong.

{settings}

## Planted

One capability of each report, of 300 items, loses a share of the right answers of its most
frequent level, template, class or listed place, or picks one word in that share of the items where
it is on offer and wrong.

{planted}
"""


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=500)
    parser.add_argument("--runs", type=int, default=2000, help="of one slice")
    parser.add_argument("--each", type=int, default=200, help="reports of each setting")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("reports/patterns"))
    arguments = parser.parse_args()
    n, n_few = arguments.reports, max(1, arguments.reports // 40)
    with ProcessPoolExecutor(arguments.workers) as pool:
        whole = healthy(n, pool)
        seeds = (SEED + number for number in range(len(SINGLE)))
        rows = list(chain(*pool.map(single, SINGLE, repeat(arguments.runs), seeds)))
        lost = list(pool.map(evenly, (0.1, 0.3, 0.6), repeat(2 * n_few)))
        planted = list(pool.map(planted_row, PLANTED, repeat(n_few)))
        numbers = range(len(pattern_settings.SETTINGS))
        settings = [pattern_settings.row(number, arguments.each, pool) for number in numbers]
    tables = {"healthy": whole, "single": rows, "evenly": lost, "planted": planted}
    text = PAGE.format(
        **vars(arguments),
        permutations=N_PERMUTATIONS,
        settings=table(settings),
        **{name: table(part) for name, part in tables.items()},
    )
    publish(text, arguments.out / "README.md")
    return 1 if whole[-1]["share"] > LEVEL else 0


if __name__ == "__main__":
    sys.exit(main())
