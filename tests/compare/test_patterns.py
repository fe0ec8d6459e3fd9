"""Patterns: what is tried, what is found, and in which order it is shown."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import pytest

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.patterns import Patterns, find_patterns
from cliffguard.compare.diagnostics.pulls import pulls_of
from cliffguard.compare.diagnostics.slices import slices_of
from cliffguard.core.diagnosis import Pattern
from cliffguard.core.items import Item
from tests import support
from tests.compare import diagnosed

WORDS = ("ticket", "letter", "lamp", "shell", "coin", "phone", "apple", "cup")
OPENINGS = ("Four friends met at the", "It was a rainy day at the", "A party was held at the")
PLACES = ("barn", "hotel", "market", "school", "library", "office", "attic", "bank", "park", "pub")

Picks = Callable[[Item, random.Random], tuple[str, str]]
"""What the base and the candidate say to an item."""


def story(number: int, rng: random.Random) -> Item:
    """Return a question on a passage that mentions four words, one of them the right answer."""
    choices = tuple(rng.sample(WORDS, 4))
    facts = " ".join(
        f"{rng.choice(support.NAMES)} had a {word}." for word in rng.sample(choices, 4)
    )
    return Item(
        id=f"story-{number:03d}",
        digest=f"{number}",
        prompt=f"{rng.choice(OPENINGS)} {rng.choice(PLACES)}. {facts} So it was the",
        choices=choices,
        answer=rng.choice(choices),
        level=rng.randint(1, 5),
        cluster=None,
    )


def answered(
    picks: Picks, n: int = 300, *, seed: int = 0, cluster: Callable[[Item], str] | None = None
) -> list[CountedItem]:
    """Return `n` stories with the answers of both sides."""
    rng = random.Random(seed)
    items = [story(number, rng) for number in range(n)]
    return [counted(item, *picks(item, rng), cluster=cluster) for item in items]


def counted(
    item: Item, *texts: str, cluster: Callable[[Item], str] | None = None, task: str = "stories"
) -> CountedItem:
    """Return an item with what both sides said to it."""
    base, candidate = (support.answer(item, float(text in item.right), text=text) for text in texts)
    name = item.id if cluster is None else cluster(item)
    return diagnosed.counted(item, base, candidate, task=diagnosed.task_called(task), cluster=name)


def wrong(item: Item, rng: random.Random) -> str:
    """Return a wrong choice."""
    return rng.choice([choice for choice in item.choices if choice != item.answer])


def base_pick(item: Item, rng: random.Random) -> str:
    """Return the right answer four times of five."""
    return item.answer if rng.random() < 0.8 else wrong(item, rng)


def healthy(item: Item, rng: random.Random) -> tuple[str, str]:
    """Return answers of two models that are as good as each other, and seldom agree by design."""
    return base_pick(item, rng), base_pick(item, rng)


def losing(slice_of: Callable[[Item], bool], share: float = 2 / 3) -> Picks:
    """Return answers of a candidate that loses a share of the right answers in a slice."""

    def picks(item: Item, rng: random.Random) -> tuple[str, str]:
        base, candidate = healthy(item, rng)
        lost = slice_of(item) and rng.random() < share
        return base, wrong(item, rng) if lost else candidate

    return picks


def pulled(choose: Callable[[Item], str]) -> Picks:
    """Return answers of a candidate that says this half of the times."""

    def picks(item: Item, rng: random.Random) -> tuple[str, str]:
        base, candidate = healthy(item, rng)
        choice = choose(item)
        return base, choice if choice in item.choices and rng.random() < 0.5 else candidate

    return picks


def shown(items: Sequence[CountedItem]) -> tuple[Pattern, ...]:
    """Return the patterns of one capability."""
    return find_patterns({"reading": items}).by_capability["reading"]


def mention(item: Item, rank: int) -> str:
    """Return the choice that the prompt mentions with this rank, from 0."""
    return sorted(item.choices, key=item.prompt.index)[rank]


# --- the demo's over-trained adapter -------------------------------------------------------------


@cache
def overtrained() -> Patterns:
    """Return the patterns of all that the demo's over-trained adapter was asked."""
    return find_patterns(diagnosed.counted_of(diagnosed.OVERTRAINED))


