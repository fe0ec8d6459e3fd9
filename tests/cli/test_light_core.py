"""The light core: what runs where no extra is installed, on real inputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.settings import EvalSettings
from tests import support
from tests.runners.test_imports import scored, write

CHECKOUT = Path(__file__).parent.parent.parent
EXAMPLE = CHECKOUT / "reports" / "examples" / "healthy" / "review.json"
LAYOUTS = CHECKOUT / "tests" / "layouts"
NAMED = (
    "torch", "transformers", "tokenizers", "peft", "lm_eval", "datasets", "pyarrow", "accelerate",
    "safetensors", "gguf", "matplotlib",
)  # fmt: skip
FORMS = ("text", "markdown", "html", "json", "junit", "comment", "github")


def names_of(requirements: Sequence[str]) -> Iterator[str]:
    """Yield the packages that requirements without an extra name, as PyPI spells them."""
    for line in requirements:
        if "extra ==" not in line and (match := re.match(r"[\w.-]+", line)):
            yield re.sub(r"[-_.]+", "-", match[0]).lower()


def installed_with(package: str, seen: set[str]) -> set[str]:
    """Return `seen` with the package and all that pip installs for it."""
    if package not in seen:
        try:
            needed = requires(package) or []
        except PackageNotFoundError:  # of another system
            return seen
        seen.add(package)
        for name in names_of(needed):
            installed_with(name, seen)
    return seen


def beyond_the_core() -> list[str]:
    """Return all modules of this environment that an installation without extras lacks."""
    there = installed_with("cliffguard", set())
    return sorted(
        module
        for module, packages in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in packages} & there
    )


PROGRAM = """
import contextlib, io, json, sys, traceback
from importlib import metadata
gone, commands = json.load(sys.stdin)
class Gone:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in gone:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
there = metadata.Distribution.from_name
def from_name(name):
    if name.replace("-", "_") in gone:
        raise metadata.PackageNotFoundError(name)
    return there(name)
metadata.Distribution.from_name = from_name
from cliffguard.cli.app import app
def run(words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = app(words) or 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            code = 1
            traceback.print_exc()
    return code, out.getvalue(), err.getvalue()
print(json.dumps([run(words) for words in commands]))
"""


def in_light_core(commands: Sequence[Sequence[object]]) -> list[tuple[int, str, str]]:
    """Run commands in one process without what extras bring; exit code, stdout and stderr each."""
    gone = beyond_the_core()
    assert {*NAMED} <= {*gone}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([gone, [[*map(str, words)] for words in commands]]),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(code, out, err) for code, out, err in json.loads(done.stdout.splitlines()[-1])]


def table(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as a Parquet file and return its path."""
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist([*rows]), path)
    return path


