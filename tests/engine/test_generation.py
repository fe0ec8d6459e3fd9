"""Generated answers: lm-eval's own text where it is greedy, reproducible where it is sampled."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import pytest
import torch

from cliffguard.engine import generation
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.passes import Model
from cliffguard.engine.stopping import GeneratedText, from_plain_text
from tests import support
from tests.engine import tiny
from tests.support import byte_tokenizer

SHARED = "Question: what is it that Ann gave to Bob? "
PROMPTS = [
    SHARED + "Answer:",
    "Bob",
    SHARED + "Think first, then answer in one word:",
    SHARED,
    "Ann and Bob are",
    SHARED + "Answer:",
    "Ann",
    "the ball " * 9,
]


@pytest.fixture(scope="module")
def model() -> Any:
    """A random Llama that says a few letters, spaces, dots and newlines."""
    return tiny.llama(seed=4, speaks=tiny.LETTERS)


@pytest.fixture
def lm(model: Any) -> CliffguardLM:
    """The engine around it, two answers side by side."""
    return tiny.ours(model)


def requests_of(
    *prompts: str, n: int = 24, until: tuple[str, ...] = (), **settings: Any
) -> list[Any]:
    """Return requests of one kind for all prompts."""
    wanted = {"until": list(until), "max_gen_toks": n, **settings}
    return tiny.instances("generate_until", [(prompt, wanted) for prompt in prompts])


def texts(answers: list[GeneratedText]) -> list[str]:
    """Return what was said."""
    return [answer.text for answer in answers]


# --- greedy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("until", [(), ("\n",), ("bb", "c\n", ".g"), ("zzz", " f")])
def test_greedy_answers_are_those_of_lm_eval(seed: int, until: tuple[str, ...]) -> None:
    """Shared prefixes, unlike lengths, more prompts than a batch holds: text for text."""
    model = tiny.llama(seed=seed, speaks=tiny.LETTERS)
    requests = requests_of(*PROMPTS, until=until)

    assert tiny.ours(model).generate_until(requests) == tiny.theirs(model).generate_until(requests)


def test_prompts_of_several_prefixes_are_continued_side_by_side(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three subtasks of two items each make one batch of six rows, and the same texts."""
    heads = [f"Task {letter}: say what Ann gave to Bob, in a word. " for letter in "abc"]
    requests = requests_of(*(head + item for head in heads for item in ("Now:", "And now this:")))
    together = tiny.ours(model, budget=None)
    n_rows: list[int] = []
    step = Model.step
    monkeypatch.setattr(
        Model, "step", lambda self, ids, cache: (n_rows.append(len(ids)), step(self, ids, cache))[1]
    )

    answers = together.generate_until(requests)

    assert n_rows[0] == 6
    monkeypatch.undo()
    assert answers == tiny.theirs(model).generate_until(requests)


def test_requests_of_one_call_may_differ_in_settings(lm: CliffguardLM, model: Any) -> None:
    """Lengths and stop strings belong to a request, not to the call."""
    requests = [
        *requests_of(*PROMPTS[:3], n=5),
        *requests_of(*PROMPTS[:3], n=17, until=("b",)),
        *requests_of(*PROMPTS[2:5], n=9, do_sample=False, temperature=0.0),
    ]

    assert lm.generate_until(requests) == tiny.theirs(model).generate_until(requests)


def test_a_prompt_longer_than_its_window_loses_its_beginning(model: Any) -> None:
    """The newest tokens stay, as in lm-eval, with room for the answer."""
    requests = requests_of(*PROMPTS, n=8)

    answers = tiny.ours(model, max_length=30).generate_until(requests)

    assert answers == tiny.theirs(model, max_length=30).generate_until(requests)


def test_a_limit_that_leaves_no_room_for_a_prompt_is_refused(model: Any) -> None:
    """An answer as long as the window has no prompt to follow."""
    with pytest.raises(ValueError, match="max_gen_toks 30 leaves no room for a prompt"):
        tiny.ours(model, max_length=30).generate_until(requests_of("Ann", n=30))


