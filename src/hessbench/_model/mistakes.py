"""Mistakes in a user's functions in words: one sentence with file and line, and what to write instead.

What an exception means is read from the expression of the user's code that raised it, and from the values that it had there,
so that a mistake has the same words whichever framework trips over it. `words_for` are those of an exception, `hint` is for
numbers that went wrong without one.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from .places import Place, chain, code_of, definition, found, is_own

LONGEST = 60  # characters of code that are shown
FILLED = ("zeros", "zeros_like", "empty", "empty_like", "ones", "ones_like", "full", "full_like")
CHOOSING = {"max": "maximum", "min": "minimum"}
TAKING_OUT = ("item", "tolist", "numpy", "detach")
OF_SIZE = ("len", "shape", "size", "ndim", "dtype")
CONVERTING = ("float", "int", "bool", "complex")
SIGNATURES = {"rhs": "xp, t, y, p", "loss": "xp, y0, y1, p", "running_loss": "xp, t, y, p"}


def words_for(error: BaseException, functions: Mapping[str, Any], params: Mapping[str, Any]) -> str | None:
    """The sentence on a mistake that `error` comes from, or one of those that caused it; `None` for what is not known.

    `functions` are the user's by their names, such as `rhs`; `params` the names that their `p` has.
    """
    for one in chain(error):
        if not isinstance(one, MemoryError | RecursionError):
            place = found(one, functions)
            said = place and _known(place, one, params)
            if place and said:
                target = _filled(place.node, place.frame.f_code)
                return f"{place.at(target.lineno if target else place.line)}: {said}"
    return None


def place_of(error: BaseException, functions: Mapping[str, Any]) -> str | None:
    """File and line of the user's code that `error`, or one that caused it, comes from; `None` if it comes from elsewhere."""
    places = (found(one, functions) for one in chain(error))
    return next((place.where for place in places if place), None)


def arguments(what: str, function: Any) -> str | None:
    """The sentence on a function that can't be called with the arguments that it will get; `None` if it can."""
    wanted = SIGNATURES[what]
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of something that does not tell
        return None
    try:
        signature.bind(*wanted.split(", "))
    except TypeError:
        return (
            f"{defined(function)}`{what}` takes `{signature}`, expected four arguments: write `def {what}({wanted}):`."
        )
    return None


def order(what: str, function: Any) -> str | None:
    """The sentence on arguments that have the right names in another order; `None` if they don't."""
    wanted = SIGNATURES[what].split(", ")
    names = list(inspect.signature(function).parameters)
    if names == wanted or sorted(names) != sorted(wanted):
        return None
    return (
        f"{defined(function)}the arguments of `{what}` are `({', '.join(names)})`, which is another order than the one in "
        f"which they come: write `def {what}({', '.join(wanted)}):`."
    )


def defined(function: Any) -> str:
    """File and line where a function starts, for the front of a sentence; empty if it has none."""
    code = code_of(function)
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}: " if code else ""


def returning(function: Any) -> str:
    """File and line of a function's last `return`, or where it starts."""
    code = code_of(function)
    body = definition(code) if code else None
    lines = [n.lineno for n in ast.walk(body) if isinstance(n, ast.Return)] if body else []
    return f"{Path(code.co_filename).name}, line {max(lines)}: " if code and lines else defined(function)


def not_an_array(what: str, function: Any, value: Any) -> str | None:
    """The sentence on a right-hand side that returns a list or a tuple, which frameworks don't take for an array."""
    if not isinstance(value, list | tuple):
        return None
    kind = type(value).__name__
    return f"{returning(function)}`{what}` returns a {kind}, expected an array: write `return xp.stack([...])`."


def hint(functions: Mapping[str, Any], by_numpy: bool = False) -> str | None:
    """The sentence on code that makes a plain number of a state, which loses derivatives; `None` if none does.

    With `by_numpy` also on NumPy's own functions of the states. Found by reading the code, for what raises nothing there.
    """
    for function in functions.values():
        code, known = code_of(function), getattr(function, "__globals__", {})
        body = definition(code) if code and not is_own(code.co_filename) else None
        if code is None or body is None:
            continue
        states = _of_states(body, {name for name in code.co_varnames[: code.co_argcount] if name in ("y", "y0", "y1")})
        calls = (node for node in ast.walk(body) if isinstance(node, ast.Call))
        for node in (call for call in calls if _names(call) & states and not _names(call) & set(OF_SIZE)):
            said, line = _taken_out(node), node.lineno
            if said is None and by_numpy and _is_numpy(known.get(getattr(getattr(node.func, "value", None), "id", ""))):
                said, target = _by_numpy(node, code, "xp"), _filled(node, code)
                line = target.lineno if target else line
            if said:
                return f"{Path(code.co_filename).name}, line {line}: {said}"
    return None


def _of_states(body: ast.AST, states: set[str]) -> set[str]:
    """The names of `states`, and those that are assigned from them, in the order of the lines."""
    known = set(states)
    for node in sorted((n for n in ast.walk(body) if isinstance(n, ast.Assign)), key=lambda n: n.lineno):
        if _names(node.value) & known and not _names(node.value) & set(OF_SIZE):
            known |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return known


def _names(node: ast.AST) -> set[str]:
    """Names and attributes in code."""
    return {getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(node)}


def _is_numpy(value: Any) -> bool:
    return isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "numpy"


