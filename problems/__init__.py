"""Built-in problem families, one per file; `hessbench.problems()` finds them.

`FILES` are those that come with the package. They are loaded whenever plugins are listed; others, which anybody may put
here, are loaded in a process of their own first.
"""

FILES = (
    "bouncing_ball",
    "brusselator",
    "damped_oscillator",
    "driven_pendulum",
    "e5",
    "epidemic_in_stages",
    "generic_bolza",
    "generic_cubic",
    "gray_scott",
    "harmonic_oscillator",
    "hires",
    "hodgkin_huxley",
    "kepler",
    "kink",
    "lorenz",
    "lotka_volterra",
    "lynx_hare",
    "magnetic_field",
    "n_body",
    "neural_ode",
    "optimal_control",
    "oregonator",
    "oscillator_data",
    "pharmacokinetics",
    "pollution",
    "polynomial_control",
    "random_quadratic",
    "reaction_network",
    "restricted_three_body",
    "ring_modulator",
    "robertson",
    "sir",
    "table_forcing",
    "thermostat",
    "three_body",
    "van_der_pol",
)
