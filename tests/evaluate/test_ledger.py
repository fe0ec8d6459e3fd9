"""Which run it is of two sides, what it may spend, and what of that is known later."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from cliffguard import EvalSettings, Outcome, Plan, Policy, Review, Store, guard
from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item
from cliffguard.core.reviews import Finding, TakenLooks
from cliffguard.evaluate.capability_runs import CapabilityRun, runs_of, short
from cliffguard.evaluate.ledger import accounts_of, spent_of
from cliffguard.evaluate.schedule import Schedule
from cliffguard.gate import compare_samples, find_sides, measure_alone
from cliffguard.report.json import read_review, render_json
from cliffguard.store.looks import all_looks, further, known_looks, merged, read_looks
from cliffguard.store.maintenance.damage import examine_looks, move_aside
from tests import support
from tests.cli.test_init import run
from tests.fake_runner import FakeRunner
from tests.runners.test_imports import row, scored, write

POLICY = Policy(alpha=0.05, reserve=0.1)


def items(*numbers: int) -> frozenset[str]:
    """Return the digests of these items."""
    return frozenset(short(str(number)) for number in range(*numbers))


def run_of(
    name: str = "reading", *, of: frozenset[str] = items(300), by: str = "a"
) -> CapabilityRun:
    """Return a run over these items in one look."""
    return CapabilityRun(
        capability=name, how="p", digest=by, items=of, planned=(len(of),), spends_evenly=False
    )  # fmt: skip


def after(
    known: tuple[TakenLooks, ...], capability_run: CapabilityRun, policy: Policy = POLICY
) -> Any:
    """Return the account of a run, and what is known once it was judged."""
    account = accounts_of([capability_run], known, policy)[capability_run.capability]
    return account, merged(known, [account.closed(capability_run.planned)])


# --- what a run may spend ------------------------------------------------------------------------


def test_every_further_run_takes_half_of_what_is_left() -> None:
    """And never more than alpha in all."""
    known: tuple[TakenLooks, ...] = ()
    levels = []
    for n in (300, 600, 900, 1200):
        account, known = after(known, run_of(of=items(n), by=str(n)))
        levels.append(account.level.now)

    assert levels == pytest.approx([0.045, 0.0025, 0.00125, 0.000625])
    assert account.level.number == 4
    assert account.level.next == pytest.approx(0.0003125)
    assert spent_of(known) <= 0.05


def test_the_same_answers_are_the_same_run() -> None:
    """Judged again, also after a later run, at the level that they had."""
    first, known = after((), run_of())
    _, known = after(known, run_of(of=items(600), by="b"))

    again, still = after(known, run_of())

    assert again.level.now == first.level.now
    assert again.before == ()
    assert still == known


def test_a_capability_is_known_by_its_items() -> None:
    """Renamed, or in a larger suite, it is the same; other items under its name are not."""
    _, known = after((), run_of())

    renamed = after(known, run_of("comprehension", of=items(900), by="b"))[0]
    smaller = after(known, run_of(of=items(100), by="c"))[0]
    other = after(known, run_of(of=items(300, 600), by="d"))[0]
    overlapping = after(known, run_of(of=items(250, 900), by="e"))[0]

    assert (renamed.level.number, smaller.level.number) == (2, 2)
    assert (other.level.number, overlapping.level.number) == (1, 1)


def test_few_items_of_many_are_known_by_their_name() -> None:
    """Where none of them could be among the 64 that are remembered of many; of few, all are."""
    _, known = after((), run_of(of=items(10_000)))
    late = frozenset(sorted(items(10_000))[-100:])

    within = after(known, run_of(of=late, by="b"))[0]
    other = after(known, run_of("logic", of=late, by="c"))[0]
    _, known = after((), run_of(of=items(40)))
    none = after(known, run_of(of=frozenset({"g" * 16}), by="d"))[0]

    assert (within.level.number, other.level.number, none.level.number) == (2, 1, 1)


def test_under_another_protocol_it_is_another_question() -> None:
    """As `chat_template: both` asks two."""
    _, known = after((), run_of())

    assert after(known, replace(run_of(of=items(900), by="b"), how="q"))[0].level.number == 1


@pytest.mark.parametrize("packing", ["auto", "packed", "plain"])
def test_a_protocol_is_known_as_when_its_looks_were_taken(packing: Literal["auto"]) -> None:
    """By how prompts are packed it is no other; a field that is added forgets no alpha spent."""
    task = support.task([support.item()])
    runs = runs_of(
        Schedule([task], EvalSettings()), EvalSettings(packing=packing), "float32",
        {task.name: ["a", "b"]}, (),
    )  # fmt: skip

    assert runs[0].how == "35fc4d9de37aef3a6198447cc7dd09d7389422c7de9c8c361b4c2a22625ad70c"


def test_a_run_that_ended_early_leaves_more() -> None:
    """Alpha is spent evenly over the items: at a fifth of the plan, a fifth of the level."""
    planned = replace(run_of(of=items(1000)), planned=(200, 500, 1000), spends_evenly=True)
    account = accounts_of([planned], (), POLICY)["reading"]
    cut = account.closed((200, 300))

    later = accounts_of([replace(planned, digest="b")], [cut], POLICY)["reading"]

    assert cut.spent == pytest.approx(0.045 * 0.3)
    assert later.level.now == pytest.approx(0.05 - 0.045 * 0.3 - 0.005)


def test_the_same_plan_goes_on_as_the_same_run() -> None:
    """Where it ended at a look that was planned; a look in between is one of its own."""
    planned = replace(run_of(of=items(1000)), planned=(200, 500, 1000), spends_evenly=True)
    account = accounts_of([planned], (), POLICY)["reading"]

    at_a_look = accounts_of([planned], [account.closed((200, 500))], POLICY)["reading"]
    between = accounts_of([planned], [account.closed((200, 300))], POLICY)["reading"]

    assert (at_a_look.level.number, at_a_look.level.now) == (1, account.level.now)
    assert between.level.number == 2


def test_without_a_reserve_nothing_is_left() -> None:
    """The whole of alpha is the first run's."""
    greedy = replace(POLICY, reserve=0.0)
    first, known = after((), run_of(), greedy)
    second, _ = after(known, run_of(of=items(600), by="b"), greedy)

    assert (first.level.now, first.level.next) == (0.05, 0.0)
    assert second.level.now == 0.0


