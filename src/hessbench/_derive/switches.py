"""Which branches a function takes, found by running it on NumPy arrays that remember what they depend on.

A tainted array is one that depends on what is watched. Taint goes through every NumPy function; whatever chooses on a tainted
number (a comparison, `where` of a number, `maximum`, `abs`, `sign`, `floor`, `interp`, `sort`, `if`, ...) writes what it chose
into a log. Two logs differ exactly where a branch changed, so that walking along a solution finds what it crosses. It does
not matter whether the function uses the `xp` that it is given or `numpy` itself. Not seen: what leaves NumPy
(`float(y[0])`, `math.sin`), which `Seen.escaped` tells, and what is stored into a fresh array before it is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._model.derivatives import Array, Params
from .._model.problem import TIMES, Problem


class Entry(NamedTuple):
    """One choice: what chose, the outcome for each element, and whether two operands were equal (a tie)."""

    what: str
    outcome: Array
    tie: bool


class Log:
    """What a run chose, in order; `escaped` when a tainted number became a Python number."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.escaped = False

    def add(self, what: str, outcome: Any, tie: Any = False) -> None:
        self.entries.append(Entry(what, np.asarray(outcome), bool(np.any(tie))))

    def position(self, what: str, value: Any) -> Any:
        self.add(what, value)
        return value


class Seen(NamedTuple):
    """A function's `value`, the choices it made, whether the value depends on what was watched, and `Log.escaped`."""

    value: Any
    entries: tuple[Entry, ...]
    depends: bool
    escaped: bool

    @property
    def signature(self) -> bytes:
        """All choices in one string: equal for runs through the same branches."""
        return b"".join(b"%s %s " % (e.what.encode(), np.ascontiguousarray(e.outcome).tobytes()) for e in self.entries)

    @property
    def tie(self) -> bool:
        """Whether some choice was between equals, so that the function has one-sided derivatives at best."""
        return any(entry.tie for entry in self.entries)

    def crosses(self, other: Seen) -> bool:
        """Whether a choice on watched numbers fell differently in `other`.

        Runs that stop making the same kinds of choice without one falling differently were parted by something that is
        not watched, such as `if t < 2`.
        """
        for a, b in zip(self.entries, other.entries, strict=False):
            if a.what != b.what or a.outcome.shape != b.outcome.shape:
                return False
            if not np.array_equal(a.outcome, b.outcome):
                return True
        return False


class Crossings(NamedTuple):
    """Where a solution changes branch: pairs of times around each change, and the times at which it sits on a tie.

    `loss` tells whether the loss itself is on a tie at the end.
    """

    between: list[tuple[float, float]]
    ties: list[float]
    loss: bool


def watched(f: Callable[..., Any], t: Any, y: Array, p: Params, by: Sequence[str] = (), time: bool = False) -> Seen:
    """`f(numpy, t, y, p)` with the choices it makes on `y` (N,), on the parameters named in `by` and, if so, on the time."""
    log = Log()
    own = {key: tainted(value, log) if key in by else value for key, value in p.items()}
    return _run(log, f, tainted(t, log) if time else t, tainted(y, log), own)


def watched_in_time(f: Callable[..., Any], t: Any, y: Array, p: Params) -> Seen:
    """`f(numpy, t, y, p)` with the choices it makes on the time alone; `t` may be an array."""
    log = Log()
    with np.errstate(all="ignore"):
        return _run(log, f, tainted(t, log), y, p)


