"""Probes: what is asked again after the verdict, in which forms, for how many tokens."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard import EvalSettings, Plan, Review, Store, guard
from cliffguard.compare.diagnosis import Capabilities
from cliffguard.compare.diagnostics.counted import Key
from cliffguard.compare.diagnostics.probe_results import Probes
from cliffguard.compare.write_review import Decision
from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.items import Item, Task
from cliffguard.evaluate.probe_budget import LEAST_ITEMS, SHARE, Changed, RunTokens, choose
from cliffguard.evaluate.probe_forms import N_SHOTS, forms_of, shots_for
from cliffguard.gate import find_sides
from cliffguard.report.json import render_json
from cliffguard.runners import Runner
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.store.maintenance.damage import examine
from cliffguard.store.maintenance.questions import select
from cliffguard.suites.loading import load_suites
from tests import support
from tests.fake_runner import FakeRunner, Form, ProbedRunner

N_ITEMS = 300


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan over a suite of 300 choices and 60 generated items; both sides have a template."""
    suite = support.write_suite(tmp_path / "suite", n_items=N_ITEMS, n_said=60)
    folders = []
    for seed, name in enumerate(("base", "tuned")):
        folder = support.write_checkpoint(tmp_path / name, seed=seed)
        (folder / "chat_template.jinja").write_text(support.CHAT_TEMPLATE)
        folders.append(str(folder))
    return Plan(base=folders[0], candidate=folders[1], suites=(str(suite),), offline=True)


def number_of(item: Item) -> int:
    """Return the number in an item's id."""
    return int(item.id[-3:])


def suppressed(name: str, item: Item, form: Form) -> float:
    """Script: a third of the choices is broken and comes back; of the fixed tenth nothing does."""
    if not item.id.startswith("ball"):
        return 1.0
    if "tuned" in name:
        return float(number_of(item) % 3 > 0 or form != "as usual")
    return float(number_of(item) % 10 != 1)


def lost(name: str, item: Item, form: Form) -> float:
    """Script: the same items change, and nothing comes back in any form."""
    return suppressed(name, item, "as usual")


def run(plan: Plan, store: Store, runner: Runner, **options: object) -> tuple[Review, Probes]:
    """Run the gate; return the review, and what probes brought back."""
    decisions: list[Decision] = []
    review = guard(plan, store=store, runner=runner, witness=decisions.append, **options)  # type: ignore[arg-type]
    diagnosed = decisions[-1].diagnosed
    assert diagnosed is not None
    return review, diagnosed.probes


# --- what is asked -------------------------------------------------------------------------------


def test_a_suppressed_capability_is_proven_and_a_lost_one_is_not(
    plan: Plan, tmp_path: Path
) -> None:
    """What comes back beyond the base's own is suppressed; without that it is not."""
    for script, is_suppressed in ((suppressed, True), (lost, False)):
        _, probes = run(plan, Store(tmp_path / script.__name__), ProbedRunner(script))

        result, items = probes.results["reasoning"], probes.items["reasoning"]
        assert (result.is_suppressed, items.is_suppressed) == (is_suppressed, is_suppressed)
        assert result.recovery == float(is_suppressed)
        assert result.base_recovery == 0.0
        assert items.recovered == (items.probed if is_suppressed else frozenset())


def test_each_side_is_asked_what_it_has_wrong(plan: Plan, store: Store) -> None:
    """The candidate is asked what it broke, the base what the candidate has right."""
    asked_of: dict[str, set[int]] = {"base": set(), "tuned": set()}

    def script(name: str, item: Item, form: Form) -> float:
        if form != "as usual":
            asked_of[Path(name).name].add(number_of(item))
        return suppressed(name, item, form)

    run(plan, store, ProbedRunner(script))

    assert all(n % 3 == 0 and n % 10 != 1 for n in asked_of["tuned"])
    assert all(n % 3 > 0 and n % 10 == 1 for n in asked_of["base"])
    assert min(map(len, asked_of.values())) > 0


