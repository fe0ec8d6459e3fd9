"""Planning: every prediction is read once, from a token that sees its own ancestors alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cliffguard.engine.generation import MIN_SHARED_TOKENS, first_of, prompt_groups
from cliffguard.engine.packed_rows import Branch, PackedRow, PassLimits, Scored
from cliffguard.engine.packing import plan
from tests import support
from tests.engine.tiny import ints, token_trees

ROOMY = PassLimits(row_tokens=10**6, batch_tokens=10**6, batch_reads=10**6)


@st.composite
def problems(draw: st.DrawFn) -> list[Scored]:
    """Draw sequences, each with the number of its predictions that are read."""
    trees = draw(token_trees())
    counts = draw(st.lists(st.integers(1, 120), min_size=len(trees), max_size=len(trees)))
    return [
        # Targets of their own for each request, so that one taken for another shows.
        Scored(
            tokens=ints(tokens),
            targets=np.arange(min(count, len(tokens)), dtype=np.int64) + 1000 * number,
        )
        for number, (tokens, count) in enumerate(zip(trees, counts, strict=True))
    ]


def limits() -> st.SearchStrategy[PassLimits]:
    """Draw small limits."""
    return st.builds(
        PassLimits,
        row_tokens=st.integers(1, 40),
        batch_tokens=st.integers(1, 200),
        batch_reads=st.integers(1, 100),
        batch_sequences=st.none() | st.integers(1, 5),
    )


def scored(*sequences: Sequence[int]) -> list[Scored]:
    """Return sequences of which every prediction is read."""
    return [Scored(tokens=ints(sequence), targets=ints(sequence) + 100) for sequence in sequences]


def passes(tree: Branch) -> Iterator[tuple[tuple[int, ...], tuple[PackedRow, ...]]]:
    """Yield each pass's rows, and the tokens of the prefix that they stand below."""
    stack: list[tuple[Branch, tuple[int, ...]]] = [(tree, ())]
    while stack:
        branch, prefix = stack.pop()
        if branch.row is not None:
            yield prefix, (branch.row,)
            prefix = (*prefix, *branch.row.tokens.tolist())
        for batch in branch.batches:
            yield prefix, batch
        stack += [(below, prefix) for below in branch.branches]


def reads(row: PackedRow) -> list[tuple[int, int, int, int]]:
    """Return (place, target, request, offset) of each prediction that is read from a row."""
    columns = (row.reads.position, row.reads.target, row.reads.request, row.reads.offset)
    return list(zip(*(column.tolist() for column in columns), strict=True))


PREFIX_ENDS_INSIDE = scored([1, 2, 3, 4, 5, 6], [1, 2, 3], [1, 2, 3, 7], [1, 2, 3], [9])
ENDS_WITH_A_PREFIX = scored([1] * 70, *([1] * 70 + [2] * 70 + [n] * 2 for n in range(3, 9)))
LONG_SHARED = scored([1] * 100 + [2], [1] * 100 + [3, 4, 5], [1] * 100, [1] * 90 + [2] * 20)


@given(problem=problems(), limit=limits())
@example(problem=PREFIX_ENDS_INSIDE, limit=PassLimits(row_tokens=4, batch_tokens=8, batch_reads=8))
@example(problem=LONG_SHARED, limit=PassLimits(row_tokens=3, batch_tokens=8, batch_reads=8))
@settings(max_examples=150, deadline=None)
def test_every_prediction_is_read_once_from_its_own_ancestors(
    problem: list[Scored], limit: PassLimits
) -> None:
    """What a read token sees spells its sequence from the start, at positions 0, 1, 2 …"""
    counts: Counter[tuple[int, int]] = Counter()
    for prefix, rows in passes(plan(problem, limit)):
        for row in rows:
            for position, target, request, offset in reads(row):
                sequence = problem[request]
                seen = [i for i in range(position + 1) if position < row.end[i]]
                spelt = [*prefix, *row.tokens[seen].tolist()]
                assert spelt == sequence.tokens[: sequence.first_read + offset + 1].tolist()
                assert row.position[seen].tolist() == list(range(len(prefix), len(spelt)))
                assert target == sequence.targets[offset]
                counts[request, offset] += 1

    wanted = [
        (n, offset) for n, sequence in enumerate(problem) for offset in range(len(sequence.targets))
    ]
    assert counts == Counter(wanted), "a prediction is read twice, or not at all"


@given(problem=problems(), limit=limits())
@settings(max_examples=80, deadline=None)
def test_a_pass_keeps_within_its_limits(problem: list[Scored], limit: PassLimits) -> None:
    """Only a row alone exceeds them, and only by what its sequences share or one of them has."""
    for prefix, rows in passes(plan(problem, limit)):
        for row in rows:
            longest = int(row.position.max(initial=-1)) + 1 - len(prefix)
            assert row.is_chain or len(row.tokens) <= longest + limit.row_tokens
        if len(rows) > 1:
            assert len(rows) * max(len(row.tokens) for row in rows) <= limit.batch_tokens
            assert sum(len(row.reads.position) for row in rows) <= limit.batch_reads
            n_sequences = sum(row.n_sequences for row in rows)
            assert limit.batch_sequences is None or n_sequences <= limit.batch_sequences


@given(problem=problems(), limit=limits())
@example(
    problem=ENDS_WITH_A_PREFIX, limit=PassLimits(row_tokens=2, batch_tokens=64, batch_reads=64)
)
@settings(max_examples=80, deadline=None)
def test_no_row_is_empty(problem: list[Scored], limit: PassLimits) -> None:
    """A sequence that ends with a prefix has its prediction read there, and needs no row."""
    rows = [row for _, batch in passes(plan(problem, limit)) for row in batch]

    assert all(len(row.tokens) for row in rows), "a pass over no tokens makes the model fail"