def crossings(problem: Problem, x: Array, times: Array, states: Array) -> Crossings:
    """Where the solution at `x` crosses a kink or jump whose place depends on the unknowns.

    `times` (m,) and `states` (m, N) are those of a solution; a branch that changes twice between two of them is not seen.
    A condition on the time alone with fixed numbers has no derivative and is not counted, unless an end time is an
    unknown: methods that normalise time move it. Cost: one evaluation per time, some 20 microseconds for each operation in it.
    """
    y0, p = problem.unpack(x)
    by, free = problem.varied, bool(set(TIMES) & set(problem.wrt))
    functions = [problem.rhs] if problem.running_loss is None else [problem.rhs, problem.running_loss]
    between: list[tuple[float, float]] = []
    ties: list[float] = []
    before: list[Seen] = []
    with np.errstate(all="ignore"):
        for i, t in enumerate(map(float, times)):
            now = [watched(f, t, states[i], p, by, free) for f in functions]
            if any(a.crosses(b) for a, b in zip(before, now, strict=False)):
                between.append((float(times[i - 1]), t))
            if any(seen.tie for seen in now):
                ties.append(t)
            before = now
        end = watched(lambda xp, t, y, p: problem.loss(xp, y[: y0.size], y[y0.size :], p), 0.0,
                      np.concatenate([y0, states[-1]]), p, (*by, *TIMES))  # fmt: skip
    return Crossings(between, ties, end.tie)


def reads_time(f: Callable[..., Any], t: float, y: Array, p: Params) -> bool:
    """Whether `f(numpy, t, y, p)` makes any use of `t`: its value depends on it, it compares it, or takes it out of NumPy."""
    seen = watched_in_time(f, t, y, p)
    return seen.depends or seen.escaped or bool(seen.entries)


def _run(log: Log, f: Callable[..., Any], t: Any, y: Any, p: Params) -> Seen:
    value = f(np, t, y, p)
    depends = isinstance(value, Tainted)
    if isinstance(value, list | tuple):
        depends = any(isinstance(v, Tainted) for v in value)
    return Seen(np.array(plain(value)), tuple(log.entries), depends, log.escaped)


class Tainted(np.ndarray):
    """An array that depends on what is watched; `log` is shared by all arrays of one run."""

    log: Log

    def __array_finalize__(self, source: Any) -> None:
        if source is not None:
            self.log = getattr(source, "log", None) or Log()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        log, bare = self.log, [plain(a) for a in inputs]
        if out is not None:
            kwargs["out"] = tuple(plain(a) for a in out)
        value = getattr(ufunc, method)(*bare, **plain(kwargs))
        _note_ufunc(log, ufunc.__name__, method, bare, value)
        return tainted(value, log)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        note = NOTES.get(func.__name__)
        if note is not None:
            with_plain = plain(args), plain(kwargs)
            value = func(*with_plain[0], **with_plain[1])
            note(self.log, value, *with_plain[0], **with_plain[1])
        else:  # written in Python, most of them: what they call comes back here
            value = super().__array_function__(func, types, args, kwargs)
        return tainted(value, self.log)

    def __getitem__(self, key: Any) -> Any:
        return tainted(plain(self)[plain(key)], self.log)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.dtype.kind != "b":
            self.log.add("if", plain(self) != 0, plain(self) == 0)
        return bool(plain(self))

    def __float__(self) -> float:
        self.log.escaped = True
        return float(plain(self))

    def __int__(self) -> int:
        self.log.add("int", np.trunc(plain(self)))
        return int(plain(self))

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def item(self, *args: Any) -> Any:
        return tainted(plain(self).item(*args), self.log)

    def tolist(self) -> Any:
        return [row.tolist() for row in self] if self.ndim else self

    def dot(self, other: Any, out: Any = None) -> Any:
        return tainted(plain(self).dot(plain(other)), self.log)

    def sort(self, axis: Any = -1, *args: Any, **kwargs: Any) -> None:
        self.log.add("sort", np.argsort(plain(self), axis=axis))
        plain(self).sort(axis, *args, **kwargs)

    def partition(self, kth: Any, axis: Any = -1, *args: Any, **kwargs: Any) -> None:
        self.log.add("partition", np.argsort(plain(self), axis=axis))
        plain(self).partition(kth, axis, *args, **kwargs)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        return self.log.position("argsort", plain(self).argsort(*args, **kwargs))

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        return self.log.position("argmax", plain(self).argmax(*args, **kwargs))

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        return self.log.position("argmin", plain(self).argmin(*args, **kwargs))

    def searchsorted(self, v: Any, *args: Any, **kwargs: Any) -> Any:
        return self.log.position("searchsorted", plain(self).searchsorted(plain(v), *plain(args), **plain(kwargs)))