PROTOCOLS = {
    "store": EvalSettings(),
    "store-of-chats": EvalSettings(chat_template="own", system_prompt="Hi."),
}
TARGET = [{"prompt": f"Ticket {n}", "answer": "abc"[n % 3]} for n in range(60)]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real inputs: samples of lm-eval, checkpoints with stored answers, data."""
    from cliffguard.core.settings import Plan, RunnerSettings
    from cliffguard.gate import find_alone, measure_alone
    from cliffguard.store.answers import Store
    from tests.fake_runner import FakeRunner

    root = tmp_path_factory.mktemp("light")
    for side, is_wrong in (("sb", lambda _: False), ("st", lambda n: n % 5 == 0)):
        write(root / side, "gsm8k", scored(200, is_wrong))
        write(root / side, "race", scored(200))
    for side in ("sp", "sq"):
        table(root / side / "samples_race_2026-01-01T10-00-00.123456.parquet", scored(20))
    support.write_jsonl(root / "t.jsonl", TARGET)
    table(root / "t.parquet", TARGET)
    lines = [f"{row['prompt']},{row['answer']}\n" for row in TARGET]
    (root / "t.csv").write_text("prompt,answer\n" + "".join(lines))
    suite = support.write_suite(root / "suite")
    runner = FakeRunner(support.loses_hard_levels)
    for seed, name in enumerate(("base", "tuned")):
        folder = support.write_checkpoint(root / name, seed=seed)
        (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
        for where, protocol in PROTOCOLS.items():
            plan = Plan(
                candidate=str(folder),
                suites=(str(suite),),
                protocol=protocol,
                runner=RunnerSettings(device="cpu"),
            )
            store = Store(root / where)
            measure_alone(find_alone(plan), plan, store=store, runner=runner)
    return root


# --- what needs no extra ------------------------------------------------------------------------


@pytest.mark.slow
def test_what_compares_and_reports_needs_no_extra(inputs: Path) -> None:
    """Every verb that asks no model, on what another machine measured."""
    stored = ["compare", inputs / "base", inputs / "tuned", "--suite", inputs / "suite/small.yaml"]
    stored += ["--store", inputs / "store"]
    commands: dict[tuple[object, ...], int] = {
        ("--version",): 0,
        ("--help",): 0,
        ("compare", inputs / "sb", inputs / "st", "--out", inputs / "gate"): 10,
        (*stored, "--out", inputs / "stored"): 10,
        **{("report", EXAMPLE, "--format", form): 0 for form in FORMS},
        **{("report", LAYOUTS / "1/reviews/cliff.json", "--format", form): 0 for form in FORMS},
        ("report", inputs / "gate", inputs / "stored", "--out", inputs / "all"): 2,  # two bases
        ("card", inputs / "gate", "--readme", inputs / "README.md"): 0,
        ("card", EXAMPLE): 0,
        ("skill",): 0,
        ("flips", inputs / "gate"): 0,
        ("flips", inputs / "stored", "--format", "csv"): 0,
        ("store", "ls", "--store", inputs / "store"): 0,
        ("store", "verify", "--store", LAYOUTS / "1/store"): 0,
        ("store", "export", "--store", inputs / "store", "--out", inputs / "a.tar"): 0,
        ("store", "import", inputs / "a.tar", "--store", inputs / "second"): 0,
        ("store", "prune", "--checkpoint", "tuned", "--store", inputs / "second"): 0,
        ("suites", "ls"): 0,
        ("suites", "ls", "--format", "json"): 0,
        ("suites", "show", "adjacent"): 0,
        ("suites", "show", "public-quick"): 0,
        ("suites", "validate", inputs / "suite/small.yaml"): 0,
        ("suites", "new", inputs / "t.csv", "--out", inputs / "own"): 0,
        ("suites", "validate", inputs / "own/target.yaml"): 0,
        ("plan",): 0,
        ("plan", "--target", inputs / "t.csv", "--train", inputs / "t.jsonl"): 0,
        ("init", "--out", inputs / "init", "--data", inputs / "t.jsonl"): 0,
    }  # fmt: skip

    done = in_light_core(list(commands))

    codes = {words: code for words, (code, _, _) in zip(commands, done, strict=True)}
    lines = {words: err for words, (code, _, err) in zip(commands, done, strict=True)}
    assert codes == commands, [
        lines[words] for words in commands if codes[words] != commands[words]
    ]
    assert (inputs / "gate" / "report.html").is_file()
    assert (inputs / "stored" / "items.jsonl").is_file()
    for folder in (inputs / "gate", inputs / "stored"):
        versions = json.loads((folder / "review.json").read_text())["provenance"]["versions"]
        assert "numpy" in versions
        assert not {"torch", "transformers", "peft", "lm-eval"} & {*versions}


@pytest.mark.slow
def test_a_system_prompt_is_compared_without_a_template_engine(inputs: Path) -> None:
    """Whether a template loses it was looked at when the answers were asked."""
    words = ["compare", inputs / "base", inputs / "tuned", "--suite", inputs / "suite/small.yaml"]
    words += [
        "--store",
        inputs / "store-of-chats",
        "--chat-template",
        "own",
        "--system-prompt",
        "Hi.",
    ]

    ((code, _, err),) = in_light_core([words])

    assert (code, err.count("error[")) == (10, 0), err


@pytest.mark.slow
def test_a_plan_is_of_use_without_torch(inputs: Path) -> None:
    """All but the time is foretold of a base that is at hand."""
    words = ["plan", "--base", inputs / "base", "--suite", inputs / "suite/small.yaml"]

    ((code, out, _),) = in_light_core([words])

    assert code == 0
    assert "without torch, time is not foretold; pip install 'cliffguard[run]'" in out
    assert "minutes" not in out


# --- what needs one -----------------------------------------------------------------------------

RUN = "running models needs torch, transformers and 12 more, which are not installed"
LACKING = {
    ("check", "--base", "base", "--candidate", "tuned"): (RUN, "run"),
    ("check", "--base", "base", "--candidate", "tuned", "--out", "out"): (RUN, "run"),
    ("measure", "base", "--suite", "suite/small.yaml"): (RUN, "run"),
    ("noise", "base", "--suite", "suite/small.yaml"): (RUN, "run"),
    ("rescue", "plan.yaml", "--out", "rescued"): (RUN, "run"),
    ("demo", "--out", "demo"): (RUN, "run"),
    ("lm-eval", "--help"): (RUN, "run"),
    ("plan", "--suite", "public-quick"): (RUN, "run"),
    ("plan", "--base", "hf:org/base", "--suite", "adjacent", "--candidate", "hf:org/tuned"): (
        "a name on a hub needs huggingface-hub, which is not installed", "run"
    ),
    ("plan", "--target", "hf:org/data", "--suite", "none"): (
        "a data set on a hub needs datasets, which is not installed", "run"
    ),
    **{
        words: ("reading Parquet and Arrow files needs pyarrow, which is not installed", "run")
        for words in (
            ("compare", "sp", "sq"),
            ("plan", "--target", "t.parquet", "--suite", "none"),
            ("plan", "--suite", "adjacent", "--train", "t.parquet"),
            ("init", "--out", "init-parquet", "--data", "t.parquet"),
            ("suites", "new", "t.parquet", "--out", "own-parquet"),
        )
    },
    ("figures", str(EXAMPLE), "--out", "figures"): (
        "drawing figures needs matplotlib, which is not installed", "figures"
    ),
}  # fmt: skip


@pytest.mark.slow
def test_what_to_install_is_one_line(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2, nothing on stdout, and a last line of stderr that ends in what to type."""
    monkeypatch.chdir(inputs)
    (inputs / "plan.yaml").write_text("base: base\ncandidate: tuned\nsuites: [adjacent]\n")

    done = in_light_core(list(LACKING))

    for (words, (line, extra)), (code, out, err) in zip(LACKING.items(), done, strict=True):
        last = f"cliffguard: error[install.missing]: {line}; pip install 'cliffguard[{extra}]'"
        assert (code, out, err.splitlines()[-1:]) == (2, "", [last]), (words, err)
    assert json.loads((inputs / "out" / "failure.json").read_text())["id"] == "install.missing"
    assert not any((inputs / name).exists() for name in ("demo", "rescued", "figures"))


