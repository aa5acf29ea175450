"""How much slower or faster this machine is than the one whose records the model was fitted to, for each strategy.

Measured on a few problems (`hessbench advise --calibrate`) that were measured there too, and kept in the cache:

    log of the factor of a strategy = common + n / (n + 1) (mean of its own - common),   n its problems
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import exp, isfinite, log
from pathlib import Path
from statistics import median
from time import monotonic

from .._errors import HessbenchError
from .._measuring.forking import Forking
from .._measuring.machine import hardware
from .._measuring.measure import measure
from .._measuring.record import Case, Record
from .._storage.cache import keep, private_folder, user_folder, whole
from .model import Model, observed

PROBLEMS = (("driven-pendulum", {}, 1e-6), ("random-quadratic", {"n": 10}, 1e-6))
SECONDS = 60.0  # after which no further case is begun
TIME_LIMIT, BUDGET = 20.0, 0.1  # seconds of a case, and of its repeated calls
TARGETS = ("seconds", "first")
UNKNOWN, KNOWN = (
    log(1.6),
    log(1.1),
)  # spread of the logarithm: on a machine nothing is known of, and on one that was measured


@dataclass(frozen=True)
class Scales:
    """Logarithms of factors by target and strategy; `common` is for those that were not measured. `said` in a sentence."""

    own: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    common: Mapping[str, float] = field(default_factory=dict)
    spread: float = KNOWN
    said: str = ""

    def of(self, target: str, label: str) -> tuple[float, float]:
        """What is added to the logarithm of a prediction, and its deviation: nothing for what is no time."""
        if target not in TARGETS:
            return 0.0, 0.0
        return self.own.get(target, {}).get(label, self.common.get(target, 0.0)), self.spread


def path(model: Model) -> Path:
    """Where the factors of this machine are kept; those of another model or machine stand elsewhere."""
    return private_folder(user_folder() / "advice") / f"{hardware()}-{model.digest}.json"


def scales(model: Model) -> Scales:
    """What is known of this machine. A file that is damaged counts as absent."""
    data = whole(path(model))
    if data is not None:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            return read(json.loads(data))
    if model.hardware == hardware():
        return Scales(spread=KNOWN, said="measured on this machine")
    return Scales(spread=UNKNOWN, said="measured on another machine; `hessbench advise --calibrate` takes a minute")


def read(data: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Scales:
    """The factors of a file. Raises `KeyError`, `TypeError` or `ValueError` for what holds none."""
    own = {target: {str(k): float(v) for k, v in data["own"][target].items()} for target in TARGETS}
    common = {target: float(data["common"][target]) for target in TARGETS}  # type: ignore[arg-type]
    if not all(map(isfinite, [*common.values(), *(v for part in own.values() for v in part.values())])):
        raise ValueError("a factor is not finite")
    slower = exp(common["seconds"])
    return Scales(own, common, KNOWN, f"scaled to this machine, which takes {slower:.2g} times as long")


def factors(ratios: Mapping[str, Mapping[str, list[float]]]) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """From logarithms of ratios by target and strategy: those of the factors, own ones and common ones."""
    own: dict[str, dict[str, float]] = {}
    common: dict[str, float] = {}
    for target in TARGETS:
        means = {label: sum(values) / len(values) for label, values in ratios.get(target, {}).items() if values}
        common[target] = median(means.values()) if means else 0.0
        own[target] = {
            label: common[target]
            + len(ratios[target][label]) / (len(ratios[target][label]) + 1) * (mean - common[target])
            for label, mean in means.items()
        }
    return own, common


def calibrated(model: Model, tell: Callable[[str], None] = lambda said: None, seconds: float = SECONDS) -> Scales:
    """Measure for about `seconds`, keep what was found, and return it. A case that fails leaves the others alone.

    Raises `HessbenchError` where nothing could be measured or nothing can be kept.
    """
    end = monotonic() + seconds
    ratios: dict[str, dict[str, list[float]]] = {target: {} for target in TARGETS}
    with Forking() as child:
        for problem, arguments, rtol in PROBLEMS:
            found_there = {
                label: there for label in model.known if (there := model.yardstick.get(f"{label} {problem}"))
            }
            for label, there in sorted(found_there.items(), key=lambda pair: pair[1]["first"]):  # the quick ones first
                if monotonic() > end:
                    continue
                strategy, _, backend = label.partition("@")
                case = Case(problem, strategy, backend, arguments, rtol)
                with suppress(HessbenchError):
                    found = compared(measure(case, child=child, time_limit=TIME_LIMIT, budget=BUDGET), there)
                    for target, ratio in found.items():
                        ratios[target].setdefault(label, []).append(ratio)
                    tell(f"{label}: {exp(found['seconds']):.2g} times as long" if found else f"{label}: not measured")
    if not ratios["seconds"]:
        raise HessbenchError("Nothing could be measured: no strategy of the model was right and in time here.")
    own, common = factors(ratios)
    data = {"own": own, "common": common}
    try:
        keep(path(model), json.dumps(data, indent=1).encode())
    except OSError as error:
        raise HessbenchError(f"{path(model)} cannot be written: {error.strerror or error}.") from error
    return read(data)


def compared(record: Record, there: Mapping[str, float]) -> dict[str, float]:
    """The logarithm of how much longer a case took here than `there`, by target."""
    here = observed(record)
    return {target: here[target] - there[target] for target in TARGETS if target in here}
