"""Functional determinants equal their closed forms; pages of the oscillator and of Kepler's problem."""

import numpy as np
import pytest

import hessbench
from hessbench.orbits import Determinant, all_determinants, blocks, van_vleck
from hessbench.orbits._pages import kepler, oscillator

ALL = all_determinants()


@pytest.mark.parametrize("determinant", ALL, ids=lambda d: f"{d.system}: {d.quantity}")
def test_determinant_equals_its_closed_form_to_1e_minus_11(determinant):
    assert determinant.error < 1e-11


@pytest.mark.parametrize("system", ["oscillator, d = 6", "magnetic", "damped", "Euclidean", "kink", "circular Kepler"])
def test_every_system_is_there(system):
    assert any(system in d.system for d in ALL)


def test_kink_of_unit_length():
    b = blocks(hessbench.problem("kink", length=1.0))[1]
    np.testing.assert_allclose(b[0, 0], 1.1815684975697909, rtol=1e-13)


def test_wrong_closed_form_is_noticed():
    """Planted fault: the kink's determinant with the sign of its second term flipped."""
    b = float(blocks(hessbench.problem("kink", length=1.0))[1][0, 0])
    assert Determinant("kink", "wrong", b, np.tanh(1.0) - 1 / np.cosh(1.0) ** 2).error > 0.1


def test_tangent_blocks_are_symplectic():
    a, b, c, d = blocks(hessbench.problem("damped-oscillator"))
    np.testing.assert_allclose(a @ d - b @ c, 1.0, rtol=1e-13)


def test_van_vleck_diverges_at_a_caustic():
    caustic = hessbench.problem("harmonic-oscillator", d=1, omega=[1.0], t=np.pi)
    assert abs(van_vleck(caustic)) > 1e12


def test_odd_number_of_states_is_refused():
    with pytest.raises(hessbench.InvalidInput, match="positions and momenta come in pairs"):
        blocks(hessbench.problem("sir"))


def test_oscillator_page_agrees_through_the_resonances():
    assert np.max(oscillator(n=13).error) < 1e-12


def test_oscillators_hessian_vanishes_at_full_resonance():
    assert np.max(np.abs(oscillator(n=2).computed[-1])) < 1e-24


def test_kepler_page_grows_with_the_square_of_the_periods():
    page = kepler(3)
    np.testing.assert_allclose(page.computed[:, -1] / page.computed[0, -1], [1, 4, 9], rtol=1e-10)
    assert np.max(page.error) < 1e-11
