"""What a problem is like, found out in seconds: sizes, operations, sparsity, steps, stiffness, growth, pieces.

Nothing is differentiated. Each part may fail on its own, as a user's functions may; what failed is said in `unknown`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from .._derive.adjoint import bolza_slope, bolza_start
from .._errors import HessbenchError
from .._hybrid.march import March
from .._hybrid.model import model
from .._hybrid.prepare import first_sizes, tolerance
from .._integrate.state_sizes import state_sizes
from .._measuring.measure import strategy_of
from .._measuring.record import Case, contender
from .._model.derivatives import Array
from .._model.problem import Problem
from .._plugins.fit import fit
from .._plugins.prepare import resolve
from ..discrete._differentiate import reachable
from ..discrete._graph import CannotTrace, Node
from ..discrete._simplify import switches
from ..discrete._trace import record
from ..implicit.choice import stiffness

MOST_STEPS, SECONDS = 20_000, 5.0  # of a solve that counts steps
OFF = 1e-6  # of the states' sizes, for differences of two solutions
FINE = 1e-9  # tolerance of these


@dataclass(frozen=True)
class Shape:
    """What a strategy is asked to do of a problem: `dim` states by `unknowns`, in `pieces`; `why` it does not take part."""

    dim: int
    unknowns: int
    pieces: int = 1
    why: str = ""
    status: str = ""


@dataclass(frozen=True)
class Probe:
    """Facts about a problem; `None` where one could not be had, which `unknown` says.

    - `operations`, `nonzeros`, `switches`: scalar operations of the recorded right-hand side, entries of its Jacobian that are
      not zero, and choices between numbers that the unknowns move
    - `steps`: of an explicit method of order 8 at the tolerance; where the problem is stiff, those that stability asks for
    - `rough`: steps that stiffness does not limit, at a tolerance of 1e-4; `stability`: those that it asks for
    - `growth`: by how much a small change of the initial state has grown or shrunk at the end
    - `pieces`: smooth pieces of the solution, between data, events and switches
    """

    name: str
    states: int
    unknowns: int
    wrt: tuple[str, ...]
    rtol: float
    data_times: int = 0
    events: int = 0
    running_loss: bool = False
    operations: int | None = None
    nonzeros: int | None = None
    switches: int | None = None
    steps: int | None = None
    stability: float | None = None
    rough: int | None = None
    stiff: bool = False
    growth: float | None = None
    pieces: int | None = None
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A flat dictionary."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Probe:
        """The inverse of `to_json`."""
        return cls(**{**data, "wrt": tuple(data["wrt"]), "unknown": tuple(data["unknown"])})


def probe(problem: Problem, rtol: float, report: Callable[[Probe], None] = lambda probe: None) -> Probe:
    """All facts about `problem` at the tolerance `rtol`, reported as far as they are known after each part.

    Raises `InvalidInput` for a problem that is none.
    """
    problem.validate()
    data = 0 if problem.data is None else np.unique(problem.data.times).size
    found: dict[str, Any] = {
        "name": problem.name,
        "states": problem.dim,
        "unknowns": problem.x0.size,
        "wrt": problem.wrt,
        "rtol": rtol,
        "data_times": int(data),
        "events": len(problem.events),
        "running_loss": problem.running_loss is not None,
    }
    unknown: list[str] = []
    parts: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
        ("operations and sparsity", lambda: recorded(problem)),
        ("stiffness", lambda: stiff(problem)),
        ("steps", lambda: {"steps": steps(problem, rtol, found)}),
        ("growth", lambda: {"growth": growth(problem)}),
        ("pieces", lambda: {"pieces": pieces(problem, rtol)}),
    )
    for what, part in parts:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.update(part())
            except Exception as error:  # the functions are the user's
                said = " ".join(str(error).split())[:120]
                unknown.append(f"{what}: {said or type(error).__name__}")
        report(Probe(**found, unknown=tuple(unknown)))
    return Probe(**found, unknown=tuple(unknown))


def recorded(problem: Problem) -> dict[str, Any]:
    """Operations, entries of the Jacobian and switches. Raises `CannotTrace` with the reason."""
    traced = record(problem.rhs, problem.dim, problem.params, problem.varied, mechanical=False).outputs
    running, outputs = problem.running_loss, list(traced)
    operations = counted(traced)
    if running is not None:

        def beside(xp: Any, t: Any, y: Any, p: Any) -> Any:
            return xp.concatenate([xp.reshape(running(xp, t, y, p), (1,)), y[1:]])

        other = record(beside, problem.dim, problem.params, problem.varied, mechanical=False).outputs
        operations, outputs = operations + counted(other), outputs + other
    reads: dict[Node, int] = {}  # the states that a node is computed from, as bits
    for node in reachable(traced):
        bits = 1 << node.args[1] if node.op == "leaf" and node.args[0] == "x" else 0
        for operand in node.operands():
            bits |= reads[operand]
        reads[node] = bits
    return {
        "operations": max(1, operations),
        "nonzeros": sum(reads[node].bit_count() for node in traced),
        "switches": sum(bool(kinds & {"x", "u"}) for _, kinds in switches(outputs)),
    }


def counted(outputs: list[Node]) -> int:
    """Scalar operations: the operands of all nodes."""
    return sum(len(node.operands()) for node in reachable(outputs))


def stiff(problem: Problem) -> dict[str, Any]:
    """Steps by stability and by accuracy, as `strategy="auto"` counts them. Raises where the trial solve does not end."""
    found = stiffness(problem)
    if found.accuracy is None:
        raise CannotTrace("the trial solve did not come to its end")
    return {"stability": found.stability, "rough": found.accuracy, "stiff": found.stiff}


def steps(problem: Problem, rtol: float, found: Mapping[str, Any]) -> int:
    """Steps of DOP853 at `rtol`, counted, or what stability asks for; half a step more for each time of the data."""
    if found.get("stiff"):
        return round(found["stability"])
    counted = len(solved(problem, rtol, "DOP853")[0]) - 1
    return max(1, counted + found["data_times"] // 2)


def growth(problem: Problem) -> float:
    """`|y(t1; y0 + d) - y(t1)| / |d|` in units of the states' sizes: the largest of two directions."""
    sizes = filled(state_sizes(problem, problem.x0))
    drawn = np.random.default_rng(5).standard_normal((2, problem.dim))
    end = solved(problem, FINE, "LSODA", sizes=sizes)[1]
    out = []
    for d in drawn / np.linalg.norm(drawn, axis=1)[:, None]:
        moved = solved(problem, FINE, "LSODA", OFF * sizes * d, sizes)[1]
        out.append(float(np.linalg.norm((moved - end) / sizes)) / OFF)
    return max(out)


