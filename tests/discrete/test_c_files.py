"""The C of the kernels as compilers see it: without a warning, and a part of the key under which a library is kept."""

import shutil
import subprocess

import pytest

import hessbench
from hessbench._integrate.pairs import names, pair
from hessbench.discrete import Options, _build, _quadratic
from hessbench.discrete._fold import Folded
from hessbench.discrete._functions import scalars
from hessbench.discrete._kernels import chosen
from hessbench.discrete._trace import record
from hessbench.implicit.kernel import generate

from .array_problems import CASES, as_loops

# functions that are written for one problem have the parameters of all problems
STRICT = ["-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Wno-unused-parameter"]
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
pytestmark = pytest.mark.skipif(not COMPILERS, reason="neither gcc nor clang")


def explicit(name, method, form="auto", products=False, **arguments):
    problem = hessbench.problem(name, **arguments)
    return chosen(Folded(problem), Options(form=form), pair(method), products).kernel.source


def implicit(name, **arguments):
    folded = Folded(hessbench.problem(name, **arguments))
    traced = record(folded.rhs, folded.states, folded.params, folded.varied, mechanical=False)
    return generate(traced, folded.columns.total, 1, 4).source


SOURCES = {
    **{f"dense, {method}": lambda method=method: explicit("three-body", method) for method in names()},
    "products": lambda: explicit("three-body", "DOP853", products=True),
    "sparse": lambda: explicit("brusselator", "DOP853", "sparse", n=24),
    "quadratic": lambda: explicit("random-quadratic", "DOP853", n=12),
    "columns": lambda: explicit("sir", "RK45"),
    "end times, running loss": lambda: explicit("generic-bolza", "DOP853"),
    **{f"arrays, {name}": lambda name=name: as_loops(CASES[name]()).source for name in ("bodies", "layers", "grid")},
    "implicit": lambda: implicit("robertson"),
    "implicit, band": lambda: implicit("brusselator", n=24),
    "packed loops": lambda: _quadratic.jacobian_loops(4, range(1, 7)) + _quadratic.contract_loops(4),
    "scalars": scalars,
}


def complaints(source, compiler, tmp_path):
    code = tmp_path / "kernel.c"
    code.write_text(source)
    command = [compiler, "-O1", *STRICT, "-S", str(code), "-o", str(tmp_path / "kernel.s")]
    if compiler == "clang":
        command.append("-Wno-unknown-attributes")  # `optimize`
    return subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("kind", SOURCES)
def test_compilers_have_nothing_to_say(kind, compiler, tmp_path):
    assert complaints(SOURCES[kind](), compiler, tmp_path) == ""


@pytest.mark.parametrize("file", ["forward.c", "dense.c", "probe.c"])
def test_a_fault_in_a_file_is_said(file, tmp_path):
    text = _build.fixed_part("discrete", file)
    start = text.index(") {\n") + 4
    source = SOURCES["dense, RK45"]()
    assert text in source
    bad = source.replace(text, f"{text[:start]}  long forgotten;\n{text[start:]}")
    assert "forgotten" in complaints(bad, COMPILERS[0], tmp_path)


def test_another_file_is_another_library(monkeypatch):
    before = SOURCES["dense, RK45"]()
    read = _build.fixed_part
    monkeypatch.setattr(
        "hessbench.discrete._kernel.fixed_part", lambda *which: read(*which).replace("rejected++", "rejected += 2")
    )
    after = SOURCES["dense, RK45"]()
    assert _build.binary_path(before) != _build.binary_path(after)
