"""What a right-hand side means in NumPy is what is compiled, or it is refused: one line for each way of writing it."""

import math

import numpy as np
import pytest

import hessbench
from hessbench import Problem
from hessbench.discrete._graph import CannotTrace
from hessbench.discrete._loss_kernel import JointLossInC
from hessbench.discrete._simplify import switches
from hessbench.discrete._trace import record

from . import differential, expressions
from .helpers import needs_compiler

P = {
    "a": np.array(0.7), "n": np.array(2.5), "v": np.array([1.0, 2.0, -0.5]), "m": np.arange(9.0).reshape(3, 3) / 7 - 0.5,
    "b": np.array(-0.3), "w": np.array([1.0, -2.0, 0.5]), "q": np.array([-1.0, 0.0, 2.0]), "k": np.array([1, 0, 2]),
    "mask": np.array([True, False, True]),
}  # fmt: skip
STATES = ([0.4, 0.7, -1.2], [0.0, 1.0, 2.0], [-2.0, 0.5, 0.0])
WAYS = """
[y[0] + t, y[1] * p['a'], p['a']]
(y[0], 1.0, y[2] > 0)
xp.where(p['a'] > 0, -y**2, -y) + xp.where(p['a'] == 0.7, 1.0, y) + xp.where(p['b'] != -0.3, y, 2.0)
(y > 0) * y + 1.0 * (t < 2) + xp.sum(y > 0) + (y >= 0).sum() + xp.mean(y <= 0)
xp.where((y > 0) & (y < 1) | ~(y < -1) ^ (y == 2), y, 2 * y)
((y > 0) + (y > 1)) * y + ((y > 0) * (y < 1)) * 3.0
y[np.array([1, 0, 2])][p['k']] + y[p['mask']].sum() + y[[0, 2, 1]] + y[::2][0] + y[..., 1]
np.exp(y) + np.where(y > 0, 1.0, 2.0) + np.maximum(y, 0) + np.sum(y) + np.abs(y) + np.clip(y, 0, 1)
xp.array([y[0] * 2, 1.0, p['a']]) + np.stack([y[0], y[1], p['a']]) + xp.concatenate([y[:1], [y[1]], [2.0]])
xp.asarray([p['a'], y[0], t]) * np.array([p['a'], y[0], t]) + xp.hstack([y[0], y[1], 0.0])
y.sum() + y.clip(0, 1) + y.max() + y.min() + y.mean() + y.dot(y) + p['a'].copy() * y.copy().astype(float) + y.prod()
y * y[0].clip(0, 1) + y[0].sum() + p['a'][()] + p['v'][...] + xp.exp(y[0]) + t * y.cumsum() + y.reshape(3, 1).T[0]
p['m'] @ y + np.dot(p['m'], y) + xp.einsum('ij,j->i', p['m'], y) + xp.outer(y, y)[0] + (y @ y) + xp.cross(y, p['v'])
y % 2 + y // 0.5 + np.fmod(y, 2) + xp.floor(y) + divmod(y, 2)[1] + xp.round(y, 1) + xp.trunc(y) + xp.rint(y) + xp.ceil(y)
xp.cumsum(y) + xp.cumprod(y) + xp.diff(y, append=0) + np.add.accumulate(y) + xp.cumsum(y > 0) + xp.flip(y)
y**19 + y**20.0 + (y + 3)**-3 + (y * y)**0.5 + 2.0**y + (y + 3)**0.3 + np.power(y, 3) + pow(y[0], 2) * y + (-2.0)**p['k']
xp.linalg.norm(y) * y + xp.std(y) + xp.var(y) + xp.trapezoid(y) + xp.tile(y, 2)[:3] + xp.repeat(y, 2)[1:4] + xp.roll(y, 1)
y * xp.prod(y) + xp.any(y > 0) + xp.all(y > -3) + xp.count_nonzero(y) + xp.logical_not(y) + xp.amax(y) + xp.take(y, [1, 0, 2])
xp.hypot(y, 2) + xp.arctan2(y, 1) + xp.logaddexp(y, 1) + xp.copysign(y, -1) + xp.heaviside(y, 0.5) + xp.sign(y) + xp.expm1(y)
xp.select([y > 0, y < -1], [y, y * 2], 3.0) + xp.nan_to_num(1 / y) + xp.modf(y)[0] + xp.isfinite(y) + xp.isnan(xp.log(y))
xp.interp(y, [0.0, 1.0, 2.0], p['w']) + xp.interp(t, p['q'], p['w']) + xp.interp(y, [0, 1], [2.0, 3.0], left=-1.0, right=5.0)
xp.ones_like(y) * y + xp.full_like(y, 3.0) + xp.ones(3) * xp.eye(3)[0] + xp.full(3, y[0]) + xp.zeros(3) + xp.arange(3) * y
xp.where(y == y[::-1], 0.0, 1.0) + xp.where(p['mask'], y, 0.0) + xp.where(p['k'] == 1, y, 2 * y) + p['k'] * y + p['mask'] * y
abs(y) + (-y) + (+y) + y[0]**2 + 2 / (y + 3) + 1.0 - y + (y + 3)**p['a'] + xp.square(y) + xp.reciprocal(y + 3) + xp.cbrt(y)
""".strip().splitlines()


