"""Files of references: arrays with a checksum; whatever is damaged counts as absent."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from pathlib import Path

import numpy as np

from ._derivatives import Array

FIELDS = ("value", "grad", "hess", "agreement", "how", "suspect")
Entry = tuple[float, Array, Array, float, str, str]


def load(path: Path, n: int) -> Entry | None:
    """The entry of `n` unknowns in a file, in the order of `FIELDS`; `None` if it is absent, damaged or of another kind."""
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
    whole = parts["grad"].shape == (n,) and parts["hess"].shape == (n, n)
    if not whole or not all(np.all(np.isfinite(parts[key])) for key in FIELDS[:4]):
        return None
    return value, parts["grad"], parts["hess"], agreement, str(parts["how"]), str(parts["suspect"])


def save(path: Path, value: float, grad: Array, hess: Array, agreement: float, how: str, suspect: str) -> None:
    """Write an entry at once; a folder that cannot be written is no error."""
    entry = (value, grad, hess, agreement, how, suspect)
    parts = {key: np.asarray(part) for key, part in zip(FIELDS, entry, strict=True)}
    part_file = path.with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part_file.open("wb") as file:
                np.savez(file, checksum=np.array(checksum(parts)), **parts)  # type: ignore[arg-type]
            part_file.replace(path)
        finally:
            part_file.unlink(missing_ok=True)


def checksum(parts: dict[str, Array]) -> str:
    """Of all fields, with their shapes and types."""
    digest = hashlib.sha256()
    for key in FIELDS:
        part = np.ascontiguousarray(parts[key])
        digest.update(f"{key} {part.dtype.str} {part.shape}".encode() + part.tobytes())
    return digest.hexdigest()
