"""reasoning-gym's items as a frozen suite, mostly with a fake in the place of reasoning-gym."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.suites.gym import ALLOWED, REFUSED, freeze, seed_of
from cliffguard.suites.loading import load_suite
from cliffguard.suites.scorers import SCORERS

HAS_THE_REAL_ONE = importlib.util.find_spec("reasoning_gym") is not None


class Fake(ModuleType):
    """Makes items numbered on from the seed, as the real one does: neighbours overlap."""

    def __init__(self, n_different: int = 10**9) -> None:
        super().__init__("reasoning_gym")
        self.n_different = n_different
        self.asked: list[dict[str, Any]] = []
        self.factory = SimpleNamespace(DATASETS=dict.fromkeys([*ALLOWED, *REFUSED, "sudoku"]))

    def create_dataset(self, name: str, *, seed: int, size: int, **config: Any) -> Any:
        """Return a list of items: it has no scorer, so that asking it would fail."""
        self.asked.append({"name": name, "seed": seed, "size": size, **config})
        numbers = [seed + place % self.n_different for place in range(size)]
        return [{"question": f"{n} + 1 =\n", "answer": str(n + 1)} for n in numbers]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """reasoning-gym, as far as it is used."""
    module = Fake()
    monkeypatch.setitem(sys.modules, "reasoning_gym", module)
    return module


def run(out: Path, *words: object, generator: str = "chain_sum") -> Result:
    """Run `suites gym` in this process, for few items."""
    options = ["--generator", generator, "--seed", "a", "--out", out, "--per-level", 8, *words]
    return CliRunner().invoke(app, ["suites", "gym", *map(str, options)])


def rows(out: Path, generator: str = "chain_sum", name: str = "gym") -> list[dict[str, Any]]:
    """Return the frozen items."""
    text = (out / name / f"{generator}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# --- what is written -----------------------------------------------------------------------------


def test_what_is_written_is_a_sound_suite(fake: Fake, tmp_path: Path) -> None:
    """It loads, with five levels of as many items as were asked for."""
    result = run(tmp_path, "--generator", "course_schedule")

    suite = load_suite(str(tmp_path / "gym.yaml"))
    tasks = {task.name: task for c in suite.capabilities for task in c.tasks}
    assert result.exit_code == 0, result.stderr
    assert list(tasks) == ["gym_chain_sum", "gym_course_schedule"]
    assert [item.level for item in tasks["gym_chain_sum"].items] == [
        level for level in (2, 3, 4, 6, 8) for _ in range(8)
    ]
    assert tasks["gym_course_schedule"].chance == 0.5


def test_the_frozen_suite_needs_no_reasoning_gym(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once written it is data."""
    run(tmp_path)
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)

    assert len(load_suite(str(tmp_path / "gym.yaml")).capabilities[0].tasks[0].items) == 40


def test_a_seed_gives_the_same_files_again(fake: Fake) -> None:
    """And another one gives other items."""
    options = {"name": "gym", "n_levels": 3, "n_per_level": 5}
    first = freeze(["chain_sum"], seed="a", **options)

    assert freeze(["chain_sum"], seed="a", **options) == first
    other = freeze(["chain_sum"], seed="b", **options)
    lines = [set(files["gym/chain_sum.jsonl"].splitlines()) for files in (first, other)]
    assert lines[0] & lines[1] == set()


def test_neighbouring_seeds_share_no_items(fake: Fake) -> None:
    """reasoning-gym adds the item's number to the seed, so seeds must lie far apart."""
    seeds = sorted(
        seed_of(seed, name, level)
        for seed in ("1", "2", "3")
        for name in ALLOWED
        for level in ALLOWED[name].levels
    )

    assert min(b - a for a, b in pairwise(seeds)) > 10**6


def test_no_question_stands_twice(fake: Fake, tmp_path: Path) -> None:
    """What reasoning-gym repeats is drawn again."""
    fake.n_different = 9

    run(tmp_path)

    asked = [row["prompt"] for row in rows(tmp_path)]
    assert len(set(asked)) == len(asked) == 40


