"""A strategy that takes data and events as they are, without them, so that the harness goes over the pieces between."""

from dataclasses import fields, replace

import hessbench

SUFFIX = ", in pieces"


def contender(name):
    """What `hessbench.prepare` takes for `NAME[@BACKEND]` or `NAME[@BACKEND], in pieces`, as keywords."""
    if not name.endswith(SUFFIX):
        return {"strategy": name}
    plain, _, backend = name.removesuffix(SUFFIX).partition("@")
    own = hessbench.strategies()[plain].load()
    without = {"limits": replace(own.limits, data=False, doses=False, events=False)}
    made = type("InPieces", (type(own),), without)
    return {"strategy": made(**{f.name: getattr(own, f.name) for f in fields(own)}), "backend": backend or None}
