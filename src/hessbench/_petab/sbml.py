"""An SBML model as expressions: states and their rates, what they start from, rules, constants, events.

A symbol of a species is its concentration, or its amount where it has `hasOnlySubstanceUnits`; it is that which is integrated:

    dS/dt = sum over reactions of stoichiometry * rate / (size of the compartment, for a concentration)

Source: Hucka et al., SBML Level 3 Version 2 Core, J. Integrative Bioinformatics 16 (2019) 20190021, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .._errors import Unsupported


@dataclass
class Happening:
    """An SBML event: `when` passes through zero upward, or `time` minus an expression does; then `set` (id -> expression)."""

    name: str
    when: Any
    set: dict[str, Any]


@dataclass
class SbmlModel:
    """`rates` by state, `start` by id (states and constants), `rules` by id, in SymPy."""

    rates: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """All symbols that have a value."""
        return {*self.start, *self.rules}


def read(model: Any) -> SbmlModel:
    """The expressions of a libSBML model, which is changed. Raises `Unsupported` for what is not understood."""
    import libsbml
    import sympy
    from sbmlmath import sbml_math_to_sympy

    document = model.getSBMLDocument()
    for what in ("promoteLocalParameters", "expandFunctionDefinitions"):
        options = libsbml.ConversionProperties()
        options.addOption(what, True)
        if document.convert(options) != libsbml.LIBSBML_OPERATION_SUCCESS:
            raise Unsupported(f"libSBML could not do `{what}` in this model")
    _refuse(model)
    out = SbmlModel()
    math: Callable[[Any], Any] = sbml_math_to_sympy
    for thing in [*model.getListOfCompartments(), *model.getListOfParameters()]:
        value = thing.getSize() if isinstance(thing, libsbml.Compartment) else thing.getValue()
        out.start[thing.getId()] = sympy.Float(value) if value == value else sympy.Float(1.0)
    for species in model.getListOfSpecies():
        out.start[species.getId()] = _start(species, sympy)
    for assignment in model.getListOfInitialAssignments():
        out.start[assignment.getSymbol()] = math(assignment)
    for rule in model.getListOfRules():
        if rule.isAssignment():
            out.rules[rule.getVariable()] = math(rule)
            out.start.pop(rule.getVariable(), None)
        elif rule.isRate():
            out.rates[rule.getVariable()] = math(rule)
        else:
            raise Unsupported("it has an algebraic rule")
    _reactions(model, out, math, sympy)
    _events(model, out, math, sympy)
    _check_compartments(model, out)
    return out


def _refuse(model: Any) -> None:
    for package, there in (("fast reactions", any(r.isSetFast() and r.getFast() for r in model.getListOfReactions())),
                           ("constraints that are algebraic", False)):  # fmt: skip
        if there:
            raise Unsupported(f"it has {package}")
    if model.isSetConversionFactor() or any(s.isSetConversionFactor() for s in model.getListOfSpecies()):
        raise Unsupported("it has conversion factors")


def _start(species: Any, sympy: Any) -> Any:
    amount = species.getHasOnlySubstanceUnits()
    size = sympy.Symbol(species.getCompartment())
    if species.isSetInitialAmount():
        value = sympy.Float(species.getInitialAmount())
        return value if amount else value / size
    value = sympy.Float(species.getInitialConcentration()) if species.isSetInitialConcentration() else sympy.Float(0.0)
    return value * size if amount else value


def _reactions(model: Any, out: SbmlModel, math: Callable[[Any], Any], sympy: Any) -> None:
    changed = {
        s.getId(): s for s in model.getListOfSpecies()
        if not s.getBoundaryCondition() and not s.getConstant() and s.getId() not in out.rules
    }  # fmt: skip
    reactions = list(model.getListOfReactions())
    for reaction in reactions:
        rate = math(reaction.getKineticLaw())
        out.rules[reaction.getId()] = rate
        for sign, side in ((-1, reaction.getListOfReactants()), (1, reaction.getListOfProducts())):
            for reference in side:
                name = reference.getSpecies()
                if name not in changed:
                    continue
                if reference.isSetStoichiometryMath() or (reference.getId() and not reference.getConstant()):
                    raise Unsupported(f"the stoichiometry of {name!r} in {reaction.getId()!r} is not a number")
                species, count = changed[name], reference.getStoichiometry()
                share = sympy.Float(sign * (count if count == count else 1.0)) * sympy.Symbol(reaction.getId())
                if not species.getHasOnlySubstanceUnits():
                    share = share / sympy.Symbol(species.getCompartment())
                out.rates[name] = out.rates.get(name, sympy.Integer(0)) + share


def _events(model: Any, out: SbmlModel, math: Callable[[Any], Any], sympy: Any) -> None:
    for number, event in enumerate(model.getListOfEvents()):
        name = event.getId() or f"event {number}"
        if event.isSetDelay() or event.isSetPriority():
            raise Unsupported(f"{name!r} has a delay or a priority")
        trigger = math(event.getTrigger())
        kind = type(trigger).__name__
        if kind not in ("StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan"):
            raise Unsupported(
                f"the trigger of {name!r} is {trigger}, expected one comparison, such as `time >= t_dose`"
            )
        low, high = trigger.args if "Less" in kind else trigger.args[::-1]
        changes = {}
        for assignment in event.getListOfEventAssignments():
            changed = assignment.getVariable()
            changes[changed] = math(assignment)
            out.rates.setdefault(changed, sympy.Integer(0))
        out.events.append(Happening(name, high - low, changes))


def _check_compartments(model: Any, out: SbmlModel) -> None:
    moving = {*out.rates, *out.rules}
    for species in model.getListOfSpecies():
        if not species.getHasOnlySubstanceUnits() and species.getCompartment() in moving:
            raise Unsupported(
                f"the compartment {species.getCompartment()!r} of {species.getId()!r}, a concentration, changes its size"
            )
