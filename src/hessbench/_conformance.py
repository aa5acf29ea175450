"""The laws that strategies and problems keep; the same code serves `hessbench check` and the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from . import backends
from ._api import Prepared, prepare, resolve
from ._compare import contenders
from ._derivatives import Array
from ._errors import HessbenchError, Unavailable
from ._gate import errors
from ._problem import Problem
from ._record import Case
from ._reference import points, reference
from ._registry import Plugin, build_problem, load_file, problem, problems
from ._strategy import Result, Strategy


@dataclass(frozen=True)
class Kind:
    """A way of being difficult, and the problem that stands for it."""

    what: str
    name: str
    arguments: dict[str, Any]

    @property
    def label(self) -> str:
        """For example `brusselator(n=8) [dissipative]`."""
        return f"{Case(self.name, '', arguments=self.arguments).problem_label} [{self.what}]"


CLASSES = (
    Kind("loss of the final state", "random-quadratic", {"n": 5}),
    Kind("closed form", "harmonic-oscillator", {"d": 2}),
    Kind("loss of both ends, t0 = 5", "generic-cubic", {}),
    Kind("explicit time", "driven-pendulum", {}),
    Kind("dissipative", "brusselator", {"n": 24}),
    Kind("critical point, long and unstable beside it", "three-body", {"start": "figure-8"}),
    Kind("one state", "random-quadratic", {"n": 1}),
)
RTOL = 1e-8


@dataclass(frozen=True)
class Finding:
    """One law, kept or broken; `detail` says by how much, or what happened."""

    subject: str
    law: str
    passed: bool
    detail: str = ""

    @classmethod
    def of(cls, subject: str, law: str, test: Callable[[], str]) -> Finding:
        """The law is kept if `test` returns an empty string; what it returns or raises is the detail."""
        try:
            detail = test()
        except Exception as error:
            detail = _text(error)
        return cls(subject, law, not detail, detail)

    @property
    def suffix(self) -> str:
        """The detail as it is printed behind the law."""
        return f" ({self.detail})" if self.detail else ""

    def to_json(self) -> dict[str, Any]:
        """A flat dictionary."""
        return asdict(self)


def findings_of(name: str) -> Iterator[Finding]:
    """Findings for a strategy (`NAME`, `NAME@BACKEND`), a problem, or everything that a file defines.

    Raises `InvalidInput` for a name that is neither, `Unavailable` for a strategy none of whose backends is installed.
    """
    if name.endswith(".py"):
        own_strategies, own_problems = load_file(name)
        for plugin in own_strategies.values():
            yield from _check_plugin(plugin)
        for plugin in own_problems.values():
            yield from check_problem(build_problem(plugin.name, plugin.load(), {}))
    elif name in problems():
        yield from check_problem(problem(name))
    else:
        pairs = contenders([name])
        usable = [(s, b) for s, b in pairs if b is None or backends.available(b)]
        if not usable:
            raise Unavailable(f"None of the backends of {name!r} is installed.")
        for full, backend in usable:
            yield from check_strategy(resolve(full, backend)[0], backend, f"{full}@{backend}")


def _check_plugin(plugin: Plugin) -> Iterator[Finding]:
    strategy: Strategy = plugin.load()
    for backend in strategy.backends:
        if backends.available(backend):
            yield from check_strategy(strategy, backend, f"{plugin.name}@{backend}")


def check_strategy(strategy: Strategy, backend: str | None, label: str) -> Iterator[Finding]:
    """All laws of a strategy, on one problem of each class; a failure of one law hides no other."""
    accepted = 0
    for kind in CLASSES:
        target = problem(kind.name, **kind.arguments)
        accepted += strategy.why_not(target) is None
        yield from check_on(strategy, backend, f"{label} on {kind.label}", target)
    yield Finding(label, "accepts at least one problem", accepted > 0)
    if accepted:
        yield Finding.of(label, "error falls with the tolerance", lambda: _error_follows_tolerance(strategy, backend))


def check_on(strategy: Strategy, backend: str | None, subject: str, target: Problem) -> list[Finding]:
    """The laws of a strategy on one problem: it refuses in a sentence, or it gives the right numbers the right way."""
    reason = strategy.why_not(target)
    if reason is not None:
        sentence = len(reason.split()) >= 4 and reason.rstrip().endswith(".")
        return [Finding(subject, "refuses with a sentence", sentence, reason)]
    try:
        seen = _observe(prepare(target, strategy, backend=backend, rtol=RTOL))
    except Exception as error:
        return [Finding(subject, "runs", False, _text(error))]
    return [Finding.of(subject, law, lambda test=test: test(seen)) for law, test in _LAWS.items()]


@dataclass(frozen=True, eq=False)
class Observed:
    """What a strategy returned at each of `points`, at the first of them again, and the inputs after the calls."""

    run: Prepared
    at: list[Array]
    results: list[Result]
    again: Result
    inputs_after: list[Array]


def _observe(run: Prepared) -> Observed:
    at = points(run.problem)
    inputs = [x.copy() for x in at]
    results = [run.direct(x) for x in inputs]
    return Observed(run, at, results, run.direct(at[0].copy()), inputs)


def _agrees(part: str) -> Callable[[Observed], str]:
    def law(seen: Observed) -> str:
        for x, result in zip(seen.at, seen.results, strict=True):
            against = reference(seen.run.problem, x)
            allowed = max(seen.run.strategy.accuracy.threshold(RTOL), 10 * against.agreement)
            found = getattr(errors(result, against, x), part)
            limit = 2 * allowed if part == "asymmetry" else allowed
            if not found <= limit:
                where = "" if x is seen.at[0] else " at the perturbed point"
                return f"{found:.1e}{where}, allowed {limit:.1e}"
        return ""

    return law


def _deterministic(seen: Observed) -> str:
    first, again = seen.results[0], seen.again
    same = (
        first.value == again.value and np.array_equal(first.grad, again.grad) and np.array_equal(first.hess, again.hess)
    )
    return "" if same else f"a second call differs by {np.max(np.abs(first.hess - again.hess)):.1e}"


def _input_unchanged(seen: Observed) -> str:
    gaps = [float(np.max(np.abs(x - after))) for x, after in zip(seen.at, seen.inputs_after, strict=True)]
    return f"`x` changed by {max(gaps):.1e}" if max(gaps) > 0 else ""


def _counters_plausible(seen: Observed) -> str:
    counters, run = seen.results[0].counters, seen.run
    if counters.solves < 1 or counters.rhs < counters.steps or counters.steps < 1:
        return f"{counters}: integrate with `ivp.solve` or count with `count_fixed`"
    if run.backend != "numpy":
        return ""
    calls = 0
    rhs = run.problem.rhs

    def counting(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        return rhs(*args)

    again = prepare(replace(run.problem, rhs=counting), run.strategy, backend="numpy", rtol=RTOL)
    calls = 0
    counted = again().counters.rhs
    return "" if calls <= counted else f"{calls} evaluations of the right-hand side, {counted} counted"


_LAWS: dict[str, Callable[[Observed], str]] = {
    "Hessian agrees with the reference": _agrees("hess"),
    "gradient agrees with the reference": _agrees("grad"),
    "value agrees with the reference": _agrees("value"),
    "Hessian is symmetric": _agrees("asymmetry"),
    "gives the same again": _deterministic,
    "leaves its input unchanged": _input_unchanged,
    "counts its work": _counters_plausible,
}


def _error_follows_tolerance(strategy: Strategy, backend: str | None) -> str:
    candidates = (problem(kind.name, **kind.arguments) for kind in CLASSES)
    target = next(p for p in candidates if strategy.why_not(p) is None and p.dim > 1)
    against, x = reference(target), target.x0
    loose, tight = (
        errors(prepare(target, strategy, backend=backend, rtol=rtol)(x), against, x).hess for rtol in (1e-4, 1e-9)
    )
    floor = max(strategy.accuracy.floor, 1e-11)
    return "" if tight <= max(0.1 * loose, floor) else f"{loose:.1e} at 1e-4, {tight:.1e} at 1e-9, on {target.name}"


def check_problem(target: Problem) -> Iterator[Finding]:
    """All laws of a problem: it evaluates, its declared facts hold, its derivatives are right, it has a reference."""
    from ._check_derivatives import check_derivatives

    def validates() -> str:
        target.validate()
        return ""

    def derivatives_right() -> str:
        return "; ".join(check_derivatives(target))

    def has_reference() -> str:
        for x in points(target):
            reference(target, x)
        return ""

    yield Finding.of(target.name, "right-hand side and loss can be evaluated, and declared facts hold", validates)
    if target.derivatives is not None:
        yield Finding.of(target.name, "hand-written derivatives are right to second order", derivatives_right)
    yield Finding.of(target.name, "has a reference from two independent methods", has_reference)


def _text(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    kind = "" if isinstance(error, HessbenchError) else f"{type(error).__name__}: "
    return kind + (lines[0] if lines else "no message")
