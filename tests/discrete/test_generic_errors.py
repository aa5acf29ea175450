"""The error of Hessians by parameters follows the tolerance, thanks to the parameters in the probe."""

import numpy as np
import pytest

from hessbench import Problem
from hessbench.discrete import _compiled, _numpy_form

from .helpers import run

pytest.importorskip("jax")


def silent(amplitude=0.0):
    """y' = -y + a sin 20 t + a^2 cos 15 t at a = 0: the state rests at zero, and only its derivatives by `a` move."""
    return Problem(
        "silent",
        lambda xp, t, y, p: -y + p["a"] * xp.sin(20 * t) + p["a"] ** 2 * xp.cos(15 * t),
        lambda xp, y0, y1, p: xp.sum(y1) + xp.sum(y1**2),
        (0.0, 4.0),
        np.zeros(1),
        {"a": amplitude},
        ("a",),
    )


def silent_hessian(t=4.0):
    """2 (dy/da)^2 + d2y/da2, each the response of y' = -y + f to its force."""
    first = (np.sin(20 * t) - 20 * np.cos(20 * t) + 20 * np.exp(-t)) / 401
    second = 2 * (np.cos(15 * t) + 15 * np.sin(15 * t) - np.exp(-t)) / 226
    return 2 * first**2 + second


@pytest.mark.parametrize("form", ["numpy", "auto"])
@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
def test_error_by_parameters_follows_the_tolerance(form, rtol):
    assert run(silent(), rtol=rtol, form=form).hess[0, 0] == pytest.approx(silent_hessian(), rel=1e3 * rtol)


@pytest.mark.parametrize("form", ["numpy", "auto"])
def test_without_parameters_in_the_probe_the_error_does_not_follow(form, monkeypatch):
    for module in (_numpy_form, _compiled):
        monkeypatch.setattr(
            module, "parameter_directions", lambda values, probes, by_component: np.zeros((probes, values.size))
        )
    assert abs(run(silent(), rtol=1e-9, form=form).hess[0, 0] / silent_hessian() - 1) > 1e-3
