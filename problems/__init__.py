"""Built-in problem families, one per file; `hessbench.problems()` finds them.

`FILES` are those that come with the package. They are loaded whenever plugins are listed; others, which anybody may put
here, are loaded in a process of their own first.
"""

FILES = (
    "bouncing_ball",
    "brusselator",
    "damped_oscillator",
    "driven_pendulum",
    "epidemic_in_stages",
    "generic_bolza",
    "generic_cubic",
    "harmonic_oscillator",
    "kepler",
    "kink",
    "lorenz",
    "lotka_volterra",
    "lynx_hare",
    "magnetic_field",
    "neural_ode",
    "optimal_control",
    "oscillator_data",
    "pharmacokinetics",
    "polynomial_control",
    "random_quadratic",
    "restricted_three_body",
    "sir",
    "thermostat",
    "three_body",
)
