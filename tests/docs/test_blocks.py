"""Every fenced block of README.md and docs/*.md runs, or is one of a few exceptions."""

from __future__ import annotations

import ast
import builtins
import doctest
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.runners.lmeval_tasks import _stock_tasks
from cliffguard.suites import loading as suites
from tests.docs.blocks import PAGES, Block, blocks_of
from tests.docs.kinds import read_json_block, read_yaml_block
from tests.docs.place import SCIENCE, SUMS, DocsRunner, ReasoningGym, furnish, small_suites
from tests.docs.programs import assert_printed, commands_of, parse, run

BLOCKS = [block for page in PAGES for block in blocks_of(page)]

# Not run but parsed: page and first line → why. At most ten; a block that a page marks as read only
# stands in the page with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("README.md", "make demo"): "minutes; tests/e2e/test_demo.py runs it",
    ("README.md", "make test"): "these very tests",
    ("docs/engine.md", "cliffguard lm-eval run --model cliffguard \\"): (
        "takes over stdout and the arguments of the process; tests/e2e/test_lm_eval.py runs it"
    ),
}
PROSE = {"text"}  # languages that nothing could run
RUN = {"sh", "bash", "shell", "console", "python"}  # languages whose blocks others build on
RAN = "__ran__"  # in a page's namespace: the blocks that ran in it


@pytest.fixture(scope="module")
def shipped_small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small copies of the built-in suites."""
    return small_suites(suites.suites_folder(), tmp_path_factory.mktemp("docs") / "suites")


@pytest.fixture(scope="module")
def rooms(
    tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, tiny_adapter: Path
) -> Callable[[str], tuple[Path, dict[str, Any]]]:
    """Of each page one folder and one namespace, which its blocks share in their order."""
    made: dict[str, tuple[Path, dict[str, Any]]] = {}

    def room(page: str) -> tuple[Path, dict[str, Any]]:
        if page not in made:
            root = tmp_path_factory.mktemp("page")
            furnish(root, tiny_base, tiny_adapter)
            made[page] = root, {"__name__": "__docs__", RAN: set()}
        return made[page]

    return room


@pytest.fixture(autouse=True)
def nothing_fetched(monkeypatch: pytest.MonkeyPatch, shipped_small: Path) -> None:
    """Answers are scripted, the built-in suites small, and what a hub would give is ours."""
    import datasets
    import lm_eval.evaluator  # noqa: F401 (patched below)

    def load(path: str, *_: Any, **__: Any) -> Any:
        rows = {"allenai/ai2_arc": SCIENCE, "openai/gsm8k": SUMS}[path]
        split = datasets.Dataset.from_list(rows)
        return datasets.DatasetDict(train=split, test=split, validation=split)

    monkeypatch.setattr("lm_eval.api.task.datasets.load_dataset", load)
    # Its index of tasks takes seconds to read: once is enough.
    monkeypatch.setattr("lm_eval.evaluator.TaskManager", lambda *_, **__: _stock_tasks())
    # It asks pip, the compiler and the processor for their versions.
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda _: None)
    monkeypatch.setattr("cliffguard.gate.runner_for", DocsRunner)
    monkeypatch.setattr("cliffguard.suites.loading.suites_folder", lambda: shipped_small)
    monkeypatch.setitem(sys.modules, "reasoning_gym", ReasoningGym("reasoning_gym"))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_the_block_is_true(
    block: Block,
    rooms: Callable[[str], tuple[Path, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A block does what its page says, in the order of the page."""
    root, names = rooms(block.page)
    monkeypatch.chdir(root)
    monkeypatch.setenv("CLIFFGUARD_STORE", str(root / "store"))
    if "read only" in block.marks or block.language in PROSE:
        return
    if (block.page, block.first) in EXCEPTIONS:
        for words in commands_of(block.text):
            parse(words, block)
    else:
        execute(block, names, root)


