"""Hessians by SUNDIALS CVODES: forward sensitivities, one adjoint, and the curvature as quadratures of that adjoint.

`source` writes the right-hand side and its derivatives as C in front of `cvodes.c`, which is compiled on demand against an
installed SUNDIALS; `solver` calls it.
"""

from .solver import prepare as prepare
from .source import missing as missing
