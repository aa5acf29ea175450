"""Coefficients of the pairs and of their Nystrom form, against exact rationals and the order conditions."""

import re
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import RK45

import hessbench
from hessbench._dormand_prince import B_FOURTH, ERRORS, A, B, C
from hessbench.discrete import _unrolled
from hessbench.discrete._kernel import generate
from hessbench.discrete._tableau import pair
from hessbench.discrete._trace import trace
from hessbench.discrete._unrolled import Weights

ROUND_OFF = re.compile(r"\de-1[5-9] \* K\[")


def exact_product(left, right):
    return [[sum(x * right[k][j] for k, x in enumerate(row)) for j in range(len(right[0]))] for row in left]


def test_the_pair_of_fifth_order_is_that_of_scipy_to_the_last_bit():
    ours, s = pair("RK45"), RK45.n_stages
    assert np.array_equal(ours.a[:, : s - 1], RK45.A) and not ours.a[:, s - 1].any()
    for mine, theirs in ((ours.b, RK45.B), (ours.c, RK45.C), (ours.errors, [RK45.E])):
        assert np.array_equal(mine, theirs)
    assert ours.exponent == -1 / (RK45.error_estimator_order + 1)


def test_the_rationals_satisfy_the_conditions_of_their_orders():
    rows, c = [*A, B], [*C, Fraction(1)]
    assert [sum(row) for row in rows] == c
    for weights, order in ((B, 5), (B_FOURTH, 4)):
        for k in range(order):  # of quadrature
            assert sum(w * x**k for w, x in zip(weights, c, strict=False)) == Fraction(1, k + 1)
        moved = [sum(a * x for a, x in zip(row, c, strict=False)) for row in rows]
        assert sum(w * x for w, x in zip(weights, moved, strict=False)) == Fraction(1, 6)
    assert sum(ERRORS) == 0 and any(ERRORS)


def test_the_nystrom_form_is_exact_where_the_rationals_are_zero():
    a = [[*row, *[Fraction(0)] * (6 - len(row))] for row in (*A, B)]
    weights = Weights(pair("RK45"), second_order=True)
    squared, (by_b,) = exact_product(a[:6], a[:6]), exact_product([a[6]], a[:6])
    (by_errors,) = exact_product([ERRORS], a)
    for ours, theirs in ((weights.a, squared), (weights.bq, by_b), (weights.eq[0][:6], by_errors)):
        theirs = np.array(theirs, dtype=float)
        assert np.array_equal(ours == 0, theirs == 0)
        assert np.allclose(ours, theirs, rtol=1e-13, atol=0)


def test_the_nystrom_weights_of_eighth_order_follow_from_the_simplifying_condition():
    scheme = pair("DOP853")  # (b a)_j = b_j (1 - c_j): Hairer, Norsett & Wanner, section II.5, D(1)
    ours, theirs = Weights(scheme, second_order=True).bq, scheme.b * (1 - scheme.c)
    assert np.array_equal(ours == 0, theirs == 0)
    assert np.allclose(ours, theirs, rtol=1e-12, atol=0)


@pytest.mark.parametrize("method", ["RK45", "DOP853"])
def test_no_kernel_multiplies_by_round_off(monkeypatch, method):
    traced, scheme = trace(hessbench.problem("three-body")), pair(method)
    assert not ROUND_OFF.search(generate(traced, scheme, 1, 4).source)
    monkeypatch.setattr(_unrolled, "product", lambda left, right: left @ right)
    assert ROUND_OFF.search(generate(traced, scheme, 1, 4).source)
