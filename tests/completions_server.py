"""A small server of the OpenAI completions API over a checkpoint, for tests.

It answers as vLLM does where the two differ: a stop string is cut off, special tokens have no
text, a token's own log-probability is among the top ones, `model` must be the name it serves.
The arithmetic is a plain transformers forward pass, one prompt at a time, so that the answers
are a second opinion on the engine's.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

MAX_BODY_BYTES = 4 * 2**20
MAX_PROMPTS = 256
MAX_LOGPROBS = 20
_IDLE_S = 30  # a client that says nothing for so long is let go
_LEAST_LOGPROB = -9999.0  # JSON has no infinity
_REFUSED = {"stream": False, "n": 1, "best_of": 1, "suffix": None, "top_p": 1, "top_k": 0}


class RefusedError(Exception):
    """A request that cannot be answered, and the HTTP status that says so."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def served(model_dir: Path) -> Iterator[str]:
    """Serve a checkpoint (or an adapter on its own base) under its folder's name; yield the URL."""
    server = _Server(_Completer(model_dir))
    # Polls often, since it is asked to stop once a test.
    thread = threading.Thread(
        target=server.serve_forever, args=(0.02,), name="completions-server", daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/completions"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_IDLE_S)


# --- what is asked -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request that makes sense; `n_logprobs` None wants no log-probabilities."""

    prompts: tuple[tuple[int, ...], ...]
    echo: bool
    n_logprobs: int | None
    max_tokens: int
    temperature: float
    stops: tuple[str, ...]
    seed: int


def _asked(body: Any, completer: _Completer) -> _Asked:
    if not isinstance(body, dict):
        raise RefusedError("the body is no JSON object")
    if body.get("model") not in (None, completer.name):
        raise RefusedError(f"the model {body['model']!r} does not exist", 404)
    for name, neutral in _REFUSED.items():
        if body.get(name) not in (None, neutral):
            raise RefusedError(f"{name}: only {neutral!r} is supported")
    echo = body.get("echo") or False
    if not isinstance(echo, bool):
        raise RefusedError("echo: is no boolean")
    n_logprobs = body.get("logprobs")
    request = _Asked(
        prompts=tuple(_prompts(body.get("prompt"), completer)),
        echo=echo,
        n_logprobs=None if n_logprobs is None else int(_number(body, "logprobs", 0, MAX_LOGPROBS)),
        max_tokens=int(_number(body, "max_tokens", 0 if echo else 1, completer.max_length, 16)),
        temperature=_number(body, "temperature", 0.0, 2.0, 1.0, is_whole=False),
        stops=tuple(_stops(body.get("stop"))),
        # Without a seed, too, a test server repeats itself.
        seed=int(_number(body, "seed", 0, 2**63 - 1, 0)),
    )
    longest = max(len(prompt) for prompt in request.prompts)
    if longest + request.max_tokens > completer.max_length:
        raise RefusedError(
            f"{longest} prompt tokens and {request.max_tokens} to generate exceed the context of "
            f"{completer.max_length}"
        )
    return request


def _number(
    body: Mapping[str, Any],
    name: str,
    low: float,
    high: float,
    default: float = 0,
    *,
    is_whole: bool = True,
) -> float:
    value = body.get(name)
    if value is None:
        return default
    is_number = type(value) is int or (type(value) is float and not is_whole)
    if not is_number or not low <= value <= high:
        kind = "an integer" if is_whole else "a number"
        raise RefusedError(f"{name}: is not {kind} from {low} to {high}")
    return float(value) if not is_whole else value


def _stops(value: Any) -> Sequence[str]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise RefusedError("stop: is neither a string nor a list of strings, none of them empty")
    return stops


def _prompts(value: Any, completer: _Completer) -> Iterator[tuple[int, ...]]:
    is_one = isinstance(value, str) or (isinstance(value, list) and _is_tokens(value))
    prompts = [value] if is_one else value
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= MAX_PROMPTS:
        raise RefusedError(f"prompt: is not 1 to {MAX_PROMPTS} strings or lists of tokens")
    for prompt in prompts:
        tokens = completer.encode(prompt) if isinstance(prompt, str) else prompt
        if not isinstance(tokens, list) or not tokens or not _is_tokens(tokens):
            raise RefusedError("prompt: is neither a text nor a list of tokens, or is empty")
        if not all(0 <= token < completer.n_vocabulary for token in tokens):
            raise RefusedError(f"prompt: a token is not in 0…{completer.n_vocabulary - 1}")
        yield tuple(tokens)


def _is_tokens(values: Sequence[Any]) -> bool:
    return bool(values) and all(type(value) is int for value in values)


# --- what is answered ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Continued:
    """A prompt and its continuation; row i of `logprobs` predicts token i + 1 of both."""

    prompt: tuple[int, ...]
    new: tuple[int, ...]
    logprobs: Any
    text: str
    finish_reason: Literal["stop", "length"]


def _loaded(folder: Path) -> tuple[Any, Any]:
    """Return (model, tokenizer) of a checkpoint, or of an adapter with the base that it names."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = folder / "adapter_config.json"
    base = folder
    if config.is_file():
        base = Path(json.loads(config.read_text(encoding="utf-8"))["base_model_name_or_path"])
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    if base != folder:
        model = PeftModel.from_pretrained(model, folder, local_files_only=True)
    return model.eval(), tokenizer


class _Completer:
    """A model, and how it completes prompts; callers take turns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.model, self.tokenizer = _loaded(folder)
        self.n_vocabulary = int(self.model.get_input_embeddings().weight.shape[0])
        self.max_length = int(self.model.config.max_position_embeddings)
        listed = self.model.generation_config.eos_token_id
        self._ends = {
            self.tokenizer.eos_token_id,
            *(listed if isinstance(listed, list) else [listed]),
        }
        self._turn = threading.Lock()

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a prompt, with those that the tokenizer adds by itself."""
        tokens: list[int] = self.tokenizer(text).input_ids
        return tokens

    def complete(self, request: _Asked) -> dict[str, Any]:
        """Return the body of the response."""
        import torch

        with self._turn, torch.inference_mode():
            done = [self._continued(prompt, request) for prompt in request.prompts]
            choices = [
                self._choice(index, completion, request) for index, completion in enumerate(done)
            ]
        n_prompt = sum(len(completion.prompt) for completion in done)
        n_new = sum(len(completion.new) for completion in done)
        return {
            "id": f"cmpl-{time.time_ns():x}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.name,
            "choices": choices,
            "usage": {
                "prompt_tokens": n_prompt,
                "completion_tokens": n_new,
                "total_tokens": n_prompt + n_new,
            },
        }

    def _continued(self, prompt: tuple[int, ...], request: _Asked) -> _Continued:
        import torch

        generator = torch.Generator().manual_seed(request.seed)
        out = self.model(input_ids=torch.tensor([prompt]), use_cache=True)
        rows = [out.logits[0]]
        new: list[int] = []
        text = ""
        while len(new) < request.max_tokens:
            if new:
                out = self.model(
                    input_ids=torch.tensor([new[-1:]]),
                    past_key_values=out.past_key_values,
                    use_cache=True,
                )
                rows.append(out.logits[0])
            new.append(_picked(out.logits[0, -1], request.temperature, generator))
            text = self.tokenizer.decode(new, skip_special_tokens=True)
            positions = [text.index(stop) for stop in request.stops if stop in text]
            if new[-1] in self._ends or positions:
                text = text[: min(positions, default=len(text))]
                reason: Literal["stop", "length"] = "stop"
                break
        else:
            reason = "length"
        return _Continued(
            prompt=prompt,
            new=tuple(new),
            logprobs=torch.log_softmax(torch.cat(rows), dim=-1, dtype=torch.float32),
            text=text,
            finish_reason=reason,
        )

    def _choice(self, index: int, completion: _Continued, request: _Asked) -> dict[str, Any]:
        echoed = self.tokenizer.decode(completion.prompt) if request.echo else ""
        return {
            "index": index,
            "text": echoed + completion.text,
            "finish_reason": completion.finish_reason,
            "logprobs": None if request.n_logprobs is None else self._logprobs(completion, request),
        }

    def _logprobs(self, completion: _Continued, request: _Asked) -> dict[str, list[Any]]:
        tokens = completion.prompt + completion.new
        shown = range(0 if request.echo else len(completion.prompt), len(tokens))
        texts = [self.tokenizer.decode([tokens[position]]) for position in shown]
        logprobs: list[float | None] = []
        top: list[dict[str, float] | None] = []
        for position in shown:
            if position == 0:  # nothing stands before the first token that could predict it
                logprobs.append(None)
                top.append(None)
                continue
            row = completion.logprobs[position - 1]
            logprobs.append(_finite(row[tokens[position]]))
            top.append(self._top(row, [tokens[position], *row.topk(request.n_logprobs).indices]))
        return {
            "tokens": texts,
            "token_logprobs": logprobs,
            "top_logprobs": top,
            "text_offset": [sum(map(len, texts[:position])) for position in range(len(texts))],
        }

    def _top(self, row: Any, tokens: Sequence[int]) -> dict[str, float]:
        """Return log-probabilities by text; of tokens with the same text the likeliest stands."""
        logprobs: dict[str, float] = {}
        for token in tokens:
            text = self.tokenizer.decode([int(token)])
            logprobs[text] = max(_finite(row[token]), logprobs.get(text, _LEAST_LOGPROB))
        return logprobs


def _picked(logits: Any, temperature: float, generator: Any) -> int:
    """Return the likeliest token at temperature 0, else one that is drawn."""
    import torch

    if temperature == 0.0:
        return int(logits.argmax())
    weights = torch.softmax(logits.float() / temperature, dim=-1)
    return int(torch.multinomial(weights, 1, generator=generator))


def _finite(logprob: Any) -> float:
    return max(float(logprob), _LEAST_LOGPROB)


# --- how it travels ------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def __init__(self, completer: _Completer) -> None:
        self.completer = completer
        super().__init__(("127.0.0.1", 0), _Handler)


class JsonHandler(BaseHTTPRequestHandler):
    """Answers with JSON, and logs nothing."""

    def reply(self, status: int, body: bytes) -> None:
        """Send a body that is JSON already."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Handler(JsonHandler):
    server: _Server
    timeout = _IDLE_S

    def do_GET(self) -> None:
        completer = self.server.completer
        if self.path != "/v1/models":
            self._send(404, _error(404, f"{self.path} does not exist"))
            return
        model = {
            "id": completer.name,
            "object": "model",
            "created": 0,
            "owned_by": "cliffguard",
            "root": str(completer.folder),
            "max_model_len": completer.max_length,
        }
        self._send(200, {"object": "list", "data": [model]})

    def do_POST(self) -> None:
        try:
            body = self._body()
            if self.path != "/v1/completions":
                raise RefusedError(f"{self.path} does not exist", 404)
            answer = self.server.completer.complete(_asked(body, self.server.completer))
        except RefusedError as refused:
            self._send(refused.status, _error(refused.status, str(refused)))
        except Exception as failure:  # whatever it is, a client gets an answer
            self._send(500, _error(500, f"{type(failure).__name__}: {failure}"))
        else:
            self._send(200, answer)

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            raise RefusedError(f"the body's length is not given, or exceeds {MAX_BODY_BYTES} bytes")
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as failure:
            raise RefusedError(f"the body is not JSON: {failure}") from failure

    def _send(self, status: int, body: Mapping[str, Any]) -> None:
        self.reply(status, json.dumps(body).encode())


def _error(status: int, message: str) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}
