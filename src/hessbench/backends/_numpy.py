"""NumPy: no differentiation, the framework of hand-written strategies."""

from typing import Any

import numpy as np

from ._base import Backend


class NumpyBackend(Backend):
    name = "numpy"
    xp = np

    def asarray(self, a: Any) -> np.ndarray:
        return np.asarray(a)


BACKEND = NumpyBackend()
