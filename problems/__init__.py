"""Built-in problem families, one per file; `hessbench.problems()` finds them.

`FILES` are those that come with the package. They are loaded whenever plugins are listed; others, which anybody may put
here, are loaded in a process of their own first.
"""

FILES = (
    "brusselator",
    "damped_oscillator",
    "driven_pendulum",
    "e5",
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
    "magnetic_field",
    "neural_ode",
    "optimal_control",
    "oregonator",
    "pollution",
    "polynomial_control",
    "random_quadratic",
    "reaction_network",
    "restricted_three_body",
    "ring_modulator",
    "robertson",
    "sir",
    "three_body",
    "van_der_pol",
)