def test_reading_broke_towards_ticket_and_by_place() -> None:
    """A careful reader of the same answers found both; they are among the first five."""
    patterns = overtrained().by_capability["reading_in_context"][:5]
    by_key = {pattern.key: pattern for pattern in patterns}

    assert patterns[0].key == "pull:word:ticket"
    assert by_key["pull:word:ticket"].is_found
    assert (by_key["pull:word:ticket"].inside, by_key["pull:word:ticket"].outside) == (
        11 / 16,
        1 / 16,
    )
    assert "position:mentioned:end" in by_key


def test_multi_step_broke_towards_places_that_tickets_name() -> None:
    """Office and shop are named in the first pattern; the place of the right answer is below it."""
    patterns = overtrained().by_capability["multi_step_reasoning"][:5]

    assert all(pattern.is_found for pattern in patterns)
    assert patterns[0].key == "pull:several"
    assert '"office"' in patterns[0].name
    assert '"shop"' in patterns[0].name
    assert "position:mentioned:1" in {pattern.key for pattern in patterns}


@pytest.mark.parametrize("capability", ["control", "out_of_domain_qa", "support_tickets"])
def test_what_did_not_break_has_no_pattern(capability: str) -> None:
    """Forty broken questions of the world are balanced by forty that were mended."""
    assert not any(pattern.is_found for pattern in overtrained().by_capability[capability])


# --- what is found -------------------------------------------------------------------------------

SLICES: Mapping[str, Callable[[Item], bool]] = {
    "level:level:3": lambda item: item.level == 3,
    "position:listed:2": lambda item: item.choices[1] == item.answer,
    "position:mentioned:4": lambda item: mention(item, 3) == item.answer,
    "class:label:lamp": lambda item: item.answer == "lamp",
    "template:first:It was a rainy day at the ... .": lambda item: item.prompt.startswith("It was"),
}


@pytest.mark.parametrize("key", SLICES)
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_a_slice_that_lost_comes_first(key: str, seed: int) -> None:
    """Two right answers of three in one slice of 600 items, and nothing elsewhere."""
    first = shown(answered(losing(SLICES[key]), 600, seed=seed))[0]

    assert first.is_found
    assert first.key == key
    assert first.inside > first.outside + 0.3


PULLS: Mapping[str, Callable[[Item], str]] = {
    "pull:word:ticket": lambda _: "ticket",
    "pull:listed:1": lambda item: item.choices[0],
    "pull:mentioned:4": lambda item: mention(item, 3),
}


@pytest.mark.parametrize("key", PULLS)
@pytest.mark.parametrize("seed", range(3))
def test_a_pull_comes_first(key: str, seed: int) -> None:
    """The candidate says it half of the times that it is on offer."""
    first = shown(answered(pulled(PULLS[key]), seed=seed))[0]

    assert first.is_found
    assert first.key == key
    assert first.inside > first.outside


def test_a_short_answer_that_is_given_everywhere() -> None:
    """Without choices an answer is on offer in every item in which it is not right."""

    def generated(item: CountedItem) -> CountedItem:
        return counted(
            replace(item.pair.item, choices=()), item.pair.base.text, item.pair.candidate.text
        )

    items = [generated(item) for item in answered(pulled(lambda item: item.choices[0]))]
    items = [
        counted(item.pair.item, item.pair.base.text, "Unknown." if number % 3 == 0 else "cup")
        for number, item in enumerate(items)
    ]

    keys = {pattern.key for pattern in shown(items) if pattern.is_found}

    assert {"pull:answer:unknown", "pull:answer:cup"} <= keys


def test_answers_that_begin_alike() -> None:
    """A beginning counts where it is new; one that both sides have is a habit."""

    def answer_of(start: str, item: Item, text: str) -> str:
        return f"{start} it was the {text} in the end, in {item.id}"

    items: list[CountedItem] = []
    for item in answered(healthy):
        free = replace(item.pair.item, choices=())
        base = support.answer(free, 1.0, text=answer_of("I think that", free, "cup"))
        habit, new = (
            support.answer(free, 0.0, text=answer_of(start, free, "cup"))
            for start in ("I think that", "As an assistant,")
        )
        candidate = new if len(items) % 3 == 0 else habit
        items.append(
            diagnosed.counted(
                free, base, candidate, task=diagnosed.task_called("t"), cluster=free.id
            )
        )

    keys = {pattern.key for pattern in shown(items) if pattern.is_found}

    assert "pull:begins:as an" in keys
    assert "pull:begins:i think" not in keys


