"""The searches behind `find_closed_orbit`: Gauss-Newton, multiple shooting, BFGS and trust-region Newton."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._errors import IntegrationError
from .._model.derivatives import Array
from ._flow import Collision, Flow

CUTOFF = 1e-10  # of the largest singular value: what is below is a null direction
HALVINGS = 10
REST = 0.02  # share of the speed at the start below which an orbit has shrunk to a point of rest
SEGMENTS = (6, 16)  # numbers of pieces that multiple shooting tries
DONE = 1e-11


@dataclass(frozen=True, eq=False)
class Outcome:
    """Where a search ended, after how many iterations, and why."""

    x: Array
    period: float
    closure: float
    iterations: int
    reason: str


def closure_jacobian(m: Array, slope: Array, fixed: bool) -> Array:
    """dr/d(x, T), (N, N + 1), or (N, N) for a fixed period."""
    jac = m - np.eye(m.shape[0])
    return jac if fixed else np.column_stack([jac, slope])


def symmetry_basis(flow: Flow, x: Array, period: float, fixed: bool) -> Array:
    """Orthonormal columns (N + 1 or N, k): directions in (x, T) that keep an orbit closed."""
    zero = [] if fixed else [0.0]
    rows = [np.append(s, zero) for s in flow.system.symmetries(x).values()]
    if flow.problem.autonomous and not rows:
        rows = [np.append(flow.rhs(x), zero)]
    if flow.system.scaling is not None and not fixed:
        rows.append(np.append(flow.system.scaling(x), 1.5 * period))
    u, s, _ = np.linalg.svd(np.array([row / (np.linalg.norm(row) or 1) for row in rows]).T, full_matrices=False)
    return u[:, s > 1e-8]


def complement(basis: Array) -> Array:
    """Orthonormal columns that span what `basis` (n, k) leaves over, (n, n - k)."""
    return np.linalg.svd(basis, full_matrices=True)[0][:, basis.shape[1] :]


def step_of(flow: Flow, x: Array, m: Array, slope: Array, r: Array, period: float, fixed: bool) -> tuple[Array, float]:
    """The Gauss-Newton step `(dx, dT)` of minimum norm, orthogonal to the symmetries."""
    rest = complement(symmetry_basis(flow, x, period, fixed))
    step = rest @ np.linalg.lstsq(closure_jacobian(m, slope, fixed) @ rest, -r, rcond=CUTOFF)[0]
    return step[: x.size], 0.0 if fixed else float(step[-1])


def free_directions(flow: Flow, x: Array, m: Array, slope: Array, period: float, fixed: bool) -> Array:
    """Unit rows (k, N or N + 1) along which a closed orbit stays closed to first order: the null space of `dr/d(x, T)`."""
    _, s, vt = np.linalg.svd(closure_jacobian(m, slope, fixed), full_matrices=True)
    return vt[np.append(s, np.zeros(vt.shape[0] - s.size)) < CUTOFF * s[0]]


def refusal(flow: Flow, x: Array, period: float, start: Array, length: float) -> str | None:
    """Why a point is outside the region that is searched, or `None`."""
    if not 0.3 * length < period < 3 * length:
        return f"the period left the region: {period:.4g} from {length:.4g}"
    moved = float(np.linalg.norm(x - start))
    if moved > 2 * (1 + float(np.linalg.norm(start))):
        return f"the start left the region: it moved by {moved:.3g}"
    if np.linalg.norm(flow.rhs(x)) < REST * np.linalg.norm(flow.rhs(start)):
        return "the orbit shrank to a point of rest"
    return None


def by_gauss_newton(flow: Flow, x: Array, period: float, fixed: bool, most: int, uphill: int = 0) -> Outcome:
    """Gauss-Newton with step halving. Cost per iteration: one monodromy, and one solve per trial.

    The first `uphill` steps may increase the closure: away from a known orbit, towards others.
    """
    start, length = x, period
    y1, m = flow.monodromy(x, period)
    r = y1 - x
    size, quiet, k = float(np.linalg.norm(r)), 0, 0
    for k in range(most):
        if size < DONE or quiet == 2:
            return Outcome(x, period, size, k, "no more progress")
        dx, dt = step_of(flow, x, m, flow.rhs(y1), r, period, fixed)
        trial, duration, new = x, period, size
        limit, why, found = _longest(dx, x), "no step reduces the closure", False
        for _ in range(HALVINGS):
            trial, duration = x + limit * dx, period + limit * dt
            outside = refusal(flow, trial, duration, start, length)
            if outside is not None:
                why, limit = outside, limit / 2
                continue
            try:
                new = float(np.linalg.norm(flow.end(trial, duration) - trial))
            except (IntegrationError, Collision) as error:
                why, limit = str(error), limit / 2
                continue
            if new < (1 - 1e-3 * limit) * size or (k < uphill and new < 10 * size):
                found = True
                break
            if size < 1e-8:
                return Outcome(x, period, size, k, why)
            limit /= 2
        if not found:
            return Outcome(x, period, size, k, why)
        quiet = quiet + 1 if new > 0.5 * size and new < 1e-8 else 0
        x, period, size = trial, duration, new
        if size > DONE and quiet < 2:
            y1, m = flow.monodromy(x, period)
            r = y1 - x
    return Outcome(x, period, size, most, f"no convergence within {most} iterations")


def _longest(dx: Array, x: Array) -> float:
    """A first step length that moves no further than a quarter of the state's size."""
    return min(1.0, 0.25 * (1 + float(np.linalg.norm(x))) / max(float(np.linalg.norm(dx)), 1e-300))


