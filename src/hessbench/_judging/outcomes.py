"""What is expected of each strategy on each class of problem, and what is observed.

The table `outcomes.csv` in the folder of strategies has one row for each `strategy@backend`, one column for each class,
and the versions it was observed with. A cell is `ok`, `inaccurate`, `wrong`, `raises Error` or `refuses`; the reason of a
refusal is the strategy's own sentence. A strategy without a row, such as a user's, is expected to be right wherever it
does not refuse; so is one whose cell is empty, because nobody waited for it yet.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import HessbenchError, InvalidInput, Unavailable, Unsupported
from .._measuring.measure import blank, strategy_of
from .._measuring.provenance import versions
from .._measuring.record import Case
from .._model.derivatives import Array
from .._model.problem import Problem
from .._model.result import Result
from .._plugins.contenders import contenders
from .._plugins.fit import fit
from .._plugins.plugin import in_words
from .._plugins.prepare import Prepared, prepare, resolve
from .._plugins.registry import problem, strategies
from .._plugins.strategy import Strategy
from .._storage.files import write
from ..backends import about
from ..backends import backend as loaded
from ..backends import built_in as built_in_backends
from .gate import Seen, judge
from .gate_points import VARIABLE, drawn_points, first_with_reference, run_seed
from .reference import points
from .watch import Watch, targets

RTOL = 1e-8
SEED = 2  # of the table
REPEATING = 0.1  # seconds of calls in random order
OUTCOME = re.compile(r"ok|inaccurate|wrong|refuses|raises \w+|")  # empty: not observed


@dataclass(frozen=True)
class Kind:
    """A class of problems, and the small one that stands for it."""

    name: str
    problem: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    wrt: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        """For example `brusselator(n=8) [dissipative]`."""
        return f"{Case(self.problem, '', arguments=self.arguments).problem_label} [{self.name}]"

    def build(self) -> Problem:
        """The problem; with respect to `wrt` instead of its own unknowns, with a perturbed point made for them."""
        target = problem(self.problem, **self.arguments)
        if self.wrt is None:
            return target
        target = replace(target, wrt=self.wrt, perturbed=None)
        return replace(target, perturbed=target.x0 + (7 * np.arange(target.x0.size) % 11 + 1) / 100)


CLASSES = (
    Kind("y0-loss", "generic-cubic"),  # every mixed term, and t0 = 5
    Kind("time-driven", "driven-pendulum"),
    Kind("parameters", "sir", wrt=("y0", "beta", "gamma")),
    Kind("quadratures", "polynomial-control"),  # by parameters that only force; closed form
    Kind("dissipative", "brusselator", {"n": 8, "alpha": 0.12}),
    Kind("state-only", "random-quadratic", {"n": 5}),
    Kind("long", "three-body", {"start": "figure-8"}),  # unstable beside a critical point, where errors hide
    Kind("one-state", "random-quadratic", {"n": 1}),
    Kind("data", "oscillator-data"),  # at twelve times, with noise
    Kind("doses", "pharmacokinetics"),  # at times that are fitted
    Kind("switched", "table-forcing", wrt=("y0", "k", "delay")),  # kinks at times that are fitted, found by recording
    Kind("events", "bouncing-ball"),
    Kind("stiff", "van-der-pol", {"mu": 100.0, "t1": 2.0}),
)
BEYOND = ("doses", "switched", "stiff")  # long, or lossy for right methods: no law for those without a row


@dataclass(frozen=True)
class Row:
    """One contender on one class: what is expected and what came out (empty if not tried), in what words, by which versions."""

    contender: str
    kind: str
    problem: str
    expected: str
    observed: str = ""
    detail: str = ""
    versions: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether what came out is what was expected."""
        return self.observed == self.expected


@dataclass(frozen=True, eq=False)
class Observed:
    """Outcome and its words; what was returned at each of `at`, at the first again, and the inputs after the calls.

    `calls` are the errors of all calls that the gate saw: these, at a drawn point, from a second thread, and again in random
    order; `allowed` is what it allows.
    """

    outcome: str
    detail: str
    run: Prepared | None = None
    at: tuple[Array, ...] = ()
    results: tuple[Result, ...] = ()
    again: Result | None = None
    inputs_after: tuple[Array, ...] = ()
    calls: tuple[Seen, ...] = ()
    allowed: float = 0.0


