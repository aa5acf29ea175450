"""Folders and files of the cache that can be trusted: our own, private, and whole.

A file `NAME` has its SHA-256 beside it in `NAME.sha256`. A file whose checksum differs or is missing counts as absent and is
made again; so does one that belongs to somebody else, or that others may write to. Where no folder can be used, a temporary
one that lasts as long as this process takes its place, and a warning says so once.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import warnings
from functools import cache
from pathlib import Path

from .._errors import HessbenchWarning

_made: list[str] = []  # temporary folders of this process: of the first one a warning tells


def user_folder() -> Path:
    """`HESSBENCH_CACHE`, else this user's cache folder; it need not be there."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("HESSBENCH_CACHE") or user_cache_path("hessbench"))


def private_folder(folder: Path) -> Path:
    """`folder`, made if need be and readable by this user only, or a temporary one in its place."""
    reason = unusable(folder)
    if reason is None:
        return folder
    return temporary(str(folder), reason)


def unusable(folder: Path) -> str | None:
    """Why files cannot be kept in `folder`, which is made if need be; `None` if they can."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not folder.is_dir():
            return "it is no folder"
    except OSError as error:
        return error.strerror or type(error).__name__
    if not is_ours(folder):
        return "it belongs to somebody else, or others may write to it (`chmod go-w` ends that)"
    return None if os.access(folder, os.W_OK | os.X_OK) and _writable(folder) else "it is not writable"


@cache
def _writable(folder: Path) -> bool:
    """Whether a file can be made, which permissions alone do not tell (a file system mounted read-only, a full disk)."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
    except OSError:
        return False
    return True


@cache
def temporary(folder: str, reason: str) -> Path:
    """The folder that this process uses in place of `folder`."""
    if not _made:
        text = f"The cache {folder} is not used: {reason}. Until this process ends a temporary folder takes its place; "
        warnings.warn(f"{text}`HESSBENCH_CACHE` names another one.", HessbenchWarning, stacklevel=2)
    try:
        made = tempfile.mkdtemp(prefix="hessbench-cache-")
    except OSError:  # every disk is full: whoever wants to keep something is told that it is no folder
        return Path(os.devnull)
    _made.append(made)
    atexit.register(_forget, made, os.getpid())
    return Path(made)


def _forget(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not a fork of it
        shutil.rmtree(folder, ignore_errors=True)


def is_ours(path: Path) -> bool:
    """Whether `path` is there, belongs to this user, and can be written to by nobody else; a link to a file is not ours."""
    try:
        found = path.stat() if path.is_dir() else path.lstat()
    except OSError:
        return False
    if not hasattr(os, "geteuid"):
        return True
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode) and not shared


def whole(path: Path) -> bytes | None:
    """What is in `path` if it is ours and as it was written, else `None`."""
    beside = checksum_path(path)
    if not (is_ours(path) and is_ours(beside)):
        return None
    try:
        data, said = path.read_bytes(), beside.read_bytes()
    except OSError:
        return None
    return data if said == checksum(data) else None


def keep(path: Path, data: bytes) -> None:
    """Write `data` and its checksum, each as a whole or not at all; raises `OSError`, with no part left behind."""
    for target, content in ((checksum_path(path), checksum(data)), (path, data)):
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(part, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise


def checksum_path(path: Path) -> Path:
    """Where the checksum of `path` stands."""
    return path.with_name(path.name + ".sha256")


def checksum(data: bytes) -> bytes:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest().encode()
