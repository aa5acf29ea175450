"""`hessbench tcd check | run | derive | latex`. Exit status: 0, 1 for a program with errors, 2 for bad use of the command."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from hessbench.tcd.deriver import derive
from hessbench.tcd.errors import Diagnostic, Pos, TcdError, locate
from hessbench.tcd.latex import Block, extract
from hessbench.tcd.parser import parse
from hessbench.tcd.printer import show
from hessbench.tcd.renaming import renamed_types
from hessbench.tcd.runner import check, run, types_of
from hessbench.tcd.syntax import Program
from hessbench.tcd.types import Type, problem_types
from hessbench.tcd.typeset import typeset
from hessbench.tcd.values import Options

app = typer.Typer(
    name="tcd",
    help="The tensor-calculus-dependencies language: check, run and derive programs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Slots = Annotated[
    list[str] | None,
    typer.Option(
        "--slot", metavar="NEW=OLD", help="Another name for a slot of the problem's functions, such as pos0=y0."
    ),
]
File = Annotated[Path, typer.Argument(help="A program, or - for standard input.")]


@app.command("check")
def check_command(
    files: Annotated[list[Path], typer.Argument(help="Programs (.tcd), or LaTeX files (.tex) with programs inside.")],
    slots: Slots = None,
    as_json: AsJson = False,
) -> None:
    """Check programs: syntax, names, ranks, shapes, Einstein sums; exit status 1 if there are errors."""
    types = _types(_renamed(slots))
    reports = [_check_file(path, types) for path in files]
    found = [d for report in reports for d in report["diagnostics"]]
    errors = sum(d.severity == "error" for d in found)
    warnings = len(found) - errors
    if as_json:
        shown = [{**r, "diagnostics": [d.as_dict() for d in r["diagnostics"]]} for r in reports]
        print(json.dumps({"files": shown, "errors": errors, "warnings": warnings}, indent=1))
    else:
        for report in reports:
            for line in report["unchecked"]:
                print(f"{report['file']}:{line}: marked `:unchecked`, not checked")
            for diagnostic in report["diagnostics"]:
                print(diagnostic.render())
        programs = sum(r["programs"] for r in reports)
        print(f"{_count(programs, 'program')} checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)


@app.command("run")
def run_command(
    file: File,
    problem: Annotated[str | None, typer.Option(help="The problem that supplies ydot, T, y_start, ...")] = None,
    problem_settings: Annotated[
        list[str] | None,
        typer.Option("--problem-set", metavar="KEY=VALUE", help="An argument of the problem, such as start=perturbed."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A value: a number, or a list such as [1, 2.5]. May be repeated."
        ),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of ODE.")] = 1e-10,
    atol: Annotated[float, typer.Option(help="Absolute tolerance of ODE.")] = 1e-10,
    max_steps: Annotated[int, typer.Option(help="Steps after which ODE fails.")] = 10_000,
    slots: Slots = None,
    as_json: AsJson = False,
) -> None:
    """Run a program and print its result; slots of a result that is a function are bound to what is named like them."""
    if not (0 < rtol < 1 and 0 < atol < 1 and max_steps > 0):
        raise _usage("`--rtol` and `--atol` lie between 0 and 1, `--max-steps` is positive")
    import numpy as np

    text = _read(file)
    values = _pairs("--set", settings)
    supplier = _problem(problem, _pairs("--problem-set", problem_settings))
    names = _renamed(slots)
    if names and supplier is None:
        raise _usage("`--slot` needs `--problem`, whose functions have the slots")
    types = {**(_types(names) if supplier is not None else {}), **types_of(_arrays(values))}
    _stop_on_errors(text, file, types)
    try:
        options = Options(rtol, atol, max_steps)
        result = run(text, problem=supplier, settings=_arrays(values), options=options, slots=names)
    except TcdError as error:
        raise _failed(error, file) from None
    array = np.asarray(result)
    if as_json:
        print(json.dumps({"shape": list(array.shape), "result": array.tolist()}))
    else:
        print(np.array2string(array, floatmode="maxprec", precision=17, threshold=sys.maxsize, max_line_width=100))


Wrt = Annotated[str, typer.Option(help="The slot, or the name of the environment, to differentiate with respect to.")]
Hessian = Annotated[bool, typer.Option("--hessian", help="Row of the Hessian instead of the gradient.")]
Row = Annotated[str, typer.Option(help="The integer that names the row.")]
Sizes = Annotated[
    list[str] | None,
    typer.Option("--size", metavar="SLOT=LENGTHS", help="Lengths of a slot, such as x=3 or M=dim,2. May be repeated."),
]


@app.command("derive")
def derive_command(
    file: File,
    wrt: Wrt,
    hessian: Hessian = False,
    row: Row = "j",
    sizes: Sizes = None,
    slots: Slots = None,
    as_json: AsJson = False,
) -> None:
    """Derive the program of the gradient, or of a row of the Hessian, from the program of an objective."""
    derived = _derived(file, wrt, hessian, row, sizes, slots)
    if as_json:
        print(json.dumps({"wrt": wrt, "order": "hessian" if hessian else "gradient", "program": show(derived)}))
    else:
        print(show(derived), end="")


@app.command("latex")
def latex_command(
    file: File,
    wrt: Annotated[
        str | None, typer.Option(help="Typeset the derivation with respect to this, not the program.")
    ] = None,
    hessian: Hessian = False,
    row: Row = "j",
    sizes: Sizes = None,
    slots: Slots = None,
    document: Annotated[bool, typer.Option("--document", help="A whole document, not its equations alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Typeset a program, or with --wrt its derivation, as equations in LaTeX: one for each named quantity."""
    if wrt is not None:
        program = _derived(file, wrt, hessian, row, sizes, slots)
    elif hessian or sizes:
        raise _usage("`--hessian` and `--size` need `--wrt`")
    else:
        text = _read(file)
        _stop_on_errors(text, file, _types(_renamed(slots)))
        program = parse(text)
    found = typeset(program, document)
    print(json.dumps({"latex": found}) if as_json else found, end="\n" if as_json else "")