def test_a_changed_alpha_spends_no_more_than_it_is() -> None:
    """Whatever was spent under another one."""
    _, known = after((), run_of(), replace(POLICY, alpha=0.01))
    _, known = after(known, run_of(of=items(600), by="b"))
    again, known = after(known, run_of())

    assert spent_of(known) <= 0.05 + 1e-12
    assert again.level.now < 0.045


def test_of_one_run_told_twice_the_further_one_stays() -> None:
    """With all that was spent."""
    account = accounts_of([run_of()], (), POLICY)["reading"]
    short_of, whole = account.closed((100,)), account.closed((100, 300))

    assert merged([short_of], [whole]) == (whole,)
    assert merged([whole], [short_of]) == (whole,)
    assert further(replace(short_of, spent=0.05), whole).spent == 0.05


# --- in a run ------------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two checkpoints."""
    support.write_checkpoint(tmp_path / "base", seed=0)
    support.write_checkpoint(tmp_path / "tuned", seed=1)
    return tmp_path


def plan_of(root: Path, n_items: int, *, policy: Policy | None = None) -> Plan:
    """Return a plan over a suite with so many items in its first capability."""
    suite = support.write_suite(root / f"suite-{n_items}", n_items=n_items, n_said=200)
    return Plan(
        base=str(root / "base"), candidate=str(root / "tuned"), suites=(str(suite),),
        policy=policy,
    )  # fmt: skip


def flips(name: str, item: Item) -> float:
    """Script: a fifth of the ladder changes, as often for better as for worse."""
    number = int(item.id.split("-")[1])
    if item.level is None or number % 10 not in (0, 1):
        return 1.0
    return float((number % 10 == 0) == ("tuned" in name))


def judged(root: Path, n_items: int, policy: Policy | None = None) -> Review:
    """Judge a suite of so many items from one store."""
    runner = FakeRunner(flips)
    return guard(plan_of(root, n_items, policy=policy), store=Store(root / "s"), runner=runner)


def reasoning(review: Review) -> Finding:
    """Return the finding about the ladder."""
    return review.verdict.findings[0]


