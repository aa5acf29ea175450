"""Array frameworks behind one small interface; each is imported only when it is asked for.

A new one is a file here with a subclass of `Backend`, and its packages in `pyproject.toml`; or a file of another package,
named there by an entry point: `[project.entry-points."hessbench.backends"]`, `NAME = "MODULE:CLASS"`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from threading import RLock
from typing import TYPE_CHECKING, Any

from .._errors import InvalidInput, Unavailable
from ._base import Backend, Ranks, Use
from ._listing import in_folder, listed

if TYPE_CHECKING:
    PACKAGES: Mapping[str, str]

__all__ = [
    "PACKAGES",
    "Backend",
    "Ranks",
    "Use",
    "about",
    "available",
    "backend",
    "broken",
    "built_in",
    "differentiating",
    "distributions",
    "known",
    "one_of",
    "remedy",
    "shut_out",
]

_one_by_one = RLock()
_made: dict[type[Backend], Backend] = {}


def differentiating(order: int, *operations: str, use: Use = "derivatives") -> tuple[str, ...]:
    """Names of the installed backends that differentiate up to `order` and offer all of `operations`, preferred ones first.

    `operations` are some of `OPERATIONS`; `use` is the purpose that they are preferred for (`Ranks`). No framework is imported.
    Without those that `shut_out` names, and without one that wants a process to itself unless this is its process.
    """
    names = (name for name in known(order, *operations, use=use) if available(name) and shut_out(name) is None)
    return tuple(name for name in names if not about(name).apart or about(name) in _made)


def known(order: int = 0, *operations: str, use: Use = "derivatives") -> tuple[str, ...]:
    """As `differentiating(order, *operations, use=use)`, but installed or not: what strategies declare, and errors name."""
    return _chosen([found.cls for found in listed().values() if found.cls], order, operations, use)


def built_in(order: int = 0, *operations: str, use: Use = "derivatives") -> tuple[str, ...]:
    """As `known(order, *operations, use=use)`, of this package alone."""
    return _chosen([found.cls for found in in_folder() if found.cls], order, operations, use)


def about(name: str) -> type[Backend]:
    """The class of backend `name`, whose fields say what it can do; its framework is not imported.

    Raises `InvalidInput` for an unknown name, `Unavailable` for one that cannot be used, with the reason.
    """
    found = listed().get(name)
    if found is None:
        raise InvalidInput(f"There is no backend {name!r}; choose one of {', '.join(known())}.")
    if found.cls is None:
        raise Unavailable(f"Backend {name!r} ({found.origin}) cannot be used: {found.error}")
    return found.cls


def available(name: str) -> bool:
    """Whether the framework of backend `name` is installed, found out without importing it.

    Raises as `about` does.
    """
    try:
        return find_spec(about(name).needs()) is not None
    except ModuleNotFoundError:  # a package in a package that is missing
        return False


def shut_out(name: str) -> str | None:
    """Why the framework of backend `name` may not be imported into this process, in a sentence; `None` if it may."""
    cls = about(name)
    if cls in _made:
        return None
    others = [package for package in cls.apart if package in sys.modules]
    others += [made.name for made in _made if cls.needs() in made.apart]
    if not others:
        return None
    return (
        f"Backend {name!r} shares no process with {others[0]}, which is in use here. Ask for it in a fresh process, before "
        f"anything else: `hessbench compare PROBLEM -s STRATEGY@{name}` starts one."
    )


def backend(name: str) -> Backend:
    """The backend called `name`, always the same one.

    Raises as `about` does, and `Unavailable` for a missing package or for one that is `shut_out` of this process.
    """
    cls = about(name)
    if not available(name):
        raise Unavailable(f"Backend {name!r} needs the package `{cls.needs()}`: {remedy(name)}.")
    with _one_by_one:
        if cls not in _made:
            if reason := shut_out(name):
                raise Unavailable(reason)
            _made[cls] = cls()
        return _made[cls]


def remedy(name: str) -> str:
    """The command that installs the framework of backend `name`."""
    return f"pip install 'hessbench[{name}]'" if name in built_in() else f"pip install {about(name).needs()}"


def distributions(name: str) -> tuple[str, ...]:
    """What is installed for backend `name`, itself included where it comes from another package; for versions."""
    cls, origin = about(name), listed()[name].distribution
    return (*(cls.distributions or (cls.needs(),)), *([origin] if origin else []))


def broken() -> dict[str, str]:
    """The backends that cannot be used for a fault of their own, with the reason."""
    return {name: f"{found.error} ({found.origin})" for name, found in listed().items() if found.cls is None}


def one_of(names: Sequence[str], last: str = "and") -> str:
    """`names` in words, `last` before the last one: "jax, autograd and torch"."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _chosen(classes: list[type[Backend]], order: int, operations: tuple[str, ...], use: Use) -> tuple[str, ...]:
    able = [cls for cls in classes if cls.order >= order and all(map(cls.offers, operations))]
    return tuple(cls.name for cls in sorted(able, key=lambda cls: getattr(cls.ranks, use)))


def __getattr__(name: str) -> Any:
    if name == "PACKAGES":  # the package that each backend needs
        return {name: about(name).needs() for name in known()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