def by_shooting(flow: Flow, x: Array, period: float, fixed: bool, most: int) -> Outcome:
    """Multiple shooting, then Gauss-Newton: for orbits so unstable that the end of one period says nothing about the start.

    The orbit is cut into pieces whose ends need not meet at first: the earlier half is integrated forward from `x`, the later
    half backward. All gaps are closed at once.
    """
    best = Outcome(x, period, np.inf, 0, "multiple shooting found nothing")
    for pieces in SEGMENTS:
        try:
            found = _shoot(flow, x, period, fixed, most, pieces)
            ended = by_gauss_newton(flow, found[0], found[1], fixed, most)
        except (IntegrationError, Collision) as error:
            best = best if np.isfinite(best.closure) else replace(best, reason=str(error))
            continue
        if ended.closure < best.closure:
            best = ended
        if best.closure < 1e-9:
            break
    return best


def _shoot(flow: Flow, x: Array, period: float, fixed: bool, most: int, pieces: int) -> tuple[Array, float]:
    n, start, length = x.size, x, period
    nodes, dt = np.tile(x, (pieces, 1)), period / pieces
    for i in range(1, pieces // 2 + 1):
        nodes[i] = flow.end(nodes[i - 1], dt)
    for i in range(pieces - 1, pieces // 2, -1):
        nodes[i] = flow.end(nodes[(i + 1) % pieces], -dt)
    size = np.inf
    for _ in range(min(most, 25)):
        jac, gap = np.zeros((pieces * n, pieces * n + (not fixed))), np.empty((pieces, n))
        for i in range(pieces):
            y1, m = flow.monodromy(nodes[i], period / pieces)
            rows, after = slice(i * n, i * n + n), (i + 1) % pieces
            jac[rows, rows] += m
            jac[rows, after * n : after * n + n] -= np.eye(n)
            if not fixed:
                jac[rows, -1] = flow.rhs(y1) / pieces
            gap[i] = y1 - nodes[after]
        new = float(np.linalg.norm(gap))
        if new < 1e-10 or new > 100 * size:
            break
        size = min(size, new)
        step = np.linalg.lstsq(jac, -gap.ravel(), rcond=1e-9)[0]
        step *= min(1.0, 0.3 * (1 + np.linalg.norm(x)) / (1e-300 + np.max(np.abs(step))))
        nodes = nodes + step[: pieces * n].reshape(pieces, n)
        period += 0.0 if fixed else float(step[-1])
        outside = refusal(flow, nodes[0], period, start, length)
        if outside is not None:
            raise IntegrationError(outside)
    return nodes[0], period


def by_bfgs(flow: Flow, x: Array, period: float, fixed: bool, most: int, gtol: float = 1e-8) -> Outcome:
    """SciPy's BFGS on L with adjoint gradients. Cost per evaluation: one gradient."""
    from scipy.optimize import minimize

    def both(z: Array) -> tuple[float, Array]:
        duration = period if fixed else float(z[-1])
        if not 0.3 * period < duration < 3 * period:
            return 1e6, np.zeros_like(z)
        try:
            value, grad, by_period = flow.gradient(z[: x.size], duration)
        except (IntegrationError, Collision):
            return 1e6, np.zeros_like(z)
        return value, grad if fixed else np.append(grad, by_period)

    flow.path(x, period)  # a collision on the way from the start is an error, not a large value
    out = minimize(
        both,
        x if fixed else np.append(x, period),
        jac=True,
        method="BFGS",
        options={"gtol": gtol, "maxiter": 20 * most},
    )
    return _ended(flow, out, x, period, fixed)


def by_newton(flow: Flow, x: Array, period: float, fixed: bool, most: int) -> Outcome:
    """SciPy's exact trust-region Newton on L. Cost per iteration: one Hessian, and one monodromy if the period is free."""
    from scipy.optimize import minimize

    from ._curvature import Curvature

    curvature = Curvature(flow)

    def value_and_gradient(z: Array) -> tuple[float, Array]:
        try:
            value, grad, by_period = flow.gradient(z[: x.size], period if fixed else float(z[-1]))
        except (IntegrationError, Collision):
            return 1e6, np.zeros_like(z)
        return value, grad if fixed else np.append(grad, by_period)

    def hessian(z: Array) -> Array:
        return curvature.fixed(z, period) if fixed else curvature.free(z[:-1], float(z[-1]))

    flow.path(x, period)
    options = {"initial_trust_radius": 0.05, "max_trust_radius": 0.5, "gtol": 1e-9, "maxiter": most}
    out = minimize(
        value_and_gradient,
        x if fixed else np.append(x, period),
        jac=True,
        hess=hessian,
        method="trust-exact",
        options=options,
    )
    return _ended(flow, out, x, period, fixed)


def _ended(flow: Flow, out, x: Array, period: float, fixed: bool) -> Outcome:
    """Where an optimiser of SciPy ended, carried to the zero of the closure if one is near."""
    end, duration = (out.x, period) if fixed else (out.x[:-1], float(out.x[-1]))
    closure, n = float(np.sqrt(max(out.fun, 0.0))), int(out.nit)
    outside = refusal(flow, end, duration, x, period)
    if outside is not None or closure > 1e-2:
        words = f"a minimum of the non-closure that is not zero, gradient {np.linalg.norm(out.jac):.2g} ({out.message})"
        return Outcome(end, duration, closure, n, outside or words)
    last = by_gauss_newton(flow.at(1e-12), end, duration, fixed, 20)
    return replace(last, iterations=n + last.iterations)
