"""References: value, gradient and Hessian by two methods that agree, confirmed by differences of the value; kept by content.

- the closed form, where the problem has one at this point
- the second-order discrete adjoint of a Dormand-Prince 8 integration, steps frozen, with the problem's NumPy derivatives;
  parameters, running loss and end times are states of the augmented problem
- automatic differentiation by JAX, autograd or torch through other steps of the same formula, by the decision vector itself
- where explicit steps would be too many (stiff problems), two implicit formulas instead (`reference_implicit`): one with its
  discrete adjoint, the other with derivatives carried forward
- differences of the value by a solver of another kind (`witness`), which would see a term that all differentiation misses;
  where an unknown moves the value too little for them, on steps that all values share (`common_steps`)

The first two that can be had and are finite are compared; the first of them is the reference, if value differences agree.
Where the two differ, a third framework decides, and `suspect` names the one that is outvoted. A method that agrees with the
value differences stands against others that do not. The steps are those of an adaptive solve at 1e-13 by each component's own
size, which end where the right-hand side has features in time (`_derive.features`), subdivided until both agree. Two
integrations share neither the step size nor the way of differentiating, and derivative code only where one framework is all
there is.
From 40 unknowns on, the second one is compared through its gradient and products with random vectors instead of the whole
matrix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import IntegrationError, NoReference
from .._hybrid.sizes import state_sizes
from .._model.derivatives import Array
from .._model.problem import Problem
from .._storage.cache import user_folder
from .._storage.fingerprint import digest
from . import diagnosis as diagnosis
from .common_steps import on_common_steps
from .reference_clock import clocked
from .reference_methods import Check, at_least_eight
from .reference_stiff import mesh, stiff_ways
from .reference_store import load, load_refusal, save, save_refusal
from .reference_ways import Way, away_from_zero, evaluated, ways
from .tight import STIFF, Tight, tight
from .tight import Path as Solution
from .witness import Verdict, Witness

FORMAT = 7  # part of the cache key: raise it when what is computed changes
AGREE = 1e-7
MOST_STEPS = 15_000
MANY_STEPS = 2_000  # from here on steps are halved only for `AGREE` itself
PAIRED = 8  # unknowns up to which differences are taken along all pairs, where they are the second method


@dataclass(frozen=True, eq=False)
class Reference:
    """Value, `grad` (n,), `hess` (n, n) at one point; `agreement` is the relative difference of the two methods in `how`.

    `suspect` names methods that gave something else, and says why one could not be used. `spread` (n, n) is the difference of
    the two in each entry of the Hessian, where both gave the whole matrix; `states` (dim,) the largest `|y_i|` along the
    solution.
    """

    value: float
    grad: Array
    hess: Array
    agreement: float
    how: str
    suspect: str = ""
    spread: Array | None = None
    states: Array | None = None


def reference(problem: Problem, x: Any = None) -> Reference:
    """The reference at `x` (default: the problem's own point), from the cache when it was computed before.

    The cache is the folder `HESSBENCH_CACHE`, or the user's cache folder; a damaged entry is computed anew, and where nothing
    can be written there is no cache. Raises `NoReference`, whose `diagnosis` says why, when no two methods agree to `AGREE`
    and with differences of the value.
    """
    x = problem.check_x(x)
    path = cache_path(problem, x)
    found = load(path, x.size, problem.dim)
    if found is None:
        refused = load_refusal(path)
        if refused is not None:
            raise NoReference(*refused)
        try:
            out = replace(compute_reference(problem, x), states=state_sizes(problem, x))
        except NoReference as error:
            save_refusal(path, str(error), error.diagnosis)
            raise
        save(path, tuple(vars(out).values()))
        return out
    return Reference(*found)


def points(problem: Problem) -> list[Array]:
    """Where the gate compares: the problem's own point, and its perturbed point if it has one."""
    return [problem.x0] if problem.perturbed is None else [problem.x0, problem.perturbed]


def is_cached(problem: Problem, x: Array) -> bool:
    """Whether `reference(problem, x)` would be a look-up: the entry is there and whole, or says why there is none."""
    return kept(problem, x) is not None or load_refusal(cache_path(problem, x)) is not None


def kept(problem: Problem, x: Array) -> Reference | None:
    """The reference at `x` (n,) if it is in the cache."""
    found = load(cache_path(problem, x), np.size(x), problem.dim)
    return None if found is None else Reference(*found)


def cache_path(problem: Problem, x: Array) -> Path | None:
    """The file of one reference; `None` where it cannot be kept."""
    key = content_key(problem, x)
    return None if key is None else user_folder() / "references" / f"{problem.name}-{key}.npz"


def content_key(problem: Problem, x: Array) -> str | None:
    """A hash of everything the numbers depend on: arrays, times, and all that the functions reach.

    `None` where part of that cannot be read, so that nothing can be kept.
    """
    found = digest(
        (problem.rhs, problem.loss, problem.running_loss, problem.derivatives, problem.loss_blocks, problem.exact)
        + ((problem.data, problem.events) if problem.data is not None or problem.events else ())
    )
    if found is None:
        return None
    key = hashlib.sha256(f"{FORMAT} {problem.name} {problem.t_span} {problem.wrt}".encode() + found)
    for name, value in [*sorted(problem.params.items()), ("x", x), ("y0", problem.y0)]:
        array = np.ascontiguousarray(value)
        key.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    key.update(
        repr(sorted((k, np.asarray(v).tolist()) for k, v in (getattr(problem, "scale", None) or {}).items())).encode()
    )
    return key.hexdigest()[:20]


Make = Callable[[Problem, Array], list[Way]]


@dataclass(frozen=True, eq=False)
class Found:
    """What one method gave."""

    way: Way
    check: Check


def compute_reference(problem: Problem, x: Array) -> Reference:
    """The reference without the cache."""
    from .._hybrid.judging import in_pieces, judged

    pieces = in_pieces(problem, x)
    if pieces is not None:
        first, second, gap, how, notes = judged(problem, pieces, x)
        return _reference(first, gap, how, [notes] if notes else [], second)
    widened = {k: v.astype(float) if v.dtype.kind == "f" else v for k, v in problem.params.items()}
    problem = replace(problem, params=widened)
    try:
        plan = tight(problem, x)
    except IntegrationError as error:
        raise diagnosis.no_reference(problem, "non-finite", str(error)) from None
    witness = Witness(plan, x)
    try:
        _raise(diagnosis.chaos(plan, x, witness))
    except IntegrationError as error:
        raise diagnosis.without_witness(plan, x, error) from None
    fixed = clocked(plan, x)
    make, path, steps = methods(fixed, x)
    crosses = bool(diagnosis.crossed(plan, x, path).between)
    if crosses and problem.exact is None:  # one method is enough to see whether differentiating misses a term
        first, skipped = finite_ones(make, fixed.problem, x, enough=1)
        if first and not confirmed(witness, first[0].check).confirms:
            said = f"{first[0].way.name} and value differences do not agree"
            raise diagnosis.explained(plan, x, witness, said)
    found, skipped = finite_ones(make, fixed.problem, x)
    if len(found) < 2:
        return _alone(plan, x, found, skipped, not crosses)
    finer = () if crosses else (2, 4)
    found, gap = refined(found, witness.sizes, finer, AGREE if steps > MANY_STEPS else 1e-10)
    chosen, outvoted = found[:2], []
    if not gap <= AGREE:
        more, skipped = finite_ones(make, fixed.problem, x, enough=3)
        found = [*found, *more[2:]]
        chosen, gap, outvoted = majority(found, witness.sizes)
    notes = [*skipped, *(f"{f.way.name} differs from the others" for f in outvoted)]
    said = []
    if chosen:
        verdict = confirmed(witness, chosen[0].check, not crosses)
        names = [f.way.name for f in chosen]
        if verdict.confirms:
            how = f"{names[0]}; {names[1]}; value differences agree to {verdict.gap:.0e}"
            return _reference(chosen[0].check, gap, how, notes, chosen[1].check)
        said.append(
            f"{' and '.join(names)} agree to {gap:.0e}, and value differences say something else by {verdict.gap:.1e}"
        )
    else:
        said.append(f"{' and '.join(f.way.name for f in found)} differ by {gap:.1e} relative, more than {AGREE:g}")
    for one in found:
        verdict = confirmed(witness, one.check, not crosses)
        if one not in chosen and verdict.confirms:
            others = [f"{f.way.name} differs from both" for f in found if f is not one]
            return _reference(
                one.check, max(verdict.gap, 1e-7), f"{one.way.name}; value differences", [*skipped, *others]
            )
    raise diagnosis.explained(plan, x, witness, "; ".join(said))


def methods(plan: Tight, x: Array) -> tuple[Make, Solution, int]:
    """What references can come from, the solution, and the number of its steps: explicit ones, or implicit where it is stiff.

    Raises `NoReference` where neither comes to the end.
    """
    few = min(MOST_STEPS, max(MANY_STEPS, STIFF * plan.rough))
    try:
        path = plan.solve(x, most=few)
    except IntegrationError:
        try:
            net = mesh(plan, x)
            return stiff_ways(net), net.path, len(net.times)
        except Exception as why:  # a framework may raise anything for a function that it cannot trace
            failed = why
        try:
            path = plan.solve(x, most=MOST_STEPS)
        except IntegrationError as error:
            raise diagnosis.cannot_be_integrated(plan, x, error, failed) from None
    times = at_least_eight(path.times)
    return (lambda problem, x: ways(problem, x, times)), path, len(times)


def finite_ones(make: Make, problem: Problem, x: Array, enough: int = 2) -> tuple[list[Found], list[str]]:
    """The first methods that give finite numbers, and why those before them could not be used.

    Where there are not enough, zeros are moved a little, for derivatives that are finite in the limit only.
    """
    found: list[Found] = []
    skipped: list[str] = []
    for moved in (False, True):
        if moved and (len(found) >= enough or not any("not finite" in reason for reason in skipped)):
            break
        at = away_from_zero(problem, x) if moved else (problem, x)
        for tried, way in enumerate(make(*at)):
            if tried == 3 and not found:
                break  # nothing is finite: no other framework will help
            known = any(f.way.formula == way.formula != "" for f in found) and enough <= 2
            if known or any(f.way.name == way.name for f in found):
                continue
            check, reason = evaluated(way, 1)
            if check is None:
                skipped.append(reason + ", with zeros moved" * moved)
            else:
                found.append(Found(replace(way, name=way.name + ", zeros moved by 1e-100" * moved), check))
            if len(found) >= enough:
                break
    return found, skipped


def refined(found: list[Found], sizes: Array, finer: tuple[int, ...], wanted: float) -> tuple[list[Found], float]:
    """The first two methods with steps so fine that they agree, and their relative difference."""
    first, second = found[:2]
    gap = first.check.gap(second.check, sizes)
    for parts in finer:
        if gap <= wanted:
            break
        checks = [evaluated(f.way, parts)[0] for f in (first, second)]
        if checks[0] is None or checks[1] is None:
            break
        first, second = (Found(f.way, check) for f, check in zip((first, second), checks, strict=True))  # type: ignore[arg-type]
        gap = first.check.gap(second.check, sizes)
    return [first, second], gap


def majority(found: list[Found], sizes: Array) -> tuple[list[Found], float, list[Found]]:
    """Of methods that differ, the closest pair if it agrees, its difference, and those that it outvotes.

    Without such a pair: nothing, and the smallest difference.
    """
    pairs = [(a.check.gap(b.check, sizes), a, b) for a, b in combinations(found, 2) if a.check.hess is not None]
    gap, first, second = min(pairs, key=lambda pair: pair[0])
    if not gap <= AGREE:
        return [], gap, []
    return [first, second], gap, [f for f in found if f is not first and f is not second]


def confirmed(witness: Witness, check: Check, smooth: bool = False) -> Verdict:
    """What value differences say of a method that gave the whole Hessian; if they do not confirm it, those on common steps.

    Those only where the solution is `smooth`, for they would be wrong about a switch as derivatives are.
    """
    if check.hess is None:
        return Verdict(np.inf, np.inf)
    verdict = witness.verdict(check.value, check.grad, check.hess)
    if smooth and not verdict.confirms and (shared := on_common_steps(witness)) is not None:
        again = shared.verdict(check.value, check.grad, check.hess)
        return again if again.confirms else verdict
    return verdict


def _alone(plan: Tight, x: Array, found: list[Found], skipped: list[str], smooth: bool) -> Reference:
    """The reference from one method and value differences along all pairs of unknowns."""
    problem = plan.problem
    said = "; ".join(skipped)
    if not found:
        if Witness(plan, x).blows_up:
            raise diagnosis.no_reference(problem, "no Hessian", said)
        unavailable = not any("not finite" in reason for reason in skipped)
        raise diagnosis.no_reference(problem, "no framework" if unavailable else "non-finite", said)
    (one,) = found
    witness = Witness(plan, x, count=3 if x.size <= PAIRED else 2 * PAIRED, pairs=x.size <= PAIRED)
    verdict = confirmed(witness, one.check, smooth)
    if not verdict.confirms:
        said = f"{one.way.name} and value differences differ by {verdict.gap:.1e}; {said}"
        raise diagnosis.explained(plan, x, witness, said)
    agreement = max(verdict.gap, 1e-7)
    return _reference(one.check, agreement, f"{one.way.name}; value differences along all pairs of unknowns", skipped)


def _reference(check: Check, agreement: float, how: str, notes: list[str], other: Check | None = None) -> Reference:
    assert check.hess is not None
    spread = None if other is None or other.hess is None else np.abs(check.hess - other.hess)
    return Reference(float(check.value), check.grad, check.hess, agreement, how, "; ".join(notes), spread)


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error
