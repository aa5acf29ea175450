"""Writing files so that nothing is lost: what stood there before stays until the new file is complete on the disk.

A file is written beside the old one, flushed to the disk and renamed over it, which no reader and no crash can see half
done. A line is appended whole or not at all, and never becomes a part of one that was cut off.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .._errors import HessbenchError, InvalidInput
from .text import plain


def write(path: str | Path, data: bytes | str) -> Path:
    """Put `data` (text as UTF-8) in place of the file `path`; returns the path.

    Raises `HessbenchError` if that fails; the old file is then as it was and no part of the new one is left.
    """
    path = Path(path)
    content = data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
    with _said(path):
        target = Path(os.path.realpath(path))  # a link stays a link
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            with target.open("wb") as file:  # a device or a pipe: there is nothing to keep
                _put(file, content)
            return path
        part = target.with_name(f".hessbench-{os.getpid()}-{os.urandom(4).hex()}.part")
        try:
            with open(part, "xb") as file:
                _put(file, content)
                os.fsync(file.fileno())
            if target.exists():
                os.chmod(part, stat.S_IMODE(target.stat().st_mode))
            os.replace(part, target)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        _settle(target.parent)
    return path


def append_line(path: str | Path, line: str) -> None:
    """Append `line` and a line break to `path`, on a new line even where the last one was cut off.

    Raises `HessbenchError` if that fails; the file is then as it was.
    """
    path = Path(path)
    content = line.encode("utf-8", "backslashreplace") + b"\n"
    with _said(path), open(path, "a+b", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            _put(file, content)
            return
        before = file.seek(0, os.SEEK_END)
        if before and os.pread(file.fileno(), 1, before - 1) != b"\n":
            content = b"\n" + content
        try:
            _put(file, content)
            os.fsync(file.fileno())
        except BaseException:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


def make_folder(folder: str | Path) -> Path:
    """Make a folder and those above it, and see that files can be made in it; raises `InvalidInput` if not."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise InvalidInput(f"Nothing can be written to the folder {plain(folder)}: {_why(error)}.") from error
    return folder


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder for the length of a block; raises `HessbenchError` where there is no room for one.

    Whoever writes to it first makes it (it is seldom needed), so that one who is killed in the block leaves nothing.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="hessbench-"))
        folder.rmdir()
    except OSError as error:
        raise HessbenchError(f"There is no room for temporary files: {_why(error)}.") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ensure_writable(path: str | Path) -> Path:
    """See, before any work is done for it, that `path` can be written; makes the folders above it, but no file.

    Raises `InvalidInput` if `path` is a folder, too long a name, or nothing that can be written.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InvalidInput(f"{plain(path)} is a folder; expected the name of a file.")
    if os.path.exists(path):
        try:
            with open(path, "ab"):
                pass
        except OSError as error:
            raise InvalidInput(f"{plain(path)} cannot be written: {_why(error)}.") from error
        return path
    make_folder(path.parent)
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # too long a name
        raise InvalidInput(f"{plain(path)} cannot be written: {_why(error)}.") from error
    return path


def _put(file: BinaryIO, content: bytes) -> None:
    """Write all of `content`: an unbuffered file may take a part at a time."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def _settle(folder: Path) -> None:
    """Bring the renaming itself to the disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turn an error of the system into a sentence about `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise HessbenchError(f"{plain(path)} could not be written, and is as it was: {_why(error)}.") from error


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
