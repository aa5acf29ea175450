"""A backend that this package does not know is one file and one line: of its folder, or of another package's entry points."""

import json
import os
import subprocess
import sys

import pytest

from hessbench.backends import available

pytestmark = pytest.mark.skipif(not available("autograd"), reason="the new backend passes everything on to autograd")

FILE = '''
"""autograd under another name."""
from hessbench.backends import Backend, backend


class Mine(Backend):
    name = "mine"
    package = "autograd"
    order = 2
    operations = ("vjp", "jvp", "grad", "value_grad_hessian")

    def __init__(self):
        self.inner = backend("autograd")
        self.xp = self.inner.xp

    def asarray(self, a):
        return self.inner.asarray(a)

    def vjp(self, f, x, v):
        return self.inner.vjp(f, x, v)

    def jvp(self, f, x, v):
        return self.inner.jvp(f, x, v)

    def grad(self, f):
        return self.inner.grad(f)

    def value_grad_hessian(self, f, mode=None):
        return self.inner.value_grad_hessian(f, mode)
'''
FIRST_ORDER = '''
"""Tangents by complex steps, and nothing else."""
import numpy as np
from hessbench.backends import Backend


class Complex(Backend):
    name = "complex-step"
    package = "numpy"
    order = 1
    operations = ("jvp",)
    xp = np

    def asarray(self, a):
        return np.asarray(a)

    def jvp(self, f, x, v):
        out = f(x + 1e-100j * v)
        return out.real, out.imag / 1e-100
'''
IN_FOLDER = """
import hessbench
from hessbench.backends import __path__, _listing, broken, known

_listing.in_folder.cache_clear()  # what was read before the file was there
__path__.append({folder!r})
print(known(2, "vjp"), hessbench.strategies()["unrolled"].backends, broken())
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with the file, and with what pip writes for the line of `pyproject.toml`."""
    return installed(tmp_path_factory.mktemp("other"), {"other": FILE}, 'mine = "other:Mine"')


def installed(folder, files, *lines):
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    made = folder / "hessbench_other-1.5.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: hessbench-other\nVersion: 1.5\n")
    points = [line.replace('"', "") for line in lines]  # pyproject.toml has quotes, what pip writes has none
    (made / "entry_points.txt").write_text("\n".join(["[hessbench.backends]", *points, ""]))
    return folder


def run(folder, *command, path=None, status=0):
    places = [str(p) for p in (path, os.environ.get("PYTHONPATH")) if p]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def tried(package, code):
    """What `code` puts into `out`, in a process where the package is installed."""
    head = "import json, numpy as np, hessbench\nfrom hessbench import backends\n"
    return json.loads(run(package, "-c", f"{head}{code}\nprint(json.dumps(out))", path=package))


def test_it_stands_behind_those_of_this_package_in_every_order_of_choice(package):
    uses = [("derivatives", 3), ("loss", 3), ("reference", 4), ("contractions", 4)]
    code = "out = [backends.known(2, *(['vjp'] if many == 3 else ['derivatives']), use=use) for use, many in {}]"
    assert tried(package, code.format(uses)) == [
        ["jax", "torch", "autograd", "tensorflow", "mine"],
        ["jax", "autograd", "torch", "tensorflow", "mine"],
        ["casadi", "torch", "autograd", "jax", "tensorflow", "mine"],
        ["jax", "torch", "casadi", "autograd", "tensorflow", "mine"],
    ]


def test_strategies_that_use_no_framework_of_their_own_run_on_it(package):
    names = ("forward-over-reverse", "reverse-over-reverse", "unrolled")
    options = [part for name in names for part in ("-s", f"{name}@mine")]
    command = ("-m", "hessbench", "compare", "harmonic-oscillator", *options, "--budget", "0", "--json")
    records = json.loads(run(package, *command, path=package))
    assert [(r["strategy"], r["backend"], r["status"]) for r in records] == [(name, "mine", "ok") for name in names]
    assert all("autograd" in r["versions"] and "hessbench-other 1.5" in r["versions"] for r in records)


def test_what_it_does_not_offer_is_refused_by_name(package):
    command = ("compare", "harmonic-oscillator", "-s", "unrolled/checkpointed@mine", "--budget", "0", "--json")
    (record,) = json.loads(run(package, "-m", "hessbench", *command, path=package, status=1))  # nothing was right
    assert record["status"] == "unsupported" and "'mine' has no `checkpoint`" in record["message"]