def test_a_larger_suite_that_holds_the_old_items_is_a_further_run(workspace: Path) -> None:
    """It spends what is left, says so, and the review repeats both."""
    first, second = judged(workspace, 200), judged(workspace, 400)

    smaller, larger = (review.comparison.capabilities[0] for review in (first, second))
    assert smaller.evidence.level == pytest.approx(Policy().first_level)
    assert smaller.evidence.next_level == pytest.approx(0.05 * Policy().reserve / 2)
    assert larger.evidence.level == smaller.evidence.next_level
    assert second.comparison.pooled_level == larger.evidence.level
    assert [taken.counted[-1] for taken in second.taken if taken.capability == "reasoning"] == [
        200,
        400,
    ]
    (text,) = support.caveat_texts(second, "alpha.later-run")
    assert text.startswith("reasoning: run 2 at these two sides")
    assert "alpha.later-run" not in support.caveat_ids(first)
    # What did not grow is judged as it was.
    saying = second.comparison.capabilities[1]
    assert saying.evidence.level == first.comparison.capabilities[1].evidence.level


def test_a_dtype_by_its_own_name_is_no_other_protocol(workspace: Path) -> None:
    """What `auto` stood for, said aloud, asks the same questions and gives nothing back."""
    judged(workspace, 200)
    plan = replace(plan_of(workspace, 400), protocol=EvalSettings(dtype="float32"))

    review = guard(plan, store=Store(workspace / "s"), runner=FakeRunner(flips))

    assert review.comparison.capabilities[0].evidence.level == pytest.approx(
        0.05 * Policy().reserve / 2
    )


def test_the_same_answers_give_the_same_bytes(workspace: Path) -> None:
    """Also once a further run has been judged; and the store is not written again."""
    first = render_json(judged(workspace, 200))
    (path,) = all_looks(Store(workspace / "s"))
    before = path.stat().st_mtime_ns

    assert render_json(judged(workspace, 200)) == first
    assert path.stat().st_mtime_ns == before
    judged(workspace, 400)
    assert render_json(judged(workspace, 200)) == first


def test_how_many_items_would_decide_is_told_with_what_is_left(workspace: Path) -> None:
    """A further run has less of alpha; with nothing left no number is said."""
    usual = reasoning(judged(workspace, 200))

    assert usual.outcome is Outcome.INCONCLUSIVE
    assert usual.n_items_needed is not None
    assert f"about {usual.n_items_needed:,} items would decide" in usual.reason
    assert "with what is left (0.125 %)" in usual.reason


@pytest.mark.slow
def test_where_nothing_is_left_it_stays_open_with_that_reason(workspace: Path) -> None:
    """However many items there are."""
    greedy = Policy(reserve=0.0)
    first = reasoning(judged(workspace, 200, greedy))
    second = reasoning(judged(workspace, 2000, greedy))

    assert first.n_items_needed is None
    assert "nothing of alpha is left for a further run" in first.reason
    assert second.outcome is Outcome.INCONCLUSIVE
    assert "earlier runs have spent all of alpha" in second.reason
    assert second.n_items_needed is None


def test_a_review_with_its_looks_is_read_again(workspace: Path) -> None:
    """To the byte."""
    text = render_json(judged(workspace, 200))

    assert render_json(read_review(text, "review.json")) == text


def test_damaged_looks_are_refused(workspace: Path) -> None:
    """With the file, and how to go on: exit 12, before any verdict."""
    judged(workspace, 200)
    (path,) = all_looks(Store(workspace / "s"))
    path.write_text(path.read_text().replace('"n_items": 200', '"n_items": 201'))

    with support.refused("looks.damaged", 12):
        judged(workspace, 200)
    assert run("store", "verify", "--store", workspace / "s").exit_code == 12
    assert run("store", "verify", "--store", workspace / "s", "--repair").exit_code == 0
    assert all_looks(Store(workspace / "s")) == []
    assert run("store", "verify", "--store", workspace / "s").exit_code == 0


def test_looks_travel_with_the_answers(workspace: Path) -> None:
    """Exported and imported, a further run is known to be one; a second import changes nothing."""
    judged(workspace, 200)
    run("store", "export", "--store", workspace / "s", "--out", workspace / "a.tar")
    for _ in range(2):
        assert (
            run("store", "import", workspace / "a.tar", "--store", workspace / "t").exit_code == 0
        )

    sides = find_sides(plan_of(workspace, 200))
    assert known_looks(Store(workspace / "t"), *sides) == known_looks(
        Store(workspace / "s"), *sides
    )
    assert read_looks(all_looks(Store(workspace / "t"))[0]).base == sides[0].fingerprint


