"""Counting numbers: functions whose operations can be counted by hand, and derivatives that are right."""

import numpy as np
import pytest

import hessbench
from hessbench import InvalidInput, Problem
from hessbench.costs import _number
from hessbench.costs._modes import gradient, tangent
from hessbench.costs._number import Tape, operations
from hessbench.costs._record import leaves, record

UNARY = {name: getattr(np, name) for name in _number.FUNCTIONS}


def ode(rhs, n, **params):
    return Problem("by-hand", rhs, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), np.linspace(0.3, 0.7, n), params)


def evaluate(outputs, values):
    """The numbers that counting numbers stand for, given those of the leaves."""
    known = dict(values)
    binary = {"add": np.add, "mul": np.multiply, "div": np.divide, "pow": np.power, "less": np.less}
    for n in _number.reachable(outputs):
        if n in known:
            continue
        a = [known[x] for x in n.args]
        if n.op == "constant":
            known[n] = n.value
        elif n.op == "neg":
            known[n] = -a[0]
        elif n.op == "select":
            known[n] = a[1] if a[0] else a[2]
        else:
            known[n] = {**binary, **UNARY}[n.op](*a)
    return np.array([known[output] for output in outputs], dtype=float)


@pytest.mark.parametrize(
    ("rhs", "count"),
    [
        (lambda xp, t, y, p: y[:2] + y[2:], 2),
        (lambda xp, t, y, p: -y[:2] - y[2:], 2),  # a change of sign is free
        (lambda xp, t, y, p: xp.stack([xp.sum(y), y[0]]), 3),
        (lambda xp, t, y, p: xp.stack([y @ y, y[0]]), 7),
        (lambda xp, t, y, p: p["c"] * y[:2] / y[2:], 4),
        (lambda xp, t, y, p: (2 * p["c"] - 1) * y[:2], 2),  # what is fixed is made once
        (lambda xp, t, y, p: xp.sin(y[:2]) * xp.exp(y[2:]), 6),
        (lambda xp, t, y, p: y[:2] ** 3 + y[2:] ** -1.5, 6),
        (lambda xp, t, y, p: xp.sin(p["c"] * t) * y[:2], 4),  # time is a variable, its sine is shared
        (lambda xp, t, y, p: 0 * y[:2] + 1 * y[2:], 0),  # exact 0 and 1
        (lambda xp, t, y, p: xp.where(y[:2] > 0, y[:2], 0.5 * y[2:]), 2),  # comparison and selection are free
        (lambda xp, t, y, p: xp.maximum(y[:2], y[2:]) * y[2:], 2),
        (lambda xp, t, y, p: xp.stack([(y[0] - y[1]) * y[2], (y[1] - y[0]) * y[2]]), 2),  # equal up to sign
        (lambda xp, t, y, p: xp.stack([y[0] * y[1] + y[2], y[2] + y[1] * y[0]]), 2),  # equal up to order
    ],
)
def test_operations_that_can_be_counted_by_hand(rhs, count):
    problem = ode(lambda xp, t, y, p: xp.concatenate([rhs(xp, t, y, p), y[:2]]), 4, c=1.5)
    _, f = record(problem, Tape())
    assert operations(f) == count


def test_without_sharing_an_operation_counts_each_time_it_is_made():
    tape = Tape(shared=False)
    a, b = leaves(tape, (2,))
    assert (operations([a * b, a * b]), operations([x := a * b, x])) == (2, 1)


@pytest.mark.parametrize("dim", [1, 3, 7])
def test_a_matrix_product_takes_the_textbook_number_of_operations(dim):
    tape = Tape()
    a, b = leaves(tape, (dim, dim)), leaves(tape, (dim, dim))
    assert operations(list((a @ b).ravel())) == dim**2 * (2 * dim - 1)


@pytest.mark.parametrize("name", UNARY)
def test_rules_of_functions_agree_with_differences(name):
    tape = Tape()
    x, one = tape.leaf(), tape.constant(1.0)
    f = UNARY[name](np.array([x], dtype=object))[0]
    at, h = 0.37, 1e-6
    expected = (UNARY[name](at + h) - UNARY[name](at - h)) / (2 * h)
    found = [*tangent([f], [x], [one]), *gradient([f], [one], [x])]
    np.testing.assert_allclose(evaluate(found, {x: at}), expected, rtol=1e-8)


@pytest.mark.parametrize("name", hessbench.problems())
def test_recorded_derivatives_agree_with_those_written_by_hand(name):
    problem = hessbench.problem(name, **({"n": 4} if name in ("random-quadratic", "brusselator") else {}))
    if problem.derivatives is None:
        pytest.skip("no hand-written derivatives")
    tape = Tape()
    p = {k: leaves(tape, v.shape, fixed=True) for k, v in problem.params.items()}
    y, t = leaves(tape, (problem.dim,)), tape.leaf()
    s = leaves(tape, (problem.dim,))
    f = [tape.lift(x) for x in np.asarray(problem.rhs(np, t, y, p), dtype=object)]
    n, at, time = problem.dim, problem.y0 + 0.05, 0.4
    rng = np.random.default_rng(1)
    sv, cv = rng.normal(size=n), rng.normal(size=2 * n)
    c = leaves(tape, (2 * n,))
    values = {t: time, **dict(zip([*y, *s, *c], [*at, *sv, *cv], strict=True))}
    for key, value in problem.params.items():
        values.update(zip(np.ravel(p[key]), np.ravel(value), strict=True))
    pulled = gradient(f, list(s), list(y))
    f1 = [*f, *(-x for x in pulled)]
    of_costate = gradient(f1, list(c), [*y, *s])
    d = problem.derivatives
    jac, vhp = d.jac(time, at, problem.params), d.vhp(time, at, sv, problem.params)
    expected = np.concatenate([cv[:n] @ jac - vhp @ cv[n:], -(jac @ cv[n:])])
    scale = {"rtol": 1e-11, "atol": 1e-11 * np.abs(jac).max()}
    np.testing.assert_allclose(evaluate(f, values), problem.rhs(np, time, at, problem.params), **scale)
    np.testing.assert_allclose(evaluate(pulled, values), sv @ jac, **scale)
    np.testing.assert_allclose(evaluate(of_costate, values), expected, **scale)
    for j, unit in enumerate(np.eye(n)):
        direction = [tape.constant(x) for x in unit]
        np.testing.assert_allclose(evaluate(tangent(f, list(y), direction), values), jac[:, j], **scale)
        np.testing.assert_allclose(evaluate(tangent(pulled, list(y), direction), values), vhp[:, j], **scale)


@pytest.mark.parametrize(
    ("rhs", "message"),
    [
        (lambda xp, t, y, p: y if y[0] > 0 else -y, "branches on a value"),
        (lambda xp, t, y, p: y * float(y[0]), "converts a value to a Python number"),
        (lambda xp, t, y, p: xp.linalg.inv(xp.outer(y, y)) @ y, "raised"),
        (lambda xp, t, y, p: y[:1], "expected \\(2,\\)"),
    ],
)
def test_a_right_hand_side_that_cannot_be_counted_is_refused_with_the_reason(rhs, message):
    with pytest.raises(InvalidInput, match=f"by-hand.*{message}"):
        record(ode(rhs, 2), Tape())
