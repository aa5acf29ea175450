"""The ring modulator: a circuit of four diodes that mixes a low and a high frequency; stiff, driven and oscillating.

    C U1' = I1 - I3/2 + I4/2 + I7 - U1/R        C U2' = I2 - I5/2 + I6/2 + I8 - U2/R
    Cs U3' = I3 - q(D1) + q(D4)       Cs U4' = -I4 + q(D2) - q(D3)
    Cs U5' = I5 + q(D1) - q(D3)       Cs U6' = -I6 - q(D2) + q(D4)
    Cp U7' = -U7/Rp + q(D1) + q(D2) - q(D3) - q(D4)       Lh I1' = -U1       Lh I2' = -U2
    Ls2 I3' = U1/2 - U3 - Rg2 I3      Ls3 I4' = -U1/2 + U4 - Rg3 I4
    Ls2 I5' = U2/2 - U5 - Rg2 I5      Ls3 I6' = -U2/2 + U6 - Rg3 I6
    Ls1 I7' = -U1 + E1 - (Ri + Rg1) I7        Ls1 I8' = -U2 - (Rc + Rg1) I8
    q(D) = gamma (exp(delta D) - 1),   E1 = sin(2e3 pi t) / 2,   E2 = 2 sin(2e4 pi t)
    D1 = U3 - U5 - U7 - E2,   D2 = -U4 + U6 - U7 - E2,   D3 = U4 + U5 + U7 + E2,   D4 = -U3 - U6 + U7 + E2

on (0, t1) from rest, `t1 = 1e-5` by default, a tenth of the fast period; state (U1 .. U7, I1 .. I8), volts and amperes; loss
sum_i ((y_i(t1) - seen_i) / size_i)^2 with sizes of 1 V and 1 mA. The smallest capacity, `Cs = 2e-12`, makes it stiff.
Source: Horneber, Dissertation, Kaiserslautern 1976; Kampowsky, Rentrop & Schmidt, Surv. Math. Ind. 2 (1992) 23; Mazzia &
Magherini, Test Set for IVP Solvers, release 2.4 (2008), problem RING MODULATOR, which gives the state at 1e-3.
"""

import math

import numpy as np

from hessbench import InvalidInput, Problem, misfit, misfit_blocks

CIRCUIT = {
    "C": 1.6e-8, "Cs": 2e-12, "Cp": 1e-8, "R": 25e3, "Rp": 50.0, "Lh": 4.45, "Ls1": 0.002, "Ls2": 5e-4, "Ls3": 5e-4,
    "Rg1": 36.3, "Rg2": 17.3, "Rg3": 17.3, "Ri": 50.0, "Rc": 600.0, "gamma": 40.67286402e-9, "delta": 17.7493332,
}  # fmt: skip
REACHED = (
    -0.2339057358486745e-1, -0.7367485485540825e-2, 0.2582956709291169, -0.4064465721283450, -0.4039455665149794,
    0.2607966765422943, 0.1106761861269975, 0.2939904342435596e-6, -0.2840029933642329e-7, 0.7267198267264553e-3,
    0.7929487196960840e-3, -0.7255283495698965e-3, -0.7941401968526521e-3, 0.7088495416976114e-4, 0.2390059075236570e-4,
)  # fmt: skip


def rhs(xp, t, y, p):
    u1, u2, u3, u4, u5, u6, u7, i1, i2, i3, i4, i5, i6, i7, i8 = (y[k : k + 1] for k in range(15))
    e1, e2 = 0.5 * xp.sin(2e3 * math.pi * t), 2 * xp.sin(2e4 * math.pi * t)

    def q(voltage):
        return p["gamma"] * (xp.exp(p["delta"] * voltage) - 1)

    q1, q2 = q(u3 - u5 - u7 - e2), q(u6 - u4 - u7 - e2)
    q3, q4 = q(u4 + u5 + u7 + e2), q(u7 - u3 - u6 + e2)
    c, cs, cp, r, rp, lh = (p[key] for key in ("C", "Cs", "Cp", "R", "Rp", "Lh"))
    ls1, ls2, ls3, rg1, rg2, rg3 = (p[key] for key in ("Ls1", "Ls2", "Ls3", "Rg1", "Rg2", "Rg3"))
    return xp.concatenate([
        (i1 - i3 / 2 + i4 / 2 + i7 - u1 / r) / c,
        (i2 - i5 / 2 + i6 / 2 + i8 - u2 / r) / c,
        (i3 - q1 + q4) / cs,
        (q2 - i4 - q3) / cs,
        (i5 + q1 - q3) / cs,
        (q4 - i6 - q2) / cs,
        (q1 + q2 - q3 - q4 - u7 / rp) / cp,
        -u1 / lh,
        -u2 / lh,
        (u1 / 2 - u3 - rg2 * i3) / ls2,
        (u4 - u1 / 2 - rg3 * i4) / ls3,
        (u2 / 2 - u5 - rg2 * i5) / ls2,
        (u6 - u2 / 2 - rg3 * i6) / ls3,
        (e1 - u1 - (p["Ri"] + rg1) * i7) / ls1,
        -(u2 + (p["Rc"] + rg1) * i8) / ls1,
    ])  # fmt: skip


def problem(t1: float = 1e-5, wrt=("C", "Cp", "Rp", "delta")) -> Problem:
    """Until `t1 > 0` seconds, with respect to `wrt`: `"y0"` and any of the constants in `CIRCUIT`."""
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"ring-modulator: `t1` is {t1!r}, expected a positive time.")
    size = np.repeat([1.0, 1e-3], [7, 8])
    return Problem(
        name="ring-modulator",
        rhs=rhs,
        loss=misfit,
        t_span=(0.0, float(t1)),
        y0=np.zeros(15),
        params={**CIRCUIT, "size": size, "seen": 1.1 * np.array(REACHED)},
        wrt=wrt,
        loss_uses_y0=False,
        dissipative=True,
        loss_blocks=misfit_blocks,
        scale={"y0": size},
    ).perturbed_by_share(0.01)
