"""A kernel is trusted for the problem's own values: planted faults, and problems that kernels or frameworks get wrong."""

import contextlib

import numpy as np
import pytest

import hessbench
from hessbench import Derivatives, IntegrationError, InvalidInput, Problem
from hessbench.discrete import _loss_kernel
from hessbench.discrete._expressions import Expressions
from hessbench.discrete._field import Pattern, Values
from hessbench.discrete._loss_kernel import JointLossInC, NotTrusted
from hessbench.discrete._trust import STEPS, Points, compared, complaint

from .helpers import error, needs_compiler, run


def squares(xp, y0, y1, p):
    return xp.sum(y1 * y1)


def relaxation(law):
    """`-y^2` by the first law, `-y^3 / 2` by the second; the solutions are y0 / (1 + y0 t) and y0 / sqrt(1 + y0^2 t)."""

    def rhs(xp, t, y, p):
        return xp.where(p["law"] == 1.0, -(y**2), -0.5 * y**3)

    return Problem("relaxation", rhs, squares, (0.0, 1.0), [1.0], {"law": law})


@pytest.mark.parametrize("first", [2.0, 1.0])
def test_the_next_problem_with_the_same_source_is_not_taken_on_trust(first):
    values = {1.0: (0.25, 0.25, -0.125), 2.0: (0.5, 0.5, -0.5)}
    for law in (first, 3.0 - first):
        result = run(relaxation(law))
        assert (result.value, result.grad[0], result.hess[0, 0]) == pytest.approx(values[law], rel=1e-6)


def test_a_problem_that_cannot_be_integrated_vouches_for_nobody():
    def rhs(xp, t, y, p):
        return xp.where(p["law"] == 2.0, -(y**2), y ** p["n"])

    def chosen(y0, law):
        return Problem("chosen", rhs, squares, (0.0, 0.5), [y0], {"law": law, "n": 2.0})

    with contextlib.suppress(hessbench.HessbenchError):
        run(chosen(-1.0, 1.0))
    result = run(chosen(1.0, 2.0))
    assert result.value == pytest.approx(1 / 1.5**2, rel=1e-7)
    assert result.grad[0] == pytest.approx(2 / 1.5**3, rel=1e-6)
    assert result.hess[0, 0] == pytest.approx(
        2 / 1.5**4 - 2 / 1.5**4, abs=1e-7
    )  # 2 y'^2 + 2 y y'', y = y0 / (1 + y0 t)


def test_a_masked_loss_is_the_one_that_numpy_computes():
    def loss(xp, y0, y1, p):
        return xp.sum(xp.where(p["mask"] == 1.0, (y1 - p["data"]) ** 2, 0 * y1))

    def rhs(xp, t, y, p):
        return -(y**2)

    result = run(Problem("masked", rhs, loss, (0.0, 1.0), [1.0, 2.0], {"mask": [1.0, 0.0], "data": [0.1, 0.2]}))
    assert result.value == pytest.approx(0.16, rel=1e-7)
    assert result.grad == pytest.approx([0.2, 0], rel=1e-6) and result.hess[0, 0] == pytest.approx(-0.075, rel=1e-6)


def test_a_condition_on_parameters_alone():
    def rhs(xp, t, y, p):
        return xp.where(p["a"] > 0, -(y**2), -y)

    result = run(Problem("condition", rhs, squares, (0.0, 1.0), [1.0, 2.0, 3.0], {"a": 1.0}))
    assert result.value == pytest.approx(1.2569444444444, rel=1e-7)
    assert error(result.hess, np.diag([-1 / 8, -2 / 27, -5 / 128])) < 1e-6
    assert "\n" not in result.note and len(result.note) < 400


def test_a_tie_at_the_start_is_on_numpys_branch_and_said():
    def rhs(xp, t, y, p):
        return xp.where(y >= 0, 1.0 + y**2, -1.0 - y**2)

    result = run(Problem("tie", rhs, lambda xp, y0, y1, p: xp.sum(y1**3), (0.0, 1.0), [0.0]))
    t = np.tan(1.0)  # y1 = tan(1 + arctan y0)
    first, second = 1 + t**2, 2 * t * (1 + t**2)
    assert result.value == pytest.approx(t**3, rel=1e-7)
    assert result.hess[0, 0] == pytest.approx(6 * t * first**2 + 3 * t**2 * (second - 0.0), rel=1e-6)
    assert "tie at the start" in result.note


def test_a_loss_on_a_tie_is_said():
    def loss(xp, y0, y1, p):
        return xp.sum(xp.where(y1 >= 1.0, (y1 - 1.0) ** 2, 0 * y1))

    assert "the loss is on a tie" in run(Problem("rest", lambda xp, t, y, p: 0 * y, loss, (0.0, 1.0), [1.0])).note


