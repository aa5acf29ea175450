"""Why a problem has no reference, in a code word for records and in a sentence for people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._derive.switches import Crossings, crossings, reads_time
from .._errors import IntegrationError, NoReference
from .._model.derivatives import Array
from .._model.problem import TIMES, Problem
from .tight import Path, Tight
from .witness import Witness

SEEN_STATES = 2000
CHAOTIC = 1e-5  # change of the end state between tolerances of 1e-12 and 1e-13

WORDS = {
    "stiff": "it is stiff, too much so for the steps of references ({})",
    "chaotic": "it is chaotic over its time span: the value itself changes with the tolerance ({}). Shorten the time span",
    "kink": (
        "its solution crosses a kink or jump of the right-hand side at a time that depends on the unknowns ({}), where "
        "differentiating the steps misses a term. Give the problem `exact` derivatives in closed form, or smooth the switch"
    ),
    "grazed": "its solution only just touches a switch ({}): a small change of the unknowns decides whether it crosses it",
    "narrow feature": "its right-hand side has a feature in time that is narrower than 1e-4 of the time span ({})",
    "non-finite": "it cannot be integrated or differentiated with finite numbers ({})",
    "no Hessian": "no Hessian exists at this point: differences of the loss blow up as those of a kink do ({})",
    "disagreement": "its methods and differences of its values do not agree ({}). `hessbench check` compares its derivatives",
    "no framework": (
        "a reference needs derivatives, written by hand or from a framework, and there are none ({}). "
        "Install jax, autograd or torch: pip install 'hessbench[autograd]'"
    ),
}


def no_reference(problem: Problem, code: str, detail: str) -> NoReference:
    """The error that says so."""
    return NoReference(f"problem {problem.name!r} has no reference: {WORDS[code].format(detail)}.", code)


def cannot_be_integrated(plan: Tight, x: Array, error: Exception, implicit: Exception | None = None) -> NoReference:
    """Why explicit steps did not come to the end: stiffness if LSODA does. `implicit`: why implicit ones could not be used."""
    try:
        steps = len(plan.solve(x, "LSODA", 1e-10).times)
    except IntegrationError:
        return no_reference(plan.problem, "non-finite", str(error))
    why = "" if implicit is None else f"; implicit ones: {implicit}"
    return no_reference(plan.problem, "stiff", f"{steps} steps of LSODA; explicit ones: {error}{why}")


def without_witness(plan: Tight, x: Array, error: IntegrationError) -> NoReference:
    """Why the solvers of the witness did not come to the end: a jump stops them, whose orders are high."""
    try:
        between = crossed(plan, x).between
    except IntegrationError:
        between = []
    if not between:
        return no_reference(plan.problem, "non-finite", str(error))
    return no_reference(plan.problem, "kink", f"first between t = {between[0][0]:.6g} and {between[0][1]:.6g}; {error}")


def chaos(plan: Tight, x: Array, witness: Witness) -> NoReference | None:
    """The error if the end of the solution changes with the tolerance far beyond it."""
    ends = [Witness(plan, x, tolerance=tolerance).solver(x).end for tolerance in (1e-12, witness.tolerance)]
    change = float(np.max(np.abs(ends[0] - ends[1]) / np.maximum(plan.largest, plan.sizes)))
    if change <= CHAOTIC:
        return None
    return no_reference(plan.problem, "chaotic", f"its end state by {change:.1e} between tolerances of 1e-12 and 1e-13")


def explained(plan: Tight, x: Array, witness: Witness, said: str) -> NoReference:
    """Why methods and value differences do not agree at `x`; `said` is what was found."""
    problem = plan.problem
    here = crossed(plan, x)
    if (here.ties and witness.blows_up) or (here.loss and witness.blows_up):
        return no_reference(problem, "no Hessian", said)
    if here.between:
        beside = [crossed(plan, x + side * 2.0**-12 * u) for u, _ in witness.directions for side in (1, -1)]
        if any(len(other.between) != len(here.between) for other in beside):
            counts = sorted({len(here.between), *(len(other.between) for other in beside)})
            return no_reference(problem, "grazed", f"{' or '.join(map(str, counts))} crossings")
        first = here.between[0]
        return no_reference(problem, "kink", f"first between t = {first[0]:.6g} and {first[1]:.6g}; {said}")
    if witness.blows_up:
        return no_reference(problem, "no Hessian", said)
    if not np.isfinite(witness.value):
        return no_reference(problem, "non-finite", said)
    found = _narrow(plan, x, witness)
    return no_reference(problem, "narrow feature", found) if found else no_reference(problem, "disagreement", said)


def crossed(plan: Tight, x: Array, path: Path | None = None) -> Crossings:
    """What the solution at `x` crosses, along `path` if it is known.

    A condition on the time alone is no crossing: steps end there, also where the end times are unknowns (`clocked`).
    """
    if path is None:
        try:
            path = plan.solve(x, "DOP853", 1e-10)
        except IntegrationError:
            path = plan.solve(x, "LSODA", 1e-10)
    every = max(1, len(path.times) // SEEN_STATES)
    kept = np.unique(np.append(np.arange(0, len(path.times), every), len(path.times) - 1))
    problem, n = plan.problem, plan.problem.dim
    here = problem.at(x)
    others = tuple(key for key in problem.wrt if key not in TIMES) or ("y0",)
    here = replace(here, wrt=others, scale={})
    return crossings(here, here.x0, path.times[kept], path.states[kept][:, :n])


def _narrow(plan: Tight, x: Array, witness: Witness) -> str:
    """What changes when steps are bounded by a twenty-thousandth of the span, for a problem that reads the time."""
    problem = plan.problem
    y0, p = problem.unpack(x)
    t0, t1 = map(float, problem.times(x))
    functions = [problem.rhs] if problem.running_loss is None else [problem.rhs, problem.running_loss]
    if not any(reads_time(f, t0, y0, p) for f in functions):
        return ""
    try:
        bounded = plan.value(x, plan.solve(x, "RK23", 1e-6, abs(t1 - t0) / 20_000))
    except IntegrationError:  # stiff: explicit steps do not come to the end
        return ""
    change = abs(bounded - witness.value) / max(abs(bounded), abs(witness.value), 1e-300)
    return f"the value changes by {change:.1e} with short steps" if change > 1e-5 else ""
