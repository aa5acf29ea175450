"""A plugin and where it comes from; loading one, and saying in words what is wrong with it."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import EntryPoint
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from .._errors import HessbenchError, Unavailable
from .._hybrid.asis import NAME as AS_IS
from .._hybrid.asis import AsIs, has_variant
from .._model.problem import Problem
from ..backends import broken, known
from .own_file import line_of, other_names
from .strategy import Accuracy, Limits, Strategy

NAME = re.compile(r"[a-z0-9][a-z0-9-]*(/[a-z0-9-]+)?")  # name or name/variant
MOST_VARIANTS, LONGEST = 200, 300
STRATEGIES, PROBLEMS = "strategies", "problems"


@dataclass(frozen=True)
class Source:
    """Where plugins come from: a file (`path`) or an entry point (`value`). `kind` is empty for a file that may hold both."""

    kind: str
    name: str
    origin: str
    path: str = ""
    value: str = ""

    @property
    def module_name(self) -> str:
        """The name under which a file is loaded."""
        stem = Path(self.path).stem
        return f"hessbench_builtin_{self.kind}_{stem}" if self.kind else f"hessbench_user_{stem}"


@dataclass(frozen=True)
class About:
    """What is shown of a plugin, and known of it before it is loaded. `arguments` of a problem family: `n=10`."""

    summary: str = ""
    backends: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plugin:
    """One listed name; `error` says why it cannot be used. What is not `trusted` is loaded when it is needed, no earlier."""

    name: str
    origin: str
    made: Any = None
    error: str | None = None
    about: About = About()
    kind: str = ""
    source: Source | None = None

    @property
    def trusted(self) -> bool:
        """Whether it belongs to this package, so that loading it ends and does nothing else."""
        return self.source is None

    @property
    def summary(self) -> str:
        """The first sentence of the plugin's documentation."""
        return self.about.summary

    @property
    def backends(self) -> tuple[str, ...]:
        """Backends of a strategy; none if it cannot be used."""
        return self.about.backends

    @property
    def target(self) -> Any:
        """The `Strategy`, or the function that builds the `Problem`; `None` if it cannot be used."""
        try:
            return self.load()
        except Unavailable:
            return None

    def load(self) -> Any:
        """The strategy, or the function that builds the problem; raises `Unavailable` with the reason."""
        found = self
        if self.error is None and self.source is not None:
            found = loaded(self.source, digest(self.source)).get((self.kind, self.name))
            found = found or replace(self, error="it is no longer there")
        if found.made is None:
            raise Unavailable(f"Plugin {self.name!r} ({self.origin}) cannot be used: {found.error}")
        return found.made


@cache
def loaded(source: Source, content: str) -> dict[tuple[str, str], Plugin]:
    """The plugins of `source`, loaded once into this process for each `content`; by kind and name."""
    return {(plugin.kind, plugin.name): plugin for plugin in plugins_in(source)}


def digest(source: Source) -> str:
    """A hash of a source's file, or of the files of the package that an entry point names; empty if there is none."""
    if source.path:
        files = [Path(source.path)]
    else:
        found = sys.modules.get(source.value.partition(":")[0].partition(".")[0])
        spec = getattr(found, "__spec__", None) or _spec(source.value.partition(":")[0].partition(".")[0])
        folders = list(spec.submodule_search_locations or ()) if spec else []
        files = sorted(p for folder in folders for p in Path(folder).rglob("*.py"))
        files += [Path(spec.origin)] if spec and spec.origin and not folders else []
    found, out = sha256(), ""
    for path in files:
        try:
            found.update(path.name.encode("utf-8", "surrogatepass") + path.read_bytes())
            out = "known"
        except OSError:
            continue
    return out and found.hexdigest()


def installed(package: str) -> bool:
    """Whether a package is installed, found out without importing it."""
    return _spec(package) is not None


def _spec(package: str) -> Any:
    try:
        return find_spec(package)
    except (ImportError, ValueError):
        return None


def plugins_in(source: Source) -> list[Plugin]:
    """Load `source` into this process: its plugins, or one that says why there are none.

    `KeyboardInterrupt` is not caught: here it is the user's.
    """
    name, origin = source.name, source.origin
    try:
        target = (
            execute(Path(source.path), source.module_name)
            if source.path
            else EntryPoint(name, source.value, f"hessbench.{source.kind}").load()
        )
        return list(_plugins_of(source, target))
    except (Exception, SystemExit) as error:
        return [Plugin(name, origin, error=in_words(error) + line_of(error, source.path), kind=source.kind)]