def test_an_answer_says_how_it_ended(lm: CliffguardLM) -> None:
    """At a stop string, at an end token of its own, or at the limit of tokens."""
    (long,) = lm.generate(requests_of("Ann", n=12))
    (stopped,) = lm.generate(requests_of("Ann", n=12, until=(long.text[5:8],)))
    (ended,) = tiny.ours(tiny.llama(seed=0, speaks=tiny.LETTERS)).generate(requests_of("Ann", n=12))

    assert (long.finish_reason, long.n_tokens, len(long.text)) == ("length", 12, 12)
    assert stopped.finish_reason == "string"
    assert stopped.text == long.text.split(long.text[5:8])[0]
    assert ended.finish_reason == "stop"
    assert ended.n_tokens == len(ended.text) + 1, "the end token is counted, and not said"


def test_a_stop_string_before_the_first_word_is_no_end_of_an_answer(lm: CliffguardLM) -> None:
    """The model was silenced and did not end: told apart from an end token at once."""
    (long,) = lm.generate(requests_of("Ann", n=12))

    (silenced,) = lm.generate(requests_of("Ann", n=12, until=(long.text[:3],)))

    assert (silenced.text, silenced.finish_reason) == ("", "stopped")


def test_the_mean_logprob_is_the_models_own(lm: CliffguardLM, model: Any) -> None:
    """It is the mean over all tokens, as a plain pass over prompt and answer computes them."""
    for prompt, answer in zip(PROMPTS, lm.generate(requests_of(*PROMPTS, n=16)), strict=True):
        end = [257] if answer.finish_reason == "stop" else []
        tokens = tiny.ints([*lm.tok_encode(prompt + answer.text), *end])
        n = answer.n_tokens
        plain = tiny.logprobs(model, tokens)[-n - 1 : -1]
        top = plain.topk(2).values
        expected = plain[torch.arange(n), torch.from_numpy(tokens[-n:])].mean()
        assert answer.mean_logprob == pytest.approx(float(expected), abs=1e-4)
        assert answer.margin == pytest.approx(float((top[:, 0] - top[:, 1]).min()), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("repetition_penalty", 1.8), ("exponential_decay_length_penalty", (1, 30.0))],
)
def test_settings_that_bend_greedy_decoding_are_left_to_transformers(
    name: str, value: Any, lm: CliffguardLM
) -> None:
    """A checkpoint's repetition penalty holds, on lm-eval's own path."""
    requests = requests_of(*PROMPTS)
    plain = lm.generate_until(requests)
    bent = tiny.llama(seed=4, speaks=tiny.LETTERS)
    setattr(bent.generation_config, name, value)

    answers = tiny.ours(bent).generate(requests)

    assert texts(answers) == tiny.theirs(bent).generate_until(requests)
    assert texts(answers) != plain, "the penalty of this test must change answers"
    assert {answer.mean_logprob for answer in answers} == {None}


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("eos_token_id", "x", ("generation.eos-token", 12, "eos_token_id", "'x'")),
        ("repetition_penalty", -1.0, ("generation.refused", 12)),
    ],
)
def test_settings_that_nobody_can_generate_with_are_the_checkpoints_fault(
    name: str, value: Any, error: Any
) -> None:
    """What a generation config says may be anything."""
    odd = tiny.llama(seed=4, speaks=tiny.LETTERS)
    setattr(odd.generation_config, name, value)

    with support.refused(*error):
        tiny.ours(odd).generate(requests_of(*PROMPTS))


# --- sampled -------------------------------------------------------------------------------------

SAMPLED: dict[str, Any] = {"do_sample": True, "temperature": 1.0}


def test_a_seed_decides_what_is_sampled(lm: CliffguardLM, model: Any) -> None:
    """The same seed says the same again, another one something else."""
    requests = requests_of(*PROMPTS, **SAMPLED)
    first = texts(lm.generate(requests))

    assert texts(lm.generate(requests)) == first
    assert texts(tiny.ours(model).generate(requests)) == first
    assert texts(tiny.ours(model, seed=1).generate(requests)) != first


