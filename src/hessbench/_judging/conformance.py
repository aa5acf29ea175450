"""The laws that strategies and problems keep; the same code serves `hessbench check` and the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .. import backends
from .._errors import Unavailable
from .._model.problem import Problem
from .._plugins.prepare import prepare
from .._plugins.registry import build_problem, load_file, problem, problems
from .._plugins.strategy import Strategy
from .outcomes import RTOL, Kind, Observed, classes_for, expected, observe, usable, words
from .reference import points, reference
from .scaled import yardstick_of


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
            detail = words(error)
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
            strategy: Strategy = plugin.load()
            yield check_listing(plugin.name, strategy, name)
            for backend in strategy.backends:
                if backends.available(backend):
                    yield from check_strategy(strategy, backend, f"{plugin.name}@{backend}")
        for plugin in own_problems.values():
            yield from check_problem(build_problem(plugin.name, plugin.load(), {}))
    elif name in problems():
        yield from check_problem(problem(name))
    else:
        found = list(usable([name]))
        if not found:
            raise Unavailable(f"None of the backends of {name!r} is installed, or a package that it needs is not.")
        yield check_listing(name, found[0][1])
        for contender, strategy, backend in found:
            yield from check_strategy(strategy, backend, contender)


def check_listing(subject: str, strategy: Strategy, path: str | None = None) -> Finding:
    """The law that listing, and reading the file at `path`, imports no framework; tried in a process of its own."""
    needed = (backends.about(name).needs() for name in backends.known())
    frameworks = [name for name in (*needed, *strategy.packages) if name != "numpy"]
    name = subject.partition("@")[0]
    found = "hessbench.strategies()" if path is None else f"hessbench._plugins.registry.load_file({path!r})[0]"
    listing = f"{found}[{name!r}].load()"
    code = f"import sys, hessbench; {listing}; print(*(name for name in {frameworks} if name in sys.modules))"

    def lazily() -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        imported = ", ".join(done.stdout.split())
        return f"{imported}: import inside `prepare`" if imported else ""

    return Finding.of(subject, "is listed without importing a framework", lazily)


def check_strategy(strategy: Strategy, backend: str | None, contender: str) -> Iterator[Finding]:
    """All laws of a strategy, on one problem of each class (`classes_for`); a failure of one law hides no other."""
    wanted = []
    for kind in classes_for(contender):
        wanted.append(expected(contender, kind, strategy))
        yield from check_on(strategy, backend, contender, kind)
    yield Finding(contender, "accepts at least one problem", any(outcome != "refuses" for outcome in wanted))
    if "ok" in wanted:
        yield check_tolerance(strategy, backend, contender)


def check_on(strategy: Strategy, backend: str | None, contender: str, kind: Kind) -> list[Finding]:
    """The laws of a strategy on one class: it refuses in a sentence, or it gives the right numbers the right way.

    Where the table of outcomes expects something else than `ok`, that is what has to come out.
    """
    subject, wanted, target = f"{contender} on {kind.label}", expected(contender, kind, strategy), kind.build()
    seen = observe(strategy, backend, target)
    if wanted == "ok" and seen.run is not None:
        return [Finding.of(subject, law, lambda test=test: test(seen)) for law, test in _LAWS.items()]
    if seen.outcome == wanted == "refuses":
        sentence = len(seen.detail.split()) >= 4 and seen.detail.rstrip().endswith(".")
        return [Finding(subject, "refuses with a sentence", sentence, seen.detail)]
    if wanted == "ok" and seen.outcome != "refuses":
        return [Finding(subject, "runs", False, seen.detail)]
    law = f"the outcome is the expected one, {wanted}"
    return [Finding(subject, law, seen.outcome == wanted, f"{seen.outcome}: {seen.detail}")]


def _agrees(part: str) -> Callable[[Observed], str]:
    def law(seen: Observed) -> str:
        limit = 2 * seen.allowed if part == "asymmetry" else seen.allowed
        for call in seen.calls:
            scaled = call.errors.scaled
            found = getattr(scaled, part)
            if not found <= limit:
                entry = f" of the {scaled.where}" if found == scaled.worst else ""
                when = f" {call.when}" if call.when else ""
                return f"{found:.1e}{entry}{when}, allowed {limit:.1e}"
        return ""

    return law


def _deterministic(seen: Observed) -> str:
    first, again = seen.results[0], seen.again
    assert again is not None
    same = (
        first.value == again.value and np.array_equal(first.grad, again.grad) and np.array_equal(first.hess, again.hess)
    )
    return "" if same else f"a second call differs by {np.max(np.abs(first.hess - again.hess)):.1e}"


def _input_unchanged(seen: Observed) -> str:
    gaps = [float(np.max(np.abs(x - after))) for x, after in zip(seen.at, seen.inputs_after, strict=True)]
    return f"`x` changed by {max(gaps):.1e}" if max(gaps) > 0 else ""


def _counters_plausible(seen: Observed) -> str:
    counters, run = seen.results[0].counters, seen.run
    assert run is not None
    if counters.solves < 1 or counters.rhs < counters.steps or counters.steps < 1:
        return f"{counters}: integrate with `ivp.solve`, or count with `count_fixed` or `counters.add`"
    if run.backend != "numpy" or run.problem.wrt != ("y0",):  # derivatives by parameters evaluate it for themselves
        return ""
    calls = 0
    rhs = run.problem.rhs

    def counting(xp: Any, *args: Any) -> Any:
        nonlocal calls
        calls += xp is np  # a framework that traces it does not evaluate it
        return rhs(xp, *args)

    again = prepare(replace(run.problem, rhs=counting), run.strategy, backend="numpy", rtol=RTOL)
    calls = 0
    counted = again.direct(run.problem.x0).counters.rhs
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


def check_tolerance(strategy: Strategy, backend: str | None, contender: str) -> Finding:
    """The law that the error falls with the tolerance, on the first class of at least two states where `ok` is expected."""

    def follows() -> str:
        target = next(p for p, outcome in candidates if outcome == "ok" and p.dim > 1)
        measure = yardstick_of(target, target.x0, reference(target))
        loose, tight = (
            measure(prepare(target, strategy, backend=backend, rtol=rtol).direct(target.x0)).hess
            for rtol in (1e-4, 1e-9)
        )
        floor = max(strategy.accuracy.floor, 1e-11)
        return "" if tight <= max(0.1 * loose, floor) else f"{loose:.1e} at 1e-4, {tight:.1e} at 1e-9, on {target.name}"

    candidates = ((kind.build(), expected(contender, kind, strategy)) for kind in classes_for(contender))
    return Finding.of(contender, "error falls with the tolerance", follows)


def check_problem(target: Problem) -> Iterator[Finding]:
    """All laws of a problem: it evaluates, its declared facts hold, its derivatives are right, it has a reference."""
    from .._derive.checking import check_derivatives

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
