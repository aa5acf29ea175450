"""Finding strategies and problems: the built-in folders, then entry points, then a file named by the user.

Listing reads plugin files, which import no framework. A plugin that cannot be loaded stays in the list with its reason.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from ._errors import HessbenchError, InvalidInput, Unavailable
from ._problem import Problem
from ._strategy import Strategy

NAME = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9-]+)?")  # name or name/variant


@dataclass(frozen=True)
class Plugin:
    """One listed name. `target` is a `Strategy` or a function that builds a `Problem`; `error` says why there is none."""

    name: str
    origin: str
    target: Any = None
    error: str | None = None

    @property
    def summary(self) -> str:
        """The first sentence of the plugin's documentation."""
        doc = inspect.getdoc(inspect.getmodule(self.target) or self.target) if self.target is not None else None
        return " ".join((doc or "").split("\n\n")[0].split())

    def load(self) -> Any:
        """The strategy, or the function that builds the problem; raises `Unavailable` with the reason."""
        if self.target is None:
            raise Unavailable(f"Plugin {self.name!r} ({self.origin}) cannot be used: {self.error}")
        return self.target


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
    """Call a family's function and check what it returns; `InvalidInput` names arguments that it does not take."""
    known = inspect.signature(build).parameters
    for key in arguments:
        if key not in known:
            takes = ", ".join(known) or "no arguments"
            raise InvalidInput(f"Problem {name!r} has no argument {key!r}; it takes: {takes}.")
    out = build(**arguments)
    if not isinstance(out, Problem):
        raise InvalidInput(f"The function for problem {name!r} returned {type(out).__name__}, expected a `Problem`.")
    return out


def load_file(path: str | Path) -> tuple[dict[str, Plugin], dict[str, Plugin]]:
    """Strategies and problems that a user's file defines. Raises `InvalidInput` when there are none, or it fails."""
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file {str(path)!r}.")
    try:
        module = _execute(path, f"hessbench_user_{path.stem}")
    except Exception as error:
        raise InvalidInput(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    found_s = {p.name: p for p in _strategies_of(module, path.stem.replace("_", "-"), str(path))}
    found_p = {p.name: p for p in _problems_of(module, path.stem.replace("_", "-"), str(path))}
    if not found_s and not found_p:
        raise InvalidInput(
            f"{path} defines neither a problem nor a strategy. Write `problem = Problem(name=..., rhs=..., loss=..., "
            f"t_span=..., y0=...)` (or a function `problem(n)` that returns one), or a subclass of `Strategy`."
        )
    return found_s, found_p


@cache
def _listing(kind: str) -> tuple[tuple[str, Plugin], ...]:
    out: dict[str, Plugin] = {}
    for plugin in [*_from_folder(kind), *_from_entry_points(kind)]:
        if not NAME.fullmatch(plugin.name):
            bad = (
                f"{plugin.name!r} is no name for a plugin; use lower-case letters, digits and dashes, such as 'my-way'"
            )
            plugin = Plugin(plugin.name, plugin.origin, error=bad)
        if plugin.name in out:
            clash = f"the name {plugin.name!r} is already taken by {out[plugin.name].origin}; rename this plugin"
            plugin = Plugin(f"{plugin.name} ({plugin.origin})", plugin.origin, error=clash)
        out[plugin.name] = plugin
    return tuple(sorted(out.items(), key=lambda item: item[0].split("/")))  # variants behind their strategy


def _from_folder(kind: str) -> Iterator[Plugin]:
    package = find_spec(f"hessbench.builtin_{kind}")
    folders = list(package.submodule_search_locations or []) if package else []
    for folder in folders:
        for path in sorted(Path(folder).glob("[!_]*.py")):
            name = path.stem.replace("_", "-")
            try:
                module = _execute(path, f"hessbench_builtin_{kind}_{path.stem}")
            except Exception as error:
                yield Plugin(name, str(path), error=f"{type(error).__name__}: {error}")
                continue
            yield from _plugins_of(kind, module, name, str(path))


def _from_entry_points(kind: str) -> Iterator[Plugin]:
    for point in entry_points(group=f"hessbench.{kind}"):
        origin = f"{point.value} of {point.dist.name if point.dist else 'an unknown package'}"
        try:
            target = point.load()
        except Exception as error:
            yield Plugin(point.name, origin, error=f"{type(error).__name__}: {error}")
            continue
        if isinstance(target, ModuleType):
            yield from _plugins_of(kind, target, point.name, origin)
        elif kind == "strategies":
            yield from _variants(target, point.name, origin)
        else:
            yield _problem_plugin(target, point.name, origin)


def _plugins_of(kind: str, module: ModuleType, name: str, origin: str) -> Iterator[Plugin]:
    finder = _strategies_of if kind == "strategies" else _problems_of
    found = list(finder(module, name, origin))
    what = (
        "a subclass of `Strategy`" if kind == "strategies" else "`problem`, a `Problem` or a function that returns one"
    )
    yield from found or [Plugin(name, origin, error=f"the file does not define {what}")]


def _strategies_of(module: ModuleType, name: str, origin: str) -> Iterator[Plugin]:
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Strategy) and value.__module__ == module.__name__
    ]
    classes = [c for c in own if not inspect.isabstract(c)]
    if len(classes) > 1:
        names = ", ".join(c.__name__ for c in classes)
        yield Plugin(name, origin, error=f"the file defines several strategies ({names}); write one strategy per file")
        return
    for cls in classes:
        yield from _variants(cls, name, origin)


def _variants(cls: Any, name: str, origin: str) -> Iterator[Plugin]:
    if not (inspect.isclass(cls) and issubclass(cls, Strategy)):
        yield Plugin(name, origin, error=f"{cls!r} is not a subclass of `Strategy`")
        return
    for variant, options in cls.variants.items():
        full = f"{name}/{variant}" if variant else name
        try:
            yield Plugin(full, origin, cls(**options))
        except Exception as error:
            yield Plugin(full, origin, error=f"{type(error).__name__}: {error}")


def _problems_of(module: ModuleType, name: str, origin: str) -> Iterator[Plugin]:
    target = vars(module).get("problem")
    if target is not None and target is not problem:
        yield _problem_plugin(target, target.name if isinstance(target, Problem) else name, origin)


def _problem_plugin(target: Any, name: str, origin: str) -> Plugin:
    if isinstance(target, Problem):
        return Plugin(name, origin, lambda: target)
    if callable(target):
        return Plugin(name, origin, target)
    return Plugin(name, origin, error=f"`problem` is {type(target).__name__}, expected a `Problem` or a function")


def _execute(path: Path, module_name: str) -> ModuleType:
    spec = spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise HessbenchError(f"{path} is not a Python file")
    module = module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
