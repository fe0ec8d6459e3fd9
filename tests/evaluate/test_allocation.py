"""Items where the churn is: dealt before the first answer, asked as dealt, said in the record."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliffguard import EvalSettings, Plan, Policy, Store, guard
from cliffguard.compare.pairs import cut_to_both
from cliffguard.config import load_plan
from cliffguard.core.churn import churn_of_file
from cliffguard.core.errors import ConfigError
from cliffguard.core.items import Suite, Task
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.evaluate.allocation import deal, expected_churn
from cliffguard.evaluate.alpha_shares import TOGETHER
from cliffguard.evaluate.looks import n_asked_at, n_items_at
from cliffguard.evaluate.measure import Measurement
from cliffguard.evaluate.schedule import ItemShare, Schedule
from cliffguard.report import write_reports
from cliffguard.stats.simulate import Design, decide, draw
from cliffguard.store.shards import SHARD_ITEMS
from tests import support
from tests.cli.test_verbs import run, scripted
from tests.evaluate.test_schedule import unequal_tasks
from tests.fake_runner import FakeRunner
from tests.planning.test_power import suite_of, task_of
from tests.support import all_right

PLAN = Plan(candidate="x", suites=("small",))


def dealt(tasks: list[Task], churn: Mapping[str, float], **more: Any) -> dict[str, ItemShare]:
    """Return the shares of these tasks; `more` are keys of the plan, a policy, suites."""
    policy = more.pop("policy", Policy())
    suites = more.pop("suites", None) or [suite_of(tasks)]
    return deal(replace(PLAN, **more), suites, tasks, policy, churn)


def counted(tasks: list[Task], shares: Mapping[str, ItemShare]) -> dict[str, int]:
    """Return how many items of each task count."""
    return {t.name: n_items_at(shares[t.capability].fraction, len(t.items)) for t in tasks}


def test_items_are_dealt_in_proportion_to_the_churn() -> None:
    """To a shard: a fifth of 2,000 where 5 % change, four fifths where 20 % do."""
    tasks = [task_of("calm", 3000), task_of("wild", 3000)]

    counts = counted(tasks, dealt(tasks, {"calm": 0.05, "wild": 0.20}, items=2000))

    assert counts["calm"] == pytest.approx(400, abs=SHARD_ITEMS)
    assert counts["wild"] == pytest.approx(1600, abs=SHARD_ITEMS)
    assert 2000 - SHARD_ITEMS < sum(counts.values()) <= 2000


def test_never_more_than_there_are() -> None:
    """What a small capability cannot take goes to the others."""
    tasks = [task_of("small", 100), task_of("large", 3000)]

    some = counted(tasks, dealt(tasks, {"small": 0.3, "large": 0.1}, items=1060))
    enough = counted(tasks, dealt(tasks, {"small": 0.3, "large": 0.1}, items=10**6))

    assert some == {"small": 100, "large": 960}
    assert enough == {"small": 100, "large": 3000}


@pytest.mark.parametrize(
    ("n_items", "margin", "least"),
    [(500, 0.05, 64), (500, 0.03, 128), (40, 0.05, 40), (500, 0.012, 320)],
)
def test_each_gets_what_held_takes_where_nothing_changes(
    n_items: int, margin: float, least: int
) -> None:
    """59 items at 5 points and 99 at 3, in whole shards; all where there are fewer.

    At 1.2 points 249 items suffice in one look; the looks at 256 leave too little for the last one.
    """
    tasks = [task_of("still", n_items), task_of("wild", 3000)]
    policy = Policy(capabilities={"still": CapabilityPolicy(margin=margin)})

    shares = dealt(tasks, {"still": 0.0, "wild": 0.3}, items=1000, policy=policy)

    assert counted(tasks, shares)["still"] == least


def test_clusters_take_more_where_nothing_changes() -> None:
    """Sixty-four items in clusters of twenty hold nothing."""
    tasks = [task_of("alone", 2000), task_of("clustered", 2000, 100), task_of("wild", 3000)]
    churn = {"alone": 0.0, "clustered": 0.0, "wild": 0.3}

    counts = counted(tasks, dealt(tasks, churn, items=2000))

    assert counts["clustered"] >= 3 * counts["alone"]


def test_fewer_items_than_can_decide_are_refused() -> None:
    """With how many it takes, and of what."""
    tasks = [task_of("reading", 500), task_of("sorting", 500)]

    with support.refused("items.too-few", 2, "100", "128", "items"):
        dealt(tasks, {"reading": 0.1, "sorting": 0.1}, items=100)


def test_the_target_is_asked_in_full_and_counts() -> None:
    """What is left is dealt to the others."""
    target = task_of("skill", 300)
    others = [task_of("reading", 1000)]
    suites = [suite_of([target], ring="target"), suite_of(others)]

    shares = dealt([target, *others], {"skill": 0.5, "reading": 0.1}, items=500, suites=suites)

    assert shares.keys() == {"reading"}
    assert counted(others, shares) == {"reading": 192}


def test_of_each_task_the_same_fraction_counts() -> None:
    """And what is asked for it, in whole shards of each task, is within the items."""
    tasks = unequal_tasks(60, 300, 640)

    for n_items in (200, 500, 800, 1000):
        share = dealt(tasks, {"reasoning": 0.1}, items=n_items)["reasoning"]
        counts = [n_items_at(share.fraction, n) for n in (60, 300, 640)]
        assert n_asked_at(share.fraction, [60, 300, 640]) <= n_items
        assert [k / n for k, n in zip(counts, (60, 300, 640), strict=True)] == pytest.approx(
            [share.fraction] * 3, abs=0.01
        )


def test_only_items_that_count_are_weighed() -> None:
    """Where half of a task's items stand in the training data, twice as many are asked."""
    tasks = [task_of("whole", 2000), task_of("half", 2000)]
    excluded = frozenset(item.id for item in tasks[1].items[::2])
    tasks[1] = replace(tasks[1], excluded=excluded)

    counts = counted(tasks, dealt(tasks, {"whole": 0.1, "half": 0.1}, items=1800))

    assert counts["half"] == pytest.approx(1200, abs=1.5 * SHARD_ITEMS)


