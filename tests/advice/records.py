"""Probes, shapes and records that were made up."""

from dataclasses import replace
from math import exp, log

import numpy as np

from hessbench import Case
from hessbench._advice.model import Known, Model, features
from hessbench._advice.probe import Probe, Shape
from hessbench._advice.regression import Line
from hessbench._measuring.measure import blank

CASE = Case("sir", "a", "numpy", rtol=1e-8)
FACTS = {"operations": 50, "nonzeros": 10, "switches": 0, "steps": 40, "stability": 5.0, "rough": 20}
PROBE = Probe("made-up", 4, 3, ("k",), 1e-8, growth=2.0, pieces=1, **FACTS)
STIFF = replace(PROBE, stiff=True, stability=1e5, steps=100_000)


def right(name, seconds=1e-3, error=1e-9, first=0.01, **fields):
    """A record that the gate calls right."""
    case = replace(CASE, strategy=name)
    times = {"best_s": seconds, "median_s": seconds, "first_s": first, "prepare_s": 0.0}
    return replace(blank(case, "ok"), error_hess=error, peak_mib=1.0, **times, **fields)


def other(name, status, message="because", **fields):
    """A record without times."""
    return replace(blank(replace(CASE, strategy=name), status), message=message, **fields)


def drawn(seed):
    """A probe and a shape of any size."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 50)), int(rng.integers(1, 50))
    probe = replace(
        PROBE,
        states=n,
        unknowns=m,
        rtol=float(10 ** -rng.uniform(4, 11)),
        operations=int(n * rng.integers(2, 40)),
        steps=int(rng.integers(5, 2000)),
        rough=int(rng.integers(5, 300)),
        growth=float(exp(rng.normal())),
    )
    return probe, Shape(n, m, int(rng.integers(1, 20)))


def certain(seconds, error=1e-9, first=0.01, right=100, of=100, scale=0.05):
    """What is known of a strategy whose every quantity is the same on all problems."""

    def line(value):
        mean = np.zeros(features(PROBE, Shape(1, 1)).size)
        mean[0] = log(value)
        return Line(mean, np.eye(mean.size) * 1e-9, 200.0, 200.0 * scale**2)

    lines = {"seconds": line(seconds), "first": line(first), "error": line(error), "memory": line(1.0)}
    return Known(lines, {"smooth": (right, of)})


def model(**known):
    """A model of strategies `name@numpy`."""
    return Model({f"{name}@numpy": one for name, one in known.items()}, "made up")


def shapes(*names, **fields):
    """What they are asked to do."""
    return {f"{name}@numpy": Shape(4, 3, **fields) for name in names}
