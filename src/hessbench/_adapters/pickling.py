"""Problems and preparations through `pickle`: functions by their names where those can be imported, else by cloudpickle.

A problem is pickled by its fields; a preparation by problem, strategy and options, and prepared anew where it is loaded.
Functions and classes of a file that hessbench loaded (`problems/`, `strategies/`, a user's `my_ode.py`) take the file's path
along, which is loaded first. Reducers are registered (`copyreg`), so that fingerprints see the objects as before.
"""

from __future__ import annotations

import copy
import copyreg
import pickle
import pickletools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .._errors import InvalidInput
from .._model.problem import Problem
from .._plugins.conditions import Conditions
from .._plugins.plugin import execute
from .._plugins.prepare import Prepared, prepare
from .._products import PreparedProducts, prepare_products

PLAIN = ("name", "t_span", "y0", "wrt", "autonomous", "loss_uses_y0", "dissipative", "perturbed", "size", "written_in")


@dataclass(frozen=True)
class Carried:
    """A value that may hold functions; `what` names it in errors. Copies of it share the functions."""

    what: str
    value: Any

    def __reduce__(self) -> tuple[Any, ...]:
        data = _dumped(self.what, self.value)
        return _loaded, (self.what, _files(data), data)

    def __deepcopy__(self, memo: dict[int, Any]) -> Carried:
        return Carried(self.what, copy.deepcopy(self.value, memo))


def _dumped(what: str, value: Any) -> bytes:
    """`value` as bytes. Raises `InvalidInput` where it has no name to import and cloudpickle is not installed."""
    try:
        data = pickle.dumps(value, 5)
        if "__main__" not in _words(data):
            return data
        why = "it stands in the file or notebook that is run"
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        why = str(error)
    try:
        import cloudpickle
    except ImportError:
        raise InvalidInput(
            f"{what} cannot be pickled: {why}. Define its functions at the top level of a module that can be imported, or "
            f"`pip install cloudpickle`."
        ) from None
    try:
        return cloudpickle.dumps(value, 5)
    except (pickle.PicklingError, TypeError) as error:
        raise InvalidInput(f"{what} cannot be pickled, not by cloudpickle either: {error}.") from error


def _words(data: bytes) -> set[str]:
    """All strings in `data`, and so the names of modules."""
    return {argument for _, argument, _ in pickletools.genops(data) if isinstance(argument, str)}


def _files(data: bytes) -> tuple[tuple[str, str], ...]:
    """Modules named in `data` that only their file leads to, with it."""
    out = []
    for name in sorted(_words(data)):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None and name != "__main__" and not _importable(name):
            out.append((name, file))
    return tuple(out)


def _importable(name: str) -> bool:
    """Whether a process that has not loaded it finds the module's package."""
    top = name.partition(".")[0]
    return any(finder.find_spec(top, None) is not None for finder in sys.meta_path if hasattr(finder, "find_spec"))


def _loaded(what: str, files: tuple[tuple[str, str], ...], data: bytes) -> Carried:
    for name, file in files:
        if name not in sys.modules:
            if not Path(file).is_file():
                raise InvalidInput(
                    f"{what} was pickled with functions of {file}, which is not there: put it there first."
                )
            execute(Path(file), name)
    return Carried(what, pickle.loads(data))


def _reduced_problem(problem: Problem) -> tuple[Any, ...]:
    state = {}
    for name in (f.name for f in fields(problem) if f.name != "counters"):
        value = getattr(problem, name)
        if name in ("params", "scale"):
            state[name] = dict(value)
        else:
            state[name] = value if name in PLAIN else Carried(f"`{name}` of problem {problem.name!r}", value)
    return _problem, (state,)


def _problem(state: dict[str, Any]) -> Problem:
    return Problem(**{key: value.value if isinstance(value, Carried) else value for key, value in state.items()})


def _options(made: Prepared | PreparedProducts) -> dict[str, Any]:
    ivp = made.ivp
    atol = None if ivp.by_component else ivp.atol
    return {"rtol": ivp.rtol, "atol": atol, "method": ivp.method, "max_steps": ivp.max_steps}


def _reduced_prepared(made: Prepared) -> tuple[Any, ...]:
    options = {**_options(made), "backend": made.backend}
    return _prepared, (made.problem, Carried("The strategy", made.strategy), options, made.why, made.warned is None)


def _prepared(problem: Problem, strategy: Carried, options: dict[str, Any], why: str, quiet: bool) -> Prepared:
    made = replace(prepare(problem, strategy.value, **options), why=why)
    return made.quiet() if quiet else made


def _reduced_products(made: PreparedProducts) -> tuple[Any, ...]:
    return _products, (made.problem, Carried("The strategy", made.strategy), _options(made))


def _products(problem: Problem, strategy: Carried, options: dict[str, Any]) -> PreparedProducts:
    return prepare_products(problem, strategy.value, **options)


def _reduced_conditions(made: Conditions) -> tuple[Any, ...]:
    """By what the constructor has made, mappings as dictionaries; `places` follow from it."""
    state = {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(made).items()}
    return _conditions, ({name: value for name, value in state.items() if name != "places"},)


def _conditions(state: dict[str, Any]) -> Conditions:
    made = object.__new__(Conditions)
    held = ("problems", "unknowns")
    vars(made).update({name: MappingProxyType(value) if name in held else value for name, value in state.items()})
    return made


def register() -> None:
    """Make `pickle` and `copy` take problems, conditions and preparations."""
    copyreg.pickle(Problem, _reduced_problem)  # type: ignore[arg-type]
    copyreg.pickle(Conditions, _reduced_conditions)
    copyreg.pickle(Prepared, _reduced_prepared)  # type: ignore[arg-type]
    copyreg.pickle(PreparedProducts, _reduced_products)  # type: ignore[arg-type]
