"""One simulation condition as a `Problem`: functions written out from the model's expressions.

A state whose start s(p) depends on unknowns is integrated as z = y / s, from 1, where s is not zero at the nominal point, and
as z = y - s, from 0, where it is: the start of a `Problem` is a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from .._errors import InvalidInput, Unsupported
from .._model.data import Data
from .._model.events import Event
from .._model.problem import Problem
from .expressions import TIME, function, in_order, name_of, substituted, symbols_of, variable, written
from .measurements import Measurements
from .sbml import Happening, SbmlModel
from .table import Table


class Simulation:
    """`model`, whose `start` is changed, with the `nominal` values of the table of parameters; some are `estimated`."""

    def __init__(self, model: SbmlModel, nominal: dict[str, float], estimated: tuple[str, ...]) -> None:
        import sympy

        self.sympy, self.model, self.nominal, self.estimated = sympy, model, nominal, estimated
        for name in nominal:
            if name in model.start and name not in model.rates:
                model.start[name] = sympy.Symbol(name)

    def override(self, row: dict[str, Any]) -> None:
        """What the condition sets: constants, and what states start from. An empty entry sets nothing."""
        from petab.v1.math import sympify_petab

        for name, value in row.items():
            if value != value or value is None or value == "":
                continue
            if name not in self.model.start:
                if name in self.model.rules:
                    raise Unsupported(f"a condition sets {name!r}, which a rule of the model determines")
                continue  # of another table's own use
            self.model.start[name] = sympify_petab(value) if isinstance(value, str) else self.sympy.Float(float(value))

    @cached_property
    def states(self) -> list[str]:
        """Their names, in order."""
        return list(self.model.rates)

    def started(self, name: str, within: tuple[str, ...] = ()) -> Any:
        """The value of a symbol at the start, by parameters of the table alone."""
        if name == TIME:
            return self.sympy.Integer(0)
        if name in within and name in self.nominal:  # the parameter of that name
            return self.sympy.Symbol(name)
        if name in within:
            raise Unsupported(f"the initial value of {name!r} needs itself")
        expr = self.model.start.get(name, self.model.rules.get(name))
        if expr is None:
            if name not in self.nominal:
                raise InvalidInput(f"there is no {name!r} in the model or in the table of parameters.")
            return self.sympy.Symbol(name)
        return substituted(expr, {s: self.started(s, (*within, name)) for s in symbols_of(expr)})

    @cached_property
    def starts(self) -> dict[str, Any]:
        """`started` of all symbols that have a value of their own."""
        return {name: self.started(name) for name in self.model.start}

    def number(self, expr: Any) -> float:
        """At the nominal values."""
        return float(substituted(expr, {s: self.sympy.Float(self.nominal[s]) for s in symbols_of(expr)}))

    def lines(self, wanted: Iterable[str], start: bool = False) -> list[str]:
        """Source that computes the symbols `wanted` from y, t and p."""
        wanted = {TIME, *wanted}
        moving = in_order(self.model.rules, wanted)
        read = set(wanted).union(*(symbols_of(self.model.rules[m]) for m in moving)) - {*moving, TIME}
        out = [f"{variable(TIME)} = t"]
        out += [line for name in sorted(read) if name not in self.states for line in self._constant(name)]
        for i, name in enumerate(self.states):
            if name in read:
                out += self._state(i, name)
        return out + [f"{variable(name)} = {written(self.model.rules[name])}" for name in moving]

    def _of_parameters(self, expr: Any) -> str:
        return written(substituted(expr, {s: self.sympy.Symbol(f"p_{s}") for s in symbols_of(expr)}))

    def _parameters_of(self, expr: Any) -> list[str]:
        for s in symbols_of(expr):
            self.used[s] = None
        return [f"v_p_{s} = p[{s!r}]" for s in sorted(symbols_of(expr))]

    def _constant(self, name: str) -> list[str]:
        if name in self.nominal and name not in self.starts:
            self.used[name] = None
            return [f"{variable(name)} = p[{name!r}]"]
        if name not in self.starts:
            raise InvalidInput(f"there is no {name!r} in the model or in the table of parameters.")
        expr = self.starts[name]
        if expr.is_Number:  # a parameter of the problem, so that conditions that differ in numbers share their code
            self.numbers[name] = float(expr)
            return [f"{variable(name)} = p[{name!r}]"]
        return [*self._parameters_of(expr), f"{variable(name)} = {self._of_parameters(expr)}"]

    def _state(self, i: int, name: str) -> list[str]:
        expr = self.starts[name]
        if name not in self.relative:
            return [f"{variable(name)} = y[{i}]"]
        sign = "*" if self.relative[name] else "+"
        return [*self._parameters_of(expr), f"v_s_{name} = {self._of_parameters(expr)}",
                f"{variable(name)} = y[{i}] {sign} v_s_{name}"]  # fmt: skip

    @cached_property
    def used(self) -> dict[str, None]:
        """Parameters of the table that something reads; filled while functions are written."""
        return {}

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Constants of the model that something reads."""
        return {}

    @cached_property
    def relative(self) -> dict[str, bool]:
        """States whose start depends on unknowns: whether by a factor (else by a difference)."""
        free = {n: self.starts[n] for n in self.states if symbols_of(self.starts[n]) & {*self.estimated}}
        return {n: self.number(expr) != 0.0 for n, expr in free.items()}

    def unscaled(self, name: str, value: str) -> str:
        """The value of a state as that of its z."""
        if name not in self.relative:
            return value
        return f"({value}) {'/' if self.relative[name] else '-'} v_s_{name}"

    def rhs(self) -> Any:
        """The right-hand side."""
        rates = self.model.rates
        body = self.lines(set(self.states).union(*(symbols_of(e) for e in rates.values())))
        slopes = []
        for name in self.states:
            over = f" / v_s_{name}" if self.relative.get(name) else ""
            slopes.append(f"{written(rates[name])}{over} + 0.0 * y[0]")
        return function("xp, t, y, p", [*body, f"return xp.stack([{', '.join(slopes)}])"])

    def problem(self, name: str, rows: Any, observables: Any) -> Problem:
        """The problem with the measurements `rows`. Raises `Unsupported` and `InvalidInput`."""
        if not self.states:
            raise Unsupported("its model has no state that changes")
        table = Table(rows, observables)
        end = float(np.max(table.times))
        if end <= 0:
            raise Unsupported(f"all measurements of a condition are at t = {end:g}, where it starts")
        formulas = self.formulas(table)
        rhs = self.rhs()
        events = [event for happening in self.model.events if (event := self.event(happening, table)) is not None]
        twice = sorted(set(self.used) & set(self.numbers))
        if twice:
            raise Unsupported(
                f"{twice[0]!r} is a parameter that is read, and a condition gives the symbol of that name a number"
            )
        values = {**{key: self.nominal[key] for key in self.used}, **self.numbers}
        start = [
            self.number(self.starts[s]) if s not in self.relative else float(self.relative[s]) for s in self.states
        ]
        wrt = tuple(key for key in self.estimated if key in self.used)
        if not wrt:
            raise Unsupported("a condition depends on no parameter that is estimated")
        return Problem(
            name, rhs, None, (0.0, end), np.array(start), values, wrt=wrt, loss_uses_y0=False, events=events,
            data=Data(table.times, table.values, mask=table.mask, likelihood=Measurements(formulas, table.scales)),
        )  # fmt: skip

    def formulas(self, table: Table) -> Any:
        """Means and sigmas of the columns of a table."""
        every = [*table.means, *table.sigmas]
        wanted = set().union(*(symbols_of(e) for e in every)) - {*table.given}
        body = self.lines(wanted)
        body += [f"{variable(name)} = given[{k}]" for k, name in enumerate(table.given)]
        means, sigmas = (", ".join(f"{written(e)} + 0.0 * y[0]" for e in part) for part in (table.means, table.sigmas))
        return function("xp, t, y, p, given", [*body, f"return xp.stack([{means}]), xp.stack([{sigmas}])"])

    def event(self, happening: Happening, table: Table) -> Event | None:
        """An event of the model; `None` for one whose time is before the start, or behind the last measurement."""
        when, changes = happening.when, happening.set
        now = self.number(substituted(when, {s: self.started(s) for s in symbols_of(when)}))
        if now >= 0:
            return None  # it is true at the start, where SBML takes it for having been true before
        for name in changes:
            if name in self.model.rules or name not in self.states:
                raise Unsupported(f"the event {happening.name!r} sets {name!r}, which a rule determines")
        body = self.lines(set(changes).union(symbols_of(when), *(symbols_of(e) for e in changes.values())))
        after = [self.unscaled(s, written(changes[s])) + " + 0.0 * y[0]" if s in changes else f"y[{i}]"
                 for i, s in enumerate(self.states)]  # fmt: skip
        jump = function("xp, t, y, p", [*body, f"return xp.stack([{', '.join(after)}])"])
        at = self.time_of(when)
        if at is None:
            return Event(
                when=function("xp, t, y, p", [*body, f"return {written(when)} + 0.0 * y[0]"]), direction=1, jump=jump
            )
        moment = self.number(at)
        if moment in table.times:
            raise Unsupported(
                f"the event {happening.name!r} is at t = {moment:g}, where there is a measurement: before or behind?"
            )
        if moment > np.max(table.times):
            return None
        source = [*self._parameters_of(at), f"return {self._of_parameters(at)}"]
        return Event(at=function("xp, p", source) if symbols_of(at) else moment, jump=jump)

    def time_of(self, when: Any) -> Any:
        """The time at which `time - something` passes through zero, by parameters of the table; `None` for other functions."""
        now = [s for s in when.free_symbols if name_of(s) == TIME]
        if len(now) != 1:
            return None
        rest = now[0] - when
        names = symbols_of(rest)
        if TIME in names or names & {*self.states, *self.model.rules}:
            return None
        return substituted(rest, {s: self.started(s) for s in names})