def test_without_items_in_the_plan_nothing_is_dealt() -> None:
    """All there are, as ever."""
    assert dealt([task_of("reading", 500)], {"reading": 0.1}) == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"a": 0.2, "b": 0.1, "c": 0.1}),
        (0.05, {"a": 0.05, "b": 0.05, "c": 0.05}),
        ({"b": 0.3}, {"a": 0.2, "b": 0.3, "c": 0.1}),
    ],
)
def test_the_churn_that_is_expected(given: Any, expected: Mapping[str, float]) -> None:
    """What is said; else ten percent, or noise that is more: little noise says nothing."""
    tasks = [task_of(name, 100) for name in "abc"]
    flips = {"a": (20, 100), "b": (1, 100)}

    assert expected_churn(replace(PLAN, churn=given), [suite_of(tasks)], tasks, flips) == expected


def test_items_where_the_churn_is_let_more_of_the_lossless_pass() -> None:
    """As many items for four capabilities that change 3 to 25 %: at least 5 points of PASS."""
    truth = {"a": 0.03, "b": 0.08, "c": 0.15, "d": 0.25}
    tasks = [task_of(name, 2500) for name in truth]
    passed = []
    for churn in (dict.fromkeys(truth, 0.1), truth):
        sizes = counted(tasks, dealt(tasks, churn, items=4000))
        designs = [Design((sizes[name],), 0.05, churn=true) for name, true in truth.items()]
        counts = draw(designs, 1000, np.random.default_rng(1))
        decisions = decide(counts, designs, alpha=Policy().first_level, pooled_share=TOGETHER)
        passed.append(decisions.passed.mean())

    assert passed[1] > passed[0] + 0.05