def confident(
    items: Sequence[CountedItem], laws: Sequence[Callable[[random.Random], float]]
) -> list[CountedItem]:
    """Return the items with the confidences that the base and the candidate have by these laws."""
    rng = random.Random(1)

    def sure(item: CountedItem) -> CountedItem:
        base, candidate = (
            replace(answer, confidence=law(rng), finish_reason="choice")
            for answer, law in zip((item.pair.base, item.pair.candidate), laws, strict=True)
        )
        return replace(item, pair=replace(item.pair, base=base, candidate=candidate))

    return [sure(item) for item in items]


def evenly_sure(rng: random.Random) -> float:
    """Return a confidence that is 0.8 or more one time in two."""
    return 0.6 + 0.4 * rng.random()


@pytest.mark.parametrize("seed", range(3))
def test_wrong_more_often_is_not_overconfident(seed: int) -> None:
    """Half of all right answers are lost, and whoever is wrong is as confident as the base was."""
    items = answered(losing(lambda _: True, 0.5), 600, seed=seed)

    rows = shown(confident(items, (evenly_sure, evenly_sure)))

    assert not any(row.is_found and row.kind == "overconfident" for row in rows)


def test_surer_where_it_is_wrong_is_overconfident() -> None:
    """As right as the base, and confident in every answer."""
    rows = shown(confident(answered(healthy, 600), (evenly_sure, lambda _: 0.99)))

    assert any(row.is_found and row.kind == "overconfident" for row in rows)


def test_overconfident_stands_behind_what_says_where() -> None:
    """It is of all items, and surer than any part of them."""
    items = answered(losing(lambda item: item.level == 3))
    patterns = shown(confident(items, (evenly_sure, lambda _: 0.99)))
    kinds = [pattern.kind for pattern in patterns if pattern.is_found]

    assert kinds[0] == "level"
    assert "overconfident" in kinds[1:]


def passages(n_clusters: int, n: int) -> list[CountedItem]:
    """Return items of equal clusters of which one, of twenty-four items or so, is lost whole."""

    def cluster(item: Item) -> str:
        return f"passage {int(item.id.removeprefix('story-')) % n_clusters}"

    items = answered(losing(lambda item: cluster(item) == "passage 7", 1.0), n, cluster=cluster)
    return [replace(item, pair=replace(item.pair, tie=cluster(item.pair.item))) for item in items]


def test_a_whole_cluster_that_fell_is_shown_and_not_found() -> None:
    """The lowest of twenty is one observation: its rank is 1 of 20, however far it fell."""
    rows = [pattern for pattern in shown(passages(20, 480)) if pattern.kind == "cluster"]

    assert [(row.key, row.name) for row in rows] == [
        ("cluster:name:passage 7", "the cluster passage 7")
    ]
    assert rows[0].p_value == pytest.approx(1 / 20)
    assert not rows[0].is_found


# --- what is not found ---------------------------------------------------------------------------


def uneven(item: Item, rng: random.Random) -> tuple[str, str]:
    """Return answers of which six of ten change at two levels, and hardly any elsewhere."""
    base, candidate = healthy(item, rng)
    return base, candidate if item.level in (2, 5) or rng.random() < 0.05 else base


@pytest.mark.parametrize("picks", [pytest.param(healthy, marks=pytest.mark.slow), uneven])
def test_churn_that_differs_is_no_pattern(picks: Picks) -> None:
    """Twenty healthy candidates: at 5 % four are named with a chance below 2 %."""
    n_named = 0
    for seed in range(20):
        report = find_patterns(
            {k: answered(picks, 100, seed=2 * seed + n) for n, k in enumerate("ab")}
        )
        n_named += any(p.is_found for rows in report.by_capability.values() for p in rows)

    assert n_named <= 3


def test_a_loss_everywhere_names_no_place() -> None:
    """Half of all right answers go to any other choice: it is wrong more often, and no more."""
    keys = {p.key for p in shown(answered(losing(lambda _: True))) if p.is_found}

    assert keys <= {"overconfident"}


