"""The gate judges problems in pieces: lifted strategies are right, and one that freezes the switches is named wrong."""

import numpy as np
import pytest

import hessbench
from hessbench import Case, NoReference, measure
from hessbench._hybrid.lifting import Sweep

from .problems import contact, scalar

FILE = """
from hessbench import Problem
def rhs(xp, t, y, p):
    return xp.where(y < 1.0, p["a"] + 0 * y, 2.0 * p["a"] + 0 * y)
def loss(xp, y0, y1, p):
    return xp.sum(y1**2)
problem = Problem("jumps", rhs, loss, (0.0, 2.0), [0.1], {"a": 0.9}, wrt=("y0", "a"))
"""


@pytest.mark.parametrize(
    ("strategy", "status"),
    [
        ("discrete-adjoint", "ok"),
        ("forward-over-reverse@autograd", "ok"),
        ("forward-over-reverse/as-is@autograd", "wrong"),
    ],
)
def test_a_file_with_a_switch(tmp_path, strategy, status):
    path = tmp_path / "jumps.py"
    path.write_text(FILE)
    name, _, backend = strategy.partition("@")
    record = measure(Case(str(path), name, backend or None, rtol=1e-8), budget=0.0)
    assert record.status == status, record.message
    if status == "wrong":
        assert record.error_scaled > 1e-2


def test_as_is_refuses_where_nothing_switches():
    problem = hessbench.problem("harmonic-oscillator")
    with pytest.raises(hessbench.Unsupported, match="only where the unknowns move a switch"):
        hessbench.prepare(problem, "jax-adjoint/as-is")


WHOLE = Sweep.map


def without_curvature_in_time(self, segment, lam):
    made = WHOLE(self, segment, lam)
    made.hess[-2:, -2:] = 0.0
    return made


def test_a_fault_of_lifting_itself_is_seen_by_value_differences(monkeypatch, tmp_path):
    problem = scalar("jump", lambda xp, t, y, p: xp.where(y < 1.0, 1.0 + 0 * y, 2.0 + y))
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path))
    assert hessbench.reference(problem).how.startswith(
        "variational, lifted; discrete-adjoint, lifted; value differences"
    )
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(Sweep, "map", without_curvature_in_time)
    with pytest.raises(NoReference, match="value differences differ from variational"):
        hessbench.reference(problem)


def test_products_of_a_problem_in_pieces():
    problem, directions = contact(), np.eye(3)[:, :2]
    found = hessbench.products(problem, None, directions)
    np.testing.assert_allclose(found.products, hessbench.hessian(problem).hess[:, :2], rtol=1e-12)


def test_another_point_with_other_pieces_is_prepared_when_it_is_met():
    prepared = hessbench.prepare(contact())
    short = prepared.problem.at(np.array([6.0, 0.0, 400.0]))
    assert "lifted" not in hessbench.prepare(short)().note  # it does not come down in time
    x = np.array([6.0, 0.0, 400.0])
    np.testing.assert_allclose(prepared(x).hess, hessbench.prepare(short)().hess, rtol=1e-8, atol=1e-10)
