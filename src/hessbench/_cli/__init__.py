"""The command line. Each command has `--json`; bad input ends in one message on standard error and exit status 2."""

from __future__ import annotations

import contextlib
import io
import signal
import sys

from .._errors import HessbenchError, InvalidInput, Unavailable
from .._storage.text import lines
from . import (  # noqa: F401  (each registers its commands)
    advise,
    bounds,
    check,
    commits,
    compare,
    directions,
    listing,
    petab,
    reporting,
    run,
    tools,
)
from .application import app


def main() -> None:
    """Run the command line and turn errors raised on purpose into a message and exit status 2 (1 for failed work)."""
    end_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what the terminal's encoding lacks is shown by its code
    try:
        tools.mount(sys.argv[1:])
        app()
    except (InvalidInput, Unavailable) as error:
        sys.exit(_complain(error, 2))
    except HessbenchError as error:
        sys.exit(_complain(error, 1))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP (unless it is ignored, as by `nohup`) end the command as an exit does: what it started is
    ended too, and the exit status is 128 and the signal's number. A second one changes nothing.
    """

    def stop(number: int, _: object) -> None:
        for other in signals:
            signal.signal(other, signal.SIG_IGN)
        print(f"ended by {signal.Signals(number).name}", file=sys.stderr)
        raise SystemExit(128 + number)

    signals = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    with contextlib.suppress(ValueError):  # not called from the main thread: signals stay as they are
        for number in signals:
            signal.signal(number, stop)


def _complain(error: Exception, status: int) -> int:
    print(lines(f"hessbench: {error}"), file=sys.stderr)
    return status