def claims(
    rights: Callable[[random.Random], str],
    labels: tuple[str, ...],
    candidate: Callable[[str, str, random.Random], str],
    *,
    accuracy: Mapping[str, float] | None = None,
    seed: int = 0,
) -> list[CountedItem]:
    """Return 600 items with these labels; the candidate answers by the right and the base's."""
    rng = random.Random(seed)

    def other(right: str) -> str:
        return rng.choice([label for label in labels if label != right])

    items = []
    for number in range(600):
        right = rights(rng)
        base = right if rng.random() < (accuracy or {}).get(right, 0.8) else other(right)
        item = replace(story(number, rng), choices=labels, answer=right)
        items.append(counted(item, base, candidate(right, base, rng)))
    return items


def mostly_no(rng: random.Random) -> str:
    """Return no four times of five."""
    return "no" if rng.random() < 0.8 else "yes"


LABELS = ("billing", "delivery", "returns", "security")


def mostly_billing(rng: random.Random) -> str:
    """Return a label that is seldom any but the first."""
    return rng.choices(LABELS, (12, 3, 2, 1))[0]


def lost_to(labels: tuple[str, ...]) -> Callable[[str, str, random.Random], str]:
    """Return a candidate that loses three of ten right answers to any other label."""

    def candidate(right: str, base: str, rng: random.Random) -> str:
        others = [label for label in labels if label != right]
        return rng.choice(others) if base == right and rng.random() < 0.3 else base

    return candidate


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("rights", "labels", "accuracy"),
    [
        (mostly_no, ("yes", "no"), None),
        (mostly_no, ("yes", "no"), {"yes": 0.4}),
        (mostly_billing, LABELS, None),
    ],
    ids=["yes and no", "a base that prefers no", "four labels"],
)
def test_right_answers_lost_evenly_are_no_pull_to_a_rare_label(
    rights: Callable[[random.Random], str],
    labels: tuple[str, ...],
    accuracy: Mapping[str, float] | None,
    seed: int,
) -> None:
    """Noise moves picks to what is seldom right, where it is picked far more often in all."""
    rows = shown(claims(rights, labels, lost_to(labels), accuracy=accuracy, seed=seed))

    assert not any(row.is_found and row.kind == "pull" for row in rows)


@pytest.mark.parametrize("rights", [mostly_no, lambda rng: rng.choice(("yes", "no"))])
def test_yes_where_it_is_wrong_and_where_it_is_right_is_a_pull(
    rights: Callable[[random.Random], str],
) -> None:
    """Three times of ten it says yes whatever is right: the rates rise on both sides."""

    def to_yes(_: str, base: str, rng: random.Random) -> str:
        return "yes" if rng.random() < 0.3 else base

    rows = shown(claims(rights, ("yes", "no"), to_yes))

    assert "pull:word:yes" in {row.key for row in rows if row.is_found}
    assert "pull:word:no" not in {row.key for row in rows if row.is_found}


@pytest.mark.parametrize("seed", range(3))
def test_documents_that_flip_as_a_whole_are_no_pattern(seed: int) -> None:
    """Of thirty documents three are lost whole, and three are gained whole."""

    def cluster(item: Item) -> str:
        return f"document {int(item.id[-3:]) % 30}"

    def flipped(item: Item, rng: random.Random) -> tuple[str, str]:
        base = candidate = base_pick(item, rng)
        number = int(item.id[-3:]) % 30
        if number < 3:
            base, candidate = item.answer, wrong(item, rng)
        elif number < 6:
            base, candidate = wrong(item, rng), item.answer
        return base, candidate

    rows = shown(answered(flipped, 450, seed=seed, cluster=cluster))

    assert not any(row.is_found for row in rows)


def test_items_that_fall_together_are_no_evidence_of_a_slice() -> None:
    """Twenty clusters, of which two lose all they have, in whatever slices they lie."""

    def cluster(item: Item) -> str:
        return str(int(item.id[-3:]) % 20)

    def slice_of(item: Item) -> bool:
        return cluster(item) in ("3", "4")

    items = answered(losing(slice_of), cluster=cluster)
    places = [i for i in items if i.pair.item.level in (1, 2) or not slice_of(i.pair.item)]

    assert not any(p.is_found and p.kind == "level" for p in shown(places))


# --- what is tried -------------------------------------------------------------------------------


