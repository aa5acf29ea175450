"""What is wrong with a user's file, with its line."""

from __future__ import annotations

import ast
import traceback
from pathlib import Path
from types import ModuleType

from .._model.problem import Problem


def line_of(error: BaseException, path: str) -> str:
    """The line of the file `path` that an error comes from, for the end of its words; empty if it is not of that file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if path and frame.filename == path]
    return f" (line {lines[-1]})" if lines else ""


def other_names(module: ModuleType) -> str | None:
    """The sentence on a file whose problems have other names than the one that is looked for; `None` if it has none."""
    names = [key for key, value in vars(module).items() if isinstance(value, Problem)]
    if not names:
        return None
    lines: dict[str, int] = {}
    for statement in ast.parse(Path(module.__file__ or "").read_bytes()).body:
        stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        lines.update({node.id: node.lineno for node in stored})
    listed = " and ".join(f"`{key}` (line {lines.get(key, 1)})" for key in names)
    if len(names) == 1:
        return f"its problem is called {listed}, expected `problem`: write `problem = Problem(...)`"
    return (
        f"it has {len(names)} problems, {listed}, and none is called `problem`: write `problem = {names[0]}` at its end"
    )
