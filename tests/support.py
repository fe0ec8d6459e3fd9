"""Builders for tests: suites, checkpoints with and without a model inside, answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import CapabilityComparison, CapabilityCounts, CapabilityEvidence
from cliffguard.core.diagnostics import Diagnostics
from cliffguard.core.errors import CliffguardError
from cliffguard.core.items import Item, Task
from cliffguard.core.reviews import Review
from cliffguard.core.settings import EvalSettings, Ring

NAMES = ("Ann", "Bob", "Carl", "Dana")


def mostly_slow(cases: Iterable[str], *fast: str) -> list[Any]:
    """Return the cases of a rule for `parametrize`: all but `fast` are for `make test-slow`."""
    listed = [*cases]
    assert {*fast} <= {*listed}, fast
    return [case if case in fast else pytest.param(case, marks=pytest.mark.slow) for case in listed]


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as JSON Lines and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def choice_rows(n_items: int, *, n_levels: int = 3) -> list[dict[str, Any]]:
    """Return multiple-choice items over levels 1…n_levels in turn, answers balanced."""
    return [
        {
            "id": f"ball-{number:03d}",
            "prompt": f"The ball number {number} is with",
            "choices": list(NAMES),
            "answer": NAMES[number % 4],
            "hops": number % n_levels + 1,
        }
        for number in range(n_items)
    ]


def generated_rows(n_items: int) -> list[dict[str, Any]]:
    """Return items that are answered by generation."""
    return [
        {"id": f"say-{number:03d}", "prompt": f"Say {number}:", "answer": str(number)}
        for number in range(n_items)
    ]


SUITE = """\
name: small
version: 1
description: a suite for tests
capabilities:
  reasoning:
    ring: adjacent
    tasks:
      - {name: ball, items: ball.jsonl, level: hops, metric: acc, chance: 0.25}
  saying:
    ring: general
    tasks:
      - {name: say, items: say.jsonl, metric: exact_match, max_tokens: 4}
"""


@cache
def _lines(rows: Callable[[int], Sequence[Mapping[str, Any]]], n_items: int) -> bytes:
    """Return rows as JSON Lines, spelled once for all tests that ask for as many."""
    return "".join(json.dumps(row) + "\n" for row in rows(n_items)).encode()


def write_suite(folder: Path, *, text: str = SUITE, n_items: int = 60, n_said: int = 6) -> Path:
    """Write a suite with a ladder of `n_items` and `n_said` generated items; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ball.jsonl").write_bytes(_lines(choice_rows, n_items))
    (folder / "say.jsonl").write_bytes(_lines(generated_rows, n_said))
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def write_task(folder: Path, rows: Sequence[Mapping[str, Any]], task: str) -> Path:
    """Write a suite of one task of these rows, called i0, i1, …; return its file."""
    write_jsonl(folder / "items.jsonl", [{"id": f"i{n}", **row} for n, row in enumerate(rows)])
    path = folder / "suite.yaml"
    path.write_text(
        "name: trial\nversion: 1\ncapabilities:\n  skill:\n    ring: adjacent\n"
        f"    tasks:\n      - {{name: talk, items: items.jsonl, {task}}}\n",
        encoding="utf-8",
    )
    return path


