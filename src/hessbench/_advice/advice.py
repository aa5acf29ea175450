"""`hessbench.advise`: which strategy to use for a problem, why, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._adapters.comparison import carried
from .._errors import InvalidInput
from .._integrate.ivp import IVP
from .._measuring.forking import Forking
from .._measuring.record import Case, Record
from .._model.notebook import table
from .._model.problem import Problem
from .._plugins.contenders import contenders, likely
from .._storage.files import scratch
from .._storage.text import seconds
from ..discrete._build import compiler
from .asking import Asked, asked
from .machine import Scales, scales
from .model import Model, shipped
from .predict import Prediction, in_order, predictions
from .probe import Probe
from .race import race, ranked
from .words import HEAD, cells, paragraphs

TRIED = 3
LIMITS = {"time_limit": 60.0, "budget": 0.3}


@dataclass(frozen=True, eq=False)
class Advice:
    """What was found out about a problem, and what follows from it.

    - `probe`: what the problem is like; `predictions`: what was expected of each strategy, in the order of trying, behind
      them those that do not take part
    - `records`: what was measured of the few that were tried; `best`: the right one that costs the least, for one Hessian or
      for `calls` of them with preparation; `None` where none is right
    - `said`: the advice in paragraphs; `str` is all of it
    """

    probe: Probe
    predictions: tuple[Prediction, ...]
    records: tuple[Record, ...]
    best: Record | None
    calls: int | None
    accuracy: float | None
    said: tuple[str, ...]

    @property
    def strategy(self) -> str | None:
        """The name for `hessbench.hessian(problem, strategy=...)`; `None` where nothing can be advised."""
        return None if self.best is None else f"{self.best.strategy}@{self.best.backend}"

    def __str__(self) -> str:
        return "\n".join(self.said)

    def _repr_html_(self) -> str:
        """For notebooks: the advice, and what was expected and measured of each strategy."""
        rows = [("advice", said) for said in self.said]
        for _, name, *others in cells(self.predictions, self.records, self.best):
            told = (f"{what} {cell}" for what, cell in zip(HEAD[2:], others, strict=True) if cell)
            rows.append((name, ", ".join(told)))
        return table(f"Advice for {self.probe.name}", rows)


def advise(
    problem: Problem | str | Path,
    *,
    strategies: Sequence[str] | None = None,
    calls: int | None = None,
    accuracy: float | None = None,
    rtol: float = 1e-8,
    tried: int = TRIED,
    arguments: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = lambda said: None,
    model: Model | None = None,
    **limits: Any,
) -> Advice:
    """Which strategy to use for `problem`: a `Problem`, the name of one (with its family's `arguments`) or a file.

    The problem is probed in a process of its own; time, preparation and error of each strategy are predicted with intervals;
    the best `tried` of them run for real, judged by the gate, and more until one is right. The best is the right one with
    the fastest Hessian or, with `calls`, the one whose so many Hessians cost the least, preparation included.

    All solve at the tolerance `rtol`. `strategies` are those that take part (`NAME`, `NAME@BACKEND`, `FILE.py`), by default
    the likely ones. With `accuracy`, a Hessian's relative error may be at most that. `tell` is called with a line for each
    that was tried. `limits` are those of `hessbench.measure`; `model` takes the place of the one that came with this package.

    Takes half a minute, most of it to prepare the three. Raises `InvalidInput` for a bad problem or option.

    >>> import hessbench
    >>> hessbench.advise("sir").strategy                                     # doctest: +SKIP
    'discrete-adjoint@numpy'
    """
    checked(calls, tried, accuracy, rtol)
    pairs = likely() if strategies is None else contenders(list(strategies))
    with as_file(problem) as path, Forking() as child:
        case = Case(path, "", None, dict(arguments or {}), rtol)
        model = shipped() if model is None else model
        factors = scales(model)
        found = asked(case, pairs)
        expected = in_turn(found, model, factors, accuracy, calls)
        labels = [p.label for p in expected if not p.status]
        records: list[Record] = []
        for record in race(case, labels, tried, child, lambda r: tell(line(r)), accuracy, **{**LIMITS, **limits}):
            records.append(record)
    order = ranked(records, calls, accuracy)
    said = paragraphs(found.probe, expected, records, order, calls, accuracy, (model.origin, factors.said), compiler())
    return Advice(
        found.probe, tuple(expected), tuple(records), order[0] if order else None, calls, accuracy, tuple(said)
    )


def in_turn(found: Asked, model: Model, factors: Scales, accuracy: float | None, calls: int | None) -> list[Prediction]:
    """Predictions in the order of trying; behind them the strategies of which nothing is known, then those that refuse."""
    every = predictions(found.probe, found.shapes, model, factors, accuracy)
    ordered = in_order(every, calls)
    others = [p for p in every if p.seconds is None]
    return [*ordered, *sorted(others, key=lambda p: bool(p.status))]


def checked(calls: int | None, tried: int, accuracy: float | None, rtol: float) -> None:
    """Raise `InvalidInput` for options that cannot be used."""
    for name, value in (("calls", 1 if calls is None else calls), ("tried", tried)):
        if not isinstance(value, int) or value < 1:
            raise InvalidInput(f"`{name}` is {value!r}; expected a whole number of at least 1.")
    if accuracy is not None and not 0 < accuracy < 1:
        raise InvalidInput(f"`accuracy` is {accuracy!r}; expected a relative error between 0 and 1, such as 1e-6.")
    IVP("DOP853", rtol, rtol)  # raises for a bad tolerance


@contextmanager
def as_file(problem: Problem | str | Path) -> Iterator[str]:
    """The name of a problem for a `Case`: of a `Problem` object, that of a temporary file which loads its pickle."""
    if isinstance(problem, str | Path):
        yield str(problem)
        return
    if not isinstance(problem, Problem):
        raise InvalidInput(
            f"`problem` is {type(problem).__name__}; expected a `Problem`, the name of one (`hessbench list`) or a file."
        )
    problem.validate()
    with scratch() as folder:
        yield str(carried(problem, folder))


def line(record: Record) -> str:
    """What a record says while others run."""
    name = f"{record.strategy}@{record.backend}"
    return f"{name}: {record.status} {seconds(record.best_s) or record.message}".rstrip()
