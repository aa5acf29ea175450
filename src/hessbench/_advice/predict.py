"""Predictions for one problem, and in which order strategies are to be tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

from .machine import Scales
from .model import COVERED, Model, features, kind
from .probe import Probe, Shape

RISK = log(30.0)  # what a strategy that is wrong or stops counts for: thirty times its time
DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A predicted quantity: the middle, and where it lies with probability `COVERED`.

    `scale` and `freedom` are those of its logarithm; `relative` is the part of the scale that strategies do not share, by
    which they are ranked.
    """

    middle: float
    low: float
    high: float
    scale: float
    freedom: float
    relative: float

    def below(self, limit: float) -> float:
        """The probability that it is at most `limit`."""
        return float(stdtr(self.freedom, (log(limit) - log(self.middle)) / self.scale))


@dataclass(frozen=True)
class Prediction:
    """What is expected of one strategy: seconds of a Hessian and of the first one, preparation included; the Hessian's relative
    error; MiB; the `chance` that it is right and in time. Where it does not take part, or no record is known, `why`.
    """

    label: str
    seconds: Interval | None = None
    first: Interval | None = None
    error: Interval | None = None
    memory: Interval | None = None
    chance: float = 0.0
    why: str = ""
    status: str = ""

    def cost(self, calls: int | None) -> float:
        """Seconds of `calls` Hessians, preparation included; of one Hessian alone for `None`."""
        assert self.seconds is not None and self.first is not None
        return float(total(self.first.middle, self.seconds.middle, calls))


def total(first: Any, seconds: Any, calls: int | None) -> Any:
    """Seconds of `calls` Hessians of which the first takes `first`, with its preparation: numbers or arrays (k,).

    Of one Hessian, prepared already, for `None`.
    """
    return seconds if calls is None else np.maximum(first, seconds) + (calls - 1) * seconds


def predictions(
    probe: Probe, shapes: Mapping[str, Shape], model: Model, scales: Scales, accuracy: float | None = None
) -> list[Prediction]:
    """One for each strategy of `shapes`. `accuracy`: the largest error that counts as right, beside the gate's own limit."""
    out = []
    for label, shape in shapes.items():
        known = model.known.get(label)
        if shape.why or known is None:
            why = shape.why or "no record of it is known, so that nothing is predicted"
            out.append(Prediction(label, why=why, status=shape.status))
            continue
        row = features(probe, shape)
        found = {}
        for target, line in known.lines.items():
            centre, scale, freedom = line.at(row)
            move, spread = scales.of(target, label)
            wide = float(np.hypot(scale * model.stretch.get(target, 1.0), spread))
            found[target] = interval(centre + move, wide, freedom, scale)
        chance = known.chance(kind(probe, shape))
        if accuracy is not None:
            chance *= found["error"].below(accuracy)
        out.append(Prediction(label, **found, chance=chance))
    return out


def interval(centre: float, scale: float, freedom: float, relative: float) -> Interval:
    """That of a quantity whose logarithm is around `centre`."""
    reach = scale * float(stdtrit(freedom, (1 + COVERED) / 2))
    middle, low, high = (exp(min(max(v, -700.0), 700.0)) for v in (centre, centre - reach, centre + reach))
    return Interval(middle, low, high, scale, freedom, relative)


def in_order(predicted: list[Prediction], calls: int | None) -> list[Prediction]:
    """Those with a prediction, in the order of trying.

    The first is the one whose cost is the least when being wrong counts as `RISK`; the others follow by the probability
    that they are the fastest right one, from independent draws.
    """
    able = [p for p in predicted if p.seconds is not None and p.first is not None]
    if not able:
        return []
    able.sort(key=lambda p: log(p.cost(calls)) + (1 - p.chance) * RISK)
    first, others = able[0], able[1:]
    best = fastest(able, calls)
    return [first, *sorted(others, key=lambda p: -best[p.label])]


def fastest(able: list[Prediction], calls: int | None) -> dict[str, float]:
    """The probability of each to be the fastest right one for so many calls."""
    drawn = np.random.default_rng(0)
    costs = np.empty((len(able), DRAWS))
    for row, p in zip(costs, able, strict=True):
        assert p.seconds is not None and p.first is not None
        first, each = (i.middle * np.exp(i.relative * drawn.standard_t(i.freedom, DRAWS)) for i in (p.first, p.seconds))
        row[:] = total(first, each, calls)
        row[drawn.random(DRAWS) >= p.chance] = np.inf
    won = np.bincount(costs.argmin(axis=0)[np.isfinite(costs.min(axis=0))], minlength=len(able)) / DRAWS
    return {p.label: float(share) for p, share in zip(able, won, strict=True)}
