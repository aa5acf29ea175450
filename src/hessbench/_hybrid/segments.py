"""The list of pieces that a solution consists of: smooth segments, and nodes between them with data, jumps and events.

    t0 --segment-- node ... node --segment-- node --segment-- t1        several nodes may stand at one time

This is all that an implementation of second derivatives needs beside the branches' right-hand sides: see `lifting`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._model.derivatives import Array
from ..discrete._events import Moment
from ..discrete._smooth import Smooth
from .switched import Branch


@dataclass(eq=False)
class Segment:
    """A smooth piece from `y0` at `start` to `y1` at `end` (N,); `integral` is that of the running loss."""

    branch: Branch
    start: Moment
    end: Moment
    y0: Array
    y1: Array
    integral: float = 0.0

    def length(self) -> float:
        """Of its time span."""
        return abs(self.end.t - self.start.t)


@dataclass(eq=False)
class Node:
    """What happens at a moment: rows `data` of the data are compared with `before` (N,), or the state jumps to `after`.

    At a moment of kind "root", `root` is the function of v = (y, a, t) that is zero in `before`.
    """

    moment: Moment
    before: Array
    after: Array
    data: slice | None = None
    jump: Smooth | None = None
    root: Smooth | None = None


@dataclass(eq=False)
class Pieces:
    """Segments and nodes in order; `y0` and `y1` (N,) are the states at the ends."""

    items: list[Segment | Node]
    first: Moment
    last: Moment
    y0: Array
    y1: Array

    @property
    def segments(self) -> list[Segment]:
        """The smooth pieces alone."""
        return [item for item in self.items if isinstance(item, Segment)]

    @property
    def plain(self) -> bool:
        """Whether it is one segment and nothing else."""
        return len(self.items) == 1
