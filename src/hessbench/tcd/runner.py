"""Checking and running programs: the functions behind `tcd.check` and `tcd.run`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hessbench.tcd.checker import Checker
from hessbench.tcd.errors import START, Diagnostic, TcdRunError, locate
from hessbench.tcd.interpreter import Interpreter
from hessbench.tcd.parser import parse, parse_errors
from hessbench.tcd.renaming import renamed_values
from hessbench.tcd.sizes import Size
from hessbench.tcd.syntax import Program
from hessbench.tcd.types import UNKNOWN, TensorType, Type, problem_types
from hessbench.tcd.values import Function, Options, Value, as_values, bind

if TYPE_CHECKING:
    from hessbench._model.problem import Problem


def check(text: str, types: Mapping[str, Type] | None = None) -> list[Diagnostic]:
    """Everything wrong with a program, by place: syntax errors alone if there are any, else errors and warnings.

    `types` are the names that the program may take from outside (`problem_types()` by default). Raises nothing.
    """
    program, errors = parse_errors(text)
    if program is None:
        return [e.diagnostic for e in errors]
    checker = Checker(problem_types() if types is None else types)
    try:
        checker.program(program)
    except RecursionError:
        checker.error("depth", "calls and expressions nest too deeply", START)
    found = sorted(checker.findings.values(), key=lambda f: (f.pos.line, f.pos.column, f.severity))
    return [locate(f, text) for f in found]


def evaluate(program: Program | str, environment: Mapping[str, Value], options: Options | None = None) -> Value:
    """The program's result: a JAX value, or a `Function` that can be called, jitted and differentiated from Python.

    Raises `TcdSyntaxError` or `TcdRunError`, with the place. Under `jax.jit` a failed `ODE` is a vector of NaNs.
    Switches JAX to double precision; to call it first inside `jax.jit`, set `jax_enable_x64` before.
    """
    tree = parse(program) if isinstance(program, str) else program
    try:
        return Interpreter(as_values(environment), options or Options()).program(tree)
    except TcdRunError as error:
        raise error.locate(tree.source) from error.__cause__


def run(
    program: Program | str,
    *,
    problem: Problem | None = None,
    settings: Mapping[str, Value] | None = None,
    options: Options | None = None,
    slots: Mapping[str, str] | None = None,
) -> Value:
    """Evaluates a program completely: if its result is a function, its slots are bound to what is named like them.

    `problem` supplies the names of `environment.from_problem`; `settings` are further values (numbers, arrays, Python
    functions) and replace those. `slots` gives slots of the problem's functions other names: `{"pos0": "y0"}`.
    Raises `TcdError`; a function with a slot that nothing is named like is an error.
    """
    from hessbench.tcd.environment import from_problem

    supplied = from_problem(problem) if problem is not None else {}
    values = as_values({**(renamed_values(supplied, slots) if slots else supplied), **(settings or {})})
    tree = parse(program) if isinstance(program, str) else program
    result = evaluate(tree, values, options)
    while isinstance(result, Function):
        missing = [s.name for s in result.slots if s.name not in values]
        if missing:
            pos = tree.statements[-1].pos
            message = f"the result is {result}, and nothing is named {', '.join(f'`{m}`' for m in missing)}"
            raise TcdRunError(message, pos, suggestion=f"--set {missing[0]}=VALUE").locate(tree.source)
        try:
            result = bind(result, {s.name: values[s.name] for s in result.slots}, tree.statements[-1].pos)
        except TcdRunError as error:
            raise error.locate(tree.source) from error.__cause__
    return result


def types_of(values: Mapping[str, Value]) -> dict[str, Type]:
    """What the checker may assume about values that a run supplies."""
    types: dict[str, Type] = {}
    for name, value in values.items():
        if isinstance(value, int):
            types[name] = TensorType((), Size.of(value))
        elif isinstance(value, Function) or callable(value):
            types[name] = UNKNOWN
        else:
            types[name] = TensorType(tuple(Size.of(int(n)) for n in getattr(value, "shape", ())))
    return types