def table_path() -> Path:
    """The file of expected outcomes, which is installed with the built-in strategies."""
    spec = find_spec("hessbench.builtin_strategies")
    if spec is None or not spec.submodule_search_locations:
        raise HessbenchError("The package hessbench.builtin_strategies is not installed.")
    return Path(next(iter(spec.submodule_search_locations))) / "outcomes.csv"


@cache
def table() -> dict[str, dict[str, str]]:
    """`{strategy@backend: {class: outcome, "versions": ...}}`; raises `InvalidInput` for a file that cannot be used."""
    return read_table(table_path().read_text(encoding="utf-8"))


def read_table(text: str) -> dict[str, dict[str, str]]:
    """The same from the text of a file; `InvalidInput` names the row and the cell that cannot be used."""
    reader = csv.DictReader(io.StringIO(text))
    heading = ["contender", *(kind.name for kind in CLASSES), "versions"]
    if reader.fieldnames != heading:
        raise InvalidInput(f"outcomes.csv has the columns {reader.fieldnames}, expected {heading}.")
    out: dict[str, dict[str, str]] = {}
    for row in reader:
        name = row.pop("contender")
        if name in out:
            raise InvalidInput(f"outcomes.csv has two rows for {name!r}; keep one.")
        for kind in CLASSES:
            if row[kind.name] is None or not OUTCOME.fullmatch(row[kind.name]):
                allowed = "ok, inaccurate, wrong, refuses or `raises Error`"
                raise InvalidInput(f"outcomes.csv: {name} on {kind.name} is {row[kind.name]!r}, expected {allowed}.")
        out[name] = row
    return out


def update_table(rows: Sequence[Row]) -> Path:
    """Write what was observed of built-in strategies into the table, drop rows of contenders that are gone; its path."""
    there = {
        f"{name}@{b}" for name in built_in() for b in strategies()[name].load().backends if b in built_in_backends()
    }
    old = table() if table_path().is_file() else {}
    new = {contender: dict(row) for contender, row in old.items() if contender in there}
    for row in rows:
        if row.contender in there:
            new.setdefault(row.contender, {}).update({row.kind: row.observed, "versions": row.versions})
    columns = [*(kind.name for kind in CLASSES), "versions"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["contender", *columns])
    writer.writerows([contender, *(new[contender].get(column, "") for column in columns)] for contender in sorted(new))
    write(table_path(), out.getvalue())
    table.cache_clear()
    return table_path()


def expected(contender: str, kind: Kind, strategy: Strategy) -> str:
    """The outcome that the table gives `strategy@backend` on a class; without a row `refuses` if it does, else `ok`."""
    row = table().get(contender)
    if row is not None and row[kind.name]:
        return row[kind.name]
    return "ok" if fit(kind.build(), strategy).reason is None else "refuses"


def classes_for(contender: str) -> list[Kind]:
    """Those on which `strategy@backend` is held to laws: all where the table has a row for it, else not those `BEYOND`."""
    return [kind for kind in CLASSES if contender in table() or kind.name not in BEYOND]


