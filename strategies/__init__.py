"""Built-in strategies, one per file; `hessbench.strategies()` finds them.

`FILES` are those that come with the package. They are loaded whenever plugins are listed; others, which anybody may put
here, are loaded in a process of their own first.
"""

FILES = (
    "autograd_odeint",
    "casadi_integrator",
    "casadi_symbolic",
    "cvodes_adjoint",
    "diffrax_adjoint",
    "discrete_adjoint",
    "finite_difference",
    "forward_over_reverse",
    "hand_adjoint",
    "hand_adjoint_rows",
    "heyoka_taylor",
    "implicit_adjoint",
    "jax_adjoint",
    "jax_odeint",
    "reverse_over_reverse",
    "tcd_program",
    "torchdiffeq_adjoint",
    "torchdiffeq_backprop",
    "torchode_backprop",
    "unrolled",
    "variational",
)
