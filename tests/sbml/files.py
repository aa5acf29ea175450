"""Small PEtab problems written to a folder: the conversion of A to B and back, whose solution is known."""

from pathlib import Path

SBML = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
<model id="conversion" substanceUnits="mole" timeUnits="second" extentUnits="mole">
{functions}
<listOfCompartments><compartment id="cell" size="{size}" spatialDimensions="3" constant="true"/></listOfCompartments>
<listOfSpecies>
<species id="A" compartment="cell" initialConcentration="1.5" hasOnlySubstanceUnits="false"
 boundaryCondition="false" constant="false"/>
<species id="B" compartment="cell" initialConcentration="0.2" hasOnlySubstanceUnits="{amounts}"
 boundaryCondition="false" constant="false"/>
</listOfSpecies>
<listOfParameters>
<parameter id="k1" value="0.5" constant="true"/><parameter id="k2" value="0.3" constant="true"/>
<parameter id="a0" value="1.5" constant="true"/><parameter id="share" value="1" constant="false"/>
<parameter id="dose" value="0" constant="true"/>
</listOfParameters>
{initial}
{rules}
<listOfReactions>
<reaction id="forth" reversible="false"><listOfReactants>
<speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants>
<listOfProducts>
<speciesReference species="B" stoichiometry="1" constant="true"/></listOfProducts>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">{forth}</math></kineticLaw></reaction>
<reaction id="back" reversible="false"><listOfReactants>
<speciesReference species="B" stoichiometry="1" constant="true"/></listOfReactants>
<listOfProducts>
<speciesReference species="A" stoichiometry="1" constant="true"/></listOfProducts>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">{back}</math></kineticLaw></reaction>
</listOfReactions>
{events}
</model></sbml>
"""
FORTH = "<apply><times/><ci>cell</ci><ci>k1</ci><ci>A</ci></apply>"
BACK = "<apply><times/><ci>cell</ci><ci>k2</ci><ci>B</ci></apply>"
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
INITIAL = (
    '<listOfInitialAssignments><initialAssignment symbol="A">'
    + MATH
    + "<ci>a0</ci></math></initialAssignment></listOfInitialAssignments>"
)
TIME = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'
RULES = (
    '<listOfRules><assignmentRule variable="share">'
    + MATH
    + "<apply><divide/><ci>A</ci><apply><plus/><ci>A</ci><ci>B</ci></apply></apply>"
    "</math></assignmentRule></listOfRules>"
)
EVENT = (
    '<listOfEvents><event id="dosed" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">' + MATH
    + "<apply><geq/>" + TIME + "<cn>1.7</cn></apply></math></trigger>{delay}<listOfEventAssignments>"
    + '<eventAssignment variable="A">' + MATH + "<apply><plus/><ci>A</ci><ci>dose</ci></apply></math></eventAssignment>"
    "</listOfEventAssignments></event></listOfEvents>"
)  # fmt: skip
PARTS = {
    "functions": "", "initial": INITIAL, "rules": RULES, "events": "", "forth": FORTH, "back": BACK, "size": "1",
    "amounts": "false",
}  # fmt: skip
PARAMETERS = """parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate
k1\tlog10\t1e-5\t1e5\t0.8\t1
k2\tlog\t1e-5\t1e5\t0.6\t1
a0\tlin\t0\t10\t1.2\t1
sd\tlog10\t1e-5\t1e5\t0.15\t1
"""
CONDITIONS = "conditionId\tconditionName\nc0\tfirst\n"
OBSERVABLES = """observableId\tobservableFormula\tnoiseFormula\tobservableTransformation\tnoiseDistribution
obs_b\tB\tnoiseParameter1_obs_b\tlin\tnormal
"""
HEAD = (
    "observableId\tpreequilibrationConditionId\tsimulationConditionId\tmeasurement\ttime\tobservableParameters\t"
    "noiseParameters\n"
)
SEEN = ((0.0, 0.25), (0.5, 0.5), (1.0, 0.62), (1.0, 0.66), (2.5, 0.78), (4.0, 0.81))
MEASURED = HEAD + "".join(f"obs_b\t\tc0\t{d}\t{t}\t\tsd\n" for t, d in SEEN)
YAML = """format_version: 1
parameter_file: parameters.tsv
problems:
- condition_files: [conditions.tsv]
  measurement_files: [measurements.tsv]
  observable_files: [observables.tsv]
  sbml_files: [model.xml]
"""


def written(
    folder: Path, parameters=PARAMETERS, conditions=CONDITIONS, observables=OBSERVABLES, measured=MEASURED, **parts
) -> Path:
    """The .yaml file of the problem with these tables, and with `parts` of the model replaced."""
    for name, text in {
        "model.xml": SBML.format(**{**PARTS, **parts}), "parameters.tsv": parameters, "conditions.tsv": conditions,
        "observables.tsv": observables, "measurements.tsv": measured, "problem.yaml": YAML,
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    return folder / "problem.yaml"
