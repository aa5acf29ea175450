"""Oscillators in d dimensions: closed-form levels and multiplicities."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import hessbench
from hessbench import InvalidInput
from hessbench.orbits import _oscillators as oscillators
from hessbench.orbits.cli import app


@pytest.fixture(scope="module")
def rows():
    return oscillators.sweep(4)


def test_every_level_occurs_as_often_as_the_closed_form_says(rows):
    assert len(rows) == 4 * len(oscillators.KINDS)
    for r in rows:
        assert r.agree and r.error < 1e-13, (r.kind, r.d)
        assert sum(v.multiplicity for v in r.computed) == 2 * r.d


def test_degeneracies_are_those_of_the_symmetry(rows):
    """2 d of 8 sin^2(t/2) at w = 1, d of each at another frequency, all null at a resonance of all, each alone without one."""
    table = {(r.kind.split(",")[0] + r.kind.split(",")[1][:8], r.d): r for r in rows}
    one = table["isotropic w = 1", 3]
    assert [v.multiplicity for v in one.exact] == [6]
    np.testing.assert_allclose(one.computed[0].value, 8 * np.sin(0.85) ** 2)
    kinds = {r.kind: r for r in rows if r.d == 4}
    assert [v.multiplicity for v in kinds["isotropic, w = 1.5"].computed] == [4, 4]
    assert [(v.value < 1e-12, v.multiplicity) for v in kinds["isotropic, resonant"].computed] == [(True, 8)]
    assert [v.multiplicity for v in kinds["commensurate, w = 1, ..., d, at t = pi"].computed] == [4, 4]  # 2 and 4 rest


def test_levels_are_the_eigenvalues_of_the_closed_form_hessian():
    omega = [0.7, -1.9, 0.7, 3.1]
    problem = hessbench.problem("harmonic-oscillator", d=4, omega=omega, t=2.3)
    assert problem.exact is not None
    exact = problem.exact(problem.x0)
    assert exact is not None
    found = oscillators.levels(np.array(omega), 2.3)
    listed = np.repeat([v.value for v in found], [v.multiplicity for v in found])
    np.testing.assert_allclose(listed, np.linalg.eigvalsh(exact[2]), rtol=1e-12)


def test_a_wrong_frequency_would_be_seen(monkeypatch):
    frequencies, t = oscillators.KINDS["isotropic, w = 1.5"]
    monkeypatch.setattr(oscillators, "levels", lambda omega, t, right=oscillators.levels: right(omega * (1 + 1e-9), t))
    assert oscillators.row("isotropic, w = 1.5", 2).error > 1e-10
    assert frequencies(2).tolist() == [1.5, 1.5] and t == 1.7


def test_the_command_prints_and_draws(tmp_path):
    result = CliRunner().invoke(
        app, ["oscillator", "-d", "2", "--json", "--out", str(tmp_path)], catch_exceptions=False
    )
    assert all(r["agree"] for r in json.loads(result.output)["rows"])
    assert {p.name for p in tmp_path.iterdir()} == {"oscillator-dimensions.png", "oscillator-dimensions.svg"}


@pytest.mark.parametrize("d", [0, 65])
def test_too_few_or_many_dimensions_are_refused(d):
    with pytest.raises(InvalidInput, match="1 to 64"):
        oscillators.sweep(d)