def test_all_capabilities_share_the_level() -> None:
    """Beside many items that changed by chance the p-value stays, and the q-value does not."""
    items = answered(losing(lambda item: item.level == 3), 120)
    others = {f"other {n}": answered(healthy, seed=n + 1) for n in range(6)}

    alone = find_patterns({"reading": items})
    among = find_patterns({"reading": items, **others})
    (p, q), (p_among, q_among) = (
        (report.by_capability["reading"][0].p_value, report.by_capability["reading"][0].q_value)
        for report in (alone, among)
    )

    assert among.n_tried > alone.n_tried
    assert p_among == p
    assert q_among > q


@pytest.mark.parametrize("n_inside", [11, 12, 188, 189])
def test_a_slice_has_twelve_items_inside_and_outside(n_inside: int) -> None:
    """Eleven are none, on either side."""
    items = [
        replace(item, pair=replace(item.pair, item=replace(item.pair.item, level=number)))
        for item, number in zip(
            answered(healthy, 200), [1] * n_inside + [2] * (200 - n_inside), strict=True
        )
    ]
    levels = [part for part in slices_of(items) if part.trait.kind == "level"]

    assert len(levels) == (2 if 12 <= n_inside <= 188 else 0)


def test_the_same_items_are_tried_once() -> None:
    """Levels that are tasks, and classes that are places: the first name in the order stays."""
    items = []
    for item in answered(healthy, 90):
        level = item.pair.item.level or 0
        single = replace(item.pair.item, choices=("yes", "no"), answer=("yes", "no")[level % 2])
        items.append(counted(single, "yes", "no", task=f"task {level}"))

    kinds = [part.trait.kind for part in slices_of(items)]
    members = [part.inside.tobytes() for part in slices_of(items)]

    assert len(set(members)) == len(members)
    assert kinds.count("level") == 5
    assert "task" not in kinds
    assert "position" in kinds
    assert "class" not in kinds


def test_clusters_that_are_called_alike_are_slices_of_their_own() -> None:
    """As those whose names differ by blanks alone."""
    rng, items = random.Random(1), []
    for number in range(90):
        item = replace(story(number, rng), cluster=("a b", "a  b", "zz")[number % 3])
        items.append(counted(item, item.answer, item.answer, cluster=lambda i: str(i.cluster)))

    sizes = {
        part.trait.key: int(part.inside.sum())
        for part in slices_of(items)
        if part.trait.kind == "cluster"
    }

    assert sizes == {
        "cluster:name:a b#0": 30, "cluster:name:a b#1": 30, "cluster:name:zz": 30,
    }  # fmt: skip


def test_no_slice_looks_at_an_answer() -> None:
    """Whatever is said, and however long, the slices are the same."""
    items = answered(healthy, 120)
    others = [counted(item.pair.item, "x", "y" * n) for n, item in enumerate(items)]

    before, after = (
        [(part.trait, part.inside.tolist()) for part in slices_of(rows)] for rows in (items, others)
    )

    assert before == after


def test_pulls_favour_no_side() -> None:
    """Which pulls are looked at stays when base and candidate change places."""
    items = answered(pulled(lambda _: "ticket"), 120)
    free = [
        counted(replace(i.pair.item, choices=()), i.pair.base.text, i.pair.candidate.text)
        for i in items
    ]
    for rows in (items, free):
        turned = [counted(i.pair.item, i.pair.candidate.text, i.pair.base.text) for i in rows]
        assert {p.trait for p in pulls_of(rows)} == {p.trait for p in pulls_of(turned)}


def test_nothing_changed_nothing_is_tried() -> None:
    """A candidate that is the base, and a capability without items."""
    same = answered(lambda item, _: (item.answer, item.answer))

    patterns = find_patterns({"same": same, "empty": []})

    assert patterns.n_tried == 0
    assert patterns.by_capability == {"same": (), "empty": ()}
    assert patterns.by_item == {}


def test_choices_that_were_not_logged_are_no_pull() -> None:
    """Another harness may log no texts; what was picked is not known."""
    silent = [
        replace(
            item,
            pair=replace(
                item.pair,
                base=replace(item.pair.base, text=""),
                candidate=replace(item.pair.candidate, text=""),
            ),
        )
        for item in answered(pulled(lambda _: "ticket"))
    ]

    assert {pull.trait.kind for pull in pulls_of(silent)} <= {"overconfident"}


# --- how it is shown -----------------------------------------------------------------------------