def test_a_power_that_the_compiled_form_cannot_take_is_left_to_numpy():
    def rhs(xp, t, y, p):
        return xp.concatenate([y[1:], -(y[:1] ** 19)])

    result = run(Problem("wall", rhs, squares, (0.0, 3.0), [0.9, 0.5]))
    assert result.value == pytest.approx(0.300686535273, rel=1e-6)
    assert error(result.hess, np.array([[17.15293496, 8.02682728], [8.02682728, 14.87111556]])) < 1e-6


def test_a_power_whose_base_starts_at_zero():
    def rhs(xp, t, y, p):
        a, b = y[:1], y[1:]
        h = b ** p["n"] / (p["K"] ** p["n"] + b ** p["n"])
        return xp.concatenate([-p["k"] * a, p["k"] * a * (1 - 0.5 * h) - 0.2 * b])

    params = {"k": 0.8, "n": 2.5, "K": 0.4}
    loss = lambda xp, y0, y1, p: xp.sum((y1 - 0.3) ** 2)  # noqa: E731
    result = run(Problem("hill", rhs, loss, (0.0, 3.0), [1.0, 0.0], params, wrt=("k", "n", "K")))
    upper = [-0.3066615102, -0.004150407, 0.0422016944, -0.0009373856, 0.0270757955, -0.076504765]
    assert result.hess[np.triu_indices(3)] == pytest.approx(upper, abs=1e-6)


def test_an_infinite_derivative_by_a_time_that_does_not_move():
    def rhs(xp, t, y, p):
        return p["p"] * xp.sqrt(t) + 0.0 * y

    problem = Problem("root", rhs, squares, (0.0, 0.8), [1.0], {"p": 0.5}, wrt=("y0", "p", "t1"))
    result = run(problem)  # y1 = y0 + 2/3 p t1^1.5
    y1, by = 1 + 0.8**1.5 / 3, np.array([1.0, 2 / 3 * 0.8**1.5, 0.5 * 0.8**0.5])
    curved = np.array([[0, 0, 0], [0, 0, 0.8**0.5], [0, 0.8**0.5, 0.25 * 0.8**-0.5]])
    assert error(result.hess, 2 * np.outer(by, by) + 2 * y1 * curved) < 1e-6
    d = np.array([[0.3], [-0.7], [0.4]])
    products = hessbench.products(problem, None, d, rtol=1e-8).products
    assert error(products, result.hess @ d) < 1e-9


def test_a_derivative_that_is_not_finite_is_said_with_time_and_component():
    def rhs(xp, t, y, p):
        return xp.concatenate([0.1 * y[1:], 1.0 + xp.sqrt(y[:1])])

    with pytest.raises(IntegrationError, match=r"not finite at t = 0, component 1 \(by y\[0\]\)"):
        run(Problem("steep", rhs, squares, (0.0, 1.0), [0.0, 1.0]))


def test_a_hessian_that_does_not_exist_is_said():
    def loss(xp, y0, y1, p):
        return xp.sqrt(xp.sum((y1 - p["seen"]) ** 2))

    params = {"k": 0.0, "seen": [1.0, 2.0]}
    problem = Problem("norm", lambda xp, t, y, p: -p["k"] * y, loss, (0.0, 1.0), [1.0, 2.0], params, wrt=("k",))
    result = run(problem)
    assert not np.isfinite(result.hess).all()
    assert "not finite: the loss has no" in result.note


def predators(small=1e-9, large=1e9, wrt=("y0",)):
    """Prey counted in units of 1e9, predators in units of 1e-9."""

    def rhs(xp, t, y, p):
        prey, hunters = y[:1], y[1:]
        return xp.concatenate([p["a"] * prey - p["b"] * prey * hunters, p["c"] * prey * hunters - p["d"] * hunters])

    params = {"a": 1.1, "b": 0.4 / large, "c": 0.1 / small, "d": 0.4}
    return Problem("predators", rhs, squares, (0.0, 2.0), [10 * small, 5 * large], params, wrt=wrt)


def entries_tampered(monkeypatch, block, entry, factor):
    """Change one entry of the Jacobian (block J) or of the contraction (YY)."""
    right = Expressions.__init__

    def wrong(self, traced, probes):
        right(self, traced, probes)
        self.nodes[block][entry] = self.nodes[block][entry] * factor

    monkeypatch.setattr(Expressions, "__init__", wrong)


@needs_compiler
@pytest.mark.parametrize(
    ("block", "entry", "factor"), [("J", 0, 1 + 1e-6), ("J", 3, 1 + 1e-6), ("YY", 1, 0.0), ("YY", 1, 1 + 1e-6)]
)
def test_one_wrong_entry_beside_units_of_any_size(monkeypatch, block, entry, factor):
    assert "compiled form" in run(predators()).note
    entries_tampered(monkeypatch, block, entry, factor)
    result = run(predators())
    assert "differs from the NumPy form" in result.note and "NumPy form, derivatives generated by" in result.note


@needs_compiler
@pytest.mark.parametrize("block", ["J", "A", "YY", "YU"])
def test_one_wrong_entry_of_a_kernel_with_parameters(monkeypatch, block):
    problem = predators(wrt=("y0", "a", "b"))
    assert "compiled form" in run(problem).note
    entries_tampered(monkeypatch, block, 0, 1 + 1e-6)
    assert "differs from the NumPy form" in run(problem).note


