"""Libraries on disk: a damaged, foreign or shared one is compiled again, and no folder at all stops nothing."""

import ctypes
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import hessbench
from hessbench._errors import HessbenchWarning
from hessbench._storage import cache
from hessbench.discrete import _build

pytestmark = pytest.mark.skipif(_build.compiler() is None, reason="no C compiler")
SOURCE = "double square(double x) { return x * x; }\n"


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """A cache of its own, and no temporary folder of an earlier test."""
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "cache"))
    cache.temporary.cache_clear()
    cache._made.clear()
    yield
    cache.temporary.cache_clear()


def square(source=SOURCE):
    code, path = _build.load(source)
    code.square.restype, code.square.argtypes = ctypes.c_double, [ctypes.c_double]
    assert code.square(3.0) == 9.0
    return path


def replaced(path, data):
    """Another file in place of `path`, which this process has loaded and which must therefore stay as it is."""
    path.unlink()
    path.write_bytes(data)


def other_library():
    path = square("double other(double x) { return x; }\n" + SOURCE)
    return path.read_bytes()


DAMAGE = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "zeroed": lambda data: bytes(len(data)),
    "half zeroed": lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "one bit": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "foreign": lambda data: other_library(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_library_is_compiled_again(damage):
    path = square()
    good = path.read_bytes()
    replaced(path, DAMAGE[damage](good))
    assert not _build.is_built(SOURCE)
    square()
    assert _build.is_built(SOURCE) and path.read_bytes() == good


def test_without_the_checksum_a_half_zeroed_library_ends_the_process(tmp_path):
    path = square()
    data = path.read_bytes()
    replaced(path, DAMAGE["half zeroed"](data))
    ask = "import sys; from hessbench.discrete import _build; {}; print(_build.load(sys.argv[1])[0].square)"
    planted = ask.format("_build.whole = lambda path: path.read_bytes()")
    done = [
        subprocess.run([sys.executable, "-c", c, SOURCE], capture_output=True) for c in (planted, ask.format("pass"))
    ]
    assert done[0].returncode != 0 and done[1].returncode == 0, done


@pytest.mark.parametrize("which", ["library", "checksum", "folder"])
def test_what_others_may_write_to_is_not_loaded(which):
    path = square()
    target = {"library": path, "checksum": cache.checksum_path(path), "folder": path.parent}[which]
    target.chmod(0o777)
    if which == "folder":
        with pytest.warns(HessbenchWarning, match="others may write to it"):
            assert square().parent != path.parent
    else:
        assert not _build.is_built(SOURCE)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("which", ["library", "folder"])
def test_what_belongs_to_somebody_else_is_not_loaded(which):
    path = square()
    os.chown(path if which == "library" else path.parent, 12345, -1)
    if which == "library":
        assert not _build.is_built(SOURCE)
    else:
        with pytest.warns(HessbenchWarning, match="somebody else"):
            square()


def test_a_link_to_a_library_is_not_loaded(tmp_path):
    path = square()
    path.rename(tmp_path / "elsewhere.so")
    path.symlink_to(tmp_path / "elsewhere.so")
    assert not _build.is_built(SOURCE)


def test_without_a_folder_it_works_and_says_so_once(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HESSBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        square()
        result = hessbench.hessian(hessbench.problem("sir"), rtol=1e-8)
    assert "compiled form" in result.note
    assert [str(w.message).split(":")[0] for w in said if w.category is HessbenchWarning] == [
        f"The cache {tmp_path / 'file' / 'cache'} is not used"
    ]


def test_the_temporary_folder_is_gone_when_the_process_is(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "HESSBENCH_CACHE": str(tmp_path / "file" / "x"), "TMPDIR": str(tmp_path)}
    code = "import sys; from hessbench.discrete import _build; print(_build.load(sys.argv[1])[1])"
    command = [sys.executable, "-W", "ignore", "-c", code, SOURCE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    path = Path(done.stdout.strip())
    assert tmp_path in path.parents and not path.parent.exists()


def test_a_folder_is_made_for_this_user_alone(tmp_path):
    square()
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_compiler_may_have_arguments(monkeypatch):
    monkeypatch.setenv("CC", "cc -DSCALE=1.0 '-DUNUSED=a b'")
    before = _build.binary_path(SOURCE)
    square("double square(double x) { return SCALE * x * x; }\n")
    monkeypatch.setenv("CC", "cc -DSCALE=2.0")
    assert _build.binary_path(SOURCE) != before


@pytest.mark.parametrize("text", ["no-such-compiler -O2", "cc '"])
def test_a_compiler_that_is_not_there_is_none(monkeypatch, text):
    monkeypatch.setenv("CC", text)
    assert _build.compiler() is None


def test_a_full_disk_leaves_no_part(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        cache.keep(tmp_path / "a", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_package_with_a_compiler_is_found_by_itself(tmp_path):
    """A package of the name, which hands its arguments on to the compiler that is here."""
    package = tmp_path / "ziglang"
    package.mkdir()
    (package / "__init__.py").touch()
    given = _build.compiler()
    lines = [
        "import subprocess, sys",
        "assert sys.argv[1] == 'cc'",
        f"sys.exit(subprocess.call([*{given!r}, *sys.argv[2:]], env={dict(os.environ)!r}))",
    ]
    (package / "__main__.py").write_text("\n".join(lines))
    program = "import hessbench\nprint(hessbench.hessian(hessbench.problem('sir'), strategy='discrete-adjoint').note)"
    for path, expected in ((tmp_path, "compiled form"), (tmp_path / "nothing", "hessbench[compiler]")):
        env = {"HESSBENCH_CACHE": str(path / "cache"), "PATH": "", "PYTHONPATH": str(path)}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, env=env, check=True
        )
        assert expected in done.stdout


def test_a_compiler_that_was_named_is_not_replaced(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(_build, "find_spec", lambda name: object())
    assert _build.compiler() is None