def in_words(error: BaseException) -> str:
    """Class and text of an error on one line, of at most `LONGEST` characters."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "its text cannot be shown"
    return f"{type(error).__name__}: {text or 'no message'}"[:LONGEST]


def _plugins_of(source: Source, target: Any) -> Iterator[Plugin]:
    name, origin = source.name, source.origin
    if not isinstance(target, ModuleType):
        if source.kind == STRATEGIES:
            yield from _variants(target, name, origin)
        else:
            yield _problem_plugin(target, name, origin)
        return
    found: list[Plugin] = []
    if source.kind != PROBLEMS:
        found += _strategies_of(target, name, origin)
    if source.kind != STRATEGIES:
        found += _problems_of(target, name, origin)
    what = {
        STRATEGIES: "a subclass of `Strategy`",
        PROBLEMS: "`problem`, a `Problem` or a function that returns one",
    }.get(source.kind)
    if not found and not source.kind and (others := other_names(target)):
        found = [Plugin(name, origin, error=others, kind=PROBLEMS)]
    if not found and what:
        found = [Plugin(name, origin, error=f"the file does not define {what}", kind=source.kind)]
    yield from found


def _strategies_of(module: ModuleType, name: str, origin: str) -> Iterator[Plugin]:
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Strategy) and value.__module__ == module.__name__
    ]
    classes = [c for c in own if not inspect.isabstract(c)]
    if len(classes) > 1:
        names = ", ".join(c.__name__ for c in classes)
        error = f"the file defines several strategies ({names}); write one strategy per file"
        yield Plugin(name, origin, error=error, kind=STRATEGIES)
        return
    for cls in classes:
        yield from _variants(cls, name, origin)


def _variants(cls: Any, name: str, origin: str) -> Iterator[Plugin]:
    complaint = wrong_with(cls)
    if complaint is not None:
        yield Plugin(name, origin, error=complaint, kind=STRATEGIES)
        return
    about = About(summary(cls), tuple(cls.backends), tuple(cls.packages))
    for variant, options in cls.variants.items():
        full = f"{name}/{variant}" if variant else name
        try:
            yield Plugin(full, origin, cls(**options), about=about, kind=STRATEGIES)
        except (Exception, SystemExit) as error:
            yield Plugin(full, origin, error=in_words(error), kind=STRATEGIES)
    if cls.__module__.startswith("hessbench_builtin_") and "" in cls.variants and has_variant(about.backends):
        yield Plugin(f"{name}/{AS_IS}", origin, AsIs(cls(**cls.variants[""])), about=about, kind=STRATEGIES)


def wrong_with(cls: Any) -> str | None:
    """What of a strategy's class is not as `Strategy` says, in one sentence; `None` if nothing is."""
    if not (inspect.isclass(cls) and issubclass(cls, Strategy)):
        return f"{_shown(cls)} is not a subclass of `Strategy`"
    for key, example in (("backends", '("numpy",)'), ("packages", '("numba",)')):
        value = getattr(cls, key)
        if not isinstance(value, tuple | list) or not all(isinstance(item, str) and item for item in value):
            return f"`{key}` is {_shown(value)}, expected a tuple of names, such as {example}"
    unknown = [name for name in cls.backends if name not in known()]
    if unknown or not cls.backends:
        what = f"names {unknown[0]!r}" if unknown else "is empty"
        why = f", which cannot be used: {broken()[unknown[0]]}" if unknown and unknown[0] in broken() else ""
        return f"`backends` {what}{why}; there are {', '.join(known())}"
    for key, kind in (("limits", Limits), ("accuracy", Accuracy)):
        if not isinstance(getattr(cls, key), kind):
            return f"`{key}` is {_shown(getattr(cls, key))}, expected `{kind.__name__}(...)`"
    variants = cls.variants
    if not isinstance(variants, Mapping) or not all(
        isinstance(key, str) and isinstance(options, Mapping) and all(isinstance(name, str) for name in options)
        for key, options in variants.items()
    ):
        return f'`variants` is {_shown(variants)}, expected names with their options, such as {{"": {{}}}}'
    if not 0 < len(variants) <= MOST_VARIANTS:
        return f"`variants` has {len(variants)} entries, expected 1 to {MOST_VARIANTS}"
    return None


def _problems_of(module: ModuleType, name: str, origin: str) -> Iterator[Plugin]:
    target = vars(module).get("problem")
    if target is None or getattr(target, "__module__", None) == "hessbench._plugins.registry":
        return  # the function `hessbench.problem`, imported
    yield _problem_plugin(target, target.name if isinstance(target, Problem) else name, origin, module)


def _problem_plugin(target: Any, name: str, origin: str, module: ModuleType | None = None) -> Plugin:
    if isinstance(target, Problem):
        about = About(summary(target.rhs if module is None else module))
        return Plugin(name, origin, lambda: target, about=about, kind=PROBLEMS)
    if callable(target):
        try:
            parameters = inspect.signature(target).parameters.values()
            arguments = tuple(str(p.replace(annotation=p.empty))[:LONGEST] for p in parameters)
        except (TypeError, ValueError) as error:
            return Plugin(name, origin, error=f"`problem` does not tell its arguments: {error}", kind=PROBLEMS)
        return Plugin(name, origin, target, about=About(summary(target), arguments=arguments), kind=PROBLEMS)
    error = f"`problem` is {type(target).__name__}, expected a `Problem` or a function"
    return Plugin(name, origin, error=error, kind=PROBLEMS)


def summary(target: Any) -> str:
    """The first sentence of the documentation of the module that `target` stands in, or of `target`."""
    doc = inspect.getdoc(inspect.getmodule(target) or target)
    return " ".join((doc if isinstance(doc, str) else "").split("\n\n")[0].split())[:LONGEST]


def _shown(value: Any) -> str:
    """A value of any kind on one line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def execute(path: Path, module_name: str) -> ModuleType:
    """The module of a file; whatever the file raises, and `HessbenchError` for one that is no Python."""
    spec = spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise HessbenchError(f"{path} is not a Python file")
    module = module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module