def solved(
    problem: Problem, rtol: float, method: str, off: Array | float = 0.0, sizes: Array | None = None
) -> tuple[list[float], Array]:
    """Times of the steps and the last state, from `y0 + off`. Raises `HessbenchError` where that takes too long."""
    from scipy import integrate

    y0, p = problem.unpack(problem.x0)
    (t0, t1), y0 = map(float, problem.times(problem.x0)), np.asarray(y0, dtype=float) + off
    scale = filled(state_sizes(problem, problem.x0)) if sizes is None else sizes
    slope, start = bolza_slope(problem, p), bolza_start(problem, y0)
    atol = rtol * bolza_start(problem, scale)
    atol[problem.dim :] = rtol  # of the running loss
    solver = getattr(integrate, method)(slope, t0, start, t1, rtol=rtol, atol=atol)
    times, end = [t0], monotonic() + SECONDS
    while solver.status == "running":
        said = solver.step()
        times.append(solver.t)
        if solver.status == "failed":
            raise HessbenchError(f"a solve failed at t = {solver.t:g}: {said}")
        if len(times) > MOST_STEPS or monotonic() > end:
            raise HessbenchError(f"a solve had come to t = {solver.t:g} after {len(times)} steps")
    return times, solver.y[: problem.dim]


def filled(sizes: Array) -> Array:
    """`sizes` (N,) with the largest one, or 1, where one is zero."""
    return np.where(sizes > 0, sizes, float(sizes.max(initial=0.0)) or 1.0)


def pieces(problem: Problem, rtol: float) -> int:
    """The number of smooth pieces of the solution."""
    found = model(problem)
    if found is None:
        return 1
    return max(1, len(March(found, problem.x0, tolerance(rtol), first_sizes(found)).run().segments))


def shapes(problem: Problem, contenders: Sequence[tuple[str, str | None]], pieces: int | None) -> dict[str, Shape]:
    """What each contender `(strategy, backend)` would be asked to do, by `strategy@backend`. Nothing is prepared.

    A strategy that takes data and events as they are has one piece where these alone make pieces.
    """
    found = None
    with suppress(Exception):  # the functions are the user's: what they raise, a strategy will say
        found = model(problem)
    out = {}
    for name, backend in contenders:
        whole = Shape(problem.dim, problem.x0.size)
        try:
            strategy, backend = resolve(strategy_of(Case(problem.name, name)), backend)
            made = fit(problem, strategy, backend)
            whole_by_itself = found is not None and found.switches is None and (not problem.events or found.recorded)
            in_pieces = found is not None and not (strategy.limits.takes_pieces(problem) and whole_by_itself)
            if made.reason is not None:
                whole = replace(whole, why=made.reason, status="unsupported")
            else:
                whole = Shape(made.problem.dim, made.problem.x0.size, (pieces or 1) if in_pieces else 1)
        except Exception as error:  # a strategy's file is somebody's too
            whole = replace(whole, why=str(error) or type(error).__name__, status="unavailable")
        out[contender(name, backend)] = whole
    return out
