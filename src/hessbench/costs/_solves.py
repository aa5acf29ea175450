"""ODE solves per Hessian: what the counters of a real run say, against the formula of each method.

BP2: one of N states, one of 2N, and for each row one of 4N and one of 2N. One pass: one of N, one of N^2 + N (2 N^2 + N if the
loss depends on the initial state; N more if the state is integrated backward too). Finite differences of the gradient:
2N + 1 gradients of two solves each. Of the loss: at most `(2N + 1)^2` solves, one for each pair of displacements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .._errors import HessbenchError
from .._model.problem import Problem
from .._plugins.prepare import prepare
from .._plugins.registry import problem, strategies
from ..backends import available

SOLVES: dict[str, tuple[str, Callable[[int], int]]] = {
    "hand-adjoint": ("2", lambda n: 2),
    "hand-adjoint-rows": ("2 + 2N", lambda n: 2 + 2 * n),
    "reverse-over-reverse": ("2 + 2N", lambda n: 2 + 2 * n),
    "finite-difference": ("2 (2N + 1)", lambda n: 2 * (2 * n + 1)),
    "finite-difference/loss": ("(2N + 1)^2", lambda n: (2 * n + 1) ** 2),
}


@dataclass(frozen=True)
class Solves:
    """Solves of one Hessian of a problem with `n` states. `counted` is `None` where the strategy did not run (`reason`)."""

    strategy: str
    n: int
    formula: str
    expected: int
    counted: int | None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """`equal`, `fewer` or `above`, with the difference."""
        if self.counted is None:
            return "-"
        more = self.counted - self.expected
        return "equal" if more == 0 else f"above by {more}" if more > 0 else f"fewer by {-more}"


def solves(of: Problem, names: tuple[str, ...] = tuple(SOLVES), rtol: float = 1e-5) -> list[Solves]:
    """One Hessian of problem `of` by each strategy, at a loose tolerance, which the number of solves does not depend on."""
    return [_solves(of, name, rtol) for name in names]


def quadratic_solves(sizes: tuple[int, ...] = (2, 3, 5)) -> list[Solves]:
    """The same for the dense quadratic system in each size."""
    return [row for n in sizes for row in solves(problem("random-quadratic", n=n))]


def _solves(of: Problem, name: str, rtol: float) -> Solves:
    formula, expected = SOLVES[name]
    if name not in strategies():
        return Solves(name, of.dim, formula, expected(of.dim), None, "there is no such strategy here")
    backend = "autograd" if name == "reverse-over-reverse" and available("autograd") else None  # does not compile
    try:
        run = prepare(of, name, backend=backend, rtol=rtol, method="RK45").quiet()
        counted = run().counters.solves
    except HessbenchError as error:
        return Solves(name, of.dim, formula, expected(of.dim), None, str(error))
    return Solves(name, of.dim, formula, expected(of.dim), counted)
