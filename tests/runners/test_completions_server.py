"""lm-eval's local-completions against our test server: the numbers of `hf`, over HTTP."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.completions_server import MAX_BODY_BYTES, MAX_LOGPROBS, MAX_PROMPTS, served

PROMPTS = ("Where is the ball?", "Say 1:", "The ball is with", "a", "Zoë — ünï")
CHOICES = (" Ann", " Bob", "x", " é", "\n")


@pytest.fixture(scope="module", autouse=True)
def _no_proxy() -> Iterator[None]:
    """Whatever proxy the machine has, the server is asked directly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        yield


@pytest.fixture(scope="module")
def url(tiny_base: Path) -> Iterator[str]:
    """The address of a server of the tiny base."""
    with served(tiny_base) as address:
        yield address


@pytest.fixture(scope="module")
def hf(tiny_base: Path) -> Any:
    """lm-eval's `hf` on the tiny base."""
    return hf_model(tiny_base)


def hf_model(folder: Path, **options: Any) -> Any:
    """Return lm-eval's `hf` on a checkpoint."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=4, **options)


def api_model(url: str, tokenizer: Path, **options: Any) -> Any:
    """Return lm-eval's `local-completions` as a plan would ask for it."""
    from lm_eval.api.registry import get_model

    given = {"model": "tiny", "tokenized_requests": True, "batch_size": 8, "num_concurrent": 1}
    return get_model("local-completions")(
        base_url=url,
        tokenizer=str(tokenizer),
        tokenizer_backend="huggingface",
        max_length=512,
        **given | options,
    )