def test_what_a_checkpoint_spent_goes_with_its_answers(workspace: Path) -> None:
    """`prune --checkpoint` shows it, and removes it with --yes."""
    judged(workspace, 200)
    words = ("store", "prune", "--store", workspace / "s", "--checkpoint", "tuned")

    assert "looks that were taken, and what they spent" in run(*words).stdout
    run(*words, "--yes")

    assert all_looks(Store(workspace / "s")) == []


# --- samples -------------------------------------------------------------------------------------


def sides(folder: Path, n: int, *, lost: int = 25) -> tuple[str, str]:
    """Write two folders of `n` samples of which some changed; return them."""
    write(folder / "base", "race", scored(n, lambda number: number % 10 == 1))
    write(folder / "tuned", "race", scored(n, lambda number: number % lost == 0))
    return str(folder / "base"), str(folder / "tuned")


def test_samples_are_judged_as_a_first_run(tmp_path: Path) -> None:
    """Which is said; after the review of fewer of them they are not."""
    first = compare_samples(*sides(tmp_path / "one", 200))
    again = compare_samples(*sides(tmp_path / "two", 400), after=[first])
    same = compare_samples(*sides(tmp_path / "one", 200), after=[first])

    assert "samples.as-a-first-run" in support.caveat_ids(first)
    assert "samples.as-a-first-run" not in support.caveat_ids(again)
    assert (
        again.comparison.capabilities[0].evidence.level
        == first.comparison.capabilities[0].evidence.next_level
    )
    assert (
        same.comparison.capabilities[0].evidence.level
        == first.comparison.capabilities[0].evidence.level
    )
    assert same.verdict == first.verdict


@pytest.mark.parametrize("other", ["answers", "items", "checkpoints"])
def test_a_review_of_other_sides_is_refused(tmp_path: Path, other: str) -> None:
    """Exit 2, in one line, before anything is judged."""
    paths = sides(tmp_path / "one", 200)
    if other == "checkpoints":
        review = judged_pair(tmp_path)
    elif other == "items":
        rows = [{**row, "doc_hash": f"o{n}"} for n, row in enumerate(scored(200))]
        write(tmp_path / "b", "race", rows)
        write(tmp_path / "c", "race", [{**row, "acc": 0.0} for row in rows])
        review = compare_samples(str(tmp_path / "b"), str(tmp_path / "c"))
    else:
        review = compare_samples(*sides(tmp_path / "two", 200, lost=3))
    (tmp_path / "review.json").write_text(render_json(review))

    result = run("compare", *paths, "--after", tmp_path / "review.json")

    assert result.exit_code == 2
    assert "the review is of other sides" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with pytest.raises(UsageError):
        compare_samples(*paths, after=[review])


def judged_pair(root: Path) -> Review:
    """Return the review of two checkpoints."""
    support.write_checkpoint(root / "base", seed=0)
    support.write_checkpoint(root / "tuned", seed=1)
    return judged(root, 200)


def test_after_is_for_samples(workspace: Path) -> None:
    """The store knows what was judged of what lies in it."""
    review = judged(workspace, 200)
    (workspace / "review.json").write_text(render_json(review))

    result = run(
        "compare", workspace / "base", workspace / "tuned",
        "--suite", plan_of(workspace, 200).suites[0],
        "--store", workspace / "s", "--after", workspace / "review.json",
    )  # fmt: skip

    assert result.exit_code == 2
    assert "the store knows its own looks" in result.stderr


def test_swapped_sides_are_other_sides(tmp_path: Path) -> None:
    """Most answers are alike on both; what changed points the other way."""
    base = [1.0] * 300
    candidate = [0.0 if number % 12 == 0 else 1.0 for number in range(300)]
    for side, scores in (("a", base), ("b", candidate)):
        rows = [row(number, score) for number, score in enumerate(scores)]
        write(tmp_path / side, "t", rows)
    sides = (str(tmp_path / "a"), str(tmp_path / "b"))
    first = compare_samples(*sides)

    assert compare_samples(*sides, after=[first]).verdict == first.verdict
    with support.refused("after.other-sides", 2):
        compare_samples(*reversed(sides), after=[first])