def test_too_few_different_items_are_an_error(fake: Fake, tmp_path: Path) -> None:
    """Nothing is written, and the message has the number that there is."""
    fake.n_different = 7

    result = run(tmp_path)

    assert result.exit_code == 2
    assert "chain_sum has 7 different sound items at terms 2 in 160 draws, not 8" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_blank_answers_are_drawn_again(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that nobody can say is no answer."""
    made = [{"question": f"{n}?", "answer": "" if n % 2 else "yes"} for n in range(100)]
    monkeypatch.setattr(fake, "create_dataset", lambda *_, **__: made)

    files = freeze(["chain_sum"], name="gym", seed="a", n_levels=1, n_per_level=5)

    lines = files["gym/chain_sum.jsonl"].splitlines()
    assert [json.loads(line)["prompt"][0] for line in lines] == ["0", "2", "4", "6", "8"]


def test_the_file_says_where_the_items_come_from(fake: Fake, tmp_path: Path) -> None:
    """Generator, seed, and the config of every level."""
    run(tmp_path, "--levels", 2)

    text = (tmp_path / "gym.yaml").read_text(encoding="utf-8")
    assert 'seed "a", 8 a level' in text
    assert "# reasoning-gym's chain_sum" in text
    for asked in fake.asked:
        assert f"# terms {asked['min_terms']}: min_terms={asked['min_terms']}, max_terms=" in text
        assert f"seed={asked['seed']}\n" in text


def test_a_seed_with_a_line_break_stays_in_its_comment(fake: Fake, tmp_path: Path) -> None:
    """Whatever the seed is, the file is the suite that was asked for."""
    run(tmp_path, "--seed", "a\nname: other")

    assert load_suite(str(tmp_path / "gym.yaml")).name == "gym"


def test_what_is_there_is_not_overwritten(fake: Fake, tmp_path: Path) -> None:
    """A frozen suite stays as it is, unless it is given up."""
    run(tmp_path)

    again = run(tmp_path, "--seed", "b")

    assert again.exit_code == 2
    assert "gym.yaml: exists already; pass --force" in again.stderr
    assert run(tmp_path, "--seed", "b", "--force").exit_code == 0


@pytest.mark.parametrize("name", ["../up", "a b", ""])
def test_a_name_that_is_no_name_is_refused(fake: Fake, tmp_path: Path, name: str) -> None:
    """Files go into the folder that was named and nowhere else."""
    result = run(tmp_path / "out", "--name", name)

    assert result.exit_code == 2
    assert re.match(r"cliffguard: error\[[a-z.-]+\]: --name: ", result.stderr)
    assert list(tmp_path.iterdir()) == []


# --- which generators ----------------------------------------------------------------------------


def test_without_reasoning_gym_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 and the command."""
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)

    result = run(tmp_path)

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert 'pip install "cliffguard[gym]"' in result.stderr


@pytest.mark.parametrize(
    ("generator", "told"),
    [
        ("chain_sums", "is called 'chain_sums'; did you mean 'chain_sum'? (allowed: chain_sum, "),
        ("n_queens", "n_queens is not allowed: its scorer runs what a model said as code"),
        ("sudoku", "sudoku is not allowed: nobody has looked whether its answers are right"),
    ],
)
def test_other_generators_are_refused_with_the_reason(
    fake: Fake, tmp_path: Path, generator: str, told: str
) -> None:
    """Unknown, known to be unfit, or not looked at."""
    result = run(tmp_path, generator=generator)

    assert result.exit_code == 2
    assert told in result.stderr
    assert fake.asked == []


def test_more_levels_than_there_are_is_an_error(fake: Fake, tmp_path: Path) -> None:
    """With those that there are."""
    result = run(tmp_path, "--levels", 7)

    assert result.exit_code == 2
    assert "chain_sum has 6 levels (terms 2, 3, 4, 6, 8, 12)" in result.stderr


def test_a_config_that_is_not_taken_is_one_line(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version may call its parameters otherwise."""

    def refuse(*_: Any, **__: Any) -> None:
        raise TypeError("unexpected keyword argument 'min_terms'")

    monkeypatch.setattr(fake, "create_dataset", refuse)

    result = run(tmp_path)

    assert result.exit_code == 2
    assert "does not make chain_sum with" in result.stderr
    assert "unexpected keyword argument 'min_terms'" in result.stderr


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_a_level_lies_beyond_the_one_below(name: str) -> None:
    """No config of a level lets items of another one in: the parameter that rises has bounds."""
    configs = list(ALLOWED[name].levels.values())

    assert len(configs) >= 5
    assert list(ALLOWED[name].levels) == sorted(ALLOWED[name].levels)
    (rising,) = [key for key in configs[0] if len({str(c[key]) for c in configs}) > 1][-1:]
    lowest = rising.replace("max_", "min_")
    for below, above in pairwise(configs):
        assert below[rising] < above[rising]
        assert above[lowest] > below[rising]
    assert all(config[rising] == level for level, config in ALLOWED[name].levels.items())


def test_nothing_is_both_allowed_and_refused() -> None:
    """Every generator has one entry, and what is allowed is scored by a metric of ours."""
    assert set(ALLOWED) & set(REFUSED) == set()
    assert {entry.metric for entry in ALLOWED.values()} <= set(SCORERS)


def test_a_fact_that_stands_twice_is_not_asked_for() -> None:
    """Two people who like the same thing are two right answers."""
    is_sound = ALLOWED["needle_haystack"].is_sound

    assert is_sound("Ann likes tea. Bob likes teapots. \nWho likes tea? Reply only with a name.")
    assert not is_sound("Ann likes tea. Bob likes tea. \nWho likes tea? Reply only with a name.")


# --- the real one --------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_THE_REAL_ONE, reason="reasoning-gym is not installed")
@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_the_real_generators_make_what_is_promised(name: str, tmp_path: Path) -> None:
    """All levels, fifty items each; where Python can reckon the answer, it is the same."""
    n_levels = len(ALLOWED[name].levels)

    result = run(tmp_path, "--levels", n_levels, "--per-level", 50, generator=name)

    assert result.exit_code == 0, result.stderr
    made = rows(tmp_path, name)
    assert len(made) == 50 * n_levels
    assert not set(made[0]["answer"]) & set("\n")
    if name in {"chain_sum", "basic_arithmetic"}:
        for row in made:
            line = row["prompt"].splitlines()[0]
            text = line.partition("problem: ")[2] or line.removeprefix("Calculate ")
            assert str(eval(text.rstrip(" =."))) == row["answer"]
