"""Commands of sub-packages, imported only when one of them is called: their imports take longer than `hessbench list`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import typer

from .._errors import Unavailable
from .application import app

TOOLS = {
    "tcd": (
        "hessbench.tcd.cli",
        "lark",
        "Check, run and derive programs in the tensor-calculus-dependencies language.",
    ),
    "orbit": ("hessbench.orbits.cli", "matplotlib", "Find and analyse closed orbits; rediscover Simó's figure-8."),
}


def mount(arguments: Sequence[str]) -> None:
    """Add the commands to the application: in full the one that `arguments` call, by their help text the others."""
    called = next((word for word in arguments if not word.startswith("-")), "")
    for name, (module, package, text) in TOOLS.items():
        if name == called:
            if find_spec(package) is None:
                raise Unavailable(f"`hessbench {name}` needs `{package}`: pip install 'hessbench[{name}]'")
            app.add_typer(import_module(module).app, name=name, help=text)
        else:
            shown = typer.Typer(help=text)
            shown.callback()(lambda: None)
            app.add_typer(shown, name=name)
