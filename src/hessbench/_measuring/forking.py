"""Measuring children that are forks of processes which have imported their framework once: one server for each backend.

    python -m hessbench._measuring.forking BACKEND DESCRIPTOR       (started by `Forking`)

Importing a framework starts none of its threads, which the server makes sure of before each fork. Where it must not fork, a
child is started as ever. The problem and the strategy are loaded in the fork alone.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from contextlib import ExitStack
from typing import Any

from .. import backends
from .._errors import HessbenchError
from .._plugins.describe import import_limit
from .._processes.contain import Ended
from .._processes.forks import ForkServer
from .measure import child_environment, spawned


class Forking:
    """Where the children of `measure` come from (its `child`), in a `with` block; `anew` counts those that were started
    anew because there was nothing to fork from.
    """

    def __init__(self) -> None:
        self._servers: dict[str, ForkServer] = {}
        self._refused: set[str] = set()
        self._running = ExitStack()
        self.anew = 0

    def __enter__(self) -> Forking:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def __call__(self, request: dict[str, Any], time_limit: float) -> Ended:
        """The child for a request."""
        name = request["case"]["backend"] or "numpy"
        if name not in self._refused and sys.platform == "linux":
            ended = self._server(name).contained(request, time_limit)
            if ended is not None:
                return ended
            self._refused.add(name)
            self._servers[name].close()
        self.anew += 1
        return spawned(request, time_limit)

    def pids(self) -> list[int]:
        """The fork servers that are running."""
        return [server.pid for server in self._servers.values() if server.pid]

    def _server(self, name: str) -> ForkServer:
        if name not in self._servers:
            command = [sys.executable, "-m", "hessbench._measuring.forking", name]
            server = ForkServer(command, child_environment(), import_limit())
            self._servers[name] = self._running.enter_context(server)
        return self._servers[name]


def imported(backend: str) -> float:
    """Import a backend, and all that a child needs; the seconds that the backend took. Nothing if it cannot be had."""
    from . import child  # noqa: F401

    start = time.perf_counter()
    try:
        backends.backend(backend)
    except HessbenchError:
        return 0.0  # a record will say so
    return time.perf_counter() - start


def main() -> None:
    """Serve until nobody asks any more; in each fork, measure."""
    from .._processes.forkserver import serve
    from .child import main as measure

    backend, number, unused = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.close(unused)  # a supervisor's descriptor for reports
    asker = socket.socket(fileno=number)
    asker.set_inheritable(False)
    seconds = imported(backend)
    gc.collect()
    gc.freeze()  # collections in the forks leave these objects, and with them the shared pages, alone
    out = serve(asker)
    if out is not None:
        measure(out, seconds)


if __name__ == "__main__":
    main()