def test_what_a_reader_explains_is_asked_of_neither_side(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label of the target picked instead comes back when it is asked otherwise, as all does."""
    asked_of: dict[str, set[int]] = {"base": set(), "tuned": set()}

    def script(name: str, item: Item, form: Form) -> float:
        if form != "as usual":
            asked_of[Path(name).name].add(number_of(item))
        return suppressed(name, item, form)

    def explained(capabilities: Capabilities, *_: object, **__: object) -> frozenset[Key]:
        items = (item for rows in capabilities.values() for item in rows)
        return frozenset(item.key for item in items if number_of(item.pair.item) % 2 == 0)

    monkeypatch.setattr("cliffguard.run.diagnosis.explained", explained)
    run(plan, store, ProbedRunner(script))

    assert all(number % 2 for numbers in asked_of.values() for number in numbers)
    assert min(map(len, asked_of.values())) > 0


def test_no_more_than_half_of_64_items_are_of_either_kind(plan: Plan, store: Store) -> None:
    """However many tokens there are, 32 broken items and 32 fixed ones are enough."""
    items = [support.item(number) for number in range(200)]
    task = support.task(items)
    changed = [changed_item(task, item, is_broken=k % 2 == 0) for k, item in enumerate(items)]

    choice = choose({"reasoning": changed}, forms("none"), tokens_of_a_run(10**9), seed=0)

    kinds = [item.is_broken for item in choice.items["reasoning"]]
    assert (kinds.count(True), kinds.count(False)) == (32, 32)


def test_shots_are_none_of_the_items_that_are_asked_again(plan: Plan, store: Store) -> None:
    """Three others stand before each item, the same for all of a task and for both sides."""
    runner = ProbedRunner(suppressed)

    run(plan, store, runner)

    parts = [part for part in runner.parts.values() if part.shots]
    probed = {item.id for part in parts for item in part.task.items}
    shots = {tuple(shot.id for shot in part.shots) for part in parts}
    assert len(parts) == 2
    assert [len(ids) for ids in shots] == [N_SHOTS]
    assert not probed & {name for ids in shots for name in ids}


def test_shots_shun_training_data_copies_and_clusters() -> None:
    """An example neither stands in the training data nor gives an answer away."""
    items = [support.item(number) for number in range(10)]
    probe, copy, mate, trained, *free = items
    probe, mate = replace(probe, cluster="a"), replace(mate, cluster="a")
    copy = replace(copy, prompt=probe.prompt)
    task = replace(
        support.task([probe, copy, mate, trained, *free]), excluded=frozenset({trained.id})
    )
    protocol = EvalSettings(num_fewshot=len(free))

    shots = shots_for(task, [probe], protocol)

    assert {shot.id for shot in shots if isinstance(shot, Item)} == {item.id for item in free}
    assert isinstance(shots_for(task, [probe], EvalSettings(num_fewshot=len(free) + 1)), str)


@pytest.mark.parametrize("metric", ["regex", "excludes", "constraints"])
def test_a_rule_is_no_example(metric: str) -> None:
    """Where the right answer is a pattern or a list of rules, no shots are made of it."""
    task = replace(support.task([support.item(n) for n in range(9)]), metric=metric)

    assert isinstance(shots_for(task, [task.items[0]], EvalSettings(num_fewshot=3)), str)


def test_a_tasks_usual_shots_are_none_of_the_probed_items_either(plan: Plan, store: Store) -> None:
    """A run with shots has them in every form: of other items, as many as before."""
    runner = ProbedRunner(suppressed)

    run(replace(plan, protocol=EvalSettings(num_fewshot=1)), store, runner)

    probed = {item.id for part in runner.parts.values() for item in part.task.items}
    assert {len(part.shots) for part in runner.parts.values()} == {1, N_SHOTS}
    assert not probed & {shot.id for part in runner.parts.values() for shot in part.shots}


# --- forms ---------------------------------------------------------------------------------------


def sides(*, has_template: bool = True) -> tuple[Checkpoint, Checkpoint]:
    """Return two checkpoints, of which the second may have no chat template."""
    candidate, base = support.checkpoint("tuned"), support.checkpoint("base")
    return (
        replace(candidate, chat_template="t"),
        replace(base, chat_template="t" if has_template else None),
    )


def forms(template: str, **settings: object) -> tuple:  # type: ignore[type-arg]
    """Return the forms of a run under a template policy."""
    protocol = EvalSettings(chat_template=template, **settings)  # type: ignore[arg-type]
    return forms_of(protocol, sides())[0]


@pytest.mark.parametrize(
    ("protocol", "names"),
    [
        (EvalSettings(), ["three shots", "chat template", "system prompt"]),
        (
            EvalSettings(chat_template="own"),
            ["three shots", "no chat template", "system prompt"],
        ),
        (
            EvalSettings(chat_template="base", system_prompt="Be brief."),
            ["three shots", "no chat template", "plain prompt"],
        ),
        (EvalSettings(num_fewshot=5), ["chat template", "system prompt"]),
    ],
)
def test_forms_differ_from_how_the_run_asks(protocol: EvalSettings, names: list[str]) -> None:
    """Each form changes one thing of the protocol, and every one of them is another protocol."""
    given, untried = forms_of(protocol, sides())

    assert [form.name for form in given] == names
    assert len(untried) == 3 - len(names)
    others = [protocol, *(form.protocol for form in given)]
    assert all(others.index(form) == k for k, form in enumerate(others)), "two are alike"


def test_a_side_without_a_template_leaves_shots_alone() -> None:
    """What one side cannot be given neither is, and the reason names the side."""
    given, untried = forms_of(EvalSettings(), sides(has_template=False))

    assert [form.name for form in given] == ["three shots"]
    assert all("base" in line and "template" in line for line in untried)
    assert len(untried) == 2


def test_a_form_that_a_template_cannot_give_is_untried(plan: Plan, store: Store) -> None:
    """A template that refuses a system turn takes that form away, and no other."""

    class Refusing(ProbedRunner):
        def ask(
            self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
        ) -> Sequence[Answer]:
            if protocol.system_prompt:
                raise UsageError("takes no system turn", id="protocol.system-prompt-lost")
            return super().ask(checkpoint, task, items, protocol)

    _, probes = run(plan, store, Refusing(suppressed))

    result = probes.results["reasoning"]
    assert [form.name for form in result.forms] == ["three shots", "chat template"]
    assert [line for line in result.untried if "protocol.system-prompt-lost" in line]
    assert result.is_suppressed


# --- what is not probed --------------------------------------------------------------------------


def test_a_capability_without_broken_or_fixed_items_says_so(plan: Plan, store: Store) -> None:
    """Nothing is said of what lost nothing, and nothing asked where nothing compares."""

    def only_breaks(name: str, item: Item, form: Form) -> float:
        is_ball = item.id.startswith("ball")
        return float(not is_ball or "tuned" not in name or number_of(item) % 3 > 0)

    runner = ProbedRunner(only_breaks)
    _, probes = run(plan, store, runner)

    assert probes.results == {}
    assert probes.why.keys() == {"reasoning"}
    assert "no item was fixed" in probes.why["reasoning"]
    assert runner.n_probed == 0


def test_too_few_to_prove_anything_are_not_asked(plan: Plan, store: Store) -> None:
    """Two broken items and two fixed ones have no p-value below 1 in 6."""

    def script(name: str, item: Item, form: Form) -> float:
        wrong = (1, 2) if "tuned" in name else (3, 4)
        return float(number_of(item) not in wrong or item.id.startswith("say"))

    runner = ProbedRunner(script)
    _, probes = run(plan, store, runner, stops_early=False)

    assert "2 broken items and 2 fixed items" in probes.why["reasoning"]
    assert runner.n_probed == 0


def test_a_runner_that_takes_no_parts_is_the_reason(plan: Plan, store: Store) -> None:
    """A runner that cannot be asked parts of tasks keeps every capability unprobed."""
    runner = FakeRunner(lambda name, item: suppressed(name, item, "as usual"))

    _, probes = run(plan, store, runner)

    assert "asks no parts" in probes.why["reasoning"]
    assert probes.results == {}


def test_no_time_is_left_for_probes(plan: Plan, store: Store) -> None:
    """After --max-minutes nothing is asked again, and the verdict stands."""
    runner = ProbedRunner(suppressed)
    guard(plan, store=store, runner=runner, probes=False)

    review, probes = run(plan, store, runner, max_minutes=1e-9)

    assert probes.why["reasoning"] == "the time was up"
    assert (runner.n_probed, str(review.verdict.outcome)) == (0, "FAIL")


# --- what they change ----------------------------------------------------------------------------


def test_probes_change_nothing_of_the_review(plan: Plan, tmp_path: Path) -> None:
    """With probes and without them verdict, comparison and looks are the same bytes.

    So they are without any diagnosis: what reads the answers after the verdict changes none.
    """
    runner = ProbedRunner(suppressed, tokens=64)
    reviews = [
        guard(plan, store=Store(tmp_path / name), runner=runner, probes=probes, command="again")
        for name, probes in (("with", True), ("without", False))
    ]

    assert runner.n_probed > 0
    assert None not in {review.diagnosis and review.diagnosis.n_tried for review in reviews}
    assert len({render_json(replace(review, diagnosis=None)) for review in reviews}) == 1


def test_a_failure_ends_probes_and_nothing_else(plan: Plan, tmp_path: Path) -> None:
    """Where asking again fails, its line is the reason, and the review is what it was."""

    class Failing(ProbedRunner):
        def ask(
            self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
        ) -> Sequence[Answer]:
            if task.name in self.parts and "tuned" not in checkpoint.name:
                raise InfrastructureError("the server is gone", id="runner.no-answer")
            return super().ask(checkpoint, task, items, protocol)

    review, probes = run(plan, Store(tmp_path / "failing"), Failing(suppressed, tokens=64))
    undisturbed = guard(
        plan, store=Store(tmp_path / "s"), runner=ProbedRunner(suppressed, tokens=64)
    )

    assert "runner.no-answer" in probes.why["reasoning"]
    assert probes.tokens > 0, "what the candidate answered was paid for"
    assert review.verdict == undisturbed.verdict


def test_a_second_run_asks_nothing(plan: Plan, store: Store) -> None:
    """Probes are stored like any answer: the same run again gives the same, and asks nothing."""
    first_review, first = run(plan, store, ProbedRunner(suppressed, tokens=64))
    runner = ProbedRunner(suppressed, tokens=64)

    review, probes = run(plan, store, runner)

    assert (runner.n_asked, review, probes) == (0, first_review, first)


def test_probes_are_no_answers_to_their_task(plan: Plan, store: Store) -> None:
    """Neither a later run nor a changed suite takes a probe for an answer; no look counts it."""
    review, _ = run(plan, store, ProbedRunner(suppressed))
    stored = [entry.folder.name for entry in store.entries()]
    probes = [row.key for row in select(store, suite="probes")]

    assert set(review.provenance.questions) == set(stored) - set(probes)
    assert not [entry for entry in store.entries() if examine(entry)]

    # An item more makes another task of it: its answers are taken over, and no probe.
    suite = Path(plan.suites[0])
    support.write_suite(suite.parent, n_items=N_ITEMS + 1, n_said=60)
    runner = ProbedRunner(suppressed)
    lines: list[str] = []
    guard(plan, store=store, runner=runner, tell=lines.append, stops_early=False, probes=False)

    assert not [line for line in lines if "probe" in line or "asked again" in line]
    for key in probes:
        shutil.rmtree(store.entry(key).folder)
    assert guard(plan, store=store, runner=runner, stops_early=False, probes=False)
    assert runner.n_probed == 0


def test_stored_answers_are_compared_as_if_nothing_had_been_probed(
    plan: Plan, store: Store
) -> None:
    """Probes in a store are no second protocol, and who compares it asks nothing again."""
    review, _ = run(plan, store, ProbedRunner(suppressed))
    runner = find_stored(store, find_sides(plan), load_suites(plan.suites), {})

    again, probes = run(replace(plan, protocol=runner.protocol), store, runner)

    assert again.verdict == review.verdict
    assert "stored answers" in probes.why["reasoning"]


# --- what they cost ------------------------------------------------------------------------------


def changed_item(task: Task, item: Item, *, is_broken: bool = True) -> Changed:
    """Return an item that changed, whose wrong answer took 5 tokens."""
    return Changed(task, item, is_broken, 1.0, support.answer(item, 0.0))


def tokens_of_a_run(n_tokens: int) -> RunTokens:
    """Return what a run took whose answers to `ball` read and wrote so many tokens."""
    rows = [replace(support.answer(support.item()), n_prompt_tokens=5)] * 4
    filler = replace(rows[0], n_prompt_tokens=n_tokens)
    return RunTokens(candidate={"ball": rows, "more": [filler]}, base={"ball": rows})


@pytest.mark.parametrize("n_tokens", [10**3, 10**4, 3 * 10**4, 10**5, 10**6])
def test_what_is_chosen_costs_a_tenth_of_the_run_at_the_most(n_tokens: int) -> None:
    """Items, forms and capabilities are left out until the rest fits; those first come first."""
    items = [support.item(number) for number in range(80)]
    task = support.task(items)
    names = ["worst", "second", "third"]
    changed = {
        name: [changed_item(task, i, is_broken=k % 2 == 0) for k, i in enumerate(items)]
        for name in names
    }
    run_tokens = tokens_of_a_run(n_tokens)

    choice = choose(changed, forms("none"), run_tokens, seed=0)

    cost = sum(
        run_tokens.cost(item, form)
        for rows in choice.items.values()
        for item in rows
        for form in choice.forms
    )
    assert cost <= SHARE * run_tokens.in_all
    assert list(choice.items) == names[: len(choice.items)]
    assert sorted([*choice.items, *choice.why]) == sorted(names)
    assert all(len(rows) >= 2 * LEAST_ITEMS for rows in choice.items.values())
    assert n_tokens < 10**6 or len(choice.items) == 3


@pytest.mark.parametrize("n_capabilities", [1, 3, 8])
def test_a_form_is_left_out_only_where_no_capability_can_have_a_dozen(n_capabilities: int) -> None:
    """With tokens for a dozen items of each kind in one capability, all three forms are asked."""
    items = [support.item(number) for number in range(60)]
    task = support.task(items)
    rows = [changed_item(task, i, is_broken=k % 2 == 0) for k, i in enumerate(items)]
    changed = {f"c{number}": rows for number in range(n_capabilities)}
    enough = sum(
        tokens_of_a_run(1).cost(item, form) for item in rows[:24] for form in forms("none")
    )

    chosen = [
        choose(changed, forms("none"), tokens_of_a_run(round(n / SHARE)), seed=0)
        for n in (enough + 1, enough * 0.9 - 10)
    ]

    assert [len(choice.forms) for choice in chosen] == [3, 2]
    assert len(chosen[0].items) == 1


def test_the_cost_is_said_before_anything_is_asked_again(plan: Plan, store: Store) -> None:
    """One line says how many answers are to come, and which share of the run's tokens."""
    said_before: list[int] = []
    runner = ProbedRunner(suppressed, tokens=640)

    def hear(line: str) -> None:
        if line.startswith("probes:"):
            said_before.append(runner.n_probed)

    _, probes = run(plan, store, runner, tell=hear)

    assert said_before == [0]
    assert 0 < probes.tokens == 640 * runner.n_probed
    assert probes.tokens <= SHARE * probes.run_tokens


def test_a_second_run_says_that_its_probes_are_stored(plan: Plan, store: Store) -> None:
    """It asks nothing, and so foretells no tokens."""
    heard: list[str] = []
    for _ in range(2):
        run(plan, store, ProbedRunner(suppressed, tokens=640), tell=heard.append)
    first, second = (line for line in heard if line.startswith("probes:"))

    n_answers = first.split(",")[0]
    assert "of the run's tokens" in first
    assert second == f"{n_answers}, stored"


def test_answers_longer_than_foretold_end_the_forms(plan: Plan, store: Store) -> None:
    """Where the first form took what was meant for all, the others are left out, and said so."""

    class Wordy(ProbedRunner):
        def ask(
            self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
        ) -> Sequence[Answer]:
            answers = super().ask(checkpoint, task, items, protocol)
            n = 8 if task.name in self.parts else 1
            return [replace(a, n_prompt_tokens=n * a.n_prompt_tokens) for a in answers]

    runner = Wordy(suppressed, tokens=640)

    _, probes = run(plan, store, runner)

    forms_left = {form.name for result in probes.results.values() for form in result.forms}
    n_told = [why for why in probes.why.values() if "tokens" in why]
    untried = [line for result in probes.results.values() for line in result.untried]
    assert len(forms_left) < 3
    assert n_told or [line for line in untried if "tokens" in line]


def test_an_items_digest_stays_that_of_the_task(plan: Plan, store: Store) -> None:
    """A part holds the items themselves, under a name and a digest that no task has."""
    runner = ProbedRunner(suppressed)

    run(plan, store, runner)

    for name, part in runner.parts.items():
        whole = {item.id: item for item in part.whole.items}
        assert all(whole[item.id] == item for item in part.task.items)
        assert name not in {"ball", "say"}
        assert part.task.digest not in {part.whole.digest, digest([])}
        assert part.task.terms is None
