"""Derived programs against JAX: value, gradient and Hessian of random well-typed programs."""

import os

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tcd_programs import programs

from hessbench import tcd

jax.config.update("jax_enable_x64", True)

POINT = np.array([0.3, -0.7, 0.45])
TOLERANCE = 1e-9
CASES = st.integers(1, 3).flatmap(lambda n: st.tuples(st.just(n), programs(n)))


def require_close(got, wanted, text):
    wanted = np.asarray(wanted)
    assert np.shape(got) == wanted.shape, text
    error = np.max(np.abs(np.asarray(got) - wanted), initial=0.0) / (1 + np.max(np.abs(wanted), initial=0.0))
    assert error <= TOLERANCE, f"error {error:.1e} of\n{text}"


def reference(function):
    """x -> value, gradient and Hessian by JAX's forward mode, compiled at once."""
    gradient = jax.jacfwd(function)
    return jax.jit(lambda x: (function(x), gradient(x), jax.jacfwd(gradient)(x)))


@settings(
    max_examples=300 if os.environ.get("HESSBENCH_SLOW") else 60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(CASES)
def test_value_gradient_and_hessian_of_random_programs_are_those_of_jax(case):
    n, (text, function) = case
    x = jnp.asarray(POINT[:n])
    sizes = {"x": n}
    gradient = tcd.derive(text, "x", sizes=sizes)
    row = tcd.derive(text, "x", order="hessian", sizes=sizes)
    assert tcd.parse(tcd.show(row)) == row
    hessian = jax.vmap(lambda j: tcd.evaluate(row, {"j": j})(x=x))(jnp.arange(n))
    value, slope, curvature = reference(function)(x)
    require_close(tcd.evaluate(text, {})(x=x), value, text)
    require_close(tcd.evaluate(gradient, {})(x=x), slope, text)
    require_close(hessian, curvature, text)
