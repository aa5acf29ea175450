"""A process that has imported what many cases need, and forks for each of them: what a fork server does (`forks` asks it).

It forks only while it has a single thread: a lock that another thread held would stay closed in the fork for ever, and a
framework that has started its own threads would wait for them. The fork is as contained as a process that was started:
this process takes the place of its supervisor (`supervisor`), itself below a supervisor that ends all of it.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
from pathlib import Path

from .contain import REFUSED
from .supervisor import Supervisor, ended, say


def serve(asker: socket.socket) -> int | None:
    """Fork for each request of `asker`, a line `{"folder": ..., "limit": seconds}`, and send it what the fork reports.

    Returns in each fork, with the descriptor to report on: it finds its request in its folder `TMPDIR`, and is to end as a
    program does. In this process returns `None` as soon as nobody asks any more.
    """
    parent, buffered = os.getppid(), asker.makefile("rb")
    say(asker.fileno(), f'{{"ready": {os.getpid()}}}'.encode())
    while line := buffered.readline():
        request = json.loads(line)
        number = threads()
        if number != 1:
            say(asker.fileno(), ended(REFUSED, number, []))
            continue
        run = Supervisor(asker.fileno())
        read, write = run.fork(records=True)
        if not run.child:
            run.let_go()
            buffered.close()
            asker.close()
            os.environ["TMPDIR"] = request["folder"]
            tempfile.tempdir = None
            return write
        why, status, left = run.watch(read, asker.fileno(), parent, request["limit"], 0.0)
        os.close(read)
        run.close()
        say(asker.fileno(), ended(why, status, left))
        if why == "asked":
            break
    return None


def threads() -> int:
    """How many threads this process has, those of libraries too; 0 where the system does not say."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else 0
