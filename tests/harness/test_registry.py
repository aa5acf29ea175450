"""Finding plugins: nothing is imported that need not be, and a broken plugin hides no other."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import hessbench
from hessbench import Case, InvalidInput, Unavailable, _describe, _registry, measure
from hessbench._faults_around import FAMILIES, PLUGINS
from hessbench._plugins import STRATEGIES, Source
from hessbench._registry import load_file

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
def folder(tmp_path, monkeypatch):
    """An otherwise empty strategies folder."""
    there = tmp_path / "plugins"
    there.mkdir()
    spec = SimpleNamespace(submodule_search_locations=[str(there)])
    monkeypatch.setattr(_registry, "find_spec", lambda name: spec)
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(_describe, "_found", {})
    _registry._listing.cache_clear()
    yield there
    _registry._listing.cache_clear()


@pytest.fixture
def point(folder, monkeypatch):
    """Declare an entry point of the strategies, called `name`, to `Theirs` in a module with this text."""

    def declare(text, name="theirs", value="their_package:Theirs"):
        there = folder.parent / "site"
        there.mkdir(exist_ok=True)
        (there / "their_package.py").write_text(text.replace("class Good", "class Theirs"))
        monkeypatch.setenv("PYTHONPATH", str(there))
        found = SimpleNamespace(name=name, value=value, dist=SimpleNamespace(name="their-package"))
        monkeypatch.setattr(_registry, "entry_points", lambda group: [found])

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


@pytest.fixture
def loads(tmp_path):
    """Text of a strategy that notes each process that loads it, and a function that tells how many did."""
    log = tmp_path / "loads"
    text = f"import os\nwith open({str(log)!r}, 'a') as file:\n    print(os.getpid(), file=file)\n{GOOD}"
    return text, lambda: log.read_text().split() if log.exists() else []


def test_a_file_is_described_once_for_its_content_and_not_loaded_by_listing(folder, loads, monkeypatch):
    text, seen = loads
    (folder / "good.py").write_text(text)
    for _ in range(2):  # the second time as another process does
        assert hessbench.strategies()["good"].error is None
        _registry._listing.cache_clear()
        monkeypatch.setattr(_describe, "_found", {})
    assert len(seen()) == 1 and str(os.getpid()) not in seen()
    (folder / "good.py").write_text(text + "\n")
    hessbench.strategies()["good"].load()
    assert len(seen()) == 3 and seen()[-1] == str(os.getpid())


def test_a_description_that_was_changed_on_disk_is_not_believed(folder, loads, monkeypatch):
    text, seen = loads
    (folder / "good.py").write_text(text)
    hessbench.strategies()
    (kept,) = _describe.folder().glob("*.json")
    kept.write_text(kept.read_text().replace("numpy", "magic"))
    _registry._listing.cache_clear()
    monkeypatch.setattr(_describe, "_found", {})
    assert hessbench.strategies()["good"].backends == ("numpy",) and len(seen()) == 2


def test_a_failure_that_may_have_another_reason_is_asked_again(folder, monkeypatch):
    (folder / "needs.py").write_text("import a_helper\n" + GOOD)
    assert "a_helper" in hessbench.strategies()["needs"].error
    (folder.parent / "site").mkdir()
    (folder.parent / "site" / "a_helper.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(folder.parent / "site"))
    _registry._listing.cache_clear()
    monkeypatch.setattr(_describe, "_found", {})
    assert hessbench.strategies()["needs"].error is None


def test_a_plugin_that_lists_plugins_is_described(folder):
    (folder / "good.py").write_text("import hessbench\nhessbench.strategies()\n" + GOOD)
    assert hessbench.strategies()["good"].error is None


def test_a_users_file_is_loaded_by_the_process_that_measures_it_alone(loads, tmp_path):
    text, seen = loads
    path = tmp_path / "mine.py"
    path.write_text(text)
    record = measure(Case("random-quadratic", str(path), "numpy", {"n": 3}, rtol=1e-6), budget=0.0)
    assert record.status in ("failed", "wrong") and str(os.getpid()) not in seen()


@pytest.mark.parametrize("fault", ["sys.exit", "KeyboardInterrupt", "os._exit", "import without end"])
def test_a_users_file_that_ends_its_process_is_an_error_with_the_reason(tmp_path, fault):
    text, reason = PLUGINS[fault]
    (tmp_path / "mine.py").write_text(text + "\n")
    with pytest.raises(InvalidInput, match=reason):
        load_file(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("body", "reason"), [("raise SystemExit(4)", "SystemExit: 4"), ("import os; os._exit(4)", "exit status 4")]
)
def test_a_family_that_ends_its_process_when_it_is_built_does_not_end_the_command(tmp_path, body, reason):
    (tmp_path / "mine.py").write_text(f"def problem(n=3):\n    {body}\n")
    command = [sys.executable, "-m", "hessbench", "compare", "mine.py", "-s", "hand-adjoint"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_field_that_is_not_looked_for_is_found(folder, monkeypatch):
    monkeypatch.setattr("hessbench._plugins.wrong_with", lambda cls: None)
    from hessbench._plugins import plugins_in

    (folder / "bad.py").write_text(PLUGINS["variants = 5"][0])
    (plugin,) = plugins_in(Source(STRATEGIES, "bad", "", str(folder / "bad.py")))
    assert PLUGINS["variants = 5"][1] not in plugin.error


@pytest.mark.parametrize("kind", ["strategies", "problems"])
def test_all_files_that_come_with_the_package_are_trusted(kind):
    from importlib import import_module

    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    listed = subprocess.run(["git", "ls-files", kind], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {Path(name).stem for name in listed.split() if name.endswith(".py") and not Path(name).stem.startswith("_")}
    assert set(import_module(f"hessbench.builtin_{kind}").FILES) >= names
    plugins = getattr(hessbench, kind)().values()
    assert all(p.trusted for p in plugins if Path(p.origin).stem in names)


def test_the_list_has_a_plugin_with_its_reason_and_ends_well(tmp_path):
    for name in ("src", "strategies", "problems", "report"):
        shutil.copytree(ROOT / name, tmp_path / name)
    package = tmp_path / "site" / "hessbench"
    shutil.copytree(tmp_path / "src" / "hessbench", package)
    for kind in ("strategies", "problems"):
        shutil.copytree(tmp_path / kind, package / f"builtin_{kind}")
        (package / f"builtin_{kind}" / "ends_it.py").write_text("import os; os._exit(0)")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); sys.argv[1:] = ['list', '--json']; "
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "HESSBENCH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code + "from hessbench._cli import main; main()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    rows = json.loads(done.stdout)
    for kind in ("strategies", "problems"):
        broken = [row for row in rows[kind] if row["error"]]
        assert [row["name"] for row in broken] == ["ends-it"] and "exit status 0" in broken[0]["error"]
        assert len(rows[kind]) > 18
    assert done.returncode == 0
