"""Numbers of the gate pinned one by one, so that a changed constant, sign or operator in it does not pass unseen."""

import dataclasses
import secrets

import numpy as np
import pytest

from hessbench import Problem, Result
from hessbench._integrate.state_sizes import state_sizes
from hessbench._judging import gate_points
from hessbench._judging.gate import Errors, Seen, errors
from hessbench._judging.gate_points import VARIABLE, _drawn_seed, _rounded, drawn_points, run_seed, settled
from hessbench._judging.reference import Found, Reference
from hessbench._judging.reference_methods import Check
from hessbench._judging.reference_ways import Way
from hessbench._judging.scaled import Scaled, equilibrated, yardstick, yardstick_of
from hessbench._judging.tight import Path, Tight
from hessbench._judging.witness import Verdict, Witness

HESS = np.array([[4.0, 1.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, -3.0]])
AGAINST = Reference(2.0, np.array([1.0, 0.0, -5.0]), HESS, 0.0, "by hand")
OFF = Result(2.5, np.array([1.5, 0.25, -5.0]), HESS + np.array([[0, 0.5, 0], [0, 0, 0], [0.25, 0, 0.125]]))


@pytest.mark.parametrize(
    ("x", "sizes"),
    [([0.0, -3.0, 2.0], [3.0, 3.0, 2.0]), ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]), ([-0.25, 0.5, 0.0], [0.25, 0.5, 0.5])],
)
def test_unknowns_without_a_yardstick_are_as_large_as_in_x_and_zeros_as_the_largest(x, sizes):
    assert errors(OFF, AGAINST, np.array(x)).scaled == yardstick(AGAINST, np.array(sizes))(OFF)


def test_stored_errors_at_the_origin_are_on_the_scale_of_the_derivatives():
    found = errors(OFF, AGAINST, np.zeros(3))
    assert (found.hess, found.grad, found.value) == pytest.approx((0.5 / 4, 0.5 / 5, 0.5 / 5))
    assert found.asymmetry == pytest.approx(0.5 / 4)


def test_stored_errors_of_a_reference_of_zeros_are_absolute():
    zeros = Reference(0.0, np.zeros(3), np.zeros((3, 3)), 0.0, "by hand")
    found = errors(Result(0.5, np.full(3, 0.25), np.full((3, 3), 0.125)), zeros, np.ones(3))
    assert (found.hess, found.grad, found.value) == (0.125, 0.25, 0.5)


@pytest.mark.parametrize("size", [2, 4])
def test_a_result_with_fewer_or_more_unknowns_is_infinitely_wrong(size):
    found = errors(Result(2.0, np.ones(size), np.ones((size, size))), AGAINST, np.ones(3))
    assert (found.hess, found.grad, found.worst, found.value) == (np.inf, np.inf, np.inf, 0.0)


def by_loops(against, sizes, result):
    """The formulas of `_judging.scaled`, entry by entry, for a reference without any uncertainty."""
    n = len(sizes)
    a = [
        [sizes[i] * sizes[j] * max(abs(against.hess[i, j]), abs(against.hess[j, i])) for j in range(n)]
        for i in range(n)
    ]
    e = [1.0] * n
    for _ in range(200):
        e = [e[i] * max(a[i][j] / (e[i] * e[j]) for j in range(n)) ** 0.5 for i in range(n)]
    off = np.abs(result.hess - against.hess)
    lopsided = np.abs(result.hess - result.hess.T)
    value = max(abs(against.value), 2.0**-52 * max(e) ** 2)
    return (
        max(sizes[i] * sizes[j] * off[i, j] / (e[i] * e[j]) for i in range(n) for j in range(n)),
        max(
            sizes[i] * abs(result.grad - against.grad)[i] / max(sizes[i] * abs(against.grad[i]), e[i] ** 2)
            for i in range(n)
        ),
        abs(result.value - against.value) / value,
        max(sizes[i] * sizes[j] * lopsided[i, j] / (e[i] * e[j]) for i in range(n) for j in range(n)),
    )


@pytest.mark.parametrize("seed", range(4))
def test_scaled_errors_are_those_of_the_formulas(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(4, 4))
    against = Reference(float(rng.normal()), 1e-3 * rng.normal(size=4), root + root.T, 0.0, "by hand")
    sizes, off = rng.uniform(0.1, 9.0, 4), rng.normal(size=(4, 4))
    result = Result(against.value + 0.1, against.grad + rng.normal(size=4), against.hess + off)
    found = yardstick(against, sizes)(result)
    assert (found.hess, found.grad, found.value, found.asymmetry) == pytest.approx(by_loops(against, sizes, result))


def test_the_yardstick_keeps_doubt_and_slack_in_its_own_units():
    hess = np.diag([4.0, 9.0])
    sizes = np.array([3.0, 0.5])  # units 6 and 1.5
    alone = yardstick(Reference(0.0, np.zeros(2), hess, 1e-3, "by hand"), sizes, allowed=1e-2)
    assert alone.units == pytest.approx([6.0, 1.5]) and alone.doubt == pytest.approx(np.full((2, 2), 1e-3))
    assert alone.value_unit == pytest.approx(
        2.0**-52 * 36.0, rel=1e-12, abs=0.0
    ) and alone.value_slack == pytest.approx(36e-4)
    spread = np.array([[1e-3, 2e-3], [0.0, 4e-3]])
    two = yardstick(Reference(0.0, np.zeros(2), hess, 1e-3, "by hand", spread=spread), sizes)
    outer = np.outer(sizes, sizes) / np.outer([6.0, 1.5], [6.0, 1.5])
    assert two.doubt == pytest.approx(10 * outer * np.array([[1e-3, 2e-3], [2e-3, 4e-3]]))