def test_a_repeated_request_is_sampled_anew(lm: CliffguardLM) -> None:
    """Three answers to one prompt are three draws."""
    answers = texts(lm.generate(requests_of("Ann", "Ann", "Ann", **SAMPLED)))

    assert len(set(answers)) == 3


def test_a_sample_does_not_depend_on_its_batch(lm: CliffguardLM) -> None:
    """Alone, among others, in another order or in larger batches, a prompt's answer stays."""
    settings = {"do_sample": True, "temperature": 0.7, "top_k": 8, "top_p": 0.9}
    distinct = list(dict.fromkeys(PROMPTS))
    together = dict(
        zip(distinct, texts(lm.generate(requests_of(*distinct, **settings))), strict=True)
    )

    for prompt in distinct:
        assert texts(lm.generate(requests_of(prompt, **settings))) == [together[prompt]]
    lm.budget = replace(tiny.TIGHT, generation_rows=16)
    turned = texts(lm.generate(requests_of(*reversed(distinct), **settings)))
    assert turned == [together[prompt] for prompt in reversed(distinct)]


@pytest.mark.parametrize(
    "settings",
    [
        {"do_sample": True, "temperature": 0.0},
        {"temperature": 0.0},
        {"do_sample": False, "temperature": 0.8},
        {"do_sample": True, "temperature": 0.5, "top_k": 1},
    ],
)
def test_without_chance_a_sample_is_greedy(lm: CliffguardLM, settings: dict[str, Any]) -> None:
    """Temperature 0, no sampling and a choice of one all pick the likeliest token."""
    assert texts(lm.generate(requests_of(*PROMPTS, **settings))) == texts(
        lm.generate(requests_of(*PROMPTS))
    )


# --- thinking ------------------------------------------------------------------------------------