def test_derivatives_losses_checks_and_references_are_made_by_it_where_nothing_else_is_there(package):
    code = """
from dataclasses import replace
from hessbench._derive.checking import check_derivatives
from hessbench._derive.generated import generated_derivatives, generated_joint_derivatives
from hessbench._judging.reference_ways import ways
backends.backend("mine")
backends.available = lambda name: name in ("numpy", "mine")
sir = hessbench.problem("sir")
made = generated_derivatives(sir)
by_hand = sir.derivatives
y, s = sir.y0, np.ones(sir.dim)
out = [made.source, generated_joint_derivatives(sir).source, check_derivatives(sir)]
out += [hessbench.loss_blocks(replace(sir, loss_blocks=None))[1]]
out += [float(np.max(np.abs(made.vhp(0.0, y, s, sir.params) - by_hand.vhp(0.0, y, s, sir.params))))]
out += [[way.name for way in ways(sir, sir.x0, np.linspace(0.0, 1.0, 9))]]
"""
    source, joint, faults, loss, error, names = tried(package, code)
    assert source == joint == loss == "generated by mine" and faults == [] and error < 1e-12
    assert "automatic differentiation by mine" in names and "discrete adjoint, derivatives generated by mine" in names


def test_it_is_listed_without_its_framework(package):
    code = "import sys; hessbench.strategies(); out = ['autograd' in sys.modules, backends.available('mine')]"
    assert tried(package, code) == [False, True]
    shown = run(package, "-m", "hessbench", "list", "--json", path=package)
    (row,) = [row for row in json.loads(shown)["strategies"] if row["name"] == "unrolled"]
    assert row["backends"].split()[-1] == "mine"


def test_one_of_the_first_order_is_asked_for_nothing_more(tmp_path):
    other = installed(tmp_path, {"first": FIRST_ORDER}, 'complex-step = "first:Complex"')
    code = """
b = backends.backend("complex-step")
out = [backends.known(1, "jvp")[-1], "complex-step" in backends.known(2)]
out += ["complex-step" in hessbench.strategies()["unrolled"].backends]
out += [b.jvp(lambda x: x**3, np.array([2.0]), np.array([1.0]))[1].tolist()]
"""
    assert tried(other, code) == ["complex-step", False, False, [12.0]]


def test_a_file_in_the_folder_of_backends_is_one_too(tmp_path):
    (tmp_path / "_mine.py").write_text(FILE)
    (tmp_path / "_torn.py").write_text("raise OSError('no disk')")
    said = run(tmp_path, "-c", IN_FOLDER.format(folder=str(tmp_path)))
    assert said.count("'mine'") == 2 and "{'torn': 'OSError: no disk (_torn.py)'}" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise OSError('no disk')", "OSError: no disk"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("Mine = 5", "5 is not a subclass of `Backend`"),
        (FILE.replace("order = 2", "order = 3"), "`order` is 3, expected"),
        (FILE.replace("order = 2", "order = 0"), "one says that it differentiates"),
        (FILE.replace('"vjp", "jvp"', '"vhp"'), "expected a tuple of some of vjp, jvp"),
        (FILE.replace('"vjp", "jvp"', '[], "jvp"'), "expected a tuple of some of vjp, jvp"),
        (FILE.replace("def vjp", "def vpj"), "names `vjp`, which the class does not define"),
        (FILE.replace('"mine"', '"others"'), "`name` is 'others', expected 'mine'"),
        (FILE.replace("def asarray", "def array"), "`Mine` does not define `asarray`"),
        (FILE.replace('package = "autograd"', 'package = "other"'), "`package` is 'other', expected the framework"),
        (FILE.replace("order = 2", 'order = 2\n    apart = "jax"'), "`apart` is 'jax', expected a tuple"),
        (FILE.replace("order = 2", "order = 2\n    ranks = 1"), "`ranks` is 1, expected `Ranks(...)`"),
    ],
    ids=lambda text: text if len(text) < 60 else None,
)
def test_a_faulty_one_is_named_and_hides_nobody(tmp_path, text, said):
    other = installed(tmp_path, {"other": text}, 'mine = "other:Mine"')
    code = """
out = [backends.known(), backends.broken(), len(hessbench.strategies())]
try:
    backends.backend("mine")
except hessbench.Unavailable as error:
    out.append(str(error))
"""
    names, broken, strategies, error = tried(other, code)
    assert names == ["numpy", "jax", "torch", "autograd", "casadi", "tensorflow"] and strategies > 20
    assert said in broken["mine"] and "hessbench-other" in broken["mine"] and said in error


def test_a_name_that_is_taken_stays_with_its_first_owner(tmp_path):
    text = FILE.replace('"mine"', '"jax"')
    other = installed(tmp_path, {"other": text}, 'jax = "other:Mine"')
    code = "out = [backends.about('jax').__name__, backends.broken()]"
    owner, broken = tried(other, code)
    ((name, reason),) = broken.items()
    assert owner == "JaxBackend" and "hessbench-other" in name and "already taken by _jax.py" in reason
    assert "'jax (other:Mine of hessbench-other)' cannot be used" in run(other, "-m", "hessbench", "list", path=other)