def tainted(a: Any, log: Log) -> Any:
    """Numbers and arrays of numbers as tainted ones; containers element by element. Choices already made are plain."""
    if isinstance(a, tuple | list):
        return type(a)(tainted(v, log) for v in a) if type(a) in (tuple, list) else a
    if isinstance(a, np.ndarray | np.number | float | int) and not isinstance(a, bool | np.bool_):
        array = np.asarray(a)
        if array.dtype.kind in "fc":
            view = array.view(Tainted)
            view.log = log
            return view
    return a


def plain(a: Any) -> Any:
    """The same without taint, in containers too."""
    if isinstance(a, Tainted):
        return a.view(np.ndarray)
    if isinstance(a, dict):
        return {key: plain(value) for key, value in a.items()}
    if type(a) in (tuple, list):
        return type(a)(plain(v) for v in a)
    return a


def _note_ufunc(log: Log, name: str, method: str, a: list[Any], value: Any) -> None:
    """Write down what the NumPy function `name` chose for the operands `a`."""
    if method in ("reduce", "accumulate", "reduceat"):
        if name in ("maximum", "minimum", "fmax", "fmin"):
            at_top = np.equal(
                a[0], value if method == "accumulate" else np.max(a[0]) if "max" in name else np.min(a[0])
            )
            log.add(f"{name}.{method}", at_top)
        return
    if name in COMPARED:
        log.add(name, value, np.equal(a[0], a[1]))
    elif name in ("maximum", "minimum", "fmax", "fmin"):
        log.add(name, np.greater(a[0], a[1]), np.equal(a[0], a[1]))
    elif name in SIGNED:
        for operand in a if name == "copysign" else a[:1]:
            log.add(name, np.sign(operand), np.equal(operand, 0))
    elif name in STEPPED:
        log.add(name, value, np.equal(a[0], value))
    elif name in DIVIDED:
        quotient = np.floor_divide(a[0], a[1])
        log.add(name, quotient, np.equal(np.true_divide(a[0], a[1]), quotient))
    elif name == "clip":
        log.add(name, np.greater(a[0], a[1]) * 1 - np.less(a[0], a[2]), np.equal(a[0], a[1]) | np.equal(a[0], a[2]))
    elif name.startswith("logical"):
        for operand in a:
            if np.asarray(operand).dtype.kind != "b":
                log.add(name, np.not_equal(operand, 0), np.equal(operand, 0))


COMPARED = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
SIGNED = {"absolute", "fabs", "sign", "signbit", "copysign", "heaviside"}
STEPPED = {"floor", "ceil", "trunc", "rint"}
DIVIDED = {"floor_divide", "remainder", "fmod", "divmod"}


def _note_where(log: Log, value: Any, condition: Any, *args: Any) -> None:
    if np.asarray(condition).dtype.kind != "b":
        log.add("where", np.not_equal(condition, 0), np.equal(condition, 0))


def _note_interp(log: Log, value: Any, x: Any, xp: Any, fp: Any, **kwargs: Any) -> None:
    log.add("interp", np.searchsorted(xp, x), np.isin(x, xp))


def _note_positions(log: Log, value: Any, *args: Any, **kwargs: Any) -> None:
    log.add("positions", value)


NOTES: dict[str, Callable[..., None]] = {
    "where": _note_where,
    "interp": _note_interp,
    "searchsorted": _note_positions,
    "digitize": _note_positions,
    "argmax": _note_positions,
    "argmin": _note_positions,
    "argsort": _note_positions,
}
