"""Hand-written derivatives of right-hand side and loss, checked to second order against automatic differentiation.

Every reference is made from the right-hand side alone, at random points and times and for random costates `s`:

    jac = d F / dy (forward mode)      vjp = s . dF/dy (reverse mode)      vhp = d^2 (s . F) / dy^2 (both)
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .._errors import Unavailable
from .._model.derivatives import Array, Derivatives, JointDerivatives
from .._model.loss import LossBlocks
from .._model.problem import Problem
from ..backends import backend, known, one_of
from .generated import generated_joint_derivatives
from .loss import loss_blocks
from .native import able

OPERATIONS = ("vjp", "jvp", "value_grad_hessian")  # that a reference is made of
POINTS = 3


def check_derivatives(problem: Problem, frameworks: Sequence[str] | None = None, tolerance: float = 1e-9) -> list[str]:
    """What is wrong with `problem.derivatives` and `problem.loss_blocks`, one sentence each.

    The list is empty when all is well, or nothing is written by hand. Compares `vjp`, `jac`, `vhp` and the blocks of
    the loss with each of `frameworks` (default: those installed, of jax, torch, autograd), `derivatives.joint` with the
    first of them, all forms of broadcasting with single calls, and the sparse values with the dense ones.
    `tolerance` is relative to the largest entry.
    Raises `Unavailable` without any framework.
    """
    if problem.derivatives is None and problem.loss_blocks is None:
        return []
    chosen = able(problem, *OPERATIONS) if frameworks is None else list(frameworks)
    if not chosen:
        needed = one_of(known(2, *OPERATIONS), "or")
        raise Unavailable(f"Checking derivatives needs {needed}: pip install 'hessbench[jax]'.")
    sample = sample_points(problem)
    faults = [] if problem.derivatives is None else _derivative_faults(problem, chosen, sample, tolerance)
    return faults if problem.loss_blocks is None else faults + _loss_faults(problem, chosen, sample, tolerance)


def _derivative_faults(problem: Problem, chosen: Sequence[str], sample: Sample, tolerance: float) -> list[str]:
    assert problem.derivatives is not None
    try:
        ours = _single_calls(problem.derivatives, sample, problem)
    except Exception as error:
        return [f"The hand-written derivatives raise {type(error).__name__}: {error}"]
    faults = list(_wrong_shapes(ours, problem.dim))
    if not faults:
        for name in chosen:
            faults += _against(name, problem, sample, ours, tolerance)
        faults += _broadcasting(problem, sample, ours)
        faults += _asymmetric(ours["vhp"])
        faults += _sparse(problem, sample, ours)
        if not faults and problem.derivatives.joint is not None:
            faults += _joint(chosen[0], problem, problem.derivatives.joint, sample, tolerance)
    return faults


def _loss_faults(problem: Problem, chosen: Sequence[str], sample: Sample, tolerance: float) -> list[str]:
    assert problem.loss_blocks is not None
    y0, y1, p, n = sample.y[0], sample.y[1], problem.constants, problem.dim
    try:
        ours = problem.loss_blocks(y0, y1, p)
    except Exception as error:
        return [f"`loss_blocks` raises {type(error).__name__}: {error}"]
    faults = []
    for name in chosen:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # autograd warns where the loss does not depend on `y0`
                truth = loss_blocks(problem, backend(name))[0](y0, y1, p)
        except Exception as error:
            faults.append(f"`loss` cannot be differentiated by {name}: {type(error).__name__}: {error}")
            continue
        scales = [float(np.max(np.abs(a))) for a in (truth.l0, truth.l1, truth.l00, truth.l01, truth.l11)]
        for block in (field.name for field in fields(LossBlocks)):
            got, expected = np.asarray(getattr(ours, block)), np.asarray(getattr(truth, block))
            shape = () if block == "value" else (n,) * (len(block) - 1)
            if got.shape != shape:
                faults.append(f"`loss_blocks`: `{block}` has shape {got.shape}, expected {shape}.")
            elif not np.max(np.abs(got - expected)) <= tolerance * max(abs(truth.value), *scales):
                faults.append(f"`loss_blocks`: `{block}` differs from {name}.")
    return list(dict.fromkeys(faults))


@dataclass(frozen=True)
class Sample:
    """Times (m,), states and costates (m, n) where derivatives are compared."""

    t: Array
    y: Array
    s: Array

    def __iter__(self) -> Iterator[tuple[float, Array, Array]]:
        return zip(self.t, self.y, self.s, strict=True)


def sample_points(problem: Problem, seed: int = 0) -> Sample:
    """Random points within a tenth of the size of `y0` around it, times in `t_span`, costates from N(0, 1).

    The size is that of all states together at the first point, and each state's own at the others (units may differ).
    """
    rng = np.random.RandomState(seed)
    together = float(np.sqrt(np.mean(problem.y0**2))) or 1.0
    scale = np.tile(np.where(problem.y0 != 0, np.abs(problem.y0), together), (POINTS, 1))
    scale[0] = together
    t0, t1 = problem.t_span
    y = problem.y0 + 0.1 * scale * rng.normal(size=(POINTS, problem.dim)).clip(-2, 2)
    return Sample(t0 + (t1 - t0) * rng.uniform(size=POINTS), y, rng.normal(size=y.shape))


def references(framework: str, problem: Problem, sample: Sample) -> dict[str, Array]:
    """`vjp` (m, n), `jac` and `vhp` (m, n, n) by automatic differentiation in `framework`."""
    b = backend(framework)
    f, p, eye = b.rhs(problem), b.params(problem), b.asarray(np.eye(problem.dim))

    def jac(t: Any, y: Any, s: Any) -> Any:
        return b.columns(lambda e: b.jvp(lambda y: f(t, y, p), y, e)[1], eye)

    def vjp(t: Any, y: Any, s: Any) -> Any:
        return b.vjp(lambda y: f(t, y, p), y, s)[1]

    def vhp(t: Any, y: Any, s: Any) -> Any:
        return b.hessian(lambda y: b.xp.sum(s * f(t, y, p)))(y)

    def at_every_point(g: Any) -> Array:
        compiled = b.compile(g)
        return np.array([b.to_numpy(compiled(b.asarray(t), b.asarray(y), b.asarray(s))) for t, y, s in sample])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # autograd warns where a second derivative is zero because F is linear
        return {"vjp": at_every_point(vjp), "jac": at_every_point(jac), "vhp": at_every_point(vhp)}


def _single_calls(d: Derivatives, sample: Sample, problem: Problem) -> dict[str, Array]:
    p = problem.params
    return {
        "vjp": np.array([d.vjp(t, y.copy(), s.copy(), p) for t, y, s in sample]),
        "jac": np.array([d.jac(t, y.copy(), p) for t, y, _ in sample]),
        "vhp": np.array([d.vhp(t, y.copy(), s.copy(), p) for t, y, s in sample]),
    }


def _wrong_shapes(ours: dict[str, Array], n: int) -> Iterator[str]:
    for key, tail in {"vjp": (n,), "jac": (n, n), "vhp": (n, n)}.items():
        got = ours[key].shape[1:]
        if got != tail:
            yield f"`{key}` returns shape {got} for one state, expected {tail}."


def _against(name: str, problem: Problem, sample: Sample, ours: dict[str, Array], tolerance: float) -> Iterator[str]:
    try:
        truth = references(name, problem, sample)
    except Exception as error:
        yield f"`rhs` cannot be differentiated by {name}: {type(error).__name__}: {error}"
        return
    first = float(np.max(np.abs(truth["jac"])))
    for key, value in ours.items():
        difference = np.abs(value - truth[key])
        scale = max(float(np.max(np.abs(truth[key]))), 1e-6 * first) or 1.0
        if not np.max(difference) <= tolerance * scale:
            where = tuple(int(i) for i in np.unravel_index(int(np.argmax(difference)), difference.shape)[1:])
            wrong = float(np.max(difference)) / scale
            hint = _hint(key, value, truth)
            yield f"`{key}` differs from {name} by {wrong:.2g} of its largest entry, most at {where}.{hint}"


def _hint(key: str, value: Array, truth: dict[str, Array]) -> str:
    if key == "jac" and np.allclose(value.swapaxes(-1, -2), truth[key], rtol=1e-8, atol=1e-12):
        return " It is the transpose: `F_k,i` has the component k first."
    if np.allclose(value, -truth[key], rtol=1e-8, atol=1e-12):
        return " It has the opposite sign."
    return " It is zero." if not np.any(value) else ""


def _broadcasting(problem: Problem, sample: Sample, ours: dict[str, Array]) -> Iterator[str]:
    d, p, (t, y, s) = problem.derivatives, problem.params, (sample.t, sample.y, sample.s)
    assert d is not None
    t0, y0, s0 = float(t[0]), y[0], s[0]
    for name in ("vjp", "vhp"):
        f = getattr(d, name)
        cases = {
            "t (m,), y (m, n), s (m, n)": ((t, y, s), ours[name]),
            "one y (n,), s (r, n)": ((t0, y0, s), np.array([f(t0, y0, row, p) for row in s])),
            "y (m, n), one s (n,)": ((t0, y, s0), np.array([f(t0, row, s0, p) for row in y])),
            "y (m, 1, n), s (r, n)": ((t0, y[:, None], s), np.array([[f(t0, u, v, p) for v in s] for u in y])),
        }
        yield from _same(name, f, cases, p)
    cases = {
        "t (m,), y (m, n)": ((t, y), ours["jac"]),
        "t scalar, y (m, n)": ((t0, y), np.array([d.jac(t0, row, p) for row in y])),
    }
    yield from _same("jac", d.jac, cases, p)


def _same(name: str, f: Any, cases: dict[str, tuple[tuple, Array]], p: Any) -> Iterator[str]:
    for form, (arguments, expected) in cases.items():
        try:
            got = f(*arguments, p)
        except Exception as error:
            yield f"`{name}` fails for {form}: {type(error).__name__}: {error}"
            continue
        if np.shape(got) != expected.shape:
            yield f"`{name}` returns shape {np.shape(got)} for {form}, expected {expected.shape}."
        elif not np.max(np.abs(got - expected)) <= 1e-12 * (np.max(np.abs(expected)) or 1.0):
            yield f"`{name}` for {form} differs from single calls."


def _asymmetric(vhp: Array) -> Iterator[str]:
    asymmetry = np.max(np.abs(vhp - vhp.swapaxes(-1, -2)))
    if not asymmetry <= 1e-13 * (np.max(np.abs(vhp)) or 1.0):
        yield f"`vhp` is not symmetric: entries differ from their transposed by up to {asymmetry:.2g}."


def _sparse(problem: Problem, sample: Sample, ours: dict[str, Array]) -> Iterator[str]:
    d, p = problem.derivatives, problem.params
    assert d is not None
    arguments = {"jac": (sample.t, sample.y), "vhp": (sample.t, sample.y, sample.s)}
    for key, args in arguments.items():
        pattern, values = getattr(d, f"{key}_sparsity"), getattr(d, f"{key}_values")
        if (pattern is None) != (values is None):
            yield f"`{key}_values` and `{key}_sparsity` must be given together."
        elif pattern is not None:
            if len(set(zip(pattern.rows.tolist(), pattern.cols.tolist(), strict=True))) < len(pattern.rows):
                yield f"`{key}_sparsity` holds a position twice."
            cases = {"t (m,), y (m, n), as a sparse matrix": (args, ours[key])}
            yield from _same(f"{key}_values", lambda *a, g=values, w=pattern: w.dense(g(*a)), cases, p)


def _joint(name: str, problem: Problem, joint: JointDerivatives, sample: Sample, tolerance: float) -> Iterator[str]:
    """Derivatives by state, parameters and time, in a batch and one by one, against those generated by one framework."""
    truth = generated_joint_derivatives(replace(problem, wrt=joint.names, perturbed=None), name)
    rng, p, (t, y) = np.random.RandomState(1), problem.constants, (sample.t, sample.y)
    width = problem.dim + 1 + sum(problem.params[key].size for key in joint.names)
    s = rng.normal(size=(POINTS, problem.dim + (problem.running_loss is not None)))
    v = rng.normal(size=(POINTS, width))
    calls = {"jac": (t, y), "vhp": (t, y, s), "vjp": (t, y, s), "jvp": (t, y, v), "hvp": (t, y, s, v)}
    first = float(np.max(np.abs(truth.jac(t, y, p))))
    for key, arguments in calls.items():
        ours, expected = getattr(joint, key), getattr(truth, key)(*arguments, p)
        try:
            batch = ours(*arguments, p)
            single = np.array([ours(*each, p) for each in zip(*arguments, strict=True)])
        except Exception as error:
            yield f"`joint.{key}` raises {type(error).__name__}: {error}"
            continue
        if batch.shape != expected.shape or single.shape != expected.shape:
            yield f"`joint.{key}` returns shapes {batch.shape} and {single.shape[1:]}, expected {expected.shape} and its tail."
            continue
        scale = max(float(np.max(np.abs(expected))), 1e-6 * first) or 1.0
        if not np.max(np.abs(single - expected)) <= tolerance * scale:
            yield f"`joint.{key}` differs from {name} by {np.max(np.abs(single - expected)) / scale:.2g} of its largest entry."
        elif not np.max(np.abs(batch - single)) <= 1e-12 * scale:
            yield f"`joint.{key}` of a batch differs from single calls."
