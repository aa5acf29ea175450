"""Files of references, kept as `_storage.cache` keeps files: whatever is damaged or not ours counts as absent."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .._model.derivatives import Array
from .._storage.cache import keep, whole

FIELDS = ("value", "grad", "hess", "agreement", "how", "suspect", "spread", "states")
Entry = tuple[float, Array, Array, float, str, str, Array | None, Array]


def load(path: Path | None, n: int, dim: int) -> Entry | None:
    """The entry of `n` unknowns and `dim` states in a file, in the order of `FIELDS`.

    `None` if it is absent, damaged or of another kind.
    """
    if path is None:
        return None
    raw = whole(path)
    if raw is None:
        return None
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as data:
            parts = {key: np.array(data[key]) for key in FIELDS}
        value, agreement = float(parts["value"]), float(parts["agreement"])
    except (KeyError, ValueError, TypeError, BadZipFile):  # whole, but of another kind
        return None
    fits = parts["grad"].shape == (n,) and parts["hess"].shape == (n, n) and parts["states"].shape == (dim,)
    if not fits or not all(np.all(np.isfinite(parts[key])) for key in FIELDS[:4]):
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
    np.savez(file, **parts)  # type: ignore[arg-type]
    _keep(path, file.getvalue())


def load_refusal(path: Path | None) -> tuple[str, str] | None:
    """Message and diagnosis of a problem that was found to have no reference with the frameworks installed now."""
    raw = None if path is None else whole(_refusal(path))
    if raw is None:
        return None
    message, diagnosis = json.loads(raw)
    return message, diagnosis


def save_refusal(path: Path | None, message: str, diagnosis: str) -> None:
    """Write down that there is none, so that it is not looked for again and again."""
    if path is not None:
        _keep(_refusal(path), json.dumps([message, diagnosis]).encode())


def _refusal(path: Path) -> Path:
    from ..backends import available, known

    return path.with_suffix("." + "-".join(name for name in known() if available(name)) + ".none")


def _keep(path: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep(path, content)
