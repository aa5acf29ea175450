"""The reference has a page for each public name, and each docstring says what is passed and of which shape."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

import hessbench
from hessbench import backends, plugins

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference.md").read_text()
MODULES = {module.__name__: module for module in (hessbench, plugins, backends)}
PUBLIC = [(module, name) for module in MODULES for name in MODULES[module].__all__]
SELF_EVIDENT = {"problem", "strategy", "xp"}  # said once, at `Problem` and at `prepare`


def listed(text: str) -> dict[str, set[str]]:
    """The names on the page, by the module that `currentmodule` sets."""
    out: dict[str, set[str]] = {name: set() for name in MODULES}
    module = ""
    for line in text.splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z]\w*", line):
            out[module].add(line.strip())
    return out


def unsaid(thing) -> list[str]:
    """Arguments that the docstring of a function does not name."""
    words = set(re.findall(r"\w+", inspect.getdoc(thing) or ""))
    return [name for name in inspect.signature(thing).parameters if name not in words | SELF_EVIDENT]


def shapeless(thing) -> bool:
    """Whether a function takes or returns arrays, and its docstring gives no shape."""
    notes = " ".join(str(note) for note in getattr(thing, "__annotations__", {}).values())
    return "Array" in notes and not re.search(r"\((\.\.\., )?\w+(,| \+)[^)]*\)", inspect.getdoc(thing) or "")


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_a_page(module):
    assert listed(PAGE)[module] == set(MODULES[module].__all__)


def test_a_name_that_is_left_out_is_seen():
    assert "hessian" not in listed(PAGE.replace("   hessian\n", ""))["hessbench"]


FUNCTIONS = [(m, n) for m, n in PUBLIC if inspect.isfunction(getattr(MODULES[m], n))]


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_the_docstring_of_a_function_names_its_arguments(module, name):
    assert unsaid(getattr(MODULES[module], name)) == []


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_the_docstring_of_a_function_of_arrays_gives_shapes(module, name):
    assert not shapeless(getattr(MODULES[module], name))


def test_an_argument_or_a_shape_that_is_left_out_is_seen():
    def f(x: "Array", unsaid_one=1) -> "Array":  # noqa: F821
        """Something of `x`."""

    assert unsaid(f) == ["unsaid_one"] and shapeless(f)
    f.__doc__ = "Something of `x` (n,), for `unsaid_one`."
    assert not unsaid(f) and not shapeless(f)


def test_public_names_without_a_docstring_of_their_own_have_words():
    words = runpy.run_path(str(ROOT / "docs" / "data_words.py"))["WORDS"]
    data = {f"{m}.{n}" for m, n in PUBLIC if not inspect.isfunction(thing := getattr(MODULES[m], n)) and
            getattr(thing, "__module__", "").partition(".")[0] != "hessbench"}  # fmt: skip
    assert {*words, "hessbench.Vector"} == data  # an alias, of which the page itself speaks


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, n in PUBLIC if inspect.isclass(getattr(MODULES[m], n))])
def test_methods_of_public_classes_have_docstrings(module, name):
    owner = getattr(MODULES[module], name)
    silent = [
        key
        for key, value in vars(owner).items()
        if not key.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)) and not value.__doc__
    ]
    assert silent == []