def _derived(
    file: Path, wrt: str, hessian: bool, row: str, sizes: list[str] | None, slots: list[str] | None
) -> Program:
    """The derived program of a file, or the end of the command."""
    text = _read(file)
    lengths: dict[str, list[int | str]] = {}
    for item in sizes or []:
        name, sign, given = item.partition("=")
        parts = [p.strip() for p in given.split(",") if p.strip()]
        if not sign or not all(p.isidentifier() or p.isdecimal() for p in parts):
            raise _usage(f"`--size {item}`: write SLOT=LENGTHS, such as --size x=3 or --size M=dim,2")
        lengths[name.strip()] = [int(p) if p.isdecimal() else p for p in parts]
    types = _types(_renamed(slots))
    _stop_on_errors(text, file, types)
    try:
        return derive(text, wrt, order="hessian" if hessian else "gradient", row=row, sizes=lengths, types=types)
    except TcdError as error:
        raise _failed(error, file) from None


def _renamed(given: list[str] | None) -> dict[str, str]:
    """`--slot NEW=OLD` options as `{new: old}`."""
    names: dict[str, str] = {}
    for item in given or []:
        new, sign, old = (part.strip() for part in item.partition("="))
        if not sign or not new.isidentifier() or not old.isidentifier():
            raise _usage(f"`--slot {item}`: write NEW=OLD, such as --slot pos0=y0")
        names[new] = old
    return names


def _types(names: dict[str, str]) -> dict[str, Type]:
    """The environment of a problem, with other names for slots."""
    try:
        return renamed_types(problem_types(), names)
    except TcdError as error:
        expected = f"; expected {error.diagnostic.expected}" if error.diagnostic.expected else ""
        raise _usage(f"`--slot`: {error.diagnostic.message}{expected}") from None


def _check_file(path: Path, types: dict[str, Type]) -> dict[str, Any]:
    """Findings of one file; those of LaTeX files carry the file's own lines."""
    text = _read(path)
    blocks, lonely = extract(text) if path.suffix == ".tex" else ([Block(1, text, True)], [])
    message = "a marker that no complete `verbatim` block follows"
    found = [locate(Diagnostic("error", "latex", message, Pos(line, 1)), text) for line in lonely]
    for block in blocks:
        if block.checked:
            found += [locate(d, text) for d in check(block.text, types)]
    named = [replace(d, file=str(path)) for d in found]
    unchecked = [b.line for b in blocks if not b.checked]
    return {"file": str(path), "programs": len(blocks) - len(unchecked), "unchecked": unchecked, "diagnostics": named}


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise _usage(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _usage(f"{path} is not UTF-8 text") from None


def _usage(message: str) -> typer.Exit:
    print(f"hessbench tcd: {message}", file=sys.stderr)
    return typer.Exit(2)


def _failed(error: TcdError, path: Path) -> typer.Exit:
    print(replace(error.diagnostic, file=str(path)).render(), file=sys.stderr)
    return typer.Exit(2 if error.diagnostic.code == "problem" else 1)


def _stop_on_errors(text: str, path: Path, types: dict) -> None:
    errors = [d for d in check(text, types) if d.severity == "error"]
    if errors:
        print("\n".join(replace(d, file=str(path)).render() for d in errors), file=sys.stderr)
        raise typer.Exit(1)


def _pairs(option: str, given: list[str] | None) -> dict[str, Any]:
    """`NAME=VALUE` options; values are JSON, and plain text where they are not."""
    values: dict[str, Any] = {}
    for item in given or []:
        name, sign, text = item.partition("=")
        if not sign or not name:
            raise _usage(f"`{option} {item}`: write NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _arrays(values: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    converted: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            try:
                value = np.array(value, dtype=float)
            except (TypeError, ValueError):
                raise _usage(f"`--set {name}={value}`: expected a number or a list of numbers") from None
        converted[name] = value
    return converted


def _problem(name: str | None, settings: dict[str, Any]) -> Any:
    if name is None:
        if settings:
            raise _usage("`--problem-set` needs `--problem`")
        return None
    import hessbench

    try:
        return hessbench.problem(name, **settings)
    except (hessbench.HessbenchError, TypeError) as error:
        raise _usage(str(error)) from None


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