def execute(block: Block, names: dict[str, Any], root: Path) -> None:
    """Do what the language of a block says."""
    run_earlier(block, names, root)
    names[RAN].add(block.where)
    if block.language in ("sh", "bash", "shell"):
        for words in commands_of(block.text):
            run(words, block)
    elif block.language == "console":
        converse(block)
    elif block.language == "python":
        run_python(block, names, root)
    elif block.language == "pycon":
        run_session(block)
    elif block.language in ("yaml", "yml"):
        read_yaml_block(block, root)
    elif block.language in ("json", "jsonl"):
        read_json_block(block)
    else:
        pytest.fail(
            f"{block.where}: a block of {block.language or 'no language'}: name one that is run "
            "(sh, console, python, pycon, yaml, json), or text, or mark it (tests/docs/blocks.py)"
        )


def converse(block: Block) -> None:
    """Run what stands after `$`, and hold what follows against what was printed."""
    if not block.text.startswith("$ "):
        for words in commands_of(block.text):
            run(words, block)
        return
    for part in ("\n" + block.text).split("\n$ ")[1:]:
        lines = part.split("\n")
        n_command = 1
        while lines[n_command - 1].endswith("\\"):
            n_command += 1
        printed = "".join(run(words, block) for words in commands_of("\n".join(lines[:n_command])))
        assert_printed(printed, "\n".join(lines[n_command:]), block)


def run_earlier(block: Block, names: dict[str, Any], root: Path) -> None:
    """Run the blocks before a block that did not run yet in this process.

    So it is where another process began the page, or where the block is run alone.
    """
    for before in BLOCKS:
        is_earlier = before.page == block.page and before.line < block.line
        is_run = "read only" not in before.marks and before.language in RUN
        is_run = is_run and (before.page, before.first) not in EXCEPTIONS
        if is_earlier and is_run and before.where not in names[RAN]:
            execute(before, names, root)


def run_python(block: Block, names: dict[str, Any], root: Path) -> None:
    """Run a block after those before it; a model that a reader has in memory is made for it."""
    read = {node.id for node in ast.walk(ast.parse(block.text)) if isinstance(node, ast.Name)}
    if {"model", "tokenizer"} & (read - names.keys() - vars(builtins).keys()):
        names["model"], names["tokenizer"] = in_training(root)
    if "trainer" in read - names.keys():
        names["trainer"] = trainer_of(*in_training(root), root)
    exec(compile(block.text, block.where, "exec"), names)


def run_session(block: Block) -> None:
    """Run an interactive session by itself: it must print what it shows."""
    session = doctest.DocTestParser().get_doctest(
        block.text, {"__name__": "__docs__"}, block.where, block.page, block.line
    )
    printed: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, out=printed.append)
    assert session.examples, f"{block.where}: no line begins with >>>"
    assert not printed, "".join(printed)


