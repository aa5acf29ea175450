"""Finding plugins: nothing is imported that need not be, and a broken plugin hides no other."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import hessbench
from hessbench import InvalidInput, Unavailable
from hessbench._measuring.faults_around import FAMILIES, PLUGINS
from hessbench._plugins import registry

ROOT = Path(__file__).parents[2]

GOOD = """
from hessbench import Result, Strategy

class Good(Strategy):
    def prepare(self, problem, backend, ivp):
        return lambda x: Result(0.0, x, x)
"""


def test_listing_imports_no_framework():
    code = (
        "import sys, hessbench; hessbench.strategies(); hessbench.problems();"
        "print([m for m in ('jax', 'torch', 'autograd', 'casadi', 'numba', 'scipy.integrate', 'pandas') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_all_eight_problem_families_are_found():
    wanted = {
        "random-quadratic",
        "harmonic-oscillator",
        "kepler",
        "three-body",
        "sir",
        "driven-pendulum",
        "brusselator",
    }
    assert wanted | {"generic-cubic"} <= set(hessbench.problems())


def test_all_six_families_of_strategies_are_found():
    wanted = {"hand-adjoint", "reverse-over-reverse", "forward-over-reverse", "finite-difference", "casadi-symbolic"}
    assert wanted | {"unrolled"} <= set(hessbench.strategies())


def test_no_built_in_plugin_is_broken():
    assert [p for p in (*hessbench.strategies().values(), *hessbench.problems().values()) if p.error] == []


def test_an_unknown_name_is_answered_with_the_nearest_ones():
    with pytest.raises(InvalidInput, match="Did you mean 'three-body'"):
        hessbench.problem("three-bdy")


def test_an_unknown_argument_is_answered_with_those_there_are():
    with pytest.raises(InvalidInput, match=r"no argument 'size'; it takes: n, seed"):
        hessbench.problem("random-quadratic", size=3)


@pytest.fixture
def point(folder, monkeypatch):
    """Declare an entry point of the strategies, called `name`, to `Theirs` in a module with this text."""

    def declare(text, name="theirs", value="their_package:Theirs"):
        there = folder.parent / "site"
        there.mkdir(exist_ok=True)
        (there / "their_package.py").write_text(text.replace("class Good", "class Theirs"))
        monkeypatch.setenv("PYTHONPATH", str(there))
        found = SimpleNamespace(name=name, value=value, dist=SimpleNamespace(name="their-package"))
        monkeypatch.setattr(registry, "entry_points", lambda group: [found])

    return declare


def test_a_plugin_that_cannot_be_imported_is_listed_with_its_reason_beside_the_others(folder):
    (folder / "good.py").write_text(GOOD)
    (folder / "bad.py").write_text("import no_such_framework")
    found = hessbench.strategies()
    assert found["good"].error is None and "no_such_framework" in found["bad"].error


def test_using_a_broken_plugin_gives_its_reason(folder):
    (folder / "bad.py").write_text("raise OSError('library not found')")
    with pytest.raises(Unavailable, match="library not found"):
        hessbench.strategies()["bad"].load()


def test_a_file_without_a_strategy_is_told_what_to_write(folder):
    (folder / "empty.py").write_text("")
    assert "subclass of `Strategy`" in hessbench.strategies()["empty"].error


def test_a_file_with_two_strategies_is_named(folder):
    (folder / "two.py").write_text(GOOD + GOOD.replace("class Good", "class Better"))
    assert "Good, Better" in hessbench.strategies()["two"].error


def test_a_file_that_starts_with_an_underscore_is_no_plugin(folder):
    (folder / "_helper.py").write_text(GOOD)
    assert hessbench.strategies() == {}


def test_a_new_file_is_found_under_its_own_name(folder):
    (folder / "my_new_way.py").write_text(GOOD)
    assert list(hessbench.strategies()) == ["my-new-way"]


@pytest.mark.parametrize("name", ["My_Way", "my_way", "a@b", "file.py", "-x"])
def test_an_entry_point_with_a_bad_name_is_named(point, name):
    point(GOOD, name)
    plugin = hessbench.strategies()[name]
    assert plugin.target is None and "lower-case letters, digits and dashes" in plugin.error


def test_a_file_with_a_bad_name_is_named_and_hides_no_other(folder):
    (folder / "good.py").write_text(GOOD)
    (folder / "MyWay.py").write_text(GOOD)
    found = hessbench.strategies()
    assert found["good"].error is None and "'MyWay' is no name" in found["MyWay"].error


def test_an_entry_point_to_something_else_is_listed_with_its_reason(point):
    point("x = 3", value="their_package:x")
    assert "3 is not a subclass of `Strategy`" in hessbench.strategies()["theirs"].error


def test_an_entry_point_is_found(point, monkeypatch):
    point(GOOD)
    plugin = hessbench.strategies()["theirs"]
    assert (plugin.origin, plugin.error) == ("their_package:Theirs of their-package", None)


def test_an_entry_point_that_fails_is_listed_with_its_reason(point):
    point("raise ImportError('no libcuda')")
    assert "no libcuda" in hessbench.strategies()["theirs"].error


@pytest.mark.parametrize("fault", ["sys.exit", "os._exit", "segmentation fault", "import without end"])
def test_an_entry_point_that_ends_its_process_is_listed_with_its_reason(point, folder, fault):
    (folder / "good.py").write_text(GOOD)
    text, reason = PLUGINS[fault]
    point(text)
    found = hessbench.strategies()
    assert reason in found["theirs"].error and found["good"].load() is not None


def test_a_name_taken_twice_is_named(folder, point):
    (folder / "good.py").write_text(GOOD)
    point(GOOD, "good")
    found = hessbench.strategies()
    assert found["good"].error is None
    assert "already taken" in found["good (their_package:Theirs of their-package)"].error


def test_no_plugin_ends_or_hides_the_others(folder):
    for number, (text, _) in enumerate(PLUGINS.values()):
        (folder / f"bad{number}.py").write_bytes(text.encode("utf-8", "surrogateescape"))
    (folder / "good.py").write_text(GOOD)
    found = hessbench.strategies()
    assert list(found) == sorted([*(f"bad{number}" for number in range(len(PLUGINS))), "good"])
    for number, (text, reason) in enumerate(PLUGINS.values()):
        assert reason in found[f"bad{number}"].error, text
    assert found["good"].error is None and found["good"].load() is not None


def test_no_family_of_problems_ends_or_hides_the_others(folder):
    for number, (text, _) in enumerate(FAMILIES.values()):
        (folder / f"bad{number}.py").write_text(text)
    (folder / "good.py").write_text('"""A good one."""\n\ndef problem(n=3, *, seed: int = 0):\n    raise SystemExit\n')
    found = hessbench.problems()
    for number, (text, reason) in enumerate(FAMILIES.values()):
        assert reason in found[f"bad{number}"].error, text
    good = found["good"]
    assert (good.error, good.summary, good.about.arguments) == (None, "A good one.", ("n=3", "seed=0"))