def instances(kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return lm-eval requests."""
    from lm_eval.api.instance import Instance

    return [
        Instance(request_type=kind, doc={}, arguments=args, idx=number)
        for number, args in enumerate(arguments)
    ]


def scored(lm: Any, *, prompts: Sequence[str] = PROMPTS) -> tuple[list[float], list[bool]]:
    """Return the log-likelihood and the greedy flag of every choice after every prompt."""
    pairs = [(prompt, choice) for prompt in prompts for choice in CHOICES]
    results = lm.loglikelihood(instances("loglikelihood", pairs), disable_tqdm=True)
    return [float(total) for total, _ in results], [bool(greedy) for _, greedy in results]


def generated(lm: Any, **settings: Any) -> list[str]:
    """Return the continuations of the prompts."""
    requests = [(prompt, {"do_sample": False, **settings}) for prompt in PROMPTS]
    texts: list[str] = lm.generate_until(instances("generate_until", requests), disable_tqdm=True)
    return texts


def listeners() -> int:
    """Return how many servers run in this process."""
    return sum(thread.name == "completions-server" for thread in threading.enumerate())


def posted(url: str, body: Any) -> dict[str, Any]:
    """Return the response to a request, given as JSON or as bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def refused(url: str, body: Any) -> tuple[int, str]:
    """Return status and message of a response that is an error."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        posted(url, body)
    with caught.value as response:
        return response.code, json.load(response)["error"]["message"]


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_size": 1}, {"num_concurrent": 2}, {"tokenized_requests": False}],
    ids=["batched", "single", "concurrent", "as text"],
)
def test_log_likelihoods_are_those_of_hf(
    url: str, tiny_base: Path, hf: Any, options: dict[str, Any]
) -> None:
    """Every way to send the requests gives the log-likelihoods and greedy flags of `hf`."""
    totals, flags = scored(api_model(url, tiny_base, **options))

    expected, expected_flags = scored(hf)
    assert totals == pytest.approx(expected, abs=1e-4)
    assert flags == expected_flags


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_greedy_token_alone_is_greedy(url: str, tiny_base: Path, hf: Any, prompt: str) -> None:
    """Of all tokens after a prompt exactly that one is greedy that is so for `hf`."""
    context = hf.tok_encode(prompt)
    every = [(None, context, [token]) for token in range(len(hf.tokenizer))]

    ours = api_model(url, tiny_base, batch_size=MAX_PROMPTS)._loglikelihood_tokens(every)

    theirs = hf._loglikelihood_tokens(every, disable_tqdm=True)
    assert [total for total, _ in ours] == pytest.approx([total for total, _ in theirs], abs=1e-4)
    assert [greedy for _, greedy in ours] == [greedy for _, greedy in theirs]
    assert sum(greedy for _, greedy in ours) == 1


def test_greedy_runs_of_tokens_are_greedy(url: str, tiny_base: Path, hf: Any) -> None:
    """A continuation that the model itself would give is greedy; its last token changed, not."""
    context = hf.tok_encode(PROMPTS[0])
    tokens: list[int] = []
    while len(tokens) < 4:
        every = [(None, context, [*tokens, token]) for token in range(len(hf.tokenizer))]
        scores = hf._loglikelihood_tokens(every, disable_tqdm=True)
        tokens.append([greedy for _, greedy in scores].index(True))
    other = [*tokens[:-1], (tokens[-1] + 1) % len(hf.tokenizer)]

    requests = [(None, context, tokens), (None, context, other)]
    answers = api_model(url, tiny_base)._loglikelihood_tokens(requests)

    assert [greedy for _, greedy in answers] == [True, False]


def test_of_tokens_with_equal_text_the_likeliest_is_on_top(url: str, hf: Any) -> None:
    """Parts of a character have the same text, yet only the greedy one counts as greedy."""
    parts = [token for token in range(len(hf.tokenizer)) if hf.tok_decode([token]) == "\ufffd"]
    body = {"echo": True, "logprobs": MAX_LOGPROBS, "max_tokens": 1, "temperature": 0}

    answer = posted(url, {**body, "prompt": [[0, token] for token in parts]})

    logprobs = [choice["logprobs"] for choice in answer["choices"]]
    shared = {choice["top_logprobs"][1]["\ufffd"] for choice in logprobs}
    assert len(parts) > 100
    assert max(choice["token_logprobs"][1] for choice in logprobs) in shared
    assert all(
        choice["top_logprobs"][1]["\ufffd"] >= choice["token_logprobs"][1] for choice in logprobs
    )


def test_an_empty_context_is_scored_as_by_hf(url: str, tiny_base: Path, hf: Any) -> None:
    """Where nothing stands before a text, both put the same token before it."""
    ours = scored(api_model(url, tiny_base), prompts=[""])

    assert ours[0] == pytest.approx(scored(hf, prompts=[""])[0], abs=1e-4)


@pytest.mark.parametrize(
    "options",
    [{}, {"batch_size": 1}, {"num_concurrent": 2}, {"tokenized_requests": False}],
    ids=["batched", "single", "concurrent", "as text"],
)
def test_greedy_generations_are_those_of_hf(
    url: str, tiny_base: Path, hf: Any, options: dict[str, Any]
) -> None:
    """Every way to send the prompts gives the texts of `hf`."""
    texts = generated(api_model(url, tiny_base, **options), max_gen_toks=12)

    assert texts == generated(hf, max_gen_toks=12)
    assert len(set(texts)) > 1


def test_a_stop_string_ends_a_text_as_in_hf(url: str, tiny_base: Path, hf: Any) -> None:
    """A text ends before the first stop string that stands in it."""
    whole = generated(hf, max_gen_toks=12)
    stops = sorted({text[6] for text in whole if len(text) > 6})

    texts = generated(api_model(url, tiny_base), max_gen_toks=12, until=stops)

    assert texts == generated(hf, max_gen_toks=12, until=stops)
    assert texts != whole


def test_an_adapter_is_served_on_its_base(tiny_adapter: Path, tiny_base: Path, hf: Any) -> None:
    """The answers of a served adapter are those of `hf` with it, not the base's."""
    with served(tiny_adapter) as url:
        totals, flags = scored(api_model(url, tiny_base, model=tiny_adapter.name))

    tuned = scored(hf_model(tiny_base, peft=str(tiny_adapter)))
    assert totals == pytest.approx(tuned[0], abs=1e-4)
    assert flags == tuned[1]
    assert totals != pytest.approx(scored(hf)[0], abs=1e-4)


def test_an_echo_holds_the_prompt_and_what_was_generated(url: str, hf: Any) -> None:
    """Text, tokens, offsets and log-probabilities all cover prompt and continuation."""
    body = {"prompt": ["Say 1:", "a"], "echo": True, "logprobs": 2, "max_tokens": 1}

    answer = posted(url, {**body, "temperature": 0})

    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    first = answer["choices"][0]
    assert first["text"].startswith("Say 1:")
    assert first["finish_reason"] == "length"
    assert first["logprobs"]["tokens"][:6] == list("Say 1:")
    assert first["logprobs"]["text_offset"] == list(range(7))
    assert first["logprobs"]["token_logprobs"][0] is None
    assert first["logprobs"]["top_logprobs"][0] is None
    for logprob, top in zip(
        first["logprobs"]["token_logprobs"][1:], first["logprobs"]["top_logprobs"][1:], strict=True
    ):
        assert logprob in top.values()
        assert 1 <= len(top) <= 3


def test_log_probabilities_without_echo_are_of_the_continuation(url: str) -> None:
    """Without echo, the first log-probability is of the first new token, and greedy."""
    body = {"prompt": "Say 1:", "logprobs": 1, "max_tokens": 3, "temperature": 0}

    logprobs = posted(url, body)["choices"][0]["logprobs"]

    assert {name: len(values) for name, values in logprobs.items()} == dict.fromkeys(logprobs, 3)
    assert logprobs["token_logprobs"] == [max(top.values()) for top in logprobs["top_logprobs"]]


def test_a_seed_repeats_what_was_sampled(url: str) -> None:
    """The same seed samples the same text, some other seed another."""
    texts = [
        posted(url, {"prompt": "a", "temperature": 1.5, "max_tokens": 8, "seed": seed})["choices"]
        for seed in (1, 1, 2, 3)
    ]

    assert texts[0] == texts[1]
    assert texts[0] != texts[2] or texts[0] != texts[3]


def test_the_models_are_listed(url: str, tiny_base: Path) -> None:
    """The list of models has the one that is served, and its context."""
    with urllib.request.urlopen(url.replace("completions", "models"), timeout=30) as response:
        (model,) = json.load(response)["data"]

    assert model["id"] == "tiny"
    assert model["root"] == str(tiny_base)
    assert model["max_model_len"] == 512


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        ([], "no JSON object"),
        ({}, "prompt: is not 1 to"),
        ({"prompt": []}, "prompt: is not 1 to"),
        ({"prompt": ["a"] * (MAX_PROMPTS + 1)}, "prompt: is not 1 to"),
        ({"prompt": [[]]}, "prompt: is neither"),
        ({"prompt": [[True]]}, "prompt: is neither"),
        ({"prompt": [{}]}, "prompt: is neither"),
        ({"prompt": [[258]]}, "a token is not in 0…257"),
        ({"prompt": "a" * 500, "max_tokens": 13}, "exceed the context of 512"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens: is not an integer"),
        ({"prompt": "a", "max_tokens": 1.5}, "max_tokens: is not an integer"),
        ({"prompt": "a", "logprobs": 21}, "logprobs: is not an integer"),
        ({"prompt": "a", "temperature": float("nan")}, "temperature: is not a number"),
        ({"prompt": "a", "stop": [""]}, "stop: is neither"),
        ({"prompt": "a", "stop": 1}, "stop: is neither"),
        ({"prompt": "a", "echo": 1}, "echo: is no boolean"),
        ({"prompt": "a", "stream": True}, "stream: only False"),
        ({"prompt": "a", "n": 2}, "n: only 1"),
    ],
)
def test_a_bad_request_is_refused(url: str, body: Any, message: str) -> None:
    """What makes no sense is answered with 400 and one line that says why."""
    status, reply = refused(url, body)

    assert status == 400
    assert message in reply


def test_a_body_without_bounds_is_refused_unread(url: str) -> None:
    """A body that claims to be too long is refused before it is sent."""
    import http.client

    connection = http.client.HTTPConnection(*url.split("/")[2].split(":"), timeout=30)
    connection.putrequest("POST", "/v1/completions")
    connection.putheader("Content-Length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()
    with connection.getresponse() as response:
        assert response.status == 400
    connection.close()


@pytest.mark.parametrize(
    ("path", "body"), [("completions", {"model": "other", "prompt": "a"}), ("chat", {})]
)
def test_what_is_not_there_is_not_found(url: str, path: str, body: Any) -> None:
    """Another model and another path are answered with 404."""
    status, message = refused(url.replace("completions", path), body)

    assert status == 404
    assert "does not exist" in message


def test_it_stops_on_exit(tiny_base: Path) -> None:
    """After the block nobody listens, and no thread is left."""
    before = listeners()

    with served(tiny_base) as url:
        posted(url, {"prompt": "a", "max_tokens": 1})
        assert listeners() == before + 1

    with pytest.raises(urllib.error.URLError):
        posted(url, {"prompt": "a", "max_tokens": 1})
    assert listeners() == before
