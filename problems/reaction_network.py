"""A network of 30 species and 44 reversible reactions in detailed balance, by the logarithms of their rates.

    A_i <-> A_j  along a random tree,    A_i + A_j <-> A_k + A_l  15 times
    forward rates exp(theta), theta uniform on (-5, 9)
    backward rates  exp(theta + G_left - G_right),   G_i standard normal: energies fix the equilibrium, rates the way there
    loss  sum_i ((y_i(t1) - seen_i) / size_i)^2   on (0, 10),   `size` the equilibrium, `seen` a tenth off it

The total amount is kept, and all energies and rates lead to the one equilibrium `y_i = total exp(-G_i) / sum_k exp(-G_k)`.
All is drawn from `RandomState(seed)`, the same numbers everywhere.
Source: made for this purpose; Wegscheider, Monatsh. Chem. 22 (1901) 849, for detailed balance.
"""

import math

import numpy as np

from hessbench import InvalidInput, MassAction, Problem

SPECIES = tuple(f"A{i}" for i in range(1, 31))
PAIRS = 15  # of reactions of two and two


def drawn(seed: int):
    """Reactions, each followed by its reverse, energies (30,), logarithms of the forward rates (44,), and the start (30,)."""
    rng, n = np.random.RandomState(seed), len(SPECIES)
    sides = [([rng.randint(i)], [i]) for i in range(1, n)]
    for _ in range(PAIRS):
        four = rng.permutation(n)[:4].tolist()
        sides.append((four[:2], four[2:]))
    text = [tuple(" + ".join(SPECIES[i] for i in side) for side in both) for both in sides]
    reactions = tuple(reaction for a, b in text for reaction in (f"{a} -> {b}", f"{b} -> {a}"))
    energies = np.round(rng.normal(size=n), 3)
    drive = [sum(energies[i] for i in right) - sum(energies[i] for i in left) for left, right in sides]
    rates = np.round(rng.uniform(-5, 9, size=len(sides)), 3)
    return reactions, energies, np.array(drive), rates, np.round(rng.uniform(size=n), 3)


def equilibrium(energies, total):
    """The state (30,) that the network tends to."""
    weights = np.exp(-energies)
    return total * weights / weights.sum()


def problem(seed: int = 0, t1: float = 10.0, wrt=("log_k",)) -> Problem:
    """The network drawn with `seed`, until `t1 > 0`, with respect to `wrt`: `"y0"`, `"log_k"` (44 of them) or both."""
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidInput(f"reaction-network: `seed` is {seed!r}, expected a number of at least 0.")
    if not (isinstance(t1, int | float) and 0 < t1 < math.inf):
        raise InvalidInput(f"reaction-network: `t1` is {t1!r}, expected a positive time.")
    reactions, energies, drive, rates, y0 = drawn(int(seed))
    which = tuple(j // 2 for j in range(len(reactions)))
    kinetics = MassAction(SPECIES, reactions, "log_k", which, factors=True)
    size = equilibrium(energies, y0.sum())
    return kinetics.problem(
        "reaction-network",
        t1,
        y0,
        params={"log_k": rates, "factor": np.stack([np.ones(drive.size), np.exp(drive)], axis=1).ravel()},
        seen=size * (1 + 0.1 * (-1.0) ** np.arange(size.size)),
        size=size,
        scale={"y0": size, "log_k": 1.0},
        wrt=wrt,
    ).perturbed_by_share(0.03)
