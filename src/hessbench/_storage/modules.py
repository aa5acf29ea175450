"""Which modules are somebody's own and which are installed, and the modules that code imports."""

from __future__ import annotations

import dis
import sys
import sysconfig
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

IMPORT = dis.opmap["IMPORT_NAME"]
FRAMEWORKS = frozenset({"numpy", "scipy", "jax", "torch", "autograd", "casadi", "hessbench"})


@cache
def of_library(module: str, file: str | None) -> bool:
    """Whether a module of this name and file is installed, or part of Python; this package is, its problems are not."""
    if module.startswith(("hessbench.builtin_problems", "hessbench.builtin_strategies")):
        return False
    top = module.partition(".")[0]
    if top == "hessbench":
        return True
    if file is None:
        return top in sys.stdlib_module_names and top != "__main__"
    path = Path(file)
    return bool({"site-packages", "dist-packages"} & set(path.parts)) or any(path.is_relative_to(p) for p in _python())


def top_of(obj: Any) -> str | None:
    """The package that `obj` comes from, unless that is one of the frameworks or of Python's own."""
    top = str(getattr(obj, "__module__", None) or "").partition(".")[0]
    return None if top in FRAMEWORKS or top in sys.stdlib_module_names else top


def file_of(module: str) -> str | None:
    """Where the module was read from."""
    return getattr(sys.modules.get(module), "__file__", None)


def release_of(module: str) -> str:
    """The version of the package that `module` belongs to."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    return str(getattr(sys.modules.get(top), "__version__", ""))


def imported(code: CodeType, package: str | None) -> list[ModuleType]:
    """The modules that `code` itself imports, its project's brought in if need be."""
    if IMPORT not in code.co_code[::2]:
        return []
    names = [str(i.argval) for i in dis.get_instructions(code) if i.opcode == IMPORT]
    found = [_module(name, package) for name in names]
    return [module for module in found if module is not None]


def _module(name: str, package: str | None) -> ModuleType | None:
    for full in ([f"{package}.{name}"] if package else []) + [name]:
        try:
            spec = None if full in sys.modules or not full.strip(".") else find_spec(full)
            if spec is not None and not of_library(full, spec.origin):
                import_module(full)
        except Exception:  # whatever a module raises: the function itself will say so
            continue
        if full in sys.modules:
            return sys.modules[full]
    return None


@cache
def _python() -> tuple[str, ...]:
    return tuple({sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")})