def observe(strategy: Strategy, backend: str | None, target: Problem, seed: int | None = None) -> Observed:
    """Run a strategy in this process at each of the problem's points, and judge it by the gate that measuring uses.

    `seed` sets the drawn point and the order of calls; that of this run by default.
    """
    reason = fit(target, strategy).reason
    if reason is not None:
        return Observed("refuses", reason)
    seed, allowed = run_seed() if seed is None else seed, strategy.accuracy.threshold(RTOL)
    drawn = first_with_reference(target, drawn_points(target, seed))
    where = targets(target, drawn, allowed)
    at = tuple(points(target))
    try:
        run = prepare(target, strategy, backend=backend, rtol=RTOL)
        watch = Watch(run.direct, where, seed, allowed)
        inputs = tuple(x.copy() for x in at)
        results = tuple(watch.check(which, run.direct(x)) for which, x in enumerate(inputs))
        watch.call_from_second_thread()
        again = watch.check(0, run.direct(at[0].copy()))
        watch.again(REPEATING, rounds=3)
    except Unsupported as refusal:
        return Observed("refuses", str(refusal))
    except Exception as error:
        return Observed(f"raises {type(error).__name__}", words(error))
    record = judge(blank(Case(target.name, "", backend, rtol=RTOL), "failed"), watch.seen, watch.agreement, allowed)
    detail = (
        record.message
        or f"error {record.error_scaled:.1e} of the {record.error_scaled_where}, allowed {watch.allowed:.1e}"
    )
    return Observed(record.status, detail, run, at, results, again, inputs, tuple(watch.seen), watch.allowed)


def observed_rows(chosen: Sequence[str] | None = None) -> Iterator[Row]:
    """Try contenders (default: all built-in ones whose backend and packages are installed) on every class, one by one.

    The point that is drawn for the gate is always the same one, `SEED`, unless a seed is set: the table can be repeated.
    """
    seed = run_seed() if VARIABLE in os.environ else SEED
    for contender, strategy, backend in usable(chosen):
        for kind in CLASSES:
            seen = observe(strategy, backend, kind.build(), seed)
            wanted, by = expected(contender, kind, strategy), versions(backend, strategy.packages)
            yield Row(contender, kind.name, kind.label, wanted, seen.outcome, seen.detail, by)


def built_in() -> list[str]:
    """Names of the strategies in the folder that holds the table."""
    return [name for name, plugin in strategies().items() if Path(plugin.origin).parent == table_path().parent]


def usable(chosen: Sequence[str] | None = None) -> Iterator[tuple[str, Strategy, str]]:
    """`(strategy@backend, strategy, backend)` of what can run here, of the chosen names or of all built-in ones.

    A backend that wants a process to itself takes part where it is the only one that is asked for: it is loaded first.
    """
    asked = contenders(chosen or built_in())
    for name, backend in asked:
        with suppress(Unavailable):
            strategy, found = resolve(strategy_of(Case("", name)), backend)
            if about(found).apart:
                if any(other != found for _, other in asked):
                    continue
                loaded(found)
            yield f"{name}@{found}", strategy, found


def outcome_rows(observed: Path | None = None) -> list[Row]:
    """The table as flat rows, one for each contender and class; with what `observed` holds, if it is given.

    `observed` is what `hessbench check --outcomes --json` printed. A contender without a row in the table is listed with
    an empty expectation, or `refuses` where it does. Raises `InvalidInput` for a file that holds something else.
    """
    if observed is not None:
        try:
            return [Row(**row) for row in json.loads(observed.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            raise InvalidInput(
                f"{observed} is not a file of observed outcomes (`hessbench check --outcomes --json`): {error}"
            ) from error
    known, out = table(), []
    for name, plugin in strategies().items():
        strategy: Strategy | None = plugin.target
        if strategy is None:
            continue  # a broken plugin, which `hessbench list` shows with its reason
        for backend in strategy.backends:
            contender = f"{name}@{backend}"
            for kind in CLASSES:
                try:
                    reason = fit(kind.build(), strategy).reason
                except (Exception, SystemExit) as error:  # of somebody else's plugin: it hides no other
                    reason = f"`why_not` fails: {in_words(error)}"
                row = known.get(contender, {})
                outcome, by = row.get(kind.name) or ("" if reason is None else "refuses"), row.get("versions", "")
                out.append(Row(contender, kind.name, kind.label, outcome, detail=reason or "", versions=by))
    return out


def to_json(rows: list[Row]) -> str:
    """Rows as JSON, which `outcome_rows` reads."""
    return json.dumps([asdict(row) for row in rows], indent=1)


def words(error: Exception) -> str:
    """The first line of an error, with its type unless it was raised on purpose."""
    lines = str(error).strip().splitlines()
    kind = "" if isinstance(error, HessbenchError) else f"{type(error).__name__}: "
    return kind + (lines[0] if lines else "no message")
