"""The pair of Dormand & Prince of orders 5 and 4 in exact rationals, which SciPy calls `RK45`.

Source: Dormand & Prince, J. Comput. Appl. Math. 6 (1980) 19, table 2; Hairer, Norsett & Wanner, Solving Ordinary Differential
Equations I, table II.5.2.
"""

from __future__ import annotations

from fractions import Fraction


def _row(line: str) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, line.split()))


A = (
    (),
    _row("1/5"),
    _row("3/40 9/40"),
    _row("44/45 -56/15 32/9"),
    _row("19372/6561 -25360/2187 64448/6561 -212/729"),
    _row("9017/3168 -355/33 46732/5247 49/176 -5103/18656"),
)
B = _row("35/384 0 500/1113 125/192 -2187/6784 11/84")
C = _row("0 1/5 3/10 4/5 8/9 1")
# weights of the solution of order 4, of which the last is that of the slope at the new point
B_FOURTH = _row("5179/57600 0 7571/16695 393/640 -92097/339200 187/2100 1/40")
ERRORS = tuple(fourth - fifth for fourth, fifth in zip(B_FOURTH, (*B, Fraction(0)), strict=True))
