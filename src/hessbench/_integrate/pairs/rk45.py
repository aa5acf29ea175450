"""The pair of Dormand & Prince of orders 5 and 4, which SciPy calls `RK45`.

Source: Dormand & Prince, J. Comput. Appl. Math. 6 (1980) 19, table 2; Hairer, Norsett & Wanner, Solving Ordinary Differential
Equations I, table II.5.2.
"""

from __future__ import annotations

from fractions import Fraction

from . import Pair, rationals

A = tuple(
    rationals(row)
    for row in (
        "",
        "1/5",
        "3/40 9/40",
        "44/45 -56/15 32/9",
        "19372/6561 -25360/2187 64448/6561 -212/729",
        "9017/3168 -355/33 46732/5247 49/176 -5103/18656",
    )
)
B = rationals("35/384 0 500/1113 125/192 -2187/6784 11/84")
C = rationals("0 1/5 3/10 4/5 8/9 1")
B_FOURTH = rationals("5179/57600 0 7571/16695 393/640 -92097/339200 187/2100 1/40")  # the last is that of the new slope
ERRORS = tuple(fourth - fifth for fourth, fifth in zip(B_FOURTH, (*B, Fraction(0)), strict=True))
EXTENT = 3.3  # on the negative axis: Hairer & Wanner, Solving Ordinary Differential Equations II, section IV.2
PAIR = Pair("RK45", 5, A, B, C, (ERRORS,), -1 / 5, EXTENT)