def test_looks_that_a_later_run_did_not_take_are_carried_on(tmp_path: Path) -> None:
    """Judged together, then one of them alone: the other's look is still known to a third run."""
    base, candidate = tmp_path / "b", tmp_path / "c"
    for task in ("one", "two"):
        write(base, task, scored(300))
        write(candidate, task, scored(300, lambda number: number % 30 == 0))
    first = compare_samples(str(base), str(candidate))
    for folder in (base, candidate):
        for path in folder.glob("samples_one*"):
            path.rename(tmp_path / f"{folder.name}_{path.name}")

    second = compare_samples(str(base), str(candidate), after=[first])

    assert {look.capability for look in first.taken} <= {look.capability for look in second.taken}
    assert "one" in {look.capability for look in second.taken}


# --- looks that the store no longer knows ---------------------------------------------------------


def lose_looks(store: Store) -> None:
    """Delete the files of looks, as a person would."""
    shutil.rmtree(store.root / "looks")


def damage_looks(store: Store) -> None:
    """Let `store verify --repair` move them aside."""
    for path in all_looks(store):
        path.write_text("{}")
    move_aside(store, examine_looks(store))


def forget_version(store: Store) -> None:
    """Make the store one of a version that kept no looks and noted no terms."""
    lose_looks(store)
    for path in (store.root / "questions").glob("*/*/question.json"):
        document = json.loads(path.read_text())
        document.pop("seal")
        del document["about"]["terms"]
        path.write_text(json.dumps({**document, "seal": digest(document)}))
        shutil.rmtree(path.parent / "judged", ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lose", "n_after"),
    [(lose_looks, 200), (lose_looks, 240), (damage_looks, 240), (forget_version, 200)],
)
def test_looks_that_are_lost_are_told(
    workspace: Path, lose: Callable[[Store], None], n_after: int
) -> None:
    """Answers that were judged, and no looks at them: a first run, says every report from then."""
    whole = [judged(workspace, 200) for _ in range(2)]
    lose(Store(workspace / "s"))

    after = [render_json(judged(workspace, n_after)) for _ in range(2)]

    assert after[0] == after[1]
    assert after[0].count("Judged as a first run") == 1
    assert "as a first run" not in render_json(whole[0])
    assert whole[0] == whole[1]


def test_measured_beforehand_is_no_lost_look(workspace: Path) -> None:
    """Answers of which no verdict was formed are those of a first run, and nothing is said."""
    plan, store = plan_of(workspace, 200), Store(workspace / "s")
    for side in find_sides(plan):
        measure_alone(side, plan, store=store, runner=FakeRunner(flips))

    assert "as a first run" not in render_json(judged(workspace, 200))


def test_damaged_looks_are_called_looks(workspace: Path) -> None:
    """By `store verify`, which counts questions apart, and says what moving them aside forgets."""
    judged(workspace, 200)
    (path,) = all_looks(Store(workspace / "s"))
    path.write_text("{}")

    result = run("store", "verify", "--store", workspace / "s")

    assert result.exit_code == 12
    assert (
        f"{workspace / 's'}: the looks at 1 pair of checkpoints are damaged; with" in result.stderr
    )
    assert "what was spent at these looks is forgotten" in result.stderr
    assert "questions" not in result.stderr


def test_several_reviews_count_together(tmp_path: Path) -> None:
    """`--after` is repeatable: what each of them spent is spent, in any order."""
    first = compare_samples(*sides(tmp_path / "one", 200))
    second = compare_samples(*sides(tmp_path / "two", 400), after=[first])
    (tmp_path / "first.json").write_text(render_json(first))
    bare = replace(second, taken=tuple(look for look in second.taken if look.n_items == 400))
    (tmp_path / "second.json").write_text(render_json(bare))
    names = ["--after", tmp_path / "first.json", "--after", tmp_path / "second.json"]

    results = [
        run("compare", *sides(tmp_path / "three", 800), *words, "--format", "json")
        for words in (names, [*names[2:], *names[:2]])
    ]

    reviews = [read_review(result.stdout, "told") for result in results]
    assert "run 3 at these two sides" in results[0].stdout
    assert reviews[0].comparison == reviews[1].comparison
    assert reviews[0].comparison.capabilities[0].evidence.level == pytest.approx(0.05 * 0.05 / 4)
