"""Rows of generation: replaced when they end, looked at in blocks, and the same answers always."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.overrides import TorchFunctionMode

from cliffguard.engine import generation
from cliffguard.engine.decoding import RowCache
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.passes import Model
from cliffguard.engine.stopping import GeneratedText, Stop
from tests import support
from tests.engine import tiny
from tests.engine.test_generation import SHARED, requests_of

_random = np.random.default_rng(0)
PROMPTS = [
    SHARED * bool(n % 3) + "".join(_random.choice(list(tiny.LETTERS), size=length))
    for n, length in enumerate([1, 90, 3, 60, 7, 2, 70, 1, 30, 9, 40, 4])
]
"""Of very unlike lengths, below a prefix or not."""

UNTIL = ("bb", "c\n", ".g", "  ", "dddd")


@pytest.fixture(scope="module")
def model() -> Any:
    """A random Llama that says a few letters, spaces, dots and newlines, and ends."""
    return tiny.llama(seed=0, speaks=tiny.LETTERS)


def generated(model: Any, n_rows: int, block_tokens: int, **wanted: Any) -> list[GeneratedText]:
    """Return the answers to all prompts under such limits."""
    budget = replace(tiny.TIGHT, generation_rows=n_rows, block_tokens=block_tokens)
    return tiny.ours(model, budget=budget).generate(requests_of(*PROMPTS, **wanted))


@pytest.mark.slow
@pytest.mark.parametrize("until", [(), UNTIL])
def test_greedy_answers_are_those_of_lm_eval_in_whatever_rows_and_blocks(
    model: Any, until: tuple[str, ...]
) -> None:
    """Prompts of very unlike length, rows that are replaced, ends within blocks: text for text."""
    expected = tiny.theirs(model).generate_until(requests_of(*PROMPTS, until=until, n=24))
    alone = generated(model, 1, 1, until=until, n=24)
    assert [answer.text for answer in alone] == expected
    for n_rows, block_tokens in ((3, 1), (3, 4), (40, 7)):
        assert_alike(generated(model, n_rows, block_tokens, until=until, n=24), alone)


def assert_alike(answers: list[GeneratedText], alone: list[GeneratedText]) -> None:
    """Fail unless answers are those of prompts that were continued alone, but for rounding."""
    assert [answer.text for answer in answers] == [answer.text for answer in alone]
    assert [(a.finish_reason, a.n_tokens) for a in answers] == [
        (a.finish_reason, a.n_tokens) for a in alone
    ]
    for answer, other in zip(answers, alone, strict=True):
        assert answer.mean_logprob == pytest.approx(other.mean_logprob, abs=1e-5)
        assert answer.margin == pytest.approx(other.margin, abs=1e-4)


def test_a_row_that_ends_is_replaced(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While prompts wait, every step has all its rows; they leave one by one after that."""
    lm = tiny.ours(model, budget=replace(tiny.TIGHT, generation_rows=4))
    n_rows: list[int] = []
    n_reads: list[int] = []
    step, read = Model.step, generation._ActiveRows._read

    def stepped(self: Model, ids: torch.Tensor, cache: RowCache) -> torch.Tensor:
        n_rows.append(len(ids))
        return step(self, ids, cache)

    def noted(self: Any, groups: Any) -> None:
        n_reads.append(len(n_rows))
        read(self, groups)

    monkeypatch.setattr(Model, "step", stepped)
    monkeypatch.setattr(generation._ActiveRows, "_read", noted)
    answers = lm.generate(requests_of(*PROMPTS, until=UNTIL, n=24))

    assert len({answer.n_tokens for answer in answers}) > 5, "these answers must end apart"
    assert sum(n_rows) == sum(answer.n_tokens - 1 for answer in answers)
    # A row that ended is not fed, and the one that is read for it is in the step after that.
    waiting = n_rows[: n_reads[-1]]
    n_replaced = len(PROMPTS) - 4
    assert 4 * len(waiting) - sum(waiting) <= n_replaced


