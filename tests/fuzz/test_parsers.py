"""Whatever a file holds, its parser returns a value or one line of ours, and soon.

More examples than the fast tests take: CLIFFGUARD_FUZZ_EXAMPLES=10000 (see `make fuzz`). They are
the same ones every time, unless CLIFFGUARD_FUZZ_ANEW is set.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cliffguard import Plan, Policy, Review, Store, TargetData, guard
from cliffguard.checkpoints.files import stated_window
from cliffguard.checkpoints.identity import FindOptions, find_pair
from cliffguard.checkpoints.weights import n_parameters
from cliffguard.cli.flag_values import overrides
from cliffguard.config import load_plans, load_policy
from cliffguard.core.chats import chat_in
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.engine.adapter_settings import refuse_endless
from cliffguard.engine.adapters import apart_because
from cliffguard.gate import compare_samples, find_sides
from cliffguard.report import RENDERERS, render
from cliffguard.report.json import read_review
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.suites.loading import load_suite
from cliffguard.suites.target import suite_files, suites_of
from cliffguard.suites.train_data import read_training
from tests import support
from tests.fake_runner import FakeRunner
from tests.fuzz.answering import answered, as_lines, fuzzed, spoilt
from tests.fuzz.mutations import as_json, deepened, spoilt_bytes, spoilt_value
from tests.report import samples as reviews


def as_yaml(value: Any) -> bytes:
    """Return YAML, or JSON, which is YAML too, for numbers too long for it."""
    try:
        style = '"' if "deep" in str(value) else None  # so that the name of depth can be found
        return deepened(yaml.safe_dump(value, default_style=style).encode())
    except yaml.YAMLError:
        return as_json(value)


# --- what people write ---------------------------------------------------------------------------

PLAN = """\
base: models/base
candidate: [runs/a, runs/b]
suites: [adjacent, ./small.yaml]
target: {data: test.jsonl, prompt: "{q}", labels: [a, b], max_tokens: 8}
protocol: {chat_template: own, template_args: {thinking: false}, limit: 5, temperature: 0.5}
runner: {model: vllm, args: {tensor_parallel_size: 2}, served_as: {a: b}, batch_size: 4}
policy:
  alpha: 0.05
  target: {min_gain: 0.0}
  capabilities: {reasoning: {margin: 0.03, gate: true, tasks: [a, "b_*"]}}
data: {gsm8k: test.jsonl, arc: {test: a.csv, train: b.csv}}
train: [train.jsonl]
screen: true
"""
POLICY = """\
alpha: 0.05
default_margin: 0.05
estimand: suite
target: {min_gain: 0.02}
capabilities:
  reasoning: {margin: 0.03, gate: true, tasks: [a, "b_*"], metric: acc, filter: none}
"""


@fuzzed
@given(content=spoilt(PLAN.encode(), yaml.safe_load(PLAN), as_yaml))
def test_a_plan(content: bytes, folder: Path) -> None:
    """A plan file is a plan or one line."""
    (folder / "plan.yaml").write_bytes(content)
    with answered():
        load_plans(folder / "plan.yaml")


@fuzzed
@given(content=spoilt(POLICY.encode(), yaml.safe_load(POLICY), as_yaml))
def test_a_policy(content: bytes, folder: Path) -> None:
    """A policy file is a policy or one line."""
    (folder / "policy.yaml").write_bytes(content)
    with answered():
        load_policy(folder / "policy.yaml")


SUITE = f"""{support.SUITE}
  made:
    ring: general
    covers: [out_of_domain_qa]
    margin: 0.04
    tasks:
      - gsm8k
      - {{name: agreement, from: adjacent}}
      - name: patterns
        items: say.jsonl
        metric: regex
        stop: ["."]
        limit: 3
        cost: short generation
