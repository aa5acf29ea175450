"""Plugins of others are described in a process of their own, once for their content, and loaded where they are measured."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hessbench
from hessbench import Case, InvalidInput, measure
from hessbench._measuring.faults_around import GOOD, PLUGINS
from hessbench._plugins import describe, registry
from hessbench._plugins.plugin import STRATEGIES, Source
from hessbench._plugins.registry import load_file

ROOT = Path(__file__).parents[2]


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
        registry._listing.cache_clear()
        monkeypatch.setattr(describe, "_found", {})
    assert len(seen()) == 1 and str(os.getpid()) not in seen()
    (folder / "good.py").write_text(text + "\n")
    hessbench.strategies()["good"].load()
    assert len(seen()) == 3 and seen()[-1] == str(os.getpid())


def test_a_description_that_was_changed_on_disk_is_not_believed(folder, loads, monkeypatch):
    text, seen = loads
    (folder / "good.py").write_text(text)
    hessbench.strategies()
    (kept,) = describe.folder().glob("*.json")
    kept.write_text(kept.read_text().replace("numpy", "magic"))
    registry._listing.cache_clear()
    monkeypatch.setattr(describe, "_found", {})
    assert hessbench.strategies()["good"].backends == ("numpy",) and len(seen()) == 2


def test_a_failure_that_may_have_another_reason_is_asked_again(folder, monkeypatch):
    (folder / "needs.py").write_text("import a_helper\n" + GOOD)
    assert "a_helper" in hessbench.strategies()["needs"].error
    (folder.parent / "site").mkdir()
    (folder.parent / "site" / "a_helper.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(folder.parent / "site"))
    registry._listing.cache_clear()
    monkeypatch.setattr(describe, "_found", {})
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
    monkeypatch.setattr("hessbench._plugins.plugin.wrong_with", lambda cls: None)
    from hessbench._plugins.plugin import plugins_in

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


def test_a_users_file_is_read_once_in_each_measuring_process_and_never_in_the_one_that_asks(tmp_path, monkeypatch):
    monkeypatch.setattr(describe, "_found", {})
    log = tmp_path / "reads"
    (tmp_path / "mine.py").write_text(
        f"import os\nwith open({str(log)!r}, 'a') as file:\n    print(os.getpid(), file=file)\n"
        "from hessbench import Problem\n"
        "problem = Problem('mine', lambda xp, t, y, p: -y, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), [1.0])\n"
    )
    for strategy in ("hand-adjoint", "finite-difference"):
        record = measure(Case(str(tmp_path / "mine.py"), strategy, rtol=1e-6), budget=0.0)
        assert record.status == "ok", record.message
    read_by = log.read_text().split()
    assert len(set(read_by)) == len(read_by) >= 3 and str(os.getpid()) not in read_by
