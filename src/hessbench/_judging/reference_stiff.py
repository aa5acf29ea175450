"""References where explicit steps would be too many: a mesh that resolves state and tangents, and the ways to use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .._derive.augment import Augmented, augmented
from .._derive.loss import differentiating_loss, loss_blocks
from .._derive.native import able
from .._errors import IntegrationError, Unavailable
from .._model.derivatives import Array, Derivatives
from .._model.problem import TIMES, Problem
from ..backends import backend
from .reference_implicit import STAGES, implicit_adjoint, implicit_forward, lobatto_iiic, radau_iia, solved
from .reference_methods import Check, of_state_alone, subdivided
from .reference_ways import Way, derivatives_by, sources_of
from .tight import Path, Tight

MESH = 1e-5  # tolerance of the mesh: SciPy's estimate is of order 3, the formulas are of order 8 and 9
MOST_MESH = 20_000
MOST_WORK = 2e10  # steps times the cube of the number of states
TANGENTS = 2


@dataclass(frozen=True, eq=False)
class Mesh:
    """`times` (m,) of implicit steps, of the problem or of the one that everything else is a constant state of; and the
    solution there, in the problem's own time.
    """

    times: Array
    path: Path


def whole_of(problem: Problem) -> Augmented | None:
    """The problem with everything as states, where it is not by its state alone."""
    return None if of_state_alone(problem) else augmented(problem)


def mesh(plan: Tight, x: Array) -> Mesh:
    """Steps of SciPy's Radau on the state and `TANGENTS` random tangents, all relative to the sizes of what they are.

    Raises `IntegrationError` where there are too many of them, `Unavailable` or `ArithmeticError` without derivatives.
    """
    from scipy.integrate import Radau

    problem, made = plan.problem, whole_of(plan.problem)
    whole, z = (problem, x) if made is None else (made.problem, made.start(x))
    derivatives = _first_derivatives(whole)
    n, p = z.size, whole.unpack(z)[1]
    sizes = np.where(z != 0, np.abs(z), 1.0)
    sizes[: plan.sizes.size] = plan.sizes
    unit = np.where(z != 0, np.abs(z), 1.0)
    unit[: plan.largest.size] = plan.largest
    moved = np.zeros(n)
    moved[np.arange(n) if made is None else made.places] = 1.0
    signs = np.random.default_rng(11).choice([-1.0, 1.0], (TANGENTS, n))
    start = np.concatenate([z, (signs * unit * moved).ravel()])
    t0, t1 = map(float, problem.times(x))
    free = bool(set(TIMES) & set(problem.wrt))
    ends = np.array([t0, *plan.ends_at(x), t1])
    ends = (ends - t0) / (t1 - t0) if free else ends
    atol: Any = MESH * np.tile(np.where(sizes > 0, sizes, 1.0), 1 + TANGENTS)

    def slope(t: float, z: Array) -> Array:
        y, tangents = z[:n], z[n:].reshape(TANGENTS, n)
        return np.concatenate([whole.rhs(np, t, y, p), (tangents @ derivatives.jac(t, y, p).T).ravel()])

    def jacobian(t: float, z: Array) -> Any:
        from scipy.sparse import csc_matrix, kron

        block = derivatives.jac(t, z[:n], p)
        out = np.kron(np.eye(1 + TANGENTS), block)
        return csc_matrix(kron(np.eye(1 + TANGENTS), block)) if n > 30 else out

    times, states = [float(ends[0])], [z]
    with np.errstate(all="ignore"):
        for begin, end in pairwise(map(float, ends)):
            if abs(end - begin) >= 1e-12 * abs(ends[-1] - ends[0]):
                stepper = Radau(slope, begin, start, end, rtol=MESH, atol=atol, jac=jacobian)
                while stepper.status == "running":
                    message = stepper.step()
                    start = np.array(stepper.y)
                    if stepper.status == "failed" or not np.all(np.isfinite(start)) or len(times) > MOST_MESH:
                        raise IntegrationError(f"Radau stopped at t = {stepper.t:.6g}: {message or 'too many steps'}")
                    times.append(float(stepper.t))
                    states.append(start[:n])
            else:
                times.append(end)
                states.append(start[:n])
    steps = np.array(times)
    if len(steps) * n**3 > MOST_WORK:
        raise IntegrationError(f"{len(steps)} implicit steps of {n} states and parameters are too much work")
    own = t0 + (t1 - t0) * steps if free else steps
    return Mesh(steps, Path(own, np.array(states)[:, : plan.sizes.size], 0))


def stiff_ways(mesh: Mesh) -> Callable[[Problem, Array], list[Way]]:
    """The ways by implicit steps; each framework that is there takes part with its own derivatives."""

    def ways(problem: Problem, x: Array) -> list[Way]:
        exact = problem.exact(x) if problem.exact is not None else None
        out = [] if exact is None else [Way("closed form", lambda parts: Check(*exact))]
        made = whole_of(problem)
        whole, z = (problem, x) if made is None else (made.problem, made.start(x))
        places = np.arange(x.size) if made is None else made.places

        moving = mesh.path.states.shape[1]

        def way(name: str, scheme: Any, walk: Any, source: str) -> Way:
            kept: list[Derivatives] = []

            def run(parts: int) -> Check:
                if not kept:
                    kept.append(derivatives_by(whole, source))
                steps = solved(whole, z, subdivided(mesh.times, parts), kept[0], scheme(STAGES))
                return walk(steps, z, places, moving, loss_by(whole, source))

            by = (
                source
                if whole.derivatives is not None and source == whole.derivatives.source
                else f"generated by {source}"
            )
            return Way(f"{name}, derivatives {by}", run, formula=name)

        sources = sources_of(whole)
        by_frameworks = able(problem, "derivatives", use="contractions")
        fast = [name for name in by_frameworks if name in sources]  # N contractions for each stage
        others = [name for name in fast if name != sources[0]]
        turned = [*others, *(name for name in sources if name not in others)]  # other derivatives, where there are any
        adjoints = [way("adjoint of Lobatto IIIC steps", lobatto_iiic, implicit_adjoint, name) for name in sources]
        forwards = [way("variational Radau IIA steps", radau_iia, implicit_forward, name) for name in turned]
        out += [*adjoints[:1], *forwards, *adjoints[1:]]
        return out

    return ways


def loss_by(problem: Problem, source: str) -> Any:
    """Derivatives of the loss by the framework that made those of the right-hand side, or by any."""
    if source in differentiating_loss():
        return loss_blocks(problem, backend(source))[0]
    return loss_blocks(problem)[0]


def _first_derivatives(problem: Problem) -> Derivatives:
    failed: Exception | None = None
    for source in sources_of(problem):
        try:
            return derivatives_by(problem, source)
        except Exception as error:  # a framework may raise anything for a function that it cannot trace
            failed = error
    raise failed or Unavailable(f"problem {problem.name!r} has no derivatives, and no framework derives them.")
