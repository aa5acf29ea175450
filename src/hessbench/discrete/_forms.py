"""Which form of the discrete adjoint runs, and why: by structure, by size, and by what the machine has."""

from __future__ import annotations

from collections.abc import Callable

from .._errors import InvalidInput
from .._integrate.ivp import IVP
from .._integrate.pairs import Pair, pair
from .._model.derivatives import Array
from .._model.problem import Problem
from ._compiled_form import CompiledForm, compiling
from ._fallback import explaining, with_fallback
from ._fold import Folded
from ._fold_derivatives import StateDerivatives
from ._given import trusted
from ._graph import CannotTrace
from ._kernel import MOST_COLUMNS
from ._linearised import Linearised, Point
from ._numpy_form import ColumnsInNumpy, StateInNumpy
from ._options import NotCompiled, Options, Products, Run, multiplied, results
from .arrays._free import FreeForm, FreeLinearised

FREE_FROM, MATRICES_UP_TO = (
    48,
    1000,
)  # unknowns from which on, and up to which, products may be by loops and by matrices
SURELY_LONG, MANY_STATES = (
    2 * MOST_COLUMNS,
    200,
)  # operations and states from which on nobody tries scalar code for products


def prepare(problem: Problem, ivp: IVP, options: Options) -> Run:
    """The discrete adjoint of `problem`: a function of `x` (n,) that returns a `Result`.

    Raises `InvalidInput` for a method that is not an explicit pair, `Unavailable` if there are no derivatives at all.
    """
    return results(linearised(problem, ivp, options))


def prepare_products(problem: Problem, ivp: IVP, options: Options) -> Products:
    """Value, gradient (n,), the Hessian's products (n, k) with `directions` (n, k), and warnings: a function of `x` and these.

    The Hessian is not formed: one tangent of the solution and one of its costate for each direction, over the same steps.
    Raises as `prepare` does.
    """
    return multiplied(linearised(problem, ivp, options, products=True))


def matrix_free(folded: Folded, options: Options, scheme: Pair) -> FreeForm | None:
    """The form that has no matrices, where its arrays can be recorded and nothing happens between the ends."""
    if folded.problem.events or folded.problem.data is not None:
        return None
    try:
        return FreeForm(folded, options, scheme)
    except CannotTrace:
        return None


def linearised(problem: Problem, ivp: IVP, options: Options, products: bool = False) -> Callable[[Array], Point]:
    """A function of `x` (total,) that gives a `Point`; `products` says that these will be asked for, and no Hessian.

    Raises `InvalidInput` for a method that is not an explicit pair, or the form "sparse" where it does not apply,
    `Unavailable` if there are no derivatives at all.
    """
    scheme, folded, notice = pair(ivp.method), Folded(problem), ""
    by_state = problem.of_state_alone and not products
    if options.form == "sparse" and not by_state:
        raise InvalidInput(
            "The form 'sparse' differentiates by the initial state alone, without a running loss; choose 'auto', "
            "'compiled' or 'numpy'."
        )

    def in_numpy(notice: str = "") -> Callable[[Array], Point]:
        made = trusted(folded, ivp, by_state)
        form = (
            StateInNumpy(folded, made, ivp, options, scheme)
            if isinstance(made, StateDerivatives)
            else ColumnsInNumpy(folded, made, ivp, options, scheme)
        )
        at = Linearised(folded, form, ivp, options.probes, products, notice)
        return explaining(at, made, scheme, ivp)

    if options.form != "numpy":
        unknowns = folded.states + folded.columns.params.size
        free = matrix_free(folded, options, scheme) if products and unknowns >= FREE_FROM else None
        long = free is not None and (free.operations > SURELY_LONG or folded.states >= MANY_STATES)
        if not long:
            try:
                form = CompiledForm(folded, ivp, options, scheme, products)
                return with_fallback(Linearised(folded, form, ivp, options.probes, products), in_numpy)
            except NotCompiled as reason:
                notice = f"; not compiled: {reason}"
                if free is None and not by_state and unknowns >= FREE_FROM:
                    free = matrix_free(folded, options, scheme)
        if free is not None:
            try:
                with compiling():
                    free.check(ivp)
                at = FreeLinearised(folded, free, ivp, options.probes, products, notice)
                return at if unknowns > MATRICES_UP_TO else with_fallback(at, in_numpy)
            except NotCompiled as reason:
                notice += f"; not compiled: {reason}"
    return in_numpy(notice)
