"""How good the advisor's advice is, and the records that its shipped model is fitted to: `docs/advice.md`.

python -m benchmarks.advice measure train FILE     strategies on problems of this package, appended to FILE (JSON lines)
python -m benchmarks.advice measure held-out FILE  the same on problems that no model was fitted to
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from hessbench import Case, Record
from hessbench._advice.asking import asked
from hessbench._advice.machine import PROBLEMS
from hessbench._advice.model import SHIPPED, fitted, stretched
from hessbench._measuring.forking import Forking
from hessbench._measuring.grid import measure_grid
from hessbench._measuring.machine import Watch, cpu, hardware
from hessbench._measuring.provenance import now, provenance
from hessbench._measuring.record import contender
from hessbench._plugins.contenders import likely
from hessbench._storage.files import append_line, write

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {"time_limit": 20.0, "budget": 0.1, "gate_seed": 2}
TRAINING = (
    ("lotka-volterra", {}, 1e-8),
    ("three-body", {}, 1e-10),
    ("random-quadratic", {"n": 10}, 1e-6),
    ("brusselator", {"n": 8}, 1e-6),
    ("hires", {}, 1e-6),
    ("lynx-hare", {}, 1e-8),
    ("pharmacokinetics", {}, 1e-8),
    ("neural-ode", {"h": 8}, 1e-6),
    ("sir", {}, 1e-8),
    ("robertson", {}, 1e-6),
    ("kepler", {}, 1e-10),
    ("oscillator-data", {}, 1e-8),
    ("van-der-pol", {"mu": 20.0, "t1": 40.0}, 1e-6),
    ("optimal-control", {}, 1e-8),
    ("brusselator", {"n": 32}, 1e-6),
    ("pollution", {}, 1e-6),
    ("thermostat", {}, 1e-6),
    ("lorenz", {}, 1e-8),
    ("e5", {}, 1e-6),
    ("driven-pendulum", {}, 1e-6),
    ("generic-cubic", {}, 1e-8),
    ("epidemic-in-stages", {}, 1e-6),
    ("oregonator", {}, 1e-6),
    ("harmonic-oscillator", {"d": 6}, 1e-8),
    ("random-quadratic", {"n": 40}, 1e-6),
    ("bouncing-ball", {}, 1e-8),
    ("hodgkin-huxley", {}, 1e-6),
    ("generic-bolza", {}, 1e-6),
    ("gray-scott", {"n": 16}, 1e-6),
    ("restricted-three-body", {}, 1e-8),
    ("polynomial-control", {"n": 8}, 1e-8),
    ("reaction-network", {}, 1e-6),
    ("neural-ode", {"h": 2}, 1e-8),
    ("magnetic-field", {}, 1e-10),
    ("damped-oscillator", {}, 1e-6),
    ("lotka-volterra", {"m": 100}, 1e-6),
)  # those that teach most come first: an interrupted run is of use too
HELD_OUT = (
    ("chemostat", 1e-8),
    ("glucose", 1e-6),
    ("spring_chain", 1e-8),
    ("enzyme", 1e-6),
    ("weather", 1e-6),
    ("double_pendulum", 1e-10),
    ("tumour", 1e-8),
    ("kuramoto", 1e-8),
    ("nerve", 1e-8),
    ("heated_rod", 1e-6),
    ("gene_clock", 1e-8),
    ("satellite", 1e-10),
    ("thrown", 1e-8),
    ("cart_pole", 1e-6),
    ("learnt_flow", 1e-6),
    ("outbreak", 1e-8),
)  # files of `benchmarks/held_out`, none of which a model was fitted to
OWN = ("discrete-adjoint", "implicit-adjoint", "hand-adjoint", "cvodes-adjoint", "jax-adjoint")  # written here


class Records:
    """Records in one file of JSON lines; a case that is there already is not measured again."""

    def __init__(self, path):
        self.path, self.known, self.watch = Path(path), {}, Watch()
        self.origin = provenance("advice", " ".join(["python -m benchmarks.advice", *sys.argv[1:]]), ROOT)
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        for record in (Record.from_json(json.loads(line)["record"]) for line in lines):
            self.known[_key(record)] = record

    def find(self, case):
        arguments = json.dumps(dict(case.arguments), sort_keys=True)
        return self.known.get((case.problem, arguments, case.strategy, case.backend, case.rtol))

    def add(self, record):
        self.known[_key(record)] = record
        append_line(
            self.path,
            json.dumps({"run": {**self.origin, **self.watch.since(), "date": now()}, "record": record.to_json()}),
        )


def _key(r):
    return r.problem, r.arguments, r.strategy, r.backend, r.rtol


def problems(which):
    """(problem, arguments, rtol) of the training set or of those held out."""
    return TRAINING if which == "train" else [(f"benchmarks/held_out/{name}.py", {}, rtol) for name, rtol in HELD_OUT]


def measure(which, path):
    """Every likely strategy on every problem, in children, judged and timed."""
    store = Records(path)
    cases = [Case(p, s, b, a, rtol) for p, a, rtol in problems(which) for s, b in likely()]
    with Forking() as child:
        for case, record in measure_grid(cases, store, child=child, **LIMITS):
            said = record.message[:60] if record.median_s is None else f"{record.median_s:.3g} s"
            print(case.problem_label, case.label, record.status, said, flush=True)


def seen(which, path):
    """`(probe, shape, record)` of every record in a file; the problems are probed now."""
    records = list(Records(path).known.values())
    out, found = [], {}
    for problem, arguments, rtol in problems(which):
        key = problem, json.dumps(arguments, sort_keys=True)
        if any((r.problem, r.arguments) == key for r in records):
            found[key] = asked(Case(problem, "", None, arguments, rtol), likely())
    for r in records:
        one = found.get((r.problem, r.arguments))
        if one is not None and contender(r.strategy, r.backend) in one.shapes:
            out.append((one.probe, one.shapes[contender(r.strategy, r.backend)], r))
    return out


def fit(path):
    """Write the model that ships with the package from the records of the training set."""
    rows = seen("train", path)
    count = len({(r.problem, r.arguments) for _, _, r in rows})
    date = max(json.loads(line)["run"]["date"] for line in Path(path).read_text().splitlines())[:10]
    origin = f"they are from {len(rows)} records of {count} problems of this package ({cpu()}, {date})"
    made = fitted(rows, origin, hardware(), [name for name, _, _ in PROBLEMS])
    made = replace(made, stretch=stretched(rows))
    write(SHIPPED, json.dumps(made.to_json()) + "\n")
    print(f"{SHIPPED}: {origin}")


if __name__ == "__main__":
    {"measure": measure, "fit": fit}[sys.argv[1]](*sys.argv[2:])
