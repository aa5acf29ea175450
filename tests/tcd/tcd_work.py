"""How much a function does, counted, so that growth is tested on a busy machine too."""

import sys
from collections.abc import Callable
from typing import Any


def calls_of(function: Callable[[], Any], most: int) -> int:
    """Python and C calls that `function()` makes. Fails once there are more than `most`."""
    calls = 0

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > most:
            sys.setprofile(None)
            raise AssertionError(f"more than {most} calls")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls
