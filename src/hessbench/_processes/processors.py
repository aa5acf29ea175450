"""Which processors this process may run on."""

from __future__ import annotations

import os
from contextlib import suppress


def allowed() -> list[int]:
    """Their numbers; all of them where the system does not tell."""
    with suppress(AttributeError, OSError):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
