"""Measured times of the same systems in NumPy, and what overhead and cache make of the counted ratios.

Timed are one evaluation of `F`, of the gradient ODE, of a BP2 row and of one pass, from the problem's NumPy derivatives, as
the strategies `hand-adjoint-rows` and `hand-adjoint` evaluate them: both materialise the Jacobian `J` and the contraction `G`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np

from .._derive.generated import derivatives_of
from .._errors import HessbenchError
from .._model.problem import Problem
from .._plugins.prepare import prepare
from .._plugins.registry import problem as registered
from ._quadratic import polynomials
from ._systems import Cost

TIMED = {"F": None, "gradient": "gradient", "BP2 row": "BP2, row forward", "one pass": "one pass, Jacobian"}
LARGEST_HESSIAN = 50  # states; above, row by row takes minutes


@dataclass(frozen=True)
class Times:
    """CPU microseconds of one evaluation beside the operations that were counted for it, both in the order of `TIMED`.

    `hessian_ratio` is the CPU time of a whole Hessian row by row over that in one pass (RK45, 1e-5); `None` where either
    refuses, above 50 states, and where more is asked for than derivatives by the initial state.
    """

    problem: str
    n: int
    microseconds: tuple[float, ...]
    operations: tuple[int, ...]
    hessian_ratio: float | None

    @property
    def ratio(self) -> float:
        """`N T(BP2 row) / T(one pass)`, of one evaluation."""
        return self.n * self.microseconds[2] / self.microseconds[3]

    @property
    def counted_ratio(self) -> float:
        """The same ratio of operations."""
        return self.n * self.operations[2] / self.operations[3]

    @property
    def nanoseconds_per_operation(self) -> tuple[float, ...]:
        """In the order of `TIMED`."""
        return tuple(1e3 * t / count for t, count in zip(self.microseconds, self.operations, strict=True))


def times(problem: Problem, costs: Sequence[Cost]) -> Times:
    """Time the systems of `problem`, whose `costs` were counted, at its own point: the best of several runs each."""
    count = {cost.system: cost.operations for cost in costs}
    operations = tuple(costs[0].w if system is None else count[system] for system in TIMED.values())
    return _times(problem, costs[0].problem, operations)


def quadratic_times(sizes: tuple[int, ...] = (16, 50, 100, 150)) -> list[Times]:
    """The dense quadratic system in sizes where `B` leaves one cache after the other, counted by its polynomials."""
    return [_times(registered("random-quadratic", n=n), f"random-quadratic n={n}", polynomials(n)) for n in sizes]


def _times(problem: Problem, label: str, operations: tuple[int, ...]) -> Times:
    measured = tuple(1e6 * best(call) for call in evaluations(problem))
    return Times(label, problem.dim, measured, operations, _hessian_ratio(problem))


def evaluations(problem: Problem) -> list[Callable[[], Any]]:
    """One evaluation of each of `TIMED`, without arguments."""
    n, t, y, p, d = problem.dim, problem.t_span[0], problem.y0, problem.params, derivatives_of(problem)
    rng = np.random.default_rng(0)
    s, u, v, m = rng.normal(size=n), rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, n))
    rows = np.vstack([s, m + m.T])

    def f() -> Any:
        return problem.rhs(np, t, y, p)

    def bp2_row() -> Any:
        jacobian = d.jac(t, y, p)
        return np.concatenate([f(), -(s @ jacobian), d.vhp(t, y, s, p) @ v - u @ jacobian, jacobian @ v])

    def one_pass() -> Any:
        out = d.matjac(t, y, rows, p)
        out[1:] += out[1:].T + d.vhp(t, y, s, p)
        return np.concatenate([f(), out.ravel()])

    return [f, lambda: np.concatenate([f(), -d.vjp(t, y, s, p)]), bp2_row, one_pass]


def best(call: Callable[[], Any], repeats: int = 7, at_least: float = 1e-3) -> float:
    """CPU seconds of one call: the best of `repeats` loops that take `at_least` seconds each."""
    start = process_time()
    call()
    loops = max(1, round(at_least / max(process_time() - start, 1e-7)))
    out = np.inf
    for _ in range(repeats):
        start = process_time()
        for _ in range(loops):
            call()
        out = min(out, (process_time() - start) / loops)
    if not out > 0:
        raise HessbenchError("the clock of CPU time stood still: no time can be measured here")
    return float(out)


def _hessian_ratio(problem: Problem) -> float | None:
    if problem.wrt != ("y0",) or problem.running_loss is not None or problem.dim > LARGEST_HESSIAN:
        return None  # more is integrated than what is counted here, or it takes minutes
    try:
        rows, one_pass = (
            prepare(problem, name, rtol=1e-5, method="RK45").quiet() for name in ("hand-adjoint-rows", "hand-adjoint")
        )
        return best(rows, repeats=2, at_least=0.0) / best(one_pass, repeats=3, at_least=0.0)
    except HessbenchError:
        return None
