"""Whether a kernel agrees with NumPy at the problem's own values: its derivatives by `discrete._trust`, its sweeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._errors import IntegrationError
from .._integrate.ivp import IVP
from .._model.counters import Counters
from .._model.derivatives import Array, Params
from ..discrete._columns_numpy import ColumnsSwept
from ..discrete._compiled import flat_params
from ..discrete._field import NOTHING, Values, patterns
from ..discrete._fold import Folded
from ..discrete._gate import AGREES, Looked, look, random_end, said_of, worst
from ..discrete._stepper import Tolerances
from ..discrete._workspace import Buffer
from .compiled import Compiled, CompiledSwept
from .radau import A, C
from .stepper import Steps, factorised, solved
from .sweeps import Sweeps

STEPS, LARGE = 8, 100  # over which sweeps are compared; two where there are more states, for these factors are dense
PROBE = 1e-6  # tolerance of these


class ImplicitField:
    """What a kernel evaluates, as `_trust` looks at it, at the values of parameters that are in `p` but active ones."""

    def __init__(self, compiled: Compiled, folded: Folded, p: Params) -> None:
        k, self.folded = compiled.kernel, folded
        e, n, count = k.places, k.n, len(k.active)
        self.n, self.count, self.active, self.code = n, count, np.array(k.active, dtype=int), compiled.code
        self.parameters, self.fixed = flat_params(k.params, p).array, Buffer(k.fixed)
        self.sizes = (n, len(e["J"]), len(e["A"]), k.second)
        self.first, self.second, self.take = patterns(e, n, count)

    def __call__(self, t: Array, y: Array, u: Array, q: Array | None = None) -> Values:
        sets = [self._one(*args) for args in zip(t, y, u, np.zeros(y.shape) if q is None else q, strict=True)]
        slopes, jac, by_params, curved = (np.array(parts) for parts in zip(*sets, strict=True))
        first = np.concatenate([jac, by_params], axis=-1)
        return Values((slopes,), first, NOTHING if q is None else curved[..., self.take])

    def _one(self, t: Array, y: Array, u: Array, q: Array) -> list[Array]:
        values = Buffer(self.parameters.size + 1)
        values.array[:-1] = self.parameters
        values.array[self.active] = u
        points = [np.ascontiguousarray(a, dtype=np.float64) for a in (t, y, q)]
        out = [np.empty((t.size, size)) for size in self.sizes]
        self.code.probe(t.size, values.address, self.fixed.address, *(a.ctypes.data for a in (*points, *out)))
        return out

    def slopes(self, tau: Array, z: Array, p: Params) -> Array:
        """(m, N) at times (m,) and states (m, N)."""
        return self(tau[None], z[None], self.folded.values(p)[None]).values[0][0]


class ImplicitDerivatives:
    """The same as the NumPy sweeps take it (`discrete._columns_numpy.Folding`)."""

    def __init__(self, field: ImplicitField) -> None:
        self.field, self.folded = field, field.folded

    def first(self, tau: Array, z: Array, p: Params) -> tuple[Array, Array]:
        jac = self.field.first.dense(self._at(tau, z, None, p).first[0])
        return jac[..., : self.field.n], jac[..., self.field.n :]

    def second(self, tau: Array, z: Array, q: Array, p: Params) -> Array:
        out, n, m = self.field.second.dense(self._at(tau, z, q, p).second[0]), self.folded.problem.dim, self.field.n
        keep = np.r_[:n, m : m + self.field.count]
        return out[:, keep[:, None], keep]

    def along(self, tau: Array, z: Array, q: Array, v: Array, p: Params) -> Array:
        return (self.second(tau, z, q, p) @ v[..., None])[..., 0]

    def _at(self, tau: Array, z: Array, q: Array | None, p: Params) -> Values:
        return self.field(tau[None], z[None], self.folded.values(p)[None], None if q is None else q[None])


def passes(compiled: Compiled, folded: Folded, ivp: IVP) -> tuple[str | None, Looked]:
    """`None` if the kernel agrees, else one sentence that says how it does not; and the points that were looked at."""
    looked = look(None, folded, ivp)
    field = ImplicitField(compiled, folded, folded.problem.unpack(folded.problem.x0)[1])
    said = said_of(field, folded, looked)
    if said is not None:
        return f"the generated code {said.words}", looked
    if compiled.stamp.exists():
        return None, looked
    gap = disagreement(compiled, ImplicitDerivatives(field), ivp)
    if not gap <= AGREES:
        words = f"differs from the NumPy form by {gap:.1e} in its sweeps (at most {AGREES:g} is accepted)"
        return f"the generated code {words}", looked
    compiled.stamp.touch()
    return None, looked


def disagreement(compiled: Compiled, derivatives: ImplicitDerivatives, ivp: IVP) -> float:
    """Largest difference of stages, gradient and products from the NumPy sweeps over the same steps, in units of the unknowns.

    With random blocks of the loss, from the problem's own point; a solve that fails says nothing.
    """
    rng, folded = np.random.default_rng(4), derivatives.folded
    problem, columns, k = folded.problem, folded.columns, compiled.kernel
    y0, p = problem.unpack(problem.x0)
    z0, unknowns = folded.start(y0), folded.values(p)
    states = np.where(z0 != 0, np.abs(z0), np.abs(z0).max() or 1.0)
    widths = np.where(unknowns != 0, np.abs(unknowns), 1.0)
    size = np.ones(columns.total)
    size[columns.params] = widths
    if columns.y0 is not None:
        size[columns.y0] = states[: problem.dim]
    tolerances = Tolerances(np.tile(PROBE * states, (1 + compiled.probes, 1)), np.tile(states, (compiled.probes, 1)))
    quiet = replace(ivp, rtol=PROBE, counters=Counters())
    values, still = flat_params(k.params, p), np.zeros((compiled.probes, unknowns.size))
    try:
        found = compiled.forward(z0, values, still, folded.t_span, quiet, tolerances, most=STEPS if k.n <= LARGE else 2)
    except IntegrationError:
        return 0.0
    t, h, y = found.path.sampled(found.steps)
    stages = found.path.x.array[: 3 * t.size * k.n].reshape(t.size, 3, k.n)
    path = Steps(t, h, y, stages, found.y1)
    jacobians = [derivatives.first(s + C * length, rows, p)[0] for s, length, rows in zip(t, h, stages, strict=True)]
    path.factors = [factorised(float(length), jac) for length, jac in zip(h, jacobians, strict=True)]
    f = folded.slope(p)
    end, d = random_end(rng, folded, states, widths), size[:, None] * rng.standard_normal((size.size, 2))
    with np.errstate(all="ignore"):
        theirs, ours = ColumnsSwept(Sweeps(derivatives, p, path, columns), end), CompiledSwept(compiled, found, end)
        pairs = [(ours.grad * size, theirs.grad * size)]
        pairs += [(ours.products(d) * size[:, None], theirs.products(d) * size[:, None])]
        return max(worst(pairs), _residual(f, path, states))


def _residual(f, path: Steps, states: Array) -> float:
    """By how much the stages would move in one more step of Newton's method, with NumPy's right-hand side."""
    out = 0.0
    for t, h, y, rows, factors in zip(path.t, path.h, path.y, path.stages, path.factors, strict=True):
        slopes = np.array([f(float(s), row) for s, row in zip(t + C * h, rows, strict=True)])
        out = max(out, float(np.max(np.abs(solved(factors, h * (A @ slopes) - (rows - y))) / states)))
    return out
