"""The application, to which every command adds itself."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="hessbench",
    help="Which way of computing the Hessian of a loss through an ODE is right, how fast it is, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def version(asked: bool) -> None:
    """Print the version of this package, and end."""
    if asked:
        from .. import __version__

        print(f"hessbench {__version__}")
        raise typer.Exit


@app.callback()
def hessbench(
    _: Annotated[bool, typer.Option("--version", is_eager=True, callback=version, help="Print the version.")] = False,
) -> None:
    """Which way of computing the Hessian of a loss through an ODE is right, how fast it is, and why."""
