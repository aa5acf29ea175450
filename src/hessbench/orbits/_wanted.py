"""Constrained use of a Hessian: the smallest change of the loss under a wanted change of the state.

    minimise L(x)   with   c(x) = c(x_0) + wanted         each `c` an unknown, or a component of the state at the end

Newton's method on the Lagrangian, with exact second derivatives of `L` and of each `c` (which is the loss of a problem of its
own). A step is `d = -J^+ (c - target) + Z w`, with `Z` the null space of the constraints' Jacobian `J` and

    Z^T W Z w = -Z^T (g + W d_J),   W = Hessian of L - sum_k lambda_k c_k              (Nocedal & Wright, section 16.2)

and is halved until `L + mu |c - target|_1` falls. Directions along which `Z^T W Z` vanishes, and symmetries of the loss that
keep what is wanted, are left alone. Where it is negative at the start or at the end there is no smallest change: an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._adapters.evaluations import Evaluations
from .._errors import HessbenchError, InvalidInput
from .._model.derivatives import Array
from .._model.problem import Problem
from ._directions import Directions, labels

NULL = 1e-9  # of the largest eigenvalue: what is smaller has no say in where to go
MOST = 200  # iterations
DONE = 1e-7  # relative length of the last step


@dataclass(frozen=True, eq=False)
class Adjusted:
    """The adjusted unknowns `x` (n,), `change` (n,) from where it began, and the growth of the loss.

    `predicted` is the growth by the quadratic model of one step, `growth` what it is at `x`. `achieved` are the changes of
    what was wanted, in its order. `converged` says whether `x` is the constrained minimum, after `iterations` steps.
    """

    x: Array
    change: Array
    predicted: float
    growth: float
    achieved: tuple[float, ...]
    converged: bool
    iterations: int


def wanted_of(texts: Sequence[str], problem: Problem) -> list[tuple[str, float]]:
    """Labels and changes from texts such as `y0[3]=+0.01` or `end[0]=-0.1`; raises `InvalidInput` with the labels there are."""
    known = [*labels(problem), *(f"end[{k}]" for k in range(problem.dim))]
    out = []
    for text in texts:
        found = re.fullmatch(r"\s*([^=\s]+)\s*=\s*([-+0-9.eE]+)\s*", text)
        try:
            label, change = (found[1], float(found[2])) if found else ("", np.nan)
        except ValueError:
            label, change = "", np.nan
        if label not in known or not np.isfinite(change):
            some = ", ".join(known[:3])
            raise InvalidInput(
                f"{text!r}: write LABEL=CHANGE, such as {known[0]}=+0.01; labels are {some}, ... {known[-1]}."
            )
        out.append((label, change))
    if len({label for label, _ in out}) < len(out):
        raise InvalidInput("A change of one unknown is wanted twice; give each label once.")
    return out


def adjust(found: Directions, wanted: Sequence[tuple[str, float]], rtol: float = 1e-10) -> Adjusted:
    """The unknowns near `found.x` (n,) with the `wanted` changes of labels at the least loss; `rtol` is the solver's tolerance.

    Raises `InvalidInput` for wishes that contradict one another, `HessbenchError` where the loss has no minimum under them.
    """
    problem, names = found.problem, labels(found.problem)
    if not 0 < len(wanted) <= found.x.size:
        raise InvalidInput(
            f"{len(wanted)} changes are wanted of {found.x.size} unknowns; expected between 1 and as many."
        )
    loss = Evaluations(problem, rtol=rtol)
    ends = {label: Evaluations(_end(problem, int(label[4:-1])), rtol=rtol) for label, _ in wanted if label not in names}

    def constraints(x: Array) -> tuple[Array, Array, list[Array]]:
        values, rows, bends = [], [], []
        for label, _ in wanted:
            if label in ends:
                at = ends[label].whole(x)
                assert at.hess is not None
                values, rows, bends = [*values, at.value], [*rows, at.grad], [*bends, at.hess]
            else:
                unit = np.eye(x.size)[names.index(label)]
                values, rows, bends = [*values, float(unit @ x)], [*rows, unit], [*bends, np.zeros((x.size, x.size))]
        return np.array(values), np.array(rows), bends

    invariant = [s for s, same in zip(found.symmetries, found.invariant, strict=True) if same]
    d, start = found.sizes, constraints(found.x)[0]
    target = start + np.array([change for _, change in wanted])
    length = float(np.linalg.norm(found.x / d)) or 1.0
    x, predicted, size, converged, k = found.x.copy(), np.nan, np.inf, False, 0
    for k in range(1, MOST + 1):
        at, (c, jac, bends) = loss.whole(x), constraints(x)
        assert at.hess is not None
        still = np.array([s.tangent(x) / d for s in invariant]).reshape(-1, x.size)
        step, lowest, price = _step(
            d * at.grad, np.outer(d, d) * at.hess, jac * d, [np.outer(d, d) * b for b in bends], target - c, still
        )
        size = float(np.linalg.norm(step))
        converged = size <= DONE * length
        if lowest < 0 and (converged or k == 1):
            raise HessbenchError(
                f"There is no smallest change of the loss: under what is wanted it still falls along a direction, with "
                f"curvature {lowest:.3g}. Begin at a minimum, or want more."
            )
        if k == 1:
            predicted = float(at.grad @ (d * step) + (d * step) @ at.hess @ (d * step) / 2)

        def merit(z: Array, price: float = price) -> float:
            return loss.first(z).value + price * float(np.sum(np.abs(constraints(z)[0] - target)))

        here, share = merit(x), 1.0
        while not converged and merit(x + share * d * step) > here and share > 1e-4:
            share /= 2
        x = x + share * d * step
        if converged or share <= 1e-4:
            break
    end, reached = loss.first(x), constraints(x)[0]
    return Adjusted(
        x, x - found.x, predicted, end.value - found.value, tuple(float(v) for v in reached - start), converged, k
    )


def _step(
    grad: Array, hess: Array, jac: Array, bends: list[Array], missing: Array, still: Array
) -> tuple[Array, float, float]:
    """One step (n,) of the method above, the curvature that is negative (or 0), and `mu`; `still` (k, n) are symmetries."""
    u, sigma, vt = np.linalg.svd(jac, full_matrices=True)
    if sigma[-1] < 1e-10 * sigma[0]:
        raise InvalidInput("The wanted changes depend on one another; leave one out.")
    first = vt[: sigma.size].T @ ((u.T @ missing) / sigma)
    rest = vt[sigma.size :].T
    multipliers = np.linalg.lstsq(jac.T, grad, rcond=None)[0]
    if len(still):
        rest = rest @ _complement(rest.T @ _keeping(still, jac))
    w = hess - sum((m * b for m, b in zip(multipliers, bends, strict=True)), np.zeros_like(hess))
    values, vectors = np.linalg.eigh(rest.T @ w @ rest)
    least = NULL * float(np.max(np.abs(np.linalg.eigvalsh(hess))))
    used = np.abs(values) > least
    slope = vectors.T @ (rest.T @ (grad + w @ first))
    step = first - rest @ (vectors[:, used] @ (slope[used] / np.abs(values[used])))
    after = np.linalg.lstsq(jac.T, grad + w @ step, rcond=None)[0]
    price = 2 * max(float(np.max(np.abs(m))) for m in (multipliers, after)) + 1e-12 * float(np.max(np.abs(hess)))
    return step, min(0.0, *values[used]) if np.any(used) else 0.0, price


def _keeping(still: Array, jac: Array) -> Array:
    """Columns (n, k): the combinations of the rows of `still` along which what is wanted does not change."""
    unit = still / np.linalg.norm(still, axis=1, keepdims=True)
    basis, sigma, _ = np.linalg.svd(unit.T, full_matrices=False)
    basis = basis[:, sigma > 1e-8]
    _, sigma, vt = np.linalg.svd(jac @ basis, full_matrices=True)
    sigma = np.append(sigma, np.zeros(max(0, vt.shape[0] - sigma.size)))
    return basis @ vt[sigma[: vt.shape[0]] < 1e-8 * max(1.0, np.max(np.abs(jac)))].T


def _complement(columns: Array) -> Array:
    """Orthonormal columns (m, m - k) orthogonal to the `columns` (m, k)."""
    u, sigma, _ = np.linalg.svd(columns, full_matrices=True)
    return u[:, int(np.sum(sigma > 1e-8)) :]


def _end(problem: Problem, k: int) -> Problem:
    """The problem whose loss is component `k` of the state at the end."""
    return replace(
        problem, loss=lambda xp, y0, y1, p: xp.sum(y1[k : k + 1]), running_loss=None, data=None, loss_blocks=None,
        exact=None, loss_uses_y0=False,
    )  # fmt: skip
