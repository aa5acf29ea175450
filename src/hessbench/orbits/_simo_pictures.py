"""The pictures of the rediscovery, all from the two closed orbits in their standard forms."""

from __future__ import annotations

from pathlib import Path

from ._animate import animate
from ._data import known_orbit
from ._figures import overlay
from ._find import find_closed_orbit


def write(folder: Path) -> list[Path]:
    """Overlay, difference and spectra (`simo.png`, `.svg`) and the animation (`simo.gif`)."""
    orbits = {name: find_closed_orbit(known_orbit(key).problem(), period="fixed") for key, name in TITLES.items()}
    triples = {name: (o.problem, o.x, o.period) for name, o in orbits.items()}
    eight, simo = triples.values()
    spectra = {name: o.eigenvalues for name, o in orbits.items()}
    return [*overlay(eight, simo, spectra, folder), animate(triples, folder / "simo.gif")]


TITLES = {"figure-8": "figure-8", "simo": "Simó's distorted figure-8"}
