"""What a process does that was started to be measured or described: keep to its memory, report to the one that asked."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
from typing import Any

from .._errors import InvalidInput


def report_line(descriptor: int, data: dict[str, Any]) -> None:
    """Report `data`, whose first key is `stage`, on a line of its own, whatever else has been written there.

    Also where a plugin has made the descriptor non-blocking; raises `OSError` where it has closed it.
    """
    line = f"\n{json.dumps(data)}\n".encode()
    while line:
        try:
            line = line[os.write(descriptor, line) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def limit_memory(memory_mib: int | None) -> None:
    """Make allocations beyond what is held now plus `memory_mib` fail (data segment and private mappings)."""
    if memory_mib is None:
        return
    with contextlib.suppress(OSError, ValueError):
        held = status_kib("VmData") * 1024
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (held + memory_mib * 2**20, hard))


def status_kib(key: str) -> int:
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    raise InvalidInput(f"/proc/self/status has no {key}.")
