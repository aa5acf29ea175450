"""The latest preparations, so that a Hessian asked for again costs little more than the Hessian.

A preparation is used again for the same problem object, strategy and options, as long as all that the problem's functions
reach (`fingerprint`) is what it was: an edited constant of the user's file, or an array changed in place, makes a new one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any, Generic, TypeVar

from .._model.problem import Problem
from .fingerprint import reached

MOST = 16
FIELDS = tuple(f.name for f in fields(Problem))
T = TypeVar("T")


class Preparations(Generic[T]):
    """The `MOST` latest results of `make(problem, strategy, **options)`. Threads may share it."""

    def __init__(self, make: Callable[..., T]) -> None:
        self.make = make
        self.lock = threading.Lock()
        self.known: OrderedDict[Any, tuple[Problem, Any, T]] = OrderedDict()

    def get(self, problem: Problem, strategy: Any, options: dict[str, Any]) -> T:
        """A preparation, made now or earlier. Raises what `make` raises."""
        key = (id(problem), strategy, *sorted(options.items()))
        try:
            found = self.known.get(key)
        except TypeError:  # something in it has no hash
            return self.make(problem, strategy, **options)
        content = reached(map(vars(problem).get, FIELDS)) if isinstance(problem, Problem) else None
        if content is None:
            return self.make(problem, strategy, **options)
        if found is not None and found[0] is problem and found[1] == content:
            with suppress(KeyError):  # another thread has put it out
                self.known.move_to_end(key)
            return found[2]
        made = self.make(problem, strategy, **options)
        with self.lock:
            self.known[key] = (problem, content, made)
            self.known.move_to_end(key)
            while len(self.known) > MOST:
                self.known.popitem(last=False)
        return made
