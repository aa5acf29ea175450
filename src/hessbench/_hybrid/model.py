"""What users declared (data, events) and what was found (switches), recorded once for a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._derive.adjoint import bolza_slope
from .._errors import InvalidInput
from .._model.derivatives import Array
from .._model.events import Event
from .._model.problem import TIMES, Problem
from ..discrete._data import check_shape
from ..discrete._event_functions import slopes
from ..discrete._events import Events, arguments
from ..discrete._recording import Inputs
from ..discrete._smooth import Smooth, smooth
from .switched import Branch, Switched, switched


@dataclass(frozen=True, eq=False)
class Model:
    """A problem in pieces. `switches` is `None` where the right-hand side has none that the unknowns move."""

    problem: Problem
    switches: Switched | None

    @property
    def declared(self) -> bool:
        """Whether the problem has data or events of its own."""
        return self.problem.data is not None or bool(self.problem.events)

    @cached_property
    def events(self) -> Events:
        """What happens at which times."""
        return Events(self.problem)

    @cached_property
    def recorded(self) -> bool:
        """Whether the slopes can be recorded."""
        try:
            slopes(self.problem)
        except InvalidInput:
            return False
        return True

    @property
    def places(self) -> Array:
        """Where the parameters a (P,) stand in the decision vector."""
        return self.events.places

    @property
    def size(self) -> int:
        """K = N + P + 1, the length of v = (y, a, t)."""
        return self.events.size

    @cached_property
    def data(self) -> tuple[Smooth | None, Smooth | None]:
        """Loss and residuals of v = (y, a, t) and a row of the values, which follows behind."""
        data, name = self.problem.data, self.problem.name
        assert data is not None and data.mask is not None
        row = data.values.shape[1:]

        def made(what: str, f: Callable[..., Any], total: bool) -> Smooth:
            def terms(xp: Any, inputs: Inputs) -> Any:
                t, y, p = arguments(self.problem, inputs)
                d, mask = inputs.array(row), inputs.array(row)
                out = f(xp, t, y, d, p)
                check_shape(self.problem, what, np.shape(out))
                out = mask * out if np.shape(out) == row else out
                return xp.sum(out) if total else out

            return smooth(name, f"data.{what}", terms, self.size)

        return (
            None if data.loss is None else made("loss", data.loss, True),
            None if data.residual is None else made("residual", data.residual, False),
        )

    def data_first(self, v: Array, rows: slice) -> tuple[float, Array]:
        """The value of the `rows` of the data at v (K, B), added up, and the gradient (K, B) of each."""
        (loss, residual), batch = self.data, self.data_inputs(v, rows)
        value, grad = 0.0, np.zeros(v.shape)
        if loss is not None:
            value += float(loss.value(batch).sum())
            grad += loss.first(batch).sum(axis=0)
        if residual is not None:
            r = residual.value(batch)
            value += float((r * r).sum()) / 2
            grad += np.einsum("rb,rkb->kb", r, residual.first(batch))
        return value, grad

    def data_second(self, v: Array, rows: slice) -> tuple[Array, Array]:
        """The Hessian (K, K, B) of each of the `rows` of the data at v (K, B), and what Gauss-Newton takes for it."""
        (loss, residual), batch = self.data, self.data_inputs(v, rows)
        whole, part = np.zeros((2, v.shape[0], *v.shape))
        if loss is not None:
            curved = loss.second(batch, np.ones((1, batch.shape[1])))
            whole, part = whole + curved, part + curved
        if residual is not None:
            first = residual.first(batch)
            squares = np.einsum("rib,rjb->ijb", first, first)
            part = part + squares
            whole = whole + squares + residual.second(batch, residual.value(batch))
        return whole, part

    def data_inputs(self, v: Array, rows: slice) -> Array:
        """v (K, B) with the values and masks of `rows` behind it."""
        data = self.problem.data
        assert data is not None and data.mask is not None
        count = rows.stop - rows.start
        return np.concatenate([v, data.values[rows].reshape(count, -1).T, data.mask[rows].reshape(count, -1).T])

    @cached_property
    def loss(self) -> Smooth:
        """The loss of (y0, y1, a, t0, t1)."""
        problem = self.problem

        def ends(xp: Any, inputs: Inputs) -> Any:
            y0, y1 = inputs.array((problem.dim,)), inputs.array((problem.dim,))
            own = {key: inputs.array(problem.shapes[key]) for key in problem.varied}
            return problem.loss(xp, y0, y1, {**problem.params, **own, **{key: inputs.array(()) for key in TIMES}})

        return smooth(problem.name, "loss", ends)

    def plain_branch(self, x: Array) -> Branch:
        """The right-hand side as it is, at the parameters of `x`."""
        problem = self.problem
        _, p = problem.unpack(x)
        slope = bolza_slope(problem, p)
        return Branch((), problem.rhs, problem.running_loss, lambda t, y, a: slope(t, self.started(y)))

    def started(self, y: Array) -> Array:
        """(y, 0) where there is a running loss."""
        return y if self.problem.running_loss is None else np.append(y, 0.0)


def model(problem: Problem, as_is: bool = False) -> Model | None:
    """What makes `problem` smooth in pieces only; `None` where nothing does. `as_is` looks for no switches."""
    found = None if as_is else switched(problem)
    if found is not None and not found.moving():
        found = None
    if found is None and problem.data is None and not problem.events:
        return None
    for k, event in enumerate(problem.events):
        assert isinstance(event, Event), k
    return Model(replace(problem), found)
