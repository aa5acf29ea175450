"""Several experiments of one model: what they share, what is their own, and that their losses are added."""

from dataclasses import replace

import numpy as np
import pytest

import hessbench
from hessbench import Conditions, Data, Event, HessbenchError, InvalidInput, Problem

TIMES = np.array([0.5, 1.0, 2.0, 3.5])


def dosed(dose, at=0.25, wrt=("k", "V", "lag"), **changes):
    """A bolus into one compartment after a lag: `c = dose / V exp(-k (t - at - lag))`."""
    return Problem(
        name="bolus",
        rhs=lambda xp, t, y, p: -p["k"] * y,
        loss=None,
        t_span=(0.0, 4.0),
        y0=np.zeros(1),
        params={"k": 0.7, "V": 2.0, "lag": 0.1, "dose": dose, "at": at},
        wrt=wrt,
        data=Data(TIMES, 0.3 * dose * np.exp(-0.5 * TIMES), residual=lambda xp, t, y, d, p: y[0] / p["V"] - d),
        events=[Event(at=lambda xp, p: xp.reshape(p["at"] + p["lag"], (1,)), jump=lambda xp, t, y, p: y + p["dose"])],
        **changes,
    )


def closed(dose, at, k, v, lag):
    """Value, gradient and Hessian by (k, V, lag) of half the squares."""
    since = TIMES - at - lag
    on = since > 0
    c = np.where(on, dose / v * np.exp(-k * since), 0.0)
    r = c - 0.3 * dose * np.exp(-0.5 * TIMES)
    first = np.array([-since * c, -c / v, k * c])
    second = np.empty((3, 3, TIMES.size))
    second[0] = [since**2 * c, since * c / v, c - k * since * c]
    second[1] = [since * c / v, 2 * c / v**2, -k * c / v]
    second[2] = [c - k * since * c, -k * c / v, k**2 * c]
    return 0.5 * r @ r, first @ r, np.einsum("im,jm->ij", first, first) + second @ r


DOSES = {"low": 1.0, "high": 5.0}


def test_the_sum_over_conditions_in_closed_form():
    both = Conditions({name: dosed(dose) for name, dose in DOSES.items()})
    assert both.names == ("k", "V", "lag") and np.array_equal(both.x0, [0.7, 2.0, 0.1])
    x = np.array([0.6, 2.2, 0.13])
    result = both.hessian(x, rtol=1e-11)
    value, grad, hess = (sum(parts) for parts in zip(*(closed(d, 0.25, *x) for d in DOSES.values()), strict=True))
    assert result.value == pytest.approx(value, rel=1e-9)
    assert np.abs(result.grad - grad).max() < 1e-8 * np.abs(grad).max()
    assert np.abs(result.hess - hess).max() < 1e-8 * np.abs(hess).max()
    assert result.counters.steps > 0 and result.note.count("low, high: ") == 1
    assert result.gauss_newton is not None and np.linalg.eigvalsh(result.gauss_newton)[0] >= 0


def test_unknowns_of_their_own_have_blocks_of_their_own():
    both = Conditions({name: dosed(dose) for name, dose in DOSES.items()}, own="lag")
    assert both.names == ("k", "V", "lag[low]", "lag[high]")
    result = both.hessian(rtol=1e-11)
    low, high = (closed(dose, 0.25, 0.7, 2.0, 0.1) for dose in DOSES.values())
    assert result.block("lag[low]", "lag[high]") == 0
    assert result.block("lag[high]", "k")[0, 0] == pytest.approx(high[2][2, 0], rel=1e-8)
    assert result.block("k", "k")[0, 0] == pytest.approx(low[2][0, 0] + high[2][0, 0], rel=1e-8)
    assert result.gradient("lag[low]") == pytest.approx(low[1][2], rel=1e-8)
    with pytest.raises(InvalidInput, match="a combination of the unknowns is not determined"):
        result.covariance(expected=True)  # a later dose and a smaller volume are the same


def test_initial_states_are_their_own_unless_shared():
    conditions = {name: dosed(dose, wrt=("y0", "k")) for name, dose in DOSES.items()}
    assert Conditions(conditions).names == ("y0[low]", "k", "y0[high]")
    shared = Conditions(conditions, shared="y0")
    assert shared.names == ("y0", "k")
    apart, joined = Conditions(conditions).hessian(rtol=1e-10), shared.hessian(rtol=1e-10)
    summed = apart.block("y0[low]", "y0[low]") + apart.block("y0[high]", "y0[high]")
    assert np.allclose(joined.block("y0", "y0"), summed, rtol=1e-12)


def test_what_differs_is_not_shared():
    with pytest.raises(InvalidInput, match=r"'low' and 'high' share 'k', which is \[0.7\] in one and \[0.9\]"):
        other = dosed(5.0)
        Conditions({"low": dosed(1.0), "high": replace(other, params={**other.params, "k": 0.9})})
    with pytest.raises(InvalidInput, match="'ka' is in `wrt` of no condition; there are V, k, lag"):
        Conditions({"low": dosed(1.0)}, own="ka")
    for bad in ({}, {"low": 3}):
        with pytest.raises(InvalidInput, match="a mapping of names to `Problem`s"):
            Conditions(bad)


def test_an_error_names_its_condition():
    bad = replace(dosed(1.0), rhs=lambda xp, t, y, p: xp.concatenate([y, y]))
    with pytest.raises(InvalidInput, match=r"condition 'bad': problem 'bolus': .* `rhs` returned shape"):
        Conditions({"good": dosed(1.0), "bad": bad}).prepare()
    run = Conditions({"good": dosed(1.0), "late": dosed(1.0, at=3.0)}).prepare(rtol=1e-8)
    with pytest.raises(InvalidInput, match="expected \\(3,\\)"):
        run(np.ones(4))
    with pytest.raises(HessbenchError, match="condition 'late'"):
        run(np.array([0.7, 2.0, 1.5]))  # the dose of one is behind the end


def test_a_warning_names_its_condition():
    def rhs(xp, t, y, p):
        return p["k"] * (xp.cos(t) - y)

    slow, stiff = (
        Problem("relax", rhs, lambda xp, y0, y1, p: y1[0], (0.0, 1.0), np.ones(1), {"k": k, "b": 1.0}, wrt=("b",),
                running_loss=lambda xp, t, y, p: p["b"] * y[0] ** 2)
        for k in (1.0, 3e4)
    )  # fmt: skip
    run = Conditions({"slow": slow, "stiff": stiff}).prepare(strategy="discrete-adjoint", rtol=1e-6)
    with pytest.warns(hessbench.HessbenchWarning, match="^condition 'stiff': the problem is stiff"):
        result = run()
    assert all(said.startswith("condition 'stiff'") for said in result.warnings)


def test_on_a_log_scale_too():
    both = Conditions({name: hessbench.on_log_scale(dosed(dose), "k", "V") for name, dose in DOSES.items()})
    assert both.names == ("log_k", "log_V", "lag")
    _, grad, hess = (sum(p) for p in zip(*(closed(d, 0.25, 0.7, 2.0, 0.1) for d in DOSES.values()), strict=True))
    k = np.array([0.7, 2.0, 1.0])
    expected = k[:, None] * hess * k + np.diag([0.7 * grad[0], 2.0 * grad[1], 0.0])
    assert np.abs(both.hessian(rtol=1e-11).hess - expected).max() < 1e-8 * np.abs(expected).max()
