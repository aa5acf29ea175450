"""What `Problem(scale=...)` declares of the sizes of unknowns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .arrays import Array

LOSS = "loss"


def checked_scale(name: str, scale: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Declared sizes as arrays; `shapes` holds the names that may be declared. Raises `InvalidInput` for all others."""
    if not isinstance(scale, Mapping):
        raise InvalidInput(
            f"problem {name!r}: `scale` is {scale!r}; expected names with sizes, such as {{'y0': 1e-9}}."
        )
    out = {}
    for key, value in scale.items():
        if key not in shapes:
            known = ", ".join(shapes)
            raise InvalidInput(f"problem {name!r}: `scale` names {key!r}, but this problem has {known}.")
        try:
            size = np.array(value, dtype=np.float64)
            np.broadcast_to(size, shapes[key])
        except (TypeError, ValueError):
            raise InvalidInput(
                f"problem {name!r}: `scale[{key!r}]` is {value!r}; expected a number, or one for each entry, {shapes[key]}."
            ) from None
        if not np.all(np.isfinite(size) & (size > 0)):
            raise InvalidInput(f"problem {name!r}: `scale[{key!r}]` is {value!r}; sizes are positive and finite.")
        out[key] = size
    return out