# --- in a run -------------------------------------------------------------------------------------


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Two capabilities of 600 and 500 items, on disk."""
    support.write_suite(tmp_path / "suite", n_items=600, n_said=500)
    from cliffguard.suites.loading import load_suites

    (loaded,) = load_suites((str(tmp_path / "suite" / "small.yaml"),))
    return loaded


@pytest.fixture
def plan(suite: Suite, tmp_path: Path) -> Plan:
    """A plan of 640 items for them."""
    return Plan(
        base=str(support.write_checkpoint(tmp_path / "base", seed=0)),
        candidate=str(support.write_checkpoint(tmp_path / "tuned", seed=1)),
        suites=(str(tmp_path / "suite" / "small.yaml"),),
        items=640,
        churn={"reasoning": 0.03, "saying": 0.12},
    )


def one_look(plan: Plan, store: Path) -> tuple[Review, FakeRunner]:
    """Ask everything that is planned of a script that is always right."""
    runner = FakeRunner(all_right)
    return guard(plan, store=Store(store), runner=runner, stops_early=False), runner


def test_as_many_items_are_asked_as_were_dealt(plan: Plan, tmp_path: Path) -> None:
    """Of each side; and the record says how many, and by which churn."""
    review, runner = one_look(plan, tmp_path / "store")

    planned = {look.capability: (look.n_items, look.churn) for look in review.provenance.looks}
    assert planned == {"reasoning": ((128,), 0.03), "saying": ((500,), 0.12)}
    assert runner.n_asked == 2 * 628
    assert [capability.counts.n_planned for capability in review.comparison.capabilities] == [
        128,
        500,
    ]
    assert review.plan.churn == plan.churn


def test_answers_stay_valid_whatever_was_dealt(plan: Plan, tmp_path: Path) -> None:
    """The key knows nothing of it: a run without asks only what is not there yet."""
    few, _ = one_look(plan, tmp_path / "store")
    all_items, runner = one_look(replace(plan, items=None), tmp_path / "store")

    assert all_items.provenance.questions == few.provenance.questions
    assert runner.n_asked == 2 * (600 - 128)
    assert all_items.provenance.looks[0].n_items == (600,)
    assert all_items.provenance.looks[0].churn is None


def test_several_looks_end_where_the_items_do(plan: Plan, tmp_path: Path) -> None:
    """The looks are planned over what was dealt."""
    half = replace(plan, churn={"reasoning": 0.2, "saying": 0.1}, items=640)

    review = guard(half, store=Store(tmp_path / "store"), runner=FakeRunner(all_right))

    n_items = {look.capability: look.n_items for look in review.provenance.looks}
    assert n_items["reasoning"] == (128, 192, 256, 320, 384, 448)
    assert n_items["saying"] == (128, 192)


def test_where_the_time_ends_a_dealt_capability_is_cut_by_its_own_items() -> None:
    """Half of what was planned, and not of what there is."""
    task = task_of("reasoning", 600)
    share = {"reasoning": ItemShare(256 / 600, 0.1)}
    look = Schedule([task], EvalSettings(), stops_early=False, shares=share).next(None)
    assert look is not None
    answers = {task.name: tuple(support.answer(item) for item in look[0].items[:128])}
    sides = [Measurement(answers=answers, questions=(), measured_on=())] * 2

    cut, _ = cut_to_both(look, sides)

    assert (cut[0].n_planned, cut[0].n_counted) == (256, 128)


def test_stored_noise_deals_items(plan: Plan, tmp_path: Path) -> None:
    """Found through the base, and written into the plan of the review."""
    store = tmp_path / "store"
    first, _ = one_look(replace(plan, items=None), store)
    Store(store).entry(first.provenance.questions[0]).write_noise(
        {"against": "batches", "items": 600, "flips": 180}
    )

    review, _ = one_look(replace(plan, churn=None), store)

    assert review.plan.churn == {"reasoning": 0.3, "saying": 0.1}
    assert [look.n_items for look in review.provenance.looks] == [(448,), (192,)]


def test_the_printed_command_repeats_the_run(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the items dealt as they were, and no answer asked again."""
    review, _ = one_look(plan, tmp_path / "store")
    write_reports(review, tmp_path / "once")
    runner = scripted(monkeypatch, all_right)
    words = shlex.split(review.provenance.command)[1:]
    monkeypatch.chdir(tmp_path / "once")

    result = run(*words, "--store", str(tmp_path / "store"), "--out", str(tmp_path / "again"))

    again = json.loads((tmp_path / "again" / "review.json").read_text())
    looks = [json.loads(json.dumps(dataclasses.asdict(look))) for look in review.provenance.looks]
    assert result.exit_code == 0
    assert runner.n_asked == 0
    assert again["provenance"]["looks"] == looks


def test_planning_deals_as_the_run_does(plan: Plan, tmp_path: Path) -> None:
    """The same flags, the same items, and the figures are theirs."""
    churn = tmp_path / "churn.yaml"
    churn.write_text("reasoning: 0.03\nsaying: 0.12\n")
    suite = ("--suite", plan.suites[0])

    result = run("plan", *suite, "--items", "640", "--churn", str(churn), "--format", "json")

    data = json.loads(result.stdout)
    assert [row["n_items"] for row in data["capabilities"]] == [128, 500]
    assert [row["churn"] for row in data["capabilities"]] == [0.03, 0.12]
    assert data["n_planned"] == 628


def test_a_review_says_how_much_changes(plan: Plan, tmp_path: Path) -> None:
    """The share that changed, beside one item of ten that did."""
    runner = FakeRunner(lambda name, item: float("tuned" not in name or item.id[-1] != "0"))
    review = guard(
        replace(plan, items=None), store=Store(tmp_path / "s"), runner=runner, stops_early=False
    )
    from cliffguard.report.json import render_json

    path = tmp_path / "review.json"
    path.write_text(render_json(review))

    result = run("plan", "--suite", plan.suites[0], "--churn", str(path), "--format", "json")

    churns = [row["churn"] for row in json.loads(result.stdout)["capabilities"]]
    assert churns == [pytest.approx(61 / 610, abs=1e-4), pytest.approx(51 / 510, abs=1e-4)]