"""


@fuzzed
@given(content=spoilt(SUITE.encode(), yaml.safe_load(SUITE), as_yaml))
@example(content=SUITE.replace("adjacent", "a" * 300).encode())  # no file can be called so
def test_a_suite(content: bytes, folder: Path) -> None:
    """A suite file is a suite or one line."""
    support.write_suite(folder, n_items=6)
    (folder / "mine.yaml").write_bytes(content)
    with answered():
        load_suite(str(folder / "mine.yaml"))


METRICS = ("acc", "exact_match", "numeric", "regex", "constraints", "json_schema", "tool_call")
ITEMS = [
    {"id": "a", "context": "C. ", "prompt": "P", "choices": ["x", "y"], "answer": "x", "level": 1},
    {"id": "b", "prompt": "P", "question": "Q", "expected": "7", "answer": "x",
     "choices": ["x", "y"], "level": 2, "cluster": "c"},
    {"id": "c", "prompt": "P", "answer": '{"max_words": 3, "includes": ["a"]}', "level": 3},
    {"id": "d", "prompt": "P", "answer": "12.5", "level": 3},
    {"id": "e", "prompt": "P", "answer": {"name": "f", "arguments": {"a": [1]}}, "level": 3},
    {"id": "f", "prompt": "P", "answers": [{"items": {"$ref": "#"}}, []], "level": 3},
]  # fmt: skip


@fuzzed
@given(
    content=spoilt(as_lines(ITEMS), ITEMS, as_lines),
    metric=st.sampled_from(METRICS),
    level=st.sampled_from(["", ", level: level"]),
)
def test_items(content: bytes, metric: str, level: str, folder: Path) -> None:
    """Items are items or one line."""
    (folder / "one.jsonl").write_bytes(content)
    task = f"{{name: one, items: one.jsonl, metric: {metric}{level}}}"
    text = f"name: s\nversion: 1\ncapabilities: {{c: {{ring: general, tasks: [{task}]}}}}\n"
    (folder / "one.yaml").write_text(text)
    with answered():
        load_suite(str(folder / "one.yaml"))


CHATS = [
    {"id": "a", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}],
     "choices": ["x", "y"], "answer": "x"},
    {"id": "b", "messages": [{"role": "user", "content": [{"type": "text", "text": "Q"}]},
     {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function",
      "function": {"name": "f", "arguments": '{"a": 1}'}}]},
     {"role": "tool", "tool_call_id": "1", "name": "f", "content": "7"}],
     "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
     "answer": "7", "choices": ["7", "8"]},
]  # fmt: skip


@fuzzed
@given(content=spoilt(as_lines(CHATS), CHATS, as_lines), metric=st.sampled_from(("acc", "numeric")))
def test_chats(content: bytes, metric: str, folder: Path) -> None:
    """Chats are items that a template can be given, or one line."""
    (folder / "one.jsonl").write_bytes(content)
    task = f"{{name: one, items: one.jsonl, metric: {metric}}}"
    text = f"name: s\nversion: 1\ncapabilities: {{c: {{ring: general, tasks: [{task}]}}}}\n"
    (folder / "one.yaml").write_text(text)
    with answered():
        for item in load_suite(str(folder / "one.yaml")).tasks[0].items:
            if item.chat is not None:
                chat = chat_in(item.chat)
                assert chat_in(chat.written) == chat
                chat.as_text()


ROWS = [
    {"question": "Which?", "choices": ["x", "y"], "answer": "x", "id": 1, "level": 1},
    {"question": "Who?", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answer": "B"},
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]},
    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes"}]},
    {"text": "one", "label": 0},
]
TABLE = 'text,label\n"a, b",x\nc,y\n"d\ne",x\n'


def _rows_of(kind: str) -> st.SearchStrategy[bytes]:
    if kind in ("csv", "tsv"):
        return spoilt(TABLE.encode(), list(csv.reader(io.StringIO(TABLE))), as_lines)
    dump = as_json if kind == "json" else as_lines
    return st.sampled_from([ROWS, *([row] * 3 for row in ROWS)]).flatmap(
        lambda rows: spoilt(dump(rows), rows, dump)
    )


@fuzzed
@given(st.data())
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "txt"])
def test_data(kind: str, folder: Path, data: st.DataObject) -> None:
    """Data of a target, and of a fine-tune, are rows or one line."""
    path = folder / f"data.{kind}"
    path.write_bytes(data.draw(_rows_of(kind)))
    ways = [{}, {"metric": "exact_match"}, {"prompt": "{question}"}, {"metric": "acc"}]
    named: dict[str, Any] = data.draw(st.sampled_from(ways))
    with answered():
        read_training(str(path))
    with answered():
        suite_files(TargetData(data=str(path), **named))


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, bytes]:
    """The same rows as the files of tables."""
    import pyarrow
    from pyarrow import parquet

    rows = pyarrow.table({"text": ["a", "b"], "label": [0, 1], "parts": [["x"], ["y", "z"]]})
    noted = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["n", "y"]}}}}
    rows = rows.replace_schema_metadata({"huggingface": json.dumps(noted)})
    parquet.write_table(rows, folder / "t.parquet")
    path = str(folder / "t.arrow")
    with pyarrow.OSFile(path, "wb") as sink, pyarrow.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return {kind: (folder / f"t.{kind}").read_bytes() for kind in ("parquet", "arrow")}


@fuzzed
@given(st.data())
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_tables(kind: str, folder: Path, tables: dict[str, bytes], data: st.DataObject) -> None:
    """Damaged tables are rows or one line."""
    path = folder / f"data.{kind}"
    path.write_bytes(data.draw(spoilt_bytes(tables[kind])))
    with answered():
        read_training(str(path))
    with answered():
        suite_files(TargetData(data=str(path)))


SAVED = {"_data_files": [{"filename": "t.arrow"}], "_split": None}
SPLITS = {"splits": ["train"]}


@fuzzed
@given(
    state=spoilt(as_json(SAVED), SAVED, as_json),
    splits=st.none() | spoilt(as_json(SPLITS), SPLITS, as_json),
)
def test_a_saved_folder(
    state: bytes, splits: bytes | None, folder: Path, tables: dict[str, bytes]
) -> None:
    """A folder that datasets saved is rows or one line."""
    saved = folder / "saved"
    shutil.rmtree(saved, ignore_errors=True)
    inner = saved if splits is None else saved / "train"
    inner.mkdir(parents=True)
    if splits is not None:
        (saved / "dataset_dict.json").write_bytes(splits)
    (inner / "state.json").write_bytes(state)
    (inner / "t.arrow").write_bytes(tables["arrow"])
    with answered():
        read_training(str(saved))
    with answered():
        suite_files(TargetData(data=str(saved)))


# --- what others wrote ---------------------------------------------------------------------------

SAMPLES = [
    {
        "doc_id": number,
        "doc": {"question": "Q"},
        "target": "7",
        "arguments": {"gen_args_0": {"arg_0": "Q", "arg_1": {"until": ["."]}}},
        "resps": [["7"]],
        "filtered_resps": ["7"],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": "a" * 64,
        "prompt_hash": "b" * 64,
        "target_hash": "c" * 64,
        "exact_match": 1.0,
    }
    for number in range(3)
]


@fuzzed
@given(content=spoilt(as_lines(SAMPLES), SAMPLES, as_lines), both=st.booleans())
def test_samples(content: bytes, both: bool, folder: Path) -> None:
    """Two folders of lm-eval's samples are a review or one line."""
    for side in ("one", "two"):
        (folder / side).mkdir(exist_ok=True)
        (folder / side / "samples_t.jsonl").write_bytes(as_lines(SAMPLES) + b"\n")
        if both or side == "one":
            # Not the same file on both sides, which is refused before it is judged.
            end = b"\n" if side == "two" else b""
            (folder / side / "samples_t.jsonl").write_bytes(content + end)
    with answered():
        review = compare_samples(str(folder / "one"), str(folder / "two"), Policy())
        render(review, "json")


