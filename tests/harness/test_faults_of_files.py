"""Full disks and hostile names, as `hessbench check --faults` tries them; and that a fault of the trial itself is seen."""

import os
import sys

import pytest

from hessbench import HessbenchError
from hessbench._measuring import faults_files
from hessbench._processes import contain
from hessbench._storage import cache, files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")


@pytest.fixture
def environment(tmp_path):
    # A process whose coverage is counted writes it into a file, and these processes may not write.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_CORE_"))}
    return {**inherited, "HESSBENCH_CACHE": str(tmp_path / "cache")}


def test_without_room_for_a_cache_the_hessian_is_the_same(tmp_path, environment):
    row = faults_files._no_room_for_the_cache(tmp_path, environment)
    assert row.passed, row


def test_without_room_anywhere_compare_says_so(tmp_path, environment):
    row = faults_files._no_room_for_records(tmp_path, environment, 0, "no room")
    assert row.passed and "no room for temporary files" in row.message, row


def test_a_disk_that_is_not_full_is_no_full_disk(tmp_path, environment):
    row = faults_files._no_room_for_records(tmp_path, environment, 10**9, "room")
    assert not row.passed


def test_cells_that_a_spreadsheet_would_run_are_seen(tmp_path):
    (tmp_path / "t.csv").write_text("a,source\n=1+1,x\n-2.5,x\n")
    assert faults_files._cells(tmp_path / "t.csv") == [["=1+1"], ["-2.5"]]
    assert [faults_files._is_number(text) for text in ("=1+1", "-2.5", "+x", "@a")] == [False, True, False, False]
    assert faults_files._cells(tmp_path / "none.csv") == []


@pytest.fixture
def full(monkeypatch):
    def no_folder(*_, **__):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.mkdtemp", no_folder)


def test_no_room_for_a_process_is_one_sentence(full):
    with pytest.raises(HessbenchError, match=r"No process can be started: .*no usable temporary directory"):
        contain.contained([sys.executable, "-c", ""], {}, 10.0)
    with pytest.raises(HessbenchError, match="no room for temporary files: no usable"), files.scratch():
        pass


def test_a_request_that_does_not_fit_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", no_room)
    with pytest.raises(HessbenchError, match="no space left on device"):
        contain.contained([sys.executable, "-c", ""], {}, 10.0)
    assert not list(tmp_path.iterdir())


def test_a_cache_without_any_room_is_no_folder(full, monkeypatch):
    monkeypatch.setattr(cache, "_made", ["said before"])
    cache.temporary.cache_clear()
    try:
        assert str(cache.temporary("x", "it is full")) == os.devnull
    finally:
        cache.temporary.cache_clear()


def test_a_scratch_folder_is_removed():
    with files.scratch() as folder:
        assert not folder.exists()  # until somebody needs it
        folder.mkdir()
        (folder / "a").write_text("b")
    assert not folder.exists()