@given(problem=problems(), limit=limits(), random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_requests_changes_nothing(
    problem: list[Scored], limit: PassLimits, random: Any
) -> None:
    """The same requests in another order are computed in the same passes."""
    order = list(range(len(problem)))
    random.shuffle(order)

    def drawn(tree: Branch, names: Sequence[int]) -> list[Any]:
        return [
            (
                prefix,
                [
                    (
                        row.tokens.tolist(),
                        row.position.tolist(),
                        row.end.tolist(),
                        sorted((p, t, names[request], o) for p, t, request, o in reads(row)),
                    )
                    for row in rows
                ],
            )
            for prefix, rows in passes(tree)
        ]

    shuffled = plan([problem[number] for number in order], limit)

    assert drawn(shuffled, order) == drawn(plan(problem, limit), range(len(problem)))


@given(problem=problems())
@settings(max_examples=50, deadline=None)
def test_with_room_every_shared_token_is_computed_once(problem: list[Scored]) -> None:
    """In one row there are as many tokens as the sequences have distinct prefixes."""
    computed = sum(len(row.tokens) for _, rows in passes(plan(problem, ROOMY)) for row in rows)
    distinct = {
        sequence.tokens[:n].tobytes()
        for sequence in problem
        for n in range(1, len(sequence.tokens) + 1)
    }

    assert computed == len(distinct)


def test_a_long_prefix_is_computed_once() -> None:
    """Sequences that do not fit one row share the pass of their prefix."""
    problem = scored(*([7] * 200 + [n] * 10 for n in range(20)))
    tree = plan(problem, PassLimits(row_tokens=32, batch_tokens=128, batch_reads=128))

    assert [len(branch.row.tokens) for branch in tree.branches if branch.row] == [200]
    assert sum(len(row.tokens) for _, rows in passes(tree) for row in rows) == 200 + 20 * 10


def test_nothing_is_planned_for_nothing() -> None:
    """No sequences, no passes."""
    assert list(passes(plan([], ROOMY))) == []


@pytest.mark.slow
@pytest.mark.parametrize("row_tokens", [8, 10**6])
def test_deep_nesting_is_planned_without_recursion(row_tokens: int) -> None:
    """2000 prefixes, each within the next, are planned in seconds."""
    text = np.arange(4000, dtype=np.int64)
    problem = [
        Scored(tokens=text[: 2 * n], targets=text[2 * n : 2 * n + 1]) for n in range(1, 2000)
    ]
    start = time.process_time()
    tree = plan(problem, PassLimits(row_tokens=row_tokens, batch_tokens=10**6, batch_reads=10**6))

    seconds = (time.process_time() - start) / support.slowness()
    assert seconds < 10, "planning 2000 nested prefixes takes seconds at most"
    n_read = 0
    stack = [tree]  # `passes` would copy all prefixes
    while stack:
        branch = stack.pop()
        rows = [branch.row] if branch.row else []
        n_read += sum(len(row.reads.position) for row in [*rows, *sum(branch.batches, ())])
        stack += branch.branches
    assert n_read == len(problem)


@given(prompts=token_trees(longest=100))
@example(prompts=[[1] * 50, [1] * 50, [1] * 33, [1] * 32, [2]])
@settings(max_examples=100, deadline=None)
def test_prompt_groups_share_what_they_say_they_share(prompts: list[list[int]]) -> None:
    """Each prompt is in one group; a shared prefix is in all members and shorter than each."""
    groups = prompt_groups([ints(prompt) for prompt in prompts])

    numbers = [number for _, members in groups for number in members]
    assert sorted(numbers) == list(range(len(prompts)))
    for n_shared, members in groups:
        assert n_shared == 0 or n_shared >= MIN_SHARED_TOKENS
        assert all(
            prompts[member][:n_shared] == prompts[members[0]][:n_shared] for member in members
        )
        assert all(n_shared < len(prompts[member]) for member in members)
        assert [len(prompts[member]) for member in members] == sorted(
            (len(prompts[member]) for member in members), reverse=True
        )


@given(sizes=st.lists(st.integers(1, 9), max_size=8), n_rows=st.integers(1, 7))
def test_prompts_are_taken_in_order_as_many_as_there_is_room_for(
    sizes: list[int], n_rows: int
) -> None:
    """Every time but the last as many as may; no prompt is lost or doubled, or its prefix."""
    numbers = iter(range(sum(sizes)))
    groups = [(number, [next(numbers) for _ in range(size)]) for number, size in enumerate(sizes)]
    prefix_of = {n: prefix for prefix, members in groups for n in members}

    taken = []
    while groups:
        taken.append(first_of(groups, n_rows))

    held = [[n for _, members in groups for n in members] for groups in taken]
    assert [n for some in held for n in some] == [*range(sum(sizes))]
    assert all(len(some) == n_rows for some in held[:-1])
    assert all(0 < len(some) <= n_rows for some in held)
    assert all(prefix_of[n] == prefix for some in taken for prefix, ns in some for n in ns)


def test_many_unlike_prompts_are_grouped_in_seconds() -> None:
    """2000 nested prompts without a long prefix in common end in few groups, soon."""
    prompts = [ints([*[1] * n, 2]) for n in range(2000)]
    start = time.process_time()
    groups = prompt_groups(prompts)

    seconds = (time.process_time() - start) / support.slowness()
    assert seconds < 10, "grouping 2000 prompts takes seconds at most"
    assert sum(len(members) for _, members in groups) == 2000
