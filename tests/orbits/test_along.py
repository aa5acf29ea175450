"""Determinants along a motion that is given once, against closed forms: oscillator, instanton, Morse, a separable orbit."""

import json

import numpy as np
import pytest
from scipy.integrate import quad
from typer.testing import CliRunner

from hessbench import InvalidInput
from hessbench.orbits import Along, Motion, determinant_along
from hessbench.orbits.cli import app

from ..examples.loading import EXAMPLES, load

W = 1.3


def oscillator(xp, q, p):
    return xp.sum(p * p) / 2 + W**2 * xp.sum(q * q) / 2


@pytest.mark.parametrize("t", [1.0, 4.0, 11.0])
def test_oscillator_has_its_closed_forms_and_an_index_for_every_half_period(t):
    """1 / det B = w / sin wt, over the free motion sin(wt) / wt, Maslov index floor(wt / pi)."""
    found = determinant_along(Motion("oscillator", t, hamiltonian=oscillator, start=[1.0, 0.3]))
    np.testing.assert_allclose(found.van_vleck, W / np.sin(W * t), rtol=1e-9)
    np.testing.assert_allclose(found.gelfand_yaglom, np.sin(W * t) / (W * t), rtol=1e-9)
    assert found.index == int(W * t / np.pi)


def test_lagrangian_and_hamiltonian_of_a_charge_in_a_field_agree_with_the_closed_form():
    """L = v^2 / 2 + (w / 2) (x v_y - y v_x): van Vleck (w / (2 sin(wt/2)))^2, which is that of `magnetic-field`."""

    def lagrangian(xp, q, v):
        return xp.sum(v * v) / 2 + (W / 2) * (q[0] * v[1] - q[1] * v[0])

    def hamiltonian(xp, q, p):
        return ((p[0] + W / 2 * q[1]) ** 2 + (p[1] - W / 2 * q[0]) ** 2) / 2

    q, v = [0.2, -0.4], [1.0, 0.3]
    p = [v[0] - W / 2 * q[1], v[1] + W / 2 * q[0]]
    one = determinant_along(Motion("charge", 1.7, lagrangian=lagrangian, start=q + v))
    two = determinant_along(Motion("charge", 1.7, hamiltonian=hamiltonian, start=q + p))
    np.testing.assert_allclose(one.van_vleck, (W / (2 * np.sin(W * 0.85))) ** 2, rtol=1e-10)
    np.testing.assert_allclose(
        [one.van_vleck, one.action, one.energy], [two.van_vleck, two.action, two.energy], rtol=1e-9
    )


@pytest.fixture(scope="module")
def instanton() -> Along:
    return determinant_along(load("double_well").motion)


def test_instanton_of_the_double_well_has_colemans_determinant_and_density(instanton):
    """det' / det = 1 / (12 w^2) and w sqrt(6 S / pi), S = 4/3, w = 2; the zero mode's norm is the action."""
    assert instanton.removed is not None and instanton.jacobian is not None
    np.testing.assert_allclose(instanton.action, 4 / 3, rtol=1e-10)
    np.testing.assert_allclose(instanton.removed / instanton.reference, 1 / 48, rtol=1e-5)
    np.testing.assert_allclose(instanton.prefactor, 2 * np.sqrt(6 * (4 / 3) / np.pi), rtol=1e-5)
    np.testing.assert_allclose(instanton.jacobian**2 * 2 * np.pi, 4 / 3, rtol=1e-8)
    assert instanton.index == 0


def test_a_zero_mode_that_is_not_removed_would_be_seen(instanton):
    """The plain determinant is the removed one times the lowest eigenvalue, which vanishes as e^(-w t)."""
    assert abs(1 / instanton.van_vleck / instanton.removed) < 1e-8


def test_orbits_of_morses_potential_have_two_turning_points_and_its_action():
    e = 6.0
    motion = load("periodic_orbit_sum").orbit(e)
    o = determinant_along(motion).periodic
    assert o is not None and o.maslov == 2 and o.reduced == 1.0
    np.testing.assert_allclose(o.w, 2 * np.pi * np.sqrt(20) * (1 - np.sqrt(1 - e / 10)), rtol=1e-9)
    np.testing.assert_allclose(o.period_by_energy, motion.t / (2 * (10 - e)), rtol=1e-7)


