"""Whether the derivatives of a loss are those of the loss that NumPy computes, as `_trust` has it for right-hand sides.

l to round-off of |l| + sum_j |l_,j| s_j; l_,z d with differences of l; l_,zz d row by row with differences of l_,z.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._derive.loss import joint_layout
from .._model.derivatives import Array, Params
from .._model.loss import JointLoss, LossBlocks
from .._model.problem import Problem
from ._trust import FLOOR, STEPS, VALUE, Finding, compared, doubles

GROUPS, NEAR, FAR, SEED = 6, 1e-3, 0.1, 20250612

First = Callable[[Array], tuple[float, Array, Array]]


def complaint(
    blocks: Callable[[Array, Array, Params], JointLoss | LossBlocks],
    problem: Problem,
    y1: Array | None,
    groups: int = GROUPS,
) -> Finding | None:
    """`None` if `blocks` agree with `problem.loss`.

    At the problem's own values with the state `y1` at the end, where it is known, and near it.
    """
    own, (parts, at) = doubles(problem.constants), joint_layout(problem)
    n, end = problem.dim, problem.y0 if y1 is None else y1
    z = np.concatenate([problem.y0, end, *(np.ravel(own[key]) for key in (*parts, "t0", "t1"))])
    sizes = np.abs(z)
    states = np.maximum(sizes[:n], sizes[n : 2 * n])
    states = np.where(states > 0, states, states.max() or 1.0)
    sizes[: 2 * n] = np.maximum(sizes[: 2 * n], NEAR * np.tile(states, 2))
    sizes = np.where(sizes > 0, sizes, abs(problem.t_span[1] - problem.t_span[0]))
    where = {"y0": at["y0"], "y1": at["y1"], **parts, "t0": at["t0"], "t1": at["t1"]}

    def given(z: Array) -> Params:
        new = {key: z[part].reshape(np.shape(own[key])) for key, part in parts.items()}
        return {**own, **new, "t0": z[-2], "t1": z[-1]}

    def value(z: Array) -> float:
        try:
            return float(problem.loss(np, z[:n], z[n : 2 * n], given(z)))
        except Exception:  # the loss refuses such values
            return np.nan

    def first(z: Array) -> tuple[float, Array, Array]:
        made = blocks(z[:n], z[n : 2 * n], given(z))
        if isinstance(made, JointLoss):
            return made.value, made.grad, made.hess
        return made.value, np.concatenate([made.l0, made.l1]), np.block([[made.l00, made.l01], [made.l01.T, made.l11]])

    rng, varied = np.random.default_rng(SEED), first(z)[1].size
    count, said = 0, None
    with np.errstate(all="ignore"):
        for by, some in ((0.0 if y1 is not None else NEAR, groups), (NEAR, 0), (FAR, 0)):
            here = z.copy()
            here[: 2 * n] += by * sizes[: 2 * n] * rng.standard_normal(2 * n)
            done, said = _at(first, value, here, sizes, varied, some, rng, where)
            if said is not None:
                return said
            count += done
    return None if count else Finding("could not be compared with the loss in NumPy", wrong=False)


def _at(
    first: First, value: Callable[[Array], float], z: Array, sizes: Array, varied: int, groups: int,
    rng: np.random.Generator, where: dict[str, slice],
) -> tuple[bool, Finding | None]:  # fmt: skip
    """Whether there was something to compare at `z`, and the complaint."""
    here, (ours, grad, hess) = value(z), first(z)
    s = sizes[:varied]
    if not np.isfinite(here):
        return False, None
    row = abs(here) + np.abs(np.nan_to_num(grad)) @ s
    gap = abs(ours - here)
    if not gap <= VALUE * row:
        return True, Finding(f"differs from the loss in NumPy by {gap:.1e} of {row:.1e}")
    if not (np.isfinite(grad).all() and np.isfinite(hess).all()):
        return False, None
    rows = np.abs(grad) + np.abs(hess) @ s
    signs = np.sign(rng.standard_normal(varied)) * rng.uniform(0.5, 1.5, varied)
    share = np.abs(hess) * s / np.where(rows > 0, rows, 1.0)[:, None]
    weight = share.max(axis=0) + np.abs(grad) * s / (row or 1.0)
    parts = [
        np.arange(varied),
        *(np.array_split(np.argsort(-weight, kind="stable"), min(groups, varied)) if groups else []),
    ]
    settled = False
    for part in parts:
        d, moved = np.zeros(varied), np.zeros(z.size)
        d[part] = signs[part] * s[part]
        moved[:varied] = d
        ahead, behind = ([first(z + w * h * moved) for h in STEPS] for w in (1, -1))
        plus, minus = (np.array([[value(z + w * h * moved)] for h in STEPS]) for w in (1, -1))
        size = np.array([np.abs(grad) @ np.abs(d)])
        wrong, one, gaps = compared(np.array([grad @ d]), plus, minus, np.array([here]), size, FLOOR * np.array([row]))
        if wrong.any():
            return True, Finding(f"differs from the loss in NumPy in its gradient by {gaps[0]:.1e} of {size[0]:.1e}")
        size = np.abs(hess) @ np.abs(d)
        up, down = (np.array([g for _, g, _ in side]) for side in (ahead, behind))
        wrong, some, gaps = compared(hess @ d, up, down, grad, size, FLOOR * rows)
        if wrong.any():
            k = int(np.argmax(np.where(wrong, gaps / (size + FLOOR * rows), -1.0)))
            name = next(key for key, part in where.items() if part.start <= k < part.stop)
            place = name if where[name].stop - where[name].start == 1 else f"{name}[{k - where[name].start}]"
            return True, Finding(
                f"differs from the loss in NumPy in its Hessian by {gaps[k]:.1e} of {size[k]:.1e} by {place}"
            )
        settled |= bool(one.all() and some.any())
    return settled, None
