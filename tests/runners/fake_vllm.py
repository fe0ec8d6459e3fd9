"""A stand-in for vLLM on a machine without a GPU: what lm-eval's own class calls, and no more.

It takes only the arguments that vLLM's source has by `vllm_calls.json`, and answers by a plain
forward pass of transformers, with the adapter that a request names.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.runners.signatures import FACTS

Names = Mapping[str, Sequence[Any]]


def recorded() -> dict[str, Sequence[Any]]:
    """Return the recorded names by what has them: "LLM.generate", "EngineArgs", …"""
    sources = json.loads(FACTS.read_text("utf-8"))["sources"].values()
    return {name: values for source in sources for name, values in source["names"].items()}


def refuse_unknown(where: str, names: Collection[Any], given: Mapping[str, Any]) -> None:
    """Raise TypeError for an argument that vLLM does not have."""
    if unknown := sorted(set(given) - set(names)):
        raise TypeError(f"{where} got an unexpected keyword argument {unknown[0]!r}")


@dataclass
class Engines:
    """What was started, called, and shut down; `failure` is raised by the next start."""

    started: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[int, str | None, int]] = field(default_factory=list)
    n_running: int = 0
    failure: Callable[[], Exception] | None = None
    dies: bool = False
    reads_at_most: int = 512


class EngineDeadError(Exception):
    """As vLLM's."""


EngineDeadError.__module__ = "vllm.v1.engine.exceptions"


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, release: str = "0.33.0") -> Engines:
    """Let `import vllm`, and lm-eval's class over it, find the stand-in until the test ends."""
    from lm_eval.api.registry import model_registry

    engines, names = Engines(), recorded()
    for name in names["environment_variables"]:
        monkeypatch.delenv(name, raising=False)
    metadata = folder / f"vllm-{release}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {release}\n")
    monkeypatch.syspath_prepend(str(folder))
    params = _checked("SamplingParams", names["SamplingParams"])
    contents: dict[str, dict[str, Any]] = {
        "vllm": {
            "LLM": _llm(engines, names),
            "SamplingParams": params,
            "TokensPrompt": _checked("TokensPrompt", names["TokensPrompt"]),
        },
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": _checked("LoRARequest", names["LoRARequest"])},
        "vllm.renderers": {},
        "vllm.renderers.hf": {"resolve_chat_template": _no_template(names)},
        "vllm.tokenizers": {"get_tokenizer": _get_tokenizer},
    }
    for name, members in contents.items():
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    import lm_eval.models  # noqa: F401  (fills the registry)

    of_lm_eval = "lm_eval.models.vllm_causallms"
    monkeypatch.setitem(sys.modules, of_lm_eval, ModuleType("held for the end of the test"))
    del sys.modules[of_lm_eval]
    monkeypatch.setitem(model_registry._objs, "vllm", f"{of_lm_eval}:VLLM")
    from lm_eval.api import registry

    registry._materialise_placeholder.cache_clear()
    return engines


def _checked(where: str, names: Sequence[Any]) -> Callable[..., SimpleNamespace]:
    def make(**given: Any) -> SimpleNamespace:
        refuse_unknown(where, names, given)
        return SimpleNamespace(**given)

    return make


def _no_template(names: Names) -> Callable[..., str]:
    def resolve(**given: Any) -> str:
        refuse_unknown("resolve_chat_template", names["resolve_chat_template"], given)
        return "a template that is not the side's"

    return resolve


def _get_tokenizer(name: str, **_: Any) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name, local_files_only=True)


def _llm(engines: Engines, names: Names) -> type:
    """Return the class LLM, which writes into `engines` what becomes of it."""

    class LLM:
        def __init__(self, **given: Any) -> None:
            refuse_unknown("LLM.__init__", {*names["LLM.__init__"], *names["EngineArgs"]}, given)
            if given["max_lora_rank"] not in names["MaxLoRARanks"]:
                raise ValueError(f"max_lora_rank {given['max_lora_rank']} is none of the Literal's")
            if engines.failure is not None:
                raise engines.failure()
            engines.started.append(given)
            engines.n_running += 1
            assert engines.n_running == 1, "two engines share the cards"
            self.number, self.given = len(engines.started), given
            config = SimpleNamespace(max_model_len=given["max_model_len"] or engines.reads_at_most)
            core = SimpleNamespace(shutdown=self._shut_down)
            self.llm_engine = SimpleNamespace(model_config=config, engine_core=core)
            self._networks: dict[str | None, Any] = {}

        def _shut_down(self, timeout: float | None = None) -> None:
            engines.n_running -= 1

        def generate(self, prompts: Sequence[Any], **given: Any) -> list[Any]:
            refuse_unknown("LLM.generate", names["LLM.generate"], given)
            adapter = given["lora_request"]
            assert adapter is None or self.given["enable_lora"]
            assert given["use_tqdm"] is False, "vLLM's bars would run over ours"
            if engines.dies:
                raise EngineDeadError("EngineCore encountered an issue.")
            path = None if adapter is None else adapter.lora_path
            engines.calls.append((self.number, adapter and adapter.lora_name, len(prompts)))
            if path not in self._networks:
                self._networks[path] = _network(self.given, path)
            model, tokenizer = self._networks[path]
            each = zip(prompts, given["sampling_params"], strict=True)
            return [
                _answer(model, tokenizer, prompt.prompt_token_ids, wanted)
                for prompt, wanted in each
            ]

    return LLM


def _network(given: Mapping[str, Any], adapter: str | None) -> tuple[Any, Any]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, given["dtype"])
    model = AutoModelForCausalLM.from_pretrained(given["model"], dtype=dtype, local_files_only=True)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter, local_files_only=True)
    return model.eval(), _get_tokenizer(given["tokenizer"])


def _answer(model: Any, tokenizer: Any, prompt: Sequence[int], wanted: Any) -> Any:
    """Return what `LLM.generate` does of one prompt, as far as lm-eval reads it."""
    import torch

    assert wanted.temperature == 0, "vLLM would draw"
    tokens = list(prompt)
    text, logprobs = "", None
    with torch.inference_mode():
        if getattr(wanted, "prompt_logprobs", None) is not None:
            rows = model(input_ids=torch.tensor([tokens])).logits[0].float().log_softmax(dim=-1)
            logprobs = [None, *map(_top, rows, tokens[1:])]
        while getattr(wanted, "detokenize", True) and len(tokens) < len(prompt) + wanted.max_tokens:
            tokens.append(int(model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax()))
            text = tokenizer.decode(tokens[len(prompt) :], skip_special_tokens=False)
            if ends := [text.index(stop) for stop in wanted.stop if stop in text]:
                text = text[: min(ends)]
                break
    return SimpleNamespace(prompt_logprobs=logprobs, outputs=[SimpleNamespace(text=text)])


def _top(row: Any, token: int) -> dict[int, Any]:
    """Return the log-probability of a token, and of the likeliest, by token."""
    return {t: SimpleNamespace(logprob=float(row[t])) for t in (int(row.argmax()), token)}