def test_where_all_is_zero_units_are_one():
    assert equilibrated(np.zeros((2, 2))).tolist() == [1.0, 1.0]
    nothing = Reference(0.0, np.zeros(2), np.zeros((2, 2)), 0.0, "by hand", states=np.ones(2))
    assert yardstick_of(flow([1.0, 2.0]), np.ones(2), nothing).value_slack == 0.0
    assert yardstick(nothing, np.array([2.0, 7.0])).units.tolist() == [1.0, 1.0]


def flow(y0, **params):
    return Problem("flow", lambda xp, t, y, p: 0.0 * y, lambda xp, y0, y1, p: xp.sum(y1), (0.0, 1.0), y0, params)


@pytest.mark.parametrize("seed", [0, 5, 21])
def test_drawn_points_are_those_of_the_seed_with_signs_kept(seed):
    target = flow([3.0, -0.5, 0.0, -20.0, 0.4])
    reach = _rounded(target.sizes(target.x0, state_sizes(target, target.x0)))
    drawn = drawn_points(target, seed)
    assert len(drawn) == 3
    for draw, x in enumerate(drawn):
        moved = 0.02 * reach * np.random.default_rng([seed, draw]).uniform(-1.0, 1.0, 5)
        assert x.tolist() == np.where(target.x0 == 0, np.abs(moved), target.x0 + moved).tolist()


def test_an_unknown_that_would_change_its_sign_moves_away_from_zero():
    target = dataclasses.replace(flow([1e-3, -1e-3]), scale={"y0": [10.0, 10.0]})
    for seed in range(20):
        for x in drawn_points(target, seed):
            assert np.sign(x).tolist() == [1.0, -1.0] and np.all(np.abs(x) <= 0.2 + 1e-3)


@pytest.mark.parametrize(
    ("own", "drawn", "known"),
    [
        ((True,), ("later",), False),
        ((None,), ("later",), False),
        ((True, None), (True,), False),
        ((True, False), (None,), True),  # there is no reference at the perturbed point, and no need of another
        ((True, True), (True, None), True),
        ((True,), (None, True), False),
        ((True,), (False, True), True),
        ((True,), (False, None), False),
        ((True,), (False, False), True),
        ((True,), ("raises", True, None), True),
        ((True,), (), True),
    ],
)
def test_all_is_known_where_references_or_their_absence_are(monkeypatch, own, drawn, known):
    """`True`: there is a reference; `False`: it is known that there is none; `None`: nobody looked."""

    def is_cached(problem, x):
        if x == "raises":
            raise ValueError
        return x in (True, False)

    monkeypatch.setattr(gate_points, "points", lambda problem: own)
    monkeypatch.setattr(gate_points, "is_cached", is_cached)
    monkeypatch.setattr(gate_points, "kept", lambda problem, x: "a reference" if x is True else None)
    assert settled(flow([1.0]), drawn) is known


def test_sizes_are_rounded_to_two_digits():
    assert _rounded(np.array([0.123456, 1284.5, 9.96, 1e-9])) == pytest.approx([0.12, 1300.0, 10.0, 1e-9], rel=1e-12)


def test_a_seed_is_below_two_to_the_31(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(secrets, "randbelow", lambda n: n - 1)
    _drawn_seed.cache_clear()
    try:
        assert run_seed() == 2**31 - 1
    finally:
        _drawn_seed.cache_clear()
    monkeypatch.setenv(VARIABLE, "0")
    assert run_seed() == 0
    assert (gate_points.AWAY, gate_points.DRAWS) == (0.02, 3)


CHECK = Check(1.0, np.ones(1), np.eye(1))
SCALED = Scaled(0.0, 0.0, 0.0, 0.0, "value")
RESULTS = {
    "Errors": (Errors(0.0, 0.0, 0.0, 0.0, SCALED), "hess"),
    "Seen": (Seen(Errors(0.0, 0.0, 0.0, 0.0, SCALED)), "when"),
    "Scaled": (SCALED, "where"),
    "Reference": (AGAINST, "value"),
    "Yardstick": (yardstick(AGAINST, np.ones(3)), "units"),
    "Check": (CHECK, "value"),
    "Way": (Way("by hand", lambda parts: CHECK), "name"),
    "Found": (Found(Way("by hand", lambda parts: CHECK), CHECK), "way"),
    "Verdict": (Verdict(0.0, 0.0), "gap"),
    "Witness": (Witness(Tight(flow([1.0]), np.ones(1), np.ones(0)), np.ones(1)), "count"),
    "Path": (Path(np.zeros(1), np.zeros((1, 1)), 0), "calls"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_is_found_cannot_be_changed_afterwards(name):
    found, field = RESULTS[name]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(found, field, None)


@pytest.mark.parametrize("name", ["Reference", "Yardstick", "Check", "Way", "Found", "Witness"])
def test_what_holds_arrays_is_compared_by_identity(name):
    found, _ = RESULTS[name]
    assert found == found and found != dataclasses.replace(found) and hash(found) != hash(dataclasses.replace(found))
