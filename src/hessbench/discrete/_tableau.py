"""Embedded explicit Runge-Kutta pairs as arrays, with the weights of their error estimates, and their Nystrom form.

    Y_i = y + h a_ij k_j,   k_i = F(t + c_i h, Y_i),   y_new = y + h b_i k_i,   k_s = F(t + h, y_new)   (i, j < s)
    error = h e_i k_i  (i <= s)

For `q' = v, v' = g(t, q)` the slopes of `q` can be eliminated, because they are stage values of `v`:

    Q_i = q + c_i h v + h^2 (a a)_ij g_j,   q_new = q + h v + h^2 (b a)_j g_j,   v_new = v + h b_j g_j

which halves the stages' size and skips the arithmetic on the trivial half. Source: Hairer, Norsett & Wanner, Solving
Ordinary Differential Equations I, sections II.4, II.10 and II.14.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from functools import cache

import numpy as np

from .._dormand_prince import ERRORS
from .._errors import InvalidInput
from .._integrate.fixed_step import tableau
from .._model.derivatives import Array
from .._storage.cache import keep, whole
from ._build import cache_folder

METHODS = ("RK45", "DOP853")
# a step is scaled by `SAFETY error^exponent`, between these factors: SciPy's names and values, for every adaptive solve here
SAFETY, MIN_FACTOR, MAX_FACTOR = 0.9, 0.2, 10.0


@dataclass(frozen=True, eq=False)
class Pair:
    """`a` (s, s), `b` (s,), `c` (s,), and `errors` (1 or 2, s + 1), the last weight for the slope at the new point.

    With one row the error is its norm; with two (`e5`, `e3`) it is `|e5|^2 / sqrt(|e5|^2 + |e3|^2 / 100)`, as in SciPy.
    """

    name: str
    a: Array
    b: Array
    c: Array
    errors: Array
    exponent: float

    @property
    def stretch(self) -> float:
        """The largest step size times the Jacobian's largest eigenvalue: three quarters of the stability region's extent.

        At its end an error stays, and its derivatives by what the eigenvalue depends on grow with the number of steps and with
        its square: they would be in the gradient and the Hessian. The extent on the negative axis is 6.1 and 3.3 (Hairer &
        Wanner, section IV.2).
        """
        return 0.75 * {"DOP853": 6.1, "RK45": 3.3}[self.name]

    @property
    def limited(self) -> float:
        """From where on stability limits a step, not accuracy: half of the extent; steps swing about `stretch`."""
        return self.stretch / 1.5

    @property
    def stages(self) -> int:
        """Number of slopes that propagate the solution."""
        return self.b.size

    def extended(self) -> tuple[Array, Array]:
        """`a` (s + 1, s) and `c` (s + 1,) with the new point as the last stage."""
        return np.vstack([self.a, self.b]), np.append(self.c, 1.0)


@cache
def pair(name: str) -> Pair:
    """SciPy's `RK45` (Dormand-Prince 5(4)) or `DOP853` (Dormand-Prince 8(5,3)). Raises `InvalidInput` for others.

    SciPy's integrators take longer to import than a Hessian of a small system takes from the start of Python, so the numbers
    of `DOP853`, which are no rationals, are kept beside the compiled kernels.
    """
    if name not in METHODS:
        raise InvalidInput(f"The discrete adjoint integrates with {' or '.join(METHODS)}, not with {name!r}.")
    if name == "RK45":
        scheme, errors = tableau(name), np.array([ERRORS], dtype=np.float64)
        return Pair(name, scheme.matrix, np.array(scheme.b), np.array(scheme.c), errors, -1 / 5)
    import scipy

    file = cache_folder() / f"{name}-scipy-{scipy.__version__}.npy"
    data = whole(file)  # a number that was changed would give a Hessian that is wrong without a word
    if data is None:
        numbers, out = _from_scipy(), io.BytesIO()
        np.save(out, numbers)
        with contextlib.suppress(OSError):  # a full disk
            keep(file, out.getvalue())
    else:
        numbers = np.load(io.BytesIO(data))
    s, exponent = int(numbers[0]), float(numbers[1])
    a, b, c, errors = np.split(numbers[2:], np.cumsum([s * s, s, s]))
    return Pair(name, a.reshape(s, s), b, c, errors.reshape(-1, s + 1), exponent)


def _from_scipy() -> Array:
    """Of `DOP853`: number of stages, exponent, a, b, c and error weights in one vector."""
    from scipy.integrate import DOP853 as method

    scheme = tableau("DOP853")
    s, errors = len(scheme.b), [*method.E5, *method.E3]
    exponent = -1.0 / (method.error_estimator_order + 1)
    return np.concatenate([[s, exponent], scheme.matrix.ravel(), scheme.b, scheme.c, errors])
