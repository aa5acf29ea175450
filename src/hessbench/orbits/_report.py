"""Results as plain dictionaries, for `--json` and for the printed pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from .._model.derivatives import Array
from ._arclength import Curve
from ._euler import SIMO
from ._explore import Map
from ._families import Family, Member
from ._find import ClosedOrbit
from ._physics import quantities
from ._rediscover import Arrival, Soft


def complex_pairs(values: Array) -> list[list[float]]:
    """[real, imaginary] of each."""
    return [[float(v.real), float(v.imag)] for v in np.atleast_1d(values)]


def exponents(multipliers: Array) -> list[float]:
    """nu > 0 of each pair exp(+-2 pi i nu) on the unit circle."""
    on = [v for v in multipliers if abs(abs(v) - 1) < 1e-7 and v.imag > 1e-9]
    return sorted(float(np.angle(v)) / (2 * np.pi) for v in on)


def found(orbit: ClosedOrbit) -> dict[str, Any]:
    """What `find` reports."""
    return {
        "converged": orbit.converged, "reason": orbit.reason, "closure": orbit.closure, "period": orbit.period,
        "x": orbit.x.tolist(), "method": orbit.method, "moved": float(np.linalg.norm(orbit.x - orbit.start)),
        "work": asdict(orbit.work),
    }  # fmt: skip


def analysed(orbit: ClosedOrbit) -> dict[str, Any]:
    """What `analyse` reports."""
    spectrum, q = orbit.spectrum, quantities(orbit.problem, orbit.x, orbit.period)
    return {
        **found(orbit),
        "eigenvalues": spectrum.eigenvalues.tolist(),
        "null_directions": spectrum.null,
        "directions": [{"name": d.name, "kind": d.kind, "eigenvalue": d.eigenvalue} for d in spectrum.directions],
        "multipliers": complex_pairs(spectrum.nontrivial),
        "multipliers_forced_to_1": len(orbit.x) - len(spectrum.nontrivial),
        "floquet_exponents": exponents(spectrum.nontrivial),
        "stable": orbit.stable,
        "symplecticity": spectrum.symplecticity,
        "scaling_defect": spectrum.scaling_defect,
        q.energy_name: q.energy,
        "angular_momentum": None if q.angular_momentum is None else q.angular_momentum.tolist(),
        "action": q.action,
        "choreography_defect": q.choreography_defect,
        "closest_approach": q.closest,
        "closest_pair": q.closest_pair,
    }


def arrival(soft: Soft, a: Arrival) -> dict[str, Any]:
    """What `simo` reports."""
    return {
        "where": a.where, "direction": a.direction, "step": a.step, "method": a.method,
        "choreography_defect": a.defect, "closure": a.orbit.closure, "reason": a.orbit.reason, "x": a.orbit.x.tolist(),
        "a": a.form.a, "b": a.form.b, "rescaled_period": a.form.period, "euler_defect": a.form.defect,
        "difference_from_simo": a.form.distance(SIMO), "gradients": a.search.gradients, "hessians": soft.work.hessians,
        "jacobians": a.search.monodromies, "rhs": soft.work.rhs + a.search.rhs, "polish": asdict(a.polish),
        "soft_eigenvalues": soft.eigenvalues[4:6].tolist(), "seconds": a.seconds,
    }  # fmt: skip


def explored(result: Map) -> dict[str, Any]:
    """What `explore` reports."""
    return {
        "directions": [result.first.eigenvalue, result.second.eigenvalue],
        "s": result.s.tolist(), "t": result.t.tolist(), "kind": result.kind.tolist(), "monodromies": result.monodromies,
        "ends": [
            {"number": e.number, "name": e.name, "count": e.count, "choreography_defect": e.defect,
             "largest_multiplier": e.largest_multiplier, "x": e.x.tolist(), "period": e.period}
            for e in result.ends
        ],
    }  # fmt: skip


def followed(result: Family) -> dict[str, Any]:
    """What `family` reports."""
    return {"parameter": result.parameter, "ended": result.ended, "members": [_member(m) for m in result.members]}


def curve(result: Curve) -> dict[str, Any]:
    """What `family --arc` reports."""
    return {
        "parameter": result.parameter, "ended": result.ended, "members": [_member(m) for m in result.members],
        "lengths": result.lengths.tolist(), "folds": [{"value": f.value, **_member(f.member)} for f in result.folds],
    }  # fmt: skip


def _member(m: Member) -> dict[str, Any]:
    return {
        "value": m.value, "period": float(m.period), "energy": m.energy, "closure": m.closure, "stable": m.stable,
        "largest_multiplier": m.largest, "multipliers": complex_pairs(m.multipliers), "x": m.x.tolist(),
    }  # fmt: skip