OLD_SAMPLES = [
    {
        "doc_id": number,
        "doc": {"question": "Q"},
        "target": 1,
        "arguments": [["Q", " a"], ["Q", " b"]],
        "resps": [[[-1.0, False]], [[-2.0, False]]],
        "filtered_resps": [[-1.0, False], [-2.0, False]],
        "f1": [1, 0],
        "acc": "True",
    }
    for number in (0, 1, 0, 1)
]
RESULTS = {
    "results": {"t": {"acc,strict": 0.5, "acc,loose": 0.5}},
    "configs": {"t": {"filter_list": [{"name": "strict"}, {"name": "loose"}]}},
    "versions": {"t": 1.0},
    "config": {"limit": 2},
    "n-samples": {"t": {"original": 4, "effective": 2}},
    "higher_is_better": {"t": {"acc": True}},
    "group_subtasks": {"g": ["t"], "t": []},
}


@fuzzed
@given(content=spoilt(as_json(OLD_SAMPLES), OLD_SAMPLES, as_json), packed=st.booleans())
def test_samples_of_the_first_releases(content: bytes, packed: bool, folder: Path) -> None:
    """One list without hashes, metrics and filters, packed or not, is read or one line."""
    for side, mark in (("one", b"\n"), ("two", b"\n\n")):
        (folder / side).mkdir(exist_ok=True)
        for stale in (folder / side).iterdir():
            stale.unlink()
        name = "samples_t.json.gz" if packed else "samples_t.json"
        whole = content + mark
        (folder / side / name).write_bytes(gzip.compress(whole) if packed else whole)
    with answered():
        compare_samples(str(folder / "one"), str(folder / "two"), Policy())