def test_items_know_the_patterns_that_they_belong_to() -> None:
    """Of a slice all its items; of a pull those in which the candidate is wrong by it."""
    items = answered(pulled(lambda item: "ticket" if (item.level or 0) > 1 else ""))
    report = find_patterns({"reading": items})

    drawn = {key for key, patterns in report.by_item.items() if "pull:word:ticket" in patterns}

    assert drawn == {
        item.key
        for item in items
        if item.pair.candidate.text == "ticket" and item.pair.item.answer != "ticket"
    }
    shown_keys = {pattern.key for pattern in report.by_capability["reading"]}
    assert {key for keys in report.by_item.values() for key in keys} <= shown_keys


def test_what_shows_a_text_says_so() -> None:
    """Words of the data may have to be left out; what is no text stays."""
    report = find_patterns(diagnosed.counted_of(diagnosed.OVERTRAINED))
    rows = [pattern for patterns in report.by_capability.values() for pattern in patterns]
    kept = " ".join(f"{row.key} {row.name}" for row in rows if not row.shows_text)
    away = " ".join(f"{row.key} {row.name}" for row in rows if row.shows_text)

    assert "position:mentioned:1" in kept
    for word in ("ticket", "office", "bedroom", "We know"):
        assert word in away
        assert word not in kept


def test_keys_are_short_and_can_be_written() -> None:
    """A template of a long prompt, and half a character, which UTF-8 has not."""

    def long(item: CountedItem) -> CountedItem:
        start = "\ud83d " + "and so on " * 30 if item.pair.item.level == 3 else "Now"
        return counted(
            replace(item.pair.item, prompt=f"{start} {item.pair.item.prompt}"),
            item.pair.base.text,
            item.pair.candidate.text,
        )

    report = find_patterns(
        {"reading": [long(i) for i in answered(losing(lambda item: item.level == 3))]}
    )
    keys = [pattern.key for pattern in report.by_capability["reading"]]

    assert any(key.startswith("template:") for key in keys)
    assert len(set(keys)) == len(keys)
    assert all(len(key.encode("utf-8")) <= 85 for key in keys)
    assert all(pattern.name.encode("utf-8") for pattern in report.by_capability["reading"])


def test_several_words_are_one_pattern_and_then_each_its_own() -> None:
    """The words together come first, by name; each by itself comes later."""
    words = ("ticket", "lamp", "cup")
    picks = pulled(lambda item: next((c for c in item.choices if c in words), ""))
    patterns = [pattern for pattern in shown(answered(picks, 600)) if pattern.is_found]
    keys = [pattern.key for pattern in patterns]

    assert keys[0] == "pull:several"
    assert all(f'"{word}"' in patterns[0].name for word in words)
    assert {f"pull:word:{word}" for word in words} <= set(keys[1:])
    assert patterns[0].n_items > max(p.n_items for p in patterns[1:] if p.kind == "pull")
    assert len(set(keys)) == len(keys)


def test_what_repeats_a_surer_slice_stands_behind_it() -> None:
    """Level 3 lost, so that its prompts did; a loss of its own, though less sure, is before."""

    def lifted(item: CountedItem) -> CountedItem:
        start = "Listen, all of you." if item.pair.item.level in (3, 4) else ""
        return counted(
            replace(item.pair.item, prompt=f"{start} {item.pair.item.prompt}"),
            item.pair.base.text,
            item.pair.candidate.text,
        )

    def is_lost(item: Item) -> bool:
        return item.level == 3 or (item.choices[1] == item.answer and int(item.id[-3:]) % 2 == 0)

    patterns = shown([lifted(item) for item in answered(losing(is_lost), 900)])
    keys = [pattern.key for pattern in patterns]
    echo = keys.index("template:first:Listen , all of you .")
    second = keys.index("position:listed:2")

    assert keys[0] == "level:level:3"
    assert 0 < second < echo
    assert patterns[echo].p_value < patterns[second].p_value


def test_at_most_five_stand_beside_what_is_found() -> None:
    """And each of them would be of interest if it were the only question."""
    for seed in range(5):
        beside = [p for p in shown(answered(healthy, seed=seed)) if not p.is_found]

        assert len(beside) <= 5
        assert all(pattern.p_value <= 0.1 for pattern in beside)


def test_the_same_items_give_the_same_patterns() -> None:
    """Nothing is drawn at random."""
    items = answered(losing(lambda item: item.level == 3))

    assert find_patterns({"reading": items}) == find_patterns({"reading": list(items)})
