"""Data where an end time is an unknown: in folded time their places move."""

import numpy as np
import pytest

import hessbench
from hessbench import Data, InvalidInput
from hessbench.discrete._moving import Moves

from .data_problems import MASK, TIMES, VALUES, everything, misfit, residual
from .helpers import error, run


def with_free_ends(wrt, **changed):
    """Data at the ends of the span only where these are no unknowns."""
    inside = slice(1 if "t0" in wrt else 0, -1 if "t1" in wrt else None)
    data = Data(TIMES[inside], VALUES[inside], misfit, residual, MASK[inside])
    return everything(wrt, **{"data": data, **changed})


FREE = [("y0", "t0"), ("t1", "kappa"), ("t0",), ("theta", "t1", "y0", "t0", "noise")]


@pytest.mark.parametrize("form", ["numpy", "auto"])
@pytest.mark.parametrize("wrt", FREE)
def test_end_times_that_are_unknowns(wrt, form):
    problem = with_free_ends(wrt)
    x = problem.x0 * (1 + 0.02 * np.cos(np.arange(problem.x0.size)))
    x[problem.blocks["t0"] if "t0" in wrt else []] = 0.07
    ours, theirs = run(problem, x, 1e-11, form=form), hessbench.prepare(problem, "variational", rtol=1e-11)(x)
    assert "lifted" in theirs.note and "lifted" not in ours.note
    assert ours.value == pytest.approx(theirs.value, rel=1e-9)
    for got, wanted in ((ours.grad, theirs.grad), (ours.hess, theirs.hess), (ours.gauss_newton, theirs.gauss_newton)):
        size = np.abs(wanted).max()
        np.testing.assert_allclose(got / size, wanted / size, rtol=0, atol=1e-8)
    d = np.eye(x.size)
    strategy = "discrete-adjoint" if form == "auto" else "discrete-adjoint/numpy"
    assert error(hessbench.products(problem, x, d, strategy, rtol=1e-11).products, ours.hess) < 1e-11


def test_gauss_newton_of_a_loss_alone_where_an_end_time_is_an_unknown():
    data = Data(TIMES[1:], VALUES[1:], misfit, mask=MASK[1:])
    problem = with_free_ends(("t0", "kappa"), data=data)
    ours, theirs = (hessbench.prepare(problem, s, rtol=1e-11)() for s in ("discrete-adjoint", "variational"))
    assert error(ours.gauss_newton, theirs.gauss_newton) < 1e-8


@pytest.mark.parametrize("lost", ["first", "second", "by_tau"])
def test_a_term_of_moving_places_that_is_lost_is_seen(lost, monkeypatch):
    problem = with_free_ends(("y0", "t0", "t1"))
    right, made = run(problem, None, 1e-9, form="numpy"), getattr(Moves, lost)
    monkeypatch.setattr(Moves, lost, lambda self, *args: 0 * made(self, *args))
    assert error(run(problem, None, 1e-9, form="numpy").hess, right.hess) > 1e-3


def test_an_end_time_that_passes_data_is_refused():
    problem = with_free_ends(("t0",))
    with pytest.raises(InvalidInput, match="outside of the time span"):
        hessbench.prepare(problem, "discrete-adjoint")(np.array([0.4]))
