"""Finding strategies and problems: the built-in folders, then entry points, then a file named by the user.

Listing loads the files of this package, which import no framework. Others are described (`describe`) and loaded when they
are needed. A plugin that cannot be loaded stays in the list with its reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .._errors import InvalidInput
from .._model.problem import Problem
from .describe import describe
from .plugin import NAME, PROBLEMS, STRATEGIES, Plugin, Source, plugins_in


def strategies() -> dict[str, Plugin]:
    """All strategies by name, variants as `name/variant`; no framework is imported."""
    return dict(_listing("strategies"))


def problems() -> dict[str, Plugin]:
    """All problem families by name; no framework is imported."""
    return dict(_listing("problems"))


def problem(name: str, /, **arguments: Any) -> Problem:
    """Build a problem by name, for example `problem("three-body", start="perturbed")`.

    The keyword arguments are the family's own. Raises `InvalidInput` for an unknown name or argument.
    """
    build = find(problems(), name, "problem").load()
    return build_problem(name, build, arguments)


def find(plugins: Mapping[str, Plugin], name: str, kind: str) -> Plugin:
    """The plugin called `name`; `InvalidInput` with the nearest names when there is none."""
    if name not in plugins:
        near = get_close_matches(name, plugins, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"There are: {', '.join(plugins)}."
        raise InvalidInput(f"There is no {kind} {name!r}. {hint}")
    return plugins[name]


def build_problem(name: str, build: Callable[..., Any], arguments: Mapping[str, Any]) -> Problem:
    """Call a family's function and check what it returns; `InvalidInput` names arguments that it does not take.

    `wrt` is an argument of every problem: one that does not take it is taken as it is, with other unknowns.
    """
    known = inspect.signature(build).parameters
    wrt = None
    if "wrt" in arguments and "wrt" not in known:
        arguments = dict(arguments)
        wrt = tuple(arguments.pop("wrt"))
    for key in arguments:
        if key not in known:
            takes = ", ".join(known) or "no arguments"
            raise InvalidInput(f"Problem {name!r} has no argument {key!r}; it takes: {takes}.")
    out = build(**arguments)
    if not isinstance(out, Problem):
        raise InvalidInput(f"The function for problem {name!r} returned {type(out).__name__}, expected a `Problem`.")
    if wrt is not None and wrt != out.wrt:  # its second point and its closed form are for its own unknowns
        out = replace(out, wrt=wrt, perturbed=None, exact=None)
    return out


def load_file(path: str | Path) -> tuple[dict[str, Plugin], dict[str, Plugin]]:
    """Strategies and problems that a user's file defines, not loaded yet. Raises `InvalidInput` when there are none, or it
    cannot be loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file {str(path)!r}.")
    found = describe([Source("", path.stem.replace("_", "-"), str(path), str(path.resolve()))])
    for plugin in found:
        if not plugin.kind:
            raise InvalidInput(f"{path} cannot be imported: {plugin.error}")
    if not found:
        raise InvalidInput(
            f"{path} defines neither a problem nor a strategy. Write `problem = Problem(name=..., rhs=..., loss=..., "
            f"t_span=..., y0=...)` (or a function `problem(n)` that returns one), or a subclass of `Strategy`."
        )
    own_strategies, own_problems = (
        {plugin.name: plugin for plugin in found if plugin.kind == kind} for kind in (STRATEGIES, PROBLEMS)
    )
    return own_strategies, own_problems


def problems_in(path: str | Path) -> dict[str, Plugin]:
    """The problems that a user's file defines, at least one; raises as `load_file` does, and where it defines none."""
    own = load_file(path)[1]
    if not own:
        raise InvalidInput(f"{path} defines no problem: write `problem = Problem(...)` or `def problem(n):`.")
    return own


@cache
def _listing(kind: str) -> tuple[tuple[str, Plugin], ...]:
    out: dict[str, Plugin] = {}
    for plugin in [*_from_folder(kind), *describe(list(_entry_points(kind)))]:
        if not NAME.fullmatch(plugin.name):
            bad = (
                f"{plugin.name!r} is no name for a plugin; use lower-case letters, digits and dashes, such as 'my-way'"
            )
            plugin = Plugin(plugin.name, plugin.origin, error=bad, kind=kind)
        if plugin.name in out:
            clash = f"the name {plugin.name!r} is already taken by {out[plugin.name].origin}; rename this plugin"
            plugin = Plugin(f"{plugin.name} ({plugin.origin})", plugin.origin, error=clash, kind=kind)
        out[plugin.name] = plugin
    return tuple(sorted(out.items(), key=lambda item: item[0].split("/")))  # variants behind their strategy


def _from_folder(kind: str) -> Iterator[Plugin]:
    package = find_spec(f"hessbench.builtin_{kind}")
    folders = list(package.submodule_search_locations or []) if package else []
    found = [path for folder in folders for path in sorted(Path(folder).glob("[!_]*.py"))]
    sources = {path: Source(kind, path.stem.replace("_", "-"), str(path), str(path.resolve())) for path in found}
    trusted = _trusted(kind)
    described = describe([source for path, source in sources.items() if path not in trusted])
    for path, source in sources.items():
        own = plugins_in(source) if path in trusted else [p for p in described if p.source == source]
        yield from (replace(plugin, kind=kind) for plugin in own)


def _trusted(kind: str) -> frozenset[Path]:
    """Files of the built-in folder that this package came with; what a user has put there is not among them."""
    try:
        module = import_module(f"hessbench.builtin_{kind}")
    except ImportError:
        return frozenset()
    return frozenset(Path(folder, f"{name}.py") for folder in module.__path__ for name in module.FILES)


def _entry_points(kind: str) -> Iterator[Source]:
    for point in entry_points(group=f"hessbench.{kind}"):
        origin = f"{point.value} of {point.dist.name if point.dist else 'an unknown package'}"
        yield Source(kind, point.name, origin, value=point.value)
