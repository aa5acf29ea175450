"""References: value, gradient and Hessian by two independent methods that agree, cached by content.

- the closed form, where the problem has one at this point
- the second-order discrete adjoint of a Dormand-Prince 8 integration, steps frozen, with the problem's NumPy derivatives
- automatic differentiation by JAX, autograd or torch through other steps of the same formula

The first two that can be had are compared; the first of them is the reference. The steps are those of an
adaptive solve at 1e-13, subdivided until both agree. Two integrations share neither the step
size nor the way of differentiating, and derivative code only where one framework is all there is. From `PROBED` unknowns
on, the second one is compared through its gradient and products with random vectors instead of the whole matrix.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from platformdirs import user_cache_path

from ._derivatives import Array
from ._errors import NoReference
from ._fixed_step import integrate_fixed, tableau
from ._generated import derivatives_of
from ._ivp import IVP
from ._loss import loss_blocks
from ._problem import Problem

FORMAT = 2  # part of the cache key: raise it when what is computed changes
PROBED = 40
AGREE = 1e-7


@dataclass(frozen=True, eq=False)
class Reference:
    """Value, `grad` (n,), `hess` (n, n) at one point; `agreement` is the relative difference of the two methods in `how`."""

    value: float
    grad: Array
    hess: Array
    agreement: float
    how: str


def reference(problem: Problem, x: Any = None) -> Reference:
    """The reference at `x` (default: the problem's own point), from the cache when it was computed before.

    The cache is the folder `HESSBENCH_CACHE`, or the user's cache folder. Raises `NoReference` when no two methods agree
    to `AGREE`, naming both and their difference.
    """
    x = problem.check_x(x)
    path = cache_path(problem, x)
    try:
        with np.load(io.BytesIO(path.read_bytes())) as data:
            return Reference(
                float(data["value"]), data["grad"], data["hess"], float(data["agreement"]), str(data["how"])
            )
    except (OSError, ValueError, KeyError, BadZipFile):
        pass  # absent or damaged: compute it
    out = compute_reference(problem, x)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, value=out.value, grad=out.grad, hess=out.hess, agreement=out.agreement, how=out.how)
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
    for key, value in sorted(problem.params.items()):
        digest.update(key.encode() + np.ascontiguousarray(value).tobytes())
    for array in (x, problem.y0):
        digest.update(array.tobytes())
    y0, p = problem.unpack(x)
    for function in (problem.rhs, problem.loss):
        try:
            digest.update(inspect.getsource(function).encode())
        except (OSError, TypeError):
            digest.update(getattr(function, "__code__", function).__class__.__name__.encode())
    nearby = [problem.rhs(np, t, y, p) for t in problem.t_span for y in (y0, 0.9 * y0 + 0.05)]
    nearby.append(problem.loss(np, y0, 0.9 * y0 + 0.05, p))
    for value in nearby:
        digest.update(np.array2string(np.asarray(value), precision=10, threshold=10**9).encode())
    return digest.hexdigest()[:20]


def compute_reference(problem: Problem, x: Array) -> Reference:
    """The reference without the cache."""
    times = adaptive_times(problem, x)
    first, gap, names = _compare(problem, x, times, 1)
    for parts in (2, 4):
        if gap <= 1e-10:
            break
        first, gap, names = _compare(problem, x, times, parts)
    if not gap <= AGREE or first.hess is None:
        raise NoReference(
            f"problem {problem.name!r}: {names} differ by {gap:.1e} relative, more than {AGREE:g}. Its right-hand side or "
            f"a hand-written derivative may be wrong (`hessbench check` compares them), or the problem is chaotic over "
            f"its time span: shorten it."
        )
    return Reference(float(first.value), first.grad, first.hess, gap, names)


def adaptive_times(problem: Problem, x: Array) -> Array:
    """The times (n + 1,) that an adaptive solve at 1e-13 steps to; 8 equal steps where it takes fewer."""
    y0, p = problem.unpack(x)
    ivp = IVP("DOP853", 1e-13, 1e-13, dim=problem.dim)
    times = ivp.solve(lambda t, y: problem.rhs(np, t, y, p), problem.t_span, y0).t
    return times if len(times) > 8 else np.linspace(*problem.t_span, 9)


def subdivided(times: Array, parts: int) -> Array:
    """Each step cut into `parts` equal ones."""
    fractions = np.arange(parts) / parts
    return np.append((times[:-1, None] + np.diff(times)[:, None] * fractions).ravel(), times[-1])


def _compare(problem: Problem, x: Array, times: Array, parts: int) -> tuple[Check, float, str]:
    """What the first of two methods gives, the relative difference to the second, and the names of both."""
    ways = _ways(problem, x, times, parts)
    if len(ways) < 2:
        raise NoReference(
            f"problem {problem.name!r}: a reference needs two independent methods and only {len(ways)} can be had here. "
            f"Install jax, autograd or torch: pip install 'hessbench[autograd]'."
        )
    (first_name, first), (second_name, second) = ways[:2]
    found = first()
    return found, found.gap(second()), f"{first_name}; {second_name}"


def _ways(problem: Problem, x: Array, times: Array, parts: int) -> list[tuple[str, Callable[[], Check]]]:
    """The methods that can be had for this problem here, best first, each with its name."""
    from .backends import available

    ways: list[tuple[str, Callable[[], Check]]] = []
    exact = problem.exact(x) if problem.exact is not None else None
    frameworks = [name for name in ("jax", "autograd", "torch") if available(name)]
    if exact is not None:
        ways.append(("closed form", lambda: Check(*exact)))
    if problem.wrt == ("y0",) and (problem.derivatives is not None or frameworks):
        derivatives = derivatives_of(problem)
        frameworks.sort(key=lambda name: name in derivatives.source)  # prefer one that did not make these derivatives
        finer = subdivided(times, parts)
        label = f"discrete adjoint, {len(finer) - 1} steps, derivatives {derivatives.source}"
        ways.append((label, lambda: Check(*discrete_adjoint(problem, x, finer))))
    for more, name in enumerate(frameworks):
        other = subdivided(times, parts + 1 + more)
        label = f"automatic differentiation by {name}, {len(other) - 1} steps"
        ways.append((label, lambda other=other, name=name: automatic(problem, x, other, name)))
    return ways


@dataclass(frozen=True, eq=False)
class Check:
    """Value and gradient with the whole Hessian, or with its products with the columns of `probes()`."""

    value: float
    grad: Array
    hess: Array | None
    products: Array | None = None

    def gap(self, other: Check) -> float:
        """The largest relative difference; infinite when anything is not finite."""
        pairs = [(self.grad, other.grad)]
        if self.hess is not None and other.hess is not None:
            pairs.append((self.hess, other.hess))
        else:
            mine, theirs = (
                (c.hess @ probes(self.grad.size) if c.products is None else c.products) for c in (self, other)
            )
            pairs.append((mine, theirs))
        scale = np.max(np.abs(pairs[1][0])) or 1.0
        gaps = [np.max(np.abs(a - b)) / max(scale, np.max(np.abs(a))) for a, b in pairs]
        worst = float(max(gaps))
        return worst if np.isfinite(worst) else np.inf


def probes(n: int) -> Array:
    """Three fixed random directions, (n, 3)."""
    return np.random.default_rng(1).standard_normal((n, 3)) / np.sqrt(n)


def discrete_adjoint(problem: Problem, x: Array, times: Array) -> tuple[float, Array, Array]:
    """Exact derivatives of the Dormand-Prince 8 steps between `times` (n + 1,), walking backward through their states.

    With the step map `phi`: `lambda <- phi'^T lambda`, `S <- phi'^T S phi' + lambda_k phi_k''`, `Phi` and its products with
    the loss blocks at the end. O(N^2) memory beside the N states of each step; O(stages N^3) per step.
    """
    y0, p = problem.unpack(x)
    derivatives, (blocks, _) = derivatives_of(problem), loss_blocks(problem)
    scheme, size = tableau("DOP853"), problem.dim
    a, b, c = scheme.matrix, np.array(scheme.b), np.array(scheme.c)

    def stages(t: float, h: float, y: Array) -> tuple[Array, Array]:
        points, slopes = np.empty((len(b), size)), np.empty((len(b), size))
        for i in range(len(b)):
            points[i] = y + h * (a[i, :i] @ slopes[:i])
            slopes[i] = problem.rhs(np, t + c[i] * h, points[i], p)
        return points, y + h * (b @ slopes)

    states = [y0]
    for t, h in zip(times[:-1], np.diff(times), strict=True):
        states.append(stages(t, h, states[-1])[1])
    end = blocks(y0, states[-1], p)
    lam, second, cross = end.l1, end.l11, end.l01
    for t, h, y in reversed(list(zip(times[:-1], np.diff(times), states[:-1], strict=True))):
        points, _ = stages(t, h, y)
        jacobians = derivatives.jac(t + c * h, points, p)
        tangents, slopes = np.empty_like(jacobians), np.empty_like(jacobians)
        for i in range(len(b)):
            tangents[i] = np.eye(size) + h * np.tensordot(a[i, :i], slopes[:i], 1)
            slopes[i] = jacobians[i] @ tangents[i]
        phi = np.eye(size) + h * np.tensordot(b, slopes, 1)
        q, theta = np.empty_like(points), np.empty_like(points)
        for i in reversed(range(len(b))):
            q[i] = h * (b[i] * lam + a[i + 1 :, i] @ theta[i + 1 :])
            theta[i] = q[i] @ jacobians[i]
        second = phi.T @ second @ phi
        for v, curvature in zip(tangents, derivatives.vhp(t + c * h, points, q, p), strict=True):
            second = second + v.T @ curvature @ v
        cross, lam = cross @ phi, lam + theta.sum(0)
    return end.value, end.l0 + lam, end.l00 + cross + cross.T + second


def automatic(problem: Problem, x: Array, times: Array, framework: str) -> Check:
    """Derivatives of the Dormand-Prince 8 steps between `times`; the Hessian by products from `PROBED` unknowns on."""
    from .backends import backend

    b, scheme = backend(framework), tableau("DOP853")
    params, f = b.params(problem), b.rhs(problem)

    def value(x: Any) -> Any:
        y0, p = problem.unpack(x, params)
        y1 = integrate_fixed(b, scheme, lambda t, y: f(t, y, p), times, b.asarray(y0))
        return problem.loss(b.xp, y0, y1, p)

    z = b.asarray(x)
    if x.size < PROBED:
        value_at, grad, hess = (b.to_numpy(a) for a in b.compile(b.value_grad_hessian(value))(z))
        return Check(float(value_at), grad, hess)
    gradient = b.grad(value)
    products = b.compile(lambda z, m: b.jvp(gradient, z, m))
    grad, columns = (b.to_numpy(a) for a in products(z, b.asarray(probes(x.size))))
    return Check(float(b.to_numpy(b.compile(value)(z))), grad, None, columns)
