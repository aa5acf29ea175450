"""The command line. Each command has `--json`; bad input ends in one message on standard error and exit status 2."""

from __future__ import annotations

import io
import sys

import typer

from .._errors import HessbenchError, InvalidInput, Unavailable
from .._text import lines

app = typer.Typer(
    name="hessbench",
    help="Which way of computing the Hessian of a loss through an ODE is right, how fast it is, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line and turn errors raised on purpose into a message and exit status 2 (1 for failed work)."""
    from . import bounds, check, compare, listing, reporting, run, tools  # noqa: F401  (each registers its commands)

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


def _complain(error: Exception, status: int) -> int:
    print(lines(f"hessbench: {error}"), file=sys.stderr)
    return status
