"""What the interfaces are written in: arrays, and parameters by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray
Params = Mapping[str, Any]
