"""Which branches a right-hand side takes: every way of choosing on a number is seen, whatever the number went through."""

import numpy as np
import pytest

from hessbench import Problem
from hessbench._derive.switches import crossings, reads_time, watched

Y, P = np.array([0.3, -0.7, 1.2]), {"a": np.array(0.5), "b": np.array([0.1, 0.2, 0.3])}

CHOICES = {  # a function of y with a branch that changes at y[0] = c (given), watched from both sides
    "less": (lambda xp, t, y, p: xp.where(y < 0.5, y, 2 * y), 0.5),
    "equal after arithmetic": (lambda xp, t, y, p: xp.where(xp.sin(y) * 2 >= 1.0, y, 2 * y), np.pi / 6),
    "maximum": (lambda xp, t, y, p: xp.maximum(y - 0.5, 0 * y), 0.5),
    "minimum": (lambda xp, t, y, p: xp.minimum(y, p["a"]), 0.5),
    "abs": (lambda xp, t, y, p: xp.abs(y - 0.5), 0.5),
    "python abs": (lambda xp, t, y, p: abs(y - 0.5), 0.5),
    "sign": (lambda xp, t, y, p: xp.sign(y[:1] - 0.5) * y, 0.5),
    "floor": (lambda xp, t, y, p: xp.floor(2 * y), 0.5),
    "rounding": (lambda xp, t, y, p: xp.round(y), 0.5),
    "remainder": (lambda xp, t, y, p: y % 0.5, 0.5),
    "clip": (lambda xp, t, y, p: xp.clip(y, -9.0, 0.5), 0.5),
    "clip method": (lambda xp, t, y, p: y.clip(-9.0, 0.5), 0.5),
    "interp": (lambda xp, t, y, p: xp.interp(y, np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 0.0])), 0.5),
    "searchsorted": (lambda xp, t, y, p: y * xp.searchsorted(np.array([0.0, 0.5, 1.0]), y), 0.5),
    "heaviside": (lambda xp, t, y, p: xp.heaviside(y - 0.5, 0.5), 0.5),
    "if": (lambda xp, t, y, p: 2 * y if y[0] > 0.5 else y, 0.5),
    "unpacked": (lambda xp, t, y, p: [2 * c if c > 0.5 else c for c in y], 0.5),
    "method max": (lambda xp, t, y, p: y / y.max(), 1.2),
    "max": (lambda xp, t, y, p: y / xp.max(y), 1.2),
    "argmax": (lambda xp, t, y, p: y * xp.argmax(y), 1.2),
    "sort": (lambda xp, t, y, p: xp.sort(y), 1.2),
    "concatenated": (lambda xp, t, y, p: xp.where(xp.concatenate([y[:1], y[1:]]) < 0.5, y, -y), 0.5),
    "a sum": (lambda xp, t, y, p: xp.where(xp.sum(y * y[:1]) < 0.5 * 1.0, y, -y), 0.5),
    "a product": (lambda xp, t, y, p: xp.where(np.eye(3) @ y < 0.5, y, -y), 0.5),
    "einsum": (lambda xp, t, y, p: xp.where(xp.einsum("ij,j->i", np.eye(3), y) < 0.5, y, -y), 0.5),
    "numpy itself": (lambda xp, t, y, p: np.where(np.exp(y) < np.exp(0.5), y, -y), 0.5),
    "stacked where": (lambda xp, t, y, p: xp.where(xp.where(y > 9, 0 * y, y) < 0.5, y, -y), 0.5),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_change_of_branch_is_seen(name):
    f, at = CHOICES[name]
    before, after = (watched(f, 0.0, np.array([at + d, -0.7, 1.2]), P) for d in (-1e-3, 1e-3))
    near = watched(f, 0.0, np.array([at - 2e-3, -0.7, 1.2]), P)
    assert not before.crosses(near)
    assert before.crosses(after)
    assert before.signature == near.signature != after.signature


