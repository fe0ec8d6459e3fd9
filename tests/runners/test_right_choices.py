"""Which choice a logged target stands for, and which of several copies is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cliffguard.compare.item_results import item_results
from cliffguard.compare.write_review import Decision
from cliffguard.core.item_results import ItemResult
from cliffguard.gate import compare_samples
from cliffguard.report.flips import lines_of
from cliffguard.report.item_views import view_of
from cliffguard.runners.lmeval_logs.sample import fitting_choices
from tests.runners.test_imports import Row, row, write

LETTERS = (" A", " B", " C", " D")
NUMBERS = (" 1", " 2", " 3", " 4")


def picking(number: int, picked: int, choices: Sequence[str], **changes: object) -> Row:
    """Return a line on which the model picked this choice."""
    likelihoods = [[str(-0.1 - number / 1000 if n == picked else -3.0), "False"]
                   for n in range(len(choices))]  # fmt: skip
    return row(
        number,
        arguments={
            f"gen_args_{n}": {"arg_0": f"Question {number}:", "arg_1": choice}
            for n, choice in enumerate(choices)
        },
        resps=[[pair] for pair in likelihoods],
        filtered_resps=likelihoods,
        **changes,
    )


def results(folder: Path, base: Sequence[Row], candidate: Sequence[Row]) -> list[ItemResult]:
    """Return the items of two sides' lines."""
    decisions: list[Decision] = []
    write(folder / "base", "task", list(base))
    write(folder / "tuned", "task", list(candidate))
    sides = (str(folder / "base"), str(folder / "tuned"))
    compare_samples(*sides, witness=decisions.append)
    return list(item_results(decisions[-1], "short"))


@pytest.mark.parametrize(
    ("choices", "target", "right"),
    [
        (LETTERS, lambda number: "ABCD"[number % 4], LETTERS),
        (LETTERS, lambda number: number % 4, LETTERS),
        (NUMBERS, lambda number: number % 4, NUMBERS),
        (NUMBERS, lambda number: str(number % 4 + 1), NUMBERS),
        (("1", "2", "3", "4"), lambda number: number % 4, ("1", "2", "3", "4")),
    ],
)
def test_a_target_is_the_choice_that_acc_says(
    tmp_path: Path,
    choices: Sequence[str],
    target: Callable[[int], object],
    right: Sequence[str],
) -> None:
    """lm-eval logs a number or a text; ✓ stands on the choice that was right."""

    def line(number: int, wrong: bool) -> Row:
        picked = (number + wrong) % 4
        return picking(number, picked, choices, target=target(number), acc=float(not wrong))

    items = results(
        tmp_path,
        [line(number, wrong=False) for number in range(60)],
        [line(number, wrong=number < 20) for number in range(60)],
    )

    for number, item in enumerate(items):
        (answer,) = item.right
        assert answer.text == right[number % 4]
        assert answer in item.choices
        assert view_of(item).others == ()


def test_no_choice_is_marked_where_two_may_be_meant(tmp_path: Path) -> None:
    """Nobody picked either of them: the target stands there as it was logged."""
    lines = [picking(n, 3, ("1", "2", "3", "4"), target=1, acc=0.0) for n in range(60)]
    lines += [picking(n, 1, ("1", "2", "3", "4"), target=1, acc=1.0) for n in range(60, 120)]

    items = results(tmp_path, lines, [*lines[:-1], picking(119, 2, "1234", target=1, acc=0.0)])

    assert [text.text for text in items[0].right] == ["1 (as logged)"]
    assert not set(items[0].right) & set(items[0].choices)
    assert [text.text for text in items[60].right] == ["2"]


@pytest.mark.parametrize(
    ("target", "choices", "picked", "accuracy", "fitting"),
    [
        ("B", (" A", " B"), " B", None, (" B",)),
        ("1", (" A", " B"), " B", None, ()),  # a bare number, and nothing that agrees
        ("1", (" A", " B"), " B", 0.0, ()),
        ("1", (" A", " B"), " A", 0.0, (" B",)),
        ("2", (" A", " B"), " A", 0.0, ()),
        ("1", (" so.", " so."), " so.", 1.0, ()),  # two contexts of one continuation
        ("[0, 1]", (" A", " B"), " B", 1.0, ()),
        ("9" * 5000, (" A", " B"), " B", 1.0, ()),
    ],
)
def test_readings_of_a_target(
    target: str,
    choices: tuple[str, ...],
    picked: str,
    accuracy: float | None,
    fitting: tuple[str, ...],
) -> None:
    """What `acc` contradicts is no reading, and a number alone is none."""
    assert fitting_choices(target, choices, picked, accuracy) == fitting


def test_of_copies_that_disagree_a_like_one_is_shown(tmp_path: Path) -> None:
    """The first was fixed, two broke: the item broke, and its texts say so."""

    def line(number: int, score: int, picked: int) -> Row:
        same = {"doc_hash": f"d{number // 3}", "prompt_hash": f"p{number // 3}"}
        return picking(number, picked, (" A", " B"), target=1, acc=float(score), **same)

    base, candidate = [0, 1, 1], [1, 0, 0]
    items = results(
        tmp_path,
        [line(n, base[n % 3], base[n % 3]) for n in range(180)],
        [line(n, candidate[n % 3], candidate[n % 3]) for n in range(180)],
    )

    shown = [item for item in items if item.counted]
    assert len(shown) == 60
    for item in shown:
        assert item.is_broken
        assert (item.drop, item.n_copies) == (pytest.approx(1 / 3), 3)
        assert (item.base.score, item.candidate.score) == (1.0, 0.0)
        assert item.base.answer == item.right[0]
    assert {item.uncounted for item in items} == {None, "copy"}
    assert view_of(shown[0]).copies == "change: mean of 3 copies"
    assert "mean of 3 copies" in "".join(lines_of(shown, "markdown", (), width=200))
