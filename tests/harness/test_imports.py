"""No files of the package import each other in a circle: not inside functions, and not for the sake of types either."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
REASONS = {
    "hessbench.discrete._functions": "rules of differentiation are named by the graph, for types and in functions",
}


def modules(folder: Path) -> dict[str, Path]:
    """The files below `folder` by the name that they are imported by."""
    names = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in folder.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imported(name: str, known: dict[str, Path]) -> Iterator[str]:
    """What a file imports of `known`, anywhere in it."""
    package = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield from (found for found in (full if full in known else base,) if found in known)


def circles(known: dict[str, Path]) -> list[set[str]]:
    """The largest sets of files each of which reaches every other by imports."""
    direct = {name: set(imported(name, known)) - {name} for name in known}
    reached = {name: set(direct[name]) for name in known}
    for through in known:  # Warshall: by way of each file in turn
        for name in known:
            if through in reached[name]:
                reached[name] |= reached[through]
    found = {frozenset(other for other in reached[name] if name in reached[other]) for name in known}
    return [set(circle) for circle in found if len(circle) > 1]


@pytest.mark.parametrize(
    "text",
    ["from hessbench.two import f", "def f():\n    from . import two", "if TYPE_CHECKING:\n    import hessbench.two"],
)
def test_a_circle_would_be_found(tmp_path, text):
    folder = tmp_path / "hessbench"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text(text)
    (folder / "two.py").write_text("from .three import g\n")
    (folder / "three.py").write_text("from .one import h\nfrom .four import k\n")
    (folder / "four.py").write_text("")
    assert circles(modules(tmp_path)) == [{"hessbench.one", "hessbench.two", "hessbench.three"}]


def test_there_are_no_circles_but_those_with_a_reason():
    known = modules(SOURCE)
    assert len(known) > 200 and "hessbench.tcd.checker" in known
    assert [circle for circle in circles(known) if not circle & set(REASONS)] == []
