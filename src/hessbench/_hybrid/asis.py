"""A strategy that treats switches of the right-hand side as its framework does: the variant `/as-is`, kept to show its error.

A framework differentiates the branch that was taken and freezes the time at which it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._plugins.strategy import Strategy
from ..backends import about, known
from .lifting import MULTIPLIER
from .model import model

NAME = "as-is"


@dataclass(frozen=True)
class AsIs(Strategy):
    """`inner`, which the harness does not lift over switches; declared data and events are treated as for `inner`."""

    inner: Strategy

    def __getattribute__(self, name: str) -> Any:
        if name in (
            "backends",
            "packages",
            "limits",
            "accuracy",
            "scales_by_component",
            "thread_safe",
            "gives_products",
        ):
            return getattr(object.__getattribute__(self, "inner"), name)
        return object.__getattribute__(self, name)

    def prepare(self, problem: Any, backend: Any, ivp: Any) -> Callable[[Any], Any]:
        """As `inner`."""
        return self.inner.prepare(problem, backend, ivp)

    def prepare_products(self, problem: Any, backend: Any, ivp: Any) -> Callable[..., Any]:
        """As `inner`."""
        return self.inner.prepare_products(problem, backend, ivp)

    def why_not(self, problem: Any) -> str | None:
        """As `inner`; and where there is no switch, it would be that strategy once more."""
        same = None if MULTIPLIER in problem.params else self.needless(problem)
        return same or self.inner.why_not(problem)

    def needless(self, problem: Any) -> str | None:
        """The refusal of a whole problem without a switch; of a piece, `why_not` cannot know."""
        found = model(problem)
        if found is None or found.switches is None:
            return "It differs from the plain strategy only where the unknowns move a switch of the right-hand side."
        return None


def has_variant(backends: tuple[str, ...]) -> bool:
    """Whether strategies on these backends differentiate switches by a framework that may be chosen."""
    return any(not about(name).apart for name in set(known(1)) & set(backends))
