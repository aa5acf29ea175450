"""Writing loses nothing: an old file stays until the new one is complete, a line is appended whole or not at all."""

import errno
import os
import stat

import pytest

from hessbench import HessbenchError, InvalidInput
from hessbench._storage import files
from hessbench._storage.files import append_line, ensure_writable, make_folder, write


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that takes half of what is written and is full then."""

    def put(file, content):
        file.write(content[: len(content) // 2])
        file.flush() if hasattr(file, "flush") else None
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "_put", put)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = write(tmp_path / "a.html", "old")
    write(path, "new €\ud800")
    assert path.read_bytes() == "new €\\ud800".encode() and os.listdir(tmp_path) == ["a.html"]


def test_a_full_disk_keeps_the_old_file_and_leaves_no_part(tmp_path, full_disk):
    path = tmp_path / "a.html"
    path.write_text("old")
    with pytest.raises(HessbenchError, match=r"a\.html could not be written, and is as it was: no space left"):
        write(path, "new" * 1000)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.html"]


def test_an_interruption_keeps_the_old_file_and_leaves_no_part(tmp_path, monkeypatch):
    path = write(tmp_path / "a.html", "old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.html"]


def test_the_new_file_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (order.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b))[1])
    write(tmp_path / "a", "x")
    assert order[:2] == ["fsync", "replace"]


def test_permissions_and_a_link_stay(tmp_path):
    target = write(tmp_path / "a", "old")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_device_is_written_to_and_not_replaced():
    write("/dev/null", "x")
    append_line("/dev/null", "x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
@pytest.mark.parametrize("function", [write, append_line])
def test_the_reason_of_the_system_is_told(function):
    with pytest.raises(HessbenchError, match="no space left"):
        function("/dev/full", "x")


def test_a_line_after_one_that_was_cut_off_is_a_line_of_its_own(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a":')
    append_line(path, '{"b": 2}')
    append_line(path, '{"c": 3}')
    assert path.read_text().splitlines() == ['{"a": 1}', '{"a":', '{"b": 2}', '{"c": 3}']


def test_a_line_that_does_not_fit_leaves_the_file_as_it_was(tmp_path, full_disk):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n')
    with pytest.raises(HessbenchError):
        append_line(path, '{"b": 2}' * 100)
    assert path.read_text() == '{"a": 1}\n'


@pytest.mark.parametrize("where", ["a-file/x.html", "a-folder", "x" * 300 + ".html", "nul\0.html", "a-file"])
def test_what_cannot_be_written_is_refused_before_any_work(tmp_path, where):
    (tmp_path / "a-file").write_text("kept")
    (tmp_path / "a-folder").mkdir()
    if where == "a-file":
        assert ensure_writable(tmp_path / where) and (tmp_path / where).read_text() == "kept"
    else:
        with pytest.raises(InvalidInput):
            ensure_writable(tmp_path / where)
    assert sorted(os.listdir(tmp_path)) == ["a-file", "a-folder"]


def test_folders_are_made_and_no_file(tmp_path):
    ensure_writable(tmp_path / "a" / "b" / "c.html")
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InvalidInput, match=r"Nothing can be written to the folder .*/a/b"):
        make_folder(tmp_path / "a" / "b")
