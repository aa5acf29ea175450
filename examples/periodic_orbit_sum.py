"""A spectrum from periodic orbits: Gutzwiller's sum over the repetitions of the orbits of Morse's potential.

    H = p^2 / 2 + D (1 - e^-q)^2,   density of levels  d(E) = T / (2 pi hbar) sum over r of cos(r (W / hbar - sigma pi / 2))

with the period T, W the closed integral of p dq and sigma the Maslov index, all along one orbit of each energy, as computed by
`determinant_along`. The sum has a peak wherever `W = 2 pi hbar (n + sigma / 4)`, which for this potential is exactly a level,

    E_n = hbar w (n + 1/2) - (hbar w (n + 1/2))^2 / (4 D),   w = sqrt(2 D)      (Morse, Phys. Rev. 34 (1929) 57)

    hessbench orbit determinant examples/periodic_orbit_sum.py     (one orbit)
    python examples/periodic_orbit_sum.py --out figures
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq

from hessbench.orbits import Along, Motion, Periodic, determinant_along

DEPTH, HBAR = 10.0, 1.0
REPETITIONS = 12


def hamiltonian(xp, q, p):
    return xp.sum(p * p) / 2 + DEPTH * xp.sum((1 - xp.exp(-q)) ** 2)


def orbit(energy: float) -> Motion:
    """The orbit of an energy between 0 and D, which begins at q = 0 with its largest momentum."""
    period = 2 * np.pi / np.sqrt(2 * (DEPTH - energy))
    start = [0.0, np.sqrt(2 * energy)]
    return Motion("morse", period, hamiltonian=hamiltonian, start=start, periodic=True, hbar=HBAR)


motion = orbit(4.0)


def exact_levels() -> np.ndarray:
    half = HBAR * np.sqrt(2 * DEPTH) * (np.arange(100) + 0.5)
    return (half - half**2 / (4 * DEPTH))[half < 2 * DEPTH]


def along(energies: np.ndarray) -> list[Along]:
    return [determinant_along(orbit(float(e)), rtol=1e-11) for e in energies]


def levels(energies: np.ndarray, found: list[Along]) -> np.ndarray:
    """Where the sum has its peaks: `W = 2 pi hbar (n + sigma / 4)`, with W interpolated by its derivative T."""
    w, sigma = _curve(energies, found), _orbit(found[0]).maslov
    out = []
    for n in range(100):
        wanted = 2 * np.pi * HBAR * (n + sigma / 4)
        if w(energies[0]) < wanted < w(energies[-1]):
            out.append(brentq(lambda e, wanted=wanted: float(w(e)) - wanted, energies[0], energies[-1], xtol=1e-12))
    return np.array(out)


def _curve(energies: np.ndarray, found: list[Along]) -> CubicHermiteSpline:
    return CubicHermiteSpline(energies, [_orbit(a).w for a in found], [a.motion.t for a in found])


def _orbit(a: Along) -> Periodic:
    assert a.periodic is not None
    return a.periodic


def density(at: np.ndarray, energies: np.ndarray, found: list[Along], repetitions: int = REPETITIONS) -> np.ndarray:
    """The sum at energies `at`, later repetitions weighed down (Fejer) so that peaks have no side lobes."""
    w, sigma = _curve(energies, found), _orbit(found[0]).maslov
    r = np.arange(1, repetitions + 1)[:, None]
    waves = (1 - r / (repetitions + 1)) * np.cos(r * (w(at) / HBAR - sigma * np.pi / 2))
    return w(at, 1) / (2 * np.pi * HBAR) * (1 + 2 * waves.sum(axis=0))


def draw(energies: np.ndarray, found: list[Along], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    at = np.linspace(energies[0], energies[-1], 2000)
    ax.plot(at, density(at, energies, found), color="#0072B2", label=f"orbit sum, {REPETITIONS} repetitions")
    for k, e in enumerate(exact_levels()):
        ax.axvline(e, color="#D55E00", ls="--", lw=0.9, label="exact levels" if k == 0 else None)
    ax.set(xlabel="energy [units of H]", ylabel="density of levels", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Print and draw; returns the levels found and the exact ones."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orbits", type=int, default=40, help="energies at which an orbit is integrated")
    parser.add_argument("--quick", action="store_true", help="twelve orbits")
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder of the figure")
    options = parser.parse_args(arguments)
    # dense near the dissociation energy D, where the period grows without end
    count = 12 if options.quick else options.orbits
    energies = DEPTH * (1 - (1 - np.linspace(0.05, 0.97, count)) ** 2)
    found = along(energies)
    computed, exact = levels(energies, found), exact_levels()
    exact = exact[(exact > energies[0]) & (exact < energies[-1])]
    print(f"Maslov index {_orbit(found[0]).maslov}; {len(computed)} levels from {len(found)} orbits")
    for e, level in zip(computed, exact, strict=True):
        print(f"  {e:.8f}  exact {level:.8f}  off by {e - level:+.1e}")
    draw(energies, found, options.out / "periodic-orbit-sum.png")
    return computed, exact


if __name__ == "__main__":
    main()
