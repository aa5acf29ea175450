"""The application, to which every command adds itself."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="hessbench",
    help="Which way of computing the Hessian of a loss through an ODE is right, how fast it is, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