@pytest.mark.parametrize("name", CHOICES)
def test_watching_does_not_change_the_value(name):
    f = CHOICES[name][0]
    assert np.array_equal(watched(f, 0.0, Y, P).value, np.array(f(np, 0.0, Y, P)))


def test_a_parameter_is_watched_only_if_it_is_named():
    def f(xp, t, y, p):
        return xp.where(t < p["a"], 1.0 + 0 * y, 2.0 + 0 * y)

    sides = [[watched(f, t, Y, P, by) for t in (0.4, 0.6)] for by in (("a",), ("b",))]
    assert sides[0][0].crosses(sides[0][1])
    assert not sides[1][0].crosses(sides[1][1])


def test_a_python_branch_on_the_time_parts_two_runs_without_a_crossing():
    def f(xp, t, y, p):
        return xp.maximum(y, 0.5 * y) if t < 1 else xp.minimum(y, 3.0 + 0 * y)

    assert not watched(f, 0.5, Y, P).crosses(watched(f, 1.5, Y, P))


@pytest.mark.parametrize("f", [lambda xp, t, y, p: xp.where(y >= 0, y, -y), lambda xp, t, y, p: xp.abs(y)])
def test_equality_of_operands_is_a_tie(f):
    assert watched(f, 0.0, np.array([0.0]), P).tie
    assert not watched(f, 0.0, np.array([0.1]), P).tie


def test_the_crossing_of_a_solution_lies_between_the_right_times():
    target = Problem(
        "jump",
        lambda xp, t, y, p: xp.where(y < 1.0, 1.0 + 0 * y, 2.0 + 0 * y),
        lambda xp, y0, y1, p: y1[0],
        (0.0, 2.0),
        [0.0],
    )
    times = np.linspace(0.0, 2.0, 12)
    found = crossings(target, target.x0, times, np.where(times < 1, times, 2 * times - 1)[:, None])
    ((before, after),) = found.between
    assert before <= 1.0 <= after
    assert not found.ties


def test_a_fixed_time_is_no_crossing_unless_an_end_time_is_unknown():
    def build(wrt):
        return Problem(
            "stages", lambda xp, t, y, p: xp.where(t < 1.0, -y, -2 * y), lambda xp, y0, y1, p: xp.sum(y1), (0.0, 2.0), [1.0],
            wrt=wrt,
        )  # fmt: skip

    times = np.linspace(0.0, 2.0, 12)
    for wrt, count in ((("y0",), 0), (("y0", "t1"), 1)):
        target = build(wrt)
        assert len(crossings(target, target.x0, times, np.exp(-times)[:, None]).between) == count


def test_a_tie_in_the_loss_is_seen():
    target = Problem(
        "norm", lambda xp, t, y, p: 0 * y, lambda xp, y0, y1, p: xp.sum(xp.abs(y1 - 1.0)), (0.0, 1.0), [1.0]
    )
    assert crossings(target, target.x0, np.array([0.0, 1.0]), np.ones((2, 1))).loss


@pytest.mark.parametrize(
    ("f", "reads"),
    [
        (lambda xp, t, y, p: -y, False),
        (lambda xp, t, y, p: -y * p["a"], False),
        (lambda xp, t, y, p: xp.cos(t) * y, True),
        (lambda xp, t, y, p: y if t < 100 else -y, True),
        (lambda xp, t, y, p: y * float(t), True),
        (lambda xp, t, y, p: xp.interp(t, np.arange(3.0), np.arange(3.0)) + y, True),
    ],
)
def test_use_of_the_time_is_seen(f, reads):
    assert reads_time(f, 0.5, Y, P) == reads


@pytest.mark.parametrize("name", ["three-body", "kepler", "sir", "lorenz", "neural-ode", "restricted-three-body"])
def test_smooth_problems_of_the_collection_choose_nothing(name):
    import hessbench

    target = hessbench.problem(name)
    assert watched(target.rhs, 0.0, target.y0, target.params, target.varied).entries == ()
