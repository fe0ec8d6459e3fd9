"""Code that comes with data: pickles, remote code, templates, tasks. None of it runs."""

from __future__ import annotations

import inspect
import os
import pickle
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cliffguard.cli import plan_options
from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings
from cliffguard.report import html
from cliffguard.runners import lmeval_code
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.lmeval_code import refuse_code
from cliffguard.runners.lmeval_tasks import _stock_tasks
from cliffguard.suites.loading import load_suite
from tests import support
from tests.bad_input.models import Models, copied
from tests.bad_input.place import Workspace, assert_refused, run

REFUSED = Path(__file__).parent / "refused_tasks.txt"
NOTED_OF = "0.4.13"  # release of lm-eval
SOURCES = sorted((Path(html.__file__).parent.parent).rglob("*.py"))


class Payload:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_runs_nothing_even_when_allowed(workspace: Workspace, tiny_models: Models) -> None:
    """--allow-pickle loads tensors; a pickle that calls something else is damage."""
    folder = copied(tiny_models.base, tiny_models.broken)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(workspace.root / "ran")))

    result = run(workspace.measure(folder, "--allow-pickle"))

    assert_refused(result, 12, "checkpoint.not-loaded")
    assert not (workspace.root / "ran").exists()


def test_a_trainers_arguments_are_never_loaded(workspace: Workspace, tiny_models: Models) -> None:
    """training_args.bin, which is a pickle of objects, lies beside the weights and stays there."""
    folder = copied(tiny_models.base, tiny_models.broken)
    (folder / "training_args.bin").write_bytes(pickle.dumps(Payload(workspace.root / "ran")))

    assert run(workspace.measure(folder, "--allow-pickle")).exit_code == 0
    assert not (workspace.root / "ran").exists()


def test_nobody_can_turn_remote_code_on_for_our_loader() -> None:
    """No flag, no key of a plan and no line of ours says that a checkpoint's code be run."""
    names = [*plan_options.PLAN, *plan_options.RUNNER, *plan_options.PROTOCOL]
    names += [*inspect.signature(Plan).parameters, *inspect.signature(RunnerSettings).parameters]

    assert [name for name in names if "trust" in name or "code" in name] == []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8").replace(" ", "")
        assert "trust_remote_code=True" not in text, path
        assert '"trust_remote_code":True' not in text, path


def test_every_tokenizer_is_loaded_without_its_code(
    tiny_models: Models, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers would otherwise ask on the terminal whether to run it."""
    from transformers import AutoTokenizer

    calls: list[dict[str, Any]] = []
    load = AutoTokenizer.from_pretrained

    def spy(*given: Any, **named: Any) -> Any:
        calls.append(named)
        return load(*given, **named)

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", spy)

    assert run(workspace.measure(tiny_models.base)).exit_code == 0
    assert calls
    assert all(named["trust_remote_code"] is False for named in calls)


# --- templates -----------------------------------------------------------------------------------


def test_chat_templates_are_rendered_in_a_sandbox() -> None:
    """transformers' own environment is the immutable sandbox; see also the corpus of bad models."""
    from transformers.utils import chat_template_utils

    source = inspect.getsource(chat_template_utils)

    assert "ImmutableSandboxedEnvironment(" in source
    assert chat_template_utils.ImmutableSandboxedEnvironment is ImmutableSandboxedEnvironment


def test_our_page_is_rendered_in_a_sandbox() -> None:
    """The page's template is ours, and what it is given is not."""
    assert type(html._environment()) is ImmutableSandboxedEnvironment


def test_no_other_template_is_rendered() -> None:
    """jinja2 is imported for the page, in the child process, and for its errors alone."""
    sources = {path: path.read_text("utf-8") for path in SOURCES}
    importing = [
        p for p, text in sources.items() if "import jinja2" in text or "from jinja2" in text
    ]

    assert sorted("/".join(path.parts[-2:]) for path in importing) == [
        "engine/templates.py",
        "report/html.py",
        "sandbox/templates.py",
    ]


# --- lm-eval's tasks -----------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of lm-eval's tasks."""
    folder = tmp_path / "lm_eval" / "tasks"
    (folder / "own").mkdir(parents=True)
    monkeypatch.setattr(lmeval_code, "_home", lambda: folder)
    return folder


def index(home: Path, text: str, kind: str = "TASK") -> dict[str, Any]:
    """Write a task file and return an index of it."""
    path = home / "own" / "t.yaml"
    path.write_text(text, encoding="utf-8")
    entry = SimpleNamespace(
        name="t", kind=SimpleNamespace(name=kind), yaml_path=path, cfg={}, tags=set()
    )
    return {"t": entry}


SCORED = "task: t\nprocess_results: !function utils.score\nmetric_list: [{metric: pass}]\n"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (
            "def score(doc, said):\n    exec(said[0])\n",
            ("task.runs-code", 2, "exec"),
        ),
        ("def score(doc, said):\n    return eval(said[0])\n", ("task.runs-code", 2, "eval")),
        (
            "def score(d, s):\n    return run(s)\ndef run(s):\n    compile(s, '', 'exec')\n",
            ("task.runs-code", 2, "compile"),
        ),
        (
            "import subprocess\ndef score(d, s):\n    subprocess.run(s)\n",
            ("task.runs-code", 2, "subprocess.run"),
        ),
        ("import os\ndef score(d, s):\n    os.system(s)\n", ("task.runs-code", 2, "os.system")),
        (
            "import multiprocessing\ndef score(d, s):\n    multiprocessing.Process()\n",
            ("task.runs-code", 2, "multiproc"),
        ),
        (
            "import evaluate\nm = evaluate.load('code_eval')\ndef score(d, s): ...\n",
            ("task.runs-code", 2, "code_eval"),
        ),
        (
            "import evaluate\ndef score(d, s):\n    evaluate.load('rouge')\n",
            ("task.runs-code", 2, "rouge"),
        ),
        (
            "from lm_eval.tasks.own.inner import score\n",
            ("task.runs-code", 2, "own/inner.py", "exec"),
        ),
        ("from .inner import score\n", ("task.runs-code", 2, "own/inner.py", "exec")),
        (
            "class Task:\n    def score(self, said):\n        exec(said)\nscore = Task\n",
            ("task.runs-code", 2, "exec"),
        ),
    ],
)
def test_tasks_that_run_code_are_found_whether_marked_or_not(
    home: Path, source: str, error: Any
) -> None:
    """What a task's functions call, in their file or one that it imports, is read and refused."""
    (home / "own" / "inner.py").write_text("def score(doc, said):\n    exec(said[0])\n")
    (home / "own" / "utils.py").write_text(source)

    with support.refused(*error) as caught:
        refuse_code(index(home, SCORED), "t")

    assert "cliffguard does not run it: measure it in a sandbox" in str(caught.value)


