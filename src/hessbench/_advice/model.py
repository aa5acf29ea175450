"""What strategies cost and how exact they are, as a function of what was probed: power laws, one for each strategy.

    T = exp(w_0) steps^w_1 rough^w_2 ... ,   each exponent with its uncertainty (`regression`), learnt from records

and the chance that a strategy is right and in time, from how often it was on problems of the same kind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from .._errors import HessbenchError
from .._measuring.record import Record, contender
from .._model.derivatives import Array
from .probe import Probe, Shape
from .regression import Line, prior

SHIPPED = Path(__file__).with_name("model.json")
FEATURES = (
    *(
        "one",
        "steps",
        "rough",
        "stiffness",
        "states",
        "unknowns",
        "operations",
        "pieces",
        "in pieces",
        "digits",
        "growth",
    ),
)
MOST_STEPS = 1e6  # where an explicit method has given up
ANY = 5.0  # of the logarithm of a unit of time: nothing is known of it before the first record
TARGETS = {  # exponents before any record was seen, their deviations, and the scatter of what is observed
    "seconds": prior((-9, 0.5, 0.3, 0, 0.5, 0.5, 0.3, 0.7, 0, 0, 0), (ANY, *[0.35] * 7, 1.5, 0.1, 0.1), 0.5),
    "first": prior((-1, 0.1, 0.1, 0, 0.2, 0.2, 0.2, 0.2, 0, 0, 0), (ANY, *[0.3] * 7, 0.5, 0.1, 0.1), 0.5),
    "error": prior((0, 0, 0, 0, 0, 0, 0, 0, 0, -0.9, 0.3), (ANY, *[0.3] * 7, 0.5, 0.2, 0.3), 1.5),
    "memory": prior((-3, 0.3, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0), (ANY, *[0.3] * 7, 0.5, 0.1, 0.1), 1.0),
}
FLOORS = {"seconds": 1e-7, "first": 1e-4, "error": 1e-13, "memory": 1e-2}
COVERED = 0.9  # probability of intervals
PRIOR_WEIGHT = 2.0  # records that the chance on all problems counts for, beside those on problems of the same kind
KINDS = ("smooth", "stiff", "pieces")


def features(probe: Probe, shape: Shape) -> Array:
    """The logarithms that the power laws are in, (f,). What could not be probed gets a value that is not far off."""
    rough = probe.rough or probe.steps or 100
    ratio = 1.0 if probe.stability is None else max(1.0, probe.stability / rough)
    operations = probe.operations or 10 * probe.states**2
    return np.array([
        1.0,
        log(min(probe.steps or 3 * rough, MOST_STEPS)),
        log(rough),
        log(min(ratio, MOST_STEPS)),
        log(shape.dim),
        log(shape.unknowns),
        log(operations),
        log(shape.pieces),
        float(shape.pieces > 1),
        log(1 / probe.rtol) - log(1e8),
        log(min(max(probe.growth or 1.0, 1e-3), 1e8)),
    ])  # fmt: skip


def kind(probe: Probe, shape: Shape) -> str:
    """Which of `KINDS` a problem is to a strategy."""
    return "stiff" if probe.stiff else "pieces" if shape.pieces > 1 else "smooth"


def observed(record: Record) -> dict[str, float]:
    """The logarithms of what was measured, by target; nothing of a record that is not `ok`.

    Of the times of repeated calls the least: other programs only ever add to it.
    """
    if record.status != "ok" or record.best_s is None or record.first_s is None:
        return {}
    found = {"seconds": record.best_s, "first": record.first_s + (record.prepare_s or 0.0)}
    if record.error is not None:
        found["error"] = record.error
    if record.peak_mib is not None:
        found["memory"] = record.peak_mib
    return {key: log(max(value, FLOORS[key])) for key, value in found.items()}


@dataclass(frozen=True, eq=False)
class Seen:
    """What was measured of a strategy on a problem: the `row` of features, and `values` by target."""

    row: Array
    values: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Known:
    """One strategy: its power laws by target, and of its records on each kind of problem `[right, all]`."""

    lines: Mapping[str, Line]
    outcomes: Mapping[str, Sequence[int]]

    def chance(self, kind: str) -> float:
        """That it is right and in time on a problem of this kind: its share there, drawn to that on all problems."""
        right, every = (sum(counts[k] for counts in self.outcomes.values()) for k in (0, 1))
        overall = (right + 1) / (every + 2)
        here = self.outcomes.get(kind, (0, 0))
        return (here[0] + PRIOR_WEIGHT * overall) / (here[1] + PRIOR_WEIGHT)


@dataclass(frozen=True, eq=False)
class Model:
    """What is known of each strategy, by `strategy@backend`; `origin` says in a sentence where the records came from.

    `yardstick` has what a few of them were (`observed`), by `strategy@backend problem`, for other machines to compare with;
    `stretch` by how much intervals of each target are wider than the power laws say (`stretched`).
    """

    known: Mapping[str, Known]
    origin: str = ""
    hardware: str = ""
    yardstick: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    stretch: Mapping[str, float] = field(default_factory=dict)
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        known = {
            label: {
                "lines": {key: line.to_json() for key, line in one.lines.items()},
                "outcomes": {key: list(counts) for key, counts in one.outcomes.items()},
            }
            for label, one in self.known.items()
        }
        yardstick = {key: {k: round(v, 4) for k, v in one.items()} for key, one in self.yardstick.items()}
        return {
            "features": list(FEATURES),
            "origin": self.origin,
            "hardware": self.hardware,
            "yardstick": yardstick,
            "stretch": {key: round(value, 3) for key, value in self.stretch.items()},
            "known": known,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], digest: str = "") -> Model:
        """The inverse of `to_json`. Raises `HessbenchError` for what is no model of this version."""
        try:
            if tuple(data["features"]) != FEATURES:
                raise ValueError("other features")
            known = {
                label: Known(
                    {key: Line.from_json(line) for key, line in one["lines"].items()},
                    {key: (int(right), int(every)) for key, (right, every) in one["outcomes"].items()},
                )
                for label, one in data["known"].items()
            }
            yardstick = {key: {k: float(v) for k, v in one.items()} for key, one in data["yardstick"].items()}
            stretch = {target: float(data["stretch"][target]) for target in TARGETS}
            return cls(known, str(data["origin"]), str(data["hardware"]), yardstick, stretch, digest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HessbenchError(f"This is no model of the advisor's: {error!r}.") from error


def fitted(
    seen: Sequence[tuple[Probe, Shape, Record]], origin: str = "", hardware: str = "", yardsticks: Sequence[str] = ()
) -> Model:
    """The model that records teach, each with the probe of its problem and what its strategy was asked to do.

    Refusals and missing packages teach nothing: they are known beforehand. Nor does what could not be judged.
    `yardsticks` are problems whose records are kept as they are.
    """
    rows: dict[str, list[Seen]] = {}
    outcomes: dict[str, dict[str, list[int]]] = {}
    yardstick = {}
    for probe, shape, record in seen:
        if record.status in ("unsupported", "unavailable", "unjudged"):
            continue
        label = contender(record.strategy, record.backend)
        counts = outcomes.setdefault(label, {}).setdefault(kind(probe, shape), [0, 0])
        counts[0] += record.status == "ok"
        counts[1] += 1
        found = observed(record)
        rows.setdefault(label, []).append(Seen(features(probe, shape), found))
        if found and record.problem in yardsticks:
            yardstick[f"{label} {record.problem}"] = found
    common = {target: pooled(target, list(rows.values())) for target in TARGETS}
    known = {}
    for label, each in rows.items():
        lines = {target: before.learnt(*chosen(each, target)) for target, before in common.items()}
        known[label] = Known(lines, outcomes[label])
    return Model(known, origin, hardware, yardstick, dict.fromkeys(TARGETS, 1.0))


def chosen(each: Sequence[Seen], target: str) -> tuple[Array, Array]:
    """Features (k, f) and values (k,) of the records that have `target`."""
    have = [one for one in each if target in one.values]
    rows = np.array([one.row for one in have]).reshape(len(have), len(FEATURES))
    return rows, np.array([one.values[target] for one in have])


def pooled(target: str, strategies: Sequence[Sequence[Seen]]) -> Line:
    """What is expected of a strategy of which nothing is known: exponents that all strategies together have.

    They are learnt from the differences to each strategy's own mean; how far one strategy may be from them is as before.
    """
    before = TARGETS[target]
    parts = [chosen(each, target) for each in strategies]
    parts = [(rows - rows.mean(axis=0), values - values.mean()) for rows, values in parts if len(values)]
    if not parts:
        return before
    found = before.learnt(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    mean = found.mean.copy()
    mean[0] = before.mean[0]  # the unit of time is each strategy's own
    return replace(before, mean=mean)


def stretched(seen: Sequence[tuple[Probe, Shape, Record]]) -> dict[str, float]:
    """By target, how much wider intervals have to be so that 90 % of them hold, at least 1.

    Problems are no draws from what a power law describes, so that its own intervals are too narrow: each family of problems
    is predicted by a model of all the others, and what their intervals would have needed is counted.
    """
    needed: dict[str, list[float]] = {target: [] for target in TARGETS}
    for family in {record.problem for _, _, record in seen}:
        others = fitted([row for row in seen if row[2].problem != family])
        for probe, shape, record in seen:
            known = others.known.get(contender(record.strategy, record.backend))
            if record.problem != family or known is None:
                continue
            for target, value in observed(record).items():
                centre, scale, freedom = known.lines[target].at(features(probe, shape))
                needed[target].append(abs(value - centre) / (scale * float(stdtrit(freedom, (1 + COVERED) / 2))))
    return {target: max(1.0, float(np.quantile(each, COVERED))) if each else 1.0 for target, each in needed.items()}


@cache
def shipped() -> Model:
    """The model that came with this package. Raises `HessbenchError` if its file is damaged."""
    data = SHIPPED.read_bytes()
    try:
        found = json.loads(data)
    except ValueError as error:
        raise HessbenchError(f"{SHIPPED} is damaged: {error}.") from error
    return Model.from_json(found, hashlib.sha256(data).hexdigest()[:16])