@pytest.mark.parametrize("name", ["churn.yaml", "review.json"])
def test_a_plan_file_names_a_file_of_churn(name: str, tmp_path: Path) -> None:
    """Beside the plan: shares by name, or the review of an earlier candidate, of any layout."""
    reviews = Path(__file__).parent.parent / "layouts" / "1" / "reviews"
    expected = {"saying": 0.2} if name == "churn.yaml" else None
    text = "saying: 0.2\n" if expected else (reviews / "healthy.json").read_text(encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    path = tmp_path / "plan.yaml"
    path.write_text(f"base: b\ncandidate: c\nsuites: [adjacent]\nchurn: {name}\n")

    churn = load_plan(path).churn

    assert churn == (expected or churn_of_file(reviews / "healthy.json"))
    assert isinstance(churn, dict)
    assert all(0.0 < share < 1.0 for share in churn.values())


@pytest.mark.parametrize(
    "text",
    [
        '{"comparison": {}}',
        '{"comparison": {"capabilities": [{"capability": "a"}]}}',
        '{"comparison": {"capabilities": [{"capability": "a", "n_items": 3, "square": 7}]}}',
        "[]",
        "{",
    ],
)
def test_a_torn_review_is_no_file_of_churn(text: str, tmp_path: Path) -> None:
    """One line, exit 2, with the key of the plan that names it."""
    (tmp_path / "review.json").write_text(text, encoding="utf-8")
    path = tmp_path / "plan.yaml"
    path.write_text("base: b\ncandidate: c\nsuites: [adjacent]\nchurn: review.json\n")

    with pytest.raises(ConfigError) as caught:
        load_plan(path)

    assert (caught.value.exit_code, caught.value.id) == (2, "plan.churn")
    assert "review.json: " in str(caught.value)


@pytest.mark.parametrize("verb", ["check", "plan"])
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--items", "0"), "items must be at least 1, not 0"),
        (("--items", "-5"), "items must be at least 1, not -5"),
        (("--items", "100"), "items: 100 cannot pass"),
        (("--churn", "1.5"), "--churn: must lie above 0 and at most 1, not 1.5"),
        (("--churn", "absent.json"), "absent.json: no such file"),
        (("--churn", "reading=0.1"), "churn: no suite has a capability 'reading'"),
        (("--churn", "saying=2"), "--churn saying: expected a share between 0 and 1, found '2'"),
        (("--churn", "saying=nan"), "--churn saying: expected a share between 0 and 1"),
        (("--churn", "saying=.1", "--churn", "saying=.2"), "--churn: saying stands twice"),
        (("--churn", "saying=.1", "--churn", "0.2"), "--churn: give one share, one file"),
        (("--churn", "{saying: 1.5}"), "saying: expected a share between 0 and 1, found 1.5"),
        (("--churn", "{saying: true}"), "saying: expected a share between 0 and 1, found True"),
        (("--churn", "{raeding: 0.1}"), "churn: no suite has a capability 'raeding'"),
        (("--churn", "[0.1]"), "churn.yaml"),
        (("--churn", "{}"), "names no capability"),
        (("--churn", '{"saying": '), "churn.yaml"),
        (("--churn", __file__.replace(".py", ".json")), "no such file"),
    ],
)
def test_bad_input_is_one_line(
    verb: str,
    words: tuple[str, ...],
    line: str,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 2 before anything is asked; a text in braces or brackets lies in a file."""
    runner = scripted(monkeypatch, all_right)
    file = tmp_path / "churn.yaml"
    if words[-1][0] in "{[":
        file.write_text(words[-1])
        words = (*words[:-1], str(file))
    named = ("--base", str(plan.base), "--suite", plan.suites[0], "--store", str(tmp_path / "s"))
    sides = ("--candidate", plan.candidate, "--out", str(tmp_path / "out"))

    result = run(verb, *named, *(sides if verb == "check" else ()), *words)

    assert result.exit_code == 2
    assert line in result.stderr.replace("\n", " ")
    assert runner.n_asked == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("items: 0", "items must be at least 1"),
        ("items: 1.5", "items: "),
        ("churn: 0", "churn must lie above 0"),
        ("churn: {saying: -0.1}", "churn.saying must lie between 0 and 1"),
        ("churn: {saying: true}", "churn.saying: expected a number"),
        ("churn: lots", "churn: lots: no such file"),
    ],
)
def test_a_plan_file_with_bad_items_is_refused(text: str, line: str, tmp_path: Path) -> None:
    """The same at the other door."""
    path = tmp_path / "plan.yaml"
    path.write_text(f"base: b\ncandidate: c\nsuites: [adjacent]\n{text}\n")

    result = run("check", str(path))

    assert result.exit_code == 2
    assert line in result.stderr
