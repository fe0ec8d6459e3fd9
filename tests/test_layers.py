"""The house plan, enforced: imports point down, heavy libraries stay in their rooms."""

from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cliffguard"

# ARCHITECTURE.md draws this; a room imports only from strictly lower levels.
LAYERS: list[set[str]] = [
    {"errors", "canonical", "bounds", "stats", "ngrams", "stages", "interrupts", "progress"},
    {"plans", "files", "samples", "constraints", "gym", "tensors", "apart", "terms"}
    | {"libraries", "extents", "growth"},
    {"churns", "scorers", "ladders", "rows", "logged", "hashing"}
    | {"checkpoint_kinds", "adapter_bases"},
    {"records", "training"},
    {"suites", "checkpoint_files", "commits", "hub", "store", "overlap", "distance", "directions"},
    {"config", "checkpoints", "tokenizer_files", "engine", "targets", "listing", "earlier"}
    | {"unchanged"},
    {"runners", "imports"},
    {"schedule"},
    {"dealing", "measure", "integrity", "sentence", "history", "ledger", "repeat", "shares"},
    {"pairs", "behaviour", "classes", "screens", "parts", "looks", "shapes"},
    {"ties", "upkeep"},
    {"strata"},
    {"gathered", "health", "findings"},
    {"proofs"},
    {"mean"},
    {"compare"},
    {"verdict", "review"},
    {"corridor"},
    {"report", "demo", "outlook", "noise", "choice", "doctor"},
    {"aiming"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = {"torch": {"engine"}, "transformers": {"engine", "apart"}, "peft": {"engine"}}
HEAVY |= {
    "lm_eval": {"runners", "engine"},
    "datasets": {"runners", "hub"},
    "matplotlib": {"report"},
}
FILES = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).as_posix() not in {"__init__.py", "__main__.py"}
)


def imported(path: Path) -> set[str]:
    """Return the dotted names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative imports hide the room they come from"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            files = {name for name in inside if is_module(name)}
            names |= files or {node.module}
    return names


def is_module(name: str) -> bool:
    """Say whether a dotted name is a module of the package."""
    stem = PACKAGE.parent.joinpath(*name.split("."))
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()


def room(path: Path) -> str:
    """Return the room of a file: its folder, or its own name."""
    return path.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down(path: Path) -> None:
    """A room imports only rooms of a strictly lower level (ARCHITECTURE.md)."""
    own = room(path)

    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "cliffguard" or len(parts) == 1:
            continue
        target = parts[1]
        assert target == own or LEVEL[target] < LEVEL[own], f"{path} imports {name}, which is above"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    """torch, lm-eval and matplotlib are imported only in the rooms that exist for them."""
    for name in imported(path):
        homes = HEAVY.get(name.split(".")[0])
        assert homes is None or room(path) in homes, f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if room(path) == "engine"], ids=str)
def test_the_engine_knows_no_tasks(path: Path) -> None:
    """The engine is a model of lm-eval's: of its tasks and its evaluator only runners know."""
    known = ("lm_eval.api.registry", "lm_eval.models")

    theirs = [name for name in imported(path) if name.startswith("lm_eval")]

    assert [name for name in theirs if not name.startswith(known)] == []


def test_every_room_has_a_level() -> None:
    """The list of layers names every room there is, and none that is not."""
    assert {room(path) for path in FILES} == set(LEVEL)


def test_a_room_has_no_circle_inside() -> None:
    """Files of one room do not import each other in a circle."""
    graph = {
        ".".join(("cliffguard", *path.with_suffix("").parts)).removesuffix(".__init__"): {
            name for name in imported(path) if name.startswith(f"cliffguard.{room(path)}")
        }
        for path in FILES
    }

    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for following in graph.get(start, set()) - seen:
            seen.add(following)
            if following == goal or reaches(following, goal, seen):
                return True
        return False

    circles = [name for name in graph if reaches(name, name, set())]

    assert circles == []


def test_every_import_is_declared() -> None:
    """What the package imports is a dependency of its own, not only a dependency's dependency."""
    declared = {
        re.split(r"[^\w-]", requirement)[0].lower().replace("_", "-")
        for requirement in requires("cliffguard") or []
        if "extra ==" not in requirement
    }
    known = packages_distributions()
    foreign = {name.split(".")[0] for path in FILES for name in imported(path)}
    foreign -= {*sys.stdlib_module_names, "cliffguard"}

    undeclared = {
        name
        for name in foreign
        if not {dist.lower().replace("_", "-") for dist in known.get(name, [name])} & declared
    }

    assert undeclared == set()


def test_the_page_has_every_room_at_its_level() -> None:
    """ARCHITECTURE.md names each room with the level that it has here."""
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    found: dict[str, int] = {}
    for level, rooms in re.findall(r"^\| (\d+) \| ((?:`[^`]+`(?:, )?)+) \|", page, re.MULTILINE):
        names = re.findall(r"`([a-z_]+)(?:\.py|/)`", rooms)
        found |= dict.fromkeys(names, int(level))

    assert found == LEVEL
