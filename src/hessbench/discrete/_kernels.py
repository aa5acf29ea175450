"""Which kernel a right-hand side gets: loops over the arrays of a quadratic system, scalar code, or loops over arrays.

Scalar code takes as long to compile as there are scalar operations, and from `LARGE` of them on it is slower, too, than loops
over the arrays that the right-hand side is written in (`arrays`), whose code is as long as what was written.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._integrate.pairs import Pair
from .._model.derivatives import Array
from .._model.problem import Problem
from ._build import clause, vector_width
from ._fold import Folded
from ._graph import CannotTrace
from ._kernel import LARGE, Kernel, generate
from ._kernel_quadratic import quadratic_kernel
from ._options import Options
from ._quadratic import agrees_with_rhs
from ._trace import moves_switches, record
from ._trust import doubles
from .arrays._kernel import ArrayLoops, array_kernel
from .arrays._namespace import recorded

LOOPS = range(8, 81)  # states of a quadratic system for which loops in C are faster than scalar code, and than NumPy
DENSE = 0.2  # share of its B from which on it counts as dense
FEWEST, LEAST = (
    8,
    450,
)  # states, and numbers that are read to compute the slopes, from which on there may be loops over arrays
CERTAIN = 3 * LARGE  # operations, as they are estimated, from which on nobody counts them as scalars


class Chosen(NamedTuple):
    """`coefficients` are numbers that the kernel reads, or `None`; `chooses`: a switch that the unknowns move."""

    kernel: Kernel
    coefficients: Array | None
    chooses: bool
    source: str


def chosen(folded: Folded, options: Options, scheme: Pair, products: bool) -> Chosen:
    """The kernel of a folded right-hand side. Raises `CannotTrace` with the reason, `InvalidInput` for wrong arrays."""
    problem, alone, patient = folded.problem, folded.problem.of_state_alone and not products, options.form == "compiled"
    given, n, width = problem.derivatives, problem.dim, vector_width()
    suits = n in LOOPS or (patient and n >= LOOPS.stop)
    if alone and given is not None and given.quadratic is not None and options.form != "sparse" and suits:
        terms = given.quadratic(problem.params)
        if np.count_nonzero(terms.bilinear) > DENSE * n**3:
            agrees_with_rhs(terms, problem)
            kernel, coefficients = quadratic_kernel(terms, scheme, options.probes, width)
            return Chosen(kernel, coefficients, False, "dense quadratic, derivatives as loops in C")
    arrays, why = _recorded(problem, width) if alone and n >= FEWEST else (None, "")
    if arrays is None or arrays.operations <= CERTAIN:
        try:
            traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=alone)
            sweep = True if options.form == "sparse" and not traced.second_order else None
            columns, most = None if alone else folded.columns, None if arrays is None else LARGE
            kernel = generate(traced, scheme, options.probes, width, columns, sweep, patient, most)
            return Chosen(kernel, None, moves_switches(traced), "derivatives generated as C")
        except CannotTrace as reason:
            if arrays is None:
                raise CannotTrace(f"{reason}{why}") from reason
    sparse = True if options.form == "sparse" and not arrays.second_order else None
    kernel = array_kernel(arrays, scheme, options.probes, width, sparse)
    if (size := _carried(kernel)) > options.memory:
        raise CannotTrace(f"its matrices take {size / 2**20:.0f} MiB, more than `memory`")
    return Chosen(kernel, arrays.coefficients, arrays.switches, "derivatives as loops over arrays in C")


def _carried(kernel: Kernel) -> float:
    """Bytes of the tangents of one step and of the entries of a segment, of which there are at least two vectors of stages."""
    k = kernel
    tangents = 3 * k.stages * k.m * k.n if k.sweep == "dense" else 4 * k.n * k.n
    return 8.0 * (tangents + (k.granule * k.stages + k.width) * (len(k.places["J"]) + k.entries))


def _recorded(problem: Problem, width: int) -> tuple[ArrayLoops | None, str]:
    """The right-hand side as loops over arrays where that may be worth it, or `None` and why it cannot be."""
    try:
        table, slopes = recorded(problem.rhs, problem.dim, doubles(problem.params))
        worth = sum(block.arguments.size for block in table.blocks) >= LEAST
        return (ArrayLoops(table, slopes, width), "") if worth else (None, "")
    except CannotTrace as reason:
        return None, f"; as arrays, {clause(reason)}"
