"""What a strategy returns is real, or refused: an imaginary part is never dropped in silence."""

import numpy as np
import pytest

import hessbench
from hessbench import HessbenchError, Result, Strategy, prepare


class Complex(Strategy):
    """The right Hessian with an imaginary part in one of its three results."""

    def __init__(self, where, part=1e-3j):
        self.where, self.part = where, part

    def prepare(self, problem, backend, ivp):
        n = problem.dim
        results = {"value": 1.0, "grad": np.zeros(n), "hess": np.eye(n)}
        results[self.where] = results[self.where] + self.part
        return lambda x: Result(**results)


@pytest.mark.parametrize("where", ["value", "grad", "hess"])
@pytest.mark.parametrize("part", [1e-3j, 0j])
def test_a_complex_result_is_refused(where, part):
    run = prepare(hessbench.problem("harmonic-oscillator"), Complex(where, part))
    with pytest.raises(HessbenchError, match="complex numbers, expected real ones"):
        run()


def test_a_real_result_is_not():
    assert prepare(hessbench.problem("harmonic-oscillator"), Complex("hess", 0.0))().hess.dtype == np.float64
