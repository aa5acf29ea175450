"""References: value, gradient and Hessian by two independent methods that agree, cached by content.

- the closed form, where the problem has one at this point
- the second-order discrete adjoint of a Dormand-Prince 8 integration, steps frozen, with the problem's NumPy derivatives;
  parameters, running loss and end times are states of the augmented problem
- automatic differentiation by JAX, autograd or torch through other steps of the same formula, by the decision vector itself

The first two that can be had are compared; the first of them is the reference. The steps are those of an
adaptive solve at 1e-13, subdivided until both agree. Two integrations share neither the step
size nor the way of differentiating, and derivative code only where one framework is all there is. From 40 unknowns
on, the second one is compared through its gradient and products with random vectors instead of the whole matrix.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from platformdirs import user_cache_path

from ._augment import augmented
from ._derivatives import Array, Derivatives
from ._errors import NoReference
from ._generated import generated_derivatives
from ._problem import Problem
from ._reference_methods import Check, adaptive_times, automatic, discrete_adjoint, of_state_alone, subdivided
from ._sizes import state_sizes

FORMAT = 4  # part of the cache key: raise it when what is computed changes
AGREE = 1e-7


@dataclass(frozen=True, eq=False)
class Reference:
    """Value, `grad` (n,), `hess` (n, n) at one point; `agreement` is the relative difference of the two methods in `how`.

    `spread` (n, n) is their difference in each entry of the Hessian, where both gave the whole matrix; `states` (dim,) the
    largest `|y_i|` along the solution.
    """

    value: float
    grad: Array
    hess: Array
    agreement: float
    how: str
    spread: Array | None = None
    states: Array | None = None


def reference(problem: Problem, x: Any = None) -> Reference:
    """The reference at `x` (default: the problem's own point), from the cache when it was computed before.

    The cache is the folder `HESSBENCH_CACHE`, or the user's cache folder. Raises `NoReference` when no two methods agree
    to `AGREE`, naming both and their difference.
    """
    x = problem.check_x(x)
    path = cache_path(problem, x)
    try:
        with np.load(io.BytesIO(path.read_bytes())) as data:
            value, agreement, how = float(data["value"]), float(data["agreement"]), str(data["how"])
            spread = data["spread"] if data["spread"].size else None
            return Reference(value, data["grad"], data["hess"], agreement, how, spread, data["states"])
    except (OSError, ValueError, KeyError, BadZipFile):
        pass  # absent or damaged: compute it
    states = state_sizes(problem, x)
    out = replace(compute_reference(problem, x), states=states)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        spread = np.empty(0) if out.spread is None else out.spread
        found = {"value": out.value, "grad": out.grad, "hess": out.hess, "spread": spread, "states": states}
        np.savez(file, agreement=out.agreement, how=out.how, **found)
    part.replace(path)
    return out


def points(problem: Problem) -> list[Array]:
    """Where the gate compares: the problem's own point, and its perturbed point if it has one."""
    return [problem.x0] if problem.perturbed is None else [problem.x0, problem.perturbed]


def is_cached(problem: Problem, x: Array) -> bool:
    """Whether `reference(problem, x)` would be a look-up."""
    return cache_path(problem, x).is_file()


def cache_path(problem: Problem, x: Array) -> Path:
    """The file of one reference."""
    return cache_folder() / "references" / f"{problem.name}-{content_key(problem, x)}.npz"


def cache_folder() -> Path:
    """Where references are kept: `HESSBENCH_CACHE`, else the user's cache folder."""
    return Path(os.environ.get("HESSBENCH_CACHE") or user_cache_path("hessbench"))


def content_key(problem: Problem, x: Array) -> str:
    """A hash of everything the numbers depend on: arrays, times, the source of the functions, and their values nearby."""
    digest = hashlib.sha256(f"{FORMAT} {problem.name} {problem.t_span} {problem.wrt}".encode())
    running = () if problem.running_loss is None else (problem.running_loss,)
    for key, value in sorted(problem.params.items()):
        digest.update(key.encode() + np.ascontiguousarray(value).tobytes())
    for array in (x, problem.y0):
        digest.update(array.tobytes())
    y0, p = problem.unpack(x)
    for function in (problem.rhs, problem.loss, *running):
        try:
            digest.update(inspect.getsource(function).encode())
        except (OSError, TypeError):
            digest.update(getattr(function, "__code__", function).__class__.__name__.encode())
    nearby = [f(np, t, y, p) for f in (problem.rhs, *running) for t in problem.t_span for y in (y0, 0.9 * y0 + 0.05)]
    nearby.append(problem.loss(np, y0, 0.9 * y0 + 0.05, p))
    for value in nearby:
        digest.update(np.array2string(np.asarray(value), precision=10, threshold=10**9).encode())
    return digest.hexdigest()[:20]


def compute_reference(problem: Problem, x: Array) -> Reference:
    """The reference without the cache."""
    times = adaptive_times(problem, x)
    first, gap, names, spread = _compare(problem, x, times, 1)
    for parts in (2, 4):
        if gap <= 1e-10:
            break
        first, gap, names, spread = _compare(problem, x, times, parts)
    if not gap <= AGREE or first.hess is None:
        raise NoReference(
            f"problem {problem.name!r}: {names} differ by {gap:.1e} relative, more than {AGREE:g}. Its right-hand side or "
            f"a hand-written derivative may be wrong (`hessbench check` compares them), or the problem is chaotic over "
            f"its time span: shorten it."
        )
    return Reference(float(first.value), first.grad, first.hess, gap, names, spread)


def _compare(problem: Problem, x: Array, times: Array, parts: int) -> tuple[Check, float, str, Array | None]:
    """What the first of two methods gives, its relative difference to the second, the names of both, and the difference
    in each entry of the Hessian, where both give it whole."""
    ways = _ways(problem, x, times, parts)
    if len(ways) < 2:
        raise NoReference(
            f"problem {problem.name!r}: a reference needs two independent methods and only {len(ways)} can be had here. "
            f"Install jax, autograd or torch: pip install 'hessbench[autograd]'."
        )
    (first_name, first), (second_name, second) = ways[:2]
    found, other = first(), second()
    spread = None if found.hess is None or other.hess is None else np.abs(found.hess - other.hess)
    return found, found.gap(other), f"{first_name}; {second_name}", spread


def _ways(problem: Problem, x: Array, times: Array, parts: int) -> list[tuple[str, Callable[[], Check]]]:
    """The methods that can be had for this problem here, best first, each with its name."""
    from .backends import available

    ways: list[tuple[str, Callable[[], Check]]] = []
    exact = problem.exact(x) if problem.exact is not None else None
    frameworks = [name for name in ("jax", "autograd", "torch") if available(name)]
    if exact is not None:
        ways.append(("closed form", lambda: Check(*exact)))
    if problem.derivatives is not None or frameworks:
        whole = problem if of_state_alone(problem) else augmented(problem).problem
        derivatives = whole.derivatives or _other_derivatives(whole)
        frameworks.sort(key=lambda name: name in derivatives.source)  # prefer one that did not make these derivatives
        finer = subdivided(times, parts)
        label = f"discrete adjoint, {len(finer) - 1} steps, derivatives {derivatives.source}"
        ways.append((label, lambda: Check(*discrete_adjoint(problem, x, finer, derivatives))))
    for more, name in enumerate(frameworks):
        other = subdivided(times, parts + 1 + more)
        label = f"automatic differentiation by {name}, {len(other) - 1} steps"
        ways.append((label, lambda other=other, name=name: automatic(problem, x, other, name)))
    return ways


def _other_derivatives(problem: Problem) -> Derivatives:
    """Generated derivatives, preferably not by jax, which is the fastest to differentiate a whole integration with."""
    from .backends import available

    for name in ("casadi", "torch", "autograd"):
        if available(name):
            try:
                return generated_derivatives(problem, name)
            except Exception:  # CasADi and torch trace, which not every right-hand side can be
                continue
    return generated_derivatives(problem)
