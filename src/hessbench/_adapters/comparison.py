"""`hessbench compare` from Python: its records as an object that is shown as a table, and as a DataFrame."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from .._errors import HessbenchError, InvalidInput
from .._measuring.record import Case, Record
from .._model.notebook import frame, grid, table
from .._model.problem import Problem
from .._plugins.contenders import contenders, likely, pareto

LOADING = '''"""A `Problem` from another process. {digest}"""

import pickle
import sys
from pathlib import Path

import hessbench

sys.path += [folder for folder in {folders!r} if folder not in sys.path]  # where its functions were imported from
problem = pickle.loads(Path(__file__).with_suffix(".pickle").read_bytes())
'''


@dataclass(frozen=True)
class Comparison:
    """The `records` of all contenders on one problem: the right ones by time, then the others by their status.

    `problem` is its name. `verdict` says in sentences what `hessbench compare` says below its table.
    """

    problem: str
    records: tuple[Record, ...]
    verdict: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    @property
    def best(self) -> Record | None:
        """The fastest right one; `None` if none is right."""
        return next((r for r in self.records if r.status == "ok" and r.median_s is not None), None)

    def to_frame(self) -> Any:
        """A pandas `DataFrame` with one row for each contender and a column for each field of `Record`, for its `error`, and
        for whether it is `best`: no other is both faster and more accurate. Raises `Unavailable` without pandas.
        """
        best = pareto(self.records)
        return frame([{**r.to_json(), "error": r.error, "best": id(r) in best} for r in self.records])

    def _repr_html_(self) -> str:
        """For notebooks: the table of the command, and the verdict."""
        from .._cli.table import HEAD, rows_of

        cells = [[*row, record.message] for row, record in zip(rows_of(self.records), self.records, strict=True)]
        said = [("", sentence) for sentence in self.verdict]
        return grid(f"Strategies on {self.problem}", (*HEAD, "why"), cells) + table("Verdict", said)

    def __str__(self) -> str:
        return "\n".join([f"{r.strategy}@{r.backend}: {r.status} {r.message}".rstrip() for r in self] + [*self.verdict])


def compare(
    problem: Problem | str | Path,
    strategies: Sequence[str] | Literal["likely", "all"] = "likely",
    *,
    arguments: Mapping[str, Any] | None = None,
    rtol: float = 1e-8,
    atol: float | None = None,
    method: str = Case.method,
    budget: float = 1.0,
    time_limit: float = 60.0,
    memory_limit_mib: int = 8192,
    each: Callable[[Record], Any] | None = None,
) -> Comparison:
    """Strategies on one problem, each judged and timed in a process of its own, as `hessbench compare` does.

    `problem` is a `Problem`, also of a notebook (its functions travel by `cloudpickle`, see `docs/adapters.md`), the name of a
    built-in one, whose family takes `arguments`, or the path of a file. `strategies` are names `NAME`, `NAME@BACKEND` or
    `FILE.py`; `"likely"` and `"all"` are what the command takes without and with `--all`. `rtol`, `atol` and `method` are as in
    `hessbench.prepare`. Repeated calls are timed for `budget` seconds; a case is stopped after `time_limit` seconds, or where
    its memory grows by more than `memory_limit_mib` MiB. `each` is called with each record as it comes, such as `print`.
    Raises `InvalidInput` for what names no problem or strategy, and for a problem that cannot be pickled.

    >>> import hessbench
    >>> hessbench.compare("harmonic-oscillator", ["hand-adjoint"], budget=0.0).best.status
    'ok'
    """
    from .._cli.table import in_order
    from .._cli.verdict import verdict
    from .._measuring.forking import Forking
    from .._measuring.grid import here
    from .._measuring.measure import measure, outline, strategy_plugin
    from .._storage.files import scratch

    if isinstance(strategies, str) and strategies not in ("likely", "all"):
        raise InvalidInput(f"`strategies` is {strategies!r}; expected a list of names, 'likely' or 'all'.")
    with ExitStack() as stack:
        name = str(problem)
        if isinstance(problem, Problem):
            if arguments:
                raise InvalidInput("`arguments` are those of a family of problems; a `Problem` has its own already.")
            name = str(carried(problem, stack.enter_context(scratch())))
        if isinstance(strategies, str):
            taking_part = likely() if strategies == "likely" else contenders()
        else:
            taking_part = contenders(strategies)
        cases = [Case(name, one, backend, arguments or {}, rtol, atol, method) for one, backend in taking_part]
        if not cases:
            raise InvalidInput("`strategies` is empty; name some, or leave it out.")
        for case in cases:
            strategy_plugin(case)  # raises before anything is measured
        child = stack.enter_context(Forking())
        written_in = outline(cases[0], child)[2]
        if written_in is not None and strategies == "likely":
            cases = [replace(cases[0], strategy=one, backend=backend) for one, backend in likely(written_in)]
        limits = {"time_limit": time_limit, "memory_limit_mib": memory_limit_mib, "budget": budget}
        records: list[Record] = []
        for _, record in here(cases, lambda case: measure(case, child=child, **limits)):
            records.append(replace(record, problem=problem.name) if isinstance(problem, Problem) else record)
            if each is not None:
                each(records[-1])
    label = problem.name if isinstance(problem, Problem) else cases[0].problem_label
    return Comparison(label, tuple(in_order(records)), tuple(verdict(records)))


def carried(problem: Problem, folder: Path) -> Path:
    """A file in `folder`, which is made, that defines `problem` for other processes. Raises `HessbenchError`."""
    data = pickle.dumps(problem)
    file = folder / f"{problem.name.replace('-', '_')}.py"
    text = LOADING.format(
        digest=hashlib.sha256(data).hexdigest(), folders=sys.path
    )  # files are told apart by their text
    try:
        folder.mkdir(mode=0o700)
        file.with_suffix(".pickle").write_bytes(data)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HessbenchError(f"There is no room for a temporary file: {error.strerror}.") from error
    return file
