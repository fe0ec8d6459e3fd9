"""The floor plan, enforced: imports point down, no circles of files, heavy libraries late."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from cliffguard.core.libraries import EXTRAS

PACKAGE = Path(__file__).parent.parent / "cliffguard"

# ARCHITECTURE.md has a row for each: a package imports only those of earlier rows.
ORDER: tuple[tuple[str, ...], ...] = (
    ("stats",),
    ("core",),
    ("suites",),
    ("checkpoints",),
    ("engine",),
    ("store",),
    ("runners",),
    ("config",),
    ("evaluate",),
    ("compare",),
    ("run",),
    ("gate",),
    ("planning", "report", "demo"),
    ("sweep",),
    ("cli",),
)
TIER = {package: tier for tier, packages in enumerate(ORDER) for package in packages}
LATE = (
    "torch", "transformers", "tokenizers", "peft", "lm_eval", "datasets", "pyarrow", "matplotlib",
    "accelerate", "safetensors", "gguf", "huggingface_hub", "psutil", "requests", "rouge_score",
    "ray", "submitit",
)  # fmt: skip
LIGHT = (
    "core",
    "stats",
    "suites",
    "checkpoints",
    "store",
    "evaluate",
    "compare",
    "run",
    "planning",
)
LIGHT += ("report", "cli")
HEAVY = {
    "torch": {"engine"},
    "transformers": {"engine", "core"},  # core: the child process that renders chat templates
    "peft": {"engine"},
    "lm_eval": {"runners", "engine"},
    "datasets": {"runners", "suites"},
    "matplotlib": {"report"},
    "ray": {"sweep"},
    "submitit": {"sweep"},
}
FILES = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).as_posix() not in {"__init__.py", "__main__.py"}
)


def is_module(name: str) -> bool:
    """Return True if a dotted name is a module of the package."""
    stem = PACKAGE.parent.joinpath(*name.split("."))
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()


def called_name(call: ast.Call) -> str:
    """Return the name of what a call calls, without what it is an attribute of."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def imported(path: Path) -> set[str]:
    """Return the dotted names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name for name in inside if is_module(name)} or {node.module}
        elif isinstance(node, ast.Call) and called_name(node) == "import_module":
            called = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            names |= {name for name in called if is_module(str(name))}
    return names


def module(path: Path) -> str:
    """Return the dotted name of a file."""
    return ".".join(("cliffguard", *path.with_suffix("").parts)).removesuffix(".__init__")


def package(path: Path) -> str:
    """Return the package of a file, or the file's own name beside the packages."""
    return path.parts[0].removesuffix(".py")


@cache
def imports() -> dict[Path, set[str]]:
    """Return what each file imports."""
    return {path: imported(path) for path in FILES}


def pairs() -> Iterator[tuple[Path, str]]:
    """Yield every file with each name that it imports."""
    yield from ((path, name) for path in FILES for name in sorted(imports()[path]))


def test_imports_point_down() -> None:
    """A package imports only packages of earlier rows (ARCHITECTURE.md)."""
    upward = [
        f"{path} imports {name}"
        for path, name in pairs()
        if name.startswith("cliffguard.")
        and (other := name.split(".")[1]) != package(path)
        and TIER[other] >= TIER[package(path)]
    ]

    assert upward == []


def test_files_have_no_circle() -> None:
    """No files import each other in a circle, in one package or over several."""
    graph = {
        module(path): {name for name in imports()[path] if name.startswith("cliffguard.")}
        for path in FILES
    }

    circle: list[str] = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == []


def test_heavy_libraries_have_their_packages() -> None:
    """torch, lm-eval and matplotlib are imported only in the packages that exist for them."""
    strays = [
        f"{path} imports {name}"
        for path, name in pairs()
        if package(path) not in HEAVY.get(name.split(".")[0], {package(path)})
    ]

    assert strays == []


def test_light_packages_import_heavy_libraries_late() -> None:
    """Every module of a light package can be imported where no heavy library can."""
    modules = [module(path) for path in FILES if package(path) in LIGHT]
    program = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({LATE!r}))\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )

    words = [sys.executable, "-c", program]
    run = subprocess.run(words, check=False, capture_output=True, text=True)

    assert run.returncode == 0, run.stderr


def test_the_engine_knows_no_tasks() -> None:
    """The engine is a model of lm-eval's: of its tasks and its evaluator only runners know."""
    known = ("lm_eval.api.registry", "lm_eval.models")
    theirs = {
        name for path, name in pairs() if package(path) == "engine" and name.startswith("lm_eval")
    }

    assert {name for name in theirs if not name.startswith(known)} == set()


def test_every_import_is_declared() -> None:
    """What the package imports is a dependency of its own, not only a dependency's dependency.

    It stands in the core, or in an extra that the core's own error line names.
    """
    declared = {
        re.split(r"[^\w-]", requirement)[0].lower().replace("_", "-")
        for requirement in requires("cliffguard") or []
        if not (match := re.search(r"extra == '([\w-]+)'", requirement)) or match[1] in EXTRAS
    }
    known = packages_distributions()
    foreign = {name.split(".")[0] for _, name in pairs()} - {*sys.stdlib_module_names, "cliffguard"}

    undeclared = {
        name
        for name in foreign
        if not {dist.lower().replace("_", "-") for dist in known.get(name, [name])} & declared
    }

    assert undeclared == set()


def test_the_page_has_every_package_in_its_order() -> None:
    """ARCHITECTURE.md has one row a package, in the order of import."""
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `([a-z_]+)(?:\.py|/)` \|", page, re.MULTILINE)

    assert {name: int(tier) for tier, name in rows} == TIER


def test_the_page_names_every_file_of_the_engine() -> None:
    """ARCHITECTURE.md says of each what it does, and of none that is not there."""
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = page.split("## Inside the engine")[1].split("\nBeside the package")[0]
    named = re.findall(r"`(\w+\.py)`", section)

    files = {path.name for path in (PACKAGE / "engine").glob("*.py")} - {"__init__.py"}
    assert sorted(named) == sorted(files)


def test_few_files_stand_beside_the_packages() -> None:
    """At most six files stand beside the packages."""
    assert len(list(PACKAGE.glob("*.py"))) <= 6


def test_the_page_names_files_that_exist() -> None:
    """Every file that ARCHITECTURE.md names exists; one to be made is marked (new)."""
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.]+/)+[\w.]+\.\w+)`(?! \(new\))", page)
    roots = (PACKAGE, PACKAGE.parent)

    assert named
    assert [name for name in named if not any((root / name).is_file() for root in roots)] == []