def says(patch: pytest.MonkeyPatch, text: str, *, fails_at: int | None = None) -> None:
    """Make the model say `text`, then end; running out of memory once, before a token."""
    script = byte_tokenizer().encode(text)
    fails = iter([fails_at])
    left = [iter(())]

    def pick(logits: torch.Tensor, *_: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        token, position = next(left[0])
        if position == fails_at and next(fails, None) is not None:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return torch.tensor([token]), torch.tensor([-1.0]), torch.tensor([1.0])

    class Rows(generation._ActiveRows):
        """Rows that begin the script anew."""

        def run(self, *arguments: Any) -> None:
            left[0] = iter(zip(chain(script, repeat(257)), range(1000), strict=False))
            super().run(*arguments)

    patch.setattr(generation, "pick", pick)
    patch.setattr(generation, "_ActiveRows", Rows)


HASH = byte_tokenizer().encode("#")[0]


@pytest.mark.parametrize(("end", "mark"), [("</t>", "</t>"), (HASH, "#"), (str(HASH), "#")])
def test_thinking_is_no_part_of_an_answer(
    model: Any, monkeypatch: pytest.MonkeyPatch, end: str | int, mark: str
) -> None:
    """Stop strings do not stop the thinking, only the answer that follows it."""
    says(monkeypatch, f"first\n\nthen{mark}\n\nfour\n\nfive")
    lm = tiny.ours(model, think_end_token=end)

    (answer,) = lm.generate(requests_of("Ann", n=60, until=("\n\n",)))

    assert (answer.text, answer.finish_reason) == ("four", "string")


@pytest.mark.parametrize("end", ["</t>", HASH])
def test_thinking_that_takes_all_tokens_leaves_no_answer(
    model: Any, monkeypatch: pytest.MonkeyPatch, end: str | int
) -> None:
    """Where the limit comes before the end of the thinking, nothing was answered."""
    says(monkeypatch, "first\n\nthen, and so on and so forth")
    lm = tiny.ours(model, think_end_token=end)

    (answer,) = lm.generate(requests_of("Ann", n=20, until=("\n\n",)))

    assert (answer.text, answer.finish_reason, answer.n_tokens) == ("", "thinking", 20)


def test_an_answer_that_was_cut_after_its_thinking_keeps_what_it_said(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit within the answer is a length, as without thinking."""
    says(monkeypatch, "so</t>four and five")

    (answer,) = tiny.ours(model, think_end_token="</t>").generate(requests_of("Ann", n=10))

    assert (answer.text, answer.finish_reason) == ("four", "length")


def test_a_special_token_may_end_the_thinking(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark that decoding would drop is found all the same."""
    says(monkeypatch, "so<s> four")

    (answer,) = tiny.ours(model, think_end_token="<s>").generate(requests_of("Ann", n=30))

    assert (answer.text, answer.finish_reason) == ("four", "stop")


def test_thinking_without_stops_is_stripped_as_in_lm_eval(model: Any) -> None:
    """What a greedy model says after its last mark is lm-eval's answer too."""
    for end in ("b", byte_tokenizer().encode("b")[0]):
        lm, hf = tiny.ours(model, think_end_token=end), tiny.theirs(model, think_end_token=end)
        answers = lm.generate(requests_of(*PROMPTS))
        expected = hf.generate_until(requests_of(*PROMPTS))
        thought = [answer.finish_reason == "thinking" for answer in answers]
        assert not all(thought), "this model must end its thinking somewhere"
        assert texts(answers) == [
            "" if is_cut else text for is_cut, text in zip(thought, expected, strict=True)
        ]


# --- memory --------------------------------------------------------------------------------------


def test_out_of_memory_forgets_what_was_thought(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is begun anew thinks anew: the first attempt leaves no trace in it."""
    text = "first\n\nthen</t>four\n\nfive"
    says(monkeypatch, text, fails_at=len("first\n\nthen</t>fo"))
    lm = tiny.ours(model, think_end_token="</t>")

    (answer,) = lm.generate(requests_of("Ann", n=60, until=("\n\n",)))

    assert (answer.text, answer.finish_reason) == ("four", "string")
    assert lm.budget.generation_rows == tiny.TIGHT.generation_rows // 2


def test_out_of_memory_changes_no_answer(lm: CliffguardLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that ran out of memory are generated in smaller batches, and stay the same."""
    expected = lm.generate_until(requests_of(*PROMPTS, until=("\n",)))
    lm.budget = replace(tiny.TIGHT, generation_rows=4)
    step = generation.Model.step

    def limited(model: Any, ids: torch.Tensor, *others: Any) -> torch.Tensor:
        if len(ids) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return step(model, ids, *others)

    monkeypatch.setattr(generation.Model, "step", limited)

    assert lm.generate_until(requests_of(*PROMPTS, until=("\n",))) == expected
    assert lm.budget.generation_rows == 2


def test_prompts_are_read_within_the_token_budget(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts that are continued together are read in passes of the budget, with equal answers."""
    budget = replace(tiny.TIGHT, generation_rows=8, batch_tokens=48)
    requests = requests_of(*("abcdefgh"[n:] * 2 + "ab" for n in range(8)))
    sizes = []
    plain = Model.fill

    def fill(self: Model, tokens: Any, *others: Any) -> Any:
        sizes.append(tokens.ids.numel())
        return plain(self, tokens, *others)

    monkeypatch.setattr(Model, "fill", fill)

    answers = tiny.ours(model, budget=budget).generate(requests)

    assert len(sizes) > 1
    assert max(sizes) <= 48
    assert texts(answers) == tiny.theirs(model).generate_until(requests, disable_tqdm=True)


def test_the_length_of_a_plain_answer_counts_its_own_tokens() -> None:
    """A beginning-of-text token that a tokenizer adds is no part of the answer."""

    class Begins:
        """A model whose tokenizer puts a token before every text."""

        def tok_encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            """Return one token a letter, and the one before the text unless told not to."""
            return [0] * add_special_tokens + [ord(letter) for letter in text]

    answer = from_plain_text(Begins(), "abc", 4)

    assert (answer.n_tokens, answer.finish_reason) == (3, "stop")
    assert from_plain_text(Begins(), "abcd", 4).finish_reason == "length"
