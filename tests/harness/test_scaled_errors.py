"""Scaled errors: what section "errors" of docs/gate.md says, for any units."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hessbench import InvalidInput, Problem, Result
from hessbench._integrate.state_sizes import state_sizes
from hessbench._judging.reference import Reference
from hessbench._judging.scaled import entry_name, equilibrated, yardstick, yardstick_of

SEEDS = st.integers(0, 10**6)
SIZE = st.integers(1, 6)


def made(seed, n, positive=True):
    """A reference in units between 1e-9 and 1e9, the sizes of its unknowns, and its result as it should be."""
    rng = np.random.default_rng([seed, n])
    root = rng.uniform(0.3, 1.0, (n, n)) * rng.choice([-1.0, 1.0], (n, n))
    hess = root @ root.T + 0.5 * np.eye(n) if positive else root + root.T
    units = 10.0 ** rng.uniform(-9, 9, n)
    against = Reference(float(rng.normal()), rng.normal(size=n) / units, hess / np.outer(units, units), 0.0, "by hand")
    return against, units * rng.uniform(0.5, 2.0, n), Result(against.value, against.grad, against.hess)


def largest(result, against, sizes, **options):
    return yardstick(against, sizes, **options)(result).worst


@given(SEEDS, SIZE)
@settings(deadline=None, max_examples=60)
def test_a_change_of_units_changes_nothing(seed, n):
    against, sizes, result = made(seed, n, positive=seed % 2 == 0)
    rng = np.random.default_rng(seed)
    off = Result(
        result.value * 1.01, result.grad * rng.uniform(0.9, 1.1, n), result.hess * rng.uniform(0.9, 1.1, (n, n))
    )
    units = 10.0 ** rng.uniform(-9, 9, n)

    def in_units(r):
        return replace(r, grad=r.grad / units, hess=r.hess / np.outer(units, units))

    one, other = yardstick(against, sizes)(off), yardstick(in_units(against), sizes * units)(in_units(off))
    for part in ("hess", "grad", "value", "asymmetry"):
        assert getattr(other, part) == pytest.approx(getattr(one, part), rel=1e-9)
    assert other.where == one.where


@given(SEEDS, SIZE, st.data())
@settings(deadline=None, max_examples=100)
def test_a_zeroed_row_diagonal_entry_or_block_is_flagged(seed, n, data):
    against, sizes, result = made(seed, n)
    i = data.draw(st.integers(0, n - 1))
    row, diagonal, block = (result.hess.copy() for _ in range(3))
    row[i] = 0.0
    diagonal[i, i] = 0.0
    block[: i + 1, : i + 1] = 0.0
    for hess in (row, row.T, diagonal, block):
        assert largest(replace(result, hess=hess), against, sizes) == pytest.approx(1.0)


@given(SEEDS, SIZE, st.data())
@settings(deadline=None, max_examples=60)
def test_a_zeroed_row_of_an_indefinite_hessian_is_flagged(seed, n, data):
    against, sizes, result = made(seed, n, positive=False)
    hess = result.hess.copy()
    hess[data.draw(st.integers(0, n - 1))] = 0.0
    assert largest(replace(result, hess=hess), against, sizes) > 0.99


@given(SEEDS, SIZE, st.data())
@settings(deadline=None, max_examples=60)
def test_a_small_error_of_one_entry_is_flagged_and_named(seed, n, data):
    against, sizes, result = made(seed, n)
    i, j = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    hess = result.hess.copy()
    hess[i, j] += 1e-6 * np.sqrt(hess[i, i] * hess[j, j])
    found = yardstick(against, sizes)(replace(result, hess=hess))
    assert found.worst > 1e-7 and found.where == f"Hessian by x[{min(i, j)}], x[{max(i, j)}]"


@given(SEEDS, SIZE, st.data())
@settings(deadline=None, max_examples=60)
def test_round_off_and_zero_blocks_pass(seed, n, data):
    against, sizes, _ = made(seed, n)
    zero = data.draw(st.integers(0, n))
    hess, grad = against.hess.copy(), against.grad.copy()
    hess[zero:, :] = hess[:, zero:] = grad[zero:] = 0.0
    against = replace(against, hess=hess, grad=grad)
    noise = np.random.default_rng(seed).uniform(-1e-13, 1e-13, (n + 1, n))
    result = Result(against.value * (1 + 1e-13), grad * (1 + noise[0]), hess * (1 + noise[1:]))
    assert largest(result, against, sizes) < 1e-11


@given(SEEDS, SIZE, st.data())
@settings(deadline=None, max_examples=60)
def test_one_entry_of_the_gradient_and_the_value_alone_are_flagged(seed, n, data):
    against, sizes, result = made(seed, n)
    grad = result.grad.copy()
    i = data.draw(st.integers(0, n - 1))
    grad[i] += 1e-4 * max(abs(grad[i]), against.hess[i, i] * sizes[i])
    found = yardstick(against, sizes)(replace(result, grad=grad))
    assert found.worst >= 0.99e-4 and found.where == f"gradient by x[{i}]"
    found = yardstick(against, sizes)(replace(result, value=1.001 * result.value))
    assert found.worst == pytest.approx(1e-3) and found.where == "value"


def test_a_positive_hessian_is_scaled_by_its_diagonal():
    hess = np.array([[4.0, 3.0], [3.0, 9.0]])
    assert equilibrated(hess) == pytest.approx([2.0, 3.0])
    assert equilibrated(np.array([[0.0, 6.0], [6.0, 0.0]])).prod() == pytest.approx(6.0)


def test_a_row_of_zeros_has_the_smallest_other_scale():
    assert equilibrated(np.diag([4.0, 0.0, 9.0])) == pytest.approx([2.0, 2.0, 3.0])
    assert equilibrated(np.zeros((2, 2)), 9.0) == pytest.approx([3.0, 3.0])


def test_a_loss_in_tiny_units_without_a_hessian_hides_no_gradient():
    against = Reference(1e-12, np.array([1e-12, 2e-12]), np.zeros((2, 2)), 0.0, "by hand")
    result = Result(1e-12, np.array([0.0, 2e-12]), np.zeros((2, 2)))
    assert largest(result, against, np.ones(2)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"value": np.nan},
        {"value": "no number"},
        {"grad": np.array([np.nan, 1.0])},
        {"hess": np.full((2, 2), np.inf)},
        {"grad": np.ones(3)},
        {"grad": np.ones(1)},
        {"hess": np.ones((1, 1))},
        {"hess": np.ones(2)},
    ],
)
def test_what_is_not_finite_or_of_a_wrong_shape_is_infinite(change):
    against = Reference(1.0, np.ones(2), np.eye(2), 0.0, "by hand")
    result = replace(Result(1.0, np.ones(2), np.eye(2)), **change)
    assert largest(result, against, np.ones(2)) == np.inf


def test_the_upper_and_the_lower_triangle_are_both_compared():
    against = Reference(1.0, np.ones(2), np.ones((2, 2)) + np.eye(2), 0.0, "by hand")
    right = Result(1.0, np.ones(2), against.hess)
    for triangle in (np.tril(against.hess), np.triu(against.hess)):
        found = yardstick(against, np.ones(2))(replace(right, hess=triangle))
        assert found.hess == found.asymmetry == pytest.approx(0.5)


def test_what_the_reference_does_not_know_is_not_held_against_a_result():
    against = Reference(1.0, np.ones(2), np.diag([1.0, 1e-17]), 1e-12, "by hand", spread=np.full((2, 2), 1e-16))
    other = Result(1.0, np.ones(2), np.diag([1.0, -3e-17]))
    assert largest(other, against, np.ones(2)) < 1e-13
    assert (
        largest(replace(other, hess=np.diag([1.0, 5e-15])), against, np.ones(2)) < 1e-13
    )  # a row of noise is one of zeros
    sure = replace(against, spread=np.full((2, 2), 1e-30))
    assert largest(other, sure, np.ones(2)) > 1.0


def test_at_a_critical_point_the_value_may_be_off_to_second_order_in_what_is_allowed():
    against = Reference(0.0, np.zeros(2), np.eye(2), 0.0, "by hand")
    moved = Result(0.5e-10, np.full(2, 1e-5), np.eye(2))  # the value and gradient of |x|^2 / 2 at 1e-5 off
    assert largest(moved, against, np.ones(2), allowed=1e-5) == pytest.approx(1e-5)
    assert largest(replace(moved, value=1e-9), against, np.ones(2), allowed=1e-5) > 1.0
    assert largest(replace(moved, value=1e-9), against, np.ones(2), value_scale=1.0) == pytest.approx(1e-5)


def decay(**changes):
    given = dict(
        name="decay",
        rhs=lambda xp, t, y, p: xp.sum(p["w"]) * p["k"] - p["k"] * y,
        loss=lambda xp, y0, y1, p: xp.sum(y1 * y1),
        t_span=(0.0, 10.0),
        y0=[0.0, 1.0],
        params={"k": 0.02, "w": np.array([[3.0, 0.0], [1.0, 1.0]]), "o": 0.0},
        wrt=("k", "y0", "w", "o", "t0", "t1"),
    )
    return Problem(**{**given, **changes})


def test_sizes_are_those_of_x_the_solution_and_the_declaration():
    target = decay()
    assert target.sizes(target.x0).tolist() == [0.02, 1.0, 1.0, 3.0, 3.0, 1.0, 1.0, 1.0, 10.0, 10.0]
    assert target.sizes(target.x0, np.array([5.0, 0.5])).tolist()[1:3] == [5.0, 1.0]
    declared = decay(scale={"k": 0.1, "y0": [7.0, 0.1], "w": 2.0, "o": 1e-9, "t0": 0.5})
    assert declared.sizes(declared.x0).tolist() == [0.1, 7.0, 1.0, 3.0, 2.0, 2.0, 2.0, 1e-9, 0.5, 10.0]


def test_the_largest_states_are_those_along_the_solution():
    target = decay(rhs=lambda xp, t, y, p: 5.0 - 0.02 * y)  # y = 250 + (y0 - 250) exp(-0.02 t), largest at the end
    assert state_sizes(target, target.x0) == pytest.approx(250 + np.array([-250, -249]) * np.exp(-0.2), rel=1e-3)
    peak = decay(rhs=lambda xp, t, y, p: 1e-9 * xp.cos(t) + 0.0 * y, y0=[0.0, -2e-9])
    assert state_sizes(peak, peak.x0) == pytest.approx([1e-9, 3e-9], rel=1e-2)


def test_sizes_of_a_solution_that_fails_are_those_at_its_start():
    def rhs(xp, t, y, p):
        raise ZeroDivisionError

    assert state_sizes(decay(rhs=rhs), decay().x0).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        ({"q": 1.0}, r"names 'q', but this problem has loss, y0, k"),
        ({"k": 0.0}, "sizes are positive"),
        ({"k": -1.0}, "sizes are positive"),
        ({"k": np.nan}, "sizes are positive"),
        ({"k": "big"}, "expected a number"),
        ({"y0": [1.0, 2.0, 3.0]}, r"one for each entry, \(2,\)"),
        ({"k": [1.0, 2.0]}, r"one for each entry, \(\)"),
        (3.0, "names with sizes"),
    ],
)
def test_a_scale_that_cannot_be_one_is_refused(scale, message):
    with pytest.raises(InvalidInput, match=message):
        decay(scale=scale)


def test_entries_are_called_by_their_names():
    target = decay()
    names = ["k", "y0[0]", "y0[1]", "w[0, 0]", "w[0, 1]", "w[1, 0]", "w[1, 1]", "o", "t0", "t1"]
    assert [entry_name(target, i) for i in range(10)] == names


def test_the_worst_entry_of_a_problem_is_named_and_its_scales_are_used():
    target = decay(wrt=("k", "y0"), scale={"loss": 100.0})
    against = Reference(0.0, np.zeros(3), np.eye(3), 0.0, "by hand", states=np.array([2.0, 2.0]))
    measure = yardstick_of(target, target.x0, against)
    assert measure.sizes.tolist() == [0.02, 2.0, 2.0] and measure.value_unit == 100.0
    off = np.eye(3)
    off[2, 0] = 1.0
    assert measure(Result(0.0, np.zeros(3), off)).where == "Hessian by k, y0[1]"