def test_a_function_beside_one_that_runs_code_is_not_refused(home: Path) -> None:
    """Many tasks share a file with others, whose functions they never call."""
    source = "import re\nW = re.compile('a')\ndef score(d, s): ...\ndef other(d, s):\n    exec(s)\n"
    (home / "own" / "utils.py").write_text(source)

    refuse_code(index(home, SCORED), "t")


def test_a_function_from_outside_lm_eval_is_refused(home: Path, tmp_path: Path) -> None:
    """`!function` of another folder, or of any module that can be imported, is not imported."""
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    for name in ("../../../evil.score", "os.system", "evil.score"):
        with support.refused("task.runs-code", 2):
            refuse_code(index(home, SCORED.replace("utils.score", name)), "t")


def test_a_marked_task_is_refused(home: Path) -> None:
    """lm-eval's own mark is enough."""
    with support.refused("task.runs-code", 2):
        refuse_code(index(home, "task: t\nunsafe_code: true\n"), "t")


def test_a_metric_that_only_a_hub_has_is_refused(home: Path) -> None:
    """lm-eval would fetch its program and run it."""
    with support.refused("task.runs-code", 2):
        refuse_code(index(home, "task: t\nmetric_list: [{metric: chrf3}]\n"), "t")

    refuse_code(index(home, "task: t\nmetric_list: [{metric: acc}]\n"), "t")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("humaneval", ("task.runs-code", 2, "humaneval")),
        ("mbpp_instruct", ("task.runs-code", 2, "mbpp_instruct")),
        ("cruxeval_input", ("task.runs-code", 2, "cruxeval_input")),
        ("longproc", ("task.runs-code", 2, "longproc_countdown_0.5k")),
        ("squadv2", ("task.runs-code", 2, "squad_v2", "squadv2")),
    ],
)
def test_lm_evals_own_tasks_that_run_code_are_refused(
    tmp_path: Path, name: str, error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any of their modules is imported: some run a model's code on import to try it."""
    monkeypatch.setattr("lm_eval.tasks.TaskManager.load", lambda *_: pytest.fail("was loaded"))
    text = f"name: s\nversion: 1\ncapabilities: {{c: {{ring: general, tasks: [{name}]}}}}\n"
    (tmp_path / "s.yaml").write_text(text)

    with support.refused(*error):
        HarnessRunner().resolve([load_suite(str(tmp_path / "s.yaml"))], EvalSettings())


@pytest.mark.slow  # a minute or two: all of the index's 13,000 files are read
def test_of_all_installed_tasks_those_that_run_code_are_refused() -> None:
    """Of the release that they were noted of exactly these, of a newer one these and maybe more."""
    refused, tasks = set(), _stock_tasks().task_index
    for name, entry in tasks.items():
        if entry.kind.name not in {"GROUP", "TAG"}:
            try:
                refuse_code(tasks, name)
            except SuiteError:
                refused.add(name)

    noted = set(REFUSED.read_text(encoding="utf-8").split())
    assert noted & tasks.keys() <= refused
    if version("lm-eval") == NOTED_OF:
        assert refused == noted


def test_a_task_file_in_the_working_directory_is_no_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite cannot name a file of lm-eval's kind, whose functions would be imported."""
    (tmp_path / "evil.yaml").write_text("task: evil\nprocess_docs: !function evil.run\n")
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n")
    text = "name: s\nversion: 1\ncapabilities: {c: {ring: general, tasks: [evil.yaml]}}\n"
    (tmp_path / "s.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)

    with support.refused("task.unknown", 2, "'evil.yaml'"):
        HarnessRunner().resolve([load_suite("./s.yaml")], EvalSettings())
