"""Text to tree and back: the published dialect, positions, and input that is no program."""

import pytest
from tcd_fuzz import SEEDS

from hessbench import tcd
from hessbench.tcd.parser import MAX_DEPTH, parse_errors
from hessbench.tcd.syntax import At, Bare, Definition, Diff, Index, Lambda, Name, NewAxis, Product, Signature, Slot

DIALECT = {
    "signature": "ydot: ^(y[:]) => [:]",
    "signature without a name": "^(y[:], t[]) => [:, :]",
    "signature of a function that returns a function": "f: ^(a[:]) => ^(b[]) => [:, :]",
    "signature of a function that returns a named function": "f: ^(a[:]) => g: ^(b[]) => {}",
    "lambda": "f{} = ^(x[:], y[:]=x[:]) -> y[:]",
    "Greek lambda": "λ(x[]) -> x",
    "bare names": "f = ^(x, y=x) -> y",
    "function slot as an expression": "g{} = f{}",
    "indexed name as an expression": "f(x[:]=y[:], t[]=t[])",
    "call of an indexed name": "x[:](y[:]=z[:])",
    "call of a call": "f(x[:]=a)(y[:]=b)",
    "parenthesised callee": "(f)(x[:]=a)",
    "derivative": "f[:, d x[:]]",
    "two derivatives": "T[d x[:], d x[:]](x[:]=a)",
    "derivative by a bare name": "f[d x]",
    "derivative by a scalar": "f[:, d t[]]",
    "juxtaposed product": "x[2 dim]",
    "juxtaposed product of three": "x[:2 n (m + 1)]",
    "new axis": "x[+, :, +]",
    "several brackets": "M[0][:, +][1:n:2]",
    "negative bound": "x[-1:-n]",
    "an index named d": "x[d]",
    "comment": "# all\nx # here\n # there",
    "Einstein sum": "&es(A @ a, b; x @ b; 2 -> a)",
    "Einstein sum to a scalar": "&es(x @ i; y @ i ->)",
    "leading sign": "-x + y",
    "lambda as an argument": "ODE(ydot{}=^(y[:]) -> -y, y[:]=a, t0[]=0, t1[]=1)",
    "decimals and exponents": "1.5 + .5e-3 + 2e10",
    "special functions": "&concat(0, &zeros(2 n), &onehot(j, n), &exp(x), &log(x), &pow(x, 2))",
    "eigenvalues": "&stack(1, &eigvals(M), &eigvecs(M)[0], &reshape(x, n, 1)[:, 0])",
    "statements": "a[:] = x b[] = 2 a",
    "nothing": "",
}


@pytest.mark.parametrize("text", DIALECT.values(), ids=DIALECT.keys())
def test_dialect_survives_printing_and_parsing(text):
    tree = tcd.parse(text)
    assert tcd.parse(tcd.show(tree)) == tree


@pytest.mark.parametrize("text", SEEDS)
def test_programs_survive_printing_and_parsing(text):
    tree = tcd.parse(text)
    assert tcd.parse(tcd.show(tree)) == tree


def test_tree_of_a_definition():
    (statement,) = tcd.parse("f{} = ^(x[:]) -> x[2 dim, +, d y[:, :]]").statements
    assert isinstance(statement, Definition)
    assert statement.binding.slot == Slot("f", -1)
    body = statement.binding.expr
    assert isinstance(body, Lambda) and isinstance(body.body, Index)
    at, new, diff = body.body.items
    assert isinstance(at, At) and isinstance(at.index, Product) and at.index.factors[1].op == " "
    assert isinstance(new, NewAxis)
    assert diff == Diff(Slot("y", 2))


def test_signature_keeps_what_it_says():
    (statement,) = tcd.parse("f: ^(a[:]) => ^(b[]) => {}").statements
    assert isinstance(statement, Signature) and isinstance(statement.result, Signature)
    assert statement.result.result == Slot("", -1)


def test_positions_count_lines_and_columns_from_one():
    (statement,) = tcd.parse("\n  # first\n   x").statements
    assert isinstance(statement, Bare) and isinstance(statement.expr, Name)
    assert (statement.expr.pos.line, statement.expr.pos.column) == (3, 4)


def test_positions_take_no_part_in_equality():
    assert tcd.parse("x+y") == tcd.parse("\n\n x   +\ty")


MISTAKES = {
    "open bracket": ("f(x[:]=1", 1, 9, "the end of the program"),
    "stray bracket": ("x = )", 1, 5, "`)`"),
    "argument without name": ("f(1)", 1, 3, "`1`"),
    "argument without value": ("f(x)", 1, 3, "without a value"),
    "no slot before =": ("x[0] = 1", 1, 1, "slot"),
    "unknown special function": ("a\n&esp(x)", 2, 1, "`&esp`"),
    "fraction as an index": ("x[1.5]", 1, 3, "integer"),
    "unknown character": ("x ? y", 1, 3, "`?`"),
}


@pytest.mark.parametrize(("text", "line", "column", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_reported_where_it_is(text, line, column, words):
    with pytest.raises(tcd.TcdSyntaxError) as caught:
        tcd.parse(text)
    assert (caught.value.pos.line, caught.value.pos.column) == (line, column)
    assert words in str(caught.value)


def test_message_shows_line_caret_and_expectation():
    with pytest.raises(tcd.TcdSyntaxError) as caught:
        tcd.parse("a[:] = b\nf(x+1)")
    assert str(caught.value).split("\n")[1:3] == ["    f(x+1)", "       ^"]
    assert "expected:" in str(caught.value) and "f(x[:]=e)" in str(caught.value)


def test_misspelt_special_function_gets_a_suggestion():
    with pytest.raises(tcd.TcdSyntaxError, match="did you mean `&concat`"):
        tcd.parse("&conact(0, x)")


def test_several_syntax_errors_are_found_in_one_reading():
    _, errors = parse_errors("a = )\nb = c\nd = [\ne = 1 +")
    assert [e.pos.line for e in errors] == [1, 3, 4]


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000, "(" * 10_000 + "x" + ")" * 10_000, "x" + "[0]" * 10_000, "^()->" * 10_000 + "x", "f(x=" * 10_000],
    ids=["open", "closed", "indices", "functions", "calls"],
)
def test_deep_nesting_is_an_error_with_a_position(text):
    with pytest.raises(tcd.TcdSyntaxError, match="nest deeper") as caught:
        tcd.parse(text)
    assert caught.value.pos.column > 1 or MAX_DEPTH < 2


def test_long_sums_are_not_deep():
    tree = tcd.parse("x" + " + x" * 10_000)
    assert tcd.parse(tcd.show(tree)) == tree
