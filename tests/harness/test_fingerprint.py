"""The fingerprint of a function changes with what the function can reach, and with nothing else."""

import functools
import subprocess
import sys
import textwrap
import threading
import types

import numpy as np
import pytest

from hessbench._storage.fingerprint import digest, reached


def made(source, **names):
    """The namespace of `source` run as a file of its own, without a file."""
    out = {"__name__": "my_ode", "np": np, **names}
    exec(compile(textwrap.dedent(source), "<cell>", "exec"), out)
    return out


def module(name, source, monkeypatch):
    out = types.ModuleType(name)
    out.__dict__.update(np=np)
    exec(textwrap.dedent(source), out.__dict__)
    monkeypatch.setitem(sys.modules, name, out)
    return out


def both(f):
    return digest([f]), reached([f])


def set_item(space, name, value):
    space[name] = value


CHANGES = {
    "global": ("def f(y): return K * y", lambda s: set_item(s, "K", 8.0)),
    "global of a helper": ("def g(y): return K * y\ndef f(y): return g(y)", lambda s: set_item(s, "K", 8.0)),
    "global in a nested function": ("def f(y): return [K * u for u in y]", lambda s: set_item(s, "K", 8.0)),
    "helper": ("def g(y): return y\ndef f(y): return g(y)", lambda s: set_item(s, "g", lambda y: 2 * y)),
    "array in place": ("A = np.arange(3.)\ndef f(y): return A @ y", lambda s: set_item(s["A"], 1, 7.0)),
    "long array in place": ("A = np.zeros(5000)\ndef f(y): return A @ y", lambda s: set_item(s["A"], 4321, 1e-300)),
    "masked array": (
        "A = np.ma.array([1., 2.], mask=[0, 1])\ndef f(y): return A",
        lambda s: set_item(s["A"].mask, 0, True),
    ),
    "list": ("L = [1, [2, 3]]\ndef f(y): return L", lambda s: s["L"][1].append(4)),
    "dictionary": ("D = {'k': {'v': 1}}\ndef f(y): return D", lambda s: set_item(s["D"]["k"], "v", 2)),
    "key": ("D = {'k': 1}\ndef f(y): return D", lambda s: set_item(s["D"], "m", 2)),
    "set": ("S = {1, 2}\ndef f(y): return S", lambda s: s["S"].add(3)),
    "attribute": ("class C: pass\nc = C()\nc.k = 1\ndef f(y): return c.k", lambda s: setattr(s["c"], "k", 2)),
    "slot": ("class C: __slots__ = ('k',)\nc = C()\nc.k = 1\ndef f(y): return c.k", lambda s: setattr(s["c"], "k", 2)),
    "class attribute": ("class C: k = 1\nc = C()\ndef f(y): return c.k", lambda s: setattr(s["C"], "k", 2)),
    "method": (
        "class C:\n  def m(self): return 1\nc = C()\ndef f(y): return c.m()",
        lambda s: setattr(s["C"], "m", lambda self: 2),
    ),
    "global of a bound method": ("class C:\n  def m(self): return K\nf = C().m", lambda s: set_item(s, "K", 2)),
    "default": ("def f(y, k=1): return k", lambda s: setattr(s["f"], "__defaults__", (2,))),
    "keyword default": ("def f(y, *, k=1): return k", lambda s: set_item(s["f"].__kwdefaults__, "k", 2)),
    "code": ("def f(y): return y", lambda s: setattr(s["f"], "__code__", (lambda y: -y).__code__)),
    "function attribute": ("def f(y): return f.k\nf.k = 1", lambda s: setattr(s["f"], "k", 2)),
    "namespace": (
        "import types\nn = types.SimpleNamespace(k=1)\ndef f(y): return n.k",
        lambda s: setattr(s["n"], "k", 2),
    ),
    "random state": ("r = np.random.default_rng(1)\ndef f(y): return r.normal()", lambda s: s["r"].normal()),
    "name that was built in": ("def f(y): return abs(y)", lambda s: set_item(s, "abs", lambda y: y)),
    "cell": (
        "def make():\n  k = 1\n  def f(y): return k\n  def to(v):\n    nonlocal k\n    k = v\n  return f, to\nf, to = make()",
        lambda s: s["to"](2),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_what_is_reached_is_seen(what):
    source, change = CHANGES[what]
    space = made(source, K=5.0)
    before = both(space["f"])
    assert None not in before and both(space["f"]) == before
    change(space)
    after = both(space["f"])
    assert None not in after and after[0] != before[0] and after[1] != before[1]


def test_what_is_not_reached_is_not_seen():
    space = made("def f(y): return K * y", K=5.0, other=1)
    before = both(space["f"])
    space["other"] = 2
    assert both(space["f"]) == before


def test_attributes_of_the_projects_modules_are_reached(monkeypatch):
    inner = module("my_inner", "RATE = 3.0\ndef g(y): return RATE * y", monkeypatch)
    outer = module("my_outer", "UNUSED = 1", monkeypatch)
    outer.inner = inner
    for source in (
        "def f(y): return inner.g(y)",
        "def f(y): return outer.inner.RATE",
        "def f(y):\n  import my_inner\n  return my_inner.g(y)",
        "def f(y):\n  from my_inner import RATE\n  return RATE",
        "def f(y): return getattr(inner, 'RATE')",
        "def g(m): return m.RATE\ndef f(y): return g(inner)",
    ):
        f = made(source, inner=inner, outer=outer)["f"]
        inner.RATE, outer.UNUSED = 3.0, 1
        before = both(f)
        outer.UNUSED = 2
        assert both(f) == before, source
        inner.RATE = 4.0
        after = both(f)
        assert after[0] != before[0] and after[1] != before[1], source


def test_functions_without_source_differ_by_code_and_constants():
    texts = ("lambda y: 2 * y", "lambda y: 3 * y", "lambda y: y.a", "lambda y: y.b", "lambda y: (lambda u: u)(y)")
    found = [digest([eval(text)]) for text in texts]
    assert len(set(found)) == len(texts) and digest([eval(texts[0])]) == found[0]


def test_partials_wrappers_and_ufuncs():
    def f(y, k=1):
        return y * k

    assert digest([functools.partial(f, k=2)]) != digest([functools.partial(f, k=3)])
    assert digest([functools.lru_cache(f)]) != digest([functools.lru_cache(lambda y: y)])
    assert digest([np.sin]) != digest([np.cos]) and digest([np.vectorize(f)]) != digest([np.vectorize(lambda y: y)])
    assert digest([math_sin := __import__("math").sin]) != digest([np.sin]) and digest([math_sin]) is not None


def test_what_cannot_be_read_gives_none():
    lock, running = threading.Lock(), (i for i in range(3))
    for hidden in (lambda y: lock, lambda y: running, np.frompyfunc(lambda a: a, 1, 1)):
        assert digest([hidden]) is None and reached([hidden]) is None


def test_cycles_end():
    space = made("def f(y): return g(y)\ndef g(y): return f(y)\nL = []\nL.append(L)\ndef h(y): return L")
    assert digest([space["f"]]) and digest([space["h"]])


PROGRAM = """
import sys, numpy as np
sys.path.insert(0, {folder!r})
import my_module
from hessbench._storage.fingerprint import digest
{order}
class C:
    def __init__(self): self.names = {{"a", "b", "c", "d", "e"}}; self.t = (1.0, "x")
    def __call__(self, y): return A * K * my_module.g(y) if y in {{"p", "q", "r"}} else my_module.Other()
print(digest([C(), lambda y: K + A]).hex())
"""


def test_the_digest_is_the_same_in_every_process(tmp_path):
    (tmp_path / "my_module.py").write_text("RATE = 2.0\nclass Other: pass\ndef g(y):\n    return {RATE: y}\n")
    orders = ("K = 5.0; A = np.ones(3)", "junk = [0] * 1000; A = np.ones(3); K = 5.0")
    found = set()
    for seed, order in enumerate((*orders, "K = 6.0; A = np.ones(3)")):
        program = PROGRAM.format(folder=str(tmp_path), order=order)
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": str(seed)},
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 2
