"""`hessbench orbit oscillator`, `kepler`, `configurations`, `determinants`: what has a closed form, beside it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from .._errors import HessbenchError, InvalidInput
from ._command import Json, Out, app, show, wrote

if TYPE_CHECKING:
    from ._motion import Motion


@app.command()
def oscillator(
    d: Annotated[
        int | None,
        typer.Option("-d", help="Sweep 1 to d dimensions: isotropic, anisotropic, resonant; multiplicities."),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Oscillators: closed-form Hessian against computed, through the resonances of two, or in 1 to d dimensions."""
    if d is not None:
        _dimensions(d, out, as_json)
        return
    from ._pages import draw_oscillator
    from ._pages import oscillator as page_of

    page = page_of()
    result = {"t": page.at.tolist(), "eigenvalues": page.computed.tolist(), "error": page.error.tolist()}
    show(result, as_json, [f"{len(page.at)} times, largest relative error of the Hessian {np.max(page.error):.1e}"])
    wrote(draw_oscillator(page, out) if out is not None else [], as_json)


def _dimensions(d: int, out: Path | None, as_json: bool) -> None:
    from ._oscillators import draw, sweep

    rows = sweep(d)
    text = [f"{'oscillators':40s} {'d':>2s} {'error':>8s}  eigenvalue x multiplicity, by closed form"]
    for r in rows:
        found = "  ".join(f"{v.value:.6g} x {v.multiplicity}" for v in r.exact)
        text.append(f"{r.kind:40s} {r.d:2d} {r.error:8.1e}  {found}" + ("" if r.agree else "  (computed ones differ)"))
    agree = sum(r.agree for r in rows)
    text.append(
        f"{agree} of {len(rows)} have the multiplicities of the closed form; largest error {max(r.error for r in rows):.1e}"
    )
    listed = [
        {"kind": r.kind, "d": r.d, "error": r.error, "agree": r.agree,
         "levels": [[v.value, v.multiplicity] for v in r.exact],
         "computed": [[v.value, v.multiplicity] for v in r.computed]}
        for r in rows
    ]  # fmt: skip
    show({"rows": listed}, as_json, text)
    wrote(draw(rows, out) if out is not None else [], as_json)


@app.command()
def kepler(
    periods: Annotated[int, typer.Option(help="Up to this many.")] = 6, out: Out = None, as_json: Json = False
) -> None:
    """Kepler's problem: closed-form Hessian against computed, over 1, 2, ... periods."""
    from ._pages import draw_kepler
    from ._pages import kepler as page_of

    page = page_of(periods)
    result = {"periods": page.at.tolist(), "eigenvalues": page.computed.tolist(), "error": page.error.tolist()}
    text = [f"{k} periods: eigenvalue {c[-1]:.10g}, closed form {e[-1]:.10g}, relative error of H {r:.1e}"
            for k, c, e, r in zip(page.at, page.computed, page.exact, page.error, strict=True)]  # fmt: skip
    show(result, as_json, text)
    wrote(draw_kepler(page, out) if out is not None else [], as_json)


@app.command()
def determinants(as_json: Json = False) -> None:
    """Van Vleck, Gelfand-Yaglom and Euclidean determinants, each beside its closed form."""
    from ._determinants import all_determinants

    rows = all_determinants()
    text = [f"{d.system:38s} {d.quantity:28s} {d.computed: .15g}  error {d.error:.1e}" for d in rows]
    listed = [
        {"system": d.system, "quantity": d.quantity, "computed": d.computed, "exact": d.exact, "error": d.error}
        for d in rows
    ]
    show({"determinants": listed}, as_json, [*text, f"largest relative error {max(d.error for d in rows):.1e}"])


@app.command()
def configurations(as_json: Json = False) -> None:
    """Central configurations that turn: integrated multipliers against closed forms, and who is stable."""
    from ._configurations import RINGS, ring_limit
    from ._configurations import configurations as all_configurations

    rows, limits = all_configurations(), {n: ring_limit(n) for n in RINGS}
    text = [f"{'configuration':32s} {'criterion':24s} {'says':9s} {'largest multiplier':>18s} {'error':>8s}"]
    text += [
        f"{c.name:32s} {c.criterion:24s} {'stable' if c.stable else 'unstable':9s} {c.largest:18.11g} {c.error:8.1e}"
        for c in rows
    ]
    text.append("rings of n bodies of mass m around M are stable up to gamma = m n^3 / M:")
    text.append("  " + ", ".join(f"{n}: {'never' if v is None else f'{v:.4g}'}" for n, v in limits.items()))
    listed = [
        {"name": c.name, "criterion": c.criterion, "stable": c.stable, "largest": c.largest, "error": c.error}
        for c in rows
    ]
    show({"configurations": listed, "ring_limits": limits}, as_json, text)


@app.command()
def determinant(
    file: Annotated[Path, typer.Argument(help="A file that defines `motion = Motion(...)`.")],
    rtol: Annotated[float, typer.Option(help="Relative tolerance of the solver.")] = 1e-12,
    as_json: Json = False,
) -> None:
    """Determinants along a path or periodic orbit of your own: van Vleck, Gelfand-Yaglom, zero modes removed, Maslov index."""
    from ._along import determinant_along

    a = determinant_along(_motion(file), rtol)
    rows: dict[str, object] = {
        "action": a.action, "energy": a.energy, "van Vleck 1 / det B": a.van_vleck,
        "Gelfand-Yaglom, over free motion": a.gelfand_yaglom, "Maslov index": a.index, "det' without zero modes": a.removed,
        "collective coordinates": a.jacobian, "det of the rest": a.reference,
        "det' / det of the rest": None if a.removed is None or a.reference is None else a.removed / a.reference,
        "one-loop factor": a.prefactor,
    }  # fmt: skip
    if a.periodic is not None:
        o = a.periodic
        rows |= {
            "closed integral of p dq": o.w, "period by energy": o.period_by_energy, "|det(M_red - 1)|": o.reduced,
            "multipliers": [[float(v.real), float(v.imag)] for v in o.multipliers],
            "Maslov index of the trace formula": o.maslov,
        }  # fmt: skip
    rows = {key: value for key, value in rows.items() if value is not None}
    text = [f"{a.motion.name}, t = {a.motion.t:.10g}"]
    text += [
        f"{key:34s} {value:.12g}" if isinstance(value, float) else f"{key:34s} {value}" for key, value in rows.items()
    ]
    show({"motion": a.motion.name, "t": a.motion.t, **rows}, as_json, text)


def _motion(file: Path) -> Motion:
    """What a user's file calls `motion`; raises `InvalidInput`."""
    from ._motion import Motion

    if not file.is_file():
        raise InvalidInput(f"There is no file {str(file)!r}.")
    try:
        found = runpy.run_path(str(file)).get("motion")
    except HessbenchError:
        raise
    except Exception as error:  # whatever a user's file raises
        raise InvalidInput(f"{file} cannot be run: {type(error).__name__}: {error}.") from error
    if not isinstance(found, Motion):
        raise InvalidInput(f"{file} defines no motion: write `motion = Motion(...)`, from `hessbench.orbits`.")
    return found