def in_place(xp, t, y, p):
    out = xp.zeros(3)
    out[0], out[1:] = y[1], y[:2]
    out[2] += y[0] * t
    out *= 2
    more = xp.empty_like(y)
    more[:] = p["a"]
    return out + more


def spelt_out(xp, t, y, p):
    return [sum(y[k] * p["m"][i, k] for k in range(3)) for i in range(3)]


@needs_compiler
def test_each_way_of_writing_gives_what_numpy_gives(monkeypatch):
    ways = {text: expressions.function(text) for text in WAYS} | {"in place": in_place, "spelt out": spelt_out}
    monkeypatch.setattr(differential, "function", ways.__getitem__)
    calls = differential.compiled(list(ways), P)
    for (text, rhs), call in zip(ways.items(), calls, strict=True):
        for y in map(np.array, STATES):
            with np.errstate(all="ignore"):
                expected = np.asarray(rhs(np, 1.0, y.copy(), P), dtype=float)
            for ours, _, _ in call(expressions.Point(1.0, y, P, np.ones(3))):
                np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-13, err_msg=text)


def caught(xp, t, y, p):
    try:
        return y * float(y[0])
    except Exception:
        return y


def into_numbers(xp, t, y, p):
    out = np.zeros(3)
    out[0] = y[0]
    return out


