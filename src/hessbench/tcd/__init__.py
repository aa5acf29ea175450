"""TCD, the tensor-calculus-dependencies language: parse, check, run, derive and typeset programs. See docs/tcd.md.

from hessbench import tcd
tcd.check(text)                         # list of diagnostics
tcd.run(text, problem=..., settings={"j": 3})
tcd.show(tcd.derive(text, "y_start"))
"""

try:
    import lark as _lark  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("hessbench.tcd needs lark: pip install 'hessbench[tcd]'", name="lark") from error

from hessbench.tcd.deriver import derive
from hessbench.tcd.errors import Diagnostic, Pos, TcdDeriveError, TcdError, TcdRunError, TcdSyntaxError
from hessbench.tcd.latex import Block, extract
from hessbench.tcd.parser import parse
from hessbench.tcd.printer import show
from hessbench.tcd.renaming import renamed_types
from hessbench.tcd.runner import check, evaluate, run, types_of
from hessbench.tcd.syntax import Program
from hessbench.tcd.types import problem_types
from hessbench.tcd.typeset import typeset
from hessbench.tcd.values import Function, Options, python_function

__all__ = [
    "Block",
    "Diagnostic",
    "Function",
    "Options",
    "Pos",
    "Program",
    "TcdDeriveError",
    "TcdError",
    "TcdRunError",
    "TcdSyntaxError",
    "check",
    "derive",
    "evaluate",
    "extract",
    "parse",
    "problem_types",
    "python_function",
    "renamed_types",
    "run",
    "show",
    "types_of",
    "typeset",
]
