"""Asking a fork server (`forkserver`) for contained processes, which have imported already what takes long to import."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .contain import GRACE, REFUSED, Ended, ended_from, folder_with, left_in, remove, supervised


class ForkServer:
    """A process that forks for each request, as `contained` starts a process for each: with the same limits, and what is
    left of a fork is ended the same way. Use it in a `with` block: behind it nothing is left of the server and its forks.

    `command` gets the descriptor of a socket as an argument, imports what it needs, and calls `forkserver.serve`.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], start_limit: float) -> None:
        self.command, self.environment, self.start_limit = command, environment, start_limit
        self._running = ExitStack()
        self._socket: socket.socket | None = None
        self._folder: Path | None = None  # of the server
        self.pid = 0  # of the process that forks, while it runs

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and everything below it; the next request starts another one."""
        self._socket, self.pid = None, 0
        self._running.close()

    def contained(self, request: Mapping[str, Any], limit: float) -> Ended | None:
        """As `contain.contained`, in a fork; `None` if the server cannot be had, or must not fork."""
        packed = json.dumps(request).encode()
        if self._socket is None and not self._start():
            return None
        assert self._socket is not None
        folder = folder_with(
            packed, self._folder
        )  # in that of the server, whose supervisor removes it if this one is killed
        try:
            ask = json.dumps({"folder": str(folder), "limit": limit}).encode() + b"\n"
            text, complete = self._answer(ask, time.monotonic() + limit + GRACE)
            found = ended_from(text, complete, 0, left_in(folder))
        except BaseException:
            self.close()
            raise
        else:
            if found.why == REFUSED:
                return None
            if not complete or found.why in ("lost", "asked"):
                self.close()
            return found
        finally:
            remove(folder)

    def _start(self) -> bool:
        """Start the server; whether it is ready."""
        ours, theirs = socket.socketpair()
        try:
            self._running.callback(ours.close)
            with theirs:
                number = theirs.fileno()
                command = [*self.command, str(number)]
                start = supervised(command, records=True, environment=self.environment, keep=(number,))
                self._folder = self._running.enter_context(start).folder
            self._socket = ours
            text, _ = self._answer(b"", time.monotonic() + self.start_limit)
        except BaseException:
            self.close()
            raise
        if text.startswith(b'{"ready": '):
            self.pid = json.loads(text)["ready"]
            return True
        self.close()
        return False

    def _answer(self, ask: bytes, deadline: float) -> tuple[bytes, bool]:
        """Send `ask`; what comes back until the last line of an answer or the end of the server (second value true), or
        until the deadline.
        """
        assert self._socket is not None
        text, poll = b"", select.poll()
        poll.register(self._socket, select.POLLIN)
        try:
            self._socket.sendall(ask)
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or not poll.poll(left * 1000):
                    return text, False
                chunk = self._socket.recv(65536)
                text += chunk
                last = text.rstrip(b"\n").rpartition(b"\n")[2]
                if not chunk or (text.endswith(b"\n") and last.startswith((b'{"ended": ', b'{"ready": '))):
                    return text, True
        except (BrokenPipeError, ConnectionResetError):
            return text, True
