"""The interface that a framework is reached through."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .._errors import Unsupported

if TYPE_CHECKING:
    from .._model.derivatives import Array
    from .._model.problem import Problem


OPERATIONS = ("vjp", "jvp", "grad", "value_grad_hessian", "derivatives", "checkpoint")
LAST = 100

Use = Literal["derivatives", "loss", "reference", "contractions"]


@dataclass(frozen=True)
class Ranks:
    """The place of a backend in the order of choice for each use: the lowest is taken first. Among equals, the one of this
    package and then the one whose entry point is found first.
    """

    derivatives: int = LAST  # of a right-hand side: compiled once, called at every step
    loss: int = LAST  # of a loss or of a whole solve: written down once, called a few times
    reference: int = (
        LAST  # of a right-hand side for references: last whose derivatives of the solve are the second opinion
    )
    contractions: int = LAST  # of many costates with the second derivatives, at each stage of a step


class Backend(ABC):
    """Arrays, derivatives, a loop and a compiler of one framework. Everything is float64.

    A subclass says what it can do as data, which is read without the framework: it is imported by `__init__`, not by the
    file. `_jax.py` is an example. Functions handed to the derivative operators take and return arrays of the framework,
    vectors unless said otherwise. With `order` 2, an operator may be applied to a function that calls another one.
    """

    name: ClassVar[str]
    package: ClassVar[str] = ""  # that has to be installed; called as the backend is where it is left out
    distributions: ClassVar[tuple[str, ...]] = ()  # whose versions a record names; `package` where it is left out
    apart: ClassVar[
        tuple[str, ...]
    ] = ()  # packages that may not be in its process; it is then never chosen, only asked for
    order: ClassVar[int] = 0  # of the highest derivatives it takes: 0, 1 or 2
    operations: ClassVar[tuple[str, ...]] = ()  # those of `OPERATIONS` that take functions of arrays
    ranks: ClassVar[Ranks] = Ranks()
    compiles: ClassVar[bool] = False  # whether `compile` does anything
    compiles_loops: ClassVar[bool] = False  # whether `compile` keeps `iterate` a loop, or writes every turn out
    choosing: ClassVar[str] = ""  # of `named_operations`, those at which a derivative jumps
    double: ClassVar[str] = "Compute in double precision."  # what users write for that
    xp: Any

    @classmethod
    def needs(cls) -> str:
        """The package that has to be installed."""
        return cls.package or cls.name

    @classmethod
    def offers(cls, operation: str) -> bool:
        """Whether it has one of `OPERATIONS`; `derivatives` also where they are made of `vjp` and `jvp`."""
        by_operators = operation == "derivatives" and {"vjp", "jvp"} <= set(cls.operations)
        return operation in cls.operations or by_operators

    @abstractmethod
    def asarray(self, a: Any) -> Any:
        """A float64 array of the framework (integers and booleans stay what they are)."""

    def to_numpy(self, a: Any) -> np.ndarray:
        """A NumPy copy that is ready to use (an asynchronous framework is waited for)."""
        return np.array(a, dtype=np.float64)

    def params(self, problem: Problem) -> dict[str, Any]:
        """The problem's parameters as arrays of the framework."""
        return {key: self.asarray(value) for key, value in problem.params.items()}

    def rhs(self, problem: Problem) -> Callable[[Any, Any, Any], Any]:
        """`f(t, y, p)`: the problem's right-hand side bound to this framework (its override where it has one)."""
        rhs, xp = problem.overrides.get(self.name, problem.rhs), self.xp
        return lambda t, y, p: rhs(xp, t, y, p)

    def vjp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        """`(f(x), v . df/dx)`: one reverse sweep, at most 4 times the cost of `f`."""
        raise self._none("vjp")

    def jvp(self, f: Callable[[Any], Any], x: Any, v: Any) -> tuple[Any, Any]:
        """`(f(x), df/dx . v)` for one tangent `v` (n,), or for the columns of `v` (n, r); `f(x)` is computed once.

        One forward sweep per column, each at most 2.5 times the cost of `f`.
        """
        raise self._none("jvp")

    def vmap(self, f: Callable[..., Any], in_axes: tuple[int | None, ...]) -> Callable[..., Any]:
        """`f` applied along axis 0 of the arguments whose entry in `in_axes` is 0; the results are stacked along axis 0."""

        def mapped(*args: Any) -> Any:
            size = next(len(a) for a, axis in zip(args, in_axes, strict=True) if axis == 0)
            return self.xp.stack(
                [f(*(a if axis is None else a[i] for a, axis in zip(args, in_axes, strict=True))) for i in range(size)]
            )

        return mapped

    def columns(self, f: Callable[[Any], Any], m: Any) -> Any:
        """`f` applied to each column of `m` (n, r); the results are the columns of what comes back."""
        return self.vmap(f, (0,))(m.T).T

    def grad(self, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The gradient function of a scalar function of a vector."""
        raise self._none("grad")

    def hessian(self, f: Callable[[Any], Any], mode: str | None = None) -> Callable[[Any], Any]:
        """The Hessian function of a scalar function of a vector; `mode` as in `value_grad_hessian`."""
        return lambda x: self.value_grad_hessian(f, mode)(x)[2]

    def value_grad_hessian(
        self, f: Callable[[Any], Any], mode: str | None = None
    ) -> Callable[[Any], tuple[Any, Any, Any]]:
        """`(f(x), gradient (n,), Hessian (n, n))` in one pass over `f`.

        `mode` is `forward-over-reverse` (n tangents of the gradient) or `reverse-over-reverse` (n sweeps back through
        it); by default what is usual in the framework.
        """
        raise self._none("value_grad_hessian")

    def derivatives(self, problem: Problem) -> list[Callable[..., Array]]:
        """`vjp`, `jac` and `vhp` of the right-hand side, called `(t, y, s, p)` on NumPy arrays and broadcasting, where the
        framework has a better way than its operators; `_derive.generated` makes them of `vjp` and `jvp` otherwise.
        """
        raise self._none("derivatives")

    def checkpoint(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """`f`, which forgets its intermediate values and computes them again when it is differentiated."""
        raise self._none("checkpoint")

    def iterate(self, step: Callable[[Any, Any], Any], y: Any, n: int) -> Any:
        """`y` after `y = step(i, y)` for `i = 0 .. n - 1`, differentiable."""
        for i in range(n):
            y = step(i, y)
        return y

    def choose(self, number: Any, functions: Sequence[Callable[..., Any]], *args: Any) -> Any:
        """`functions[number](*args)`, differentiable, for a `number` that `iterate` hands out, too; all return alike."""
        return functions[int(number)](*args)

    def compile(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """`f` compiled where the framework has a compiler, for arguments of fixed shapes.

        Takes and returns arrays of the framework, mappings and tuples of them.
        """
        return f

    def on_numpy(self, f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        """`f(*arrays, p)` compiled, with NumPy arrays in and out; `p` are parameters of the framework."""
        compiled, asarray, to_numpy = self.compile(f), self.asarray, self.to_numpy
        return lambda *args: to_numpy(compiled(*map(asarray, args[:-1]), args[-1]))

    def evaluated(self, f: Callable[..., Any]) -> Callable[..., np.ndarray]:
        """`f(*arrays, p)` for values alone, with NumPy arrays in and out, `p` a mapping of them; of the result's own type.

        As it is written, without tracing, unless that is too slow in the framework.
        """
        asarray = self.asarray

        def call(*args: Any) -> np.ndarray:
            *arrays, p = args
            return np.asarray(f(*map(asarray, arrays), {key: asarray(value) for key, value in p.items()}))

        return call

    def named_operations(self, f: Callable[..., Any], *args: Any) -> set[str]:
        """The names of the operations on floating point numbers that `f(*args)` consists of, by tracing it."""
        raise self._none("named_operations")

    def field(
        self, f: Callable[..., Any], p: Mapping[str, Any], t: float, *like: np.ndarray
    ) -> Callable[..., np.ndarray]:
        """`f(t, *arrays, p)` as a function `field(t, *arrays)` of NumPy arrays, for `IVP.solve`, with `p` bound.

        Compiled at once, for arrays of the shapes of `like`; evaluated at `t` and `like` to do so.
        """
        run = self.on_numpy(f)
        with np.errstate(all="ignore"):
            run(float(t), *like, p)
        return lambda t, *arrays: run(float(t), *arrays, p)  # NumPy scalars would compile anew

    def _none(self, what: str) -> Unsupported:
        why = f"it has {', '.join(self.operations)}" if self.operations else "it does not differentiate"
        return Unsupported(f"Backend {self.name!r} has no `{what}`: {why}.")


def float64(a: Any) -> np.ndarray:
    """`a` in NumPy, as float64 unless it holds integers or booleans."""
    a = np.asarray(a)
    return a if a.dtype.kind in "iub" else a.astype(np.float64, copy=False)
