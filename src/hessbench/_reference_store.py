"""Files of references: arrays with a checksum; whatever is damaged counts as absent."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ._derivatives import Array

FIELDS = ("value", "grad", "hess", "agreement", "how", "suspect", "spread", "states")
Entry = tuple[float, Array, Array, float, str, str, Array | None, Array]


def load(path: Path | None, n: int, dim: int) -> Entry | None:
    """The entry of `n` unknowns and `dim` states in a file, in the order of `FIELDS`.

    `None` if it is absent, damaged or of another kind.
    """
    if path is None:
        return None
    try:
        raw = path.read_bytes()
        with np.load(io.BytesIO(raw), allow_pickle=False) as data:
            parts = {key: np.array(data[key]) for key in (*FIELDS, "checksum")}
        if str(parts["checksum"]) != checksum(parts):
            return None
        value, agreement = float(parts["value"]), float(parts["agreement"])
    except (
        Exception
    ):  # absent, or what zipfile, zlib and NumPy raise for a file with a flipped bit: any of a dozen errors
        return None
    whole = parts["grad"].shape == (n,) and parts["hess"].shape == (n, n) and parts["states"].shape == (dim,)
    if not whole or not all(np.all(np.isfinite(parts[key])) for key in FIELDS[:4]):
        return None
    spread = parts["spread"] if parts["spread"].shape == (n, n) else None
    return (
        value,
        parts["grad"],
        parts["hess"],
        agreement,
        str(parts["how"]),
        str(parts["suspect"]),
        spread,
        parts["states"],
    )


def save(path: Path | None, entry: tuple[Any, ...]) -> None:
    """Write an entry, in the order of `FIELDS`, at once; a folder that cannot be written is no error."""
    if path is None:
        return
    parts = {key: np.empty(0) if part is None else np.asarray(part) for key, part in zip(FIELDS, entry, strict=True)}
    file = io.BytesIO()
    np.savez(file, checksum=np.array(checksum(parts)), **parts)  # type: ignore[arg-type]
    _write(path, file.getvalue())


def load_refusal(path: Path | None) -> tuple[str, str] | None:
    """Message and diagnosis of a problem that was found to have no reference with the frameworks installed now."""
    if path is None:
        return None
    try:
        message, diagnosis, digest = json.loads(_refusal(path).read_text())
        good = digest == hashlib.sha256(f"{message}{diagnosis}".encode()).hexdigest()
    except (OSError, ValueError, TypeError):
        return None
    return (message, diagnosis) if good else None


def save_refusal(path: Path | None, message: str, diagnosis: str) -> None:
    """Write down that there is none, so that it is not looked for again and again."""
    if path is not None:
        digest = hashlib.sha256(f"{message}{diagnosis}".encode()).hexdigest()
        _write(_refusal(path), json.dumps([message, diagnosis, digest]).encode())


def _refusal(path: Path) -> Path:
    from .backends import PACKAGES, available

    return path.with_suffix("." + "-".join(name for name in PACKAGES if available(name)) + ".none")


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def checksum(parts: dict[str, Array]) -> str:
    """Of all fields, with their shapes and types."""
    digest = hashlib.sha256()
    for key in FIELDS:
        part = np.ascontiguousarray(parts[key])
        digest.update(f"{key} {part.dtype.str} {part.shape}".encode() + part.tobytes())
    return digest.hexdigest()
