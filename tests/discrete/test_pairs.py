"""Coefficients of pairs and of their Nystrom form, against rationals, order conditions and SciPy; a pair of one's own."""

import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import DOP853, RK45

import hessbench
from hessbench._integrate import pairs
from hessbench._integrate.pairs import pair
from hessbench._integrate.pairs.rk45 import B_FOURTH, ERRORS, A, B, C
from hessbench.discrete import _unrolled
from hessbench.discrete._kernel import generate
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


def test_the_pair_of_eighth_order_is_that_of_scipy_to_the_last_bit():
    ours, s = pair("DOP853"), DOP853.n_stages
    for mine, theirs in (
        (ours.a, DOP853.A[:s, :s]),
        (ours.b, DOP853.B),
        (ours.c, DOP853.C[:s]),
        (ours.errors, [DOP853.E5, DOP853.E3]),
    ):
        assert np.array_equal(mine, theirs)
    assert ours.exponent == -1 / (DOP853.error_estimator_order + 1)


def test_the_decimals_satisfy_conditions_of_their_order():
    scheme = pair("DOP853")
    assert np.allclose(scheme.a.sum(axis=1), scheme.c, rtol=0, atol=1e-14)
    for k in range(8):
        assert scheme.b @ scheme.c**k == pytest.approx(1 / (k + 1), rel=1e-13)
    assert scheme.b @ scheme.c**8 != pytest.approx(1 / 9, rel=1e-6)  # it is not of order 9


CASH_KARP = """
from . import Pair, rationals

A = tuple(map(rationals, (
    "", "1/5", "3/40 9/40", "3/10 -9/10 6/5", "-11/54 5/2 -70/27 35/27",
    "1631/55296 175/512 575/13824 44275/110592 253/4096",
)))
B = rationals("37/378 0 250/621 125/594 0 512/1771")
C = rationals("0 1/5 3/10 3/5 1 7/8")
FOURTH = rationals("2825/27648 0 18575/48384 13525/55296 277/14336 1/4 0")
ERRORS = tuple(a - b for a, b in zip(FOURTH, (*B, 0), strict=True))
PAIR = Pair("CASHKARP", 5, A, B, C, (ERRORS,), -1 / 5, 3.7)
"""  # Cash & Karp, ACM Trans. Math. Softw. 16 (1990) 201, table 1


def test_a_new_pair_is_one_file(tmp_path):
    """Another process, so that names are looked for anew."""
    (tmp_path / "cashkarp.py").write_text(CASH_KARP)
    code = f"""
import numpy as np
import hessbench
from hessbench import Problem
from hessbench._integrate import pairs

pairs.__path__.append({str(tmp_path)!r})
pairs.names.cache_clear()
problem = Problem("harmonic", lambda xp, t, y, p: xp.stack([y[1], -y[0]]),
                  lambda xp, y0, y1, p: y1[0] ** 2 * y1[1], (0.0, 2.0), np.array([0.3, 0.9]))
c, s = np.cos(2.0), np.sin(2.0)
q, v = np.array([c, s]), np.array([-s, c])  # of y1 by y0
exact = 2 * np.outer(q, q) * (v @ problem.y0) + 2 * (q @ problem.y0) * (np.outer(q, v) + np.outer(v, q))
for variant, form in (("", "compiled"), ("/numpy", "numpy")):
    found = hessbench.hessian(problem, strategy=f"discrete-adjoint{{variant}}", method="CASHKARP", rtol=1e-9)
    assert np.abs(found.hess - exact).max() < 1e-7, found.hess - exact
    assert found.counters.steps > 5 and f"{{form}} form" in found.note.lower(), found.note
try:
    hessbench.hessian(problem, strategy="hand-adjoint", method="CASHKARP")
except hessbench.Unsupported as error:
    assert "no CASHKARP" in str(error)
else:
    raise AssertionError("SciPy has no such method")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_method_without_a_file_is_refused():
    with pytest.raises(hessbench.InvalidInput, match="no explicit pair 'RK99'; choose DOP853 or RK45"):
        pairs.pair("RK99")


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