REFUSED = {
    "if": (lambda xp, t, y, p: y if y[0] > 0 else -y, "branches"),
    "if equal": (lambda xp, t, y, p: y if y[0] == 0 else -y, "branches"),
    "if of a parameter": (lambda xp, t, y, p: y if p["a"] > 0 else -y, "branches"),
    "in": (lambda xp, t, y, p: y if t in (0.0, 1.0) else -y, "branches"),
    "max": (lambda xp, t, y, p: y * max(y[0], y[1]), "branches"),
    "min of time": (lambda xp, t, y, p: y * min(t, 1.0), "branches"),
    "float": (lambda xp, t, y, p: y * float(p["a"]), "Python number"),
    "int": (lambda xp, t, y, p: y * int(t), "Python number"),
    "round": (lambda xp, t, y, p: y * round(t), "Python number"),
    "math": (lambda xp, t, y, p: y * math.sin(y[0]), "Python number"),
    "caught by itself": (caught, "Python number"),
    "floats of NumPy": (into_numbers, "Python number"),
    "as floats": (lambda xp, t, y, p: np.asarray(y, dtype=float), "Python number"),
    "sort": (lambda xp, t, y, p: xp.sort(y), "`sort`"),
    "argmax": (lambda xp, t, y, p: y * y.argmax(), "`argmax`"),
    "mask as index": (lambda xp, t, y, p: y[y > 0].sum() * y, "needs the number"),
    "where alone": (lambda xp, t, y, p: xp.where(y > 0)[0] * y, "where a value is true"),
    "solve": (lambda xp, t, y, p: xp.linalg.solve(p["m"], y), "`solve`"),
    "complex": (lambda xp, t, y, p: (y * 1j).real, "complex"),
    "text": (lambda xp, t, y, p: y + "3", "str"),
    "none": (lambda xp, t, y, p: None, "shape"),
    "minus truth": (lambda xp, t, y, p: y * -(y > 0), "truth values"),
    "bits": (lambda xp, t, y, p: y * (y & 1), "bits"),
    "reciprocal of a count": (
        lambda xp, t, y, p: xp.reciprocal(p["k"] * xp.sum(y > 0)) * y,
        "`reciprocal` of whole numbers",
    ),
    "count over count": (lambda xp, t, y, p: xp.sum(y > 0) // xp.sum(y > 1) * y, "`floor_divide` of whole numbers"),
    "rest of counts": (lambda xp, t, y, p: xp.cumsum(y > 0) % (y > 1).sum() * y, "`remainder` of whole numbers"),
    "power of a count": (lambda xp, t, y, p: y * 2 ** (xp.sum(y > 0) - 2), "may be negative"),
    "NumPy of plain arrays": (lambda xp, t, y, p: y * (np.asarray(y) == 0), "branches"),
    "piecewise": (lambda xp, t, y, p: xp.piecewise(y, [y > 0], [1.0, 2.0]), "`piecewise`"),
    "another error": (lambda xp, t, y, p: y @ p["missing"], "raised KeyError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused_in_one_short_clause(name):
    rhs, reason = REFUSED[name]
    with pytest.raises(CannotTrace, match=reason) as error:
        record(rhs, 3, P)
    assert "\n" not in str(error.value) and len(str(error.value)) < 160


@needs_compiler
@pytest.mark.parametrize(
    ("text", "state", "value"),
    [
        ("xp.where(y / 49.0 >= 1.0, 1.0, 2.0)", 49.0, 1.0),  # 49 * (1 / 49) is less than 1
        ("xp.where(y * y - 0.1 * 0.1 >= 0.0, 1.0, 2.0)", 0.1, 1.0),  # not if the product is not rounded
        ("xp.where(y * y - 0.1 * 0.1 > 0.0, 1.0, 2.0)", 0.1, 2.0),
        ("xp.floor(y / 49.0)", 49.0, 1.0),
        ("y % 0.1 // 0.1", 0.3, 0.0),
        ("xp.where(0.1 + y == 0.3, 1.0, 2.0)", 0.2, 2.0),
        ("y ** -0.5", -0.0, math.inf),  # though the root of -0 is -0
        ("y ** -2.5", -0.0, math.inf),
        ("xp.copysign(y, -1 * (y > 5))", 3.0, 3.0),  # there is no -0 of whole numbers
        ("xp.copysign(y, -xp.sum(y > 5))", 3.0, 3.0),
        ("xp.copysign(y, -1.0 * (y > 5))", 3.0, -3.0),
        ("2 ** xp.sum(y > 0) * y // 3 + xp.sum(y > 0) // 2 % 2", 3.0, 9.0),
        ("(1.0 * xp.sum(y > 0)) ** -1 * y + xp.reciprocal(1.0 * xp.sum(y > 0))", 3.0, 4 / 3),
    ],
)
def test_conditions_see_the_numbers_that_numpy_sees(text, state, value):
    (call,) = differential.compiled([text], P, "-O2")
    for ours, _, _ in call(expressions.Point(0.0, np.full(3, state), P, np.ones(3))):
        assert np.all(ours == value)


@needs_compiler
@pytest.mark.parametrize(
    ("text", "state", "slope", "curvature"),
    [
        ("xp.where(y >= 0, y + y * y, -y)", 0.0, 1.0, 2.0),
        ("xp.where(y > 0, y + y * y, -y)", 0.0, -1.0, 0.0),
        ("xp.maximum(y, 1.0 + 0 * y)", 1.0, 1.0, 0.0),
        ("xp.maximum(1.0 + 0 * y, y)", 1.0, 0.0, 0.0),
        ("xp.where(y > 0, xp.sqrt(y), 3 * y)", 0.0, 3.0, 0.0),  # the branch that is not taken has slope infinity
        ("xp.maximum(0.0, y) ** 0.5", -1.0, 0.0, 0.0),  # infinity times a branch that is constant
        ("xp.minimum(0 * xp.floor(y), y) ** 0.3", 1.5, 0.0, 0.0),
        ("xp.where(p['a'] > 0, 0.0, y) ** 0.5", 1.5, 0.0, 0.0),
        ("xp.interp(y, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0])", 1.0, 4.0, 0.0),
        ("xp.interp(y, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0])", 2.5, 0.0, 0.0),
        ("y ** p['n']", 0.0, 0.0, 0.0),
        ("y ** 19", -1.1, 19 * 1.1**18, -19 * 18 * 1.1**17),
        ("y ** 2.5", 0.0, 0.0, 0.0),
        ("xp.log1p(y)", 1e-9, 1 / (1 + 1e-9), -1 / (1 + 1e-9) ** 2),
        ("y % 2", -0.5, 1.0, 0.0),
    ],
)
def test_derivatives_at_special_points_are_those_of_the_branch_of_numpy(text, state, slope, curvature):
    (call,) = differential.compiled([text], P)
    for _, jac, hess in call(expressions.Point(0.0, np.full(3, state), P, np.ones(3))):
        np.testing.assert_allclose(jac[:, :3], slope * np.eye(3), rtol=1e-13, atol=0)
        np.testing.assert_allclose(hess[:3, :3], curvature * np.eye(3), rtol=1e-13, atol=0)


@needs_compiler
def test_an_exponent_has_derivatives_also_at_base_zero():
    (call,) = differential.compiled(["y ** p['n']"], P)
    for _, jac, hess in call(expressions.Point(0.0, np.array([0.0, 2.0, 0.5]), P, np.ones(3))):
        log, n = np.array([0.0, math.log(2.0), math.log(0.5)]), 2.5
        power = np.array([0.0, 2.0, 0.5]) ** n
        np.testing.assert_allclose(jac[:, 4], power * log, rtol=1e-14)
        assert hess[4, 4] == pytest.approx(power @ log**2, rel=1e-14)
        np.testing.assert_allclose(hess[0, 4], 0.0)


def test_switches_are_told_with_what_they_depend_on():
    def rhs(xp, t, y, p):
        a = xp.where((y > p["a"]) & (t < 2.0), y, xp.abs(y))
        return a + xp.where(p["b"] > 0, 1.0, y) + xp.floor(p["n"] * t) + xp.maximum(y, 0.0)

    found = switches(record(rhs, 3, P, ("n",), mechanical=False).outputs)
    kinds = sorted((node.op, *sorted(kinds)) for node, kinds in found)
    assert kinds.count(("less", "t")) == 1 and kinds.count(("call", "t", "u")) == 1
    assert kinds.count(("signbit", "x")) == 3 and kinds.count(("less", "x")) == 6
    assert len(kinds) == 11  # the condition on a parameter that does not change is none


def one_run(name, rhs, loss, span, y0, params, **more):
    return hessbench.hessian(Problem(name, rhs, loss, span, y0, params, **more), rtol=1e-10)


@needs_compiler
def test_a_condition_on_parameters_alone_is_compiled_and_read_at_every_call():
    def rhs(xp, t, y, p):
        return xp.where(p["a"] > 0, -(y**2), -y)

    for a, expected in (
        (1.0, [-1 / 8, -2 / 27, -5 / 128]),
        (-1.0, [2 * math.exp(-2)] * 3),
    ):  # y1 = y / (1 + y), or y / e
        got = one_run("condition", rhs, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0, 2.0, 3.0], {"a": a})
        assert "compiled form" in got.note
        np.testing.assert_allclose(got.hess, np.diag(expected), rtol=1e-7, atol=1e-9)


@needs_compiler
@pytest.mark.parametrize("mask", [[1.0, 0.0], [0.0, 1.0]])
def test_a_mask_in_the_loss_counts(mask):
    def loss(xp, y0, y1, p):
        return xp.sum(xp.where(p["mask"] == 1.0, (y1 - p["data"]) ** 2, 0 * y1))

    params = {"mask": mask, "data": [0.1, 0.2]}
    problem = Problem("masked", lambda xp, t, y, p: -(y**2), loss, (0.0, 1.0), [1.0, 2.0], params)
    blocks = JointLossInC(problem)(np.array([1.0, 2.0]), np.array([0.5, 2 / 3]), problem.constants)
    np.testing.assert_allclose(blocks.grad[2:4], 2 * np.array(mask) * [0.4, 2 / 3 - 0.2], rtol=1e-14)
    np.testing.assert_allclose(blocks.hess[2:4, 2:4], 2 * np.diag(mask), rtol=1e-14)


@needs_compiler
def test_a_tabulated_forcing_is_differentiated_by_its_values():
    # y' = forcing: y1 = y0 + the integral of a piecewise linear function, by the trapezoidal rule
    def rhs(xp, t, y, p):
        return xp.interp(t, p["ts"], p["rain"]) + 0 * y

    params = {"ts": np.arange(4.0), "rain": np.array([0.0, 1.0, 3.0, 0.5])}
    got = one_run("rain", rhs, lambda xp, y0, y1, p: xp.sum(y1**2) / 2, (0.0, 3.0), [0.5], params, wrt=("y0", "rain"))
    weights = np.array([1.0, 0.5, 1.0, 1.0, 0.5])
    assert "compiled form" in got.note
    np.testing.assert_allclose(got.hess, np.outer(weights, weights), rtol=1e-8, atol=1e-9)