def _known(place: Place, error: BaseException, params: Mapping[str, Any]) -> str | None:
    """What is wrong at a place, without the place."""
    node, xp = place.node, _namespace(place)
    if isinstance(error, KeyError) and isinstance(node, ast.Subscript):
        return missing(error, params)
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType) and isinstance(node, ast.Attribute):
        near = get_close_matches(error.name or "", dir(error.obj), n=1)
        instead = f"did you mean `{xp}.{near[0]}`?" if near else "write it with functions that all frameworks have."
        return f"`{_code(node)}` is not there ({error.obj.__name__} has no `{error.name}`); {instead}"
    if isinstance(node, ast.Attribute) and isinstance(place.nodes[-2], ast.Call) and place.nodes[-2].func is node:
        node = place.nodes[-2]  # of a method that is not there
    for stored in (n for n in place.nodes if isinstance(n, ast.Assign | ast.AugAssign)):
        target = stored.targets[0] if isinstance(stored, ast.Assign) else stored.target
        if isinstance(target, ast.Subscript) and isinstance(node, ast.Assign | ast.AugAssign | ast.Subscript):
            return _assigned(target, xp) if place.foreign(stored) or "read-only" in str(error) else None
    if isinstance(node, ast.Call) and place.foreign(node):
        return _call(place, node, xp)
    test = next((n.test for n in place.nodes if isinstance(n, ast.If | ast.IfExp | ast.While | ast.Assert)), None)
    if test is not None and node in ast.walk(test) and place.foreign(test):
        return _branch(test, xp)
    if isinstance(node, ast.BoolOp | ast.Compare) and place.foreign(node):
        return _branch(node, xp)
    return None


def missing(error: Exception, params: Mapping[str, Any]) -> str | None:
    """Of a name that is not among `params`, whether or not the line that reads it is known; `None` for other errors."""
    if not isinstance(error, KeyError):
        return None
    key = error.args[0] if error.args else None
    if not isinstance(key, str) or key in params:
        return None
    if key in ("t0", "t1"):
        return (
            f"there is no parameter {key!r} here. Only the `p` of the loss holds the end times; elsewhere give the number a "
            "name of its own in `params`."
        )
    near = get_close_matches(key, params, n=1, cutoff=0.4)
    known = f"there are {', '.join(map(repr, params))}" if params else "`params` is empty"
    instead = f"Did you mean {near[0]!r}?" if near else f"Add it to `params`, such as `params={{{key!r}: 1.0}}`."
    return f"there is no parameter {key!r}; {known}. {instead}"


def _assigned(target: ast.Subscript, xp: str) -> str:
    if isinstance(target.value, ast.Name) and target.value.id == "y":
        return (
            f"`{_code(target)} = ...` changes the solver's state in place: give the new value a name of its own, and "
            "leave `y` as it is."
        )
    return (
        f"`{_code(target)} = ...` assigns into an array, which not every framework can: give each entry a name and write "
        f"`return {xp}.stack([...])`."
    )


def _call(place: Place, node: ast.Call, xp: str) -> str | None:
    """What is wrong with a call that gets values of a framework."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    module = place.value(node.func.value) if isinstance(node.func, ast.Attribute) else None
    called, inner = place.value(node.func), ", ".join(map(ast.unparse, node.args))
    if said := _taken_out(node):
        return said
    if called in (max, min):
        new = f"{xp}.{CHOOSING[name]}({inner})" if len(node.args) == 2 else f"{xp}.{name}({inner})"
        return f"`{_code(node)}` compares values that are not numbers yet: write `{_short(new)}`."
    if not _is_numpy(module) or xp == _code(getattr(node.func, "value", node.func)):
        return None
    return _by_numpy(node, place.frame.f_code, xp)


def _by_numpy(node: ast.Call, code: CodeType, xp: str) -> str:
    """What is wrong with a call of NumPy's own function with values of a framework."""
    if (target := _filled(node, code)) is not None:
        return _assigned(target, xp)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    new = "stack" if name in ("array", "asarray") else name
    return f"`{_code(node.func)}` makes NumPy's arrays only, and here it gets another framework's: write `{xp}.{new}(...)`."


def _filled(node: ast.AST, code: CodeType) -> ast.Subscript | None:
    """Where the array that a call such as `np.zeros(2)` makes is assigned into, later in the function; `None` if nowhere."""
    body = definition(code)
    if body is None or not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") in FILLED):
        return None
    made = [n for n in ast.walk(body) if isinstance(n, ast.Assign)]
    own = {ast.unparse(n.targets[0]) for n in made if ast.unparse(n.value) == ast.unparse(node)}
    targets = (n.targets[0] for n in made)
    return next((t for t in targets if isinstance(t, ast.Subscript) and ast.unparse(t.value) in own), None)


def _taken_out(node: ast.Call) -> str | None:
    """What is wrong with a call that makes plain numbers."""
    what = ast.unparse(node.func)
    inner = ", ".join(map(ast.unparse, node.args))
    if what in CONVERTING:
        return f"`{_code(node)}` makes a plain number of it, which has no derivative: write `{_short(inner)}`."
    if isinstance(node.func, ast.Attribute) and node.func.attr in TAKING_OUT:
        kept = _short(ast.unparse(node.func.value))
        return f"`{_code(node)}` takes out a plain number, which has no derivative: write `{kept}`."
    if what.startswith("math."):
        return f"`{_code(node)}` takes plain numbers only: write `{_short(f'xp.{what[5:]}({inner})')}`."
    return None


def _branch(test: ast.AST, xp: str) -> str:
    condition = _short(ast.unparse(test))
    return (
        f"Python decides here by `{condition}`, which no framework can differentiate through: write "
        f"`{xp}.where({condition}, ..., ...)`, with both values."
    )


def _namespace(place: Place) -> str:
    code = place.frame.f_code
    first = code.co_varnames[0] if code.co_argcount else "xp"
    return first if isinstance(place.frame.f_locals.get(first), ModuleType) or first == "xp" else "xp"


def _code(node: ast.AST) -> str:
    return _short(ast.unparse(node))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