def in_training(root: Path) -> tuple[Any, Any]:
    """Return a LoRA model and its tokenizer, as a training run has them."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(root / "models" / "base")
    model = PeftModel.from_pretrained(base, str(root / "runs/ft/adapter"), is_trainable=True)
    return model.train(), AutoTokenizer.from_pretrained(root / "models" / "base")


def trainer_of(model: Any, tokenizer: Any, root: Path) -> Any:
    """Return a trainer of a model, with two steps and an evaluation before it."""
    from transformers import Trainer, TrainingArguments

    tokenizer.pad_token = tokenizer.eos_token
    tokens = tokenizer("a text of six words or so")["input_ids"]
    rows = [{"input_ids": tokens, "labels": tokens}] * 4
    often = {"max_steps": 2, "eval_strategy": "steps", "eval_steps": 2, "save_strategy": "no"}
    quiet = {"report_to": [], "disable_tqdm": True, "use_cpu": True}
    arguments = TrainingArguments(output_dir=str(root / "run"), **often, **quiet)
    return Trainer(
        model, arguments, train_dataset=rows, eval_dataset=rows, processing_class=tokenizer
    )


def test_there_are_few_exceptions() -> None:
    """At most ten, each with its reason, and each still there."""
    there = {(block.page, block.first) for block in BLOCKS}

    assert len(EXCEPTIONS) <= 10
    assert EXCEPTIONS.keys() <= there
    assert all(reason.strip() for reason in EXCEPTIONS.values())


WRONG: dict[str, tuple[str, str]] = {
    "a function that is not there": ("python", "from cliffguard import gaurd\n"),
    "an argument that is not there": (
        "python",
        "from cliffguard import Plan, guard\nguard(Plan(candidate='x'), candidate='y')\n",
    ),
    "a flag that is not there": ("sh", "cliffguard check --model-a models/base\n"),
    "a verb that is not there": ("sh", "cliffguard compere a b\n"),
    "a file that is not there": ("sh", "cliffguard check gone.yaml\n"),
    "a program that nobody runs": ("sh", "helm install cliffguard\n"),
    "a pipe": ("sh", "cliffguard suites ls | head\n"),
    "an ellipsis that nobody explains": ("sh", "cliffguard check … --quiet\n"),
    "an extra that is not there": ("sh", 'pip install "cliffguard[gpu]"\n'),
    "a target of make that is not there": ("sh", "make coffee\n"),
    "output that is not printed": ("console", "$ cliffguard --version\ncliffguard 99.1\n"),
    "a key that is not there": ("yaml", "capabilities:\n  a: {margins: 0.1}\n"),
    "a value out of range": ("yaml", "alpha: 1.5\n"),
    "keys of two kinds": ("yaml", "alpha: 0.05\nprotocol: {seed: 1}\n"),
    "an item without its answer among the choices": (
        "json",
        '{"id": "a", "prompt": "b", "choices": ["c", "d"], "answer": "e"}\n',
    ),
    "no JSON": ("json", "{'id': 1}\n"),
    "a session that prints something else": ("pycon", ">>> 1 + 1\n3\n"),
    "a session without a prompt": ("pycon", "1 + 1\n2\n"),
    "no language": ("", "cliffguard check plan.yaml\n"),
    "a language of nobody": ("fortran", "PRINT *, 1\n"),
}


@pytest.mark.parametrize(("language", "text"), WRONG.values(), ids=list(WRONG))
def test_a_block_that_is_not_true_fails(
    language: str,
    text: str,
    rooms: Callable[[str], tuple[Path, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the test above would prove nothing."""
    root, _ = rooms("wrong")
    monkeypatch.chdir(root)

    with pytest.raises((Exception, pytest.fail.Exception)):
        execute(Block("page.md", 1, language, text), {}, root)


def test_blocks_are_found_where_they_stand(tmp_path: Path) -> None:
    """Also indented ones, those of tildes, fences in fences, and what marks say of them."""
    page = tmp_path / "page.md"
    page.write_text(
        "- a list\n\n  ```sh\n  make test\n  ```\n\n````text\n```sh\nno block\n```\n````\n"
        "<!-- block: exit = 12 -->\n<!-- block: … = --quiet -->\n~~~console\n$ cliffguard …\n~~~\n"
    )

    first, second, third = blocks_of(page)

    assert (first.line, first.language, first.text) == (3, "sh", "make test\n")
    assert second.text == "```sh\nno block\n```\n"
    assert third.marks == {"exit": "12", "…": "--quiet"}


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nmake test\n",
        "<!-- block: skip = true -->\n```sh\n```\n",
        "<!-- block: -->\n```\n```\n",
    ],
    ids=["open", "unknown mark", "empty mark"],
)
def test_a_page_that_cannot_be_read_fails(tmp_path: Path, text: str) -> None:
    """An open fence or an unknown mark would leave blocks out in silence."""
    (tmp_path / "page.md").write_text(text)

    with pytest.raises(AssertionError, match=r"page\.md"):
        blocks_of(tmp_path / "page.md")


def test_output_is_compared_line_by_line() -> None:
    """An ellipsis stands for anything, other lines may come between, order counts."""
    block = Block("page.md", 1, "console", "")
    printed = "verdict PASS\nnote\ntime: 3.2 s in all\n"

    assert_printed(printed, "verdict  PASS\ntime: … s in all\n", block)
    with pytest.raises(pytest.fail.Exception, match="not printed: verdict"):
        assert_printed(printed, "time: … s in all\nverdict PASS\n", block)
