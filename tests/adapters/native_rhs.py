"""The closed form's problem, and Van der Pol's equation, with right-hand sides of torch and JAX alone."""

import numpy as np

import hessbench

PARAMS = {"k": 0.6, "seen": 0.3}
UNKNOWNS = ("y0", "k")


def end_loss(xp, y0, y1, p):
    return xp.sum((y1 - p["seen"]) ** 2)


def torch_decay(t, y, p):
    import torch

    return -torch.stack([p["k"] * y[0], p["k"] * y[1]])


def jax_decay(t, y, p):
    import jax.numpy as jnp

    return -jnp.stack([p["k"] * y[0], p["k"] * y[1]])


def jax():
    """JAX in double precision."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def in_framework(name, **fields):
    """The decay of `closed_forms`, written in `torch` or `jax`."""
    make, f = (hessbench.from_torch, torch_decay) if name == "torch" else (hessbench.from_jax, jax_decay)
    if name == "jax":
        jax()
    fields = {"params": PARAMS, "wrt": UNKNOWNS, **fields}
    return make(f"decay-{name}", f, end_loss, (0.0, 1.0), [1.7, -0.4], **fields)


def close(found, right, rtol=1e-6):
    return np.abs(np.asarray(found) - right).max() < rtol * np.abs(right).max()