def test_a_path_that_is_not_there_is_no_lacking_library(inputs: Path) -> None:
    """A misspelt path reads like a name on a hub, from which nothing was fetched before."""
    words = ["plan", "--target", "runs/data", "--suite", "none"]
    sides = ["compare", "runs/base", "runs/tuned", "--suite", "adjacent"]

    done = in_light_core([words, sides])

    assert [code for code, _, _ in done] == [2, 2]
    assert all("error[hub.not-said]" in err and "hf:runs/" in err for _, _, err in done), done


PYTHON = """
from cliffguard import CliffguardError, Plan, guard
def shown(work):
    try:
        work()
    except CliffguardError as error:
        print(error.exit_code, error.id, str(error).rpartition("; ")[2])
def in_training():
    from cliffguard.runners.live import LiveRunner
shown(lambda: guard(Plan(candidate="tuned", base="base", suites=("adjacent",))))
shown(in_training)
"""


@pytest.mark.slow
def test_programs_hear_the_same() -> None:
    """A gate and a model in training raise what the command line prints."""
    gone = f"import sys\nfor name in {beyond_the_core()!r}: sys.modules[name] = None\n"

    done = subprocess.run(
        [sys.executable, "-c", gone + PYTHON], capture_output=True, text=True, check=False
    )

    line = "2 install.missing pip install 'cliffguard[run]'"
    assert done.stdout.splitlines() == [line, line], done.stderr
