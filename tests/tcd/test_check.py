"""The checker: a correct program gives nothing, each planted fault gives its own finding at its own place."""

import pytest
from tcd_work import calls_of

from hessbench import tcd

CORRECT = """
ydot: ^(y[:]) => [:]
A[:, :] = y_start[:, +] * y_start[+, :]
square{} = ^(x[:], w[]) -> &es(w; x @ i; A @ i, k; x @ k ->)
half{} = square(w[]=0.5)
^(y_start[:],
  y_end[:] = ODE(ydot{}=ydot, y[:]=y_start, t0[]=t_start, t1[]=t_end),
  both[:] = &concat(0, y_end, T1(y0[:]=y_start, y1[:]=y_end)),
  back[:] = ODE(ydot{}=OBP(ydot{}=ydot), y[:]=both, t0[]=t_end, t1[]=t_start)
) -> back[dim:] + back[:dim] + half[d x[:]](x[:]=y_end)
"""

# What is replaced, by what, the code of the finding, and the text that stands at its place.
FAULTS = {
    "unbound name": ("x[:]=y_end)", "x[:]=y_ent)", "unbound", "y_ent"),
    "duplicate slot of a function": ("^(x[:], w[])", "^(x[:], x[:], w[])", "duplicate", "x[:], w[]"),
    "duplicate slot of a call": ("t1[]=t_end)", "t0[]=t_end)", "duplicate", "t0[]=t_end"),
    "name defined twice": ("half{} =", "square{} =", "duplicate", "square{} = square"),
    "unknown argument": ("square(w[]=0.5)", "square(v[]=0.5)", "argument", "v[]=0.5"),
    "missing argument": ("t0[]=t_start, t1[]=t_end),", "t0[]=t_start),", "argument", "ODE(ydot{}=ydot, y[:]=y_start"),
    "vector for a scalar": ("w[]=0.5", "w[]=y_start", "rank", "y_start"),
    "scalar for a vector": ("+ back[:dim]", "+ back[0]", "rank", "back[0]"),
    "lengths that differ": ("+ back[:dim]", "+ back", "shape", "back + half"),
    "field of another length": ("OBP(ydot{}=ydot)", "^(y[:]) -> y_start", "shape", "ODE(ydot{}=^"),
    "odd length for OBP": ("y[:]=both", "y[:]=&concat(0, both, y_end)", "shape", "ODE(ydot{}=OBP"),
    "concatenation of a vector and a matrix": ("&concat(0, y_end,", "&concat(0, A,", "rank", "&concat"),
    "concatenation along an axis there is not": ("&concat(0,", "&concat(1,", "index", "&concat(1"),
    "stack of a vector and a matrix": ("&concat(0, y_end,", "&stack(0, A,", "rank", "&stack"),
    "stack of different lengths": ("back[:dim]", "&stack(0, back, y_end)[0, :dim]", "shape", "&stack(0, back"),
    "reshape to another count": ("back[:dim]", "&reshape(back, 3, dim)[0]", "shape", "&reshape"),
    "eigenvalues of a vector": ("back[:dim]", "&eigvals(back)[:dim]", "rank", "&eigvals"),
    "unit vector outside": ("back[:dim]", "&onehot(dim, dim)", "index", "dim, dim"),
    "negative length": ("back[:dim]", "&zeros(-dim)", "shape", "&zeros"),
    "power of a vector to a matrix": ("back[:dim]", "&pow(y_end, A)", "rank", "&pow"),
    "Einstein sum with too few index names": ("A @ i, k", "A @ i", "einsum", "A @ i;"),
    "Einstein sum index with two lengths": ("x @ k ->", "back2 @ k ->", "einsum", "back2 @ k"),
    "Einstein sum result from nowhere": ("x @ k ->)", "x @ k -> l)[0]", "einsum", "&es(w; x"),
    "Einstein sum result twice": ("x @ k ->)", "x @ k -> i, i)[0, 0]", "einsum", "&es(w; x"),
    "vector as a bound": ("back[dim:]", "back[y_end:]", "integer", "y_end:]"),
    "bound outside": ("back[:dim]", "back[:3*dim]", "index", ":3*dim"),
    "index outside": ("back[:dim]", "back[2*dim, +]", "index", "2*dim, +"),
    "too many indices": ("back[:dim]", "back[:dim, 0]", "rank", "back[:dim, 0]"),
    "range with step 0": ("back[:dim]", "back[:dim:0]", "index", ":dim:0"),
    "derivative by what is no slot": ("half[d x[:]]", "half[d w[]]", "function", "d w[]"),
    "derivative of a tensor": ("half[d x[:]](x[:]=y_end)", "back[d x[:]]", "function", "d x[:]"),
    "derivative by a slot of another rank": ("half[d x[:]]", "half[d x[:, :]]", "rank", "d x[:, :]"),
    "call of a tensor": ("back[:dim]", "back(i[]=0)", "argument", "back(i"),
    "function in a sum": ("+ back[:dim]", "+ ydot", "argument", "ydot + half"),
    "field that is no function": ("ODE(ydot{}=ydot,", "ODE(ydot{}=y_start,", "rank", "y_start, y[:]"),
    "field of two vectors": ("ODE(ydot{}=ydot,", "ODE(ydot{}=T0,", "argument", "ODE(ydot{}=T0"),
    "signature that is not so": ("ydot: ^(y[:]) => [:]", "ydot: ^(x[:]) => [:]", "signature", "ydot: ^(x"),
    "signature of another rank": ("ydot: ^(y[:]) => [:]", "ydot: ^(y[:]) => [:, :]", "rank", "[:, :]"),
}