def write_checkpoint(folder: Path, *, seed: int = 0) -> Path:
    """Write a checkpoint directory that can be found and fingerprinted, but not loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(_weights(seed))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    return folder


@cache
def _weights(seed: int) -> bytes:
    import numpy as np
    from safetensors.numpy import save

    return save({"w": np.random.default_rng(seed).normal(size=(4, 4)).astype("float32")})


def checkpoint(name: str = "base") -> Checkpoint:
    """Return the identity of a checkpoint that lies nowhere."""
    return Checkpoint(
        name=name,
        revision=None,
        weights=digest(name),
        adapter=None,
        tokenizer="t",
        chat_template=None,
        settings="s",
        notes=(),
        files=None,
    )


def item(number: int = 0, *, level: int | None = None) -> Item:
    """Return one multiple-choice item."""
    prompt = f"question {number}"
    return Item(
        id=f"item-{number}",
        digest=digest(prompt),
        prompt=prompt,
        choices=("yes", "no"),
        answer="yes",
        level=level,
        cluster=None,
    )


def task(items: Sequence[Item]) -> Task:
    """Return a task over these items."""
    return Task(
        name="ball",
        entry="ball",
        suite="small",
        capability="reasoning",
        stock=False,
        metric="acc",
        filter=None,
        chance=0.25,
        level=None,
        gate_levels=None,
        num_fewshot=None,
        max_tokens=None,
        stop=(),
        limit=None,
        cost=None,
        items=tuple(items),
        digest="d" * 64,
    )


def answer(to: Item, score: float | None = 1.0, *, text: str = "yes") -> Answer:
    """Return an answer to an item with a given score."""
    prompt = digest(to.prompt)
    return Answer(
        item_id=to.id,
        item_digest=to.digest,
        prompt_digest=prompt,
        rendered_digest=prompt,
        score=score,
        text=text,
        confidence=0.75,
        finish_reason="choice" if score is not None else "overlong",
        n_prompt_tokens=5,
        n_answer_tokens=0,
    )


CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_tokenizer() -> Any:
    """Return a tokenizer of one token per byte, with a chat template and two special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: number for number, character in enumerate(alphabet)}
    vocabulary |= {"<s>": len(vocabulary), "</s>": len(vocabulary) + 1}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tiny_llama(folder: Path, *, seed: int, max_length: int = 512) -> None:
    """Save a random Llama of two layers, large enough in scale that its answers differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _tiny_llama(seed, max_length).items():
        (folder / name).write_bytes(content)


@cache
def _tiny_llama(seed: int, max_length: int) -> dict[str, bytes]:
    """Return the files of the Llama by name, made once for all tests that save it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=max_length,
        initializer_range=0.5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    with TemporaryDirectory() as folder:
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def save_tiny_adapter(folder: Path, base: Path, *, seed: int = 0) -> None:
    """Save a LoRA adapter whose B matrices are not zero."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    tuned = without_card(get_peft_model(model, config))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=1.0)
    tuned.save_pretrained(folder)


def without_card(tuned: Any) -> Any:
    """Return a model of peft that saves no model card, whose template is compiled each time."""
    tuned.create_or_update_model_card = lambda *_: None
    return tuned


def model_of(runner: Any, checkpoint: Checkpoint) -> Any:
    """Return the lm-eval model with which a harness runner asks a checkpoint, to spy on it."""
    return runner._backend.model(checkpoint, EvalSettings(), "float32")


def saying(texts: Sequence[str]) -> Any:
    """Return a stand-in for a model's `generate` that says these texts, one a request."""
    from cliffguard.engine.stopping import GeneratedText

    left = iter(texts)

    def generate(requests: Sequence[Any]) -> list[Any]:
        return [
            GeneratedText(
                text=next(left), finish_reason="stop", n_tokens=1, mean_logprob=-0.5, margin=1.0
            )
            for _ in requests
        ]

    return generate


def all_right(_: str, __: Item) -> float:
    """Script: everyone is always right."""
    return 1.0


def loses_hard_levels(name: str, item: Item) -> float:
    """Script: the candidate fails from level 3 on."""
    return 0.0 if "tuned" in name and (item.level or 0) >= 3 else 1.0


def caveat_ids(review: Review) -> list[str]:
    """Return the ids of a review's caveats."""
    return [caveat.id for caveat in review.comparison.caveats]


def caveat_texts(review: Review, id: str) -> list[str]:
    """Return what the caveats of an id say."""
    return [caveat.text for caveat in review.comparison.caveats if caveat.id == id]


@contextmanager
def refused(
    error_id: str, exit_code: int, *names: str
) -> Iterator[pytest.ExceptionInfo[CliffguardError]]:
    """Expect an error by its id and exit code; `names` are what its line has to name.

    Names are data of the case (a file and its line, an item, a flag to take), and no English:
    the wording stands in tests/golden/error_lines.txt.
    """
    with pytest.raises(CliffguardError) as caught:
        yield caught
    error = caught.value
    assert (error.id, error.exit_code) == (error_id, exit_code), str(error)
    assert [name for name in names if name not in str(error)] == [], str(error)


def placeless(report: Path, folder: Path) -> str:
    """Return a report without the folder of its run, which its command names."""
    return report.read_text(encoding="utf-8").replace(str(folder), "")


def slowness() -> float:
    """Return how many times longer this machine computes now than the one that limits are of.

    At least 1; a loop that took 0.3 seconds there. What shares a processor slows both alike.
    """
    start = time.process_time()
    for number in range(5_000_000):
        _ = number + 1
    return max(1.0, (time.process_time() - start) / 0.3)


_RECORDS = {"counts": CapabilityCounts, "evidence": CapabilityEvidence, "diagnostics": Diagnostics}


def compared(capability: str, suite: str, ring: Ring, **values: Any) -> CapabilityComparison:
    """Return a capability's comparison; `values` are fields of its three records."""
    records = {
        name: record(**{f.name: values.pop(f.name) for f in fields(record) if f.name in values})
        for name, record in _RECORDS.items()
    }
    assert not values
    return CapabilityComparison(capability=capability, suite=suite, ring=ring, **records)


def changed(capability: CapabilityComparison, **values: Any) -> CapabilityComparison:
    """Return a capability's comparison with other values, in its three records too."""
    for name in _RECORDS:
        record = getattr(capability, name)
        updates = {f.name: values.pop(f.name) for f in fields(record) if f.name in values}
        capability = replace(capability, **{name: replace(record, **updates)})
    return replace(capability, **values)
