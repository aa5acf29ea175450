"""The parts of a kernel for a dense quadratic right-hand side, as loops: scalar code for it would take minutes to compile.

F_k = c_k + A_ki y_i + B_kij y_i y_j,  T_kij = B_kij + B_kji,  packed as `_model.quadratic` has it, in one chunk
J_ki = A_ki + T_kij y_j,    M_ij = q_k T_kij                 (of VW stages at a time, one in each component of a vector)
"""

from __future__ import annotations

import numpy as np

from .._integrate.pairs import Pair
from .._model.derivatives import Array
from .._model.quadratic import Quadratic
from ._build import fixed_part
from ._expressions import Entries
from ._kernel import Kernel, assemble
from ._quadratic import Packed, jacobian_loops


class DenseQuadratic:
    """What `assemble` asks of a right-hand side, and `coefficients`, which the functions read as `C`."""

    second_order, autonomous, params = False, True, ()

    def __init__(self, terms: Quadratic, width: int) -> None:
        n = self.m = len(terms.bilinear)
        self.packed = packed = Packed(terms, width, most=n)
        everywhere = [(k, i) for k in range(n) for i in range(n)]
        self.places: dict[str, Entries] = {"J": everywhere, "A": [], "YY": everywhere, "YU": [], "UU": []}
        beyond = np.zeros(width * packed.vectors * width)  # `contraction` reads whole vectors of pairs from any pair on
        self.coefficients = np.concatenate([packed.constant, packed.linear.ravel(), packed.data, beyond])

    def functions(self) -> str:
        """The C functions `slope`, `slopes`, `jacobian` and `contraction`."""
        packed, loops = self.packed, jacobian_loops(self.packed.width, [self.packed.vectors])
        sizes = f"#define LD {packed.ld}\n#define VECTORS {packed.vectors}\n#define PAIRS {packed.pairs}\n"
        return (
            loops.replace("void jacobian", "static void packed_jacobian")
            + sizes
            + fixed_part("discrete", "quadratic.c")
        )


def quadratic_kernel(terms: Quadratic, pair: Pair, probes: int, width: int) -> tuple[Kernel, Array]:
    """The kernel of the dense quadratic right-hand side, and the coefficients that it reads."""
    parts = DenseQuadratic(terms, width)
    prepare = "void prepare(const double *P, double *C) {}\n"  # they stay as they are
    kernel = assemble(parts, prepare + parts.functions(), parts.coefficients.size, pair, probes, width, "dense")
    return kernel, parts.coefficients
