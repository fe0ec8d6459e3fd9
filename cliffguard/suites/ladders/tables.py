"""Table lookup and filter chains: from reading one cell to joining two tables.

1 one of four rows, by its first column; 2 one of eight rows; 3 the row with a value in another
column; 4 the row with two values; 5 the largest number among the rows with a value; 6 a second
table says what the first one's value means.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import COLOURS, JOBS, TOWNS, names

LEVELS = (1, 2, 3, 4, 5, 6)
_COLUMNS = ("name", "town", "job", "points")
Cells = tuple[str, ...]


def _draw(level: int, source: random.Random) -> LadderItem:
    n_rows = {1: 4, 2: 8}.get(level, 6)
    people = names(n_rows, source)
    write = source.choice((_piped, _comma, _sentences))
    rows: list[Cells] = [
        (who, town, job, str(points))
        for who, town, job, points in zip(
            people,
            source.sample(TOWNS, n_rows),
            source.choices(JOBS, k=n_rows),
            source.sample(range(11, 99), n_rows),
            strict=True,
        )
    ]
    content, ask, answer, others = _KINDS[level](rows, source)
    extra, rows = content
    table = write(_COLUMNS, rows) + extra
    wrong = source.sample(sorted(set(others) - {answer}), min(3, len(set(others) - {answer})))
    return LadderItem(
        context=f"{table}\n\n",
        prompt=f"{ask[0].upper()}{ask[1:]} is",
        answer=answer,
        wrong=tuple(wrong),
        question=f"What is {ask}? Answer with the entry only.\nAnswer:",
    )


TableQuestion = tuple[tuple[str, list[Cells]], str, str, list[str]]


def _by_name(rows: list[Cells], source: random.Random) -> TableQuestion:
    row = source.choice(rows)
    return ("", rows), f"the town of {row[0]}", row[1], [r[1] for r in rows]


def _by_town(rows: list[Cells], source: random.Random) -> TableQuestion:
    row = source.choice(rows)
    ask = f"the name of the person whose town is {row[1]}"
    return ("", rows), ask, row[0], [r[0] for r in rows]


def _by_two(rows: list[Cells], source: random.Random) -> TableQuestion:
    town, job = rows[0][1], rows[0][2]
    other = source.choice([j for j in JOBS if j != job])
    # Each value alone points to two people, both together to one.
    rows = [
        rows[0],
        (rows[1][0], town, other, rows[1][3]),
        (rows[2][0], rows[2][1], job, rows[2][3]),
        (rows[3][0], rows[3][1], other, rows[3][3]),
        *((who, home, other if old == job else old, n) for who, home, old, n in rows[4:]),
    ]
    answer = rows[0][0]
    source.shuffle(rows)
    ask = f"the name of the {job} whose town is {town}"
    return ("", rows), ask, answer, [r[0] for r in rows]


def _largest(rows: list[Cells], source: random.Random) -> TableQuestion:
    town, other = source.sample(TOWNS, 2)
    points = sorted(int(row[3]) for row in rows)
    low, high = points[:-2], points[-2:]
    source.shuffle(low)
    # The two with the most points live elsewhere.
    placed = [(town, n) for n in low[:3]] + [(other, n) for n in (*low[3:], *high)]
    made: list[Cells] = [
        (who, home, job, str(n)) for (who, _, job, _), (home, n) in zip(rows, placed, strict=True)
    ]
    best = max(made[:3], key=lambda row: int(row[3]))
    source.shuffle(made)
    ask = f"the name of the person with the most points whose town is {town}"
    return ("", made), ask, best[0], [row[0] for row in made]


def _joined(rows: list[Cells], source: random.Random) -> TableQuestion:
    colours = source.sample(COLOURS, len(rows))
    second = [(row[1], colour) for row, colour in zip(rows, colours, strict=True)]
    source.shuffle(second)
    extra = "\n\n" + _piped(("town", "flag"), second)
    row = source.choice(rows)
    colour_of = dict(second)
    ask = f"the flag of the town of {row[0]}"
    return (extra, rows), ask, colour_of[row[1]], list(colours)


_KINDS: dict[int, Callable[[list[Cells], random.Random], TableQuestion]] = {
    1: _by_name,
    2: _by_name,
    3: _by_town,
    4: _by_two,
    5: _largest,
    6: _joined,
}


def _piped(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _comma(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    return "\n".join(",".join(line) for line in [columns, *rows])


def _sentences(columns: Sequence[str], rows: Sequence[Cells]) -> str:
    return "\n".join(
        "; ".join(f"{column}: {value}" for column, value in zip(columns, row, strict=True)) + "."
        for row in rows
    )


TABLE_CHAINS = Generator(name="table_chains", level_name="stage", levels=LEVELS, draw=_draw)
