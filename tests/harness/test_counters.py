"""Counters of derivative evaluations do not depend on who wrote the derivatives."""

from dataclasses import replace

import hessbench


def test_generated_derivatives_are_counted_as_hand_written_ones_are():
    written = hessbench.problem("sir")
    generated = replace(written, derivatives=None)
    a, b = (hessbench.hessian(p, strategy="hand-adjoint", rtol=1e-6).counters for p in (written, generated))
    assert (a.jacobians, a.contractions) == (b.jacobians, b.contractions) and a.jacobians > 0


def test_a_hessian_by_finite_differences_makes_2n_plus_1_gradients():
    counters = hessbench.hessian(hessbench.problem("sir"), strategy="finite-difference", rtol=1e-6).counters
    assert counters.solves == 2 * (2 * 3 + 1)


def test_a_hessian_by_the_one_pass_method_makes_two_solves():
    assert hessbench.hessian(hessbench.problem("sir"), strategy="hand-adjoint", rtol=1e-6).counters.solves == 2


def test_a_hessian_row_by_row_makes_2_plus_2n_solves():
    result = hessbench.hessian(hessbench.problem("sir"), strategy="reverse-over-reverse", rtol=1e-6)
    assert result.counters.solves == 2 + 2 * 3
