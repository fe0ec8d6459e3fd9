"""A small server of the OpenAI completions API over a checkpoint, for tests.

It answers what lm-eval asks as vLLM does where the two differ: a stop string is cut off, special
tokens have no text, a token's own log-probability is among the top ones. The arithmetic is a plain
transformers forward pass, one prompt at a time, so that the answers are a second opinion on the
engine's (tests/runners/test_backends.py).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

_LEAST_LOGPROB = -9999.0  # JSON has no infinity


@contextmanager
def served(model_dir: Path) -> Iterator[str]:
    """Serve a checkpoint (or an adapter on its own base) under its folder's name; yield the URL."""
    with serving(_Server(_Completer(model_dir))) as url:
        yield f"{url}/v1/completions"


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    """Let a server on this machine answer; yield its URL."""
    # Polls often, since it is asked to stop once a test.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A request of lm-eval's; `n_logprobs` None wants no log-probabilities."""

    prompts: Sequence[Sequence[int]]
    echo: bool
    n_logprobs: int | None
    max_tokens: int
    stops: Sequence[str]


def _request_of(body: Mapping[str, Any]) -> _Request:
    prompts, stops = body["prompt"], body.get("stop") or []
    return _Request(
        prompts=[prompts] if isinstance(prompts[0], int) else prompts,
        echo=bool(body.get("echo")),
        n_logprobs=body.get("logprobs"),
        max_tokens=body["max_tokens"],
        stops=[stops] if isinstance(stops, str) else stops,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Continued:
    """A prompt and its continuation; row i of `logprobs` predicts token i + 1 of both."""

    prompt: Sequence[int]
    new: Sequence[int]
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
        self.name = folder.name
        self.model, self.tokenizer = _loaded(folder)
        listed = self.model.generation_config.eos_token_id
        self._ends = {
            self.tokenizer.eos_token_id,
            *(listed if isinstance(listed, list) else [listed]),
        }
        self._turn = threading.Lock()

    def complete(self, request: _Request) -> dict[str, Any]:
        """Return the body of the response."""
        import torch

        with self._turn, torch.inference_mode():
            done = [self._continued(prompt, request) for prompt in request.prompts]
            choices = [
                self._choice(index, completion, request) for index, completion in enumerate(done)
            ]
        return {"object": "text_completion", "model": self.name, "choices": choices}

    def _continued(self, prompt: Sequence[int], request: _Request) -> _Continued:
        import torch

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
            new.append(int(out.logits[0, -1].argmax()))
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
            new=new,
            logprobs=torch.log_softmax(torch.cat(rows), dim=-1, dtype=torch.float32),
            text=text,
            finish_reason=reason,
        )

    def _choice(self, index: int, completion: _Continued, request: _Request) -> dict[str, Any]:
        echoed = self.tokenizer.decode(completion.prompt) if request.echo else ""
        return {
            "index": index,
            "text": echoed + completion.text,
            "finish_reason": completion.finish_reason,
            "logprobs": None if request.n_logprobs is None else self._logprobs(completion, request),
        }

    def _logprobs(self, completion: _Continued, request: _Request) -> dict[str, list[Any]]:
        tokens = [*completion.prompt, *completion.new]
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


def _finite(logprob: Any) -> float:
    return max(float(logprob), _LEAST_LOGPROB)


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

    def do_GET(self) -> None:
        """Return the list of models."""
        self._send({"object": "list", "data": [{"id": self.server.completer.name}]})

    def do_POST(self) -> None:
        """Complete what is sent."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(self.server.completer.complete(_request_of(body)))

    def _send(self, body: Mapping[str, Any]) -> None:
        self.reply(200, json.dumps(body).encode())