def test_nothing_is_read_back_within_a_block(model: Any) -> None:
    """What is generated stays on the device until the block is whole, and is then read once."""

    class Waits(TorchFunctionMode):
        """Counts what waits for the device."""

        names = ("tolist", "item", "cpu", "numpy", "__int__", "__bool__", "__float__", "nonzero")
        n = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
            self.n += getattr(func, "__name__", "") in self.names
            return func(*args, **(kwargs or {}))

    lm = tiny.ours(model, budget=replace(tiny.TIGHT, generation_rows=8, block_tokens=8))
    requests = requests_of(*PROMPTS[:8], n=25)
    n_blocks = 0
    block = generation._ActiveRows._block

    def noted(self: Any, n_most: int) -> torch.Tensor:
        nonlocal n_blocks
        n_blocks += 1
        with waits:
            return block(self, n_most)

    waits = Waits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation._ActiveRows, "_block", noted)
        answers = lm.generate(requests)

    assert max(answer.n_tokens for answer in answers) == 25
    assert n_blocks == math.ceil(25 / 8)
    assert waits.n == 3 * n_blocks, "tokens, log-probabilities and leads, once a block"


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.sampled_from(["a", "b", " ", "\n", "ab", "é", "▁", "b a", ""]), max_size=30),
    stops=st.lists(
        st.sampled_from(["a", "ab", " ", "\n\n", "b a", "é", "a\n", "ba b"]), max_size=3
    ),
    cuts=st.lists(st.integers(1, 6), min_size=30, max_size=30),
)
def test_a_look_at_a_block_finds_what_a_look_at_each_token_finds(
    pieces: list[str], stops: list[str], cuts: list[int]
) -> None:
    """The end is the same token, however the tokens are cut into blocks."""
    lm = _lm()
    tokens = lm.tok_encode("".join(pieces))
    each, blocks = Stop(lm, stops), Stop(lm, stops)

    one_by_one = next((n for n in range(1, len(tokens) + 1) if each(tokens[:n], n - 1)), None)

    n_seen = 0
    ended = None
    for cut in cuts:
        if n_seen == len(tokens) or ended is not None:
            break
        upto = min(len(tokens), n_seen + cut)
        ended = blocks(tokens[:upto], n_seen)
        n_seen = upto
    assert ended == one_by_one


_made: list[CliffguardLM] = []


def _lm() -> CliffguardLM:
    if not _made:
        _made.append(tiny.ours(tiny.llama(seed=0)))
    return _made[0]


def test_answers_that_ended_outlive_a_lack_of_memory(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has ended before memory runs out is not generated again."""
    expected = generated(model, 8, 1, until=UNTIL, n=24)
    budget = replace(tiny.TIGHT, generation_rows=8)
    lm = tiny.ours(model, budget=budget)
    step, n_left, tried = Model.step, [12], []
    results = generation._Row.result

    def short(self: Model, ids: torch.Tensor, cache: RowCache) -> torch.Tensor:
        n_left[0] -= 1
        if n_left[0] == 0:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return step(self, ids, cache)

    def noted(self: Any) -> generation.Generated:
        tried.append(self.number)
        return results(self)

    monkeypatch.setattr(Model, "step", short)
    monkeypatch.setattr(generation._Row, "result", noted)
    answers = lm.generate(requests_of(*PROMPTS, until=UNTIL, n=24))

    assert lm.budget.generation_rows == 4
    assert sorted(tried) == list(range(len(PROMPTS))), "each answer ended once"
    assert [(a.text, a.n_tokens) for a in answers] == [(a.text, a.n_tokens) for a in expected]


def test_a_row_that_does_not_fit_alone_ends_the_run(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even one row fits, one line says so, and the run can be tried again."""

    def short(*_: Any) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    lm = tiny.ours(model, budget=replace(tiny.TIGHT, generation_rows=8))
    monkeypatch.setattr(Model, "step", short)

    with support.refused("memory.too-small", 20):
        lm.generate(requests_of(*PROMPTS, n=24))


def test_rows_that_stay_keep_what_they_hold() -> None:
    """Whichever rows leave, each of the others is found with its own columns and length."""
    for going in ([0, 2, 5], [5], [], [0, 1, 2, 3, 4, 5], [1, 3, 4]):
        cache = RowCache(6, 9, device="cpu")
        keys = torch.arange(6.0)[:, None, None, None].expand(6, 1, 4, 2).contiguous()
        cache.add((), ((keys, -keys),), [4, 3, 2, 1, 4, 2])

        order = cache.keep(going)

        assert sorted(order) == going
        assert [int(row[0, 0, 0]) for row in cache.layers[0].keys[: len(going)]] == order
        assert [int(row[0, 0, 0]) for row in cache.layers[0].values[: len(going)]] == [
            -n for n in order
        ]
        assert cache.lengths == [[4, 3, 2, 1, 4, 2][n] for n in order]
        assert cache.next_column().tolist() == [[4, 3, 2, 1, 4, 2][n] for n in order]