@needs_compiler
def test_one_wrong_entry_of_the_hessian_of_a_loss(monkeypatch):
    right = _loss_kernel.forward

    def wrong(*args):
        rows = right(*args)
        rows[1][1] = rows[1][1] * (1 + 1e-6)
        return rows

    def loss(xp, y0, y1, p):
        return xp.sum(y0[1:] ** 3 * 1e27 + 1e-9 * y0[:1] * y1[:1] + y1[1:] ** 2 * 1e18)

    problem = Problem("units", lambda xp, t, y, p: -y, loss, (0.0, 1.0), [1e9, 1e-9])
    JointLossInC(problem)
    monkeypatch.setattr(_loss_kernel, "forward", wrong)
    with pytest.raises(NotTrusted, match=r"in its Hessian.*by y0\[1\]"):
        JointLossInC(problem)


class Wrong:
    """A field with nothing to compare: `y' = y^2`, which is not finite where it is looked at."""

    n, count = 1, 0
    first = second = Pattern([(0, 0)], (1, 1))

    def __call__(self, t, y, u, q=None):
        return Values((y**2,), 2 * y, 2 * y if q is None else 2 * q)


def test_a_check_that_compared_nothing_is_no_agreement():
    points = Points(np.zeros(2), np.ones((2, 1)), np.zeros(0), np.ones((2, 1)), np.zeros(0))
    finding = complaint(Wrong(), lambda t, y, u: y * np.nan, points, str)
    assert finding is not None and not finding.wrong and "could not be compared" in finding.words
    assert complaint(Wrong(), lambda t, y, u: y**2, points, str) is None


@needs_compiler
def test_a_kernel_that_is_not_trusted_leaves_no_stamp(monkeypatch, tmp_path):
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    entries_tampered(monkeypatch, "J", 0, 1 + 1e-6)
    run(predators())
    assert list(tmp_path.glob("*.so")) and not list(tmp_path.glob("*.checked"))


def differences(f, at):
    return (np.array([f(at + w * h) for h in STEPS])[:, None] for w in (1, -1))


@pytest.mark.parametrize(
    ("f", "at", "ours", "wrong", "settled"),
    [
        (np.sin, 0.4, np.cos(0.4), False, True),
        (np.sin, 0.4, np.cos(0.4) * (1 + 1e-6), True, True),
        (abs, 0.0, 1.0, False, True),
        (abs, 0.0, -1.0, False, True),
        (abs, 0.0, 0.0, True, True),  # the mean of both sides is nobody's derivative
        (np.sqrt, 0.0, 0.0, False, False),
        (lambda x: x**3.5, 0.0, 0.0, False, True),  # nan on one side
    ],
)
def test_differences_at_kinks_and_singular_points(f, at, ours, wrong, settled):
    one = np.ones(1)
    with np.errstate(invalid="ignore"):
        found = compared(ours * one, *differences(f, at), f(at) * one, one, 1e-10 * one)
    assert (bool(found[0][0]), bool(found[1][0])) == (wrong, settled)


@needs_compiler
def test_a_stiff_right_kernel_is_not_rejected():
    """Burgers' equation by all its states and the viscosity, with differences of neighbours that nearly cancel."""
    n = 24
    x = np.arange(n) / n

    def rhs(xp, t, y, p):
        right, left = xp.concatenate([y[1:], y[:1]]), xp.concatenate([y[-1:], y[:-1]])
        return -(right * right - left * left) * (n / 4) + p["nu"] * n * n * (right - 2 * y + left)

    y0 = np.sin(2 * np.pi * x)
    problem = Problem("burgers", rhs, squares, (0.0, 0.2), np.round(y0, 6), {"nu": 0.01}, wrt=("y0", "nu"))
    assert "compiled form" in run(problem).note


def test_a_framework_that_means_something_else_is_not_used():
    pytest.importorskip("jax")
    pytest.importorskip("autograd")

    def rhs(xp, t, y, p):
        return -(y**2) if "jax" not in xp.__name__ else -2 * y**2

    result = run(Problem("two-minded", rhs, squares, (0.0, 1.0), [1.0]), form="numpy")
    assert "derivatives generated by jax" not in result.note
    assert result.hess[0, 0] == pytest.approx(-0.125, rel=1e-6)


def test_hand_written_derivatives_of_something_else_are_refused():
    given = Derivatives(
        vjp=lambda t, y, s, p: -2 * y * s,
        jac=lambda t, y, p: (-2 * y)[..., None],
        vhp=lambda t, y, s, p: (-2.001 * s + 0 * y)[..., None],
    )
    problem = Problem("mistaken", lambda xp, t, y, p: -(y**2), squares, (0.0, 1.0), [1.0], derivatives=given)
    with pytest.raises(InvalidInput, match="hand-written derivatives"):
        run(problem, form="numpy")
