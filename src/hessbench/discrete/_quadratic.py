"""Value and Jacobian of a dense quadratic right-hand side from one pass over half of its coefficients, in C.

    F_k = c_k + A_ki y_i + B_kij y_i y_j,    T_kij = B_kij + B_kji
    J_ki = A_ki + T_kij y_j,    F = c + (A + J) y / 2,    M_ij = q_k T_kij

At a hundred states the evaluations of `F` and `J` are limited by the bandwidth at which `T` can be read, 8 MB for each with
a matrix product. `T` is symmetric in (i, j): here each pair `i <= j` is stored once, for all `k` in a row, so that vectors
run over `k`, and an entry that was read serves `J_ki` and `J_kj`. Contractions read it once for all stages of all steps.

The rows over `k` are cut into chunks of at most `MOST_VECTORS` vectors, stored one chunk after the other, so that a chunk of
the Jacobian stays in the first-level cache and its row `i` in registers.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .._errors import InvalidInput, Unavailable
from .._model.derivatives import Array, Derivatives
from .._model.problem import Problem
from .._model.quadratic import Quadratic
from ._build import CompilerError, clause, fixed_part, load, vector_width

MOST_VECTORS = 6
AGREES = 1e-13  # of the C code with products of the arrays as given, relative, per state
ROUND_OFF = 1e-9  # of the arrays with the problem's right-hand side
PRODUCTS, LEAST_ROWS = 3e8, 64  # of one call of `contract`, so that Python sees Ctrl-C in between


def jacobian_loops(width: int, chunks: Sequence[int]) -> str:
    """C code of `jacobian` for vectors of `width` doubles and the given numbers of vectors in a chunk."""
    cases = " ".join(f"case {w}: call({w}); break;" for w in chunks)
    head = f"#define VW {width}\n#define MOST {max(chunks)}\n#define CASES(call) {cases}\n"
    return head + fixed_part("discrete", "packed.c")


def contract_loops(width: int) -> str:
    """C code of `contract`, to follow that of `jacobian`; sums within vectors go by pairs of vectors."""
    lines, half, places = [], 1, range(width)
    while half < width:
        low = [k if k // half % 2 == 0 else width + k - half for k in places]
        high = [k + half if k // half % 2 == 0 else width + k for k in places]
        masks = (", ".join(map(str, mask)) for mask in (low, high))
        sides = " + ".join(f"__builtin_shufflevector(a[2 * l], a[2 * l + 1], {mask})" for mask in masks)
        lines.append(f"  UNROLL for (int l = 0; l < {width // (2 * half)}; l++) a[l] = {sides};")
        half *= 2
    body = "\n".join(lines)
    head = f"/* The sums of VW vectors' components, as one vector. */\nINLINE vec sums(vec *a) {{\n{body}\n  return a[0];\n}}\n"
    return head + fixed_part("discrete", "contract.c")


Linearise = Callable[[float, Array], tuple[Array, Array]]


def exploit(derivatives: Derivatives, problem: Problem, compiled: bool) -> tuple[Derivatives, Linearise, str]:
    """Derivatives, `linearise(t, y)` -> `F` (n,) and `J` (n, n), and what they are, for a `problem` that is quadratic.

    In C if that is wanted and possible, else with one NumPy product for both. Raises `InvalidInput` if the arrays do not give
    the problem's right-hand side.
    """
    assert derivatives.quadratic is not None
    terms, counters, given = derivatives.quadratic(problem.params), problem.counters, derivatives
    agrees_with_rhs(terms, problem)

    def by_numpy(t: float, y: Array) -> tuple[Array, Array]:
        jac = given.jac(t, y, problem.params)
        return terms.value(y, jac), jac

    if not compiled:
        return given, by_numpy, "quadratic, value and Jacobian by one product"
    try:
        packed = PackedQuadratic(terms)
    except (CompilerError, Unavailable, OSError) as reason:
        return given, by_numpy, f"quadratic, value and Jacobian by one product; not packed: {clause(reason)}"

    def linearise(t: float, y: Array) -> tuple[Array, Array]:
        if counters is not None:
            counters.jacobians += 1
        return packed.linearise(y)

    made = Derivatives(
        vjp=given.vjp,
        jac=lambda t, y, p: packed.jac(y),
        vhp=lambda t, y, s, p: packed.contract(s),
        source=given.source,
    )
    if counters is not None:
        made = replace(made.counted(counters), vjp=given.vjp)
    return made, linearise, "quadratic, packed coefficients in C"


def agrees_with_rhs(terms: Quadratic, problem: Problem) -> None:
    """Raise `InvalidInput` if the arrays do not give the problem's right-hand side, at a point near its start."""
    y = problem.y0 + 1e-2 * (1 + np.abs(problem.y0)) * np.random.default_rng(6).standard_normal(problem.dim)
    ours, theirs = terms.value(y, terms.jac(y)), problem.rhs(np, problem.t_span[0], y, problem.params)
    gap, size = float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())
    if not gap <= ROUND_OFF * terms.magnitude(y):
        raise InvalidInput(
            f"The arrays that `derivatives.quadratic` of problem {problem.name!r} gives are not those of its right-hand side: "
            f"they differ by {gap:.1e} at a point where it is {size:.1e}. Correct them, or leave `quadratic` out."
        )


