"""Compiling generated C once, and keeping the library on disk for later processes.

A library's name is a hash of its source, the compiler's flags and the processor's features, so that a changed problem, a
new version or another machine never meets a stale one. Its checksum is compared before it is loaded, because a damaged
library ends the process that loads it; one that is not whole is compiled again. `HESSBENCH_CACHE` names another folder,
`CC` another compiler, with arguments if need be. Where there is none, the package `ziglang` brings one (clang).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from .._errors import HessbenchError, Unavailable
from .._storage.cache import keep, private_folder, whole

# -O3 is avoided on purpose: gcc 12 at -O3 -march=native has been seen to miscompile a correct adjoint.
# -O1 compiles large code twice as fast, and runs up to a third slower
LEVELS = ("-O2", "-O1")
LONGEST_REASON = 200  # characters of a note
FLAGS = ("-fno-tree-slp-vectorize", "-fno-math-errno", "-shared", "-fPIC", "-Wno-psabi")


class CompilerError(HessbenchError):
    """The C compiler refused generated code; `said` holds its words, which are too many for a note."""

    said = ""


def clause(reason: Exception) -> str:
    """Why there is no library, in one clause."""
    if isinstance(reason, OSError):
        return f"the library could not be kept or loaded ({reason.strerror or type(reason).__name__})"
    lines = str(reason).splitlines() or [type(reason).__name__]
    return lines[0] if len(lines[0]) <= LONGEST_REASON else f"{lines[0][:LONGEST_REASON]} ..."


def compiler() -> list[str] | None:
    """The C compiler with its arguments: `CC` if it is set, else cc, gcc, clang or the package ziglang; `None` without one."""
    given = _given()
    names = [given] if given else [["cc"], ["gcc"], ["clang"]]
    found = next(([found, *rest] for name, *rest in names if (found := shutil.which(name))), None)
    if found is None and not given and find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    return found


def cache_folder() -> Path:
    """Where libraries are kept; made on first use, readable by this user only. If that is not to be had, a temporary one."""
    given = os.environ.get("HESSBENCH_CACHE")
    if given:
        folder = Path(given)
    else:
        from platformdirs import user_cache_path

        folder = user_cache_path("hessbench") / "kernels"
    return private_folder(folder)


def _given() -> list[str]:
    """The words of `CC`."""
    try:
        return shlex.split(os.environ.get("CC", ""))
    except ValueError:  # a quotation mark that is not closed: there is no such compiler
        return [os.environ["CC"]]


@cache
def features() -> frozenset[str]:
    """The processor's feature flags where the system tells them, else its name."""
    try:
        with open("/proc/cpuinfo") as file:
            line = next(line for line in file if line.startswith(("flags", "Features")))
        return frozenset(line.split(":", 1)[1].split())
    except (OSError, StopIteration):
        return frozenset({platform.machine(), platform.processor()})


def vector_width() -> int:
    """Doubles per vector register that generated code is written for; any width compiles on any machine."""
    return 8 if "avx512f" in features() else 4 if "avx" in features() else 2


@cache
def fixed_part(package: str, name: str) -> str:
    """The C file `name` of a package of this one; kernels hold it as a whole, so that it is part of their key."""
    return (Path(__file__).parents[1] / package / "c" / name).read_text(encoding="utf-8")


def binary_path(source: str, level: str = LEVELS[0], libraries: tuple[str, ...] = ()) -> Path:
    """Where the library of `source` is, or will be."""
    key = "\0".join([source, level, *FLAGS, *libraries, *_given()[1:], *sorted(features())])
    return cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"


def is_built(source: str, level: str = LEVELS[0]) -> bool:
    """Whether the library of `source` is on disk and as it was written, so that `load` needs no compiler."""
    return whole(binary_path(source, level)) is not None


def load(source: str, level: str = LEVELS[0], libraries: tuple[str, ...] = ()) -> tuple[ctypes.CDLL, Path]:
    """The library of `source`, compiled unless it is on disk already, and whole; `libraries` are linked to it (`-l...`).

    Raises `Unavailable` without a compiler, `CompilerError` when it fails.
    """
    path = binary_path(source, level, libraries)
    if whole(path) is None:
        _compile(source, level, path, libraries)
    return ctypes.CDLL(str(path)), path


def _compile(source: str, level: str, path: Path, libraries: tuple[str, ...] = ()) -> None:
    command = compiler()
    if command is None:
        raise Unavailable(
            "There is no C compiler (cc, gcc or clang) on the path; install one, set `CC`, or pip install "
            "'hessbench[compiler]'."
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        code, out = Path(folder, "kernel.c"), Path(folder, "kernel.so")
        code.write_text(source)
        said = ""
        for native in (["-march=native"], ["-mcpu=native"], []):
            done = subprocess.run(
                [*command, level, *FLAGS, *native, str(code), "-o", str(out), *libraries, "-lm"],
                capture_output=True,
                text=True,
            )
            if done.returncode == 0:
                keep(path, out.read_bytes())  # atomic: a second process sees the whole library or none
                return
            said = done.stderr
    error = CompilerError("the C compiler failed on generated code")
    error.said = f"{shlex.join(command)}: {said}"
    raise error