@pytest.mark.parametrize("w", [0.9, 1.7])
def test_a_stable_orbit_beside_an_oscillator_has_its_index_and_amplitude(w):
    """x^4 / 4 along the orbit, w across: |det(M_red - 1)| = 4 sin^2(wT/2), sigma = 2 + 1 + 2 floor(wT / 2 pi)."""

    def hamiltonian(xp, q, p):
        return xp.sum(p * p) / 2 + q[0] ** 4 / 4 + w**2 * q[1] ** 2 / 2

    top = 1.2
    t = 4 * np.sqrt(2) / top * quad(lambda u: 1 / np.sqrt(1 + np.sin(u) ** 2), 0, np.pi / 2)[0]
    start = [0.2, 0, np.sqrt((top**4 - 0.2**4) / 2), 0]
    o = determinant_along(Motion("beside", t, hamiltonian=hamiltonian, start=start, periodic=True), 1e-11).periodic
    assert o is not None
    np.testing.assert_allclose(o.reduced, 4 * np.sin(w * t / 2) ** 2, rtol=1e-8)
    assert o.maslov == 3 + 2 * int(w * t / (2 * np.pi))
    np.testing.assert_allclose(o.period_by_energy, -t / top**4, rtol=1e-8)


def test_the_sum_over_orbits_has_its_peaks_at_the_exact_levels(tmp_path):
    example = load("periodic_orbit_sum")
    computed, exact = example.main(["--quick", "--out", str(tmp_path)])
    assert len(exact) == 4
    np.testing.assert_allclose(computed, exact, atol=1e-3)
    assert (tmp_path / "periodic-orbit-sum.png").stat().st_size > 10_000


BAD = [
    ({"start": [1, 0], "hamiltonian": oscillator, "lagrangian": oscillator}, "either `hamiltonian"),
    ({"hamiltonian": oscillator}, "either `start`"),
    ({"start": [1, 0, 2], "hamiltonian": oscillator}, "as many momenta"),
    ({"start": [1, 0], "hamiltonian": oscillator, "t": -1.0}, "positive"),
    ({"start": [1, 0], "hamiltonian": oscillator, "reference": [0, 0]}, "expected 1"),
    ({"start": [1, 0], "hamiltonian": oscillator, "zero_modes": ["space"]}, "'time' or a function"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[m for _, m in BAD])
def test_a_motion_that_contradicts_itself_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        Motion("bad", **{"t": 1.0, **arguments})


RUNS = [
    ({"start": [1, 0], "t": np.pi / W}, "conjugate point"),
    ({"start": [1, 0], "t": 1.0, "periodic": True}, "does not close"),
    ({"start": [1, 0], "t": 1.0, "reference": [0.5]}, "not at rest"),
    ({"trajectory": lambda t: [np.cos(1.31 * t), -1.31 * np.sin(1.31 * t)], "t": 1.0}, "off the equations of motion"),
]


@pytest.mark.parametrize(("arguments", "message"), RUNS, ids=[m for _, m in RUNS])
def test_a_motion_that_has_no_determinant_is_refused(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        determinant_along(Motion("bad", hamiltonian=oscillator, **arguments))


def test_the_command_reads_a_file_and_says_what_is_missing(tmp_path):
    result = CliRunner().invoke(
        app, ["determinant", str(EXAMPLES / "double_well.py"), "--json"], catch_exceptions=False
    )
    assert json.loads(result.output)["one-loop factor"] == pytest.approx(3.1915382, rel=1e-5)
    empty, broken = tmp_path / "empty.py", tmp_path / "broken.py"
    empty.write_text("x = 1\n")
    broken.write_text("1 / 0\n")
    for file, message in (
        (empty, "defines no motion"),
        (broken, "ZeroDivisionError"),
        (tmp_path / "none.py", "no file"),
    ):
        with pytest.raises(InvalidInput, match=message):
            CliRunner().invoke(app, ["determinant", str(file)], catch_exceptions=False)
