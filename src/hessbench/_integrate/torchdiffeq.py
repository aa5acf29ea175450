"""What the strategies that call torchdiffeq share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Counted:
    """A right-hand side that counts its calls, and the steps of both directions that torchdiffeq tells it of."""

    def __init__(self, f: Callable[[Any, Any], Any]) -> None:
        self.f, self.calls, self.accepted, self.rejected = f, 0, 0, 0

    def __call__(self, t: Any, y: Any) -> Any:
        self.calls += 1
        return self.f(t, y)

    def callback_accept_step(self, t: Any, y: Any, h: Any) -> None:
        """For torchdiffeq: a step was accepted."""
        self.accepted += 1

    def callback_reject_step(self, t: Any, y: Any, h: Any) -> None:
        """For torchdiffeq: a step was rejected."""
        self.rejected += 1

    callback_accept_step_adjoint, callback_reject_step_adjoint = callback_accept_step, callback_reject_step

    def report(self, counters: Any, size: float) -> None:
        """Add the solve since the last report, if there was one, of a system `size` times as large as the problem's."""
        if self.calls:
            counters.add(steps=self.accepted, rejected=self.rejected, rhs=self.calls, size=size)
        self.calls = self.accepted = self.rejected = 0
