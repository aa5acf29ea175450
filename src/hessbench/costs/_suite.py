"""The problems and sizes that are counted by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from .._errors import HessbenchError, InvalidInput
from .._measuring.measure import outline
from .._measuring.record import Case
from .._model.problem import Problem
from .._plugins.plugin import Plugin
from .._plugins.registry import build_problem, problems
from ._systems import Cost, costs

SIZES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "brusselator": ({"n": 8}, {"n": 16}, {"n": 32}),
    "harmonic-oscillator": ({"d": 1}, {"d": 2}, {"d": 8}),
    "kepler": ({"dim": 2}, {"dim": 3}),
    "random-quadratic": ({"n": 2}, {"n": 4}, {"n": 8}),
    "three-body": ({"dim": 2}, {"dim": 3}),
}


@dataclass(frozen=True)
class Instance:
    """A problem with its label; `problem` is `None` when it could not be built, for the `reason`."""

    label: str
    problem: Problem | None
    reason: str = ""


def instance(plugin: Plugin, arguments: Mapping[str, Any]) -> Instance:
    """The problem of a family with these arguments; raises `HessbenchError` when it cannot be built."""
    for name, parameter in signature(plugin.load()).parameters.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise InvalidInput(f"problem {plugin.name!r} needs the argument {name!r}; give it a default to count it.")
    label = " ".join([plugin.name, *(f"{key}={value}" for key, value in arguments.items())])
    return Instance(label, build_problem(plugin.name, plugin.load(), arguments))


def sizes(plugin: Plugin) -> tuple[dict[str, Any], ...]:
    """The arguments that a family is counted with by default."""
    return SIZES.get(plugin.name, ({},))


def suite() -> list[Instance]:
    """Every listed problem in every default size; one that cannot be built keeps its place with the reason."""
    out = []
    for plugin in problems().values():
        for arguments in sizes(plugin):
            try:
                if not plugin.trusted:  # somebody else's function, which may end or block its process
                    outline(Case(plugin.name, "", arguments=arguments))
                out.append(instance(plugin, arguments))
            except HessbenchError as error:
                out.append(Instance(plugin.name, None, str(error)))
    return out


def suite_costs(instances: list[Instance]) -> tuple[list[Cost], list[Instance]]:
    """The costs of all that can be counted, and the rest with reasons."""
    rows, left_out = [], []
    for one in instances:
        try:
            if one.problem is not None:
                rows += costs(one.problem, one.label)
            else:
                left_out.append(one)
        except HessbenchError as error:
            left_out.append(Instance(one.label, one.problem, str(error)))
    return rows, left_out
