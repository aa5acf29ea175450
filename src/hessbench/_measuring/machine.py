"""The machine that measures: which one it is, how it is set, and what else it was doing meanwhile."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

from .._processes.processors import allowed

LOADED = 0.25  # the share of the processors we may run on that others keep busy, from which a result is marked
SHORTEST = 0.05  # seconds for which a share of the processors can be told


def facts() -> dict[str, object]:
    """`machine`, `hardware`, `cpu`, `cores`, `affinity` (numbers of the processors we may run on), `governor`."""
    return {
        "machine": platform.node(),
        "hardware": hardware(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "affinity": affinity(),
        "governor": governor(),
    }


def hardware() -> str:
    """A hash of processor, number of cores and the system's own identity: two machines may both be called `vm`."""
    parts = (cpu(), str(os.cpu_count()), platform.machine(), _identity())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _identity() -> str:
    """What the system calls itself for good, else the address of its network card; it leaves this machine as a hash only."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid"):
        with suppress(OSError, ValueError):
            text = Path(path).read_text(encoding="ascii").strip()
            if text and text != "uninitialized":
                return text
    return str(uuid.getnode())


def cpu() -> str:
    """The processor's name, or its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def affinity() -> str:
    """`allowed()` in short: `0-3,6`."""
    out: list[list[int]] = []
    for number in allowed():
        if out and number == out[-1][1] + 1:
            out[-1][1] = number
        else:
            out.append([number, number])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in out)


def governor() -> str:
    """How the system chooses the clock rate of the processors we may run on: `performance`, ...; empty if it does not tell."""
    found = set()
    for number in allowed():
        with suppress(OSError):
            found.add(Path(f"/sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor").read_text().strip())
    return ",".join(sorted(found))


class Watch:
    """What others do with the processors between two calls of `since`: busy time of the machine less that of our own.

    Our own is this process and those below it that have ended, as every measuring process has when its record is there.
    """

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        times = psutil.cpu_times()._asdict()
        idle = times["idle"] + times.get("iowait", 0.0)
        busy = sum(times.values()) - idle - times.get("guest", 0.0) - times.get("guest_nice", 0.0)  # guests are in user
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.monotonic(), busy, sum(usage.ru_utime + usage.ru_stime for usage in own)

    def since(self) -> dict[str, object]:
        """`load`, the system's average of a minute; `others`, how many processors others kept busy since the last call
        (`None` when that was just now); and `under_load`, whether that is too many for times to be trusted.
        """
        before, self._before = self._before, self._now()
        seconds, busy, own = (b - a for a, b in zip(before, self._before, strict=True))
        others = max(0.0, busy - own) / seconds if seconds >= SHORTEST else None
        load = None
        with suppress(OSError, AttributeError):
            load = round(os.getloadavg()[0], 2)
        return {
            "load": load,
            "others": None if others is None else round(others, 2),
            "under_load": others is not None and others > LOADED * len(allowed()),
        }


CONDITIONS = ("load", "others", "under_load")