class Packed:
    """The arrays of one quadratic right-hand side as the C code reads them.

    `constant` (ld,), `linear` (n, ld) transposed, and `data`: chunks of at most `most` vectors, each (pairs, vectors of the
    chunk), one after the other. `pairs`, the number of pairs `i <= j`, is filled up to a multiple of `width`.
    """

    def __init__(self, terms: Quadratic, width: int, most: int = MOST_VECTORS) -> None:
        n = self.n = len(terms.bilinear)
        self.width, self.vectors = width, -(-n // width)
        self.ld = (self.vectors | 1) * width  # an odd number of vectors: columns do not fall on the same cache lines
        self.constant, self.linear = aligned(self.ld), aligned(n, self.ld)
        if terms.constant is not None:
            self.constant[:n] = terms.constant
        if terms.linear is not None:
            self.linear[:, :n] = terms.linear.T
        i, j = np.triu_indices(n)
        self.pairs = -(-i.size // width) * width
        self.data, at = aligned(self.pairs * self.vectors * width), 0
        for part in np.array_split(np.arange(self.vectors), -(-self.vectors // most)):  # the longer ones first, as in C
            k = np.arange(part[0] * width, min(n, (part[-1] + 1) * width))
            chunk = self.data[at : at + self.pairs * part.size * width].reshape(self.pairs, -1)
            some = terms.bilinear[k]
            chunk[: i.size, : k.size] = (some[:, i, j] + some[:, j, i]).T
            at += chunk.size


class PackedQuadratic(Packed):
    """`linearise` and `contract` of one quadratic right-hand side.

    Raises `CompilerError` where the compiler fails or its code does not agree with NumPy, `Unavailable` without a compiler.
    """

    def __init__(self, terms: Quadratic) -> None:
        super().__init__(terms, vector_width())
        code, _ = load(jacobian_loops(self.width, range(1, MOST_VECTORS + 1)) + contract_loops(self.width))
        long, pointer = ctypes.c_long, ctypes.c_void_p
        self._jacobian, self._contract = code.jacobian, code.contract
        self._jacobian.argtypes, self._jacobian.restype = [long] * 4 + [pointer] * 6, None
        self._contract.argtypes, self._contract.restype = [long] * 5 + [pointer] * 4, None
        self._fixed = [address(a) for a in (self.constant, self.linear, self.data)]
        self._check(terms)

    def linearise(self, y: Array) -> tuple[Array, Array]:
        """`F` (n,) and `J` (n, n), the latter with its columns in a row, at `y` (n,)."""
        y = np.ascontiguousarray(y, dtype=np.float64)
        jac, value = aligned(self.n, self.ld, clear=False), aligned(self.ld, clear=False)
        self._jacobian(
            self.n, self.ld, self.vectors, self.pairs, *self._fixed, address(y), address(jac), address(value)
        )
        return value[: self.n], jac[:, : self.n].T

    def jac(self, y: Array) -> Array:
        """`J` (..., n, n) at `y` (..., n)."""
        return np.stack([self.linearise(one)[1] for one in y.reshape(-1, self.n)]).reshape(*y.shape, self.n)

    def contract(self, q: Array) -> Array:
        """`q_k T_kij` (..., n, n) for `q` (..., n)."""
        n, total = self.n, q.size // self.n
        flat, out, most = q.reshape(total, n), np.empty((total, n, n)), max(LEAST_ROWS, int(PRODUCTS / self.data.size))
        for start in range(0, total, most):
            part = out[start : start + most]
            rows = len(part)
            padded, work = aligned(rows, self.ld), aligned(rows, self.pairs)
            padded[:, :n] = flat[start : start + rows]
            self._contract(
                n,
                self.ld,
                self.vectors,
                self.pairs,
                rows,
                self._fixed[2],
                address(padded),
                address(work),
                address(part),
            )
        return out.reshape(*q.shape, n)

    def _check(self, terms: Quadratic) -> None:
        """Compare with the arrays as they were given, at a random point: compilers have been seen to get such code wrong."""
        y, q = np.random.default_rng(5).standard_normal((2, self.n))
        jac, by_q = terms.jac(y), np.tensordot(q, terms.bilinear, 1)
        value, found = self.linearise(y)
        pairs = [(found, jac), (value, terms.value(y, jac)), (self.contract(q), by_q + by_q.T)]
        for ours, theirs in pairs:
            size = float(np.abs(theirs).max())
            gap = float(np.abs(ours - theirs).max())
            if not gap <= AGREES * (10 + self.n) * size:
                raise CompilerError(f"the compiled quadratic kernel differs from NumPy by {gap:.1e} of {size:.1e}")


def address(a: Array) -> int:
    """Where the data of `a` start."""
    return a.__array_interface__["data"][0]


def aligned(*shape: int, clear: bool = True) -> Array:
    """Doubles that start at a multiple of 64 bytes, zero or as memory was found."""
    size = math.prod(shape)
    raw = (np.zeros if clear else np.empty)(size + 8)
    at = -address(raw) // 8 % 8
    return raw[at : at + size].reshape(shape)