@fuzzed
@given(content=spoilt(as_json(RESULTS), RESULTS, as_json), group=st.booleans())
@example(content=json.dumps({**RESULTS, "config": {"limit": math.inf}}).encode(), group=False)
@example(content=json.dumps({**RESULTS, "config": {"limit": 10**400}}).encode(), group=False)
def test_results_beside_samples(content: bytes, group: bool, folder: Path) -> None:
    """What lies beside samples is believed, or one line."""
    for side, mark in (("one", b"\n"), ("two", b"\n\n")):
        (folder / side).mkdir(exist_ok=True)
        for stale in (folder / side).iterdir():
            stale.unlink()
        (folder / side / "args_t.jsonl").write_bytes(as_json(OLD_SAMPLES) + mark)
        (folder / side / "results.json").write_bytes(content)
    capability_policy = CapabilityPolicy(tasks=("g",)) if group else CapabilityPolicy()
    with answered():
        compare_samples(
            str(folder / "one"), str(folder / "two"), Policy(capabilities={"c": capability_policy})
        )


REVIEW = render(reviews.failed(), "json")


@fuzzed
@given(content=spoilt(REVIEW.encode(), json.loads(REVIEW), as_json))
def test_a_review(content: bytes, folder: Path) -> None:
    """A review file renders in every format, or is one line."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    for name in RENDERERS:
        with answered():
            render(read_review(text, "r.json"), name)


CONFIG = {
    "model_type": "llama",
    "max_position_embeddings": 512,
    "vocab_size": 256,
    "text_config": {"vocab_size": 256},
    "_name_or_path": "base",
}
ADAPTER = {
    "base_model_name_or_path": "base",
    "peft_type": "LORA",
    "r": 2,
    "bias": "none",
    "init_lora_weights": True,
    "modules_to_save": ["head"],
    "target_modules": "w.*",
    "rank_pattern": {"w": 2},
    "layer_replication": None,
}
INDEX = {"metadata": {}, "weight_map": {"w": "model.safetensors"}}
PROVENANCE = {"base": {"weights_sha256": {"model.safetensors": "a" * 64}}}
TEMPLATE = {"chat_template": "{{ messages }}", "tokenizer_class": "X"}
FILES: dict[str, Any] = {
    "base/config.json": CONFIG,
    "base/generation_config.json": {"temperature": 0.5},
    "base/tokenizer_config.json": TEMPLATE,
    "base/model.safetensors.index.json": INDEX,
    "adapter/adapter_config.json": ADAPTER,
    "adapter/provenance.json": PROVENANCE,
}


def lay_out(folder: Path) -> tuple[Path, Path]:
    """Write a base and an adapter of it."""
    base, adapter = folder / "base", folder / "adapter"
    if not (base / "model.safetensors").is_file():
        support.write_checkpoint(base)
        support.write_checkpoint(adapter, seed=1)
        (adapter / "model.safetensors").rename(adapter / "adapter_model.safetensors")
        (adapter / "config.json").unlink()
    for name, value in FILES.items():
        (folder / name).write_text(json.dumps({**value, **_base_path(folder, name)}))
    (adapter / "provenance.json").unlink()
    return base, adapter


def _base_path(folder: Path, name: str) -> dict[str, Any]:
    return {"base_model_name_or_path": str(folder / "base")} if "adapter_config" in name else {}


@fuzzed
@given(st.data())
@pytest.mark.parametrize("name", FILES)
def test_a_checkpoints_settings(name: str, folder: Path, data: st.DataObject) -> None:
    """The settings of a checkpoint or an adapter are settings or one line."""
    base, adapter = lay_out(folder)
    value = {**FILES[name], **_base_path(folder, name)}
    (folder / name).write_bytes(data.draw(spoilt(as_json(value), value, as_json)))
    find_and_ask(base, adapter)


def find_and_ask(base: Path, adapter: Path) -> None:
    """Do with a pair what is done before weights are loaded."""
    with answered():
        base_checkpoint, tuned = find_pair(
            str(base), str(adapter), FindOptions(allow_base_mismatch=True)
        )
        assert base_checkpoint.files is not None
        stated_window(base_checkpoint.files.weights, base_checkpoint.files.tokenizer)
        apart_because(tuned)
        refuse_endless(tuned)
    with answered():
        find_pair(None, str(adapter), FindOptions(offline=True))
    with answered():
        n_parameters(base)


HEADER = {
    "__metadata__": {"format": "pt"},
    "w": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]},
}


LENGTHS = (0, 1, 2**31, 2**63, 2**64 - 1)
FLAGS = ('{"a":' * 3000, "a=1,b", "a=!!int", "a=[", "=", "a:b=c", "9" * 9, "a=1e99", "a=\ud800")


@fuzzed
@given(header=spoilt_value(HEADER), length=st.none() | st.sampled_from(LENGTHS))
@pytest.mark.parametrize("name", ["base/model.safetensors", "adapter/adapter_model.safetensors"])
def test_a_safetensors_header(name: str, header: Any, length: int | None, folder: Path) -> None:
    """A header of safetensors is one or one line."""
    base, adapter = lay_out(folder)
    text = as_json(header)
    content = struct.pack("<Q", len(text) if length is None else length) + text + bytes(64)
    (folder / name).write_bytes(content)
    try:
        find_and_ask(base, adapter)
    finally:
        (folder / name).unlink()
        shutil.rmtree(base)
        shutil.rmtree(adapter)


# --- flags ---------------------------------------------------------------------------------------


@fuzzed
@given(text=st.text() | st.sampled_from(FLAGS))
@pytest.mark.parametrize("flag", ["model_args", "template_args", "data"])
def test_a_flag_that_holds_a_mapping(flag: str, text: str) -> None:
    """--model-args, --template-args and --data are a mapping or one line."""
    with answered():
        overrides({flag: [text] if flag == "data" else text})


# --- the store -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Review, Path]:
    """A review, and the store with the answers of both of its sides."""
    root = tmp_path_factory.mktemp("stored")
    suite = support.write_suite(root / "suite", n_items=6, n_said=3)
    base = support.write_checkpoint(root / "base", seed=0)
    tuned = support.write_checkpoint(root / "tuned", seed=1)
    plan = Plan(base=str(base), candidate=str(tuned), suites=(str(suite),))
    review = guard(plan, store=Store(root / "store"), runner=FakeRunner(lambda *_: 1.0))
    return review, root / "store"


STORED = ("question.json", "items/*.jsonl", "shards/0000.jsonl")


@fuzzed
@given(st.data())
@pytest.mark.parametrize("name", STORED)
def test_a_store(name: str, stored: tuple[Review, Path], folder: Path, data: st.DataObject) -> None:
    """A damaged entry of the store is one line, or changes nothing of the verdict."""
    undisturbed, pristine = stored
    plan = undisturbed.plan
    shutil.rmtree(folder / "store", ignore_errors=True)
    shutil.copytree(pristine, folder / "store")
    path = data.draw(st.sampled_from(sorted((folder / "store").rglob(name))))
    content = path.read_bytes()
    rows = [json.loads(line) for line in content.splitlines()] if "jsonl" in name else None
    value = json.loads(content) if rows is None else rows
    path.write_bytes(data.draw(spoilt(content, value, as_json if rows is None else as_lines)))
    with answered():
        store = Store(folder / "store")
        runner = find_stored(store, find_sides(plan), suites_of(plan), {})
        review = guard(replace(plan, protocol=runner.protocol), store=store, runner=runner)
        assert review.verdict == undisturbed.verdict