def planted(old: str, new: str) -> str:
    assert CORRECT.count(old) >= 1
    text = CORRECT.replace(old, new, 1)
    return "back2[:] = &zeros(2 dim)" + text if "back2" in text else text


def test_correct_program_has_no_findings():
    assert tcd.check(CORRECT) == []


def begins_at(text: str, found: tcd.Diagnostic) -> str:
    return text.split("\n")[found.pos.line - 1][found.pos.column - 1 :]


@pytest.mark.parametrize(("old", "new", "code", "there"), FAULTS.values(), ids=FAULTS.keys())
def test_planted_fault_is_found_at_its_place(old, new, code, there):
    text = planted(old, new)
    errors = [d for d in tcd.check(text) if d.severity == "error"]
    assert [d for d in errors if d.code == code and begins_at(text, d).startswith(there)], errors


@pytest.mark.parametrize(("old", "new", "code", "there"), FAULTS.values(), ids=FAULTS.keys())
def test_planted_fault_does_not_cascade(old, new, code, there):
    errors = [d for d in tcd.check(planted(old, new)) if d.severity == "error"]
    assert len(errors) <= 2, errors


def test_finding_shows_its_line_with_a_caret():
    (found,) = tcd.check("a[:] = y_start\n  a + 1")
    assert found.render().split("\n")[1:3] == ["      a + 1", "          ^"]


def test_unused_binding_is_a_warning():
    (found,) = tcd.check("^(x[:], y[:]=2[+] * x) -> x")
    assert (found.severity, found.code, found.pos.column) == ("warning", "unused", 9)


def test_unused_definition_is_a_warning():
    (found,) = tcd.check("a[:] = y_start\nb[:] = y_start\nb")
    assert (found.severity, found.pos.line) == ("warning", 1)


def test_last_definition_is_the_result_and_not_unused():
    assert tcd.check("a[:] = y_start\nb[:] = a") == []


def test_captured_name_is_a_warning():
    found = tcd.check("^(t0[]) -> ODE(ydot{}=ydot, y[:]=y_start, t0[]=t_end, t1[]=t0)")
    assert [(d.severity, d.code) for d in found] == [("warning", "capture")]


