"""The house stands: floors, no circle, no class twice, nothing too long. Read from the syntax trees alone.

Imports within functions and under TYPE_CHECKING count like any other.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("blocks", "search_spaces", "nas", "experiments")
FLOORS = (
    {"common"},
    {"console"},
    {"data", "figures", "kernels", "networks", "samplers"},
    {"runs"},
    {"latency", "zoo"},
    {"describe"},
    {"train"},
    {"engine", "bench", "doctor", "export", "predict"},
    {"search", "compare"},
    {"ablate", "importance"},
    {"dashboard", "report"},
)
"""The rooms of `nas/`, the lowest first; each imports from itself and from lower floors alone."""
LONGEST_FUNCTION, LONGEST_MODULE, MOST_NAMES = 50, 400, 28


@cache
def trees() -> dict[str, ast.Module]:
    """Every module of the project by its dotted name."""
    found = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(file.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules of the project that a module imports, wherever in it; a package for what it exports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in trees() else str(node.module) for name in inner]
        else:
            continue
        yield from (name for name in names if name in trees())


@cache
def graph() -> dict[str, frozenset[str]]:
    return {name: frozenset(imported(tree)) - {name} for name, tree in trees().items()}


def circles(edges: dict[str, frozenset[str]]) -> list[list[str]]:
    """The sets of modules that reach one another, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            place = stack.index(name)
            found.append(sorted(stack[place:]))
            del stack[place:]

    for name in edges:
        if name not in index:
            visit(name)
    return [circle for circle in found if len(circle) > 1]


def upward(edges: dict[str, frozenset[str]]) -> list[str]:
    """Imports within `nas/` that are not from the own room or a lower floor."""
    floor = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
    found = []
    for name, others in edges.items():
        room = [*name.split("."), ""][1]
        for other in sorted(others):
            there = [*other.split("."), ""][1]
            within = name.startswith("nas.") and other.startswith("nas.") and room != there
            if within and room in floor and floor[there] >= floor[room]:
                found.append(f"{name} -> {other}")
    return found


def test_no_import_goes_up() -> None:
    assert upward(graph()) == []


def test_packages_import_one_way() -> None:
    order = {package: level for level, package in enumerate(PACKAGES)}
    found = [
        f"{name} -> {other}"
        for name, others in graph().items()
        for other in others
        if order[other.split(".")[0]] > order[name.split(".")[0]]
    ]
    assert found == []


def test_no_circle() -> None:
    assert circles(graph()) == []


def test_every_room_has_a_floor() -> None:
    rooms = [path.stem for path in (ROOT / "nas").iterdir() if path.suffix == ".py" or path.is_dir()]
    known = {room for floor in FLOORS for room in floor} | {"__init__", "__main__", "__pycache__"}
    assert set(rooms) <= known
    assert len([room for room in rooms if room != "__pycache__"]) + 1 <= MOST_NAMES  # and py.typed


def test_a_class_name_stands_once() -> None:
    homes = defaultdict(list)
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(name)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_nothing_is_too_long() -> None:
    found = []
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    found.append(f"{name}.{node.name}: {lines} lines")
        lines = max(
            (node.end_lineno or 0 for node in ast.walk(tree) if hasattr(node, "end_lineno")), default=0
        )
        if lines > LONGEST_MODULE:
            found.append(f"{name}: {lines} lines")
    assert found == []


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, []),
    ],
)
def test_a_circle_would_be_found(edges: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert circles({name: frozenset(others) for name, others in edges.items()}) == expected


def test_an_import_upward_would_be_found() -> None:
    edges = {"nas.data.dataset": frozenset({"nas.search.run", "nas.common.files"})}
    assert upward(edges) == ["nas.data.dataset -> nas.search.run"]
