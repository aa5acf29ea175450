"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Size = Annotated[int | None, typer.Option("-n", "--size", help="Size of the problem family.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another argument of the family, such as start=simo."),
]
Unknowns = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME,...", help="Hessian by these unknowns: y0, parameters, t0, t1. Default: the problem's."),
]