def test_several_errors_are_found_at_once():
    found = tcd.check("a = y_strat\nb = y_start + 1\nc = &es(y_start @ i, j ->)\n a + b + c")
    assert [d.pos.line for d in found] == [1, 2, 3]


def test_several_syntax_errors_are_found_at_once():
    assert [d.pos.line for d in tcd.check("a = )\nb = 1\nc = (")] == [1, 3]


def test_name_close_to_a_known_one_is_suggested():
    (found,) = tcd.check("y_strat")
    assert found.suggestion == "did you mean `y_start`?"


def test_body_is_checked_with_the_arguments_it_is_called_with():
    text = "f{} = ^(x[:]) -> x + y_start\nf(x[:]=&zeros(2 dim))"
    (found,) = tcd.check(text)
    assert (found.code, found.pos.line, found.pos.column) == ("shape", 1, 22)


def test_body_of_a_function_never_called_is_checked():
    (found,) = tcd.check("f{} = ^(x[:]) -> x + 1")
    assert (found.code, found.pos.column) == ("rank", 22)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("&zeros(2 dim)[dim:]", "dim"),
        ("&zeros(4 * dim)[dim:3*dim]", "2*dim"),
        ("&concat(0, y_start, &zeros(dim + 1))", "2*dim + 1"),
        ("&zeros(7)[1:6:2]", "3"),
        ("&zeros(dim)[:-1]", "dim - 1"),
    ],
)
def test_symbolic_lengths_are_followed(text, shape):
    assert tcd.check(f"{text} + &zeros({shape})") == []
    assert [d.code for d in tcd.check(f"{text} + &zeros({shape} + 3)")] == ["shape"]


def chain(lines):
    """A correct program of that many lines, each of which uses the ones before."""
    out = ["q0[:] = y_start"]
    for k in range(1, lines // 2):
        before = f"f{k - 1}(x[:]=x)" if k > 1 else "x"
        out.append(f"f{k}{{}} = ^(x[:], w[]=x[0] * {k}) -> x * w[+] + &exp(x) - {before}")
        out.append(f"q{k}[:] = f{k}(x[:]=q{k - 1}) + y_start")
    return "\n".join([*out, out[-1].partition("[")[0]])


def test_work_grows_with_the_number_of_lines():
    found = []
    few, many = (calls_of(lambda n=n: found.extend(tcd.check(chain(n))), 10_000_000) for n in (250, 1000))
    assert found == []
    assert many < 4.4 * few


def test_calls_that_multiply_do_not_hang():
    lines = ["f0{} = ^(x[:]) -> x"]
    lines += [f"f{k}{{}} = ^(x[:]) -> f{k - 1}(x[:]=&concat(0, x, x)) + f{k - 1}(x[:]=x)[:]" for k in range(1, 40)]
    calls_of(lambda: tcd.check("\n".join([*lines, "f39(x[:]=y_start)"])), 1_000_000)


LATEX = r"""
Text with x[:] in it.
%%%% TCD-DSL-EQUATION
\begin{verbatim}
a[:] = y_start
a + 1
\end{verbatim}
\begin{verbatim}
not ours (
\end{verbatim}
%%%% TCD-DSL-EQUATION:unchecked
\begin{verbatim}
also not checked (
\end{verbatim}
%%%% TCD-DSL-EQUATION
no block
"""


def test_latex_blocks_after_a_marker_are_found():
    blocks, _ = tcd.extract(LATEX)
    assert [(b.text.strip().split("\n")[0], b.checked) for b in blocks] == [
        ("a[:] = y_start", True),
        ("also not checked (", False),
    ]


def test_positions_in_latex_are_those_of_the_file():
    blocks, _ = tcd.extract(LATEX)
    (found,) = tcd.check(blocks[0].text)
    assert (found.pos.line, found.source_line) == (6, "a + 1")


def test_marker_without_a_block_is_reported():
    assert tcd.extract(LATEX)[1] == [15]
